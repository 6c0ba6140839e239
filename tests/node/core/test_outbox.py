"""Intents that outlive their transaction: due, postponed, woken, settled, given up."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.core import outbox
from interurban_node.core.outbox import OutboxRow
from tests.support.nodes import START

PARTNER = "https://northport.example"


def enqueue(session: Session, reference: str = "r", **changes) -> None:
    values = {"topic": "t", "payload": b"secret", "now": START, **changes}
    outbox.enqueue(session, reference=reference, **values)
    session.flush()


def due(session: Session, at=START, **changes) -> list[str]:
    return [i.reference for i in outbox.due(session, ("t",), at, **changes)]


def row(session: Session) -> OutboxRow:
    session.flush()
    session.expire_all()
    return session.scalars(sa.select(OutboxRow)).one()


def test_intents_of_the_topic_are_due_in_order(session: Session):
    for name in ("a", "b", "c"):
        enqueue(session, name)
    enqueue(session, "other", topic="u")
    enqueue(session, "later", due_at=START + timedelta(seconds=1))
    assert due(session) == ["a", "b", "c"]
    assert due(session, limit=2) == ["a", "b"]
    assert due(session, START + timedelta(seconds=1)) == ["a", "b", "c", "later"]


def test_patience_grows_from_15_seconds_to_a_quarter_of_an_hour(session: Session):
    enqueue(session)
    waits = []
    for _ in range(20):
        outbox.postpone(session, row(session).id, START, "dark")
        waits.append((row(session).due_at - START).total_seconds())
        session.flush()
    assert waits[:6] == [15, 30, 60, 120, 240, 480]
    assert set(waits[6:]) == {900}
    assert row(session).attempts == 20


def test_a_long_problem_is_cut_and_not_refused(session: Session):
    enqueue(session)
    outbox.postpone(session, row(session).id, START, "x" * 1000)
    session.flush()
    assert row(session).last_problem == "x" * 400


@pytest.mark.parametrize("settle", [outbox.settle, outbox.abandon])
def test_what_is_settled_is_not_due_and_holds_no_content_any_more(
    session: Session, settle
):
    enqueue(session)
    arguments = ("given up",) if settle is outbox.abandon else ()
    settle(session, row(session).id, START, *arguments)
    session.flush()
    assert row(session).payload == b""
    assert due(session, START + timedelta(days=9)) == []
    assert outbox.waiting(session) == []


def test_a_partner_that_shows_itself_makes_its_postponed_rows_due(session: Session):
    enqueue(session, "theirs", partner=PARTNER)
    enqueue(session, "another's", partner="https://eastvale.example")
    for found in session.scalars(sa.select(OutboxRow)).all():
        outbox.postpone(session, found.id, START, "dark")
    enqueue(
        session, "planned", partner=PARTNER, due_at=START + timedelta(days=1)
    )  # spread over time on purpose: not woken
    session.flush()
    assert due(session) == []
    outbox.wake(session, PARTNER, START)
    assert due(session) == ["theirs"]


def test_what_waits_is_counted_by_topic_and_partner(session: Session):
    enqueue(session, "1", partner=PARTNER, now=START - timedelta(days=1))
    enqueue(session, "2", partner=PARTNER)
    (found,) = outbox.waiting(session)
    assert (found.topic, found.partner, found.count) == ("t", PARTNER, 2)
    assert found.oldest == START - timedelta(days=1)
