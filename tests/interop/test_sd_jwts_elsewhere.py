"""SD-JWT VC with key binding, both ways, and changed ones: `@sd-jwt/sd-jwt-vc`, `openvc`."""

from typing import Any

import pytest
from openvc.errors import OpenvcError
from openvc.keys import P256SigningKey
from openvc.proof.sd_jwt import SdJwtVcProofSuite

from interurban_protocol.credential_verdicts import CredentialState
from interurban_protocol.encoding import base64url_decode, base64url_encode
from interurban_protocol.sd_jwt_credentials import (
    HolderChallenge,
    bind_to_holder,
    present_sd_jwt,
)
from interurban_protocol.sd_jwt_names import CERTIFICATE_VCT
from tests.support.certificates import (
    INDEX,
    WALLET,
    an_sd_jwt,
    held,
    judge,
    private_jwk,
)
from tests.support.credentials import (
    LAKESIDE,
    NOW,
    REFERENCES,
    STATUS,
    a_status_token,
)
from tests.support.javascript import JavaScript

CHALLENGE = HolderChallenge(
    "https://employer.example", "nonce-of-32-characters-00000000"
)
SHOWN = {"achievement_name", "issue_date"}
NOW_SECONDS = int(NOW.timestamp())


def presented() -> str:
    token = present_sd_jwt(an_sd_jwt(), SHOWN)
    return bind_to_holder(token, WALLET, CHALLENGE, NOW)


def changed(token: str, part: int) -> str:
    """The token with a byte changed in one part between tildes and dots."""
    separator = "~" if part else "."
    parts = token.split(separator)
    target = part or 1
    data = bytearray(base64url_decode(parts[target].split(".")[-1]))
    data[len(data) // 2] ^= 1
    kept = parts[target].split(".")[:-1]
    parts[target] = ".".join([*kept, base64url_encode(bytes(data))])
    return separator.join(parts)


PARTS = [0, 1, 2, 3]  # payload, two disclosures, the key binding's signature


def ask_javascript(
    js: JavaScript, token: str, nonce: str | None, ended: tuple[int, ...] = ()
) -> dict[str, Any]:
    return js.ask(
        "verifySdJwt",
        token=token,
        jwk=REFERENCES.public.jwk(),
        holder=WALLET.public.jwk() if nonce else None,
        nonce=nonce,
        now=NOW_SECONDS,
        list={"token": a_status_token(ended), "jwk": STATUS.public.jwk()},
    )


def ask_openvc(token: str, **changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "public_key_jwk": REFERENCES.public.jwk(),
        "audience": CHALLENGE.audience,
        "nonce": CHALLENGE.nonce,
        "require_key_binding": True,
        "now": NOW,
    }
    return SdJwtVcProofSuite().verify(token, **{**arguments, **changes})


def test_ours_verifies_in_javascript(js: JavaScript) -> None:
    payload = ask_javascript(js, presented(), CHALLENGE.nonce)["payload"]
    assert payload["vct"] == CERTIFICATE_VCT
    assert payload["achievement_name"] == "Welding, level 2"
    assert "credential_id" not in payload


def test_a_revoked_one_is_refused_in_javascript_and_here(js: JavaScript) -> None:
    answer = ask_javascript(js, presented(), CHALLENGE.nonce, ended=(INDEX,))
    assert "refused" in answer
    verdict = judge(presented(), challenge=CHALLENGE, held=held((INDEX,)))
    assert verdict.state is CredentialState.REVOKED


def test_ours_verifies_with_openvc() -> None:
    verified = ask_openvc(presented())
    assert verified.claims["achievement_name"] == "Welding, level 2"
    assert verified.key_bound


@pytest.mark.parametrize("part", PARTS)
def test_a_changed_one_is_refused_everywhere(js: JavaScript, part: int) -> None:
    token = changed(presented(), part)
    assert "refused" in ask_javascript(js, token, CHALLENGE.nonce)
    with pytest.raises((OpenvcError, ValueError)):
        ask_openvc(token)
    state = judge(token, challenge=CHALLENGE, held=held()).state
    assert state not in {CredentialState.FRESH, CredentialState.CACHED}


def test_a_presentation_for_somebody_else_is_refused_everywhere(
    js: JavaScript,
) -> None:
    other = HolderChallenge("https://other.example", "nonce-of-another-32-characters-0")
    assert "refused" in ask_javascript(js, presented(), other.nonce)
    with pytest.raises(OpenvcError):
        ask_openvc(presented(), audience=other.audience, nonce=other.nonce)
    verdict = judge(presented(), challenge=other, held=held())
    assert verdict.state is CredentialState.HOLDER_UNPROVEN


CLAIMS = {
    "iss": LAKESIDE,
    "vct": CERTIFICATE_VCT,
    "iat": NOW_SECONDS,
    "achievement_name": "Welding, level 2",
    "skills": ["fillet joints"],
}


def test_one_from_javascript_verifies_here(js: JavaScript) -> None:
    issued = js.ask(
        "issueSdJwt",
        claims={**CLAIMS, "cnf": {"jwk": WALLET.public.jwk()}},
        frame={"_sd": ["achievement_name", "skills"]},
        jwk=private_jwk(REFERENCES),
        kid=REFERENCES.public.key_id,
    )["token"]
    verdict = judge(issued)
    assert verdict.state is CredentialState.NO_STATUS
    assert verdict.claims
    assert verdict.claims.document["skills"] == ["fillet joints"]
    for part in (0, 1, 2):
        assert judge(changed(issued, part)).claims is None


def test_a_key_binding_from_javascript_verifies_here(js: JavaScript) -> None:
    token = present_sd_jwt(an_sd_jwt(), SHOWN)
    answer = js.ask(
        "bindSdJwt",
        token=token,
        holder=private_jwk(WALLET),
        payload={
            "iat": NOW_SECONDS,
            "aud": CHALLENGE.audience,
            "nonce": CHALLENGE.nonce,
        },
    )
    verdict = judge(answer["token"], challenge=CHALLENGE, held=held())
    assert verdict.state is CredentialState.FRESH
    assert verdict.claims
    assert verdict.claims.holder_proven


def test_one_from_openvc_verifies_here() -> None:
    key = P256SigningKey.from_jwk(private_jwk(REFERENCES), REFERENCES.public.key_id)
    issued = SdJwtVcProofSuite().issue(
        dict(CLAIMS), signing_key=key, disclosable=["achievement_name", "skills"]
    )
    verdict = judge(issued)
    assert verdict.state is CredentialState.NO_STATUS
    for part in (0, 1, 2):
        assert judge(changed(issued, part)).claims is None
