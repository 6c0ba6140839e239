"""W3C vc-di-eddsa: the worked example of `eddsa-jcs-2022`, step by step and both ways."""

import hashlib
import json
from typing import Any

import pytest

from interurban_protocol.credentials import (
    add_proof,
    base58btc_decode,
    base58btc_encode,
    multikey,
    proof_input,
    verify_proof,
)
from interurban_protocol.encoding import canonical_json, parse_json_object, parse_time
from interurban_protocol.errors import (
    InterurbanError,
    MalformedError,
    SignatureInvalidError,
    UnsupportedError,
)
from interurban_protocol.keys import Algorithm, PrivateKey
from tests.support.shared import shared_path


def read(name: str) -> bytes:
    return shared_path(f"vectors/data-integrity/{name}").read_bytes()


def text(name: str) -> str:
    return read(f"eddsa-jcs-2022/{name}.txt").decode("utf-8")


def document(name: str) -> dict[str, Any]:
    return dict(parse_json_object(read(name)))


def the_key() -> PrivateKey:
    """The published test key; its private half is a multibase with the prefix 8026."""
    encoded = json.loads(read("keyPair.json"))["privateKeyMultibase"]
    material = base58btc_decode(encoded.removeprefix("z"))
    assert material[:2] == bytes.fromhex("8026")
    return PrivateKey(Algorithm.ED25519, material[2:])


def options() -> dict[str, Any]:
    return document("eddsa-jcs-2022/proofConfigJCS.json")


def signed() -> dict[str, Any]:
    return document("eddsa-jcs-2022/signedJCS.json")


def test_the_public_key_is_written_as_published() -> None:
    published = json.loads(read("keyPair.json"))["publicKeyMultibase"]
    assert multikey(the_key().public) == published


def test_the_canonical_forms_are_the_published_ones() -> None:
    assert canonical_json(document("unsigned.json")).decode() == text("canonDocJCS")
    assert canonical_json(options()).decode() == text("proofCanonJCS")


def test_the_hashes_are_the_published_ones() -> None:
    unsigned = document("unsigned.json")
    document_hash = hashlib.sha256(canonical_json(unsigned)).hexdigest()
    assert document_hash == text("docHashJCS")
    assert hashlib.sha256(canonical_json(options())).hexdigest() == text("proofHashJCS")
    assert proof_input(unsigned, options()).hex() == text("combinedHashJCS")


def test_the_signature_is_the_published_one() -> None:
    signature = the_key().sign(proof_input(document("unsigned.json"), options()))
    assert signature.hex() == text("sigHexJCS")
    assert "z" + base58btc_encode(signature) == text("sigBTC58JCS")


def test_adding_a_proof_gives_the_published_credential() -> None:
    made = add_proof(
        document("unsigned.json"),
        the_key(),
        options()["verificationMethod"],
        parse_time(options()["created"]),
    )
    assert made == signed()


def test_the_published_credential_verifies() -> None:
    verify_proof(signed(), the_key().public)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", "https://vc.example/issuers/0000"),
        ("@context", []),
        ("name", "Another credential"),
        ("added", 1),
    ],
)
def test_a_changed_credential_does_not_verify(name: str, value: Any) -> None:
    with pytest.raises(SignatureInvalidError):
        verify_proof({**signed(), name: value}, the_key().public)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("created", "2023-02-24T23:36:39Z", SignatureInvalidError),
        ("verificationMethod", "did:key:z6Mk", SignatureInvalidError),
        ("@context", "https://www.w3.org/ns/credentials/v2", SignatureInvalidError),
        ("proofPurpose", "authentication", MalformedError),
        ("cryptosuite", "eddsa-rdfc-2022", UnsupportedError),
        ("proofValue", "z2HnFSSPP", SignatureInvalidError),
    ],
)
def test_a_changed_proof_does_not_verify(
    name: str, value: Any, error: type[InterurbanError]
) -> None:
    tampered = {**signed(), "proof": {**signed()["proof"], name: value}}
    with pytest.raises(InterurbanError) as caught:
        verify_proof(tampered, the_key().public)
    assert type(caught.value) is error


def test_a_proof_without_context_is_verified_as_it_is() -> None:
    """Adding the document's context on verification would break with other issuers."""
    bare = {name: value for name, value in options().items() if name != "@context"}
    unsigned = document("unsigned.json")
    value = "z" + base58btc_encode(the_key().sign(proof_input(unsigned, bare)))
    verify_proof({**unsigned, "proof": {**bare, "proofValue": value}}, the_key().public)


@pytest.mark.parametrize(
    "name",
    [
        "eddsa-rdfc-2022/signedDataInt.json",
        "eddsa-rdfc-2022/employ/signedDataInt.json",
    ],
)
def test_the_other_suite_is_not_taken_for_this_one(name: str) -> None:
    with pytest.raises(UnsupportedError):
        verify_proof(document(name), the_key().public)
