"""Base cells by SQL, held against a count in plain Python."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from interurban_node.aggregates import queries
from interurban_node.aggregates.queries import BaseRow, Population
from interurban_node.core.context import Node
from interurban_node.core.errors import RefusedError
from interurban_node.core.learner_numbers import known_numbers
from interurban_node.registry.models import OfferRow
from interurban_protocol.structures import Dimension
from interurban_protocol.training_structures import training_structures
from tests.support.counting import (
    BEFORE,
    CUT_OFF,
    NOW,
    PERIOD,
    Learner,
    a_small_structure,
    enrol,
    register,
    some_learners,
)
from tests.support.training import some_choices

QUESTION = "sha256:" + "1" * 64
OTHER_QUESTION = "sha256:" + "2" * 64


def a_population(*questions: Sequence[str]) -> Population:
    return Population(
        structure=a_small_structure(),
        period=PERIOD,
        cut_off=CUT_OFF,
        questions=questions or [[QUESTION]],
        now=NOW,
    )


def counted(rows: Sequence[BaseRow]) -> dict[tuple[str | None, ...], tuple[int, int]]:
    return {row.values: (row.count, row.key_sum) for row in rows}


def naive_cells(
    learners: Sequence[Learner],
) -> dict[tuple[str | None, ...], tuple[int, int]]:
    keys: dict[tuple[str | None, ...], list[int]] = defaultdict(list)
    for each in learners:
        if each.consents_at(CUT_OFF) and each.consents_at(NOW):
            keys[each.values].append(each.key)
    return {values: (len(found), sum(found)) for values, found in keys.items()}


TIMES = st.sampled_from(
    [
        BEFORE,
        CUT_OFF - timedelta(days=1),
        CUT_OFF,
        CUT_OFF + timedelta(days=1),
        NOW,
        NOW + timedelta(days=1),
    ]
)


@st.composite
def people(draw: st.DrawFn) -> list[Learner]:
    count = draw(st.integers(0, 12))
    return [
        Learner(
            ref=f"L{number}",
            programme=draw(st.sampled_from(["P1", "P2"])),
            sex=draw(st.sampled_from(["F", "M"])),
            displaced=draw(st.sampled_from(["yes", "no"])),
            key=draw(st.integers(0, 2**32 - 1)),
            yes_from=draw(st.none() | TIMES),
            yes_until=draw(st.none() | TIMES),
        )
        for number in range(count)
    ]


@given(learners=people())
def test_sql_counts_what_plain_python_counts(
    session: Session, learners: list[Learner]
) -> None:
    with session.begin_nested() as savepoint:
        register(session, learners, [QUESTION])
        found = queries.count(session, a_population()).rows
        savepoint.rollback()
    assert counted(found) == naive_cells(learners)


def test_a_large_registry_is_counted_exactly(session: Session) -> None:
    learners = some_learners(3000)
    register(session, learners, [QUESTION])
    assert counted(queries.count(session, a_population()).rows) == naive_cells(learners)


def test_a_learner_with_three_courses_is_counted_once_with_the_first(
    session: Session,
) -> None:
    learner = Learner(ref="L1", programme="P2", key=7, started_on=date(2025, 10, 9))
    register(session, [learner, Learner(ref="L2", key=9)], [QUESTION])
    later = replace(learner, programme="P1", started_on=date(2025, 11, 9))
    enrol(session, [later], suffix="-later")
    enrol(session, [later], suffix="-again")
    found = queries.count(session, a_population()).rows
    assert counted(found)[learner.values] == (1, 7)
    assert sum(row.count for row in found) == 2


def test_a_yes_to_another_question_does_not_count(session: Session) -> None:
    register(session, some_learners(50), [OTHER_QUESTION])
    assert queries.count(session, a_population()).rows == []


def test_without_any_question_nobody_counts(session: Session) -> None:
    register(session, some_learners(50), [QUESTION])
    nobody = replace(a_population(), questions=())
    assert queries.count(session, nobody).rows == []


def test_each_purpose_needs_a_yes_of_its_own(session: Session) -> None:
    both = Learner(ref="L1", key=1)
    register(session, [both], [QUESTION, OTHER_QUESTION])
    register(session, [Learner(ref="L2", key=2)], [QUESTION])
    population = a_population([QUESTION], [OTHER_QUESTION])
    assert counted(queries.count(session, population).rows) == {both.values: (1, 1)}


def test_one_of_several_questions_for_a_purpose_is_enough(session: Session) -> None:
    register(session, [Learner(ref="L1", key=1)], [OTHER_QUESTION])
    population = a_population([QUESTION, OTHER_QUESTION])
    assert sum(row.count for row in queries.count(session, population).rows) == 1


def test_everybody_with_an_event_is_eligible(session: Session) -> None:
    learners = some_learners(200)
    register(session, learners, [QUESTION])
    found = queries.count(session, a_population()).eligible
    assert found == (200, sum(each.key for each in learners))


def test_an_empty_registry_has_nobody_eligible(session: Session) -> None:
    assert queries.count(session, a_population()).eligible == (0, 0)


def test_a_field_that_the_registry_lacks_is_refused(
    node: Node, session: Session
) -> None:
    structure = a_small_structure()
    dimensions: list[Dimension] = [
        replace(each, source="learner.height") if each.id == "AGE" else each
        for each in structure.dimensions
    ]
    tall = replace(structure, dimensions=tuple(dimensions))
    with pytest.raises(RefusedError, match=r"no field learner\.height"):
        queries.count(session, replace(a_population(), structure=tall))


def test_in_a_public_task_everybody_counts(session: Session) -> None:
    learners = some_learners(60)
    register(session, learners)
    found = queries.count(session, replace(a_population(), questions=None))
    assert found.total == found.eligible == (60, sum(each.key for each in learners))
    assert len(found.members) == 60


def test_members_are_those_who_are_counted(session: Session) -> None:
    learners = some_learners(60)
    register(session, learners, [QUESTION])
    found = queries.count(session, a_population())
    yes = {each.ref for each in learners if each.consents_at(NOW)}
    numbers = known_numbers(session, yes)
    assert set(found.members.numbers().tolist()) == set(numbers.values())
    assert found.total.learners == len(yes) < 60


def test_people_come_with_the_values_that_they_are_counted_by(
    session: Session,
) -> None:
    learners = some_learners(60)
    register(session, learners, [QUESTION])
    assert dict(queries.people(session, a_population())) == {
        each.ref: each.values for each in learners if each.consents_at(NOW)
    }


def test_the_coverage_of_a_group_is_how_many_of_it_say_yes(session: Session) -> None:
    learners = some_learners(200)
    register(session, learners, [QUESTION])
    found = queries.eligible_by(session, a_population(), "learner.displaced")
    for answer, yes, everybody in found:
        group = [each for each in learners if each.displaced == answer]
        assert everybody == len(group)
        assert yes == sum(each.consents_at(NOW) for each in group)
    assert [each.value for each in found] == ["no", "unknown", "yes"]


def test_places_are_added_up_by_programme_and_mode(session: Session) -> None:
    register(session, [Learner(ref="L1"), Learner(ref="L2", programme="P2")])
    offers = [
        ("P1", date(2025, 10, 1), 20, "hybrid"),
        ("P1", date(2025, 12, 31), 5, "hybrid"),
        ("P1", date(2025, 11, 1), 7, None),
        ("P2", date(2025, 11, 1), 0, "distance"),
        ("P2", date(2026, 1, 1), 99, "distance"),  # of the next quarter
    ]
    session.add_all(
        OfferRow(
            record_id=f"o{place}",
            source_id=1,
            source_pk=f"O{place}",
            source_hash="0",
            mapping_version="0",
            run_id=1,
            updated_at=NOW,
            programme_id=f"p-{code}",
            programme_code=code,
            starts=starts,
            places=places,
            mode=mode,
        )
        for place, (code, starts, places, mode) in enumerate(offers)
    )
    session.flush()
    (places,) = training_structures(some_choices(dataflows=["PLACES"]))
    assert dict(queries.offered_places(session, places, PERIOD)) == {
        ("P1", "hybrid"): 25,
        ("P1", None): 7,
        ("P2", "distance"): 0,
    }


def test_places_have_no_field_of_a_person(session: Session) -> None:
    register(session, [Learner(ref="L1")])
    assert queries.offered_places(session, a_small_structure(), PERIOD) == []
    session.add(
        OfferRow(
            record_id="o",
            source_id=1,
            source_pk="O",
            source_hash="0",
            mapping_version="0",
            run_id=1,
            updated_at=NOW,
            programme_id="p-P1",
            programme_code="P1",
            starts=date(2025, 11, 1),
            places=1,
        )
    )
    session.flush()
    with pytest.raises(RefusedError, match=r"no field learner\.age_band"):
        queries.offered_places(session, a_small_structure(), PERIOD)
