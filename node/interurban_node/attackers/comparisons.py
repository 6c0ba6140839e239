"""Comparing tables: before and after, two recipients, two dataflows over the same people.

The same learners have the same noise in every table. So where two tables show another value
for the same cell, they count different people; whoever knows of one person who came or left
in between finds their cells. Tables that agree everywhere tell nothing by comparison.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from interurban_node.attackers.publications import shared_cells
from interurban_node.attackers.spaces import Integers, Numbers, Space
from interurban_node.attackers.systems import NONE, memberships
from interurban_protocol.disclosure import Cell
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import ReleasedTable
from interurban_protocol.structures import Structure


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell that two tables show differently."""

    codes: tuple[str, ...]  # in the structure of the first
    first: int
    second: int


def is_same_table(structure: Structure, period: str, other: ReleasedTable) -> bool:
    """Whether `other` is of the same dataflow and period, in whatever version."""
    theirs = other.structure
    return (structure.agency, structure.id, period) == (
        theirs.agency,
        theirs.id,
        other.time_period,
    )


def differences(
    space: Space,
    profile: ProtectionProfile,
    cells: Iterable[Cell],
    other: ReleasedTable,
) -> list[Difference]:
    """The cells that both show, and not alike; none where their noise is not the same."""
    theirs = other.profile
    if (profile.perturbation, profile.rounding) != (
        theirs.perturbation,
        theirs.rounding,
    ):
        return []
    values = {
        sets: cell.value
        for cell, sets in shared_cells(space, other)
        if cell.value is not None
    }
    shown = [cell for cell in cells if cell.value is not None]
    numbers = map(tuple, space.cell_sets([cell.codes for cell in shown]).tolist())
    return [
        Difference(codes, value, values[sets])
        for (codes, value), sets in zip(shown, numbers, strict=True)
        if value is not None and values.get(sets, value) != value
    ]


def leaver_scores(
    space: Space,
    before: Mapping[tuple[str, ...], int | None],
    after: Mapping[tuple[str, ...], int | None],
) -> Numbers:
    """How well each base cell explains the change, if one person came or left.

    A cell that changed must hold the person's base cell, one that shows the same value
    probably does not: noise is drawn again, and equal only by chance.
    """
    codes = [cell for cell in before if cell in after]
    changed = np.array([before[cell] != after[cell] for cell in codes])
    is_shown = np.array(
        [before[cell] is not None or after[cell] is not None for cell in codes]
    )
    points = np.append(np.where(changed, 3.0, np.where(is_shown, -1.0, 0.0)), 0.0)
    found: Integers = memberships(space, space.cell_sets(codes))
    scores: Numbers = points[np.where(found == NONE, len(codes), found)].sum(axis=1)
    return scores
