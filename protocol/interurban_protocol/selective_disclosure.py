"""Selective disclosure for JSON Web Tokens (RFC 9901): salted facts beside a signed token.

An SD-JWT is `<issuer-signed JWT>~<disclosure>~...~<disclosure>~`. A disclosure is a salt, a
name and a value; the signed payload holds only its digest, so a holder can leave it out
without breaking the signature. Tokens with key binding (something after the last tilde)
are not part of this protocol yet and are refused.

Reading is stricter than RFC 9901 section 7.1 where a closed protocol can afford it: a
disclosure that no digest names, or named twice, is refused, as are members called `...`
anywhere but alone in an array element.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from interurban_protocol.encoding import (
    MAX_DEPTH,
    JsonValue,
    base64url_decode,
    base64url_encode,
    canonical_json,
    parse_json,
)
from interurban_protocol.errors import MalformedError, OversizedError

MAX_DISCLOSURES = 64  # the largest published example has 27
MIN_SALT_BYTES = 16  # RFC 9901 section 9.3
_RESERVED = frozenset({"_sd", "..."})


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One salted fact. `name` is None for an array element."""

    text: str  # base64url, as it travels
    name: str | None
    value: JsonValue

    @property
    def digest(self) -> str:
        """What the signed payload holds: base64url of SHA-256 over the text."""
        return digest_text(self.text)


def digest_text(text: str) -> str:
    """base64url of SHA-256 over the characters of `text` (RFC 9901 section 4.2.3)."""
    return base64url_encode(hashlib.sha256(text.encode("ascii")).digest())


def make_disclosure(salt: bytes, name: str, value: JsonValue) -> Disclosure:
    """The disclosure of an object's member; the salt is used once only.

    Raises:
        MalformedError: a reserved name, or a value without canonical form.
    """
    if len(salt) < MIN_SALT_BYTES:
        raise ValueError("a salt has at least 16 bytes")
    if name in _RESERVED:
        raise MalformedError(f"{name} cannot be disclosed selectively")
    array: JsonValue = [base64url_encode(salt), name, value]
    return Disclosure(base64url_encode(canonical_json(array)), name, value)


def parse_disclosure(text: str) -> Disclosure:
    """The disclosure in one part between tildes.

    Raises:
        MalformedError: not base64url JSON of salt, name and value (or salt and value).
    """
    match parse_json(base64url_decode(text)):
        case [str(), str(name), value] if name not in _RESERVED:
            return Disclosure(text, name, value)
        case [str(), value]:
            return Disclosure(text, None, value)
        case _:
            raise MalformedError("a disclosure is not an array of salt, name and value")


def join_token(issuer_token: str, disclosures: Iterable[Disclosure]) -> str:
    """The SD-JWT, with the tilde that ends it."""
    parts = [issuer_token, *(disclosure.text for disclosure in disclosures)]
    return "~".join(parts) + "~"


def split_token(token: str) -> tuple[str, tuple[Disclosure, ...]]:
    """The issuer-signed token and the disclosures of an SD-JWT.

    Raises:
        MalformedError: no final tilde, or something other than disclosures in between.
        OversizedError: more than `MAX_DISCLOSURES`.
    """
    issuer_token, *texts = token.split("~")
    if not issuer_token or not texts or texts.pop():
        raise MalformedError(
            "the SD-JWT does not end with a tilde; key binding is refused"
        )
    if len(texts) > MAX_DISCLOSURES:
        raise OversizedError(f"the SD-JWT has more than {MAX_DISCLOSURES} disclosures")
    return issuer_token, tuple(parse_disclosure(text) for text in texts)


def digests(members: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The digests of an object's hidden members; none without `_sd`.

    Raises:
        MalformedError: `_sd` is not an array of strings.
    """
    value = members.get("_sd", [])
    found = tuple(item for item in _items(value) if isinstance(item, str))
    if len(found) != len(_items(value)):
        raise MalformedError("the member _sd is not an array of digests")
    return found


def disclosed_payload(
    payload: Mapping[str, JsonValue], disclosures: Sequence[Disclosure]
) -> dict[str, JsonValue]:
    """The payload with disclosures in place of digests (RFC 9901 section 7.1 step 3).

    a. Index the disclosures by digest. b. Walk the payload, c. put each disclosed member or
    element in its place and walk it too, d. drop array elements that are not disclosed,
    e. drop `_sd` and `_sd_alg`. Then steps 4 and 5: no digest twice, no disclosure unused.

    Raises:
        MalformedError: any of the refusals above, or a name that is there already.
        OversizedError: nested deeper than `MAX_DEPTH` by disclosures in disclosures.
    """
    if payload.get("_sd_alg", "sha-256") != "sha-256":
        raise MalformedError("the SD-JWT names another hash algorithm than sha-256")
    by_digest = {disclosure.digest: disclosure for disclosure in disclosures}  # a
    if len(by_digest) != len(disclosures):
        raise MalformedError("the SD-JWT has the same disclosure twice")
    walk = _Walk(by_digest)
    result = walk.members(payload, MAX_DEPTH)  # b to e
    result.pop("_sd_alg", None)
    if by_digest.keys() - walk.seen:  # 5
        raise MalformedError(
            "the SD-JWT has a disclosure that its payload does not name"
        )
    return result


@dataclass(slots=True)
class _Walk:
    """One pass over a payload; `seen` collects every digest that was met."""

    by_digest: Mapping[str, Disclosure]
    seen: set[str] = field(default_factory=set)

    def value(self, value: JsonValue, depth: int) -> JsonValue:
        if depth == 0:
            raise OversizedError(f"the disclosures are nested deeper than {MAX_DEPTH}")
        if isinstance(value, Mapping):
            return self.members(value, depth)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return self.elements(value, depth)
        return value

    def members(
        self, members: Mapping[str, JsonValue], depth: int
    ) -> dict[str, JsonValue]:
        if "..." in members:
            raise MalformedError("the SD-JWT has a digest of an element out of place")
        result = {
            name: self.value(member, depth - 1)
            for name, member in members.items()
            if name != "_sd"
        }
        for digest in digests(members):
            disclosure = self.look_up(digest)
            if disclosure is None:
                continue  # held back, or a decoy
            if disclosure.name is None or disclosure.name in result:
                raise MalformedError(
                    "a disclosure does not fit where its digest stands"
                )
            result[disclosure.name] = self.value(disclosure.value, depth - 1)
        return result

    def elements(self, elements: Sequence[JsonValue], depth: int) -> list[JsonValue]:
        result: list[JsonValue] = []
        for element in elements:
            match element:
                case {"...": str(digest), **rest} if not rest:
                    disclosure = self.look_up(digest)
                    if disclosure is None:
                        continue  # d
                    if disclosure.name is not None:
                        raise MalformedError(
                            "a disclosure does not fit where its digest stands"
                        )
                    result.append(self.value(disclosure.value, depth - 1))
                case _:
                    result.append(self.value(element, depth - 1))
        return result

    def look_up(self, digest: str) -> Disclosure | None:
        if digest in self.seen:  # 4
            raise MalformedError("the SD-JWT names the same digest twice")
        self.seen.add(digest)
        return self.by_digest.get(digest)


def _items(value: JsonValue) -> Sequence[JsonValue]:
    if not isinstance(value, list):
        raise MalformedError("the member _sd is not an array of digests")
    return value
