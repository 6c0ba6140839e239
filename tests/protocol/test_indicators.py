"""Definitions of indicators: complete, in every language, and of cells that exist."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from interurban_protocol.indicator_names import (
    BASIS_NAMES,
    COUNTED,
    HEADINGS,
    INDICATOR_NAMES,
    SOURCES,
    UNIT_NAMES,
    UNKNOWNS,
)
from interurban_protocol.indicators import (
    STANDARD,
    Cells,
    Indicator,
    Kind,
    Unit,
    count_of,
    indicators_of,
    is_made_of,
    open_dimensions,
)
from interurban_protocol.structures import AGENCY, Names, Structure
from interurban_protocol.training_structures import TRAINING_DATAFLOWS
from tests.support.outcomes import standard_structures

LANGUAGES = {"en", "ar", "de", "fr", "uk"}
STRUCTURES = standard_structures()
BY_ID = {each.id: each for each in STANDARD}


def parts(indicator: Indicator) -> Iterator[Cells]:
    yield indicator.numerator
    if indicator.denominator is not None:
        yield indicator.denominator


def structures_of(indicator: Indicator) -> list[Structure]:
    return [STRUCTURES[dataflow] for dataflow in indicator.dataflows]


def texts() -> Iterator[tuple[str, Names]]:
    lists = (
        BASIS_NAMES,
        COUNTED,
        HEADINGS,
        INDICATOR_NAMES,
        SOURCES,
        UNIT_NAMES,
        UNKNOWNS,
    )
    for place, names in enumerate(lists):
        for key, text in names.items():
            yield f"{place}-{key}", text


@pytest.mark.parametrize(("key", "names"), list(texts()))
def test_every_text_is_in_every_language_and_in_none_twice(
    key: str, names: Names
) -> None:
    assert set(names) == LANGUAGES
    assert all(text == text.strip() != "" for text in names.values())
    assert len({names["en"], names["ar"], names["uk"]}) == 3


def test_no_two_indicators_or_columns_of_one_have_the_same_id() -> None:
    assert len(BY_ID) == len(STANDARD)
    for indicator in STANDARD:
        ids = [column.id for column in indicator.columns]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("indicator", STANDARD, ids=lambda each: each.id)
def test_the_standard_structures_have_the_cells_of_every_indicator(
    indicator: Indicator,
) -> None:
    found = structures_of(indicator)
    assert is_made_of(indicator, found[0], found[-1])


@pytest.mark.parametrize("indicator", STANDARD, ids=lambda each: each.id)
def test_the_basis_stated_is_that_of_the_dataflow(indicator: Indicator) -> None:
    for cells in parts(indicator):
        assert cells.basis == STRUCTURES[cells.dataflow].basis


@pytest.mark.parametrize("indicator", STANDARD, ids=lambda each: each.id)
def test_units_fit_the_kind(indicator: Indicator) -> None:
    match indicator.kind:
        case Kind.COUNT:
            assert indicator.unit == indicator.numerator.unit
            assert indicator.denominator is None
        case Kind.RATE | Kind.SHARES:
            assert indicator.unit is Unit.PERCENT
            assert indicator.denominator is not None
        case Kind.MEDIAN:
            assert indicator.denominator is None
    assert (indicator.along is not None) == (
        indicator.kind in (Kind.SHARES, Kind.MEDIAN)
    )


@pytest.mark.parametrize("indicator", STANDARD, ids=lambda each: each.id)
def test_later_outcomes_divide_by_a_table_about_the_same_cohort(
    indicator: Indicator,
) -> None:
    numerator = STRUCTURES[indicator.numerator.dataflow]
    if numerator.cohort is None or indicator.denominator is None:
        return
    denominator = STRUCTURES[indicator.denominator.dataflow]
    cohorts = [
        each.cohort.dataflow if each.cohort else each.id
        for each in (numerator, denominator)
    ]
    assert cohorts == [numerator.cohort.dataflow] * 2


def test_every_standard_dataflow_has_an_indicator() -> None:
    used = {dataflow for each in STANDARD for dataflow in each.dataflows}
    assert used == {each.id for each in TRAINING_DATAFLOWS}


def test_the_share_of_places_says_that_its_denominator_is_no_data_about_people() -> (
    None
):
    indicator = BY_ID["PLACES_FILLED_SHARE"]
    assert [cells.basis for cells in parts(indicator)] == ["consent", "non_personal"]
    assert "The places are exact" in indicator.unknowns["en"]


@pytest.mark.parametrize(
    ("indicator_id", "expected"),
    [
        ("STARTED", {"PROGRAMME", "MODE", "AGE", "SEX", "EQUITY", "OUTCOME"}),
        ("COMPLETION_RATE", {"PROGRAMME", "MODE", "AGE", "SEX", "EQUITY"}),
        ("EXIT_REASONS", {"PROGRAMME", "AGE", "SEX", "EQUITY"}),
        ("PLACES_FILLED_SHARE", {"PROGRAMME", "MODE"}),
        ("EMPLOYED_Q2_RATE", {"PROGRAMME", "AGE", "SEX", "EQUITY"}),
        ("MEDIAN_WAGE", {"PROGRAMME", "AGE", "SEX", "EQUITY"}),
        ("GRIEVANCES_IN_TIME_RATE", {"CASE_KIND"}),
    ],
)
def test_only_what_every_part_has_and_the_definition_does_not_use_is_open(
    indicator_id: str, expected: set[str]
) -> None:
    indicator = BY_ID[indicator_id]
    found = open_dimensions(indicator, *structures_of(indicator))
    assert {each.id for each in found} == expected


def test_a_dimension_with_other_codes_in_the_denominator_is_not_open() -> None:
    indicator = BY_ID["EMPLOYED_Q2_RATE"]
    jobs, exits = structures_of(indicator)
    ages = exits.codelist("CL_AGE")
    fewer = replace(ages, codes=tuple(c for c in ages.codes if c.id != "Y_LT16"))
    other = replace(
        exits,
        codelists=tuple(fewer if e.id == "CL_AGE" else e for e in exits.codelists),
    )
    assert "AGE" not in {each.id for each in open_dimensions(indicator, jobs, other)}


def test_releases_are_read_by_the_indicators_whose_cells_they_have() -> None:
    exits, jobs = STRUCTURES["EXITS"], STRUCTURES["JOBS_Q2"]
    assert [each.id for each in indicators_of([exits])] == ["EXITS", "EXIT_REASONS"]
    assert [each.id for each in indicators_of([exits, jobs])] == [
        "EXITS",
        "EXIT_REASONS",
        "EMPLOYED_Q2_RATE",
        "WAGE_BANDS",
        "MEDIAN_WAGE",
    ]


def test_the_whole_set_is_read_by_all_of_them_in_order() -> None:
    assert indicators_of(list(STRUCTURES.values())) == STANDARD


def test_a_dataflow_of_another_agency_is_counted_and_no_more() -> None:
    other = replace(STRUCTURES["EXITS"], agency="OTHER")
    [found] = indicators_of([other])
    assert found == count_of(other)
    assert (found.kind, found.names) == (Kind.COUNT, other.names)
    assert other.agency != AGENCY


def test_a_standard_dataflow_that_lacks_a_code_has_no_indicator_of_it() -> None:
    completion = STRUCTURES["COMPLETION"]
    outcomes = completion.codelist("CL_OUTCOME")
    without = replace(outcomes, codes=tuple(c for c in outcomes.codes if c.id != "COM"))
    changed = replace(
        completion,
        codelists=tuple(
            without if e.id == "CL_OUTCOME" else e for e in completion.codelists
        ),
    )
    assert [each.id for each in indicators_of([changed])] == ["STARTED"]
