"""Tables of questions, histories of answers, and the grants that follow from them.

`consent_events` is the truth: signed, hash-chained, append-only. `consent_grants` is what
follows from it, kept in the same transaction, so that counting is one `EXISTS` in SQL.
"""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from interurban_node.core.database import Base


class QuestionRow(Base):
    """A published question: the signed document and what it is looked up by."""

    __tablename__ = "consent_questions"

    question_id: Mapped[str] = mapped_column(sa.String(71), primary_key=True)
    scope: Mapped[str] = mapped_column(sa.String(20))
    purpose: Mapped[str] = mapped_column(sa.String(120))
    recipients: Mapped[str] = mapped_column(sa.Text)  # JSON array, sorted
    document: Mapped[bytes]
    published_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]

    __table_args__ = (sa.Index("ix_consent_questions_scope", "scope", "superseded_at"),)


class HistoryRow(Base):
    """The head of one learner's history, and the salt of its commitment."""

    __tablename__ = "consent_histories"

    learner_ref: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    salt: Mapped[bytes]
    length: Mapped[int]
    head: Mapped[str | None] = mapped_column(sa.String(71))
    last_at: Mapped[datetime | None]


class EventRow(Base):
    """One signed event, with the parts of it that are searched."""

    __tablename__ = "consent_events"

    learner_ref: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(sa.String(71))
    token: Mapped[bytes]
    question_id: Mapped[str] = mapped_column(sa.String(71), index=True)
    credential_id: Mapped[str | None] = mapped_column(sa.String(60))
    state: Mapped[str] = mapped_column(sa.String(20))
    at: Mapped[datetime]
    signed_on: Mapped[date | None] = mapped_column(sa.Date)
    actor: Mapped[str] = mapped_column(sa.String(20))
    channel: Mapped[str] = mapped_column(sa.String(20))
    language: Mapped[str] = mapped_column(sa.String(40))
    receipt: Mapped[bytes | None]


class GrantRow(Base):
    """One grant: in force from `granted_at` until it ends or runs out.

    The learner stands in it twice: by reference for histories, by number for counting.
    """

    __tablename__ = "consent_grants"

    # In this order: what counting reads is read without stepping over long texts.
    id: Mapped[int] = mapped_column(primary_key=True)
    learner_number: Mapped[int]
    granted_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    question_id: Mapped[str] = mapped_column(sa.String(71))
    learner_ref: Mapped[str] = mapped_column(sa.String(60))
    credential_id: Mapped[str | None] = mapped_column(sa.String(60))
    recipient: Mapped[str | None] = mapped_column(sa.String(260))
    event_id: Mapped[str] = mapped_column(sa.String(71))

    __table_args__ = (
        sa.Index("ix_consent_grants_counted", "learner_ref", "question_id"),
        sa.Index("ix_consent_grants_due", "ended_at", "expires_at"),
        sa.Index(  # all that counting reads of a question
            "ix_consent_grants_standing",
            *("question_id", "learner_number"),
            *("granted_at", "expires_at", "ended_at"),
        ),
    )


class ClaimRow(Base):
    """A sheet of paper that a registry import has used; none is used twice."""

    __tablename__ = "consent_claims"

    evidence_id: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    learner_ref: Mapped[str] = mapped_column(sa.String(60))
    question_id: Mapped[str] = mapped_column(sa.String(71))
    state: Mapped[str] = mapped_column(sa.String(20))
    signed_on: Mapped[date] = mapped_column(sa.Date)
    source: Mapped[str] = mapped_column(sa.String(200))
    imported_at: Mapped[datetime]
