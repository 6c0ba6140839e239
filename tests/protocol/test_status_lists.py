"""Status lists: what a partner may conclude from one, and from an old one."""

import zlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol import jws, status_lists
from interurban_protocol.encoding import base64url_encode, canonical_json
from interurban_protocol.errors import (
    ChainError,
    InterurbanError,
    MalformedError,
    NotYetValidError,
    OversizedError,
    SignatureInvalidError,
    UnknownKeyError,
    WrongKeyError,
    WrongTargetError,
)
from interurban_protocol.keys import KeySet, PrivateKey, Purpose
from interurban_protocol.status_lists import (
    ENTRIES,
    StatusList,
    VerifiedStatusList,
    check_successor,
    sign_status_list,
    status_list_uri,
    verify_status_list,
)
from tests.support.credentials import (
    CERTIFICATES,
    DOCUMENTS,
    LAKESIDE,
    LIST_URI,
    NOW,
    REFERENCES,
    STATUS,
    a_key,
    a_status_list,
    a_status_token,
    lakeside_keys,
    published,
)


def claims(**changes: Any) -> dict[str, Any]:
    issued = int(NOW.timestamp())
    return {
        "sub": LIST_URI,
        "iat": issued,
        "exp": issued + 86_400,
        "ttl": 900,
        "status_list": {"bits": 1, "lst": StatusList.of_valid().encode()},
        **changes,
    }


def token(
    value: dict[str, Any],
    key: PrivateKey = STATUS,
    typ: str = "statuslist+jwt",
) -> str:
    return jws.sign(canonical_json(value), typ=typ, key=key)


def lst(octets: bytes) -> dict[str, Any]:
    return {"bits": 1, "lst": base64url_encode(octets)}


def test_a_list_comes_back_as_it_was_signed() -> None:
    verified = a_status_list([0, 7, 8, 131_071])
    ended = [index for index in range(ENTRIES) if verified.is_ended(index)]
    assert ended == [0, 7, 8, 131_071]


def test_a_list_says_when_it_was_issued_and_how_long_it_counts() -> None:
    verified = a_status_list()
    assert verified.uri == LIST_URI
    assert verified.issued_at == NOW
    assert verified.expires_at == NOW + timedelta(hours=24)
    assert verified.ttl == timedelta(minutes=15)


def test_the_address_of_a_list_lies_under_its_issuer() -> None:
    assert status_list_uri(LAKESIDE, "harbour-1") == LIST_URI


@pytest.mark.parametrize(
    ("after", "fresh", "expired"),
    [
        (timedelta(seconds=-30), True, False),
        (timedelta(seconds=900), True, False),
        (timedelta(seconds=901), False, False),
        (timedelta(hours=24, seconds=-1), False, False),
        (timedelta(hours=24), False, True),
    ],
)
def test_a_list_ages(after: timedelta, fresh: bool, expired: bool) -> None:
    verified = a_status_list()
    assert verified.is_fresh(NOW + after) is fresh
    assert verified.is_expired(NOW + after) is expired
    assert verified.age(NOW + after) == max(after, timedelta(0))


def test_an_issuer_cannot_stretch_the_time_for_which_a_list_is_fresh() -> None:
    long = verify_status_list(
        token(claims(ttl=86_400)), uri=LIST_URI, keys=lakeside_keys(), at=NOW
    )
    short = verify_status_list(
        token(claims(ttl=60)), uri=LIST_URI, keys=lakeside_keys(), at=NOW
    )
    assert not long.is_fresh(NOW + timedelta(seconds=901))
    assert not short.is_fresh(NOW + timedelta(seconds=61))


def test_an_expired_list_is_still_read_because_what_ended_stays_ended() -> None:
    late = NOW + timedelta(days=300)
    verified = verify_status_list(
        a_status_token([5]), uri=LIST_URI, keys=lakeside_keys(), at=late
    )
    assert verified.is_expired(late)
    assert verified.is_ended(5)


def test_the_size_of_a_list_does_not_depend_on_what_has_ended() -> None:
    assert len(a_status_list().entries) == len(a_status_list(range(99)).entries)


BAD_TOKENS: dict[str, tuple[str, type[InterurbanError]]] = {
    "no token": ("", MalformedError),
    "two parts": ("a.b", MalformedError),
    "another type": (token(claims(), typ="jwt"), SignatureInvalidError),
    "an unknown key": (token(claims(), a_key("stranger")), UnknownKeyError),
    "a documents key": (token(claims(), DOCUMENTS), WrongKeyError),
    "a references key": (token(claims(), REFERENCES), WrongKeyError),
    "another list": (token(claims(sub=f"{LIST_URI}x")), WrongTargetError),
    "from the future": (
        token(
            claims(iat=int(NOW.timestamp()) + 301, exp=int(NOW.timestamp()) + 80_000)
        ),
        NotYetValidError,
    ),
    "longer than a day": (
        token(claims(exp=int(NOW.timestamp()) + 86_401)),
        MalformedError,
    ),
    "no life at all": (token(claims(exp=int(NOW.timestamp()))), MalformedError),
    "beyond the calendar": (token(claims(exp=10**15)), MalformedError),
    "a time with a fraction": (token(claims(iat=1.5)), MalformedError),
    "two bits": (
        token(claims(status_list={"bits": 2, "lst": "eNrbuRgAAhcBXQ"})),
        MalformedError,
    ),
    "too short": (token(claims(status_list=lst(zlib.compress(b"12")))), MalformedError),
    "too long": (
        token(claims(status_list=lst(zlib.compress(bytes(ENTRIES // 8 + 1))))),
        OversizedError,
    ),
    "a bomb": (
        token(claims(status_list=lst(zlib.compress(bytes(50_000_000), 9)))),
        OversizedError,
    ),
    "not zlib": (token(claims(status_list=lst(b"nonsense"))), MalformedError),
    "cut zlib": (
        token(
            claims(status_list=lst(zlib.compress(bytes(range(256)) * 64)[:-5])),
        ),
        MalformedError,
    ),
    "bytes after zlib": (
        token(claims(status_list=lst(zlib.compress(bytes(ENTRIES // 8)) + b"x"))),
        MalformedError,
    ),
    "padding": (
        token(claims(status_list={"bits": 1, "lst": "eNrbuRgAAhcBXQ=="})),
        MalformedError,
    ),
    "no list": (
        token({k: v for k, v in claims().items() if k != "status_list"}),
        MalformedError,
    ),
}


@pytest.mark.parametrize(("tampered", "error"), BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_bad_list_is_refused(tampered: str, error: type[InterurbanError]) -> None:
    with pytest.raises(InterurbanError) as caught:
        verify_status_list(tampered, uri=LIST_URI, keys=lakeside_keys(), at=NOW)
    assert type(caught.value) is error


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_list_with_any_part_of_another_is_refused(part: int) -> None:
    parts = a_status_token([1]).split(".")
    parts[part] = token(claims(ttl=60), CERTIFICATES).split(".")[part]
    with pytest.raises(InterurbanError):
        verify_status_list(".".join(parts), uri=LIST_URI, keys=lakeside_keys(), at=NOW)


def test_a_clock_that_is_five_minutes_ahead_is_tolerated() -> None:
    ahead = NOW + timedelta(minutes=5)
    verified = verify_status_list(
        a_status_token(at=ahead), uri=LIST_URI, keys=lakeside_keys(), at=NOW
    )
    assert verified.issued_at == ahead


def test_a_status_key_of_the_other_algorithm_is_refused() -> None:
    keys = KeySet((published(DOCUMENTS, Purpose.STATUS),))
    with pytest.raises(SignatureInvalidError):
        verify_status_list(token(claims(), DOCUMENTS), uri=LIST_URI, keys=keys, at=NOW)


def test_the_key_must_have_been_valid_when_the_list_was_issued() -> None:
    keys = lakeside_keys(valid_until=NOW - timedelta(days=1))
    with pytest.raises(WrongKeyError):
        verify_status_list(a_status_token(), uri=LIST_URI, keys=keys, at=NOW)


def test_only_a_p256_key_signs_lists() -> None:
    with pytest.raises(ValueError, match="P-256"):
        sign_status_list(StatusList.of_valid(), uri=LIST_URI, key=DOCUMENTS, at=NOW)


def test_nobody_else_makes_a_verified_list() -> None:
    verified = a_status_list()
    with pytest.raises(TypeError):
        VerifiedStatusList(
            verified.uri, NOW, NOW, verified.ttl, verified.entries, object()
        )


def test_a_newer_list_with_more_ended_follows() -> None:
    later = NOW + timedelta(minutes=20)
    check_successor(a_status_list([3]), a_status_list([3, 4], at=later))


@pytest.mark.parametrize(
    ("newer", "fact"),
    [
        ({"ended": [3], "uri": LIST_URI + "2"}, "addresses"),
        ({"ended": [3], "at": NOW - timedelta(seconds=1)}, "older"),
        ({"ended": [4]}, "valid again"),
        ({"ended": []}, "valid again"),
    ],
)
def test_a_list_that_goes_back_is_refused(newer: dict[str, Any], fact: str) -> None:
    with pytest.raises(ChainError, match=fact):
        check_successor(a_status_list([3]), a_status_list(**newer))


@given(
    st.sampled_from([1, 2, 4, 8]),
    st.binary(min_size=1, max_size=64),
    st.integers(min_value=0, max_value=511),
)
def test_decoding_gives_back_what_was_encoded(
    bits: int, octets: bytes, index: int
) -> None:
    original = StatusList(bits, octets)
    decoded = StatusList.decode(original.encode(), bits)
    assert decoded == original
    if index < len(decoded):
        entry = int.from_bytes(octets, "little") >> index * bits & (2**bits - 1)
        assert decoded.status(index) == entry


@given(
    st.sets(st.integers(min_value=0, max_value=127)),
    st.binary(min_size=16, max_size=16),
)
def test_ending_entries_ends_these_and_changes_no_other(
    indices: set[int], octets: bytes
) -> None:
    before = StatusList(1, octets)
    after = before.with_invalid(indices)
    for index in range(len(before)):
        assert after.status(index) == (1 if index in indices else before.status(index))


def test_ending_an_entry_keeps_another_status_of_a_wider_list() -> None:
    assert StatusList(2, b"\x02").with_invalid([0, 1]).octets == b"\x06"


@pytest.mark.parametrize("index", [-1, ENTRIES, 2**40])
def test_an_index_beyond_the_list_is_refused(index: int) -> None:
    with pytest.raises(MalformedError):
        StatusList.of_valid().status(index)
    with pytest.raises(MalformedError):
        StatusList.of_valid().with_invalid([index])


@pytest.mark.parametrize("bits", [0, 3, 16, -1])
def test_other_entry_sizes_are_refused(bits: int) -> None:
    with pytest.raises(MalformedError):
        StatusList.decode("eNrbuRgAAhcBXQ", bits)


def test_the_default_bound_lets_no_bomb_through() -> None:
    bomb = base64url_encode(zlib.compress(bytes(status_lists.MAX_OCTETS + 1), 9))
    assert len(bomb) < 2_000
    with pytest.raises(OversizedError):
        StatusList.decode(bomb)
