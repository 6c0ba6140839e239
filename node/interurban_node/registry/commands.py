"""`interurban registry …`: take in the city's own systems, and see what was refused."""

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
    show,
)

if TYPE_CHECKING:
    from interurban_node.registry.service import (
        QuarantinedRow,
        SourceStatus,
        SyncSummary,
    )
    from interurban_node.registry.service import Report as SyncReport
    from interurban_protocol.encoding import JsonValue

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Read the city's registry systems."
)


@app.command()
def sync(
    mapping: Annotated[Path, typer.Option(help="The mapping of the registry system.")],
    folder: Annotated[
        list[Path] | None,
        typer.Option(help="Where the CSV files lie, if not beside the mapping."),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="An SQLAlchemy address, for a source in SQL.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="The source's name, if not the mapping's.")
    ] = None,
    accept_removal: Annotated[
        bool, typer.Option("--accept-removal", help="Remove even a large share.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Take in what is new or changed, and mark what is gone; a second run changes nothing."""
    from interurban_node.registry import service

    with opened(home, as_json=as_json) as node:
        found = (
            service.sql_source(mapping, database, name=source)
            if database
            else service.csv_source(mapping, *(folder or ()), name=source)
        )
        with _progress() as report:
            summary = service.sync(
                node, found, node.clock(), report, accept_removal=accept_removal
            )
        show(_summary(summary), as_json=as_json)


@app.command()
def quarantine(
    reason: Annotated[
        str | None, typer.Option(help="Only rows whose reason has these words.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 100,
    show_rows: Annotated[
        bool,
        typer.Option("--show-rows", help="Unseal the rows. They are personal data."),
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List refused rows with every reason; correct them in their own system."""
    from interurban_node.registry import service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            rows = service.quarantined(session, reason=reason, limit=limit)
            values = {
                row.id: service.quarantined_values(session, node, row.id)
                for row in (rows if show_rows else ())
            }
        data: list[JsonValue] = [
            {**_refused(row), **({"values": values[row.id]} if show_rows else {})}
            for row in rows
        ]
        cells = [[*_cells(row), *_row_cell(values.get(row.id))] for row in rows]
        columns = ["Source", "Kind", "Row", "Field", "Reason"]
        table = Table([*columns, *(["Values"] if show_rows else [])], cells)
        shown = Shown(data, table=table, if_empty="No refused row.")
        show(shown, as_json=as_json)


@app.command()
def status(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show every source: its last sync, its records, its columns' fingerprint."""
    from interurban_node.registry import service

    with opened(home, as_json=as_json) as node:
        with node.database.transaction() as session:
            found = service.status(session)
        columns = ["Source", "Last sync", "Kind", "Records", "Fingerprint", "Refused"]
        rows = [line for each in found for line in _status_rows(each)]
        data: list[JsonValue] = [_status(each) for each in found]
        table = Table(columns, rows)
        show(Shown(data, (), table, "No source was synced yet."), as_json=as_json)


@contextmanager
def _progress() -> "Iterator[SyncReport]":
    """A line on standard error that counts rows while the block runs."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("Reading the source") as line:
        yield lambda done: line.update(
            f"{done.kind}: {done.counts.read} rows read, {done.counts.rejected} refused"
        )


def _summary(summary: "SyncSummary") -> Shown:
    from dataclasses import asdict

    counts = {str(kind): asdict(done) for kind, done in summary.counts.items()}
    rows = [[kind, *map(str, done.values())] for kind, done in counts.items()]
    lines = list(summary.announcements)
    if summary.resumed:
        lines.append("An interrupted sync was carried on where it had stopped.")
    if summary.total.rejected:
        lines.append("`interurban registry quarantine` lists the refused rows.")
    columns = ["Kind", "Read", "New", "Changed", "Unchanged", "Refused", "Removed"]
    data: JsonValue = {
        "source": summary.source,
        "run": summary.run_id,
        "resumed": summary.resumed,
        "announcements": list(summary.announcements),
        "counts": counts,
        "total": asdict(summary.total),
    }
    return Shown(data, lines, Table(columns, rows, title=summary.source))


def _refused(row: "QuarantinedRow") -> "dict[str, JsonValue]":
    from interurban_protocol.encoding import format_time

    return {
        "source": row.source,
        "kind": str(row.kind),
        "row": row.row_number,
        "reasons": [{"field": r.field, "reason": r.reason} for r in row.reasons],
        "first_seen_at": format_time(row.first_seen_at),
        "seen_at": format_time(row.seen_at),
    }


def _cells(row: "QuarantinedRow") -> list[str]:
    fields = "\n".join(reason.field for reason in row.reasons)
    reasons = "\n".join(reason.reason for reason in row.reasons)
    return [row.source, str(row.kind), str(row.row_number), fields, reasons]


def _row_cell(values: dict[str, str | None] | None) -> list[str]:
    if values is None:
        return []
    return ["\n".join(f"{name}: {value or ''}" for name, value in values.items())]


def _status(source: "SourceStatus") -> "dict[str, JsonValue]":
    from dataclasses import asdict

    from interurban_protocol.encoding import format_time

    return {
        "source": source.name,
        "system": source.system,
        "mapping": source.mapping_version,
        "fingerprints": {str(k): digest for k, digest in source.fingerprints.items()},
        "started_at": format_time(source.started_at) if source.started_at else None,
        "finished_at": format_time(source.finished_at) if source.finished_at else None,
        "last_run": {str(kind): asdict(done) for kind, done in source.counts.items()},
        "records": {str(kind): count for kind, count in source.live.items()},
        "quarantined": source.quarantined,
    }


def _status_rows(source: "SourceStatus") -> list[list[str]]:
    from interurban_protocol.encoding import format_time

    at = source.finished_at
    last = format_time(at) if at else "not finished"
    return [
        [
            source.name,
            last,
            str(kind),
            str(source.live[kind]),
            fingerprint.removeprefix("sha256:")[:12],
            str(source.counts[kind].rejected if kind in source.counts else 0),
        ]
        for kind, fingerprint in source.fingerprints.items()
    ]
