"""Linear programming against published tables, on a tiny made-up city.

The attacker knows the method and all its public parameters. Every published cell gives one
row, a sum of base cells between two bounds; the unknown base cell is minimised and maximised
(integrality relaxed, HiGHS). A learner alone in a base cell is *exact* when both ends agree,
and their existence is *proven* when the lower end is above zero.

The same attack is run on tables that protect less, where it succeeds: a test that could not
fail would say nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from interurban_protocol.disclosure import closed_lattice
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.structures import Structure
from tests.support.statistics import (
    DEFAULT,
    Person,
    a_structure,
    base_combinations,
    naive_count,
    protected,
    some_people,
)

CITY = a_structure(programmes=3, ages=2)
TARGETS = 10
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a publication says of one cell of the lattice."""

    codes: tuple[str, ...]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the attack found out about one learner's base cell."""

    low: float
    high: float

    @property
    def is_exact(self) -> bool:
        return self.high - self.low < 1 - TOLERANCE

    @property
    def is_proven(self) -> bool:
        return self.low > TOLERANCE


def exact_counts(people: Sequence[Person], dimensions: int) -> list[Bounds]:
    counts = {
        codes: naive_count(people, codes) for codes in closed_lattice(CITY, dimensions)
    }
    return [Bounds(codes, count, count) for codes, count in counts.items()]


def primary_suppression(people: Sequence[Person], dimensions: int) -> list[Bounds]:
    """Exact counts from 10 on and zeros; 1 to 9 hidden."""
    return [
        Bounds(cell.codes, 1, 9) if 1 <= cell.low < 10 else cell
        for cell in exact_counts(people, dimensions)
    ]


def protected_release(
    people: Sequence[Person], profile: ProtectionProfile = DEFAULT
) -> list[Bounds]:
    """What the manifest of a release lets everybody conclude from its cells, and more.

    A hidden cell is small or collapsed, and looks the same in either case. This attacker is
    told which of them are collapsed, and takes the others as small.
    """
    noise = profile.perturbation.maximum
    small = profile.threshold - 1 + noise
    bounds = []
    for codes, value in protected(people, CITY, profile).cells:
        if value is not None:
            bounds.append(Bounds(codes, value - noise, value + noise))
        else:
            is_small = naive_count(people, codes) <= small
            bounds.append(Bounds(codes, 0, small if is_small else np.inf))
    return bounds


def attack(
    structure: Structure,
    published: Iterable[Bounds],
    targets: Sequence[tuple[str, ...]],
) -> list[Outcome]:
    """The range of each target base cell, given everything published."""
    cells = base_combinations(structure)
    columns = np.array(cells)
    rows, low, high = [], [], []
    for bounds in published:
        codes = np.array(bounds.codes)
        rows.append(((columns == codes) | (codes == "_T")).all(axis=1))
        low.append(bounds.low)
        high.append(bounds.high)
    matrix = csr_matrix(np.array(rows, dtype=float))
    bounded = np.isfinite(high)
    left = csr_matrix(np.vstack([matrix.toarray()[bounded], -matrix.toarray()]))
    right = np.concatenate([np.array(high)[bounded], -np.array(low)])

    def end(position: int, sign: float) -> float:
        objective = np.zeros(len(cells))
        objective[position] = sign
        found = linprog(objective, A_ub=left, b_ub=right, method="highs")
        assert found.success, found.message
        return float(sign * found.fun)

    positions = [cells.index(target) for target in targets]
    return [Outcome(end(place, 1.0), end(place, -1.0)) for place in positions]


def city(seed: int) -> tuple[list[Person], list[tuple[str, ...]]]:
    """People, and the base cells of some who are alone in theirs."""
    people = some_people(CITY, count=600, seed=seed)
    alone = [codes for codes, n in Counter(p.codes for p in people).items() if n == 1]
    assert len(alone) >= TARGETS
    return people, sorted(alone)[:: max(1, len(alone) // TARGETS)][:TARGETS]


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_release_with_the_default_profile_proves_nobody(seed):
    people, targets = city(seed)
    outcomes = attack(CITY, protected_release(people), targets)
    assert not [outcome for outcome in outcomes if outcome.is_exact]
    assert not [outcome for outcome in outcomes if outcome.is_proven]
    assert min(outcome.high - outcome.low for outcome in outcomes) >= 3


def test_the_release_that_was_attacked_is_not_empty():
    people, _ = city(1)
    shown = [bounds for bounds in protected_release(people) if bounds.low > 0]
    assert len(shown) > 100


@pytest.mark.parametrize(
    ("publish", "least_exact"),
    [(exact_counts, TARGETS), (primary_suppression, TARGETS // 2)],
    ids=["exact counts", "hiding 1 to 9 only"],
)
def test_the_same_attack_names_people_in_tables_that_protect_less(
    publish: Callable[[Sequence[Person], int], list[Bounds]], least_exact: int
):
    people, targets = city(1)
    outcomes = attack(CITY, publish(people, 5), targets)
    assert sum(outcome.is_exact for outcome in outcomes) >= least_exact
    assert sum(outcome.is_proven for outcome in outcomes) >= least_exact


def test_a_tighter_profile_leaves_the_attacker_a_wider_range():
    people, targets = city(2)
    loose = attack(CITY, protected_release(people), targets)
    pairs_only = ProtectionProfile(max_dimensions=2)
    tight = attack(CITY, protected_release(people, pairs_only), targets)
    for before, after in zip(loose, tight, strict=True):
        assert after.low <= before.low + TOLERANCE
        assert after.high >= before.high - TOLERANCE
