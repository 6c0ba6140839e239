"""Decisions over what stands in the database, and the log row that each use gets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.accounts.service import VerifiedToken
from interurban_node.agreements import service as agreements
from interurban_node.audit.models import UsageRow
from interurban_node.audit.service import (
    Grade,
    UsageEntry,
    Use,
    check_not_recovering,
    record_use,
)
from interurban_node.core.context import Node
from interurban_node.core.errors import RefusedError
from interurban_node.partners.authentication import VerifiedRequest
from interurban_node.policy.rules import (
    Permit,
    ReleaseFacts,
    decide_held_release,
    decide_own_release,
    decide_public_release,
    decide_reference,
    decide_release,
)
from interurban_node.policy.tokens import VerifiedAccessToken

_SEAL = object()

Proof: TypeAlias = VerifiedRequest | VerifiedAccessToken | VerifiedToken | None
"""Who asks: a partner by signature or token, this city's own staff, or anybody."""


@dataclass(frozen=True, slots=True)
class Publication:
    """The publication of a release, standing in the log. Only `log_publication` makes one."""

    use: Use
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only log_publication makes a Publication")


Logged: TypeAlias = UsageEntry | Publication
"""The proof that reading a release for somebody asks for."""


@dataclass(frozen=True, slots=True)
class ReferencePermit:
    """A permit to send a reference, with the terms of the agreement that it rests on."""

    permit: Permit
    agreement_id: str
    maximum_days: int
    answer_days: int


def permit_release(
    session: Session,
    node: Node,
    proof: VerifiedRequest | VerifiedAccessToken,
    release: ReleaseFacts,
    now: datetime,
) -> Permit:
    """The permit for a partner's verified request or token.

    Raises:
        RefusedError: with the reason. RecoveringError: nothing is served now.
    """
    check_not_recovering(session, node)
    return _decision(session, node, proof, now)(release)


def permitted_releases(
    session: Session,
    node: Node,
    proof: Proof,
    releases: Sequence[ReleaseFacts],
    now: datetime,
) -> dict[str, Permit]:
    """The permits by release id, for as many of the releases as the asker may have.

    The others are left out without a word: what a caller may not see does not exist for it.

    Raises:
        RecoveringError: nothing is served now.
    """
    check_not_recovering(session, node)
    decide = _decision(session, node, proof, now)
    found = {}
    for release in releases:
        try:
            found[release.release_id] = decide(release)
        except RefusedError:
            continue
    return found


def _decision(
    session: Session, node: Node, proof: Proof, now: datetime
) -> Callable[[ReleaseFacts], Permit]:
    """The one decision for an asker, with what it needs read once."""
    if proof is None:
        return lambda release: decide_public_release(release, now=now)
    if isinstance(proof, VerifiedToken):
        return lambda release: decide_held_release(
            release, own_origin=node.origin, now=now
        )
    in_force = agreements.in_force(session, node, now)
    if isinstance(proof, VerifiedRequest):
        return lambda release: decide_release(
            release, asker=proof.partner.origin, agreements=in_force, now=now
        )
    return lambda release: decide_release(
        release,
        asker=proof.recipient,
        agreements=in_force,
        now=now,
        grade=Grade.BEARER,
        bound_to=proof.agreement_id,
    )


def permit_own_release(
    session: Session, node: Node, release: ReleaseFacts, now: datetime
) -> Permit:
    """The permit for this city's own token.

    Raises:
        NotPublishedError, RecoveringError.
    """
    check_not_recovering(session, node)
    return decide_own_release(release, own_origin=node.origin, now=now)


def permit_reference(
    session: Session, node: Node, recipient: str, now: datetime
) -> ReferencePermit:
    """The permit to send a reference to a partner.

    Raises:
        RefusedError: with the reason. RecoveringError: nothing is issued now.
    """
    check_not_recovering(session, node)
    permit, agreement = decide_reference(
        recipient=recipient, agreements=agreements.in_force(session, node, now)
    )
    terms = agreement.agreement.payload.references
    return ReferencePermit(
        permit, agreement.agreement_id, terms.maximum_days, terms.answer_days
    )


def log_use(
    session: Session,
    permit: Permit,
    now: datetime,
    *,
    learner_ref: str | None = None,
    reference_id: str | None = None,
) -> UsageEntry:
    """Write the usage-log row of what `permit` allows; what sends asks for the result."""
    use = _use(permit, learner_ref=learner_ref, reference_id=reference_id)
    return record_use(session, use, now)


def log_publication(session: Session, permit: Permit, now: datetime) -> Publication:
    """The publication of what `permit` allows everybody, logged when it is first sent."""
    use = _use(permit)
    logged = sa.select(UsageRow.id).where(
        UsageRow.release_id == use.release_id,
        UsageRow.kind == use.kind,
        UsageRow.recipient == use.recipient,
    )
    if session.scalar(logged.limit(1)) is None:
        record_use(session, use, now)
    return Publication(use, _SEAL)


def _use(
    permit: Permit, *, learner_ref: str | None = None, reference_id: str | None = None
) -> Use:
    return Use(
        kind=permit.kind,
        purpose=permit.purpose,
        recipient=permit.recipient,
        grade=permit.grade,
        agreement=permit.agreement_id,
        release_id=permit.release_id,
        learner_ref=learner_ref,
        reference_id=reference_id,
    )
