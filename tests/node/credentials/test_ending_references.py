"""What ends a reference: at once in the list, for good in the journal, told in batches."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from interurban_node.audit import service as audit
from interurban_node.audit.models import UsageRow
from interurban_node.audit.service import UseKind
from interurban_node.core import outbox
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, RecoveringError, StateError
from interurban_node.core.journal import Irrevocable, JournalEntry
from interurban_node.core.outbox import OutboxRow
from interurban_node.credentials import jobs, lists, rules, service
from interurban_node.credentials.models import (
    NoticeSentRow,
    ReferenceReceivedRow,
    ReferenceSentRow,
    StatusIndexRow,
    StatusListRow,
)
from interurban_node.credentials.queries import ReferenceView
from interurban_node.registry.models import CertificateRow
from interurban_protocol import notices
from interurban_protocol.consent_records import ConsentState
from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import (
    DigestMismatchError,
    InterurbanError,
    MalformedError,
    ReplayedError,
    SignatureInvalidError,
    UnknownKeyError,
)
from interurban_protocol.messages import parse_message
from interurban_protocol.notices import Acknowledgement, EndedNotice, MessageReceipt
from interurban_protocol.references import ReferenceState
from interurban_protocol.signed_documents import (
    Signer,
    open_document,
    read_payload,
    start_document,
)
from interurban_protocol.status_lists import ENTRIES, StatusList
from tests.support.reference_cities import (
    CERTIFICATE,
    LEARNER,
    OTHER_CERTIFICATE,
    OTHER_LEARNER,
    Cities,
    deliver,
)


def test_an_ended_reference_is_ended_at_the_next_verification(three: Cities) -> None:
    token = held_token(three, delivered_reference(three))
    assert three.verdict(three.north, token).state is ReferenceState.FRESH
    three.end()
    jobs.send_notices(three.home)
    three.carry()
    assert three.verdict(three.north, token).state is ReferenceState.ENDED


def test_the_list_alone_ends_it_where_no_notice_arrives(three: Cities) -> None:
    sent = delivered_reference(three)
    token = held_token(three, sent)
    three.end()
    three.clock.advance(minutes=13)
    assert three.fetch_lists(three.north) == 1
    assert three.verdict(three.north, token).state is ReferenceState.ENDED
    assert stored_token(three, sent) is None


def test_ending_leaves_the_references_to_others_alone(three: Cities) -> None:
    to_north = three.send(three.north)
    to_east = three.send(three.east, to_north.credential_id)
    ended = three.end(recipient=three.north.origin)
    assert ended == (to_north.reference_id,)
    states = {view.partner: str(view.state) for view in views(three)}
    assert states == {three.north.origin: "ended", to_east.partner: "sent"}


@pytest.mark.parametrize("narrower", ["credential", "record", "nothing"])
def test_a_learner_can_end_one_certificates_references_or_all(
    three: Cities, narrower: str
) -> None:
    sent = three.send(three.north)
    record = three.issue().certificate_id
    wanted = {"credential": sent.credential_id, "record": record, "nothing": None}
    assert three.end("urn:uuid:another") == ()
    assert three.end(wanted[narrower]) == (sent.reference_id,)
    assert three.end(wanted[narrower]) == ()


def test_nobody_ends_another_learners_references(three: Cities) -> None:
    three.send(three.north)
    with three.home.database.transaction() as session:
        assert (
            service.end_references(
                session, three.home, OTHER_LEARNER, None, None, three.clock()
            )
            == ()
        )


def test_one_reference_can_be_ended_by_its_id_and_only_once(three: Cities) -> None:
    sent = three.send(three.north)
    with three.home.database.transaction() as session:
        first = service.end_reference(
            session, three.home, sent.reference_id, three.clock()
        )
        three.clock.advance(days=1)
        again = service.end_reference(
            session, three.home, sent.reference_id, three.clock()
        )
        with pytest.raises(NotFoundError):
            service.end_reference(session, three.home, "nothing", three.clock())
    assert first == again
    assert len(journal(three, Irrevocable.REFERENCE_ENDED)) == 1


def test_an_ending_is_journalled_logged_and_flipped_in_one_go(three: Cities) -> None:
    sent = three.send(three.north)
    three.end()
    [entry] = journal(three, Irrevocable.REFERENCE_ENDED)
    assert entry.facts["reference"] == sent.reference_id
    assert LEARNER not in canonical_json(dict(entry.facts)).decode()
    with three.home.database.transaction() as session:
        row = session.get_one(ReferenceSentRow, sent.reference_id)
        listed = session.get_one(StatusListRow, row.status_list_id)
        kinds = session.scalars(sa.select(UsageRow.kind).order_by(UsageRow.id)).all()
    octets = StatusList(1, listed.octets)
    assert octets.status(row.status_index) == 1
    assert sum(octet.bit_count() for octet in listed.octets) == 1
    assert kinds == [UseKind.REFERENCE_SENT, UseKind.REFERENCE_ENDED]


def test_an_end_that_fails_leaves_a_void_entry_and_no_trace(three: Cities) -> None:
    sent = three.send(three.north)
    with pytest.raises(ZeroDivisionError):
        end_and_fail(three)
    assert str(views(three)[0].state) == "sent"
    with three.home.database.transaction() as session:
        assert audit.unknown_entries(session, three.home) == []
        row = session.get_one(ReferenceSentRow, sent.reference_id)
        listed = session.get_one(StatusListRow, row.status_list_id)
    assert StatusList(1, listed.octets).status(row.status_index) == 0


def test_a_delivery_that_still_waits_is_called_back(three: Cities) -> None:
    three.send(three.north)
    three.end()
    assert three.carry() == []
    jobs.send_notices(three.home)
    assert [carried.kind for carried in three.carry()] == [notices.ENDED_KIND]


def test_the_acknowledgement_reaches_the_learner(three: Cities) -> None:
    delivered_reference(three)
    three.end()
    three.clock.advance(seconds=30)
    jobs.send_notices(three.home)
    three.carry()
    [view] = views(three)
    assert (view.answer, view.acknowledged_at) == ("erased", three.clock())
    assert view.ended_at == three.clock() - timedelta(seconds=30)


def test_the_partner_keeps_only_a_digest_of_what_ended(three: Cities) -> None:
    sent = delivered_reference(three)
    before = stored_token(three, sent)
    assert before is not None
    three.end()
    jobs.send_notices(three.home)
    three.carry()
    with three.north.database.transaction() as session:
        row = session.get_one(
            ReferenceReceivedRow, (three.home.origin, sent.reference_id)
        )
    assert (row.token, row.state) == (None, "ended")
    assert row.token_digest.startswith("sha256:")


def test_a_repeated_notice_is_answered_and_changes_nothing(three: Cities) -> None:
    sent = delivered_reference(three)
    three.end()
    jobs.send_notices(three.home)
    [carried] = three.carry()
    before = ended_at(three, sent)
    three.clock.advance(days=1)
    answer = receive(three, carried.document)
    assert answers_of(answer) == answers_of(carried.answer)
    assert ended_at(three, sent) == before


def test_a_notice_has_sixteen_entries_whatever_ended(three: Cities) -> None:
    sizes = set()
    for count in (1, 5, 16):
        ended = tuple(three.home.identifiers.nonce() for _ in range(count))
        with three.home.database.transaction() as session:
            service.send_notice(
                session, three.home, three.north.origin, ended, three.clock()
            )
        [row] = waiting(three, "send-message")
        payload = notice_of(row.payload)
        assert set(ended) <= set(payload.entries)
        assert len(payload.entries) == notices.BATCH_SIZE
        assert len({len(entry) for entry in payload.entries}) == 1
        sizes.add(len(row.payload))
        three.carry()
    assert len(sizes) == 1


def test_twenty_endings_become_two_notices_to_one_partner(three: Cities) -> None:
    for _ in range(20):
        wish_notice(three, three.north.origin)
    wish_notice(three, three.east.origin)
    assert jobs.send_notices(three.home) == 21
    sent = Counter(row.partner for row in waiting(three, "send-message"))
    assert sent == {three.east.origin: 1, three.north.origin: 2}
    assert jobs.send_notices(three.home) == 0


def test_the_answer_does_not_tell_what_was_held(three: Cities) -> None:
    sent = delivered_reference(three)
    three.end()
    jobs.send_notices(three.home)
    [carried] = three.carry()
    answers = answers_of(carried.answer)
    assert answers[sent.reference_id] == "erased"
    assert set(answers.values()) == {"erased"}
    with three.north.database.transaction() as session:
        held = session.scalars(sa.select(ReferenceReceivedRow.reference_id)).all()
    assert held == [sent.reference_id]


def test_decoys_are_fresh_in_every_notice(three: Cities) -> None:
    seen: list[str] = []
    for _ in range(3):
        wish_notice(three, three.north.origin)
        jobs.send_notices(three.home)
    for row in waiting(three, "send-message"):
        seen += notice_of(row.payload).entries
    assert len(set(seen)) == len(seen)


# --- answers that are not to be believed

Tamper = Callable[[Cities, bytes], bytes]


def forged_key(cities: Cities, answer: bytes) -> bytes:
    return resigned(cities, answer, by=cities.east)


def another_city(cities: Cities, answer: bytes) -> bytes:
    east = cities.east
    signer = Signer(node=east.origin, key_id=east.keys.documents.public.key_id)
    return resigned(cities, answer, by=east, node=east.origin, signers=(signer,))


def another_notice(cities: Cities, answer: bytes) -> bytes:
    of = notices.AcknowledgedMessage(
        message_id=acknowledgement(answer).of.message_id,
        digest="sha256:" + "0" * 64,
    )
    return resigned(cities, answer, by=cities.north, of=of)


def another_message(cities: Cities, answer: bytes) -> bytes:
    found = acknowledgement(answer).of
    of = found.model_copy(update={"message_id": "m" * 22})
    return resigned(cities, answer, by=cities.north, of=of)


def fewer_answers(cities: Cities, answer: bytes) -> bytes:
    answers = acknowledgement(answer).answers[1:]
    return resigned(cities, answer, by=cities.north, answers=answers)


def changed_bytes(cities: Cities, answer: bytes) -> bytes:
    value = json.loads(answer)
    signature = value["signatures"][0]["signature"]
    value["signatures"][0]["signature"] = "A" * 10 + signature[10:]
    return canonical_json(value)


def no_document(cities: Cities, answer: bytes) -> bytes:
    return b'{"noted":true}'


@pytest.mark.parametrize(
    ("tamper", "error"),
    [
        (forged_key, UnknownKeyError),
        (another_city, MalformedError),
        (another_notice, DigestMismatchError),
        (another_message, DigestMismatchError),
        (fewer_answers, MalformedError),
        (changed_bytes, SignatureInvalidError),
        (no_document, MalformedError),
    ],
)
def test_a_forged_acknowledgement_is_refused(
    three: Cities, tamper: Tamper, error: type[InterurbanError]
) -> None:
    delivered_reference(three)
    three.end()
    jobs.send_notices(three.home)
    with pytest.raises(InterurbanError) as refused:
        three.carry(lambda answer: tamper(three, answer))
    assert type(refused.value) is error
    [view] = views(three)
    assert (view.answer, view.acknowledged_at) == (None, None)


def test_a_receipt_for_another_message_is_refused(three: Cities) -> None:
    three.send(three.north)

    def change(answer: bytes) -> bytes:
        payload = read_payload(open_document(answer), MessageReceipt)
        other = payload.model_copy(update={"digest": "sha256:" + "1" * 64})
        return start_document(other, three.north.keys.documents)

    with pytest.raises(DigestMismatchError):
        three.carry(change)
    assert views(three)[0].delivered_at is None


def test_a_receipt_by_another_city_is_refused(three: Cities) -> None:
    three.send(three.north)

    def change(answer: bytes) -> bytes:
        payload = read_payload(open_document(answer), MessageReceipt)
        return start_document(payload, three.east.keys.documents)

    with pytest.raises(InterurbanError):
        three.carry(change)
    assert views(three)[0].delivered_at is None


def test_an_answer_to_a_message_nobody_sent_is_dropped(three: Cities) -> None:
    with three.home.database.transaction() as session:
        for kind in (notices.DELIVERY_KIND, notices.ENDED_KIND):
            service.delivered(
                session,
                three.home,
                three.north.origin,
                "m" * 22,
                kind,
                b"{}",
                three.clock(),
            )
        with pytest.raises(StateError):
            service.delivered(
                session,
                three.home,
                three.north.origin,
                "m" * 22,
                "agreement",
                b"{}",
                three.clock(),
            )
        assert session.scalars(sa.select(NoticeSentRow)).all() == []


# --- the private lists


def test_another_partners_list_is_not_served(three: Cities) -> None:
    sent = three.send(three.north)
    list_id = list_of(three, sent)
    with three.home.database.transaction() as session:
        for partner, wanted in (
            (three.east.origin, list_id),
            (three.north.origin, "no-such-list"),
        ):
            with pytest.raises(NotFoundError, match="no such status list"):
                service.status_list_token(
                    session, three.home, partner, wanted, three.clock()
                )
        assert service.status_list_token(
            session, three.home, three.north.origin, list_id, three.clock()
        )


def test_partners_have_lists_and_entries_of_their_own(three: Cities) -> None:
    to_north = three.send(three.north)
    to_east = three.send(three.east, to_north.credential_id)
    assert list_of(three, to_north) != list_of(three, to_east)


def test_a_list_is_signed_again_before_it_stops_being_fresh(three: Cities) -> None:
    sent = three.send(three.north)
    list_id = list_of(three, sent)
    with three.home.database.transaction() as session:
        ask = (session, three.home, three.north.origin, list_id)
        first = service.status_list_token(*ask, three.clock())
        three.clock.advance(minutes=4)
        assert service.status_list_token(*ask, three.clock()) == first
        three.clock.advance(minutes=2)
        assert service.status_list_token(*ask, three.clock()) != first


def test_lists_are_renewed_long_before_they_expire(three: Cities) -> None:
    three.send(three.north)
    assert jobs.renew_status_lists(three.home) == 0
    three.clock.advance(hours=12)
    assert jobs.renew_status_lists(three.home) == 1
    assert jobs.renew_status_lists(three.home) == 0


def test_a_clock_set_back_does_not_make_a_list_older(three: Cities) -> None:
    sent = three.send(three.north)
    three.clock.advance(hours=-2)
    three.end()
    with three.home.database.transaction() as session:
        row = session.get_one(StatusListRow, list_of(three, sent))
    assert row.signed_at > three.clock()


def test_no_entry_is_given_twice_and_a_full_list_gives_way(
    three: Cities, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_TAKEN", 3)  # 65,536 would take an hour
    north = three.north.origin
    with three.home.database.transaction() as session:
        taken = [
            lists.take_entry(session, three.home, north, three.clock())
            for _ in range(7)
        ]
        closed = session.scalars(
            sa.select(StatusListRow.list_id).where(StatusListRow.closed_at.is_not(None))
        ).all()
        assert len(session.scalars(sa.select(StatusIndexRow)).all()) == 7
    assert len(set(taken)) == 7
    assert all(0 <= index < ENTRIES for _, index in taken)
    assert len({list_id for list_id, _ in taken}) == 3
    assert len(closed) == 2


# --- after a restore


def test_after_a_restore_what_ended_stays_ended(three: Cities) -> None:
    sent = delivered_reference(three)
    token = held_token(three, sent)
    three.end()
    forget_the_end(three, sent)
    list_id, north = list_of(three, sent), three.north.origin
    with three.home.database.transaction() as session, pytest.raises(RecoveringError):
        service.status_list_token(session, three.home, north, list_id, three.clock())
    assert recover(three, three.home) == 2
    [view] = views(three)
    assert str(view.state) == "ended"
    jobs.send_notices(three.home)
    three.carry()
    assert three.verdict(three.north, token).state is ReferenceState.ENDED
    assert views(three)[0].answer == "erased"


def test_a_list_that_the_backup_does_not_know_is_made_again(three: Cities) -> None:
    sent = delivered_reference(three)
    token = three.token(sent.reference_id)
    list_id = list_of(three, sent)
    three.end()
    forget_everything(three)
    recover(three, three.home)
    with three.home.database.transaction() as session:
        listed = session.get_one(StatusListRow, list_id)
        assert listed.partner == three.north.origin
        assert listed.closed_at is not None
    three.clock.advance(minutes=13)
    three.fetch_lists(three.north)
    assert three.verdict(three.north, token).state is ReferenceState.ENDED
    again = three.send(three.north)
    assert list_of(three, again) != list_id


def test_a_restored_partner_erases_again_what_had_ended(three: Cities) -> None:
    sent = delivered_reference(three)
    before = stored_token(three, sent)
    three.end()
    jobs.send_notices(three.home)
    three.carry()
    with three.north.database.transaction() as session:
        row = session.get_one(
            ReferenceReceivedRow, (three.home.origin, sent.reference_id)
        )
        row.token, row.state, row.ended_at = before, "held", None
        session.execute(sa.text("DELETE FROM journal_known"))
    recover(three, three.north)
    assert stored_token(three, sent) is None


def test_a_restored_partner_knows_the_end_of_what_it_has_forgotten(
    three: Cities,
) -> None:
    sent = three.send(three.north)
    [carried] = three.carry()
    three.fetch_lists(three.north)
    token = held_token(three, sent)
    three.end()
    jobs.send_notices(three.home)
    three.carry()
    forget_what_was_received(three)
    assert three.verdict(three.north, token).state is ReferenceState.STALE
    recover(three, three.north)
    assert three.verdict(three.north, token).state is ReferenceState.ENDED
    with pytest.raises(ReplayedError):
        deliver(three.north, three.home, notices.DELIVERY_KIND, carried.document)
    assert stored_token(three, sent) is None


def test_nothing_is_fresh_at_a_node_that_is_still_recovering(three: Cities) -> None:
    token = held_token(three, delivered_reference(three))
    assert three.verdict(three.north, token).state is ReferenceState.FRESH
    with three.north.database.transaction() as session:
        session.execute(sa.text("DELETE FROM journal_known"))
    found = three.verdict(three.north, token)
    assert (found.state, found.is_valid()) == (ReferenceState.STALE, False)


# --- by itself


def test_a_yes_sends_and_a_no_ends_without_anybody_doing_more(three: Cities) -> None:
    credential_id = three.issue().credential_id
    three.say_yes(credential_id, three.north)
    assert jobs.serve_wanted(three.home) == 1
    three.carry()
    assert str(views(three)[0].state) == "sent"
    three.say(ConsentState.WITHDRAWN, credential_id, three.north)
    assert jobs.serve_wanted(three.home) == 1
    assert str(views(three)[0].state) == "ended"
    assert jobs.serve_wanted(three.home) == 0


def test_a_yes_about_a_record_issues_the_certificate_first(three: Cities) -> None:
    three.say_yes(CERTIFICATE, three.north)
    assert jobs.serve_wanted(three.home) == 1
    assert len(views(three)) == 1


def test_a_wish_waits_until_an_agreement_allows_it(three: Cities) -> None:
    credential_id = three.issue().credential_id
    three.say_yes(credential_id, three.north, days=700)
    three.clock.advance(days=366)
    assert jobs.serve_wanted(three.home) == 0
    [row] = waiting(three, "reference-wanted")
    assert row.last_problem == "no agreement with the recipient is in force"
    three.agree()
    three.clock.advance(minutes=1)
    assert jobs.serve_wanted(three.home) == 1


def test_a_wish_whose_consent_has_ended_is_settled(three: Cities) -> None:
    credential_id = three.issue().credential_id
    three.say_yes(credential_id, three.north)
    three.say(ConsentState.WITHDRAWN, credential_id, three.north)
    assert jobs.serve_wanted(three.home) == 2
    assert views(three) == []


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b"no json",
        b'{"learner_ref": 7, "credential_id": null, "recipient": null}',
        b'{"learner_ref": "L", "credential_id": null, "recipient": null}',
    ],
)
def test_a_wish_that_cannot_be_read_is_given_up(three: Cities, payload: bytes) -> None:
    with three.home.database.transaction() as session:
        outbox.enqueue(
            session,
            topic="reference-wanted",
            reference="r",
            payload=payload,
            now=three.clock(),
        )
    assert jobs.serve_wanted(three.home) == 0
    assert waiting(three, "reference-wanted") == []


def test_revoking_a_certificate_ends_its_references(three: Cities) -> None:
    sent = three.send(three.north)
    other = three.issue(OTHER_CERTIFICATE)
    three.say_yes(other.credential_id, three.north, OTHER_LEARNER)
    jobs.serve_wanted(three.home)
    assert jobs.end_revoked(three.home) == 0
    with three.home.database.transaction() as session:
        record = three.issue().certificate_id
        session.get_one(CertificateRow, record).status = "revoked"
    assert jobs.end_revoked(three.home) == 1
    with three.home.database.transaction() as session:
        standing = session.scalars(
            sa.select(ReferenceSentRow.learner_ref).where(
                ReferenceSentRow.state == "sent"
            )
        ).all()
    assert standing == [OTHER_LEARNER]
    assert views(three)[0].reference_id == sent.reference_id


def test_what_has_run_out_is_closed_and_erased(three: Cities) -> None:
    sent = delivered_reference(three)
    assert jobs.expire_references(three.home) == 0
    three.clock.advance(days=61)
    assert jobs.expire_references(three.home) == 1
    assert jobs.expire_references(three.north) == 1
    assert str(views(three)[0].state) == "expired"
    assert stored_token(three, sent) is None


def test_sharing_goes_on_while_the_yes_stands(three: Cities) -> None:
    first = delivered_reference(three)
    three.clock.advance(days=60)
    assert jobs.expire_references(three.home) == 1
    assert jobs.serve_wanted(three.home) == 1
    second, expired = views(three)
    assert (str(second.state), str(expired.state)) == ("sent", "expired")
    assert expired.reference_id == first.reference_id


def test_sharing_does_not_go_on_after_a_no(three: Cities) -> None:
    sent = delivered_reference(three)
    three.clock.advance(days=60)
    three.say(ConsentState.WITHDRAWN, sent.credential_id, three.north)
    jobs.expire_references(three.home)
    jobs.serve_wanted(three.home)
    assert [str(view.state) for view in views(three)] == ["expired"]


def test_a_record_that_is_missing_from_the_source_ends_nothing(three: Cities) -> None:
    three.send(three.north)
    with three.home.database.transaction() as session:
        session.get_one(CertificateRow, CERTIFICATE).deleted_at = three.clock()
    assert jobs.end_revoked(three.home) == 0


# --- what the tests look at


def delivered_reference(cities: Cities) -> ReferenceView:
    """Sent to Northport and taken in there, with its list."""
    sent = cities.send(cities.north)
    cities.carry()
    cities.fetch_lists(cities.north)
    return sent


def held_token(cities: Cities, sent: ReferenceView) -> str:
    token = stored_token(cities, sent)
    assert token is not None
    return token.decode()


def stored_token(cities: Cities, sent: ReferenceView) -> bytes | None:
    key = (cities.home.origin, sent.reference_id)
    with cities.north.database.transaction() as session:
        return session.get_one(ReferenceReceivedRow, key).token


def ended_at(cities: Cities, sent: ReferenceView) -> datetime | None:
    key = (cities.home.origin, sent.reference_id)
    with cities.north.database.transaction() as session:
        return session.get_one(ReferenceReceivedRow, key).ended_at


def views(cities: Cities) -> list[ReferenceView]:
    with cities.home.database.transaction() as session:
        return service.references_of(session, LEARNER)


def list_of(cities: Cities, sent: ReferenceView) -> str:
    with cities.home.database.transaction() as session:
        return session.get_one(ReferenceSentRow, sent.reference_id).status_list_id


def waiting(cities: Cities, topic: str) -> list[OutboxRow]:
    with cities.home.database.transaction() as session:
        rows = sa.select(OutboxRow).where(
            OutboxRow.topic == topic, OutboxRow.done_at.is_(None)
        )
        return list(session.scalars(rows.order_by(OutboxRow.id)))


def wish_notice(cities: Cities, partner: str) -> None:
    with cities.home.database.transaction() as session:
        outbox.enqueue(
            session,
            topic="notice",
            reference=cities.home.identifiers.nonce(),
            payload=b"",
            partner=partner,
            now=cities.clock(),
        )


def notice_of(message: bytes) -> EndedNotice:
    return read_payload(open_document(parse_message(message).document), EndedNotice)


def receive(cities: Cities, document: bytes) -> bytes:
    return deliver(cities.north, cities.home, notices.ENDED_KIND, document)


def acknowledgement(answer: bytes) -> Acknowledgement:
    return read_payload(open_document(answer), Acknowledgement)


def answers_of(answer: bytes) -> dict[str, str]:
    return {given.entry: given.answer for given in acknowledgement(answer).answers}


def resigned(cities: Cities, answer: bytes, *, by: Node, **changes: object) -> bytes:
    payload = acknowledgement(answer).model_copy(update=changes)
    key = by.keys.documents
    if "signers" not in changes:
        signer = payload.signers[0].model_copy(update={"key_id": key.public.key_id})
        payload = payload.model_copy(update={"signers": (signer,)})
    return start_document(payload, key)


def journal(cities: Cities, kind: Irrevocable) -> list[JournalEntry]:
    return [entry for entry in cities.home.journal.entries() if entry.kind is kind]


def end_and_fail(cities: Cities) -> None:
    with cities.home.database.transaction() as session:
        service.end_references(
            session, cities.home, LEARNER, None, None, cities.clock()
        )
        raise ZeroDivisionError


def forget_the_end(cities: Cities, sent: ReferenceView) -> None:
    """A backup from just before the end is put back."""
    with cities.home.database.transaction() as session:
        row = session.get_one(ReferenceSentRow, sent.reference_id)
        row.state, row.ended_at = "sent", None
        listed = session.get_one(StatusListRow, row.status_list_id)
        listed.octets = StatusList.of_valid().octets
        session.execute(sa.text("DELETE FROM outbox"))
        session.execute(
            sa.text(
                "DELETE FROM journal_known WHERE number > "
                "(SELECT MAX(number) FROM journal_known) - 2"
            )
        )


def forget_everything(cities: Cities) -> None:
    """A backup from before the first sending is put back."""
    with cities.home.database.transaction() as session:
        for table in (
            "outbox",
            "references_sent",
            "credentials",
            "stop_slips",
            "status_indexes",
            "status_lists",
        ):
            session.execute(sa.text(f"DELETE FROM {table}"))
        session.execute(
            sa.text("DELETE FROM journal_known WHERE kind <> 'key-event'"),
        )


def forget_what_was_received(cities: Cities) -> None:
    """A backup of Northport from before the reference arrived is put back."""
    with cities.north.database.transaction() as session:
        session.execute(sa.delete(ReferenceReceivedRow))
        session.execute(
            sa.text("DELETE FROM journal_known WHERE kind = 'reference-ended'")
        )


def recover(cities: Cities, node: Node) -> int:
    """What the operation's recovery does with the entries of this feature."""
    with node.database.transaction() as session:
        entries = audit.unknown_entries(session, node)
        for entry in entries:
            service.reapply(session, node, entry)
            audit.mark_known(session, entry)
    return len(entries)
