"""Building a release once, keeping it unchanged, and giving its bytes only against a log row.

A build is one transaction: who is counted, the protected table, the signed manifest, the
usage row and the entry in the one-way journal. A period is issued once; what changes later
lands in the next one, because the difference of two tables names the person who left.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from interurban_node.aggregates import queries, rules
from interurban_node.aggregates.models import (
    PulledReleaseRow,
    ReleaseMemberRow,
    ReleaseRow,
)
from interurban_node.agreements import service as agreements
from interurban_node.agreements.service import PlanInForce
from interurban_node.audit.service import (
    Grade,
    UsageEntry,
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
from interurban_protocol.encoding import format_time
from interurban_protocol.errors import ChainError, VerificationError
from interurban_protocol.keys import KeySet
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import (
    PlannedPeriod,
    ProtectionProfile,
    ReleasePlan,
)
from interurban_protocol.releases import (
    ReleasedTable,
    ReleaseManifest,
    VerifiedRelease,
    check_follows_plan,
    describe_data,
    open_bundle,
    parse_data,
    release_bundle,
    verify_release,
    write_data,
)
from interurban_protocol.signed_documents import (
    Signer,
    open_document,
    read_payload,
    start_document,
)
from interurban_protocol.structures import (
    TOTAL,
    Structure,
    bundle_bytes,
    parse_structure,
)

MAX_PURPOSE = 120  # characters of a usage row


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """What may be told of one of this node's releases without sending it."""

    sequence: int
    release_id: str
    plan: str
    agreement: str
    subject: str
    dataflow: str
    period: str
    revision: int
    structure: str
    recipients: tuple[str, ...]
    purposes: tuple[str, ...]
    built_at: datetime
    publication_at: datetime  # no recipient is given a byte before

    @property
    def purpose(self) -> str:
        """The purposes as one text, as the usage log has room for it."""
        return ", ".join(self.purposes)[:MAX_PURPOSE]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedIn:
    """One release that a learner was counted in, as the learner may see it."""

    release_id: str
    dataflow_name: Mapping[str, str]
    period: str
    group_size_shown: int | None  # the published total; None: a small group
    recipients: tuple[str, ...]
    built_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """A release that a plan in force asks this node to build."""

    plan: PlanInForce
    dataflow: str
    period: str


@dataclass(frozen=True, slots=True)
class CityTable:
    """A published release of one city, own or pulled, ready for reading."""

    release_id: str
    manifest: ReleaseManifest
    table: ReleasedTable


@dataclass(frozen=True, slots=True)
class _Task:
    """A build that the plan allows, with everything that it needs."""

    plan: PlanInForce
    structure: Structure
    period: PlannedPeriod
    population: queries.Population

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
    task = _task(session, node, plan, dataflow, period, now)  # 3
    rules.check_cut_off(task.period, now)
    _check_not_issued(session, node, task)  # 2
    made = _make(session, task)  # 4, 5
    area = rules.ref_area(task.structure, node.origin)
    data = write_data(made.table, task.structure, area, period)
    manifest = _manifest(node, task, data, made.coverage, now)
    check_follows_plan(manifest, plan.plan)
    document = start_document(manifest, node.keys.documents)  # 6
    row = _release_row(manifest, document, data, made.table)
    row.purposes = json.dumps(task.payload.purposes)
    _store(session, row, task, made.counted)  # 7
    facts = _facts(row)
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
    return _preview(_make(session, _task(session, node, plan, dataflow, period, now)))


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
            next_step="`interurban agreement list` shows what is in force.",
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


def list_releases(session: Session, after: int, recipient: str) -> list[ReleaseFacts]:
    """The releases for `recipient` with a sequence above `after`, in order.

    Those whose publication lies ahead are among them: a reader that moves its own `after`
    must not move it past one that it could not fetch yet.
    """
    rows = session.scalars(
        sa.select(ReleaseRow)
        .where(ReleaseRow.sequence > after)
        .order_by(ReleaseRow.sequence)
    )
    found = [_facts(row) for row in rows]
    return [facts for facts in found if recipient in facts.recipients]


def own_releases(session: Session) -> list[ReleaseFacts]:
    """Every release of this node, newest first; for its operator."""
    rows = session.scalars(sa.select(ReleaseRow).order_by(ReleaseRow.sequence.desc()))
    return [_facts(row) for row in rows]


def release(session: Session, release_id: str) -> ReleaseFacts:
    """One release of this node.

    Raises:
        NotFoundError: there is none of that id.
    """
    return _facts(_row(session, release_id))


def manifest_of(session: Session, release_id: str) -> ReleaseManifest:
    """What the manifest of one of this node's releases says, for showing it here.

    Raises:
        NotFoundError: there is none of that id.
    """
    return _payload(_row(session, release_id).manifest)


def manifest_bytes(session: Session, entry: UsageEntry, release_id: str) -> bytes:
    """The manifest document, for the sending that `entry` has logged.

    Raises:
        NotFoundError: there is no such release.
        RefusedError: the log row is about something else, or it is not published yet.
    """
    return _logged_row(session, entry, release_id).manifest


def data_bytes(session: Session, entry: UsageEntry, release_id: str) -> bytes:
    """The data file, for the sending that `entry` has logged.

    Raises:
        NotFoundError, RefusedError: as `manifest_bytes`.
    """
    return _logged_row(session, entry, release_id).data


def export_bundle(
    session: Session, node: Node, release_id: str, now: datetime
) -> bytes:
    """One file with the whole release for handing over; logged like every sending.

    Raises:
        NotFoundError: there is no such release.
        RefusedError: it is not published yet.
    """
    facts = release(session, release_id)
    entry = record_use(
        session,
        Use(
            kind=UseKind.RELEASE_SENT,
            purpose=facts.purpose,
            recipient=node.origin,
            grade=Grade.OWN,
            agreement=facts.agreement,
            release_id=release_id,
        ),
        now,
    )
    return release_bundle(
        manifest_bytes(session, entry, release_id),
        data_bytes(session, entry, release_id),
        structures.bundle(session, facts.structure),
    )


def verify_bundle(
    bundle: bytes, *, keys: Mapping[str, KeySet], at: datetime
) -> VerifiedRelease:
    """The release in a file, verified offline with the keys at hand.

    Raises:
        ProtocolError: it is not valid; the subclass and message say why.
    """
    parts = open_bundle(bundle)
    return verify_release(
        parts.manifest,
        parts.data,
        structure=parse_structure(parts.structure),
        keys=keys,
        at=at,
    )


def store_pulled(session: Session, verified: VerifiedRelease, now: datetime) -> bool:
    """Keep a partner's release, its structure too; False if it was held already.

    Raises:
        ChainError: the publisher issued the period before, with another content.
        VerificationError: the release claims an area that is another city's.
    """
    manifest = verified.manifest
    if session.get(PulledReleaseRow, verified.release_id) is not None:
        return False
    _check_area(verified.table.structure, manifest)
    series = rules.series_of(manifest.dataflow)
    if _pulled_before(session, series, manifest):
        raise ChainError(
            f"{manifest.publisher} issued {manifest.cohort_period} before, with another "
            "content",
            next_step="Keep the first release and ask the publisher why there are two.",
        )
    structures.adopt(session, bundle_bytes(verified.table.structure), now)
    session.add(_pulled_row(verified, series, now))
    session.flush()
    return True


def held_releases(session: Session, publisher: str) -> frozenset[str]:
    """The ids of the releases of a partner that are kept here."""
    return frozenset(
        session.scalars(
            sa.select(PulledReleaseRow.release_id).where(
                PulledReleaseRow.publisher == publisher
            )
        )
    )


def counted_in(session: Session, learner_ref: str) -> list[CountedIn]:
    """The releases that a learner was counted in, newest first, in published words."""
    rows = session.scalars(
        sa.select(ReleaseRow)
        .join(ReleaseMemberRow, ReleaseMemberRow.sequence == ReleaseRow.sequence)
        .where(ReleaseMemberRow.learner_ref == learner_ref)
        .order_by(ReleaseRow.sequence.desc())
    )
    return [
        CountedIn(
            release_id=row.release_id,
            dataflow_name=structures.structure(session, row.structure).names,
            period=row.period,
            group_size_shown=row.total_shown,
            recipients=_recipients(row),
            built_at=row.built_at,
        )
        for row in rows
    ]


def published_periods(session: Session, now: datetime) -> Mapping[str, tuple[str, ...]]:
    """The dataflows with a published release, own or pulled, and their periods in order."""
    own = sa.select(ReleaseRow.dataflow, ReleaseRow.period).where(
        ReleaseRow.publication_at <= now
    )
    pulled = sa.select(PulledReleaseRow.dataflow, PulledReleaseRow.period)
    found: dict[str, set[str]] = {}
    for dataflow, period in session.execute(own.union(pulled)):
        found.setdefault(dataflow, set()).add(period)
    return {dataflow: tuple(sorted(found[dataflow])) for dataflow in sorted(found)}


def city_tables(
    session: Session, dataflow: str, period: str, now: datetime
) -> list[CityTable]:
    """The published releases of a dataflow and period, own and pulled, by publisher."""
    own = session.scalars(
        sa.select(ReleaseRow).where(
            ReleaseRow.dataflow == dataflow,
            ReleaseRow.period == period,
            ReleaseRow.publication_at <= now,
        )
    )
    pulled = session.scalars(
        sa.select(PulledReleaseRow).where(
            PulledReleaseRow.dataflow == dataflow, PulledReleaseRow.period == period
        )
    )
    found = [_city_table(session, row) for row in (*own, *pulled)]
    return sorted(found, key=lambda each: each.manifest.publisher)


# --- building


def _task(
    session: Session,
    node: Node,
    plan: PlanInForce,
    dataflow: str,
    period: str,
    now: datetime,
) -> _Task:
    payload = plan.plan.payload
    rules.check_publisher(payload, node.origin)
    structure = _planned_structure(plan, dataflow)
    rules.check_basis(structure)
    planned = rules.planned_period(payload, period)
    questions = rules.covering_questions(payload, node.origin, _asked(session))
    population = queries.Population(
        structure=structure,
        period=period,
        cut_off=min(planned.cut_off, now),  # a forecast looks at what is there today
        questions=questions,
        now=now,
    )
    return _Task(plan, structure, planned, population)


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
        rules.check_recipients(period, wanted, _recipients(row))
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


def _make(session: Session, task: _Task) -> _Made:
    profile, structure = task.payload.profile, task.structure
    noise = perturbation_table(profile.perturbation)
    found = queries.base_cells(session, task.population)
    rows = rules.base_rows(
        structure, ((row.values, row.count, row.key_sum) for row in found)
    )
    table = protect(
        BaseCells.from_rows(structure, rows), structure, profile, table=noise
    )
    counted = Group(sum(row.count for row in found), sum(row.key_sum for row in found))
    whole = queries.eligible(session, task.population)
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
    manifest: ReleaseManifest, document: bytes, data: bytes, table: ProtectedTable
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
        built_at=manifest.built_at,
        publication_at=manifest.publication_at,
        total_shown=_total_shown(table),
        manifest=document,
        data=data,
    )


def _total_shown(table: ProtectedTable) -> int | None:
    total = table.cells[0]  # the lattice begins with it
    return total.value if set(total.codes) <= {TOTAL} else None


def _store(session: Session, row: ReleaseRow, task: _Task, counted: Group) -> None:
    structures.adopt(session, bundle_bytes(task.structure), row.built_at)
    try:
        with savepoint(session):
            session.add(row)
            session.flush()
    except IntegrityError as error:  # another process has just issued it
        raise _issued_before(task) from error
    queries.record_members(session, task.population, row.sequence)
    written = queries.members_total(session, task.population, row.sequence)
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


# --- reading


def _row(session: Session, release_id: str) -> ReleaseRow:
    row = session.scalar(
        sa.select(ReleaseRow).where(ReleaseRow.release_id == release_id)
    )
    if row is None:
        raise NotFoundError("there is no release of that id")
    return row


def _logged_row(session: Session, entry: UsageEntry, release_id: str) -> ReleaseRow:
    row = _row(session, release_id)
    use = entry.use
    if use.release_id != release_id or use.kind is not UseKind.RELEASE_SENT:
        raise RefusedError("the log row is not about sending this release")
    if entry.at < row.publication_at:
        raise RefusedError(
            f"the release is published at {format_time(row.publication_at)}",
            next_step="Ask again after the publication.",
        )
    return row


def _facts(row: ReleaseRow) -> ReleaseFacts:
    return ReleaseFacts(
        sequence=row.sequence,
        release_id=row.release_id,
        plan=row.plan,
        agreement=row.agreement,
        subject=row.subject,
        dataflow=row.dataflow,
        period=row.period,
        revision=row.revision,
        structure=row.structure,
        recipients=_recipients(row),
        purposes=tuple(json.loads(row.purposes)),
        built_at=row.built_at,
        publication_at=row.publication_at,
    )


def _recipients(row: ReleaseRow) -> tuple[str, ...]:
    return tuple(json.loads(row.recipients))


def _payload(document: bytes) -> ReleaseManifest:
    # Signed by this node or verified before it was stored.
    return read_payload(open_document(document), ReleaseManifest)


def _check_area(structure: Structure, manifest: ReleaseManifest) -> None:
    listed = {area.value: area.id for area in structure.codes("REF_AREA")}
    if listed.get(manifest.publisher, manifest.ref_area) != manifest.ref_area:
        raise VerificationError("the release claims another area than its publisher's")


def _pulled_before(
    session: Session, series: str, manifest: ReleaseManifest
) -> str | None:
    return session.scalar(
        sa.select(PulledReleaseRow.release_id).where(
            PulledReleaseRow.publisher == manifest.publisher,
            PulledReleaseRow.series == series,
            PulledReleaseRow.period == manifest.cohort_period,
            PulledReleaseRow.revision == manifest.revision,
        )
    )


def _pulled_row(
    verified: VerifiedRelease, series: str, now: datetime
) -> PulledReleaseRow:
    manifest = verified.manifest
    return PulledReleaseRow(
        release_id=verified.release_id,
        publisher=manifest.publisher,
        plan=manifest.plan,
        dataflow=manifest.dataflow,
        series=series,
        period=manifest.cohort_period,
        revision=manifest.revision,
        structure=manifest.structure,
        manifest=verified.document.document,
        data=verified.data,
        verified_at=now,
        pulled_at=now,
    )


def _city_table(session: Session, row: ReleaseRow | PulledReleaseRow) -> CityTable:
    manifest = _payload(row.manifest)
    bundle = structures.bundle(session, row.structure)
    table = _read_table(row.data, bundle, manifest.profile.to_json())
    return CityTable(row.release_id, manifest, table)


@lru_cache(maxsize=24)  # the tables of one page; the largest has some 100,000 cells
def _read_table(data: bytes, bundle: bytes, profile: bytes) -> ReleasedTable:
    return parse_data(
        data, parse_structure(bundle), ProtectionProfile.from_json(profile)
    )
