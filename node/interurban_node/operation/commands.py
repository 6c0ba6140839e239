"""`interurban init`, `serve` and `doctor`."""

from typing import Annotated

import typer

from interurban_node.core.console import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    Shown,
    Table,
    opened,
    reported,
    say,
    show,
)


def init(
    origin: Annotated[
        str,
        typer.Option(
            help="The node's public address, e.g. https://data.lakeside.example."
        ),
    ],
    name: Annotated[
        list[str],
        typer.Option(help="The city's name, as LANGUAGE=NAME; may be repeated."),
    ],
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8100,
    database_url: Annotated[
        str,
        typer.Option(help="SQLAlchemy address; empty for the embedded SQLite file."),
    ] = "",
    demo: Annotated[
        bool, typer.Option("--demo", help="A demonstration node, loopback only.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a node's home: settings, keys, descriptor, database, one-way journal."""
    from interurban_node.core.clock import system_clock
    from interurban_node.core.context import open_node
    from interurban_node.operation import service
    from interurban_node.partners.service import own_descriptor

    with reported(as_json=as_json):
        settings = service.first_settings(
            origin=origin, names=name, port=port, database_url=database_url, demo=demo
        )
        service.make_home(home, settings, system_clock())
        node = open_node(home)
        words = own_descriptor(node).words
        node.close()
    data = {"home": str(home), "origin": origin, "words": words}
    lines = [
        f"Made {home} for {origin}.",
        f"This node's own words, to be read to partners' operators: {words}",
        *(
            ()
            if demo
            else (
                f"Now move {home / 'identity' / 'identity.pem'} to a safe place offline.",
            )
        ),
        f"Next: interurban serve --home {home}",
    ]
    show(Shown(data, lines), as_json=as_json)


def serve(
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Serve the node until it is told to stop; its background jobs run along."""
    from interurban_node.operation import server

    with opened(home, as_json=as_json) as node:
        server.serve(node)


def doctor(
    offline: Annotated[
        bool, typer.Option("--offline", help="Leave out what needs the network.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Check the node; each problem comes with the command that mends it."""
    from interurban_node.operation import diagnosis

    with opened(home, as_json=as_json) as node:
        findings = diagnosis.examine(node, online=not offline)
        rows = [[f.check, str(f.verdict), f.fact, f.mend] for f in findings]
        names = ["check", "verdict", "fact", "mend"]
        data = {"findings": [dict(zip(names, row, strict=True)) for row in rows]}
        table = Table([n.capitalize() for n in names], rows)
        bad = [f for f in findings if f.verdict is diagnosis.Verdict.PROBLEM]
        warnings = sum(f.verdict is diagnosis.Verdict.WARNING for f in findings)
        lines = [f"Problems: {len(bad)}. Warnings: {warnings}."]
        lines += ["All is well."] if not bad and not warnings else []
        show(Shown(data, lines, table), as_json=as_json)
        if bad:
            say("Mend them in the order of the table, then run doctor again.")
            raise typer.Exit(1)
