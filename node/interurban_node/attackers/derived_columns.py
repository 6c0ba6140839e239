"""Derived columns: a hidden figure as the difference of shown ones.

Where all parts of a whole but one are shown, and the whole too, the last part is what
remains. In a protected table the noise of all of them stands between it and the truth.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from interurban_protocol.disclosure import Cell
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.structures import TOTAL, Structure


@dataclass(frozen=True, slots=True)
class Derived:
    """A hidden cell, what remains for it, and how far off that may be."""

    codes: tuple[str, ...]
    remainder: int
    error: int

    @property
    def low(self) -> int:
        """The least number of learners in it."""
        return max(0, self.remainder - self.error)

    @property
    def high(self) -> int:
        """The largest."""
        return max(0, self.remainder + self.error)


def derived_cells(
    structure: Structure, cells: Iterable[Cell], error: int
) -> Iterator[Derived]:
    """Every hidden cell that remains when shown parts are taken from a shown whole.

    `error` is how far one shown value may be off; those of all the values add up.
    """
    values = {cell.codes: cell.value for cell in cells}
    for axis, split in enumerate(structure.split_dimensions):
        parts_of = {
            TOTAL: structure.children(split.id, TOTAL),
            **{
                code.id: structure.children(split.id, code.id)
                for code in structure.shown_codes(split.id)
            },
        }
        for codes, value in values.items():
            parts = parts_of[codes[axis]]
            if value is not None and parts:
                yield from _remaining(values, codes, axis, parts, error)


def largest_error(profile: ProtectionProfile) -> int:
    """How far a shown value may be from the truth."""
    return profile.perturbation.maximum + (profile.rounding or 1) // 2


def _remaining(
    values: dict[tuple[str, ...], int | None],
    whole: tuple[str, ...],
    axis: int,
    parts: tuple[str, ...],
    error: int,
) -> Iterator[Derived]:
    keys = [(*whole[:axis], part, *whole[axis + 1 :]) for part in parts]
    if any(key not in values for key in keys):
        return
    shown = [value for key in keys if (value := values[key]) is not None]
    if len(shown) == len(keys) - 1:
        hidden = next(key for key in keys if values[key] is None)
        total = values[whole] or 0
        yield Derived(hidden, total - sum(shown), error * (len(shown) + 1))
