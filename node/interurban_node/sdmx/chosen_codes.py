"""Which codes the keys and filters of a query let through, worked out before any row.

A query has several keys, and any of them will do. Each has a bit; for each dimension, each
code has the bits of the keys that accept it. A row passes if one bit is left over all of
its codes, so that a row costs the same whatever number of keys there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from interurban_node.sdmx.data_queries import DataQuery, Key
from interurban_node.sdmx.filters import Test
from interurban_protocol.structures import Dimension, Structure


@dataclass(frozen=True, slots=True)
class ChosenCodes:
    """The bits of the keys that are left, and those that each code keeps.

    `places` has the dimensions that restrict anything: position in a row, and bits by code.
    """

    bits: int  # 0: nothing can pass
    places: tuple[tuple[int, Mapping[str, int]], ...]

    def accepts(self, codes: Sequence[str]) -> bool:
        """Whether a row with these codes, one for each dimension, is wanted."""
        left = self.bits
        for place, kept in self.places:
            left &= kept.get(codes[place], 0)
            if not left:
                return False
        return bool(left)

    def can_accept(self, codes: Mapping[int, str]) -> bool:
        """Whether rows with these codes, by position, can be wanted."""
        left = self.bits
        for place, kept in self.places:
            if place in codes:
                left &= kept.get(codes[place], 0)
        return left != 0


def choose_codes(
    query: DataQuery,
    structure: Structure,
    tests: Mapping[str, Test],
    constants: Mapping[str, Iterable[str]],
) -> ChosenCodes:
    """What is left of a query for these codes.

    A dimension has the codes of its codelist; one without a codelist those in `constants`,
    which come from the releases. A code of the query that is neither chooses nothing.
    """
    keys = tuple(dict.fromkeys(query.keys)) or ((),)
    left, found = (1 << len(keys)) - 1, []
    for place, dimension in enumerate(structure.dimensions):
        test = tests.get(dimension.id)
        if test is None and all(_wanted(key, place) is None for key in keys):
            continue
        known = _codes(structure, dimension, constants)
        passing = [code for code in known if test is None or test(code)]
        kept = {code: _bits(keys, place, code) for code in passing}
        left &= _any_of(kept.values())
        found.append((place, kept))
    return ChosenCodes(left, tuple(found))


def _codes(
    structure: Structure,
    dimension: Dimension,
    constants: Mapping[str, Iterable[str]],
) -> Iterable[str]:
    if dimension.codelist_id is None:
        return constants.get(dimension.id, ())
    return [code.id for code in structure.codes(dimension.id)]


def _bits(keys: Sequence[Key], place: int, code: str) -> int:
    bits = 0
    for number, key in enumerate(keys):
        wanted = _wanted(key, place)
        if wanted is None or code in wanted:
            bits |= 1 << number
    return bits


def _wanted(key: Key, place: int) -> frozenset[str] | None:
    return key[place] if place < len(key) else None


def _any_of(several: Iterable[int]) -> int:
    bits = 0
    for each in several:
        bits |= each
    return bits


__all__ = ["ChosenCodes", "choose_codes"]
