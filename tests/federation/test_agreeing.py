"""Three cities agree: states and next moves on every side, and what stops an agreement."""

import pytest
import sqlalchemy as sa

from interurban_node.agreements import service
from interurban_node.agreements.models import AgreementRow
from interurban_node.core import outbox
from interurban_node.core.errors import (
    NotFoundError,
    OutsideAgreementError,
    RefusedError,
    StateError,
)
from interurban_node.partners import service as partners
from interurban_node.policy.service import permit_reference
from interurban_protocol.agreements import KIND, Agreement, AgreementState, Suspension
from interurban_protocol.encoding import (
    base64url_encode,
    canonical_json,
    parse_json_object,
)
from interurban_protocol.errors import (
    DigestMismatchError,
    DisclosureError,
    InterurbanError,
    MalformedError,
    SignatureInvalidError,
    SignersError,
    UnknownKeyError,
    UnsupportedError,
    WrongKeyError,
    WrongTargetError,
)
from interurban_protocol.keys import Purpose
from interurban_protocol.messages import MESSAGE_KINDS, Message, parse_message
from interurban_protocol.node_descriptors import sign_descriptor
from interurban_protocol.signed_documents import (
    Signer,
    add_signature,
    document_type,
    open_document,
    read_payload,
    start_document,
)
from interurban_protocol.structures import bundle_bytes
from tests.support.counting import a_small_structure, plan_of
from tests.support.federation import (
    OTHERS,
    a_draft,
    agreed,
    propose,
    sign,
    status,
    suspend,
)
from tests.support.nodes import Federation
from tests.support.statistics import a_period

LATER = (a_period("2026-Q3"),)  # other days than those of the first agreement
ALL = ("lakeside", *OTHERS)


def view(federation: Federation, name: str, agreement_id: str):
    found = status(federation, name, agreement_id).view
    return found.state, found.owner


def test_every_side_sees_the_state_and_whose_move_is_next(federation: Federation):
    federation.join_all()
    agreement_id = propose(federation)
    assert view(federation, "lakeside", agreement_id) == (
        AgreementState.PROPOSED,
        "Eastvale, Northport",
    )
    with pytest.raises(NotFoundError):
        status(federation, "northport", agreement_id)
    federation.settle()
    for name in OTHERS:
        assert view(federation, name, agreement_id) == (AgreementState.PROPOSED, "us")
    sign(federation, "northport", agreement_id)
    assert view(federation, "northport", agreement_id)[1] == "Eastvale"
    federation.settle()
    assert view(federation, "lakeside", agreement_id)[1] == "Eastvale"
    sign(federation, "eastvale", agreement_id)
    assert view(federation, "eastvale", agreement_id)[1] == "Northport"
    federation.settle()
    for name in ALL:
        found = status(federation, name, agreement_id)
        assert found.view.state is AgreementState.IN_FORCE
        assert found.view.owner == "nobody"
        assert found.signed == {federation.nodes[each].origin for each in ALL}


def test_an_agreement_waits_for_its_first_day_and_ends_on_its_last(
    federation: Federation,
):
    start = federation.clock.now
    later = start.replace(day=20)
    federation.join_all()
    agreement_id = propose(federation, draft_changes={"valid_from": later})
    federation.settle()
    for name in OTHERS:
        sign(federation, name, agreement_id)
    federation.settle()
    assert view(federation, "eastvale", agreement_id)[0] is AgreementState.COMPLETE
    federation.clock.now = later
    assert view(federation, "eastvale", agreement_id)[0] is AgreementState.IN_FORCE
    federation.clock.advance(days=400)
    assert view(federation, "eastvale", agreement_id)[0] is AgreementState.ENDED
    node = federation.nodes["eastvale"]
    with node.database.transaction() as session:
        assert service.in_force(session, node, federation.clock.now) == []


def test_an_agreement_that_not_all_sign_in_time_lapses(federation: Federation):
    federation.join_all()
    agreement_id = propose(federation)
    federation.settle()
    sign(federation, "northport", agreement_id)
    federation.settle()
    federation.clock.advance(days=30)
    for name in ALL:
        found = status(federation, name, agreement_id).view
        assert found.state is AgreementState.LAPSED
        assert "Eastvale" in found.why
    with pytest.raises(StateError, match="time to sign is over"):
        sign(federation, "eastvale", agreement_id)


def test_a_party_that_was_dark_gets_the_agreement_when_it_is_back(
    federation: Federation,
):
    federation.join_all()
    federation.go_dark("eastvale")
    agreement_id = propose(federation)
    federation.settle()
    sign(federation, "northport", agreement_id)
    federation.settle()
    with pytest.raises(NotFoundError):
        status(federation, "eastvale", agreement_id)
    federation.come_back("eastvale")
    federation.clock.advance(minutes=20)
    federation.settle()
    sign(federation, "eastvale", agreement_id)
    federation.go_dark("northport")
    federation.settle()
    assert view(federation, "lakeside", agreement_id)[0] is AgreementState.IN_FORCE
    assert view(federation, "northport", agreement_id)[0] is AgreementState.PROPOSED
    federation.come_back("northport")
    federation.clock.advance(minutes=20)
    federation.settle()
    assert view(federation, "northport", agreement_id)[0] is AgreementState.IN_FORCE


def test_a_second_plan_over_the_same_people_is_refused_at_signing(
    federation: Federation,
):
    federation.join_all()
    first = propose(federation)
    conflicting = propose(federation, "northport", ("eastvale",))
    federation.settle()
    sign(federation, "eastvale", first)
    with pytest.raises(DisclosureError, match="one plan, one population"):
        sign(federation, "eastvale", conflicting)
    assert view(federation, "eastvale", conflicting)[1] == "us"


@pytest.mark.parametrize("proposals", [1, 2])
def test_two_plans_over_the_same_people_are_refused_at_proposing(
    federation: Federation, proposals: int
):
    federation.join_all()
    node, now = federation.nodes["lakeside"], federation.clock.now
    structure = a_small_structure()
    with node.database.transaction() as session:
        ids = [
            service.propose_plan(
                session,
                node,
                plan_of(node, structure, title={"en": title}),
                (bundle_bytes(structure),),
                now,
            )
            for title in ("One", "Two")
        ]
        origins = [federation.nodes[name].origin for name in OTHERS]
        if proposals == 1:
            with pytest.raises(DisclosureError):
                service.propose(session, node, a_draft(ids, origins, now), now)
            return
        service.propose(session, node, a_draft(ids[:1], origins, now), now)
        with pytest.raises(DisclosureError):
            service.propose(session, node, a_draft(ids[1:], origins, now), now)


def proposal(federation: Federation) -> Message:
    """Lakeside's proposal as it is on its way to Northport."""
    federation.join_all()
    propose(federation)
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        (intent, *_) = outbox.due(session, ("send-message",), federation.clock.now)
    return parse_message(intent.payload)


def receive(
    federation: Federation, message: Message, sender: str = "lakeside"
) -> bytes:
    node = federation.nodes["northport"]
    with node.database.transaction() as session:
        partner = partners.pinned(session, federation.nodes[sender].origin)
        return service.receive(session, node, partner, message, federation.clock.now)


def changed(federation: Federation, message: Message, **changes: object) -> Message:
    """The same proposal with another payload, properly signed by Lakeside."""
    payload = read_payload(open_document(message.document), Agreement)
    value = {**parse_json_object(payload.to_json()), **changes}
    again = Agreement.from_json(canonical_json(value))
    key = federation.nodes["lakeside"].keys.documents
    return Message(message.kind, start_document(again, key), message.attachments)


def value_of(message: Message) -> dict:
    payload = read_payload(open_document(message.document), Agreement)
    return dict(parse_json_object(payload.to_json()))


WRONG = {
    "an unknown critical field": (
        lambda f, m: changed(f, m, crit=["arbitration"]),
        UnsupportedError,
    ),
    "an unknown member": (
        lambda f, m: changed(f, m, arbitration="elsewhere"),
        UnsupportedError,
    ),
    "a contradiction": (lambda f, m: changed(f, m, minimum_parties=9), MalformedError),
    "another identity of ours": (
        lambda f, m: changed(
            f,
            m,
            parties=[
                {**party, "identity_key_id": "somebody"}
                for party in value_of(m)["parties"]
            ],
        ),
        UnknownKeyError,
    ),
    "a plan that is not attached": (
        lambda f, m: Message(m.kind, m.document, m.attachments[1:]),
        DigestMismatchError,
    ),
    "a structure that is not attached": (
        lambda f, m: Message(m.kind, m.document, m.attachments[:1]),
        NotFoundError,
    ),
    "another subject than the plan's": (
        lambda f, m: changed(
            f, m, plans=[{**p, "subject": "wages"} for p in value_of(m)["plans"]]
        ),
        DigestMismatchError,
    ),
    "a stricter floor than the plan's": (
        lambda f, m: changed(
            f,
            m,
            disclosure_floor={
                **value_of(m)["disclosure_floor"],
                "threshold": 20,
            },
        ),
        DisclosureError,
    ),
    "a purpose of the plan left out": (
        lambda f, m: changed(f, m, purposes=[]),
        MalformedError,
    ),
    "a signature by a stranger": (
        lambda f, m: Message(
            m.kind,
            add_signature(m.document, KIND, f.nodes["lakeside"].keys.log),
            m.attachments,
        ),
        SignersError,
    ),
    "a doubled signature": (
        lambda f, m: Message(m.kind, doubled(m.document), m.attachments),
        SignersError,
    ),
    "a forged signature": (
        lambda f, m: Message(m.kind, forged(m.document), m.attachments),
        SignatureInvalidError,
    ),
    "signed by a key of another purpose": (
        lambda f, m: signed_with_log_key(f, m),
        WrongKeyError,
    ),
}


def doubled(document: bytes) -> bytes:
    value = dict(parse_json_object(document))
    value["signatures"] = [*value["signatures"], *value["signatures"]]
    return canonical_json(value)


def forged(document: bytes) -> bytes:
    value = dict(parse_json_object(document))
    value["signatures"] = [{**value["signatures"][0], "signature": "A" * 86}]
    return canonical_json(value)


def signed_with_log_key(federation: Federation, message: Message) -> Message:
    node = federation.nodes["lakeside"]
    signers = [
        {**s, "key_id": node.keys.log.public.key_id} if s["node"] == node.origin else s
        for s in value_of(message)["signers"]
    ]
    again = Agreement.from_json(
        canonical_json({**value_of(message), "signers": signers})
    )
    document = start_document(again, node.keys.log)
    return Message(message.kind, document, message.attachments)


@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_proposal_is_refused_and_nothing_of_it_is_kept(
    federation: Federation, how: str
):
    change, expected = WRONG[how]
    message = change(federation, proposal(federation))
    with pytest.raises(InterurbanError) as caught:
        receive(federation, message)
    assert type(caught.value) is expected
    node = federation.nodes["northport"]
    with node.database.transaction() as session:
        assert service.statuses(session, node, federation.clock.now) == []
        assert service.plan_ids(session) == []


def test_the_proposal_of_these_tests_is_accepted_as_it_is(federation: Federation):
    answer = parse_json_object(receive(federation, proposal(federation)))
    assert answer["complete"] is False


def test_an_agreement_of_others_is_not_ours(federation: Federation):
    federation.join_all()
    propose(federation, "lakeside", ("eastvale",))
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        (intent,) = outbox.due(session, ("send-message",), federation.clock.now)
    with pytest.raises(WrongTargetError):
        receive(federation, parse_message(intent.payload))


def test_a_second_signature_by_the_same_key_cannot_spoil_an_agreement(
    federation: Federation,
):
    agreement_id = agreed(federation)
    lakeside, northport = federation.nodes["lakeside"], federation.nodes["northport"]
    with lakeside.database.transaction() as session:
        held = session.get_one(AgreementRow, agreement_id).document
    opened = open_document(held)
    key = northport.keys.documents
    # The same key once more, under a header that is written otherwise.
    header = '{"kid":"%s","alg":"Ed25519","typ":"%s"}' % (  # noqa: UP031
        key.public.key_id,
        document_type(KIND),
    )
    protected = base64url_encode(header.encode())
    payload = base64url_encode(opened.payload_bytes)
    signature = base64url_encode(key.sign(f"{protected}.{payload}".encode()))
    again = canonical_json(
        {
            "payload": payload,
            "signatures": [{"protected": protected, "signature": signature}],
        }
    )
    message = Message(MESSAGE_KINDS[KIND], again)
    with lakeside.database.transaction() as session:
        partner = partners.pinned(session, northport.origin)
        service.receive(session, lakeside, partner, message, federation.clock.now)
    with lakeside.database.transaction() as session:
        assert session.get_one(AgreementRow, agreement_id).document == held
        assert len(service.in_force(session, lakeside, federation.clock.now)) == 1
        session.execute(sa.update(AgreementRow).values(complete_at=None))
    with (
        pytest.raises(SignersError, match="two signatures by the same key"),
        lakeside.database.transaction() as session,
    ):
        service.receive(session, lakeside, partner, message, federation.clock.now)


def test_suspension_blocks_at_once_and_both_sides_see_it(federation: Federation):
    agreement_id = agreed(federation)
    lakeside, northport = federation.nodes["lakeside"], federation.nodes["northport"]
    suspend(federation, "lakeside", agreement_id, "northport")
    with lakeside.database.transaction() as session:
        with pytest.raises(RefusedError, match="suspended"):
            permit_reference(session, lakeside, northport.origin, federation.clock.now)
        east = federation.nodes["eastvale"].origin
        assert permit_reference(session, lakeside, east, federation.clock.now)
    federation.settle()
    expected = ((lakeside.origin, northport.origin, "an audit"),)
    for name in ("lakeside", "northport"):
        assert status(federation, name, agreement_id).suspensions == expected
    with northport.database.transaction() as session:
        assert permit_reference(
            session, northport, lakeside.origin, federation.clock.now
        )
    suspend(federation, "lakeside", agreement_id, "northport", suspended=False)
    federation.settle()
    for name in ("lakeside", "northport"):
        assert status(federation, name, agreement_id).suspensions == ()
    with lakeside.database.transaction() as session:
        assert permit_reference(
            session, lakeside, northport.origin, federation.clock.now
        )


def test_agreement_messages_flow_between_suspended_cities(federation: Federation):
    first = agreed(federation)
    for one, other in (("lakeside", "northport"), ("northport", "lakeside")):
        suspend(federation, one, first, other)
    federation.settle()
    second = propose(federation, subject="wages", periods=LATER)
    federation.settle()
    for name in OTHERS:
        sign(federation, name, second)
    federation.settle()
    for name in ALL:
        assert view(federation, name, second)[0] is AgreementState.IN_FORCE


SUSPENSIONS = {
    "between two others": ({"towards": "eastvale"}, WrongTargetError),
    "in another's name": ({"by": "eastvale"}, WrongTargetError),
    "signed by another": ({"signer": "eastvale"}, SignersError),
    "of no agreement": ({"agreement": "sha256:" + "0" * 64}, NotFoundError),
    "of an unknown kind": ({"crit": ("x",)}, UnsupportedError),
}


@pytest.mark.parametrize("how", SUSPENSIONS)
def test_a_wrong_suspension_is_refused(federation: Federation, how: str):
    changes, expected = SUSPENSIONS[how]
    with pytest.raises(InterurbanError) as caught:
        receive_suspension(federation, agreed(federation), "northport", **changes)
    assert type(caught.value) is expected


def receive_suspension(
    federation: Federation, agreement_id: str, sender: str, **changes
) -> bytes:
    lakeside = federation.nodes["lakeside"]
    origins = {name: node.origin for name, node in federation.nodes.items()}
    signer = federation.nodes[changes.pop("signer", sender)]
    values = {"agreement": agreement_id, "by": sender, "towards": "lakeside", **changes}
    notice = Suspension(
        signers=(
            Signer(node=signer.origin, key_id=signer.keys.documents.public.key_id),
        ),
        suspended=True,
        reason="",
        at=federation.clock.now,
        **{
            k: origins.get(v, v) if isinstance(v, str) else v for k, v in values.items()
        },
    )
    document = start_document(notice, signer.keys.documents)
    with lakeside.database.transaction() as session:
        return service.receive_suspension(
            session,
            lakeside,
            partners.pinned(session, origins[sender]),
            document,
            federation.clock.now,
        )


def test_a_city_that_is_no_party_cannot_suspend_an_agreement(federation: Federation):
    federation.join_all()
    agreement_id = propose(federation, "lakeside", ("northport",))
    with pytest.raises(NotFoundError, match="between the two nodes"):
        receive_suspension(federation, agreement_id, "eastvale")
    assert receive_suspension(federation, agreement_id, "northport")


def test_suspending_somebody_who_is_no_party_is_refused(federation: Federation):
    federation.join_all()
    agreement_id = propose(federation, "lakeside", ("northport",))
    with pytest.raises(NotFoundError, match="not another party"):
        suspend(federation, "lakeside", agreement_id, "eastvale")


def test_without_an_agreement_nothing_about_a_person_may_leave(federation: Federation):
    federation.join_all()
    lakeside = federation.nodes["lakeside"]
    with (
        lakeside.database.transaction() as session,
        pytest.raises(OutsideAgreementError),
    ):
        permit_reference(
            session, lakeside, "https://northport.example", federation.clock.now
        )


def test_a_city_that_lost_its_key_does_not_stop_the_agreements_of_the_others(
    federation: Federation,
):
    agreed(federation)
    lakeside, eastvale = federation.nodes["lakeside"], federation.nodes["eastvale"]
    second = propose(federation, others=("northport",), subject="wages", periods=LATER)
    federation.settle()
    sign(federation, "northport", second)
    federation.settle()
    own = partners.own_descriptor(eastvale)
    keys = tuple(
        key.model_copy(update={"compromised_at": federation.clock.now})
        if key.purpose is Purpose.DOCUMENTS
        else key
        for key in own.payload.keys
    )
    newer = own.payload.model_copy(
        update={"number": 1, "previous": own.document_id, "keys": keys}
    )
    document = sign_descriptor(newer, eastvale.home.load_identity())
    with lakeside.database.transaction() as session:
        both = service.in_force(session, lakeside, federation.clock.now)
        partners.refresh_descriptor(
            session, lakeside, eastvale.origin, document, federation.clock.now
        )
    assert len(both) == 2
    with lakeside.database.transaction() as session:
        (left,) = service.in_force(session, lakeside, federation.clock.now)
    assert left.agreement_id == second
