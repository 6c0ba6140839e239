"""Agreements: exactly the parties' signatures, no contradictions, and a time of their own."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from interurban_protocol.agreements import (
    KIND,
    AgreedPlan,
    Agreement,
    Party,
    ReferenceTerms,
    Suspension,
    check_agreement,
    check_in_force,
)
from interurban_protocol.encoding import canonical_json, parse_json_object
from interurban_protocol.errors import (
    ExpiredError,
    InterurbanError,
    MalformedError,
    NotYetValidError,
    SignatureInvalidError,
    SignersError,
    UnknownKeyError,
    UnsupportedError,
    WrongKeyError,
)
from interurban_protocol.keys import KeySet, Purpose
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.signed_documents import (
    Signer,
    VerifiedDocument,
    add_signature,
    check_understood,
    merge_signatures,
    start_document,
    verify_document,
)
from tests.support.credentials import HARBOUR, LAKESIDE, NOW, RIDGE, a_key, published

OURS, THEIRS, STRANGERS = a_key("our"), a_key("their"), a_key("stranger's")
EXCHANGE = a_key("our exchange")
LOST = a_key("our lost documents")
OLD = a_key("our old documents")
KEYS = {
    LAKESIDE: KeySet(
        (
            published(OURS, Purpose.DOCUMENTS),
            published(EXCHANGE, Purpose.EXCHANGE),
            published(LOST, Purpose.DOCUMENTS, compromised_at=NOW),
            published(OLD, Purpose.DOCUMENTS, valid_until=NOW - timedelta(days=1)),
        )
    ),
    HARBOUR: KeySet((published(THEIRS, Purpose.DOCUMENTS),)),
}
PLAN = "sha256:" + "a" * 64


def party(node: str) -> Party:
    return Party(node=node, name={"en": node}, identity_key_id="k")


def signer(node: str, key) -> Signer:
    return Signer(node=node, key_id=key.public.key_id)


def an_agreement(**changes: Any) -> Agreement:
    values: dict[str, Any] = {
        "signers": (signer(LAKESIDE, OURS), signer(HARBOUR, THEIRS)),
        "title": {"en": "Shared training"},
        "parties": (party(LAKESIDE), party(HARBOUR)),
        "minimum_parties": 2,
        "proposed_by": LAKESIDE,
        "proposed_at": NOW,
        "answer_by": NOW + timedelta(days=30),
        "plans": (AgreedPlan(plan=PLAN, subject="enrolments", structures=()),),
        "purposes": ("training-outcomes",),
        "disclosure_floor": ProtectionProfile(),
        "references": ReferenceTerms(purpose="jobs", maximum_days=90, answer_days=7),
        "valid_from": NOW,
        "valid_until": NOW + timedelta(days=365),
        "at_end": {"en": "Releases stay."},
        **changes,
    }
    return Agreement(**values)


def verify(document: bytes) -> VerifiedDocument[Agreement]:
    return verify_document(document, Agreement, kind=KIND, keys=KEYS, at=NOW)


def complete(**changes: Any) -> bytes:
    return start_document(an_agreement(**changes), OURS, THEIRS)


def test_an_agreement_that_both_have_signed_verifies():
    found = verify(complete())
    assert found.payload.nodes == {LAKESIDE, HARBOUR}
    check_agreement(found.payload)
    check_understood(found.payload)


def test_signatures_collected_one_after_the_other_make_the_same_set():
    one = start_document(an_agreement(), OURS)
    other = start_document(an_agreement(), THEIRS)
    assert (
        verify(add_signature(one, KIND, THEIRS)).set_digest
        == verify(merge_signatures([other, one])).set_digest
    )


def doubled() -> bytes:
    value = dict(parse_json_object(complete()))
    value["signatures"] = [*value["signatures"], value["signatures"][0]]
    return canonical_json(value)


def with_payload_of(**changes: Any) -> bytes:
    value = dict(parse_json_object(complete()))
    value["payload"] = parse_json_object(complete(**changes))["payload"]
    return canonical_json(value)


def signed_with(key) -> bytes:
    signers = (signer(LAKESIDE, key), signer(HARBOUR, THEIRS))
    return start_document(an_agreement(signers=signers), key, THEIRS)


REFUSED: dict[str, tuple[Callable[[], bytes], type[InterurbanError]]] = {
    "one signature is missing": (
        lambda: start_document(an_agreement(), OURS),
        SignersError,
    ),
    "one signature is doubled": (doubled, SignersError),
    "a signature of nobody who is listed": (
        lambda: add_signature(complete(), KIND, STRANGERS),
        SignersError,
    ),
    "a stranger's signature instead": (
        lambda: start_document(an_agreement(), OURS, STRANGERS),
        SignersError,
    ),
    "a signer is listed twice": (
        lambda: complete(signers=(signer(LAKESIDE, OURS), signer(HARBOUR, OURS))),
        SignersError,
    ),
    "a party that is no node of ours": (
        lambda: complete(signers=(signer(LAKESIDE, OURS), signer(RIDGE, THEIRS))),
        UnknownKeyError,
    ),
    "the other party's key": (
        lambda: complete(signers=(signer(HARBOUR, OURS), signer(LAKESIDE, THEIRS))),
        UnknownKeyError,
    ),
    "a key that was never announced": (lambda: signed_with(STRANGERS), UnknownKeyError),
    "a key for another purpose": (lambda: signed_with(EXCHANGE), WrongKeyError),
    "a compromised key": (lambda: signed_with(LOST), WrongKeyError),
    "a key of the past": (lambda: signed_with(OLD), WrongKeyError),
    "another payload": (
        lambda: with_payload_of(title={"en": "Something else"}),
        SignatureInvalidError,
    ),
    "another kind": (
        lambda: start_document(
            an_agreement().model_copy(update={"kind": "release-plan"}), OURS, THEIRS
        ),
        MalformedError,
    ),
}


@pytest.mark.parametrize("how", REFUSED)
def test_an_incomplete_or_forged_agreement_is_refused_with_its_own_error(how: str):
    make, expected = REFUSED[how]
    with pytest.raises(InterurbanError) as caught:
        verify(make())
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("changes", "expected", "match"),
    [
        ({"parties": (party(LAKESIDE), party(LAKESIDE))}, MalformedError, "twice"),
        ({"minimum_parties": 1}, MalformedError, "minimum_parties"),
        ({"minimum_parties": 3}, MalformedError, "minimum_parties"),
        ({"parties": (party(LAKESIDE),)}, MalformedError, "minimum_parties"),
        ({"signers": (signer(LAKESIDE, OURS),)}, SignersError, "exactly the parties"),
        (
            {"signers": (signer(LAKESIDE, OURS), signer(RIDGE, THEIRS))},
            SignersError,
            "exactly the parties",
        ),
        (
            {
                "signers": (
                    signer(LAKESIDE, OURS),
                    signer(LAKESIDE, OLD),
                    signer(HARBOUR, THEIRS),
                )
            },
            SignersError,
            "exactly the parties",
        ),
        ({"proposed_by": RIDGE}, MalformedError, "proposer"),
        ({"valid_until": NOW}, MalformedError, "ends before"),
        (
            {"references": ReferenceTerms(purpose="j", maximum_days=0, answer_days=7)},
            MalformedError,
            "90 days",
        ),
        (
            {"references": ReferenceTerms(purpose="j", maximum_days=91, answer_days=7)},
            MalformedError,
            "90 days",
        ),
        ({"plans": ()}, MalformedError, "no release plan"),
        (
            {"plans": (AgreedPlan(plan=PLAN, subject="e", structures=()),) * 2},
            MalformedError,
            "to one twice",
        ),
    ],
)
def test_an_agreement_that_contradicts_itself_is_refused(changes, expected, match):
    with pytest.raises(expected, match=match):
        check_agreement(an_agreement(**changes))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOW - timedelta(seconds=1), NotYetValidError),
        (NOW, None),
        (NOW + timedelta(days=365, seconds=-1), None),
        (NOW + timedelta(days=365), ExpiredError),
    ],
)
def test_an_agreement_is_in_force_from_its_first_moment_until_before_its_last(
    at, expected
):
    found = verify(complete())
    if expected is None:
        check_in_force(found, at)
        return
    with pytest.raises(expected):
        check_in_force(found, at)


@pytest.mark.parametrize(
    "changes",
    [
        {"crit": ("arbitration",)},
        {"arbitration": "in the third city"},
        {
            "references": ReferenceTerms(
                purpose="j", maximum_days=1, answer_days=1, resale="allowed"
            )
        },
    ],
)
def test_what_is_not_understood_verifies_and_is_not_agreed_to(changes):
    found = verify(complete(**changes))
    with pytest.raises(UnsupportedError):
        check_understood(found.payload)


def test_a_suspension_names_who_stops_towards_whom():
    notice = Suspension(
        signers=(signer(LAKESIDE, OURS),),
        agreement=PLAN,
        by=LAKESIDE,
        towards=HARBOUR,
        suspended=True,
        reason="an audit",
        at=NOW,
    )
    found = verify_document(
        start_document(notice, OURS), Suspension, kind="suspension", keys=KEYS, at=NOW
    )
    assert (found.payload.by, found.payload.towards) == (LAKESIDE, HARBOUR)
