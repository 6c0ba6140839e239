"""Certificates: made from facts, signed, and refused when anything about them changed."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.credentials import (
    CONTEXTS,
    AchievementCredential,
    CredentialStatus,
    Result,
    VerifiedCredential,
    achievement_credential,
    credential_digest,
    sign_credential,
    verification_method,
    verify_credential,
)
from interurban_protocol.data_integrity import Cryptosuite, proof_input
from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import (
    ExpiredError,
    InterurbanError,
    MalformedError,
    NotYetValidError,
    SignatureInvalidError,
    UnknownKeyError,
    UnsignedError,
    UnsupportedError,
    WrongKeyError,
)
from interurban_protocol.keys import KeySet, Purpose
from interurban_protocol.multikeys import base58btc_encode
from tests.support.credentials import (
    CERTIFICATES,
    DOCUMENTS,
    HARBOUR,
    LAKESIDE,
    NOW,
    REFERENCES,
    RIDGE,
    a_credential,
    a_key,
    lakeside_keys,
    published,
    some_credential_facts,
)

METHOD = verification_method(LAKESIDE, CERTIFICATES.public)


def verify(data: bytes, **changes: Any) -> VerifiedCredential:
    arguments: dict[str, Any] = {
        "issuer": LAKESIDE,
        "keys": lakeside_keys(),
        "at": NOW,
    }
    return verify_credential(data, **{**arguments, **changes})


SUITES = list(Cryptosuite)


def signed(suite: Cryptosuite) -> bytes:
    """A certificate, signed in either suite."""
    document = achievement_credential(some_credential_facts()).to_json()
    return sign_credential(document, CERTIFICATES, METHOD, NOW, suite)


def members(suite: Cryptosuite = Cryptosuite.RDFC) -> dict[str, Any]:
    """The members of a signed certificate, for tampering with."""
    value: dict[str, Any] = json.loads(signed(suite))
    return value


def tampered(path: str, value: Any, suite: Cryptosuite = Cryptosuite.RDFC) -> bytes:
    """The signed certificate with one member changed; `...` removes it."""
    document = members(suite)
    *parents, name = path.split(".")
    target = document
    for parent in parents:
        target = target[parent]
    if value is ...:
        del target[name]
    else:
        target[name] = value
    return canonical_json(document)


def re_signed(path: str, value: Any) -> bytes:
    """The certificate changed first and signed by its issuer afterwards."""
    document = json.loads(tampered(path, value))
    del document["proof"]
    suite = Cryptosuite.JCS  # it takes any document
    return sign_credential(canonical_json(document), CERTIFICATES, METHOD, NOW, suite)


@pytest.mark.parametrize("suite", SUITES)
def test_a_certificate_verifies_and_says_what_it_was_made_from(
    suite: Cryptosuite,
) -> None:
    verified = verify(signed(suite))
    assert verified.issuer == LAKESIDE
    assert verified.key_id == CERTIFICATES.public.key_id
    assert verified.digest == credential_digest(signed(suite))
    expected = achievement_credential(some_credential_facts())
    assert verified.credential == expected


def test_a_certificate_has_the_members_of_open_badges() -> None:
    document = json.loads(
        achievement_credential(
            some_credential_facts(
                subject_id="urn:uuid:7a4c1a7e-3a58-4c8e-9a55-2e6a0b1b8c10",
                valid_until=NOW + timedelta(days=365),
                result=Result(status="Completed", value="82"),
                status=(
                    CredentialStatus(
                        statusListIndex="94567",
                        statusListCredential=f"{LAKESIDE}/vc/status/1",
                    ),
                ),
            )
        ).to_json()
    )
    assert document["@context"] == list(CONTEXTS)
    assert document["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert document["issuer"] == {
        "id": "did:web:lakeside.example",
        "type": ["Profile"],
        "name": "Lakeside",
    }
    assert document["validFrom"] == "2026-05-13T09:30:00Z"
    assert document["validUntil"] == "2027-05-14T09:30:00Z"
    subject = document["credentialSubject"]
    assert subject["id"].startswith("urn:uuid:")
    assert subject["type"] == ["AchievementSubject"]
    assert subject["achievement"]["name"] == document["name"] == "Welding, level 2"
    assert subject["result"] == [
        {"type": ["Result"], "status": "Completed", "value": "82"}
    ]
    assert document["credentialStatus"]["type"] == "BitstringStatusListEntry"


def test_without_a_subject_id_the_certificate_names_nobody() -> None:
    document = json.loads(achievement_credential(some_credential_facts()).to_json())
    assert document["credentialSubject"].keys() == {"type", "achievement"}
    assert "credentialStatus" not in document
    assert "validUntil" not in document


@pytest.mark.parametrize(
    "changes",
    [
        {"credential_id": "not a uri"},
        {"subject_id": "Maria"},
        {"issuer_name": ""},
        {"credential_id": ""},
    ],
)
def test_facts_of_another_form_make_no_certificate(changes: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        achievement_credential(some_credential_facts(**changes))
    assert "Maria" not in caught.value.message


def test_the_layout_of_the_json_does_not_matter() -> None:
    pretty = json.dumps(members(), indent=4, ensure_ascii=False).encode()
    assert pretty != a_credential()
    assert verify(pretty).digest == credential_digest(a_credential())


def test_a_certificate_of_a_node_with_a_port_names_it_encoded() -> None:
    assert verification_method(RIDGE, CERTIFICATES.public).startswith(
        "did:web:ridge.example%3A8443#"
    )


BAD: dict[str, tuple[bytes, type[InterurbanError]]] = {
    "no JSON": (b"welding", MalformedError),
    "a list": (b"[]", MalformedError),
    "a name twice": (
        a_credential().replace(b'{"@context"', b'{"id":"urn:a:b","@context"', 1),
        MalformedError,
    ),
    "signed over another issuer": (
        re_signed("issuer.id", "did:web:harbour.example"),
        UnknownKeyError,
    ),
    "signed with a context to fetch": (
        re_signed("@context", [*CONTEXTS, "https://example.org/more"]),
        UnsupportedError,
    ),
    "signed without a context": (re_signed("@context", ...), UnsupportedError),
    "signed as another type": (
        re_signed("type", ["VerifiableCredential"]),
        UnsupportedError,
    ),
    "signed without an id": (re_signed("id", ...), MalformedError),
    "signed with a date only": (
        re_signed("validFrom", "2026-05-13"),
        MalformedError,
    ),
    "signed for a later day": (
        re_signed("validFrom", "2026-05-14T09:30:01Z"),
        NotYetValidError,
    ),
    "signed until now": (
        re_signed("validUntil", "2026-05-14T09:30:00Z"),
        ExpiredError,
    ),
    "signed with its id in a second place": (
        re_signed("credentialSubject.id", members()["id"]),
        MalformedError,
    ),
    "a proof in JSON without its context": (
        tampered("proof.@context", ..., Cryptosuite.JCS),
        SignatureInvalidError,
    ),
    "a proof in JSON with half the context": (
        tampered("proof.@context", CONTEXTS[0], Cryptosuite.JCS),
        SignatureInvalidError,
    ),
    "a member more in JSON": (
        tampered("evidence", [], Cryptosuite.JCS),
        SignatureInvalidError,
    ),
    "a term that no context defines": (
        tampered("grade", "very good"),
        UnsupportedError,
    ),
}

TWO_PROOFS = [members()["proof"], members()["proof"]]
CHANGED: dict[str, tuple[str, Any, type[InterurbanError]]] = {
    "no proof": ("proof", ..., UnsignedError),
    "two proofs": ("proof", TWO_PROOFS, MalformedError),
    "no proof value": ("proof.proofValue", ..., MalformedError),
    "no time of proof": ("proof.created", ..., MalformedError),
    "an unknown suite": ("proof.cryptosuite", "bbs-2023", UnsupportedError),
    "another type of proof": ("proof.type", "Ed25519Signature2020", MalformedError),
    "another purpose": ("proof.proofPurpose", "authentication", MalformedError),
    "another time of proof": (
        "proof.created",
        "2026-05-14T09:30:01Z",
        SignatureInvalidError,
    ),
    "a time before the key": ("proof.created", "2020-05-14T09:30:01Z", WrongKeyError),
    "another key of the city": (
        "proof.verificationMethod",
        verification_method(LAKESIDE, DOCUMENTS.public),
        WrongKeyError,
    ),
    "a P-256 key": (
        "proof.verificationMethod",
        verification_method(LAKESIDE, REFERENCES.public),
        SignatureInvalidError,
    ),
    "a stranger's key": (
        "proof.verificationMethod",
        verification_method(LAKESIDE, a_key("stranger").public),
        UnknownKeyError,
    ),
    "a key of another city": (
        "proof.verificationMethod",
        verification_method(HARBOUR, CERTIFICATES.public),
        UnknownKeyError,
    ),
    "no key at all": ("proof.verificationMethod", "", UnknownKeyError),
    "hexadecimal value": ("proof.proofValue", "f00", MalformedError),
    "a value outside base58": ("proof.proofValue", "z0OIl", MalformedError),
    "a very long value": ("proof.proofValue", "z" * 200, MalformedError),
    "a short value": ("proof.proofValue", "z1", SignatureInvalidError),
    "an empty value": ("proof.proofValue", "z", SignatureInvalidError),
    "a member more in the proof": ("proof.challenge", "abc", SignatureInvalidError),
    "a proof with another context": (
        "proof.@context",
        ["https://example.org/other"],
        SignatureInvalidError,
    ),
    "a proof with too many contexts": (
        "proof.@context",
        [*CONTEXTS, "https://example.org/more"],
        SignatureInvalidError,
    ),
    "another name": ("name", "Welding, level 3", SignatureInvalidError),
    "another learner": ("credentialSubject.id", "urn:uuid:1", SignatureInvalidError),
    "another achievement": (
        "credentialSubject.achievement.name",
        "Piloting",
        SignatureInvalidError,
    ),
    "a member less": ("name", ..., SignatureInvalidError),
    "another issuer": ("issuer.id", "did:web:x", SignatureInvalidError),
}


def check_refused(data: bytes, error: type[InterurbanError]) -> None:
    with pytest.raises(InterurbanError) as caught:
        verify(data)
    assert type(caught.value) is error


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(("path", "value", "error"), CHANGED.values(), ids=CHANGED)
def test_a_tampered_certificate_is_refused_in_either_suite(
    path: str, value: Any, error: type[InterurbanError], suite: Cryptosuite
) -> None:
    check_refused(tampered(path, value, suite), error)


@pytest.mark.parametrize(("data", "error"), BAD.values(), ids=BAD)
def test_a_tampered_certificate_is_refused(
    data: bytes, error: type[InterurbanError]
) -> None:
    check_refused(data, error)


@pytest.mark.parametrize("suite", SUITES)
def test_a_proof_is_not_taken_for_one_of_the_other_suite(suite: Cryptosuite) -> None:
    (other,) = set(SUITES) - {suite}
    with pytest.raises(InterurbanError):
        verify(tampered("proof.cryptosuite", str(other), suite))


@given(
    st.sampled_from(SUITES),
    st.integers(min_value=0),
    st.integers(min_value=1, max_value=255),
)
def test_a_changed_byte_is_always_found(
    suite: Cryptosuite, place: int, mask: int
) -> None:
    data = bytearray(signed(suite))
    data[place % len(data)] ^= mask
    with pytest.raises(InterurbanError):
        verify(bytes(data))


def test_a_certificate_is_valid_from_its_first_second_on() -> None:
    assert verify(a_credential(valid_from=NOW)).issuer == LAKESIDE


def test_a_certificate_is_not_another_citys() -> None:
    with pytest.raises(UnknownKeyError):
        verify(a_credential(), issuer=HARBOUR)


@pytest.mark.parametrize("suite", SUITES)
def test_the_other_name_of_the_type_is_read_as_well(suite: Cryptosuite) -> None:
    document = members()
    del document["proof"]
    document["type"] = ["VerifiableCredential", "AchievementCredential"]
    data = sign_credential(canonical_json(document), CERTIFICATES, METHOD, NOW, suite)
    assert verify(data).credential.type[1] == "AchievementCredential"


def test_an_expired_proof_is_refused() -> None:
    document = members()
    del document["proof"]
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": "2026-05-14T09:30:00Z",
        "expires": "2026-05-15T09:30:00Z",
        "verificationMethod": METHOD,
        "proofPurpose": "assertionMethod",
    }
    value = "z" + base58btc_encode(
        CERTIFICATES.sign(proof_input(document, options, Cryptosuite.JCS))
    )
    data = canonical_json({**document, "proof": {**options, "proofValue": value}})
    # this proof carries no context, and is verified as it is
    assert verify(data, at=NOW + timedelta(hours=23)).issuer == LAKESIDE
    with pytest.raises(ExpiredError):
        verify(data, at=NOW + timedelta(days=1))


def test_a_certificate_outlives_the_rotation_of_its_key() -> None:
    rotated = KeySet(
        (
            published(
                CERTIFICATES, Purpose.CREDENTIALS, valid_until=NOW + timedelta(days=1)
            ),
        )
    )
    late = NOW + timedelta(days=900)
    assert verify(a_credential(), keys=rotated, at=late).issuer == LAKESIDE
    with pytest.raises(WrongKeyError):
        verify(a_credential(), keys=lakeside_keys(compromised_at=NOW), at=late)


def test_a_certificate_is_signed_once_and_with_an_ed25519_key() -> None:
    with pytest.raises(MalformedError):
        sign_credential(a_credential(), CERTIFICATES, METHOD, NOW)
    with pytest.raises(ValueError, match="Ed25519"):
        sign_credential(b"{}", REFERENCES, METHOD, NOW)


def test_nobody_else_makes_a_verified_certificate() -> None:
    credential = achievement_credential(some_credential_facts())
    with pytest.raises(TypeError):
        VerifiedCredential(credential, LAKESIDE, "", "", object())


def test_a_certificate_comes_back_as_it_was_written() -> None:
    credential = achievement_credential(some_credential_facts())
    assert AchievementCredential.from_json(credential.to_json()) == credential
