"""Bearer tokens for a recipient's statistical software: another proof into the decision.

A token stands for one recipient under one agreement until it expires, is revoked, or the
agreement no longer covers what is asked. It says who asks with less certainty than a
signature, and what is sent for it is logged with that lower grade.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.agreements import service as agreements
from interurban_node.audit.service import record_irrevocable
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    ConfigurationError,
    NotFoundError,
    NotSignedInError,
    OutsideAgreementError,
    RefusedError,
)
from interurban_node.core.journal import Irrevocable, JournalEntry
from interurban_node.policy.models import AccessTokenRow
from interurban_protocol.encoding import base64url_encode

PREFIX: Final = "sdmx-"  # tells it from a token of this city's own staff
LONGEST: Final = timedelta(days=366)
_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedAccessToken:
    """An access token that is valid now. Only `verify` makes one."""

    token_id: str
    recipient: str
    agreement_id: str
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only policy.tokens makes a VerifiedAccessToken")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokenFacts:
    """What is known of a token; never the token."""

    token_id: str
    recipient: str
    agreement_id: str
    label: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def mint(
    session: Session,
    node: Node,
    *,
    recipient: str,
    agreement_id: str,
    label: str,
    now: datetime,
    valid_for: timedelta,
) -> str:
    """A new token; it is shown once, and only its hash is kept.

    Raises:
        OutsideAgreementError: no such agreement with the recipient is in force.
        RefusedError: it would be valid for more than a year, or is for this node itself.
    """
    _check_terms(session, node, recipient, agreement_id, now)
    if not timedelta(0) < valid_for <= LONGEST:
        raise RefusedError(
            f"an access token is valid for at most {LONGEST.days} days",
            next_step="Make one for a shorter time, and a new one when it ends.",
        )
    token = PREFIX + node.identifiers.token()
    session.add(
        AccessTokenRow(
            token_id=node.identifiers.uuid(),
            token_hash=_hash(node, token),
            recipient=recipient,
            agreement_id=agreement_id,
            label=label[:200],
            made_at=now,
            expires_at=now + valid_for,
        )
    )
    session.flush()
    return token


def is_access_token(token: str) -> bool:
    """Whether a bearer token claims to be a recipient's, and not one of the staff's."""
    return token.startswith(PREFIX)


def verify(
    session: Session, node: Node, token: str, now: datetime
) -> VerifiedAccessToken:
    """The facts of a token that is valid now.

    Raises:
        NotSignedInError: unknown, revoked or expired; the answer is the same.
    """
    row = session.scalar(
        sa.select(AccessTokenRow).where(
            AccessTokenRow.token_hash == _hash(node, token.strip())
        )
    )
    if row is None or row.revoked_at is not None or now >= row.expires_at:
        raise NotSignedInError(
            "the token is not valid",
            next_step="Ask the operator of the city that made it for a new one.",
        )
    return VerifiedAccessToken(row.token_id, row.recipient, row.agreement_id, _SEAL)


def revoke(
    session: Session, node: Node, token_id: str, now: datetime
) -> AccessTokenFacts:
    """End a token for good; ending it again changes nothing.

    Raises:
        NotFoundError: no token has this id.
    """
    row = session.get(AccessTokenRow, token_id)
    if row is None:
        raise NotFoundError(
            "no access token has this id",
            next_step="`interurban sdmx token list` shows the ids.",
        )
    if row.revoked_at is None:
        row.revoked_at = now
        gone = {"token": token_id}
        record_irrevocable(session, node, Irrevocable.ACCESS_REVOKED, gone, now)
    return _facts(row)


def reapply(session: Session, node: Node, entry: JournalEntry, now: datetime) -> None:
    """Revoke again what a restored database has forgotten to be revoked.

    Raises:
        ConfigurationError: the entry is not one that this feature wrote.
    """
    del node
    match entry.kind, entry.facts:
        case Irrevocable.ACCESS_REVOKED, {"token": token_id}:
            row = session.get(AccessTokenRow, token_id)
        case _:
            raise ConfigurationError(
                f"entry {entry.number} of the journal is no revoked access token"
            )
    if row is not None:
        row.revoked_at = row.revoked_at or now


def tokens(session: Session) -> list[AccessTokenFacts]:
    """Every token that was made, newest first."""
    rows = session.scalars(
        sa.select(AccessTokenRow).order_by(
            AccessTokenRow.made_at.desc(), AccessTokenRow.token_id
        )
    )
    return [_facts(row) for row in rows]


def _check_terms(
    session: Session, node: Node, recipient: str, agreement_id: str, now: datetime
) -> None:
    if recipient == node.origin:
        raise RefusedError(
            "an access token is for another node's software",
            next_step="`interurban account token` makes tokens for this city's staff.",
        )
    for found in agreements.in_force(session, node, now):
        if found.agreement_id == agreement_id:
            if recipient in found.agreement.payload.nodes:
                return
            break
    raise OutsideAgreementError("no such agreement with the recipient is in force here")


def _hash(node: Node, token: str) -> str:
    message = b"access-token\0" + token.encode("utf-8", "surrogatepass")
    return base64url_encode(hmac.digest(node.keys.cookie, message, hashlib.sha256))


def _facts(row: AccessTokenRow) -> AccessTokenFacts:
    return AccessTokenFacts(
        token_id=row.token_id,
        recipient=row.recipient,
        agreement_id=row.agreement_id,
        label=row.label,
        made_at=row.made_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


__all__ = [
    "LONGEST",
    "PREFIX",
    "AccessTokenFacts",
    "VerifiedAccessToken",
    "is_access_token",
    "mint",
    "revoke",
    "tokens",
    "verify",
]
