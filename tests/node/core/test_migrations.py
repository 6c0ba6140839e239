"""The migrations make the schema that the models describe, on both engines."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

import interurban_node.app  # noqa: F401  # every feature's models
from interurban_node.core.database import Base, Database, sqlite_url
from interurban_node.core.schema import newest_version, present_version, upgrade
from tests.support.databases import fresh_postgresql_database


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table."""
    if request.param == "postgresql":
        return fresh_postgresql_database()
    return sqlite_url(tmp_path / "node.db")


def test_an_upgraded_database_has_the_schema_of_the_models(database_url: str):
    database = Database(database_url)
    assert present_version(database) is None
    upgrade(database)
    assert present_version(database) == newest_version()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_upgrading_twice_changes_nothing(database_url: str):
    database = Database(database_url)
    upgrade(database)
    upgrade(database)
    assert present_version(database) == newest_version()
    database.close()
