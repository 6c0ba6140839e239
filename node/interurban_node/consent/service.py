"""Asking, answering, stopping, and saying what counts.

Everything that records goes through `histories.record_answers`. Answers from paper come
through `claims`.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.consent import queries
from interurban_node.consent.claims import (
    ClaimSource,
    ImportSummary,
    csv_claims,
    import_claims,
    sql_claims,
)
from interurban_node.consent.histories import (
    Entry,
    lock_histories,
    record_answers,
    verified_history,
    verify_histories,
)
from interurban_node.consent.models import EventRow, GrantRow, QuestionRow
from interurban_node.consent.questions import (
    current_questions,
    publish_question,
    publish_standard_question,
    question,
    questions,
)
from interurban_node.consent.rules import (
    NO_STATES,
    PERSONS,
    Answer,
    EventView,
    NamedRecipient,
    QuestionDraft,
    QuestionView,
    StandingView,
    answer_again,
    guardian_may_grant,
    node_act,
    rendering_of,
    standing_of,
)
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    ConfigurationError,
    NotFoundError,
    RefusedError,
    StateError,
)
from interurban_node.core.journal import Irrevocable, JournalEntry
from interurban_protocol.consent_records import (
    Actor,
    ActorKind,
    Channel,
    ConsentState,
    Scope,
)

_SEAL = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentInForce:
    """One certificate may be pointed to, for one recipient. Only `reference_consent` makes one."""

    learner_ref: str
    credential_id: str
    recipient: str
    question_id: str
    purpose: str
    event_id: str
    expires_at: datetime
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only reference_consent makes a ConsentInForce")


def answer(
    session: Session,
    node: Node,
    learner_ref: str,
    question_id: str,
    state: ConsentState,
    language: str,
    actor: Actor,
    channel: Channel,
    now: datetime,
    credential_id: str | None = None,
    evidence_id: str | None = None,
) -> bytes:
    """Record a person's answer and give the signed receipt for it.

    `language` is the one in which the question was shown. A reference needs the certificate
    that a yes is about; a no without one is about all.

    Raises:
        NotFoundError: no such question.
        StateError: it was replaced by a newer one.
        RefusedError: not an answer, not by a person, about the wrong thing, or a guardian's
            yes against the learner's own no.
    """
    asked = question(session, question_id)
    _check_answer(asked, state, actor, language, credential_id)
    lock_histories(session, node, {learner_ref})
    if actor.kind is ActorKind.GUARDIAN and state is ConsentState.GIVEN:
        _check_guardian(session, learner_ref, question_id)
    entry = Entry(
        learner_ref,
        asked,
        Answer(
            question_id=question_id,
            state=state,
            recipients=asked.recipients,
            language=language,
            rendering=rendering_of(asked, language),
            actor=actor,
            channel=channel,
            credential_id=credential_id,
            evidence=evidence_id,
        ),
    )
    receipt = record_answers(session, node, [entry], now)[0].receipt
    if receipt is None:  # `_check_answer` let persons through only
        raise TypeError("a person's answer has a receipt")
    return receipt


def withdraw(
    session: Session,
    node: Node,
    learner_ref: str,
    question_id: str,
    language: str,
    actor: Actor,
    channel: Channel,
    now: datetime,
    credential_id: str | None = None,
    evidence_id: str | None = None,
) -> bytes:
    """Record that a person stops, effective at once; otherwise as `answer`."""
    return answer(
        session,
        node,
        learner_ref,
        question_id,
        ConsentState.WITHDRAWN,
        language,
        actor,
        channel,
        now,
        credential_id,
        evidence_id,
    )


def history(session: Session, learner_ref: str) -> list[EventView]:
    """Everything that was recorded of one learner, oldest first."""
    return [_event_view(row) for row in queries.events_of(session, learner_ref)]


def standing(session: Session, learner_ref: str, now: datetime) -> list[StandingView]:
    """How each of one learner's answers stands, in the order of the questions."""
    known = {view.question_id: view for view in questions(session)}
    found = standing_of(history(session, learner_ref), known, now)
    order = {question_id: place for place, question_id in enumerate(known)}
    return sorted(
        found, key=lambda s: (order[s.question.question_id], s.credential_id or "")
    )


def receipt_of(session: Session, learner_ref: str, sequence: int) -> bytes:
    """The receipt that one of a learner's own answers was given.

    Raises:
        NotFoundError: no such answer of this learner, or one without a receipt.
    """
    receipt = session.scalar(
        sa.select(EventRow.receipt).where(
            EventRow.learner_ref == learner_ref, EventRow.sequence == sequence
        )
    )
    if receipt is None:
        raise NotFoundError("there is no such receipt")
    return receipt


def reference_consent(
    session: Session,
    learner_ref: str,
    credential_id: str,
    recipient: str,
    now: datetime,
) -> ConsentInForce:
    """The proof that one certificate may be pointed to for one recipient at `now`.

    Raises:
        RefusedError: no yes for it is in force.
    """
    row = session.execute(
        sa.select(GrantRow, QuestionRow.purpose)
        .join(QuestionRow, QuestionRow.question_id == GrantRow.question_id)
        .where(
            GrantRow.learner_ref == learner_ref,
            GrantRow.credential_id == credential_id,
            GrantRow.recipient == recipient,
            queries.in_force(now),
        )
        .order_by(GrantRow.expires_at.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise RefusedError(
            f"the learner has not agreed to a reference for {recipient}",
            next_step="Only the learner can agree, on their own page.",
        )
    grant, purpose = row
    return ConsentInForce(
        learner_ref=learner_ref,
        credential_id=credential_id,
        recipient=recipient,
        question_id=grant.question_id,
        purpose=purpose,
        event_id=grant.event_id,
        expires_at=grant.expires_at,
        _seal=_SEAL,
    )


def record_expiries(
    session: Session, node: Node, now: datetime, limit: int = 500
) -> int:
    """Record the end of grants whose time ran out; how many there were."""
    entries = []
    for grant in queries.grants_run_out(session, now, limit):
        asked = question(session, grant.question_id)
        ended = node_act(asked, ConsentState.EXPIRED, grant.credential_id)
        entries.append(Entry(grant.learner_ref, asked, ended))
    record_answers(session, node, entries, now)
    return len(entries)


def reapply(session: Session, node: Node, entry: JournalEntry, now: datetime) -> None:
    """Record again the noes of a journal entry that a restored database has forgotten.

    Raises:
        ConfigurationError: the entry is not one that this feature wrote.
    """
    match entry.kind, entry.facts:
        case Irrevocable.WITHDRAWAL, {
            "question": question_id,
            "state": state,
            "learners": learners,
            **rest,
        } if state in NO_STATES:
            pass
        case _:
            raise ConfigurationError(
                f"entry {entry.number} of the journal is no withdrawal that we know"
            )
    asked = question(session, question_id)  # the journal has it before any no to it
    again = answer_again(asked, ConsentState(state), rest.get("credential"))
    entries = [Entry(ref, asked, again) for ref in learners.split()]
    record_answers(session, node, entries, now, journaled=True)


def _check_answer(
    asked: QuestionView,
    state: ConsentState,
    actor: Actor,
    language: str,
    credential_id: str | None,
) -> None:
    if asked.superseded_at is not None:
        raise StateError(
            "the question was replaced by a newer one",
            next_step="Open the newest question and answer that one.",
        )
    if state not in {ConsentState.GIVEN, *NO_STATES} or actor.kind not in PERSONS:
        raise RefusedError(f"{state} by {actor.kind} is not an answer of a person")
    if language not in asked.texts:
        raise RefusedError(f"the question is not written in the language {language}")
    reference = asked.scope is Scope.REFERENCE
    if credential_id is not None and not reference:
        raise RefusedError("the question is not about a certificate")
    if reference and credential_id is None and state is ConsentState.GIVEN:
        raise RefusedError(
            "a yes to a reference names the certificate that it is about"
        )


def _check_guardian(session: Session, learner_ref: str, question_id: str) -> None:
    if not guardian_may_grant(history(session, learner_ref), question_id):
        raise RefusedError("the learner's own no stands against a guardian's yes")


def _event_view(row: EventRow) -> EventView:
    return EventView(
        sequence=row.sequence,
        event_id=row.event_id,
        question_id=row.question_id,
        credential_id=row.credential_id,
        state=ConsentState(row.state),
        at=row.at,
        signed_on=row.signed_on,
        actor=ActorKind(row.actor),
        channel=Channel(row.channel),
        language=row.language,
        has_receipt=row.receipt is not None,
    )


__all__ = [
    "ClaimSource",
    "ConsentInForce",
    "EventView",
    "ImportSummary",
    "NamedRecipient",
    "QuestionDraft",
    "QuestionView",
    "StandingView",
    "answer",
    "csv_claims",
    "current_questions",
    "history",
    "import_claims",
    "publish_question",
    "publish_standard_question",
    "question",
    "questions",
    "reapply",
    "receipt_of",
    "record_expiries",
    "reference_consent",
    "sql_claims",
    "standing",
    "verified_history",
    "verify_histories",
    "withdraw",
]
