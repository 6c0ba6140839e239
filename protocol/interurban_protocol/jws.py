"""Compact JSON Web Signatures (RFC 7515), as strictly as a closed protocol allows.

The receiver knows beforehand which algorithm and type a token must have, so the header is
compared, never obeyed: no algorithm negotiation, no keys or addresses taken from the token.
Characters outside base64url are refused before anything is decoded. decision 0003 says why
this is not left to a library; the tests compare with one and with Wycheproof's vectors.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from interurban_protocol.encoding import (
    JsonValue,
    base64url_decode,
    base64url_encode,
    canonical_json,
    parse_json_object,
)
from interurban_protocol.errors import (
    MalformedError,
    OversizedError,
    SignatureInvalidError,
)
from interurban_protocol.keys import PrivateKey, PublicKey

MAX_TOKEN_CHARACTERS = (
    4_000_000  # the largest document, an agreement with structures, has 0.3 M
)
_KNOWN_HEADERS = frozenset({"alg", "kid", "typ"})


@dataclass(frozen=True, slots=True)
class Jws:
    """A token that was parsed and not verified."""

    protected: str  # base64url, as received
    payload: str
    signature: str
    key_id: str
    algorithm: str
    type: str

    @property
    def signing_input(self) -> bytes:
        """What the signature is over (RFC 7515 section 5.1 step 8)."""
        return f"{self.protected}.{self.payload}".encode("ascii")


def sign(
    payload: bytes, *, typ: str, key: PrivateKey, key_id: str | None = None
) -> str:
    """The compact token of `payload`, with a header of alg, kid and typ only."""
    header: Mapping[str, JsonValue] = {
        "alg": str(key.algorithm),
        "kid": key_id or key.public.key_id,
        "typ": typ,
    }
    protected = base64url_encode(canonical_json(header))
    body = base64url_encode(payload)
    signature = key.sign(f"{protected}.{body}".encode("ascii"))
    return f"{protected}.{body}.{base64url_encode(signature)}"


def parse(token: str) -> Jws:
    """The parts of a compact token; nothing in it is to be believed yet.

    Raises:
        MalformedError: not three base64url parts, or a header with more or less than alg,
            kid and typ.
        OversizedError: longer than `MAX_TOKEN_CHARACTERS`.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise OversizedError("the token is larger than any document of this protocol")
    parts = token.split(".")
    if len(parts) != 3:
        raise MalformedError("the token has not three parts")
    protected, payload, signature = parts
    header = parse_json_object(base64url_decode(protected))
    match header:
        case {"alg": str(algorithm), "kid": str(key_id), "typ": str(typ)} if (
            header.keys() == _KNOWN_HEADERS
        ):
            return Jws(protected, payload, signature, key_id, algorithm, typ)
        case _:
            raise MalformedError(
                "the token's header has other members than alg, kid, typ"
            )


def verify(token: Jws, *, typ: str, key: PublicKey) -> bytes:
    """The payload bytes, if `key` signed them as a token of this type.

    Raises:
        SignatureInvalidError: another type, another algorithm than the key's, or a
            signature that does not verify.
        MalformedError: payload or signature are not base64url.
    """
    if token.type != typ:
        raise SignatureInvalidError(f"the token is not of the type {typ}")
    if token.algorithm != key.algorithm:
        raise SignatureInvalidError(
            "the token names another algorithm than its key has"
        )
    payload = base64url_decode(token.payload)
    key.verify(base64url_decode(token.signature), token.signing_input)
    return payload
