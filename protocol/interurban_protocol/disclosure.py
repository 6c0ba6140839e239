"""Disclosure control: from exact base cells to a table that may be published.

The cells are those of the closed lattice (`lattices`). Each gets a row, zeros included. Steps
for every cell (docs/protection.md gives the reasons):

1. n learners, and the cell key: the sum of their record keys modulo 2^32;
2. the perturbed count n + v, with v from the perturbation table by n and cell key, so that
   the same learners have the same noise wherever they are counted;
3. hidden, if the perturbed count is below the threshold, the stricter one where an equity
   dimension is crossed;
4. hidden, if its siblings in a sensitive breakdown are collapsed (`collapsing`);
5. rounded to the profile's base, if it has one.

Hidden cells have no value and no reason: all look alike. What is known of a shown value x is
that between x - D and x + D learners stand behind it, hence at least threshold - D.

Places and other things that are nobody are not protected: `publish_sums`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from interurban_protocol.collapsing import (
    ExactCells,
    Flags,
    Integers,
    Keys,
    collapsed_cells,
)
from interurban_protocol.errors import DisclosureError, MalformedError
from interurban_protocol.lattices import (
    MAX_CELLS,
    Cube,
    Lattice,
    check_size,
    closed_lattice,
    codes_by_dimension,
    lattice_of,
    lattice_size,
)
from interurban_protocol.perturbation_tables import (
    KEY_BITS,
    PerturbationTable,
    check_table,
)
from interurban_protocol.protection_profiles import ProtectionProfile, check_profile
from interurban_protocol.shown_figures import (
    Median,
    Rate,
    median,
    possible_counts,
    rate,
)
from interurban_protocol.structures import Structure

MAX_SUM = 2**31 - 1  # of one base cell

_Number = TypeVar("_Number", np.int64, np.uint64)
_SEAL = object()


class BaseCell(NamedTuple):
    """Learners with the same code in every splitting dimension, as SQL groups them."""

    codes: Sequence[str]  # one leaf for each splitting dimension, in order
    learners: int
    key_sum: int  # of the learners' 32-bit record keys, modulo 2^32 or not


class Group(NamedTuple):
    """Some learners: how many, and the sum of their record keys."""

    learners: int
    key_sum: int


@dataclass(frozen=True, slots=True, eq=False)
class BaseCells:
    """The unprotected counts of one release: every learner in exactly one row."""

    codes: tuple[Integers, ...]  # per splitting dimension, positions in its leaves
    counts: Integers
    key_sums: Keys

    @classmethod
    def from_rows(
        cls, structure: Structure, rows: Iterable[tuple[Sequence[str], int, int]]
    ) -> "BaseCells":
        """The base cells behind `rows` of codes, count and key sum, in any order.

        Raises:
            MalformedError: a code that is no leaf of its dimension, the same codes twice, or
                a count or key sum out of range.
        """
        cells = list(rows)
        if any(not 0 < count <= MAX_SUM or key_sum < 0 for _, count, key_sum in cells):
            raise MalformedError("a base cell has a count or key sum out of range")
        mask = 2**KEY_BITS - 1
        return cls(
            _positions(structure, [codes for codes, _, _ in cells]),
            np.array([count for _, count, _ in cells], dtype=np.int64),
            np.array([key_sum & mask for _, _, key_sum in cells], dtype=np.uint64),
        )


class Cell(NamedTuple):
    """One cell of the closed lattice; `value` is None where it is hidden."""

    codes: tuple[str, ...]  # one for each splitting dimension, `_T` for a total
    value: int | None


class Fate(StrEnum):
    """What protection did to a cell. For the operator only: a reader must not know."""

    SHOWN = "shown"
    SMALL = "small"  # below the threshold
    COLLAPSED = "collapsed"  # large enough, but its breakdown would tell too much


@dataclass(
    frozen=True, eq=False
)  # no slots, so that the cells are made once, if at all
class ProtectedTable:
    """A table that may be published. Only `protect` and `publish_sums` make one."""

    structure: str  # the digest of the structure
    profile: ProtectionProfile
    lattice: Lattice
    values: tuple[int | None, ...]  # in the order of `closed_lattice`; None: hidden
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only protect and publish_sums make a ProtectedTable")

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The cells with their codes, in the order of `closed_lattice`."""
        return tuple(map(Cell, self.lattice, self.values))

    @property
    def hidden_count(self) -> int:
        """How many cells have no value."""
        return self.values.count(None)


def protect(
    base: BaseCells,
    structure: Structure,
    profile: ProtectionProfile,
    table: PerturbationTable,
) -> ProtectedTable:
    """The protected closed lattice over `base`.

    Raises:
        DisclosureError: an unsound profile.
        VerificationError: a table that does not follow the profile's parameters.
        OversizedError: a lattice of more than `MAX_CELLS` cells.
    """
    lattice = _checked_lattice(structure, profile, table)
    perturbed, small, collapsed = _protected(base, lattice, profile, table)
    values = _rounded(perturbed, profile.rounding).tolist()  # 5
    hidden = (small | collapsed).tolist()
    shown = tuple(
        None if is_hidden else value
        for value, is_hidden in zip(values, hidden, strict=True)
    )
    return ProtectedTable(structure.digest, profile, lattice, shown, _SEAL)


def explain(
    base: BaseCells,
    structure: Structure,
    profile: ProtectionProfile,
    table: PerturbationTable,
) -> tuple[Fate, ...]:
    """What `protect` does to each cell, in the same order. Never to be published.

    Raises:
        DisclosureError, VerificationError, OversizedError: as `protect`.
    """
    lattice = _checked_lattice(structure, profile, table)
    _, small, collapsed = _protected(base, lattice, profile, table)
    fates = (Fate.SHOWN, Fate.COLLAPSED, Fate.SMALL)
    return tuple(fates[place] for place in np.where(small, 2, collapsed).tolist())


def publish_sums(
    structure: Structure,
    profile: ProtectionProfile,
    rows: Iterable[tuple[Sequence[str], int]],
) -> ProtectedTable:
    """The exact sums of what is nobody, such as places offered; zeros are shown.

    `rows` have one leaf for each splitting dimension, and an amount.

    Raises:
        DisclosureError: the structure counts people.
        MalformedError: a code that is no leaf, the same codes twice, an amount below 0.
        OversizedError: a lattice of more than `MAX_CELLS` cells.
    """
    if structure.basis != "non_personal":
        raise DisclosureError("only what is nobody is published without protection")
    lattice = lattice_of(structure, profile)
    amounts = list(rows)
    if any(not 0 <= amount <= MAX_SUM for _, amount in amounts):
        raise MalformedError("an amount is out of range")
    base = BaseCells(
        _positions(structure, [codes for codes, _ in amounts]),
        np.array([amount for _, amount in amounts], dtype=np.int64),
        np.zeros(len(amounts), dtype=np.uint64),
    )
    counts, _ = _margins(base, lattice)
    return ProtectedTable(
        structure.digest, profile, lattice, tuple(counts.tolist()), _SEAL
    )


def protected_count(
    group: Group, profile: ProtectionProfile, table: PerturbationTable
) -> int | None:
    """The count of `group` as a table would show it; None where it would be hidden.

    For the total of a release, which crosses nothing.
    """
    perturbed = group.learners + table.lookup(group.learners, group.key_sum)
    if perturbed < profile.threshold:
        return None
    step = profile.rounding or 1
    return (perturbed + step // 2) // step * step


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


def _checked_lattice(
    structure: Structure, profile: ProtectionProfile, table: PerturbationTable
) -> Lattice:
    check_profile(profile)
    check_table(table, profile.perturbation)
    return lattice_of(structure, profile)


def _protected(
    base: BaseCells,
    lattice: Lattice,
    profile: ProtectionProfile,
    table: PerturbationTable,
) -> tuple[Integers, Flags, Flags]:
    """Perturbed counts, which are small, and which are collapsed; not yet rounded."""
    counts, keys = _margins(base, lattice)  # 1
    perturbed = counts + _deviations(table, counts, keys)  # 2
    small: Flags = perturbed < _thresholds(lattice, profile)  # 3
    cells = ExactCells(counts, keys, small)
    return (
        perturbed,
        small,
        collapsed_cells(lattice, cells, profile.collapse_difference),  # 4
    )


def _thresholds(lattice: Lattice, profile: ProtectionProfile) -> Integers:
    limits = [
        profile.threshold_for(crosses_equity=cube.crosses_equity)
        for cube in lattice.cubes
    ]
    return np.repeat(np.array(limits), [cube.size for cube in lattice.cubes])


def _positions(
    structure: Structure, rows: Sequence[Sequence[str]]
) -> tuple[Integers, ...]:
    """For each splitting dimension the leaves of `rows`, as positions among its leaves."""
    splits = structure.split_dimensions
    if any(len(codes) != len(splits) for codes in rows):
        raise MalformedError("a base cell has not one code for each dimension")
    if len(set(map(tuple, rows))) != len(rows):
        raise MalformedError("two base cells have the same codes")
    table = np.empty((len(splits), len(rows)), dtype=np.int64)
    for place, split in enumerate(splits):
        leaves = enumerate(structure.base_codes(split.id))
        known = {leaf.id: position for position, leaf in leaves}
        try:
            table[place] = [known[codes[place]] for codes in rows]
        except KeyError as error:
            raise MalformedError("a base cell has a code that is no leaf") from error
    return tuple(table)


def _margins(base: BaseCells, lattice: Lattice) -> tuple[Integers, Keys]:
    """Counts and cell keys of the whole lattice, in order."""
    counts = np.empty(lattice.size, dtype=np.int64)
    keys = np.empty(lattice.size, dtype=np.uint64)
    for cube in lattice.cubes:
        place = slice(cube.offset, cube.offset + cube.size)
        counts[place], keys[place] = _margin(base, lattice, cube)
    keys &= np.uint64(2**KEY_BITS - 1)
    return counts, keys


def _margin(base: BaseCells, lattice: Lattice, cube: Cube) -> tuple[Integers, Keys]:
    """Counts and key sums of one cube: leaves first, then groups along each axis."""
    shape = tuple(len(lattice.axes[axis].leaves) for axis in cube.axes)
    where = np.zeros(len(base.counts), dtype=np.int64)
    for axis, size in zip(cube.axes, shape, strict=True):
        where = where * size + base.codes[axis]
    counts = np.zeros(math.prod(shape), dtype=np.int64)
    keys = np.zeros(math.prod(shape), dtype=np.uint64)
    np.add.at(counts, where, base.counts)
    np.add.at(keys, where, base.key_sums)  # wraps at 2^64: still right modulo 2^32
    counts, keys = counts.reshape(shape), keys.reshape(shape)
    for position, axis in enumerate(cube.axes):
        if lattice.axes[axis].has_groups:
            members = lattice.axes[axis].members
            counts = _with_groups(counts, members, position)
            keys = _with_groups(keys, members, position)
    return counts.ravel(), keys.ravel()


def _with_groups(
    leaves: NDArray[_Number], members: Sequence[tuple[int, ...]], position: int
) -> NDArray[_Number]:
    slices = [leaves.take(part, axis=position).sum(axis=position) for part in members]
    return np.stack(slices, axis=position)


def _deviations(table: PerturbationTable, counts: Integers, keys: Keys) -> Integers:
    """As `PerturbationTable.lookup`, for whole arrays."""
    found = np.zeros(counts.shape, dtype=np.int64)
    last = len(table.rows) - 1
    for row in table.rows:
        chosen = np.minimum(counts, last) == row.count
        bounds = np.array(row.key_bounds, dtype=np.uint64)
        places = np.searchsorted(bounds, keys[chosen], side="right")
        found[chosen] = np.array(row.deviations, dtype=np.int64)[places]
    return found


def _rounded(values: Integers, base: int | None) -> Integers:
    step = base or 1
    return (values + step // 2) // step * step


__all__ = [
    "MAX_CELLS",
    "BaseCell",
    "BaseCells",
    "Cell",
    "Fate",
    "Group",
    "Median",
    "ProtectedTable",
    "Rate",
    "check_size",
    "closed_lattice",
    "codes_by_dimension",
    "explain",
    "lattice_size",
    "median",
    "possible_counts",
    "protect",
    "protected_count",
    "protected_coverage",
    "publish_sums",
    "rate",
]
