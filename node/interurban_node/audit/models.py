"""Tables of the usage log, the evidence and the journal entries that the database knows."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from interurban_node.core.database import Base


class UsageRow(Base):
    """One use of records: a release built or sent, a reference sent or ended."""

    __tablename__ = "usage_log"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(sa.String(40), index=True)
    purpose: Mapped[str] = mapped_column(sa.String(120))
    recipient: Mapped[str] = mapped_column(sa.String(260))
    agreement: Mapped[str | None] = mapped_column(sa.String(71))
    release_id: Mapped[str | None] = mapped_column(sa.String(71), index=True)
    learner_ref: Mapped[str | None] = mapped_column(sa.String(60), index=True)
    reference_id: Mapped[str | None] = mapped_column(sa.String(60))
    grade: Mapped[str] = mapped_column(sa.String(20))


class EvidenceRow(Base):
    """One signed request and its signed answer, as either side can prove them."""

    __tablename__ = "evidence"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    direction: Mapped[str] = mapped_column(sa.String(10))  # asked, answered
    partner: Mapped[str] = mapped_column(sa.String(260), index=True)
    method: Mapped[str] = mapped_column(sa.String(10))
    target: Mapped[str] = mapped_column(sa.String(2000))
    request_key_id: Mapped[str] = mapped_column(sa.String(60))
    request_base: Mapped[bytes]
    request_signature: Mapped[bytes]
    status: Mapped[int]
    response_key_id: Mapped[str] = mapped_column(sa.String(60))
    response_base: Mapped[bytes]
    response_signature: Mapped[bytes]
    trace_id: Mapped[str] = mapped_column(sa.String(32), default="")


class JournalRow(Base):
    """An entry of the one-way journal that this database has taken in."""

    __tablename__ = "journal_known"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(sa.String(40))
    digest: Mapped[str] = mapped_column(sa.String(71))
