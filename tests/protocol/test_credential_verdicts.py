"""Every state that a credential can be in, in every form, and every attack that we know."""

import json
from datetime import timedelta
from typing import Any

import pytest

from interurban_protocol import bitstring_status_lists as bitstrings
from interurban_protocol.contexts import CONFORMANCE, EXAMPLES_V2
from interurban_protocol.credential_trust import CredentialTrust, trust_in
from interurban_protocol.credential_verdicts import (
    ALSO_STALE,
    CURRENT_ONLY,
    CredentialForm,
    CredentialState,
    HeldStatuses,
    RelyingPolicy,
    VerifiedBitstringList,
    VerifiedClaims,
    verify_bitstring_list,
)
from interurban_protocol.data_integrity import (
    Cryptosuite,
    ProofOptions,
    ProofPurpose,
    add_proof,
)
from interurban_protocol.encoding import (
    base64url_decode,
    base64url_encode,
    canonical_json,
)
from interurban_protocol.errors import (
    InterurbanError,
    MalformedError,
    SignatureInvalidError,
    UnknownKeyError,
    UnsupportedError,
    WrongKeyError,
)
from interurban_protocol.keys import KeySet, Purpose
from interurban_protocol.multikeys import did_key, did_key_method
from interurban_protocol.tokens import sign_token
from interurban_protocol.vc_jwt import sign_vc_jwt
from tests.support.certificates import (
    DID,
    INDEX,
    METHOD,
    REVOCATIONS,
    SUITES,
    SUSPENSIONS,
    a_list,
    a_vc_jwt,
    an_sd_jwt,
    held,
    judge,
    list_document,
    of_did_key,
    signed,
    signed_by_did_key,
    status_entries,
    trust,
    unsigned,
)
from tests.support.credentials import (
    CERTIFICATES,
    DOCUMENTS,
    HARBOUR,
    LAKESIDE,
    NOW,
    REFERENCES,
    STATUS,
    a_key,
    lakeside_keys,
    published,
)

State = CredentialState
STRANGER = a_key("stranger")


def with_status(**changes: Any) -> dict[str, Any]:
    return unsigned(credentialStatus=status_entries(), **changes)


def in_form(form: str, document: dict[str, Any]) -> Any:
    if form == "vc+jwt":
        return a_vc_jwt(document)
    return signed(document, Cryptosuite(form))


FORMS = [*map(str, SUITES), "vc+jwt"]


# --- states


@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_with_current_lists_is_fresh(form: str) -> None:
    verdict = judge(in_form(form, with_status()), held=held())
    assert verdict.state is State.FRESH
    assert verdict.proof_verified
    assert verdict.age == timedelta(0)
    assert verdict.claims
    assert verdict.claims.issuer == DID
    assert "OpenBadgeCredential" in verdict.claims.types
    assert verdict.claims.document["name"] == "Welding, level 2"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("lists", "at", "state"),
    [
        (held(), NOW + timedelta(minutes=15), State.FRESH),
        (held(), NOW + timedelta(minutes=16), State.CACHED),
        (held(), NOW + timedelta(hours=24), State.STALE),
        (HeldStatuses(), NOW, State.UNKNOWN_STATUS),
        (held(revoked=(INDEX,)), NOW, State.REVOKED),
        (held(revoked=(INDEX,)), NOW + timedelta(days=9), State.REVOKED),
        (held(suspended=(INDEX,)), NOW, State.SUSPENDED),
        (held(revoked=(INDEX,), suspended=(INDEX,)), NOW, State.REVOKED),
        (held(revoked=(INDEX - 1, INDEX + 1)), NOW, State.FRESH),
    ],
)
def test_the_lists_at_hand_make_the_state(
    form: str, lists: HeldStatuses, at: Any, state: State
) -> None:
    verdict = judge(in_form(form, with_status()), held=lists, at=at)
    assert verdict.state is state
    assert verdict.claims is not None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, State.NO_STATUS),
        ({"validUntil": "2026-05-14T09:30:01Z"}, State.NO_STATUS),
        ({"validUntil": "2026-05-14T09:30:00Z"}, State.EXPIRED),
        ({"validFrom": "2026-05-14T09:30:01Z"}, State.NOT_YET_VALID),
        ({"issuer": "did:web:harbour.example"}, State.UNTRUSTED_ISSUER),
    ],
)
def test_what_a_certificate_says_makes_the_state(
    form: str, changes: dict[str, Any], state: State
) -> None:
    verdict = judge(in_form(form, unsigned(**changes)), held=held())
    assert verdict.state is state


@pytest.mark.parametrize("form", ["eddsa-jcs-2022", "vc+jwt"])
def test_a_status_of_another_type_is_unknown(form: str) -> None:
    document = unsigned(credentialStatus={"type": "Elsewhere"})
    assert judge(in_form(form, document)).state is State.UNKNOWN_STATUS


def test_what_is_no_credential_is_malformed_even_when_signed() -> None:
    document = unsigned(issuer="Lakeside")
    token = sign_token(document, CERTIFICATES, typ="vc+jwt", key_id=METHOD)
    for each in (token, signed(document, Cryptosuite.JCS)):
        assert judge(each).state is State.MALFORMED


def test_a_stale_verdict_says_until_when_it_was_known() -> None:
    at = NOW + timedelta(days=3)
    verdict = judge(signed(with_status()), held=held(), at=at)
    assert (verdict.state, verdict.last_known) == (State.STALE, NOW)
    assert verdict.age == timedelta(days=3)


def test_without_trust_the_text_is_unchanged_and_no_more() -> None:
    verdict = judge(signed_by_did_key(of_did_key()), trust=trust_in())
    assert verdict.state is State.UNTRUSTED_ISSUER
    assert verdict.proof_verified
    assert verdict.claims is None
    changed = {**signed_by_did_key(of_did_key()), "name": "x"}
    assert judge(changed, trust=trust_in()).state is State.INVALID_SIGNATURE


def test_without_trust_and_without_a_key_nothing_is_known() -> None:
    verdict = judge(signed(unsigned()), trust=trust_in())
    assert (verdict.state, verdict.proof_verified) == (State.UNTRUSTED_ISSUER, False)


@pytest.mark.parametrize("suite", SUITES)
def test_two_proofs_count_when_both_verify(suite: Cryptosuite) -> None:
    both = signed(signed(unsigned(), Cryptosuite.RDFC), suite)
    assert len(both["proof"]) == 2
    assert judge(both).state is State.NO_STATUS
    both["proof"][0]["created"] = "2026-05-14T09:30:01Z"
    assert judge(both).state is State.INVALID_SIGNATURE


# --- attacks on documents


def tampered(path: str, value: Any, suite: Cryptosuite = Cryptosuite.RDFC) -> Any:
    document: Any = signed(with_status(), suite)
    *parents, name = path.split(".")
    target = document
    for parent in parents:
        target = target[parent]
    target[name] = value
    return document


def proof_by(key: Any, method: str, **options: Any) -> Any:
    return signed(unsigned(), key=key, method=method, **options)


TEXT = canonical_json(signed(unsigned())).decode()
WITHOUT_PROOF = unsigned()
CHAINED = signed(signed(unsigned()))
CHAINED["proof"][1]["previousProof"] = "urn:a:b"
KEYS_OF_LAKESIDE = f"{DID}#"


ATTACKS: dict[str, tuple[Any, State]] = {
    "nothing": (b"", State.MALFORMED),
    "no JSON": (b"{", State.MALFORMED),
    "no text": (b"\xff\xfe", State.MALFORMED),
    "a list": (b"[]", State.MALFORMED),
    "a member twice": (
        TEXT.replace('"name":', '"name":"x","name":', 1).encode(),
        State.MALFORMED,
    ),
    "a member twice deep inside": (
        TEXT.replace('"narrative":', '"narrative":"x","narrative":').encode(),
        State.MALFORMED,
    ),
    "half of a surrogate pair": (
        TEXT.replace("Welding, level 2", "\\ud800").encode(),
        State.MALFORMED,
    ),
    "an exponent without end": (
        TEXT.replace('"0715"', "1e999").encode(),
        State.MALFORMED,
    ),
    "an integer without end": (
        TEXT.replace('"0715"', "9" * 400).encode(),
        State.MALFORMED,
    ),
    "not a number": (TEXT.replace('"0715"', "NaN").encode(), State.MALFORMED),
    "a number for a text": (
        TEXT.replace('"0715"', "715").encode(),
        State.INVALID_SIGNATURE,
    ),
    "minus zero for a text": (
        TEXT.replace('"0715"', "-0").encode(),
        State.INVALID_SIGNATURE,
    ),
    "very deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, State.MALFORMED),
    "deep": (
        json.dumps(tampered("name", json.loads("[" * 40 + "]" * 40))).encode(),
        State.MALFORMED,
    ),
    "very long": (
        TEXT.replace("Welding", "W" * 600_000).encode(),
        State.MALFORMED,
    ),
    "many members": (
        tampered("type", ["VerifiableCredential"] * 9000),
        State.MALFORMED,
    ),
    "no proof": (WITHOUT_PROOF, State.INVALID_SIGNATURE),
    "a proof of nothing": ({**WITHOUT_PROOF, "proof": {}}, State.MALFORMED),
    "no proofs": ({**WITHOUT_PROOF, "proof": []}, State.MALFORMED),
    "a proof as text": ({**WITHOUT_PROOF, "proof": "z"}, State.MALFORMED),
    "many proofs": (
        {**WITHOUT_PROOF, "proof": [signed(unsigned())["proof"]] * 9},
        State.MALFORMED,
    ),
    "proofs in a chain": (CHAINED, State.UNSUPPORTED),
    "an unknown suite": (
        tampered("proof.cryptosuite", "bbs-2023"),
        State.UNSUPPORTED,
    ),
    "the other suite": (
        tampered("proof.cryptosuite", "eddsa-jcs-2022"),
        State.INVALID_SIGNATURE,
    ),
    "another purpose": (
        proof_by(CERTIFICATES, METHOD, purpose=ProofPurpose.AUTHENTICATION),
        State.UNSUPPORTED,
    ),
    "a context to fetch": (
        tampered("@context", [*unsigned()["@context"], "https://evil.example/c"]),
        State.UNSUPPORTED,
    ),
    "the context of the examples": (
        tampered("@context", [*unsigned()["@context"], EXAMPLES_V2]),
        State.UNSUPPORTED,
    ),
    "a context in the document": (
        tampered("@context", [*unsigned()["@context"], {"name": "urn:a:b"}]),
        State.UNSUPPORTED,
    ),
    "a term that no context defines": (tampered("grade", "A"), State.UNSUPPORTED),
    "a changed expiry": (
        tampered("validUntil", "2099-01-01T00:00:00Z"),
        State.INVALID_SIGNATURE,
    ),
    "a removed status": (
        {**tampered("name", "Welding, level 2"), "credentialStatus": []},
        State.INVALID_SIGNATURE,
    ),
    "a changed index": (
        tampered("credentialStatus", [status_entries()[0]]),
        State.INVALID_SIGNATURE,
    ),
    "a key of another purpose": (
        proof_by(DOCUMENTS, KEYS_OF_LAKESIDE + DOCUMENTS.public.key_id),
        State.WRONG_KEY,
    ),
    "a key before its time": (
        proof_by(CERTIFICATES, METHOD, created=NOW - timedelta(days=900)),
        State.WRONG_KEY,
    ),
    "a proof from the future": (
        proof_by(CERTIFICATES, METHOD, created=NOW + timedelta(minutes=6)),
        State.NOT_YET_VALID,
    ),
    "an ended proof": (
        proof_by(CERTIFICATES, METHOD, expires=NOW),
        State.EXPIRED,
    ),
    "a stranger's key under our name": (
        proof_by(STRANGER, METHOD),
        State.INVALID_SIGNATURE,
    ),
    "a stranger's own key": (
        proof_by(STRANGER, did_key_method(STRANGER.public)),
        State.UNTRUSTED_ISSUER,
    ),
    "a key that was never announced": (
        proof_by(STRANGER, KEYS_OF_LAKESIDE + STRANGER.public.key_id),
        State.UNTRUSTED_ISSUER,
    ),
    "a P-256 key for an eddsa proof": (
        tampered(
            "proof.verificationMethod", KEYS_OF_LAKESIDE + REFERENCES.public.key_id
        ),
        State.INVALID_SIGNATURE,
    ),
}


@pytest.mark.parametrize(("document", "state"), ATTACKS.values(), ids=ATTACKS)
def test_an_attacked_document_has_a_clear_state(document: Any, state: State) -> None:
    verdict = judge(document, held=held())
    assert verdict.state is state
    assert verdict.reason
    assert not CURRENT_ONLY.is_accepted(verdict)
    assert not ALSO_STALE.is_accepted(verdict)


def test_minus_zero_is_zero_as_rfc_8785_says() -> None:
    document = unsigned()
    document["credentialSubject"]["achievement"]["creditsAvailable"] = 0
    text = canonical_json(signed(document, Cryptosuite.JCS)).decode()
    minus = text.replace('"creditsAvailable":0', '"creditsAvailable":-0.0')
    assert minus != text
    assert judge(minus.encode()).state is State.NO_STATUS


@pytest.mark.parametrize("suite", SUITES)
def test_large_exponents_are_read_as_rfc_8785_says(suite: Cryptosuite) -> None:
    document = unsigned()
    document["credentialSubject"]["achievement"]["creditsAvailable"] = 1e21
    text = canonical_json(signed(document, suite)).decode()
    assert '"creditsAvailable":1e+21' in text
    other = text.replace("1e+21", "1.0E21")
    assert judge(other.encode()).state is State.NO_STATUS
    assert judge(text.replace("1e+21", "1e+22").encode()).claims is None


def test_a_rotated_key_goes_on_and_a_compromised_one_does_not() -> None:
    for changes, state in (
        ({"valid_until": NOW + timedelta(days=1)}, State.NO_STATUS),
        ({"compromised_at": NOW + timedelta(days=1)}, State.WRONG_KEY),
    ):
        keys = KeySet((published(CERTIFICATES, Purpose.CREDENTIALS, **changes),))
        late = NOW + timedelta(days=900)
        verdict = judge(
            signed(unsigned()), trust=trust_in(nodes={LAKESIDE: keys}), at=late
        )
        assert verdict.state is state


# --- attacks on VC-JWT


def jwt(payload: Any = None, key: Any = CERTIFICATES, **header: Any) -> str:
    """A token signed with any header."""
    merged = {"alg": "EdDSA", "typ": "vc+jwt", "kid": METHOD, **header}
    parts = [
        base64url_encode(json.dumps(each).encode())
        for each in (
            {name: each for name, each in merged.items() if each is not None},
            payload or unsigned(),
        )
    ]
    signature = key.sign(".".join(parts).encode())
    return ".".join([*parts, base64url_encode(signature)])


P256_METHOD = KEYS_OF_LAKESIDE + REFERENCES.public.key_id
SEGMENTS = a_vc_jwt().split(".")

TOKEN_ATTACKS: dict[str, tuple[str, State]] = {
    "alg none": (jwt(alg="none"), State.UNSUPPORTED),
    "an HMAC with the public key": (jwt(alg="HS256"), State.UNSUPPORTED),
    "RSA": (jwt(alg="RS256"), State.UNSUPPORTED),
    "ES256 with an Ed25519 key": (jwt(alg="ES256"), State.INVALID_SIGNATURE),
    "EdDSA with a P-256 key": (
        jwt(key=REFERENCES, kid=P256_METHOD),
        State.INVALID_SIGNATURE,
    ),
    "its own key": (jwt(jwk=STRANGER.public.jwk()), State.UNSUPPORTED),
    "an address of a key": (jwt(jku="https://evil.example"), State.UNSUPPORTED),
    "a certificate chain": (jwt(x5c=["MII"]), State.UNSUPPORTED),
    "a critical header": (jwt(crit=["exp"], exp=1), State.UNSUPPORTED),
    "an unencoded payload": (jwt(b64=False), State.UNSUPPORTED),
    "a number as kid": (jwt(kid=3), State.MALFORMED),
    "no kid": (jwt(kid=None), State.UNTRUSTED_ISSUER),
    "another type": (jwt(typ="JWT"), State.UNSUPPORTED),
    "a presentation's type": (jwt(typ="vp+jwt"), State.UNSUPPORTED),
    "no type": (jwt(typ=None), State.UNSUPPORTED),
    "a credential in a claim": (
        jwt({**unsigned(), "vc": unsigned()}),
        State.UNSUPPORTED,
    ),
    "a proof inside": (jwt({**unsigned(), "proof": {}}), State.UNSUPPORTED),
    "another iss": (jwt({**unsigned(), "iss": "did:web:x.example"}), State.MALFORMED),
    "another jti": (jwt({**unsigned(), "jti": "urn:a:b"}), State.MALFORMED),
    "another sub": (jwt({**unsigned(), "sub": "urn:a:b"}), State.MALFORMED),
    "an exp that is a text": (jwt({**unsigned(), "exp": "soon"}), State.MALFORMED),
    "an exp beyond all time": (jwt({**unsigned(), "exp": 1e300}), State.MALFORMED),
    "an exp that has passed": (
        jwt({**unsigned(), "exp": int(NOW.timestamp())}),
        State.EXPIRED,
    ),
    "an nbf to come": (
        jwt({**unsigned(), "nbf": int(NOW.timestamp()) + 1}),
        State.NOT_YET_VALID,
    ),
    "padding": (".".join([SEGMENTS[0] + "=", *SEGMENTS[1:]]), State.MALFORMED),
    "a line break": (
        ".".join([SEGMENTS[0], SEGMENTS[1] + "\n", SEGMENTS[2]]),
        State.MALFORMED,
    ),
    "stray bits at the end": (
        ".".join([*SEGMENTS[:2], SEGMENTS[2][:-1] + "B"]),
        State.MALFORMED,
    ),
    "the alphabet of base64": (
        ".".join([*SEGMENTS[:2], "+" + SEGMENTS[2][1:]]),
        State.MALFORMED,
    ),
    "no signature": (".".join([*SEGMENTS[:2], ""]), State.INVALID_SIGNATURE),
    "two parts": (".".join(SEGMENTS[:2]), State.MALFORMED),
    "four parts": (".".join([*SEGMENTS, ""]), State.MALFORMED),
    "another payload": (
        ".".join([SEGMENTS[0], jwt(unsigned(name="x")).split(".")[1], SEGMENTS[2]]),
        State.INVALID_SIGNATURE,
    ),
    "very long": ("a" * 600_000, State.MALFORMED),
}


@pytest.mark.parametrize(("token", "state"), TOKEN_ATTACKS.values(), ids=TOKEN_ATTACKS)
def test_an_attacked_token_has_a_clear_state(token: str, state: State) -> None:
    assert judge(token).state is state


def test_a_token_made_here_is_accepted() -> None:
    for token in (a_vc_jwt(), jwt(), jwt(alg="Ed25519"), jwt(cty="vc")):
        verdict = judge(token)
        assert verdict.state is State.NO_STATUS
        assert verdict.claims
        assert verdict.claims.form is CredentialForm.VC_JWT
    es256 = sign_vc_jwt(unsigned(), REFERENCES, key_id=P256_METHOD)
    assert judge(es256).state is State.NO_STATUS


def test_a_token_of_what_is_no_credential_is_not_signed() -> None:
    for document in (signed(unsigned()), {"name": "x"}):
        with pytest.raises(InterurbanError):
            sign_vc_jwt(document, CERTIFICATES, key_id=METHOD)


# --- lists


def test_a_list_of_another_issuer_says_nothing() -> None:
    other = list_document(REVOCATIONS, issuer=did_key(CERTIFICATES.public))
    document = json.loads(other)
    del document["proof"]
    of_other = verify_bitstring_list(
        canonical_json(signed_by_did_key(document)),
        address=REVOCATIONS,
        trust=trust(),
        at=NOW,
    )
    lists = HeldStatuses(bitstrings={REVOCATIONS: of_other})
    revocation_only = unsigned(credentialStatus=status_entries()[0])
    verdict = judge(signed(revocation_only), held=lists)
    assert verdict.state is State.UNKNOWN_STATUS


def test_a_list_for_another_purpose_says_nothing() -> None:
    lists = HeldStatuses(bitstrings={REVOCATIONS: a_list(SUSPENSIONS)})
    document = unsigned(credentialStatus=status_entries()[0])
    assert judge(signed(document), held=lists).state is State.UNKNOWN_STATUS


@pytest.mark.parametrize(
    "changes",
    [
        {"statusListIndex": "131072"},
        {"statusListIndex": "-1"},
        {"statusListIndex": "9" * 30},
        {"statusListIndex": "٣"},
        {"statusPurpose": "message"},
        {"statusListCredential": "https://elsewhere.example/list"},
    ],
)
def test_an_entry_that_cannot_be_looked_up_is_unknown(changes: Any) -> None:
    entry = {**status_entries()[0], **changes}
    document = signed(unsigned(credentialStatus=entry), Cryptosuite.JCS)
    assert judge(document, held=held()).state is State.UNKNOWN_STATUS


def resigned_list(**subject: Any) -> bytes:
    document = json.loads(list_document())
    del document["proof"]
    document["credentialSubject"].update(subject)
    return canonical_json(signed(document, Cryptosuite.JCS))


def changed_list(**changes: Any) -> bytes:
    return canonical_json({**json.loads(list_document()), **changes})


BOMB = bitstrings.Bitstring(bytes(bitstrings.MAX_OCTETS + 1)).encode()
SHORT = bitstrings.Bitstring(bytes(1000)).encode()
GOOD_LIST = bitstrings.Bitstring.of_zeros().encode()

BAD_LISTS: dict[str, tuple[bytes, type[InterurbanError]]] = {
    "a bomb": (resigned_list(encodedList=BOMB), InterurbanError),
    "too short": (resigned_list(encodedList=SHORT), MalformedError),
    "no multibase": (resigned_list(encodedList=GOOD_LIST[1:]), MalformedError),
    "padding": (resigned_list(encodedList=GOOD_LIST + "="), MalformedError),
    "not gzip": (resigned_list(encodedList="uAAAA"), MalformedError),
    "cut off": (resigned_list(encodedList=GOOD_LIST[:-8]), MalformedError),
    "something behind": (
        resigned_list(
            encodedList="u" + base64url_encode(base64url_decode(GOOD_LIST[1:]) + b"x")
        ),
        MalformedError,
    ),
    "a number": (resigned_list(encodedList=3), MalformedError),
    "another purpose": (resigned_list(statusPurpose="message"), UnsupportedError),
    "another type": (resigned_list(type="StatusList2021"), MalformedError),
    "a ttl that is a text": (resigned_list(ttl="soon"), MalformedError),
    "a certificate": (canonical_json(signed(unsigned())), MalformedError),
    "an SD-JWT": (an_sd_jwt().encode(), UnsupportedError),
    "changed": (changed_list(validFrom="2026-05-14T00:00:00Z"), SignatureInvalidError),
    "of an unknown issuer": (
        changed_list(issuer="did:web:harbour.example"),
        UnknownKeyError,
    ),
}


@pytest.mark.parametrize(("document", "error"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_bad_list_is_refused(document: bytes, error: type[InterurbanError]) -> None:
    with pytest.raises(error):
        verify_bitstring_list(document, address=REVOCATIONS, trust=trust(), at=NOW)


def test_a_list_of_another_address_or_from_the_future_is_refused() -> None:
    for arguments in (
        {"address": SUSPENSIONS, "at": NOW},
        {"address": REVOCATIONS, "at": NOW - timedelta(minutes=6)},
    ):
        with pytest.raises(MalformedError):
            verify_bitstring_list(list_document(), trust=trust(), **arguments)


def test_a_list_by_a_key_for_documents_is_refused() -> None:
    document = json.loads(list_document())
    del document["proof"]
    method = KEYS_OF_LAKESIDE + DOCUMENTS.public.key_id
    by_other = signed(document, key=DOCUMENTS, method=method)
    with pytest.raises(WrongKeyError):
        verify_bitstring_list(
            canonical_json(by_other), address=REVOCATIONS, trust=trust(), at=NOW
        )


def test_a_list_may_be_a_token_of_the_status_key() -> None:
    document = json.loads(list_document(ended=(INDEX,)))
    del document["proof"]
    token = sign_vc_jwt(
        document, STATUS, key_id=KEYS_OF_LAKESIDE + STATUS.public.key_id
    )
    found = verify_bitstring_list(
        token.encode(), address=REVOCATIONS, trust=trust(), at=NOW
    )
    assert found.entries.bits.is_set(INDEX)


# --- policies and seals


def test_a_policy_says_which_states_will_do() -> None:
    fresh = judge(signed(with_status()), held=held())
    late = NOW + timedelta(days=3)
    stale = judge(signed(with_status()), held=held(), at=late)
    revoked = judge(signed(with_status()), held=held(revoked=(INDEX,)))
    accepted = [
        [policy.is_accepted(each) for each in (fresh, stale, revoked)]
        for policy in (CURRENT_ONLY, ALSO_STALE)
    ]
    assert accepted == [[True, False, False], [True, True, False]]


def test_a_policy_bounds_the_age_and_names_types() -> None:
    stale = judge(signed(with_status()), held=held(), at=NOW + timedelta(days=3))
    for days, will_do in ((2, False), (3, True)):
        policy = RelyingPolicy(ALSO_STALE.accepts, max_age=timedelta(days=days))
        assert policy.is_accepted(stale) is will_do
    for kind, will_do in (("OpenBadgeCredential", True), ("Other", False)):
        policy = RelyingPolicy(ALSO_STALE.accepts, types=frozenset({kind}))
        assert policy.is_accepted(stale) is will_do


def test_nobody_else_makes_verified_claims_or_lists() -> None:
    with pytest.raises(TypeError):
        VerifiedBitstringList(issuer=DID, entries=a_list().entries, _seal=object())
    with pytest.raises(TypeError):
        VerifiedClaims(
            form=CredentialForm.VC_JWT,
            issuer=DID,
            types=frozenset(),
            document={},
            valid_from=None,
            valid_until=None,
            holder_proven=False,
            _seal=object(),
        )


def test_the_examples_context_is_for_conformance_runs() -> None:
    document = signed_by_did_key_in_examples()
    assert judge(document).state is State.UNSUPPORTED
    assert judge(document, contexts=CONFORMANCE).state is State.NO_STATUS


def signed_by_did_key_in_examples() -> dict[str, Any]:
    contexts = [unsigned()["@context"][0], EXAMPLES_V2]
    document = {
        "@context": contexts,
        "type": ["VerifiableCredential", "ExampleDegree"],
        "issuer": did_key(CERTIFICATES.public),
        "credentialSubject": {"degree": "Bachelor"},
    }
    options = ProofOptions(
        suite=Cryptosuite.RDFC,
        verification_method=did_key_method(CERTIFICATES.public),
        created=NOW,
    )
    return add_proof(document, CERTIFICATES, options, contexts=CONFORMANCE)


def test_another_city_is_not_taken_for_the_issuer() -> None:
    only_harbour = trust_in(nodes={HARBOUR: lakeside_keys()})
    assert isinstance(only_harbour, CredentialTrust)
    verdict = judge(signed(unsigned()), trust=only_harbour)
    assert verdict.state is State.UNTRUSTED_ISSUER
