"""Keys, what each may be used for, and when.

* Two algorithms: Ed25519 (RFC 8032) and ES256 (ECDSA on P-256, signatures as r and s joined).
* A key id is the RFC 7638 thumbprint of the public JWK, so nobody can choose one.
* A `KeySet` is the published history of a node's keys. A key counts for one purpose, from
  `valid_from` until `valid_until`; a key that was *compromised* counts for nothing that
  cannot be shown to be older by other evidence, while a key that was merely rotated goes on
  verifying what it signed in its time.
* A fingerprint is eight pronounceable words over the identity key, to be read on the phone.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from interurban_protocol.encoding import (
    base64url_decode,
    base64url_encode,
    canonical_json,
)
from interurban_protocol.errors import (
    MalformedError,
    SignatureInvalidError,
    UnknownKeyError,
    WrongKeyError,
)

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_CONSONANTS = "bdfghjklmnprstvz"  # sixteen, four bits each
_VOWELS = "aiou"  # four, two bits each
FINGERPRINT_WORDS = 8  # of 16 bits: 128 bits, out of reach for a search


class Algorithm(StrEnum):
    """Signature algorithms, by their JOSE names (RFC 9864, RFC 7518)."""

    ED25519 = "Ed25519"
    ES256 = "ES256"


class Purpose(StrEnum):
    """What a key may sign. A signature under another purpose is refused."""

    IDENTITY = "identity"  # descriptors only; kept offline
    EXCHANGE = "exchange"  # HTTP requests and responses
    DOCUMENTS = "documents"  # agreements, plans, releases, questions, notices, receipts
    CREDENTIALS = "credentials"  # certificates (Ed25519) and references (P-256)
    STATUS = "status"  # status lists
    LOG = "log"  # checkpoints


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that verifies signatures; equal when the key material is equal."""

    algorithm: Algorithm
    material: bytes  # Ed25519: 32 bytes; P-256: x and y joined, 64 bytes

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, str]) -> "PublicKey":
        """The key in an RFC 7517/8037 public JWK.

        Raises:
            MalformedError: another kind of key, private members, or a point off the curve.
        """
        match jwk:
            case {"kty": "OKP", "crv": "Ed25519", "x": str(x), **rest} if not rest:
                key = cls(Algorithm.ED25519, base64url_decode(x))
            case {"kty": "EC", "crv": "P-256", "x": str(x), "y": str(y), **rest} if (
                not rest
            ):
                key = cls(Algorithm.ES256, _coordinate(x) + _coordinate(y))
            case _:
                raise MalformedError("the JWK is no public Ed25519 or P-256 key")
        key.check_material()
        return key

    def check_material(self) -> None:
        """Refuse material that is no key of its algorithm.

        Raises:
            MalformedError: wrong length, or a point that is not on the curve.
        """
        try:
            self._verifier()
        except ValueError as error:
            raise MalformedError("the JWK holds no key of its kind") from error

    def jwk(self) -> dict[str, str]:
        """The public JWK with its required members only."""
        if self.algorithm is Algorithm.ED25519:
            return {
                "crv": "Ed25519",
                "kty": "OKP",
                "x": base64url_encode(self.material),
            }
        x, y = self.material[:32], self.material[32:]
        return {
            "crv": "P-256",
            "kty": "EC",
            "x": base64url_encode(x),
            "y": base64url_encode(y),
        }

    @property
    def key_id(self) -> str:
        """The RFC 7638 thumbprint, base64url of SHA-256."""
        return _thumbprint(self)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if `signature` over `message` is by this key.

        Raises:
            SignatureInvalidError: it is not.
        """
        try:
            self._verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise SignatureInvalidError("the signature does not verify") from error

    def _verify(self, signature: bytes, message: bytes) -> None:
        verifier = self._verifier()
        if isinstance(verifier, Ed25519PublicKey):
            verifier.verify(signature, message)
            return
        if len(signature) != 64:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        if not (0 < r < _P256_ORDER and 0 < s < _P256_ORDER):
            raise InvalidSignature
        der = encode_dss_signature(r, s)
        verifier.verify(der, message, ec.ECDSA(hashes.SHA256()))

    def _verifier(self) -> Ed25519PublicKey | ec.EllipticCurvePublicKey:
        return _verifier(self.algorithm, self.material)


def _coordinate(text: str) -> bytes:
    value = base64url_decode(text)
    if len(value) != 32:  # a byte moved from one to the other would make the same point
        raise MalformedError("a coordinate of a P-256 key has 32 bytes")
    return value


@lru_cache(maxsize=1024)
def _thumbprint(key: PublicKey) -> str:
    return base64url_encode(hashlib.sha256(canonical_json(key.jwk())).digest())


@lru_cache(maxsize=1024)
def _verifier(
    algorithm: Algorithm, material: bytes
) -> Ed25519PublicKey | ec.EllipticCurvePublicKey:
    if algorithm is Algorithm.ED25519:
        return Ed25519PublicKey.from_public_bytes(material)
    if len(material) != 64:
        raise ValueError("wrong length")
    return ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), b"\x04" + material
    )


@dataclass(frozen=True)
class PrivateKey:
    """A private key that signs. Never printed: its repr names the key id only."""

    algorithm: Algorithm
    seed: bytes  # 32 bytes: the Ed25519 seed, or the P-256 scalar

    def __repr__(self) -> str:
        return f"PrivateKey({self.algorithm}, {self.public.key_id})"

    @classmethod
    def from_random(cls, algorithm: Algorithm, random_bytes: bytes) -> "PrivateKey":
        """A key from 48 random bytes, so that a P-256 scalar has no bias (FIPS 186-5 A.2.1)."""
        if len(random_bytes) != 48:
            raise ValueError("48 random bytes are needed")
        if algorithm is Algorithm.ED25519:
            return cls(algorithm, random_bytes[:32])
        scalar = int.from_bytes(random_bytes) % (_P256_ORDER - 1) + 1
        return cls(algorithm, scalar.to_bytes(32))

    @classmethod
    def from_pem(cls, pem: bytes) -> "PrivateKey":
        """The key in an unencrypted PKCS #8 file.

        Raises:
            MalformedError: not PKCS #8, or another kind of key.
        """
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise MalformedError("the file holds no PKCS #8 private key") from error
        if isinstance(key, Ed25519PrivateKey):
            return cls(Algorithm.ED25519, key.private_bytes_raw())
        if (
            isinstance(key, ec.EllipticCurvePrivateKey)
            and key.curve.name == "secp256r1"
        ):
            return cls(
                Algorithm.ES256, key.private_numbers().private_value.to_bytes(32)
            )
        raise MalformedError("the file holds a key of another kind")

    def to_pem(self) -> bytes:
        """An unencrypted PKCS #8 file; the caller protects it."""
        return self._signer.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @cached_property
    def public(self) -> PublicKey:
        """The public half."""
        signer = self._signer
        if isinstance(signer, Ed25519PrivateKey):
            return PublicKey(self.algorithm, signer.public_key().public_bytes_raw())
        point = signer.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return PublicKey(self.algorithm, point[1:])

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over `message` (ES256: r and s joined, RFC 7518 3.4)."""
        signer = self._signer
        if isinstance(signer, Ed25519PrivateKey):
            return signer.sign(message)
        r, s = decode_dss_signature(signer.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    @cached_property
    def _signer(self) -> Ed25519PrivateKey | ec.EllipticCurvePrivateKey:
        if self.algorithm is Algorithm.ED25519:
            return Ed25519PrivateKey.from_private_bytes(self.seed)
        return ec.derive_private_key(int.from_bytes(self.seed), ec.SECP256R1())


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedKey:
    """One key in a node's history."""

    key: PublicKey
    purpose: Purpose
    valid_from: datetime
    valid_until: datetime | None = None
    compromised_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeySet:
    """The published keys of one node, past ones included."""

    keys: tuple[PublishedKey, ...]

    def find(self, key_id: str, purpose: Purpose, at: datetime) -> PublicKey:
        """The key with this id, if it could sign for `purpose` at the time `at`.

        Raises:
            UnknownKeyError: the node never announced such a key.
            WrongKeyError: announced for another purpose or time, or compromised.
        """
        entries = [entry for entry in self.keys if entry.key.key_id == key_id]
        if not entries:
            raise UnknownKeyError(
                "the key id is not among the keys that the node announced"
            )
        for entry in entries:
            if entry.purpose is purpose:
                _check_usable(entry, at)
                return entry.key
        raise WrongKeyError(f"the key was not announced for the purpose {purpose}")

    def current(
        self, purpose: Purpose, algorithm: Algorithm, at: datetime
    ) -> PublicKey:
        """The newest key for `purpose` that is valid at `at`.

        Raises:
            UnknownKeyError: there is none.
        """
        usable = [
            entry
            for entry in self.keys
            if entry.purpose is purpose
            and entry.key.algorithm is algorithm
            and entry.compromised_at is None
            and entry.valid_from <= at
            and (entry.valid_until is None or at < entry.valid_until)
        ]
        if not usable:
            raise UnknownKeyError(
                f"the node has no valid {algorithm} key for {purpose}"
            )
        return max(usable, key=lambda entry: entry.valid_from).key


def _check_usable(entry: PublishedKey, at: datetime) -> None:
    if entry.compromised_at is not None:
        raise WrongKeyError("the key was reported as compromised")
    if at < entry.valid_from:
        raise WrongKeyError("the key was not valid yet at that time")
    if entry.valid_until is not None and at >= entry.valid_until:
        raise WrongKeyError("the key was no longer valid at that time")


def fingerprint_words(key: PublicKey) -> str:
    """Eight words for reading a key aloud: 128 bits of SHA-256 over the key id.

    Each word is five letters, consonants and vowels in turn, sayable in most languages, and
    depends on the key alone, so that nobody can choose a field to make two look alike.
    """
    digest = hashlib.sha256(b"interurban fingerprint\0" + key.key_id.encode()).digest()
    numbers = [int.from_bytes(digest[i : i + 2]) for i in range(0, 16, 2)]
    return " ".join(_word(number) for number in numbers[:FINGERPRINT_WORDS])


def normal_words(words: str) -> str:
    """Fingerprint words as typed by a person: lower case, single spaces, no hyphens."""
    return " ".join(words.lower().replace("-", " ").split())


def _word(number: int) -> str:
    parts = (
        _CONSONANTS[number >> 12 & 15],
        _VOWELS[number >> 10 & 3],
        _CONSONANTS[number >> 6 & 15],
        _VOWELS[number >> 4 & 3],
        _CONSONANTS[number & 15],
    )
    return "".join(parts)
