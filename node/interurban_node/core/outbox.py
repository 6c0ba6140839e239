"""Intents that outlive their transaction: a row now, done later by a job, never lost.

A feature that wants something from a higher one, or from the network, writes a row in its
own transaction. The consumer takes due rows, does the work, and settles each row in a
transaction of its own. A row that fails is due again later, with growing patience up to a
quarter of an hour; an authenticated message from a partner makes its rows due at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from interurban_node.core.database import Base

MAX_WAIT = timedelta(minutes=15)
SEND_TOPIC = "send-message"  # bytes for a partner; the exchange delivers them


class OutboxRow(Base):
    """One intent."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(sa.String(40))
    partner: Mapped[str | None] = mapped_column(sa.String(260))
    reference: Mapped[str] = mapped_column(sa.String(100))  # what it is about
    payload: Mapped[bytes]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    last_problem: Mapped[str | None] = mapped_column(sa.String(400))
    done_at: Mapped[datetime | None]

    __table_args__ = (sa.Index("ix_outbox_due", "done_at", "topic", "due_at"),)


@dataclass(frozen=True, slots=True)
class Intent:
    """A due row, detached from its session."""

    id: int
    topic: str
    partner: str | None
    reference: str
    payload: bytes
    attempts: int
    created_at: datetime


def enqueue(
    session: Session,
    *,
    topic: str,
    reference: str,
    payload: bytes,
    now: datetime,
    partner: str | None = None,
    due_at: datetime | None = None,
) -> None:
    """Record an intent in the caller's transaction."""
    session.add(
        OutboxRow(
            topic=topic,
            partner=partner,
            reference=reference,
            payload=payload,
            created_at=now,
            due_at=due_at or now,
        )
    )


def due(
    session: Session, topics: Sequence[str], now: datetime, limit: int = 100
) -> list[Intent]:
    """The intents of `topics` that are due, oldest first."""
    rows = session.scalars(
        sa.select(OutboxRow)
        .where(
            OutboxRow.done_at.is_(None),
            OutboxRow.topic.in_(topics),
            OutboxRow.due_at <= now,
        )
        .order_by(OutboxRow.id)
        .limit(limit)
    )
    return [
        Intent(
            r.id, r.topic, r.partner, r.reference, r.payload, r.attempts, r.created_at
        )
        for r in rows
    ]


def still_waits(session: Session, intent_id: int) -> bool:
    """Whether nobody has settled the intent since it was read."""
    return session.get_one(OutboxRow, intent_id).done_at is None


def settle(session: Session, intent_id: int, now: datetime) -> None:
    """Mark an intent as done."""
    row = session.get_one(OutboxRow, intent_id)
    row.done_at = now
    row.payload = b""  # what was sent is kept by who keeps evidence, not here


def postpone(session: Session, intent_id: int, now: datetime, problem: str) -> None:
    """Try again later: 15 s, 30 s, 1 min … at most a quarter of an hour."""
    row = session.get_one(OutboxRow, intent_id)
    row.attempts += 1
    row.last_problem = problem[:400]
    row.due_at = now + min(
        timedelta(seconds=15) * 2 ** min(row.attempts - 1, 10), MAX_WAIT
    )


def abandon(session: Session, intent_id: int, now: datetime, problem: str) -> None:
    """Give up on an intent for good, and keep why."""
    settle(session, intent_id, now)
    session.get_one(OutboxRow, intent_id).last_problem = problem[:400]


def wake(session: Session, partner: str, now: datetime) -> None:
    """Make everything that waits for `partner` due: it has just shown that it is up."""
    session.execute(
        sa.update(OutboxRow)
        .where(
            OutboxRow.done_at.is_(None),
            OutboxRow.partner == partner,
            OutboxRow.attempts > 0,
            OutboxRow.due_at > now,
        )
        .values(due_at=now)
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits under one topic for one partner."""

    topic: str
    partner: str | None
    count: int
    attempts: int
    oldest: datetime


def waiting(session: Session) -> list[Waiting]:
    """What waits, for `doctor` and the operator's page."""
    rows = session.execute(
        sa.select(
            OutboxRow.topic,
            OutboxRow.partner,
            sa.func.count(),
            sa.func.max(OutboxRow.attempts),
            sa.func.min(OutboxRow.created_at),
        )
        .where(OutboxRow.done_at.is_(None))
        .group_by(OutboxRow.topic, OutboxRow.partner)
    )
    return [Waiting(*row) for row in rows]
