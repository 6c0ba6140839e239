"""Keys behind decentralised identifiers, from documents at hand: nothing is fetched.

`did:key` is its own document. A `did:web` document is given as bytes by whoever fetched it,
and is matched with the identifier that it must be of. Which identifiers are trusted is
another question: `credential_trust` asks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from interurban_protocol.data_integrity import ProofPurpose
from interurban_protocol.encoding import JsonValue, parse_json_object
from interurban_protocol.errors import (
    MalformedError,
    UnknownKeyError,
    UnsupportedError,
    WrongKeyError,
)
from interurban_protocol.keys import PublicKey
from interurban_protocol.multikeys import DID_KEY, parse_did_key, parse_multikey

DID_WEB = "did:web:"
MAX_METHODS = 64
_JWK_MEMBERS = frozenset({"kty", "crv", "x", "y"})


@dataclass(frozen=True, slots=True)
class DidDocument:
    """The keys of one identifier, by verification method and by what they may do."""

    did: str
    methods: Mapping[str, PublicKey]
    relationships: Mapping[ProofPurpose, frozenset[str]]

    def key(self, method: str, purpose: ProofPurpose) -> PublicKey:
        """The key of a verification method, if the document lists it for `purpose`.

        Raises:
            UnknownKeyError: the document has no such method.
            WrongKeyError: it is not listed for the purpose.
        """
        if method not in self.methods:
            raise UnknownKeyError("the issuer's document does not list the key")
        if method not in self.relationships[purpose]:
            raise WrongKeyError(f"the key is not listed for {purpose}")
        return self.methods[method]


def did_web_address(did: str) -> str:
    """Where the document of a `did:web` stands (did:web method, section 3.2).

    Raises:
        MalformedError: no `did:web`, or one that hides a path or credentials in its host.
    """
    if not did.startswith(DID_WEB):
        raise MalformedError("the identifier is not a did:web")
    host, *path = did.removeprefix(DID_WEB).split(":")
    parts = [unquote(part) for part in (host, *path)]
    if any(not part or set(part) & set("/?#@\\ %") for part in parts):
        raise MalformedError("the identifier is not a did:web")
    folder = "/".join(parts[1:]) or ".well-known"
    return f"https://{parts[0]}/{folder}/did.json"


def parse_did_document(data: bytes, did: str) -> DidDocument:
    """The document of `did`.

    Keys of kinds that are not known here are left out; two methods of one name are not.

    Raises:
        MalformedError: no DID document, or the one of another identifier.
    """
    value = parse_json_object(data)
    if value.get("id") != did:
        raise MalformedError("the document is of another identifier")
    entries = list(_list(value, "verificationMethod"))
    embedded = {purpose: _list(value, str(purpose)) for purpose in (*ProofPurpose,)}
    for listed in embedded.values():
        entries += [entry for entry in listed if isinstance(entry, Mapping)]
    methods = _methods(entries, did)
    return DidDocument(
        did,
        methods,
        {purpose: _names(listed, did) for purpose, listed in embedded.items()},
    )


def did_key_document(did: str) -> DidDocument:
    """The document that a `did:key` stands for.

    Raises:
        MalformedError, UnsupportedError: no `did:key`, or another kind of key.
    """
    key = parse_did_key(did)
    text = did.removeprefix(DID_KEY)
    # some issuers name the key by the identifier alone
    names = frozenset({did, f"{did}#{text}"})
    return DidDocument(
        did, dict.fromkeys(names, key), dict.fromkeys(ProofPurpose, names)
    )


def _methods(entries: Sequence[JsonValue], did: str) -> Mapping[str, PublicKey]:
    methods: dict[str, PublicKey] = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.get("controller") != did:
            continue  # another's key
        name = entry.get("id")
        if not isinstance(name, str):
            continue
        full = _full(name, did)
        try:
            key = _key(entry)
        except UnsupportedError:
            continue
        if methods.setdefault(full, key) != key:
            raise MalformedError("the document lists two keys under one name")
    return methods


def _key(entry: Mapping[str, JsonValue]) -> PublicKey:
    match entry:
        case {"publicKeyMultibase": str(text)}:
            return parse_multikey(text)
        case {"publicKeyJwk": Mapping() as jwk}:
            return _jwk_key(jwk)
        case _:
            raise UnsupportedError("the key is in a form that is not known here")


def _jwk_key(jwk: Mapping[str, JsonValue]) -> PublicKey:
    if jwk.get("crv") not in ("Ed25519", "P-256"):
        raise UnsupportedError("the key is of a kind that is not known here")
    if "d" in jwk or jwk.get("use", "sig") != "sig":
        raise MalformedError("the JWK is private, or not for signatures")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise MalformedError("the JWK is not for verifying")
    members = {name: str(jwk[name]) for name in _JWK_MEMBERS if name in jwk}
    return PublicKey.from_jwk(members)


def _list(value: Mapping[str, JsonValue], name: str) -> list[JsonValue]:
    found = value.get(name, [])
    if not isinstance(found, list) or len(found) > MAX_METHODS:
        raise MalformedError(f"{name} is not a list of keys")
    return found


def _names(entries: Sequence[JsonValue], did: str) -> frozenset[str]:
    names = set()
    for entry in entries:
        name = entry.get("id") if isinstance(entry, Mapping) else entry
        if isinstance(name, str):
            names.add(_full(name, did))
    return frozenset(names)


def _full(name: str, did: str) -> str:
    return did + name if name.startswith("#") else name
