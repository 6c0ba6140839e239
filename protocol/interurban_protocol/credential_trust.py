"""Whose credentials count, and with which keys: what a relying party knows beforehand.

A signature that verifies says that somebody holds a key. That the key is the issuer's comes
from here: a city whose descriptor was checked by its fingerprint words, a DID document that
was fetched on another day, or a key that was pinned by hand. For an issuer that is not in
the list, a key that the credential carries itself (`did:key`, or a Multikey behind `#`) tells
at most that the text is unchanged, and the verdict says exactly that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from interurban_protocol.data_integrity import ProofPurpose
from interurban_protocol.did_documents import DidDocument, did_key_document
from interurban_protocol.errors import UnknownKeyError, WrongKeyError
from interurban_protocol.keys import KeySet, PublicKey, Purpose
from interurban_protocol.multikeys import DID_KEY, parse_did_key, parse_multikey
from interurban_protocol.node_descriptors import did_web


class IssuerKeys(Protocol):
    """The keys of one issuer."""

    def find(self, method: str, purpose: Purpose, at: datetime) -> PublicKey:
        """The key of a verification method, if it could sign for `purpose` at `at`.

        Raises:
            UnknownKeyError: the issuer has no such key.
            WrongKeyError: it has, for another purpose or time.
        """
        ...


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """The keys of a city, with their history, by `did:web` and key id."""

    did: str
    keys: KeySet

    def find(self, method: str, purpose: Purpose, at: datetime) -> PublicKey:
        """See `IssuerKeys.find`. A method is a full identifier or a bare key id."""
        did, _, key_id = method.rpartition("#")
        if did not in {"", self.did}:
            raise UnknownKeyError("the key is not one of the issuer's")
        return self.keys.find(key_id, purpose, at)


@dataclass(frozen=True, slots=True)
class DocumentKeys:
    """The keys of a DID document; it tells no history, so they count at any time."""

    document: DidDocument

    def find(self, method: str, purpose: Purpose, at: datetime) -> PublicKey:  # noqa: ARG002 - the form of IssuerKeys
        """See `IssuerKeys.find`."""
        did = self.document.did
        if method.startswith("#"):
            method = did + method
        elif ":" not in method:
            method = f"{did}#{method}"
        return self.document.key(method, ProofPurpose.ASSERTION)


@dataclass(frozen=True, slots=True)
class PinnedKeys:
    """Keys that a person compared by hand, by verification method."""

    methods: Mapping[str, PublicKey]

    def find(self, method: str, purpose: Purpose, at: datetime) -> PublicKey:  # noqa: ARG002 - the form of IssuerKeys
        """See `IssuerKeys.find`."""
        if method not in self.methods:
            raise UnknownKeyError("the key is not one of those pinned for the issuer")
        return self.methods[method]


@dataclass(frozen=True, slots=True)
class CredentialTrust:
    """The issuers that a relying party knows, by identifier."""

    issuers: Mapping[str, IssuerKeys]

    def knows(self, issuer: str) -> bool:
        """Whether the issuer is one of them."""
        return issuer in self.issuers

    def key(
        self, issuer: str, method: str, purpose: Purpose, at: datetime
    ) -> PublicKey:
        """The key of a known issuer.

        Raises:
            UnknownKeyError: the issuer is not known, or has no such key.
            WrongKeyError: its key is for another purpose or time.
        """
        if issuer not in self.issuers:
            raise UnknownKeyError("the issuer is not one of those that count here")
        return self.issuers[issuer].find(method, purpose, at)

    def status_key(self, issuer: str, method: str, at: datetime) -> PublicKey:
        """The key of a known issuer for status lists; its credential keys count as well.

        Raises:
            UnknownKeyError, WrongKeyError: as `key`.
        """
        try:
            return self.key(issuer, method, Purpose.STATUS, at)
        except WrongKeyError:
            return self.key(issuer, method, Purpose.CREDENTIALS, at)


def trust_in(
    *,
    nodes: Mapping[str, KeySet] | None = None,
    documents: Iterable[DidDocument] = (),
    did_keys: Iterable[str] = (),
) -> CredentialTrust:
    """Trust in cities by origin, in DID documents, and in `did:key` identifiers.

    A city is known by its `did:web` and by its origin, which SD-JWTs name as the issuer.

    Raises:
        MalformedError, UnsupportedError: an identifier that is no `did:key` of a known kind.
    """
    issuers: dict[str, IssuerKeys] = {}
    for origin, keys in (nodes or {}).items():
        node = NodeKeys(did_web(origin), keys)
        issuers[node.did] = issuers[origin] = node
    for document in documents:
        issuers[document.did] = DocumentKeys(document)
    for did in did_keys:
        issuers[did] = DocumentKeys(did_key_document(did))
    return CredentialTrust(issuers)


def carried_key(method: str) -> PublicKey:
    """The key that a verification method carries itself; it proves nothing about an issuer.

    Raises:
        UnknownKeyError: it carries none.
        MalformedError, UnsupportedError: no key of a known kind.
    """
    if method.startswith(DID_KEY):
        return parse_did_key(method)
    address, _, fragment = method.partition("#")
    if address.startswith("https://") and fragment.startswith("z"):
        return parse_multikey(fragment)
    raise UnknownKeyError("nothing is known about the key that is named")
