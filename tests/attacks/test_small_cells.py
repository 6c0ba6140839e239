"""Linear programming against published tables.

The attacker knows the method and all its public parameters, and is told of every hidden cell
whether it is small or collapsed. A learner alone in a base cell is *exact* when both ends of
the range agree, and *proven* when the lower end is above zero. The same attack is run on
tables that protect less, where it succeeds: a test that could not fail would say nothing.
"""

import numpy as np
import pytest
from scipy.optimize import linprog

from interurban_node.attackers.programmes import ranges
from interurban_node.attackers.scores import score_bounds
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import ProtectionProfile
from tests.support.attacks import (
    SEEDS,
    WEAK,
    City,
    a_city,
    cities,
    enough_time,
    gate_report,
    some_alone,
    unsafe_exact,
    unsafe_suppressed,
    unsafe_system,
)
from tests.support.statistics import DEFAULT, Person

TARGETS = 10
TOLERANCE = 1e-5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_release_with_the_default_profile_proves_nobody(seed, note):
    for city in cities(seed):
        found = ranges(city.system(), some_alone(city, TARGETS), enough_time())
        for score in score_bounds(city.data, found):
            assert note("default", score).success == 0.0, score.attack
            assert score.trials >= 8


@pytest.mark.parametrize("seed", SEEDS[:2])
@pytest.mark.parametrize(
    ("publish", "name", "least"),
    [(unsafe_exact, "exact", 1.0), (unsafe_suppressed, "1 to 9 hidden", 0.4)],
    ids=["exact counts", "hiding 1 to 9 only"],
)
def test_the_same_attack_names_people_in_tables_that_protect_less(
    seed, publish, name, least, note
):
    for city in cities(seed):
        system = unsafe_system(city, publish(city))
        found = ranges(system, some_alone(city, TARGETS), enough_time())
        exact, proven, _ = (note(name, each) for each in score_bounds(city.data, found))
        assert exact.success >= least
        assert proven.success >= least


def test_a_weak_profile_lets_somebody_be_proven(note):
    city = a_city(1, people=150)
    lattice = city.lattice()
    alone = [lattice[place] for place in np.flatnonzero(city.true_counts(lattice) == 1)]
    targets = [city.space.cells_in(sets) for sets in city.space.cell_sets(alone)]
    found = ranges(city.system(WEAK), targets, enough_time())
    scores = {
        each.attack: note("weak profile", each)
        for each in score_bounds(city.data, found)
    }
    assert scores["bounds: proven"].gains
    assert scores["bounds: narrow"].gains


def test_a_release_that_was_attacked_is_not_empty():
    for city in cities(1):
        shown = [cell for cell in city.table().cells if cell.value is not None]
        assert len(shown) > 50


def test_a_tighter_profile_leaves_the_attacker_a_wider_range():
    city = a_city(2)
    targets = some_alone(city, TARGETS)
    loose = ranges(city.system(), targets, enough_time())
    pairs_only = ProtectionProfile(max_dimensions=2)
    tight = ranges(city.system(pairs_only), targets, enough_time())
    for before, after in zip(loose, tight, strict=True):
        assert after.low <= before.low + TOLERANCE
        assert after.high >= before.high - TOLERANCE


def test_another_solver_finds_the_same_ranges():
    city = a_city(3)
    system = city.system()
    targets = some_alone(city, 3)
    matrix = np.zeros((len(system.rows), city.space.size))
    for cell, rows in enumerate(system.memberships):
        matrix[rows[rows >= 0], cell] = 1.0
    bounded = np.isfinite(system.rows.high)
    left = np.vstack([matrix[bounded], -matrix])
    right = np.concatenate([system.rows.high[bounded], -system.rows.low])
    for target, found in zip(
        targets, ranges(system, targets, enough_time()), strict=True
    ):
        for sign, end in ((1.0, found.low), (-1.0, found.high)):
            objective = np.zeros(city.space.size)
            objective[target] = sign
            solved = linprog(objective, A_ub=left, b_ub=right, method="highs-ds")
            assert sign * solved.fun == pytest.approx(end, abs=1e-4)


def a_city_with_opposite_noise() -> City:
    """One programme and age band of 15 women and 2 men, shown as 13, and the women as 20."""
    city = a_city(1)
    noise = perturbation_table(DEFAULT.perturbation)
    chance = np.random.default_rng(1)
    keys = [int(key) for key in chance.integers(0, 2**32, size=17)]
    while (noise.lookup(15, sum(keys[:15])), noise.lookup(17, sum(keys))) != (5, -4):
        keys[0], keys[16] = map(int, chance.integers(0, 2**32, size=2))
    equity, outcome = ("DIS", "NDI", "_U"), ("COM", "NCM", "ONG")
    lopsided = [
        Person(
            ("P1", "A1", "F" if n < 15 else "M", equity[n % 3], outcome[n // 3 % 3]),
            keys[n],
        )
        for n in range(17)
    ]
    others = [each for each in city.people if each.codes[:2] != ("P1", "A1")]
    return City(city.data, city.structure, (*others, *lopsided))


@pytest.mark.xfail(
    reason="the noise of a whole and of its largest part can leave less than five for the"
    " rest; the gate refuses such a release: docs/attacks.md, what we know is weak"
)
def test_opposite_noise_of_whole_and_part_leaves_a_wide_range():
    assert gate_report(a_city_with_opposite_noise()).findings == ()
