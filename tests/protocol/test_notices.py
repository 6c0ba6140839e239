"""Notices: fixed size, no reason, and answers that do not tell real entries from random ones."""

from datetime import timedelta
from typing import Any

import pytest

from interurban_protocol.encoding import sha256_digest
from interurban_protocol.errors import DigestMismatchError, MalformedError
from interurban_protocol.notices import (
    BATCH_SIZE,
    AcknowledgedMessage,
    Acknowledgement,
    Answer,
    EndedNotice,
    MessageReceipt,
    ReferenceDelivery,
    answer_entries,
    batch_entries,
    check_acknowledgement,
    check_delivery,
    check_notice,
    sending_day,
)
from interurban_protocol.signed_documents import (
    DocumentPayload,
    Signer,
    VerifiedDocument,
    start_document,
    verify_document,
)
from tests.support.credentials import (
    DOCUMENTS,
    HARBOUR,
    HARBOUR_DOCUMENTS,
    LAKESIDE,
    NOW,
    RIDGE,
    a_reference,
    json_bytes,
    lakeside_keys,
    random_bytes,
)

DECOYS = [random_bytes(f"decoy {number}").hex() for number in range(BATCH_SIZE)]
ENDED = [random_bytes(f"jti {number}").hex() for number in range(3)]


def signer(node: str = LAKESIDE) -> tuple[Signer, ...]:
    key = DOCUMENTS if node == LAKESIDE else HARBOUR_DOCUMENTS
    return (Signer(node=node, key_id=key.public.key_id),)


def a_notice(**changes: Any) -> EndedNotice:
    members: dict[str, Any] = {
        "signers": signer(),
        "issuer": LAKESIDE,
        "recipient": HARBOUR,
        "batch": "batch-0000000000001",
        "sent_at": sending_day(NOW),
        "entries": batch_entries(ENDED, DECOYS),
    }
    return EndedNotice(**{**members, **changes})


def a_verified_notice() -> VerifiedDocument[EndedNotice]:
    return verify_document(
        start_document(a_notice(), DOCUMENTS),
        EndedNotice,
        kind="reference-ended",
        keys={LAKESIDE: lakeside_keys()},
        at=NOW,
    )


def an_acknowledgement(**changes: Any) -> Acknowledgement:
    notice = a_verified_notice()
    members: dict[str, Any] = {
        "signers": signer(HARBOUR),
        "of": AcknowledgedMessage(
            message_id="message-000000000001", digest=notice.document_id
        ),
        "node": HARBOUR,
        "at": NOW,
        "answers": answer_entries(notice.payload.entries, usual="stopped", kept={}),
    }
    return Acknowledgement(**{**members, **changes})


def a_delivery(**changes: Any) -> ReferenceDelivery:
    members: dict[str, Any] = {
        "signers": signer(),
        "issuer": LAKESIDE,
        "recipient": HARBOUR,
        "sent_at": sending_day(NOW),
        "agreement": sha256_digest(b"agreement"),
        "token": a_reference(),
        "expires": NOW,
    }
    return ReferenceDelivery(**{**members, **changes})


@pytest.mark.parametrize("count", [0, 1, 16])
def test_a_batch_has_sixteen_entries_however_many_ended(count: int) -> None:
    ended = [random_bytes(f"ended {number}").hex() for number in range(count)]
    entries = batch_entries(ended, DECOYS)
    assert len(entries) == BATCH_SIZE
    assert set(ended) <= set(entries) <= set(ended) | set(DECOYS)
    assert list(entries) == sorted(entries)


def test_batches_of_any_content_have_the_same_size_in_bytes() -> None:
    empty = a_notice(entries=batch_entries([], DECOYS))
    assert len(empty.to_json()) == len(a_notice().to_json())


@pytest.mark.parametrize(
    ("ended", "decoys"),
    [
        ([*DECOYS, ENDED[0]], []),
        ([], DECOYS[1:]),
        ([DECOYS[0]], DECOYS),
        ([ENDED[0], ENDED[0]], DECOYS),
    ],
    ids=["too many", "too few decoys", "a decoy that ended", "one twice"],
)
def test_a_batch_without_sixteen_different_entries_is_refused(
    ended: list[str], decoys: list[str]
) -> None:
    with pytest.raises(MalformedError):
        batch_entries(ended, decoys)


def test_a_notice_says_neither_why_nor_how_many() -> None:
    assert set(EndedNotice.model_fields) == {
        *DocumentPayload.model_fields,
        "issuer",
        "recipient",
        "batch",
        "sent_at",
        "entries",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("entries", DECOYS[1:]),
        ("entries", [*DECOYS, ENDED[0]]),
        ("entries", ["short"] * 16),
        ("batch", "two words"),
        ("kind", "acknowledgement"),
        ("recipient", "harbour"),
    ],
)
def test_a_notice_of_another_shape_is_refused(name: str, value: Any) -> None:
    members = {**a_notice().model_dump(mode="json"), name: value}
    with pytest.raises(MalformedError):
        EndedNotice.from_json(json_bytes(members))


def test_a_notice_is_signed_by_its_issuer_alone() -> None:
    check_notice(a_notice())
    with pytest.raises(MalformedError):
        check_notice(a_notice(signers=signer(HARBOUR)))
    with pytest.raises(MalformedError):
        check_notice(a_notice(signers=(*signer(), *signer(HARBOUR))))


def test_a_notice_with_an_entry_twice_is_refused() -> None:
    with pytest.raises(MalformedError):
        check_notice(a_notice(entries=(*DECOYS[:15], DECOYS[0])))


def test_real_and_random_entries_get_the_same_answer() -> None:
    answers = answer_entries(batch_entries(ENDED, DECOYS), usual="erased", kept={})
    assert {(answer.answer, answer.reason) for answer in answers} == {("erased", None)}


def test_only_what_must_be_kept_stands_out_with_its_reason() -> None:
    entries = batch_entries(ENDED, DECOYS)
    answers = answer_entries(entries, usual="stopped", kept={ENDED[1]: "court order"})
    by_entry = {answer.entry: answer for answer in answers}
    assert (by_entry[ENDED[1]].answer, by_entry[ENDED[1]].reason) == (
        "kept",
        "court order",
    )
    assert {
        answer.answer for entry, answer in by_entry.items() if entry != ENDED[1]
    } == {"stopped"}


def test_an_acknowledgement_answers_each_entry() -> None:
    check_acknowledgement(an_acknowledgement(), a_verified_notice())
    kept = answer_entries(
        a_notice().entries, usual="erased", kept={ENDED[0]: "court order"}
    )
    check_acknowledgement(an_acknowledgement(answers=kept), a_verified_notice())


ANSWERS = an_acknowledgement().answers
ELSEWHERE = AcknowledgedMessage(
    message_id="message-000000000001", digest=sha256_digest(b"another")
)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"of": ELSEWHERE}, DigestMismatchError),
        ({"node": RIDGE}, MalformedError),
        ({"signers": signer(LAKESIDE)}, MalformedError),
        ({"answers": ()}, MalformedError),
        ({"answers": ANSWERS[1:]}, MalformedError),
        ({"answers": ANSWERS[::-1]}, MalformedError),
        (
            {"answers": (*ANSWERS[1:], Answer(entry=ENDED[0], answer="stopped"))},
            MalformedError,
        ),
        (
            {"answers": (Answer(entry=ANSWERS[0].entry, answer="kept"), *ANSWERS[1:])},
            MalformedError,
        ),
        (
            {
                "answers": (
                    Answer(entry=ANSWERS[0].entry, answer="stopped", reason="held it"),
                    *ANSWERS[1:],
                )
            },
            MalformedError,
        ),
    ],
    ids=[
        "another notice",
        "another node",
        "another signer",
        "no answers",
        "one missing",
        "another order",
        "another entry",
        "kept without reason",
        "stopped with reason",
    ],
)
def test_an_acknowledgement_that_does_not_fit_is_refused(
    changes: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        check_acknowledgement(an_acknowledgement(**changes), a_verified_notice())


def test_there_is_no_answer_that_marks_random_entries() -> None:
    members = {**ANSWERS[0].model_dump(mode="json"), "answer": "unknown"}
    with pytest.raises(MalformedError):
        Answer.from_json(json_bytes(members))


def test_a_delivery_is_signed_by_its_issuer_and_goes_to_another_node() -> None:
    check_delivery(a_delivery())
    with pytest.raises(MalformedError):
        check_delivery(a_delivery(signers=signer(HARBOUR)))
    with pytest.raises(MalformedError):
        check_delivery(a_delivery(recipient=LAKESIDE))


@pytest.mark.parametrize(
    "finer", [timedelta(microseconds=1), timedelta(seconds=1), timedelta(hours=12)]
)
def test_what_is_sent_about_a_learner_has_no_time_finer_than_a_day(
    finer: timedelta,
) -> None:
    sent_at = sending_day(NOW) + finer
    with pytest.raises(MalformedError, match="finer than a day"):
        check_delivery(a_delivery(sent_at=sent_at))
    with pytest.raises(MalformedError, match="finer than a day"):
        check_notice(a_notice(sent_at=sent_at))
    assert sending_day(sent_at) == sending_day(NOW)


@pytest.mark.parametrize("outcome", ["accepted", "refused"])
def test_a_message_receipt_is_a_signed_document(outcome: Any) -> None:
    receipt = MessageReceipt(
        signers=signer(),
        message_id="message-000000000001",
        digest=sha256_digest(b"message"),
        received_at=NOW,
        outcome=outcome,
        problem="replayed" if outcome == "refused" else None,
    )
    verified = verify_document(
        start_document(receipt, DOCUMENTS),
        MessageReceipt,
        kind="message-receipt",
        keys={LAKESIDE: lakeside_keys()},
        at=NOW,
    )
    assert verified.payload == receipt
