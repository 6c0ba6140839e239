"""How codelists group the people behind one registry field: into which bands and groups.

Two tables over the same people may group them in the same way or in one that refines the
other. If the groups only overlap, subtracting them leaves a third group that nobody meant to
publish.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from interurban_protocol.structures import TOTAL, UNKNOWN, Code, Dimension, Structure

AGE_FIELD = "learner.age_band"  # the one field whose ids name years of age

_YEARS = re.compile(r"Y([0-9]{1,3})T([0-9]{1,3})")  # SDMX's CL_AGE, both ends included
_OPEN = re.compile(r"Y_(GE|GT|LE|LT)([0-9]{1,3})")


class Band(NamedTuple):
    """From `lower` up to, and without, `upper`; open at the top where that is None."""

    lower: int
    upper: int | None

    def overlaps(self, other: "Band") -> bool:
        """Whether some number lies in both."""
        return _before(self.lower, other.upper) and _before(other.lower, self.upper)

    def __str__(self) -> str:
        """The band in words: "16 to below 25"."""
        if self.upper is None:
            return f"{self.lower} and more"
        return f"{self.lower} to below {self.upper}"


class Listed(NamedTuple):
    """A splitting dimension together with the structure whose codes it has."""

    structure: Structure
    dimension: Dimension

    def __str__(self) -> str:
        """Its name among several dataflows: "COMPLETION.AGE"."""
        return f"{self.structure.id}.{self.dimension.id}"

    @property
    def leaves(self) -> tuple[Code, ...]:
        """The codes that registry values lead to."""
        return self.structure.base_codes(self.dimension.id)

    @property
    def codes(self) -> tuple[Code, ...]:
        """Groups and leaves."""
        return self.structure.shown_codes(self.dimension.id)


def listed_dimensions(structures: Sequence[Structure]) -> Iterator[Listed]:
    """Every splitting dimension of several structures."""
    for structure in structures:
        for dimension in structure.split_dimensions:
            yield Listed(structure, dimension)


def band_of(code: Code, field: str | None) -> Band | None:
    """The band of a code: as its structure says, or for ages as SDMX's id says."""
    if code.lower is not None:
        return Band(code.lower, code.upper)
    return _band_of_age(code.id) if field == AGE_FIELD else None


def overlapping_leaves(listed: Listed) -> list[tuple[Code, Code]]:
    """Neighbouring leaves whose bands overlap."""
    found = [
        (band, leaf)
        for leaf in listed.leaves
        if (band := band_of(leaf, listed.dimension.source)) is not None
    ]
    ordered = sorted(found, key=lambda each: each[0].lower)
    return [
        (first, second)
        for (one, first), (other, second) in pairwise(ordered)
        if one.overlaps(other)
    ]


def is_same_list(one: Listed, other: Listed) -> bool:
    """Whether both have the same codes with the same meaning; words and order may differ."""
    return _meaning(one) == _meaning(other)


def clash(one: Listed, other: Listed) -> str | None:
    """Why two lists over the same registry field do not group people alike, or None.

    A list may lack what the other one has, as long as nobody moves into another group by
    that: lists of programmes grow, and groups may be finer or coarser than the other's.
    """
    if is_same_list(one, other):
        return None
    return (
        _clash_of_bands(one, other)
        or _clash_of_unknown(one, other)
        or _clash_of_groups(one, other)
    )


def _before(lower: int, upper: int | None) -> bool:
    return upper is None or lower < upper


def _band_of_age(code_id: str) -> Band | None:
    if found := _YEARS.fullmatch(code_id):
        return Band(int(found[1]), int(found[2]) + 1)
    if found := _OPEN.fullmatch(code_id):
        years = int(found[2])
        return {
            "GE": Band(years, None),
            "GT": Band(years + 1, None),
            "LE": Band(0, years + 1),
            "LT": Band(0, years),
        }[found[1]]
    return None


def _meaning(listed: Listed) -> set[tuple[object, ...]]:
    return {
        (code.id, code.value or code.id, _parent(code), code.lower, code.upper)
        for code in listed.codes
    }


def _parent(code: Code) -> str:
    return code.parent or TOTAL


def _clash_of_bands(one: Listed, other: Listed) -> str | None:
    for ours in _bands(one):
        for theirs in _bands(other):
            if ours != theirs and ours.overlaps(theirs):
                return f"{ours} in one overlaps {theirs} in the other"
    return None


def _bands(listed: Listed) -> list[Band]:
    bands = (band_of(leaf, listed.dimension.source) for leaf in listed.leaves)
    return [band for band in bands if band is not None]


def _clash_of_unknown(one: Listed, other: Listed) -> str | None:
    """Who has a value that a list lacks is `_U` there: another group than elsewhere."""
    ours, theirs = _values(one), _values(other)
    if UNKNOWN in ours | theirs and ours != theirs:
        return "a value that one list names is unknown in the other"
    return None


def _values(listed: Listed) -> set[str]:
    return {leaf.value or leaf.id for leaf in listed.leaves}


def _clash_of_groups(one: Listed, other: Listed) -> str | None:
    shared = _values(one) & _values(other)
    for name, ours in _groups(one, shared):
        for other_name, theirs in _groups(other, shared):
            if ours & theirs and not (ours <= theirs or theirs <= ours):
                return f"the group {name} in one overlaps {other_name} in the other"
    return None


def _groups(listed: Listed, shared: set[str]) -> list[tuple[str, frozenset[str]]]:
    """The groups, each with the registry values behind it that both lists have."""
    leaves = {leaf.id: leaf.value or leaf.id for leaf in listed.leaves}
    return [
        (
            code.id,
            frozenset(
                leaves[member]
                for member in listed.structure.members(listed.dimension.id, code.id)
            )
            & shared,
        )
        for code in listed.codes
        if code.id not in leaves
    ]


__all__ = [
    "AGE_FIELD",
    "Band",
    "Listed",
    "band_of",
    "clash",
    "is_same_list",
    "listed_dimensions",
    "overlapping_leaves",
]
