"""Comparing: before and after, and two dataflows over the same people."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from interurban_node.attackers.comparisons import differences, leaver_scores
from interurban_node.attackers.gate import Earlier, FindingKind, Relation
from interurban_node.attackers.programmes import ranges
from interurban_node.attackers.publications import statements_of_earlier
from interurban_node.attackers.scores import score_bounds, share
from interurban_node.attackers.systems import System
from tests.support.attacks import (
    SEEDS,
    City,
    a_city,
    another_dataflow,
    as_released,
    cities,
    enough_time,
    gate_report,
    some_alone,
    with_other_keys,
)
from tests.support.statistics import DEFAULT, Person

TRIALS = 25
Change = Callable[[City, int], tuple[City, set[tuple[str, ...]]]]


def a_withdrawal(city: City, number: int) -> tuple[City, set[tuple[str, ...]]]:
    people = list(city.people)
    gone = people.pop(number % len(people))
    return replace(city, people=tuple(people)), {gone.codes}


def a_late_row(city: City, number: int) -> tuple[City, set[tuple[str, ...]]]:
    codes = city.people[number % len(city.people)].codes
    late = Person(codes, 7_919 * (number + 1) % 2**32)
    return replace(city, people=(*city.people, late)), {codes}


def a_correction(city: City, number: int) -> tuple[City, set[tuple[str, ...]]]:
    people = list(city.people)
    place = number % len(people)
    wrong, other = people[place], people[(number * 7 + 3) % len(people)]
    people[place] = Person(other.codes, wrong.key)
    return replace(city, people=tuple(people)), {wrong.codes, other.codes}


CHANGES = {
    "withdrawal": a_withdrawal,
    "late row": a_late_row,
    "correction": a_correction,
}


def names_them(before: City, after: City, changed: set[tuple[str, ...]]) -> bool:
    scores = leaver_scores(
        before.space, dict(before.table().cells), dict(after.table().cells)
    )
    return before.space.codes(int(scores.argmax())) in changed


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", SEEDS[:2])
def test_nothing_changes_in_an_issued_release_so_nobody_is_named(seed, change, note):
    for city in cities(seed):
        chance = 1 / np.count_nonzero(city.counts)
        hits = [
            names_them(city, city, CHANGES[change](city, 31 * number)[1])
            for number in range(TRIALS)
        ]
        score = share(f"before/after a {change}", city.data, hits, chance)
        assert note("default: issued once", score).success <= 0.2


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_table_made_again_names_who_came_or_left(change, note):
    for city in cities(1):
        hits = []
        for number in range(TRIALS):
            after, changed = CHANGES[change](city, 31 * number)
            hits.append(names_them(city, after, changed))
        chance = 1 / np.count_nonzero(city.counts)
        score = share(f"before/after a {change}", city.data, hits, chance)
        assert note("made again", score).gains
        assert score.success > 0.5


@pytest.mark.parametrize("change", CHANGES)
def test_the_gate_refuses_the_second_table(change):
    city = a_city(1)
    earlier = Earlier(
        "sha256:1",
        as_released(city.structure, DEFAULT, city.table().cells),
        Relation.SAME_PEOPLE,
    )
    report = gate_report(CHANGES[change](city, 5)[0], [earlier])
    assert [each.kind for each in report.findings] == [FindingKind.SECOND_TABLE]
    assert gate_report(city, [earlier], revises="sha256:1").findings == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_two_dataflows_over_the_same_people_agree_and_add_nothing(seed, note):
    city = a_city(seed)
    other = another_dataflow(city, seed)
    earlier = Earlier("sha256:2", other.released(), Relation.SAME_PEOPLE)
    assert differences(city.space, DEFAULT, city.table().cells, other.released()) == []
    system = System.of(
        city.space,
        [
            city.system().rows,
            statements_of_earlier(city.space, earlier, city.counts),
        ],
    )
    found = ranges(system, some_alone(city, 8), enough_time())
    for score in score_bounds(city.data, found):
        renamed = replace(score, attack=score.attack.replace("bounds", "two dataflows"))
        assert note("default", renamed).success == 0.0
    assert gate_report(city, [earlier]).findings == ()


@pytest.mark.parametrize("change", CHANGES)
def test_a_second_dataflow_that_counts_other_people_is_refused(change):
    city = a_city(1)
    earlier = Earlier(
        "sha256:2", another_dataflow(city, 1).released(), Relation.SAME_PEOPLE
    )
    report = gate_report(CHANGES[change](city, 4)[0], [earlier])
    assert {each.kind for each in report.findings} == {FindingKind.OTHER_PEOPLE}
    assert {each.mend for each in report.findings} == {
        "count these learners in the next period"
    }


def test_two_agreements_with_keys_of_their_own_are_a_second_draw_of_noise(note):
    city = a_city(1)
    second = with_other_keys(another_dataflow(city, 1), 5).released()
    found = differences(city.space, DEFAULT, city.table().cells, second)
    hits = [each.first != each.second for each in found]
    score = share("two agreements: second draw", city.data, hits, 0.0)
    assert note("keys per agreement", score).gains
    assert gate_report(
        city, [Earlier("sha256:2", second, Relation.SAME_PEOPLE)]
    ).findings
