"""`interurban release …`: build, list and show this city's releases; verify any release."""

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
    from collections.abc import Mapping
    from datetime import datetime

    from interurban_node.aggregates.service import BuildPreview, Due, ReleaseFacts
    from interurban_node.core.context import Node
    from interurban_protocol.encoding import JsonValue
    from interurban_protocol.node_descriptors import VerifiedDescriptor

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Build, show and verify releases."
)


@app.command()
def build(
    dataflow: Annotated[
        str | None, typer.Option(help="Only this dataflow: its URN or id.")
    ] = None,
    period: Annotated[str | None, typer.Option(help="Only this period.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Everything whose cut-off has passed.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(help="Show sizes and coverage; write nothing. Any time."),
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Build releases. A period is issued once and is final.

    Without --all, name a dataflow or a period. What was issued before is left out, unless
    both dataflow and period are named: then it is refused, with the reason.
    """
    from interurban_node.aggregates import service

    if not (every or dataflow or period):
        raise typer.BadParameter("name --dataflow or --period, or take --all")
    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            chosen = service.due_builds(
                session,
                node,
                now,
                dataflow=dataflow,
                period=period,
                is_forecast=dry_run,
            )
        made = [_build(node, due, now, dry_run=dry_run) for due in chosen]
        lines = [] if made else ["Nothing is due."]
        data: JsonValue = {"built": [_build_json(*result) for result in made]}
        show(Shown(data, lines, _build_table(made)), as_json=as_json)


@app.command(name="list")
def list_(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List the releases that this city has built, newest first."""
    from interurban_node.aggregates import service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = service.own_releases(session)
        data: JsonValue = {"releases": [_facts_json(facts) for facts in found]}
        rows = [
            [
                facts.release_id,
                facts.dataflow.rpartition("=")[2],
                facts.period,
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
    from interurban_node.aggregates import service

    with opened(home, as_json=as_json) as node:
        now = node.clock()
        with node.database.transaction() as session:
            facts = service.release(session, release_id)
            manifest = service.manifest_of(session, release_id)
            if out is not None:
                bundle = service.export_bundle(session, node, release_id, now)
                _write(out, bundle)
        coverage = f"{manifest.coverage} %" if manifest.coverage else "not shown"
        data = {
            **_facts_json(facts),
            "coverage": manifest.coverage,
            "rows": manifest.data.rows,
        }
        lines = [f"{name}: {_shown(value)}" for name, value in data.items()]
        lines[-2] = f"coverage: {coverage}"
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


def _build(
    node: "Node", due: "Due", now: "datetime", *, dry_run: bool
) -> "tuple[Due, BuildPreview, ReleaseFacts | None]":
    """One build in a transaction of its own, so that one refusal undoes no other."""
    from interurban_node.aggregates import service

    with node.database.transaction() as session:
        if dry_run:
            preview = service.preview_release(
                session, node, due.plan, due.dataflow, due.period, now
            )
            return due, preview, None
        built = service.build_release(
            session, node, due.plan, due.dataflow, due.period, now
        )
    say(f"Built {due.dataflow.rpartition('=')[2]} for {due.period}.")
    return due, built.preview, built.facts


def _build_json(
    due: "Due", preview: "BuildPreview", facts: "ReleaseFacts | None"
) -> "JsonValue":
    return {
        "dataflow": due.dataflow,
        "period": due.period,
        "cells": preview.cells,
        "hidden": preview.hidden,
        "coverage": preview.coverage,
        "release": _facts_json(facts) if facts else None,
    }


def _build_table(
    made: "list[tuple[Due, BuildPreview, ReleaseFacts | None]]",
) -> Table | None:
    if not made:
        return None
    rows = [
        [
            due.dataflow.rpartition("=")[2],
            due.period,
            str(preview.cells),
            str(preview.hidden),
            f"{preview.coverage} %" if preview.coverage else "not shown",
            facts.release_id if facts else "dry run",
        ]
        for due, preview, facts in made
    ]
    return Table(["Dataflow", "Period", "Cells", "Hidden", "Coverage", "Release"], rows)


def _facts_json(facts: "ReleaseFacts") -> "dict[str, JsonValue]":
    from interurban_protocol.encoding import format_time

    return {
        "release": facts.release_id,
        "plan": facts.plan,
        "agreement": facts.agreement,
        "subject": facts.subject,
        "dataflow": facts.dataflow,
        "period": facts.period,
        "recipients": facts.recipients,
        "purposes": facts.purposes,
        "built_at": format_time(facts.built_at),
        "publication_at": format_time(facts.publication_at),
    }


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
