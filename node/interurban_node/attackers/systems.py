"""Everything published, as rows of one linear system over the base cells.

Each row says: between `low` and `high` learners are in this set of base cells. Rows over the
same set are merged into the narrowest range. The system is sound for an attacker who knows
all public parameters; what else an attacker may guess is for the other modules.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from interurban_node.attackers.spaces import ALL, Flags, Integers, Numbers, Space

NONE = -1  # no row


@dataclass(frozen=True, slots=True)
class Rows:
    """Statements over sets of base cells; `sets` holds a set number per dimension."""

    sets: Integers  # rows x dimensions
    low: Numbers
    high: Numbers  # infinite where nothing is known

    def __len__(self) -> int:
        return len(self.low)

    def chosen(self, which: Flags) -> "Rows":
        """Some of them."""
        return Rows(self.sets[which], self.low[which], self.high[which])


@dataclass(frozen=True, slots=True)
class System:
    """Merged rows, and for every base cell the rows that it belongs to."""

    space: Space
    rows: Rows
    memberships: Integers  # base cells x K, row numbers, padded with `NONE`

    @classmethod
    def of(cls, space: Space, statements: Iterable[Rows]) -> "System":
        """The system that all `statements` together make."""
        rows = _merged(space, list(statements))
        return cls(space, rows, memberships(space, rows.sets))

    def kept_by(self, amounts: Integers) -> "System":
        """The system without the rows that `amounts` in the base cells break.

        An earlier table may count others than this one: that is for `comparisons`.
        """
        sums = self.sums(amounts)
        holds = (self.rows.low <= sums) & (sums <= self.rows.high)
        return System.of(self.space, [self.rows.chosen(holds)])

    def sums(self, amounts: Numbers | Integers) -> Numbers:
        """What every row adds up to, for given numbers in the base cells."""
        return row_sums(self.memberships, len(self.rows), amounts)


def row_sums(found: Integers, rows: int, amounts: Numbers | Integers) -> Numbers:
    """The sum of `amounts` over the base cells of every row."""
    weights = np.broadcast_to(amounts[:, None], found.shape)
    is_real = found != NONE
    sums: Numbers = np.bincount(
        found[is_real], weights=weights[is_real].astype(float), minlength=rows
    ).astype(float)
    return sums


def set_sums(space: Space, sets: Integers, amounts: Integers) -> Integers:
    """The sum of `amounts` over each of `sets`, which may name one set several times."""
    if not len(sets):
        return np.zeros(0, dtype=np.int64)
    unique, where = np.unique(sets, axis=0, return_inverse=True)
    sums = row_sums(memberships(space, unique), len(unique), amounts)
    return np.rint(sums).astype(np.int64)[where.reshape(-1)]


def memberships(space: Space, sets: Integers) -> Integers:
    """For every base cell, the numbers of the rows in `sets` that it belongs to."""
    keys = _keys(space, sets)
    order = np.argsort(keys)
    ordered = keys[order]
    found = []
    containing = [_containing(space, axis) for axis in range(len(space.leaves))]
    for restricted in np.unique(sets != ALL, axis=0):
        choices = [
            list(containing[axis].T)
            if is_restricted
            else [np.zeros(space.size, dtype=np.int64)]
            for axis, is_restricted in enumerate(restricted)
        ]
        for chosen in product(*choices):
            numbers = np.stack(chosen, axis=1)
            wanted = np.where(
                (numbers == NONE).any(axis=1), NONE, _keys(space, numbers)
            )
            at = np.minimum(np.searchsorted(ordered, wanted), len(keys) - 1)
            found.append(np.where(ordered[at] == wanted, order[at], NONE))
    used = [column for column in found if (column != NONE).any()]
    return np.stack(used or [np.full(space.size, NONE, dtype=np.int64)], axis=1)


def _containing(space: Space, axis: int) -> Integers:
    """For every base cell, the numbers of the sets that hold its leaf, but not `ALL`."""
    size = len(space.leaves[axis])
    holding: list[list[int]] = [[] for _ in range(size)]
    for leaves, number in space.sets[axis].items():
        if number != ALL:
            for leaf in leaves:
                holding[leaf].append(number)
    width = max((len(numbers) for numbers in holding), default=0)
    table = np.full((size, width), NONE, dtype=np.int64)
    for leaf, numbers in enumerate(holding):
        table[leaf, : len(numbers)] = numbers
    return table[space.places()[:, axis]]


def _keys(space: Space, sets: Integers) -> Integers:
    keys = np.zeros(len(sets), dtype=np.int64)
    for axis, numbered in enumerate(space.sets):
        keys = keys * (len(numbered) + 1) + sets[:, axis]
    return keys


def _merged(space: Space, statements: Sequence[Rows]) -> Rows:
    sets = np.concatenate([rows.sets for rows in statements])
    _, first, where = np.unique(
        _keys(space, sets), return_index=True, return_inverse=True
    )
    low = np.zeros(len(first))
    high = np.full(len(first), np.inf)
    np.maximum.at(low, where, np.concatenate([rows.low for rows in statements]))
    np.minimum.at(high, where, np.concatenate([rows.high for rows in statements]))
    return Rows(sets[first], low, high)


def parents(space: Space, sets: Integers, axis: int) -> Iterator[Integers]:
    """For each row of `sets`, the row that has a wider set on `axis`, or `NONE`.

    One array for every wider set that a code of this dimension has, `_T` first.
    """
    keys = _keys(space, sets)
    order = np.argsort(keys)
    containers = _containers(space, axis)[sets[:, axis]]
    for wider in containers.T:
        wanted = sets.copy()
        wanted[:, axis] = np.maximum(wider, 0)
        found = _keys(space, wanted)
        at = order[
            np.minimum(np.searchsorted(keys, found, sorter=order), len(keys) - 1)
        ]
        yield np.where((wider != NONE) & (keys[at] == found), at, NONE)


def without_dominated(space: Space, rows: Rows) -> Rows:
    """`rows` without what follows from the row of a parent or of a part.

    With no number below 0, a parent's upper end holds for its part, and a part's lower end
    for its parent. Parents that differ in one dimension are looked at.
    """
    low, high = rows.low.copy(), rows.high.copy()
    for axis in range(rows.sets.shape[1]):
        for at in parents(space, rows.sets, axis):
            has_parent = at != NONE
            high[has_parent & (rows.high[at] <= rows.high)] = np.inf
            low[at[has_parent & (rows.low >= rows.low[at])]] = 0.0
    return Rows(rows.sets, low, high).chosen((low > 0) | np.isfinite(high))


def _containers(space: Space, axis: int) -> Integers:
    """For every set of a dimension, the sets that are wider, padded with `NONE`."""
    contains = space.contains(axis)
    np.fill_diagonal(contains, val=False)
    width = max(int(contains.sum(axis=0).max()), 1)
    table = np.full((len(contains), width), NONE, dtype=np.int64)
    for number, wider in enumerate(contains.T):
        found = np.flatnonzero(wider)
        table[number, : len(found)] = found
    return table
