"""Credentials as VC-JWT: the data model's document as the payload of a JWS (VC-JOSE-COSE).

The payload is the credential itself, with no proof in it; the older form, which wrapped it
in a claim `vc`, is refused. JWT claims beside it may repeat what the credential says and may
not contradict it; ours repeat what Open Badges 3.0 section 8.2 demands.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from interurban_protocol.contexts import STANDARD, ContextSet
from interurban_protocol.credential_model import (
    check_credential,
    issuer_id,
    subjects,
    validity,
)
from interurban_protocol.encoding import JsonValue
from interurban_protocol.errors import MalformedError, UnsupportedError
from interurban_protocol.keys import PrivateKey
from interurban_protocol.status_lists import MAX_TIME
from interurban_protocol.tokens import Token, parse_token, sign_token

CREDENTIAL_TYPE: Final = "vc+jwt"
PRESENTATION_TYPE: Final = "vp+jwt"
CONTENT_TYPE: Final = "vc"


def sign_vc_jwt(
    document: Mapping[str, JsonValue],
    key: PrivateKey,
    *,
    key_id: str,
    contexts: ContextSet = STANDARD,
) -> str:
    """The credential as a token; `key_id` is the verification method.

    Raises:
        MalformedError, UnsupportedError: no credential of the data model, or one that has
            a proof already.
    """
    if "proof" in document:
        raise MalformedError("the credential has a proof already")
    check_credential(document, contexts)
    payload = {**document, **_repeated_claims(document)}
    return sign_token(
        payload, key, typ=CREDENTIAL_TYPE, key_id=key_id, cty=CONTENT_TYPE
    )


def parse_vc_jwt(text: str, contexts: ContextSet = STANDARD) -> Token:
    """The token, whose payload is a credential of the data model; nothing is verified.

    Raises:
        MalformedError: no such token, or claims that contradict the credential.
        UnsupportedError: another type of token.
    """
    token = parse_token(text)
    if token.typ != CREDENTIAL_TYPE:
        raise UnsupportedError(f"the token is not of the type {CREDENTIAL_TYPE}")
    if "vc" in token.payload or "proof" in token.payload:
        raise UnsupportedError("the token's payload is not the credential itself")
    check_credential(token.payload, contexts)
    _check_claims(token.payload)
    return token


def token_period(
    payload: Mapping[str, JsonValue],
) -> tuple[datetime | None, datetime | None]:
    """The narrowest period that the credential and the JWT claims agree on."""
    begins, ends = validity(payload)
    starts = [each for each in (begins, _seconds(payload, "nbf")) if each]
    stops = [each for each in (ends, _seconds(payload, "exp")) if each]
    return max(starts, default=None), min(stops, default=None)


def _repeated_claims(document: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    begins, ends = validity(document)
    ids = [subject.get("id") for subject in subjects(document)]
    claims: dict[str, JsonValue] = {
        "iss": issuer_id(document),
        "jti": document.get("id"),
        "sub": ids[0] if len(ids) == 1 else None,
        "nbf": int(begins.timestamp()) if begins else None,
        "exp": int(ends.timestamp()) if ends else None,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _check_claims(payload: Mapping[str, JsonValue]) -> None:
    if payload.get("iss", issuer_id(payload)) != issuer_id(payload):
        raise MalformedError("iss is another issuer than the credential's")
    if "jti" in payload and payload["jti"] != payload.get("id"):
        raise MalformedError("jti is another id than the credential's")
    if "sub" in payload and payload["sub"] not in [
        subject.get("id") for subject in subjects(payload)
    ]:
        raise MalformedError("sub is another subject than the credential's")
    token_period(payload)


def _seconds(payload: Mapping[str, JsonValue], name: str) -> datetime | None:
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedError(f"{name} is not a time in seconds")
    if not 0 <= value <= MAX_TIME:
        raise MalformedError(f"{name} is out of range")
    return datetime.fromtimestamp(int(value), UTC)
