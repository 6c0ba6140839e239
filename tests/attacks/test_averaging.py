"""Averaging: over answers, over recipients, over releases of one period."""

import pytest

from interurban_node.attackers.averages import averaged, distinct_draws, guessed
from interurban_node.attackers.gate import Earlier, FindingKind, Relation
from interurban_node.attackers.scores import share
from interurban_protocol.releases import write_data
from tests.support.attacks import (
    SEEDS,
    City,
    a_city,
    as_released,
    cities,
    gate_report,
    unsafe_perturbed,
    with_other_keys,
)
from tests.support.statistics import DEFAULT, PERIOD

DRAWS = 16


def right(city: City, tables) -> list[bool]:
    """Whether the averaged guess is right, for every cell of the first table."""
    guesses = guessed(averaged(tables))
    codes = [cell.codes for cell in tables[0] if cell.value is not None]
    true = city.true_counts(codes)
    return [guesses[cell] == number for cell, number in zip(codes, true, strict=True)]


@pytest.mark.parametrize("seed", SEEDS)
def test_asking_again_gives_the_same_answer_and_nothing_more(seed, note):
    for city in cities(seed):
        answers = [city.table().cells for _ in range(DRAWS)]
        assert distinct_draws(answers) == 1
        once = right(city, answers[:1])
        score = share("repetition", city.data, right(city, answers), mean(once))
        assert not note("default", score).gains


def test_fresh_noise_for_every_answer_averages_away(note):
    city = a_city(1)
    answers = [unsafe_perturbed(with_other_keys(city, seed)) for seed in range(100)]
    assert distinct_draws(answers) == 100
    once = right(city, answers[:1])
    score = share("repetition", city.data, right(city, answers), mean(once))
    assert note("fresh noise each time", score).success > 0.95
    assert score.gains


@pytest.mark.parametrize("seed", SEEDS)
def test_two_recipients_hold_the_same_bytes(seed, note):
    city = a_city(seed)
    files = {
        write_data(city.table(), city.structure, "LAKESIDE", PERIOD) for _ in range(2)
    }
    assert len(files) == 1
    tables = [city.table().cells] * 2
    once = mean(right(city, tables[:1]))
    score = share("recipients comparing", city.data, right(city, tables), once)
    assert not note("default", score).gains


def test_recipients_with_noise_of_their_own_average_it_away(note):
    city = a_city(1)
    tables = [with_other_keys(city, seed).table().cells for seed in range(12)]
    once = mean(right(city, tables[:1]))
    score = share("recipients comparing", city.data, right(city, tables), once)
    assert note("noise per recipient", score).gains


@pytest.mark.parametrize("seed", SEEDS)
def test_releases_of_other_periods_are_of_other_people(seed, note):
    city = a_city(seed)
    later = [a_city(100 * seed + quarter).table().cells for quarter in range(1, 8)]
    tables = [city.table().cells, *later]
    once = mean(right(city, tables[:1]))
    score = share("averaging over releases", city.data, right(city, tables), once)
    assert not note("default", score).gains


def test_one_period_issued_again_and_again_averages_to_the_truth(note):
    city = a_city(2)
    tables = [with_other_keys(city, seed).table().cells for seed in range(DRAWS)]
    once = mean(right(city, tables[:1]))
    score = share("averaging over releases", city.data, right(city, tables), once)
    assert note(f"{DRAWS} re-issues", score).gains
    assert score.success > once + 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gate_refuses_to_issue_a_period_again(seed):
    city = a_city(seed)
    issued = as_released(city.structure, DEFAULT, city.table().cells)
    earlier = Earlier("sha256:1", issued, Relation.SAME_PEOPLE)
    report = gate_report(with_other_keys(city, 99), [earlier])
    assert {each.kind for each in report.findings} >= {FindingKind.SECOND_TABLE}


def mean(hits: list[bool]) -> float:
    return sum(hits) / len(hits)
