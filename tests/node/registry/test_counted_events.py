"""The events that count: SQL against plain Python, on both engines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError
from interurban_node.registry.counting import FIELDS, STARTED, column_of
from interurban_node.registry.events import recount
from interurban_node.registry.models import (
    CountedEventRow,
    CountedProfileRow,
    EnrolmentRow,
    LearnerRow,
    ProgrammeRow,
    SourceRow,
)
from interurban_node.registry.queries import counted_events
from interurban_node.registry.rules import record_key, start_period

PERIOD = "2026-Q1"
CUT_OFF = datetime(2026, 4, 20, tzinfo=UTC)
NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECRET = b"r" * 32
DIGEST = "sha256:" + "0" * 64
COLUMNS = (
    "learner_ref",
    "record_key",
    *(column_of(field) for field in FIELDS),
)


@dataclass(frozen=True)
class Enrolment:
    learner: str
    code: str
    started_on: date | None
    outcome: str
    is_deleted: bool


@dataclass(frozen=True)
class City:
    deleted_learners: frozenset[str]
    enrolments: tuple[Enrolment, ...]


# upper and lower case: the order of codes must not hang on a database's language
codes = st.sampled_from(["A", "a", "B", "b-1", "B_1", "Z", "Ä"])
days = st.dates(date(2025, 12, 20), date(2026, 4, 10)) | st.none()
enrolments = st.builds(
    Enrolment,
    st.sampled_from(["La", "Lb", "Lc", "Ld"]),
    codes,
    days,
    st.sampled_from(["COM", "NCM", "ONG"]),
    st.booleans(),
)
cities = st.builds(
    City,
    st.frozensets(st.sampled_from(["La", "Lb"])),
    st.lists(enrolments, max_size=14).map(tuple),
)


def naive(city: City, cut_off: datetime) -> set[tuple[object, ...]]:
    """What must be counted, without SQL."""
    counted: dict[str, tuple[date, str, str]] = {}
    for place, each in enumerate(city.enrolments):
        if each.is_deleted or each.learner in city.deleted_learners:
            continue
        if each.started_on is None or start_period(each.started_on) != PERIOD:
            continue
        if each.started_on > cut_off.date():
            continue
        candidate = (each.started_on, each.code, f"K{place:03}")
        counted[each.learner] = min(counted.get(each.learner, candidate), candidate)
    return {
        (
            learner,
            record_key(SECRET, PERIOD, learner),
            *(code, None, "4", "hybrid"),
            *("Y25T34", "F", "no", "unknown"),
            city.enrolments[int(key[1:])].outcome,
            *(None, None, None, None, None),
        )
        for learner, (_, code, key) in counted.items()
    }


def record(kind: str, key: str, *, is_deleted: bool = False) -> dict[str, object]:
    return {
        "record_id": f"{kind}-{key}",
        "source_id": 1,
        "source_pk": key,
        "source_hash": "0",
        "mapping_version": DIGEST,
        "run_id": 1,
        "updated_at": NOW,
        "deleted_at": NOW if is_deleted else None,
        "delete_reason": "absent" if is_deleted else None,
    }


def fill(session: Session, city: City) -> None:
    for model in (CountedEventRow, EnrolmentRow, LearnerRow, ProgrammeRow, SourceRow):
        session.execute(sa.delete(model))
    session.add(
        SourceRow(id=1, name="s", system="t", mapping_version=DIGEST, added_at=NOW)
    )
    session.flush()
    session.add(
        ProgrammeRow(
            **record("programme", "p"),
            code="A",
            title="A",
            title_language="en",
            level=4,
            mode="hybrid",
        )
    )
    for ref in ("La", "Lb", "Lc", "Ld"):
        columns = record("learner", ref, is_deleted=ref in city.deleted_learners)
        session.add(
            LearnerRow(
                **columns,
                learner_ref=ref,
                sex="F",
                displaced="no",
                disability="unknown",
            )
        )
    session.flush()
    session.add_all(enrolment_rows(city.enrolments))
    session.flush()
    recount(session, ["La", "Lb", "Lc", "Ld"], partial(record_key, SECRET))


def enrolment_rows(enrolments: Sequence[Enrolment]) -> list[EnrolmentRow]:
    rows = []
    for place, each in enumerate(enrolments):
        period = start_period(each.started_on)
        rows.append(
            EnrolmentRow(
                **record("enrolment", f"K{place:03}", is_deleted=each.is_deleted),
                learner_ref=each.learner,
                learner_id=f"learner-{each.learner}",
                programme_id="programme-p",
                programme_code=each.code,
                started_on=each.started_on,
                status="active",
                start_period=period,
                record_key=period and record_key(SECRET, period, each.learner),
                outcome=each.outcome,
                age_band="Y25T34",
            )
        )
    return rows


@given(cities, st.integers(0, 40))
@settings(max_examples=40)
def test_counted_events_are_what_a_plain_count_finds(
    node: Node, city: City, days_before: int
) -> None:
    cut_off = CUT_OFF - timedelta(days=days_before)
    with node.database.transaction() as session:
        fill(session, city)
        events = counted_events(STARTED, PERIOD, cut_off)
        assert tuple(column.name for column in events.c) == COLUMNS
        rows = [tuple(row) for row in session.execute(sa.select(events))]
        assert len(rows) == len({row[0] for row in rows})  # one for each learner
        assert set(rows) == naive(city, cut_off)


def test_the_day_of_the_cut_off_still_counts(session: Session) -> None:
    day = date(2026, 3, 10)
    fill(session, City(frozenset(), (Enrolment("La", "A", day, "COM", False),)))
    last = datetime(2026, 3, 10, tzinfo=UTC)
    for cut_off, wanted in ((last, 1), (last - timedelta(seconds=1), 0)):
        events = counted_events(STARTED, PERIOD, cut_off)
        assert len(session.execute(sa.select(events)).all()) == wanted


def test_an_event_that_nobody_counts_is_refused() -> None:
    with pytest.raises(NotFoundError, match=r"enrolment\.dreamt"):
        counted_events("enrolment.dreamt", PERIOD, CUT_OFF)


def test_profiles_have_a_column_for_every_field() -> None:
    columns = [column.name for column in CountedProfileRow.__table__.columns]
    assert columns == ["id", "digest", *(column_of(field) for field in FIELDS)]


def test_sums_of_record_keys_do_not_overflow(session: Session) -> None:
    rows = tuple(
        Enrolment(learner, "A", date(2026, 2, 1), "COM", False)
        for learner in ("La", "Lb", "Lc", "Ld")
    )
    fill(session, City(frozenset(), rows))
    session.execute(sa.update(CountedEventRow).values(record_key=2**32 - 1))
    events = counted_events(STARTED, PERIOD, CUT_OFF)
    total = session.scalar(sa.select(sa.func.sum(events.c.record_key)))
    assert int(total or 0) == 4 * (2**32 - 1)


def test_counting_again_writes_nothing(session: Session) -> None:
    day = date(2026, 2, 1)
    fill(session, City(frozenset(), (Enrolment("La", "A", day, "COM", False),)))
    written: list[str] = []
    session.flush()
    connection = session.connection()

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("INSERT", "DELETE", "UPDATE")):
            written.append(statement)

    sa.event.listen(connection, "before_cursor_execute", note)
    recount(session, ["La", "Lb"], partial(record_key, SECRET))
    assert written == []
