"""Tables of plans, agreements with their signatures so far, and suspensions."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from interurban_node.core.database import Base


class PlanRow(Base):
    """A release plan that was verified."""

    __tablename__ = "plans"

    plan_id: Mapped[str] = mapped_column(sa.String(71), primary_key=True)
    subject: Mapped[str] = mapped_column(sa.String(100), index=True)
    document: Mapped[bytes]
    received_at: Mapped[datetime]


class AgreementRow(Base):
    """An agreement with the signatures that we hold."""

    __tablename__ = "agreements"

    agreement_id: Mapped[str] = mapped_column(sa.String(71), primary_key=True)
    document: Mapped[bytes]
    received_at: Mapped[datetime]
    signed_by_us_at: Mapped[datetime | None]
    complete_at: Mapped[datetime | None]


class SuspensionRow(Base):
    """The newest that is known of one node's disclosure to another: suspended, or resumed."""

    __tablename__ = "suspensions"

    agreement_id: Mapped[str] = mapped_column(sa.String(71), primary_key=True)
    by: Mapped[str] = mapped_column(sa.String(260), primary_key=True)
    towards: Mapped[str] = mapped_column(sa.String(260), primary_key=True)
    suspended: Mapped[bool] = mapped_column(default=True)
    since: Mapped[datetime]
    reason: Mapped[str] = mapped_column(sa.String(400))
