"""The one object behind everything that a committee is shown, and its flat form."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interurban_protocol.indicator_figures import Figure, Mark, Releases
from interurban_protocol.indicators import Column, Indicator, Kind, open_dimensions
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import ReleasedTable
from interurban_protocol.structure_versions import SeriesBreak
from interurban_protocol.structures import TOTAL, Code, Dimension, Names, Structure

COMBINED = TOTAL  # the column of all contributing cities together


@dataclass(frozen=True, slots=True)
class City:
    """A city that the plan expects to publish."""

    node: str
    names: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One city's releases for one period, or that there are none, or none yet."""

    node: str
    period: str
    release_id: str | None = None  # of the numerator
    cut_off: datetime | None = None  # the data are as of then
    coverage: int | None = None  # percent, as published
    table: ReleasedTable | None = None
    denominator: ReleasedTable | None = None  # where it is another dataflow's
    denominator_id: str | None = None
    observed_in: str = ""  # the quarter in which a cohort is looked at
    is_due: bool = True  # False: that quarter is not published yet
    revision: int = 0

    def releases(self, indicator: Indicator) -> Releases | None:
        """The tables for `indicator`; None if one of them is not here."""
        if self.table is None:
            return None
        if len(indicator.dataflows) > 1 and self.denominator is None:
            return None
        return Releases(self.table, self.denominator)

    def mark(self, indicator: Indicator) -> Mark:
        """Why there are no figures, or that there are."""
        if self.releases(indicator) is not None:
            return Mark.SHOWN
        return Mark.MISSING if self.is_due else Mark.NOT_YET


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Which cells of the releases are asked for. Checked by `check_breakdown`."""

    by: tuple[str, ...]
    filters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Definition:
    """An indicator with the structures that give its codes their names."""

    indicator: Indicator
    numerator: Structure
    denominator: Structure | None = None  # where it is another dataflow's

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """What it can be broken down by, or filtered on."""
        return open_dimensions(self.indicator, self.numerator, self.denominator)

    def splits(self, breakdown: Breakdown) -> tuple[str, ...]:
        """The dimensions of the rows: those asked for, then that of the parts."""
        along = self.indicator.along
        parts = (along,) if along and self.indicator.kind is Kind.SHARES else ()
        return (*breakdown.by, *parts)

    def codes(self, dimension_id: str) -> tuple[Code, ...]:
        """The codes of rows, total first; the parts of a whole have none."""
        shown = self.numerator.shown_codes(dimension_id)
        if dimension_id == self.indicator.along:
            return shown
        totals = self.numerator.codes(dimension_id)
        return (*(code for code in totals if code.id == TOTAL), *shown)


@dataclass(frozen=True, slots=True)
class Row:
    """One period and combination of codes; `figures` are by city in order, then combined.

    Each has the figures of the indicator's columns.
    """

    period: str
    codes: tuple[str, ...]
    figures: tuple[tuple[Figure, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitteeTable:
    """Everything that a committee is shown, in whichever form."""

    definition: Definition  # of the newest period
    breakdown: Breakdown
    periods: tuple[str, ...]
    cities: tuple[City, ...]
    sources: tuple[Source, ...]  # for each period, one for each city
    profile: ProtectionProfile
    rows: tuple[Row, ...]
    breaks: tuple[tuple[str, SeriesBreak], ...] = ()  # by the period after

    @property
    def indicator(self) -> Indicator:
        """What is shown."""
        return self.definition.indicator

    @property
    def structure(self) -> Structure:
        """The numerator's structure, of the newest period."""
        return self.definition.numerator

    @property
    def columns(self) -> tuple[Column, ...]:
        """What is shown of each city."""
        return self.indicator.columns

    @property
    def splits(self) -> tuple[str, ...]:
        """The dimensions whose codes the rows have."""
        return self.definition.splits(self.breakdown)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions whose codes the rows have, with their names."""
        return tuple(self.structure.dimension(each) for each in self.splits)

    def missing(self, period: str) -> tuple[str, ...]:
        """The cities without figures for `period`; combined figures are without them."""
        return tuple(
            source.node
            for source in self.sources
            if source.period == period and source.mark(self.indicator) is not Mark.SHOWN
        )

    def source(self, node: str, period: str) -> Source:
        """Where a city's figures of a period come from."""
        return next(
            source
            for source in self.sources
            if (source.node, source.period) == (node, period)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One figure with everything that identifies it: the table in its flat form."""

    period: str
    codes: Mapping[str, str]  # every open dimension, and that of the parts
    city: str  # origin, or COMBINED
    column: Column
    figure: Figure
    cities: int  # how many contribute
    source: Source | None  # None for combined figures


def records(table: CommitteeTable) -> Iterator[Record]:
    """Every figure of the table once, by row, city and column; combined ones last.

    The whole of which the rows are parts is a figure of its own, `_T` in their dimension.
    """
    nodes = [*(city.node for city in table.cities), COMBINED]
    seen: set[tuple[str, ...]] = set()
    for row in table.rows:
        contributing = len(table.cities) - len(table.missing(row.period))
        for node, figures in zip(nodes, row.figures, strict=True):
            source = None if node == COMBINED else table.source(node, row.period)
            for column, figure in zip(table.columns, figures, strict=True):
                codes = _codes_of(table, row, column)
                key = (row.period, node, column.id, *codes.values())
                if key in seen:
                    continue
                seen.add(key)
                yield Record(
                    period=row.period,
                    codes=codes,
                    city=node,
                    column=column,
                    figure=figure,
                    cities=contributing if source is None else 1,
                    source=source,
                )


def _codes_of(table: CommitteeTable, row: Row, column: Column) -> Mapping[str, str]:
    codes = all_codes(table, row.codes)
    along, whole = table.indicator.along, table.indicator.denominator
    if along is None or whole is None or along not in codes:
        return codes
    if column.id == whole.id:
        return {**codes, along: TOTAL}
    return codes


def all_codes(table: CommitteeTable, codes: Sequence[str]) -> Mapping[str, str]:
    """The codes of a row in every dimension that the table could be broken down by."""
    chosen = dict(zip(table.splits, codes, strict=True))
    ids = [each.id for each in table.definition.dimensions]
    return {
        each: chosen.get(each, table.breakdown.filters.get(each, TOTAL))
        for each in dict.fromkeys([*ids, *table.splits])
    }
