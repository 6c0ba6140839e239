"""The cells about which nothing may be proven: those with one to four learners.

Both the cells of the closed lattice and the base cells below it, which no table shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interurban_node.attackers.spaces import Flags, Integers, Space
from interurban_node.attackers.systems import set_sums
from interurban_protocol.structures import TOTAL

LARGEST = 4  # learners


@dataclass(frozen=True, slots=True)
class Targets:
    """Cells by their codes and set numbers, the widest first."""

    codes: tuple[tuple[str, ...], ...]
    sets: Integers
    is_base: Flags
    _shape: tuple[int, ...]
    _holds: tuple[Flags, ...]  # per dimension: set x leaf
    _contains: tuple[Flags, ...]  # per dimension: set x set

    @classmethod
    def of(
        cls, space: Space, lattice: Sequence[tuple[str, ...]], counts: Integers
    ) -> "Targets":
        """All cells of the lattice, and all base cells, with 1 to `LARGEST` learners."""
        sums = set_sums(space, space.cell_sets(lattice), counts)
        chosen = [lattice[place] for place in _small(sums)]
        chosen += [space.codes(cell) for cell in _small(counts)]
        unique = list(dict.fromkeys(chosen))
        unique.sort(key=lambda cell: len(cell) - cell.count(TOTAL))
        axes = range(len(space.leaves))
        return cls(
            tuple(unique),
            space.cell_sets(unique),
            np.array([TOTAL not in cell for cell in unique], dtype=np.bool_),
            space.shape,
            tuple(space.holds(axis) for axis in axes),
            tuple(space.contains(axis) for axis in axes),
        )

    def __len__(self) -> int:
        return len(self.codes)

    def cells(self, target: int) -> Integers:
        """The base cells of one of them."""
        held = [
            np.flatnonzero(holds[number])
            for holds, number in zip(self._holds, self.sets[target], strict=True)
        ]
        found = np.ravel_multi_index(np.ix_(*held), self._shape)
        return found.ravel().astype(np.int64)

    def around_cells(self, target: int, distance: int) -> Integers:
        """The base cells that differ from one of its own in at most `distance` codes."""
        other = np.zeros(self._shape, dtype=np.int64)
        for axis, holds in enumerate(self._holds):
            line = [1] * len(self._shape)
            line[axis] = -1
            other += (~holds[self.sets[target, axis]]).astype(np.int64).reshape(line)
        return np.flatnonzero(other.ravel() <= distance)

    def within(self, target: int) -> Flags:
        """Which of them are parts of `target`, itself too."""
        found = np.ones(len(self), dtype=np.bool_)
        for axis, number in enumerate(self.sets[target]):
            found &= self._contains[axis][number][self.sets[:, axis]]
        return found

    def around(self, target: int) -> Flags:
        """Which of them `target` is a part of, itself too."""
        found = np.ones(len(self), dtype=np.bool_)
        for axis, number in enumerate(self.sets[target]):
            found &= self._contains[axis][:, number][self.sets[:, axis]]
        return found


def _small(counts: Integers) -> list[int]:
    found: list[int] = np.flatnonzero((counts > 0) & (counts <= LARGEST)).tolist()
    return found
