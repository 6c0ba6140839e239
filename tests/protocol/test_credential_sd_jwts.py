"""Certificates as SD-JWT VC: what is shown, to whom, and every attack that we know."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from interurban_protocol.credential_verdicts import CredentialForm, CredentialState
from interurban_protocol.encoding import base64url_encode
from interurban_protocol.keys import PrivateKey
from interurban_protocol.sd_jwt_credentials import (
    HolderChallenge,
    bind_to_holder,
    disclosable_facts,
    parse_sd_jwt,
    present_sd_jwt,
)
from interurban_protocol.sd_jwt_names import CERTIFICATE_VCT
from interurban_protocol.selective_disclosure import (
    Disclosure,
    digest_text,
    join_token,
    make_disclosure,
)
from tests.support.certificates import (
    INDEX,
    WALLET,
    an_sd_jwt,
    held,
    judge,
    some_sd_jwt_facts,
)
from tests.support.credentials import (
    CERTIFICATES,
    HARBOUR,
    LAKESIDE,
    NOW,
    REFERENCES,
    STATUS,
    a_key,
    random_bytes,
)

State = CredentialState
CHALLENGE = HolderChallenge("https://employer.example", "n-0S6_WzA2Mj")
SECONDS = int(NOW.timestamp())


def test_a_certificate_for_a_wallet_is_fresh() -> None:
    verdict = judge(an_sd_jwt(), held=held())
    assert verdict.state is State.FRESH
    assert verdict.claims
    assert verdict.claims.form is CredentialForm.SD_JWT
    assert verdict.claims.types == {CERTIFICATE_VCT}
    assert verdict.claims.document["achievement_name"] == "Welding, level 2"
    assert not verdict.claims.holder_proven


def test_only_what_is_shown_is_there() -> None:
    token = present_sd_jwt(an_sd_jwt(), {"achievement_name"})
    assert token.count("~") == 2
    verdict = judge(token, held=held())
    assert verdict.state is State.FRESH
    assert verdict.claims
    shown = verdict.claims.document.keys() & disclosable_names()
    assert shown == {"achievement_name"}


def disclosable_names() -> set[str]:
    return set(some_sd_jwt_facts().disclosable)


@pytest.mark.parametrize(
    ("changes", "arguments", "state"),
    [
        ({}, {"held": held(revoked=(INDEX,))}, State.REVOKED),
        ({}, {"at": NOW + timedelta(minutes=16)}, State.CACHED),
        ({}, {"at": NOW + timedelta(days=2)}, State.STALE),
        ({}, {"held": None}, State.UNKNOWN_STATUS),
        ({}, {"at": NOW + timedelta(days=365)}, State.EXPIRED),
        ({}, {"at": NOW - timedelta(minutes=6)}, State.NOT_YET_VALID),
        ({"status": None}, {}, State.NO_STATUS),
        ({"issuer": HARBOUR}, {}, State.UNTRUSTED_ISSUER),
        ({"holder": None}, {}, State.FRESH),
        ({"holder": None}, {"challenge": CHALLENGE}, State.HOLDER_UNPROVEN),
        ({}, {"challenge": CHALLENGE}, State.HOLDER_UNPROVEN),
    ],
)
def test_its_state_depends_on_lists_times_and_holder(
    changes: dict[str, Any], arguments: dict[str, Any], state: State
) -> None:
    verdict = judge(an_sd_jwt(**changes), **{"held": held(), **arguments})
    assert verdict.state is state


def test_the_holder_shows_that_it_is_theirs() -> None:
    token = bind_to_holder(an_sd_jwt(), WALLET, CHALLENGE, NOW)
    verdict = judge(token, held=held(), challenge=CHALLENGE)
    assert verdict.state is State.FRESH
    assert verdict.claims
    assert verdict.claims.holder_proven


def test_a_key_binding_that_nobody_asked_for_proves_nothing_but_must_be_right() -> None:
    token = bind_to_holder(an_sd_jwt(), WALLET, CHALLENGE, NOW)
    verdict = judge(token, held=held())
    assert verdict.claims
    assert not verdict.claims.holder_proven
    wrong = bind_to_holder(
        an_sd_jwt(), a_key("thief", WALLET.algorithm), CHALLENGE, NOW
    )
    assert judge(wrong, held=held()).state is State.HOLDER_UNPROVEN


# --- attacks


def sign(
    payload: Mapping[str, Any],
    disclosures: Sequence[Disclosure] = (),
    *,
    key: PrivateKey = REFERENCES,
    **header: Any,
) -> str:
    """Any SD-JWT under any header."""
    merged = {"alg": "ES256", "typ": "dc+sd-jwt", "kid": key.public.key_id, **header}
    parts = [base64url_encode(json.dumps(each).encode()) for each in (merged, payload)]
    signature = base64url_encode(key.sign(".".join(parts).encode()))
    return join_token(".".join([*parts, signature]), disclosures)


def disclose(name: str, value: Any, salt: str = "s") -> Disclosure:
    return make_disclosure(random_bytes(salt), name, value)


def element(value: Any) -> Disclosure:
    text = base64url_encode(json.dumps(["salt-of-sixteen-bytes", value]).encode())
    return Disclosure(text, None, value)


CLAIMS = {"iss": LAKESIDE, "vct": CERTIFICATE_VCT, "iat": SECONDS}
SKILL = disclose("skill", "welding")
EXPIRY = disclose("exp", SECONDS + 9)
INNER = disclose("inner", 1)
OUTER = disclose("outer", {"_sd": [INNER.digest]})
GOOD = sign({**CLAIMS, "_sd": [SKILL.digest]}, [SKILL])
BOUND = bind_to_holder(an_sd_jwt(), WALLET, CHALLENGE, NOW)
FEWER = present_sd_jwt(an_sd_jwt(), {"achievement_name"})
DEEP: Any = 1
for _ in range(40):
    DEEP = {"a": DEEP}


def test_the_good_ones_are_good() -> None:
    nested = sign({**CLAIMS, "_sd": [OUTER.digest]}, [OUTER, INNER])
    listed = element("welding")
    in_list = sign({**CLAIMS, "skills": [{"...": listed.digest}]}, [listed])
    for token in (GOOD, nested, in_list):
        assert judge(token).state is State.NO_STATUS
    assert judge(BOUND, held=held(), challenge=CHALLENGE).state is State.FRESH


def key_binding(key: PrivateKey = WALLET, typ: str = "kb+jwt", **changes: Any) -> str:
    """The certificate with any key binding."""
    credential = parse_sd_jwt(BOUND)
    assert credential.key_binding
    payload = {**credential.key_binding.payload, **changes}
    payload = {name: value for name, value in payload.items() if value is not ...}
    header = {"alg": "ES256", "typ": typ}
    parts = [base64url_encode(json.dumps(each).encode()) for each in (header, payload)]
    signature = base64url_encode(key.sign(".".join(parts).encode()))
    return credential.presented + ".".join([*parts, signature])


ATTACKS: dict[str, tuple[str, State]] = {
    "a disclosure twice": (
        sign({**CLAIMS, "_sd": [SKILL.digest]}, [SKILL, SKILL]),
        State.MALFORMED,
    ),
    "a disclosure that nothing names": (sign(CLAIMS, [SKILL]), State.MALFORMED),
    "a digest twice": (
        sign({**CLAIMS, "_sd": [SKILL.digest, SKILL.digest]}, [SKILL]),
        State.MALFORMED,
    ),
    "a digest in two places": (
        sign({**CLAIMS, "_sd": [SKILL.digest], "a": {"_sd": [SKILL.digest]}}, [SKILL]),
        State.MALFORMED,
    ),
    "a disclosure over a claim that is there": (
        sign({**CLAIMS, "skill": 1, "_sd": [SKILL.digest]}, [SKILL]),
        State.MALFORMED,
    ),
    "an element where a member stands": (
        sign({**CLAIMS, "_sd": [element(1).digest]}, [element(1)]),
        State.MALFORMED,
    ),
    "a member where an element stands": (
        sign({**CLAIMS, "a": [{"...": SKILL.digest}]}, [SKILL]),
        State.MALFORMED,
    ),
    "an inner disclosure without its outer one": (
        sign({**CLAIMS, "_sd": [OUTER.digest]}, [INNER]),
        State.MALFORMED,
    ),
    "a withheld expiry": (
        sign({**CLAIMS, "_sd": [EXPIRY.digest]}, [EXPIRY]),
        State.MALFORMED,
    ),
    "a digest marker as claim": (sign({**CLAIMS, "...": "x"}), State.MALFORMED),
    "digests that are no list": (sign({**CLAIMS, "_sd": "x"}), State.MALFORMED),
    "another hash": (sign({**CLAIMS, "_sd_alg": "md5"}), State.MALFORMED),
    "too many disclosures": (
        sign(CLAIMS, [disclose("a", n, str(n)) for n in range(70)]),
        State.MALFORMED,
    ),
    "deep claims": (sign({**CLAIMS, "a": DEEP}), State.MALFORMED),
    "a padded disclosure": (GOOD[:-1] + "=~", State.MALFORMED),
    "a disclosure that is no list": (GOOD + "e30~", State.MALFORMED),
    "an empty disclosure": (GOOD + "~", State.MALFORMED),
    "no final tilde": (GOOD[:-1], State.MALFORMED),
    "another type": (sign(CLAIMS, typ="vc+sd-jwt"), State.UNSUPPORTED),
    "the type of a token": (sign(CLAIMS, typ="JWT"), State.UNSUPPORTED),
    "alg none": (sign(CLAIMS, alg="none"), State.UNSUPPORTED),
    "EdDSA for a P-256 key": (sign(CLAIMS, alg="EdDSA"), State.INVALID_SIGNATURE),
    "its own key": (sign(CLAIMS, jwk=REFERENCES.public.jwk()), State.UNSUPPORTED),
    "a certificate chain": (sign(CLAIMS, x5c=["MII"]), State.UNSUPPORTED),
    "a status key": (sign(CLAIMS, key=STATUS), State.WRONG_KEY),
    "a stranger's key": (
        sign(CLAIMS, key=a_key("stranger", REFERENCES.algorithm)),
        State.UNTRUSTED_ISSUER,
    ),
    "a stranger's key under our name": (
        sign(
            CLAIMS,
            key=a_key("stranger", REFERENCES.algorithm),
            kid=REFERENCES.public.key_id,
        ),
        State.INVALID_SIGNATURE,
    ),
    "a key before its time": (
        sign({**CLAIMS, "iat": SECONDS - 900 * 86_400}),
        State.WRONG_KEY,
    ),
    "no issuer": (sign({"vct": "x", "iat": SECONDS}), State.MALFORMED),
    "no vct": (sign({"iss": LAKESIDE, "iat": SECONDS}), State.MALFORMED),
    "a time that is a text": (sign({**CLAIMS, "exp": "never"}), State.MALFORMED),
    "a time beyond all time": (sign({**CLAIMS, "exp": 1e300}), State.MALFORMED),
    "a status of another kind": (
        sign({**CLAIMS, "status": {"other": 1}}),
        State.UNSUPPORTED,
    ),
    "a negative index": (
        sign({**CLAIMS, "status": {"status_list": {"idx": -1, "uri": "x"}}}),
        State.UNSUPPORTED,
    ),
    "a list of another": (
        sign(
            {
                **CLAIMS,
                "status": {"status_list": {"idx": 1, "uri": "https://x.example/l"}},
            }
        ),
        State.UNKNOWN_STATUS,
    ),
    "a holder's key by name": (
        sign({**CLAIMS, "cnf": {"kid": "x"}}),
        State.UNSUPPORTED,
    ),
    "a holder's key that is none": (
        sign({**CLAIMS, "cnf": {"jwk": {"kty": "EC"}}}),
        State.MALFORMED,
    ),
    "wrong sd_hash": (key_binding(sd_hash=digest_text("x")), State.HOLDER_UNPROVEN),
    "no sd_hash": (key_binding(sd_hash=...), State.HOLDER_UNPROVEN),
    "a key binding over more disclosures": (
        FEWER + BOUND.rpartition("~")[2],
        State.HOLDER_UNPROVEN,
    ),
    "a key binding of another key": (
        key_binding(a_key("thief", WALLET.algorithm)),
        State.HOLDER_UNPROVEN,
    ),
    "a key binding of the issuer": (key_binding(REFERENCES), State.HOLDER_UNPROVEN),
    "a key binding of another type": (key_binding(typ="JWT"), State.HOLDER_UNPROVEN),
    "another nonce": (key_binding(nonce="other"), State.HOLDER_UNPROVEN),
    "another audience": (
        key_binding(aud="https://other.example"),
        State.HOLDER_UNPROVEN,
    ),
    "an old key binding": (key_binding(iat=SECONDS - 400), State.HOLDER_UNPROVEN),
    "a key binding to come": (key_binding(iat=SECONDS + 400), State.HOLDER_UNPROVEN),
    "a key binding without time": (key_binding(iat=...), State.HOLDER_UNPROVEN),
    "a key binding that is no token": (
        an_sd_jwt() + "x.y",
        State.MALFORMED,
    ),
    "a key binding with padding": (BOUND + "=", State.MALFORMED),
}


@pytest.mark.parametrize(("token", "state"), ATTACKS.values(), ids=ATTACKS)
def test_an_attacked_sd_jwt_has_a_clear_state(token: str, state: State) -> None:
    challenge = CHALLENGE if state is State.HOLDER_UNPROVEN else None
    assert judge(token, held=held(), challenge=challenge).state is state


def test_the_certificate_of_a_wallet_says_what_the_badge_says() -> None:
    facts = some_sd_jwt_facts().disclosable
    assert facts.keys() >= {"credential_id", "achievement_id", "issue_date"}
    assert facts.keys() == disclosable_names()


@pytest.mark.parametrize(
    "arguments",
    [
        {"disclosable": {"exp": 1}},
        {"disclosable": {"status": 1}},
    ],
)
def test_what_protects_the_verifier_is_not_made_disclosable(arguments: Any) -> None:
    with pytest.raises(ValueError, match="protects"):
        an_sd_jwt(**arguments)


def test_it_is_signed_with_p256_and_a_salt_for_each_fact() -> None:
    from interurban_protocol.sd_jwt_credentials import sign_sd_jwt

    with pytest.raises(ValueError, match="P-256"):
        sign_sd_jwt(some_sd_jwt_facts(), CERTIFICATES, salts=[])
    with pytest.raises(ValueError, match="salt"):
        sign_sd_jwt(some_sd_jwt_facts(), REFERENCES, salts=[b"s" * 16] * 6)
    assert disclosable_facts
