"""What a committee's table says, from published values alone, and its one flat form.

* Every figure comes from a release, that is from values that anybody with the release may
  see. Nothing here can reach the registry.
* Terminal, page, CSV and JSON are renderings of the same `records`.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from interurban_node.committee.figures import (
    SDMX_MARKS,
    Figure,
    Figures,
    Indicator,
    Mark,
    combined_figures,
    count_figure,
    rate_figure,
)
from interurban_node.core.errors import RefusedError
from interurban_protocol.encoding import JsonValue, format_time
from interurban_protocol.release_plans import ProtectionProfile, strictest
from interurban_protocol.releases import ReleasedTable
from interurban_protocol.structures import TOTAL, Dimension, Names, Structure

OUTCOME = "OUTCOME"
COMPLETED = "COM"
COMBINED = TOTAL  # the column of all contributing cities together


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One figure with everything that identifies it: the table in its flat form."""

    period: str
    codes: Mapping[str, str]  # every splitting dimension but OUTCOME
    city: str  # origin, or COMBINED
    indicator: Indicator
    figure: Figure
    cities: int  # how many contribute
    coverage: int | None
    cut_off: datetime | None


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
            [
                f"at most {max_dimensions - 1} besides the outcome, filters (--where) included"
            ]
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
        codes = [code.id for code in structure.codes(dimension_id)]
        if code_id not in codes:
            raise RefusedError(
                f"{dimension_id} has no such code",
                next_step=f"Choose one of {', '.join(codes)}.",
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
        count_figure(started, Mark.HIDDEN),
        count_figure(completed, Mark.HIDDEN),
        rate_figure(started, completed, source.table.profile, Mark.HIDDEN, cities=1),
    )


def records(table: CommitteeTable) -> Iterator[Record]:
    """Every figure of the table, by row, city and indicator; combined ones last."""
    nodes = [*(city.node for city in table.cities), COMBINED]
    for row in table.rows:
        codes = _all_codes(table, row.codes)
        contributing = len(table.cities) - len(table.missing(row.period))
        for node, figures in zip(nodes, row.figures, strict=True):
            source = None if node == COMBINED else table.source(node, row.period)
            for indicator, figure in figures:
                yield Record(
                    period=row.period,
                    codes=codes,
                    city=node,
                    indicator=indicator,
                    figure=figure,
                    cities=contributing if source is None else 1,
                    coverage=source.coverage if source else None,
                    cut_off=source.cut_off if source else None,
                )


def csv_text(table: CommitteeTable) -> str:
    """The table as CSV (RFC 4180), one figure in a line, marks in SDMX's codes."""
    splits = [each.id for each in breakdown_dimensions(table.structure)]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["DATAFLOW", "TIME_PERIOD", *splits, *_CSV_COLUMNS])
    for record in records(table):
        writer.writerow(
            [
                table.structure.reference,
                record.period,
                *(record.codes[each] for each in splits),
                *_csv_fields(record),
            ]
        )
    return text.getvalue()


def json_value(table: CommitteeTable) -> JsonValue:
    """The table as JSON, with what a reader needs to judge it."""
    return {
        "dataflow": table.structure.urn,
        "by": list(table.breakdown.by),
        "filters": dict(table.breakdown.filters),
        "cities": [
            {"node": city.node, "name": dict(city.names)} for city in table.cities
        ],
        "sources": [_source_json(source) for source in table.sources],
        "missing": {period: list(table.missing(period)) for period in table.periods},
        "records": [_record_json(record) for record in records(table)],
    }


def terminal_rows(
    table: CommitteeTable, language: str = "en"
) -> tuple[list[str], list[list[str]]]:
    """Headings and rows for the terminal: one row for each cell and city."""
    headings = [
        "Period",
        *(name_in(each.names, language) for each in table.dimensions),
        "City",
        "Started",
        "Completed",
        "Rate",
    ]
    names = [*(name_in(city.names, language) for city in table.cities), "Combined"]
    rows = [
        [
            row.period,
            *code_names(table, row.codes, language),
            name,
            *(figure_text(indicator, figure) for indicator, figure in figures),
        ]
        for row in table.rows
        for name, figures in zip(names, row.figures, strict=True)
    ]
    return headings, rows


def notes(table: CommitteeTable, language: str = "en") -> list[str]:
    """What has to be read with the table: coverage, age of the data, missing cities."""
    names = {city.node: name_in(city.names, language) for city in table.cities}
    lines = []
    for source in table.sources:
        if source.cut_off is None:
            text = "no release here; combined figures are without it"
        else:
            coverage = f"{source.coverage} %" if source.coverage else "not shown"
            text = f"data as of {source.cut_off:%Y-%m-%d}, coverage {coverage}"
        lines.append(f"{names[source.node]}, {source.period}: {text}")
    return lines


def figure_text(indicator: Indicator, figure: Figure) -> str:
    """A figure as text: the value, or its mark as one word."""
    if figure.value is None:
        return figure.mark.value
    if indicator is Indicator.COMPLETION_RATE:
        return f"{figure.value} % ({figure.low}–{figure.high})"
    return str(figure.value)


def code_names(
    table: CommitteeTable, codes: Sequence[str], language: str
) -> tuple[str, ...]:
    """The names of a row's codes."""
    named = zip(table.breakdown.by, codes, strict=True)
    return tuple(
        code_name(table.structure, dimension_id, code_id, language)
        for dimension_id, code_id in named
    )


def code_name(
    structure: Structure, dimension_id: str, code_id: str, language: str
) -> str:
    """The name of a code, or its id where the structure has no such code."""
    for code in structure.codes(dimension_id):
        if code.id == code_id:
            return name_in(code.names, language)
    return code_id


def name_in(names: Names, language: str) -> str:
    """A name in `language`, else in English, else in any."""
    return names.get(language) or names.get("en") or next(iter(names.values()))


_CSV_COLUMNS = (
    "CITY",
    "INDICATOR",
    "OBS_VALUE",
    "OBS_STATUS",
    "CONF_STATUS",
    "LOW",
    "HIGH",
    "CITIES",
    "COVERAGE",
    "DATA_AS_OF",
)


def _csv_fields(record: Record) -> list[str]:
    figure = record.figure
    obs_status, conf_status = SDMX_MARKS[figure.mark]
    return [
        record.city,
        record.indicator,
        _text(figure.value),
        obs_status,
        conf_status,
        _text(figure.low),
        _text(figure.high),
        str(record.cities),
        _text(record.coverage),
        format_time(record.cut_off) if record.cut_off else "",
    ]


def _record_json(record: Record) -> JsonValue:
    figure = record.figure
    return {
        "period": record.period,
        "codes": dict(record.codes),
        "city": record.city,
        "indicator": str(record.indicator),
        "value": figure.value,
        "mark": str(figure.mark),
        "low": figure.low,
        "high": figure.high,
        "cities": record.cities,
    }


def _source_json(source: Source) -> JsonValue:
    return {
        "city": source.node,
        "period": source.period,
        "release": source.release_id,
        "coverage": source.coverage,
        "data_as_of": format_time(source.cut_off) if source.cut_off else None,
    }


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


def _all_codes(table: CommitteeTable, codes: Sequence[str]) -> Mapping[str, str]:
    chosen = dict(zip(table.breakdown.by, codes, strict=True))
    return {
        each.id: chosen.get(each.id, table.breakdown.filters.get(each.id, TOTAL))
        for each in breakdown_dimensions(table.structure)
    }


def _text(value: float | None) -> str:
    return "" if value is None else str(value)
