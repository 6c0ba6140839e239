"""Compact tokens: the header is compared, never obeyed; and a library agrees with us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, OKPKey

from interurban_protocol import jws
from interurban_protocol.encoding import base64url_encode, canonical_json
from interurban_protocol.errors import (
    InterurbanError,
    MalformedError,
    OversizedError,
    SignatureInvalidError,
)
from interurban_protocol.keys import Algorithm, PrivateKey
from tests.support.credentials import a_key

ALGORITHMS = list(Algorithm)
KEYS = {algorithm: a_key("signer", algorithm) for algorithm in ALGORITHMS}
TYP = "interurban-test+jws"
PAYLOAD = b'{"a":1}'
ED25519 = KEYS[Algorithm.ED25519]


def accept(token: str, key: PrivateKey = ED25519, typ: str = TYP) -> bytes:
    return jws.verify(jws.parse(token), typ=typ, key=key.public)


@pytest.mark.parametrize("key", KEYS.values(), ids=ALGORITHMS)
@given(payload=st.binary(max_size=100))
def test_what_was_signed_comes_back(key: PrivateKey, payload: bytes) -> None:
    assert accept(jws.sign(payload, typ=TYP, key=key), key) == payload


def test_the_header_says_algorithm_key_and_type_and_nothing_else() -> None:
    parsed = jws.parse(jws.sign(PAYLOAD, typ=TYP, key=ED25519))
    assert (parsed.algorithm, parsed.key_id, parsed.type) == (
        "Ed25519",
        ED25519.public.key_id,
        TYP,
    )


def test_a_key_may_go_by_another_name() -> None:
    token = jws.sign(PAYLOAD, typ=TYP, key=ED25519, key_id="did:web:x#1")
    assert jws.parse(token).key_id == "did:web:x#1"
    assert accept(token) == PAYLOAD


# --- tampering


def forged(header: object, payload: bytes = PAYLOAD) -> str:
    """A token with any header, signed over exactly that header."""
    protected = base64url_encode(
        header if isinstance(header, bytes) else canonical_json(header)  # type: ignore[arg-type] - what is tested
    )
    body = base64url_encode(payload)
    signature = ED25519.sign(f"{protected}.{body}".encode())
    return f"{protected}.{body}.{base64url_encode(signature)}"


KID = ED25519.public.key_id
GOOD = {"alg": "Ed25519", "kid": KID, "typ": TYP}
TOKEN = jws.sign(PAYLOAD, typ=TYP, key=ED25519)
HEADER, BODY, SIGNATURE = TOKEN.split(".")

TAMPERED: dict[str, tuple[str, type[InterurbanError]]] = {
    "nothing": ("", MalformedError),
    "dots": ("..", MalformedError),
    "two parts": (f"{HEADER}.{BODY}", MalformedError),
    "four parts": (f"{TOKEN}.", MalformedError),
    "five parts": (f"{TOKEN}.a.b", MalformedError),
    "a padded header": (f"{HEADER}=.{BODY}.{SIGNATURE}", MalformedError),
    "a padded payload": (f"{HEADER}.{BODY}=.{SIGNATURE}", MalformedError),
    "a padded signature": (f"{TOKEN}==", MalformedError),
    "a line end": (f"{TOKEN}\n", MalformedError),
    "a space": (f" {TOKEN}", MalformedError),
    "standard base64": (f"{HEADER}.{BODY}.{'+' * 86}", MalformedError),
    "foreign characters": (f"{HEADER}.{BODY}.ä", MalformedError),
    "half a surrogate": (f"{HEADER}.\ud800.{SIGNATURE}", MalformedError),
    "no signature": (f"{HEADER}.{BODY}.", SignatureInvalidError),
    "half a signature": (f"{HEADER}.{BODY}.{SIGNATURE[:43]}", MalformedError),
    "another payload": (f"{HEADER}.e30.{SIGNATURE}", SignatureInvalidError),
    "no payload": (f"{HEADER}..{SIGNATURE}", SignatureInvalidError),
    "the signature of another": (
        f"{HEADER}.{BODY}.{jws.sign(b'x', typ=TYP, key=ED25519).split('.')[2]}",
        SignatureInvalidError,
    ),
    "another type": (jws.sign(PAYLOAD, typ="JWT", key=ED25519), SignatureInvalidError),
    "another key": (jws.sign(PAYLOAD, typ=TYP, key=a_key("x")), SignatureInvalidError),
    "another algorithm": (
        jws.sign(PAYLOAD, typ=TYP, key=KEYS[Algorithm.ES256]),
        SignatureInvalidError,
    ),
    "the other algorithm's name": (
        forged({**GOOD, "alg": "ES256"}),
        SignatureInvalidError,
    ),
    "the older name of the algorithm": (
        forged({**GOOD, "alg": "EdDSA"}),
        SignatureInvalidError,
    ),
    "alg none": (forged({**GOOD, "alg": "none"}), SignatureInvalidError),
    "alg HS256": (forged({**GOOD, "alg": "HS256"}), SignatureInvalidError),
    "no type": (forged({"alg": "Ed25519", "kid": KID}), MalformedError),
    "no key id": (forged({"alg": "Ed25519", "typ": TYP}), MalformedError),
    "a key in the header": (
        forged({**GOOD, "jwk": ED25519.public.jwk()}),
        MalformedError,
    ),
    "an address in the header": (forged({**GOOD, "jku": "https://x"}), MalformedError),
    "a critical member": (forged({**GOOD, "crit": ["b64"]}), MalformedError),
    "an unencoded payload": (forged({**GOOD, "b64": False}), MalformedError),
    "a member twice": (
        forged(canonical_json(GOOD).replace(b'{"alg"', b'{"typ":"x","alg"')),
        MalformedError,
    ),
    "a number as the key id": (forged({**GOOD, "kid": 1}), MalformedError),
    "a header that is a list": (forged([GOOD]), MalformedError),
    "a header that is no JSON": (forged(b"alg"), MalformedError),
    "a header that is not UTF-8": (forged(b"\xff\xff\xff"), MalformedError),
    "a deep header": (forged(b"[" * 100_000), OversizedError),
    "a very long token": ("a" * (jws.MAX_TOKEN_CHARACTERS + 1), OversizedError),
}


@pytest.mark.parametrize(("token", "error"), TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_token_is_refused(token: str, error: type[InterurbanError]) -> None:
    with pytest.raises(InterurbanError) as caught:
        accept(token)
    assert type(caught.value) is error


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_a_changed_character_is_always_found(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    if changed == TOKEN:
        return
    with pytest.raises(InterurbanError):
        accept(changed)


@given(st.text(alphabet=st.characters()))
def test_any_text_is_refused_with_our_error(text: str) -> None:
    with pytest.raises(MalformedError):
        jws.parse(text)


# --- a second implementation


def joserfc_key(key: PrivateKey) -> OKPKey | ECKey:
    jwk = {**key.public.jwk(), "d": base64url_encode(key.seed)}
    if key.algorithm is Algorithm.ED25519:
        return OKPKey.import_key(jwk)
    return ECKey.import_key(jwk)


@pytest.mark.parametrize("key", KEYS.values(), ids=ALGORITHMS)
def test_joserfc_accepts_ours(key: PrivateKey) -> None:
    token = jws.sign(PAYLOAD, typ=TYP, key=key)
    read = joserfc_jws.deserialize_compact(
        token, joserfc_key(key), algorithms=[str(key.algorithm)]
    )
    assert read.payload == PAYLOAD
    assert read.protected == {
        "alg": str(key.algorithm),
        "kid": key.public.key_id,
        "typ": TYP,
    }


@pytest.mark.parametrize("key", KEYS.values(), ids=ALGORITHMS)
def test_we_accept_joserfc(key: PrivateKey) -> None:
    header = {"typ": TYP, "alg": str(key.algorithm), "kid": key.public.key_id}
    token = joserfc_jws.serialize_compact(
        header, PAYLOAD, joserfc_key(key), algorithms=[str(key.algorithm)]
    )
    assert accept(token, key) == PAYLOAD


def test_both_make_the_same_ed25519_token() -> None:
    theirs = joserfc_jws.serialize_compact(
        GOOD, PAYLOAD, joserfc_key(ED25519), algorithms=["Ed25519"]
    )
    assert theirs == TOKEN
