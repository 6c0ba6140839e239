"""The migrations make the schema that the models describe, on both engines."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

import interurban_node.app  # noqa: F401  # every feature's models
from interurban_node.core.database import Base, Database, sqlite_url
from interurban_node.core.schema import newest_version, present_version, upgrade


def test_an_upgraded_database_has_the_schema_of_the_models(database_url, tmp_path):
    database = Database(database_url or sqlite_url(tmp_path / "node.db"))
    assert present_version(database) is None
    upgrade(database)
    assert present_version(database) == newest_version()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_upgrading_twice_changes_nothing(database_url, tmp_path):
    database = Database(database_url or sqlite_url(tmp_path / "node.db"))
    upgrade(database)
    upgrade(database)
    assert present_version(database) == newest_version()
    database.close()
