"""Signed documents: exact payload bytes, and exactly one signature from each named party.

A document is a JWS in the general JSON serialisation (RFC 7515 section 7.2.1)::

    {"payload": "<base64url>", "signatures": [{"protected": "...", "signature": "..."}]}

* The document's id is the digest of the payload, whoever has signed so far.
* The payload itself lists its required signers with their key ids. A complete document
  carries one signature by each of them, nothing missing, doubled or extra; every header is
  protected.
* Bytes are verified first and parsed second; what was parsed is returned with its bytes.
* Members that we do not know are kept with the bytes, so that newer documents verify, but
  `check_understood` refuses them before anybody signs or acts, as it does a `crit` entry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationError,
)

from interurban_protocol import jws
from interurban_protocol.encoding import (
    JsonValue,
    base64url_decode,
    canonical_json,
    check_digest_form,
    format_time,
    parse_json_object,
    parse_time,
    sha256_digest,
)
from interurban_protocol.errors import (
    MalformedError,
    SignersError,
    UnknownKeyError,
    UnsupportedError,
)
from interurban_protocol.keys import KeySet, PrivateKey, Purpose

MAX_SIGNATURES = 64  # more parties than any agreement here will have; bounds the work


def _moment(value: object) -> object:
    return parse_time(value) if isinstance(value, str) else value


def _digest(value: str) -> str:
    try:
        return check_digest_form(value)
    except MalformedError as error:
        raise ValueError(error.message) from error


Moment = Annotated[
    datetime, BeforeValidator(_moment), PlainSerializer(format_time, return_type=str)
]
"""A time on the wire: `2026-01-31T09:30:00Z`."""

Digest = Annotated[str, AfterValidator(_digest)]
"""`sha256:` and 64 hexadecimal digits."""

Origin = Annotated[
    str,
    StringConstraints(
        pattern=r"^https?://[a-z0-9.-]+(:[1-9][0-9]{0,4})?$", max_length=260
    ),
]
"""A node: its scheme, host and port, without a path."""


class WireModel(BaseModel):
    """Base of everything parsed from a signed document: strict, frozen, keeps extras."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The model in `data`.

        Raises:
            MalformedError: not strict JSON, or not of this shape; the message names the
                first member that is wrong, never its value.
        """
        parse_json_object(data)
        try:
            return cls.model_validate_json(data, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "document"
            raise MalformedError(f"{where}: {first['msg'].lower()}") from error

    def to_json(self) -> bytes:
        """The canonical bytes of the model; members that are None are left out."""
        return canonical_json(self.model_dump(mode="json", exclude_none=True))


class Signer(WireModel):
    """A party that must sign, and the key that it will sign with."""

    node: Origin
    key_id: str


class DocumentPayload(WireModel):
    """What every signed payload has."""

    kind: str
    version: int = 1
    signers: tuple[Signer, ...]
    crit: tuple[str, ...] = ()


P = TypeVar("P", bound=DocumentPayload)
_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedDocument(Generic[P]):
    """A complete, verified document. Only `verify_document` makes one."""

    payload: P
    payload_bytes: bytes
    document: bytes
    document_id: str
    set_digest: str
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only verify_document makes a VerifiedDocument")


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """A parsed envelope: exact payload bytes and the signatures so far, unverified."""

    payload_bytes: bytes
    signatures: tuple[jws.Jws, ...]

    @property
    def document_id(self) -> str:
        """The digest of the payload."""
        return sha256_digest(self.payload_bytes)


def document_type(kind: str) -> str:
    """The `typ` header of documents of this kind."""
    return f"interurban-{kind}+jws"


def start_document(payload: DocumentPayload, *keys: PrivateKey) -> bytes:
    """A document of `payload` with one signature by each of `keys`."""
    return _assemble(payload.to_json(), payload.kind, keys, ())


def add_signature(document: bytes, kind: str, key: PrivateKey) -> bytes:
    """`document` with one more signature; signing twice with a key changes nothing.

    Raises:
        MalformedError: `document` is no signed document.
    """
    opened = open_document(document)
    if key.public.key_id in {token.key_id for token in opened.signatures}:
        return document
    return _assemble(opened.payload_bytes, kind, (key,), opened.signatures)


def merge_signatures(documents: Sequence[bytes]) -> bytes:
    """One document with every signature of several copies of the same payload.

    Raises:
        MalformedError: the copies have different payloads.
    """
    opened = [open_document(document) for document in documents]
    if len({document.payload_bytes for document in opened}) != 1:
        raise MalformedError("the copies are not of the same document")
    tokens = {
        (token.protected, token.signature): token
        for document in opened
        for token in document.signatures
    }
    return _envelope(tuple(tokens.values()))


def open_document(document: bytes) -> OpenDocument:
    """The envelope of `document`, with nothing in it verified.

    Raises:
        MalformedError: another shape, unprotected headers, or no signature.
    """
    match parse_json_object(document):
        case {"payload": str(payload), "signatures": [_, *_] as entries, **rest} if (
            not rest and len(entries) <= MAX_SIGNATURES
        ):
            tokens = tuple(_token(payload, entry) for entry in entries)
        case _:
            raise MalformedError(
                "the document is not a JWS with payload and signatures"
            )
    return OpenDocument(base64url_decode(payload), tokens)


def read_payload(document: OpenDocument, model: type[P]) -> P:
    """The payload as its model, **unverified**: for choosing keys and showing drafts."""
    return model.from_json(document.payload_bytes)


def verify_document(
    document: bytes,
    model: type[P],
    *,
    kind: str,
    keys: Mapping[str, KeySet],
    at: datetime,
    purpose: Purpose = Purpose.DOCUMENTS,
) -> VerifiedDocument[P]:
    """The document, if it is complete and every signature verifies at the time `at`.

    `keys` holds the key sets of the nodes that we know, by origin. Steps:

    1. open the envelope; 2. take the list of signers from the payload; 3. compare it with
    the signatures, one for one; 4. find each key for the purpose and time; 5. verify each
    signature over the exact bytes; 6. only then return the parsed payload.

    Raises:
        MalformedError, SignersError, UnknownKeyError, WrongKeyError,
        SignatureInvalidError: in the order of the steps.
    """
    opened = open_document(document)  # 1
    payload = read_payload(opened, model)
    if payload.kind != kind:
        raise MalformedError(f"the document is not of the kind {kind}")
    check_signers(payload, opened)  # 2, 3
    by_key_id = {token.key_id: token for token in opened.signatures}
    for signer in payload.signers:
        if signer.node not in keys:
            raise UnknownKeyError(f"{signer.node} is not a node that we know")
        key = keys[signer.node].find(signer.key_id, purpose, at)  # 4
        jws.verify(by_key_id[signer.key_id], typ=document_type(kind), key=key)  # 5
    return VerifiedDocument(  # 6
        payload,
        opened.payload_bytes,
        document,
        opened.document_id,
        signed_set_digest(opened),
        _SEAL,
    )


def check_signers(payload: DocumentPayload, document: OpenDocument) -> None:
    """Refuse unless the signatures are exactly one by each listed signer.

    Raises:
        SignersError: missing, doubled or extra.
    """
    required = [signer.key_id for signer in payload.signers]
    present = [token.key_id for token in document.signatures]
    if not required or len(set(required)) != len(required):
        raise SignersError("the payload lists no signers, or one of them twice")
    if len(set(present)) != len(present):
        raise SignersError("the document has two signatures by the same key")
    if missing := set(required) - set(present):
        raise SignersError(f"{len(missing)} required signature(s) are missing")
    if extra := set(present) - set(required):
        raise SignersError(f"{len(extra)} signature(s) are by nobody who is listed")


def signed_set_digest(document: OpenDocument) -> str:
    """The digest of payload and signatures, independent of the signatures' order."""
    return sha256_digest(
        canonical_json(_envelope_value(_by_protected(document.signatures)))
    )


def check_understood(payload: WireModel) -> None:
    """Refuse a payload with members or critical fields that this version does not know.

    Raises:
        UnsupportedError: naming the first one.
    """
    if isinstance(payload, DocumentPayload) and payload.crit:
        raise UnsupportedError(
            f"the critical field {payload.crit[0]} is not known here"
        )
    for path in _unknown_members(payload):
        raise UnsupportedError(f"the member {path} is not known to this version")


def _unknown_members(model: BaseModel) -> list[str]:
    found = list(model.model_extra or {})
    for name in type(model).model_fields:
        for nested in _models_in(getattr(model, name)):
            found += [f"{name}.{inner}" for inner in _unknown_members(nested)]
    return found


def _models_in(value: Any) -> list[BaseModel]:
    match value:
        case BaseModel():
            return [value]
        case tuple() | list():
            return [model for member in value for model in _models_in(member)]
        case dict():
            return [model for member in value.values() for model in _models_in(member)]
        case _:
            return []


def _token(payload: str, entry: JsonValue) -> jws.Jws:
    match entry:
        case {"protected": str(protected), "signature": str(signature), **rest} if (
            not rest
        ):
            return jws.parse(f"{protected}.{payload}.{signature}")
        case _:
            raise MalformedError(
                "a signature has other members than protected, signature"
            )


def _assemble(
    payload: bytes, kind: str, keys: Sequence[PrivateKey], tokens: tuple[jws.Jws, ...]
) -> bytes:
    typ = document_type(kind)
    added = tuple(jws.parse(jws.sign(payload, typ=typ, key=key)) for key in keys)
    return _envelope(tokens + added)


def _envelope(tokens: tuple[jws.Jws, ...]) -> bytes:
    return canonical_json(_envelope_value(tokens))


def _envelope_value(tokens: tuple[jws.Jws, ...]) -> JsonValue:
    return {
        "payload": tokens[0].payload,
        "signatures": [
            {"protected": token.protected, "signature": token.signature}
            for token in tokens
        ],
    }


def _by_protected(tokens: tuple[jws.Jws, ...]) -> tuple[jws.Jws, ...]:
    return tuple(sorted(tokens, key=lambda token: (token.protected, token.signature)))


__all__ = [
    "Digest",
    "DocumentPayload",
    "Moment",
    "OpenDocument",
    "Origin",
    "Signer",
    "VerifiedDocument",
    "WireModel",
    "add_signature",
    "check_signers",
    "check_understood",
    "document_type",
    "merge_signatures",
    "open_document",
    "read_payload",
    "signed_set_digest",
    "start_document",
    "verify_document",
]
