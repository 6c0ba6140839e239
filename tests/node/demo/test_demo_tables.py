"""What the story plans and builds: the whole standard set, in an order that can be built."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_node.demo.tables import (
    AHEAD,
    DUE,
    Statistics,
    invented_statistics,
    invented_structures,
    read_courses,
    real_statistics,
    release_plan,
)
from interurban_protocol.release_plans import check_plan, quarter_after
from interurban_protocol.structures import Structure, parse_structure
from interurban_protocol.training_structures import TRAINING_DATAFLOWS
from tests.support.nodes import Federation
from tests.support.registries import oulad_row, write_oulad_export

DAYS = st.dates(date(2024, 1, 1), date(2032, 12, 31))


def cut_offs(statistics: Statistics) -> dict[str, datetime]:
    return {planned.period: planned.cut_off for planned in statistics.periods}


def by_urn(statistics: Statistics) -> dict[str, Structure]:
    return {structure.urn: structure for structure in statistics.structures}


@given(DAYS)
def test_whatever_is_built_is_due(today: date) -> None:
    statistics = invented_statistics(today)
    known = by_urn(statistics)
    midnight = datetime.combine(today, time(), UTC)
    for urn, period in statistics.releases:
        cohort = known[urn].cohort
        observed = quarter_after(period, cohort.lag) if cohort else period
        assert cut_offs(statistics)[period] <= midnight
        assert cut_offs(statistics)[observed] <= midnight


@given(DAYS)
def test_a_cohort_is_counted_before_what_became_of_it(today: date) -> None:
    statistics = invented_statistics(today)
    known = by_urn(statistics)
    built: set[tuple[str, str]] = set()
    for urn, period in statistics.releases:
        structure = known[urn]
        if structure.cohort is not None:
            assert (structure.cohort.dataflow, period) in built
        built.add((structure.id, period))
    assert len(built) == len(statistics.releases)
    assert {name for name, _ in built} == {each.id for each in TRAINING_DATAFLOWS}


@given(DAYS)
def test_some_quarters_of_the_calendar_are_due_and_some_are_not(today: date) -> None:
    statistics = invented_statistics(today)
    midnight = datetime.combine(today, time(), UTC)
    is_due = [planned.cut_off <= midnight for planned in statistics.periods]
    assert is_due == [True] * DUE + [False] * AHEAD
    assert statistics.newest == statistics.periods[DUE - 1].period


def test_the_programmes_stand_in_the_fields_of_isced() -> None:
    for structure in invented_structures():
        if "PROGRAMME" not in [each.id for each in structure.dimensions]:
            continue
        fields = {code.parent for code in structure.base_codes("PROGRAMME")}
        assert {"F04", "F06", "F07", "F09", "F10"} <= fields
        assert structure.code_of("PROGRAMME", "CARE-ASSIST") == "CARE_ASSIST"


def test_the_wage_bands_are_those_of_the_registry() -> None:
    [structure] = [each for each in invented_structures() if each.id == "JOBS_Q2"]
    bands = [structure.code_of("WAGE_BAND", word) for word in "ABCDEF"]
    assert len(set(bands)) == 6
    assert "_U" not in bands
    assert structure.code_of("WAGE_BAND", None) == "_U"


@pytest.mark.parametrize("is_real", [False, True])
def test_the_plan_is_sound_and_brings_its_structures(
    is_real: bool, cities: Federation, tmp_path: Path
) -> None:
    node = cities.add("lakeside")
    today = cities.clock.now.date()
    statistics = invented_statistics(today)
    if is_real:
        export = write_oulad_export(tmp_path / "export", [oulad_row()])
        statistics = real_statistics(export, today)
    plan, bundles = release_plan(node, statistics, [node.origin], cities.clock.now)
    check_plan(plan)
    assert [parse_structure(bundle).digest for bundle in bundles] == [
        dataflow.structure for dataflow in plan.dataflows
    ]


def test_starts_and_exits_of_an_export_are_built_in_their_own_quarters(
    tmp_path: Path,
) -> None:
    export = write_oulad_export(tmp_path, [oulad_row()])
    statistics = real_statistics(export, date(2026, 11, 23))
    completion, exits = (structure.urn for structure in statistics.structures)
    assert statistics.releases == [
        (completion, "2013-Q4"),
        (completion, "2014-Q1"),
        (exits, "2014-Q2"),
        (exits, "2014-Q3"),
    ]
    assert statistics.newest == "2014-Q1"


def test_courses_of_another_form_have_no_days(tmp_path: Path) -> None:
    courses = [("AAA", "2013J", "268"), ("BBB", "2013X", "1"), ("CCC", "2014B", "?")]
    export = write_oulad_export(tmp_path, [oulad_row()], courses=courses)
    found = read_courses(export)
    assert found.modules == ["AAA", "BBB", "CCC"]
    assert found.starts == [date(2013, 10, 1)]
    assert found.ends == [date(2013, 10, 1) + timedelta(days=268)]
