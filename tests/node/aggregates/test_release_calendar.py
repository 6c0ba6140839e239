"""The calendar of the plans in force, and the job that builds what is due."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
import sqlalchemy as sa

from interurban_node.aggregates import gating, jobs, rules, service
from interurban_node.aggregates.models import RefusedBuildRow, ReleaseRow
from interurban_node.agreements import service as agreements
from interurban_node.attackers.gate import Relation
from interurban_node.consent.service import current_questions
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, RefusedError
from interurban_protocol.consent_records import Scope
from interurban_protocol.structures import Structure, bundle_bytes
from tests.support.builds import (
    COHORT_PERIOD,
    exits_structure,
    jobs_structure,
    places_structure,
)
from tests.support.committees import a_draft, agree, populate
from tests.support.counting import (
    CITIES,
    NEXT_PERIOD,
    PERIOD,
    Learner,
    a_small_structure,
    plan_of,
    register,
    some_learners,
)
from tests.support.nodes import Federation
from tests.support.statistics import a_period


@pytest.fixture
def lakeside(federation: Federation) -> Node:
    """A city with a plan in force for 2025-Q4 and 2026-Q1, and learners."""
    agree(federation)
    populate(federation, learners=300)
    return federation.nodes["lakeside"]


def states(node: Node) -> Mapping[tuple[str, str], str]:
    with node.database.transaction() as session:
        return {
            (entry.structure.id, entry.due.period): entry.state.value
            for entry in service.calendar(session, node, node.clock())
        }


def agree_on(federation: Federation, structures: list[Structure]) -> None:
    """A further plan over several dataflows, from the cohort's quarter on."""
    (first, *others), clock = list(federation.nodes.values()), federation.clock
    periods = tuple(a_period(each) for each in (COHORT_PERIOD, "2025-Q3", PERIOD))
    payload = plan_of(first, structures[0], subject="exits", periods=periods)
    flows = tuple(
        payload.dataflows[0].model_copy(
            update={"urn": each.urn, "structure": each.digest}
        )
        for each in structures
    )
    payload = payload.model_copy(update={"dataflows": flows, "publishers": CITIES})
    with first.database.transaction() as session:
        bundles = [bundle_bytes(each) for each in structures]
        plan_id = agreements.propose_plan(session, first, payload, bundles, clock.now)
        agreement_id = agreements.propose(
            session, first, a_draft(plan_id, clock.now), clock.now
        )
    federation.settle()
    for node in others:
        with node.database.transaction() as session:
            agreements.sign(session, node, agreement_id, clock.now)
        federation.settle()
    clock.advance(days=2)


def test_a_release_goes_from_open_to_published(
    federation: Federation, lakeside: Node
) -> None:
    clock, place = federation.clock, ("COMPLETION", NEXT_PERIOD)
    planned = a_period(NEXT_PERIOD)
    seen = [states(lakeside)[place]]
    clock.now = planned.cut_off - timedelta(days=1)
    seen.append(states(lakeside)[place])
    clock.now = planned.cut_off
    seen.append(states(lakeside)[place])
    jobs.build_next(lakeside)
    jobs.build_next(lakeside)
    seen.append(states(lakeside)[place])
    clock.now = planned.publication
    seen.append(states(lakeside)[place])
    assert seen == ["open", "waiting", "due", "built", "published"]


def test_the_calendar_says_when_and_what_to_do(lakeside: Node) -> None:
    with lakeside.database.transaction() as session:
        first, second = service.calendar(session, lakeside, lakeside.clock())
    assert (first.due.period, first.next_step) == (PERIOD, "`release build`")
    assert first.cut_off == a_period(PERIOD).cut_off
    assert "2026-05-16" in second.next_step
    assert second.release_id is None


def test_a_cohort_is_looked_at_again_only_when_its_release_is_there(
    federation: Federation, lakeside: Node
) -> None:
    agree_on(federation, [exits_structure(), jobs_structure()])
    found = states(lakeside)
    assert found["EXITS", COHORT_PERIOD] == found["EXITS", PERIOD] == "due"
    assert found["JOBS_Q2", COHORT_PERIOD] == "no-cohort"
    assert found["JOBS_Q2", "2024-Q4"] == "no-cohort"
    with lakeside.database.transaction() as session:
        entries = service.calendar(session, lakeside, lakeside.clock())
        steps = {
            entry.due.period: entry.next_step
            for entry in entries
            if entry.structure.id == "JOBS_Q2"
        }
        due = service.due_builds(session, lakeside, lakeside.clock())
    assert steps[COHORT_PERIOD] == f"build EXITS for {COHORT_PERIOD} first"
    assert steps["2024-Q4"] == "nothing: EXITS was not planned for 2024-Q4"
    assert not any("JOBS_Q2" in each.dataflow for each in due)


def test_a_dataflow_is_named_by_urn_reference_or_id(lakeside: Node) -> None:
    structure = a_small_structure()
    with lakeside.database.transaction() as session:
        for name in (structure.urn, structure.reference, structure.id):
            found = service.due_builds(
                session, lakeside, lakeside.clock(), dataflow=name
            )
            assert [due.period for due in found] == [PERIOD]
        with pytest.raises(NotFoundError):
            service.due_builds(session, lakeside, lakeside.clock(), dataflow="OTHER")


# --- the job


def test_the_job_builds_one_release_at_a_time(
    federation: Federation, lakeside: Node
) -> None:
    federation.clock.now = a_period(NEXT_PERIOD).cut_off
    assert [jobs.build_next(lakeside) for _ in range(3)] == [1, 1, 0]
    with lakeside.database.transaction() as session:
        rows = session.scalars(sa.select(ReleaseRow).order_by(ReleaseRow.sequence))
        assert [row.period for row in rows] == [PERIOD, NEXT_PERIOD]


def test_what_the_gate_refuses_waits_for_a_person(federation: Federation) -> None:
    agree(federation)
    populate(federation, learners=0)
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        asked = current_questions(session, Scope.AGGREGATES)
        learners = some_learners(200, seed=3)  # their tables leave too little open
        register(session, learners, [each.question_id for each in asked])
    assert jobs.build_next(node) == 0
    assert states(node)["COMPLETION", PERIOD] == "refused"
    with node.database.transaction() as session:
        (refusal,) = session.scalars(sa.select(RefusedBuildRow))
        first = refusal.refused_at
    federation.clock.advance(days=1)
    assert jobs.build_next(node) == 0
    with node.database.transaction() as session:
        (refusal,) = session.scalars(sa.select(RefusedBuildRow))
        assert refusal.refused_at == first
        assert session.scalars(sa.select(ReleaseRow)).all() == []


def test_a_build_that_cannot_be_done_does_not_hold_up_the_others(
    federation: Federation, lakeside: Node
) -> None:
    """A programme without a code stops completion, and places are built all the same."""
    agree_on(federation, [places_structure()])
    with lakeside.database.transaction() as session:
        asked = current_questions(session, Scope.AGGREGATES)
        stranger = Learner(ref="X1", programme="P9")
        register(session, [stranger], [each.question_id for each in asked])
    federation.clock.now = a_period(NEXT_PERIOD).publication
    while jobs.build_next(lakeside):
        pass
    found = states(lakeside)
    assert {state for (name, _), state in found.items() if name == "PLACES"} == {
        "published"
    }
    assert found["COMPLETION", PERIOD] == "due"
    assert found["COMPLETION", NEXT_PERIOD] == "published"


# --- who stands to whom


def test_the_relation_of_releases_follows_from_event_and_cohort() -> None:
    exits, jobs_q2, other = exits_structure(), jobs_structure(), a_small_structure()
    held = [exits, other]
    assert gating.relation(other, other, held) is Relation.SAME_PEOPLE
    assert gating.relation(exits, other, held) is None
    assert gating.relation(jobs_q2, exits, held) is Relation.COHORT
    assert gating.relation(jobs_q2, other, held) is None
    assert gating.relation(jobs_q2, jobs_q2, held) is Relation.OUTCOME
    assert gating.relation(exits, jobs_q2, held) is Relation.OUTCOME
    assert gating.relation(other, jobs_q2, held) is None


def test_a_cohorts_periods_are_a_lag_apart() -> None:
    jobs_q2, exits = jobs_structure(), exits_structure()
    assert rules.observed_in(jobs_q2, "2025-Q3") == "2026-Q1"
    assert rules.told_of(jobs_q2, "2026-Q1") == "2025-Q3"
    assert rules.observed_in(exits, "2025-Q3") == "2025-Q3"
    assert rules.cohort_series(jobs_q2) == rules.series_of(exits.urn)
    assert rules.cohort_series(exits) is None


@pytest.mark.parametrize(("joined", "left", "is_enough"), [(5, 5, True), (4, 5, False)])
def test_ten_changes_are_enough(joined: int, left: int, is_enough: bool) -> None:
    if is_enough:
        rules.check_enough_changes(joined, left)
    else:
        with pytest.raises(RefusedError, match="fewer than 10"):
            rules.check_enough_changes(joined, left)
