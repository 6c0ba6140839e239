"""A node is served only when its home is whole and its port is free."""

import socket
from collections.abc import Callable

import pytest

from interurban_node.core.context import Node, open_node
from interurban_node.core.errors import ConfigurationError, StateError
from interurban_node.operation.server import check_port, serve
from interurban_protocol.errors import InterurbanError
from interurban_protocol.keys import Algorithm, PrivateKey
from tests.support.nodes import Federation


def lose_database(node: Node) -> None:
    for part in node.home.path.glob("node.db*"):
        part.unlink()


def lose_journal(node: Node) -> None:
    node.home.journal_file.unlink()


def lose_descriptor(node: Node) -> None:
    (node.home.path / "descriptor.json").unlink()


def take_another_key(node: Node) -> None:
    key = PrivateKey.from_random(Algorithm.ED25519, b"x" * 48)
    node.home.key_file("exchange").write_bytes(key.to_pem())


@pytest.mark.parametrize(
    "damage", [lose_database, lose_journal, lose_descriptor, take_another_key]
)
def test_a_home_that_is_not_whole_is_not_served(
    cities: Federation, damage: Callable[[Node], None]
):
    made = cities.add("lakeside")
    made.close()
    damage(made)
    node = open_node(made.home.path, clock=cities.clock)
    with pytest.raises(ConfigurationError) as refused:
        serve(node)
    node.close()
    assert "estore" in refused.value.next_step


def test_a_port_that_is_taken_is_said_in_words(cities: Federation):
    node = cities.add("lakeside")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = node.settings.model_copy(update={"bind_port": port})
        object.__setattr__(node, "settings", settings)
        with pytest.raises(StateError, match=f"port {port}") as refused:
            check_port(node)
    assert isinstance(refused.value, InterurbanError)
