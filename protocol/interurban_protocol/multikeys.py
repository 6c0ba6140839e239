"""Keys as text: multibase, Multikey and `did:key` (W3C Controlled Identifiers 1.0).

A Multikey is `z`, and in base58btc a prefix that tells the kind of key, and the key: Ed25519
as it is (`z6Mk...`), P-256 as a compressed point (`zDna...`). Only these two exist here.
"""

from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from interurban_protocol.errors import MalformedError, UnsupportedError
from interurban_protocol.keys import Algorithm, PublicKey

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIXES: Final = {
    Algorithm.ED25519: bytes.fromhex("ed01"),
    Algorithm.ES256: bytes.fromhex("8024"),
}
_MAX_CHARACTERS = 128  # a signature has 87 to 89; longer ones cost quadratic time
DID_KEY: Final = "did:key:"


def multibase_encode(data: bytes) -> str:
    """`z` and base58btc."""
    return "z" + base58btc_encode(data)


def multibase_decode(text: str) -> bytes:
    """The bytes behind `multibase_encode`.

    Raises:
        MalformedError: another base, a character outside the alphabet, or far too long.
    """
    if not text.startswith("z") or len(text) > _MAX_CHARACTERS:
        raise MalformedError("the text is not multibase in base58btc")
    return base58btc_decode(text[1:])


def multikey(key: PublicKey) -> str:
    """The key as a Multikey's `publicKeyMultibase`."""
    return multibase_encode(_PREFIXES[key.algorithm] + _material(key))


@lru_cache(maxsize=1024)
def parse_multikey(text: str) -> PublicKey:
    """The key in a `publicKeyMultibase`.

    Raises:
        MalformedError: no multibase, or no key of its kind.
        UnsupportedError: another kind of key.
    """
    data = multibase_decode(text)
    for algorithm, prefix in _PREFIXES.items():
        if data.startswith(prefix):
            return _public_key(algorithm, data.removeprefix(prefix))
    raise UnsupportedError("the Multikey is neither an Ed25519 nor a P-256 key")


def did_key(key: PublicKey) -> str:
    """The identifier that is this key."""
    return DID_KEY + multikey(key)


def did_key_method(key: PublicKey) -> str:
    """How a proof by the holder of `did_key` names the key."""
    return f"{did_key(key)}#{multikey(key)}"


def parse_did_key(identifier: str) -> PublicKey:
    """The key of a `did:key`, or of the verification method in it.

    Raises:
        MalformedError: no `did:key`, or a fragment that names another key.
        UnsupportedError: another kind of key.
    """
    did, hash_sign, fragment = identifier.partition("#")
    text = did.removeprefix(DID_KEY)
    if not did.startswith(DID_KEY) or (hash_sign and fragment != text):
        raise MalformedError("the identifier is not a did:key")
    return parse_multikey(text)


def base58btc_encode(data: bytes) -> str:
    """Base58 with the Bitcoin alphabet; each leading zero byte is a `1`."""
    zeros = len(data) - len(data.lstrip(b"\0"))
    number, digits = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return "1" * zeros + digits


def base58btc_decode(text: str) -> bytes:
    """The bytes behind `base58btc_encode`.

    Raises:
        MalformedError: a character outside the alphabet.
    """
    number = 0
    for character in text:
        digit = _BASE58.find(character)
        if digit < 0:
            raise MalformedError("the text is not base58btc")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def _material(key: PublicKey) -> bytes:
    if key.algorithm is Algorithm.ED25519:
        return key.material
    point = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), b"\x04" + key.material
    )
    return point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def _public_key(algorithm: Algorithm, data: bytes) -> PublicKey:
    if algorithm is Algorithm.ES256:
        data = _uncompressed(data)
    key = PublicKey(algorithm, data)
    if len(data) != (32 if algorithm is Algorithm.ED25519 else 64):
        raise MalformedError("the Multikey holds no key of its kind")
    key.check_material()
    return key


def _uncompressed(data: bytes) -> bytes:
    if len(data) != 33:
        raise MalformedError("the Multikey holds no key of its kind")
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except ValueError as error:
        raise MalformedError("the Multikey holds no key of its kind") from error
    encoded = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return encoded[1:]
