"""The node's database: SQLite by default, PostgreSQL in production, the same code on both.

One transaction per request or job, committed by leaving the `with`; services may flush and
never commit. On SQLite a writing transaction takes the write lock at once (`BEGIN
IMMEDIATE`), so that it cannot fail half-way because another one wrote in between.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

BUSY_SECONDS = 30  # how long SQLite waits for another process's write
POOL_SIZE = 20
POOL_OVERFLOW = 20  # together the 40 threads of the web server's pool

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC time; SQLite forgets zones, so they are put back on reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime | None, dialect: sa.Dialect
    ) -> datetime | None:
        """Refuse naive times; store UTC."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a time without zone")
        return value.astimezone(UTC)

    def process_result_value(
        self, value: datetime | None, dialect: sa.Dialect
    ) -> datetime | None:
        """Aware UTC, whatever the engine kept."""
        del dialect
        if value is None:
            return None
        return (
            value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        )


class Base(DeclarativeBase):
    """Base of every feature's tables."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy wants a plain class attribute
        datetime: UtcDateTime(),
        bytes: sa.LargeBinary(),
    }


class Database:
    """An engine and its transactions."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded engine."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits when the block ends and rolls back when it raises."""
        with self._sessions() as session:
            try:
                with session.begin():
                    yield session
            except BaseException:
                _undo(session, 0)
                raise

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


def insert_once(session: Session, table: type[Base], **values: object) -> bool:
    """Insert a row unless its primary key is taken; whether it was inserted.

    One statement on both engines, and atomic: of two that insert at the same time one wins.
    """
    dialect = session.get_bind().dialect.name
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    # Into the table, not the mapped class: the mapper's way costs more than the insert.
    rows = insert(cast("sa.Table", table.__table__)).values(**values)
    statement = rows.on_conflict_do_nothing()
    # Not the row count: PostgreSQL's is -1 for an INSERT, whether it inserted or not.
    return session.scalar(statement.returning(sa.literal(1))) is not None


def is_one_of(
    session: Session, column: Any, values: Collection[object]
) -> sa.ColumnElement[bool]:
    """A condition: the column has one of these values, of which there may be thousands.

    PostgreSQL is given one array; a list of parameters would be read anew each time.
    """
    found: sa.ColumnElement[bool]
    if session.get_bind().dialect.name == "sqlite":
        found = column.in_(values)
    else:
        found = column == sa.any_(
            sa.literal(list(values), postgresql.ARRAY(column.type))
        )
    return found


def insert_missing(
    session: Session, table: type[Base], rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert those rows of which no key is taken; all of them have the same columns.

    SQLite is fastest with one small statement many times, PostgreSQL with one statement
    that is given an array for each column.
    """
    if not rows:
        return
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
        return
    given = _as_relation(cast("sa.Table", table.__table__), rows)
    insert = postgresql.insert(table).from_select(list(rows[0]), given)
    session.execute(insert.on_conflict_do_nothing())


def _as_relation(
    table: sa.Table, rows: Sequence[Mapping[str, object]]
) -> sa.Select[*tuple[Any, ...]]:
    columns = [table.c[name] for name in rows[0]]
    arrays = [
        sa.literal([row[column.name] for row in rows], postgresql.ARRAY(column.type))
        for column in columns
    ]
    names = [sa.column(column.name, column.type) for column in columns]
    given = sa.func.unnest(*arrays).table_valued(*names, name="given")
    return sa.select(given.render_derived())


@contextmanager
def savepoint(session: Session) -> Iterator[None]:
    """A part of a transaction that can fail without the rest."""
    kept = len(_undo_list(session))
    try:
        with session.begin_nested():
            yield
    except BaseException:
        _undo(session, kept)
        raise


def on_rollback(session: Session, undo: Callable[[], None]) -> None:
    """Have `undo` called if what the session did since is rolled back."""
    _undo_list(session).append(undo)


def _undo_list(session: Session) -> list[Callable[[], None]]:
    found: list[Callable[[], None]] = session.info.setdefault("on_rollback", [])
    return found


def _undo(session: Session, kept: int) -> None:
    undone = _undo_list(session)
    while len(undone) > kept:
        undone.pop()()


def sqlite_url(path: Path) -> str:
    """The address of an SQLite file."""
    return f"sqlite:///{path}"


def _engine(url: str) -> sa.Engine:
    if sa.make_url(url).get_backend_name() != "sqlite":
        return sa.create_engine(
            url, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, pool_pre_ping=True
        )
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    del record
    connection.isolation_level = None  # the driver must not begin by itself
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # an answer means that it is on disk
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
