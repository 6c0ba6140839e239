"""A committee's table in its forms: terminal, page, CSV and JSON.

All of them render the same `records`, so that they cannot say different things.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interurban_node.committee.rules import (
    COMBINED,
    SDMX_MARKS,
    CommitteeTable,
    Figure,
    Indicator,
    Source,
    breakdown_dimensions,
)
from interurban_protocol.encoding import JsonValue, format_time
from interurban_protocol.structures import TOTAL, Names, Structure

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


def _all_codes(table: CommitteeTable, codes: Sequence[str]) -> Mapping[str, str]:
    chosen = dict(zip(table.breakdown.by, codes, strict=True))
    return {
        each.id: chosen.get(each.id, table.breakdown.filters.get(each.id, TOTAL))
        for each in breakdown_dimensions(table.structure)
    }


def _text(value: float | None) -> str:
    return "" if value is None else str(value)
