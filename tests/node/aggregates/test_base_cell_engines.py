"""Two engines of the base-cell pass, and plain Python, over the same random populations."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from interurban_node.aggregates.columns import column_engine
from interurban_node.aggregates.engines import (
    BaseCellEngine,
    CountedCell,
    Events,
    SqlEngine,
)
from interurban_node.consent.models import GrantRow
from interurban_node.core.learner_numbers import known_numbers, learner_numbers
from interurban_node.core.learner_sets import LearnerSet
from interurban_node.registry.counting import FIELDS, STARTED
from interurban_protocol.disclosure import Group
from tests.support.counting import (
    BEFORE,
    CUT_OFF,
    NEVER,
    NOW,
    PERIOD,
    Learner,
    register,
    some_learners,
)

QUESTIONS = tuple("sha256:" + digit * 64 for digit in "12")
TIMES = (CUT_OFF, NOW)
_moments = st.sampled_from(
    [
        BEFORE,
        CUT_OFF - timedelta(seconds=1),
        CUT_OFF,
        CUT_OFF + timedelta(days=1),
        NOW,
        NOW + timedelta(days=1),
    ]
)
_names = itertools.count(1)


@dataclass(frozen=True)
class Grant:
    learner: str
    question: str
    granted_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    def holds_at(self, at: datetime) -> bool:
        ended = self.ended_at is not None and self.ended_at <= at
        return self.granted_at <= at < self.expires_at and not ended


_learners = st.builds(
    Learner,
    ref=st.sampled_from([f"L{number}" for number in range(9)]),
    programme=st.sampled_from(["P1", "P2"]),
    sex=st.sampled_from(["F", "M"]),
    key=st.integers(0, 2**32 - 1),
    started_on=st.dates(date(2025, 9, 20), date(2025, 12, 31)),
    yes_from=st.none(),
)
_grants = st.builds(
    Grant,
    learner=st.sampled_from([f"L{number}" for number in range(9)]),
    question=st.sampled_from(QUESTIONS),
    granted_at=_moments,
    expires_at=_moments | st.just(NEVER),
    ended_at=st.none() | _moments,
)


def give(session: Session, grants: Sequence[Grant]) -> None:
    numbers = learner_numbers(session, {each.learner for each in grants})
    session.add_all(
        GrantRow(
            learner_ref=each.learner,
            learner_number=numbers[each.learner],
            question_id=each.question,
            event_id="sha256:" + "0" * 64,
            granted_at=each.granted_at,
            expires_at=each.expires_at,
            ended_at=each.ended_at,
        )
        for each in grants
    )
    session.flush()


def facts(
    engine: BaseCellEngine, events: Events, counted: LearnerSet | None
) -> tuple[set[CountedCell], Group, set[int]]:
    cells = engine.cells(events, counted, FIELDS)
    whole = engine.whole(events, counted)
    assert len(set(cells)) == len(cells)
    return set(cells), whole.everybody, set(whole.members.numbers().tolist())


@settings(max_examples=40)
@given(
    learners=st.lists(_learners, max_size=9, unique_by=lambda each: each.ref),
    grants=st.lists(_grants, max_size=14),
    asked=st.lists(st.sampled_from(QUESTIONS), max_size=2, unique=True),
    is_early=st.booleans(),
)
def test_engines_give_the_same_as_plain_python(
    session: Session,
    learners: list[Learner],
    grants: list[Grant],
    asked: list[str],
    is_early: bool,
) -> None:
    cut_off = CUT_OFF - timedelta(days=60 if is_early else 0)  # 17 December, or later
    events = Events(event=STARTED, period=PERIOD, cut_off=cut_off)
    with session.begin_nested() as savepoint:
        register(session, learners)
        give(session, grants)
        numbers = known_numbers(session, {each.ref for each in learners})
        sql, columns = SqlEngine(session), column_engine(session)
        agreed = [engine.consenting(asked, TIMES) for engine in (sql, columns)]
        found = [facts(engine, events, agreed[0]) for engine in (sql, columns)]
        everybody = [facts(engine, events, None) for engine in (sql, columns)]
        savepoint.rollback()
    assert set(agreed[0].numbers().tolist()) == set(agreed[1].numbers().tolist())
    assert found[0] == found[1]
    assert everybody[0] == everybody[1]

    started = [
        each
        for each in learners
        if date(2025, 10, 1) <= each.started_on <= cut_off.date()
    ]
    yes = {
        each.ref
        for each in started
        if all(
            any(
                g.learner == each.ref and g.question in asked and g.holds_at(at)
                for g in grants
            )
            for at in TIMES
        )
    }
    cells, whole, counted = found[0]
    assert counted == {numbers[ref] for ref in yes}
    assert whole == (len(started), sum(each.key for each in started))
    assert sum(cell.learners.learners for cell in cells) == len(yes)
    keys = sum(each.key for each in started if each.ref in yes)
    assert sum(cell.learners.key_sum for cell in cells) == keys
    groups = Counter((each.programme, each.sex) for each in started)
    sizes = sorted(cell.learners.learners for cell in everybody[0][0])
    assert sizes == sorted(groups.values())


def test_a_large_registry_is_the_same_in_both(session: Session) -> None:
    register(session, some_learners(3000), QUESTIONS[:1])
    events = Events(event=STARTED, period=PERIOD, cut_off=CUT_OFF)
    sql, columns = SqlEngine(session), column_engine(session)
    agreed = sql.consenting(QUESTIONS[:1], TIMES)
    assert len(agreed) == len(columns.consenting(QUESTIONS[:1], TIMES)) > 2000
    assert facts(sql, events, agreed) == facts(columns, events, agreed)


def test_a_learner_with_a_higher_number_than_any_consent_is_not_counted(
    session: Session,
) -> None:
    register(session, some_learners(40))
    events = Events(event=STARTED, period=PERIOD, cut_off=CUT_OFF)
    _, everybody, members = facts(SqlEngine(session), events, LearnerSet.of([1]))
    assert (everybody.learners, members) == (40, {1})


# --- sets of learners

_sets = st.sets(st.integers(0, 300))


@given(_sets, _sets)
def test_sets_of_learners_are_sets(one: set[int], other: set[int]) -> None:
    first, second = LearnerSet.of(one), LearnerSet.of(np.array(sorted(other), int))
    assert set(first.numbers().tolist()) == one
    assert len(first) == len(one)
    assert set((first & second).numbers().tolist()) == one & other
    assert set((first | second).numbers().tolist()) == one | other
    assert [number in first for number in range(320)] == [
        number in one for number in range(320)
    ]


@pytest.mark.parametrize("refs", [[], ["a"], ["b", "a", "b"]])
def test_a_learner_keeps_one_number(session: Session, refs: list[str]) -> None:
    before = learner_numbers(session, ["a"])
    found = learner_numbers(session, refs)
    assert found.keys() == set(refs)
    assert len(set(found.values())) == len(found)
    assert found.get("a", before["a"]) == before["a"]
    assert learner_numbers(session, refs) == found
