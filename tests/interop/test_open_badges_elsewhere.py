"""Open Badges with `eddsa-rdfc-2022` and `eddsa-jcs-2022`, both ways, and changed ones."""

import json
from datetime import datetime
from typing import Any

import pytest
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3.ldp import (
    OB3LdpVerifier,
    add_data_integrity_proof,
    verify_data_integrity_proof,
)
from openvc.errors import OpenvcError
from openvc.keys import Ed25519SigningKey
from openvc.proof.data_integrity import DataIntegrityProofSuite
from openvc.proof.di_jcs import EddsaJcsProofSuite

from interurban_protocol.contexts import OPEN_BADGES, context_bytes
from interurban_protocol.credential_model import parse_date_time
from interurban_protocol.credential_verdicts import CredentialState
from interurban_protocol.data_integrity import Cryptosuite
from interurban_protocol.encoding import format_time
from interurban_protocol.multikeys import did_key_method, multibase_encode, multikey
from tests.support.certificates import (
    INDEX,
    REVOCATIONS,
    SUITES,
    judge,
    list_document,
    of_did_key,
    private_jwk,
    signed,
    signed_by_did_key,
    status_entries,
)
from tests.support.credentials import CERTIFICATES, NOW
from tests.support.javascript import JavaScript
from tests.support.pems import public_pem

METHOD = did_key_method(CERTIFICATES.public)
OB_CONTEXT = {OPEN_BADGES: json.loads(context_bytes(OPEN_BADGES))}
OPENVC: dict[Cryptosuite, Any] = {
    Cryptosuite.RDFC: DataIntegrityProofSuite(),
    Cryptosuite.JCS: EddsaJcsProofSuite(),
}
EXTRA: dict[Cryptosuite, dict[str, Any]] = {
    Cryptosuite.RDFC: {"extra_contexts": OB_CONTEXT},
    Cryptosuite.JCS: {},
}


def openvc_key() -> Ed25519SigningKey:
    return Ed25519SigningKey.from_jwk(private_jwk(CERTIFICATES), METHOD)


def tamper(document: dict[str, Any], path: str) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(document))
    *parents, name = path.split(".")
    target = changed
    for parent in parents:
        target = target[parent]
    target[name] += "1" if name != "validFrom" else ""
    if name == "validFrom":
        target[name] = "2020-01-01T00:00:00Z"
    return changed


PATHS = [
    "name",
    "validFrom",
    "id",
    "credentialSubject.achievement.name",
    "credentialSubject.achievement.id",
    "proof.created",
]


# --- JavaScript: @digitalbazaar/vc


def test_ours_verifies_in_javascript(js: JavaScript) -> None:
    answer = js.ask(
        "verifyCredential",
        credential=signed_by_did_key(of_did_key()),
        now=format_time(NOW),
    )
    assert answer == {"verified": True}


@pytest.mark.parametrize("path", PATHS)
def test_a_changed_one_is_refused_in_javascript_and_here(
    js: JavaScript, path: str
) -> None:
    changed = tamper(signed_by_did_key(of_did_key()), path)
    answer = js.ask("verifyCredential", credential=changed, now=format_time(NOW))
    assert answer != {"verified": True}
    assert judge(changed).claims is None


def test_one_from_javascript_verifies_here(js: JavaScript) -> None:
    key = {
        "@context": "https://w3id.org/security/multikey/v1",
        "id": METHOD,
        "type": "Multikey",
        "controller": METHOD.partition("#")[0],
        "publicKeyMultibase": multikey(CERTIFICATES.public),
        "secretKeyMultibase": multibase_encode(
            bytes.fromhex("8026") + CERTIFICATES.seed
        ),
    }
    answer = js.ask(
        "issueCredential", credential=of_did_key(), key=key, date=format_time(NOW)
    )
    issued = answer["credential"]
    assert judge(issued).state is CredentialState.NO_STATUS
    for path in PATHS:
        assert judge(tamper(issued, path)).claims is None


@pytest.mark.parametrize("ended", [(), (INDEX,)])
def test_our_status_list_is_understood_in_javascript(
    js: JavaScript, ended: tuple[int, ...]
) -> None:
    issuer = METHOD.partition("#")[0]
    listed = json.loads(list_document(REVOCATIONS, ended, issuer=issuer))
    listed["validUntil"] = "2099-01-01T00:00:00Z"  # it asks the real clock
    del listed["proof"]
    answer = js.ask(
        "verifyCredential",
        credential=signed_by_did_key(of_did_key(credentialStatus=status_entries()[0])),
        lists={REVOCATIONS: signed_by_did_key(listed)},
        now=format_time(NOW),
    )
    assert answer == {"verified": True, "set": [INDEX in ended]}


# --- Python: openvc-core


@pytest.mark.parametrize("suite", SUITES)
def test_ours_verifies_with_openvc(suite: Cryptosuite) -> None:
    document = signed_by_did_key(of_did_key(), suite)
    verified = OPENVC[suite].verify(document, now=NOW, **EXTRA[suite])
    assert verified.issuer == METHOD.partition("#")[0]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("path", PATHS)
def test_a_changed_one_is_refused_by_openvc_and_here(
    path: str, suite: Cryptosuite
) -> None:
    changed = tamper(signed_by_did_key(of_did_key(), suite), path)
    with pytest.raises(OpenvcError):
        OPENVC[suite].verify(changed, now=NOW, **EXTRA[suite])
    assert judge(changed).claims is None


def issued_by_openvc(suite: Cryptosuite) -> dict[str, Any]:
    issued: dict[str, Any] = OPENVC[suite].add_proof(
        of_did_key(),
        signing_key=openvc_key(),
        verification_method=METHOD,
        created=NOW,
        **EXTRA[suite],
    )
    return issued


def test_one_from_openvc_verifies_here() -> None:
    issued = issued_by_openvc(Cryptosuite.RDFC)
    assert judge(issued).state is CredentialState.NO_STATUS
    for path in PATHS:
        assert judge(tamper(issued, path)).claims is None


def test_a_jcs_proof_of_openvc_leaves_out_what_it_has_signed() -> None:
    """It hashes the contexts with the proof's options and does not put them there.

    vc-di-eddsa section 3.3.1 puts them into the proof. A verifier that added them by itself
    would break with issuers whose proofs rightly have none, so this difference stays.
    """
    issued = issued_by_openvc(Cryptosuite.JCS)
    assert judge(issued).state is CredentialState.INVALID_SIGNATURE
    issued["proof"]["@context"] = issued["@context"]
    assert judge(issued).state is CredentialState.NO_STATUS
    for path in PATHS:
        assert judge(tamper(issued, path)).claims is None


# --- Python: openbadgeslib


def test_ours_verifies_with_openbadgeslib() -> None:
    document = signed_by_did_key(of_did_key())
    verified = OB3LdpVerifier.for_issuer_did(METHOD.partition("#")[0])
    assert verified.verify(document).id == document["id"]


@pytest.mark.parametrize("path", PATHS)
def test_a_changed_one_is_refused_by_openbadgeslib_and_here(path: str) -> None:
    changed = tamper(signed_by_did_key(of_did_key()), path)
    verifier = OB3LdpVerifier.for_issuer_did(METHOD.partition("#")[0])
    with pytest.raises(LibOpenBadgesException):
        verifier.verify(changed)
    assert judge(changed).claims is None


def test_one_from_openbadgeslib_verifies_here() -> None:
    issued = add_data_integrity_proof(of_did_key(), CERTIFICATES.to_pem(), METHOD)
    # it takes the time of the proof from its own clock
    verdict = judge(issued, at=_after(issued))
    assert verdict.state is CredentialState.NO_STATUS
    for path in PATHS:
        assert judge(tamper(issued, path), at=_after(issued)).claims is None


def _after(document: dict[str, Any]) -> datetime:
    return parse_date_time(document["proof"]["created"], "created")


def _refused_by_openvc(document: dict[str, Any]) -> None:
    with pytest.raises(OpenvcError):
        OPENVC[Cryptosuite.RDFC].verify(document, now=NOW, **EXTRA[Cryptosuite.RDFC])


def _moved_expiry() -> dict[str, Any]:
    """The expiry, said of the same credential in another place: the same statements."""
    document = of_did_key(validUntil="2026-05-01T00:00:00Z")
    document["validFrom"] = "2026-04-01T00:00:00Z"
    document["evidence"] = [{"id": document["id"], "type": ["Evidence"]}]
    moved = signed_by_did_key(document)
    moved["evidence"][0]["validUntil"] = moved.pop("validUntil")
    return moved


def _nested_status() -> dict[str, Any]:
    nested = signed_by_did_key(of_did_key(credentialStatus=status_entries()))
    first, second = nested["credentialStatus"]
    nested["credentialStatus"] = [first, [second]]
    return nested


@pytest.mark.parametrize("document", [_moved_expiry(), _nested_status()])
def test_the_same_statements_in_other_members_are_refused_by_both(
    document: dict[str, Any],
) -> None:
    _refused_by_openvc(document)
    assert judge(document).claims is None


def test_our_proof_is_the_one_that_openbadgeslib_makes() -> None:
    """Ed25519 is deterministic: over the same options the same bytes come out."""
    theirs = add_data_integrity_proof(of_did_key(), CERTIFICATES.to_pem(), METHOD)
    verify_data_integrity_proof(theirs, public_pem(CERTIFICATES))
    ours = signed(of_did_key(), method=METHOD, created=_after(theirs))
    assert ours["proof"]["proofValue"] == theirs["proof"]["proofValue"]
