"""Which events count where, decided in plain Python: late rows, corrections, deletions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_node.registry import counting
from interurban_node.registry.counting import (
    ENDED,
    FIELDS,
    STARTED,
    Frozen,
    Happening,
    Place,
    counted,
    open_after,
    timeliness,
    wage_change,
)
from interurban_protocol.release_plans import quarter_of

NOTHING = (None,) * len(FIELDS)
WINTER, SPRING, SUMMER = date(2026, 2, 1), date(2026, 5, 1), date(2026, 8, 1)
Q1, Q2, Q3 = (quarter_of(day) for day in (WINTER, SPRING, SUMMER))


def a_start(
    learner: str = "La", day: date = WINTER, record: str = "r1", code: str = "A"
) -> Happening:
    return Happening(STARTED, learner, day, code, record, record, NOTHING)


def frozen(happening: Happening, period: str) -> Frozen:
    place = Place(happening.event, period, happening.learner)
    return Frozen(place, happening.record_id, happening.day)


def places(found: dict[Place, Happening]) -> set[tuple[str, str, str]]:
    return {(p.period, p.learner, h.record_id) for p, h in found.items()}


def test_the_first_by_date_then_code_then_key_counts() -> None:
    found = counted(
        [
            a_start(record="r4", day=date(2026, 2, 2)),
            a_start(record="r3", code="B"),
            a_start(record="r2"),
            a_start(record="r1"),
        ],
        [],
        [],
    )
    assert places(found) == {(Q1, "La", "r1")}


def test_each_kind_of_event_counts_apart() -> None:
    ended = a_start()._replace(event=ENDED)
    assert len(counted([a_start(), ended], [], [(STARTED, Q1)])) == 2


def test_a_late_row_counts_once_in_the_next_open_quarter() -> None:
    closed = [(STARTED, Q1), (STARTED, Q2)]
    assert places(counted([a_start()], [], closed)) == {(Q3, "La", "r1")}
    late = frozen(a_start(), Q3)
    assert counted([a_start()], [late], [*closed, (STARTED, Q3)]) == {}


def test_two_late_rows_of_one_quarter_count_once_for_good() -> None:
    both = [a_start(record="r1"), a_start(record="r2")]
    assert places(counted(both, [], [(STARTED, Q1)])) == {(Q2, "La", "r1")}
    counted_late = frozen(both[0], Q2)
    assert counted(both, [counted_late], [(STARTED, Q1), (STARTED, Q2)]) == {}


@pytest.mark.parametrize(
    "now",
    [
        [],  # deleted
        [a_start(day=date(2026, 3, 1), code="B")],  # corrected
        [a_start(day=SPRING)],  # moved to another quarter
        [a_start(record="r9")],  # delivered under another key
        [a_start(), a_start(record="r2", day=date(2026, 1, 2))],  # joined by an earlier
    ],
)
def test_what_a_source_says_later_changes_nothing_that_was_counted(
    now: Sequence[Happening],
) -> None:
    assert counted(now, [frozen(a_start(), Q1)], [(STARTED, Q1)]) == {}


def test_another_course_in_the_next_quarter_counts_there() -> None:
    found = counted(
        [a_start(), a_start(day=SPRING, record="r2")],
        [frozen(a_start(), Q1)],
        [(STARTED, Q1)],
    )
    assert places(found) == {(Q2, "La", "r2")}


@given(
    st.sets(st.integers(1, 8)),
    st.integers(1, 8),
)
def test_the_next_open_quarter_is_the_first_that_is_not_closed(
    numbers: set[int], start: int
) -> None:
    names = [
        quarter_of(date(2026 + (n - 1) // 4, (n - 1) % 4 * 3 + 1, 1))
        for n in range(1, 18)
    ]
    closed = {(STARTED, names[n - 1]) for n in numbers}
    found = open_after(STARTED, names[start - 1], closed)
    wanted = next(n for n in range(start, 18) if n not in numbers)
    assert found == names[wanted - 1]


@dataclass
class _City:
    """A source that says anything at any time, and releases that are issued meanwhile."""

    records: dict[str, Happening] = field(default_factory=dict)
    frozen: list[Frozen] = field(default_factory=list)
    closed: set[tuple[str, str]] = field(default_factory=set)

    def now(self) -> dict[Place, Happening]:
        return counted(self.records.values(), self.frozen, self.closed)

    def close(self, period: str) -> None:
        if (STARTED, period) in self.closed:
            return
        self.frozen += [
            Frozen(place, each.record_id, each.day)
            for place, each in self.now().items()
            if place.period == period
        ]
        self.closed.add((STARTED, period))


_days = st.dates(date(2026, 1, 1), date(2026, 12, 31))
_steps = st.one_of(
    st.tuples(st.just("say"), st.sampled_from("abcd"), st.sampled_from("xy"), _days),
    st.tuples(st.just("forget"), st.sampled_from("abcd")),
    st.tuples(st.just("close"), st.integers(1, 4)),
)


@given(st.lists(_steps, max_size=30))
def test_nobody_is_counted_twice_for_a_record_or_in_a_quarter(
    steps: list[tuple[object, ...]],
) -> None:
    city = _City()
    for step in steps:
        match step:
            case ("say", str(record), str(learner), date() as day):
                city.records[record] = a_start(learner, day, record)
            case ("forget", str(record)):
                city.records.pop(record, None)
            case ("close", int(number)):
                city.close(f"2026-Q{number}")
        found = city.now()
        everywhere = [
            *((each.place.learner, each.record_id) for each in city.frozen),
            *((place.learner, each.record_id) for place, each in found.items()),
        ]
        records = [record for _, record in everywhere]
        assert len(records) == len(set(records))
        assert not {(p.event, p.period) for p in found} & city.closed
        done = [each.place for each in city.frozen]
        assert len(done) == len(set(done))


@pytest.mark.parametrize(
    ("due", "decided", "wanted"),
    [
        (SPRING, None, "OPEN"),
        (None, None, "OPEN"),
        (SPRING, SPRING, "WITHIN"),
        (SPRING, WINTER, "WITHIN"),
        (SPRING, SUMMER, "LATE"),
        (None, SUMMER, None),
    ],
)
def test_a_grievance_is_in_time_late_or_open(
    due: date | None, decided: date | None, wanted: str | None
) -> None:
    assert timeliness(due, decided) == wanted


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("low", "high", "HIGHER"),
        ("high", "low", "LOWER"),
        ("odd", "odd", "SAME"),
        ("odd", "low", None),
        ("low", "odd", None),
        (None, "low", None),
        ("low", None, None),
        (None, None, None),
    ],
)
def test_a_wage_is_compared_band_against_band(
    before: str | None, after: str | None, wanted: str | None
) -> None:
    assert wage_change(before, after, ("low", "high")) == wanted


def test_every_standard_event_is_counted_here() -> None:
    from interurban_protocol.training_structures import TRAINING_DATAFLOWS

    known = {*counting.FLOW_EVENTS, *counting.COHORT_EVENTS, counting.OFFERED}
    fields = {*counting.FIELDS, *counting.JOB_FIELDS, ""}
    for dataflow in TRAINING_DATAFLOWS:
        assert dataflow.event in known
        assert {source for _, source in dataflow.splits} <= fields
