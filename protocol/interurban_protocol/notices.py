"""Messages about references, and the signed answers to messages.

What crosses the border about one learner, and how little each message says:

* `ReferenceDelivery` brings one reference to the partner that its consent names.
* `EndedNotice` lists references that are no longer shared. It always has 16 entries: real
  ones first shuffled among random ones, so that neither the size of the message nor a log
  that holds its digest says how many learners stopped. It has no reason, so that a
  withdrawn consent and a revoked certificate look alike. The recipient itself can tell its
  own references from the random ones, and must.
* `Acknowledgement` answers entry by entry. A node gives the **same** usual answer
  ("stopped", or "erased" where it erases) for its own references and for entries that it
  never held: "nothing of this is used here" is true of both. There is no answer "unknown",
  because it would mark the random entries for whoever reads the acknowledgement later.
  Only "kept" stands out, with its reason, because the learner has to see it.
* `MessageReceipt` says what became of any message.

`sent_at` of a delivery or a notice is a whole day: what one tick sends about one learner to
two partners must not have the same second on it, by which they could link it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from interurban_protocol.errors import DigestMismatchError, MalformedError
from interurban_protocol.references import whole_day
from interurban_protocol.signed_documents import (
    Digest,
    DocumentPayload,
    Moment,
    Origin,
    VerifiedDocument,
    WireModel,
)

DELIVERY_KIND: Final = "credential-reference"
ENDED_KIND: Final = "reference-ended"
ACKNOWLEDGEMENT_KIND: Final = "acknowledgement"
RECEIPT_KIND: Final = "message-receipt"
BATCH_SIZE = 16

EntryId = Annotated[str, Field(min_length=16, max_length=128)]
"""The `jti` of a reference, or random characters of the same length."""

MessageId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
UsualAnswer = Literal["stopped", "erased"]


class ReferenceDelivery(DocumentPayload):
    """One reference on its way to the partner that its consent names."""

    kind: Literal["credential-reference"] = DELIVERY_KIND
    issuer: Origin
    recipient: Origin
    sent_at: Moment  # a whole day
    agreement: Digest
    token: Annotated[str, Field(max_length=32_768)]  # the SD-JWT
    expires: Moment


class EndedNotice(DocumentPayload):
    """A fixed-size batch of references that are no longer shared."""

    kind: Literal["reference-ended"] = ENDED_KIND
    issuer: Origin
    recipient: Origin
    batch: MessageId  # random: one that holds the time would link notices
    sent_at: Moment  # a whole day
    entries: Annotated[
        tuple[EntryId, ...], Field(min_length=BATCH_SIZE, max_length=BATCH_SIZE)
    ]


class Answer(WireModel):
    """What a recipient did about one entry."""

    entry: EntryId
    answer: Literal["stopped", "erased", "kept"]
    reason: Annotated[str, Field(min_length=1, max_length=400)] | None = None


class AcknowledgedMessage(WireModel):
    """The message that is answered: its id and the digest of its payload."""

    message_id: MessageId
    digest: Digest


class Acknowledgement(DocumentPayload):
    """The recipient's signed answer, entry by entry; deliveries have no entries."""

    kind: Literal["acknowledgement"] = ACKNOWLEDGEMENT_KIND
    of: AcknowledgedMessage
    node: Origin
    at: Moment
    answers: Annotated[tuple[Answer, ...], Field(max_length=BATCH_SIZE)] = ()


class MessageReceipt(DocumentPayload):
    """What became of a message; the body of the response to it."""

    kind: Literal["message-receipt"] = RECEIPT_KIND
    message_id: MessageId
    digest: Digest
    received_at: Moment
    outcome: Literal["accepted", "refused"]
    problem: str | None = None  # the problem type, when refused


def sending_day(now: datetime) -> datetime:
    """The first second of the day of `now`, for `sent_at`."""
    return datetime.fromtimestamp(whole_day(now), UTC)


def batch_entries(ended: Sequence[str], decoys: Sequence[str]) -> tuple[str, ...]:
    """Exactly 16 entries: the ended references, filled up with random `decoys`.

    Sorted, so that the order says nothing. `decoys` has at least 16 values that look like
    a reference's `jti`; the ones that are not needed are left over.

    Raises:
        MalformedError: more than 16 ended references, or a value twice.
    """
    if len(ended) > BATCH_SIZE:
        raise MalformedError(f"a batch has at most {BATCH_SIZE} references")
    entries = (*ended, *decoys[: BATCH_SIZE - len(ended)])
    if len(entries) != BATCH_SIZE or len(set(entries)) != BATCH_SIZE:
        raise MalformedError("a batch needs 16 different entries")
    return tuple(sorted(entries))


def answer_entries(
    entries: Sequence[str], *, usual: UsualAnswer, kept: Mapping[str, str]
) -> tuple[Answer, ...]:
    """One answer per entry in their order: `usual` for all but the `kept` ones.

    `kept` maps an entry to the reason for which the law makes the recipient keep it.
    """
    return tuple(
        Answer(entry=entry, answer="kept", reason=kept[entry])
        if entry in kept
        else Answer(entry=entry, answer=usual)
        for entry in entries
    )


def check_delivery(delivery: ReferenceDelivery) -> None:
    """Refuse a delivery that its single signer does not send.

    Raises:
        MalformedError: signed by another node than the issuer, to itself, or sent at a time
            that is finer than a day.
    """
    _check_sender(delivery, delivery.issuer)
    _check_whole_day(delivery.sent_at)
    if delivery.recipient == delivery.issuer:
        raise MalformedError("a reference is not delivered to its issuer")


def check_notice(notice: EndedNotice) -> None:
    """Refuse a notice that its single signer does not send, or with an entry twice.

    Its `sent_at` is no finer than a day.

    Raises:
        MalformedError: naming which.
    """
    _check_sender(notice, notice.issuer)
    _check_whole_day(notice.sent_at)
    if len(set(notice.entries)) != BATCH_SIZE:
        raise MalformedError("the notice names an entry twice")


def check_acknowledgement(
    acknowledgement: Acknowledgement, notice: VerifiedDocument[EndedNotice]
) -> None:
    """Refuse an acknowledgement that does not answer this notice, entry by entry.

    Raises:
        MalformedError: not by the recipient, or not one answer for each entry in order.
        DigestMismatchError: it answers another notice.
    """
    if acknowledgement.of.digest != notice.document_id:
        raise DigestMismatchError("the acknowledgement answers another notice")
    if acknowledgement.node != notice.payload.recipient:
        raise MalformedError("the acknowledgement is not by the notice's recipient")
    _check_sender(acknowledgement, acknowledgement.node)
    answered = tuple(answer.entry for answer in acknowledgement.answers)
    if answered != notice.payload.entries:
        raise MalformedError("the acknowledgement has not one answer for each entry")
    if any(
        (answer.answer == "kept") != (answer.reason is not None)
        for answer in acknowledgement.answers
    ):
        raise MalformedError("exactly the answers that keep something have a reason")


def _check_sender(payload: DocumentPayload, sender: str) -> None:
    if [signer.node for signer in payload.signers] != [sender]:
        raise MalformedError("the message is not signed by its sender alone")


def _check_whole_day(sent_at: datetime) -> None:
    if sent_at != sending_day(sent_at):
        raise MalformedError(
            "sent_at is finer than a day, by which messages can be linked"
        )
