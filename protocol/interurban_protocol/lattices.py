"""Closed lattices: which cells a release has, in which order; the same for every reader.

The closed lattice of a structure is every combination of codes in which at most the
profile's number of splitting dimensions are not `_T`; fewer where one of them is an equity
dimension. Groups have cells like leaves. A *cube* is the cells that cross the same
dimensions.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product

from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.protection_profiles import ProtectionProfile
from interurban_protocol.structures import TOTAL, UNKNOWN, Dimension, Structure

MAX_CELLS = 2_000_000  # of a closed lattice; the largest city's dataflow has 0.12 M


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A code of an axis and the codes right under it, as positions among `Axis.codes`."""

    parent: int | None  # None: the total
    children: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A dimension that splits learners, with the codes that tables show of it."""

    codes: tuple[str, ...]  # groups and leaves, in the order of the codelist
    members: tuple[tuple[int, ...], ...]  # of each code: positions among the leaves
    leaves: tuple[int, ...]  # positions of the leaves among `codes`
    breakdowns: tuple[Breakdown, ...]  # the total's first, a group's before its parts'
    unknown: int | None  # position of `_U`
    is_sensitive: bool
    is_equity: bool

    @property
    def has_groups(self) -> bool:
        """Whether some codes are sums of others."""
        return len(self.leaves) < len(self.codes)


@dataclass(frozen=True, slots=True)
class Cube:
    """The cells that cross certain axes; their rows stand together."""

    axes: tuple[int, ...]
    shape: tuple[int, ...]  # how many codes each of them has
    offset: int  # the place of its first cell in the lattice
    crosses_equity: bool

    @property
    def size(self) -> int:
        """How many cells it has."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Lattice:
    """The axes of a structure and the cubes that a profile allows over them, in order."""

    axes: tuple[Axis, ...]
    cubes: tuple[Cube, ...]

    @property
    def size(self) -> int:
        """How many cells it has."""
        return sum(cube.size for cube in self.cubes)

    def choices(self, cube: Cube) -> list[tuple[str, ...]]:
        """For each axis the codes that it has in `cube`; their product is its cells."""
        return [
            axis.codes if place in cube.axes else (TOTAL,)
            for place, axis in enumerate(self.axes)
        ]

    def codes(self, cube: Cube) -> Iterator[tuple[str, ...]]:
        """The codes of the cells of `cube`, one code for each axis."""
        return product(*self.choices(cube))

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        for cube in self.cubes:
            yield from self.codes(cube)


def lattice_of(structure: Structure, profile: ProtectionProfile) -> Lattice:
    """The closed lattice of `structure` under `profile`.

    Raises:
        OversizedError: more than `MAX_CELLS` cells.
    """
    check_size(structure, profile)
    axes = tuple(_axis(structure, split) for split in structure.split_dimensions)
    cubes: list[Cube] = []
    offset = 0
    for crossed in _crossings(structure, profile):
        shape = tuple(len(axes[place].codes) for place in crossed)
        is_equity = any(axes[place].is_equity for place in crossed)
        cubes.append(Cube(crossed, shape, offset, is_equity))
        offset += math.prod(shape)
    return Lattice(axes, tuple(cubes))


def closed_lattice(
    structure: Structure, profile: ProtectionProfile
) -> Iterator[tuple[str, ...]]:
    """The codes of every cell, in the one order of rows.

    The grand total first, then one dimension after the other, then pairs, then triples;
    inside each cube the last dimension runs fastest, in the order of its codelist.

    Raises:
        OversizedError: more than `MAX_CELLS` cells.
    """
    return iter(lattice_of(structure, profile))


def lattice_size(structure: Structure, profile: ProtectionProfile) -> int:
    """How many cells `closed_lattice` has, without listing them."""
    sizes = [len(structure.shown_codes(each.id)) for each in structure.split_dimensions]
    return sum(
        math.prod(sizes[place] for place in crossed)
        for crossed in _crossings(structure, profile)
    )


def check_size(structure: Structure, profile: ProtectionProfile) -> None:
    """Refuse a structure whose closed lattice is too large to build or read.

    Raises:
        OversizedError: more than `MAX_CELLS` cells.
    """
    if lattice_size(structure, profile) > MAX_CELLS:
        raise OversizedError(f"the tables have more than {MAX_CELLS} cells")


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


def _crossings(
    structure: Structure, profile: ProtectionProfile
) -> Iterator[tuple[int, ...]]:
    splits = structure.split_dimensions
    most = min(len(splits), profile.max_dimensions)
    for number in range(most + 1):
        for crossed in combinations(range(len(splits)), number):
            is_equity = any(splits[place].is_equity for place in crossed)
            if number <= profile.dimensions_for(crosses_equity=is_equity):
                yield crossed


def _axis(structure: Structure, split: Dimension) -> Axis:
    shown = structure.shown_codes(split.id)
    codes = tuple(code.id for code in shown)
    under: dict[int | None, list[int]] = {None: []}
    for place, code in enumerate(shown):
        parent = None if code.parent in (None, TOTAL) else codes.index(code.parent)
        under.setdefault(parent, []).append(place)
    leaves = tuple(place for place in range(len(codes)) if place not in under)
    among_leaves = {place: position for position, place in enumerate(leaves)}
    return Axis(
        codes=codes,
        members=tuple(
            tuple(sorted(among_leaves[leaf] for leaf in _leaves_under(place, under)))
            for place in range(len(codes))
        ),
        leaves=leaves,
        breakdowns=tuple(_breakdowns(None, under)),
        unknown=codes.index(UNKNOWN) if UNKNOWN in codes else None,
        is_sensitive=split.is_sensitive,
        is_equity=split.is_equity,
    )


def _leaves_under(place: int, under: Mapping[int | None, list[int]]) -> Iterator[int]:
    if place not in under:
        yield place
    for child in under.get(place, ()):
        yield from _leaves_under(child, under)


def _breakdowns(
    parent: int | None, under: Mapping[int | None, list[int]]
) -> Iterator[Breakdown]:
    yield Breakdown(parent, tuple(under[parent]))
    for child in under[parent]:
        if child in under:
            yield from _breakdowns(child, under)


__all__ = [
    "MAX_CELLS",
    "Axis",
    "Breakdown",
    "Cube",
    "Lattice",
    "check_size",
    "closed_lattice",
    "codes_by_dimension",
    "lattice_of",
    "lattice_size",
]
