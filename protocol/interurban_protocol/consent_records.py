"""Consent: the question that was asked, the history of answers, and the receipt.

* A `Question` is an immutable signed document; its id is the digest of its payload, so an
  answer is bound to the exact words, recipients and limits that the learner saw.
* Every learner has one history: events signed one by one, each naming the digest of the
  one before. A changed, dropped or swapped event is found by `verify_history`; a tail that
  was cut off shows against any receipt, because each receipt carries the head of its day.
* An event is about one question, some of its recipients and, for references, one
  credential. `TRANSITIONS` says which state may follow which.
* `effective_state` answers what counts at a time: a grant counts only while the last
  relevant event is a grant that has not run out. A grant that comes with a registry import
  is a claim: it never counts against a refusal or withdrawal of the same day or later.
* Permission and lawful basis are kept apart (EDPB guidelines 05/2020): the question names
  its basis, the history holds the learner's answers.

Fields follow ISO/IEC TS 27560 by the mapping of the W3C Data Privacy Vocabulary. Histories
stay at the learner's own node; nothing in them names a person.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from interurban_protocol import jws
from interurban_protocol.encoding import base64url_decode, sha256_digest
from interurban_protocol.errors import (
    ChainError,
    MalformedError,
    NotYetValidError,
    ReplayedError,
)
from interurban_protocol.keys import KeySet, PrivateKey, Purpose
from interurban_protocol.release_plans import PUBLIC
from interurban_protocol.release_plans import Recipient as RecipientId
from interurban_protocol.signed_documents import (
    Digest,
    DocumentPayload,
    Moment,
    Origin,
    WireModel,
)

QUESTION_KIND: Final = "consent-question"
RECEIPT_KIND: Final = "consent-receipt"
EVENT_TYPE = "interurban-consent-event+jws"
MAX_EVENTS = 10_000  # a learner who answers daily for 27 years; bounds the work
MIN_SALT_BYTES = 16

Text = Annotated[str, Field(min_length=1, max_length=4000)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
"""A BCP 47 language tag such as `ar` or `pt-BR`."""


class Scope(StrEnum):
    """What a question lets happen."""

    AGGREGATES = "aggregates"  # be counted in protected tables
    REFERENCE = "reference"  # one pointer to one certificate, to one recipient


class ConsentState(StrEnum):
    """What an event records."""

    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"  # the question was replaced by a new one


class ActorKind(StrEnum):
    """Who answered."""

    SELF = "self"
    GUARDIAN = "guardian"
    ASSISTED = "assisted"  # the learner, with staff or an interpreter beside them
    REGISTRY = "registry"  # a claim that came with a registry import
    CONTROLLER = (
        "controller"  # the node itself: a time ran out, a question was replaced
    )


class Channel(StrEnum):
    """How the answer was given."""

    WEB = "web"
    PHONE = "phone"
    PAPER = "paper"
    KIOSK = "kiosk"
    IMPORT = "import"


STOPPING = frozenset(
    {
        ConsentState.REFUSED,
        ConsentState.WITHDRAWN,
        ConsentState.EXPIRED,
        ConsentState.SUPERSEDED,
    }
)
"""States under which nothing counts; without a detail they hold for every detail."""

_ANSWERED_NO = frozenset({ConsentState.REFUSED, ConsentState.WITHDRAWN})

TRANSITIONS: Mapping[ConsentState | None, frozenset[ConsentState]] = {
    None: frozenset({ConsentState.ASKED, ConsentState.GIVEN}) | _ANSWERED_NO,
    ConsentState.ASKED: frozenset({ConsentState.ASKED, ConsentState.GIVEN}) | STOPPING,
    # asking again does not end a grant, so it is not recorded over one
    ConsentState.GIVEN: frozenset({ConsentState.GIVEN}) | STOPPING,
    ConsentState.REFUSED: frozenset(
        {ConsentState.ASKED, ConsentState.GIVEN, ConsentState.SUPERSEDED}
    )
    | _ANSWERED_NO,
    ConsentState.WITHDRAWN: frozenset(
        {ConsentState.ASKED, ConsentState.GIVEN, ConsentState.SUPERSEDED}
    )
    | _ANSWERED_NO,
    ConsentState.EXPIRED: frozenset(
        {ConsentState.ASKED, ConsentState.GIVEN, ConsentState.SUPERSEDED}
    )
    | _ANSWERED_NO,
    ConsentState.SUPERSEDED: frozenset(),  # the new question has its own history
}
"""Which states may follow a state, per question, recipient and detail."""


class QuestionText(WireModel):
    """The question in one language, in the parts that a page shows."""

    title: Text
    summary: Text
    what: Text
    who: Text
    why: Text
    until: Text
    no_detriment: Text  # what happens on a no: nothing
    how_to_stop: Text


class ProcessingPurpose(WireModel):
    """The purpose, by our code and by its term in the Data Privacy Vocabulary."""

    code: Text
    dpv: Text


class Recipient(WireModel):
    """Who would receive something: a node by its name, or everybody (`PUBLIC`)."""

    node: RecipientId
    name: Text
    fingerprint: Text | None = None  # the eight words of a node's identity key


class Question(DocumentPayload):
    """What was asked, word for word. Its id is the document id."""

    kind: Literal["consent-question"] = QUESTION_KIND
    controller: Origin
    scope: Scope
    purpose: ProcessingPurpose
    texts: Annotated[Mapping[Language, QuestionText], Field(min_length=1)]
    data_elements: Annotated[tuple[str, ...], Field(min_length=1)]
    recipients: Annotated[tuple[Recipient, ...], Field(min_length=1)]
    lawful_basis: Text  # for example "gdpr:6-1-e"; says nothing about permission
    retention_days: Annotated[int, Field(ge=0)]
    valid_for_days: Annotated[int, Field(ge=1)]
    maximum_days: Annotated[int, Field(ge=1)]
    storage_country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    rights: Annotated[tuple[Text, ...], Field(min_length=1)]
    authority: Text  # how to reach the data protection authority
    issued_at: Moment
    supersedes: Digest | None = None


class Actor(WireModel):
    """Who answered, by role. Staff and sources are opaque references, never names."""

    kind: ActorKind
    staff: str | None = None
    interpreter: bool = False
    source: str | None = None  # the registry source of a claim


class ConsentEvent(WireModel):
    """One entry of a learner's history."""

    sequence: Annotated[int, Field(ge=1)]
    previous: Digest | None = None
    question: Digest
    learner: Digest  # `learner_commitment`, the same in the whole history
    state: ConsentState
    at: Moment
    language: Language
    rendering: Digest  # of the exact page or paper that was shown
    actor: Actor
    channel: Channel
    recipients: Annotated[tuple[RecipientId, ...], Field(min_length=1)]
    evidence: str | None = None  # of a registry claim: its own id, used once
    signed_on: date | None = None  # of a registry claim: the day on the paper
    detail: str | None = None  # for references: the credential's id


class Receipt(DocumentPayload):
    """What a learner keeps: which answer was recorded, and the head of the history."""

    kind: Literal["consent-receipt"] = RECEIPT_KIND
    controller: Origin
    event: Digest
    head: Digest
    question: Digest
    state: ConsentState
    at: Moment
    recipients: tuple[RecipientId, ...]
    language: Language
    expires_at: Moment | None = None


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event with its id, the digest of the token it came in."""

    event_id: str
    event: ConsentEvent


_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedHistory:
    """A complete chain from its first event. Only `verify_history` makes one."""

    records: tuple[RecordedEvent, ...]
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only verify_history makes a VerifiedHistory")

    @property
    def head(self) -> str | None:
        """The id of the newest event."""
        return self.records[-1].event_id if self.records else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveConsent:
    """What counts for one question at one time.

    `recipients` are those that the grant covers now; it is empty unless `state` is given.
    `expires_at` is the earliest end among them.
    """

    state: ConsentState | None  # None: never asked
    recipients: frozenset[str]
    expires_at: datetime | None

    def is_given_for(self, recipients: Iterable[str]) -> bool:
        """Whether the grant covers every one of `recipients`, and there is at least one."""
        wanted = frozenset(recipients)
        return bool(wanted) and wanted <= self.recipients


@dataclass(frozen=True, slots=True)
class _Standing:
    """One recipient's state after some events."""

    state: ConsentState | None = None
    since: datetime | None = None  # of a grant: when its validity began
    refused_on: date | None = None  # the last no, by whomever
    own_no: bool = False  # the learner's own last word was a no


def learner_commitment(salt: bytes, learner_ref: str) -> str:
    """A digest that says nothing about the learner without the salt (16 bytes or more).

    Erasing the salt leaves the history verifiable and about nobody.
    """
    if len(salt) < MIN_SALT_BYTES:
        raise ValueError("a salt has at least 16 bytes")
    mac = hmac.digest(salt, b"interurban learner\0" + learner_ref.encode(), "sha256")
    return "sha256:" + hashlib.sha256(mac).hexdigest()


def check_question(question: Question) -> None:
    """Refuse a question that contradicts itself.

    Raises:
        MalformedError: another signer than the controller, valid for longer than its
            maximum, a recipient twice, a node without its fingerprint, or for a reference
            anybody else than one node.
    """
    if [signer.node for signer in question.signers] != [question.controller]:
        raise MalformedError("the question is not signed by its controller alone")
    if question.valid_for_days > question.maximum_days:
        raise MalformedError("the question is valid for longer than its maximum")
    nodes = [recipient.node for recipient in question.recipients]
    if len(set(nodes)) != len(nodes):
        raise MalformedError("the question names a recipient twice")
    for recipient in question.recipients:
        if (recipient.fingerprint is None) != (recipient.node == PUBLIC):
            raise MalformedError("a node, and only a node, has a fingerprint")
    if question.scope is Scope.REFERENCE and (len(nodes) != 1 or PUBLIC in nodes):
        raise MalformedError("a question about a reference has exactly one recipient")


def sign_event(event: ConsentEvent, key: PrivateKey) -> bytes:
    """The event as a compact JWS; `event_id` of these bytes is its id.

    Raises:
        MalformedError: a registry claim without evidence or day, or the reverse.
    """
    check_event(event)
    return jws.sign(event.to_json(), typ=EVENT_TYPE, key=key).encode("ascii")


def event_id(token: bytes) -> str:
    """The id of a signed event: the digest of the token, signature included."""
    return sha256_digest(token)


def check_event(event: ConsentEvent) -> None:
    """Refuse an event that contradicts itself.

    Raises:
        MalformedError: a registry claim without evidence or signature date or dated in the
            future, another event with a signature date, or a recipient named twice.
    """
    if len(set(event.recipients)) != len(event.recipients):
        raise MalformedError("the event names a recipient twice")
    if event.actor.kind is not ActorKind.REGISTRY:
        if event.signed_on is not None:
            raise MalformedError("only a registry claim has a signature date")
        return
    if event.evidence is None or event.signed_on is None:
        raise MalformedError("a registry claim has evidence and a signature date")
    if event.signed_on > _day(event.at):
        raise MalformedError("a registry claim was signed after it was imported")


def verify_history(
    tokens: Sequence[bytes], *, keys: KeySet, at: datetime
) -> VerifiedHistory:
    """The chain, if it is whole and every event was signed by the node that keeps it.

    `tokens` begin with the first event. Steps for each: 1. parse; 2. find the key that was
    valid at the event's time; 3. verify the signature; 4. check the event itself; 5. compare
    sequence, previous digest, learner and time with the event before; 6. check that no
    evidence is used twice; 7. check the transition for each recipient.

    Raises:
        MalformedError, UnknownKeyError, WrongKeyError, SignatureInvalidError: steps 1 to 4.
        ChainError: steps 5 and 7.
        ReplayedError: step 6.
        NotYetValidError: the newest event lies after `at`.
    """
    if len(tokens) > MAX_EVENTS:
        raise MalformedError(f"a history has at most {MAX_EVENTS} events")
    records: list[RecordedEvent] = []
    evidence: set[str] = set()
    states: dict[_StateKey, ConsentState] = {}
    for token in tokens:
        record = _verify_event(token, keys)  # 1 to 4
        _check_follows(records[-1] if records else None, record)  # 5
        _check_evidence(record.event, evidence)  # 6
        _check_transition(record.event, states)  # 7
        records.append(record)
    if records and records[-1].event.at > at:
        raise NotYetValidError("the history ends in the future")
    return VerifiedHistory(tuple(records), _SEAL)


def check_receipt_form(receipt: Receipt) -> None:
    """Refuse a receipt that its single signer does not give.

    Raises:
        MalformedError: signed by another node than the controller.
    """
    if [signer.node for signer in receipt.signers] != [receipt.controller]:
        raise MalformedError("the receipt is not signed by its controller alone")


def check_receipt(receipt: Receipt, history: VerifiedHistory) -> None:
    """Refuse a history that lacks what a receipt shows: its event, and the head of that day.

    Raises:
        ChainError: a tail was cut off, or the history was rewritten.
    """
    by_id = {record.event_id: record.event for record in history.records}
    if receipt.head not in by_id:
        raise ChainError("the history ends before an event that the receipt shows")
    event = by_id.get(receipt.event)
    if event is None:
        raise ChainError("the history has no such event as the receipt shows")
    shown = (receipt.question, receipt.state, receipt.at, receipt.recipients)
    if shown != (event.question, event.state, event.at, event.recipients):
        raise ChainError("the receipt shows another answer than the history holds")


def effective_state(
    history: VerifiedHistory,
    question: Question,
    question_id: str,
    at: datetime,
    *,
    detail: str | None = None,
) -> EffectiveConsent:
    """What counts for `question` at the time `at`, from events recorded until then.

    Per recipient of the question, in the order of the history:

    1. an event counts if it is about this question and `detail`, or stops every detail;
    2. a registry grant does not count if a refusal or withdrawal was recorded on the day it
       was signed or later, nor if a grant already counts that is not older;
    3. a guardian's grant does not count against the learner's own last no;
    4. a grant runs from its time (a registry claim: from the day it was signed) for
       `valid_for_days`, never longer than `maximum_days`; after that it is expired.
    """
    relevant = [
        record.event
        for record in history.records
        if record.event.at <= at and _is_about(record.event, question_id, detail)
    ]
    lifetime = timedelta(days=min(question.valid_for_days, question.maximum_days))
    ends: dict[str, datetime] = {}
    for recipient in question.recipients:
        standing = _standing(relevant, recipient.node)
        if standing.state is ConsentState.GIVEN and standing.since is not None:
            ends[recipient.node] = standing.since + lifetime
    given = frozenset(node for node, end in ends.items() if at < end)
    if given:
        end = min(ends[node] for node in given)
        return EffectiveConsent(
            state=ConsentState.GIVEN, recipients=given, expires_at=end
        )
    state = ConsentState.EXPIRED if ends else _last_state(relevant, question)
    return EffectiveConsent(state=state, recipients=frozenset(), expires_at=None)


_StateKey = tuple[str, str | None, str]  # question, detail, recipient


def _verify_event(token: bytes, keys: KeySet) -> RecordedEvent:
    try:
        parsed = jws.parse(token.decode("ascii"))
    except UnicodeDecodeError as error:
        raise MalformedError("the event is not a compact token") from error
    event = ConsentEvent.from_json(base64url_decode(parsed.payload))
    key = keys.find(parsed.key_id, Purpose.DOCUMENTS, event.at)
    jws.verify(parsed, typ=EVENT_TYPE, key=key)
    check_event(event)
    return RecordedEvent(event_id(token), event)


def _check_follows(before: RecordedEvent | None, record: RecordedEvent) -> None:
    event = record.event
    if before is None:
        if event.sequence != 1 or event.previous is not None:
            raise ChainError("the history does not begin with its first event")
        return
    if event.sequence != before.event.sequence + 1:
        raise ChainError(f"event {event.sequence} does not follow on the one before")
    if event.previous != before.event_id:
        raise ChainError(f"event {event.sequence} names another event before it")
    if event.learner != before.event.learner:
        raise ChainError(f"event {event.sequence} belongs to another history")
    if event.at < before.event.at:
        raise ChainError(f"event {event.sequence} is older than the one before")


def _check_evidence(event: ConsentEvent, used: set[str]) -> None:
    if event.actor.kind is not ActorKind.REGISTRY or event.evidence is None:
        return
    if event.evidence in used:
        raise ReplayedError(f"event {event.sequence} uses evidence a second time")
    used.add(event.evidence)


def _check_transition(
    event: ConsentEvent, states: dict[_StateKey, ConsentState]
) -> None:
    for recipient in event.recipients:
        general = states.get((event.question, None, recipient))
        stopped = general if general in STOPPING else None
        before = states.get((event.question, event.detail, recipient), stopped)
        if event.state not in TRANSITIONS[before]:
            raise ChainError(
                f"event {event.sequence}: {event.state} cannot follow "
                f"{before or 'nothing'}"
            )
        states[event.question, event.detail, recipient] = event.state
        if event.detail is None and event.state in STOPPING:
            _stop_details(event, recipient, states)


def _stop_details(
    event: ConsentEvent, recipient: str, states: dict[_StateKey, ConsentState]
) -> None:
    for key, state in states.items():
        question, _, node = key
        if (question, node) == (event.question, recipient) and (
            state is not ConsentState.SUPERSEDED
        ):
            states[key] = event.state


def _is_about(event: ConsentEvent, question_id: str, detail: str | None) -> bool:
    if event.question != question_id:
        return False
    return event.detail == detail or (event.detail is None and event.state in STOPPING)


def _standing(events: Iterable[ConsentEvent], recipient: str) -> _Standing:
    standing = _Standing()
    for event in events:
        if recipient in event.recipients:
            standing = _after(standing, event)
    return standing


def _after(standing: _Standing, event: ConsentEvent) -> _Standing:
    own = event.actor.kind in {ActorKind.SELF, ActorKind.ASSISTED}
    if event.state in _ANSWERED_NO:
        return _Standing(event.state, None, _day(event.at), own or standing.own_no)
    if event.state is not ConsentState.GIVEN:
        return _Standing(event.state, None, standing.refused_on, standing.own_no)
    if not _grant_counts(standing, event):
        return standing
    return _Standing(
        event.state,
        _valid_since(event),
        standing.refused_on,
        standing.own_no and not own,
    )


def _grant_counts(standing: _Standing, event: ConsentEvent) -> bool:
    match event.actor.kind:
        case ActorKind.REGISTRY:
            return _claim_counts(standing, event)
        case ActorKind.GUARDIAN:
            return not standing.own_no
        case _:
            return True


def _claim_counts(standing: _Standing, event: ConsentEvent) -> bool:
    signed = _day(_valid_since(event))
    if standing.refused_on is not None and standing.refused_on >= signed:
        return False
    return standing.since is None or _day(standing.since) < signed


def _valid_since(event: ConsentEvent) -> datetime:
    if event.signed_on is None:
        return event.at
    day = event.signed_on
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _last_state(
    events: Sequence[ConsentEvent], question: Question
) -> ConsentState | None:
    nodes = {recipient.node for recipient in question.recipients}
    about = [event for event in events if nodes & set(event.recipients)]
    stopped = [event.state for event in about if event.state is not ConsentState.GIVEN]
    return stopped[-1] if stopped else None
