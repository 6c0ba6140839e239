"""Building a release: once, from learners who consent, signed and journalled.

A build is one transaction: who is counted, the protected table, the signed manifest, the
usage row and the entry in the one-way journal. A period is issued once; what changes later
lands in the next one, because the difference of two tables names the person who left.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from interurban_node.aggregates import queries, rules
from interurban_node.aggregates.holdings import (
    CityTable,
    CountedIn,
    ReleaseFacts,
    city_tables,
    counted_in,
    data_bytes,
    export_bundle,
    facts_of,
    held_releases,
    list_releases,
    manifest_bytes,
    manifest_of,
    own_releases,
    published_periods,
    release,
    store_pulled,
    verify_bundle,
)
from interurban_node.aggregates.models import ReleaseRow
from interurban_node.agreements import service as agreements
from interurban_node.agreements.service import PlanInForce
from interurban_node.audit.service import (
    Grade,
    Use,
    UseKind,
    check_not_recovering,
    record_irrevocable,
    record_use,
)
from interurban_node.consent import service as consent
from interurban_node.core.context import Node
from interurban_node.core.database import savepoint
from interurban_node.core.errors import (
    AlreadyDoneError,
    NotFoundError,
    RefusedError,
    StateError,
)
from interurban_node.core.journal import Irrevocable
from interurban_node.structures import service as structures
from interurban_protocol.consent_records import Scope
from interurban_protocol.disclosure import (
    BaseCells,
    Group,
    ProtectedTable,
    protect,
    protected_coverage,
)
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import PlannedPeriod, ReleasePlan
from interurban_protocol.releases import (
    ReleaseManifest,
    check_follows_plan,
    describe_data,
    write_data,
)
from interurban_protocol.signed_documents import (
    Signer,
    open_document,
    start_document,
)
from interurban_protocol.structures import TOTAL, Structure, bundle_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPreview:
    """What a build would publish, or did: sizes and the protected coverage."""

    cells: int
    hidden: int
    coverage: int | None  # percent, as it is published


@dataclass(frozen=True, slots=True)
class BuiltRelease:
    """A release that stands in this transaction."""

    facts: ReleaseFacts
    preview: BuildPreview


@dataclass(frozen=True, slots=True)
class Due:
    """A release that a plan in force asks this node to build."""

    plan: PlanInForce
    dataflow: str
    period: str


@dataclass(frozen=True, slots=True)
class _Task:
    """A build that the plan provides for."""

    plan: PlanInForce
    structure: Structure
    period: PlannedPeriod

    @property
    def payload(self) -> ReleasePlan:
        return self.plan.plan.payload


@dataclass(frozen=True, slots=True)
class _Made:
    """A protected table with its coverage and the learners behind it."""

    table: ProtectedTable
    coverage: int | None
    counted: Group


def build_release(
    session: Session,
    node: Node,
    plan: PlanInForce,
    dataflow: str,
    period: str,
    now: datetime,
) -> BuiltRelease:
    """Build, sign and keep the release of a dataflow and period; it is final.

    Steps: 1. not recovering, planned, past the cut-off; 2. not issued before, in the
    database or the journal; 3. a question covers purpose and recipients; 4. base cells of
    those who consent at the cut-off and now; 5. protect; 6. sign the manifest; 7. store,
    with the members; 8. usage rows and the journal.

    Raises:
        RecoveringError: the journal holds what the database does not know.
        AlreadyDoneError: the period was issued.
        StateError: before the cut-off, or records changed during the build.
        RefusedError: another recipient, no covering question, or values without a code.
    """
    check_not_recovering(session, node)  # 1
    task = _task(node, plan, dataflow, period)
    rules.check_cut_off(task.period, now)
    _check_not_issued(session, node, task)  # 2
    population = _population(session, node, task, now)  # 3
    made = _make(session, task, population)  # 4, 5
    area = rules.ref_area(task.structure, node.origin)
    data = write_data(made.table, task.structure, area, period)
    manifest = _manifest(node, task, data, made.coverage, now)
    check_follows_plan(manifest, plan.plan)
    document = start_document(manifest, node.keys.documents)  # 6
    row = _release_row(manifest, document, data, task.payload.purposes)
    row.total_shown = _total_shown(made.table)
    _store(session, row, task, population, made.counted)  # 7
    facts = facts_of(row)
    _record_build(session, node, facts, now)  # 8
    return BuiltRelease(facts, _preview(made))


def preview_release(
    session: Session,
    node: Node,
    plan: PlanInForce,
    dataflow: str,
    period: str,
    now: datetime,
) -> BuildPreview:
    """What `build_release` would publish now; writes nothing, also before the cut-off.

    Raises:
        RefusedError: as `build_release`.
    """
    task = _task(node, plan, dataflow, period)
    return _preview(_make(session, task, _population(session, node, task, now)))


def due_builds(
    session: Session,
    node: Node,
    now: datetime,
    *,
    dataflow: str | None = None,
    period: str | None = None,
    is_forecast: bool = False,
) -> list[Due]:
    """What the plans in force want built, past the cut-off and not issued yet.

    `dataflow` is a URN, reference or id. Where dataflow and period are both named, or for a
    forecast, cut-off and earlier issue are left to `build_release` to judge.

    Raises:
        NotFoundError: no plan in force has the dataflow or period that was named.
    """
    planned = [
        (Due(plan, structure.urn, entry.period), entry)
        for plan in agreements.plans_in_force(session, node, now)
        if node.origin in plan.plan.payload.publishers
        for structure in plan.structures
        for entry in plan.plan.payload.periods
        if dataflow in (None, structure.urn, structure.reference, structure.id)
        and period in (None, entry.period)
    ]
    if not planned and (dataflow or period):
        raise NotFoundError(
            "no plan in force has this dataflow and period for this node",
            next_step="`interurban agreement show` shows what is in force.",
        )
    if is_forecast or (dataflow and period):
        return [due for due, _ in planned]
    return [
        due
        for due, entry in planned
        if entry.cut_off <= now
        and not is_issued(session, node, due.dataflow, due.period)
    ]


def is_issued(session: Session, node: Node, dataflow: str, period: str) -> bool:
    """Whether a period of a dataflow, in any version, was issued before."""
    series = rules.series_of(dataflow)
    return _issued_row(session, series, period) is not None or _is_in_journal(
        node, series, period
    )


def _task(node: Node, plan: PlanInForce, dataflow: str, period: str) -> _Task:
    payload = plan.plan.payload
    rules.check_publisher(payload, node.origin)
    structure = _planned_structure(plan, dataflow)
    rules.check_basis(structure)
    return _Task(plan, structure, rules.planned_period(payload, period))


def _population(
    session: Session, node: Node, task: _Task, now: datetime
) -> queries.Population:
    return queries.Population(
        structure=task.structure,
        period=task.period.period,
        cut_off=min(task.period.cut_off, now),  # a forecast looks at what is there
        questions=rules.covering_questions(task.payload, node.origin, _asked(session)),
        now=now,
    )


def _planned_structure(plan: PlanInForce, dataflow: str) -> Structure:
    planned = {each.urn: each.structure for each in plan.plan.payload.dataflows}
    for structure in plan.structures:
        if structure.urn == dataflow and structure.digest == planned.get(dataflow):
            return structure
    raise RefusedError(
        "the plan has no such dataflow",
        reasons=[f"the plan has {urn}" for urn in planned],
        next_step="Choose one of the plan's dataflows.",
    )


def _asked(session: Session) -> list[rules.AskedQuestion]:
    return [
        rules.AskedQuestion(view.question_id, view.purpose, frozenset(view.recipients))
        for view in consent.current_questions(session, Scope.AGGREGATES)
    ]


def _check_not_issued(session: Session, node: Node, task: _Task) -> None:
    series, period = rules.series_of(task.structure.urn), task.period.period
    row = _issued_row(session, series, period)
    if row is not None:
        wanted = rules.recipients_of(task.payload, node.origin)
        rules.check_recipients(period, wanted, facts_of(row).recipients)
    if row is not None or _is_in_journal(node, series, period):
        raise _issued_before(task)


def _issued_before(task: _Task) -> AlreadyDoneError:
    return AlreadyDoneError(
        f"{task.structure.reference} was issued for {task.period.period}: {rules.ONCE}",
        next_step="`interurban release list` shows it; build the next period.",
    )


def _issued_row(session: Session, series: str, period: str) -> ReleaseRow | None:
    return session.scalar(
        sa.select(ReleaseRow).where(
            ReleaseRow.series == series, ReleaseRow.period == period
        )
    )


def _is_in_journal(node: Node, series: str, period: str) -> bool:
    """Whether a build was journalled and not voided: true also for a restored database."""
    entries = node.journal.entries()
    void = {
        entry.facts["number"] for entry in entries if entry.kind is Irrevocable.VOID
    }
    return any(
        entry.kind is Irrevocable.RELEASE_BUILT
        and str(entry.number) not in void
        and entry.facts.get("period") == period
        and rules.series_of(entry.facts.get("dataflow", "")) == series
        for entry in entries
    )


def _make(session: Session, task: _Task, population: queries.Population) -> _Made:
    profile, structure = task.payload.profile, task.structure
    noise = perturbation_table(profile.perturbation)
    found = queries.base_cells(session, population)
    rows = rules.base_rows(
        structure, ((row.values, row.count, row.key_sum) for row in found)
    )
    table = protect(
        BaseCells.from_rows(structure, rows), structure, profile, table=noise
    )
    counted = Group(sum(row.count for row in found), sum(row.key_sum for row in found))
    whole = queries.eligible(session, population)
    coverage = protected_coverage(counted, whole, profile, noise)
    return _Made(table, coverage, counted)


def _manifest(
    node: Node, task: _Task, data: bytes, coverage: int | None, now: datetime
) -> ReleaseManifest:
    plan, period = task.payload, task.period
    built_at = now.replace(microsecond=0)  # as the wire has it
    return ReleaseManifest(
        signers=(Signer(node=node.origin, key_id=node.keys.documents.public.key_id),),
        publisher=node.origin,
        plan=task.plan.plan.document_id,
        agreement=task.plan.agreement_id,
        subject=plan.subject,
        dataflow=task.structure.urn,
        structure=task.structure.digest,
        ref_area=rules.ref_area(task.structure, node.origin),
        cohort_period=period.period,
        observation_period=period.period,
        cut_off=period.cut_off,
        consent_as_of=built_at,
        built_at=built_at,
        publication_at=max(period.publication, built_at),
        recipients=rules.recipients_of(plan, node.origin),
        basis=task.structure.basis,
        profile=plan.profile,
        perturbation_table=perturbation_table(plan.profile.perturbation),
        coverage=coverage,
        data=describe_data(data),
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


def _store(
    session: Session,
    row: ReleaseRow,
    task: _Task,
    population: queries.Population,
    counted: Group,
) -> None:
    structures.adopt(session, bundle_bytes(task.structure), row.built_at)
    queries.lock_releases(session)
    try:
        with savepoint(session):
            session.add(row)
            session.flush()
    except IntegrityError as error:  # another process has just issued it
        raise _issued_before(task) from error
    queries.record_members(session, population, row.sequence)
    written = queries.members_total(session, population, row.sequence)
    if written != counted:
        # Reading committed data twice can differ on PostgreSQL; the key sums tell.
        raise StateError(
            "records or consents changed during the build",
            next_step="Build again; nothing was issued.",
        )


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
        "digest": facts.release_id,
    }
    record_irrevocable(session, node, Irrevocable.RELEASE_BUILT, journalled, now)


def _preview(made: _Made) -> BuildPreview:
    cells = made.table.cells
    return BuildPreview(
        cells=len(cells),
        hidden=sum(cell.value is None for cell in cells),
        coverage=made.coverage,
    )


__all__ = [
    "BuildPreview",
    "BuiltRelease",
    "CityTable",
    "CountedIn",
    "Due",
    "ReleaseFacts",
    "build_release",
    "city_tables",
    "counted_in",
    "data_bytes",
    "due_builds",
    "export_bundle",
    "held_releases",
    "is_issued",
    "list_releases",
    "manifest_bytes",
    "manifest_of",
    "own_releases",
    "preview_release",
    "published_periods",
    "release",
    "store_pulled",
    "verify_bundle",
]
