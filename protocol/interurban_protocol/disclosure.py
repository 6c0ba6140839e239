"""Disclosure control: from exact base cells to a table that may be published.

The closed lattice of a structure is every combination of codes in which at most
`max_dimensions` of the splitting dimensions are not `_T`. Each of its cells gets a row, zeros
included. Steps for every cell (docs/protection.md gives the reasons):

1. n learners, and the cell key: the sum of their record keys modulo 2^32;
2. the perturbed count n + v, with v from the perturbation table by n and cell key, so that
   the same learners have the same noise wherever they are counted;
3. hidden, if the perturbed count is below the threshold;
4. hidden, if its siblings in a sensitive breakdown are collapsed (see `protect`);
5. rounded to the profile's base, if it has one.

Hidden cells have no value and no reason: all look alike. What is known of a shown value x is
that between x - D and x + D learners stand behind it, hence at least threshold - D.

This is the one module of the protocol that imports numpy.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.perturbation_tables import (
    KEY_BITS,
    PerturbationTable,
    check_table,
)
from interurban_protocol.release_plans import ProtectionProfile, check_profile
from interurban_protocol.structures import TOTAL, Structure

MAX_CELLS = 2_000_000  # of a closed lattice; the largest city's dataflow has 0.12 M

_Integers: TypeAlias = NDArray[np.int64]
_Keys: TypeAlias = NDArray[np.uint64]
_Flags: TypeAlias = NDArray[np.bool_]
_SEAL = object()


class BaseCell(NamedTuple):
    """Learners with the same code in every splitting dimension, as SQL groups them."""

    codes: Sequence[str]  # one base code for each splitting dimension, in order
    learners: int
    key_sum: int  # of the learners' 32-bit record keys, modulo 2^32 or not


class Group(NamedTuple):
    """Some learners: how many, and the sum of their record keys."""

    learners: int
    key_sum: int


@dataclass(frozen=True, slots=True, eq=False)
class BaseCells:
    """The unprotected counts of one release: every learner in exactly one row."""

    codes: tuple[_Integers, ...]  # per splitting dimension, positions in its base codes
    counts: _Integers
    key_sums: _Keys

    @classmethod
    def from_rows(
        cls, structure: Structure, rows: Iterable[tuple[Sequence[str], int, int]]
    ) -> "BaseCells":
        """The base cells behind `rows` of codes, count and key sum, in any order.

        Raises:
            MalformedError: a code that is no base code of its dimension, the same codes
                twice, or a count or key sum out of range.
        """
        positions = [
            {
                code.id: place
                for place, code in enumerate(structure.base_codes(split.id))
            }
            for split in structure.split_dimensions
        ]
        cells = [BaseCell(*row) for row in rows]
        places = [_places(cell, positions) for cell in cells]
        if len(set(places)) != len(places):
            raise MalformedError("two base cells have the same codes")
        table = np.array(places, dtype=np.int64).reshape(len(cells), len(positions))
        return cls(
            tuple(table[:, axis] for axis in range(len(positions))),
            np.array([cell.learners for cell in cells], dtype=np.int64),
            np.array([cell.key_sum % 2**KEY_BITS for cell in cells], dtype=np.uint64),
        )


class Cell(NamedTuple):
    """One cell of the closed lattice; `value` is None where it is hidden."""

    codes: tuple[str, ...]  # one for each splitting dimension, `_T` for a total
    value: int | None


@dataclass(frozen=True, slots=True)
class ProtectedTable:
    """A table that may be published. Only `protect` makes one."""

    structure: str  # the digest of the structure
    profile: ProtectionProfile
    cells: tuple[Cell, ...]  # in the order of `closed_lattice`
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only protect makes a ProtectedTable")


@dataclass(frozen=True, slots=True)
class Rate:
    """A percentage, with the range that the noise leaves open; one decimal each."""

    percent: float
    low: float
    high: float


def protect(
    base: BaseCells,
    structure: Structure,
    profile: ProtectionProfile,
    table: PerturbationTable,
) -> ProtectedTable:
    """The protected closed lattice over `base`.

    In a sensitive dimension, a child that has all but fewer than `collapse_difference` of
    its parent's learners would tell of each of them what group they are in. Then *all*
    children of that parent are hidden, the finer cells below them by the same rule. Exact
    counts decide, so the decision is the same wherever the same learners are counted. Which
    child has nearly everybody can still follow by subtraction where only one slice of a cube
    is collapsed: see "What we know is weak" in docs/protection.md.

    Raises:
        DisclosureError: an unsound profile.
        VerificationError: a table that does not follow the profile's parameters.
        OversizedError: a lattice of more than `MAX_CELLS` cells.
    """
    check_profile(profile)
    check_table(table, profile.perturbation)
    check_size(structure, profile.max_dimensions)
    cells: list[Cell] = []
    for axes, codes in _cubes(structure, profile.max_dimensions):
        values, hidden = _protected_cube(base, structure, profile, table, axes)
        cells += [
            Cell(key, None if is_hidden else value)
            for key, value, is_hidden in zip(
                codes, values.tolist(), hidden.tolist(), strict=True
            )
        ]
    return ProtectedTable(structure.digest, profile, tuple(cells), _SEAL)


def closed_lattice(
    structure: Structure, max_dimensions: int
) -> Iterator[tuple[str, ...]]:
    """The codes of every cell, in the one order of rows.

    The grand total first, then one dimension after the other, then pairs, then triples;
    inside each cube the last dimension runs fastest, in the order of its codelist.
    """
    for _, codes in _cubes(structure, max_dimensions):
        yield from codes


def lattice_size(structure: Structure, max_dimensions: int) -> int:
    """How many cells `closed_lattice` has, without listing them."""
    sizes = _sizes(structure)
    return sum(
        math.prod(sizes[axis] for axis in axes)
        for axes in _axes(len(sizes), max_dimensions)
    )


def check_size(structure: Structure, max_dimensions: int) -> None:
    """Refuse a structure whose closed lattice is too large to build or read.

    Raises:
        OversizedError: more than `MAX_CELLS` cells.
    """
    if lattice_size(structure, max_dimensions) > MAX_CELLS:
        raise OversizedError(f"the tables have more than {MAX_CELLS} cells")


def protected_count(
    group: Group, profile: ProtectionProfile, table: PerturbationTable
) -> int | None:
    """The count of `group` as a table would show it; None where it would be hidden."""
    perturbed = group.learners + table.lookup(group.learners, group.key_sum)
    if perturbed < profile.threshold:
        return None
    return _rounded(perturbed, profile.rounding)


def protected_coverage(
    counted: Group,
    eligible: Group,
    profile: ProtectionProfile,
    table: PerturbationTable,
) -> int | None:
    """How many percent of the eligible learners are counted, as it may be published.

    From protected counts only, rounded to the profile's points; None where either is hidden
    or the denominator is too small. The ends of the scale are coded one step inwards ("95"
    is 95 or more), because "everybody" and "nobody" tell about each person.

    For one city, dataflow and period as a whole; never for a part of the learners.
    """
    part = protected_count(counted, profile, table)
    whole = protected_count(eligible, profile, table)
    if part is None or whole is None or whole < profile.min_rate_denominator:
        return None
    step = profile.coverage_rounding
    points = math.floor(100 * part / whole / step + 0.5) * step
    return min(max(points, step), 100 - step)


def rate(
    numerator: int | None,
    denominator: int | None,
    profile: ProtectionProfile,
    *,
    cities: int = 1,
) -> Rate | None:
    """The rate of two *shown* values; None where it would be unsure or tell too much.

    `cities` says how many cities' values are added in each of the two. None if either is
    hidden, if the denominator is below the profile's minimum, or if the result is 0 % or
    100 %, which would tell the outcome of everybody in the group.
    """
    if numerator is None or denominator is None:
        return None
    if denominator < profile.min_rate_denominator:
        return None
    percent = min(round(100 * numerator / denominator, 1), 100.0)
    if percent in (0.0, 100.0):
        return None
    error = cities * (profile.perturbation.maximum + (profile.rounding or 1) // 2)
    low = 100 * max(numerator - error, 0) / (denominator + error)
    high = 100 * (numerator + error) / max(denominator - error, 1)
    return Rate(
        percent, math.floor(10 * low) / 10, min(math.ceil(10 * high) / 10, 100.0)
    )


def codes_by_dimension(
    structure: Structure, codes: Mapping[str, str]
) -> tuple[str, ...]:
    """The key of a cell from codes by dimension id; a dimension left out is the total.

    Raises:
        MalformedError: a dimension that does not split learners, or an unknown code.
    """
    splits = [dimension.id for dimension in structure.split_dimensions]
    if not codes.keys() <= set(splits):
        raise MalformedError("the cell names a dimension that splits nobody here")
    for dimension_id, code_id in codes.items():
        if code_id not in {code.id for code in structure.codes(dimension_id)}:
            raise MalformedError(f"the cell has no code of {dimension_id}")
    return tuple(codes.get(dimension_id, TOTAL) for dimension_id in splits)


def _places(cell: BaseCell, positions: Sequence[Mapping[str, int]]) -> tuple[int, ...]:
    if len(cell.codes) != len(positions):
        raise MalformedError("a base cell has not one code for each dimension")
    if not 0 < cell.learners < 2**31 or cell.key_sum < 0:
        raise MalformedError("a base cell has a count or key sum out of range")
    try:
        return tuple(
            places[code] for places, code in zip(positions, cell.codes, strict=True)
        )
    except KeyError as error:
        raise MalformedError("a base cell has a code that is no base code") from error


def _axes(dimensions: int, max_dimensions: int) -> Iterator[tuple[int, ...]]:
    for crossed in range(min(dimensions, max_dimensions) + 1):
        yield from combinations(range(dimensions), crossed)


def _sizes(structure: Structure) -> list[int]:
    return [len(structure.base_codes(split.id)) for split in structure.split_dimensions]


def _cubes(
    structure: Structure, max_dimensions: int
) -> Iterator[tuple[tuple[int, ...], Iterator[tuple[str, ...]]]]:
    ids = [
        [code.id for code in structure.base_codes(split.id)]
        for split in structure.split_dimensions
    ]
    for axes in _axes(len(ids), max_dimensions):
        choices = [codes if axis in axes else [TOTAL] for axis, codes in enumerate(ids)]
        yield axes, product(*choices)


def _protected_cube(
    base: BaseCells,
    structure: Structure,
    profile: ProtectionProfile,
    table: PerturbationTable,
    axes: tuple[int, ...],
) -> tuple[_Integers, _Flags]:
    """The values of one cube, flat, and which of them are hidden."""
    sizes = _sizes(structure)
    counts, keys = _margin(base, tuple(sizes[axis] for axis in axes), axes)  # 1
    perturbed = counts + _deviations(table, counts, keys)  # 2
    hidden = perturbed < profile.threshold  # 3
    for place, axis in enumerate(axes):  # 4
        if structure.split_dimensions[axis].is_sensitive:
            hidden |= _collapsed(counts, place, profile.collapse_difference)
    return _rounded_all(perturbed, profile.rounding).ravel(), hidden.ravel()  # 5


def _margin(
    base: BaseCells, shape: tuple[int, ...], axes: tuple[int, ...]
) -> tuple[_Integers, _Keys]:
    """Learners and cell keys of the cube over `axes`, with one array axis for each."""
    where = np.zeros(len(base.counts), dtype=np.int64)
    for axis, size in zip(axes, shape, strict=True):
        where = where * size + base.codes[axis]
    counts = np.zeros(math.prod(shape), dtype=np.int64)
    keys = np.zeros(math.prod(shape), dtype=np.uint64)
    np.add.at(counts, where, base.counts)
    np.add.at(
        keys, where, base.key_sums
    )  # wraps at 2^64, which keeps it right mod 2^32
    keys &= np.uint64(2**KEY_BITS - 1)
    return counts.reshape(shape), keys.reshape(shape)


def _deviations(table: PerturbationTable, counts: _Integers, keys: _Keys) -> _Integers:
    """As `PerturbationTable.lookup`, for whole arrays."""
    found = np.zeros(counts.shape, dtype=np.int64)
    last = len(table.rows) - 1
    for row in table.rows:
        chosen = np.minimum(counts, last) == row.count
        bounds = np.array(row.key_bounds, dtype=np.uint64)
        places = np.searchsorted(bounds, keys[chosen], side="right")
        found[chosen] = np.array(row.deviations, dtype=np.int64)[places]
    return found


def _collapsed(counts: _Integers, axis: int, difference: int) -> _Flags:
    """Where all children along `axis` are hidden, as one of them has nearly everybody."""
    parents = counts.sum(axis=axis, keepdims=True)
    tells = (counts > 0) & (parents - counts < difference)
    collapsed: _Flags = np.broadcast_to(
        tells.any(axis=axis, keepdims=True), counts.shape
    )
    return collapsed


def _rounded(value: int, base: int | None) -> int:
    step = base or 1
    return (value + step // 2) // step * step


def _rounded_all(values: _Integers, base: int | None) -> _Integers:
    step = base or 1
    return (values + step // 2) // step * step


__all__ = [
    "MAX_CELLS",
    "BaseCell",
    "BaseCells",
    "Cell",
    "Group",
    "ProtectedTable",
    "Rate",
    "check_size",
    "closed_lattice",
    "codes_by_dimension",
    "lattice_size",
    "protect",
    "protected_count",
    "protected_coverage",
    "rate",
]
