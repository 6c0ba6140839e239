"""Tables of real databases, with the faults that only databases have."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from interurban_adapters.adapter import Join, SourceTable, Where
from interurban_adapters.csv_files import CsvFiles
from interurban_adapters.errors import SourceChangedError, SourceUnreadableError
from interurban_adapters.mappings import parse_mapping
from interurban_adapters.sql_tables import SqlTables
from interurban_node.demo.synthetic_registry import (
    DEMO_CITIES,
    quarters_before,
    write_registry,
)
from tests.support.databases import fresh_postgresql_database, fresh_sqlite_database
from tests.support.registries import (
    TODAY,
    all_rows,
    load_into_database,
    mapped_registry,
    mapping_with,
)

PEOPLE = SourceTable(table="people", key=("id",))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return fresh_postgresql_database()
    return fresh_sqlite_database(tmp_path)


def _execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _keys(
    url: str, table: SourceTable = PEOPLE, page_rows: int = 2
) -> Sequence[object]:
    return [row.key for row in all_rows(SqlTables(url, page_rows=page_rows), table)]


def test_the_same_registry_gives_the_same_records_from_files_and_from_a_database(
    url: str, tmp_path: Path
) -> None:
    city = DEMO_CITIES["northport"]
    facts = write_registry(
        tmp_path,
        seed=3,
        learners=400,
        city=city,
        today=TODAY,
        periods=quarters_before(TODAY, 4),
    )
    load_into_database(tmp_path, url, delimiter=city.delimiter)
    text = facts.mapping.read_text(encoding="utf-8")
    mapping = parse_mapping(text.replace(".csv", "").encode())
    files = mapped_registry(CsvFiles(tmp_path), mapping)
    tables = mapped_registry(SqlTables(url, page_rows=100), mapping)
    for kind, mapped in files.items():
        by_key = {a.row.key: a.record for a in mapped.accepted}
        assert {a.row.key: a.record for a in tables[kind].accepted} == by_key
        assert (
            len(tables[kind].rejected) == facts.rejected(kind) == len(mapped.rejected)
        )


def test_one_key_may_fill_more_than_a_page(url: str) -> None:
    rows = ", ".join(
        f"('{'b' if 2 < i < 12 else chr(97 + i)}', {i})" for i in range(15)
    )
    _execute(
        url,
        "CREATE TABLE people (id TEXT, n INTEGER)",
        f"INSERT INTO people VALUES {rows}",
    )
    found = all_rows(SqlTables(url, page_rows=2), PEOPLE)
    assert sorted(int(str(row.values["n"])) for row in found) == list(range(15))
    assert sum(bool(row.faults) for row in found) == 9


def test_rows_without_a_key_are_read_once_and_not_again_after_their_page(
    url: str,
) -> None:
    _execute(
        url,
        "CREATE TABLE people (id INTEGER, n INTEGER)",
        "INSERT INTO people VALUES (NULL, 1), (2, 2), (NULL, 3), (1, 4), (3, 5)",
    )
    adapter = SqlTables(url, page_rows=2)
    first, *others = adapter.read(PEOPLE)
    assert [row.key for row in first.rows] == [None, None]
    assert [row.key for page in others for row in page.rows] == ["1", "2", "3"]
    assert [row.key for row in all_rows(adapter, PEOPLE, first.cursor)] == [
        "1",
        "2",
        "3",
    ]
    assert adapter.keys(PEOPLE) == {"1", "2", "3"}


def test_composite_keys_of_several_types_are_read_on_after(url: str) -> None:
    _execute(
        url,
        "CREATE TABLE people (id INTEGER, day DATE, PRIMARY KEY (id, day))",
        "INSERT INTO people VALUES (1, '2025-01-01'), (1, '2025-01-02'), (10, '2024-01-01'),"
        " (2, '2025-01-01'), (2, '2025-01-03')",
    )
    table = PEOPLE.model_copy(update={"key": ("id", "day")})
    expected = [
        "1/2025-01-01",
        "1/2025-01-02",
        "2/2025-01-01",
        "2/2025-01-03",
        "10/2024-01-01",
    ]
    assert _keys(url, table, page_rows=1) == expected


def test_a_table_is_joined_over_columns_of_other_types(url: str) -> None:
    _execute(
        url,
        "CREATE TABLE people (id INTEGER)",
        "CREATE TABLE dates (id TEXT, day TEXT)",
        "INSERT INTO people VALUES (1), (2)",
        "INSERT INTO dates VALUES ('1', 'x')",
    )
    join = Join(table="dates", prefix="d.", on=("id",))
    table = PEOPLE.model_copy(update={"joins": (join,)})
    days = [row.values["d.day"] for row in all_rows(SqlTables(url), table)]
    assert days == ["x", None]


def test_a_filter_on_a_number_is_a_filter_on_its_text(url: str) -> None:
    _execute(
        url,
        "CREATE TABLE people (id INTEGER, city INTEGER)",
        "INSERT INTO people VALUES (1, 7), (2, 8), (3, NULL)",
    )
    table = PEOPLE.model_copy(update={"where": (Where(column="city", equals=("7",)),)})
    assert _keys(url, table) == ["1"]


def test_bytes_are_read_as_hexadecimal_text(tmp_path: Path) -> None:
    url = fresh_sqlite_database(tmp_path)
    _execute(
        url, "CREATE TABLE people (id BLOB)", "INSERT INTO people VALUES (x'00ff')"
    )
    assert _keys(url) == ["00ff"]


def test_a_day_that_is_none_fails_its_row_and_not_the_query(tmp_path: Path) -> None:
    url = fresh_sqlite_database(tmp_path)
    _execute(
        url,
        "CREATE TABLE rows (id INTEGER, born DATE, at DATETIME)",
        "INSERT INTO rows VALUES (1, '0000-00-00', '0000-00-00 00:00:00'),"
        " (2, '1990-02-03', '2025-01-01 10:00:00')",
    )
    _check_first_row_alone_is_rejected(url)


def test_a_day_without_end_fails_its_row_and_not_the_query() -> None:
    url = fresh_postgresql_database()
    _execute(
        url,
        "CREATE TABLE rows (id INTEGER, born DATE, at TIMESTAMP)",
        "INSERT INTO rows VALUES (1, 'infinity', '-infinity'),"
        " (2, '1990-02-03', '2025-01-01 10:00:00')",
    )
    _check_first_row_alone_is_rejected(url)


def _check_first_row_alone_is_rejected(url: str) -> None:
    fields = (
        'person_id = { column = "id" }\nprogramme_code = { constant = "A" }\n'
        'awarded_on = { column = "at" }\nresult = { column = "born" }\n'
    )
    table = mapping_with(fields, "certificate").tables[0]
    mapped = table.map_rows(all_rows(SqlTables(url), table.source), today=TODAY)
    assert [rejected.row.key for rejected in mapped.rejected] == ["1"]
    assert [reason.field for reason in mapped.rejected[0].reasons] == ["awarded_on"]
    assert [str(a.record.model_dump()["awarded_on"]) for a in mapped.accepted] == [
        "2025-01-01"
    ]


def test_the_fingerprint_shows_that_a_column_changed_its_type(url: str) -> None:
    _execute(url, "CREATE TABLE people (id INTEGER, n INTEGER)")
    before = SqlTables(url).schema(PEOPLE)
    _execute(url, "DROP TABLE people", "CREATE TABLE people (id INTEGER, n TEXT)")
    after = SqlTables(url).schema(PEOPLE)
    assert before.columns == after.columns
    assert before.fingerprint != after.fingerprint


def test_a_table_or_view_is_found_and_a_missing_one_is_said(url: str) -> None:
    _execute(
        url,
        "CREATE TABLE people (id INTEGER)",
        "CREATE VIEW seen AS SELECT * FROM people",
    )
    adapter = SqlTables(url)
    assert adapter.probe().tables == ("people", "seen")
    assert adapter.keys(PEOPLE.model_copy(update={"table": "seen"})) == frozenset()
    with pytest.raises(SourceChangedError, match="there is no table absent"):
        adapter.schema(PEOPLE.model_copy(update={"table": "absent"}))
    join = Join(table="seen", prefix="s.", on=("name",))
    with pytest.raises(SourceChangedError, match="cannot be joined on name"):
        adapter.read(PEOPLE.model_copy(update={"joins": (join,)}))


def test_the_adapter_cannot_write(url: str) -> None:
    _execute(url, "CREATE TABLE people (id INTEGER)")
    adapter = SqlTables(url)
    with (
        pytest.raises(SourceUnreadableError),
        adapter._connection() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO people VALUES (1)")
    assert adapter.keys(PEOPLE) == frozenset()


@pytest.mark.parametrize(
    "address",
    [
        "no address",
        "nosuchdialect://host/name",
        "postgresql+nosuchdriver://host/name",
        "postgresql+psycopg://user:secret@host:port/name",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_quoting_it(
    address: str,
) -> None:
    with pytest.raises(SourceUnreadableError) as caught:
        SqlTables(address)
    assert "secret" not in caught.value.message


def test_a_database_that_cannot_be_reached_is_unreadable(tmp_path: Path) -> None:
    for address in (
        f"sqlite:///{tmp_path}/absent/file.db",
        "postgresql+psycopg://user:secret@127.0.0.1:1/name",
    ):
        with pytest.raises(SourceUnreadableError) as caught:
            SqlTables(address).probe()
        assert "secret" not in caught.value.message + caught.value.next_step
