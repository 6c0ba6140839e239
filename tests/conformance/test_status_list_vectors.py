"""Token Status List: the published encodings of one and two bits, both ways."""

import json
from typing import Any

import pytest

from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.status_lists import StatusList
from tests.support.shared import shared_path

BITS = [1, 2]


def vector(bits: int) -> dict[str, Any]:
    path = shared_path(f"vectors/status-list/token_status_list_{bits}bit.json")
    value: dict[str, Any] = json.loads(path.read_bytes())
    return value


def decoded(bits: int, length: str) -> StatusList:
    encoded = vector(bits)[length]["status_list"]
    return StatusList.decode(encoded["lst"], encoded["bits"])


@pytest.mark.parametrize("bits", BITS)
def test_the_short_list_has_the_published_bytes_and_entries(bits: int) -> None:
    short = vector(bits)["short"]
    entries = decoded(bits, "short")
    assert entries.octets.hex() == short["byte_array_hex"]
    found = [entries.status(index) for index in range(len(entries))]
    assert found == short["statuses"]


@pytest.mark.parametrize("bits", BITS)
def test_the_long_list_has_exactly_the_published_entries(bits: int) -> None:
    long = vector(bits)["long"]
    entries = decoded(bits, "long")
    assert len(entries) == long["entries"] == 2**20
    assert len(entries.octets) == long["uncompressed_bytes"]
    found = {
        str(index): status
        for index in range(len(entries))
        if (status := entries.status(index))
    }
    assert found == long["nonzero_statuses"]


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("length", ["short", "long"])
def test_encoding_again_gives_the_published_text(bits: int, length: str) -> None:
    published = vector(bits)[length]["status_list"]["lst"]
    assert decoded(bits, length).encode() == published


@pytest.mark.parametrize("bits", BITS)
def test_an_index_beyond_the_end_is_refused(bits: int) -> None:
    entries = decoded(bits, "short")
    with pytest.raises(MalformedError):
        entries.status(len(entries))


@pytest.mark.parametrize("bits", BITS)
def test_a_list_that_inflates_beyond_the_bound_is_refused(bits: int) -> None:
    encoded = vector(bits)["long"]["status_list"]
    size = vector(bits)["long"]["uncompressed_bytes"]
    assert StatusList.decode(encoded["lst"], bits, max_octets=size)
    with pytest.raises(OversizedError):
        StatusList.decode(encoded["lst"], bits, max_octets=size - 1)


def test_ending_the_published_entries_makes_the_published_list() -> None:
    indices = [int(index) for index in vector(1)["long"]["nonzero_statuses"]]
    made = StatusList.of_valid(2**20).with_invalid(indices)
    assert made == decoded(1, "long")
