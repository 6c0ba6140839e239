"""What one learner may see, put together from the features below; nothing is kept here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.accounts import service as accounts
from interurban_node.aggregates.service import CountedIn, counted_in
from interurban_node.audit.service import sendings_of
from interurban_node.consent import service as consent
from interurban_node.consent.rules import EventView, QuestionView, StandingView
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError
from interurban_node.credentials import service as credentials
from interurban_node.credentials.queries import (
    ReferenceView,
    credentials_of,
    references_of,
)
from interurban_node.registry.service import CertificateFacts, certificates_of
from interurban_protocol.consent_records import (
    Actor,
    ActorKind,
    Channel,
    ConsentState,
    Scope,
)

MYSELF = Actor(kind=ActorKind.SELF)
VALID = "valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Whether one certificate is shown to one city."""

    question: QuestionView
    city: str
    standing: StandingView | None
    reference: ReferenceView | None  # the newest to this city

    @property
    def is_on(self) -> bool:
        """Whether the learner's yes is in force."""
        return self.standing is not None and self.standing.in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCertificate:
    """A certificate with its state towards every city that could be shown it."""

    facts: CertificateFacts
    credential_id: str | None
    shares: tuple[Share, ...]

    @property
    def is_valid(self) -> bool:
        """Whether the award stands."""
        return self.facts.status == VALID


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """One answer that stands, and the certificate that it is about."""

    standing: StandingView
    certificate: CertificateFacts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUse:
    """A release that the learner was counted in, and when which city fetched it."""

    counted: CountedIn
    fetched: tuple[tuple[str, datetime], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceUse:
    """A pointer that was sent, with its certificate."""

    reference: ReferenceView
    certificate: CertificateFacts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What stands on the first page."""

    given_name: str | None
    open_questions: tuple[QuestionView, ...]
    sharing: tuple[Sharing, ...]  # in force
    certificates: tuple[HeldCertificate, ...]
    tables: tuple[TableUse, ...]
    ended: tuple[ReferenceUse, ...]  # stopped pointers, newest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer with its question, and what remains after a stop."""

    event: EventView
    question: QuestionView
    certificate: CertificateFacts | None
    tables: tuple[CountedIn, ...]

    @property
    def expires_at(self) -> datetime:
        """When a yes runs out."""
        return self.event.since + self.question.lifetime


def overview(session: Session, node: Node, learner_ref: str, now: datetime) -> Overview:
    """The learner's first page."""
    identity = accounts.read_identity(session, node, learner_ref)
    all_sharing = sharing(session, learner_ref, now)
    answered = {one.standing.question.question_id for one in all_sharing}
    asked = consent.current_questions(session, Scope.AGGREGATES)
    return Overview(
        given_name=identity.given_name if identity else None,
        open_questions=tuple(q for q in asked if q.question_id not in answered),
        sharing=tuple(one for one in all_sharing if one.standing.in_force),
        certificates=tuple(certificates(session, learner_ref, now)),
        tables=tuple(tables(session, learner_ref, now)),
        ended=tuple(
            use for use in references(session, learner_ref) if use.reference.ended_at
        ),
    )


def sharing(session: Session, learner_ref: str, now: datetime) -> list[Sharing]:
    """How every answer of the learner stands; what is in force first."""
    known = _by_credential(session, learner_ref)
    found = [
        Sharing(standing=one, certificate=known.get(one.credential_id or ""))
        for one in consent.standing(session, learner_ref, now)
        if one.state is not ConsentState.SUPERSEDED
    ]
    return sorted(found, key=lambda one: not one.standing.in_force)


def certificates(
    session: Session, learner_ref: str, now: datetime
) -> list[HeldCertificate]:
    """The learner's certificates, each with every city that a question was published for."""
    asked = consent.current_questions(session, Scope.REFERENCE)
    standing = {
        (one.question.question_id, one.credential_id): one
        for one in consent.standing(session, learner_ref, now)
    }
    sent = references_of(session, learner_ref)
    issued = {c.certificate_id: c for c in credentials_of(session, learner_ref)}
    found = []
    for facts in certificates_of(session, learner_ref):
        credential = issued.get(facts.certificate_id)
        credential_id = credential.credential_id if credential else None
        shares = tuple(
            Share(
                question=question,
                city=question.recipients[0],
                standing=standing.get((question.question_id, credential_id)),
                reference=_newest(sent, credential_id, question.recipients[0]),
            )
            for question in asked
        )
        found.append(
            HeldCertificate(facts=facts, credential_id=credential_id, shares=shares)
        )
    return found


def certificate(
    session: Session, learner_ref: str, certificate_id: str
) -> CertificateFacts:
    """One of the learner's own certificates that stands.

    Raises:
        NotFoundError: not theirs, not there, or revoked.
    """
    for facts in certificates_of(session, learner_ref):
        if facts.certificate_id == certificate_id and facts.status == VALID:
            return facts
    raise NotFoundError("there is no such certificate")


def tables(session: Session, learner_ref: str, now: datetime) -> list[TableUse]:
    """The releases that the learner was counted in, newest first."""
    counted = counted_in(session, learner_ref, now)
    sent: dict[str, dict[str, datetime]] = {}
    for row in sendings_of(session, [one.release_id for one in counted]):
        if row.release_id is not None:  # newest first: the first fetch stays
            sent.setdefault(row.release_id, {})[row.recipient] = row.at
    return [
        TableUse(
            counted=one, fetched=tuple(sorted(sent.get(one.release_id, {}).items()))
        )
        for one in counted
    ]


def references(session: Session, learner_ref: str) -> list[ReferenceUse]:
    """The pointers to the learner's certificates that were sent, newest first."""
    known = _by_credential(session, learner_ref)
    return [
        ReferenceUse(reference=one, certificate=known.get(one.credential_id))
        for one in sorted(
            references_of(session, learner_ref),
            key=lambda one: one.sent_at,
            reverse=True,
        )
    ]


def record_answer(
    session: Session,
    node: Node,
    learner_ref: str,
    question: QuestionView,
    state: ConsentState,
    language: str,
    now: datetime,
    *,
    certificate_id: str | None,
) -> int:
    """Record what the learner answered on the page; the answer's number.

    Raises:
        NotFoundError: the certificate is not the learner's.
        StateError: the question was replaced meanwhile.
    """
    credential_id = None
    if question.scope is Scope.REFERENCE:
        facts = certificate(session, learner_ref, certificate_id or "")
        issued = credentials.issue(session, node, facts.certificate_id, now)
        credential_id = issued.credential_id
    consent.answer(
        session,
        node,
        learner_ref,
        question.question_id,
        state,
        language,
        MYSELF,
        Channel.WEB,
        now,
        credential_id,
    )
    return consent.history(session, learner_ref)[-1].sequence


def stop(
    session: Session,
    node: Node,
    learner_ref: str,
    question_id: str,
    credential_id: str | None,
    language: str,
    now: datetime,
) -> int:
    """End one thing that the learner shares; the answer's number. Twice is once.

    Raises:
        NotFoundError: the learner never said yes to this.
    """
    for one in consent.standing(session, learner_ref, now):
        if (one.question.question_id, one.credential_id) == (
            question_id,
            credential_id,
        ):
            break
    else:
        raise NotFoundError("there is nothing of that name that you share")
    if not one.in_force:
        return one.sequence
    consent.withdraw(
        session,
        node,
        learner_ref,
        question_id,
        one.question.language(language),
        MYSELF,
        Channel.WEB,
        now,
        credential_id,
    )
    return consent.history(session, learner_ref)[-1].sequence


def answered(
    session: Session, learner_ref: str, sequence: int, now: datetime
) -> Answered:
    """One of the learner's own answers, for the page that confirms it.

    Raises:
        NotFoundError: no such answer of this learner.
    """
    for event in consent.history(session, learner_ref):
        if event.sequence == sequence and event.has_receipt:
            known = _by_credential(session, learner_ref)
            return Answered(
                event=event,
                question=consent.question(session, event.question_id),
                certificate=known.get(event.credential_id or ""),
                tables=tuple(counted_in(session, learner_ref, now)),
            )
    raise NotFoundError("there is no such answer")


def answers(session: Session, learner_ref: str) -> list[Answered]:
    """Everything that was recorded of the learner, newest first."""
    known = _by_credential(session, learner_ref)
    asked = {view.question_id: view for view in consent.questions(session)}
    return [
        Answered(
            event=event,
            question=asked[event.question_id],
            certificate=known.get(event.credential_id or ""),
            tables=(),
        )
        for event in reversed(consent.history(session, learner_ref))
        if event.question_id in asked
    ]


def _by_credential(
    session: Session, learner_ref: str
) -> Mapping[str, CertificateFacts]:
    facts = {one.certificate_id: one for one in certificates_of(session, learner_ref)}
    return {
        one.credential_id: facts[one.certificate_id]
        for one in credentials_of(session, learner_ref)
        if one.certificate_id in facts
    }


def _newest(
    sent: Sequence[ReferenceView], credential_id: str | None, city: str
) -> ReferenceView | None:
    about = [r for r in sent if (r.credential_id, r.partner) == (credential_id, city)]
    return max(about, key=lambda r: r.sent_at, default=None)
