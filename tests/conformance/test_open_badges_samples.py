"""1EdTech's samples of Open Badges 3.0, with the outcome that their own validator gives.

Two outcomes differ from theirs, and should: their validator believes the key that a badge
carries itself, so it calls a badge valid that nobody vouched for. Here such a badge is
`untrusted_issuer` with `proof_verified`, until somebody pins the issuer's key, which the
second half of these tests does.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from interurban_protocol.credential_trust import (
    CredentialTrust,
    PinnedKeys,
    carried_key,
    trust_in,
)
from interurban_protocol.credential_verdicts import (
    CredentialState,
    CredentialVerdict,
    verify_credential,
)
from interurban_protocol.errors import InterurbanError
from tests.support.shared import shared_path

LATER = datetime(2026, 11, 23, tzinfo=UTC)
VALID = [
    "simple.json",
    "simple-did-key-method.json",
    "simple-context-alias.json",
    "simple-json.svg",
]
ALL = [
    *VALID,
    "simple-jwt.svg",
    "simple-err-proof-value.json",
    "simple-err-proof-method-unknown-scheme.json",
    "simple-err-expired.json",
    "simple-err-issuer.json",
    "simple-err-type.json",
]


def sample(name: str) -> bytes:
    """The credential; what is baked into a picture is cut out as text."""
    data = shared_path(f"vectors/openbadges/{name}").read_bytes()
    if name.endswith("-json.svg"):
        found = re.search(rb"<!\[CDATA\[(.*?)\]\]>", data, re.DOTALL)
        assert found
        return found[1].strip()
    if name.endswith("-jwt.svg"):
        found = re.search(rb'verify="([^"]+)"', data)
        assert found
        return found[1]
    return data


def judge(name: str, trust: CredentialTrust | None = None) -> CredentialVerdict:
    return verify_credential(sample(name), trust=trust or trust_in(), at=LATER)


def pinning(name: str) -> CredentialTrust:
    """Trust in the key that the sample names, as if somebody had compared it."""
    value: dict[str, Any] = json.loads(sample(name))
    proof = value["proof"][0] if isinstance(value["proof"], list) else value["proof"]
    method = proof["verificationMethod"]
    keys = PinnedKeys({method: carried_key(method)})
    return CredentialTrust({value["issuer"]["id"]: keys})


def test_every_sample_is_tested() -> None:
    expected = json.loads(shared_path("vectors/openbadges/expected.json").read_bytes())
    assert sorted(expected["files"]) == sorted(ALL)


@pytest.mark.parametrize("name", VALID)
def test_a_valid_sample_is_unchanged_and_its_issuer_unknown(name: str) -> None:
    verdict = judge(name)
    assert verdict.state is CredentialState.UNTRUSTED_ISSUER
    assert verdict.proof_verified
    assert verdict.claims is None


@pytest.mark.parametrize("name", VALID)
def test_a_valid_sample_of_a_pinned_issuer_is_valid(name: str) -> None:
    verdict = judge(name, pinning(name))
    assert verdict.state is CredentialState.NO_STATUS
    assert verdict.claims is not None


def test_a_changed_proof_is_an_invalid_signature() -> None:
    for trust in (None, pinning("simple-err-proof-value.json")):
        verdict = judge("simple-err-proof-value.json", trust)
        assert verdict.state is CredentialState.INVALID_SIGNATURE


def test_an_expired_sample_is_expired_and_nothing_else() -> None:
    verdict = judge("simple-err-expired.json", pinning("simple-err-expired.json"))
    assert verdict.state is CredentialState.EXPIRED
    assert verdict.proof_verified


def test_a_key_of_an_unknown_scheme_is_nobodys() -> None:
    verdict = judge("simple-err-proof-method-unknown-scheme.json")
    assert verdict.state is CredentialState.UNTRUSTED_ISSUER
    assert not verdict.proof_verified


def test_a_sample_without_issuer_is_malformed() -> None:
    assert judge("simple-err-issuer.json").state is CredentialState.MALFORMED


def test_a_type_that_no_context_defines_is_unsupported() -> None:
    assert judge("simple-err-type.json").state is CredentialState.UNSUPPORTED


def test_a_token_with_its_own_key_in_the_header_is_not_accepted() -> None:
    """RS256, and the key in the header: it would prove nothing about the issuer."""
    assert judge("simple-jwt.svg").state is CredentialState.UNSUPPORTED


@pytest.mark.parametrize("name", VALID)
def test_every_changed_text_is_found(name: str) -> None:
    value: dict[str, Any] = json.loads(sample(name))
    value["credentialSubject"]["achievement"]["name"] += "!"
    verdict = verify_credential(
        json.dumps(value).encode(), trust=pinning(name), at=LATER
    )
    assert verdict.state is CredentialState.INVALID_SIGNATURE


def test_no_sample_raises() -> None:
    for name in ALL:
        try:
            judge(name)
        except InterurbanError as error:
            pytest.fail(f"{name}: {error.message}")
