"""Certificates as SD-JWT VC: the form that wallets hold (RFC 9901 with key binding).

The same facts as the Open Badges form, each a salted disclosure, so that a holder shows what
is asked and no more. The token may be bound to a key of the holder's wallet (`cnf`): a
presentation then ends with a key binding token over exactly what is presented, for one
audience and one nonce.

Reading is strict, for any issuer: no claim that protects the verifier may be disclosed
selectively, no disclosure may be unused, doubled or out of place.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from interurban_protocol.credentials import AchievementCredential
from interurban_protocol.encoding import (
    JsonValue,
    base64url_encode,
    parse_json_object,
)
from interurban_protocol.errors import (
    ExpiredError,
    MalformedError,
    NotYetValidError,
    OversizedError,
    SignatureInvalidError,
    UnsupportedError,
    WrongTargetError,
)
from interurban_protocol.keys import Algorithm, PrivateKey, PublicKey
from interurban_protocol.sd_jwt_names import (
    CERTIFICATE_VCT,
    CONFIRMATION_CLAIM,
    CREDENTIAL_TYPE,
    HASH_CLAIM,
    KEY_BINDING_TYPE,
    NEVER_DISCLOSABLE,
    PRESENTATION_HASH,
    STATUS_CLAIM,
    STATUS_LIST_MEMBER,
    TYPE_CLAIM,
)
from interurban_protocol.selective_disclosure import (
    Disclosure,
    disclosed_payload,
    join_token,
    make_disclosure,
    split_token,
)
from interurban_protocol.status_lists import CLOCK_SKEW, MAX_TIME
from interurban_protocol.tokens import Token, parse_token, sign_token

MAX_CHARACTERS = 200_000
KEY_BINDING_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class TokenStatus:
    """One entry of a Token Status List."""

    index: int
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SdJwtFacts:
    """What a certificate's SD-JWT is made of."""

    issuer: str  # the node's origin
    disclosable: Mapping[str, JsonValue]  # each a disclosure of its own
    issued_at: datetime
    expires_at: datetime | None = None
    holder: PublicKey | None = None  # the wallet's P-256 key
    status: TokenStatus | None = None
    type: str = CERTIFICATE_VCT


@dataclass(frozen=True, slots=True, kw_only=True)
class SdJwtCredential:
    """An SD-JWT VC that was read and **not verified**."""

    token: Token
    issuer: str
    type: str
    claims: Mapping[str, JsonValue]  # with the disclosed ones in place
    disclosures: tuple[Disclosure, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    status: TokenStatus | None
    holder: PublicKey | None
    key_binding: Token | None
    presented: str  # what the key binding is over


@dataclass(frozen=True, slots=True)
class HolderChallenge:
    """What a verifier asked the holder for: who asks, and a nonce used once."""

    audience: str
    nonce: str


def disclosable_facts(credential: AchievementCredential) -> dict[str, JsonValue]:
    """The facts of an Open Badges certificate, as claims to be disclosed one by one."""
    value = parse_json_object(credential.to_json())
    subject = _object(value["credentialSubject"])
    achievement = _object(subject["achievement"])
    issuer = _object(value["issuer"])
    facts: dict[str, JsonValue] = {
        "credential_id": value["id"],
        "issuer_name": issuer["name"],
        "achievement_id": achievement["id"],
        "achievement_name": achievement["name"],
        "achievement_description": achievement["description"],
        "issue_date": str(value["validFrom"])[:10],
        "skills": achievement.get("alignment"),
        "field_of_study": achievement.get("fieldOfStudy"),
        "result": subject.get("result"),
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def sign_sd_jwt(
    facts: SdJwtFacts,
    key: PrivateKey,
    *,
    salts: Sequence[bytes],
    key_id: str | None = None,
) -> str:
    """The SD-JWT with all its disclosures; one salt for each of `facts.disclosable`."""
    if key.algorithm is not Algorithm.ES256:
        raise ValueError("an SD-JWT is signed with a P-256 key")
    if len(set(salts)) != len(facts.disclosable) or len(salts) != len(set(salts)):
        raise ValueError("each disclosure needs a salt of its own")
    if facts.disclosable.keys() & NEVER_DISCLOSABLE:
        raise ValueError("a claim that protects the verifier cannot be disclosable")
    disclosures = [
        make_disclosure(salt, name, value)
        for salt, (name, value) in zip(salts, facts.disclosable.items(), strict=True)
    ]
    payload = _payload(facts, sorted(each.digest for each in disclosures))
    token = sign_token(
        payload, key, typ=CREDENTIAL_TYPE, key_id=key_id or key.public.key_id
    )
    return join_token(token, disclosures)


def present_sd_jwt(token: str, disclose: Collection[str]) -> str:
    """The SD-JWT with only the disclosures of these names.

    Raises:
        MalformedError: no SD-JWT, or one that is bound to an audience already.
    """
    issuer_token, disclosures = split_token(token)
    return join_token(issuer_token, [d for d in disclosures if d.name in disclose])


def bind_to_holder(
    presented: str, key: PrivateKey, challenge: HolderChallenge, at: datetime
) -> str:
    """What a wallet sends: the presentation and a key binding token over it."""
    payload: Mapping[str, JsonValue] = {
        "iat": int(at.timestamp()),
        "aud": challenge.audience,
        "nonce": challenge.nonce,
        PRESENTATION_HASH: _presentation_hash(presented),
    }
    return presented + sign_token(payload, key, typ=KEY_BINDING_TYPE)


def parse_sd_jwt(text: str) -> SdJwtCredential:
    """The credential in an SD-JWT, with or without key binding; nothing is verified.

    Raises:
        MalformedError: no SD-JWT VC, or a disclosure that does not belong.
        UnsupportedError: another type of token, or another hash.
        OversizedError: longer than `MAX_CHARACTERS`, or too many disclosures.
    """
    if len(text) > MAX_CHARACTERS:
        raise OversizedError("the SD-JWT is larger than any credential")
    presented, tilde, last = text.rpartition("~")
    if not tilde:
        raise MalformedError("the SD-JWT has no tilde")
    issuer_token, disclosures = split_token(presented + "~")
    token = parse_token(issuer_token)
    if token.typ != CREDENTIAL_TYPE:
        raise UnsupportedError(f"the token is not of the type {CREDENTIAL_TYPE}")
    _check_never_disclosed(token.payload, disclosures)
    claims = disclosed_payload(token.payload, disclosures)
    return SdJwtCredential(
        token=token,
        issuer=_text(claims, "iss"),
        type=_text(claims, TYPE_CLAIM),
        claims=claims,
        disclosures=disclosures,
        valid_from=_time(claims, "nbf") or _time(claims, "iat"),
        valid_until=_time(claims, "exp"),
        status=_status(claims),
        holder=_holder(claims),
        key_binding=parse_token(last) if last else None,
        presented=presented + "~",
    )


def verify_key_binding(
    credential: SdJwtCredential, challenge: HolderChallenge | None, at: datetime
) -> None:
    """Return if the holder's key signed what is presented, for this challenge.

    Steps (RFC 9901 section 7.3): 1. the credential names the holder's key, and there is a
    key binding; 2. its type; 3. its signature; 4. the hash of what is presented; 5. the
    audience and the nonce, if a challenge was made; 6. the time.

    Raises:
        SignatureInvalidError: steps 1 to 4.
        WrongTargetError: step 5.
        ExpiredError, NotYetValidError: step 6.
        MalformedError: a claim of another shape.
    """
    binding = credential.key_binding
    if credential.holder is None or binding is None:  # 1
        raise SignatureInvalidError("the holder has not shown that it is theirs")
    if binding.typ != KEY_BINDING_TYPE:  # 2
        raise SignatureInvalidError(f"the token is not of the type {KEY_BINDING_TYPE}")
    binding.verify(credential.holder)  # 3
    claims = binding.payload
    if claims.get(PRESENTATION_HASH) != _presentation_hash(credential.presented):  # 4
        raise SignatureInvalidError("the key binding is over another presentation")
    if challenge is not None and (  # 5
        claims.get("aud") != challenge.audience
        or claims.get("nonce") != challenge.nonce
    ):
        raise WrongTargetError("the key binding is for another audience or nonce")
    made = _time(claims, "iat")  # 6
    if made is None or made > at + CLOCK_SKEW:
        raise NotYetValidError("the key binding was made in the future")
    if challenge is not None and at - made > KEY_BINDING_LIFETIME:
        raise ExpiredError("the key binding is too old")


def _payload(facts: SdJwtFacts, digests: Sequence[str]) -> dict[str, JsonValue]:
    optional: dict[str, JsonValue] = {
        "exp": int(facts.expires_at.timestamp()) if facts.expires_at else None,
        CONFIRMATION_CLAIM: {"jwk": facts.holder.jwk()} if facts.holder else None,
        STATUS_CLAIM: (
            {
                STATUS_LIST_MEMBER: {
                    "idx": facts.status.index,
                    "uri": facts.status.address,
                }
            }
            if facts.status
            else None
        ),
    }
    return {
        "iss": facts.issuer,
        TYPE_CLAIM: facts.type,
        "iat": int(facts.issued_at.timestamp()),
        "_sd": digests,
        HASH_CLAIM: "sha-256",
        **{name: value for name, value in optional.items() if value is not None},
    }


def _presentation_hash(presented: str) -> str:
    return base64url_encode(hashlib.sha256(presented.encode("ascii")).digest())


def _check_never_disclosed(
    payload: Mapping[str, JsonValue], disclosures: Sequence[Disclosure]
) -> None:
    # only top-level claims protect the verifier, but none of these names is used below them
    held_back = {each.name for each in disclosures} & NEVER_DISCLOSABLE
    if held_back - payload.keys():
        raise MalformedError("a claim that protects the verifier is a disclosure")


def _status(claims: Mapping[str, JsonValue]) -> TokenStatus | None:
    if STATUS_CLAIM not in claims:
        return None
    match claims[STATUS_CLAIM]:
        case {"status_list": {"idx": int(index), "uri": str(address)}} if (
            index >= 0 and not isinstance(index, bool)
        ):
            return TokenStatus(index, address)
        case _:
            raise UnsupportedError("the status is of a kind that is not known here")


def _holder(claims: Mapping[str, JsonValue]) -> PublicKey | None:
    if CONFIRMATION_CLAIM not in claims:
        return None
    match claims[CONFIRMATION_CLAIM]:
        case {"jwk": Mapping() as jwk}:
            members = {
                name: str(jwk[name]) for name in ("kty", "crv", "x", "y") if name in jwk
            }
            return PublicKey.from_jwk(members)
        case _:
            raise UnsupportedError("the holder's key is in a form not known here")


def _time(claims: Mapping[str, JsonValue], name: str) -> datetime | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedError(f"{name} is not a time in seconds")
    if not 0 <= value <= MAX_TIME:
        raise MalformedError(f"{name} is out of range")
    return datetime.fromtimestamp(int(value), UTC)


def _text(claims: Mapping[str, JsonValue], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"the credential has no {name}")
    return value


def _object(value: JsonValue) -> Mapping[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise MalformedError("the certificate has a member that is not an object")
    return value
