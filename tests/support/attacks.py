"""Cities to attack, publications that protect less, and scores.

Weaker publications are here, never in the packages, and are called `unsafe_…`: an attack
that succeeds nowhere would prove nothing by failing.
"""

import csv
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import product

import numpy as np

from interurban_node.attackers.gate import Earlier, Examined, GateReport, examine
from interurban_node.attackers.publications import statements
from interurban_node.attackers.spaces import Integers, Numbers, Space
from interurban_node.attackers.systems import Rows, System, set_sums
from interurban_protocol.disclosure import BaseCells, Cell, ProtectedTable
from interurban_protocol.perturbation_tables import (
    PerturbationParameters,
    perturbation_table,
)
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import ReleasedTable
from interurban_protocol.structures import Code, Structure, completion_structure
from tests.support.shared import shared_path
from tests.support.statistics import (
    DEFAULT,
    PERIOD,
    Person,
    a_structure,
    equity_codes,
    grouped,
    protected,
    some_codes,
    some_people,
    without_sensitive,
)

SYNTHETIC, OULAD = "synthetic", "OULAD"
SEEDS = (1, 2, 3, 4)
WEAK = ProtectionProfile(  # sound in itself, and far below what anybody should agree to
    name="weak",
    threshold=2,
    equity_threshold=2,
    perturbation=PerturbationParameters(maximum=1, variance=0.5),
    min_rate_denominator=2,
    min_median=2,
    collapse_difference=1,
)
REGIONS = ("Ireland", "North Region", "South East Region", "Yorkshire Region")


@dataclass(frozen=True)  # no slots, for the cached properties
class City:
    """Learners of one city and quarter, and the structure that they are counted by."""

    data: str
    structure: Structure
    people: tuple[Person, ...]

    @cached_property
    def space(self) -> Space:
        return Space.of(self.structure)

    @cached_property
    def base(self) -> BaseCells:
        return BaseCells.from_rows(self.structure, grouped(self.people))

    @cached_property
    def counts(self) -> Integers:
        return self.space.counts(self.base)

    @cached_property
    def alone(self) -> Integers:
        """The base cells with exactly one learner."""
        return np.flatnonzero(self.counts == 1)

    def table(self, profile: ProtectionProfile = DEFAULT) -> ProtectedTable:
        return protected(self.people, self.structure, profile)

    def released(self, profile: ProtectionProfile = DEFAULT) -> ReleasedTable:
        return as_released(self.structure, profile, self.table(profile).cells)

    def system(self, profile: ProtectionProfile = DEFAULT) -> System:
        """All that the stronger attacker knows of the release."""
        cells = self.table(profile).cells
        told = self.true_counts([cell.codes for cell in cells])
        return System.of(self.space, [statements(self.space, profile, cells, told)])

    def true_counts(self, cells: Sequence[tuple[str, ...]]) -> Integers:
        return set_sums(self.space, self.space.cell_sets(cells), self.counts)

    def lattice(self, dimensions: int = 3) -> list[tuple[str, ...]]:
        axes = [
            ["_T", *(code.id for code in self.structure.shown_codes(split.id))]
            for split in self.structure.split_dimensions
        ]
        return [
            codes
            for codes in product(*axes)
            if len(codes) - codes.count("_T") <= dimensions
        ]


def a_city(seed: int, *, people: int = 600) -> City:
    structure = a_structure(programmes=3, ages=2)
    return City(
        SYNTHETIC, structure, tuple(some_people(structure, count=people, seed=seed))
    )


def an_oulad_city(seed: int) -> City:
    """A region: module, age, sex, disability and result of each learner's first enrolment."""
    chance = np.random.default_rng(seed)
    rows = oulad_rows()[REGIONS[seed % len(REGIONS)]]
    keys = chance.integers(0, 2**32, size=len(rows))
    people = tuple(
        Person(codes, int(key)) for codes, key in zip(rows, keys, strict=True)
    )
    return City(OULAD, oulad_structure(), people)


def cities(seed: int) -> tuple[City, City]:
    return a_city(seed), an_oulad_city(seed)


@cache
def oulad_structure() -> Structure:
    modules = [Code(name, {"en": name}) for name in ("AAA", "BBB", "EEE", "GGG")]
    return completion_structure(
        modules, some_codes("A", 3), equity_codes(), "learner.disability"
    )


@cache
def oulad_rows() -> Mapping[str, list[tuple[str, ...]]]:
    """The codes of every learner by region, in the order of the file."""
    ages = {"0-35": "A1", "35-55": "A2", "55<=": "A3"}
    results = {"Pass": "COM", "Distinction": "COM", "Fail": "NCM", "Withdrawn": "NCM"}
    disabled = {"Y": "DIS", "N": "NDI"}
    seen: set[str] = set()
    found: dict[str, list[tuple[str, ...]]] = {}
    with shared_path("data/oulad/studentInfo.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["id_student"] in seen:
                continue
            seen.add(row["id_student"])
            codes = (
                row["code_module"],
                ages.get(row["age_band"], "_U"),
                row["gender"],
                disabled[row["disability"]],
                results[row["final_result"]],
            )
            found.setdefault(row["region"], []).append(codes)
    return found


def as_released(
    structure: Structure, profile: ProtectionProfile, cells: Iterable[Cell]
) -> ReleasedTable:
    values = {cell.codes: cell.value for cell in cells}
    return ReleasedTable(structure, profile, "LAKESIDE", PERIOD, values)


def unsafe_exact(city: City, dimensions: int = 5) -> list[Cell]:
    """True counts of all cells."""
    cells = city.lattice(dimensions)
    return [
        Cell(codes, int(count))
        for codes, count in zip(cells, city.true_counts(cells).tolist(), strict=True)
    ]


def unsafe_suppressed(city: City, dimensions: int = 5) -> list[Cell]:
    """True counts, only 1 to 9 hidden."""
    return [
        Cell(codes, None if value is not None and 1 <= value < 10 else value)
        for codes, value in unsafe_exact(city, dimensions)
    ]


def unsafe_perturbed(city: City, dimensions: int = 5) -> list[Cell]:
    """The right noise, but every value shown, however small."""
    noise = perturbation_table(DEFAULT.perturbation)
    cells = city.lattice(dimensions)
    keys = np.zeros(city.space.size, dtype=np.int64)
    np.add.at(
        keys,
        np.ravel_multi_index(city.base.codes, city.space.shape),
        city.base.key_sums.astype(np.int64),
    )
    sums = set_sums(city.space, city.space.cell_sets(cells), keys)
    return [
        Cell(codes, int(count) + noise.lookup(int(count), int(key)))
        for codes, count, key in zip(cells, city.true_counts(cells), sums, strict=True)
    ]


def unsafe_rows(city: City, cells: Sequence[Cell]) -> Rows:
    """What tables without noise say: hidden is 1 to 9."""
    low = [1 if cell.value is None else cell.value for cell in cells]
    high = [9 if cell.value is None else cell.value for cell in cells]
    sets = city.space.cell_sets([cell.codes for cell in cells])
    return Rows(sets, np.array(low, dtype=float), np.array(high, dtype=float))


def unsafe_system(city: City, cells: Sequence[Cell]) -> System:
    return System.of(city.space, [unsafe_rows(city, cells)])


def with_other_keys(city: City, seed: int) -> City:
    """The same people with fresh record keys, as a second draw of noise has them."""
    chance = np.random.default_rng(seed)
    keys = chance.integers(0, 2**32, size=len(city.people))
    people = tuple(
        Person(person.codes, int(key))
        for person, key in zip(city.people, keys, strict=True)
    )
    return City(city.data, city.structure, people)


def without_collapsing(city: City) -> City:
    """The same city with no dimension called sensitive."""
    return City(city.data, without_sensitive(city.structure), city.people)


def a_lopsided_city(seed: int) -> City:
    """In every second programme and age band, all learners are displaced."""
    city = a_city(seed, people=900)
    people = tuple(
        Person((codes[0], codes[1], codes[2], "DIS", codes[4]), key)
        if (codes[0][-1] + codes[1][-1]) in ("11", "22", "31")
        else Person(codes, key)
        for codes, key in map(_pair, city.people)
    )
    return City(city.data, city.structure, people)


def another_dataflow(city: City, seed: int) -> City:
    """The same people by delivery mode instead of age."""
    chance = np.random.default_rng(seed)
    modes = chance.choice(["A1", "A2", "_U"], size=len(city.people), p=[0.6, 0.3, 0.1])
    dimensions = tuple(
        replace(each, id="MODE", concept="MODE", source="programme.mode")
        if each.id == "AGE"
        else each
        for each in city.structure.dimensions
    )
    structure = replace(city.structure, id="MODES", dimensions=dimensions)
    people = tuple(
        Person((codes[0], str(mode), *codes[2:]), key)
        for (codes, key), mode in zip(map(_pair, city.people), modes, strict=True)
    )
    return City(city.data, structure, people)


def values_of(city: City, system: System, cells: Iterable[Cell]) -> Numbers:
    """The shown values in the order of the rows of `system`; not a number if hidden."""
    listed = list(cells)
    sets = city.space.cell_sets([cell.codes for cell in listed]).tolist()
    values = {
        tuple(key): np.nan if cell.value is None else float(cell.value)
        for key, cell in zip(sets, listed, strict=True)
    }
    return np.array([values[tuple(key)] for key in system.rows.sets.tolist()])


def gate_report(
    city: City,
    earlier: Sequence[Earlier] = (),
    profile: ProtectionProfile = DEFAULT,
    *,
    seed: int = 1,
    seconds: float = 60.0,
    revises: str | None = None,
) -> GateReport:
    examined = Examined(
        structure=city.structure,
        profile=profile,
        base=city.base,
        table=city.table(profile),
        period=PERIOD,
        revises=revises,
    )
    return examine(
        examined, earlier, seed=seed, seconds=seconds, timer=time.perf_counter
    )


def some_alone(city: City, number: int) -> list[Integers]:
    """Base cells with one learner, spread over all of them."""
    step = max(1, len(city.alone) // number)
    return [np.array([cell]) for cell in city.alone[::step][:number]]


def enough_time(seconds: float = 60.0) -> Callable[[], float]:
    end = time.perf_counter() + seconds
    return lambda: end - time.perf_counter()


def _pair(person: Person) -> tuple[tuple[str, ...], int]:
    return person.codes, person.key
