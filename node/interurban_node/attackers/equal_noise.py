"""Equal noise read as equal people.

The same learners have the same noise in every cell that they make up. So where a part shows
the same value as its whole, the rest is probably empty: certain when it is empty, and by
chance in about every seventh case when it is not. Nothing about a person follows from an
empty rest alone. It does where a sensitive breakdown says of everybody in a group what they
are: that is what collapsing hides, and this attacker tries to get it back.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from interurban_node.attackers.spaces import ALL, Flags, Integers, Numbers, Space
from interurban_node.attackers.systems import NONE, memberships, parents, set_sums
from interurban_protocol.disclosure import Cell
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.structures import UNKNOWN


@dataclass(frozen=True, slots=True)
class ToldGroup:
    """A group of which equal values tell what everybody in it is."""

    codes: tuple[str, ...]  # the code that everybody has, included
    learners: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A shown part of a shown whole; they differ in one dimension."""

    whole: tuple[str, ...]
    part: tuple[str, ...]
    is_equal: bool  # in what they show


def shown_pairs(space: Space, cells: Iterable[Cell]) -> Iterator[Pair]:
    """All pairs of a shown cell and a shown part of it."""
    shown = [cell for cell in cells if cell.value is not None]
    sets = space.cell_sets([cell.codes for cell in shown])
    for axis in range(len(space.leaves)):
        for at in parents(space, sets, axis):
            for place in np.flatnonzero(at != NONE).tolist():
                part, whole = shown[place], shown[int(at[place])]
                yield Pair(whole.codes, part.codes, part.value == whole.value)


def read_as_empty(space: Space, sets: Integers, values: Numbers) -> Flags:
    """The base cells that are empty if every equal value means equal people.

    `values` of the cells in `sets`, not a number where hidden. No set occurs twice.
    """
    found = memberships(space, sets)
    places = space.places()
    empty = np.zeros(space.size, dtype=np.bool_)
    for axis in range(len(space.leaves)):
        holds = space.holds(axis)
        for at in parents(space, sets, axis):
            equal = np.flatnonzero((at != NONE) & (values == values[at]))
            part = np.full(len(sets) + 1, NONE, dtype=np.int64)  # the last is for NONE
            part[at[equal]] = sets[equal, axis]
            wholes = part[found]
            is_outside = ~holds[np.maximum(wholes, 0), places[:, axis][:, None]]
            empty |= ((wholes != NONE) & is_outside).any(axis=1)
    return empty


def told_groups(
    space: Space, profile: ProtectionProfile, cells: Sequence[Cell], sums: Integers
) -> Iterator[ToldGroup]:
    """The groups of whom equal noise says what everybody is, in a sensitive dimension.

    `sums` are the true numbers in the cells: pairs that are equal by chance, which mislead
    the attacker, are left out. Groups too small for any of their cells to be shown are left
    out too, as are unknown codes: that somebody is "not known" is no news.
    """
    sets = space.cell_sets([cell.codes for cell in cells])
    is_shown = np.array([cell.value is not None for cell in cells])
    empty = read_as_empty(space, sets, np.where(is_shown, sums, np.nan))
    rest = set_sums(
        space, sets, (~empty).astype(np.int64)
    )  # base cells not read as empty
    visible = profile.threshold - profile.perturbation.maximum
    by_codes = {cell.codes: place for place, cell in enumerate(cells)}
    for axis, split in enumerate(space.structure.split_dimensions):
        if not split.is_sensitive:
            continue
        telling = [
            code.id
            for code in space.structure.base_codes(split.id)
            if code.id != UNKNOWN
        ]
        for place in np.flatnonzero(
            (sets[:, axis] == ALL) & (sums >= visible)
        ).tolist():
            parts = [
                by_codes.get(_with(cells[place].codes, axis, code)) for code in telling
            ]
            left = [part for part in parts if part is not None and rest[part] > 0]
            if None in parts or len(left) != 1 or len(telling) < 2:
                continue
            if sums[place] - sums[left[0]] < profile.collapse_difference:
                yield ToldGroup(cells[left[0]].codes, int(sums[place]))


def _with(codes: tuple[str, ...], axis: int, code: str) -> tuple[str, ...]:
    return (*codes[:axis], code, *codes[axis + 1 :])
