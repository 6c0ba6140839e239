"""HTTP message signatures (RFC 9421) with content digests (RFC 9530), in one profile.

A **request** covers `@method`, `@target-uri`, `content-digest` (of zero bytes when there is
no body) and, with a body, `content-type`. Its parameters are `created`, `expires`, `nonce`,
`keyid` and `tag="interurban"`.

A **response** covers `@status`, `content-type`, `content-digest` and, of the request that it
answers, `"@method";req`, `"@target-uri";req` and `"signature";req`: so it can be shown
together with that request and with no other. Its parameters are `created`, `keyid` and
`tag="interurban"`.

The algorithm follows from the key (Ed25519), never from the message. Both fields must be in
the canonical form of RFC 9651, with exactly one label. Whether a nonce was seen before is
for the caller to check, who has a memory. decision 0003 says why the general library is the
tests' second implementation and not on the path.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import http_sf

from interurban_protocol.encoding import content_digest
from interurban_protocol.errors import (
    DigestMismatchError,
    ExpiredError,
    MalformedError,
    NotYetValidError,
    OversizedError,
    SignatureInvalidError,
    UnsignedError,
)
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.keys import Algorithm, PrivateKey, PublicKey

TAG = "interurban"
LABEL = "sig1"
REQUEST_LIFETIME_SECONDS = 60  # what we ask for ourselves
MAX_LIFETIME_SECONDS = 300  # how long a nonce must be remembered, and no longer
MAX_SKEW_SECONDS = 60  # how far the other clock may be from ours
MAX_NONCE_CHARACTERS = 64
MAX_FIELD_CHARACTERS = 2048  # our own are under 400

_REQUEST = ("@method", "@target-uri", "content-digest")
_REQUEST_WITH_BODY = (*_REQUEST, "content-type")
_RESPONSE = (
    "@status",
    "content-type",
    "content-digest",
    "@method;req",
    "@target-uri;req",
    "signature;req",
)
_REQUEST_PARAMETERS = frozenset({"created", "expires", "nonce", "keyid", "tag"})
_RESPONSE_PARAMETERS = frozenset({"created", "keyid", "tag"})
_SEAL = object()

KeyFinder = Callable[[str], PublicKey]
"""The exchange key with this id; raises UnknownKeyError or WrongKeyError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedSignature:
    """What a verified signature says. Only this module's `verify_…` functions make one."""

    key_id: str
    created: datetime
    expires: datetime | None
    nonce: str | None
    signature_base: bytes
    signature: bytes
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only a verification makes a VerifiedSignature")


M = TypeVar("M", HttpRequest, HttpResponse)


@dataclass(frozen=True, slots=True)
class Signed(Generic[M]):
    """A message that we signed, with what was signed, for the evidence."""

    message: M
    key_id: str
    signature_base: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class _Fields:
    """The two signature fields of one message, parsed and not verified."""

    covered: tuple[str, ...]
    parameters: Mapping[str, object]
    inner_list: str
    signature: bytes


def sign_request(
    request: HttpRequest,
    key: PrivateKey,
    *,
    created: datetime,
    nonce: str,
    lifetime_seconds: int = REQUEST_LIFETIME_SECONDS,
) -> Signed[HttpRequest]:
    """`request` with `content-digest`, `signature-input` and `signature` added."""
    digested = request.with_headers({"content-digest": content_digest(request.body)})
    parameters = {
        "created": int(created.timestamp()),
        "expires": int(created.timestamp()) + lifetime_seconds,
        "nonce": nonce,
        "keyid": key.public.key_id,
        "tag": TAG,
    }
    covered = _REQUEST_WITH_BODY if request.body else _REQUEST
    values = _request_values(digested, covered)
    headers, base, signature = _signature_headers(covered, values, parameters, key)
    message = digested.with_headers(headers)
    return Signed(message, key.public.key_id, base, signature)


def sign_response(
    response: HttpResponse, request: HttpRequest, key: PrivateKey, *, created: datetime
) -> Signed[HttpResponse]:
    """`response` to the signed `request`, with its own signature fields added."""
    digested = response.with_headers({"content-digest": content_digest(response.body)})
    parameters = {
        "created": int(created.timestamp()),
        "keyid": key.public.key_id,
        "tag": TAG,
    }
    values = _response_values(digested, request)
    headers, base, signature = _signature_headers(_RESPONSE, values, parameters, key)
    message = digested.with_headers(headers)
    return Signed(message, key.public.key_id, base, signature)


def verify_request(
    request: HttpRequest, find_key: KeyFinder, *, at: datetime
) -> VerifiedSignature:
    """The signature of `request`, if it verifies, covers enough and is in time.

    Steps: 1. read the two fields; 2. they cover what the profile demands; 3. the digest is
    the body's; 4. find the key; 5. verify over the signature base (RFC 9421 section 3.2);
    6. created and expires against the passed clock.

    Raises:
        UnsignedError, MalformedError, SignatureInvalidError, DigestMismatchError,
        UnknownKeyError, WrongKeyError, ExpiredError, NotYetValidError.
    """
    fields = _read_fields(request.headers)  # 1
    covered = _REQUEST_WITH_BODY if request.body else _REQUEST
    _check_profile(fields, covered, _REQUEST_PARAMETERS)  # 2
    _check_digest(request.headers, request.body)  # 3
    key = find_key(_text(fields.parameters["keyid"], "keyid"))  # 4
    base = signature_base(_request_values(request, fields.covered), fields.inner_list)
    verified = _verify(fields, key, base)  # 5
    _check_request_times(verified, at)  # 6
    return verified


def verify_response(
    response: HttpResponse, request: HttpRequest, find_key: KeyFinder, *, at: datetime
) -> VerifiedSignature:
    """The signature of the answer to our `request`; steps as in `verify_request`.

    Raises:
        The same errors as `verify_request`.
    """
    fields = _read_fields(response.headers)
    _check_profile(fields, _RESPONSE, _RESPONSE_PARAMETERS)
    _check_digest(response.headers, response.body)
    key = find_key(_text(fields.parameters["keyid"], "keyid"))
    base = signature_base(_response_values(response, request), fields.inner_list)
    verified = _verify(fields, key, base)
    _check_created(verified.created, at)
    return verified


def key_id_of(headers: Mapping[str, str]) -> str:
    """The key id that a message *claims*; for choosing keys, proves nothing.

    Raises:
        UnsignedError, MalformedError: as `verify_request`.
    """
    return str(_read_fields(headers).parameters.get("keyid", ""))


def signature_base(values: Sequence[tuple[str, str]], inner_list: str) -> bytes:
    """The bytes that are signed (RFC 9421 section 2.5).

    `values` are component identifiers as they stand in the base, with their values, in
    order; `inner_list` is the value of `@signature-params`.
    """
    lines = [f"{identifier}: {value}" for identifier, value in values]
    lines.append(f'"@signature-params": {inner_list}')
    return "\n".join(lines).encode("utf-8")


def _signature_headers(
    covered: tuple[str, ...],
    values: Sequence[tuple[str, str]],
    parameters: Mapping[str, Any],
    key: PrivateKey,
) -> tuple[dict[str, str], bytes, bytes]:
    if key.algorithm is not Algorithm.ED25519:
        raise ValueError("messages are signed with Ed25519 keys")
    items = [_component(identifier) for identifier in covered]
    members: Any = {
        LABEL: (items, dict(parameters))
    }  # inner lists are not in its types
    text = http_sf.ser(members)
    base = signature_base(values, text.removeprefix(f"{LABEL}="))
    signature = key.sign(base)
    headers = {
        "signature-input": text,
        "signature": http_sf.ser({LABEL: (signature, {})}),
    }
    return headers, base, signature


def _component(identifier: str) -> tuple[str, dict[str, bool]]:
    name, _, of_request = identifier.partition(";")
    return (name, {"req": True} if of_request else {})


def _request_values(
    request: HttpRequest, covered: tuple[str, ...]
) -> list[tuple[str, str]]:
    return [(f'"{name}"', _request_value(request, name)) for name in covered]


def _request_value(request: HttpRequest, name: str) -> str:
    match name:
        case "@method":
            return request.method
        case "@target-uri":
            return request.target_uri
        case _:
            return _header(request.headers, name)


def _response_values(
    response: HttpResponse, request: HttpRequest
) -> list[tuple[str, str]]:
    return [
        ('"@status"', str(response.status)),
        ('"content-type"', _header(response.headers, "content-type")),
        ('"content-digest"', _header(response.headers, "content-digest")),
        ('"@method";req', request.method),
        ('"@target-uri";req', request.target_uri),
        ('"signature";req', _header(request.headers, "signature")),
    ]


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if value is None:
        raise SignatureInvalidError(f"the message has no {name} field to cover")
    return value


def _read_fields(headers: Mapping[str, str]) -> _Fields:
    if "signature-input" not in headers or "signature" not in headers:
        raise UnsignedError("the message carries no signature")
    label, inner = _one_member(headers["signature-input"], "signature-input")
    signature_label, value = _one_member(headers["signature"], "signature")
    if label != signature_label:
        raise MalformedError("the two signature fields have different labels")
    match inner, value:
        case (
            (list() as items, dict() as parameters),
            (bytes() as signature, {**unsigned}),
        ) if not unsigned:
            covered = tuple(_identifier(item) for item in items)
        case _:
            raise MalformedError("a signature field is not of the form of RFC 9421")
    inner_list = headers["signature-input"].removeprefix(f"{label}=")
    return _Fields(covered, parameters, inner_list, signature)


def _one_member(text: str, field: str) -> tuple[str, object]:
    if len(text) > MAX_FIELD_CHARACTERS:
        raise OversizedError(f"the {field} field is longer than any of this profile")
    try:
        members: Any = http_sf.parse(text.encode("ascii"), tltype="dictionary")
        canonical = http_sf.ser(members)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise MalformedError(f"the {field} field is no structured field") from error
    if len(members) != 1 or canonical != text:
        raise MalformedError(f"the {field} field is not one member in canonical form")
    label, value = next(iter(members.items()))
    return str(label), value


def _identifier(item: object) -> str:
    match item:
        case (str(name), {"req": True, **rest}) if not rest:
            return f"{name};req"
        case (str(name), {**parameters}) if not parameters:
            return name
        case _:
            raise MalformedError(
                "a covered component has parameters that we do not know"
            )


def _check_profile(
    fields: _Fields, covered: tuple[str, ...], parameters: frozenset[str]
) -> None:
    if len(set(fields.covered)) != len(fields.covered):
        raise MalformedError("a component is covered twice")
    if missing := [name for name in covered if name not in fields.covered]:
        raise SignatureInvalidError(f"the signature does not cover {missing[0]}")
    if len(fields.covered) != len(covered):
        raise SignatureInvalidError("the signature covers more than the profile has")
    if missing := sorted(parameters - fields.parameters.keys()):
        raise SignatureInvalidError(f"the signature has no parameter {missing[0]}")
    if fields.parameters.keys() - parameters:
        raise SignatureInvalidError("the signature has parameters beyond the profile")
    tag = fields.parameters["tag"]
    if type(tag) is not str or tag != TAG:  # a token of the same letters is another tag
        raise SignatureInvalidError(f"the signature is not for {TAG}")


def _check_digest(headers: Mapping[str, str], body: bytes) -> None:
    if headers.get("content-digest") != content_digest(body):
        raise DigestMismatchError("content-digest is not the SHA-256 of the body")


def _verify(fields: _Fields, key: PublicKey, base: bytes) -> VerifiedSignature:
    if key.algorithm is not Algorithm.ED25519:
        raise SignatureInvalidError("messages are signed with Ed25519 keys")
    key.verify(fields.signature, base)
    parameters = fields.parameters
    return VerifiedSignature(
        key_id=_text(parameters["keyid"], "keyid"),
        created=_time(parameters["created"]),
        expires=_time(parameters["expires"]) if "expires" in parameters else None,
        nonce=_text(parameters["nonce"], "nonce") if "nonce" in parameters else None,
        signature_base=base,
        signature=fields.signature,
        _seal=_SEAL,
    )


def _text(value: object, name: str) -> str:
    if type(value) is not str or not 0 < len(value) <= MAX_NONCE_CHARACTERS:
        raise MalformedError(f"the parameter {name} is no short text")
    return value


def _time(value: object) -> datetime:
    if type(value) is not int or not 0 <= value < 2**33:
        raise MalformedError("a time in the signature is no number of seconds")
    return datetime.fromtimestamp(value, UTC)


def _check_request_times(signature: VerifiedSignature, at: datetime) -> None:
    _check_created(signature.created, at)
    expires = signature.expires or signature.created
    lifetime = (expires - signature.created).total_seconds()
    if not 0 < lifetime <= MAX_LIFETIME_SECONDS:
        raise SignatureInvalidError("the signature's lifetime is longer than accepted")
    if (at - expires).total_seconds() >= MAX_SKEW_SECONDS:
        raise ExpiredError("the signature has expired")


def _check_created(created: datetime, at: datetime) -> None:
    ahead = (created - at).total_seconds()
    if ahead > MAX_SKEW_SECONDS:
        raise NotYetValidError("the signature was made in the future, by our clock")
    if -ahead > MAX_LIFETIME_SECONDS + MAX_SKEW_SECONDS:
        raise ExpiredError("the signature was made too long ago")
