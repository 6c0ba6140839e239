"""Keys as Multikey, `did:key` and `did:web`, and who is trusted with which."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.credential_trust import (
    DocumentKeys,
    PinnedKeys,
    carried_key,
    trust_in,
)
from interurban_protocol.data_integrity import ProofPurpose
from interurban_protocol.did_documents import (
    did_key_document,
    did_web_address,
    parse_did_document,
)
from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import (
    InterurbanError,
    MalformedError,
    UnknownKeyError,
    UnsupportedError,
    WrongKeyError,
)
from interurban_protocol.keys import Algorithm, PrivateKey, Purpose
from interurban_protocol.multikeys import (
    base58btc_decode,
    base58btc_encode,
    did_key,
    did_key_method,
    multibase_decode,
    multikey,
    parse_did_key,
    parse_multikey,
)
from interurban_protocol.node_descriptors import did_document
from tests.support.credentials import (
    CERTIFICATES,
    DOCUMENTS,
    NOW,
    REFERENCES,
    STATUS,
    lakeside,
)

DID = "did:web:lakeside.example"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"\0", "1"),
        (b"\0\0\x01", "112"),
        (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
        (b"\x00\x00(\x7f\xb4\xcd", "11233QC4"),
    ],
)
def test_base58_agrees_with_the_published_examples(data: bytes, text: str) -> None:
    assert base58btc_encode(data) == text
    assert base58btc_decode(text) == data


@given(st.binary(max_size=80))
def test_base58_gives_back_what_was_written(data: bytes) -> None:
    assert base58btc_decode(base58btc_encode(data)) == data


@given(st.binary(min_size=48, max_size=48), st.sampled_from(Algorithm))
def test_a_multikey_gives_back_the_key(chance: bytes, algorithm: Algorithm) -> None:
    key = PrivateKey.from_random(algorithm, chance).public
    assert multikey(key).startswith("z6Mk" if algorithm is Algorithm.ED25519 else "zDn")
    assert parse_multikey(multikey(key)) == key
    assert parse_did_key(did_key_method(key)) == key


GOOD = multikey(CERTIFICATES.public)
P256 = multikey(REFERENCES.public)


def of(prefix: str, data: bytes) -> str:
    return "z" + base58btc_encode(bytes.fromhex(prefix) + data)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", MalformedError),
        (GOOD[1:], MalformedError),
        ("u" + GOOD[1:], MalformedError),
        ("z0OIl", MalformedError),
        ("z" * 200, MalformedError),
        (of("ed01", b"\1" * 31), MalformedError),
        (of("ed01", b"\1" * 33), MalformedError),
        (of("8024", b"\2" * 32), MalformedError),
        (of("8024", b"\4" + b"\1" * 64), MalformedError),
        (of("8024", b"\2" + b"\xff" * 32), MalformedError),
        (of("ec01", b"\1" * 32), UnsupportedError),
        (of("1205", b"\1" * 32), UnsupportedError),
    ],
)
def test_another_text_is_no_multikey(text: str, error: type[InterurbanError]) -> None:
    with pytest.raises(InterurbanError) as caught:
        parse_multikey(text)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "identifier",
    [
        f"did:key:{GOOD}#{P256}",
        f"did:key:{GOOD}#",
        f"did:web:{GOOD}",
        GOOD,
        f"did:key:{GOOD} ",
        "did:key:",
    ],
)
def test_another_identifier_is_no_did_key(identifier: str) -> None:
    with pytest.raises(MalformedError):
        parse_did_key(identifier)


@pytest.mark.parametrize(
    ("did", "address"),
    [
        (DID, "https://lakeside.example/.well-known/did.json"),
        ("did:web:a.example%3A8443", "https://a.example:8443/.well-known/did.json"),
        ("did:web:a.example:x:y", "https://a.example/x/y/did.json"),
    ],
)
def test_the_address_of_a_did_web_is_known(did: str, address: str) -> None:
    assert did_web_address(did) == address


@pytest.mark.parametrize(
    "did",
    [
        "did:key:z6Mk",
        "did:web:",
        "did:web:a.example::x",
        "did:web:a.example%2Fx",
        "did:web:user%40evil.example",
        "did:web:a.example:..%2f..",
        "did:web:a.example%23",
    ],
)
def test_an_address_hidden_in_a_did_web_is_refused(did: str) -> None:
    with pytest.raises(MalformedError):
        did_web_address(did)


def our_document() -> bytes:
    return canonical_json(did_document(lakeside()))


def test_our_own_document_lists_our_keys() -> None:
    document = parse_did_document(our_document(), DID)
    for key in (CERTIFICATES, REFERENCES, STATUS, DOCUMENTS):
        method = f"{DID}#{key.public.key_id}"
        assert document.key(method, ProofPurpose.ASSERTION) == key.public
        with pytest.raises(WrongKeyError):
            document.key(method, ProofPurpose.AUTHENTICATION)
    with pytest.raises(UnknownKeyError):
        document.key(f"{DID}#other", ProofPurpose.ASSERTION)


def a_document(*methods: dict[str, Any], **changes: Any) -> bytes:
    value = {
        "id": DID,
        "verificationMethod": list(methods),
        "assertionMethod": [method["id"] for method in methods if "id" in method],
        **changes,
    }
    return json.dumps(value).encode()


def method(name: str = "#k", **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "type": "Multikey",
        "controller": DID,
        "publicKeyMultibase": GOOD,
        **changes,
    }


def jwk(**changes: Any) -> dict[str, Any]:
    value = {**CERTIFICATES.public.jwk(), **changes}
    return {"id": "#k", "controller": DID, "publicKeyJwk": value}


def test_keys_of_other_kinds_and_of_others_are_left_out() -> None:
    document = parse_did_document(
        a_document(
            method("#good"),
            method("#other", publicKeyMultibase=of("1205", b"\1" * 32)),
            method("#theirs", controller="did:web:evil.example"),
            {"id": "#jwk", "controller": DID, "publicKeyJwk": {"kty": "RSA"}},
            {"id": "#odd", "controller": DID, "publicKeyJwk": {"crv": []}},
            {"id": "#none", "controller": DID},
        ),
        DID,
    )
    assert document.methods.keys() == {f"{DID}#good"}


def test_a_key_inside_a_relationship_counts_for_it() -> None:
    document = parse_did_document(
        a_document(assertionMethod=[method(f"{DID}#in")]), DID
    )
    keys = DocumentKeys(document)
    for name in (f"{DID}#in", "#in", "in"):
        assert keys.find(name, Purpose.CREDENTIALS, NOW) == CERTIFICATES.public


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        a_document(id="did:web:evil.example"),
        a_document(verificationMethod={}),
        a_document(assertionMethod="x"),
        a_document(*[method(f"#{number}") for number in range(70)]),
        a_document(method(), method(publicKeyMultibase=P256)),
        a_document(method(publicKeyMultibase="z0")),
        a_document(jwk(d="AAAA")),
        a_document(jwk(use="enc")),
        a_document(jwk(key_ops=["sign"])),
        a_document(jwk(key_ops="verify")),
        a_document(jwk(x="AAAA")),
    ],
)
def test_another_document_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_did_document(data, DID)


def test_a_did_key_is_its_own_document() -> None:
    did = did_key(CERTIFICATES.public)
    document = did_key_document(did)
    for name in (did, did_key_method(CERTIFICATES.public)):
        assert document.key(name, ProofPurpose.ASSERTION) == CERTIFICATES.public


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("xxx:abc", UnknownKeyError),
        (f"http://a.example#{GOOD}", UnknownKeyError),
        (f"{DID}#{GOOD}", UnknownKeyError),
        ("https://a.example#key-1", UnknownKeyError),
        ("https://a.example#z0", MalformedError),
        ("did:key:z0", MalformedError),
    ],
)
def test_a_name_that_carries_no_key_is_refused(
    text: str, error: type[InterurbanError]
) -> None:
    with pytest.raises(InterurbanError) as caught:
        carried_key(text)
    assert type(caught.value) is error


def test_a_key_that_is_carried_is_read() -> None:
    for name in (f"https://a.example#{GOOD}", did_key_method(CERTIFICATES.public)):
        assert carried_key(name) == CERTIFICATES.public


def test_trust_is_in_issuers_by_name() -> None:
    document = parse_did_document(our_document(), DID)
    trust = trust_in(documents=[document], did_keys=[did_key(CERTIFICATES.public)])
    assert trust.knows(DID)
    assert not trust.knows("did:web:harbour.example")
    with pytest.raises(UnknownKeyError):
        trust.key("did:web:harbour.example", "#k", Purpose.CREDENTIALS, NOW)
    pinned = PinnedKeys({"#k": CERTIFICATES.public})
    assert pinned.find("#k", Purpose.CREDENTIALS, NOW) == CERTIFICATES.public
    with pytest.raises(UnknownKeyError):
        pinned.find("#j", Purpose.CREDENTIALS, NOW)


def test_multibase_in_another_base_is_refused() -> None:
    with pytest.raises(MalformedError):
        multibase_decode("f00")
