"""`interurban structure …`: make the standard tables, and read what changed.

The command that checks a whole plan, `structure lint`, needs the plan and stands with the
commands of agreements.
"""

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
    own_file,
    show,
)

if TYPE_CHECKING:
    from interurban_protocol.encoding import JsonValue

structure_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Which tables there are: make, compare and check them.",
)
LanguageOption = Annotated[
    str, typer.Option("--language", help="Of names, where there are any in it.")
]


@structure_app.command()
def make(
    out: Annotated[Path, typer.Option(help="The folder to write the structures into.")],
    choices: Annotated[
        Path | None,
        typer.Option(help="Choices as TOML or JSON; docs/structures.md shows one."),
    ] = None,
    programme: Annotated[
        list[str] | None,
        typer.Option(help='A programme, "ID=English title"; may be repeated.'),
    ] = None,
    dataflow: Annotated[
        list[str] | None,
        typer.Option(help="Only this one of the standard set; may be repeated."),
    ] = None,
    age_limit: Annotated[
        list[int] | None, typer.Option(help="Where an age band begins; repeated.")
    ] = None,
    wage_limit: Annotated[
        list[int] | None,
        typer.Option(help="Where a wage band begins, in EUR a month; repeated."),
    ] = None,
    equity: Annotated[
        str | None, typer.Option(help="The equity group's registry field.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Of the structures.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the standard structures for this city's programmes; nothing is adopted yet."""
    from interurban_node.structures import making, renderings
    from interurban_node.structures.choices import read_choices, read_title

    with opened(home, as_json=as_json) as node:
        given: dict[str, object] = {
            "programmes": [read_title(each) for each in programme or []],
            "dataflows": dataflow,
            "age_limits": age_limit,
            "wage_limits": wage_limit,
            "equity": equity,
            "version": version,
        }
        with own_file(choices or Path("the command line")):
            chosen = read_choices(choices, {k: v for k, v in given.items() if v})
            with node.database.transaction() as session:
                made = making.make(session, chosen, out)
        names = ", ".join(f'"{each.path.name}"' for each in made)
        rows = [
            (
                each.path.name,
                renderings.short_name(each.structure),
                f"{each.cells:,}",
                each.change,
            )
            for each in made
        ]
        lines = [
            "",
            f"In the plan: structures = [{names}]",
            "Next: interurban structure lint --plan PLAN, then interurban plan propose PLAN",
        ]
        data: JsonValue = [
            {"file": str(each.path), "digest": each.structure.digest} for each in made
        ]
        table = Table(("File", "Dataflow", "Cells", "Here"), rows)
        show(Shown({"structures": data}, lines, table), as_json=as_json)


@structure_app.command(name="list")
def list_structures(
    language: LanguageOption = "en",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List the structures that were adopted, and those that came with a proposal."""
    from interurban_node.structures import renderings, service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            held = [
                *(renderings.Held(each, True) for each in service.structures(session)),
                *(renderings.Held(each, False) for each in service.proposed(session)),
            ]
        data: JsonValue = [
            {**renderings.summary(each.structure), "adopted": each.is_adopted}
            for each in held
        ]
        table = renderings.structure_table(held, language)
        empty = "There is no structure yet: `interurban structure make` writes some."
        show(Shown({"structures": data}, (), table, empty), as_json=as_json)


@structure_app.command(name="show")
def show_structure(
    structure: Annotated[
        str,
        typer.Argument(help="COMPLETION, COMPLETION(1.0.0), a digest, or a file."),
    ],
    language: LanguageOption = "en",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show dimensions and codes; without a version the newest that was adopted."""
    from interurban_node.structures import finding, renderings

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = finding.find(session, structure)
        lines = renderings.lines(found, language)
        show(Shown(renderings.facts(found), lines), as_json=as_json)


@structure_app.command()
def diff(
    old: Annotated[str, typer.Argument(help="As for `show`: a name or a file.")],
    new: Annotated[str, typer.Argument(help="As for `show`: a name or a file.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show what a version changes; exit 1 if the version rises too little for it."""
    from interurban_node.structures import finding, renderings
    from interurban_protocol.structure_versions import check_version_step, compare

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            before, after = finding.find(session, old), finding.find(session, new)
        difference = compare(before, after)
        lines = renderings.difference_lines(before, after, difference)
        data = renderings.difference_facts(before, after, difference)
        show(Shown(data, lines), as_json=as_json)
        check_version_step(before, after)


__all__ = ["structure_app"]
