"""A suspension and its end may overtake each other: the later one counts."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations

import pytest
import sqlalchemy as sa

from interurban_node.agreements import service
from interurban_node.agreements.models import SuspensionRow
from interurban_node.core import outbox
from interurban_node.partners import service as partners
from interurban_protocol.agreements import Suspension
from interurban_protocol.messages import parse_message
from interurban_protocol.signed_documents import open_document, read_payload
from tests.support.federation import propose, status, suspend
from tests.support.nodes import Federation


@dataclass
class Pair:
    """Lakeside and Northport, an agreement between them, and what Lakeside has sent."""

    cities: Federation
    agreement_id: str

    def suspend(self, *, suspended: bool) -> None:
        suspend(
            self.cities, "lakeside", self.agreement_id, "northport", suspended=suspended
        )

    def documents(self) -> list[bytes]:
        """Lakeside's notices that wait to be sent, oldest first."""
        lakeside = self.cities.nodes["lakeside"]
        with lakeside.database.transaction() as session:
            due = outbox.due(session, ("send-message",), self.cities.clock.now)
        messages = [parse_message(intent.payload) for intent in due]
        return [each.document for each in messages if each.kind.kind == "suspension"]

    def receive(self, document: bytes) -> bytes:
        northport = self.cities.nodes["northport"]
        with northport.database.transaction() as session:
            partner = partners.pinned(session, self.cities.nodes["lakeside"].origin)
            return service.receive_suspension(
                session, northport, partner, document, self.cities.clock.now
            )

    def is_suspended(self, name: str = "northport") -> bool:
        return bool(status(self.cities, name, self.agreement_id).suspensions)


@pytest.fixture
def pair(cities: Federation) -> Pair:
    for name in ("lakeside", "northport"):
        cities.add(name)
    cities.join_all()
    agreement_id = propose(cities, "lakeside", ("northport",))
    cities.settle()
    return Pair(cities, agreement_id)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_notices_in_any_order_leave_what_the_last_one_says(
    pair: Pair, order: tuple[int, ...]
) -> None:
    for suspended in (True, False, True):
        pair.suspend(suspended=suspended)
        pair.cities.clock.advance(minutes=1)
    documents = pair.documents()
    for place in order:
        pair.receive(documents[place])
    assert pair.is_suspended()


def test_an_end_that_arrives_before_its_beginning_stays_an_end(pair: Pair) -> None:
    pair.suspend(suspended=True)
    pair.cities.clock.advance(minutes=1)
    pair.suspend(suspended=False)
    beginning, end = pair.documents()
    pair.receive(end)
    assert pair.receive(beginning)  # answered, so that it is not sent again
    assert not pair.is_suspended()


@pytest.mark.parametrize("goes_on", [0, 0.4, -90])
def test_notices_within_a_second_or_by_a_clock_set_back_keep_their_order(
    pair: Pair, goes_on: float
) -> None:
    for suspended in (True, False, True, False):
        pair.suspend(suspended=suspended)
        pair.cities.clock.advance(seconds=goes_on)
    pair.cities.clock.advance(days=1)
    documents = pair.documents()
    times = [read_payload(open_document(each), Suspension).at for each in documents]
    assert times == sorted(set(times))
    for document in reversed(documents):
        pair.receive(document)
    assert not pair.is_suspended()
    assert not pair.is_suspended("lakeside")


def test_a_resumed_disclosure_is_remembered_and_can_be_suspended_again(
    pair: Pair,
) -> None:
    for suspended in (True, False):
        pair.suspend(suspended=suspended)
    lakeside = pair.cities.nodes["lakeside"]
    with lakeside.database.transaction() as session:
        (row,) = session.scalars(sa.select(SuspensionRow))
        assert row.suspended is False
        assert row.since == pair.cities.clock.now + timedelta(seconds=1)
    pair.suspend(suspended=True)
    assert pair.is_suspended("lakeside")


def test_the_reason_is_that_of_the_newest_notice(pair: Pair) -> None:
    pair.suspend(suspended=True)
    suspend(
        pair.cities, "lakeside", pair.agreement_id, "northport", reason="another audit"
    )
    for document in reversed(pair.documents()):
        pair.receive(document)
    for name in ("lakeside", "northport"):
        ((_, _, reason),) = status(pair.cities, name, pair.agreement_id).suspensions
        assert reason == "another audit"
