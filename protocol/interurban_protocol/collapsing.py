"""Collapsing: which breakdowns of sensitive dimensions are hidden, whatever their size.

A *breakdown* is a cell over the other dimensions with all codes under one parent of a
sensitive dimension, "Welding by equity group". It *tells* where one code has all but a few
of the learners: then their total says of each of them which group they are in. "Unknown"
tells nothing. Breakdowns that tell are collapsed: all their codes are hidden.

That alone is not enough, because a hidden breakdown can follow by subtraction. A *line* is
a parent code of another dimension and the codes under it, "all programmes: Welding,
Cooking, ...", with everything else fixed; its cells are *slices*. A slice is *visible* if
its total, or one of its codes, is large enough to be shown. Where the parent's breakdown is
not collapsed,

1. if a visible slice is collapsed, a second one is; where there is none, and all but a few
   learners of the parent are in the first, the parent is;
2. the visible collapsed slices together do not tell;
3. nor do all collapsed ones, where one slice alone would remain shown: the same learners
   have the same noise, so its equal values would say that the others hold nobody else.

Where a line breaks one of these, its smallest remaining visible slice is collapsed too, else
its smallest; until nothing changes. Besides,

4. what is collapsed is collapsed in all finer cells, or their sum would give it back;
5. breakdowns of the same learners are collapsed together.

Exact counts and key sums decide, so the same learners have the same fate in every table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from interurban_protocol.lattices import Axis, Breakdown, Cube, Lattice
from interurban_protocol.perturbation_tables import KEY_BITS

Integers: TypeAlias = NDArray[np.int64]
Keys: TypeAlias = NDArray[np.uint64]
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ExactCells:
    """The cells of a lattice before protection, in order; `small` would be hidden anyway."""

    counts: Integers
    keys: Keys
    small: Flags


@dataclass(frozen=True, slots=True)
class _Line:
    """Lines of one kind: (L,) parents and (L, m) slices, as positions among nodes."""

    parents: Integers
    slices: Integers


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The cells over all axes but one, and where its codes stand under each of them."""

    totals: Integers  # (N,) places in the lattice
    parts: Integers  # (codes of the axis, N) places in the lattice
    lines: tuple[_Line, ...]


@dataclass(frozen=True, slots=True)
class _Groups:
    """One breakdown at every node: its learners, as a whole, by part, and who they are."""

    whole: Integers  # (N,)
    parts: Integers  # (codes that can tell, N)
    visible: Flags  # (N,)
    people: Integers  # (N,) the same number for the same learners
    difference: int


def collapsed_cells(lattice: Lattice, cells: ExactCells, difference: int) -> Flags:
    """Which cells of the lattice stand in a collapsed breakdown.

    `difference` is how many others a code of a breakdown must leave so as not to tell.
    """
    found = np.zeros(lattice.size, dtype=np.bool_)
    for place, axis in enumerate(lattice.axes):
        if axis.is_sensitive:
            nodes = _nodes(lattice, place)
            for child, fate in _fates(axis, nodes, cells, difference).items():
                found[nodes.parts[child]] |= fate
    return found


def _fates(
    axis: Axis, nodes: _Nodes, cells: ExactCells, difference: int
) -> dict[int, Flags]:
    """For each code of the axis at which nodes it is collapsed with its siblings."""
    fates: dict[int, Flags] = {}
    for breakdown in axis.breakdowns:
        inherited = np.zeros(len(nodes.totals), dtype=np.bool_)
        if breakdown.parent is not None:
            inherited = fates[breakdown.parent]
        if len(breakdown.children) > 1:  # a single part is the whole, and so no news
            groups = _groups(breakdown, axis.unknown, nodes, cells, difference)
            start = inherited | _telling(groups.whole, groups.parts, difference)
            inherited = _closed(start & (groups.whole > 0), nodes.lines, groups)
        fates |= dict.fromkeys(breakdown.children, inherited)
    return fates


def _groups(
    breakdown: Breakdown,
    unknown: int | None,
    nodes: _Nodes,
    cells: ExactCells,
    difference: int,
) -> _Groups:
    parent = breakdown.parent
    wholes = nodes.totals if parent is None else nodes.parts[parent]
    children = nodes.parts[list(breakdown.children)]
    telling = nodes.parts[[each for each in breakdown.children if each != unknown]]
    counts = cells.counts[wholes].astype(np.uint64)
    _, people = np.unique(
        (counts << np.uint64(KEY_BITS)) | cells.keys[wholes], return_inverse=True
    )
    return _Groups(
        whole=cells.counts[wholes],
        parts=cells.counts[telling],
        visible=~(cells.small[wholes] & cells.small[children].all(axis=0)),
        people=people,
        difference=difference,
    )


def _telling(whole: Integers, parts: Integers, difference: int) -> Flags:
    """Where one of `parts` (first axis) has all but fewer than `difference` of `whole`."""
    tells: Flags = np.logical_or.reduce(
        (parts > 0) & (whole - parts < difference), axis=0
    )
    return tells


def _closed(start: Flags, lines: Sequence[_Line], groups: _Groups) -> Flags:
    """`start` and what has to be collapsed with it, by rules 1 to 5."""
    collapsed = start.copy()
    before = -1
    while before != (now := int(collapsed.sum())):
        before = now
        for line in lines:
            _extend(collapsed, line, groups)
        people = np.zeros(int(groups.people.max(initial=0)) + 1, dtype=np.bool_)
        people[groups.people[collapsed]] = True
        collapsed = people[groups.people]  # 5
    return collapsed


def _extend(collapsed: Flags, line: _Line, groups: _Groups) -> None:
    """Collapse the slices that rule 4 demands, and one more wherever 1, 2 or 3 does."""
    peopled = groups.whole[line.slices] > 0
    collapsed[line.slices] |= collapsed[line.parents][:, None] & peopled  # 4
    hidden = collapsed[line.slices]
    remaining = peopled & ~hidden
    is_open = ~collapsed[line.parents] & hidden.any(axis=1)
    is_whole = is_open & ~remaining.any(axis=1)
    collapsed[line.parents[is_whole & _is_nearly_parent(line, hidden, groups)]] = True
    is_open &= ~is_whole
    if not is_open.any():
        return
    slices, hidden, remaining = (
        line.slices[is_open],
        hidden[is_open],
        remaining[is_open],
    )
    broken = _breaks_a_rule(slices, hidden, remaining, groups)
    smallest = _smallest(slices, remaining, groups)
    collapsed[slices[np.arange(len(slices)), smallest][broken]] = True


def _is_nearly_parent(line: _Line, hidden: Flags, groups: _Groups) -> Flags:
    """Where one visible collapsed slice has nearly everybody of its line: rule 1."""
    sizes = groups.whole[line.slices] * (groups.visible[line.slices] & hidden)
    others = groups.whole[line.parents] - sizes.max(axis=1)
    alone: Flags = ((sizes > 0).sum(axis=1) == 1) & (others < groups.difference)
    return alone


def _breaks_a_rule(
    slices: Integers, hidden: Flags, remaining: Flags, groups: _Groups
) -> Flags:
    visible = groups.visible[slices] & hidden
    alone = visible.sum(axis=1) == 1  # 1
    together = _tell_together(slices, visible, groups)  # 2
    last = remaining.sum(axis=1) == 1
    only_one = last & _tell_together(slices, hidden, groups)  # 3
    broken: Flags = alone | together | only_one
    return broken


def _tell_together(slices: Integers, chosen: Flags, groups: _Groups) -> Flags:
    """Where the chosen slices of a line, as one breakdown, tell."""
    whole = (groups.whole[slices] * chosen).sum(axis=1)
    parts = (groups.parts[:, slices] * chosen).sum(axis=2)
    return _telling(whole, parts, groups.difference)


def _smallest(slices: Integers, remaining: Flags, groups: _Groups) -> Integers:
    """For each line the place of its smallest remaining slice, visible ones first."""
    sizes = groups.whole[slices]
    beyond = int(groups.whole.max(initial=0)) + 1
    order = np.where(groups.visible[slices], sizes, sizes + beyond)
    found: Integers = np.where(remaining, order, 2 * beyond).argmin(axis=1)
    return found


def _nodes(lattice: Lattice, axis: int) -> _Nodes:
    """The cells over the other axes that `axis` may cross, and the lines among them."""
    cubes = {cube.axes: cube for cube in lattice.cubes}
    crossed = [
        (cubes[tuple(place for place in cube.axes if place != axis)], cube)
        for cube in lattice.cubes
        if axis in cube.axes
    ]
    totals = [cell_places(coarse).ravel() for coarse, _ in crossed]
    parts = [
        np.moveaxis(cell_places(fine), fine.axes.index(axis), 0).reshape(
            len(lattice.axes[axis].codes), -1
        )
        for _, fine in crossed
    ]
    node_of = np.full(lattice.size, -1, dtype=np.int64)
    flat = np.concatenate(totals)
    node_of[flat] = np.arange(len(flat))
    lines = tuple(
        _Line(node_of[parents], node_of[slices])
        for coarse, _ in crossed
        for parents, slices in _lines(lattice, coarse, cubes)
    )
    return _Nodes(flat, np.concatenate(parts, axis=1), lines)


def _lines(
    lattice: Lattice, cube: Cube, cubes: dict[tuple[int, ...], Cube]
) -> Iterator[tuple[Integers, Integers]]:
    """The lines whose slices are cells of `cube`, as places in the lattice."""
    places = cell_places(cube)
    for position, axis in enumerate(cube.axes):
        for breakdown in lattice.axes[axis].breakdowns:
            if breakdown.parent is None:
                rest = tuple(each for each in cube.axes if each != axis)
                parents = cell_places(cubes[rest])
            else:
                parents = places.take([breakdown.parent], axis=position)
            slices = places.take(breakdown.children, axis=position)
            lined = np.moveaxis(slices, position, -1)
            yield parents.ravel(), lined.reshape(-1, len(breakdown.children))


def cell_places(cube: Cube) -> Integers:
    """The places of the cells of `cube` in the lattice, one array axis for each axis."""
    return np.arange(cube.offset, cube.offset + cube.size).reshape(cube.shape)


__all__ = ["ExactCells", "Flags", "Integers", "Keys", "cell_places", "collapsed_cells"]
