"""The log of syncs: where each one stands, so that one that was killed goes on there.

The place is written in the transaction of the page that it follows. It is sealed, because a
database's cursor holds the last key, which may be somebody's number.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_adapters.adapter import TableSchema
from interurban_adapters.mappings import TableMapping
from interurban_adapters.records import RecordKind
from interurban_node.accounts.service import seal, unseal
from interurban_node.core.context import Node
from interurban_node.registry.models import SourceRow, SourceTableRow, SyncRunRow
from interurban_node.registry.rules import Counts, column_changes
from interurban_node.registry.sources import Source

RESUME_WITHIN = timedelta(days=1)  # what was read longer ago is read again


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A sync under way. `kind` and `cursor` say where to read on; None is the end."""

    source: Source
    source_id: int
    run_id: int
    now: datetime
    resumed: bool
    announcements: tuple[str, ...]
    kind: RecordKind | None
    cursor: str | None
    counts: Mapping[RecordKind, Counts]

    def after(self, done: Counts, cursor: str | None) -> "Run":
        """The run after a page of its kind, to read on from `cursor`."""
        if self.kind is None:
            raise TypeError("the run has ended")
        so_far = self.counts.get(self.kind, Counts()).plus(done)
        return replace(self, cursor=cursor, counts={**self.counts, self.kind: so_far})

    def after_table(self) -> "Run":
        """The run at the beginning of the next table."""
        following = self.source.tables_from(self.kind)[1:]
        return replace(self, kind=_first_kind(following), cursor=None)


def begin(
    session: Session,
    node: Node,
    source: Source,
    schemas: Mapping[RecordKind, TableSchema],
    now: datetime,
) -> Run:
    """The interrupted run to go on with, or else a new one; notes the schemas."""
    system = source.adapter.probe().system
    row = _source_row(session, source, system, now)
    announcements = _note_schemas(session, row, source, schemas, now)
    stopped = _unfinished(session, row, now)
    run = stopped or _new(session, row, source, now)
    return Run(
        source=source,
        source_id=row.id,
        run_id=run.id,
        now=now,
        resumed=stopped is not None,
        announcements=announcements,
        kind=RecordKind(run.kind) if run.kind else None,
        cursor=_cursor(node, run),
        counts=parse_counts(run.counts),
    )


def save(session: Session, node: Node, run: Run) -> None:
    """Write down where the run stands."""
    row = session.get_one(SyncRunRow, run.run_id)
    row.kind = run.kind
    row.cursor = (
        None
        if run.cursor is None
        else seal(node, _purpose(run.run_id), run.cursor.encode())
    )
    row.counts = json.dumps({kind: asdict(done) for kind, done in run.counts.items()})


def finish(session: Session, run: Run) -> None:
    """Write down that the run has ended."""
    session.get_one(SyncRunRow, run.run_id).finished_at = run.now


def last_finished(session: Session, source_id: int) -> int:
    """The source's last run that came to its end; 0 if there is none."""
    found = session.scalar(
        sa.select(sa.func.max(SyncRunRow.id)).where(
            SyncRunRow.source_id == source_id, SyncRunRow.finished_at.is_not(None)
        )
    )
    return found or 0


def parse_counts(text: str) -> dict[RecordKind, Counts]:
    """The counts in a row of the log."""
    return {RecordKind(kind): Counts(**done) for kind, done in json.loads(text).items()}


def _source_row(
    session: Session, source: Source, system: str, now: datetime
) -> SourceRow:
    row = session.scalar(sa.select(SourceRow).where(SourceRow.name == source.name))
    if row is None:
        row = SourceRow(name=source.name, added_at=now)
        session.add(row)
    row.system = system
    row.mapping_version = source.mapping.digest
    session.flush()
    return row


def _note_schemas(
    session: Session,
    row: SourceRow,
    source: Source,
    schemas: Mapping[RecordKind, TableSchema],
    now: datetime,
) -> tuple[str, ...]:
    announced: list[str] = []
    for table in source.tables:
        schema = schemas[table.kind]
        stored = session.get(SourceTableRow, (row.id, table.kind))
        if stored is None:
            stored = SourceTableRow(source_id=row.id, kind=table.kind)
            session.add(stored)
        else:
            announced += _changes(table, stored, schema)
        stored.fingerprint = schema.fingerprint
        stored.columns = json.dumps(schema.columns, ensure_ascii=False)
        stored.seen_at = now
    return tuple(dict.fromkeys(announced))


def _changes(
    table: TableMapping, stored: SourceTableRow, schema: TableSchema
) -> tuple[str, ...]:
    before = tuple(json.loads(stored.columns))
    return column_changes(table.source.table, before, schema.columns)


def _unfinished(
    session: Session, source: SourceRow, now: datetime
) -> SyncRunRow | None:
    """The source's last run, if it was interrupted and its beginning still holds."""
    last = session.scalar(
        sa.select(SyncRunRow)
        .where(SyncRunRow.source_id == source.id)
        .order_by(SyncRunRow.id.desc())
        .limit(1)
    )
    if last is None or last.finished_at is not None:
        return None
    same_mapping = last.mapping_version == source.mapping_version
    return last if same_mapping and now - last.started_at < RESUME_WITHIN else None


def _new(session: Session, row: SourceRow, source: Source, now: datetime) -> SyncRunRow:
    run = SyncRunRow(
        source_id=row.id,
        mapping_version=source.mapping.digest,
        started_at=now,
        kind=_first_kind(source.tables),
        counts="{}",
    )
    session.add(run)
    session.flush()
    return run


def _first_kind(tables: tuple[TableMapping, ...]) -> RecordKind | None:
    return tables[0].kind if tables else None


def _cursor(node: Node, run: SyncRunRow) -> str | None:
    if run.cursor is None:
        return None
    return unseal(node, _purpose(run.id), run.cursor).decode()


def _purpose(run_id: int) -> str:
    return f"sync_runs\0{run_id}"
