"""Appending answers to learners' histories, and everything that follows in the same breath.

One way in for one answer and for two thousand. In one transaction: the signed event, the
head of the history, the grants, the one-way journal for every no, and the outbox rows for
features above. A history is locked while it grows, so that it never forks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from interurban_node.audit.service import record_irrevocable
from interurban_node.consent import queries
from interurban_node.consent.models import EventRow, GrantRow, HistoryRow
from interurban_node.consent.rules import (
    NO_STATES,
    PERSONS,
    Answer,
    ChainHead,
    QuestionView,
    day_start,
    next_event,
)
from interurban_node.core import outbox
from interurban_node.core.context import Node
from interurban_node.core.journal import Irrevocable
from interurban_node.core.learner_numbers import learner_numbers
from interurban_node.partners.service import own_descriptor
from interurban_protocol.consent_records import (
    ConsentEvent,
    ConsentState,
    Receipt,
    Scope,
    VerifiedHistory,
    event_id,
    sign_event,
    verify_history,
)
from interurban_protocol.encoding import canonical_json
from interurban_protocol.signed_documents import Signer, start_document

ENDED_TOPIC = "consent-ended"
WANTED_TOPIC = "reference-wanted"
JOURNAL_GROUP = 500  # learners in one entry of the one-way journal
SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One learner's answer to one question, to be recorded."""

    learner_ref: str
    question: QuestionView
    answer: Answer


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded of an entry. Imports and the node's own acts have no receipt."""

    entry: Entry
    event_id: str
    event: ConsentEvent
    token: bytes
    expires_at: datetime | None
    receipt: bytes | None


def record_answers(
    session: Session,
    node: Node,
    entries: Sequence[Entry],
    now: datetime,
    *,
    journaled: bool = False,
) -> list[Recorded]:
    """Append every entry to its learner's history, with all that follows from it.

    `journaled` says that the one-way journal holds their noes already.

    1. Lock the histories, beginning those that are new. 2. Sign the events in order.
    3. Store them. 4. Move the grants, telling features above. 5. Journal every no.
    """
    now = now.replace(microsecond=0)  # what the signed events can say
    heads = lock_histories(session, node, {entry.learner_ref for entry in entries})  # 1
    recorded = [_sign(node, entry, heads, now) for entry in entries]  # 2
    _store(session, recorded)  # 3
    _move_grants(session, recorded, now)  # 4
    if not journaled:
        _journal_noes(session, node, recorded, now)  # 5
    session.flush()
    return recorded


def verified_history(
    session: Session, node: Node, learner_ref: str, now: datetime
) -> VerifiedHistory:
    """One learner's history, with every signature and the chain checked.

    Raises:
        VerificationError, MalformedError: it was changed, shortened in the middle, or
            signed with a key that the node never announced.
    """
    tokens = [row.token for row in queries.events_of(session, learner_ref)]
    return verify_history(tokens, keys=own_descriptor(node).key_set, at=now)


def verify_histories(session: Session, node: Node, now: datetime) -> int:
    """Check every learner's history as `verified_history` does; how many there are.

    Raises:
        VerificationError, MalformedError: of the first that is not as it was signed.
    """
    learners = queries.learners_with_events(session)
    for learner_ref in learners:
        verified_history(session, node, learner_ref, now)
    return len(learners)


def lock_histories(
    session: Session, node: Node, learner_refs: set[str]
) -> Mapping[str, HistoryRow]:
    """The heads of these histories, begun where there is none; nobody else appends now.

    Whoever decides from a history and then appends to it locks it before looking.
    """
    heads = dict(queries.histories(session, learner_refs))
    if missing := sorted(learner_refs - heads.keys()):
        _begin_histories(session, node, missing)
        heads.update(queries.histories(session, missing))
    return heads


def _begin_histories(session: Session, node: Node, learner_refs: Sequence[str]) -> None:
    insert: Any = sqlite.insert if node.database.is_sqlite else postgresql.insert
    rows = [
        {
            "learner_ref": learner_ref,
            "salt": node.identifiers.random_bytes(SALT_BYTES),
            "length": 0,
        }
        for learner_ref in learner_refs
    ]
    # another transaction may begin the same history at this moment
    session.execute(insert(HistoryRow).on_conflict_do_nothing(), rows)


def _sign(
    node: Node, entry: Entry, heads: Mapping[str, HistoryRow], now: datetime
) -> Recorded:
    row = heads[entry.learner_ref]
    head = ChainHead(
        learner_ref=row.learner_ref,
        salt=row.salt,
        length=row.length,
        head=row.head,
        last_at=row.last_at,
    )
    event = next_event(head, entry.answer, now)
    token = sign_event(event, node.keys.documents)
    row.length, row.head, row.last_at = event.sequence, event_id(token), event.at
    expires_at = None
    if event.state is ConsentState.GIVEN:
        expires_at = _granted_at(event) + entry.question.lifetime
    receipt = None
    if event.actor.kind in PERSONS:
        receipt = _receipt(node, event, row.head, expires_at)
    return Recorded(entry, row.head, event, token, expires_at, receipt)


def _receipt(
    node: Node, event: ConsentEvent, head: str, expires_at: datetime | None
) -> bytes:
    key = node.keys.documents
    payload = Receipt(
        signers=(Signer(node=node.origin, key_id=key.public.key_id),),
        controller=node.origin,
        event=head,
        head=head,
        question=event.question,
        state=event.state,
        at=event.at,
        recipients=event.recipients,
        language=event.language,
        expires_at=expires_at,
    )
    return start_document(payload, key)


def _store(session: Session, recorded: Sequence[Recorded]) -> None:
    rows = [
        {
            "learner_ref": one.entry.learner_ref,
            "sequence": one.event.sequence,
            "event_id": one.event_id,
            "token": one.token,
            "question_id": one.event.question,
            "credential_id": one.event.detail,
            "state": one.event.state,
            "at": one.event.at,
            "signed_on": one.event.signed_on,
            "actor": one.event.actor.kind,
            "channel": one.event.channel,
            "language": one.event.language,
            "receipt": one.receipt,
        }
        for one in recorded
    ]
    if rows:
        session.execute(sa.insert(EventRow), rows)


def _move_grants(session: Session, recorded: Sequence[Recorded], now: datetime) -> None:
    standing: dict[tuple[str, str], list[GrantRow]] = defaultdict(list)
    refs = {one.entry.learner_ref for one in recorded}
    for grant in queries.open_grants(
        session, refs, {r.event.question for r in recorded}
    ):
        standing[grant.learner_ref, grant.question_id].append(grant)
    granting = {one.entry.learner_ref for one in recorded if one.expires_at is not None}
    numbers = learner_numbers(session, granting)
    for one in recorded:
        grants = standing[one.entry.learner_ref, one.event.question]
        ended = _end_grants(grants, one.event, now)
        if one.expires_at is not None:
            number = numbers[one.entry.learner_ref]
            grants.append(_grant(session, one, number, one.expires_at))
        if one.entry.question.scope is Scope.REFERENCE:
            _tell(session, one, ended, now)


def _end_grants(
    grants: list[GrantRow], event: ConsentEvent, now: datetime
) -> list[GrantRow]:
    """Take what the event ends out of `grants`; a new yes replaces the one before."""
    about = [g for g in grants if event.detail in (None, g.credential_id)]
    for grant in about:
        grant.ended_at = now
        grants.remove(grant)
    return about


def _grant(
    session: Session, one: Recorded, number: int, expires_at: datetime
) -> GrantRow:
    single = one.entry.question.scope is Scope.REFERENCE
    grant = GrantRow(
        learner_ref=one.entry.learner_ref,
        learner_number=number,
        question_id=one.event.question,
        credential_id=one.event.detail,
        recipient=one.event.recipients[0] if single else None,
        event_id=one.event_id,
        granted_at=_granted_at(one.event),
        expires_at=expires_at,
    )
    session.add(grant)
    return grant


def _granted_at(event: ConsentEvent) -> datetime:
    return event.at if event.signed_on is None else day_start(event.signed_on)


def _tell(
    session: Session, one: Recorded, ended: Iterable[GrantRow], now: datetime
) -> None:
    if one.event.state is ConsentState.GIVEN:
        _enqueue(session, WANTED_TOPIC, one, one.event.detail, now)
        return
    for grant in ended:
        _enqueue(session, ENDED_TOPIC, one, grant.credential_id, now)


def _enqueue(
    session: Session,
    topic: str,
    one: Recorded,
    credential_id: str | None,
    now: datetime,
) -> None:
    recipient = one.event.recipients[0]
    payload = {
        "learner_ref": one.entry.learner_ref,
        "credential_id": credential_id,
        "recipient": recipient,
    }
    outbox.enqueue(
        session,
        topic=topic,
        reference=one.event_id,
        payload=canonical_json(payload),
        partner=recipient,
        now=now,
    )


def _journal_noes(
    session: Session, node: Node, recorded: Sequence[Recorded], now: datetime
) -> None:
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in recorded:
        if one.event.state in NO_STATES:
            key = (one.event.question, one.event.state, one.event.detail or "")
            groups[key].append(one.entry.learner_ref)
    for (question_id, state, credential_id), learners in groups.items():
        for start in range(0, len(learners), JOURNAL_GROUP):
            facts = {
                "question": question_id,
                "state": state,
                "learners": " ".join(learners[start : start + JOURNAL_GROUP]),
            }
            if credential_id:
                facts["credential"] = credential_id
            record_irrevocable(session, node, Irrevocable.WITHDRAWAL, facts, now)
