"""A coalition of all cities but one, against a joint figure."""

import pytest

from interurban_node.attackers.coalitions import left_over
from interurban_node.attackers.scores import most_frequent, share
from tests.support.attacks import SEEDS, City, a_city, an_oulad_city, unsafe_exact


def three(data: str, seed: int) -> tuple[City, City, City]:
    """Three cities with one structure; the last one is attacked."""
    make = {"synthetic": a_city, "OULAD": an_oulad_city}[data]
    return make(seed), make(seed + 1), make(seed + 2)


def joint_of_shown(tables):
    """The committee's figure: nothing where any city's is hidden."""
    return {
        codes: None
        if any(table[codes] is None for table in tables)
        else sum(table[codes] for table in tables)
        for codes in tables[0]
    }


@pytest.mark.parametrize("data", ["synthetic", "OULAD"])
@pytest.mark.parametrize("seed", SEEDS)
def test_all_cities_but_one_get_what_the_last_one_published(seed, data, note):
    group = three(data, seed)
    tables = [dict(city.table().cells) for city in group]
    remaining = left_over(joint_of_shown(tables), tables[:2])
    last = tables[2]
    assert all(last[codes] == value for codes, value in remaining.items())
    hidden = [codes for codes, value in last.items() if value is None]
    claims = [codes for codes in hidden if codes in remaining]
    score = share("coalition", data, [True] * len(claims), 0.0)
    assert note("default", score).trials == 0


def test_an_exact_joint_total_gives_the_last_city_away(note):
    for data in ("synthetic", "OULAD"):
        group = three(data, 1)
        exact = [dict(unsafe_exact(city, 3)) for city in group]
        joint = {codes: sum(table[codes] for table in exact) for codes in exact[0]}
        remaining = left_over(joint, exact[:2])
        small = [codes for codes, count in exact[2].items() if 1 <= count <= 4]
        hits = [remaining[codes] == exact[2][codes] for codes in small]
        chance = most_frequent(exact[2][codes] for codes in small)
        score = share("coalition", data, hits, chance)
        assert note("exact total", score).success == 1.0
        assert score.success > chance
