"""`interurban release pull` and `interurban evidence …`."""

from typing import TYPE_CHECKING, Annotated

import typer

from interurban_node.aggregates.commands import app as release_app
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
    from interurban_protocol.encoding import JsonValue

evidence_app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What was exchanged, provable by either side alone.",
)


@release_app.command()
def pull(
    origin: Annotated[
        str | None,
        typer.Option("--from", help="One partner's address; all without it."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Fetch partners' new releases over signed requests, verify and keep them."""
    from interurban_node.exchange import service

    with opened(home, as_json=as_json) as node:
        progress = (lambda _: None) if as_json else (lambda name: say(f"  {name}"))
        if origin:
            summaries = [service.pull(node, origin, progress)]
        else:
            summaries = service.pull_all(node, progress)
        data = [
            {"partner": s.partner, "new": list(s.new), "problem": s.problem}
            for s in summaries
        ]
        lines = [
            f"{s.partner}: {len(s.new)} new" + (f"; {s.problem}" if s.problem else "")
            for s in summaries
        ]
        show(Shown({"pulled": data}, lines or ["No partners yet."]), as_json=as_json)
        if any(summary.problem for summary in summaries):
            raise typer.Exit(1)


@evidence_app.command(name="list")
def list_evidence(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    partner: Annotated[str | None, typer.Option(help="Only with this partner.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the newest exchanges that are kept."""
    from interurban_node.exchange import evidence
    from interurban_protocol.encoding import format_time

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = evidence.exchanges(session, limit, partner)
        rows = [
            [
                str(v.number),
                format_time(v.at),
                v.direction,
                v.partner,
                v.method,
                str(v.status),
                v.target,
            ]
            for v in found
        ]
        names = ["number", "at", "direction", "partner", "method", "status", "target"]
        data = {"evidence": [dict(zip(names, row, strict=True)) for row in rows]}
        table = Table([n.capitalize() for n in names], rows)
        show(Shown(data, (), table, "No exchange is kept yet."), as_json=as_json)


@evidence_app.command()
def verify(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Verify both signatures of everything that is kept, and that they belong together."""
    from interurban_node.exchange import evidence
    from interurban_node.partners import service as partners

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            keys = partners.key_sets(session, node)
            verdicts = evidence.verify_all(session, keys, node.origin)
        bad = [verdict for verdict in verdicts if verdict.problem]
        problems: JsonValue = [{"number": v.number, "problem": v.problem} for v in bad]
        data: JsonValue = {"checked": len(verdicts), "problems": problems}
        lines = [f"{len(verdicts)} exchanges checked, {len(bad)} cannot be proved."]
        lines += [f"  number {v.number}: {v.problem}" for v in bad]
        show(Shown(data, lines), as_json=as_json)
        if bad:
            raise typer.Exit(1)


__all__ = ["evidence_app", "release_app"]
