"""A city of any size for the release benchmark, made inside the database by plain SQL.

Rows are what syncs and answers leave behind: numbers of learners, profiles, counted events,
grants. Four of five learners have said yes. Nothing is random, and nothing is skewed: every
profile has about as many learners as the next one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.core.context import Node
from interurban_node.registry.counting import FIELDS, STARTED, column_of
from interurban_node.registry.models import CountedProfileRow, ProgrammeRow, SourceRow
from interurban_protocol.release_plans import quarter_after
from tests.support.learners import ask

MOST_RECORDS = (
    2_000_000  # beyond, the registry's own records are left out: they are wide
)
BEFORE = datetime(2025, 1, 1, tzinfo=UTC)
AGES = tuple(f"A{number}" for number in range(1, 7))
SEXES = ("F", "M", "_U")
ANSWERS = ("yes", "no", "unknown")
OUTCOMES = ("COM", "NCM", "ONG")

_SERIES = {
    "postgresql": "(SELECT generate_series(1, :count) AS i) AS series",
    "sqlite": "(WITH RECURSIVE series(i) AS (SELECT 1 UNION ALL SELECT i + 1"
    " FROM series WHERE i < :count) SELECT i FROM series) AS series",
}
_MIXED = "((CAST(i AS BIGINT) * 2654435761 + :salt) % 4294967296)"

_LEARNERS = """
INSERT INTO learner_numbers (number, learner_ref)
SELECT i, 'L' || CAST(CAST(i AS BIGINT) * 100000007 AS VARCHAR) || 'abcdefghijkl'
FROM {series}
"""
_EVENTS = f"""
INSERT INTO counted_events (learner_number, event, period, happened_on, record_id,
    record_key, profile_id)
SELECT i, '{STARTED}', :period, '2025-11-03',
    '5e0c7a52-0000-5000-8000-' || CAST(100000000000 + i AS VARCHAR),
    {_MIXED}, 1 + {_MIXED} / 65536 % :profiles
FROM {{series}}
"""
_GRANTS = """
INSERT INTO consent_grants (learner_ref, learner_number, question_id, event_id,
    granted_at, expires_at)
SELECT learner_ref, number, :question, :question, '2025-02-01 00:00:00.000000',
    '2030-01-01 00:00:00.000000'
FROM learner_numbers WHERE number % 5 <> 0
"""
_RECORD = """record_id, source_id, source_pk, source_hash, mapping_version, run_id,
    updated_at"""
_RECORD_OF = """'{kind}-' || CAST(n.number AS VARCHAR), 1, CAST(n.number AS VARCHAR),
    'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq', 'm', 1, '2025-12-01 00:00:00.000000'"""
_LEARNER_RECORDS = f"""
INSERT INTO learners ({_RECORD}, learner_ref, sex, displaced, disability)
SELECT {_RECORD_OF.format(kind="l")}, n.learner_ref, p.learner__sex,
    p.learner__displaced, p.learner__disability
FROM counted_events e JOIN counted_profiles p ON p.id = e.profile_id
    JOIN learner_numbers n ON n.number = e.learner_number
WHERE e.period = :period
"""
_ENROLMENT_RECORDS = f"""
INSERT INTO enrolments ({_RECORD}, learner_ref, learner_id, programme_id,
    programme_code, started_on, start_period, status, record_key, outcome, age_band)
SELECT {_RECORD_OF.format(kind="e")}, n.learner_ref,
    'l-' || CAST(n.number AS VARCHAR), 'p', p.programme__code, e.happened_on, e.period,
    'active', e.record_key, p.enrolment__outcome, p.learner__age_band
FROM counted_events e JOIN counted_profiles p ON p.id = e.profile_id
    JOIN learner_numbers n ON n.number = e.learner_number
WHERE e.period = :period
"""
_FLOOR = """
CREATE TABLE floor_records AS
SELECT p.programme__code, p.learner__age_band, p.learner__sex, p.learner__displaced,
    p.enrolment__outcome, e.record_key
FROM counted_events e JOIN counted_profiles p ON p.id = e.profile_id
WHERE e.period = :period
"""
_FLOOR_INDEX = """
CREATE INDEX floor_in_order ON floor_records (programme__code, learner__age_band,
    learner__sex, learner__displaced, enrolment__outcome, record_key)
"""


@dataclass(frozen=True, kw_only=True)
class City:
    """How large a city is. `records` count in the quarter that is built."""

    records: int
    learners: int = 0  # who exist; never fewer than records
    programmes: int = 40
    periods: int = 1  # with as many records each


def make_city(node: Node, city: City, period: str) -> str:
    """Fill the node's database; the id of the question that was asked."""
    with node.database.transaction() as session:
        question = ask(session, node, BEFORE)
        profiles = _make_profiles(session, city)
        _run(session, _LEARNERS, count=max(city.records, city.learners))
        for back in range(city.periods):
            _run(
                session,
                _EVENTS,
                count=city.records,
                period=quarter_after(period, -back),
                profiles=profiles,
                salt=back * 7919,
            )
        _run(session, _GRANTS, question=question)
        if city.records <= MOST_RECORDS:
            _make_records(session, period)
        _run(session, _FLOOR, period=period)
        if node.database.is_sqlite:  # PostgreSQL hashes; SQLite sorts without an index
            _run(session, _FLOOR_INDEX)
    _settle(node)
    return question


def _make_records(session: Session, period: str) -> None:
    """The records of the registry behind the quarter's events."""
    record = {
        "source_id": 1,
        "source_pk": "p",
        "source_hash": "h",
        "mapping_version": "m",
        "run_id": 1,
        "updated_at": BEFORE,
    }
    session.add(
        SourceRow(id=1, name="s", system="s", mapping_version="m", added_at=BEFORE)
    )
    session.flush()
    session.add(
        ProgrammeRow(record_id="p", code="P", title="P", title_language="en", **record)
    )
    session.flush()
    _run(session, _LEARNER_RECORDS, period=period)
    _run(session, _ENROLMENT_RECORDS, period=period)


def _make_profiles(session: Session, city: City) -> int:
    programmes = [f"P{number}" for number in range(1, city.programmes + 1)]
    combinations = product(programmes, AGES, SEXES, ANSWERS, ANSWERS, OUTCOMES)
    names = [column_of(field) for field in FIELDS]
    rows = [
        {
            **dict.fromkeys(names),
            "id": number,
            "digest": f"benchmark-{number}",
            "programme__code": programme,
            "programme__level": "4",
            "programme__mode": "in_person",
            "learner__age_band": age,
            "learner__sex": sex,
            "learner__displaced": displaced,
            "learner__disability": disability,
            "enrolment__outcome": outcome,
        }
        for number, (programme, age, sex, displaced, disability, outcome) in enumerate(
            combinations, 1
        )
    ]
    session.execute(sa.insert(CountedProfileRow), rows)
    return len(rows)


def _run(session: Session, statement: str, **values: object) -> None:
    series = _SERIES[session.get_bind().dialect.name]
    session.execute(sa.text(statement.format(series=series)), values)


def _settle(node: Node) -> None:
    """What a database does by itself in a quiet minute."""
    engine = node.database.engine
    if node.database.is_sqlite:
        with engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
