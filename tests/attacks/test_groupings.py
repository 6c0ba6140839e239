"""Linked tables: two groupings over the same cells, and bands that change."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from interurban_node.attackers.programmes import ranges
from interurban_node.attackers.publications import statements
from interurban_node.attackers.scores import score_bounds
from interurban_node.attackers.systems import Rows, System
from interurban_protocol.disclosure import Cell
from tests.support.attacks import (
    SEEDS,
    SYNTHETIC,
    City,
    enough_time,
    gate_report,
    some_alone,
    unsafe_exact,
    unsafe_rows,
    unsafe_suppressed,
    unsafe_system,
)
from tests.support.statistics import (
    DEFAULT,
    Person,
    a_grouped_structure,
    a_structure,
    some_people,
    with_sensitive,
)


def a_grouped_city(seed: int) -> City:
    structure = with_sensitive(a_grouped_structure(), "EQUITY", "OUTCOME")
    people = some_people(structure, count=500, seed=seed)
    return City(SYNTHETIC, structure, tuple(people))


def named(scores, attack: str):
    return [
        replace(score, attack=score.attack.replace("bounds", attack))
        for score in scores
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_fields_over_programmes_prove_nobody(seed, note):
    city = a_grouped_city(seed)
    found = ranges(city.system(), some_alone(city, 8), enough_time())
    for score in named(score_bounds(city.data, found), "two groupings"):
        assert note("default", score).success == 0.0
    report = gate_report(city)
    assert report.finished
    assert report.findings == ()


def test_fields_over_programmes_undo_the_hiding_of_small_cells(note):
    city = a_grouped_city(1)
    system = unsafe_system(city, unsafe_suppressed(city, 3))
    found = ranges(system, _small_lattice_cells(city), enough_time())
    exact, *_ = named(score_bounds(city.data, found), "two groupings")
    assert note("1 to 9 hidden", exact).gains


def _small_lattice_cells(city: City) -> list[np.ndarray]:
    lattice = city.lattice()
    small = [
        lattice[place]
        for place in np.flatnonzero(np.isin(city.true_counts(lattice), [1, 2]))[:20]
    ]
    return [city.space.cells_in(sets) for sets in city.space.cell_sets(small)]


ATOMS = a_structure(programmes=2, ages=3)  # A1: to 24, A2: 25 years old, A3: older
YOUNG_TO_24 = {"A1": ("A1",), "A2": ("A2", "A3"), "_U": ("_U",)}
YOUNG_TO_25 = {"A1": ("A1", "A2"), "A2": ("A3",), "_U": ("_U",)}


def by_bands(city: City, bands: dict[str, tuple[str, ...]]) -> City:
    """The same people by two age bands."""
    band_of = {atom: band for band, atoms in bands.items() for atom in atoms}
    people = tuple(
        Person((each.codes[0], band_of[each.codes[1]], *each.codes[2:]), each.key)
        for each in city.people
    )
    return City(city.data, a_structure(programmes=2, ages=2), people)


def over_atoms(
    city: City, bands: dict[str, tuple[str, ...]], rows: Rows, cells: Sequence[Cell]
) -> Rows:
    """What a table by bands says, over the ages that both lists can tell apart."""
    space = city.space
    sets = space.cell_sets([(codes[0], "_T", *codes[2:]) for codes, _ in cells])
    places = {leaf: place for place, leaf in enumerate(space.leaves[1])}
    for row, (codes, _) in enumerate(cells):
        if codes[1] != "_T":
            atoms = (places[atom] for atom in bands[codes[1]])
            sets[row, 1] = space.number(1, atoms)
    return Rows(sets, rows.low, rows.high)


def both_lists(city: City, publish, say) -> System:
    said = []
    for bands in (YOUNG_TO_24, YOUNG_TO_25):
        banded = by_bands(city, bands)
        cells = publish(banded)
        said.append(over_atoms(city, bands, say(banded, cells), cells))
    return System.of(city.space, said)


def aged_25(city: City) -> list[np.ndarray]:
    """The cells of those between the two limits, by programme and sex."""
    cells = [
        (programme, "A2", sex, "_T", "_T")
        for programme in ("P1", "P2", "_T")
        for sex in ("F", "M", "_U", "_T")
    ]
    return [city.space.cells_in(sets) for sets in city.space.cell_sets(cells)]


def a_city_with_few_aged_25(seed: int) -> City:
    people = some_people(ATOMS, count=900, seed=seed)
    kept = [
        person
        for place, person in enumerate(people)
        if person.codes[1] != "A2" or place % 12 == 0
    ]
    return City(SYNTHETIC, ATOMS, tuple(kept))


def told(city: City, cells: Sequence[Cell]) -> Rows:
    counts = city.true_counts([cell.codes for cell in cells])
    return statements(city.space, DEFAULT, cells, counts)


@pytest.mark.parametrize("seed", SEEDS)
def test_bands_that_change_name_nobody_in_between(seed, note):
    city = a_city_with_few_aged_25(seed)
    system = both_lists(city, lambda each: each.table().cells, told)
    found = ranges(system, aged_25(city), enough_time())
    exact, _, narrow = named(score_bounds(city.data, found), "changed bands")
    assert note("default", exact).success == 0.0
    assert note("default", narrow).success == 0.0


def test_bands_that_change_in_exact_tables_name_those_in_between(note):
    city = a_city_with_few_aged_25(1)
    system = both_lists(city, lambda each: unsafe_exact(each, 3), unsafe_rows)
    found = ranges(system, aged_25(city), enough_time())
    exact, proven, _ = named(score_bounds(city.data, found), "changed bands")
    assert note("exact", exact).success == 1.0
    assert note("exact", proven).gains
