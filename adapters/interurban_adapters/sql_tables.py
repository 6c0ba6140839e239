"""Tables and views of any database that SQLAlchemy can reach, read only.

Pages are taken one query each in the order of the key, after the last key of the page
before, so that no transaction stays open at the source while the node works. Rows with the
same key never fall on two pages. Rows with a null in the key come first, as faults. Values
are what the driver gives, without SQLAlchemy's conversion, and PostgreSQL's days come as
text: `0000-00-00` or `infinity` must fail its row and not the query. `row_number` counts in
that order.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from interurban_adapters.adapter import (
    DEFAULT_PAGE_ROWS,
    Capabilities,
    Page,
    RowSieve,
    SourceTable,
    TableSchema,
    Value,
    keys_of,
    only_keys,
    schema_of,
)
from interurban_adapters.errors import SourceChangedError, SourceUnreadableError

_KeyPart: TypeAlias = str | int | float
_Row: TypeAlias = Sequence[Any]  # what a driver gives
_RAW = sa.types.NullType()


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a read has come: the last row's key as the driver gives it, and its number.

    None is before everything, the empty key is after the rows without a key.
    """

    key: tuple[_KeyPart, ...] | None
    row_number: int


@dataclass(frozen=True, slots=True)
class _Query:
    """A table with its joins, and the columns under the names of the row."""

    table: SourceTable
    source: sa.FromClause
    columns: Mapping[str, sa.Column[Any]]
    names: tuple[str, ...]
    days_as_text: bool

    @property
    def key(self) -> tuple[sa.ColumnElement[Any], ...]:
        return tuple(_raw(self.columns[name]) for name in self.table.key)

    def select(self) -> sa.Select[Any]:
        """The wanted columns and then the key, in a fixed order of rows."""
        chosen = [self._readable(self.columns[name]).label(None) for name in self.names]
        keys = [key.label(None) for key in self.key]
        rest = () if self._key_is_unique() else tuple(map(_raw, self._own_columns()))
        query = sa.select(*chosen, *keys).select_from(self.source)
        return query.where(*self._filters()).order_by(*self.key, *rest)

    def _readable(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        if self.days_as_text and isinstance(column.type, sa.Date | sa.DateTime):
            return sa.cast(column, sa.Text)
        return _raw(column)

    def _own_columns(self) -> list[sa.Column[Any]]:
        return [self.columns[name] for name in self.names]

    def _key_is_unique(self) -> bool:
        primary = {
            column.name for column in self.columns.values() if column.primary_key
        }
        return not self.table.joins and primary == set(self.table.key)

    def _filters(self) -> Iterator[sa.ColumnElement[bool]]:
        """The filters on text; the sieve applies all of them, also on other types."""
        for where in self.table.where:
            column = self.columns[where.column]
            if not isinstance(column.type, sa.String):
                continue
            text = sa.func.trim(column)
            if where.others is None:
                yield text.in_(where.equals)
            else:
                yield sa.or_(column.is_(None), text.not_in(where.others))


class SqlTables:
    """The adapter for one database, named by its SQLAlchemy URL.

    A table is named as in the database, with its schema before a dot if it needs one.
    """

    def __init__(self, url: str, *, page_rows: int = DEFAULT_PAGE_ROWS) -> None:
        self._page_rows = page_rows
        try:
            self._engine = sa.create_engine(url, poolclass=NullPool)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            raise SourceUnreadableError(
                "the address of the database cannot be used",
                next_step="Check the form dialect+driver://host/name, and that the"
                " driver is installed.",
            ) from error

    def probe(self) -> Capabilities:
        """The tables and views of the database's default schema.

        Raises:
            SourceUnreadableError: the database cannot be reached.
        """
        with self._connection() as connection:
            inspector = sa.inspect(connection)
            names = (*inspector.get_table_names(), *inspector.get_view_names())
        return Capabilities(
            system=self._engine.dialect.name,
            tables=tuple(sorted(names)),
            incremental=False,
            sees_deletes=False,
        )

    def schema(self, table: SourceTable) -> TableSchema:
        """The columns of the table and of those joined to it, with their types."""
        with self._connection() as connection:
            _, columns = _reflected(table, connection)
        return schema_of({name: _type_name(c) for name, c in columns.items()})

    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        """The rows in the order of the key; see the module's docstring.

        Raises:
            SourceUnreadableError: the database cannot be reached or refuses.
            SourceChangedError: the table or a needed column is gone.
        """
        with self._connection() as connection:
            source, columns = _reflected(table, connection)
        names = table.columns_to_read(columns)
        query = _Query(table, source, columns, names, self._is("postgresql"))
        return self._pages(query, _place_of(cursor, len(table.key)))

    def keys(self, table: SourceTable) -> frozenset[str]:
        """The keys of all rows."""
        return keys_of(self.read(only_keys(table)))

    def _pages(self, query: _Query, place: _Place) -> Iterator[Page]:
        sieve = RowSieve(query.table)
        if place.key is None:
            rows = self._rows_without_key(query)
            after = _Place((), len(rows))
            if rows:
                yield _page(query, sieve, rows, place, after)
            place = after
        complete = False
        while not complete:
            rows, complete = self._rows_after(query, place)
            after = _after(rows, query, place)
            yield _page(query, sieve, rows, place, None if complete else after)
            place = after

    def _rows_without_key(self, query: _Query) -> Sequence[_Row]:
        """Rows with a null in the key, for which no order is promised and few are due."""
        select = query.select().where(sa.or_(*(key.is_(None) for key in query.key)))
        with self._connection() as connection:
            return connection.execute(select).all()

    def _rows_after(self, query: _Query, place: _Place) -> tuple[Sequence[_Row], bool]:
        """The next whole groups of equal keys, and whether they are the last."""
        limit = self._page_rows + 1
        select = query.select().where(*(key.is_not(None) for key in query.key))
        if place.key:
            select = select.where(_follows(query.key, place.key))
        while True:
            with self._connection() as connection:
                rows = connection.execute(select.limit(limit)).all()
            if len(rows) < limit:
                return rows, True
            if whole := _whole_groups(rows, len(query.key)):
                return whole, False
            limit *= 2  # one key fills the page

    def _is(self, dialect: str) -> bool:
        return self._engine.dialect.name == dialect

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                connection = connection.execution_options(postgresql_readonly=True)
                if self._is("sqlite"):
                    connection.exec_driver_sql("PRAGMA query_only = ON")
                if self._is("postgresql"):
                    connection.exec_driver_sql("SET DateStyle = 'ISO'")
                yield connection
        except SQLAlchemyError as error:
            raise SourceUnreadableError(
                "the database cannot be reached or refuses to be read",
                next_step="Check its address, the rights of its user, and its own log.",
            ) from error


def _reflected(
    table: SourceTable, connection: sa.Connection
) -> tuple[sa.FromClause, dict[str, sa.Column[Any]]]:
    """The tables joined, and all columns by their names with prefix."""
    main = _reflected_table(table.table, connection)
    source: sa.FromClause = main
    columns = {column.name: column for column in main.columns}
    for join in table.joins:
        other = _reflected_table(join.table, connection).alias()
        for name in join.on:
            if name not in main.columns or name not in other.columns:
                raise SourceChangedError(f"{join.table} cannot be joined on {name}")
        equal = [_equal(main.columns[name], other.columns[name]) for name in join.on]
        source = source.outerjoin(other, sa.and_(*equal))
        columns |= {f"{join.prefix}{column.name}": column for column in other.columns}
    return source, columns


def _reflected_table(name: str, connection: sa.Connection) -> sa.Table:
    schema, _, plain = name.rpartition(".")
    try:
        return sa.Table(
            plain,
            sa.MetaData(),
            schema=schema or None,
            autoload_with=connection,
            resolve_fks=False,
        )
    except NoSuchTableError as error:
        raise SourceChangedError(f"there is no table {name}") from error


def _equal(left: sa.Column[Any], right: sa.Column[Any]) -> sa.ColumnElement[bool]:
    if isinstance(left.type, sa.String) == isinstance(right.type, sa.String):
        return left == right
    return sa.cast(left, sa.String) == sa.cast(right, sa.String)


def _raw(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    return sa.type_coerce(column, _RAW)


def _type_name(column: sa.Column[Any]) -> str:
    return type(column.type).__name__.lower()


def _follows(
    keys: Sequence[sa.ColumnElement[Any]], values: Sequence[_KeyPart]
) -> sa.ColumnElement[bool]:
    """`keys` > `values`, written out because not every database compares rows."""
    first, *others = keys
    value = sa.literal(values[0], _RAW)
    if not others:
        return first > value
    return sa.or_(first > value, sa.and_(first == value, _follows(others, values[1:])))


def _whole_groups(rows: Sequence[_Row], width: int) -> Sequence[_Row]:
    """`rows` without the last group of keys, which may go on; compared without case.

    A database may hold keys for equal that differ in case or in blanks at the end.
    """
    last = _folded(rows[-1], width)
    end = len(rows)
    while end and _folded(rows[end - 1], width) == last:
        end -= 1
    return rows[:end]


def _folded(row: _Row, width: int) -> list[str]:
    return [str(part).rstrip().casefold() for part in row[-width:]]


def _page(
    query: _Query,
    sieve: RowSieve,
    rows: Sequence[_Row],
    before: _Place,
    after: _Place | None,
) -> Page:
    sifted = (
        sieve.sift(_values(query.names, row), number)
        for number, row in enumerate(rows, before.row_number + 1)
    )
    return Page(
        rows=tuple(row for row in sifted if row is not None),
        cursor=None if after is None else _cursor_of(after),
        complete=after is None,
    )


def _values(names: Sequence[str], row: _Row) -> dict[str, Value]:
    return {name: _value(value) for name, value in zip(names, row, strict=False)}


def _value(value: object) -> Value:
    """A driver's value; those without a type of their own in the contract as text."""
    if value is None or isinstance(value, str | int | float | date):
        return value
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)


def _after(rows: Sequence[_Row], query: _Query, before: _Place) -> _Place:
    if not rows:
        return before
    key = tuple(_key_part(part) for part in rows[-1][-len(query.table.key) :])
    return _Place(key, before.row_number + len(rows))


def _key_part(part: object) -> _KeyPart:
    return part if isinstance(part, str | int | float) else str(part)


def _cursor_of(place: _Place) -> str:
    return json.dumps([place.row_number, *(place.key or ())])


def _place_of(cursor: str | None, width: int) -> _Place:
    try:
        parts = json.loads(cursor or "null")
    except ValueError:
        parts = None
    match parts:
        case [int(number), *key] if len(key) in (0, width) and all(
            isinstance(part, str | int | float) for part in key
        ):
            return _Place(tuple(key), number)
        case _:
            return _Place(None, 0)
