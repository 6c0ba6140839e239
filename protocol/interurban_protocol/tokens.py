"""Compact JSON Web Signatures of other issuers: VC-JWT and SD-JWT, as strictly as they allow.

`jws` is for our own tokens, whose header is fixed. Others may leave out `kid`, say `cty`, and
name Ed25519 by its old name `EdDSA`. Everything else stays refused: `crit`, keys or addresses
of keys in the header (`jwk`, `x5u`, `jku`, ...), other algorithms, and every character
outside base64url. The key comes from trust, and its algorithm has to be the header's.
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
    UnsupportedError,
)
from interurban_protocol.keys import Algorithm, PrivateKey, PublicKey

MAX_CHARACTERS = 500_000
_HEADERS = frozenset({"alg", "kid", "typ", "cty"})
_ALGORITHMS = {
    "EdDSA": Algorithm.ED25519,
    "Ed25519": Algorithm.ED25519,
    "ES256": Algorithm.ES256,
}
_NAMES = {Algorithm.ED25519: "EdDSA", Algorithm.ES256: "ES256"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that was read and **not verified**."""

    signing_input: bytes
    signature: bytes
    algorithm: Algorithm
    typ: str | None
    key_id: str | None
    payload: Mapping[str, JsonValue]

    def verify(self, key: PublicKey) -> None:
        """Return if `key` signed the token.

        Raises:
            SignatureInvalidError: it did not, or is of another algorithm.
        """
        if key.algorithm is not self.algorithm:
            raise SignatureInvalidError(
                "the token names another algorithm than its key"
            )
        key.verify(self.signature, self.signing_input)


def parse_token(text: str) -> Token:
    """The parts of a compact token.

    Raises:
        MalformedError: not three base64url parts of JSON.
        UnsupportedError: an algorithm or header member that is not known.
        OversizedError: longer than `MAX_CHARACTERS`.
    """
    if len(text) > MAX_CHARACTERS:
        raise OversizedError("the token is larger than any credential")
    parts = text.split(".")
    if len(parts) != 3:
        raise MalformedError("the token has not three parts")
    header = parse_json_object(base64url_decode(parts[0]))
    if header.keys() - _HEADERS:
        raise UnsupportedError("the token's header has members that are not accepted")
    if not all(isinstance(value, str) for value in header.values()):
        raise MalformedError("the token's header has a member that is not a text")
    name = str(header.get("alg"))
    if name not in _ALGORITHMS:
        raise UnsupportedError("the token is signed with an algorithm not known here")
    return Token(
        signing_input=f"{parts[0]}.{parts[1]}".encode("ascii"),
        signature=base64url_decode(parts[2]),
        algorithm=_ALGORITHMS[name],
        typ=_text(header, "typ"),
        key_id=_text(header, "kid"),
        payload=parse_json_object(base64url_decode(parts[1])),
    )


def sign_token(
    payload: Mapping[str, JsonValue],
    key: PrivateKey,
    *,
    typ: str,
    key_id: str | None = None,
    cty: str | None = None,
) -> str:
    """The compact token of `payload`."""
    optional = {"kid": key_id, "cty": cty}
    header: Mapping[str, JsonValue] = {
        "alg": _NAMES[key.algorithm],
        "typ": typ,
        **{name: value for name, value in optional.items() if value is not None},
    }
    parts = [base64url_encode(canonical_json(each)) for each in (header, payload)]
    signing_input = ".".join(parts)
    return (
        f"{signing_input}.{base64url_encode(key.sign(signing_input.encode('ascii')))}"
    )


def _text(header: Mapping[str, JsonValue], name: str) -> str | None:
    value = header.get(name)
    return value if isinstance(value, str) else None
