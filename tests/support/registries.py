"""Small registries for tests: files, mappings, and an export in the shape of OULAD."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from interurban_adapters.adapter import (
    Adapter,
    Rejection,
    SourceRow,
    SourceTable,
    Value,
)
from interurban_adapters.mappings import MappedRows, RegistryMapping, parse_mapping
from interurban_adapters.records import RecordKind

TODAY = date(2026, 11, 23)

LEARNER_MAPPING = """
name = "a registry"

[learner]
table = "learners"
key = ["number"]
null = ["?"]

[learner.fields]
person_id = { column = "number" }
given_name = { column = "name" }
sex = { column = "sex", map = { w = "F", m = "M" } }
birth_year = { column = "born", type = "year", format = "%d.%m.%Y" }
"""


def source_row(
    values: Mapping[str, Value],
    *,
    key: str | None = "k",
    faults: tuple[Rejection, ...] = (),
) -> SourceRow:
    """A row as an adapter gives it."""
    return SourceRow(key=key, values=values, row_number=2, faults=faults)


def write_csv(
    folder: Path, name: str, rows: Iterable[Sequence[str]], *, delimiter: str = ","
) -> Path:
    """A CSV file of `rows`, the header first."""
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return path


def all_rows(
    adapter: Adapter, table: SourceTable, cursor: str | None = None
) -> list[SourceRow]:
    """Every row after `cursor`, whatever the pages."""
    return [row for page in adapter.read(table, cursor) for row in page.rows]


def mapped_registry(
    adapter: Adapter, mapping: RegistryMapping, today: date = TODAY
) -> dict[RecordKind, MappedRows]:
    """Everything that the mapping makes of the source."""
    return {
        table.kind: table.map_rows(all_rows(adapter, table.source), today=today)
        for table in mapping.tables
    }


def mapping_with(
    fields: str, kind: str = "enrolment", more: str = ""
) -> RegistryMapping:
    """A mapping of one section with the fields given as TOML lines."""
    section = f'[{kind}]\ntable = "rows"\nkey = ["id"]\nnull = ["?"]\n{more}\n'
    return parse_mapping(f'name = "n"\n{section}[{kind}.fields]\n{fields}'.encode())


def load_into_database(folder: Path, url: str, *, delimiter: str) -> None:
    """Each CSV file in `folder` as a table of texts, empty cells as nulls."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for path in sorted(folder.glob("*.csv")):
            with path.open(encoding="utf-8-sig", newline="") as file:
                header, *rows = [
                    row for row in csv.reader(file, delimiter=delimiter) if row
                ]
            columns = [sa.Column(name, sa.Text) for name in header]
            table = sa.Table(path.stem, sa.MetaData(), *columns)
            table.create(connection)
            cells = [
                {name: cell or None for name, cell in zip(header, row, strict=True)}
                for row in rows
            ]
            if cells:
                connection.execute(table.insert(), cells)
    engine.dispose()


OULAD_INFO = (
    "code_module",
    "code_presentation",
    "id_student",
    "gender",
    "region",
    "highest_education",
    "imd_band",
    "age_band",
    "num_of_prev_attempts",
    "studied_credits",
    "disability",
    "final_result",
)
OULAD_REGISTRATION = (
    "code_module",
    "code_presentation",
    "id_student",
    "date_registration",
    "date_unregistration",
)


def oulad_row(
    student: str = "100",
    *,
    module: str = "AAA",
    presentation: str = "2013J",
    region: str = "Wales",
    result: str = "Pass",
    gender: str = "F",
    age: str = "0-35",
    disability: str = "N",
) -> tuple[str, ...]:
    """A row of studentInfo.csv."""
    education, band, attempts, credit = "HE Qualification", "?", "0", "60"
    key = (module, presentation, student)
    rest = (education, band, age, attempts, credit, disability, result)
    return (*key, gender, region, *rest)


def write_oulad_export(
    folder: Path,
    info: Sequence[Sequence[str]],
    *,
    registration: Sequence[Sequence[str]] = (),
    courses: Sequence[Sequence[str]] = (
        ("AAA", "2013J", "268"),
        ("BBB", "2014B", "234"),
    ),
) -> Path:
    """An export in the shape of the published dataset, from its rows."""
    folder.mkdir(exist_ok=True)
    header = ("code_module", "code_presentation", "module_presentation_length")
    write_csv(folder, "courses.csv", [header, *courses])
    write_csv(folder, "studentInfo.csv", [OULAD_INFO, *info])
    write_csv(folder, "studentRegistration.csv", [OULAD_REGISTRATION, *registration])
    return folder
