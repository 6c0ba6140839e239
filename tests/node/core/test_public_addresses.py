"""Connections leave for public addresses only, whatever a name points to."""

import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import httpx
import pytest

from interurban_node.core.addresses import is_public, read_address
from interurban_node.core.client import Client, PublicTransport, resolve
from interurban_node.core.context import open_node
from interurban_node.core.errors import PartnerUnavailableError, RefusedError
from interurban_node.operation import service as operation
from interurban_node.settings import Settings
from tests.support.nodes import START, make_schema

PUBLIC = ["8.8.8.8", "193.0.6.139", "2001:67c:2e8::1", "64:ff9b::808:808"]
NOT_PUBLIC = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.5.4",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fc00::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b:1::7f00:1",
    "5f00::1",
    "192.88.99.1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_public(text: str):
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_an_address_of_a_private_or_special_network_is_not_public(text: str):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", ["lakeside.example", "127.1", "0x7f000001", ""])
def test_a_name_or_a_number_in_disguise_is_no_address(text: str):
    assert read_address(text) is None


class Wire(httpx.BaseTransport):
    """Takes connections to some addresses and remembers what was asked of which."""

    def __init__(self, open_addresses: Sequence[str] = ("8.8.8.8",)) -> None:
        self.open_addresses = open_addresses
        self.seen: list[httpx.Request] = []
        self.closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if request.url.host not in self.open_addresses:
            raise httpx.ConnectTimeout("nobody there", request=request)
        return httpx.Response(200, stream=httpx.ByteStream(request.read()))

    def close(self) -> None:
        self.closed = True


def client_over(wire: Wire, find: Callable[[str], Sequence[str]]) -> Client:
    return Client(5, PublicTransport(find, lambda: wire))


def test_the_connection_goes_to_the_address_that_was_checked():
    wire, asked = Wire(), []

    def find(host: str) -> Sequence[str]:
        asked.append(host)
        return ["8.8.8.8"]

    client = client_over(wire, find)
    assert client.fetch_unsigned("https://lakeside.example:8443/a?b=c") == b""
    (sent,) = wire.seen
    assert asked == ["lakeside.example"]  # once: a second answer could be another
    assert str(sent.url) == "https://8.8.8.8:8443/a?b=c"
    assert sent.headers["host"] == "lakeside.example:8443"
    assert sent.extensions["sni_hostname"] == "lakeside.example"
    assert sent.extensions["timeout"]["connect"] == 5


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_points_into_a_private_network_is_refused(address: str):
    wire = Wire([address])
    client = client_over(wire, lambda _: [address])
    with pytest.raises(RefusedError, match="is not on the public network"):
        client.fetch_unsigned("https://lakeside.example/")
    assert wire.seen == []


def test_one_private_address_among_public_ones_is_enough_to_refuse():
    wire = Wire()
    client = client_over(wire, lambda _: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(RefusedError):
        client.fetch_unsigned("https://lakeside.example/")
    assert wire.seen == []


def test_a_name_that_was_public_once_is_looked_at_again():
    wire, addresses = Wire(), ["8.8.8.8"]
    client = client_over(wire, lambda _: addresses)
    client.fetch_unsigned("https://lakeside.example/")
    addresses[:] = ["127.0.0.1"]
    with pytest.raises(RefusedError):
        client.fetch_unsigned("https://lakeside.example/")
    assert len(wire.seen) == 1


def test_the_next_address_is_tried_when_the_first_takes_no_connection():
    wire = Wire(["193.0.6.139"])
    client = client_over(wire, lambda _: ["2001:67c:2e8::1", "193.0.6.139"])
    client.fetch_unsigned("https://lakeside.example/")
    assert [request.url.host for request in wire.seen] == [
        "2001:67c:2e8::1",
        "193.0.6.139",
    ]


def unknown(host: str) -> Sequence[str]:
    raise socket.gaierror(f"{host} is unknown")


@pytest.mark.parametrize(
    "find", [unknown, lambda _: [], lambda _: ["193.0.6.139", "2001:67c:2e8::1"]]
)
def test_a_name_that_leads_nowhere_is_a_partner_that_does_not_answer(
    find: Callable[[str], Sequence[str]],
):
    with pytest.raises(PartnerUnavailableError):
        client_over(Wire(), find).fetch_unsigned("https://lakeside.example/")


def test_two_names_at_one_address_share_no_connection():
    wires: list[Wire] = []

    def connect() -> Wire:
        wires.append(Wire())
        return wires[-1]

    client = Client(5, PublicTransport(lambda _: ["8.8.8.8"], connect))
    for name in ("lakeside", "northport", "lakeside"):
        client.fetch_unsigned(f"https://{name}.example/")
    assert [len(wire.seen) for wire in wires] == [2, 1]
    client.close()
    assert all(wire.closed for wire in wires)


def test_a_machine_resolves_itself_and_addresses_as_they_are():
    assert set(resolve("localhost")) & {"127.0.0.1", "::1"}
    assert resolve("8.8.8.8") == ["8.8.8.8"]


@pytest.mark.parametrize("demo", [True, False])
def test_only_a_demonstration_calls_its_own_machine(tmp_path, demo: bool):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        origin = "http://127.0.0.1:8101" if demo else "https://lakeside.example"
        settings = Settings(
            origin=origin, name={"en": "L"}, demo=demo, partner_timeout_seconds=0.2
        )
        operation.make_home(tmp_path / "home", settings, START, upgrade=make_schema)
        node = open_node(tmp_path / "home")
        expected = PartnerUnavailableError if demo else RefusedError
        with pytest.raises(expected):
            node.client.fetch_unsigned(f"http://127.0.0.1:{port}/")
        node.close()
