"""Publishing questions and finding them again.

There is one current question for each scope, purpose and set of recipients. Publishing the
same words again gives the question that stands; other words replace it, and then nothing
that was answered to the old one counts any more: the learner is asked again.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.audit.service import record_irrevocable
from interurban_node.consent.histories import Entry, record_answers
from interurban_node.consent.models import GrantRow, QuestionRow
from interurban_node.consent.rules import (
    EVERYBODY,
    STANDARD_DAYS,
    UNSTATED_COUNTRY,
    NamedRecipient,
    QuestionDraft,
    QuestionView,
    is_same_question,
    node_act,
    question_of,
    question_view,
    standard_draft,
)
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    ConfigurationError,
    NotFoundError,
    RefusedError,
)
from interurban_node.core.journal import Irrevocable, JournalEntry
from interurban_node.partners.service import pinned
from interurban_protocol.consent_records import ConsentState, Question, Scope
from interurban_protocol.encoding import canonical_json
from interurban_protocol.release_plans import PUBLIC
from interurban_protocol.signed_documents import Signer, start_document


def publish_question(
    session: Session, node: Node, draft: QuestionDraft, now: datetime
) -> str:
    """Sign and publish the question; its id. The same words again change nothing.

    Raises:
        MalformedError: the draft contradicts itself.
    """
    key = node.keys.documents
    signer = Signer(node=node.origin, key_id=key.public.key_id)
    issued_at = now.replace(microsecond=0)
    fresh = question_of(draft, signer, issued_at)
    before = _current(session, fresh)
    if before is not None and is_same_question(before.question, fresh):
        return before.question_id
    if before is not None:
        fresh = question_of(draft, signer, issued_at, before.question_id)
    document = start_document(fresh, key)
    view = question_view(document, now, None)
    _add(session, view, document, now)
    if before is not None:
        _supersede(session, node, before, now)
    asked = {"document": document.decode("utf-8")}
    record_irrevocable(session, node, Irrevocable.QUESTION, asked, now)
    return view.question_id


def reapply(session: Session, node: Node, entry: JournalEntry, now: datetime) -> None:
    """Ask again, word for word, what a restored database does not know to be asked.

    Noes that were given to it since are re-applied after it, and need it.

    Raises:
        ConfigurationError: the entry is not one that this feature wrote.
    """
    match entry.kind, entry.facts:
        case Irrevocable.QUESTION, {"document": text}:
            document = text.encode()
        case _:
            raise ConfigurationError(
                f"entry {entry.number} of the journal is no question of ours"
            )
    view = question_view(document, entry.at, None)
    if session.get(QuestionRow, view.question_id) is not None:
        return
    before = _current(session, view.question)
    _add(session, view, document, entry.at)
    if before is not None:
        _supersede(session, node, before, now)
    session.flush()


def publish_standard_question(
    session: Session,
    node: Node,
    scope: Scope,
    recipients: Sequence[str],
    now: datetime,
    *,
    purpose: str,
    data_elements: Sequence[str] | None = None,
    valid_for_days: int = STANDARD_DAYS,
    country: str = UNSTATED_COUNTRY,
) -> str:
    """Publish the project's own question for these partners; its id.

    Raises:
        NotFoundError, RefusedError: a recipient is no confirmed partner, or there is none.
    """
    others = [origin for origin in recipients if origin != node.origin]
    if not others:
        raise RefusedError("the question has no recipient besides this city")
    named = [_named(session, origin) for origin in others]
    draft = standard_draft(
        scope,
        purpose=purpose,
        city=node.settings.name,
        recipients=named,
        data_elements=data_elements,
        valid_for_days=valid_for_days,
        country=country,
    )
    return publish_question(session, node, draft, now)


def question(session: Session, question_id: str) -> QuestionView:
    """One question, current or not.

    Raises:
        NotFoundError: this node never asked it.
    """
    row = session.get(QuestionRow, question_id)
    if row is None:
        raise NotFoundError("this node never asked that question")
    return _view(row)


def questions(session: Session, scope: Scope | None = None) -> list[QuestionView]:
    """Every question, oldest first."""
    select = sa.select(QuestionRow).order_by(
        QuestionRow.published_at, QuestionRow.question_id
    )
    if scope is not None:
        select = select.where(QuestionRow.scope == scope)
    return [_view(row) for row in session.scalars(select)]


def current_questions(
    session: Session, scope: Scope | None = None
) -> list[QuestionView]:
    """The questions that are being asked, oldest first."""
    return [view for view in questions(session, scope) if view.superseded_at is None]


def _named(session: Session, recipient: str) -> NamedRecipient:
    if recipient == PUBLIC:
        return EVERYBODY
    descriptor = pinned(session, recipient).descriptor
    return NamedRecipient(recipient, descriptor.payload.name, descriptor.words)


def _current(session: Session, question: Question) -> QuestionView | None:
    row = session.scalar(
        sa.select(QuestionRow)
        .where(
            QuestionRow.scope == question.scope,
            QuestionRow.purpose == question.purpose.code,
            QuestionRow.recipients == _key(question),
            QuestionRow.superseded_at.is_(None),
        )
        .with_for_update()
    )
    return None if row is None else _view(row)


def _add(
    session: Session, view: QuestionView, document: bytes, published_at: datetime
) -> None:
    session.add(
        QuestionRow(
            question_id=view.question_id,
            scope=view.scope,
            purpose=view.purpose,
            recipients=_key(view.question),
            document=document,
            published_at=published_at,
        )
    )


def _supersede(session: Session, node: Node, old: QuestionView, now: datetime) -> None:
    session.get_one(QuestionRow, old.question_id).superseded_at = now
    grants = session.execute(
        sa.select(GrantRow.learner_ref, GrantRow.credential_id)
        .where(GrantRow.question_id == old.question_id, GrantRow.ended_at.is_(None))
        .order_by(GrantRow.id)
    )
    entries = [
        Entry(learner_ref, old, node_act(old, ConsentState.SUPERSEDED, credential_id))
        for learner_ref, credential_id in grants
    ]
    record_answers(session, node, entries, now)


def _key(question: Question) -> str:
    return canonical_json(sorted(r.node for r in question.recipients)).decode()


def _view(row: QuestionRow) -> QuestionView:
    return question_view(row.document, row.published_at, row.superseded_at)
