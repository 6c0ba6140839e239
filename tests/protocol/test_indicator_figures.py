"""Indicators against a plain computation over the people, and over protected tables."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.errors import MalformedError
from interurban_protocol.indicator_figures import Figure, Mark, Releases, evaluate
from interurban_protocol.indicators import STANDARD, Indicator, Kind
from interurban_protocol.releases import ReleasedTable
from tests.support.outcomes import (
    DEFAULT,
    EXACT,
    WAGE_LIMITS,
    Someone,
    band_of,
    change_of,
    exact_release,
    places_release,
    protected_release,
    rows_of,
    some_grievances,
    some_people,
    standard_structures,
)

BY_ID = {each.id: each for each in STANDARD}
STRUCTURES = standard_structures()
CITIES = [some_people(900, seed=seed, luck=luck) for seed, luck in ((1, 0.5), (2, 0.7))]
CASES = [some_grievances(240, seed=seed) for seed in (1, 2)]
PLACES = [{"WELD": 200, "CARE": 500}, {"WELD": 100, "JOIN": 900, "READ": 10}]
FIELDS = {"WELD": "F07", "JOIN": "F07", "CARE": "F09"}

Holds: TypeAlias = Callable[[Someone], bool]


def everybody(_: Someone) -> bool:
    return True


def left(person: Someone) -> bool:
    return person.exit_reason is not None


def employed_q2(person: Someone) -> bool:
    return person.wage_q2 is not None


def employed_q4(person: Someone) -> bool:
    return person.wage_q4 is not None


PLAIN: Mapping[str, tuple[Holds, Holds | None]] = {
    "STARTED": (everybody, None),
    "COMPLETED": (lambda p: p.outcome == "COM", None),
    "COMPLETION_RATE": (lambda p: p.outcome == "COM", everybody),
    "EXITS": (left, None),
    "CREDENTIALS": (lambda p: p.level is not None, None),
    "PLACEMENTS": (lambda p: p.placement is not None, None),
    "APPRENTICESHIPS_BROKEN_RATE": (
        lambda p: p.placement == "APPRENTICESHIP" and p.is_broken,
        lambda p: p.placement == "APPRENTICESHIP",
    ),
    "EMPLOYED_Q2_RATE": (employed_q2, left),
    "EMPLOYED_Q4_RATE": (employed_q4, left),
    "SAME_EMPLOYER_RATE": (
        lambda p: employed_q4(p) and p.employer == "SAME",
        employed_q2,
    ),
    "HIGHER_WAGE_RATE": (
        lambda p: employed_q4(p) and change_of(p) == "HIGHER",
        employed_q4,
    ),
}
SPLITS: Mapping[str, Callable[[Someone], set[str]]] = {
    "PROGRAMME": lambda p: {p.programme, FIELDS.get(p.programme, "")},
    "AGE": lambda p: {p.age},
    "SEX": lambda p: {p.sex},
    "EQUITY": lambda p: {p.equity},
}
CODES = {
    "PROGRAMME": ("F07", "F09", "WELD", "JOIN", "CARE", "READ", "_U"),
    "AGE": ("Y16T24", "Y25T34", "Y35T44", "Y_GE55"),
    "SEX": ("F", "M", "_U"),
    "EQUITY": ("DISP", "NDISP", "_U"),
}


def breakdowns(room: int) -> list[Mapping[str, str]]:
    """Every cell with at most `room` dimensions crossed."""
    found: list[Mapping[str, str]] = [{}]
    for crossed in range(1, room + 1):
        for names in combinations(CODES, crossed):
            cells: list[Mapping[str, str]] = [{}]
            for name in names:
                cells = [{**cell, name: code} for cell in cells for code in CODES[name]]
            found += cells
    return found


def counted(people: Sequence[Someone], holds: Holds, cell: Mapping[str, str]) -> int:
    """The plain computation: one person after the other."""
    return sum(
        holds(person)
        and all(code in SPLITS[name](person) for name, code in cell.items())
        for person in people
    )


def releases(
    indicator: Indicator,
    city: int,
    release: Callable[..., ReleasedTable] = exact_release,
) -> Releases:
    tables = [
        places_release(STRUCTURES[name], PLACES[city])
        if name == "PLACES"
        else release(STRUCTURES[name], rows_of(name, CITIES[city], CASES[city]))
        for name in indicator.dataflows
    ]
    return Releases(tables[0], tables[1] if len(tables) > 1 else None)


def plain_rate(part: int, whole: int, least: int) -> float | Mark:
    """A percentage, or why there is none; nobody at all is no figure of a table."""
    if part == 0 or whole == 0:
        return Mark.HIDDEN
    percent = round(100 * part / whole, 1)
    return Mark.WITHHELD if whole < least or percent in (0, 100) else percent


@pytest.mark.parametrize("indicator_id", PLAIN)
def test_counts_and_rates_are_those_of_the_people(indicator_id: str) -> None:
    indicator = BY_ID[indicator_id]
    numerator, denominator = PLAIN[indicator_id]
    held = releases(indicator, 0)
    for cell in breakdowns(3 - len(indicator.fixed)):
        part = counted(CITIES[0], numerator, cell)
        *parts, found = evaluate(indicator, [held], cell)
        if denominator is None:
            expected: float | Mark = part or Mark.HIDDEN
        else:
            whole = counted(CITIES[0], denominator, cell)
            expected = plain_rate(part, whole, DEFAULT.min_rate_denominator)
            assert [each.value for each in parts] == [whole or None, part or None]
        assert (found.mark if found.value is None else found.value) == expected


@pytest.mark.parametrize("indicator_id", PLAIN)
def test_two_cities_together_are_their_people_together(indicator_id: str) -> None:
    indicator = BY_ID[indicator_id]
    numerator, denominator = PLAIN[indicator_id]
    held = [releases(indicator, city) for city in (0, 1)]
    for cell in breakdowns(1):
        parts = [counted(people, numerator, cell) for people in CITIES]
        found = evaluate(indicator, held, cell, is_combined=True)[-1]
        if denominator is None:
            expected = float(sum(parts)) if all(parts) else Mark.INCOMPLETE
        else:
            wholes = [counted(people, denominator, cell) for people in CITIES]
            expected = (
                plain_rate(sum(parts), sum(wholes), DEFAULT.min_rate_denominator)
                if all(parts) and all(wholes)
                else Mark.INCOMPLETE
            )
        assert (found.mark if found.value is None else found.value) == expected


@pytest.mark.parametrize(
    ("indicator_id", "whole", "part_of"),
    [
        ("EXIT_REASONS", left, lambda p: p.exit_reason),
        ("WAGE_BANDS", employed_q2, lambda p: band_of(p.wage_q2)),
    ],
)
@pytest.mark.parametrize("sex", ["_T", "F", "_U"])
def test_shares_are_those_of_the_people(
    indicator_id: str, whole: Holds, part_of: Callable[[Someone], str], sex: str
) -> None:
    indicator = BY_ID[indicator_id]
    assert indicator.along is not None
    held = releases(indicator, 0)
    people = [p for p in CITIES[0] if whole(p) and sex in ("_T", p.sex)]
    parts = {part_of(person) for person in people}
    assert len(parts) > 3
    for part in parts:
        number = sum(part_of(person) == part for person in people)
        codes = {"SEX": sex, indicator.along: part}
        figures = evaluate(indicator, [held], codes)
        assert [each.value for each in figures] == [
            len(people),
            number,
            round(100 * number / len(people), 1),
        ]


def test_the_shares_of_all_leaves_together_are_everything() -> None:
    indicator = BY_ID["EXIT_REASONS"]
    held = releases(indicator, 0)
    shares = [
        evaluate(indicator, [held], {"EXIT_REASON": leaf.id})[-1].value or 0
        for leaf in STRUCTURES["EXITS"].base_codes("EXIT_REASON")
    ]
    assert sum(shares) == pytest.approx(100, abs=0.3)


def median_by_bisection(people: Sequence[Someone]) -> float:
    """Where half of the people lie below, each band being filled evenly."""
    edges = (0, *WAGE_LIMITS)
    known = [person.wage_q2 for person in people if person.wage_q2]
    closed = list(zip(edges, WAGE_LIMITS, strict=False))

    def below(wage: float) -> float:
        return sum(
            sum(low <= each < high for each in known)
            * min(max((wage - low) / (high - low), 0), 1)
            for low, high in closed
        )

    low, high = 0.0, float(WAGE_LIMITS[-1])
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < len(known) / 2 else (low, middle)
    return low


@pytest.mark.parametrize("cell", [{}, {"SEX": "F"}, {"SEX": "M", "EQUITY": "NDISP"}])
def test_the_median_wage_is_that_of_the_people(cell: Mapping[str, str]) -> None:
    people = [
        person
        for person in CITIES[0]
        if all(code in SPLITS[name](person) for name, code in cell.items())
    ]
    held = releases(BY_ID["MEDIAN_WAGE"], 0)
    number, found = evaluate(BY_ID["MEDIAN_WAGE"], [held], cell)
    assert number.value == sum(employed_q2(person) for person in people)
    assert found.value == pytest.approx(median_by_bisection(people), abs=0.1)
    assert found.low is not None
    assert found.high is None or found.low <= found.value <= found.high


def test_the_median_of_two_cities_is_that_of_their_people_together() -> None:
    held = [releases(BY_ID["MEDIAN_WAGE"], city) for city in (0, 1)]
    found = evaluate(BY_ID["MEDIAN_WAGE"], held, {}, is_combined=True)[-1]
    expected = median_by_bisection([*CITIES[0], *CITIES[1]])
    assert found.value == pytest.approx(expected, abs=0.1)


def test_there_is_no_median_where_a_band_is_hidden_or_few_people_are() -> None:
    indicator = BY_ID["MEDIAN_WAGE"]
    structure = STRUCTURES["JOBS_Q2"]
    few = [p for p in CITIES[0] if p.wage_q2][:40]
    hidden = [p for p in CITIES[0] if p.wage_q2 and p.wage_q2 >= WAGE_LIMITS[0]]
    high = [p for p in CITIES[0] if p.wage_q2 and p.wage_q2 > WAGE_LIMITS[-2]]
    every = [p for p in CITIES[0] if p.wage_q2]
    marks = []
    for people in (few, hidden, [*every, *high * 20]):
        table = exact_release(structure, rows_of("JOBS_Q2", people))
        marks.append(evaluate(indicator, [Releases(table)], {})[-1])
    assert [found.mark for found in marks] == [
        Mark.WITHHELD,
        Mark.HIDDEN,
        Mark.WITHHELD,
    ]
    assert marks[2].low is not None  # it lies in the open band, and that is known


def test_places_are_exact_and_filled_by_those_who_started() -> None:
    held = releases(BY_ID["PLACES_OFFERED"], 0)
    [offered] = evaluate(BY_ID["PLACES_OFFERED"], [held], {})
    assert offered == Figure(700, Mark.SHOWN, 700, 700)
    indicator = BY_ID["PLACES_FILLED_SHARE"]
    for programme in ("_T", "WELD", "F07"):
        whole = sum(
            number
            for name, number in PLACES[0].items()
            if programme in ("_T", name, FIELDS[name])
        )
        cell = {} if programme == "_T" else {"PROGRAMME": programme}
        part = counted(CITIES[0], everybody, cell)
        *_, found = evaluate(indicator, [releases(indicator, 0)], cell)
        assert found.value == round(100 * part / whole, 1)
        assert found.low == round(100 * (part - 5) / whole, 1)
        assert found.high == round(100 * (part + 5) / whole, 1)
    assert evaluate(indicator, [releases(indicator, 0)], {"PROGRAMME": "_U"})[
        -1
    ] == Figure(None, Mark.WITHHELD)  # people without a place on offer


def test_no_places_are_a_figure_and_not_a_mark() -> None:
    held = releases(BY_ID["PLACES_OFFERED"], 0)
    [offered] = evaluate(BY_ID["PLACES_OFFERED"], [held], {"PROGRAMME": "READ"})
    assert offered == Figure(0, Mark.SHOWN, 0, 0)


@pytest.mark.parametrize("kind", ["_T", "PROVIDER", "DATA", "SAFETY"])
def test_grievances_are_those_of_the_register(kind: str) -> None:
    cases = [case for case in CASES[0] if kind in ("_T", case.kind)]
    in_time = sum(case.timeliness == "WITHIN" for case in cases)
    indicator = BY_ID["GRIEVANCES_IN_TIME_RATE"]
    figures = evaluate(indicator, [releases(indicator, 0)], {"CASE_KIND": kind})
    rate = round(100 * in_time / len(cases), 1)
    assert [each.value for each in figures] == [len(cases), in_time, rate]


@pytest.mark.parametrize("indicator", STANDARD, ids=lambda each: each.id)
def test_protected_figures_come_from_shown_values_alone(indicator: Indicator) -> None:
    """What is hidden in a release is hidden in the figure, and nothing else is."""
    held = releases(indicator, 0, protected_release)
    along = {indicator.along: "_U"} if indicator.kind is Kind.SHARES else {}
    names = [each for each in CODES if each not in indicator.fixed]
    cells = [cell for cell in breakdowns(1) if all(name in names for name in cell)]
    if "GRIEVANCES" in indicator.dataflows or "PLACES" in indicator.dataflows:
        cells = [{}]
    for cell in cells:
        *parts, found = evaluate(indicator, [held], {**cell, **along})
        values = [each.value for each in (*parts, found)]
        part = held.numerator.value(**{**cell, **along, **indicator.numerator.codes})
        assert (parts[-1] if parts else found).value == part
        if indicator.kind is Kind.MEDIAN:
            continue
        is_hidden = any(each.mark is Mark.HIDDEN for each in parts)
        assert (found.mark is Mark.HIDDEN) == (is_hidden or values == [None])
        if found.value is not None:
            assert found.low is not None
            assert found.high is not None
            assert found.low <= found.value <= found.high


@given(st.integers(10, 500), st.integers(30, 900))
def test_the_range_of_a_rate_holds_every_rate_that_the_noise_allows(
    part: int, whole: int
) -> None:
    started = Figure(whole, Mark.SHOWN)
    structure = STRUCTURES["COMPLETION"]
    values = dict.fromkeys([("_T",) * 6], int(started.value or 0))
    values[("_T",) * 5 + ("COM",)] = part
    table = ReleasedTable(structure, DEFAULT, "area", "2025-Q1", values)
    *_, found = evaluate(BY_ID["COMPLETION_RATE"], [Releases(table)], {})
    if found.value is None:
        assert found.mark is Mark.WITHHELD
        return
    assert found.low is not None
    assert found.high is not None
    for error in (-5, 0, 5):
        true = 100 * (part + error) / (whole - error)
        assert found.low <= min(max(true, 0), 100) <= found.high


def test_without_releases_every_figure_is_missing() -> None:
    for indicator in STANDARD:
        figures = evaluate(indicator, [], {})
        assert set(figures) == {Figure(None, Mark.MISSING)}
        assert len(figures) == len(indicator.columns)


@pytest.mark.parametrize(
    "codes",
    [
        {"NAME": "x"},
        {"SEX": "X"},
        {"AGE": "Y16T24", "SEX": "F", "EQUITY": "DISP"},  # and the outcome
        {"REF_AREA": "area"},
    ],
)
def test_cells_that_no_release_has_are_refused(codes: Mapping[str, str]) -> None:
    held = releases(BY_ID["COMPLETION_RATE"], 0)
    with pytest.raises(MalformedError):
        evaluate(BY_ID["COMPLETION_RATE"], [held], codes)


def test_the_plain_computation_has_something_to_find() -> None:
    """Cells of every fate are among those compared above."""
    cells = breakdowns(2)
    sizes = [counted(CITIES[0], everybody, cell) for cell in cells]
    assert {0, 900} <= set(sizes)
    assert any(1 <= size < EXACT.min_rate_denominator for size in sizes)
