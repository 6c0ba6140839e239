"""What a committee's table says, from published values alone.

* Every figure comes from a release, that is from values that anybody with the release may
  see. Nothing here can reach the registry.
* A figure without value says why, by its mark. A combined figure exists only where every
  contributing city shows its value: a hidden cell is never counted as zero.
* A rate is made from two *shown* values (`disclosure.rate`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import product

from interurban_node.core.errors import RefusedError
from interurban_protocol.disclosure import rate
from interurban_protocol.release_plans import ProtectionProfile, strictest
from interurban_protocol.releases import ReleasedTable
from interurban_protocol.structures import TOTAL, Dimension, Names, Structure

OUTCOME = "OUTCOME"
COMPLETED = "COM"
COMBINED = TOTAL  # the column of all contributing cities together


class Mark(StrEnum):
    """Why a figure has a value, or has none."""

    SHOWN = "shown"
    HIDDEN = "hidden"  # by the city that published it
    INCOMPLETE = "incomplete"  # combined, and a contributing city's cell is hidden
    WITHHELD = "withheld"  # a rate of too few people, or of all or none of them
    MISSING = "missing"  # no release of the city is here


SDMX_MARKS: Mapping[Mark, tuple[str, str]] = {
    Mark.SHOWN: ("A", "F"),
    Mark.HIDDEN: ("Q", "A"),
    Mark.INCOMPLETE: ("Q", "S"),  # suppressed too, by the receiver
    Mark.WITHHELD: ("N", "F"),
    Mark.MISSING: ("L", "F"),
}
"""Each mark as OBS_STATUS and CONF_STATUS, by SDMX's code lists."""


class Indicator(StrEnum):
    """What is shown of each city."""

    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    COMPLETION_RATE = "COMPLETION_RATE"  # percent of those who started


@dataclass(frozen=True, slots=True)
class Figure:
    """One value or mark; a rate has the range that the noise leaves open."""

    value: float | None
    mark: Mark
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """The three figures of one city, or of all together, in one row."""

    started: Figure
    completed: Figure
    completion_rate: Figure

    def __iter__(self) -> Iterator[tuple[Indicator, Figure]]:
        return iter(
            (
                (Indicator.STARTED, self.started),
                (Indicator.COMPLETED, self.completed),
                (Indicator.COMPLETION_RATE, self.completion_rate),
            )
        )


@dataclass(frozen=True, slots=True)
class City:
    """A city that the plan expects to publish."""

    node: str
    names: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One city's release for one period, or that there is none."""

    node: str
    period: str
    release_id: str | None = None
    cut_off: datetime | None = None  # the data are as of then
    coverage: int | None = None  # percent, as published
    table: ReleasedTable | None = None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Which cells of the releases are asked for. Checked by `check_breakdown`."""

    by: tuple[str, ...]
    filters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One period and combination of codes; `figures` are by city in order, then combined."""

    period: str
    codes: tuple[str, ...]
    figures: tuple[Figures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitteeTable:
    """Everything that a committee is shown, in whichever form."""

    structure: Structure
    breakdown: Breakdown
    periods: tuple[str, ...]
    cities: tuple[City, ...]
    sources: tuple[Source, ...]  # for each period, one for each city
    profile: ProtectionProfile
    rows: tuple[Row, ...]

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """What it is broken down by."""
        return tuple(self.structure.dimension(each) for each in self.breakdown.by)

    def missing(self, period: str) -> tuple[str, ...]:
        """The cities without a release for `period`; combined figures are without them."""
        return tuple(
            source.node
            for source in self.sources
            if source.period == period and source.table is None
        )

    def source(self, node: str, period: str) -> Source:
        """Where a city's figures of a period come from."""
        return next(
            source
            for source in self.sources
            if (source.node, source.period) == (node, period)
        )


def breakdown_dimensions(structure: Structure) -> tuple[Dimension, ...]:
    """What a table can be broken down by, or filtered on."""
    return tuple(each for each in structure.split_dimensions if each.id != OUTCOME)


def check_breakdown(
    structure: Structure, breakdown: Breakdown, max_dimensions: int
) -> None:
    """Refuse what the releases do not have.

    The outcome counts as one of the `max_dimensions` dimensions crossed.

    Raises:
        RefusedError: no outcome to compare, an unknown dimension or code, a dimension
            twice, or more of them crossed than any release has.
    """
    if not _has_outcome(structure):
        raise RefusedError(
            f"{structure.reference} has no outcome that can be compared",
            next_step="Choose a dataflow with the dimension OUTCOME.",
        )
    allowed = [each.id for each in breakdown_dimensions(structure)]
    used = (*breakdown.by, *breakdown.filters)
    reasons = [
        *([f"choose from {', '.join(allowed)}"] if set(used) - set(allowed) else []),
        *(["a dimension is named twice"] if len(set(used)) != len(used) else []),
        *(
            [f"at most {max_dimensions - 1} besides the outcome"]
            if len(used) > max_dimensions - 1
            else []
        ),
    ]
    if reasons:
        raise RefusedError(
            "the releases do not have this breakdown",
            reasons=reasons,
            next_step="Choose fewer or other dimensions.",
        )
    for dimension_id, code_id in breakdown.filters.items():
        if code_id not in {code.id for code in structure.codes(dimension_id)}:
            raise RefusedError(
                f"{dimension_id} has no such code",
                next_step="Choose one of the codes that the structure lists.",
            )


def make_table(
    structure: Structure,
    breakdown: Breakdown,
    cities: Sequence[City],
    sources: Sequence[Source],
    profiles: Sequence[ProtectionProfile],
) -> CommitteeTable:
    """The table of `cities`; `sources` has one entry for each of them and each period.

    Raises:
        RefusedError: as `check_breakdown`.
    """
    profile = strictest(profiles)
    check_breakdown(structure, breakdown, profile.max_dimensions)
    periods = tuple(sorted({source.period for source in sources}))
    rows = tuple(
        Row(period, codes, _row_figures(cities, sources, period, cell, profile))
        for period in periods
        for codes, cell in _cells(structure, breakdown)
    )
    return CommitteeTable(
        structure=structure,
        breakdown=breakdown,
        periods=periods,
        cities=tuple(cities),
        sources=tuple(sources),
        profile=profile,
        rows=rows,
    )


def city_figures(source: Source, cell: Mapping[str, str]) -> Figures:
    """One city's figures of a cell, given by the codes that are not the total."""
    if source.table is None:
        missing = Figure(None, Mark.MISSING)
        return Figures(missing, missing, missing)
    started = source.table.value(**cell)
    completed = source.table.value(**{**cell, OUTCOME: COMPLETED})
    return Figures(
        _count(started, Mark.HIDDEN),
        _count(completed, Mark.HIDDEN),
        _rate(started, completed, source.table.profile, Mark.HIDDEN, cities=1),
    )


def combined_figures(figures: Sequence[Figures], profile: ProtectionProfile) -> Figures:
    """The figures of all contributing cities together.

    A value only where each of them shows its own; cities without a release contribute
    nothing and are named beside the table.
    """
    present = [each for each in figures if each.started.mark is not Mark.MISSING]
    if not present:
        missing = Figure(None, Mark.MISSING)
        return Figures(missing, missing, missing)
    started = _sum([each.started for each in present])
    completed = _sum([each.completed for each in present])
    return Figures(
        _count(started, Mark.INCOMPLETE),
        _count(completed, Mark.INCOMPLETE),
        _rate(started, completed, profile, Mark.INCOMPLETE, cities=len(present)),
    )


def _has_outcome(structure: Structure) -> bool:
    return OUTCOME in {each.id for each in structure.split_dimensions} and (
        COMPLETED in {code.id for code in structure.base_codes(OUTCOME)}
    )


def _cells(
    structure: Structure, breakdown: Breakdown
) -> Iterator[tuple[tuple[str, ...], Mapping[str, str]]]:
    """Codes of each row, totals first, with the cell that they mean in a release."""
    choices = [
        (TOTAL, *(code.id for code in structure.base_codes(each)))
        for each in breakdown.by
    ]
    for codes in product(*choices):
        chosen = zip(breakdown.by, codes, strict=True)
        yield codes, {**breakdown.filters, **dict(chosen)}


def _row_figures(
    cities: Sequence[City],
    sources: Sequence[Source],
    period: str,
    cell: Mapping[str, str],
    profile: ProtectionProfile,
) -> tuple[Figures, ...]:
    by_node = {source.node: source for source in sources if source.period == period}
    found = [city_figures(by_node[city.node], cell) for city in cities]
    return (*found, combined_figures(found, profile))


def _count(value: int | None, otherwise: Mark) -> Figure:
    return Figure(value, otherwise if value is None else Mark.SHOWN)


def _rate(
    started: int | None,
    completed: int | None,
    profile: ProtectionProfile,
    otherwise: Mark,
    *,
    cities: int,
) -> Figure:
    if started is None or completed is None:
        return Figure(None, otherwise)
    found = rate(completed, started, profile, cities=cities)
    if found is None:
        return Figure(None, Mark.WITHHELD)
    return Figure(found.percent, Mark.SHOWN, found.low, found.high)


def _sum(figures: Sequence[Figure]) -> int | None:
    values = [figure.value for figure in figures]
    if any(value is None for value in values):
        return None
    return sum(int(value) for value in values if value is not None)
