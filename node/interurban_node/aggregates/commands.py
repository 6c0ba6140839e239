"""`interurban release …`: build, list and show this city's releases; verify any release."""

from collections.abc import Iterator
from contextlib import contextmanager
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
    say,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from interurban_node.aggregates.building import Watch
    from interurban_node.aggregates.calendars import Due
    from interurban_node.aggregates.renderings import BuildLine
    from interurban_node.core.context import Node
    from interurban_protocol.encoding import JsonValue
    from interurban_protocol.node_descriptors import VerifiedDescriptor

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Build, show, revise and verify releases.",
)


@app.command()
def build(
    dataflow: Annotated[
        str | None, typer.Option(help="Only this dataflow: its URN or id.")
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="Only this period; of a cohort, the cohort's.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Everything whose cut-off has passed.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(help="Show sizes and coverage; write nothing. Any time."),
    ] = False,
    gate_seconds: Annotated[
        float | None,
        typer.Option(min=1, help="Time for the gate, instead of the plan's."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Build releases: count, protect, let the attackers of the gate try, then sign.

    A period is issued once and is final. Without --all, name a dataflow or a period. What
    was issued before is left out, unless both are named: then it is refused, with the
    reason. What the gate refuses is not signed; the reasons name the cells and what mends it.
    """
    from interurban_node.aggregates import service

    if not (every or dataflow or period):
        raise typer.BadParameter("name --dataflow or --period, or take --all")
    with opened(home, as_json=as_json) as node:

        def find() -> "Sequence[Due]":
            with node.database.transaction() as session:
                return service.due_builds(
                    session,
                    node,
                    node.clock(),
                    dataflow=dataflow,
                    period=period,
                    is_forecast=dry_run,
                )

        if dry_run:
            made = _dry_all(node, find())
        else:
            made = _build_rounds(node, find, gate_seconds, as_json=as_json)
        columns = ["Dataflow", "Period", "Cells", "Hidden", "Coverage", "Release"]
        table = Table(columns, [each.row for each in made])
        data: JsonValue = {"built": [each.data for each in made]}
        show(Shown(data, table=table, if_empty="Nothing is due."), as_json=as_json)
        if any(each.is_refused for each in made):
            raise typer.Exit(1)


@app.command()
def preview(
    dataflow: Annotated[
        str | None, typer.Option(help="Only this dataflow: its URN or id.")
    ] = None,
    period: Annotated[str | None, typer.Option(help="Only this period.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show what a build would hide and why, and who says yes. For this office only.

    Possible at any time. Writes nothing. Name a dataflow or a period.
    """
    from interurban_node.aggregates import renderings, service

    if not (dataflow or period):
        raise typer.BadParameter("name --dataflow or --period")
    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            chosen = service.due_builds(
                session, node, now, dataflow=dataflow, period=period, is_forecast=True
            )
            found = [
                (
                    due,
                    service.forecast(
                        session, node, due.plan, due.dataflow, due.period, now
                    ),
                )
                for due in chosen
            ]
        say(renderings.FOR_THE_OFFICE)
        if as_json:
            data = [renderings.forecast_json(*each) for each in found]
            show(Shown({"forecasts": data}), as_json=True)
            return
        for due, each in found:
            show(Shown(None, [renderings.total_line(each)]), as_json=False)
            for table in (
                renderings.cube_table(due, each),
                renderings.group_table(each),
            ):
                if table.rows:
                    show(Shown(None, table=table), as_json=False)


@app.command(name="calendar")
def calendar_(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List what the plans in force provide for: periods, cut-offs, embargo, next step."""
    from interurban_node.aggregates import renderings, service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            entries = service.calendar(session, node, node.clock())
        data: JsonValue = {
            "calendar": [renderings.calendar_json(entry) for entry in entries]
        }
        table = renderings.calendar_table(entries)
        shown = Shown(data, table=table, if_empty="No plan is in force.")
        show(shown, as_json=as_json)


@app.command()
def revise(
    plan: Annotated[str, typer.Option(help="The revision plan's id.")],
    dataflow: Annotated[
        str, typer.Option(help="The dataflow to issue once more: its URN or id.")
    ],
    gate_seconds: Annotated[
        float | None,
        typer.Option(min=1, help="Time for the gate, instead of the plan's."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Issue a period once more, whole, under a revision plan that all parties signed.

    There is one revision at most, and only where at least ten learners joined or left.
    """
    from interurban_node.aggregates import building, renderings

    with opened(home, as_json=as_json) as node:
        with _watched(as_json=as_json) as watch:
            done = building.revise(
                node, plan, dataflow, seconds=gate_seconds, watch=watch
            )
        facts = done.built.facts
        data = renderings.build_json(
            facts.dataflow, facts.period, done.built.preview, facts, done.passed
        )
        lines = [
            f"Revised {renderings.short(facts.dataflow)} for {facts.period}.",
            renderings.gate_line(done.passed),
            f"release: {facts.release_id}",
        ]
        show(Shown(data, lines), as_json=as_json)


@app.command(name="list")
def list_(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the releases that this city has built, newest first."""
    from interurban_node.aggregates import renderings, service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = service.own_releases(session)
        data: JsonValue = {"releases": [renderings.facts_json(each) for each in found]}
        rows = [
            [
                facts.release_id,
                renderings.short(facts.dataflow),
                f"{facts.period}{' (revised)' if facts.revision else ''}",
                f"{facts.publication_at:%Y-%m-%d %H:%M}",
                "\n".join(facts.recipients),
            ]
            for facts in found
        ]
        columns = ["Release", "Dataflow", "Period", "Published (UTC)", "Recipients"]
        lines = [] if found else ["No release was built yet."]
        table = Table(columns, rows) if found else None
        show(Shown(data, lines, table), as_json=as_json)


@app.command(name="show")
def show_(
    release_id: Annotated[str, typer.Argument(metavar="ID", help="The release's id.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Write manifest, data and structure as one file (logged)."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show what a release says of itself, or write it into one file for handing over."""
    from interurban_node.aggregates import renderings, service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            facts = service.release(session, release_id)
            manifest = service.manifest_of(session, release_id)
            gate = service.gate_of(session, release_id)
            if out is not None:
                bundle = service.export_bundle(session, node, release_id, now)
                _write(out, bundle)
                say(f"Written to {out}; logged like every sending.")
        data = {
            **renderings.facts_json(facts),
            "basis": manifest.basis,
            "observed": manifest.observation_period,
            "replaces": manifest.replaces,
            "coverage": manifest.coverage,
            "rows": manifest.data.rows,
            "gate": gate,
        }
        words = {
            "coverage": renderings.percent(manifest.coverage),
            "replaces": manifest.replaces or "nothing",
            "gate": renderings.gate_words(gate),
        }
        lines = [
            f"{name}: {words.get(name, _shown(value))}" for name, value in data.items()
        ]
        show(Shown(data, lines), as_json=as_json)


@app.command()
def verify(
    file: Annotated[
        Path, typer.Argument(help="A file that `release show --out` wrote.")
    ],
    descriptor: Annotated[
        list[Path] | None,
        typer.Option(
            help="A city's descriptor whose keys count, instead of partners'."
        ),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Verify a release offline: signature, figures, structure and protection.

    The keys are those of this node's confirmed partners and its own; with --descriptor,
    those of the given descriptors alone, and you compare the printed words yourself.
    """
    from interurban_node.aggregates import service
    from interurban_node.partners.service import key_sets
    from interurban_protocol.encoding import format_time
    from interurban_protocol.node_descriptors import verify_descriptor

    bundle = _read(file)
    documents = [_read(path) for path in descriptor or []]
    with opened(home, as_json=as_json) as node:
        now = node.clock()
        given = []
        for path, document in zip(descriptor or [], documents, strict=True):
            with own_file(path):
                given.append(verify_descriptor(document, now))
        keys = {each.payload.node: each.key_set for each in given}
        if not given:
            with node.database.transaction() as session:
                keys = dict(key_sets(session, node))
        with own_file(file):
            found = service.verify_bundle(bundle, keys=keys, at=now)
        manifest = found.manifest
        data: Mapping[str, JsonValue] = {
            "state": "valid",
            "release": found.release_id,
            "publisher": manifest.publisher,
            "dataflow": manifest.dataflow,
            "period": manifest.cohort_period,
            "published": format_time(manifest.publication_at),
            "recipients": manifest.recipients,
            "cells": len(found.table.values),
            "hidden": found.table.hidden_count,
            "coverage": manifest.coverage,
        }
        lines = [
            f"Valid: {manifest.publisher} signed this release, and its figures keep to "
            "the protection profile that it names.",
            *(f"{name}: {_shown(value)}" for name, value in list(data.items())[1:]),
            *_words(given),
        ]
        show(Shown(data, lines), as_json=as_json)


def _build_rounds(
    node: "Node",
    find: "Callable[[], Sequence[Due]]",
    seconds: float | None,
    *,
    as_json: bool,
) -> "list[BuildLine]":
    """Build what is due, and then what has become due by it: outcomes wait for a cohort."""
    made: list[BuildLine] = []
    tried: set[tuple[str, str]] = set()
    while chosen := [due for due in find() if (due.dataflow, due.period) not in tried]:
        tried |= {(due.dataflow, due.period) for due in chosen}
        made += _build_all(node, chosen, seconds, as_json=as_json)
    return made


def _build_all(
    node: "Node", chosen: "Sequence[Due]", seconds: float | None, *, as_json: bool
) -> "list[BuildLine]":
    """One build after the other; a refusal of the gate stops only its own."""
    from interurban_node.aggregates import building, renderings
    from interurban_node.attackers.gate import UnsafeReleaseError

    made = []
    with _watched(as_json=as_json) as watch:
        for due in chosen:
            try:
                done = building.build_due(node, due, seconds=seconds, watch=watch)
            except UnsafeReleaseError as error:
                if len(chosen) == 1:
                    raise
                say(f"Refused {renderings.short(due.dataflow)} for {due.period}:")
                for reason in (error.message, *error.reasons):
                    say(f"  - {reason}")
                made.append(renderings.refused_line(due, error))
                continue
            say(
                f"Built {renderings.short(due.dataflow)} for {due.period}. "
                f"{renderings.gate_line(done.passed)}"
            )
            made.append(renderings.built_line(due, done))
    return made


def _dry_all(node: "Node", chosen: "Sequence[Due]") -> "list[BuildLine]":
    """What each would publish; what cannot be said yet is told and left out."""
    from interurban_node.aggregates import renderings
    from interurban_node.core.errors import RefusedError

    made = []
    with node.database.transaction() as session:
        for due in chosen:
            try:
                made.append(_dry(session, node, due))
            except RefusedError as error:
                if len(chosen) == 1:
                    raise
                say(f"{renderings.short(due.dataflow)} {due.period}: {error.message}.")
    return made


def _dry(session: "Session", node: "Node", due: "Due") -> "BuildLine":
    from interurban_node.aggregates import renderings, service

    found = service.preview_release(
        session, node, due.plan, due.dataflow, due.period, node.clock()
    )
    return renderings.dry_line(due, found)


@contextmanager
def _watched(*, as_json: bool) -> "Iterator[Watch]":
    """Progress of build and gate at the terminal, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    from interurban_node.aggregates.building import Watch

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    progress = Progress(
        *columns,
        TextColumn("{task.completed:.0f}/{task.total}"),
        console=Console(stderr=True),
        transient=True,
        disable=as_json,
    )
    with progress:
        bar = progress.add_task("", total=None)

        def step(text: str) -> None:
            progress.reset(bar, description=text, total=None)

        def gate(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        yield Watch(step, gate)


def _shown(value: "JsonValue") -> str:
    if isinstance(value, tuple | list):
        return ", ".join(str(member) for member in value)
    return "not shown" if value is None else str(value)


def _words(given: "list[VerifiedDescriptor]") -> list[str]:
    return [
        f"Compare with what {each.payload.node} reads out: {each.words}"
        for each in given
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"cannot read {path}: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise typer.BadParameter(f"cannot write {path}: {error.strerror}") from error
