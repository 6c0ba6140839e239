"""Single figures: a value or the mark that says why there is none, and their combination.

A combined figure exists only where every contributing city shows its value: a hidden cell is
never counted as zero. A rate is made from two *shown* values (`disclosure.rate`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from interurban_protocol.disclosure import rate
from interurban_protocol.release_plans import ProtectionProfile


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
        count_figure(started, Mark.INCOMPLETE),
        count_figure(completed, Mark.INCOMPLETE),
        rate_figure(started, completed, profile, Mark.INCOMPLETE, cities=len(present)),
    )


def count_figure(value: int | None, otherwise: Mark) -> Figure:
    """A count, or the mark for its absence."""
    return Figure(value, otherwise if value is None else Mark.SHOWN)


def rate_figure(
    started: int | None,
    completed: int | None,
    profile: ProtectionProfile,
    otherwise: Mark,
    *,
    cities: int,
) -> Figure:
    """The rate of two shown counts of `cities` cities; else `otherwise`, or withheld."""
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
