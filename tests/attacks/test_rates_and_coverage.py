"""Rates multiplied back, and coverage times a total that everybody knows."""

import pytest

from interurban_node.attackers.rates import covered, numerators
from interurban_node.attackers.scores import share
from interurban_protocol.disclosure import Group, protected_coverage, rate
from interurban_protocol.perturbation_tables import perturbation_table
from tests.support.attacks import SEEDS, City, cities
from tests.support.statistics import DEFAULT, Person


def completions(city: City) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Pairs of a cell without outcome and the same cell with those who completed."""
    return [
        (codes, (*codes[:-1], "COM")) for codes in city.lattice(2) if codes[-1] == "_T"
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rate_of_shown_values_gives_no_hidden_numerator_back(seed, note):
    for city in cities(seed):
        values = dict(city.table().cells)
        hidden = [
            (whole, part) for whole, part in completions(city) if values[part] is None
        ]
        rates = [rate(values[part], values[whole], DEFAULT) for whole, part in hidden]
        claims = [each for each in rates if each is not None]
        score = share("rates multiplied back", city.data, [True] * len(claims), 0.0)
        assert len(hidden) > 0
        assert note("default", score).trials == 0


def test_a_rate_of_the_true_counts_gives_the_hidden_numerator_back(note):
    for city in cities(1):
        values = dict(city.table().cells)
        hits = []
        for whole, part in completions(city):
            people, completed = city.true_counts([whole, part]).tolist()
            if values[part] is None and values[whole] is not None and completed:
                percent = round(100 * completed / people, 1)
                found = numerators(percent, range(people, people + 1))
                hits.append(found == (completed, completed))
        score = share("rates multiplied back", city.data, hits, 0.1)
        assert note("true rates", score).success > 0.9


def test_every_numerator_that_rounds_to_the_percentage_is_in_the_range():
    for people in (17, 40, 99):
        for completed in range(people + 1):
            percent = round(100 * completed / people, 1)
            low, high = numerators(percent, range(people, people + 1))
            assert low <= completed <= high
    assert numerators(33.3, range(4, 5)) is None


def coverage_range(city: City, agreed: list[Person], step: int) -> tuple[int, int]:
    """What an attacker concludes who knows how many people are concerned."""
    profile = DEFAULT.model_copy(update={"coverage_rounding": step})
    percent = protected_coverage(
        group(agreed),
        group(city.people),
        profile,
        perturbation_table(DEFAULT.perturbation),
    )
    assert percent is not None
    return covered(percent, step, len(city.people))


@pytest.mark.parametrize("seed", SEEDS)
def test_coverage_times_a_public_total_leaves_a_wide_range(seed, note):
    for city in cities(seed):
        hits = []
        for every in (3, 4, 5, 7):
            agreed = [
                person for place, person in enumerate(city.people) if place % every
            ]
            low, high = coverage_range(city, agreed, DEFAULT.coverage_rounding)
            hits.append(high - low < 5)
        score = share("coverage times total", city.data, hits, 0.0)
        assert note("default", score).success == 0.0


def test_an_exact_coverage_would_give_the_number_of_those_who_agreed(note):
    for city in cities(1):
        total = len(city.people)
        hits = []
        for agreed in range(total // 2, total, total // 20):
            percent = round(100 * agreed / total, 1)
            low, high = numerators(percent, range(total, total + 1)) or (0, total)
            hits.append(high - low < 5 and low <= agreed <= high)
        score = share("coverage times total", city.data, hits, 0.0)
        assert note("unrounded", score).success == 1.0


def test_the_ends_of_the_coverage_scale_stand_for_everything_beyond():
    assert covered(95, 5, 1000) == (925, 1000)
    assert covered(5, 5, 1000) == (0, 75)
    assert covered(50, 5, 1000) == (475, 525)


def group(people) -> Group:
    return Group(len(people), sum(person.key for person in people))
