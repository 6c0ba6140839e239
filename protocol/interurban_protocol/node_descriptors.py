"""A node's self-description: who it is, its keys with their history, what it understands.

* Signed by the offline **identity key** only, which signs nothing else.
* Numbered from 0 and chained by digest to its predecessor: `verify_successor` refuses a
  rollback, a fork, another node, a change of identity and a history that lost a key. A gap
  is accepted, because a node may have been away while its partner changed keys twice.
* That the identity key is the right one is not in the document: two operators establish it
  by reading the fingerprint words to each other.
* The same keys can be seen as `did:web` (`did_document`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, StringConstraints

from interurban_protocol import jws
from interurban_protocol.encoding import (
    JsonValue,
    base64url_decode,
    base64url_encode,
    canonical_json,
    sha256_digest,
)
from interurban_protocol.errors import (
    ChainError,
    MalformedError,
    NotYetValidError,
    SignersError,
    UnsupportedError,
)
from interurban_protocol.keys import (
    KeySet,
    PrivateKey,
    PublicKey,
    PublishedKey,
    Purpose,
    fingerprint_words,
)
from interurban_protocol.signed_documents import (
    Digest,
    DocumentPayload,
    Moment,
    Origin,
    WireModel,
    check_signers,
    document_type,
    open_document,
    read_payload,
    start_document,
)

KIND = "node-descriptor"
PROTOCOL_VERSION = "1"
MAX_FUTURE_SECONDS = 300  # the clock that issued it may be a little ahead of ours


Language = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
]
CityName = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"
    ),
]
"""A name that goes to terminals and pages: no control characters."""


class DescribedKey(WireModel):
    """One published key; see `interurban_protocol.keys.PublishedKey`.

    `proof` is the key's own signature over `key_statement`, in base64url: it shows that the
    node holds the key, so that nobody can announce the key of another city as theirs.
    """

    purpose: Purpose
    jwk: dict[str, str]
    proof: str
    valid_from: Moment
    valid_until: Moment | None = None
    compromised_at: Moment | None = None

    def published(self) -> PublishedKey:
        """The key itself.

        Raises:
            MalformedError: the JWK is no key that we know.
        """
        return PublishedKey(
            key=PublicKey.from_jwk(self.jwk),
            purpose=self.purpose,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            compromised_at=self.compromised_at,
        )


def key_statement(node: str, purpose: Purpose, key: PublicKey) -> bytes:
    """What a working key signs to show that it is this node's, for this purpose."""
    value: JsonValue = {"key_id": key.key_id, "node": node, "purpose": str(purpose)}
    return b"interurban key announcement\0" + canonical_json(value)


def describe_key(
    node: str,
    purpose: Purpose,
    key: PrivateKey,
    *,
    valid_from: datetime,
    valid_until: datetime | None = None,
    compromised_at: datetime | None = None,
) -> DescribedKey:
    """The entry of a key in its node's descriptor, with the proof of possession."""
    proof = key.sign(key_statement(node, purpose, key.public))
    return DescribedKey(
        purpose=purpose,
        jwk=key.public.jwk(),
        proof=base64url_encode(proof),
        valid_from=valid_from,
        valid_until=valid_until,
        compromised_at=compromised_at,
    )


class Limits(WireModel):
    """What the node accepts, in bytes."""

    max_body: int


class NodeDescriptor(DocumentPayload):
    """The payload of a descriptor; its only signer is the node with its identity key."""

    kind: Literal["node-descriptor"] = "node-descriptor"
    protocol_versions: tuple[str, ...]
    node: Origin
    name: Annotated[dict[Language, CityName], Field(min_length=1, max_length=40)]
    demo: bool
    number: int
    previous: Digest | None = None
    issued_at: Moment
    identity: dict[str, str]  # public JWK
    keys: tuple[DescribedKey, ...]
    limits: Limits


_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedDescriptor:
    """A descriptor whose signature verifies under the identity key that it names."""

    payload: NodeDescriptor
    document: bytes
    document_id: str
    identity: PublicKey
    key_set: KeySet
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only verify_descriptor makes a VerifiedDescriptor")

    @property
    def words(self) -> str:
        """The fingerprint words of the identity key."""
        return fingerprint_words(self.identity)

    def display_name(self, language: str = "en") -> str:
        """The city's name in `language`, else in any language it gives."""
        names = self.payload.name
        return names.get(language) or next(iter(names.values()), self.payload.node)


def sign_descriptor(payload: NodeDescriptor, identity_key: PrivateKey) -> bytes:
    """The signed descriptor."""
    return start_document(payload, identity_key)


def verify_descriptor(document: bytes, at: datetime) -> VerifiedDescriptor:
    """The descriptor in `document`, if it is signed by the identity that it names.

    Steps: 1. open the envelope; 2. exactly one signer, the node itself, with the named
    identity key; 3. verify; 4. a protocol version that we speak; 5. not from the future;
    6. every key is a key;
    7. and each has signed that it is this node's, for its purpose.

    Raises:
        MalformedError, SignersError, SignatureInvalidError, UnsupportedError,
        NotYetValidError.
    """
    opened = open_document(document)  # 1
    payload = read_payload(opened, NodeDescriptor)
    identity = PublicKey.from_jwk(payload.identity)
    check_signers(payload, opened)  # 2
    signer = payload.signers[0]
    if (signer.node, signer.key_id) != (payload.node, identity.key_id):
        raise SignersError("a descriptor is signed by its own identity key alone")
    jws.verify(opened.signatures[0], typ=document_type(KIND), key=identity)  # 3
    if PROTOCOL_VERSION not in payload.protocol_versions:  # 4
        raise UnsupportedError(f"the node does not speak protocol {PROTOCOL_VERSION}")
    if (payload.issued_at - at).total_seconds() > MAX_FUTURE_SECONDS:  # 5
        raise NotYetValidError("the descriptor was issued in the future")
    key_set = KeySet(tuple(entry.published() for entry in payload.keys))  # 6
    _check_keys(key_set, identity)
    for entry, found in zip(payload.keys, key_set.keys, strict=True):  # 7
        statement = key_statement(payload.node, entry.purpose, found.key)
        found.key.verify(base64url_decode(entry.proof), statement)
    return VerifiedDescriptor(
        payload, document, sha256_digest(opened.payload_bytes), identity, key_set, _SEAL
    )


def verify_successor(
    held: VerifiedDescriptor, document: bytes, at: datetime
) -> VerifiedDescriptor:
    """The descriptor in `document`, if it is the one held or the next after it.

    Raises:
        ChainError: another node or identity, an older number, a fork, dropped keys, or a
            compromise that is taken back.
        InterurbanError: whatever `verify_descriptor` raises.
    """
    new = verify_descriptor(document, at)
    if new.payload.node != held.payload.node:
        raise ChainError("the descriptor is of another node")
    if new.identity != held.identity:
        raise ChainError("the descriptor is under another identity key")
    if new.document_id == held.document_id:
        return held
    if new.payload.number <= held.payload.number:
        raise ChainError("the descriptor is older than the one that is held, or a fork")
    if new.payload.number == held.payload.number + 1 and (
        new.payload.previous != held.document_id
    ):
        raise ChainError("the descriptor does not follow on the one that is held")
    before, after = _compromises(held), _compromises(new)
    if not before.keys() <= after.keys():
        raise ChainError("the descriptor has dropped keys from the node's history")
    if any(when and not after[entry] for entry, when in before.items()):
        raise ChainError("the descriptor takes a compromise back")
    return new


def _check_keys(key_set: KeySet, identity: PublicKey) -> None:
    entries = [(entry.key, entry.purpose) for entry in key_set.keys]
    if any(key == identity or use is Purpose.IDENTITY for key, use in entries):
        raise MalformedError("the identity key is no working key")
    if len(set(entries)) != len(entries):  # which of the two would count?
        raise MalformedError("the descriptor lists a key twice for one purpose")


def _compromises(
    descriptor: VerifiedDescriptor,
) -> dict[tuple[str, Purpose], datetime | None]:
    return {
        (entry.key.key_id, entry.purpose): entry.compromised_at
        for entry in descriptor.key_set.keys
    }


def did_web(origin: str) -> str:
    """The node's `did:web` identifier; a port's colon is percent-encoded."""
    return "did:web:" + quote(urlsplit(origin).netloc, safe=".-")


def did_document(descriptor: VerifiedDescriptor) -> JsonValue:
    """The `did:web` view of a descriptor (W3C DID Core 1.0), with JsonWebKey methods."""
    did = did_web(descriptor.payload.node)
    entries = [
        entry for entry in descriptor.key_set.keys if entry.compromised_at is None
    ]
    methods: list[JsonValue] = [
        {
            "id": f"{did}#{entry.key.key_id}",
            "type": "JsonWebKey",
            "controller": did,
            "publicKeyJwk": entry.key.jwk(),
        }
        for entry in entries
    ]
    issuing: list[JsonValue] = [
        f"{did}#{entry.key.key_id}"
        for entry in entries
        if entry.purpose in (Purpose.CREDENTIALS, Purpose.DOCUMENTS, Purpose.STATUS)
    ]
    return {
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/jwk/v1",
        ],
        "id": did,
        "verificationMethod": methods,
        "assertionMethod": issuing,
    }
