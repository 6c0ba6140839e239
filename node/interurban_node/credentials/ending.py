"""Ending references: the journal first, then the list, the log, and the partner."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.audit import service as audit
from interurban_node.audit.service import Grade, Use, UseKind
from interurban_node.core import outbox
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError
from interurban_node.core.journal import Irrevocable, JournalEntry
from interurban_node.core.outbox import OutboxRow
from interurban_node.credentials import lists, messages, queries, receiving
from interurban_node.credentials.models import (
    NoticeSentRow,
    ReferenceReceivedRow,
    ReferenceSentRow,
    StatusListRow,
)
from interurban_node.credentials.queries import ReferenceView
from interurban_node.credentials.rules import ReceivedState, SentState
from interurban_node.partners import service as partners
from interurban_protocol import notices
from interurban_protocol.errors import DigestMismatchError
from interurban_protocol.notices import Acknowledgement, EndedNotice
from interurban_protocol.signed_documents import start_document, verify_document

NOTICE_TOPIC = "notice"


def end_references(
    session: Session,
    node: Node,
    learner_ref: str,
    credential_id: str | None,
    recipient: str | None,
    now: datetime,
) -> tuple[str, ...]:
    """End a learner's references, all of them where nothing narrower is named; their ids.

    Possible also while the node is recovering or the pair is suspended.
    """
    rows = queries.standing_references(session, learner_ref, credential_id, recipient)
    for row in rows:
        _end(session, node, row, now)
    return tuple(row.reference_id for row in rows)


def end_reference(
    session: Session, node: Node, reference_id: str, now: datetime
) -> ReferenceView:
    """End one reference; ending it twice changes nothing.

    Raises:
        NotFoundError: none of ours.
    """
    row = session.get(ReferenceSentRow, reference_id, with_for_update=True)
    if row is None:
        raise NotFoundError("this node sent no such reference")
    if row.state == SentState.SENT:
        _end(session, node, row, now)
    return queries.reference_view(row)


def end_revoked(session: Session, node: Node, now: datetime) -> int:
    """End the references to certificates that the registry has revoked; how many."""
    rows = queries.revoked_references(session)
    for row in rows:
        _end(session, node, row, now)
    return len(rows)


def expire_references(session: Session, now: datetime) -> int:
    """Close what has run out; how many.

    A reference of ours is wished for again, so that sharing goes on while the learner's yes
    stands. Of a partner's reference only the digest stays.
    """
    rows = queries.run_out_references(session, now)
    for row in rows:
        row.state = SentState.EXPIRED
        messages.wish_again(session, row, now)
    received = session.execute(
        sa.update(ReferenceReceivedRow)
        .where(
            ReferenceReceivedRow.state == ReceivedState.HELD,
            ReferenceReceivedRow.expires_at <= now,
        )
        .values(state=ReceivedState.EXPIRED, token=None)
    )
    return len(rows) + _rows_changed(received)


def send_notice(
    session: Session,
    node: Node,
    partner: str,
    reference_ids: tuple[str, ...],
    now: datetime,
) -> None:
    """Put at most 16 ended references into one notice, fill it up, and have it sent."""
    decoys = [node.identifiers.nonce() for _ in range(notices.BATCH_SIZE)]
    payload = EndedNotice(
        signers=(node.signer,),
        issuer=node.origin,
        recipient=partner,
        batch=node.identifiers.uuid(),  # says nothing of when, unlike other message ids
        sent_at=notices.sending_day(now),
        entries=notices.batch_entries(reference_ids, decoys),
    )
    document = start_document(payload, node.keys.documents)
    session.add(
        NoticeSentRow(
            message_id=payload.batch, partner=partner, document=document, sent_at=now
        )
    )
    session.execute(
        sa.update(ReferenceSentRow)
        .where(ReferenceSentRow.reference_id.in_(reference_ids))
        .values(notice_message_id=payload.batch)
    )
    messages.enqueue(session, partner, payload.batch, notices.ENDED_KIND, document, now)


def note_acknowledgement(
    session: Session,
    node: Node,
    partner: str,
    message_id: str,
    answer: bytes,
    now: datetime,
) -> None:
    """Note what a partner answered to a notice, entry by entry.

    Raises:
        ProtocolError: not by the partner, or not to this notice.
    """
    sent = session.get(NoticeSentRow, message_id)
    if sent is None or sent.partner != partner or sent.acknowledged_at is not None:
        return
    keys = partners.key_sets(session, node)
    notice = verify_document(
        sent.document, EndedNotice, kind=notices.ENDED_KIND, keys=keys, at=sent.sent_at
    )
    payload = verify_document(
        answer,
        Acknowledgement,
        kind=notices.ACKNOWLEDGEMENT_KIND,
        keys=keys,
        at=now,
    ).payload
    notices.check_acknowledgement(payload, notice)
    if payload.of.message_id != message_id:
        raise DigestMismatchError("the acknowledgement answers another message")
    sent.acknowledged_at = now
    answers = {given.entry: given for given in payload.answers}
    _note_answers(session, message_id, answers, answer, now)


def reapply(session: Session, node: Node, entry: JournalEntry) -> None:
    """Do again what a restored database has forgotten; the caller marks it as known.

    Lists that took part get no new references: the backup may not know all their entries.
    """
    match entry.kind, entry.facts:
        case Irrevocable.STATUS_LIST, {"list": list_id, "partner": partner, **rest}:
            row = lists.list_again(session, node, list_id, partner, entry.at)
            if "index" in rest:
                lists.end_entry(node, row, int(rest["index"]), entry.at)
        case Irrevocable.REFERENCE_ENDED, {
            "reference": reference_id,
            "list": list_id,
            "partner": partner,
            "index": index,
        }:
            row = lists.list_again(session, node, list_id, partner, entry.at)
            lists.end_entry(node, row, int(index), entry.at)
            _end_again(session, reference_id, partner, entry.at)
        case Irrevocable.REFERENCE_ENDED, {"reference": reference_id, "issuer": issuer}:
            receiving.end_again(session, issuer, reference_id, entry.at)
        case _:
            pass
    session.flush()


def _end(session: Session, node: Node, row: ReferenceSentRow, now: datetime) -> None:
    """End a reference of ours: 1. journal; 2. status list; 3. log; 4. tell the partner."""
    facts = {
        "reference": row.reference_id,
        "partner": row.partner,
        "list": row.status_list_id,
        "index": str(row.status_index),
    }
    kind = Irrevocable.REFERENCE_ENDED
    audit.record_irrevocable(session, node, kind, facts, now)  # 1
    listed = session.get_one(StatusListRow, row.status_list_id, with_for_update=True)
    lists.end_entry(node, listed, row.status_index, now)  # 2
    changed = {
        "list": listed.list_id,
        "partner": listed.partner,
        "index": str(row.status_index),
        "version": str(listed.version),
    }
    audit.record_irrevocable(session, node, Irrevocable.STATUS_LIST, changed, now)
    audit.record_use(  # 3
        session,
        Use(
            kind=UseKind.REFERENCE_ENDED,
            purpose=row.purpose,
            recipient=row.partner,
            grade=Grade.OWN,
            agreement=row.agreement,
            learner_ref=row.learner_ref,
            reference_id=row.reference_id,
        ),
        now,
    )
    row.state, row.ended_at = SentState.ENDED, now
    _announce_end(session, row.reference_id, row.partner, now)  # 4


def _announce_end(
    session: Session, reference_id: str, partner: str, now: datetime
) -> None:
    """Call a delivery that still waits back, and have the next notice name the reference.

    The notice goes out in any case: a delivery without answer may have arrived.
    """
    waiting = session.scalars(
        sa.select(OutboxRow.id).where(
            OutboxRow.topic == outbox.SEND_TOPIC,
            OutboxRow.partner == partner,
            OutboxRow.reference == reference_id,
            OutboxRow.done_at.is_(None),
        )
    ).all()
    for intent_id in waiting:
        outbox.abandon(session, intent_id, now, "the reference ended before it arrived")
    outbox.enqueue(
        session,
        topic=NOTICE_TOPIC,
        reference=reference_id,
        payload=b"",
        partner=partner,
        now=now,
    )


def _end_again(
    session: Session, reference_id: str, partner: str, ended_at: datetime
) -> None:
    row = session.get(ReferenceSentRow, reference_id)
    if row is not None and row.state != SentState.ENDED:
        row.state, row.ended_at = SentState.ENDED, ended_at
    _announce_end(session, reference_id, partner, ended_at)


def _note_answers(
    session: Session,
    message_id: str,
    answers: Mapping[str, notices.Answer],
    document: bytes,
    now: datetime,
) -> None:
    rows = session.scalars(
        sa.select(ReferenceSentRow).where(
            ReferenceSentRow.notice_message_id == message_id
        )
    )
    for row in rows:
        given = answers[row.reference_id]
        row.acknowledged_at, row.acknowledgement = now, document
        row.answer, row.answer_reason = given.answer, given.reason


def _rows_changed(result: sa.Result[Any]) -> int:
    return result.rowcount if isinstance(result, sa.CursorResult) else 0
