"""The database's schema version, and bringing it up to date (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from interurban_node.core.database import Database

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def upgrade(database: Database) -> None:
    """Bring the schema to the newest version; nothing happens when it is there already."""
    config = _config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def present_version(database: Database) -> str | None:
    """The version that the database has, or None when it is empty."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str | None:
    """The version that this code wants."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
