"""Two nodes become partners after both operators have read the other's own words."""

import json

import pytest

from interurban_node.core.errors import (
    PartnerRefusedError,
    PartnerUnavailableError,
    RefusedError,
)
from interurban_node.partners import service
from interurban_node.partners.rules import PairState
from interurban_protocol.errors import MalformedError
from tests.support.nodes import Federation


def state(federation: Federation, one: str, other: str) -> PairState:
    node = federation.nodes[one]
    with node.database.transaction() as session:
        return service.partner(session, federation.nodes[other].origin).view.state


def link_of(federation: Federation, name: str) -> str:
    node = federation.nodes[name]
    with node.database.transaction() as session:
        return service.invite(session, node, federation.clock.now).link


def confirm(federation: Federation, one: str, words: str) -> None:
    node = federation.nodes[one]
    with node.database.transaction() as session:
        service.confirm(session, node, words, federation.clock.now)


def words_of(federation: Federation, name: str) -> str:
    return service.own_descriptor(federation.nodes[name]).words


def test_both_sides_see_each_state_and_whose_move_is_next(federation: Federation):
    link = link_of(federation, "lakeside")
    service.join(federation.nodes["northport"], link, federation.clock.now)
    assert state(federation, "lakeside", "northport") is PairState.WORDS_NEEDED
    assert state(federation, "northport", "lakeside") is PairState.WORDS_NEEDED
    confirm(federation, "lakeside", words_of(federation, "northport"))
    federation.settle()
    assert state(federation, "lakeside", "northport") is PairState.WAITING_FOR_PARTNER
    assert state(federation, "northport", "lakeside") is PairState.WORDS_NEEDED
    confirm(federation, "northport", words_of(federation, "lakeside").upper())
    federation.settle()
    assert state(federation, "lakeside", "northport") is PairState.PINNED
    assert state(federation, "northport", "lakeside") is PairState.PINNED


def test_words_of_somebody_else_pin_nobody(federation: Federation):
    service.join(
        federation.nodes["northport"],
        link_of(federation, "lakeside"),
        federation.clock.now,
    )
    with pytest.raises(RefusedError, match="not those of any node"):
        confirm(federation, "lakeside", words_of(federation, "eastvale"))
    with pytest.raises(RefusedError, match="own words"):
        confirm(federation, "lakeside", words_of(federation, "lakeside"))
    assert state(federation, "lakeside", "northport") is PairState.WORDS_NEEDED


def test_an_invitation_is_for_one_node_and_one_week(federation: Federation):
    link = link_of(federation, "lakeside")
    service.join(federation.nodes["northport"], link, federation.clock.now)
    with pytest.raises(PartnerRefusedError, match="unknown, used or expired"):
        service.join(federation.nodes["eastvale"], link, federation.clock.now)
    late = link_of(federation, "lakeside")
    federation.clock.advance(days=8)
    with pytest.raises(PartnerRefusedError, match="unknown, used or expired"):
        service.join(federation.nodes["eastvale"], late, federation.clock.now)


def test_a_link_without_an_invitation_is_no_link(federation: Federation):
    with pytest.raises(MalformedError, match="no invitation link"):
        service.join(
            federation.nodes["northport"],
            "https://lakeside.example/",
            federation.clock.now,
        )


def test_a_demonstration_does_not_pair_with_a_real_node(federation: Federation):
    federation.add("toy", "https://toy.example", demo=True)
    with pytest.raises(RefusedError, match="demonstration"):
        service.join(
            federation.nodes["lakeside"],
            link_of(federation, "toy"),
            federation.clock.now,
        )


def test_a_real_node_refuses_a_partner_on_a_private_network(federation: Federation):
    for origin in ("https://10.1.2.3", "https://127.0.0.1", "https://192.168.1.5:8443"):
        name = origin.split("/")[-1].replace(":", "-").replace(".", "-")
        federation.add(name, origin)
        with pytest.raises(RefusedError, match="private network or this machine"):
            service.join(
                federation.nodes["lakeside"],
                link_of(federation, name),
                federation.clock.now,
            )


def test_a_node_that_was_met_and_not_confirmed_is_told_so(federation: Federation):
    service.join(
        federation.nodes["northport"],
        link_of(federation, "lakeside"),
        federation.clock.now,
    )
    with (
        federation.nodes["lakeside"].database.transaction() as session,
        pytest.raises(RefusedError, match="not confirmed"),
    ):
        service.pinned(session, "https://northport.example")


def test_a_partner_that_is_dark_gets_the_confirmation_when_it_is_back(
    federation: Federation,
):
    service.join(
        federation.nodes["northport"],
        link_of(federation, "lakeside"),
        federation.clock.now,
    )
    federation.go_dark("northport")
    confirm(federation, "lakeside", words_of(federation, "northport"))
    federation.settle()
    federation.come_back("northport")
    federation.clock.advance(minutes=1)
    federation.settle()
    assert state(federation, "northport", "lakeside") is PairState.WORDS_NEEDED
    with federation.nodes["northport"].database.transaction() as session:
        partner = service.partner(session, "https://lakeside.example")
    assert "has confirmed our words" in partner.view.next_move


def test_a_node_that_does_not_answer_is_named(federation: Federation):
    link = link_of(federation, "lakeside")
    federation.go_dark("lakeside")
    with pytest.raises(
        PartnerUnavailableError, match=r"lakeside\.example did not answer"
    ):
        service.join(federation.nodes["northport"], link, federation.clock.now)


def test_the_descriptor_and_the_did_document_show_the_same_keys(federation: Federation):
    web = federation.web("lakeside")
    descriptor = service.own_descriptor(federation.nodes["lakeside"])
    assert web.get("/.well-known/interurban-node").content == descriptor.document
    document = json.loads(web.get("/.well-known/did.json").content)
    assert document["id"] == "did:web:lakeside.example"
    shown = {method["publicKeyJwk"]["x"] for method in document["verificationMethod"]}
    assert shown == {entry.key.jwk()["x"] for entry in descriptor.key_set.keys}
