"""A committee's table for the terminal, as CSV, as SDMX-CSV and as JSON.

All are made from `CommitteeTable` alone; a test compares them figure by figure.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from interurban_node.committee.figures import SDMX_MARKS, Mark, figure_text
from interurban_node.committee.tables import (
    COMBINED,
    CommitteeTable,
    Record,
    Source,
    records,
)
from interurban_protocol.encoding import JsonValue, format_time
from interurban_protocol.indicators import Indicator
from interurban_protocol.structure_versions import SeriesBreak
from interurban_protocol.structures import (
    AREA_DIMENSION,
    TIME_DIMENSION,
    Names,
    Structure,
)


def terminal_rows(
    table: CommitteeTable, language: str = "en"
) -> tuple[list[str], list[list[str]]]:
    """Headings and rows for the terminal: one row for each cell and city."""
    headings = [
        "Period",
        *(name_in(each.names, language) for each in table.dimensions),
        "City",
        *(name_in(column.names, language) for column in table.columns),
    ]
    names = [*(name_in(city.names, language) for city in table.cities), "Combined"]
    rows = [
        [
            row.period,
            *code_names(table, row.codes, language),
            name,
            *(
                figure_text(figure, column.unit)
                for column, figure in zip(table.columns, figures, strict=True)
            ),
        ]
        for row in table.rows
        for name, figures in zip(names, row.figures, strict=True)
    ]
    return headings, rows


def notes(table: CommitteeTable, language: str = "en") -> list[str]:
    """What has to be read with the table: coverage, age of the data, missing cities."""
    names = {city.node: name_in(city.names, language) for city in table.cities}
    lines = [
        f"{names[source.node]}, {source.period}: {_note(source, table.indicator)}"
        for source in table.sources
    ]
    return [*lines, *(_break_note(period, each) for period, each in table.breaks)]


def code_names(
    table: CommitteeTable, codes: Sequence[str], language: str
) -> tuple[str, ...]:
    """The names of a row's codes."""
    return tuple(
        code_name(table.structure, dimension_id, code_id, language)
        for dimension_id, code_id in zip(table.splits, codes, strict=True)
    )


def code_name(
    structure: Structure, dimension_id: str, code_id: str, language: str
) -> str:
    """The name of one code; the code itself if the list does not have it."""
    for code in structure.codes(dimension_id):
        if code.id == code_id:
            return name_in(code.names, language)
    return code_id


def name_in(names: Names, language: str) -> str:
    """A name in `language`, else in English, else in any."""
    return names.get(language) or names.get("en") or next(iter(names.values()))


def csv_text(table: CommitteeTable) -> str:
    """The table as CSV (RFC 4180), one figure in a line, marks in SDMX's codes."""
    splits = _dimension_ids(table)
    return _csv(
        ["DATAFLOW", "TIME_PERIOD", *splits, "CITY", *_COLUMNS],
        (
            [
                table.structure.reference,
                record.period,
                *(record.codes[each] for each in splits),
                record.city,
                *_fields(record).values(),
            ]
            for record in records(table)
        ),
    )


def sdmx_csv_text(table: CommitteeTable) -> str:
    """The table as SDMX-CSV 2.0.0, one observation in a line.

    The figures are nobody's release, so they name a dataflow of their own, one for each
    indicator: the open dimensions, then INDICATOR for the column. REF_AREA is a city's area
    as its release has it, else its address, and `_T` for all together.
    """
    splits = _dimension_ids(table)
    areas = _areas(table)
    head = ["STRUCTURE", "STRUCTURE_ID", "ACTION", AREA_DIMENSION, *splits]
    structure_id = (
        f"INTERURBAN:COMMITTEE_{table.indicator.id}({table.structure.version})"
    )
    return _csv(
        [*head, "INDICATOR", TIME_DIMENSION, *_COLUMNS[1:]],
        (
            [
                "dataflow",
                structure_id,
                "I",
                areas[record.city],
                *(record.codes[each] for each in splits),
                record.column.id,
                record.period,
                *list(_fields(record).values())[1:],
            ]
            for record in records(table)
        ),
    )


def json_value(table: CommitteeTable) -> JsonValue:
    """The table as JSON, with what a reader needs to judge it."""
    return {
        "indicator": table.indicator.id,
        "dataflow": table.structure.urn,
        "by": list(table.breakdown.by),
        "filters": dict(table.breakdown.filters),
        "columns": [
            {"id": each.id, "name": dict(each.names), "unit": each.unit.value}
            for each in table.columns
        ],
        "cities": [
            {"node": city.node, "name": dict(city.names)} for city in table.cities
        ],
        "sources": [_source_json(each, table.indicator) for each in table.sources],
        "missing": {period: list(table.missing(period)) for period in table.periods},
        "breaks": [
            {
                "period": period,
                "before": each.before,
                "after": each.after,
                "changes": [str(change) for change in each.changes],
            }
            for period, each in table.breaks
        ],
        "records": [_record_json(record) for record in records(table)],
    }


_COLUMNS = (
    "INDICATOR",
    "OBS_VALUE",
    "OBS_STATUS",
    "CONF_STATUS",
    "UNIT_MEASURE",
    "LOW",
    "HIGH",
    "CITIES",
    "COVERAGE",
    "DATA_AS_OF",
    "OBSERVED_IN",
    "REVISION",
)


def _csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()


def _fields(record: Record) -> Mapping[str, str]:
    """The columns of a record that are no dimensions, by name and in order."""
    figure, source = record.figure, record.source
    obs_status, conf_status = SDMX_MARKS[figure.mark]
    texts = (
        record.column.id,
        _text(figure.value),
        obs_status,
        conf_status,
        record.column.unit.value,
        _text(figure.low),
        _text(figure.high),
        str(record.cities),
        _text(source.coverage) if source else "",
        format_time(source.cut_off) if source and source.cut_off else "",
        source.observed_in if source else "",
        str(source.revision) if source else "",
    )
    return dict(zip(_COLUMNS, texts, strict=True))


def _record_json(record: Record) -> JsonValue:
    figure = record.figure
    return {
        "period": record.period,
        "codes": dict(record.codes),
        "city": record.city,
        "indicator": record.column.id,
        "value": figure.value,
        "mark": figure.mark.value,
        "low": figure.low,
        "high": figure.high,
        "cities": record.cities,
    }


def _source_json(source: Source, indicator: Indicator) -> JsonValue:
    return {
        "city": source.node,
        "period": source.period,
        "mark": source.mark(indicator).value,
        "release": source.release_id,
        "denominator": source.denominator_id,
        "coverage": source.coverage,
        "data_as_of": format_time(source.cut_off) if source.cut_off else None,
        "observed_in": source.observed_in or None,
        "revision": source.revision,
    }


def _dimension_ids(table: CommitteeTable) -> list[str]:
    ids = [each.id for each in table.definition.dimensions]
    return list(dict.fromkeys([*ids, *table.splits]))


def _areas(table: CommitteeTable) -> Mapping[str, str]:
    """REF_AREA by city; a city of which nothing is here goes by its address."""
    known = {each.node: each.table.ref_area for each in table.sources if each.table}
    return {COMBINED: COMBINED} | {
        city.node: known.get(city.node, city.node) for city in table.cities
    }


def _text(value: float | None) -> str:
    return "" if value is None else str(value)


def _note(source: Source, indicator: Indicator) -> str:
    match source.mark(indicator):
        case Mark.MISSING:
            return "no release here; combined figures are without it"
        case Mark.NOT_YET:
            return f"observed in {source.observed_in}, not published yet"
        case _:
            pass
    coverage = f"{source.coverage} %" if source.coverage else "not shown"
    text = f"data as of {source.cut_off:%Y-%m-%d}, coverage {coverage}"
    if source.observed_in not in ("", source.period):
        text += f", observed in {source.observed_in}"
    return f"{text}, revised" if source.revision else text


def _break_note(period: str, found: SeriesBreak) -> str:
    changes = "; ".join(str(change) for change in found.changes[:3])
    return f"{period}: the series breaks, version {found.before} to {found.after}: {changes}"
