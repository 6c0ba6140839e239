"""Unprotected counts, by one GROUP BY to base cells. Only `aggregates.service` imports this.

A learner is counted when, for each of the plan's purposes, a consent that covers it was in
force at the records' cut-off *and* is in force now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates.models import ReleaseMemberRow, ReleaseRow
from interurban_node.consent.queries import consents
from interurban_node.core.errors import RefusedError
from interurban_node.registry.queries import counted_events
from interurban_protocol.disclosure import Group
from interurban_protocol.structures import Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Whose events are counted. `questions` holds, for each purpose, those that cover it."""

    structure: Structure
    period: str
    cut_off: datetime
    questions: Sequence[Sequence[str]]
    now: datetime


@dataclass(frozen=True, slots=True)
class BaseRow:
    """Learners with the same registry value in each splitting dimension, in order."""

    values: tuple[str | None, ...]
    count: int
    key_sum: int


def base_cells(session: Session, population: Population) -> list[BaseRow]:
    """The consenting learners of `population`, grouped; every learner in one row."""
    events = _events(population)
    sources = [
        _column(events, split.source or "").label(f"value_{place}")
        for place, split in enumerate(population.structure.split_dimensions)
    ]
    rows = session.execute(
        sa.select(*sources, sa.func.count(), sa.func.sum(events.c.record_key))
        .where(_consenting(events, population))
        .group_by(*sources)
    )
    return [
        BaseRow(tuple(_text(value) for value in values), count, int(key_sum))
        for *values, count, key_sum in rows
    ]


def eligible(session: Session, population: Population) -> Group:
    """All learners with a counted event, whatever they answered; for the coverage."""
    return _group(session, _events(population))


def lock_releases(session: Session) -> None:
    """Let one build at a time write, so that sequences are committed in their order.

    A reader that asks for releases after a sequence would else miss a lower one that is
    committed later. SQLite has one writer anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        name = ReleaseRow.__tablename__
        session.execute(sa.text(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE"))


def record_members(session: Session, population: Population, sequence: int) -> None:
    """Write down who is counted in the release `sequence`, inside the database."""
    events = _events(population)
    members = sa.select(sa.literal(sequence), events.c.learner_ref).where(
        _consenting(events, population)
    )
    session.execute(
        sa.insert(ReleaseMemberRow).from_select(["sequence", "learner_ref"], members)
    )


def members_total(session: Session, population: Population, sequence: int) -> Group:
    """The members of a release whose event is (still) in the registry."""
    events = _events(population)
    is_member = sa.exists().where(
        ReleaseMemberRow.sequence == sequence,
        ReleaseMemberRow.learner_ref == events.c.learner_ref,
    )
    return _group(session, events, is_member)


def _events(population: Population) -> sa.Subquery:
    return counted_events(
        population.structure.event, population.period, population.cut_off
    )


def _consenting(events: sa.Subquery, population: Population) -> sa.ColumnElement[bool]:
    if not population.questions:
        return sa.false()  # nothing was asked, so nobody has said yes
    return sa.and_(
        *(
            consents(questions, events.c.learner_ref, at)
            for questions in population.questions
            for at in (population.cut_off, population.now)
        )
    )


def _column(events: sa.Subquery, source: str) -> sa.ColumnElement[object]:
    name = source.replace(".", "__")
    if name not in events.c:
        raise RefusedError(
            f"the registry has no field {source}",
            next_step="Publish a version of the structure that reads another field.",
        )
    column: sa.ColumnElement[object] = events.c[name]
    return column


def _group(
    session: Session, events: sa.Subquery, *conditions: sa.ColumnElement[bool]
) -> Group:
    count, key_sum = session.execute(
        sa.select(
            sa.func.count(events.c.learner_ref), sa.func.sum(events.c.record_key)
        ).where(*conditions)
    ).one()
    return Group(count, int(key_sum or 0))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
