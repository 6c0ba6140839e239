"""Consent: what counts when, and how a changed, dropped or cut history is found."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol import consent_records, jws
from interurban_protocol.consent_records import (
    EVENT_TYPE,
    STOPPING,
    TRANSITIONS,
    Actor,
    ActorKind,
    ConsentEvent,
    ConsentState,
    EffectiveConsent,
    Question,
    Receipt,
    Recipient,
    Scope,
    VerifiedHistory,
    check_event,
    check_question,
    check_receipt,
    check_receipt_form,
    effective_state,
    event_id,
    learner_commitment,
    sign_event,
    verify_history,
)
from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import (
    ChainError,
    InterurbanError,
    MalformedError,
    NotYetValidError,
    ReplayedError,
    SignatureInvalidError,
    UnknownKeyError,
    WrongKeyError,
)
from interurban_protocol.keys import KeySet, Purpose
from interurban_protocol.release_plans import PUBLIC
from interurban_protocol.signed_documents import (
    Signer,
    check_understood,
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
    a_chain,
    a_claim,
    a_history,
    a_key,
    a_question,
    a_recipient,
    an_event,
    lakeside_keys,
    published,
    question_id,
    random_bytes,
)

ASKED, GIVEN = ConsentState.ASKED, ConsentState.GIVEN
REFUSED, WITHDRAWN = ConsentState.REFUSED, ConsentState.WITHDRAWN
EXPIRED, SUPERSEDED = ConsentState.EXPIRED, ConsentState.SUPERSEDED
BOTH = frozenset({HARBOUR, RIDGE})
LATER = NOW + timedelta(days=700)


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


def effective(
    events: Sequence[ConsentEvent],
    at: datetime = LATER,
    *,
    question: Question | None = None,
    detail: str | None = None,
) -> EffectiveConsent:
    question = question or a_question()
    history = a_history(events, at=max([at, *(event.at for event in events)]))
    return effective_state(history, question, question_id(question), at, detail=detail)


# --- what counts


def test_without_an_answer_nothing_counts() -> None:
    nothing = effective([])
    assert nothing.state is None
    assert not nothing.is_given_for([HARBOUR])
    assert effective([an_event(ASKED)]).state is ASKED


def test_a_grant_counts_until_it_runs_out() -> None:
    events = [an_event(ASKED), an_event(GIVEN, at=day(1))]
    end = day(1) + timedelta(days=365)
    before = effective(events, end - timedelta(seconds=1))
    assert (before.state, before.recipients, before.expires_at) == (GIVEN, BOTH, end)
    after = effective(events, end)
    assert (after.state, after.recipients, after.expires_at) == (
        EXPIRED,
        frozenset(),
        None,
    )


def test_a_grant_does_not_count_before_it_was_given() -> None:
    assert effective([an_event(GIVEN, at=day(5))], day(4)).state is None


def test_the_maximum_bounds_a_question_that_forgot_it() -> None:
    question = a_question(valid_for_days=900, maximum_days=10)
    events = [an_event(GIVEN, question=question_id(question))]
    assert effective(events, day(10), question=question).state is EXPIRED


@pytest.mark.parametrize("state", [REFUSED, WITHDRAWN, EXPIRED, SUPERSEDED])
def test_a_stop_ends_a_grant_at_once(state: ConsentState) -> None:
    events = [an_event(GIVEN), an_event(state, at=day(1))]
    assert effective(events, day(1)).state is state
    assert effective(events, day(1)).recipients == frozenset()
    assert effective(events, day(1) - timedelta(seconds=1)).state is GIVEN


def test_a_learner_may_say_yes_again() -> None:
    events = [
        an_event(GIVEN),
        an_event(WITHDRAWN, at=day(1)),
        an_event(GIVEN, at=day(2)),
    ]
    assert effective(events, day(2)).state is GIVEN


def test_a_renewal_runs_from_its_own_day() -> None:
    events = [an_event(GIVEN), an_event(GIVEN, at=day(300))]
    assert effective(events, day(600)).state is GIVEN


def test_each_recipient_is_stopped_alone() -> None:
    events = [an_event(GIVEN), an_event(WITHDRAWN, at=day(1), recipients=(RIDGE,))]
    now = effective(events, day(2))
    assert now.state is GIVEN
    assert now.is_given_for([HARBOUR])
    assert not now.is_given_for([RIDGE])
    assert not now.is_given_for([HARBOUR, RIDGE])


def test_all_recipients_stopped_one_by_one_is_a_stop() -> None:
    events = [
        an_event(GIVEN),
        an_event(WITHDRAWN, at=day(1), recipients=(RIDGE,)),
        an_event(WITHDRAWN, at=day(2), recipients=(HARBOUR,)),
    ]
    assert effective(events, day(2)).state is WITHDRAWN


def test_the_earliest_end_among_recipients_is_shown() -> None:
    events = [
        an_event(GIVEN, recipients=(HARBOUR,)),
        an_event(GIVEN, at=day(10), recipients=(RIDGE,)),
    ]
    assert effective(events, day(20)).expires_at == day(365)
    assert effective(events, day(370)).recipients == {RIDGE}


def test_a_recipient_that_the_question_does_not_name_gets_nothing() -> None:
    question = a_question(recipients=(a_recipient(HARBOUR),))
    events = [an_event(GIVEN, question=question_id(question))]
    assert effective(events, day(1), question=question).recipients == {HARBOUR}


def test_nothing_is_given_for_nobody() -> None:
    assert not effective([an_event(GIVEN)], day(1)).is_given_for([])


def test_an_answer_to_another_question_changes_nothing() -> None:
    other = question_id(a_question(retention_days=1))
    events = [an_event(GIVEN), an_event(WITHDRAWN, at=day(1), question=other)]
    assert effective(events, day(2)).state is GIVEN
    assert effective([an_event(GIVEN, question=other)], day(2)).state is None


# --- references: one credential each


def test_a_grant_for_one_certificate_is_none_for_another() -> None:
    events = [an_event(GIVEN, detail="urn:uuid:1")]
    assert effective(events, day(1), detail="urn:uuid:1").state is GIVEN
    assert effective(events, day(1), detail="urn:uuid:2").state is None
    assert effective(events, day(1)).state is None


def test_a_stop_for_one_certificate_leaves_the_other() -> None:
    events = [
        an_event(GIVEN, detail="urn:uuid:1"),
        an_event(GIVEN, detail="urn:uuid:2"),
        an_event(WITHDRAWN, detail="urn:uuid:1", at=day(1)),
    ]
    assert effective(events, day(1), detail="urn:uuid:1").state is WITHDRAWN
    assert effective(events, day(1), detail="urn:uuid:2").state is GIVEN


def test_a_stop_for_one_certificate_is_no_step_for_the_other() -> None:
    events = [
        an_event(GIVEN, detail="urn:uuid:1"),
        an_event(GIVEN, detail="urn:uuid:2"),
        an_event(WITHDRAWN, detail="urn:uuid:1"),
    ]
    a_history([*events, an_event(EXPIRED, detail="urn:uuid:2")])
    with pytest.raises(ChainError):
        a_history([*events, an_event(ASKED, detail="urn:uuid:2")])


@pytest.mark.parametrize("state", sorted(STOPPING))
def test_a_stop_without_detail_stops_every_certificate(state: ConsentState) -> None:
    events = [
        an_event(GIVEN, detail="urn:uuid:1"),
        an_event(GIVEN, detail="urn:uuid:2"),
        an_event(ASKED),
        an_event(state, at=day(1)),
    ]
    for detail in ("urn:uuid:1", "urn:uuid:2", None):
        assert effective(events, day(1), detail=detail).state is state


def test_nothing_is_granted_for_any_certificate_of_a_replaced_question() -> None:
    events = [
        an_event(GIVEN, detail="urn:uuid:1"),
        an_event(SUPERSEDED, detail="urn:uuid:1"),
        an_event(GIVEN, detail="urn:uuid:3"),
        an_event(GIVEN),
        an_event(SUPERSEDED),
    ]
    for detail in ("urn:uuid:1", "urn:uuid:2", "urn:uuid:3"):
        with pytest.raises(ChainError):
            a_history([*events, an_event(GIVEN, detail=detail)])


# --- claims from a registry, guardians


def claim_day(number: int) -> date:
    return day(number).date()


def test_a_claim_counts_from_the_day_it_was_signed() -> None:
    events = [a_claim(claim_day(-10), at=day(5))]
    given = effective(events, day(5))
    assert given.state is GIVEN
    assert given.expires_at == datetime(2027, 5, 4, tzinfo=UTC)
    assert effective(events, day(4)).state is None


@pytest.mark.parametrize("state", [REFUSED, WITHDRAWN])
@pytest.mark.parametrize(("signed", "counts"), [(-1, False), (0, False), (1, True)])
def test_a_claim_never_counts_against_a_no_of_its_day_or_later(
    state: ConsentState, signed: int, counts: bool
) -> None:
    events = [an_event(state), a_claim(claim_day(signed), at=day(5))]
    assert effective(events, day(5)).state is (GIVEN if counts else state)


def test_a_no_stays_a_no_for_claims_after_the_question_was_asked_again() -> None:
    events = [
        an_event(WITHDRAWN),
        an_event(ASKED, at=day(1)),
        a_claim(claim_day(0), at=day(2)),
    ]
    assert effective(events, day(3)).state is ASKED


def test_an_imported_no_always_counts() -> None:
    registry = Actor(kind=ActorKind.REGISTRY, source="school-sis")
    no = an_event(
        REFUSED, actor=registry, evidence="form-2", signed_on=claim_day(-90), at=day(1)
    )
    assert effective([an_event(GIVEN), no], day(1)).state is REFUSED


@pytest.mark.parametrize("signed", [-200, 0])
def test_a_claim_does_not_shorten_a_later_grant(signed: int) -> None:
    events = [an_event(GIVEN), a_claim(claim_day(signed), at=day(1))]
    assert effective(events, day(1)).expires_at == day(365)


def test_a_newer_claim_renews_an_older_one() -> None:
    events = [
        a_claim(claim_day(-200), "form-1"),
        a_claim(claim_day(1), "form-2", at=day(2)),
    ]
    assert effective(events, day(300)).state is GIVEN


def test_an_old_claim_that_is_imported_late_has_run_out_already() -> None:
    assert effective([a_claim(claim_day(-400))], NOW).state is EXPIRED


@pytest.mark.parametrize("who", [ActorKind.SELF, ActorKind.ASSISTED])
def test_a_guardians_yes_does_not_count_against_the_learners_own_no(
    who: ActorKind,
) -> None:
    events = [
        an_event(REFUSED, actor=Actor(kind=who)),
        an_event(GIVEN, actor=Actor(kind=ActorKind.GUARDIAN), at=day(1)),
    ]
    assert effective(events, day(2)).state is REFUSED
    own_yes = an_event(GIVEN, at=day(3))
    assert effective([*events, own_yes], day(3)).state is GIVEN


def test_a_learners_later_yes_lifts_their_own_no() -> None:
    guardian = Actor(kind=ActorKind.GUARDIAN)
    events = [
        an_event(REFUSED),
        an_event(GIVEN, at=day(1)),
        an_event(WITHDRAWN, actor=guardian, at=day(2)),
        an_event(GIVEN, actor=guardian, at=day(3)),
    ]
    assert effective(events, day(3)).state is GIVEN


def test_a_guardians_no_ends_a_grant_and_the_guardian_may_change_it() -> None:
    guardian = Actor(kind=ActorKind.GUARDIAN)
    events = [an_event(GIVEN), an_event(WITHDRAWN, actor=guardian, at=day(1))]
    assert effective(events, day(1)).state is WITHDRAWN
    again = an_event(GIVEN, actor=guardian, at=day(2))
    assert effective([*events, again], day(2)).state is GIVEN


# --- properties


def naive_state(events: Sequence[ConsentEvent], recipient: str) -> ConsentState | None:
    """The last state, written another way, for learners who answer themselves."""
    states = [event.state for event in events if recipient in event.recipients]
    return states[-1] if states else None


@st.composite
def own_events(draw: st.DrawFn) -> list[ConsentEvent]:
    """An allowed history of one learner about two recipients, in any order."""
    states: dict[str, ConsentState | None] = {HARBOUR: None, RIDGE: None}
    events: list[ConsentEvent] = []
    for number in range(draw(st.integers(min_value=0, max_value=8))):
        recipient = draw(st.sampled_from([HARBOUR, RIDGE]))
        allowed = sorted(TRANSITIONS[states[recipient]])
        if not allowed:
            continue
        states[recipient] = draw(st.sampled_from(allowed))
        events.append(
            an_event(states[recipient], at=day(number), recipients=(recipient,))
        )
    return events


@given(own_events(), st.integers(min_value=-1, max_value=380))
def test_a_learner_is_counted_only_while_the_last_answer_is_a_yes_in_time(
    events: list[ConsentEvent], number: int
) -> None:
    now = effective(events, day(number))
    for recipient in (HARBOUR, RIDGE):
        until_now = [event for event in events if event.at <= day(number)]
        about = [event for event in until_now if recipient in event.recipients]
        is_given = naive_state(about, recipient) is GIVEN and (
            day(number) < about[-1].at + timedelta(days=365)
        )
        assert now.is_given_for([recipient]) is is_given
    assert (now.state is GIVEN) is bool(now.recipients)


@given(
    own_events(),
    st.integers(min_value=0, max_value=20),
    st.integers(min_value=-20, max_value=20),
)
def test_no_claim_ever_overrides_a_no_of_its_day_or_later(
    events: list[ConsentEvent], imported_after: int, signed: int
) -> None:
    last = len(events) + imported_after
    claim = a_claim(claim_day(min(signed, last)), at=day(last))
    try:
        now = effective([*events, claim], day(last))
    except ChainError:
        return  # the question was replaced; no claim is recorded at all
    for recipient in (HARBOUR, RIDGE):
        noes = [
            event.at.date()
            for event in events
            if recipient in event.recipients and event.state in {REFUSED, WITHDRAWN}
        ]
        if naive_state(events, recipient) is not GIVEN and any(
            each >= claim.signed_on for each in noes if claim.signed_on
        ):
            assert not now.is_given_for([recipient])


@given(own_events(), st.data())
def test_a_changed_byte_a_dropped_or_a_swapped_event_is_found(
    events: list[ConsentEvent], data: st.DataObject
) -> None:
    tokens = list(a_chain(events))
    if len(tokens) < 2:
        return
    place = data.draw(st.integers(min_value=0, max_value=len(tokens) - 1))
    match data.draw(st.sampled_from(["byte", "drop", "swap", "double"])):
        case "byte":
            token = bytearray(tokens[place])
            position = data.draw(st.integers(0, len(token) - 1))
            token[position] ^= data.draw(st.integers(1, 255))
            tokens[place] = bytes(token)
        case "drop":
            del tokens[min(place, len(tokens) - 2)]  # a cut tail: see the receipts
        case "swap":
            other = (place + 1) % len(tokens)
            tokens[place], tokens[other] = tokens[other], tokens[place]
        case _:
            tokens.insert(place, tokens[place])
    with pytest.raises(InterurbanError):
        verify_history(tokens, keys=lakeside_keys(), at=LATER)


# --- verification of the chain


CHAIN = a_chain(
    [an_event(ASKED), an_event(GIVEN, at=day(1)), an_event(WITHDRAWN, at=day(2))]
)


def relinked(*events: ConsentEvent) -> list[bytes]:
    """Events with the links they have, signed again one by one."""
    return [sign_event(event, DOCUMENTS) for event in events]


def second(**changes: Any) -> list[bytes]:
    """A chain of two whose second event was changed and signed again."""
    linked = {"sequence": 2, "previous": event_id(CHAIN[0]), "at": day(1), **changes}
    state = linked.pop("state", GIVEN)
    return [CHAIN[0], *relinked(an_event(state, **linked))]


BAD_HISTORIES: dict[str, tuple[Sequence[bytes], type[InterurbanError]]] = {
    "no token": ([b"nonsense"], MalformedError),
    "not ASCII": (["ä.b.c".encode()], MalformedError),
    "no event": (
        [jws.sign(b"{}", typ=EVENT_TYPE, key=DOCUMENTS).encode()],
        MalformedError,
    ),
    "another type": (
        [jws.sign(an_event(ASKED).to_json(), typ="jwt", key=DOCUMENTS).encode()],
        SignatureInvalidError,
    ),
    "a stranger's key": (a_chain([an_event(ASKED)], a_key("x")), UnknownKeyError),
    "another city's key": (
        a_chain([an_event(ASKED)], HARBOUR_DOCUMENTS),
        UnknownKeyError,
    ),
    "first missing": (CHAIN[1:], ChainError),
    "middle missing": ([CHAIN[0], CHAIN[2]], ChainError),
    "swapped": ([CHAIN[0], CHAIN[2], CHAIN[1]], ChainError),
    "doubled": ([CHAIN[0], CHAIN[0]], ChainError),
    "a first that names one before": (
        relinked(an_event(ASKED, previous=event_id(CHAIN[0]))),
        ChainError,
    ),
    "a gap in the sequence": (second(sequence=3), ChainError),
    "another event before": (second(previous=event_id(CHAIN[1])), ChainError),
    "none before": (second(previous=None), ChainError),
    "another learner": (
        second(learner=learner_commitment(random_bytes("s"), "learner-8")),
        ChainError,
    ),
    "older than the one before": (second(at=day(-1)), ChainError),
    "an unknown transition": (
        second(state=EXPIRED, question="sha256:" + "0" * 64),
        ChainError,
    ),
    "asking over a grant": (
        a_chain([an_event(GIVEN), an_event(ASKED)]),
        ChainError,
    ),
    "a replaced question answered": (
        a_chain([an_event(ASKED), an_event(SUPERSEDED), an_event(GIVEN)]),
        ChainError,
    ),
    "evidence used twice": (
        a_chain([a_claim(NOW.date(), "form-1"), a_claim(NOW.date(), "form-1")]),
        ReplayedError,
    ),
    "a future": (a_chain([an_event(ASKED, at=LATER + timedelta(1))]), NotYetValidError),
}


@pytest.mark.parametrize(("tokens", "error"), BAD_HISTORIES.values(), ids=BAD_HISTORIES)
def test_a_history_that_is_not_whole_is_refused(
    tokens: Sequence[bytes], error: type[InterurbanError]
) -> None:
    with pytest.raises(InterurbanError) as caught:
        verify_history(tokens, keys=lakeside_keys(), at=LATER)
    assert type(caught.value) is error


def test_a_whole_history_is_read_in_order() -> None:
    history = verify_history(CHAIN, keys=lakeside_keys(), at=LATER)
    assert [record.event.state for record in history.records] == [
        ASKED,
        GIVEN,
        WITHDRAWN,
    ]
    assert [record.event_id for record in history.records] == list(map(event_id, CHAIN))
    assert history.head == event_id(CHAIN[-1])
    assert a_history([]).head is None


def test_a_rotated_key_goes_on_verifying_what_it_signed_in_its_time() -> None:
    old, new = (
        published(DOCUMENTS, Purpose.DOCUMENTS, valid_until=day(1)),
        published(HARBOUR_DOCUMENTS, Purpose.DOCUMENTS, valid_from=day(1)),
    )
    first = an_event(ASKED)
    tokens = a_chain([first])
    linked = an_event(GIVEN, sequence=2, previous=event_id(tokens[0]), at=day(1))
    tokens += (sign_event(linked, HARBOUR_DOCUMENTS),)
    keys = KeySet((old, new))
    assert len(verify_history(tokens, keys=keys, at=LATER).records) == 2
    late = (tokens[0], sign_event(linked, DOCUMENTS))
    with pytest.raises(WrongKeyError):
        verify_history(late, keys=keys, at=LATER)


def test_a_learners_own_answers_may_rest_on_the_same_paper() -> None:
    events = [an_event(REFUSED, evidence="scan-1"), an_event(GIVEN, evidence="scan-1")]
    assert len(a_history(events).records) == 2


def test_a_history_of_absurd_length_is_not_worked_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consent_records, "MAX_EVENTS", 2)
    with pytest.raises(MalformedError, match="2 events"):
        verify_history(CHAIN, keys=lakeside_keys(), at=LATER)
    assert verify_history(CHAIN[:2], keys=lakeside_keys(), at=LATER).records


def test_nobody_else_makes_a_verified_history() -> None:
    with pytest.raises(TypeError):
        VerifiedHistory((), object())


BAD_EVENTS: dict[str, ConsentEvent] = {
    "a recipient twice": an_event(GIVEN, recipients=(RIDGE, RIDGE)),
    "a claim without evidence": a_claim(NOW.date(), evidence=None),  # type: ignore[arg-type] - what is tested
    "a claim without a day": a_claim(None),  # type: ignore[arg-type] - what is tested
    "a claim signed after its import": a_claim(claim_day(1)),
    "a day on the learner's own answer": an_event(GIVEN, signed_on=NOW.date()),
}


@pytest.mark.parametrize("event", BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_an_event_that_contradicts_itself_is_neither_signed_nor_accepted(
    event: ConsentEvent,
) -> None:
    with pytest.raises(MalformedError):
        check_event(event)
    with pytest.raises(MalformedError):
        sign_event(event, DOCUMENTS)
    token = jws.sign(event.to_json(), typ=EVENT_TYPE, key=DOCUMENTS).encode()
    with pytest.raises(MalformedError):
        verify_history([token], keys=lakeside_keys(), at=LATER)


def test_every_state_has_its_row_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == {None, *ConsentState}
    assert frozenset().union(*TRANSITIONS.values()) == set(ConsentState)


def test_a_no_is_never_turned_away_while_the_question_stands() -> None:
    for state, following in TRANSITIONS.items():
        assert state is SUPERSEDED or {REFUSED, WITHDRAWN} <= following


def test_a_learner_cannot_be_recognised_without_the_salt() -> None:
    salt = random_bytes("one")
    assert learner_commitment(salt, "7") == learner_commitment(salt, "7")
    others = {
        learner_commitment(random_bytes("two"), "7"),
        learner_commitment(salt, "8"),
    }
    assert learner_commitment(salt, "7") not in others
    with pytest.raises(ValueError, match="16 bytes"):
        learner_commitment(b"short", "7")
    assert "learner-7" not in an_event(GIVEN).to_json().decode()


# --- questions


def test_a_question_is_a_document_whose_id_is_its_digest() -> None:
    question = a_question()
    document = start_document(question, DOCUMENTS)
    verified = verify_document(
        document,
        Question,
        kind="consent-question",
        keys={LAKESIDE: lakeside_keys()},
        at=NOW,
    )
    check_understood(verified.payload)
    check_question(verified.payload)
    assert verified.payload == question
    assert verified.document_id == question_id(question)


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_for_days": 731},
        {"recipients": (a_recipient(RIDGE), a_recipient(RIDGE))},
        {"recipients": (Recipient(node=RIDGE, name="Ridge"),)},
        {
            "recipients": (
                Recipient(node=PUBLIC, name="all", fingerprint="eight words"),
            )
        },
        {
            "scope": Scope.REFERENCE,
            "recipients": (Recipient(node=PUBLIC, name="everybody"),),
        },
        {"scope": Scope.REFERENCE},
        {"signers": (Signer(node=HARBOUR, key_id="x"),)},
        {"signers": ()},
    ],
)
def test_a_question_that_contradicts_itself_is_refused(changes: Any) -> None:
    with pytest.raises(MalformedError):
        check_question(a_question(**changes))


def test_a_question_about_tables_may_name_everybody() -> None:
    everybody = Recipient(node=PUBLIC, name="everybody")
    check_question(a_question(recipients=(a_recipient(RIDGE), everybody)))


def test_a_question_at_its_limits_is_accepted() -> None:
    check_question(a_question(valid_for_days=730, maximum_days=730))
    check_question(
        a_question(scope=Scope.REFERENCE, recipients=(a_recipient(HARBOUR),))
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("texts", {}),
        ("texts", {"not a language": {}}),
        ("recipients", []),
        ("data_elements", []),
        ("rights", []),
        ("valid_for_days", 0),
        ("retention_days", -1),
        ("storage_country", "nl"),
        ("scope", "everything"),
        ("kind", "agreement"),
        ("controller", "https://lakeside.example/path"),
        ("supersedes", "sha256:123"),
    ],
)
def test_a_question_of_another_shape_is_refused(name: str, value: Any) -> None:
    members = a_question().model_dump(mode="json")
    with pytest.raises(MalformedError):
        Question.from_json(canonical_json({**members, name: value}))


# --- receipts


def a_receipt(history: VerifiedHistory, place: int, **changes: Any) -> Receipt:
    """The receipt that was given for the event at that place, on that day."""
    record = history.records[place]
    members: dict[str, Any] = {
        "signers": (Signer(node=LAKESIDE, key_id=DOCUMENTS.public.key_id),),
        "controller": LAKESIDE,
        "event": record.event_id,
        "head": record.event_id,
        "question": record.event.question,
        "state": record.event.state,
        "at": record.event.at,
        "recipients": record.event.recipients,
        "language": "en",
    }
    return Receipt(**{**members, **changes})


HISTORY = a_history(
    [an_event(ASKED), an_event(GIVEN, at=day(1)), an_event(WITHDRAWN, at=day(2))],
    at=LATER,
)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_receipt_fits_the_whole_history(place: int) -> None:
    check_receipt(a_receipt(HISTORY, place), HISTORY)


def test_a_cut_tail_shows_against_the_receipt_of_a_later_day() -> None:
    cut = verify_history(CHAIN[:2], keys=lakeside_keys(), at=LATER)
    check_receipt(a_receipt(HISTORY, 1), cut)
    with pytest.raises(ChainError, match="ends before"):
        check_receipt(a_receipt(HISTORY, 2), cut)


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "sha256:" + "0" * 64},
        {"head": "sha256:" + "0" * 64},
        {"question": "sha256:" + "0" * 64},
        {"state": GIVEN},
        {"at": day(3)},
        {"recipients": (HARBOUR,)},
    ],
)
def test_a_receipt_that_shows_something_else_is_found(changes: Any) -> None:
    with pytest.raises(ChainError):
        check_receipt(a_receipt(HISTORY, 2, **changes), HISTORY)


def test_a_receipt_is_signed_by_its_controller_alone() -> None:
    check_receipt_form(a_receipt(HISTORY, 1))
    with pytest.raises(MalformedError):
        check_receipt_form(a_receipt(HISTORY, 1, controller=HARBOUR))
