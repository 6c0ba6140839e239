"""Identifiers: forms, ranges, and that they differ."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from interurban_node.core.identifiers import Identifiers, normal_code

NOW = datetime(2026, 3, 2, 9, 0, 0, 123000, tzinfo=UTC)
MADE = Identifiers()


def test_a_message_id_is_a_uuid_of_version_7_that_carries_its_time():
    for _ in range(200):
        found = uuid.UUID(MADE.message_id(NOW))
        assert (found.version, found.variant) == (7, uuid.RFC_4122)
        assert found.int >> 80 == int(NOW.timestamp() * 1000)


def test_message_ids_sort_by_time_and_never_come_twice():
    ids = [MADE.message_id(NOW + timedelta(milliseconds=n)) for n in range(200)]
    assert ids == sorted(ids)
    assert len({MADE.message_id(NOW) for _ in range(1000)}) == 1000


def test_tokens_and_nonces_have_256_and_128_bits_in_base64url():
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", MADE.token())
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", MADE.nonce())
    assert len({MADE.nonce() for _ in range(1000)}) == 1000


def test_a_code_has_twelve_characters_that_cannot_be_confused():
    for _ in range(100):
        code = MADE.code()
        assert re.fullmatch(r"([2-9A-HJ-NP-Z]{4}-){2}[2-9A-HJ-NP-Z]{4}", code)
        assert not set("IOUL01") & set(code)
        assert normal_code(code) == code


@pytest.mark.parametrize(
    "typed",
    ["abcd efgh jkmn", "ABCDEFGHJKMN", " abcd-efgh\n-jkmn ", "a b c d-efghjkmn"],
)
def test_a_code_is_read_however_it_is_typed(typed: str):
    assert normal_code(typed) == "ABCD-EFGH-JKMN"


def test_an_index_lies_in_its_range_and_a_shuffle_keeps_everything():
    assert {MADE.index(3) for _ in range(200)} == {0, 1, 2}
    assert sorted(MADE.shuffled(["a", "b", "c"])) == ["a", "b", "c"]
    assert uuid.UUID(MADE.uuid()).version == 4
