"""Codes, sessions and tokens: what lets somebody in, and everything that does not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.accounts import service
from interurban_node.accounts.models import (
    AttemptRow,
    SignInCodeRow,
    TokenRow,
    WebSessionRow,
)
from interurban_node.accounts.rules import (
    ATTEMPT_WINDOW,
    ATTEMPTS_IN_ALL,
    ATTEMPTS_PER_SOURCE,
    LONGEST_SESSION,
    Role,
)
from interurban_node.accounts.service import (
    SignedInLearner,
    SignedInStaff,
    VerifiedToken,
)
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    NotFoundError,
    NotSignedInError,
    TooManyAttemptsError,
)
from tests.support.nodes import Moment

ANNA = "Laaaaaaaaaaaaaaaaaaaaaaaaaa"
BILAL = "Lbbbbbbbbbbbbbbbbbbbbbbbbbb"
DESK = "192.0.2.1"
DAYS = timedelta(days=30)


def code_for(session: Session, node: Node, learner: str = ANNA) -> str:
    return service.mint_sign_in_code(session, node, learner, node.clock(), DAYS)


def signed_in(session: Session, node: Node, learner: str = ANNA) -> str:
    code = code_for(session, node, learner)
    return service.sign_in_learner(session, node, code, DESK, node.clock())


def staff_token(session: Session, node: Node, role: Role = Role.AUDITOR) -> str:
    return service.mint_token(session, node, role, "Olga", node.clock(), DAYS)


def fail(node: Node, source: str = DESK, code: str = "AAAA-AAAA-AAAA") -> None:
    with pytest.raises(NotSignedInError), node.database.transaction() as session:
        service.sign_in_learner(session, node, code, source, node.clock())


# --- codes


def test_a_code_signs_its_learner_in(node: Node, session: Session) -> None:
    cookie = signed_in(session, node)
    learner = service.learner_of(session, node, cookie, node.clock())
    assert learner.learner_ref == ANNA


@pytest.mark.parametrize(
    "typed", [str.lower, lambda c: c.replace("-", ""), lambda c: f" {c[:6]} {c[6:]} "]
)
def test_a_code_may_be_typed_as_people_type(
    node: Node, session: Session, typed: object
) -> None:
    assert callable(typed)
    code = typed(code_for(session, node))
    assert service.sign_in_learner(session, node, code, DESK, node.clock())


def test_a_code_works_once(node: Node, session: Session) -> None:
    code = code_for(session, node)
    service.sign_in_learner(session, node, code, DESK, node.clock())
    with pytest.raises(NotSignedInError):
        service.sign_in_learner(session, node, code, DESK, node.clock())


def test_a_new_code_replaces_an_older_unused_one(node: Node, session: Session) -> None:
    old = code_for(session, node)
    new = code_for(session, node)
    other = code_for(session, node, BILAL)
    with pytest.raises(NotSignedInError):
        service.sign_in_learner(session, node, old, DESK, node.clock())
    assert service.sign_in_learner(session, node, new, DESK, node.clock())
    assert service.sign_in_learner(session, node, other, DESK, node.clock())


def test_unknown_used_and_expired_codes_get_the_same_answer(
    node: Node, session: Session
) -> None:
    used, expired = code_for(session, node), code_for(session, node, BILAL)
    service.sign_in_learner(session, node, used, DESK, node.clock())
    answers = set()
    for code, later in (
        ("AAAA-AAAA-AAAA", timedelta()),
        ("", timedelta()),
        ("x" * 10_000, timedelta()),
        ("\0\ud800", timedelta()),
        (used, timedelta()),
        (expired, DAYS),
    ):
        with pytest.raises(NotSignedInError) as refused:
            service.sign_in_learner(session, node, code, DESK, node.clock() + later)
        answers.add((refused.value.message, refused.value.next_step))
    assert len(answers) == 1


def test_a_code_lasts_to_the_end_of_its_time(node: Node, session: Session) -> None:
    code = code_for(session, node)
    last = node.clock() + DAYS - timedelta(seconds=1)
    assert service.sign_in_learner(session, node, code, DESK, last)


def test_learners_without_a_good_code_are_found(
    node: Node, session: Session, moment: Moment
) -> None:
    for ref in (ANNA, BILAL):
        identity = service.Identity(person_id=ref)
        service.store_identity(session, node, ref, identity, moment.now)
    assert service.learners_without_code(session, moment.now, 10) == [ANNA, BILAL]
    assert service.learners_without_code(session, moment.now, 1) == [ANNA]
    code_for(session, node)
    assert service.learners_without_code(session, moment.now, 10) == [BILAL]
    assert service.learners_without_code(session, moment.now + DAYS, 10) == [
        ANNA,
        BILAL,
    ]


def test_nothing_that_signs_in_is_kept_as_it_is(node: Node, session: Session) -> None:
    secrets = [code_for(session, node), signed_in(session, node, BILAL)]
    secrets += [staff_token(session, node)]
    for model in (SignInCodeRow, WebSessionRow, TokenRow):
        for row in session.execute(sa.select(model.__table__)):
            for secret in secrets:
                assert not any(secret in str(value) for value in row)


# --- guessing


def test_a_source_that_guesses_has_to_wait(node: Node, moment: Moment) -> None:
    moment.now = moment.now.replace(minute=0)
    with node.database.transaction() as session:
        code = code_for(session, node)
    for _ in range(ATTEMPTS_PER_SOURCE):
        fail(node)  # each rolls its transaction back, and is counted all the same
    with (
        pytest.raises(TooManyAttemptsError),
        node.database.transaction() as session,
    ):
        service.sign_in_learner(session, node, code, DESK, moment.now)
    with node.database.transaction() as session:
        assert service.sign_in_learner(session, node, code, "192.0.2.2", moment.now)


def test_waiting_helps(node: Node, moment: Moment) -> None:
    for _ in range(ATTEMPTS_PER_SOURCE):
        fail(node)
    moment.now += ATTEMPT_WINDOW
    with node.database.transaction() as session:
        assert signed_in(session, node)
    fail(node)
    with node.database.transaction() as session:
        counted = session.scalars(sa.select(AttemptRow.count)).all()
    assert counted == [1, 1]  # the old window is forgotten


def test_guesses_are_counted_in_a_transaction_that_is_kept(
    node: Node, session: Session
) -> None:
    for _ in range(ATTEMPTS_PER_SOURCE):
        with pytest.raises(NotSignedInError):
            service.sign_in_learner(session, node, "A", DESK, node.clock())
    with pytest.raises(TooManyAttemptsError):
        service.sign_in_learner(session, node, "A", DESK, node.clock())


def test_guesses_from_everywhere_are_counted_together(
    node: Node, session: Session
) -> None:
    fail_once = service.sign_in_learner
    with pytest.raises(NotSignedInError):
        fail_once(session, node, "A", DESK, node.clock())
    everybody = AttemptRow.source_hash == "*"
    session.execute(
        sa.update(AttemptRow).where(everybody).values(count=ATTEMPTS_IN_ALL)
    )
    session.expire_all()
    with pytest.raises(TooManyAttemptsError):
        fail_once(session, node, code_for(session, node), "192.0.2.9", node.clock())


def test_codes_and_tokens_are_counted_apart(node: Node) -> None:
    for _ in range(ATTEMPTS_PER_SOURCE):
        fail(node)
    with node.database.transaction() as session:
        token = staff_token(session, node)
        assert service.sign_in_staff(session, node, token, DESK, node.clock())


def test_addresses_are_not_kept(node: Node) -> None:
    fail(node, source="203.0.113.77")
    with node.database.transaction() as session:
        rows = session.execute(sa.select(AttemptRow.__table__)).all()
    assert len(rows) == 2
    assert not any("203.0.113" in str(value) for row in rows for value in row)


def test_failures_at_the_same_time_are_all_counted(node: Node) -> None:
    sources = [f"192.0.2.{place % 2}" for place in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda source: fail(node, source), sources))
    with node.database.transaction() as session:
        counted = session.scalars(sa.select(AttemptRow.count)).all()
    assert sorted(counted) == [4, 4, 8]


def test_of_requests_at_the_same_time_one_uses_the_code(node: Node) -> None:
    with node.database.transaction() as session:
        code = code_for(session, node)

    def attempt(place: int) -> bool:
        try:
            with node.database.transaction() as session:
                source = f"192.0.2.{place}"
                service.sign_in_learner(session, node, code, source, node.clock())
        except NotSignedInError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(6))) == 1


# --- sessions


def test_a_session_ends_after_minutes_without_activity(
    node: Node, session: Session, moment: Moment
) -> None:
    cookie = signed_in(session, node)
    idle = timedelta(minutes=node.settings.session_minutes)
    for _ in range(3):  # activity keeps it
        moment.now += idle - timedelta(seconds=1)
        service.learner_of(session, node, cookie, moment.now)
    moment.now += idle
    with pytest.raises(NotSignedInError):
        service.learner_of(session, node, cookie, moment.now)


def test_no_session_lasts_for_ever(
    node: Node, session: Session, moment: Moment
) -> None:
    cookie = signed_in(session, node)
    end = moment.now + LONGEST_SESSION
    while moment.now + timedelta(minutes=10) < end:
        moment.advance(minutes=10)
        service.learner_of(session, node, cookie, moment.now)
    with pytest.raises(NotSignedInError):
        service.learner_of(session, node, cookie, end)


@pytest.mark.parametrize("cookie", [None, "", "nonsense", "x" * 5000, "ü\0"])
def test_an_unknown_cookie_is_nobody(
    node: Node, session: Session, cookie: str | None
) -> None:
    signed_in(session, node)
    for who in (service.learner_of, service.staff_of):
        with pytest.raises(NotSignedInError):
            who(session, node, cookie, node.clock())


def test_every_sign_in_begins_a_session_of_its_own(
    node: Node, session: Session
) -> None:
    first, second = signed_in(session, node), signed_in(session, node)
    ids = {
        service.learner_of(session, node, cookie, node.clock()).session_id
        for cookie in (first, second)
    }
    assert len({first, second}) == len(ids) == 2


def test_signing_out_ends_that_session_alone(node: Node, session: Session) -> None:
    first, second = signed_in(session, node), signed_in(session, node, BILAL)
    service.sign_out(session, node, first, node.clock())
    service.sign_out(session, node, None, node.clock())
    with pytest.raises(NotSignedInError):
        service.learner_of(session, node, first, node.clock())
    assert service.learner_of(session, node, second, node.clock()).learner_ref == BILAL


def test_a_learner_is_not_staff_and_staff_no_learner(
    node: Node, session: Session
) -> None:
    token = staff_token(session, node)
    staff = service.sign_in_staff(session, node, token, DESK, node.clock())
    with pytest.raises(NotSignedInError):
        service.learner_of(session, node, staff, node.clock())
    with pytest.raises(NotSignedInError):
        service.staff_of(session, node, signed_in(session, node), node.clock())


def test_ended_sessions_are_cleared_away(
    node: Node, session: Session, moment: Moment
) -> None:
    signed_in(session, node)
    moment.advance(minutes=node.settings.session_minutes)
    signed_in(session, node, BILAL)
    count = session.scalar(sa.select(sa.func.count()).select_from(WebSessionRow))
    assert count == 1


# --- tokens


@pytest.mark.parametrize("role", list(Role))
def test_a_token_proves_its_role(node: Node, session: Session, role: Role) -> None:
    token = staff_token(session, node, role)
    verified = service.verify_token(session, node, token, node.clock())
    assert (verified.role, verified.label) == (role, "Olga")


def test_unknown_revoked_and_expired_tokens_get_the_same_answer(
    node: Node, session: Session
) -> None:
    expired, revoked = staff_token(session, node), staff_token(session, node)
    token_id = service.verify_token(session, node, revoked, node.clock()).token_id
    service.revoke_token(session, node, token_id, node.clock())
    answers = set()
    for token, later in (
        ("unknown", timedelta()),
        ("", timedelta()),
        (expired[:-1], timedelta()),
        (revoked, timedelta()),
        (expired, DAYS),
    ):
        for verify in (
            lambda t, at: service.verify_token(session, node, t, at),
            lambda t, at: service.sign_in_staff(session, node, t, DESK, at),
        ):
            with pytest.raises(NotSignedInError) as refused:
                verify(token, node.clock() + later)
            answers.add((refused.value.message, refused.value.next_step))
    assert len(answers) == 1


def test_a_staff_session_ends_with_its_token(node: Node, session: Session) -> None:
    token = staff_token(session, node)
    cookie = service.sign_in_staff(session, node, token, DESK, node.clock())
    staff = service.staff_of(session, node, cookie, node.clock())
    assert (staff.role, staff.label) == (Role.AUDITOR, "Olga")
    token_id = service.verify_token(session, node, token, node.clock()).token_id
    facts = service.revoke_token(session, node, token_id, node.clock())
    assert facts.revoked_at == node.clock()
    with pytest.raises(NotSignedInError):
        service.staff_of(session, node, cookie, node.clock())


def test_tokens_are_listed_without_themselves(
    node: Node, session: Session, moment: Moment
) -> None:
    staff_token(session, node)
    moment.advance(days=1)
    staff_token(session, node, Role.SERVICE)
    assert [facts.role for facts in service.tokens(session)] == [
        Role.SERVICE,
        Role.AUDITOR,
    ]
    with pytest.raises(NotFoundError):
        service.revoke_token(session, node, "no such id", moment.now)


def test_proofs_can_only_be_made_by_their_checks() -> None:
    with pytest.raises(TypeError, match="only learner_of"):
        SignedInLearner(ANNA, "session", object())
    with pytest.raises(TypeError, match="only staff_of"):
        SignedInStaff(Role.AUDITOR, "Olga", "session", object())
    with pytest.raises(TypeError, match="only verify_token"):
        VerifiedToken(Role.AUDITOR, "Olga", "id", object())
