"""RFC 9901, section A.3: the published SD-JWT VC with key binding, through the whole reader."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from interurban_protocol.credential_trust import CredentialTrust, PinnedKeys
from interurban_protocol.credential_verdicts import (
    CredentialState,
    CredentialVerdict,
    verify_credential,
)
from interurban_protocol.keys import PublicKey
from interurban_protocol.sd_jwt_credentials import HolderChallenge
from tests.support.shared import shared_path


def vector(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(
        shared_path(f"vectors/sd-jwt/{name}.json").read_bytes()
    )
    return value


def presented() -> dict[str, Any]:
    return vector("04_sd_jwt_vc_pid")


def verdict(text: str, challenge: HolderChallenge | None = None) -> CredentialVerdict:
    jwk = dict(vector("keys")["issuer"]["jwk"])
    del jwk["d"]
    keys = PinnedKeys({"": PublicKey.from_jwk(jwk)})  # its header names no key
    made = presented()["key_binding"]["payload"]["iat"]
    return verify_credential(
        text.encode(),
        trust=CredentialTrust({presented()["payload"]["iss"]: keys}),
        at=datetime.fromtimestamp(made + 1, UTC),
        challenge=challenge,
    )


def the_challenge() -> HolderChallenge:
    payload = presented()["key_binding"]["payload"]
    return HolderChallenge(payload["aud"], payload["nonce"])


def test_the_published_presentation_verifies_with_its_key_binding() -> None:
    found = verdict(presented()["presentation"], the_challenge())
    assert found.state is CredentialState.NO_STATUS
    assert found.claims
    assert found.claims.holder_proven
    assert found.claims.document == presented()["processed_payload"]


@pytest.mark.parametrize(
    "challenge",
    [
        HolderChallenge("https://another.example", "1234567890"),
        HolderChallenge("https://verifier.example.org", "another"),
    ],
)
def test_it_is_not_for_another_audience_or_nonce(challenge: HolderChallenge) -> None:
    found = verdict(presented()["presentation"], challenge)
    assert found.state is CredentialState.HOLDER_UNPROVEN


def test_without_one_of_its_disclosures_the_key_binding_is_wrong() -> None:
    parts = presented()["presentation"].split("~")
    del parts[-2]
    found = verdict("~".join(parts), the_challenge())
    assert found.state is CredentialState.HOLDER_UNPROVEN
