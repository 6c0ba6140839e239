"""Issuing a release: what was prepared becomes signed bytes, once, and stays as it is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from interurban_node.aggregates import rules
from interurban_node.aggregates.calendars import is_issued, issued_periods
from interurban_node.aggregates.forecasts import BuildPreview, preview_of
from interurban_node.aggregates.holdings import ReleaseFacts, facts_of
from interurban_node.aggregates.manifests import Task, new_manifest
from interurban_node.aggregates.members import write_members
from interurban_node.aggregates.models import RefusedBuildRow, ReleaseRow
from interurban_node.attackers.gate import Earlier, PassedGate
from interurban_node.audit.service import (
    Grade,
    Use,
    UseKind,
    record_irrevocable,
    record_use,
)
from interurban_node.core.context import Node
from interurban_node.core.database import savepoint
from interurban_node.core.errors import AlreadyDoneError, NotFoundError, RefusedError
from interurban_node.core.journal import Irrevocable
from interurban_node.core.learner_sets import LearnerSet
from interurban_node.structures import service as structures
from interurban_protocol.disclosure import BaseCells, Group, ProtectedTable
from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import InterurbanError
from interurban_protocol.releases import (
    ReleaseManifest,
    check_follows_plan,
    write_data,
)
from interurban_protocol.signed_documents import Signer, open_document, start_document
from interurban_protocol.structures import TOTAL, bundle_bytes

Values: TypeAlias = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the registry and consent give for a build, at one moment."""

    rows: Mapping[Values, tuple[int, int]]  # count and key sum, by registry values
    eligible: Group  # whatever they answered
    members: LearnerSet


@dataclass(frozen=True, slots=True)
class CohortRelease:
    """The stored release whose people a build looks at again."""

    sequence: int
    release_id: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A table that is ready for the gate, with the unprotected counts behind it."""

    task: Task
    reading: Reading
    base: BaseCells | None  # None: nobody is in it
    table: ProtectedTable
    coverage: int | None
    cohort: CohortRelease | None
    earlier: tuple[Earlier, ...]

    @property
    def preview(self) -> BuildPreview:
        """What would be published."""
        return preview_of(self.table, self.coverage)


@dataclass(frozen=True, slots=True)
class BuiltRelease:
    """A release that stands in this transaction."""

    facts: ReleaseFacts
    preview: BuildPreview


def store(
    session: Session,
    node: Node,
    prepared: Prepared,
    passed: PassedGate | None,
    now: datetime,
) -> BuiltRelease:
    """Sign and keep a prepared release, with members, usage row and journal entry.

    `passed` may be None only where nobody is in the table.

    Raises:
        RefusedError: the gate has not passed this table.
        AlreadyDoneError: somebody else has just issued it.
    """
    _check_passed(prepared, passed)
    task = prepared.task
    data = write_data(
        prepared.table,
        task.structure,
        rules.ref_area(task.structure, node.origin),
        task.period,
    )
    manifest = new_manifest(
        task,
        data,
        Signer(node=node.origin, key_id=node.keys.documents.public.key_id),
        coverage=prepared.coverage,
        cohort_release=prepared.cohort.release_id if prepared.cohort else None,
        now=now,
    )
    check_follows_plan(manifest, task.plan.plan)
    document = start_document(manifest, node.keys.documents)
    row = _release_row(manifest, document, data, task.payload.purposes)
    row.total_shown = _total_shown(prepared.table)
    row.gate = canonical_json(passed.report.summary).decode() if passed else ""
    _keep(session, row, task)
    write_members(session, row.sequence, prepared.reading.members)
    facts = facts_of(row)
    _record_build(session, node, facts, now)
    return BuiltRelease(facts, prepared.preview)


def check_not_issued(session: Session, node: Node, task: Task) -> None:
    """Refuse to build what was issued, in any version, as database or journal know it.

    Raises:
        RefusedError: it was issued to other recipients.
        AlreadyDoneError: it was issued.
    """
    row = newest_issue(session, task.series, task.period)
    if row is not None:
        wanted = rules.recipients_of(task.payload, node.origin)
        rules.check_recipients(task.period, wanted, facts_of(row).recipients)
    if is_issued(session, node, task.structure.urn, task.period):
        raise _issued_before(task)


def check_not_revised(session: Session, node: Node, task: Task) -> None:
    """Refuse a second revision.

    Raises:
        AlreadyDoneError: the period was revised.
    """
    issued = issued_periods(session, node)[task.series, task.period]
    if issued.revision:
        raise AlreadyDoneError(
            f"{task.structure.reference} was revised for {task.period}; there is one"
            " revision at most",
            next_step="`interurban release list` shows it.",
        )


def first_issue(session: Session, task: Task) -> ReleaseRow:
    """The release that a revision replaces.

    Raises:
        NotFoundError: the period was never issued.
    """
    row = next(
        (row for row in _rows(session, task.series, task.period) if not row.revision),
        None,
    )
    if row is None:
        raise NotFoundError(
            f"{task.structure.reference} was never issued for {task.period}",
            next_step="Build it under its own plan.",
        )
    return row


def newest_issue(session: Session, series: str, period: str) -> ReleaseRow | None:
    """The release of a period, the revision if there is one."""
    return _rows(session, series, period).first()


def _rows(session: Session, series: str, period: str) -> sa.ScalarResult[ReleaseRow]:
    return session.scalars(
        sa.select(ReleaseRow)
        .where(ReleaseRow.series == series, ReleaseRow.period == period)
        .order_by(ReleaseRow.revision.desc())
    )


def note_refusal(
    session: Session, task: Task, error: InterurbanError, now: datetime
) -> None:
    """Remember that the gate refused a build, for the calendar and the scheduled job."""
    session.merge(
        RefusedBuildRow(
            series=task.series,
            period=task.period,
            plan=task.plan.plan_id,
            refused_at=now,
            fact=error.message[:300],
        )
    )


def _issued_before(task: Task) -> AlreadyDoneError:
    """The refusal of a second build."""
    return AlreadyDoneError(
        f"{task.structure.reference} was issued for {task.period}: {rules.ONCE}",
        next_step="`interurban release list` shows it; build the next period.",
    )


def _check_passed(prepared: Prepared, passed: PassedGate | None) -> None:
    if prepared.base is None and passed is None:
        return
    if passed is None or passed.table is not prepared.table:
        raise RefusedError(
            "no attacker has tried this table",
            next_step="Build again; the gate examines what is signed.",
        )


def _release_row(
    manifest: ReleaseManifest, document: bytes, data: bytes, purposes: Sequence[str]
) -> ReleaseRow:
    return ReleaseRow(
        release_id=open_document(document).document_id,
        plan=manifest.plan,
        agreement=manifest.agreement,
        subject=manifest.subject,
        dataflow=manifest.dataflow,
        series=rules.series_of(manifest.dataflow),
        period=manifest.cohort_period,
        revision=manifest.revision,
        structure=manifest.structure,
        recipients=json.dumps(manifest.recipients),
        purposes=json.dumps(purposes),
        built_at=manifest.built_at,
        publication_at=manifest.publication_at,
        manifest=document,
        data=data,
    )


def _total_shown(table: ProtectedTable) -> int | None:
    total = table.cells[0]  # the lattice begins with it
    return total.value if set(total.codes) <= {TOTAL} else None


def _keep(session: Session, row: ReleaseRow, task: Task) -> None:
    structures.adopt(session, bundle_bytes(task.structure), row.built_at)
    try:
        with savepoint(session):
            session.add(row)
            session.flush()
    except IntegrityError as error:  # another process has just issued it
        raise _issued_before(task) from error
    session.execute(
        sa.delete(RefusedBuildRow).where(
            RefusedBuildRow.series == task.series,
            RefusedBuildRow.period == task.period,
        )
    )


def lock_releases(session: Session) -> None:
    """Let one build at a time write, so that sequences are committed in their order.

    A reader that asks for releases after a sequence would else miss a lower one that is
    committed later. SQLite has one writer anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        name = ReleaseRow.__tablename__
        session.execute(sa.text(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE"))


def _record_build(
    session: Session, node: Node, facts: ReleaseFacts, now: datetime
) -> None:
    use = Use(
        kind=UseKind.RELEASE_BUILT,
        purpose=facts.purpose,
        recipient=node.origin,
        grade=Grade.OWN,
        agreement=facts.agreement,
        release_id=facts.release_id,
    )
    record_use(session, use, now)
    journalled = {
        "plan": facts.plan,
        "subject": facts.subject,
        "dataflow": facts.dataflow,
        "period": facts.period,
        "revision": str(facts.revision),
        "digest": facts.release_id,
    }
    record_irrevocable(session, node, Irrevocable.RELEASE_BUILT, journalled, now)
