"""Made-up people of a quarter with all that the standard tables tell of, and their tables.

`exact_release` has every count as it is (zeros apart, which no table shows), for comparing
indicators with a plain computation over the same people; `protected_release` goes the whole
way that a real release goes.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from interurban_protocol.disclosure import (
    BaseCells,
    closed_lattice,
    protect,
    publish_sums,
)
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import ReleasedTable, parse_data, write_data
from interurban_protocol.structures import TOTAL, Structure
from interurban_protocol.training_codelists import wage_band_codes
from interurban_protocol.training_structures import training_structures
from tests.support.training import some_choices

PERIOD = "2025-Q1"
EXACT = ProtectionProfile(threshold=1, equity_threshold=1)  # of no real plan
DEFAULT = ProtectionProfile()
WAGE_LIMITS = (1000, 1500, 2000, 3000)
UNKNOWN = "_U"
GROUPS: Mapping[tuple[str, str], Sequence[str]] = {
    ("PROGRAMME", "F07"): ("WELD", "JOIN"),
    ("PROGRAMME", "F09"): ("CARE",),
    ("EXIT_REASON", "NCM"): ("WORK", "FAMILY", "HEALTH", UNKNOWN),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Someone:
    """One learner; what is None did not happen."""

    programme: str
    age: str
    sex: str
    equity: str
    outcome: str = "ONG"
    exit_reason: str | None = None
    level: str | None = None
    placement: str | None = None
    is_broken: bool = False
    wage_q2: int | None = None  # 0: a job whose wage is unknown
    wage_q4: int | None = None
    employer: str = UNKNOWN
    key: int = 0


@dataclass(frozen=True, slots=True)
class Grievance:
    """One case."""

    kind: str
    timeliness: str
    key: int


def standard_structures(**changes: object) -> Mapping[str, Structure]:
    """The standard set by id, with four programmes in three fields and five wage bands."""
    bands = wage_band_codes(WAGE_LIMITS)
    values = {"wage_bands": bands, "completion_extras": ("MODE",), "areas": ()}
    choices = some_choices(**(values | changes))
    return {each.id: each for each in training_structures(choices)}


def some_people(count: int, *, seed: int, luck: float = 0.5) -> list[Someone]:
    """People of every kind; `luck` is how many complete and find work."""
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        completed, left = chance.random() < luck, chance.random() < 0.8
        works_q2, works_q4 = chance.random(2) < luck
        placed = works_q2 or chance.random() < 0.3
        found.append(
            Someone(
                programme=_one_of(chance, ("WELD", "JOIN", "CARE", "READ", UNKNOWN)),
                age=_one_of(chance, ("Y16T24", "Y25T34", "Y35T44")),
                sex=_one_of(chance, ("F", "M", UNKNOWN)),
                equity=_one_of(chance, ("DISP", "NDISP", UNKNOWN)),
                outcome="COM" if completed else _one_of(chance, ("NCM", "ONG")),
                exit_reason=_reason(chance, completed) if left else None,
                level=_one_of(chance, ("EQF3", "EQF4")) if completed else None,
                placement=_one_of(chance, ("JOB", "APPRENTICESHIP"))
                if placed
                else None,
                is_broken=bool(chance.random() < 0.3),
                wage_q2=_wage(chance) if left and works_q2 else None,
                wage_q4=_wage(chance) if left and works_q4 else None,
                employer=_one_of(chance, ("SAME", "OTHER", UNKNOWN)),
                key=int(chance.integers(2**32)),
            )
        )
    return found


def some_grievances(count: int, *, seed: int) -> list[Grievance]:
    """Cases of three kinds."""
    chance = np.random.default_rng(seed)
    return [
        Grievance(
            _one_of(chance, ("PROVIDER", "DATA", "SAFETY")),
            _one_of(chance, ("WITHIN", "LATE", "OPEN")),
            int(chance.integers(2**32)),
        )
        for _ in range(count)
    ]


def band_of(wage: int) -> str:
    """The wage band as a registry would write it."""
    if wage == 0:
        return UNKNOWN
    limits = (0, *WAGE_LIMITS)
    place = sum(wage >= limit for limit in WAGE_LIMITS)
    if place == 0:
        return f"W_LT{WAGE_LIMITS[0]}"
    if place == len(WAGE_LIMITS):
        return f"W_GE{WAGE_LIMITS[-1]}"
    return f"W{limits[place]}T{limits[place + 1] - 1}"


def change_of(person: Someone) -> str:
    """Band against band, fourth quarter to second."""
    if not person.wage_q2 or not person.wage_q4:
        return UNKNOWN
    before, after = (
        sum(wage >= limit for limit in WAGE_LIMITS)
        for wage in (person.wage_q2, person.wage_q4)
    )
    return "HIGHER" if after > before else "LOWER" if after < before else "SAME"


Values = Mapping[str, str]
_READERS: Mapping[str, Callable[[Someone], Values | None]] = {
    "COMPLETION": lambda p: {"OUTCOME": p.outcome, "MODE": UNKNOWN},
    "EXITS": lambda p: {"EXIT_REASON": p.exit_reason} if p.exit_reason else None,
    "CREDENTIALS": lambda p: {"LEVEL": p.level} if p.level else None,
    "PLACEMENTS": lambda p: {"PLACEMENT_KIND": p.placement} if p.placement else None,
    "APPRENTICESHIP_BREAKS": lambda p: (
        {} if p.placement == "APPRENTICESHIP" and p.is_broken else None
    ),
    "JOBS_Q2": lambda p: (
        None if p.wage_q2 is None else {"WAGE_BAND": band_of(p.wage_q2)}
    ),
    "JOBS_Q4": lambda p: (
        None
        if p.wage_q4 is None
        else {"EMPLOYER": p.employer, "WAGE_CHANGE": change_of(p)}
    ),
}


def rows_of(
    dataflow: str, people: Iterable[Someone], grievances: Iterable[Grievance] = ()
) -> list[tuple[Values, int]]:
    """Codes by dimension, and the record key, of everybody whom a dataflow counts."""
    if dataflow == "GRIEVANCES":
        return [
            ({"CASE_KIND": each.kind, "TIMELINESS": each.timeliness}, each.key)
            for each in grievances
        ]
    read = _READERS[dataflow]
    found = ((person, read(person)) for person in people)
    return [
        (
            {
                "PROGRAMME": person.programme,
                "AGE": person.age,
                "SEX": person.sex,
                "EQUITY": person.equity,
                **values,
            },
            person.key,
        )
        for person, values in found
        if values is not None
    ]


def exact_release(
    structure: Structure,
    rows: Sequence[tuple[Values, int]],
    period: str = PERIOD,
    area: str = "area",
) -> ReleasedTable:
    """Every count of the closed lattice as it is, and zeros hidden."""
    splits = [split.id for split in structure.split_dimensions]
    counts: Counter[tuple[str, ...]] = Counter()
    for values, _ in rows:
        above = [
            (values[name], *_groups_above(name, values[name]), TOTAL) for name in splits
        ]
        counts.update(product(*above))
    lattice = closed_lattice(structure, EXACT)
    found = {codes: counts[codes] or None for codes in lattice}
    return ReleasedTable(structure, EXACT, area, period, found)


def protected_data(
    structure: Structure,
    rows: Sequence[tuple[Values, int]],
    period: str = PERIOD,
    area: str = "area",
    profile: ProtectionProfile = DEFAULT,
) -> bytes:
    """The data file that a city would publish of these rows."""
    splits = [split.id for split in structure.split_dimensions]
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for values, key in rows:
        groups[tuple(values[name] for name in splits)].append(key)
    base = BaseCells.from_rows(
        structure, [(codes, len(keys), sum(keys)) for codes, keys in groups.items()]
    )
    table = protect(base, structure, profile, perturbation_table(profile.perturbation))
    return write_data(table, structure, area, period)


def protected_release(
    structure: Structure,
    rows: Sequence[tuple[Values, int]],
    period: str = PERIOD,
    area: str = "area",
    profile: ProtectionProfile = DEFAULT,
) -> ReleasedTable:
    """What readers make of that file."""
    data = protected_data(structure, rows, period, area, profile)
    return parse_data(data, structure, profile)


def places_data(
    structure: Structure,
    places: Mapping[str, int],
    period: str = PERIOD,
    area: str = "area",
    profile: ProtectionProfile = DEFAULT,
) -> bytes:
    """The data file of places offered by programme, which are nobody's data."""
    rows = [((programme, UNKNOWN), count) for programme, count in places.items()]
    table = publish_sums(structure, profile, rows)
    return write_data(table, structure, area, period)


def places_release(
    structure: Structure, places: Mapping[str, int], period: str = PERIOD
) -> ReleasedTable:
    """What readers make of that file."""
    return parse_data(places_data(structure, places, period), structure, DEFAULT)


def _groups_above(dimension_id: str, code: str) -> tuple[str, ...]:
    return tuple(
        group
        for (name, group), leaves in GROUPS.items()
        if name == dimension_id and code in leaves
    )


def _one_of(chance: np.random.Generator, values: Sequence[str]) -> str:
    weights = np.array([3.0] * len(values))
    weights[-1] = 1  # the last one is rarer
    return values[int(chance.choice(len(values), p=weights / weights.sum()))]


def _reason(chance: np.random.Generator, completed: bool) -> str:
    if completed:
        return "COM"
    return _one_of(chance, ("WORK", "FAMILY", "HEALTH", UNKNOWN))


def _wage(chance: np.random.Generator) -> int:
    return 0 if chance.random() < 0.1 else int(chance.integers(600, 4000))
