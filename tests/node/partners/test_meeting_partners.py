"""Meeting nodes: which may pair, whose keys count, and what a second meeting changes."""

import dataclasses
from dataclasses import replace
from datetime import timedelta

import pytest

from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, PartnerRefusedError, RefusedError
from interurban_node.core.home import KEY_FILES
from interurban_node.partners import authentication, jobs, service
from interurban_node.partners.authentication import VerifiedRequest, remember_nonce
from interurban_node.partners.models import PartnerRow
from interurban_node.partners.rules import PairState, check_pairing
from interurban_node.partners.service import PinnedPartner
from interurban_protocol.encoding import canonical_json, parse_json_object
from interurban_protocol.errors import (
    MalformedError,
    ReplayedError,
    SignatureInvalidError,
    WrongKeyError,
)
from interurban_protocol.http_signatures import verify_request
from interurban_protocol.keys import Purpose
from interurban_protocol.node_descriptors import describe_key, sign_descriptor
from tests.support.federation import request_to, rows, send, signed_by
from tests.support.nodes import Federation, Moment

HOME = "https://lakeside.example"


@pytest.mark.parametrize(
    ("ours", "theirs", "origin"),
    [
        (False, False, HOME),
        (False, True, "http://127.0.0.1:8101"),
        (True, False, "https://northport.example"),
        (True, True, "https://northport.example"),
        (False, False, "http://northport.example"),
        (False, False, "https://localhost"),
        (False, False, "https://127.0.0.9"),
        (False, False, "https://10.0.0.1:8443"),
        (False, False, "https://169.254.169.254"),
        (False, False, "https://100.64.0.1"),
        (False, False, "https://0.0.0.0"),
        (False, False, "https://127.1"),
        (False, False, "https://2130706433"),
        (False, False, "https://0x7f000001"),
        (False, False, "https://0177.0.0.1"),
        (False, False, "https://localhost."),
        (False, False, "https://127.0.0.1."),
    ],
)
def test_nodes_that_may_not_pair(ours: bool, theirs: bool, origin: str):
    with pytest.raises(RefusedError):
        check_pairing(our_demo=ours, their_demo=theirs, origin=origin, own_origin=HOME)


@pytest.mark.parametrize(
    ("demo", "origin"),
    [
        (False, "https://northport.example"),
        (False, "https://8.8.8.8:8443"),
        (True, "http://127.0.0.1:8101"),
        (True, "http://localhost:8101"),
    ],
)
def test_nodes_that_may_pair(demo: bool, origin: str):
    check_pairing(our_demo=demo, their_demo=demo, origin=origin, own_origin=HOME)


def invitation(federation: Federation) -> str:
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        link = service.invite(session, node, federation.clock.now).link
    return link.partition("#invitation=")[2]


def accept(federation: Federation, document: bytes) -> None:
    """Lakeside gets a join with this descriptor."""
    node = federation.nodes["lakeside"]
    body = canonical_json(
        {
            "descriptor": parse_json_object(document),
            "invitation": invitation(federation),
        }
    )
    with node.database.transaction() as session:
        service.accept_join(session, node, body, federation.clock.now)


def descriptor_of(node: Node, /, **changes: object) -> bytes:
    own = service.own_descriptor(node).payload
    return sign_descriptor(own.model_copy(update=changes), node.home.load_identity())


def test_a_refused_join_tells_the_next_step_of_the_partner(federation: Federation):
    node, now = federation.nodes["northport"], federation.clock.now
    link = "https://lakeside.example/.well-known/interurban-node#invitation=none"
    with pytest.raises(PartnerRefusedError) as refused:
        service.join(node, link, now)
    assert "new `partner invite`" in refused.value.next_step


def test_an_unknown_address_is_answered_with_where_addresses_stand(
    federation: Federation,
):
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session, pytest.raises(NotFoundError) as found:
        service.partner(session, "https://nowhere.example")
    assert "`interurban partner list`" in found.value.next_step


def test_a_node_that_starts_again_before_anybody_confirmed_loses_its_confirmation(
    federation: Federation, tmp_path
):
    northport = federation.nodes["northport"]
    accept(federation, service.own_descriptor(northport).document)
    lakeside = federation.nodes["lakeside"]
    with lakeside.database.transaction() as session:
        row = session.get_one(PartnerRow, northport.origin)
        row.confirmed_by_them_at = federation.clock.now
    again = federation.add("northport-again", "https://again.example")
    own = service.own_descriptor(again).payload
    signer = own.signers[0].model_copy(update={"node": northport.origin})
    keys = tuple(
        describe_key(
            northport.origin,
            purpose,
            getattr(again.keys, name),
            valid_from=federation.clock.now,
        )
        for name, purpose, _ in KEY_FILES
    )
    document = descriptor_of(again, node=northport.origin, signers=(signer,), keys=keys)
    accept(federation, document)
    with lakeside.database.transaction() as session:
        row = session.get_one(PartnerRow, northport.origin)
        assert row.confirmed_by_them_at is None
        found = service.partner(session, northport.origin)
    assert found.descriptor.words == service.own_descriptor(again).words
    with lakeside.database.transaction() as session:
        service.confirm(session, lakeside, found.descriptor.words, federation.clock.now)
    with pytest.raises(RefusedError, match="another identity key"):
        accept(federation, service.own_descriptor(northport).document)


@pytest.mark.parametrize("victim", ["northport", "lakeside"])
def test_nobody_announces_a_key_that_another_node_holds(
    federation: Federation, victim: str
):
    eastvale = federation.nodes["eastvale"]
    stolen = service.own_descriptor(federation.nodes[victim]).payload.keys
    with pytest.raises(SignatureInvalidError):
        accept(federation, descriptor_of(eastvale, keys=stolen))


def test_a_key_that_two_nodes_really_share_belongs_to_the_first(federation: Federation):
    northport, eastvale = federation.nodes["northport"], federation.nodes["eastvale"]
    accept(federation, service.own_descriptor(northport).document)
    shared = describe_key(
        eastvale.origin,
        Purpose.EXCHANGE,
        northport.keys.exchange,
        valid_from=federation.clock.now,
    )
    with pytest.raises(WrongKeyError, match="another partner"):
        accept(federation, descriptor_of(eastvale, keys=(shared,)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"descriptor":{},"invitation":"x","extra":1}',
        b'{"descriptor":"x","invitation":"x"}',
        b'{"descriptor":{},"invitation":1}',
        b'{"descriptor":{},"invitation":"x"}',
    ],
)
def test_a_join_of_another_form_is_refused(federation: Federation, body: bytes):
    node = federation.nodes["lakeside"]
    with (
        node.database.transaction() as session,
        pytest.raises(MalformedError),
    ):
        service.accept_join(session, node, body, federation.clock.now)


def test_a_join_that_its_own_keys_did_not_sign_leaves_nothing(federation: Federation):
    lakeside, northport = federation.nodes["lakeside"], federation.nodes["northport"]
    eastvale = federation.nodes["eastvale"]
    token = invitation(federation)
    body = canonical_json(
        {
            "descriptor": parse_json_object(service.own_descriptor(northport).document),
            "invitation": token,
        }
    )
    request = request_to(lakeside, "PUT", "/api/v1/joins/1", body)
    for tried in (
        request,
        signed_by(eastvale, request, federation.clock.now),
        signed_by(
            northport, request, federation.clock.now, key=northport.keys.documents
        ),
    ):
        assert send(federation, "lakeside", tried).status_code == 401
        with lakeside.database.transaction() as session:
            assert service.partners(session) == []
    assert rows(lakeside).nonces == 0
    good = signed_by(northport, request, federation.clock.now)
    assert send(federation, "lakeside", good).status_code == 200  # not used up


def test_a_confirmation_of_another_identity_is_a_warning(federation: Federation):
    accept(federation, service.own_descriptor(federation.nodes["northport"]).document)
    node = federation.nodes["lakeside"]
    with (
        node.database.transaction() as session,
        pytest.raises(WrongKeyError, match="another identity") as caught,
    ):
        service.accept_confirmation(
            session,
            node,
            "https://northport.example",
            b'{"confirmed":"somebody"}',
            federation.clock.now,
        )
    assert "Stop" in caught.value.next_step


def test_a_stranger_cannot_confirm(federation: Federation):
    lakeside, northport = federation.nodes["lakeside"], federation.nodes["northport"]
    key_id = service.own_descriptor(lakeside).identity.key_id
    request = request_to(
        lakeside,
        "PUT",
        "/api/v1/confirmations/1",
        b'{"confirmed":"%s"}' % key_id.encode(),
    )
    answer = send(
        federation, "lakeside", signed_by(northport, request, federation.clock.now)
    )
    assert answer.status_code == 404


def test_one_partner_whose_answer_is_wrong_does_not_stop_a_confirmation_to_another(
    federation: Federation,
):
    lakeside = federation.nodes["lakeside"]
    for name in ("eastvale", "northport"):
        link = f"{lakeside.origin}{service.DESCRIPTOR_PATH}#invitation="
        service.join(
            federation.nodes[name],
            link + invitation(federation),
            federation.clock.now,
        )
    for name in ("eastvale", "northport"):
        words = service.own_descriptor(federation.nodes[name]).words
        with lakeside.database.transaction() as session:
            service.confirm(session, lakeside, words, federation.clock.now)
    # Eastvale's answers are signed with a key that it never announced.
    eastvale = federation.nodes["eastvale"]
    application = federation.transport.applications["eastvale.example"].app
    application.state.node = replace(
        eastvale, keys=replace(eastvale.keys, exchange=eastvale.keys.log)
    )
    assert jobs.send_confirmations(lakeside) == 1
    with federation.nodes["northport"].database.transaction() as session:
        found = service.partner(session, lakeside.origin)
    assert found.view.state is PairState.WORDS_NEEDED
    assert "has confirmed our words" in found.view.next_move


def test_a_nonce_is_remembered_until_it_can_no_longer_be_accepted(
    node: Node, moment: Moment
):
    request = signed_by(
        node,
        request_to(node, "GET", "/"),
        moment.now,
        nonce="n",
        lifetime_seconds=300,
    )
    key = node.keys.exchange.public
    signature = verify_request(request, lambda _: key, at=moment.now)

    def remember(origin: str = "https://a.example") -> None:
        with node.database.transaction() as session:
            remember_nonce(session, origin, signature, moment.now)

    remember()
    remember("https://b.example")  # another partner's nonces are its own
    with pytest.raises(ReplayedError):
        remember()
    last = moment.now + timedelta(seconds=359)  # the last second it is in time
    verify_request(request, lambda _: key, at=last)
    with node.database.transaction() as session:
        assert authentication.forget_nonces(session, last) == 0
    with pytest.raises(ReplayedError):
        remember()
    moment.advance(hours=1)
    assert jobs.forget_nonces(node) == 2


def test_a_partner_that_was_never_met_is_not_found(node: Node):
    with node.database.transaction() as session, pytest.raises(NotFoundError):
        service.pinned(session, "https://nowhere.example")


def test_nobody_else_makes_a_pinned_partner_or_a_verified_request(node: Node):
    descriptor = service.own_descriptor(node)
    known = len(dataclasses.fields(PinnedPartner)) - 2
    with pytest.raises(TypeError, match="only a confirmed row"):
        PinnedPartner(node.origin, *[descriptor] * known, object())
    with pytest.raises(TypeError, match=r"only partners\.authentication"):
        VerifiedRequest(None, None, None, object())  # type: ignore[arg-type]
