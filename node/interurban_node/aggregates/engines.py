"""The base-cell pass: the one part of a build that reads as much as there are learners.

Everything else works on the few thousand cells that it gives. So it stands behind a small
interface, and a node that outgrows its database can give it to an engine that is made for
it; `columns` shows one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from interurban_node.consent.queries import consenting
from interurban_node.core.learner_numbers import numbers_end
from interurban_node.core.learner_sets import (
    LearnerSet,
    gathered,
    is_in,
    read_gathered,
)
from interurban_node.registry import counting
from interurban_node.registry.cohorts import observed
from interurban_node.registry.events import flow
from interurban_node.registry.models import CountedProfileRow
from interurban_protocol.disclosure import Group

NEWCOMERS = 1_000_000  # learners whom syncs may add while one query runs
Values: TypeAlias = tuple[str | None, ...]
"""Registry values, in the order in which they were asked for."""

WORK_MEMORY = "256MB"  # of PostgreSQL, for one hash of all profiles and their learners


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Which events are looked at: those of a period, or of a cohort `lag` quarters later.

    `among` are the people of the cohort; None where there is none.
    """

    event: str
    period: str
    cut_off: datetime
    lag: int | None = None
    among: LearnerSet | None = None


class CountedCell(NamedTuple):
    """Learners with the same values; `observed` is what is known beside, by column."""

    values: Values
    observed: Values
    learners: Group


class Whole(NamedTuple):
    """All of some events at once."""

    everybody: Group  # whether counted or not
    members: LearnerSet  # of those who are counted


class BaseCellEngine(Protocol):
    """Whatever can do the pass; all engines give the same.

    `counted` are those who count, None if everybody does.
    """

    def consenting(
        self, question_ids: Sequence[str], times: tuple[datetime, datetime]
    ) -> LearnerSet:
        """The learners with a grant for one of the questions at both times."""

    def cells(
        self, events: Events, counted: LearnerSet | None, fields: Sequence[str]
    ) -> list[CountedCell]:
        """Those who count, by some registry fields and what is observed; in no order."""

    def whole(self, events: Events, counted: LearnerSet | None) -> Whole:
        """How many there are, and who of them counts."""


@dataclass(frozen=True, slots=True)
class SqlEngine:
    """The pass in the node's own database: one GROUP BY over one narrow table."""

    session: Session

    def consenting(
        self, question_ids: Sequence[str], times: tuple[datetime, datetime]
    ) -> LearnerSet:
        """As `BaseCellEngine` says."""
        _make_room(self.session)
        return consenting(self.session, question_ids, times)

    def cells(
        self, events: Events, counted: LearnerSet | None, fields: Sequence[str]
    ) -> list[CountedCell]:
        """As `BaseCellEngine` says. Profiles first: one number is grouped by quickly."""
        _make_room(self.session)
        rows = selected(events)
        groups = [rows.c.profile_id, *observed_columns(rows)]
        profiles = (
            sa.select(*groups, sa.func.count().label("learners"), _key_sum(rows))
            .where(self._are_in(rows, events.among), self._are_in(rows, counted))
            .group_by(*groups)
            .subquery("profiles")
        )
        _, *observed, learners, key_sum = profiles.c
        columns = [*profile_columns(fields), *observed]
        found = self.session.execute(
            sa.select(*columns, _whole(learners), _whole(key_sum))
            .select_from(CountedProfileRow)
            .join(profiles, profiles.c.profile_id == CountedProfileRow.id)
            .group_by(*columns)
        )
        return [_cell(tuple(row), len(fields)) for row in found]

    def whole(self, events: Events, counted: LearnerSet | None) -> Whole:
        """As `BaseCellEngine` says."""
        _make_room(self.session)
        rows = selected(events)
        members = gathered(
            rows.c.learner_number, self._are_in(rows, counted), self._dialect
        )
        learners, key_sum, numbers = self.session.execute(
            sa.select(sa.func.count(), _key_sum(rows), members)
            .select_from(rows)
            .where(self._are_in(rows, events.among))
        ).one()
        return Whole(Group(learners, key_sum), LearnerSet.of(read_gathered(numbers)))

    @property
    def _dialect(self) -> str:
        return self.session.get_bind().dialect.name

    def _are_in(
        self, rows: sa.Subquery, learners: LearnerSet | None
    ) -> sa.ColumnElement[bool]:
        if learners is None:
            return sa.true()
        room = learners.reaching(numbers_end(self.session) + NEWCOMERS)
        return is_in(rows.c.learner_number, room, self._dialect)


def selected(events: Events) -> sa.Subquery:
    """The rows of `events`: `learner_number`, `record_key`, `profile_id`, what is observed.

    Raises:
        NotFoundError: the registry counts no such event.
    """
    if events.lag is None:
        return flow(events.event, events.period, events.cut_off)
    return observed(events.event, events.period, events.lag)


def observed_columns(rows: sa.Subquery) -> Sequence[sa.ColumnElement[Any]]:
    """The columns of `selected` beside those that every event has."""
    return list(rows.c)[3:]


def profile_columns(fields: Sequence[str]) -> list[InstrumentedAttribute[str | None]]:
    """The columns of `CountedProfileRow` that hold these fields."""
    return [getattr(CountedProfileRow, counting.column_of(field)) for field in fields]


def _cell(row: tuple[Any, ...], fields: int) -> CountedCell:
    *known, learners, key_sum = row
    return CountedCell(
        tuple(known[:fields]), tuple(known[fields:]), Group(learners, key_sum)
    )


def _key_sum(rows: sa.Subquery) -> sa.ColumnElement[int]:
    return _whole(rows.c.record_key).label("key_sum")


def _whole(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """A sum as a plain integer, which PostgreSQL does not make of it by itself."""
    return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)


def _make_room(session: Session) -> None:
    """Until the transaction ends: memory for one pass, and no compiler for one query."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text(f"SET LOCAL work_mem = '{WORK_MEMORY}'"))
        session.execute(sa.text("SET LOCAL jit = off"))
