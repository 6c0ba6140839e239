"""Real nodes in one process: own keys, own database, requests handed over without sockets."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import sqlalchemy as sa
from starlette.testclient import TestClient

from interurban_node.app import JOBS, create_app
from interurban_node.core.client import Client
from interurban_node.core.context import Node, open_node
from interurban_node.core.database import Base, Database, sqlite_url
from interurban_node.core.jobs import run_once
from interurban_node.core.schema import newest_version
from interurban_node.operation import service as operation
from interurban_node.partners import service as partners
from interurban_node.settings import Settings
from tests.support.databases import fresh_postgresql_database

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CITIES = {
    "lakeside": "https://lakeside.example",
    "northport": "https://northport.example",
    "eastvale": "https://eastvale.example",
}


@dataclass
class Moment:
    """A clock that tests set; shared by the nodes of one test."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> datetime:
        """Go on by `days=…, hours=…, seconds=…`."""
        self.now += timedelta(**parts)
        return self.now


class InProcess(httpx.BaseTransport):
    """Hands each request to the application of the node that its host names."""

    def __init__(self) -> None:
        self.applications: dict[str, TestClient] = {}
        self.dark: set[str] = set()  # hosts that do not answer
        self.seen: list[tuple[httpx.Request, httpx.Response]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.netloc.decode("ascii")
        if host in self.dark or host not in self.applications:
            raise httpx.ConnectError("nobody answers", request=request)
        answer = self.applications[host].request(
            request.method,
            request.url.raw_path.decode("ascii"),
            headers=dict(request.headers),
            content=request.read(),
            follow_redirects=False,
        )
        response = httpx.Response(
            answer.status_code,
            headers=dict(answer.headers),
            stream=httpx.ByteStream(answer.content),
        )
        self.seen.append((request, response))
        return response


@dataclass
class Federation:
    """Several nodes that can reach each other, and one clock."""

    folder: Path
    clock: Moment = field(default_factory=Moment)
    transport: InProcess = field(default_factory=InProcess)
    nodes: dict[str, Node] = field(default_factory=dict)

    def add(
        self, name: str, origin: str = "", database_url: str = "", *, demo: bool = False
    ) -> Node:
        """A new node, served in process."""
        origin = origin or CITIES.get(name, f"https://{name}.example")
        home = self.folder / name
        settings = Settings(
            origin=origin,
            name={"en": name.capitalize(), "ar": name},
            database_url=database_url,
            demo=demo,
        )
        operation.make_home(home, settings, self.clock.now, upgrade=make_schema)
        node = open_node(home, clock=self.clock)
        node.client.close()
        node = replace(node, client=Client(5, self.transport))
        client = TestClient(
            create_app(node), base_url=origin, raise_server_exceptions=False
        )
        self.transport.applications[urlsplit(origin).netloc] = client
        self.nodes[name] = node
        return node

    def web(self, name: str) -> TestClient:
        """A browser pointed at a node, without cookies."""
        node = self.nodes[name]
        return TestClient(
            create_app(node),
            base_url=node.origin,
            raise_server_exceptions=False,
            follow_redirects=False,
        )

    def go_dark(self, name: str) -> None:
        """The node no longer answers."""
        self.transport.dark.add(urlsplit(self.nodes[name].origin).netloc)

    def come_back(self, name: str) -> None:
        """The node answers again."""
        self.transport.dark.discard(urlsplit(self.nodes[name].origin).netloc)

    def join_all(self) -> None:
        """Pin every pair, each operator confirming the other's own words."""
        names = list(self.nodes)
        for position, inviter in enumerate(names):
            for joiner in names[position + 1 :]:
                self.join(inviter, joiner)

    def join(self, inviter: str, joiner: str) -> None:
        """Invite, join and confirm on both sides."""
        first, second = self.nodes[inviter], self.nodes[joiner]
        with first.database.transaction() as session:
            link = partners.invite(session, first, self.clock.now).link
        partners.join(second, link, self.clock.now)
        for one, other in ((first, second), (second, first)):
            words = partners.own_descriptor(other).words
            with one.database.transaction() as session:
                partners.confirm(session, one, words, self.clock.now)
        self.settle()

    def settle(self, rounds: int = 6) -> None:
        """Run every node's jobs until nothing is left to do now."""
        for _ in range(rounds):
            done = [run_once(node, JOBS) for node in self.nodes.values()]
            if not any(done):
                return

    def close(self) -> None:
        """Give back connections."""
        for client in self.transport.applications.values():
            client.close()
        for node in self.nodes.values():
            node.close()


def make_schema(database: Database) -> None:
    """What the migrations make, copied from a database that was made once."""
    url = database.engine.url
    if database.is_sqlite and url.database:
        shutil.copyfile(_sqlite_with_tables(), url.database)
    else:  # a copy of `_postgresql_with_tables` has them, and then nothing is done
        _make_tables(database)


def postgresql_with_tables() -> str:
    """The URL of a new PostgreSQL database with every table and no row."""
    return fresh_postgresql_database(_postgresql_with_tables())


@lru_cache(maxsize=1)
def _postgresql_with_tables() -> str:
    database = Database(fresh_postgresql_database())
    _make_tables(database)
    database.close()
    return str(database.engine.url.database)


@lru_cache(maxsize=1)
def _sqlite_with_tables() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="interurban-schema-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = Database(sqlite_url(folder / "schema.db"))
    _make_tables(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA journal_mode=DELETE")  # one file to copy
        connection.exec_driver_sql("BEGIN")
    database.close()
    return folder / "schema.db"


def _make_tables(database: Database) -> None:
    """The tables of all models, marked as the newest version; a migration test proves equal."""
    with database.engine.begin() as connection:
        if sa.inspect(connection).has_table("partners"):
            return
        Base.metadata.create_all(connection)
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num TEXT)"))
        insert = sa.text("INSERT INTO alembic_version VALUES (:version)")
        connection.execute(insert, {"version": newest_version()})


def opened_federation(folder: Path) -> Iterator[Federation]:
    """A federation without nodes, closed at the end."""
    federation = Federation(folder)
    try:
        yield federation
    finally:
        federation.close()
