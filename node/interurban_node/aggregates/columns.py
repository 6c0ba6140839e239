"""The base-cell pass on a column store: DuckDB, from the extra `columns`.

The store is a copy of counted events and of grants, by number; no reference of a learner is
in it. It is written anew before a build and belongs into the node's home, like the database
itself. Nothing is downloaded: the engine works without any of its extensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates.engines import CountedCell, Events, SqlEngine, Whole
from interurban_node.consent.queries import all_grants
from interurban_node.core.learner_sets import LearnerSet
from interurban_node.registry.counting import FIELDS, column_of
from interurban_node.registry.events import all_counted, all_profiles
from interurban_protocol.disclosure import Group
from interurban_protocol.release_plans import quarter_bounds

IN_MEMORY = Path(":memory:")
_ROWS_AT_ONCE = 200_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_PROFILE_COLUMNS = ", ".join(f"{column_of(field)} VARCHAR" for field in FIELDS)
_TABLES = f"""
CREATE OR REPLACE TABLE counted_profiles (id INTEGER, {_PROFILE_COLUMNS});
CREATE OR REPLACE TABLE counted_events (event VARCHAR, period VARCHAR, happened_on INTEGER,
    profile_id INTEGER, learner_number INTEGER, record_key BIGINT);
CREATE OR REPLACE TABLE grants (question_id VARCHAR, learner_number INTEGER,
    granted_at BIGINT, end_at BIGINT);
"""

_CELLS = """
SELECT {fields}, sum(learners)::BIGINT, sum(key_sum)::BIGINT
FROM counted_profiles p JOIN (
    SELECT e.profile_id, count(*) AS learners, sum(e.record_key) AS key_sum
    FROM counted_events e SEMI JOIN wanted w ON w.number = e.learner_number
    WHERE e.event = $1 AND e.period = $2 AND e.happened_on <= $3
    GROUP BY e.profile_id
) c ON c.profile_id = p.id
GROUP BY {fields}
"""

_EVERYBODY = """
SELECT count(*), coalesce(sum(e.record_key), 0)::BIGINT
FROM counted_events e
WHERE e.event = $1 AND e.period = $2 AND e.happened_on <= $3
"""

_MEMBERS = """
SELECT e.learner_number AS number
FROM counted_events e SEMI JOIN wanted w ON w.number = e.learner_number
WHERE e.event = $1 AND e.period = $2 AND e.happened_on <= $3
"""

_GRANTS = """
SELECT learner_number FROM grants WHERE question_id IN (SELECT unnest($1))
GROUP BY learner_number
HAVING bool_or(granted_at <= $2 AND end_at > $2)
    AND bool_or(granted_at <= $3 AND end_at > $3)
"""

_WANTED = "CREATE OR REPLACE TEMP TABLE wanted AS SELECT number FROM given"
_ALL_WANTED = """
CREATE OR REPLACE TEMP TABLE wanted AS
SELECT DISTINCT learner_number AS number FROM counted_events
"""
_ADD_EVENTS = "INSERT INTO counted_events BY NAME SELECT * FROM batch"
_ADD_PROFILES = "INSERT INTO counted_profiles BY NAME SELECT * FROM batch"
_ADD_GRANTS = "INSERT INTO grants BY NAME SELECT * FROM batch"

_OFFLINE: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


@dataclass(frozen=True, slots=True)
class ColumnEngine:
    """The pass over a copy in columns; outcomes of cohorts, which are few, stay in SQL."""

    store: duckdb.DuckDBPyConnection
    session: Session

    def consenting(
        self, question_ids: Sequence[str], times: tuple[datetime, datetime]
    ) -> LearnerSet:
        """As `BaseCellEngine` says."""
        asked = [list(question_ids), *map(_microseconds, times)]
        found = self.store.execute(_GRANTS, asked).fetchnumpy()
        return LearnerSet.of(np.asarray(found["learner_number"], dtype=np.int64))

    def cells(
        self, events: Events, counted: LearnerSet | None, fields: Sequence[str]
    ) -> list[CountedCell]:
        """As `BaseCellEngine` says."""
        if events.lag is not None:
            return SqlEngine(self.session).cells(events, counted, fields)
        self._want(counted)
        columns = ", ".join(column_of(field) for field in fields)
        found = self.store.execute(_CELLS.format(fields=columns), _asked(events))
        return [
            CountedCell(tuple(values), (), Group(learners, key_sum))
            for *values, learners, key_sum in found.fetchall()
        ]

    def whole(self, events: Events, counted: LearnerSet | None) -> Whole:
        """As `BaseCellEngine` says."""
        if events.lag is not None:
            return SqlEngine(self.session).whole(events, counted)
        self._want(counted)
        everybody = self.store.execute(_EVERYBODY, _asked(events)).fetchall()
        members = self.store.execute(_MEMBERS, _asked(events)).fetchnumpy()
        return Whole(Group(*everybody[0]), LearnerSet.of(np.asarray(members["number"])))

    def _want(self, counted: LearnerSet | None) -> None:
        if counted is not None:
            self.store.register("given", {"number": counted.numbers()})
        self.store.execute(_ALL_WANTED if counted is None else _WANTED)


def column_engine(session: Session, path: Path = IN_MEMORY) -> ColumnEngine:
    """An engine on a new copy of what the node's database holds at this moment."""
    store = duckdb.connect(str(path), config=_OFFLINE)
    store.execute(_TABLES)
    _copy(session, all_profiles(), store, _ADD_PROFILES)
    _copy(session, all_counted(), store, _ADD_EVENTS)
    _copy(session, all_grants(), store, _ADD_GRANTS)
    return ColumnEngine(store, session)


def _copy(
    session: Session,
    select: sa.Select[*tuple[Any, ...]],
    store: duckdb.DuckDBPyConnection,
    insert: str,
) -> None:
    found = session.execute(select, execution_options={"yield_per": _ROWS_AT_ONCE})
    for rows in found.partitions():
        columns = zip(*rows, strict=True)
        names = [column.name for column in select.selected_columns]
        batch = {
            name: _array(column) for name, column in zip(names, columns, strict=True)
        }
        store.register("batch", batch)
        store.execute(insert)


def _array(column: Sequence[object]) -> npt.NDArray[Any]:
    """Times in microseconds and days by number; texts, which may be missing, as they are."""
    match column[0]:
        case datetime():
            numbers = [_microseconds(at) for at in column if isinstance(at, datetime)]
        case date():
            numbers = [day.toordinal() for day in column if isinstance(day, date)]
        case int():
            numbers = [number for number in column if isinstance(number, int)]
        case _:
            return np.array(column, dtype=object)
    return np.array(numbers, dtype=np.int64)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _asked(events: Events) -> list[object]:
    last = min(events.cut_off.date(), quarter_bounds(events.period)[1])
    return [events.event, events.period, last.toordinal()]
