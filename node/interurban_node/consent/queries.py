"""Reads worth naming: who counts at a time, and how a learner's answers stand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from interurban_node.consent.models import EventRow, GrantRow, HistoryRow
from interurban_node.core.learner_sets import LearnerSet, gathered, read_gathered
from interurban_protocol.consent_records import ConsentState

CHUNK = 2000  # values in one IN list; SQLite and PostgreSQL take 32,766


def consents(
    question_ids: Sequence[str],
    learner_ref_column: sa.ColumnElement[Any] | InstrumentedAttribute[Any],
    at: datetime,
) -> sa.ColumnElement[bool]:
    """A condition: the learner of the row has a grant for one of the questions at `at`.

    The grants are seen as they are known now: an answer on paper counts from the day on
    the paper, and an end that came to light later still ends it.
    """
    return (
        sa.exists()
        .where(
            GrantRow.learner_ref == learner_ref_column,
            GrantRow.question_id.in_(tuple(question_ids)),
            in_force(at),
        )
        .correlate_except(GrantRow)
    )


def in_force(at: datetime) -> sa.ColumnElement[bool]:
    """A condition on grants: given, not run out and not ended at the time `at`."""
    return sa.and_(
        GrantRow.granted_at <= at,
        GrantRow.expires_at > at,
        sa.or_(GrantRow.ended_at.is_(None), GrantRow.ended_at > at),
    )


def consenting(
    session: Session, question_ids: Sequence[str], times: tuple[datetime, datetime]
) -> LearnerSet:
    """The learners with a grant for one of the questions at each of two times.

    The same learners as `consents` finds, but all of them in one reading of the grants.
    One grant that holds at both times is the rule; others are set against each other.
    """
    first, second = sorted(times)
    begins_early, lasts = GrantRow.granted_at <= first, _end() > second
    dialect = session.get_bind().dialect.name
    number = GrantRow.learner_number.expression
    row = session.execute(
        sa.select(
            gathered(number, sa.and_(begins_early, lasts), dialect),
            gathered(number, sa.and_(sa.not_(lasts), begins_early), dialect),
            gathered(number, sa.and_(sa.not_(begins_early), lasts), dialect),
        ).where(
            GrantRow.question_id.in_(tuple(question_ids)),
            GrantRow.granted_at <= second,
            _end() > first,
        )
    ).one()
    both, only_first, only_second = (LearnerSet.of(read_gathered(part)) for part in row)
    return both | (only_first & only_second)


def all_grants() -> sa.Select[*tuple[Any, ...]]:
    """Every grant, as `consenting` reads it; for a copy in another engine."""
    return sa.select(
        GrantRow.question_id,
        GrantRow.learner_number,
        GrantRow.granted_at,
        _end().label("end_at"),
    )


def _end() -> sa.ColumnElement[datetime]:
    """When a grant is in force no more: it was ended, or it runs out."""
    return sa.case(
        (GrantRow.ended_at < GrantRow.expires_at, GrantRow.ended_at),
        else_=GrantRow.expires_at,
    )


def open_grants(
    session: Session, learner_refs: Iterable[str], question_ids: Iterable[str]
) -> Sequence[GrantRow]:
    """Grants that nothing has ended, whether or not their time ran out; oldest first."""
    wanted = tuple(set(question_ids))
    return [
        grant
        for part in _parts(learner_refs)
        for grant in session.scalars(
            sa.select(GrantRow)
            .where(
                GrantRow.learner_ref.in_(part),
                GrantRow.question_id.in_(wanted),
                GrantRow.ended_at.is_(None),
            )
            .order_by(GrantRow.id)
        )
    ]


def grants_run_out(session: Session, now: datetime, limit: int) -> Sequence[GrantRow]:
    """Grants whose time ran out and whose end is not recorded yet."""
    return session.scalars(
        sa.select(GrantRow)
        .where(GrantRow.ended_at.is_(None), GrantRow.expires_at <= now)
        .order_by(GrantRow.id)
        .limit(limit)
    ).all()


def histories(
    session: Session, learner_refs: Iterable[str]
) -> Mapping[str, HistoryRow]:
    """The heads of histories by learner, locked until the transaction ends."""
    return {
        row.learner_ref: row
        for part in _parts(learner_refs)
        for row in session.scalars(
            sa.select(HistoryRow)
            .where(HistoryRow.learner_ref.in_(part))
            .order_by(HistoryRow.learner_ref)
            .with_for_update()
        )
    }


def last_noes(
    session: Session, learner_refs: Iterable[str], question_ids: Iterable[str]
) -> Mapping[str, datetime]:
    """When each learner last said no to one of the questions, whoever spoke it."""
    wanted = tuple(set(question_ids))
    found: dict[str, datetime] = {}
    for part in _parts(learner_refs):
        rows = session.execute(
            sa.select(EventRow.learner_ref, sa.func.max(EventRow.at).label("last"))
            .where(
                EventRow.learner_ref.in_(part),
                EventRow.question_id.in_(wanted),
                EventRow.state.in_((ConsentState.REFUSED, ConsentState.WITHDRAWN)),
            )
            .group_by(EventRow.learner_ref)
        )
        found |= {row.learner_ref: row.last for row in rows}
    return found


def events_of(session: Session, learner_ref: str) -> Sequence[EventRow]:
    """One learner's events, oldest first."""
    return session.scalars(
        sa.select(EventRow)
        .where(EventRow.learner_ref == learner_ref)
        .order_by(EventRow.sequence)
    ).all()


def learners_with_events(session: Session) -> Sequence[str]:
    """Every learner who has a history, in order."""
    refs = sa.select(EventRow.learner_ref).distinct().order_by(EventRow.learner_ref)
    return session.scalars(refs).all()


@dataclass(frozen=True, slots=True)
class Answers:
    """How many learners' last word on a question is what; for the operator only."""

    question_id: str
    given: int
    refused: int
    withdrawn: int
    ended: int  # run out, or the question was replaced


def answers(session: Session) -> Mapping[str, Answers]:
    """The counts of learners by their last word, per question."""
    last = (
        sa.select(
            EventRow.question_id,
            EventRow.learner_ref,
            sa.func.max(EventRow.sequence).label("sequence"),
        )
        .group_by(EventRow.question_id, EventRow.learner_ref)
        .subquery()
    )
    rows = session.execute(
        sa.select(EventRow.question_id, EventRow.state, sa.func.count())
        .join(
            last,
            sa.and_(
                EventRow.learner_ref == last.c.learner_ref,
                EventRow.sequence == last.c.sequence,
            ),
        )
        .group_by(EventRow.question_id, EventRow.state)
    )
    counts: dict[str, dict[str, int]] = {}
    for question_id, state, count in rows:
        counts.setdefault(question_id, {})[state] = count
    return {key: _answers(key, states) for key, states in counts.items()}


def _answers(question_id: str, states: Mapping[str, int]) -> Answers:
    return Answers(
        question_id,
        given=states.get(ConsentState.GIVEN, 0),
        refused=states.get(ConsentState.REFUSED, 0),
        withdrawn=states.get(ConsentState.WITHDRAWN, 0),
        ended=states.get(ConsentState.EXPIRED, 0)
        + states.get(ConsentState.SUPERSEDED, 0),
    )


def _parts(values: Iterable[str]) -> Iterable[Sequence[str]]:
    whole = sorted(set(values))
    return (whole[i : i + CHUNK] for i in range(0, len(whole), CHUNK))
