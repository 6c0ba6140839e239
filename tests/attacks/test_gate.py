"""The gate itself: what it examines, what it refuses, and what it says would mend it."""

import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interurban_node.attackers.gate import (
    Earlier,
    Examined,
    FindingKind,
    GateReport,
    PassedGate,
    Relation,
    UnsafeReleaseError,
    examine,
)
from interurban_node.attackers.programmes import ranges
from interurban_node.attackers.systems import System, without_dominated
from interurban_node.attackers.targets import Targets
from interurban_node.attackers.witnesses import Registry
from interurban_protocol.errors import MalformedError
from interurban_protocol.release_plans import ProtectionProfile
from tests.support.attacks import (
    SEEDS,
    WEAK,
    City,
    a_city,
    a_lopsided_city,
    cities,
    enough_time,
    gate_report,
    without_collapsing,
)
from tests.support.statistics import DEFAULT, PERIOD


@pytest.mark.parametrize("seed", SEEDS)
def test_a_release_with_the_default_profile_passes_whole(seed):
    for city in cities(seed):
        report = gate_report(city, seed=seed)
        assert report.finished
        assert report.targets > 40
        assert report.pass_or_refuse(DEFAULT).table.values == city.table().values


def test_every_cell_with_one_to_four_learners_is_a_target():
    city = a_city(1)
    lattice = city.lattice()
    counts = city.true_counts(lattice)
    small = {
        codes for codes, n in zip(lattice, counts.tolist(), strict=True) if 1 <= n <= 4
    }
    small |= {
        city.space.codes(cell)
        for cell, n in enumerate(city.counts.tolist())
        if 1 <= n <= 4
    }
    assert set(Targets.of(city.space, lattice, city.counts).codes) == small


def test_a_weak_profile_is_refused_with_cells_and_a_mend_that_works():
    report = weak_report()
    kinds = {each.kind for each in report.findings}
    assert FindingKind.PROVEN in kinds
    with pytest.raises(UnsafeReleaseError) as refused:
        report.pass_or_refuse(WEAK)
    assert "mend: " in refused.value.reasons[0]
    assert "by linear programming" in refused.value.reasons[0]
    assert len(refused.value.reasons) <= 21


def test_the_first_mend_that_passes_is_named():
    city = a_city(2, people=150)
    thin = ProtectionProfile(
        threshold=6, equity_threshold=6, collapse_difference=1, min_median=30
    )
    report = gate_report(city, profile=thin)
    mends = {each.mend for each in report.findings}
    assert mends == {"threshold 11 in the profile"}
    mended = thin.model_copy(update={"threshold": 11, "equity_threshold": 11})
    assert gate_report(city, profile=mended).findings == ()


def test_findings_are_what_linear_programming_alone_finds():
    report = weak_report()
    city = a_city(2, people=60)
    found = {each.codes for each in report.findings}
    targets = Targets.of(city.space, city.lattice(), city.counts)
    chosen = np.random.default_rng(1).permutation(len(targets))[:40].tolist()
    cells = [targets.cells(place) for place in chosen]
    for place, each in zip(
        chosen, ranges(city.system(WEAK), cells, enough_time()), strict=True
    ):
        is_unsafe = each.proves_somebody or each.width < 5 - 1e-4
        if len(found) < 100:
            assert is_unsafe == (targets.codes[place] in found)
        else:
            assert is_unsafe or targets.codes[place] not in found


@cache
def weak_report() -> GateReport:
    return gate_report(a_city(2, people=60), profile=WEAK)


def test_what_a_group_is_must_not_follow_from_equal_values():
    told = []
    for seed in range(1, 9):
        city = without_collapsing(a_lopsided_city(seed))
        asked = a_lopsided_city(seed)
        cells = city.table().cells
        told += _told(asked, cells)
        assert not [
            each
            for each in gate_report(asked).findings
            if each.kind is FindingKind.EQUAL_NOISE
        ]
    assert told


def _told(city: City, cells) -> list[object]:
    from interurban_node.attackers.equal_noise import told_groups

    sums = city.true_counts([cell.codes for cell in cells])
    return list(told_groups(city.space, DEFAULT, cells, sums))


def test_without_time_the_gate_says_what_it_left_out_and_refuses():
    report = gate_report(a_city(1), seconds=0.0)
    assert not report.finished
    assert report.examined < report.targets
    assert sum(report.left_out.values()) == report.targets - report.examined
    with pytest.raises(UnsafeReleaseError, match=r"examined \d+ of \d+ small cells"):
        report.pass_or_refuse(DEFAULT)


def test_an_unfinished_gate_signs_where_the_profile_says_so():
    relaxed = DEFAULT.model_copy(update={"gate_must_finish": False})
    report = gate_report(a_city(1), profile=relaxed, seconds=0.0)
    assert report.pass_or_refuse(relaxed).report is report


def test_an_unfinished_gate_with_findings_never_signs():
    relaxed = WEAK.model_copy(update={"gate_must_finish": False})
    with pytest.raises(UnsafeReleaseError):
        weak_report().pass_or_refuse(relaxed)


def test_the_same_seed_examines_in_the_same_way():
    summaries = [gate_report(a_city(3), seed=7).summary for _ in range(2)]
    assert [{**each, "seconds": 0} for each in summaries] == [
        {**summaries[0], "seconds": 0}
    ] * 2
    assert summaries[0]["seed"] == 7


def test_the_summary_has_numbers_and_no_cells():
    report = weak_report()
    assert set(report.summary) == {
        "targets",
        "examined",
        "finished",
        "findings",
        "left_out",
        "seconds",
        "seed",
    }
    assert report.summary["findings"] == len(report.findings)


def test_progress_counts_up_to_all_targets():
    seen: list[tuple[int, int]] = []
    city = a_city(1)
    examined = Examined(
        structure=city.structure,
        profile=DEFAULT,
        base=city.base,
        table=city.table(),
        period=PERIOD,
    )
    report = examine(
        examined,
        seed=1,
        seconds=60,
        timer=time.perf_counter,
        progress=lambda done, of: seen.append((done, of)),
    )
    assert seen[-1] == (report.targets, report.targets)
    assert seen == sorted(seen)


def test_a_table_of_another_profile_is_not_examined():
    city = a_city(1)
    examined = Examined(
        structure=city.structure,
        profile=WEAK,
        base=city.base,
        table=city.table(),
        period=PERIOD,
    )
    with pytest.raises(MalformedError):
        examine(examined, seed=1, seconds=60, timer=time.perf_counter)


def test_only_the_gate_makes_reports_and_passes():
    report = gate_report(a_city(1))
    with pytest.raises(TypeError):
        PassedGate(report.table, report, object())
    with pytest.raises(TypeError):
        replace(report, _seal=object())
    assert isinstance(report, GateReport)


def test_places_offered_bound_nobody():
    city = a_city(1)
    places = replace(city.structure, id="PLACES", basis="non_personal")
    table = replace(city.released(), structure=places, values={("_T",) * 5: 3})
    earlier = Earlier("sha256:3", table, Relation.SAME_PEOPLE)
    assert gate_report(city, [earlier]).findings == ()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), people=st.integers(20, 300))
def test_dropping_dominated_rows_changes_no_range(seed, people):
    city = a_city(seed, people=people)
    system = city.system()
    fewer = System.of(city.space, [without_dominated(city.space, system.rows)])
    assert len(fewer.rows) <= len(system.rows)
    targets = [np.array([cell]) for cell in city.alone[:2]]
    for one, other in zip(
        ranges(system, targets, enough_time()),
        ranges(fewer, targets, enough_time()),
        strict=True,
    ):
        assert one.low == pytest.approx(other.low, abs=1e-4)
        assert one.high == pytest.approx(other.high, abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), people=st.integers(20, 600))
def test_a_registry_that_was_found_keeps_to_every_row(seed, people):
    city = a_city(seed, people=people)
    system = city.system()
    registry = Watched(system, city.counts, np.random.default_rng(seed))
    for cell in city.alone[:5]:
        cells = np.array([cell])
        if registry.can_be_empty(cells, 3):
            assert registry.last[cell] == 0
            assert keeps_to(system, registry.last)
        if registry.can_reach(cells, 5, 3):
            assert registry.last[cell] >= 5
            assert keeps_to(system, registry.last)
        assert (registry.people == city.counts).all()


def keeps_to(system: System, people: np.ndarray) -> bool:
    sums = system.sums(people)
    is_within = (system.rows.low <= sums) & (sums <= system.rows.high)
    return bool(is_within.all() and (people >= 0).all())


class Watched(Registry):
    """Remembers the registry that it found last."""

    last: np.ndarray

    def _is_completed(self, steps):
        is_done = all(steps)
        self.last = self.people.copy()
        return super()._is_completed(iter([is_done]))
