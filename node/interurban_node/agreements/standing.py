"""What is in force here, by this node's own verification of complete sets."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.agreements.models import AgreementRow
from interurban_node.agreements.queries import plan_row, suspensions_of
from interurban_node.core.context import Node
from interurban_node.core.errors import StateError
from interurban_node.partners import service as partners
from interurban_node.structures import service as structures
from interurban_protocol.agreements import (
    KIND,
    AgreedPlan,
    Agreement,
    check_in_force,
)
from interurban_protocol.errors import (
    OutOfTimeError,
    VerificationError,
)
from interurban_protocol.keys import KeySet
from interurban_protocol.release_plans import (
    ReleasePlan,
    verify_plan,
)
from interurban_protocol.signed_documents import (
    VerifiedDocument,
    verify_document,
)
from interurban_protocol.structures import Structure


@dataclass(frozen=True, slots=True)
class PlanInForce:
    """A plan with its structures, under an agreement that is in force here."""

    plan: VerifiedDocument[ReleasePlan]
    structures: tuple[Structure, ...]
    agreement_id: str

    @property
    def plan_id(self) -> str:
        """The digest of the plan's payload."""
        return self.plan.document_id


@dataclass(frozen=True, slots=True)
class AgreementInForce:
    """An agreement that this node has verified completely, in its time."""

    agreement: VerifiedDocument[Agreement]
    suspended_towards: frozenset[str]  # we disclose nothing new to them
    suspended_by: frozenset[str]  # they disclose nothing new to us

    @property
    def agreement_id(self) -> str:
        """The digest of the payload."""
        return self.agreement.document_id


def in_force(session: Session, node: Node, now: datetime) -> list[AgreementInForce]:
    """The agreements in force at `now`, by this node's own verification.

    One that no longer verifies, because a party has reported its key as compromised, is not
    among them; the others go on.
    """
    found = []
    keys = _key_tuple(session, node)
    rows = session.scalars(
        sa.select(AgreementRow)
        .where(AgreementRow.complete_at.is_not(None))
        .order_by(AgreementRow.received_at)
    )
    for row in rows:
        try:
            verified = _verified(row.document, keys, row.complete_at or now)
            check_in_force(verified, now)
        except (VerificationError, OutOfTimeError):
            continue
        found.append(_in_force(session, node, verified))
    return found


def plans_in_force(session: Session, node: Node, now: datetime) -> list[PlanInForce]:
    """The plans that agreements in force refer to, each once, with their structures."""
    found: dict[str, PlanInForce] = {}
    for agreement in in_force(session, node, now):
        for agreed in agreement.agreement.payload.plans:
            found.setdefault(
                agreed.plan,
                _plan_in_force(session, node, agreed, agreement.agreement_id),
            )
    return list(found.values())


def plan_in_force(
    session: Session, node: Node, plan_id: str, now: datetime
) -> PlanInForce:
    """One plan that an agreement in force refers to.

    Raises:
        StateError: no agreement in force refers to it.
    """
    for found in plans_in_force(session, node, now):
        if found.plan_id == plan_id:
            return found
    raise StateError(
        "no agreement in force refers to this plan",
        next_step="`agreement show` says whose move is next.",
    )


def _in_force(
    session: Session, node: Node, verified: VerifiedDocument[Agreement]
) -> AgreementInForce:
    found = suspensions_of(session, verified.document_id)
    return AgreementInForce(
        verified,
        frozenset(row.towards for row in found if row.by == node.origin),
        frozenset(row.by for row in found if row.towards == node.origin),
    )


def _plan_in_force(
    session: Session, node: Node, agreed: AgreedPlan, agreement_id: str
) -> PlanInForce:
    row = plan_row(session, agreed.plan)
    keys = _key_tuple(session, node)
    return PlanInForce(
        _verified_plan(row.document, keys, row.received_at),
        tuple(structures.structure(session, digest) for digest in agreed.structures),
        agreement_id,
    )


def _key_tuple(session: Session, node: Node) -> tuple[tuple[str, KeySet], ...]:
    sets = partners.key_sets(session, node)
    return tuple((origin, sets[origin]) for origin in sorted(sets))


@lru_cache(maxsize=256)
def _verified(
    document: bytes, keys: tuple[tuple[str, KeySet], ...], at: datetime
) -> VerifiedDocument[Agreement]:
    return verify_document(document, Agreement, kind=KIND, keys=dict(keys), at=at)


@lru_cache(maxsize=256)
def _verified_plan(
    document: bytes, keys: tuple[tuple[str, KeySet], ...], at: datetime
) -> VerifiedDocument[ReleasePlan]:
    return verify_plan(document, keys=dict(keys), at=at)
