"""Bytes on the wire: one canonical form, and no text that two readers read differently."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.encoding import (
    MAX_DEPTH,
    base64url_decode,
    base64url_encode,
    canonical_json,
    check_digest_form,
    content_digest,
    format_time,
    parse_json,
    parse_json_object,
    parse_time,
    sha256_digest,
)
from interurban_protocol.errors import InterurbanError, MalformedError, OversizedError

SAFE = 2**53 - 1

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-SAFE, SAFE)
    # a whole float from 2^53 on is written like an integer, and those are not read
    | st.floats(-SAFE, SAFE)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


# --- canonical JSON


@given(json_values)
def test_the_canonical_form_is_read_back_and_written_again_unchanged(
    value: Any,
) -> None:
    data = canonical_json(value)
    assert canonical_json(parse_json(data)) == data


def test_members_are_sorted_by_utf16_units() -> None:
    assert canonical_json({"\ufb33": 1, "\U0001f600": 2, "a": 3}) == (
        '{"a":3,"\U0001f600":2,"\ufb33":1}'.encode()
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.0, b"0"), (1e21, b"1e+21"), (1e20, b"100000000000000000000"), (4.50, b"4.5")],
)
def test_numbers_have_their_ecmascript_form(value: float, text: bytes) -> None:
    assert canonical_json(value) == text


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        2**53 + 1,
        "\ud800",
        {"\udfff": 1},
        nested(100_000),
        {1: 2},
        object(),
    ],
    ids=[
        "NaN",
        "infinity",
        "large integer",
        "surrogate",
        "surrogate name",
        "deep",
        "number as a name",
        "no JSON",
    ],
)
def test_a_value_without_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(MalformedError):
        canonical_json(value)


# --- strict JSON

BAD_JSON: dict[str, tuple[bytes, type[InterurbanError]]] = {
    "nothing": (b"", MalformedError),
    "text": (b"hello", MalformedError),
    "two values": (b"1 2", MalformedError),
    "a trailing comma": (b"[1,]", MalformedError),
    "single quotes": (b"{'a':1}", MalformedError),
    "a comment": (b"[1] // one", MalformedError),
    "not UTF-8": (b'"\xff"', MalformedError),
    "another encoding": ('{"a":1}'.encode("utf-16"), MalformedError),
    "a byte order mark": (b"\xef\xbb\xbf{}", MalformedError),
    "a name twice": (b'{"a":1,"a":1}', MalformedError),
    "a name twice, deep": (b'[{"b":{"a":1,"a":2}}]', MalformedError),
    "a name twice, escaped": (b'{"a":1,"\\u0061":2}', MalformedError),
    "NaN": (b"[NaN]", MalformedError),
    "infinity": (b"-Infinity", MalformedError),
    "an overflow": (b"1e400", MalformedError),
    "a large integer": (b"[9007199254740992]", MalformedError),
    "a small integer": (b"-9007199254740992", MalformedError),
    "digits without end": (b"9" * 100_000, MalformedError),
    "half a surrogate": (b'["\\ud800"]', MalformedError),
    "half a surrogate as a name": (b'{"\\udc00":1}', MalformedError),
    "a control character": (b'"\x01"', MalformedError),
    "too deep": (b"[" * 33 + b"]" * 33, OversizedError),
    "far too deep": (b"[" * 200_000, OversizedError),
    "far too deep objects": (b'{"a":' * 200_000, OversizedError),
}


@pytest.mark.parametrize(("data", "error"), BAD_JSON.values(), ids=BAD_JSON)
def test_json_that_two_parsers_could_read_differently_is_refused(
    data: bytes, error: type[InterurbanError]
) -> None:
    with pytest.raises(InterurbanError) as caught:
        parse_json(data)
    assert type(caught.value) is error


@given(st.binary(max_size=60))
def test_any_bytes_at_all_are_read_or_refused_with_our_error(data: bytes) -> None:
    try:
        parse_json(data)
    except MalformedError:
        return
    assert data.strip()


def test_what_is_allowed_is_read() -> None:
    text = b' {"a": [1, -0.5, true, null, "\\ud83d\\ude00"], "": {}} '
    assert parse_json(text) == {"a": [1, -0.5, True, None, "\U0001f600"], "": {}}
    assert parse_json(str(SAFE).encode()) == SAFE
    assert parse_json(b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1))


@pytest.mark.parametrize("data", [b"[]", b"1", b'"a"', b"null"])
def test_a_document_is_an_object(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_json_object(data)
    assert parse_json_object(b'{"a":1}') == {"a": 1}


def test_an_error_quotes_nothing_of_the_input() -> None:
    for data in (b'{"Maria":1,"Maria":2}', b"Maria", b'["Maria\\ud800"]'):
        with pytest.raises(MalformedError) as caught:
            parse_json(data)
        assert "Maria" not in caught.value.message


# --- base64url


@given(st.binary())
def test_base64url_gives_back_what_was_written(data: bytes) -> None:
    text = base64url_encode(data)
    assert base64url_decode(text) == data
    assert "=" not in text


@given(st.text(alphabet="AQgwBx_-09=+/ \n.", max_size=8))
def test_each_value_has_one_text_only(text: str) -> None:
    try:
        data = base64url_decode(text)
    except MalformedError:
        return
    assert base64url_encode(data) == text


@pytest.mark.parametrize(
    "text",
    ["A", "AA=", "AA==", "A A", "AA\n", "+/", "ä", "AB", "AAB", "AA.A", "\ud800"],
)
def test_padding_strangers_and_stray_bits_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        base64url_decode(text)


# --- digests


def test_a_digest_is_sha256_in_hexadecimal() -> None:
    assert sha256_digest(b"") == (
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert check_digest_form(sha256_digest(b"x")) == sha256_digest(b"x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "0" * 64,
        "sha256:" + "0" * 63,
        "sha256:" + "0" * 65,
        "sha256:" + "A" * 64,
        "sha512:" + "0" * 64,
        "sha256:" + "0" * 64 + "\n",
    ],
)
def test_other_forms_of_a_digest_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        check_digest_form(text)


def test_the_content_digest_is_the_one_of_rfc_9530() -> None:
    assert content_digest(b'{"hello": "world"}\n') == (
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    )


# --- times


def test_a_time_is_utc_with_whole_seconds() -> None:
    moment = datetime(2026, 1, 31, 10, 30, 0, 999_999, timezone(timedelta(hours=1)))
    assert format_time(moment) == "2026-01-31T09:30:00Z"
    assert parse_time("2026-01-31T09:30:00Z") == datetime(
        2026, 1, 31, 9, 30, tzinfo=UTC
    )


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants bounds without a zone
def test_a_time_comes_back_to_the_second(moment: datetime) -> None:
    assert parse_time(format_time(moment)) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "2026-01-31T09:30:00",
        "2026-01-31T09:30:00+00:00",
        "2026-01-31T09:30:00.5Z",
        "2026-01-31 09:30:00Z",
        "2026-02-30T09:30:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T09:30:60Z",
        "0000-01-01T00:00:00Z",
        "2026-01-31T09:30:00z",
        "2026-01-31T09:30:00Z\n",
        "٢٠٢٦-01-31T09:30:00Z",
    ],
)
def test_other_forms_of_a_time_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_time(text)


def test_a_time_without_zone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="zone"):
        format_time(datetime(2026, 1, 31))  # noqa: DTZ001 - what is tested
