"""Decisions over what stands in the database, and the log row that each use gets."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.agreements import service as agreements
from interurban_node.audit.service import (
    UsageEntry,
    Use,
    check_not_recovering,
    record_use,
)
from interurban_node.core.context import Node
from interurban_node.partners.authentication import VerifiedRequest
from interurban_node.policy.rules import (
    Permit,
    ReleaseFacts,
    decide_own_release,
    decide_reference,
    decide_release,
)


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
    request: VerifiedRequest,
    release: ReleaseFacts,
    now: datetime,
) -> Permit:
    """The permit for a partner's verified request.

    Raises:
        RefusedError: with the reason. RecoveringError: nothing is served now.
    """
    check_not_recovering(session, node)
    return decide_release(
        release,
        asker=request.partner.origin,
        agreements=agreements.in_force(session, node, now),
        now=now,
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
    use = Use(
        kind=permit.kind,
        purpose=permit.purpose,
        recipient=permit.recipient,
        grade=permit.grade,
        agreement=permit.agreement_id,
        release_id=permit.release_id,
        learner_ref=learner_ref,
        reference_id=reference_id,
    )
    return record_use(session, use, now)
