"""`interurban committee …`: the tables of all cities, in the terminal or as a file."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interurban_node.core.console import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    Shown,
    Table,
    opened,
    say,
    show,
)

if TYPE_CHECKING:
    from interurban_node.committee.tables import CommitteeTable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Read all cities' releases together.",
)


class Form(StrEnum):
    """In which form a table is wanted."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    SDMX_CSV = "sdmx-csv"
    SVG = "svg"


@app.callback()
def _group() -> None:
    """Read all cities' releases together."""


@app.command()
def table(
    indicator: Annotated[
        str | None,
        typer.Option(help="Id of an indicator; the first rate if left out."),
    ] = None,
    dataflow: Annotated[
        str | None,
        typer.Option(help="URN or id of a dataflow, in place of an indicator."),
    ] = None,
    period: Annotated[
        str,
        typer.Option(help="Periods, 2026-Q1,2026-Q2; the newest one if left out."),
    ] = "",
    cities: Annotated[
        str, typer.Option(help="Only these cities, by name or address.")
    ] = "",
    by: Annotated[
        str, typer.Option(help="At most two dimensions to break down by: AGE,SEX.")
    ] = "",
    where: Annotated[
        str, typer.Option(help="Only these codes: SEX=F,AGE=Y16T24.")
    ] = "",
    form: Annotated[
        Form, typer.Option("--format", help="The form of the output.")
    ] = Form.TABLE,
    out: Annotated[
        Path | None, typer.Option(help="Write into this file, not to the terminal.")
    ] = None,
    language: Annotated[str, typer.Option(help="The language of names.")] = "en",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show an indicator with its parts, of every city and combined.

    Figures are the published ones, with the range that the protection leaves open.
    "hidden": the city does not show it. "incomplete": a combined figure to which a hidden
    one would belong. "withheld": made of too few people, or it would tell of all of them.
    "not yet": the quarter in which it is observed is not published. "missing": no release
    of the city is here.
    """
    from interurban_node.committee import service

    filters = _filters(where)
    if out is not None and form is Form.TABLE and not as_json:
        raise typer.BadParameter("choose a form for the file", param_hint="--format")
    as_json = as_json or form is Form.JSON
    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = service.table(
                session,
                node,
                indicator=indicator,
                dataflow=dataflow,
                periods=_listed(period),
                cities=_listed(cities),
                by=_listed(by),
                filters=filters,
                now=node.clock(),
            )
        wanted = Form.JSON if as_json else form
        if wanted is Form.TABLE:
            _print(found, language)
        else:
            _write(out, _text(found, wanted, language))


@app.command()
def indicators(
    language: Annotated[str, typer.Option(help="The language of names.")] = "en",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List the indicators that the releases here have, with their periods and breakdowns."""
    from interurban_node.committee import service
    from interurban_node.committee.renderings import name_in

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            available = service.choices(session, node.clock())
        rows = [
            [
                each.indicator.id,
                name_in(each.indicator.names, language),
                f"{each.observed[0]} to {each.observed[-1]}",
                ", ".join(split.id for split in each.definition.dimensions),
            ]
            for each in available
        ]
        data = [
            {
                "id": each.indicator.id,
                "name": dict(each.indicator.names),
                "unit": each.indicator.unit.value,
                "periods": list(each.observed),
                "by": [split.id for split in each.definition.dimensions],
            }
            for each in available
        ]
        show(
            Shown(
                data,
                table=Table(["Indicator", "Name", "Periods", "By"], rows),
                if_empty="No release is published here yet.",
            ),
            as_json=as_json,
        )


def _print(found: "CommitteeTable", language: str) -> None:
    from interurban_node.committee import renderings

    columns, rows = renderings.terminal_rows(found, language)
    title = renderings.name_in(found.indicator.names, language)
    lines = renderings.notes(found, language)
    show(Shown(None, lines=lines, table=Table(columns, rows, title)), as_json=False)


def _text(found: "CommitteeTable", form: Form, language: str) -> str:
    from interurban_node.committee import renderings
    from interurban_node.committee.charts import chart
    from interurban_node.core.pages import LANGUAGES, Language

    match form:
        case Form.CSV:
            return renderings.csv_text(found)
        case Form.SDMX_CSV:
            return renderings.sdmx_csv_text(found)
        case Form.JSON:
            value = renderings.json_value(found)
            return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
        case _:
            code = language if language in LANGUAGES else LANGUAGES[0]
            return chart(found, Language(code)).svg + "\n"


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _filters(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in _listed(text)]
    if not all(equals for _, equals, _ in pairs):
        raise typer.BadParameter("write DIMENSION=CODE", param_hint="--where")
    names = [name.strip() for name, _, _ in pairs]
    if len(set(names)) != len(names):
        raise typer.BadParameter("one code for each dimension", param_hint="--where")
    return {name.strip(): code.strip() for name, _, code in pairs}


def _write(path: Path | None, text: str) -> None:
    if path is None:
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise typer.BadParameter(
            f"cannot write the file: {error.strerror}", param_hint="--out"
        ) from error
    say(f"Wrote {path}.")
