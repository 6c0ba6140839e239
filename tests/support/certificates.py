"""Builders for certificates in every form, status lists and trust; see `credentials` too."""

import json
from datetime import timedelta
from typing import Any

from interurban_protocol import bitstring_status_lists as bitstrings
from interurban_protocol.contexts import STANDARD
from interurban_protocol.credential_trust import CredentialTrust, trust_in
from interurban_protocol.credential_verdicts import (
    CredentialVerdict,
    HeldStatuses,
    VerifiedBitstringList,
    verify_bitstring_list,
    verify_credential,
)
from interurban_protocol.credentials import (
    Alignment,
    achievement_credential,
    verification_method,
)
from interurban_protocol.data_integrity import (
    Cryptosuite,
    ProofOptions,
    add_proof,
)
from interurban_protocol.encoding import base64url_encode, canonical_json
from interurban_protocol.keys import Algorithm, PrivateKey
from interurban_protocol.multikeys import did_key, did_key_method
from interurban_protocol.node_descriptors import did_web
from interurban_protocol.sd_jwt_credentials import (
    SdJwtFacts,
    TokenStatus,
    disclosable_facts,
    sign_sd_jwt,
)
from interurban_protocol.vc_jwt import sign_vc_jwt
from tests.support.credentials import (
    CERTIFICATES,
    LAKESIDE,
    LIST_URI,
    NOW,
    REFERENCES,
    a_key,
    a_status_list,
    an_achievement,
    lakeside_keys,
    random_bytes,
    some_credential_facts,
)

DID = did_web(LAKESIDE)
METHOD = verification_method(LAKESIDE, CERTIFICATES.public)
WALLET = a_key("wallet", Algorithm.ES256)
REVOCATIONS = f"{LAKESIDE}/vc/status/revocation/1"
SUSPENSIONS = f"{LAKESIDE}/vc/status/suspension/1"
INDEX = 94_567
LEARNER = "urn:uuid:7a4c1a7e-3a58-4c8e-9a55-2e6a0b1b8c10"
PURPOSES = {
    REVOCATIONS: bitstrings.StatusPurpose.REVOCATION,
    SUSPENSIONS: bitstrings.StatusPurpose.SUSPENSION,
}
SUITES = list(Cryptosuite)


def status_entries() -> list[dict[str, Any]]:
    """Two entries: revocation and suspension, at the same index of two lists."""
    return [
        dict(
            bitstrings.status_entry(
                bitstrings.StatusEntry(
                    purpose=purpose, index=INDEX, list_address=address
                )
            )
        )
        for address, purpose in PURPOSES.items()
    ]


def unsigned(**changes: Any) -> dict[str, Any]:
    """A certificate with skills, without a proof; `...` removes a member."""
    skill = Alignment(
        targetName="operate welding equipment",
        targetUrl="http://data.europa.eu/esco/skill/welding",
        targetFramework="ESCO",
    )
    achievement = an_achievement().model_copy(
        update={"alignment": (skill,), "fieldOfStudy": "0715"}
    )
    facts = some_credential_facts(achievement=achievement, subject_id=LEARNER)
    value: dict[str, Any] = json.loads(achievement_credential(facts).to_json())
    value.update(changes)
    return {name: each for name, each in value.items() if each is not ...}


def of_did_key(key: PrivateKey = CERTIFICATES, **changes: Any) -> dict[str, Any]:
    """The same, issued by a `did:key`."""
    issuer = {"id": did_key(key.public), "type": ["Profile"], "name": "Lakeside"}
    return unsigned(issuer=issuer, **changes)


def signed(
    document: dict[str, Any],
    suite: Cryptosuite = Cryptosuite.RDFC,
    *,
    key: PrivateKey = CERTIFICATES,
    method: str = METHOD,
    **options: Any,
) -> dict[str, Any]:
    """The document with a proof."""
    values = {"created": NOW, "suite": suite, "verification_method": method, **options}
    return add_proof(document, key, ProofOptions(**values))


def signed_by_did_key(
    document: dict[str, Any], suite: Cryptosuite = Cryptosuite.RDFC
) -> dict[str, Any]:
    """The document of `of_did_key` with a proof."""
    return signed(document, suite, method=did_key_method(CERTIFICATES.public))


def a_vc_jwt(document: dict[str, Any] | None = None) -> str:
    """A certificate as VC-JWT."""
    return sign_vc_jwt(document or unsigned(), CERTIFICATES, key_id=METHOD)


def some_sd_jwt_facts(**changes: Any) -> SdJwtFacts:
    """The facts of the certificate for a wallet."""
    members: dict[str, Any] = {
        "issuer": LAKESIDE,
        "disclosable": disclosable_facts(
            achievement_credential(some_credential_facts())
        ),
        "issued_at": NOW,
        "expires_at": NOW + timedelta(days=365),
        "holder": WALLET.public,
        "status": TokenStatus(INDEX, LIST_URI),
    }
    return SdJwtFacts(**{**members, **changes})


def an_sd_jwt(**changes: Any) -> str:
    """The certificate as SD-JWT with all disclosures."""
    facts = some_sd_jwt_facts(**changes)
    salts = [random_bytes(f"fact {number}") for number in range(len(facts.disclosable))]
    return sign_sd_jwt(facts, REFERENCES, salts=salts)


def trust() -> CredentialTrust:
    """Trust in Lakeside and in its key as a `did:key`."""
    return trust_in(
        nodes={LAKESIDE: lakeside_keys()}, did_keys=[did_key(CERTIFICATES.public)]
    )


def list_document(
    address: str = REVOCATIONS, ended: tuple[int, ...] = (), **changes: Any
) -> bytes:
    """A signed status list credential."""
    at = changes.pop("at", NOW)
    value = bitstrings.status_list_credential(
        bitstrings.Bitstring.of_zeros().with_set(ended),
        PURPOSES[address],
        address=address,
        issuer=changes.pop("issuer", DID),
        at=at,
    )
    return canonical_json(signed({**value, **changes}, created=at))


def a_list(
    address: str = REVOCATIONS, ended: tuple[int, ...] = (), **changes: Any
) -> VerifiedBitstringList:
    """The same, verified."""
    return verify_bitstring_list(
        list_document(address, ended, **changes),
        address=address,
        trust=trust(),
        at=changes.get("at", NOW),
    )


def held(
    revoked: tuple[int, ...] = (), suspended: tuple[int, ...] = (), **changes: Any
) -> HeldStatuses:
    """All lists, with these entries set."""
    return HeldStatuses(
        bitstrings={
            REVOCATIONS: a_list(REVOCATIONS, revoked, **changes),
            SUSPENSIONS: a_list(SUSPENSIONS, suspended, **changes),
        },
        tokens={LIST_URI: a_status_list(revoked, **changes)},
    )


def judge(document: Any, **changes: Any) -> CredentialVerdict:
    """The verdict on bytes, a token, or members; at `NOW`, by somebody who knows Lakeside."""
    if isinstance(document, str):
        data = document.encode()
    else:
        data = document if isinstance(document, bytes) else canonical_json(document)
    arguments: dict[str, Any] = {"trust": trust(), "at": NOW, "contexts": STANDARD}
    return verify_credential(data, **{**arguments, **changes})


def private_jwk(key: PrivateKey) -> dict[str, str]:
    """The JWK with its private half, for other implementations."""
    return {**key.public.jwk(), "d": base64url_encode(key.seed)}
