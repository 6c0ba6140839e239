"""Bitstring status lists: bits, indices, successors."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.bitstring_status_lists import (
    ENTRIES,
    Bitstring,
    StatusList,
    StatusPurpose,
    check_successor,
    free_index,
    parse_status_entry,
)
from interurban_protocol.errors import (
    ChainError,
    InterurbanError,
    MalformedError,
    OversizedError,
    UnsupportedError,
)
from tests.support.certificates import INDEX, REVOCATIONS, SUSPENSIONS, status_entries
from tests.support.credentials import NOW

ZEROS = Bitstring.of_zeros()
indices = st.sets(st.integers(min_value=0, max_value=ENTRIES - 1), max_size=20)


@given(indices, indices)
def test_exactly_the_bits_that_were_set_are_set(
    some: set[int], others: set[int]
) -> None:
    bits = ZEROS.with_set(some)
    assert all(bits.is_set(index) is (index in some) for index in some | others)
    assert Bitstring.decode(bits.encode()) == bits
    assert bits.with_cleared(some) == ZEROS


def test_the_first_entry_is_the_leftmost_bit() -> None:
    assert ZEROS.with_set([0]).octets[0] == 0b1000_0000
    assert ZEROS.with_set([ENTRIES - 1]).octets[-1] == 1


def test_an_empty_list_is_short_and_always_the_same() -> None:
    assert len(ZEROS.encode()) < 100
    assert ZEROS.encode() == Bitstring.of_zeros().encode()


@pytest.mark.parametrize("index", [-1, ENTRIES])
def test_an_index_beyond_the_list_is_refused(index: int) -> None:
    for use in (ZEROS.is_set, lambda i: ZEROS.with_set([i])):
        with pytest.raises(MalformedError):
            use(index)


@pytest.mark.parametrize("entries", [0, ENTRIES - 8, ENTRIES + 1])
def test_a_list_is_never_shorter_than_the_standard_allows(entries: int) -> None:
    with pytest.raises(ValueError, match="131,072"):
        Bitstring.of_zeros(entries)


def test_an_index_comes_from_chance_and_is_free() -> None:
    draws = [number.to_bytes(8) for number in (5, ENTRIES + 5, 9)]
    assert free_index(draws, set()) == 5
    assert free_index(draws, {5}) == 9
    with pytest.raises(OversizedError):
        free_index(draws, {5, 9})
    with pytest.raises(ValueError, match="8 random bytes"):
        free_index([b"x"], set())


def test_a_list_that_is_half_full_is_closed() -> None:
    with pytest.raises(OversizedError):
        free_index([bytes(8)], range(ENTRIES // 2 + 1))


def a_list(bits: Bitstring, **changes: object) -> StatusList:
    members: dict[str, object] = {
        "address": REVOCATIONS,
        "purpose": StatusPurpose.REVOCATION,
        "bits": bits,
        "issued_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        "ttl": timedelta(minutes=15),
    }
    return StatusList(**{**members, **changes})  # type: ignore[arg-type] # any members


LATER = NOW + timedelta(hours=1)
ONE = ZEROS.with_set([INDEX])
SUSPENDED = {"address": SUSPENSIONS, "purpose": StatusPurpose.SUSPENSION}


def test_a_list_goes_forward() -> None:
    check_successor(a_list(ZEROS), a_list(ONE, issued_at=LATER))
    check_successor(a_list(ONE), a_list(ONE.with_set([7])))
    longer = Bitstring(ONE.octets + bytes(8))
    check_successor(a_list(ONE), a_list(longer))
    check_successor(a_list(ONE, **SUSPENDED), a_list(ZEROS, **SUSPENDED))


@pytest.mark.parametrize(
    ("held", "newer"),
    [
        (a_list(ONE), a_list(ZEROS)),
        (a_list(ONE), a_list(ONE, issued_at=NOW - timedelta(seconds=1))),
        (a_list(ONE), a_list(ONE, **SUSPENDED)),
        (a_list(Bitstring(ONE.octets + b"\0")), a_list(ONE)),
    ],
)
def test_a_list_does_not_go_back(held: StatusList, newer: StatusList) -> None:
    with pytest.raises(ChainError):
        check_successor(held, newer)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"type": "StatusList2021Entry"}, UnsupportedError),
        ({"statusSize": 2}, UnsupportedError),
        ({"statusPurpose": "refresh"}, UnsupportedError),
        ({"statusPurpose": None}, UnsupportedError),
        ({"statusPurpose": ["revocation"]}, UnsupportedError),
        ({"statusListCredential": 3}, MalformedError),
        ({"statusListIndex": None}, MalformedError),
        ({"statusListIndex": True}, MalformedError),
        ({"statusListIndex": "1.5"}, MalformedError),
        ({"statusListIndex": "999999999"}, MalformedError),
    ],
)
def test_another_entry_is_refused(
    changes: dict[str, object], error: type[InterurbanError]
) -> None:
    entry = {**status_entries()[0], **changes}
    with pytest.raises(InterurbanError) as caught:
        parse_status_entry(entry)
    assert type(caught.value) is error


def test_an_entry_says_where_the_status_stands() -> None:
    entry = parse_status_entry(status_entries()[1])
    assert (entry.purpose, entry.index) == (StatusPurpose.SUSPENSION, INDEX)
    assert entry.list_address == SUSPENSIONS
    numeric = parse_status_entry({**status_entries()[0], "statusListIndex": 7})
    assert numeric.index == 7
