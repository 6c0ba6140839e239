"""Attackers that guess: the best fit, what remains, and equal values."""

import numpy as np
import pytest

from interurban_node.attackers.derived_columns import derived_cells
from interurban_node.attackers.least_squares import estimates
from interurban_node.attackers.scores import (
    pooled,
    score_derived,
    score_equal_noise,
    score_least_squares,
)
from interurban_node.attackers.systems import Rows, System
from tests.support.attacks import (
    SEEDS,
    City,
    a_city,
    a_lopsided_city,
    cities,
    unsafe_exact,
    unsafe_perturbed,
    unsafe_suppressed,
    unsafe_system,
    values_of,
    without_collapsing,
)
from tests.support.statistics import DEFAULT


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_fit_to_a_release_finds_nobody_who_is_alone(seed, note):
    for city in cities(seed):
        system = city.system()
        values = values_of(city, system, city.table().cells)
        score = score_least_squares(city.data, system, values, city.counts)
        assert not note("default", score).gains


def test_the_best_fit_to_exact_tables_finds_them(note):
    for city in cities(1):
        system = unsafe_system(city, unsafe_exact(city))
        score = score_least_squares(city.data, system, system.rows.low, city.counts)
        assert note("exact", score).success > 0.9


def test_the_best_fit_to_noise_without_a_threshold_finds_more_than_chance(note):
    scores = []
    for seed in SEEDS:
        for city in cities(seed):
            cells = unsafe_perturbed(city)
            values = np.array([cell.value for cell in cells], dtype=float)
            sets = city.space.cell_sets([cell.codes for cell in cells])
            said = Rows(sets, np.maximum(values - 5, 0), values + 5)
            system = System.of(city.space, [said])
            shown = values_of(city, system, cells)
            score = score_least_squares(city.data, system, shown, city.counts)
            scores.append(note("noise, nothing hidden", score))
    assert pooled(scores).gains


def test_the_best_fit_gives_back_a_table_that_determines_everything():
    city = a_city(1)
    system = unsafe_system(city, unsafe_exact(city))
    assert np.abs(estimates(system, system.rows.low) - city.counts).max() < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_what_remains_of_a_release_is_not_the_hidden_figure(seed, note):
    for city in cities(seed):
        cells = city.table().cells
        score = score_derived(city.data, city.space, cells, city.counts, DEFAULT)
        assert not note("default", score).gains


def test_what_remains_is_within_the_noise_of_all_figures_in_it():
    city = a_city(2)
    found = list(derived_cells(city.structure, city.table().cells, 5))
    true = city.true_counts([each.codes for each in found])
    assert len(found) > 10
    assert all(
        each.low <= number <= each.high
        for each, number in zip(found, true, strict=True)
    )


def test_what_remains_of_exact_tables_is_the_hidden_figure(note):
    for city in cities(1):
        cells = unsafe_suppressed(city, 3)
        score = score_derived(city.data, city.space, cells, city.counts, None)
        assert note("1 to 9 hidden", score).success == 1.0
        assert score.gains


@pytest.mark.parametrize("seed", SEEDS)
def test_equal_values_do_not_tell_what_everybody_in_a_group_is(seed, note):
    for city in (*cities(seed), a_lopsided_city(seed)):
        assert not note("default", _equal(city)).gains


def test_without_collapsing_equal_values_tell_it(note):
    score = _equal(without_collapsing(a_lopsided_city(1)), a_lopsided_city(1))
    assert note("nothing collapsed", score).gains
    assert score.success > 0.7


def _equal(published: City, asked: City | None = None):
    """The score of equal values in a table, read with what the asked city calls sensitive."""
    city = asked or published
    cells = published.table().cells
    return score_equal_noise(city.data, city.space, cells, city.counts)
