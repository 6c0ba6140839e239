"""Putting cities' figures together: from shown values only, and never over a hidden one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_node.committee import renderings, rules
from interurban_node.committee.figures import SDMX_MARKS, Figure, Mark
from interurban_node.committee.tables import (
    COMBINED,
    Breakdown,
    Definition,
    records,
)
from interurban_node.core.errors import RefusedError
from interurban_protocol.release_plans import ProtectionProfile
from tests.support.committees import (
    a_committee_table,
    a_source,
    a_table,
    counts,
    figures_of,
    the_cities,
    the_indicator,
)
from tests.support.counting import (
    CITIES,
    NEXT_PERIOD,
    PERIOD,
    a_small_structure,
)
from tests.support.statistics import a_structure

LAKESIDE, NORTHPORT, EASTVALE = CITIES
MISSING = Figure(None, Mark.MISSING)
STARTED, COMPLETED, RATE = "STARTED", "COMPLETED", "COMPLETION_RATE"


def shown(value: float, cities: int) -> Figure:
    """A sum of shown figures; the noise of each of them is at most 5."""
    return Figure(value, Mark.SHOWN, value - 5 * cities, value + 5 * cities)


def test_shown_figures_add_up() -> None:
    table = a_committee_table(
        [a_table(counts(100, 40)), a_table(counts(60, 30)), a_table(counts(40, 20))]
    )
    together = figures_of(table)[COMBINED]
    assert together[STARTED] == shown(200, 3)
    assert together[COMPLETED] == shown(90, 3)
    assert together[RATE].value == 45.0


def test_one_hidden_cell_makes_the_combined_figure_incomplete() -> None:
    table = a_committee_table(
        [a_table(counts(100, 40)), a_table(counts(60, None)), a_table(counts(40, 20))]
    )
    found = figures_of(table)
    assert found[NORTHPORT][COMPLETED] == Figure(None, Mark.HIDDEN)
    assert found[NORTHPORT][RATE] == Figure(None, Mark.HIDDEN)
    assert found[COMBINED][STARTED] == shown(200, 3)
    assert found[COMBINED][COMPLETED] == Figure(None, Mark.INCOMPLETE)
    assert found[COMBINED][RATE] == Figure(None, Mark.INCOMPLETE)


@given(
    st.lists(
        st.tuples(st.none() | st.integers(10, 999), st.none() | st.integers(10, 999)),
        min_size=3,
        max_size=3,
    )
)
def test_a_hidden_cell_is_never_counted_as_zero(
    pairs: list[tuple[int | None, int | None]],
) -> None:
    table = a_committee_table([a_table(counts(*pair)) for pair in pairs])
    together = figures_of(table)[COMBINED]
    for place, indicator in enumerate((STARTED, COMPLETED)):
        values = [pair[place] for pair in pairs]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            assert together[indicator] == shown(sum(known), 3)
        else:
            assert together[indicator] == Figure(None, Mark.INCOMPLETE)


def test_a_city_without_a_release_is_named_and_left_out() -> None:
    table = a_committee_table([a_table(counts(100, 40)), None, a_table(counts(60, 20))])
    found = figures_of(table)
    assert table.missing(PERIOD) == (NORTHPORT,)
    assert set(found[NORTHPORT].values()) == {MISSING}
    assert found[COMBINED][STARTED] == shown(160, 2)
    assert {record.cities for record in records(table)} == {1, 2}
    assert any(
        "Northport" in note and "without it" in note for note in renderings.notes(table)
    )


def test_without_any_release_everything_is_missing() -> None:
    table = a_committee_table([None, None, None])
    assert set(figures_of(table)[COMBINED].values()) == {MISSING}


@pytest.mark.parametrize(
    ("started", "completed", "mark"),
    [
        (29, 15, Mark.WITHHELD),  # fewer than 30
        (30, 15, Mark.SHOWN),
        (40, 40, Mark.WITHHELD),  # everybody completed
        (40, 41, Mark.WITHHELD),  # noise: more than everybody
        (None, 15, Mark.HIDDEN),
        (40, None, Mark.HIDDEN),
    ],
)
def test_a_rate_needs_enough_people_and_must_not_tell_of_all(
    started: int | None, completed: int | None, mark: Mark
) -> None:
    table = a_committee_table([a_table(counts(started, completed)), None, None])
    assert figures_of(table)[LAKESIDE][RATE].mark is mark


def test_the_combined_rate_has_the_noise_of_every_city_in_its_range() -> None:
    one = a_committee_table([a_table(counts(300, 150)), None, None])
    three = a_committee_table([a_table(counts(100, 50))] * 3)
    alone = figures_of(one)[COMBINED][RATE]
    together = figures_of(three)[COMBINED][RATE]
    assert alone.value == together.value == 50.0
    assert (alone.low, together.low) < (50.0, alone.low)
    assert (alone.low, together.low) == (47.5, 42.8)


def test_a_breakdown_has_totals_first_and_every_code() -> None:
    table = a_committee_table([a_table({}), None, None], by=["AGE", "SEX"])
    assert [row.codes for row in table.rows] == [
        (age, sex) for age in ("_T", "A1", "A2", "_U") for sex in ("_T", "F", "M", "_U")
    ]


def test_a_filter_reads_the_cell_that_it_names() -> None:
    values = counts(100, 50, SEX="F") | counts(60, 30, SEX="F", AGE="A1")
    table = a_committee_table([a_table(values), None, None], by=["AGE"], SEX="F")
    assert figures_of(table, AGE="_T")[LAKESIDE][STARTED].value == 100
    assert figures_of(table, AGE="A1")[LAKESIDE][STARTED].value == 60


@pytest.mark.parametrize(
    ("by", "filters", "reason"),
    [
        (["AGE", "SEX", "EQUITY"], {}, "at most 2 besides OUTCOME"),
        (["AGE", "SEX"], {"EQUITY": "DIS"}, "filters (--where) included"),
        (["OUTCOME"], {}, "choose from PROGRAMME, AGE, SEX, EQUITY"),
        (["REF_AREA"], {}, "choose from"),
        (["NAME"], {}, "choose from"),
        (["AGE", "AGE"], {}, "named twice"),
        (["AGE"], {"AGE": "A1"}, "named twice"),
    ],
)
def test_a_breakdown_that_releases_do_not_have_is_refused(
    by: list[str], filters: dict[str, str], reason: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        a_committee_table([a_table({}), None, None], by=by, **filters)
    assert any(reason in each for each in refused.value.reasons)


def test_a_code_that_is_not_in_the_list_is_refused() -> None:
    with pytest.raises(RefusedError, match="AGE has no such code") as refused:
        a_committee_table([a_table({}), None, None], AGE="A99")
    assert "A1" in refused.value.next_step


def test_a_profile_with_two_dimensions_leaves_one_besides_the_outcome() -> None:
    narrow = ProtectionProfile(max_dimensions=2)
    table = a_table({}, profile=narrow)
    assert a_committee_table([table, None, None], by=["AGE"]).rows
    with pytest.raises(RefusedError):
        a_committee_table([table, None, None], by=["AGE", "SEX"])


def test_equity_crosses_fewer_dimensions_where_the_profile_says_so() -> None:
    table = a_table({}, profile=ProtectionProfile(equity_dimensions=2))
    assert a_committee_table([table, None, None], by=["AGE", "SEX"]).rows
    assert a_committee_table([table, None, None], by=["EQUITY"]).rows
    with pytest.raises(RefusedError):
        a_committee_table([table, None, None], by=["AGE", "EQUITY"])


def test_a_count_has_room_for_one_more_dimension_than_a_rate() -> None:
    by = ["AGE", "SEX", "EQUITY"]
    assert a_committee_table([a_table({}), None, None], by, "STARTED").rows
    with pytest.raises(RefusedError):
        a_committee_table([a_table({}), None, None], [*by, "OUTCOME"], "STARTED")


def test_a_table_of_ten_thousand_figures_is_refused() -> None:
    structure = a_structure(programmes=400, ages=6)
    table = a_table({}, structure=structure)
    assert a_committee_table([table, None, None], ["PROGRAMME"]).rows
    with pytest.raises(RefusedError, match="more than 10000") as refused:
        a_committee_table([table, None, None], ["PROGRAMME", "AGE"])
    assert "fewer" in refused.value.next_step


def test_periods_stand_below_each_other_and_are_not_added() -> None:
    sources = [
        a_source(node, a_table(counts(100, 40), period=period), period)
        for period in (NEXT_PERIOD, PERIOD)
        for node in CITIES
    ]
    table = rules.make_table(
        Definition(the_indicator(RATE), a_small_structure()),
        Breakdown((), {}),
        the_cities(),
        sources,
    )
    assert [row.period for row in table.rows] == [PERIOD, NEXT_PERIOD]
    assert {row.figures[-1][0].value for row in table.rows} == {300}


def test_every_mark_has_a_pair_of_sdmx_codes_of_its_own() -> None:
    assert set(SDMX_MARKS) == set(Mark)
    assert len(set(SDMX_MARKS.values())) == len(Mark)


def test_a_code_that_a_list_has_not_is_shown_as_it_is() -> None:
    assert renderings.code_name(a_small_structure(), "AGE", "A99", "en") == "A99"
    assert renderings.code_name(a_small_structure(), "AGE", "_T", "ar") == "المجموع"
