"""One node, put together: what commands, requests and jobs are given."""

from dataclasses import dataclass, field
from pathlib import Path

from interurban_node.core.client import Client, PublicTransport
from interurban_node.core.clock import Clock, system_clock
from interurban_node.core.database import Database, sqlite_url
from interurban_node.core.errors import ConfigurationError
from interurban_node.core.home import Home, NodeKeys, load_keys
from interurban_node.core.identifiers import Identifiers
from interurban_node.core.journal import Journal
from interurban_node.settings import SETTINGS_FILE, Settings, load_settings
from interurban_protocol.signed_documents import Signer


@dataclass(frozen=True, slots=True)
class Node:
    """Everything that one node is made of. Services take it, never global state."""

    settings: Settings
    home: Home
    keys: NodeKeys
    database: Database
    journal: Journal
    client: Client
    clock: Clock = system_clock
    identifiers: Identifiers = field(default_factory=Identifiers)

    @property
    def origin(self) -> str:
        """The node's identity."""
        return self.settings.origin

    @property
    def signer(self) -> Signer:
        """This node as a signer of documents, with its documents key."""
        return Signer(node=self.origin, key_id=self.keys.documents.public.key_id)

    def close(self) -> None:
        """Give back connections."""
        self.client.close()
        self.database.close()


def open_node(
    path: Path, *, client: Client | None = None, clock: Clock = system_clock
) -> Node:
    """The node whose home is `path`.

    Raises:
        ConfigurationError: no node lives there, or a part of it is missing.
    """
    home = Home(path)
    try:
        settings = load_settings(path)
    except ValueError as error:
        raise ConfigurationError(str(error), next_step=_mend(path)) from error
    return Node(
        settings=settings,
        home=home,
        keys=load_keys(home),
        database=Database(settings.database_url or sqlite_url(home.database_file)),
        journal=Journal(home.journal_file),
        client=client or _client(settings),
        clock=clock,
    )


def _client(settings: Settings) -> Client:
    transport = None if settings.demo else PublicTransport()
    return Client(settings.partner_timeout_seconds, transport)


def _mend(path: Path) -> str:
    if (path / SETTINGS_FILE).exists():
        return "Correct the file; docs/settings.md has every setting."
    return (
        "Give --home (or INTERURBAN_HOME) the node's folder; a new node is made with "
        f"`interurban init --home {path} --origin https://YOUR.ADDRESS --name en=YOUR-CITY`."
    )
