"""`interurban committee …`: the tables of all cities, in the terminal or as a file."""

import sys
from pathlib import Path
from typing import Annotated

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

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Read all cities' releases together.",
)


@app.callback()
def _group() -> None:
    """Read all cities' releases together."""


@app.command()
def table(
    dataflow: Annotated[
        str | None,
        typer.Option(help="URN or id of the dataflow; the first one if left out."),
    ] = None,
    period: Annotated[
        str,
        typer.Option(help="Periods, 2026-Q1,2026-Q2; the newest one if left out."),
    ] = "",
    by: Annotated[
        str, typer.Option(help="At most two dimensions to break down by: AGE,SEX.")
    ] = "",
    where: Annotated[
        str, typer.Option(help="Only these codes: SEX=F,AGE=Y16T24.")
    ] = "",
    csv: Annotated[
        Path | None, typer.Option(help="Write CSV into this file; - is the output.")
    ] = None,
    language: Annotated[str, typer.Option(help="The language of names.")] = "en",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show started, completed and completion rate of every city, and combined.

    Figures are the published ones. "hidden": the city does not show it. "incomplete": a
    combined figure to which a hidden one would belong. "withheld": a rate of too few
    people, or of all or none of them. "missing": no release of the city is here.
    """
    from interurban_node.committee import rules, service

    filters = _filters(where)
    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            found = service.table(
                session,
                node,
                dataflow=dataflow,
                periods=_listed(period),
                by=_listed(by),
                filters=filters,
                now=now,
            )
        if csv is not None:
            _write_csv(csv, rules.csv_text(found))
            return
        columns, rows = rules.terminal_rows(found, language)
        title = rules.name_in(found.structure.names, language)
        show(
            Shown(
                rules.json_value(found),
                lines=rules.notes(found, language),
                table=Table(columns, rows, title),
            ),
            as_json=as_json,
        )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _filters(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in _listed(text)]
    if not all(equals for _, equals, _ in pairs):
        raise typer.BadParameter("write DIMENSION=CODE", param_hint="--where")
    return {name.strip(): code.strip() for name, _, code in pairs}


def _write_csv(path: Path, text: str) -> None:
    if str(path) == "-":
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise typer.BadParameter(
            f"cannot write the file: {error.strerror}", param_hint="--csv"
        ) from error
    say(f"Wrote {path}.")
