"""Prepare, gate, issue: what happens in between changes nothing that is signed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates import building, service
from interurban_node.aggregates.models import RefusedBuildRow, ReleaseRow
from interurban_node.attackers.gate import UnsafeReleaseError
from interurban_node.consent.models import GrantRow
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    AlreadyDoneError,
    NotFoundError,
    RefusedError,
    StateError,
)
from interurban_node.registry.events import (
    closed_periods,
    recount,
    refresh_grievances,
)
from interurban_node.registry.models import EnrolmentRow
from interurban_protocol.consent_records import ConsentState
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import parse_data
from tests.support.builds import (
    COHORT_PERIOD,
    EARLY,
    cohort_periods,
    end_courses,
    exits_structure,
    file_grievances,
    gate,
    give_jobs,
    jobs_structure,
    offer_places,
    passed_for,
    places_structure,
    prepared_for,
)
from tests.support.counting import (
    BEFORE,
    NEXT_PERIOD,
    NOW,
    PERIOD,
    Learner,
    a_build,
    a_city_with_learners,
    a_plan_in_force,
    a_small_structure,
    in_period,
    members_of_releases,
    register,
    some_learners,
)
from tests.support.learners import ask, say
from tests.support.nodes import Moment
from tests.support.outcomes import standard_structures
from tests.support.statistics import DEFAULT, a_period

SOON = NOW + timedelta(minutes=10)
UNSAFE = some_learners(200, seed=3)  # their tables leave too little open


def releases(session: Session) -> list[ReleaseRow]:
    return list(session.scalars(sa.select(ReleaseRow)))


# --- the three steps


def test_three_steps_make_the_release_that_one_step_makes(
    node: Node, session: Session
) -> None:
    plan = a_city_with_learners(session, node, some_learners(300))
    prepared = prepared_for(session, node, plan)
    assert releases(session) == []
    passed = passed_for(prepared)
    built = service.issue(session, node, prepared, passed, SOON)
    (row,) = releases(session)
    assert built.facts.release_id == row.release_id
    assert built.preview == prepared.preview
    manifest = service.manifest_of(session, row.release_id)
    assert (manifest.consent_as_of, manifest.built_at) == (SOON, SOON)
    assert members_of_releases(session) == {
        each.ref for each in some_learners(300) if each.yes_from is not None
    }


def a_late_row(session: Session, node: Node, question: str) -> None:
    register(session, [Learner(ref="X1", key=5)], [question])


def a_late_row_of_somebody_who_said_no(session: Session, node: Node, _: str) -> None:
    register(session, [Learner(ref="X1", key=5, yes_from=None)])


def a_withdrawal(session: Session, node: Node, question: str) -> None:
    say(session, node, question, ConsentState.WITHDRAWN, SOON, learner="W1")


def a_correction(session: Session, node: Node, _: str) -> None:
    session.execute(
        sa.update(EnrolmentRow)
        .where(EnrolmentRow.learner_ref == "W1")
        .values(outcome="NCM")
    )
    recount(session, ["W1"], lambda *_: 77)  # as a sync does


@pytest.mark.parametrize(
    "change",
    [a_late_row, a_late_row_of_somebody_who_said_no, a_withdrawal, a_correction],
)
def test_what_changes_before_the_signature_stops_the_build(
    node: Node, session: Session, change: Callable[[Session, Node, str], None]
) -> None:
    question = ask(session, node, BEFORE)
    register(session, some_learners(300), [question])
    register(session, [Learner(ref="W1", key=77, yes_from=None)])
    say(session, node, question, ConsentState.GIVEN, BEFORE, learner="W1")
    plan = a_plan_in_force(session, node)
    prepared = prepared_for(session, node, plan)
    passed = passed_for(prepared)
    change(session, node, question)
    with pytest.raises(StateError, match="changed during the build"):
        service.issue(session, node, prepared, passed, SOON + timedelta(seconds=1))
    assert releases(session) == []
    assert closed_periods(session) == frozenset()


@pytest.mark.parametrize(
    "change",
    [a_late_row, a_late_row_of_somebody_who_said_no, a_withdrawal, a_correction],
)
def test_what_changes_after_the_issue_changes_nothing_and_opens_nothing(
    node: Node, session: Session, change: Callable[[Session, Node, str], None]
) -> None:
    question = ask(session, node, BEFORE)
    register(session, some_learners(300), [question])
    register(session, [Learner(ref="W1", key=77, yes_from=None)])
    say(session, node, question, ConsentState.GIVEN, BEFORE, learner="W1")
    plan = a_plan_in_force(session, node)
    a_build(session, node, plan)
    (row,) = releases(session)
    before = (row.manifest, row.data, members_of_releases(session))
    change(session, node, question)
    with pytest.raises(AlreadyDoneError):
        prepared_for(session, node, plan, now=SOON)
    session.expire_all()
    assert (row.manifest, row.data, members_of_releases(session)) == before


def test_a_prepared_release_is_issued_once(node: Node, session: Session) -> None:
    plan = a_city_with_learners(session, node, some_learners(300))
    first, second = (prepared_for(session, node, plan) for _ in range(2))
    service.issue(session, node, first, passed_for(first), SOON)
    with pytest.raises(AlreadyDoneError):
        service.issue(session, node, second, passed_for(second), SOON)
    assert len(releases(session)) == 1


def test_the_period_is_closed_with_the_issue_and_a_late_row_counts_in_the_next(
    node: Node, session: Session
) -> None:
    question = ask(session, node, BEFORE)
    register(session, some_learners(300), [question])
    plan = a_plan_in_force(session, node)
    a_build(session, node, plan)
    assert closed_periods(session) == {("enrolment.started", PERIOD)}
    moved = in_period(some_learners(60, seed=2, prefix="N"), date(2026, 2, 3))
    register(session, [*moved, Learner(ref="LATE", key=9)], [question])
    a_build(session, node, plan, NEXT_PERIOD, now=a_period(NEXT_PERIOD).cut_off)
    assert "LATE" in members_of_releases(session)


def test_of_two_builds_over_the_same_people_the_second_looks_at_the_first(
    node: Node, session: Session
) -> None:
    tables = a_small_structure()
    other = replace(tables, id="STARTS")
    question = ask(session, node, BEFORE)
    register(session, some_learners(300), [question])
    plan = a_plan_in_force(session, node)
    twin = a_plan_in_force(session, node, other)
    first, second = (prepared_for(session, node, each) for each in (plan, twin))
    gates = passed_for(first), passed_for(second)
    service.issue(session, node, first, gates[0], SOON)
    with pytest.raises(StateError, match="releases changed during the build"):
        service.issue(session, node, second, gates[1], SOON)
    assert len(releases(session)) == 1


@pytest.mark.parametrize(
    ("must_finish", "wanted", "given"),
    [
        (True, None, 600),
        (True, 5.0, 5.0),  # what is not examined then is not signed
        (True, 900.0, 900.0),
        (False, 5.0, 600),
        (False, 900.0, 900.0),
    ],
)
def test_the_gate_has_at_least_the_time_that_was_agreed_where_it_need_not_finish(
    must_finish: bool, wanted: float | None, given: float
) -> None:
    profile = ProtectionProfile(gate_must_finish=must_finish)
    assert service._gate_seconds(profile, wanted) == given


# --- the gate


def test_a_release_that_says_too_much_is_not_signed(
    node: Node, session: Session
) -> None:
    plan = a_city_with_learners(session, node, UNSAFE)
    with pytest.raises(UnsafeReleaseError) as refused:
        service.build_release(
            session, node, plan, a_small_structure().urn, PERIOD, NOW, gate()
        )
    assert "mend: " in refused.value.reasons[0]
    assert "PROGRAMME=" in refused.value.reasons[0]
    assert releases(session) == []
    assert closed_periods(session) == frozenset()


def test_what_the_gate_says_would_mend_it_does(node: Node, session: Session) -> None:
    strict = ProtectionProfile(threshold=15)
    register(session, UNSAFE, [ask(session, node, BEFORE)])
    with pytest.raises(UnsafeReleaseError, match="cells") as refused:
        a_build(session, node, a_plan_in_force(session, node))
    assert "threshold 15 in the profile" in refused.value.reasons[0]
    a_build(session, node, a_plan_in_force(session, node, profile=strict))


def test_a_table_that_no_attacker_has_tried_is_not_signed(
    node: Node, session: Session
) -> None:
    plan = a_city_with_learners(session, node, some_learners(300))
    prepared = prepared_for(session, node, plan)
    with pytest.raises(RefusedError, match="no attacker has tried"):
        service.issue(session, node, prepared, None, SOON)


def test_the_gate_of_another_table_does_not_count(node: Node, session: Session) -> None:
    plan = a_city_with_learners(session, node, some_learners(300))
    first, second = (prepared_for(session, node, plan) for _ in range(2))
    with pytest.raises(RefusedError, match="no attacker has tried"):
        service.issue(session, node, first, passed_for(second), SOON)


def test_a_gate_without_time_signs_only_where_the_profile_lets_it(
    node: Node, session: Session
) -> None:
    register(session, some_learners(300), [ask(session, node, BEFORE)])
    lax = ProtectionProfile(gate_must_finish=False)
    strict_plan, lax_plan = (
        a_plan_in_force(session, node, profile=profile) for profile in (DEFAULT, lax)
    )
    with pytest.raises(UnsafeReleaseError, match="examined 0 of"):
        service.pass_gate(prepared_for(session, node, strict_plan), gate(0))
    prepared = prepared_for(session, node, lax_plan)
    at_once = replace(gate(), timer=count(0, 1000).__next__)  # the time is over
    passed = service.pass_gate(prepared, at_once)
    built = service.issue(session, node, prepared, passed, SOON)
    kept = service.gate_of(session, built.facts.release_id)
    assert (kept["examined"], kept["finished"]) == (0, False)


def test_the_gates_summary_is_kept_and_names_no_cell(
    node: Node, session: Session
) -> None:
    plan = a_city_with_learners(session, node, some_learners(300))
    built = service.build_release(
        session, node, plan, a_small_structure().urn, PERIOD, NOW, gate()
    )
    kept = service.gate_of(session, built.facts.release_id)
    assert kept["seed"] == 7
    assert kept["examined"] == kept["targets"]
    assert set(kept) == {
        "targets",
        "examined",
        "finished",
        "findings",
        "left_out",
        "seconds",
        "seed",
    }
    with pytest.raises(NotFoundError):
        service.gate_of(session, "sha256:" + "0" * 64)


def test_a_refusal_of_the_gate_is_remembered_until_the_release_is_built(
    node: Node, moment: Moment
) -> None:
    with node.database.transaction() as session:
        plan = a_city_with_learners(session, node, UNSAFE)
    due = service.Due(plan, a_small_structure().urn, PERIOD)
    with pytest.raises(UnsafeReleaseError):
        building.build_due(node, due, seconds=60)
    with node.database.transaction() as session:
        (row,) = session.scalars(sa.select(RefusedBuildRow))
        assert "PROGRAMME" not in row.fact
        strict = a_plan_in_force(
            session, node, profile=ProtectionProfile(threshold=15), now=moment.now
        )
    steps: list[str] = []
    watch = building.Watch(step=steps.append)
    done = building.build_due(node, replace(due, plan=strict), seconds=60, watch=watch)
    assert len(steps) == 3
    assert done.passed is not None
    with node.database.transaction() as session:
        assert session.scalars(sa.select(RefusedBuildRow)).all() == []
        assert [row.release_id for row in releases(session)] == [
            done.built.facts.release_id
        ]


# --- other bases


def test_a_public_task_counts_everybody_asks_nobody_and_has_no_coverage(
    node: Node, session: Session
) -> None:
    learners = some_learners(300)
    register(session, learners)
    structure = replace(a_small_structure(), basis="public_task")
    built = a_build(session, node, a_plan_in_force(session, node, structure))
    manifest = service.manifest_of(session, built.facts.release_id)
    assert (manifest.basis, manifest.coverage) == ("public_task", None)
    assert members_of_releases(session) == {each.ref for each in learners}


def test_grievances_are_protected_although_nobody_is_asked(
    node: Node, session: Session
) -> None:
    structure = standard_structures()["GRIEVANCES"]
    file_grievances(session, node, 40, date(2025, 11, 3))
    refresh_grievances(session, node, NOW)
    built = a_build(session, node, a_plan_in_force(session, node, structure))
    (row,) = releases(session)
    table = parse_data(row.data, structure, DEFAULT)
    assert abs((table.value() or 0) - 40) <= 5
    assert built.preview.hidden > 0
    assert built.preview.coverage is None


def test_places_are_exact_sums_without_gate_members_or_coverage(
    node: Node, session: Session
) -> None:
    structure = places_structure()
    offer_places(session, "P1", date(2025, 10, 6), 7)
    offer_places(session, "P1", date(2025, 11, 3), 5)
    offer_places(session, "P2", date(2026, 1, 12), 30)
    plan = a_plan_in_force(session, node, structure)
    prepared = prepared_for(session, node, plan)
    assert passed_for(prepared) is None
    built = service.issue(session, node, prepared, None, SOON)
    (row,) = releases(session)
    table = parse_data(row.data, structure, DEFAULT)
    assert (
        table.value(),
        table.value(PROGRAMME="P1"),
        table.value(PROGRAMME="P2"),
    ) == (
        12,
        12,
        0,
    )
    assert members_of_releases(session) == set()
    assert service.gate_of(session, built.facts.release_id) == {}
    assert service.manifest_of(session, built.facts.release_id).coverage is None


# --- later outcomes of a cohort


def a_cohort(session: Session, node: Node) -> tuple[list[Learner], str]:
    learners = in_period(some_learners(400), EARLY)
    question = ask(session, node, BEFORE - timedelta(days=300))
    asked = [
        replace(each, yes_from=each.yes_from and BEFORE - timedelta(days=200))
        for each in learners
    ]
    register(session, asked, [question])
    end_courses(session, asked, date(2025, 5, 12))
    return asked, question


def test_later_outcomes_are_counted_among_the_people_of_the_stored_release(
    node: Node, session: Session
) -> None:
    learners, question = a_cohort(session, node)
    stranger = replace(in_period(some_learners(1), EARLY)[0], ref="STRANGER", key=3)
    plan = a_plan_in_force(session, node, exits_structure(), periods=cohort_periods())
    first = a_build(session, node, plan, COHORT_PERIOD)
    counted = members_of_releases(session)
    assert len(counted) > 200
    register(session, [stranger], [question])
    end_courses(session, [stranger], date(2025, 5, 13))  # too late for the cohort
    employed = [each for each in learners if each.ref.endswith(("0", "1", "2", "5"))]
    give_jobs(session, [*employed, stranger], date(2025, 9, 1))
    later = a_plan_in_force(session, node, jobs_structure(), periods=cohort_periods())
    built = a_build(session, node, later, COHORT_PERIOD)
    manifest = service.manifest_of(session, built.facts.release_id)
    assert (manifest.cohort_period, manifest.observation_period) == (
        COHORT_PERIOD,
        PERIOD,
    )
    assert manifest.cohort_release == first.facts.release_id
    assert manifest.cut_off == a_period(PERIOD).cut_off
    row = releases(session)[-1]
    table = parse_data(row.data, jobs_structure(), DEFAULT)
    expected = len({each.ref for each in employed} & counted)
    assert abs((table.value() or 0) - expected) <= 5
    assert table.time_period == COHORT_PERIOD


def test_a_leaver_is_missing_from_later_outcomes_and_not_from_the_cohort(
    node: Node, session: Session
) -> None:
    learners, _ = a_cohort(session, node)
    plan = a_plan_in_force(session, node, exits_structure(), periods=cohort_periods())
    a_build(session, node, plan, COHORT_PERIOD)
    give_jobs(session, learners, date(2025, 9, 1))
    before = members_of_releases(session)
    gone = min(before)
    session.execute(
        sa.update(GrantRow).where(GrantRow.learner_ref == gone).values(ended_at=NOW)
    )
    later = a_plan_in_force(session, node, jobs_structure(), periods=cohort_periods())
    urn = jobs_structure().urn
    prepared = service.prepare(session, node, later, urn, COHORT_PERIOD, SOON)
    assert len(prepared.reading.members) == len(before) - 1
    assert members_of_releases(session) == before


def test_without_the_release_of_the_cohort_there_are_no_later_outcomes(
    node: Node, session: Session
) -> None:
    learners, _ = a_cohort(session, node)
    give_jobs(session, learners, date(2025, 9, 1))
    plan = a_plan_in_force(session, node, jobs_structure(), periods=cohort_periods())
    with pytest.raises(RefusedError, match="the release of the cohort is not there"):
        a_build(session, node, plan, COHORT_PERIOD)


def test_later_outcomes_wait_for_the_cut_off_of_the_quarter_of_looking(
    node: Node, session: Session
) -> None:
    a_cohort(session, node)
    plan = a_plan_in_force(session, node, exits_structure(), periods=cohort_periods())
    a_build(session, node, plan, COHORT_PERIOD)
    later = a_plan_in_force(session, node, jobs_structure(), periods=cohort_periods())
    early = a_period(PERIOD).cut_off - timedelta(seconds=1)
    with pytest.raises(StateError, match=f"the cut-off of {PERIOD}"):
        a_build(session, node, later, COHORT_PERIOD, now=early)


def test_a_cohort_whose_later_quarter_is_not_planned_is_refused(
    node: Node, session: Session
) -> None:
    a_cohort(session, node)
    plan = a_plan_in_force(session, node, jobs_structure(), periods=cohort_periods())
    with pytest.raises(RefusedError, match="calendar does not have this period"):
        a_build(session, node, plan, PERIOD)


# --- earlier releases


def test_another_dataflow_over_the_same_people_agrees_with_the_first(
    node: Node, session: Session
) -> None:
    plan = a_city_with_learners(session, node, some_learners(300))
    a_build(session, node, plan)
    other = replace(a_small_structure(), id="OTHER")
    second = a_plan_in_force(session, node, other)
    prepared = prepared_for(session, node, second)
    assert [each.relation for each in prepared.earlier] == ["same-people"]
    service.issue(session, node, prepared, passed_for(prepared), SOON)
    first_row, second_row = releases(session)
    tables = [
        parse_data(row.data, structure, DEFAULT).values
        for row, structure in ((first_row, a_small_structure()), (second_row, other))
    ]
    assert tables[0] == tables[1]


def test_another_dataflow_is_refused_when_somebody_left_since_the_first(
    node: Node, session: Session
) -> None:
    question = ask(session, node, BEFORE)
    register(session, some_learners(300), [question])
    register(session, [Learner(ref="W1", key=77, yes_from=None)])
    say(session, node, question, ConsentState.GIVEN, BEFORE, learner="W1")
    a_build(session, node, a_plan_in_force(session, node))
    say(session, node, question, ConsentState.WITHDRAWN, SOON, learner="W1")
    other = a_plan_in_force(session, node, replace(a_small_structure(), id="OTHER"))
    later = SOON + timedelta(seconds=1)
    prepared = prepared_for(session, node, other, now=later)
    with pytest.raises(UnsafeReleaseError, match="cells") as refused:
        passed_for(prepared)
    assert "next period" in refused.value.reasons[0]


# --- forecasts


def test_a_forecast_says_what_is_hidden_and_why_and_who_says_yes(
    node: Node, session: Session
) -> None:
    learners = some_learners(300)
    plan = a_city_with_learners(session, node, learners)
    urn = a_small_structure().urn
    found = service.forecast(session, node, plan, urn, PERIOD, NOW)
    consenting = [each for each in learners if each.yes_from is not None]
    assert (found.counted, found.eligible) == (len(consenting), 300)
    assert sum(cube.small + cube.collapsed for cube in found.cubes) == (
        found.preview.hidden
    )
    assert found.cubes[0].dimensions == ()
    of_women = next(
        each for each in found.groups if (each.dimension, each.value) == ("SEX", "F")
    )
    assert of_women.eligible == sum(each.sex == "F" for each in learners)
    assert of_women.counted == sum(each.sex == "F" for each in consenting)
    assert releases(session) == []
    assert a_build(session, node, plan).preview == found.preview


def test_a_forecast_of_places_has_no_groups(node: Node, session: Session) -> None:
    offer_places(session, "P1", date(2025, 10, 6), 7)
    plan = a_plan_in_force(session, node, places_structure())
    found = service.forecast(session, node, plan, "PLACES", PERIOD, NOW)
    assert (found.groups, found.cubes, found.preview.hidden) == ((), (), 0)
