"""Building releases, and everything that others may ask about them.

A release is built in three steps, so that nothing long runs in a transaction that writes:
`prepare` counts and protects, `pass_gate` lets the attackers try, `issue` counts again,
refuses if anything has changed, signs and stores. `build_release` does all in one
transaction, for small cities and tests.

An issued release is final: signed bytes with the learners who were counted in it, a row in
the usage log and an entry in the one-way journal. A period is issued once; what changes
later lands in the next one, because the difference of two tables names the person who left.
The one exception is a revision, under a plan of its own that all parties have signed.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.aggregates import queries, rules
from interurban_node.aggregates.calendars import (
    CalendarEntry,
    CalendarState,
    Due,
    calendar,
    due_builds,
    is_issued,
)
from interurban_node.aggregates.forecasts import (
    BuildPreview,
    CubeForecast,
    Forecast,
    GroupForecast,
    cubes_of,
)
from interurban_node.aggregates.gating import GateOptions, earlier_tables
from interurban_node.aggregates.holdings import (
    CityTable,
    CountedIn,
    ReleaseFacts,
    city_tables,
    counted_in,
    data_bytes,
    export_bundle,
    facts_of,
    gate_of,
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
from interurban_node.aggregates.issuing import (
    BuiltRelease,
    CohortRelease,
    Prepared,
    Reading,
    Values,
    check_not_issued,
    check_not_revised,
    first_issue,
    lock_releases,
    newest_issue,
    note_refusal,
    store,
)
from interurban_node.aggregates.manifests import Task
from interurban_node.aggregates.members import members_of
from interurban_node.agreements.service import PlanInForce
from interurban_node.attackers.gate import Examined, PassedGate, examine
from interurban_node.audit.service import check_not_recovering
from interurban_node.consent import service as consent
from interurban_node.core.context import Node
from interurban_node.core.database import savepoint
from interurban_node.core.errors import RefusedError, StateError
from interurban_node.core.learner_sets import LearnerSet
from interurban_node.registry.events import close_period, reopen_period
from interurban_node.registry.rules import record_key
from interurban_protocol.consent_records import Scope
from interurban_protocol.disclosure import (
    BaseCells,
    Group,
    ProtectedTable,
    explain,
    protect,
    protected_coverage,
    publish_sums,
)
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.protection_profiles import ProtectionProfile
from interurban_protocol.structures import Structure


def build_release(
    session: Session,
    node: Node,
    plan: PlanInForce,
    dataflow: str,
    period: str,
    now: datetime,
    gate: GateOptions | None = None,
) -> BuiltRelease:
    """Prepare, gate and issue in one transaction that writes; it is final.

    `period` is the one whose people are told of: of a cohort, the cohort's.

    Raises:
        RecoveringError, AlreadyDoneError, StateError, RefusedError: as `prepare`.
        UnsafeReleaseError: as `pass_gate`.
    """
    with savepoint(session):
        task = _task_to_build(session, node, plan, dataflow, period, now)
        close_period(session, task.structure.event, task.period, now)
        prepared = _prepared(session, node, task, now)
        passed = pass_gate(prepared, gate or gate_options(node))
        return store(session, node, prepared, passed, now)


def prepare(
    session: Session,
    node: Node,
    plan: PlanInForce,
    dataflow: str,
    period: str,
    now: datetime,
) -> Prepared:
    """Count and protect what the plan provides for; writes nothing.

    Steps: 1. not recovering, planned, past the cut-off; 2. not issued before, in the
    database or the journal; 3. a question covers purpose and recipients, where the basis is
    consent; 4. base cells, of those who consent at the cut-off and now; 5. protect.

    Raises:
        RecoveringError: the journal holds what the database does not know.
        AlreadyDoneError: the period was issued.
        StateError: before the cut-off.
        RefusedError: another recipient, no covering question, no release of the cohort, or
            values without a code.
    """
    task = _task_to_build(session, node, plan, dataflow, period, now)
    return _prepared(session, node, task, now)


def pass_gate(prepared: Prepared, options: GateOptions) -> PassedGate | None:
    """Let the attackers try what was prepared; None where nobody is in it. No database.

    Raises:
        UnsafeReleaseError: they got something, or ran out of time; with what would mend it.
    """
    if prepared.base is None:
        return None
    task = prepared.task
    profile = task.payload.profile
    examined = Examined(
        structure=task.structure,
        profile=profile,
        base=prepared.base,
        table=prepared.table,
        period=task.period,
        revises=task.replaces,
    )
    report = examine(
        examined,
        prepared.earlier,
        seed=options.seed,
        seconds=_gate_seconds(profile, options.seconds),
        timer=options.timer,
        progress=options.progress,
    )
    return report.pass_or_refuse(profile)


def _gate_seconds(profile: ProtectionProfile, wanted: float | None) -> float:
    """The time of the gate; never less than was agreed where it need not finish."""
    if wanted is None or (
        not profile.gate_must_finish and wanted < profile.gate_seconds
    ):
        return profile.gate_seconds
    return wanted


def gate_options(
    node: Node,
    seconds: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> GateOptions:
    """A gate with a seed of its own."""
    seed = node.identifiers.index(2**31)
    return GateOptions(seed=seed, seconds=seconds, progress=progress)


def issue(
    session: Session,
    node: Node,
    prepared: Prepared,
    passed: PassedGate | None,
    now: datetime,
) -> BuiltRelease:
    """Sign and keep what was prepared and has passed the gate; it is final.

    The period is closed first and counted again: from then on nothing can change it.

    Raises:
        RecoveringError, AlreadyDoneError: as `prepare`.
        StateError: records, consents or releases changed since it was prepared.
        RefusedError: the gate has not passed this table.
    """
    task = prepared.task
    check_not_recovering(session, node)
    with savepoint(session):
        if task.revision:
            check_not_revised(session, node, task)
            reopen_period(session, node, task.structure.event, task.period, now)
        else:
            check_not_issued(session, node, task)
        close_period(session, task.structure.event, task.period, now)
        _check_unchanged(session, node, prepared, now)
        return store(session, node, prepared, passed, now)


def _check_unchanged(
    session: Session, node: Node, prepared: Prepared, now: datetime
) -> None:
    """Refuse what is no longer what the gate has looked at, with no other build between.

    Raises:
        StateError: other people count, another release about them was issued, or the cohort
            was revised.
    """
    task = prepared.task
    lock_releases(session)
    earlier = earlier_tables(session, task.structure, task.period)
    is_unchanged = (
        _cohort(session, task) == prepared.cohort
        and [each.release_id for each in earlier]
        == [each.release_id for each in prepared.earlier]
        and _read(session, node, task, prepared.cohort, now) == prepared.reading
    )
    if not is_unchanged:
        raise StateError(
            "records, consents or releases changed during the build",
            next_step="Build again; nothing was issued.",
        )


def prepare_revision(
    session: Session, node: Node, plan: PlanInForce, dataflow: str, now: datetime
) -> Prepared:
    """Count a period once more under a revision plan, with fresh keys; writes nothing.

    What came late or was corrected since counts, and who withdrew does not. The whole
    release is replaced, once.

    Raises:
        RefusedError: the plan is no revision, or not of the plan under which the period was
            issued; a cohort's outcomes; fewer than ten members joined or left.
        AlreadyDoneError: it was revised before.
        NotFoundError: the period was never issued.
        RecoveringError, StateError: as `prepare`.
    """
    check_not_recovering(session, node)
    revised = rules.revision_of(plan.plan.payload)
    task = _task(node, plan, dataflow, revised.period)
    rules.check_cut_off(task.planned, now)
    first = first_issue(session, task)
    rules.check_may_be_revised(task.structure, first.plan, revised.replaces)
    rules.check_recipients(
        task.period,
        rules.recipients_of(task.payload, node.origin),
        facts_of(first).recipients,
    )
    task = replace(task, replaces=first.release_id)
    check_not_revised(session, node, task)
    trial = session.begin_nested()
    try:
        reopen_period(session, node, task.structure.event, task.period, now)
        prepared = _prepared(session, node, task, now)
    finally:
        trial.rollback()
    before, after = members_of(session, first.sequence), prepared.reading.members
    both = len(before & after)
    rules.check_enough_changes(joined=len(after) - both, left=len(before) - both)
    return prepared


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
        RefusedError: as `prepare`.
    """
    task = _task(node, plan, dataflow, period)
    return _prepared(session, node, task, now).preview


def forecast(
    session: Session,
    node: Node,
    plan: PlanInForce,
    dataflow: str,
    period: str,
    now: datetime,
) -> Forecast:
    """What a build would hide and why, and who says yes. For the operator only.

    Raises:
        RefusedError: as `prepare`.
    """
    task = _task(node, plan, dataflow, period)
    prepared = _prepared(session, node, task, now)
    profile = task.payload.profile
    noise = perturbation_table(profile.perturbation)
    splits = [split.id for split in task.structure.split_dimensions]
    cubes: tuple[CubeForecast, ...] = ()
    if prepared.base is not None:
        fates = explain(prepared.base, task.structure, profile, noise)
        cubes = cubes_of(prepared.table, fates, splits)
    return Forecast(
        preview=prepared.preview,
        counted=_counted(prepared.reading).learners,
        eligible=prepared.reading.eligible.learners,
        cubes=cubes,
        groups=_groups(session, node, prepared, now),
    )


# --- what is to be built


def _task(node: Node, plan: PlanInForce, dataflow: str, period: str) -> Task:
    payload = plan.plan.payload
    rules.check_publisher(payload, node.origin)
    structure = _planned_structure(plan, dataflow)
    observed = rules.observed_in(structure, period)
    return Task(
        plan=plan,
        structure=structure,
        planned=rules.planned_period(payload, observed),
        period=period,
    )


def _task_to_build(
    session: Session,
    node: Node,
    plan: PlanInForce,
    dataflow: str,
    period: str,
    now: datetime,
) -> Task:
    check_not_recovering(session, node)  # 1
    task = _task(node, plan, dataflow, period)
    rules.check_no_revision(plan.plan.payload)
    rules.check_cut_off(task.planned, now)
    check_not_issued(session, node, task)  # 2
    return task


def _planned_structure(plan: PlanInForce, dataflow: str) -> Structure:
    planned = {each.urn: each.structure for each in plan.plan.payload.dataflows}
    for structure in plan.structures:
        names = (structure.urn, structure.reference, structure.id)
        if dataflow in names and structure.digest == planned.get(structure.urn):
            return structure
    raise RefusedError(
        "the plan has no such dataflow",
        reasons=[f"the plan has {urn}" for urn in planned],
        next_step="Choose one of the plan's dataflows.",
    )


# --- counting and protecting


def _prepared(session: Session, node: Node, task: Task, now: datetime) -> Prepared:
    cohort = _cohort(session, task)
    reading = _read(session, node, task, cohort, now)
    base, table = _protected(task, reading)
    return Prepared(
        task=task,
        reading=reading,
        base=base,
        table=table,
        coverage=_coverage(task, reading),
        cohort=cohort,
        earlier=earlier_tables(session, task.structure, task.period),
    )


def _cohort(session: Session, task: Task) -> CohortRelease | None:
    series = rules.cohort_series(task.structure)
    row = None if series is None else newest_issue(session, series, task.period)
    return None if row is None else CohortRelease(row.sequence, row.release_id)


def _read(
    session: Session,
    node: Node,
    task: Task,
    cohort: CohortRelease | None,
    now: datetime,
) -> Reading:
    """What is counted now: people, or places."""
    if task.structure.basis == "non_personal":
        places = queries.offered_places(session, task.structure, task.period)
        rows = {values: (amount, 0) for values, amount in places}
        return Reading(rows, Group(0, 0), LearnerSet())
    population = _population(session, node, task, cohort, now)
    found = queries.count(session, population)
    rows = {row.values: (row.count, row.key_sum) for row in found.rows}
    if task.revision or task.structure.cohort is not None:
        rows = _with_other_keys(session, node, task, population)
    return Reading(rows, found.eligible, found.members)


def _population(
    session: Session,
    node: Node,
    task: Task,
    cohort: CohortRelease | None,
    now: datetime,
) -> queries.Population:
    return queries.Population(
        structure=task.structure,
        period=task.period,
        cut_off=min(task.planned.cut_off, now),  # a forecast looks at what is there
        questions=rules.questions_for(
            task.payload, task.structure, node.origin, _asked(session)
        ),
        now=now,
        cohort_sequence=None if cohort is None else cohort.sequence,
    )


def _asked(session: Session) -> list[rules.AskedQuestion]:
    return [
        rules.AskedQuestion(view.question_id, view.purpose, frozenset(view.recipients))
        for view in consent.current_questions(session, Scope.AGGREGATES)
    ]


def _with_other_keys(
    session: Session, node: Node, task: Task, population: queries.Population
) -> dict[Values, tuple[int, int]]:
    """The rows with other keys than those of the release that people stand in already.

    A revision has keys of its own. A cohort seen again has those of the quarter in which it
    is seen: with the cohort's own, an equal value would say that everybody of the group is
    in it.
    """
    salt = task.planned.period
    if task.revision:
        salt = f"{task.period} revision {task.revision}"
    keys: dict[Values, list[int]] = defaultdict(list)
    for learner_ref, values in queries.people(session, population):
        keys[values].append(record_key(node.keys.record, salt, learner_ref))
    return {values: (len(found), sum(found)) for values, found in keys.items()}


def _protected(task: Task, reading: Reading) -> tuple[BaseCells | None, ProtectedTable]:
    structure, profile = task.structure, task.payload.profile
    rows = rules.base_rows(
        structure, [(values, *sums) for values, sums in reading.rows.items()]
    )
    if structure.basis == "non_personal":
        amounts = [(codes, amount) for codes, amount, _ in rows]
        return None, publish_sums(structure, profile, amounts)
    base = BaseCells.from_rows(structure, rows)
    noise = perturbation_table(profile.perturbation)
    return base, protect(base, structure, profile, noise)


def _coverage(task: Task, reading: Reading) -> int | None:
    if task.structure.basis != "consent":
        return None
    profile = task.payload.profile
    noise = perturbation_table(profile.perturbation)
    return protected_coverage(_counted(reading), reading.eligible, profile, noise)


def _counted(reading: Reading) -> Group:
    sums = reading.rows.values()
    return Group(sum(count for count, _ in sums), sum(key for _, key in sums))


def _groups(
    session: Session, node: Node, prepared: Prepared, now: datetime
) -> tuple[GroupForecast, ...]:
    """How many of each group say yes, where anybody is asked."""
    task = prepared.task
    if task.structure.basis != "consent":
        return ()
    population = _population(session, node, task, prepared.cohort, now)
    return tuple(
        GroupForecast(dimension=split.id, **found._asdict())
        for split in task.structure.split_dimensions
        for found in queries.eligible_by(session, population, split.source or "")
    )


__all__ = [
    "BuildPreview",
    "BuiltRelease",
    "CalendarEntry",
    "CalendarState",
    "CityTable",
    "CountedIn",
    "CubeForecast",
    "Due",
    "Forecast",
    "GateOptions",
    "GroupForecast",
    "Prepared",
    "ReleaseFacts",
    "build_release",
    "calendar",
    "city_tables",
    "counted_in",
    "data_bytes",
    "due_builds",
    "export_bundle",
    "forecast",
    "gate_of",
    "gate_options",
    "held_releases",
    "is_issued",
    "issue",
    "list_releases",
    "manifest_bytes",
    "manifest_of",
    "note_refusal",
    "own_releases",
    "pass_gate",
    "prepare",
    "prepare_revision",
    "preview_release",
    "published_periods",
    "release",
    "store_pulled",
    "verify_bundle",
]
