"""Keys: what each may sign, when, and how it is read aloud."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.encoding import base64url_encode
from interurban_protocol.errors import (
    MalformedError,
    SignatureInvalidError,
    UnknownKeyError,
    WrongKeyError,
)
from interurban_protocol.keys import (
    Algorithm,
    KeySet,
    PrivateKey,
    PublicKey,
    Purpose,
    fingerprint_words,
    normal_words,
)
from tests.support.credentials import NOW, a_key, published, random_bytes

ALGORITHMS = list(Algorithm)
KEYS = [a_key("one", algorithm) for algorithm in ALGORITHMS]
ED25519, ES256 = KEYS

# RFC 8037 appendix A: the key of A.1 and its thumbprint in A.3
RFC8037 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}


@pytest.mark.parametrize("key", KEYS, ids=ALGORITHMS)
def test_a_signature_verifies_over_its_message_only(key: PrivateKey) -> None:
    signature = key.sign(b"message")
    assert len(signature) == 64
    key.public.verify(signature, b"message")
    with pytest.raises(SignatureInvalidError):
        key.public.verify(signature, b"another")


@pytest.mark.parametrize("key", KEYS, ids=ALGORITHMS)
@pytest.mark.parametrize(
    "tamper",
    [
        lambda signature: b"",
        lambda signature: signature[:-1],
        lambda signature: signature + b"\0",
        lambda signature: bytes(64),
        lambda signature: b"\xff" * 64,
        lambda signature: signature[32:] + signature[:32],
        lambda signature: bytes([signature[0] ^ 1]) + signature[1:],
        lambda signature: signature[:-1] + bytes([signature[-1] ^ 1]),
        lambda signature: a_key("two").sign(b"message"),
    ],
)
def test_a_tampered_signature_is_refused(key: PrivateKey, tamper: Any) -> None:
    with pytest.raises(SignatureInvalidError):
        key.public.verify(tamper(key.sign(b"message")), b"message")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(random=st.binary(min_size=48, max_size=48))
def test_a_key_comes_back_from_its_files(algorithm: Algorithm, random: bytes) -> None:
    key = PrivateKey.from_random(algorithm, random)
    assert PrivateKey.from_pem(key.to_pem()) == key
    assert PublicKey.from_jwk(key.public.jwk()) == key.public


@pytest.mark.parametrize("random", [bytes(48), b"\xff" * 48])
def test_every_random_value_makes_a_p256_key(random: bytes) -> None:
    key = PrivateKey.from_random(Algorithm.ES256, random)
    key.public.verify(key.sign(b"x"), b"x")


def test_a_key_needs_48_random_bytes() -> None:
    with pytest.raises(ValueError, match="48"):
        PrivateKey.from_random(Algorithm.ED25519, bytes(32))


def test_the_key_id_is_the_thumbprint_of_rfc_8037() -> None:
    key = PublicKey.from_jwk(RFC8037)
    assert key.key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("key", KEYS, ids=ALGORITHMS)
def test_a_private_key_does_not_print_itself(key: PrivateKey) -> None:
    assert key.seed.hex() not in repr(key)
    assert repr(key.seed) not in repr(key)
    assert key.public.key_id in repr(key)


BAD_JWKS: dict[str, Any] = {
    "nothing": {},
    "another curve": {**RFC8037, "crv": "Ed448"},
    "a private member": {**RFC8037, "d": RFC8037["x"]},
    "a use": {**RFC8037, "use": "enc"},
    "padding": {**RFC8037, "x": RFC8037["x"] + "="},
    "too short": {**RFC8037, "x": RFC8037["x"][:-2] + "A"},
    "too long": {**RFC8037, "x": base64url_encode(bytes(33))},
    "a number": {**RFC8037, "x": 5},
    "symmetric": {"kty": "oct", "k": "AAAA"},
    "RSA": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    "P-256 off the curve": {
        **ES256.public.jwk(),
        "y": base64url_encode(bytes(31) + b"\1"),
    },
    "P-256 at infinity": {
        **ES256.public.jwk(),
        "x": base64url_encode(bytes(32)),
        "y": base64url_encode(bytes(32)),
    },
    "P-256 without y": {
        name: value for name, value in ES256.public.jwk().items() if name != "y"
    },
    "P-256 with a short x": {**ES256.public.jwk(), "x": base64url_encode(b"x" * 31)},
    "P-256 with its parts shifted": {
        **ES256.public.jwk(),
        "x": base64url_encode(ES256.public.material[:31]),
        "y": base64url_encode(ES256.public.material[31:]),
    },
}


@pytest.mark.parametrize("jwk", BAD_JWKS.values(), ids=BAD_JWKS)
def test_what_is_no_public_key_of_ours_is_refused(jwk: Any) -> None:
    with pytest.raises(MalformedError):
        PublicKey.from_jwk(jwk)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("material", [b"", bytes(31), bytes(65), b"\xff" * 64])
def test_material_that_is_no_key_is_refused(
    algorithm: Algorithm, material: bytes
) -> None:
    with pytest.raises(MalformedError):
        PublicKey(algorithm, material).check_material()


def other_pem(kind: str) -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, x25519

    key: Any = (
        ec.derive_private_key(7, ec.SECP384R1())
        if kind == "P-384"
        else x25519.X25519PrivateKey.from_private_bytes(random_bytes("x", 32))
    )
    protection: Any = serialization.NoEncryption()
    if kind == "encrypted":
        protection = serialization.BestAvailableEncryption(b"secret")
    pem: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )
    return pem


@pytest.mark.parametrize(
    "pem",
    [b"", b"nonsense", other_pem("P-384"), other_pem("X25519"), other_pem("encrypted")],
    ids=["empty", "nonsense", "P-384", "X25519", "encrypted"],
)
def test_a_file_without_a_key_of_ours_is_refused(pem: bytes) -> None:
    with pytest.raises(MalformedError):
        PrivateKey.from_pem(pem)


# --- key sets


def a_set(**changes: Any) -> KeySet:
    return KeySet((published(ED25519, Purpose.DOCUMENTS, **changes),))


def test_a_key_is_found_by_id_purpose_and_time() -> None:
    found = a_set().find(ED25519.public.key_id, Purpose.DOCUMENTS, NOW)
    assert found == ED25519.public


@pytest.mark.parametrize(
    ("changes", "purpose", "error"),
    [
        ({}, Purpose.EXCHANGE, WrongKeyError),
        ({}, Purpose.IDENTITY, WrongKeyError),
        ({"valid_from": NOW + timedelta(seconds=1)}, Purpose.DOCUMENTS, WrongKeyError),
        ({"valid_until": NOW}, Purpose.DOCUMENTS, WrongKeyError),
        ({"compromised_at": NOW}, Purpose.DOCUMENTS, WrongKeyError),
        (
            {"compromised_at": NOW + timedelta(days=9)},
            Purpose.DOCUMENTS,
            WrongKeyError,
        ),
    ],
)
def test_a_key_does_not_count_for_another_purpose_or_time(
    changes: Any, purpose: Purpose, error: type[Exception]
) -> None:
    with pytest.raises(error):
        a_set(**changes).find(ED25519.public.key_id, purpose, NOW)


def test_an_unknown_key_is_not_found() -> None:
    with pytest.raises(UnknownKeyError):
        a_set().find(ES256.public.key_id, Purpose.DOCUMENTS, NOW)


def test_one_key_may_have_two_purposes() -> None:
    keys = KeySet(
        (
            published(ED25519, Purpose.DOCUMENTS),
            published(ED25519, Purpose.EXCHANGE),
        )
    )
    key_id = ED25519.public.key_id
    assert keys.find(key_id, Purpose.EXCHANGE, NOW) == ED25519.public


def test_a_rotated_key_still_counts_for_its_time() -> None:
    keys = a_set(valid_until=NOW)
    before = NOW - timedelta(seconds=1)
    assert keys.find(ED25519.public.key_id, Purpose.DOCUMENTS, before)


def test_the_current_key_is_the_newest_valid_one() -> None:
    new = a_key("new")
    keys = KeySet(
        (
            published(new, Purpose.DOCUMENTS, valid_from=NOW - timedelta(days=1)),
            published(ED25519, Purpose.DOCUMENTS),
            published(a_key("next"), Purpose.DOCUMENTS, valid_from=NOW + timedelta(1)),
            published(a_key("lost"), Purpose.DOCUMENTS, compromised_at=NOW),
            published(a_key("over"), Purpose.DOCUMENTS, valid_until=NOW),
            published(ES256, Purpose.DOCUMENTS),
            published(a_key("exchange"), Purpose.EXCHANGE),
        )
    )
    assert keys.current(Purpose.DOCUMENTS, Algorithm.ED25519, NOW) == new.public
    with pytest.raises(UnknownKeyError):
        keys.current(Purpose.LOG, Algorithm.ED25519, NOW)


# --- fingerprints


def test_a_fingerprint_is_eight_sayable_words() -> None:
    words = fingerprint_words(ED25519.public).split()
    assert len(words) == 8
    for word in words:
        assert len(word) == 5
        assert set(word[::2]) <= set("bdfghjklmnprstvz")
        assert set(word[1::2]) <= set("aiou")


def test_other_keys_have_other_words() -> None:
    words = {fingerprint_words(a_key(f"key {number}").public) for number in range(200)}
    assert len(words) == 200


def test_words_are_compared_as_people_type_them() -> None:
    words = fingerprint_words(ED25519.public)
    typed = "  " + words.upper().replace(" ", "-", 3).replace(" ", "   ") + "\n"
    assert normal_words(typed) == words
