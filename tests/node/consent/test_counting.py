"""Counted only while given: the grants in SQL against the signed histories."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from interurban_node.accounts.service import learner_ref_of
from interurban_node.consent import service
from interurban_node.consent.models import HistoryRow
from interurban_node.consent.queries import consents
from interurban_node.core.context import Node
from interurban_protocol.consent_records import ConsentState, effective_state
from tests.support.learners import ask, ask_reference, papers, say

GIVEN, REFUSED = ConsentState.GIVEN, ConsentState.REFUSED
WITHDRAWN = ConsentState.WITHDRAWN
PERSON = "person-1"
LIFETIME = 40  # days; shorter than some of the waits below

answers = st.sampled_from([GIVEN, REFUSED, WITHDRAWN])
steps = st.tuples(
    st.sampled_from(["page", "paper"]),
    answers,
    st.integers(0, 30),  # days until the step
    st.integers(0, 50),  # how many days before the step the paper was signed
)
number = iter(range(10**9))


def is_counted(session: Session, question_id: str, learner: str, at: datetime) -> bool:
    where = consents([question_id], HistoryRow.learner_ref, at)
    select = sa.select(HistoryRow).where(HistoryRow.learner_ref == learner, where)
    return session.scalar(select) is not None


def take(
    node: Node, folder: Path, step: tuple[str, ConsentState, int, int], now, asked
):
    way, state, _, age = step
    learner = learner_ref_of(node.keys, PERSON)
    if way == "page":
        with node.database.transaction() as session:
            say(session, node, asked, state, now, learner)
        return
    sheet = f"sheet-{next(number)}"
    signed = now.date() - timedelta(days=age)
    service.import_claims(node, papers(folder, [(PERSON, sheet, state, signed)]), now)


@settings(max_examples=25)
@given(story=st.lists(steps, min_size=1, max_size=7))
def test_sql_counts_exactly_whom_the_signed_history_counts(
    cities, story: Sequence[tuple[str, ConsentState, int, int]]
):
    node = cities.nodes.get("lakeside") or cities.add("lakeside")
    cities.clock.advance(days=400)  # the story of the example before is over
    with node.database.transaction() as session:  # a question, so a history, of its own
        asked = ask(session, node, cities.clock.now, days=LIFETIME, purpose=_purpose())
        question = service.question(session, asked).question
        _retire_others(session, asked, cities.clock.now)
    learner = learner_ref_of(node.keys, PERSON)
    for step in story:
        now = cities.clock.advance(days=step[2], seconds=1)
        take(node, cities.folder / "papers", step, now, asked)
        for later in (timedelta(), timedelta(days=LIFETIME), timedelta(days=1)):
            with node.database.transaction() as session:
                history = service.verified_history(session, node, learner, now)
                wanted = effective_state(history, question, asked, now + later)
                found = is_counted(session, asked, learner, now + later)
                standing = service.standing(session, learner, now + later)
            assert found is wanted.is_given_for(r.node for r in question.recipients)
            shown = [s for s in standing if s.question.question_id == asked]
            assert [s.in_force for s in shown] == [found] * len(shown)


def _purpose() -> str:
    return f"purpose-{next(number)}"


def _retire_others(session: Session, asked: str, now: datetime) -> None:
    """Claims are bound to the one question that is asked."""
    table = service.QuestionRow
    session.execute(
        sa.update(table).where(table.question_id != asked).values(superseded_at=now)
    )


@settings(max_examples=15)
@given(
    story=st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), answers), min_size=1, max_size=8
    )
)
def test_a_reference_is_in_force_exactly_when_the_signed_history_says_so(cities, story):
    node = cities.nodes.get("lakeside") or cities.add("lakeside")
    learner = learner_ref_of(node.keys, f"person-{next(number)}")
    with node.database.transaction() as session:
        asked = ask_reference(session, node, cities.clock.now)
        view = service.question(session, asked)
        for credential, state in story:
            now = cities.clock.advance(seconds=1)
            if credential is None and state is GIVEN:
                continue
            say(session, node, asked, state, now, learner, credential)
            history = service.verified_history(session, node, learner, now)
            for about in ("a", "b"):
                wanted = effective_state(
                    history, view.question, asked, now, detail=about
                )
                assert _has_proof(session, learner, about, view.recipients[0], now) is (
                    wanted.is_given_for(view.recipients)
                )


def _has_proof(
    session: Session, learner: str, credential: str, recipient: str, now: datetime
) -> bool:
    try:
        service.reference_consent(session, learner, credential, recipient, now)
    except service.RefusedError:
        return False
    return True


@pytest.mark.parametrize("first", [GIVEN, REFUSED, WITHDRAWN])
def test_a_paper_counts_from_the_day_on_it(node, moment, tmp_path, first):
    with node.database.transaction() as session:
        asked = ask(session, node, moment.now)
    signed = moment.now.date() - timedelta(days=10)
    mapping = papers(tmp_path / "papers", [(PERSON, "sheet-1", first, signed)])
    service.import_claims(node, mapping, moment.now)
    learner = learner_ref_of(node.keys, PERSON)
    with node.database.transaction() as session:
        for days, counted in ((0, True), (9, True), (11, False)):
            at = moment.now - timedelta(days=days)
            found = is_counted(session, asked, learner, at)
            assert found is (counted and first is GIVEN)


def test_a_paper_is_not_in_the_future(node, moment, tmp_path):
    with node.database.transaction() as session:
        ask(session, node, moment.now)
    mapping = papers(
        tmp_path / "papers", [(PERSON, "sheet-1", GIVEN, date(2030, 1, 1))]
    )
    summary = service.import_claims(node, mapping, moment.now)
    assert (summary.given, sum(summary.rejected.values())) == (0, 1)
