"""What answering, stopping and asking anew do."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.audit.service import unknown_entries
from interurban_node.consent import jobs, service
from interurban_node.consent.models import EventRow, HistoryRow
from interurban_node.consent.queries import consents
from interurban_node.core import outbox
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, RefusedError, StateError
from interurban_node.core.journal import Irrevocable
from interurban_node.partners.service import own_descriptor
from interurban_protocol.consent_records import (
    Actor,
    ActorKind,
    Channel,
    ConsentState,
    Receipt,
    Scope,
    check_receipt,
)
from interurban_protocol.encoding import parse_json_object, sha256_digest
from interurban_protocol.errors import (
    ChainError,
    InterurbanError,
    SignatureInvalidError,
)
from interurban_protocol.release_plans import PUBLIC
from interurban_protocol.signed_documents import verify_document
from tests.support.learners import (
    ANNA,
    BILAL,
    CERTIFICATE,
    EASTVALE,
    ME,
    NORTHPORT,
    OTHER_CERTIFICATE,
    a_draft,
    ask,
    ask_reference,
    say,
)

GIVEN, REFUSED = ConsentState.GIVEN, ConsentState.REFUSED
WITHDRAWN, EXPIRED = ConsentState.WITHDRAWN, ConsentState.EXPIRED
SUPERSEDED = ConsentState.SUPERSEDED


def counted(session: Session, question_ids: Sequence[str], at: Any) -> list[str]:
    """Who would be counted at that time, of all who ever answered."""
    column = HistoryRow.learner_ref
    where = consents(question_ids, column, at)
    return list(session.scalars(sa.select(column).where(where).order_by(column)))


def topics(session: Session, now: Any) -> list[tuple[str, Any]]:
    """The outbox rows for references: topic and certificate."""
    due = outbox.due(session, ["reference-wanted", "consent-ended"], now)
    return [(i.topic, parse_json_object(i.payload)["credential_id"]) for i in due]


def test_a_yes_is_counted_and_a_no_is_not(session, node, moment):
    question_id = ask(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now)
    say(session, node, question_id, REFUSED, moment.now, BILAL)
    assert counted(session, [question_id], moment.now) == [ANNA]


def test_a_withdrawal_holds_for_the_very_next_count(session, node, moment):
    question_id = ask(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now)
    moment.advance(days=1)
    assert counted(session, [question_id], moment.now) == [ANNA]
    service.withdraw(
        session, node, ANNA, question_id, "en", ME, Channel.WEB, moment.now
    )
    assert counted(session, [question_id], moment.now) == []


def test_the_past_stays_as_it_was_after_a_withdrawal(session, node, moment):
    question_id = ask(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now)
    day_one = moment.now + timedelta(hours=1)
    moment.advance(days=1)
    say(session, node, question_id, WITHDRAWN, moment.now)
    assert counted(session, [question_id], day_one) == [ANNA]


def test_a_yes_counts_until_its_time_runs_out(session, node, moment):
    question_id = ask(session, node, moment.now, days=30)
    say(session, node, question_id, GIVEN, moment.now)
    end = moment.now + timedelta(days=30)
    assert counted(session, [question_id], end - timedelta(seconds=1)) == [ANNA]
    assert counted(session, [question_id], end) == []
    assert service.standing(session, ANNA, end)[0].state is EXPIRED


def test_a_yes_to_another_question_does_not_count(session, node, moment):
    asked = ask(session, node, moment.now)
    other = ask(session, node, moment.now, recipients=(NORTHPORT,))
    say(session, node, other, GIVEN, moment.now)
    assert counted(session, [asked], moment.now) == []
    assert counted(session, [asked, other], moment.now) == [ANNA]


def test_the_receipt_is_signed_and_shows_the_head(session, node, moment):
    question_id = ask(session, node, moment.now)
    receipt = say(session, node, question_id, GIVEN, moment.now)
    keys = {node.origin: own_descriptor(node).key_set}
    verified = verify_document(
        receipt, Receipt, kind="consent-receipt", keys=keys, at=moment.now
    )
    history = service.verified_history(session, node, ANNA, moment.now)
    check_receipt(verified.payload, history)
    assert verified.payload.head == history.head
    assert verified.payload.expires_at == moment.now + timedelta(days=365)
    assert receipt == service.receipt_of(session, ANNA, 1)


def test_nobody_gets_the_receipt_of_somebody_else(session, node, moment):
    question_id = ask(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now)
    with pytest.raises(NotFoundError):
        service.receipt_of(session, BILAL, 1)


def test_a_history_names_nobody(session, node, moment):
    question_id = ask(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now)
    say(session, node, question_id, GIVEN, moment.now, BILAL)
    records = [
        service.verified_history(session, node, learner, moment.now).records[0].event
        for learner in (ANNA, BILAL)
    ]
    assert ANNA not in records[0].to_json().decode()
    assert records[0].learner != records[1].learner


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(
            {"token": lambda token: token[:-4] + b"AAAA"},
            SignatureInvalidError,
            id="signature",
        ),
        pytest.param({"drop": True}, ChainError, id="dropped"),
        pytest.param({"swap": True}, ChainError, id="swapped"),
    ],
)
def test_a_changed_history_does_not_verify(session, node, moment, change, error):
    question_id = ask(session, node, moment.now)
    for state in (GIVEN, WITHDRAWN, GIVEN):
        say(session, node, question_id, state, moment.advance(hours=1))
    rows = session.scalars(sa.select(EventRow).order_by(EventRow.sequence)).all()
    if "token" in change:
        rows[1].token = change["token"](rows[1].token)
    elif "drop" in change:
        session.delete(rows[1])
    else:
        rows[0].token, rows[1].token = rows[1].token, rows[0].token
    session.flush()
    with pytest.raises(InterurbanError) as caught:
        service.verified_history(session, node, ANNA, moment.now)
    assert type(caught.value) is error


def test_a_clock_that_was_set_back_does_not_break_the_chain(session, node, moment):
    question_id = ask(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now)
    earlier = moment.now - timedelta(hours=2)
    say(session, node, question_id, WITHDRAWN, earlier)
    assert counted(session, [question_id], moment.now) == []
    assert service.verified_history(session, node, ANNA, moment.now).head


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"question_id": "sha256:" + "0" * 64}, NotFoundError, id="asked"),
        pytest.param({"state": ConsentState.ASKED}, RefusedError, id="no answer"),
        pytest.param({"state": EXPIRED}, RefusedError, id="the node's own act"),
        pytest.param({"language": "fr"}, RefusedError, id="language"),
        pytest.param(
            {"actor": Actor(kind=ActorKind.REGISTRY)}, RefusedError, id="registry"
        ),
        pytest.param({"credential_id": CERTIFICATE}, RefusedError, id="certificate"),
    ],
)
def test_what_is_no_answer_is_refused(session, node, moment, changes, error):
    answer = {
        "question_id": ask(session, node, moment.now),
        "state": GIVEN,
        "language": "en",
        "actor": ME,
        "channel": Channel.WEB,
        "now": moment.now,
        **changes,
    }
    with pytest.raises(InterurbanError) as caught:
        service.answer(session, node, ANNA, **answer)
    assert type(caught.value) is error
    assert service.history(session, ANNA) == []


def test_a_yes_to_a_reference_names_its_certificate(session, node, moment):
    question_id = ask_reference(session, node, moment.now)
    with pytest.raises(RefusedError):
        say(session, node, question_id, GIVEN, moment.now)


def test_a_guardian_cannot_overrule_the_learners_own_no(session, node, moment):
    guardian = Actor(kind=ActorKind.GUARDIAN)
    question_id = ask(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now, actor=guardian)
    assert counted(session, [question_id], moment.now) == [ANNA]
    say(session, node, question_id, REFUSED, moment.now)
    with pytest.raises(RefusedError):
        say(session, node, question_id, GIVEN, moment.now, actor=guardian)
    assert counted(session, [question_id], moment.now) == []


def test_a_no_stands_in_the_one_way_journal(node, moment):
    with node.database.transaction() as session:
        question_id = ask(session, node, moment.now)
        say(session, node, question_id, GIVEN, moment.now)
        say(session, node, question_id, WITHDRAWN, moment.now)
    (entry,) = node.journal.entries()[-1:]
    assert entry.kind is Irrevocable.WITHDRAWAL
    assert entry.facts == {
        "question": question_id,
        "state": "withdrawn",
        "learners": ANNA,
    }


def test_a_restored_database_learns_of_withdrawals_from_the_journal(node, moment):
    with node.database.transaction() as session:
        question_id = ask(session, node, moment.now)
        say(session, node, question_id, GIVEN, moment.now)
    moment.advance(days=1)
    facts = {"question": question_id, "state": "withdrawn", "learners": ANNA}
    node.journal.append(Irrevocable.WITHDRAWAL, facts, moment.now)  # by the lost one
    before = len(node.journal.entries())
    with node.database.transaction() as session:
        (entry,) = unknown_entries(session, node)
        service.reapply(session, node, entry, moment.now)
        assert counted(session, [question_id], moment.now) == []
        service.verified_history(session, node, ANNA, moment.now)
    assert len(node.journal.entries()) == before


# --- references


def test_a_yes_to_a_reference_is_in_force_for_its_certificate_and_city_only(
    session, node, moment
):
    question_id = ask_reference(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now, credential=CERTIFICATE)
    proof = service.reference_consent(session, ANNA, CERTIFICATE, NORTHPORT, moment.now)
    assert (proof.recipient, proof.credential_id) == (NORTHPORT, CERTIFICATE)
    for learner, certificate, city in [
        (BILAL, CERTIFICATE, NORTHPORT),
        (ANNA, OTHER_CERTIFICATE, NORTHPORT),
        (ANNA, CERTIFICATE, EASTVALE),
    ]:
        with pytest.raises(RefusedError):
            service.reference_consent(session, learner, certificate, city, moment.now)


def test_only_the_check_makes_a_consent_in_force(moment):
    with pytest.raises(TypeError):
        service.ConsentInForce(
            learner_ref=ANNA,
            credential_id=CERTIFICATE,
            recipient=NORTHPORT,
            question_id="",
            purpose="",
            event_id="",
            expires_at=moment.now,
            _seal=object(),
        )


def test_a_reference_is_wanted_with_the_yes_and_ended_with_the_no(
    session, node, moment
):
    question_id = ask_reference(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now, credential=CERTIFICATE)
    assert topics(session, moment.now) == [("reference-wanted", CERTIFICATE)]
    say(session, node, question_id, WITHDRAWN, moment.now, credential=CERTIFICATE)
    assert topics(session, moment.now)[1:] == [("consent-ended", CERTIFICATE)]
    with pytest.raises(RefusedError):
        service.reference_consent(session, ANNA, CERTIFICATE, NORTHPORT, moment.now)


def test_stopping_one_certificate_leaves_the_other_shared(session, node, moment):
    question_id = ask_reference(session, node, moment.now)
    for certificate in (CERTIFICATE, OTHER_CERTIFICATE):
        say(session, node, question_id, GIVEN, moment.now, credential=certificate)
    say(session, node, question_id, WITHDRAWN, moment.now, credential=CERTIFICATE)
    assert service.reference_consent(
        session, ANNA, OTHER_CERTIFICATE, NORTHPORT, moment.now
    )
    states = {
        s.credential_id: s.state for s in service.standing(session, ANNA, moment.now)
    }
    assert states == {CERTIFICATE: WITHDRAWN, OTHER_CERTIFICATE: GIVEN}


def test_a_no_without_a_certificate_stops_every_one(session, node, moment):
    question_id = ask_reference(session, node, moment.now)
    for certificate in (CERTIFICATE, OTHER_CERTIFICATE):
        say(session, node, question_id, GIVEN, moment.now, credential=certificate)
    say(session, node, question_id, WITHDRAWN, moment.now)
    ended = {about for topic, about in topics(session, moment.now) if "ended" in topic}
    assert ended == {CERTIFICATE, OTHER_CERTIFICATE}
    assert {s.state for s in service.standing(session, ANNA, moment.now)} == {WITHDRAWN}


def test_a_reference_ends_when_its_consent_runs_out(node, moment):
    with node.database.transaction() as session:
        question_id = ask_reference(session, node, moment.now)
        say(session, node, question_id, GIVEN, moment.now, credential=CERTIFICATE)
    assert jobs.expire(node) == 0
    moment.advance(days=366)
    assert jobs.expire(node) == 1
    assert jobs.expire(node) == 0
    with node.database.transaction() as session:
        assert topics(session, moment.now)[-1] == ("consent-ended", CERTIFICATE)
        assert service.history(session, ANNA)[-1].state is EXPIRED
        service.verified_history(session, node, ANNA, moment.now)


# --- questions


def test_publishing_the_same_question_again_gives_the_one_that_stands(
    session, node, moment
):
    first = ask(session, node, moment.now)
    assert ask(session, node, moment.advance(days=3)) == first
    assert ask(session, node, moment.now, recipients=(EASTVALE, NORTHPORT)) == first
    assert len(service.current_questions(session)) == 1


def test_a_question_for_other_recipients_stands_beside_the_first(session, node, moment):
    ask(session, node, moment.now)
    ask(session, node, moment.now, recipients=(NORTHPORT,))
    assert len(service.current_questions(session)) == 2


def test_new_words_replace_the_question_and_end_what_was_answered(
    session, node, moment
):
    old = ask(session, node, moment.now)
    say(session, node, old, GIVEN, moment.now)
    new = ask(session, node, moment.advance(days=1), days=180)
    (current,) = service.current_questions(session)
    assert (current.question_id, current.question.supersedes) == (new, old)
    assert counted(session, [old, new], moment.now) == []
    assert service.standing(session, ANNA, moment.now)[0].state is SUPERSEDED
    service.verified_history(session, node, ANNA, moment.now)
    with pytest.raises(StateError):
        say(session, node, old, GIVEN, moment.now)


def test_a_replaced_question_ends_its_references(session, node, moment):
    question_id = ask_reference(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now, credential=CERTIFICATE)
    draft = a_draft(
        service.Scope.REFERENCE,
        (NORTHPORT,),
        purpose="certificate-recognition",
        days=30,
    )
    service.publish_question(session, node, draft, moment.advance(days=1))
    assert topics(session, moment.now)[-1] == ("consent-ended", CERTIFICATE)


def test_the_standard_question_reads_in_both_languages(session, node, moment):
    view = service.question(session, ask(session, node, moment.now))
    assert set(view.texts) == {"en", "ar"}
    assert "Eastvale and Northport" in view.texts["en"].who
    assert "نورث بورت" in view.texts["ar"].who
    for text in view.texts.values():
        assert not any("{" in part for part in text.model_dump().values())


def test_who_said_yes_to_cities_has_not_said_yes_to_everybody(federation):
    federation.join_all()
    node, now = federation.nodes["lakeside"], federation.clock.now
    with node.database.transaction() as session:
        partner = federation.nodes["northport"].origin
        publish = partial(
            service.publish_standard_question,
            session,
            node,
            Scope.AGGREGATES,
            now=now,
            purpose="training-outcomes",
        )
        cities, everybody = publish([partner]), publish([partner, PUBLIC])
        say(session, node, cities, GIVEN, now)
        view = service.question(session, everybody)
        assert view.recipients == tuple(sorted([partner, PUBLIC]))
        assert "everybody, because the tables are published" in view.texts["en"].who
        assert "تُنشر" in view.texts["ar"].who
        assert counted(session, [cities], now) == [ANNA]
        assert counted(session, [everybody], now) == []


def test_the_rendering_is_bound_to_the_words_that_were_shown(session, node, moment):
    question_id = ask(session, node, moment.now)
    say(session, node, question_id, GIVEN, moment.now)
    event = service.verified_history(session, node, ANNA, moment.now).records[0].event
    shown = service.question(session, question_id).texts["en"]
    assert event.rendering == sha256_digest(shown.to_json())


def test_two_cities_keep_their_learners_apart(node: Node, session: Session, moment):
    assert service.standing(session, ANNA, moment.now) == []
    assert service.history(session, ANNA) == []
