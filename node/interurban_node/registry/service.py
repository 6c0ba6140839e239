"""Taking in a source's records, and answering what the registry holds.

A sync reads one table after another, page by page. Each page is one transaction: records,
identities, refused rows, the place to read on and the counts are written together, so that
a sync that is killed goes on at the page where it was. The steps for a page:

1. map and check the rows; 2. replace people and keys by pseudonyms, and refuse rows that
refer to nobody we know; 3. write the records whose keyed hash differs from what is held;
4. seal the refused rows in quarantine; 5. with a table's last page, mark what is absent.
After the last table, the events of everybody whose records changed are counted anew.

A refused row never changes the record that an earlier, better version of it became.
"""

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_adapters.adapter import Page
from interurban_adapters.mappings import Rejected, TableMapping
from interurban_adapters.records import RecordKind
from interurban_node.accounts.service import store_identities
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, RefusedError, StateError
from interurban_node.registry import queries, rules, runs
from interurban_node.registry.changes import (
    count_after_tables,
    count_with_page,
    touched_by,
    touched_by_removal,
)
from interurban_node.registry.models import (
    CertificateRow,
    ProgrammeRow,
    QuarantineRow,
    SourceRow,
    SourceTableRow,
    SyncRunRow,
)
from interurban_node.registry.quarantine import (
    QuarantinedRow,
    forget_quarantined,
    quarantine_reasons,
    quarantined,
    quarantined_values,
    seal_refused,
)
from interurban_node.registry.records import Draft, Drafting
from interurban_node.registry.rules import Counts, Pseudonyms
from interurban_node.registry.runs import Run
from interurban_node.registry.sources import Source, csv_source, sql_source

LOCK_FILE = "registry.lock"
ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far a sync has come: after a page of `kind`, with that kind's counts so far."""

    kind: RecordKind
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSummary:
    """What a sync did. `announcements` say which columns are new or gone."""

    source: str
    run_id: int
    resumed: bool
    counts: Mapping[RecordKind, Counts]
    announcements: tuple[str, ...]

    @property
    def total(self) -> Counts:
        """All kinds together."""
        whole = Counts()
        for counts in self.counts.values():
            whole = whole.plus(counts)
        return whole

    @property
    def is_unchanged(self) -> bool:
        """Whether the export said nothing that was not known already."""
        total = self.total
        return (total.new, total.changed, total.removed) == (0, 0, 0)


Report: TypeAlias = Callable[[SyncProgress], None]


def _in_silence(progress: SyncProgress) -> None:
    del progress


# --- syncing


def sync(
    node: Node,
    source: Source | Path,
    now: datetime,
    progress: Report = _in_silence,
    *,
    accept_removal: bool = False,
) -> SyncSummary:
    """Make the registry say what the source says; a path is a mapping beside CSV files.

    Transactions are the sync's own, one for each page; `progress` is called after each.

    Raises:
        SourceUnreadableError, SourceChangedError, MappingError: from the source. What is
            missing from its schema is found before anything is written.
        RefusedError: more records than the shrink guard allows would be removed; nothing
            was written.
        StateError: another sync is running.
    """
    if isinstance(source, Path):
        source = csv_source(source)
    with _alone(node):
        schemas = source.schemas()
        pseudonyms = Pseudonyms(node.keys.pseudonym, node.origin, source.name)
        drafting = Drafting(node, pseudonyms)
        present = _present(source, pseudonyms)
        with node.database.transaction() as session:
            run = runs.begin(session, node, source, schemas, now)
            losses = [_loss(session, run, table, present) for table in source.tables]
            if not accept_removal:
                _check_losses(losses, node.settings.shrink_guard_percent)
        absent = {loss.table.kind: set(loss.absent) for loss in losses}
        for table in source.tables_from(run.kind):
            run = _sync_table(run, drafting, table, absent[table.kind], progress)
        count_after_tables(node, run)
        with node.database.transaction() as session:
            runs.finish(session, run)
    return SyncSummary(
        source=source.name,
        run_id=run.run_id,
        resumed=run.resumed,
        counts=run.counts,
        announcements=run.announcements,
    )


@contextmanager
def _alone(node: Node) -> Iterator[None]:
    """Hold the lock on syncing; a process that dies gives it back."""
    with (node.home.path / LOCK_FILE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateError(
                "another sync is running on this node",
                next_step="Wait until it is done; `interurban registry status` shows it.",
            ) from error
        yield


@dataclass(frozen=True, slots=True)
class _Loss:
    """What this source has delivered of one table, and no longer has."""

    table: TableMapping
    absent: frozenset[str]
    held: int


def _present(source: Source, pseudonyms: Pseudonyms) -> dict[RecordKind, set[str]]:
    """The keys that the source has now; read outside of any transaction."""
    return {
        table.kind: {
            pseudonyms.source_pk(table.kind, key)
            for key in source.adapter.keys(table.source)
        }
        for table in source.tables
    }


def _loss(
    session: Session,
    run: Run,
    table: TableMapping,
    present: Mapping[RecordKind, set[str]],
) -> _Loss:
    model = queries.MODELS[table.kind]
    live = queries.live_keys(session, model, run.source_id)
    return _Loss(table, frozenset(live - present[table.kind]), len(live))


def _check_losses(losses: Sequence[_Loss], limit_percent: int) -> None:
    """Refuse before anything is written, so that a half-empty export changes nothing.

    Raises:
        RefusedError: more of a kind is gone than the shrink guard lets go.
    """
    reasons = [
        f"{len(loss.absent)} of {loss.held} records of the kind {loss.table.kind} are"
        f" no longer in {loss.table.source.table}"
        for loss in losses
        if rules.is_suspicious_loss(len(loss.absent), loss.held, limit_percent)
    ]
    if reasons:
        raise RefusedError(
            f"the sync would remove more than {limit_percent} % of the records of a kind",
            reasons=reasons,
            next_step="Check that the export is complete; if the removal is right, sync"
            " again with --accept-removal.",
        )


def _sync_table(
    run: Run,
    drafting: Drafting,
    table: TableMapping,
    absent: set[str],
    progress: Report,
) -> Run:
    node = drafting.node
    for page in run.source.adapter.read(table.source, run.cursor):
        with node.database.transaction() as session:
            done = _apply(session, run, drafting, table, page)
            absent -= done.keys  # came in while the keys were being read
            counts = done.counts
            if page.complete:
                removed = _remove(session, node, run, table.kind, absent)  # 5
                counts = replace(counts, removed=removed)
            run = run.after(counts, page.cursor)
            following = run.after_table() if page.complete else run
            runs.save(session, node, following)
        progress(SyncProgress(table.kind, run.counts[table.kind]))
        run = following
    return run


@dataclass(frozen=True, slots=True)
class _Applied:
    counts: Counts
    keys: frozenset[str]


def _apply(
    session: Session, run: Run, drafting: Drafting, table: TableMapping, page: Page
) -> _Applied:
    mapped = table.map_rows(page.rows, today=run.now.date())  # 1
    records = [accepted.record for accepted in mapped.accepted]
    known = drafting.known(session, records, run.source_id)
    drafts: list[Draft] = []
    refused = list(mapped.rejected)
    for accepted in mapped.accepted:
        draft = drafting.draft(accepted.record, known)  # 2
        if isinstance(draft, Draft):
            drafts.append(draft)
        else:
            refused.append(Rejected(accepted.row, (draft,)))
    counts = _write(session, run, drafting, table.kind, drafts)  # 3
    seal_refused(session, run, drafting, table.kind, refused)  # 4
    read = Counts(read=len(page.rows), rejected=len(refused))
    return _Applied(counts.plus(read), frozenset(draft.source_pk for draft in drafts))


def _write(
    session: Session,
    run: Run,
    drafting: Drafting,
    kind: RecordKind,
    drafts: Sequence[Draft],
) -> Counts:
    model = queries.MODELS[kind]
    keys = [draft.source_pk for draft in drafts]
    held = queries.held(session, model, run.source_id, keys)
    live = {key: row.source_hash for key, row in held.items() if not row.is_deleted}
    changed = [d for d in drafts if live.get(d.source_pk) != d.source_hash]
    rows = [_row(run, drafting.pseudonyms, kind, draft) for draft in changed]
    queries.write_records(session, model, rows)
    identities = {
        draft.learner_ref: draft.identity
        for draft in changed
        if draft.learner_ref is not None and draft.identity is not None
    }
    store_identities(session, drafting.node, identities, run.now)
    touched = touched_by(kind, changed, held)
    count_with_page(session, drafting.node, touched, run.now)
    new = sum(draft.source_pk not in live for draft in changed)
    return Counts(
        new=new, changed=len(changed) - new, unchanged=len(drafts) - len(changed)
    )


def _row(
    run: Run, pseudonyms: Pseudonyms, kind: RecordKind, draft: Draft
) -> dict[str, object]:
    return {
        **draft.values,
        "record_id": pseudonyms.record_id(kind, draft.source_pk),
        "source_id": run.source_id,
        "source_pk": draft.source_pk,
        "source_hash": draft.source_hash,
        "mapping_version": run.source.mapping.digest,
        "run_id": run.run_id,
        "updated_at": run.now,
        "deleted_at": None,
        "delete_reason": None,
    }


def _remove(
    session: Session, node: Node, run: Run, kind: RecordKind, absent: set[str]
) -> int:
    """Mark what is absent as deleted, and forget refused rows that are there no more."""
    changes = {
        "deleted_at": run.now,
        "delete_reason": ABSENT,
        "updated_at": run.now,
        "run_id": run.run_id,
    }
    model = queries.MODELS[kind]
    about = queries.people_of(session, model, run.source_id, absent)
    queries.mark_absent(session, model, run.source_id, absent, changes)
    count_with_page(session, node, touched_by_removal(kind, about), run.now)
    session.execute(
        sa.delete(QuarantineRow).where(
            QuarantineRow.source_id == run.source_id,
            QuarantineRow.kind == kind,
            QuarantineRow.run_id != run.run_id,
        )
    )
    return len(absent)


# --- what the registry holds


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """A certificate as the registry records it. `programme_title` is by language code."""

    certificate_id: str
    learner_ref: str
    programme_code: str
    programme_title: Mapping[str, str]
    awarded_on: date
    level: int | None
    result: str | None
    hours: int | None
    status: str  # valid, revoked


def certificate(session: Session, certificate_id: str) -> CertificateFacts:
    """A certificate by the id of its record.

    Raises:
        NotFoundError: the registry has none, or no longer.
    """
    select = _certificates().where(CertificateRow.record_id == certificate_id)
    found = session.execute(select).one_or_none()
    if found is None:
        raise NotFoundError("the registry has no such certificate")
    return _certificate_facts(*found)


def certificates_of(session: Session, learner_ref: str) -> list[CertificateFacts]:
    """A learner's certificates, newest first."""
    select = _certificates().where(CertificateRow.learner_ref == learner_ref)
    order = (CertificateRow.awarded_on.desc(), CertificateRow.record_id)
    return [
        _certificate_facts(*row) for row in session.execute(select.order_by(*order))
    ]


def data_as_of(session: Session) -> datetime | None:
    """The time of the newest complete sync of every source: the oldest of these times."""
    newest = (
        sa.select(sa.func.max(SyncRunRow.finished_at).label("at"))
        .where(SyncRunRow.finished_at.is_not(None))
        .group_by(SyncRunRow.source_id)
        .subquery()
    )
    oldest: datetime | None = session.scalar(sa.select(sa.func.min(newest.c.at)))
    return oldest


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """A source, its last sync, and how many records of each kind it keeps alive."""

    name: str
    system: str
    mapping_version: str
    fingerprints: Mapping[RecordKind, str]
    started_at: datetime | None
    finished_at: datetime | None
    counts: Mapping[RecordKind, Counts]
    live: Mapping[RecordKind, int]
    quarantined: int


def status(session: Session) -> list[SourceStatus]:
    """Every source by name."""
    rows = session.scalars(sa.select(SourceRow).order_by(SourceRow.name)).all()
    return [_source_status(session, row) for row in rows]


def _certificates() -> "sa.Select[CertificateRow, ProgrammeRow]":
    return (
        sa.select(CertificateRow, ProgrammeRow)
        .join(ProgrammeRow, ProgrammeRow.record_id == CertificateRow.programme_id)
        .where(CertificateRow.deleted_at.is_(None))
    )


def _certificate_facts(
    row: CertificateRow, programme: ProgrammeRow
) -> CertificateFacts:
    return CertificateFacts(
        certificate_id=row.record_id,
        learner_ref=row.learner_ref,
        programme_code=row.programme_code,
        programme_title={programme.title_language: programme.title},
        awarded_on=row.awarded_on,
        level=row.level if row.level is not None else programme.level,
        result=row.result,
        hours=programme.hours,
        status=row.status,
    )


def _source_status(session: Session, source: SourceRow) -> SourceStatus:
    tables = session.scalars(
        sa.select(SourceTableRow).where(SourceTableRow.source_id == source.id)
    )
    run = session.scalar(
        sa.select(SyncRunRow)
        .where(SyncRunRow.source_id == source.id)
        .order_by(SyncRunRow.id.desc())
        .limit(1)
    )
    return SourceStatus(
        name=source.name,
        system=source.system,
        mapping_version=source.mapping_version,
        fingerprints={RecordKind(row.kind): row.fingerprint for row in tables},
        started_at=run.started_at if run else None,
        finished_at=run.finished_at if run else None,
        counts=runs.parse_counts(run.counts) if run else {},
        live={kind: _live(session, kind, source.id) for kind in queries.MODELS},
        quarantined=session.execute(
            sa.select(sa.func.count()).where(QuarantineRow.source_id == source.id)
        ).scalar_one(),
    )


def _live(session: Session, kind: RecordKind, source_id: int) -> int:
    model = queries.MODELS[kind]
    return session.execute(
        sa.select(sa.func.count()).where(
            model.source_id == source_id, model.deleted_at.is_(None)
        )
    ).scalar_one()


__all__ = [
    "CertificateFacts",
    "QuarantinedRow",
    "Source",
    "SourceStatus",
    "SyncProgress",
    "SyncSummary",
    "certificate",
    "certificates_of",
    "csv_source",
    "data_as_of",
    "forget_quarantined",
    "quarantine_reasons",
    "quarantined",
    "quarantined_values",
    "sql_source",
    "status",
    "sync",
]
