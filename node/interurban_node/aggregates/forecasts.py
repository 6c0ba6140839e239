"""What a build would publish, and why the rest is hidden. The reasons are for the operator.

Which cells are small and which are collapsed, and how many of a group said yes, must not
leave the office: a reader of the release could add it to what is published.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from interurban_protocol.disclosure import Fate, ProtectedTable


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPreview:
    """What a build would publish, or did: sizes and the protected coverage."""

    cells: int
    hidden: int
    coverage: int | None  # percent, as it is published


@dataclass(frozen=True, slots=True, kw_only=True)
class CubeForecast:
    """The cells that cross the same dimensions."""

    dimensions: tuple[str, ...]
    shown: int
    small: int
    collapsed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupForecast:
    """How many of the learners with one registry value are counted."""

    dimension: str
    value: str | None
    counted: int
    eligible: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Everything that an operator may see beforehand, exact numbers included."""

    preview: BuildPreview
    counted: int
    eligible: int
    cubes: tuple[CubeForecast, ...]
    groups: tuple[GroupForecast, ...]


def preview_of(table: ProtectedTable, coverage: int | None) -> BuildPreview:
    """The sizes of a table."""
    return BuildPreview(
        cells=len(table.values), hidden=table.hidden_count, coverage=coverage
    )


def cubes_of(
    table: ProtectedTable, fates: Sequence[Fate], dimensions: Sequence[str]
) -> tuple[CubeForecast, ...]:
    """The fates of a table's cells by the dimensions that they cross."""
    found = []
    for cube in table.lattice.cubes:
        counts = Counter(fates[cube.offset : cube.offset + cube.size])
        found.append(
            CubeForecast(
                dimensions=tuple(dimensions[axis] for axis in cube.axes),
                shown=counts[Fate.SHOWN],
                small=counts[Fate.SMALL],
                collapsed=counts[Fate.COLLAPSED],
            )
        )
    return tuple(found)
