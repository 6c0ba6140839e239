"""A learner says yes, then no: two cities' nodes do the rest over signed requests."""

import pytest

from interurban_node.agreements import service as agreements
from interurban_node.consent import service as consent
from interurban_node.core.context import Node
from interurban_node.credentials import queries, service
from interurban_node.exchange.jobs import deliver_messages
from interurban_protocol.consent_records import (
    Actor,
    ActorKind,
    Channel,
    ConsentState,
    Scope,
)
from interurban_protocol.references import ReferenceState, ReferenceVerdict
from tests.support.nodes import Federation
from tests.support.reference_cities import (
    CERTIFICATE,
    LEARNER,
    PURPOSE,
    add_certificates,
    agree,
)


@pytest.fixture
def agreed(federation: Federation) -> Federation:
    """Three cities that have joined over the wire, and an agreement in force."""
    federation.join_all()
    agree(list(federation.nodes.values()), federation.clock.now)
    home = federation.nodes["lakeside"]
    with home.database.transaction() as session:
        add_certificates(session, federation.clock.now)
    return federation


def say(
    cities: Federation, state: ConsentState, to: Node, credential_id: str = ""
) -> str:
    """The learner's answer about references to one city; the credential's id."""
    home, now = cities.nodes["lakeside"], cities.clock.now
    with home.database.transaction() as session:
        credential_id = (
            credential_id
            or service.issue(session, home, CERTIFICATE, now).credential_id
        )
        question_id = consent.publish_standard_question(
            session, home, Scope.REFERENCE, [to.origin], now, purpose=PURPOSE
        )
        consent.answer(
            session,
            home,
            LEARNER,
            question_id,
            state,
            "ar",
            Actor(kind=ActorKind.SELF),
            Channel.WEB,
            now,
            credential_id=credential_id,
        )
    return credential_id


def held(node: Node) -> list[queries.ReceivedView]:
    with node.database.transaction() as session:
        return queries.references_received(session, 10)


def verdict(cities: Federation, node: Node, token: bytes) -> ReferenceVerdict:
    with node.database.transaction() as session:
        return service.verdict(session, node, token.decode(), cities.clock.now)


def token_at(node: Node) -> bytes:
    [one] = held(node)
    with node.database.transaction() as session:
        return queries.received_token(session, one.reference_id, None)


def sharing(cities: Federation) -> list[service.ReferenceView]:
    with cities.nodes["lakeside"].database.transaction() as session:
        return service.references_of(session, LEARNER)


def test_a_yes_arrives_and_a_no_is_acknowledged(agreed: Federation) -> None:
    north = agreed.nodes["northport"]
    credential_id = say(agreed, ConsentState.GIVEN, north)
    agreed.settle()
    token = token_at(north)
    assert verdict(agreed, north, token).state is ReferenceState.FRESH
    [view] = sharing(agreed)
    assert view.delivered_at is not None

    agreed.clock.advance(seconds=40)
    say(agreed, ConsentState.WITHDRAWN, north, credential_id)
    agreed.settle()
    assert verdict(agreed, north, token).state is ReferenceState.ENDED
    [view] = sharing(agreed)
    assert (str(view.state), view.answer) == ("ended", "erased")
    assert held(agreed.nodes["eastvale"]) == []


def test_a_partner_that_is_away_hears_of_the_end_when_it_is_back(
    agreed: Federation,
) -> None:
    north = agreed.nodes["northport"]
    credential_id = say(agreed, ConsentState.GIVEN, north)
    agreed.settle()
    token = token_at(north)
    agreed.go_dark("northport")
    say(agreed, ConsentState.WITHDRAWN, north, credential_id)
    agreed.settle()
    assert sharing(agreed)[0].acknowledged_at is None
    agreed.come_back("northport")
    agreed.clock.advance(minutes=16)
    agreed.settle()
    assert verdict(agreed, north, token).state is ReferenceState.ENDED
    assert sharing(agreed)[0].acknowledged_at == agreed.clock.now


def test_while_the_issuer_is_dark_a_reference_ages_and_is_never_valid_again(
    agreed: Federation,
) -> None:
    north = agreed.nodes["northport"]
    say(agreed, ConsentState.GIVEN, north)
    agreed.settle()
    token = token_at(north)
    agreed.go_dark("lakeside")
    for waited, state in (
        ({"minutes": 20}, ReferenceState.CACHED),
        ({"hours": 25}, ReferenceState.STALE),
    ):
        agreed.clock.advance(**waited)
        assert verdict(agreed, north, token).state is state


def test_a_queued_reference_is_not_sent_after_the_learner_has_stopped(
    agreed: Federation,
):
    home, partner = agreed.nodes["lakeside"], agreed.nodes["northport"]
    agreed.go_dark("northport")
    credential_id = say(agreed, ConsentState.GIVEN, partner)
    agreed.settle()
    say(agreed, ConsentState.WITHDRAWN, partner, credential_id)
    agreed.come_back("northport")
    agreed.clock.advance(minutes=20)
    deliver_messages(home)  # before any other job has seen the withdrawal
    assert held(partner) == []
    agreed.settle()
    assert held(partner) == []


def test_a_queued_reference_waits_while_disclosure_is_suspended(agreed: Federation):
    home, partner = agreed.nodes["lakeside"], agreed.nodes["northport"]
    agreed.go_dark("northport")
    say(agreed, ConsentState.GIVEN, partner)
    agreed.settle()
    suspend(agreed, home, partner, suspended=True)
    agreed.come_back("northport")
    agreed.clock.advance(minutes=20)
    agreed.settle()
    assert held(partner) == []
    suspend(agreed, home, partner, suspended=False)
    agreed.clock.advance(minutes=20)
    agreed.settle()
    assert len(held(partner)) == 1


def suspend(cities: Federation, home: Node, partner: Node, *, suspended: bool) -> None:
    now = cities.clock.now
    with home.database.transaction() as session:
        agreements.suspend(
            session,
            home,
            agreements.statuses(session, home, now)[0].agreement_id,
            towards=[partner.origin],
            reason="a drill",
            suspended=suspended,
            now=now,
        )
