"""Pure decisions about consent: the question's words, the next event, what stands.

Nothing here touches a database. What counts at a time is decided by
`interurban_protocol.consent_records.effective_state`; the tests hold both to the same
answers.
"""

import base64
import hmac
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files

from babel import Locale
from babel.lists import format_list

from interurban_protocol.consent_records import (
    STOPPING,
    Actor,
    ActorKind,
    Channel,
    ConsentEvent,
    ConsentState,
    ProcessingPurpose,
    Question,
    QuestionText,
    Recipient,
    Scope,
    check_question,
    learner_commitment,
)
from interurban_protocol.encoding import (
    base64url_decode,
    canonical_json,
    parse_json_object,
    sha256_digest,
)
from interurban_protocol.release_plans import PUBLIC
from interurban_protocol.signed_documents import Signer, open_document, read_payload

NO_STATES = frozenset({ConsentState.REFUSED, ConsentState.WITHDRAWN})
PERSONS = frozenset({ActorKind.SELF, ActorKind.GUARDIAN, ActorKind.ASSISTED})
REFERENCE_PURPOSE = "dpv:PersonnelHiring"  # the one that agreements have by default
UNKNOWN_LANGUAGE = "und"  # BCP 47: a sheet of paper does not say
UNSTATED_COUNTRY = "ZZ"  # ISO 3166-1: user-assigned, stands for "not stated"
STANDARD_DAYS = 365
STANDARD_RIGHTS = ("access", "rectification", "erasure", "withdrawal", "complaint")
STANDARD_AUTHORITY = "The data protection authority of your country"
STANDARD_ELEMENTS: Mapping[Scope, tuple[str, ...]] = {
    Scope.AGGREGATES: ("protected-tables",),  # a plan names its structures instead
    Scope.REFERENCE: ("achievement", "level", "issue_date"),
}
_EARLIEST_CLOCK = timedelta(hours=14)  # ahead of UTC: where each day begins first
_ISOLATE, _POP = "\u2068", "\u2069"  # a name keeps its own direction (Unicode UAX 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionDraft:
    """A question before it is issued; the members are those of `Question`."""

    scope: Scope
    purpose: str
    dpv: str
    texts: Mapping[str, QuestionText]
    data_elements: tuple[str, ...]
    recipients: tuple[Recipient, ...]
    lawful_basis: str
    retention_days: int
    valid_for_days: int
    maximum_days: int
    storage_country: str = UNSTATED_COUNTRY
    rights: tuple[str, ...] = STANDARD_RIGHTS
    authority: str = STANDARD_AUTHORITY


@dataclass(frozen=True, slots=True)
class NamedRecipient:
    """Who would receive something: the node, its names by language, its own words."""

    node: str
    names: Mapping[str, str]
    fingerprint: str | None  # None: everybody


EVERYBODY = NamedRecipient(
    PUBLIC,
    {
        "en": "everybody, because the tables are published",
        "ar": "الجميع، لأن الجداول تُنشر للعموم",
    },
    None,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionView:
    """A published question, for pages and for choosing whom to count."""

    question_id: str
    scope: Scope
    purpose: str
    recipients: tuple[str, ...]
    texts: Mapping[str, QuestionText]
    question: Question
    published_at: datetime
    superseded_at: datetime | None

    @property
    def lifetime(self) -> timedelta:
        """How long a yes counts."""
        days = min(self.question.valid_for_days, self.question.maximum_days)
        return timedelta(days=days)

    def language(self, wanted: str) -> str:
        """The language in which the question is shown to who wants `wanted`."""
        return next((code for code in (wanted, "en") if code in self.texts), "") or (
            min(self.texts)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is about to be recorded about one question."""

    question_id: str
    state: ConsentState
    recipients: tuple[str, ...]
    language: str
    rendering: str
    actor: Actor
    channel: Channel
    credential_id: str | None = None
    evidence: str | None = None
    signed_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """Where a learner's history ends."""

    learner_ref: str
    salt: bytes
    length: int
    head: str | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One entry of a learner's history, for pages."""

    sequence: int
    event_id: str
    question_id: str
    credential_id: str | None
    state: ConsentState
    at: datetime
    signed_on: date | None
    actor: ActorKind
    channel: Channel
    language: str
    has_receipt: bool

    @property
    def since(self) -> datetime:
        """From when the answer counts: the day on the paper, or when it was recorded."""
        return self.at if self.signed_on is None else day_start(self.signed_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingView:
    """How one answer stands: per question and, for references, per certificate."""

    question: QuestionView
    credential_id: str | None
    state: ConsentState
    since: datetime
    expires_at: datetime | None
    sequence: int

    @property
    def in_force(self) -> bool:
        """Whether something is shared because of it."""
        return self.state is ConsentState.GIVEN


def question_of(
    draft: QuestionDraft,
    controller: Signer,
    issued_at: datetime,
    supersedes: str | None = None,
) -> Question:
    """The question that `draft` becomes.

    Raises:
        MalformedError: it contradicts itself (`check_question`).
    """
    question = Question(
        signers=(controller,),
        controller=controller.node,
        scope=draft.scope,
        purpose=ProcessingPurpose(code=draft.purpose, dpv=draft.dpv),
        texts=dict(draft.texts),
        data_elements=draft.data_elements,
        recipients=tuple(sorted(draft.recipients, key=lambda one: one.node)),
        lawful_basis=draft.lawful_basis,
        retention_days=draft.retention_days,
        valid_for_days=draft.valid_for_days,
        maximum_days=draft.maximum_days,
        storage_country=draft.storage_country,
        rights=draft.rights,
        authority=draft.authority,
        issued_at=issued_at,
        supersedes=supersedes,
    )
    check_question(question)
    return question


def is_same_question(one: Question, other: Question) -> bool:
    """Whether two questions say the same, whenever and with whatever key they were issued."""
    return _wording(one) == _wording(other)


def standard_draft(
    scope: Scope,
    *,
    purpose: str,
    city: Mapping[str, str],
    recipients: Sequence[NamedRecipient],
    data_elements: Sequence[str] | None = None,
    valid_for_days: int = STANDARD_DAYS,
    country: str = UNSTATED_COUNTRY,
) -> QuestionDraft:
    """The project's own question for `scope`, in every language that it is written in.

    For aggregates, `data_elements` are the digests of the plan's structures.
    """
    public_task = scope is Scope.AGGREGATES
    return QuestionDraft(
        scope=scope,
        purpose=purpose,
        dpv=purpose if purpose.startswith("dpv:") else "dpv:ServiceOptimisation",
        texts={
            language: _standard_text(
                template, language, city, recipients, valid_for_days
            )
            for language, template in _standard_texts(scope).items()
        },
        data_elements=tuple(data_elements or STANDARD_ELEMENTS[scope]),
        recipients=tuple(
            Recipient(node=r.node, name=_name(r.names, "en"), fingerprint=r.fingerprint)
            for r in recipients
        ),
        lawful_basis="gdpr:6-1-e" if public_task else "gdpr:6-1-a",
        retention_days=valid_for_days,
        valid_for_days=valid_for_days,
        maximum_days=max(2 * STANDARD_DAYS, valid_for_days),
        storage_country=country,
    )


def question_view(
    document: bytes, published_at: datetime, superseded_at: datetime | None
) -> QuestionView:
    """The view of a question that this node issued and keeps."""
    opened = open_document(document)
    question = read_payload(opened, Question)
    return QuestionView(
        question_id=opened.document_id,
        scope=question.scope,
        purpose=question.purpose.code,
        recipients=tuple(recipient.node for recipient in question.recipients),
        texts=question.texts,
        question=question,
        published_at=published_at,
        superseded_at=superseded_at,
    )


def rendering_of(question: QuestionView, language: str) -> str:
    """The digest of the words that were shown: the question's text in that language."""
    return sha256_digest(question.texts[language].to_json())


def node_act(
    asked: QuestionView, state: ConsentState, credential_id: str | None = None
) -> Answer:
    """An end that no person spoke: the time ran out, or the question was replaced."""
    return _unspoken(asked, state, Actor(kind=ActorKind.CONTROLLER), credential_id)


def answer_again(
    asked: QuestionView, state: ConsentState, credential_id: str | None
) -> Answer:
    """A learner's no as the one-way journal kept it: without its words."""
    actor = Actor(kind=ActorKind.SELF, source="journal")
    return _unspoken(asked, state, actor, credential_id)


def next_event(head: ChainHead, answer: Answer, at: datetime) -> ConsentEvent:
    """The event that records `answer` after `head`.

    A clock that was set back does not break the chain: the event then has the time of the
    one before.
    """
    return ConsentEvent(
        sequence=head.length + 1,
        previous=head.head,
        question=answer.question_id,
        learner=learner_commitment(head.salt, head.learner_ref),
        state=answer.state,
        at=max(at, head.last_at) if head.last_at else at,
        language=answer.language,
        rendering=answer.rendering,
        actor=answer.actor,
        channel=answer.channel,
        recipients=answer.recipients,
        evidence=answer.evidence,
        signed_on=answer.signed_on,
        detail=answer.credential_id,
    )


def evidence_reference(
    secret: bytes, evidence_id: str, no: tuple[str, ConsentState, date] | None
) -> str:
    """What a sheet of paper is called here; its own number may hold a person's number.

    A yes uses up its sheet for everybody. A no is never refused because its sheet was seen
    before: its reference holds whose no it is (`no`: learner, state, day).
    """
    parts = [evidence_id]
    if no is not None:
        learner_ref, state, day = no
        parts += [learner_ref, state, day.isoformat()]
    mac = hmac.digest(secret, b"evidence\0" + canonical_json(parts), "sha256")
    return "E" + base64.b32encode(mac[:20]).decode("ascii").lower()


def claim_refusal(
    claim: Answer, last_no: datetime | None, granted_at: datetime | None
) -> str | None:
    """Why an imported yes does not count, or None: then it is recorded.

    It never counts over a no of the same day or later, nor over a yes that is not older.
    The paper does not say where its day began, so a no counts by the earliest clock on earth.
    """
    if claim.state is not ConsentState.GIVEN or claim.signed_on is None:
        return None
    if last_no is not None and _day(last_no + _EARLIEST_CLOCK) >= claim.signed_on:
        return "a refusal or withdrawal of the same day or later stands"
    if granted_at is not None and _day(granted_at) >= claim.signed_on:
        return "a consent of the same day or later is in force already"
    return None


def guardian_may_grant(events: Iterable[EventView], question_id: str) -> bool:
    """Whether a guardian's yes can count: not against the learner's own last no."""
    own = frozenset({ActorKind.SELF, ActorKind.ASSISTED})
    refused = False
    for event in events:
        if event.question_id == question_id and event.actor in own:
            refused = event.state in NO_STATES
    return not refused


def standing_of(
    events: Iterable[EventView], questions: Mapping[str, QuestionView], now: datetime
) -> list[StandingView]:
    """How each answer stands at `now`; `events` are one history, oldest first."""
    last: dict[tuple[str, str | None], EventView] = {}
    for event in events:
        last[event.question_id, event.credential_id] = event
        if event.credential_id is None and event.state in STOPPING:
            for key in last:
                if key[0] == event.question_id:
                    last[key] = event
    return [
        _standing(questions[question_id], credential_id, event, now)
        for (question_id, credential_id), event in last.items()
        if question_id in questions
    ]


def day_start(day: date) -> datetime:
    """Midnight in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def token_event(token: bytes) -> ConsentEvent:
    """The event in a token that this node signed and keeps, unverified."""
    return ConsentEvent.from_json(base64url_decode(token.decode().split(".")[1]))


def _unspoken(
    asked: QuestionView, state: ConsentState, actor: Actor, credential_id: str | None
) -> Answer:
    return Answer(
        question_id=asked.question_id,
        state=state,
        recipients=asked.recipients,
        language=UNKNOWN_LANGUAGE,
        rendering=asked.question_id,  # nothing was shown; the digest of all its words
        actor=actor,
        channel=Channel.WEB,
        credential_id=credential_id,
    )


def _standing(
    question: QuestionView, credential_id: str | None, event: EventView, now: datetime
) -> StandingView:
    state, expires_at = event.state, None
    if state is ConsentState.GIVEN:
        expires_at = event.since + question.lifetime
        state = ConsentState.EXPIRED if now >= expires_at else state
    return StandingView(
        question=question,
        credential_id=credential_id,
        state=state,
        since=event.since,
        expires_at=expires_at,
        sequence=event.sequence,
    )


def _wording(question: Question) -> Mapping[str, object]:
    value = dict(parse_json_object(question.to_json()))
    for name in ("issued_at", "signers", "supersedes"):
        value.pop(name, None)
    return value


@lru_cache(maxsize=len(Scope))
def _standard_texts(scope: Scope) -> Mapping[str, Mapping[str, str]]:
    file = files("interurban_node.consent") / "wording" / f"{scope}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _standard_text(
    template: Mapping[str, str],
    language: str,
    city: Mapping[str, str],
    recipients: Sequence[NamedRecipient],
    days: int,
) -> QuestionText:
    names = [_isolated(_name(r.names, language), language) for r in recipients]
    values = {
        "city": _isolated(_name(city, language), language),
        "recipients": format_list(sorted(names), locale=language),
        "days": str(days),
    }
    parts = {name: text.format_map(values) for name, text in template.items()}
    return QuestionText(**parts)


def _isolated(name: str, language: str) -> str:
    if Locale.parse(language).text_direction == "ltr":
        return name
    return f"{_ISOLATE}{name}{_POP}"


def _name(names: Mapping[str, str], language: str) -> str:
    return names.get(language) or names.get("en") or next(iter(names.values()))


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
