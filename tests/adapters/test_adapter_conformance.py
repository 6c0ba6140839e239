"""Both adapters over the same samples, in files, in SQLite and in a real PostgreSQL."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from interurban_adapters.adapter import Adapter
from interurban_adapters.conformance import (
    ALL_CHECKS,
    PAGE_ROWS,
    AdapterFactory,
    SampleTable,
)
from interurban_adapters.csv_files import CsvFiles
from interurban_adapters.sql_tables import SqlTables
from tests.support.databases import fresh_postgresql_database, fresh_sqlite_database

Samples = Mapping[str, SampleTable]


def _csv_factory(folder: Path, *, delimiter: str, encoding: str) -> AdapterFactory:
    def factory(tables: Samples) -> Adapter:
        for name, sample in tables.items():
            path = folder / f"{name}.csv"
            with path.open("w", encoding=encoding, newline="") as file:
                writer = csv.writer(file, delimiter=delimiter)
                writer.writerows([sample.columns, *sample.rows])
        return CsvFiles(folder, page_rows=PAGE_ROWS)

    return factory


def _sql_factory(url: str) -> AdapterFactory:
    def factory(tables: Samples) -> Adapter:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            for name, sample in tables.items():
                columns = [
                    sa.Column(column, sa.String(60)) for column in sample.columns
                ]
                table = sa.Table(name, sa.MetaData(), *columns)
                table.drop(connection, checkfirst=True)
                table.create(connection)
                if sample.rows:
                    rows = [
                        dict(zip(sample.columns, row, strict=True))
                        for row in sample.rows
                    ]
                    connection.execute(table.insert(), rows)
        engine.dispose()
        return SqlTables(url, page_rows=PAGE_ROWS)

    return factory


@pytest.fixture(scope="module")
def postgresql() -> str:
    return fresh_postgresql_database()


@pytest.fixture(params=["csv", "csv with semicolons", "sqlite", "postgresql"])
def factory(request: pytest.FixtureRequest, tmp_path: Path) -> AdapterFactory:
    match request.param:
        case "csv":
            return _csv_factory(tmp_path, delimiter=",", encoding="utf-8")
        case "csv with semicolons":
            return _csv_factory(tmp_path, delimiter=";", encoding="utf-8-sig")
        case "sqlite":
            return _sql_factory(fresh_sqlite_database(tmp_path))
        case _:
            return _sql_factory(request.getfixturevalue("postgresql"))


@pytest.mark.parametrize("check", ALL_CHECKS, ids=lambda check: check.__name__)
def test_the_adapter_keeps_the_contract(
    check: Callable[[AdapterFactory], None], factory: AdapterFactory
) -> None:
    check(factory)
