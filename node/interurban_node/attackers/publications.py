"""What published tables say, as ranges that anybody may conclude.

`Relation` is how an earlier table's learners stand to those of the table that is attacked.
Dimensions are the same where they read the same registry field; a code is the same where it
stands for the same registry values, whatever its name or list.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from interurban_node.attackers.spaces import Integers, Numbers, Space, leaf_values
from interurban_node.attackers.systems import Rows, set_sums
from interurban_protocol.disclosure import Cell, possible_counts
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import ReleasedTable
from interurban_protocol.structures import TOTAL, Structure


class Relation(StrEnum):
    """Whom an earlier table counts."""

    SAME_PEOPLE = "same-people"  # the same event and period, another dataflow
    COHORT = "cohort"  # the people of whom those in this table are a part
    OUTCOME = "outcome"  # an outcome of the same cohort


@dataclass(frozen=True, slots=True)
class Earlier:
    """A table that was published before."""

    release_id: str
    table: ReleasedTable
    relation: Relation


def statements(
    space: Space,
    profile: ProtectionProfile,
    cells: Iterable[Cell],
    told: Integers | None = None,
) -> Rows:
    """What the cells of a table of `space` say.

    `told` has the true numbers, in the order of the cells, for the stronger attacker who
    knows of every hidden cell whether it is small; without it, a hidden cell says nothing.
    """
    listed = list(cells)
    low, high = _ranges(space.structure, profile, listed, told)
    return Rows(space.cell_sets([cell.codes for cell in listed]), low, high)


def statements_of_earlier(
    space: Space, earlier: Earlier, counts: Integers | None = None
) -> Rows:
    """What an earlier table says about the learners of `space`.

    `counts`, the true numbers in the base cells, are for the stronger attacker, as `told`
    in `statements`; they are of use only where the same people are counted.

    `COHORT`: no part has more learners than the cohort had. `OUTCOME`: the cohort has at
    least as many; of two outcomes, neither bounds the other.
    """
    table = earlier.table
    found = shared_cells(space, table)
    cells = [cell for cell, _ in found]
    sets = np.array([numbers for _, numbers in found], dtype=np.int64)
    sets = sets.reshape(len(cells), len(space.leaves))
    told = None
    if counts is not None and earlier.relation is Relation.SAME_PEOPLE:
        told = set_sums(space, sets, counts)
    low, high = _ranges(table.structure, table.profile, cells, told)
    if earlier.relation is Relation.COHORT:
        low = np.zeros_like(low)
    elif earlier.relation is Relation.OUTCOME:
        high = np.full_like(high, np.inf)
        if space.structure.cohort is not None:
            low = np.zeros_like(low)
    return Rows(sets, low, high)


def shared_cells(
    space: Space, table: ReleasedTable
) -> list[tuple[Cell, tuple[int, ...]]]:
    """The cells of another table that are a set of base cells of `space`, and which.

    None where the other table counts nobody.
    """
    if table.structure.basis == "non_personal":
        return []
    theirs = table.structure.split_dimensions
    ours = [split.source for split in space.structure.split_dimensions]
    axes = [
        ours.index(split.source) if split.source in ours else None for split in theirs
    ]
    numbers = [
        _numbers(space, axis, table.structure, split.id)
        for axis, split in zip(axes, theirs, strict=True)
    ]
    found = []
    for cell in table:
        sets = [0] * len(space.leaves)
        for axis, known, code in zip(axes, numbers, cell.codes, strict=True):
            if code not in known:
                break
            if axis is not None:
                sets[axis] = known[code]
        else:
            found.append((cell, tuple(sets)))
    return found


def _numbers(
    space: Space, axis: int | None, structure: Structure, dimension_id: str
) -> dict[str, int]:
    """The set number, in `space`, of each code that can be told there."""
    if axis is None:
        return {TOTAL: 0}
    values = dict(
        zip(
            (code.id for code in structure.base_codes(dimension_id)),
            leaf_values(structure, dimension_id),
            strict=True,
        )
    )
    places = {value: place for place, value in enumerate(space.values[axis])}
    known = {TOTAL: 0}
    for code in structure.shown_codes(dimension_id):
        members = [values[leaf] for leaf in structure.members(dimension_id, code.id)]
        if all(value in places for value in members):
            known[code.id] = space.number(axis, (places[value] for value in members))
    return known


def _ranges(
    structure: Structure,
    profile: ProtectionProfile,
    cells: Sequence[Cell],
    told: Integers | None,
) -> tuple[Numbers, Numbers]:
    low, high = np.zeros(len(cells)), np.full(len(cells), np.inf)
    splits = structure.split_dimensions
    for place, (codes, value) in enumerate(cells):
        crossed = [
            split for split, code in zip(splits, codes, strict=True) if code != TOTAL
        ]
        is_equity = any(split.is_equity for split in crossed)
        is_sensitive = any(split.is_sensitive for split in crossed)
        low[place], most = possible_counts(
            value, profile, crosses_equity=is_equity, crosses_sensitive=is_sensitive
        )
        if most is None and told is not None:
            threshold = profile.threshold_for(crosses_equity=is_equity)
            small = threshold - 1 + profile.perturbation.maximum
            most = small if told[place] <= small else None
        high[place] = np.inf if most is None else most
    return low, high


__all__ = [
    "Earlier",
    "Relation",
    "shared_cells",
    "statements",
    "statements_of_earlier",
]
