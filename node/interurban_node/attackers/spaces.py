"""Base cells, and the sets of them that a published cell can stand for.

An attacker's unknowns are the numbers of learners in the *base cells* of a structure, one
leaf code in every splitting dimension. A published cell stands for a product of sets of
leaves, one set for each dimension: `_T` for all of them, a group for its leaves. A `Space`
numbers these sets, so that cells of several tables over the same learners, with other groups
or without some of the dimensions, become rows over the same unknowns.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from interurban_protocol.disclosure import BaseCells
from interurban_protocol.structures import TOTAL, UNKNOWN, Structure

Integers: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

ALL = 0  # the number of the set of all leaves, in every dimension


@dataclass(frozen=True, slots=True)
class Space:
    """The base cells of `structure`, with the leaf sets met so far."""

    structure: Structure
    leaves: tuple[tuple[str, ...], ...]  # leaf ids per splitting dimension, in order
    values: tuple[tuple[Hashable, ...], ...]  # what the registry calls each of them
    sets: tuple[dict[frozenset[int], int], ...] = field(repr=False)

    @classmethod
    def of(cls, structure: Structure) -> "Space":
        """The space of a structure; only the sets of all leaves are numbered yet."""
        splits = structure.split_dimensions
        leaves = tuple(
            tuple(code.id for code in structure.base_codes(split.id))
            for split in splits
        )
        values = tuple(leaf_values(structure, split.id) for split in splits)
        sets = tuple({frozenset(range(len(ids))): ALL} for ids in leaves)
        return cls(structure, leaves, values, sets)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many leaves each dimension has."""
        return tuple(len(ids) for ids in self.leaves)

    @property
    def size(self) -> int:
        """How many base cells there are, empty ones included."""
        return math.prod(self.shape)

    def number(self, axis: int, leaves: Iterable[int]) -> int:
        """The number of a set of leaves; equal sets have equal numbers."""
        sets = self.sets[axis]
        return sets.setdefault(frozenset(leaves), len(sets))

    def code_sets(self, axis: int) -> dict[str, int]:
        """The set number of every code of a dimension, `_T` included."""
        split = self.structure.split_dimensions[axis]
        places = {leaf: place for place, leaf in enumerate(self.leaves[axis])}
        return {
            code.id: self.number(
                axis,
                (places[leaf] for leaf in self.structure.members(split.id, code.id)),
            )
            for code in self.structure.codes(split.id)
        }

    def cell_sets(self, cells: Sequence[tuple[str, ...]]) -> Integers:
        """The set numbers of cells of this structure, one row for each."""
        numbers = [self.code_sets(axis) for axis in range(len(self.leaves))]
        return np.array(
            [
                [sets[code] for sets, code in zip(numbers, codes, strict=True)]
                for codes in cells
            ],
            dtype=np.int64,
        ).reshape(len(cells), len(numbers))

    def holds(self, axis: int) -> Flags:
        """Which set (row) of a dimension holds which leaf (column)."""
        table = np.zeros((len(self.sets[axis]), len(self.leaves[axis])), dtype=np.bool_)
        for leaves, number in self.sets[axis].items():
            table[number, list(leaves)] = True
        return table

    def contains(self, axis: int) -> Flags:
        """Which set (row) of a dimension contains which other (column), itself too."""
        table = self.holds(axis)
        missing = (~table).astype(np.int64) @ table.T.astype(np.int64)
        found: Flags = missing == 0
        return found

    def cells_in(self, sets: Integers) -> Integers:
        """The base cells that a row of set numbers stands for."""
        held = [
            np.flatnonzero(self.holds(axis)[number]) for axis, number in enumerate(sets)
        ]
        found = np.ravel_multi_index(np.ix_(*held), self.shape)
        return found.ravel().astype(np.int64)

    def counts(self, base: BaseCells) -> Integers:
        """The true number of learners in every base cell."""
        found = np.zeros(self.size, dtype=np.int64)
        if len(base.counts):
            found[np.ravel_multi_index(base.codes, self.shape)] = base.counts
        return found

    def places(self) -> Integers:
        """For every base cell, the place of its leaf in every dimension."""
        return np.stack(np.unravel_index(np.arange(self.size), self.shape), axis=1)

    def codes(self, base_cell: int) -> tuple[str, ...]:
        """The leaf codes of a base cell."""
        places = np.unravel_index(base_cell, self.shape)
        return tuple(
            ids[int(place)] for ids, place in zip(self.leaves, places, strict=True)
        )


def leaf_values(structure: Structure, dimension_id: str) -> tuple[Hashable, ...]:
    """What the registry calls each leaf.

    "Unknown" is everything that the list does not name, so it equals the unknown of another
    list only if both name the same values.
    """
    leaves = structure.base_codes(dimension_id)
    known = frozenset(code.value or code.id for code in leaves if code.id != UNKNOWN)
    return tuple(
        known if code.id == UNKNOWN else (code.value or code.id) for code in leaves
    )


def is_total(codes: Iterable[str]) -> bool:
    """Whether a cell is the grand total."""
    return set(codes) <= {TOTAL}
