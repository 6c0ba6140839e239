"""Rows of plans, agreements and suspensions, found by name."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.agreements.models import AgreementRow, PlanRow, SuspensionRow
from interurban_node.core.errors import NotFoundError


def suspensions_of(session: Session, agreement_id: str) -> Sequence[SuspensionRow]:
    """Who discloses nothing new to whom under an agreement."""
    return session.scalars(
        sa.select(SuspensionRow).where(
            SuspensionRow.agreement_id == agreement_id, SuspensionRow.suspended
        )
    ).all()


def plan_row(session: Session, plan_id: str) -> PlanRow:
    """The row of a plan.

    Raises:
        NotFoundError: there is none.
    """
    row = session.get(PlanRow, plan_id)
    if row is None:
        raise NotFoundError(
            "there is no such plan", next_step="`plan show` lists them."
        )
    return row


def agreement_row(session: Session, agreement_id: str) -> AgreementRow:
    """The row of an agreement.

    Raises:
        NotFoundError: there is none.
    """
    row = session.get(AgreementRow, agreement_id)
    if row is None:
        raise NotFoundError(
            "there is no such agreement", next_step="`agreement show` lists them."
        )
    return row
