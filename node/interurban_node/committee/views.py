"""What the committee's page shows: the form and the table, in the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from markupsafe import Markup

from interurban_node.committee.charts import chart
from interurban_node.committee.figures import Figure, Mark, range_text, value_text
from interurban_node.committee.renderings import code_name, code_names, name_in
from interurban_node.committee.service import Choice
from interurban_node.committee.tables import City, CommitteeTable, Row, Source
from interurban_node.core.pages import Language
from interurban_protocol.indicators import Column, Kind

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the form asks for; empty texts are the defaults."""

    indicator: str = ""
    dataflow: str = ""
    first: str = ""  # period
    last: str = ""
    periods: tuple[str, ...] = ()  # instead of first and last
    cities: tuple[str, ...] = ()  # addresses
    by: tuple[str, ...] = ()
    where: str = ""  # DIMENSION:CODE

    @property
    def filters(self) -> Mapping[str, str]:
        """The one filter that the form has, if it is used."""
        dimension_id, _, code_id = self.where.partition(":")
        return {dimension_id: code_id} if dimension_id else {}

    @property
    def query(self) -> str:
        """The selection as a query string, for the downloads."""
        pairs = [
            ("indicator", self.indicator),
            ("dataflow", self.dataflow),
            ("from", self.first),
            ("to", self.last),
            *(("period", period) for period in self.periods),
            *(("city", city) for city in self.cities),
            *(("by", dimension_id) for dimension_id in self.by),
            ("where", self.where),
        ]
        return urlencode([pair for pair in pairs if pair[1]])


@dataclass(frozen=True, slots=True)
class Option:
    """One entry of a list to choose from."""

    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FormView:
    """What the form offers."""

    indicators: Sequence[Option]
    first: Sequence[Option]
    last: Sequence[Option]
    cities: Sequence[Option]
    breakdowns: Sequence[Sequence[Option]]  # the two lists of dimensions
    filters: Sequence[tuple[str, Sequence[Option]]]  # by name of dimension


@dataclass(frozen=True, slots=True)
class CellView:
    """One figure: its value and range as text, or its mark."""

    value: str | None
    low_high: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class RowView:
    """One group of rows: the period, the names of its codes, and a line for each city.

    The last line, without a name, is the combined one.
    """

    period: str
    names: Sequence[str]
    is_break: bool  # from here on something else is counted under the same name
    lines: Sequence[tuple[str, Sequence[CellView]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """Where a city's figures come from, in the reader's language."""

    city: str
    period: str
    mark: Mark
    observed_in: str
    as_of: str | None
    coverage: int | None
    releases: Sequence[str]  # ids
    is_revised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """The table, ready for its template."""

    indicator: str
    title: str
    counted: Sequence[str]  # of how many, and how many
    columns: Sequence[str]  # the indicator itself, then its parts; so are cells
    rows: Sequence[RowView]
    sources: Sequence[SourceView]
    filters: Sequence[tuple[str, str]]
    breaks: Sequence[tuple[str, Sequence[str]]]  # period, and what changed
    chart: Markup
    is_chart_partial: bool
    marks: frozenset[Mark]
    is_cohort: bool
    is_median: bool
    threshold: int
    denominator: int
    median: int

    @property
    def missing(self) -> Sequence[SourceView]:
        """The cities and periods without figures."""
        return [each for each in self.sources if each.mark is not Mark.SHOWN]


def form_view(
    available: Sequence[Choice],
    choice: Choice,
    cities: Sequence[City],
    chosen: Selection,
    language: Language,
) -> FormView:
    """The form for what can be chosen, with what is chosen now."""
    code = language.code
    wanted = chosen.periods or choice.observed[-1:]
    by = (*chosen.by, "", "")[:2]
    dimensions = choice.definition.dimensions
    return FormView(
        indicators=[
            Option(
                each.indicator.id,
                name_in(each.indicator.names, code),
                each.indicator.id == choice.indicator.id,
            )
            for each in available
        ],
        first=_periods(choice, chosen.first or wanted[0]),
        last=_periods(choice, chosen.last or wanted[-1]),
        cities=[
            Option(each.node, name_in(each.names, code), each.node in chosen.cities)
            for each in cities
        ],
        breakdowns=[
            [
                Option(each.id, name_in(each.names, code), each.id == place)
                for each in dimensions
            ]
            for place in by
        ],
        filters=[
            (
                name_in(each.names, code),
                [
                    Option(
                        f"{each.id}:{value.id}",
                        name_in(value.names, code),
                        chosen.where == f"{each.id}:{value.id}",
                    )
                    for value in choice.definition.numerator.shown_codes(each.id)
                ],
            )
            for each in dimensions
        ],
    )


def table_view(table: CommitteeTable, language: Language) -> TableView:
    """The table in the reader's language."""
    code = language.code
    cities = {city.node: name_in(city.names, code) for city in table.cities}
    drawn = chart(table, language)
    figures = [figure for row in table.rows for line in row.figures for figure in line]
    return TableView(
        indicator=table.indicator.id,
        title=name_in(table.indicator.names, code),
        counted=[
            name_in(cells.counted, code)
            for cells in (table.indicator.denominator, table.indicator.numerator)
            if cells is not None
        ],
        columns=[name_in(column.names, code) for column in _own_first(table.columns)],
        rows=[_row_view(table, row, code) for row in table.rows],
        sources=[_source_view(table, cities, each, language) for each in table.sources],
        filters=[
            (
                name_in(table.structure.dimension(each).names, code),
                code_name(table.structure, each, value, code),
            )
            for each, value in table.breakdown.filters.items()
        ],
        breaks=[
            (period, [str(change) for change in found.changes])
            for period, found in table.breaks
        ],
        chart=Markup(drawn.svg),  # noqa: S704 -- made here, with every text escaped
        is_chart_partial=drawn.is_partial,
        marks=frozenset(figure.mark for figure in figures),
        is_cohort=table.structure.cohort is not None,
        is_median=table.indicator.kind is Kind.MEDIAN,
        threshold=table.profile.threshold,
        denominator=table.profile.min_rate_denominator,
        median=table.profile.min_median,
    )


def _periods(choice: Choice, chosen: str) -> list[Option]:
    return [Option(each, each, each == chosen) for each in reversed(choice.periods)]


def _row_view(table: CommitteeTable, row: Row, code: str) -> RowView:
    cities = [*(name_in(city.names, code) for city in table.cities), ""]
    return RowView(
        period=row.period,
        names=code_names(table, row.codes, code),
        is_break=row.period in {period for period, _ in table.breaks},
        lines=[
            (name, _own_first(list(map(_cell_view, table.columns, figures))))
            for name, figures in zip(cities, row.figures, strict=True)
        ],
    )


def _own_first(columns: Sequence[_Item]) -> Sequence[_Item]:
    """The indicator itself before its parts, so that a narrow page shows it."""
    return (columns[-1], *columns[:-1])


def _cell_view(column: Column, figure: Figure) -> CellView:
    if figure.value is None:
        return CellView(None, "", figure.mark)
    return CellView(value_text(figure, column.unit), range_text(figure), figure.mark)


def _source_view(
    table: CommitteeTable,
    cities: Mapping[str, str],
    source: Source,
    language: Language,
) -> SourceView:
    ids = (source.release_id, source.denominator_id)
    is_later = source.observed_in not in ("", source.period)
    return SourceView(
        city=cities[source.node],
        period=source.period,
        mark=source.mark(table.indicator),
        observed_in=source.observed_in if is_later else "",
        as_of=language.date(source.cut_off) if source.cut_off else None,
        coverage=source.coverage,
        releases=[each for each in ids if each],
        is_revised=source.revision > 0,
    )
