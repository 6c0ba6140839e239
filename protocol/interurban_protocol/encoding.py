"""Bytes on the wire: canonical JSON, strict JSON, base64url, digests and times.

* JSON that is signed or hashed is RFC 8785 (JCS); integers stay below 2^53.
* JSON that is read must be UTF-8, without duplicate names, lone surrogates, NaN or
  excessive depth, because parsers disagree about all of these.
* base64url (RFC 7515 section 2) has no padding and no other characters; libraries are too
  lenient here.
* A digest is written `sha256:` and 64 hexadecimal digits; RFC 9530 has its own form.
* A time is RFC 3339 in UTC with a `Z` and whole seconds.
"""

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import rfc8785

from interurban_protocol.errors import MalformedError, OversizedError

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)

MAX_DEPTH = 32  # our deepest document has 8; a parser bomb has thousands
MAX_SAFE_INTEGER = 2**53 - 1  # beyond it, JSON numbers differ between languages

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def canonical_json(value: JsonValue) -> bytes:
    """The one byte form of a JSON value (RFC 8785).

    Raises:
        MalformedError: a value that has no canonical form (NaN, large integer, surrogate).
    """
    try:
        if _is_plain(value):
            return _sorted_json(value).encode("utf-8")
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise MalformedError("the value has no canonical JSON form") from error


_sorted_json = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":")
).encode


def _is_plain(value: JsonValue) -> bool:
    """Whether sorted compact JSON is the canonical form already, at a fraction of the time.

    Only floats, large integers and names outside ASCII are written or sorted differently.
    """
    kind = type(value)
    if kind is dict:
        return all(
            type(name) is str and name.isascii() and _is_plain(member)
            for name, member in value.items()  # type: ignore[union-attr] # a dict
        )
    if kind is list or kind is tuple:
        return all(_is_plain(member) for member in value)  # type: ignore[union-attr] # a list
    if kind is int:
        return abs(value) <= MAX_SAFE_INTEGER  # type: ignore[arg-type] # an int
    return kind is str or kind is bool or value is None


def parse_json(data: bytes) -> JsonValue:
    """The JSON value in `data`, refused where two parsers could read it differently.

    Raises:
        MalformedError: not UTF-8 JSON, duplicate names, NaN, lone surrogates, or integers
            beyond 2^53 - 1.
        OversizedError: nested deeper than `MAX_DEPTH`.
    """
    try:
        value: JsonValue = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object_without_duplicates,
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise OversizedError("the JSON is nested too deeply") from error
    except ValueError as error:
        raise MalformedError("the bytes are not JSON in UTF-8") from error
    _check_value(value, MAX_DEPTH)
    return value


def parse_json_object(data: bytes) -> Mapping[str, JsonValue]:
    """Like `parse_json`, for documents whose outermost value must be an object."""
    value = parse_json(data)
    if not isinstance(value, Mapping):
        raise MalformedError("the JSON is not an object")
    return value


def base64url_encode(data: bytes) -> str:
    """Unpadded base64url (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def base64url_decode(text: str) -> bytes:
    """The bytes behind unpadded base64url; exactly one text is accepted for each.

    Raises:
        MalformedError: another character, padding, or stray bits at the end.
    """
    if not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise MalformedError("the text is not unpadded base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url_encode(data) != text:
        raise MalformedError("the base64url text has stray bits at its end")
    return data


def sha256_digest(data: bytes) -> str:
    """`sha256:` and the hexadecimal SHA-256 of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def check_digest_form(text: str) -> str:
    """`text`, if it has the form of a digest.

    Raises:
        MalformedError: anything but `sha256:` and 64 lower-case hexadecimal digits.
    """
    if not _DIGEST.fullmatch(text):
        raise MalformedError("a digest has the form sha256: and 64 hexadecimal digits")
    return text


def content_digest(body: bytes) -> str:
    """The `Content-Digest` field of `body` with SHA-256 (RFC 9530 section 2)."""
    value = base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
    return f"sha-256=:{value}:"


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds; `moment` must be aware."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """The aware UTC time behind `format_time`'s form.

    Raises:
        MalformedError: another form, or a day that does not exist.
    """
    if not _TIME.fullmatch(text):
        raise MalformedError("a time has the form 2026-01-31T09:30:00Z")
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise MalformedError(
            "the time names a day or hour that does not exist"
        ) from error


def _object_without_duplicates(
    pairs: list[tuple[str, JsonValue]],
) -> dict[str, JsonValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedError("the JSON has an object with a name twice")
    return value


def _refuse_constant(name: str) -> JsonValue:
    raise MalformedError(f"{name} is not JSON")


def _check_value(value: JsonValue, depth: int) -> None:
    if depth == 0:
        raise OversizedError(f"the JSON is nested deeper than {MAX_DEPTH}")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int | float):
        _check_number(value)
    elif isinstance(value, dict):  # all that the parser makes
        for name, member in value.items():
            _check_text(name)
            _check_value(member, depth - 1)
    elif isinstance(value, list):
        for member in value:
            _check_value(member, depth - 1)


def _check_number(number: float) -> None:
    if isinstance(number, int) and abs(number) > MAX_SAFE_INTEGER:
        raise MalformedError("the JSON has an integer beyond 2^53 - 1")
    if not math.isfinite(number):
        raise MalformedError("the JSON has a number out of range")


def _check_text(text: str) -> None:
    if _SURROGATE.search(text):
        raise MalformedError("the JSON has half of a surrogate pair")
