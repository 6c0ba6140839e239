"""Two nodes as they are served: uvicorn on loopback, joined, and asking each other."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from interurban_node.core.clock import system_clock
from interurban_node.core.context import Node, open_node
from interurban_node.exchange import service as exchange
from interurban_node.operation import service as operation
from interurban_node.operation.server import configuration
from interurban_node.partners import jobs, service
from interurban_node.partners.rules import PairState
from interurban_protocol.encoding import parse_json_object
from tests.support.federation import evidence_problems


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def a_node(path: Path) -> Node:
    port = free_port()
    settings = operation.first_settings(
        origin=f"http://127.0.0.1:{port}",
        names=[f"en={path.name}"],
        port=port,
        database_url="",
        demo=True,
    )
    operation.make_home(path, settings, system_clock())
    return open_node(path)


@contextmanager
def served(node: Node) -> Iterator[Node]:
    server = uvicorn.Server(configuration(node))
    thread = threading.Thread(target=server.run, name=node.settings.origin)
    thread.start()
    try:
        wait_for(node)
        yield node
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
        node.close()


def wait_for(node: Node) -> None:
    ticks = threading.Event()
    for _ in range(300):
        try:
            address = (node.settings.bind_host, node.settings.bind_port)
            socket.create_connection(address, timeout=1).close()
        except OSError:
            ticks.wait(0.1)
        else:
            return
    pytest.fail("the node does not listen after 30 seconds")


def confirm(node: Node, other: Node) -> None:
    words = service.own_descriptor(other).words
    with node.database.transaction() as session:
        service.confirm(session, node, words, node.clock())
    assert jobs.send_confirmations(node) == 1


def test_two_served_nodes_join_and_exchange_signed_requests(tmp_path: Path):
    with (
        served(a_node(tmp_path / "lakeside")) as lakeside,
        served(a_node(tmp_path / "northport")) as northport,
    ):
        with lakeside.database.transaction() as session:
            link = service.invite(session, lakeside, lakeside.clock()).link
        service.join(northport, link, northport.clock())
        confirm(lakeside, northport)
        confirm(northport, lakeside)
        with northport.database.transaction() as session:
            partner = service.pinned(session, lakeside.origin)
            view = service.partner(session, lakeside.origin).view
        assert view.state is PairState.PINNED
        for path in ("/api/v1/releases", "/api/v1/releases?after=7"):
            answer = exchange.ask(northport, partner, "GET", path).response
            assert parse_json_object(answer.body) == {"releases": []}
            assert "server" not in answer.headers
        for node in (lakeside, northport):
            assert evidence_problems(node) == [None, None]
