"""Whether a home has all its parts, and the parts belong together.

A node that lost its database or its journal must not start over in silence: it would ask
nobody, know no partner, and forget what it promised never to undo.
"""

from sqlalchemy.orm import Session

from interurban_node.audit import service as audit
from interurban_node.core import schema
from interurban_node.core.context import Node
from interurban_node.core.errors import ConfigurationError
from interurban_node.core.home import KEY_FILES
from interurban_node.partners.service import own_descriptor


def check_keys(node: Node) -> None:
    """Refuse keys that are not those that the descriptor announces.

    Raises:
        ConfigurationError: naming the file; or the descriptor is missing or damaged.
    """
    announced = own_descriptor(node).key_set
    for name, purpose, algorithm in KEY_FILES:
        current = announced.current(purpose, algorithm, node.clock())
        if current.key_id != getattr(node.keys, name).public.key_id:
            raise ConfigurationError(
                f"keys/{name}.pem is not the key that the descriptor announces",
                next_step="Restore keys/ and descriptor.json from the same backup.",
            )


def check_database_is_there(node: Node) -> None:
    """Refuse an empty database where the journal shows that there was one; makes no file.

    Raises:
        ConfigurationError: it is missing or empty.
    """
    is_own_file = node.database.is_sqlite and not node.settings.database_url
    missing = is_own_file and not node.home.database_file.exists()
    entries = node.journal.length()
    if missing or (entries and schema.present_version(node.database) is None):
        raise ConfigurationError(
            f"the database is missing or empty, and the journal has {entries} entries",
            next_step="Restore the newest backup of the database, then serve; what must "
            "not be undone is re-applied from the journal.",
        )


def check_journal(session: Session, node: Node) -> None:
    """Refuse a journal that has lost lines which the database knows.

    Raises:
        ConfigurationError: it has, or it is damaged.
    """
    if lost := audit.missing_entries(session, node):
        raise ConfigurationError(
            f"the one-way journal has lost {len(lost)} entries that the database knows",
            next_step="Restore journal.jsonl from its newest copy.",
        )
