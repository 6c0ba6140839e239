"""Answers on paper that come with a registry export."""

from datetime import timedelta
from threading import Thread

import pytest
import sqlalchemy as sa

from interurban_adapters.errors import MappingError
from interurban_node.accounts.service import learner_ref_of
from interurban_node.consent import service
from interurban_node.consent.models import ClaimRow, EventRow, HistoryRow
from interurban_node.consent.queries import consents
from interurban_node.core.errors import StateError
from interurban_node.core.journal import Irrevocable
from interurban_protocol.consent_records import ActorKind, ConsentState
from tests.support.learners import NORTHPORT, ask, papers, say

GIVEN, REFUSED = ConsentState.GIVEN, ConsentState.REFUSED
WITHDRAWN = ConsentState.WITHDRAWN


@pytest.fixture
def asked(node, moment):
    with node.database.transaction() as session:
        return ask(session, node, moment.now)


@pytest.fixture
def take_in(node, moment, tmp_path):
    """Imports rows of (person, sheet, answer, days ago)."""

    def take(*rows, **columns):
        today = moment.now.date()
        full = [(p, s, a, today - timedelta(days=ago)) for p, s, a, ago in rows]
        mapping = papers(tmp_path / "papers", full, **columns)
        return service.import_claims(node, mapping, moment.now)

    return take


def states(node, person, moment):
    with node.database.transaction() as session:
        learner = learner_ref_of(node.keys, person)
        return [s.state for s in service.standing(session, learner, moment.now)]


def test_every_row_is_counted_once_in_the_summary(asked, take_in):
    summary = take_in(
        ("p1", "s1", "given", 5),
        ("p2", "s2", "refused", 5),
        ("p3", "s3", "withdrawn", 5),
    )
    assert (summary.rows, summary.given, summary.refused, summary.withdrawn) == (
        3,
        1,
        1,
        1,
    )
    assert (summary.known, dict(summary.rejected)) == (0, {})


def test_reading_the_same_export_again_changes_nothing(node, asked, take_in):
    rows = [("p1", "s1", "given", 5), ("p2", "s2", "refused", 5)]
    take_in(*rows)
    before = _events(node)
    summary = take_in(*rows)
    assert (summary.known, summary.given, summary.refused) == (2, 0, 0)
    assert _events(node) == before


def _events(node):
    with node.database.transaction() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(EventRow))


def test_a_sheet_is_used_for_one_learner_only(node, asked, take_in, moment):
    take_in(("p1", "s1", "given", 5))
    summary = take_in(("p2", "s1", "given", 5))
    assert dict(summary.rejected) == {"evidence_id: was used for another learner": 1}
    assert states(node, "p2", moment) == []


def test_a_used_sheet_does_not_bring_back_what_was_stopped(
    node, asked, take_in, moment
):
    take_in(("p1", "s1", "given", 5))
    with node.database.transaction() as session:
        learner = learner_ref_of(node.keys, "p1")
        say(session, node, asked, WITHDRAWN, moment.now, learner)
    moment.advance(days=1)
    assert take_in(("p1", "s1", "given", 6)).known == 1
    assert states(node, "p1", moment) == [WITHDRAWN]


@pytest.mark.parametrize("no", [REFUSED, WITHDRAWN])
@pytest.mark.parametrize("days_after_signing", [0, 1, 30])
def test_a_claim_never_counts_over_a_later_or_equal_no(
    node, asked, take_in, moment, no, days_after_signing
):
    with node.database.transaction() as session:
        learner = learner_ref_of(node.keys, "p1")
        say(session, node, asked, no, moment.now, learner)
    moment.advance(days=40)
    summary = take_in(("p1", "s1", "given", 40 + days_after_signing))
    assert summary.given == 0
    assert sum(summary.rejected.values()) == 1
    assert states(node, "p1", moment) == [no]


def test_a_claim_that_was_signed_after_the_no_counts(node, asked, take_in, moment):
    with node.database.transaction() as session:
        learner = learner_ref_of(node.keys, "p1")
        say(session, node, asked, REFUSED, moment.now, learner)
    moment.advance(days=40)
    assert take_in(("p1", "s1", "given", 38)).given == 1
    assert states(node, "p1", moment) == [GIVEN]


@pytest.mark.parametrize(("hour", "counts"), [(9, 1), (10, 0)])
def test_a_no_reaches_into_the_next_day_where_that_has_begun(
    node, asked, take_in, moment, hour, counts
):
    moment.advance(days=1)
    said_at = moment.now.replace(hour=hour, minute=0, second=0, microsecond=0)
    with node.database.transaction() as session:
        learner = learner_ref_of(node.keys, "p1")
        say(session, node, asked, REFUSED, said_at, learner)
    moment.advance(days=40)
    assert take_in(("p1", "s1", "given", 39)).given == counts


def test_a_no_to_the_words_before_stands_against_an_older_sheet(
    node, asked, take_in, moment
):
    with node.database.transaction() as session:
        learner = learner_ref_of(node.keys, "p1")
        say(session, node, asked, REFUSED, moment.now, learner)
        ask(session, node, moment.advance(days=1), days=100)
    assert take_in(("p1", "s1", "given", 5)).given == 0


def test_an_imported_no_takes_effect_over_an_answer_on_the_page(
    node, asked, take_in, moment
):
    with node.database.transaction() as session:
        learner = learner_ref_of(node.keys, "p1")
        say(session, node, asked, GIVEN, moment.now, learner)
    assert take_in(("p1", "s1", "refused", 200)).refused == 1
    assert states(node, "p1", moment) == [REFUSED]


def test_a_row_that_turns_into_a_no_takes_effect_with_the_same_sheet(
    node, asked, take_in, moment
):
    take_in(("p1", "s1", "given", 5))
    assert take_in(("p1", "s1", "withdrawn", 0)).withdrawn == 1
    assert states(node, "p1", moment) == [WITHDRAWN]
    assert take_in(("p1", "s1", "withdrawn", 0)).known == 1
    with node.database.transaction() as session:
        learner = learner_ref_of(node.keys, "p1")
        service.verified_history(session, node, learner, moment.now)


def test_a_no_counts_even_when_its_sheet_was_used_for_somebody_else(
    node, asked, take_in, moment
):
    take_in(("p1", "s1", "given", 5))
    assert take_in(("p2", "s1", "refused", 5)).refused == 1
    assert states(node, "p2", moment) == [REFUSED]


@pytest.mark.parametrize("order", [1, -1])
def test_a_yes_and_a_no_in_one_export_are_a_no(node, asked, take_in, moment, order):
    rows = [("p1", "s1", "given", 5), ("p1", "s2", "refused", 4)]
    take_in(*rows[::order])
    assert states(node, "p1", moment) == [REFUSED]


def test_a_no_that_is_being_said_wins_over_an_import_at_the_same_moment(
    node, asked, take_in, moment
):
    learner = learner_ref_of(node.keys, "p1")
    summaries = []
    importing = Thread(
        target=lambda: summaries.append(take_in(("p1", "s1", "given", 5)))
    )
    with node.database.transaction() as session:
        say(session, node, asked, REFUSED, moment.now, learner)
        importing.start()
        importing.join(timeout=0.5)  # it waits for this transaction
        assert importing.is_alive()
    importing.join()
    assert summaries[0].given == 0
    assert states(node, "p1", moment) == [REFUSED]
    with node.database.transaction() as session:
        where = consents([asked], HistoryRow.learner_ref, moment.now)
        assert session.scalar(sa.select(HistoryRow).where(where)) is None


def test_claims_are_the_registrys_word_and_not_the_learners(
    node, asked, take_in, moment
):
    take_in(("p1", "s1", "given", 5))
    with node.database.transaction() as session:
        (event,) = service.history(session, learner_ref_of(node.keys, "p1"))
    assert (event.actor, event.has_receipt) == (ActorKind.REGISTRY, False)
    assert event.signed_on == moment.now.date() - timedelta(days=5)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"question": "reference"}, "question: is not one that is answered on paper"),
        ({"recipients": "some"}, "recipients: are not those that the question names"),
    ],
)
def test_a_claim_about_something_else_is_rejected(asked, take_in, columns, reason):
    summary = take_in(("p1", "s1", "given", 5), **columns)
    assert dict(summary.rejected) == {reason: 1}


def test_a_bad_row_does_not_stop_the_good_ones(asked, take_in):
    summary = take_in(("p1", "s1", "perhaps", 5), ("p2", "s2", "given", 5))
    assert (summary.rows, summary.given) == (2, 1)
    assert sum(summary.rejected.values()) == 1


def test_claims_need_exactly_one_question(node, moment, take_in):
    with pytest.raises(StateError):
        take_in(("p1", "s1", "given", 5))
    with node.database.transaction() as session:
        ask(session, node, moment.now)
        ask(session, node, moment.now, recipients=(NORTHPORT,))
    with pytest.raises(StateError):
        take_in(("p1", "s1", "given", 5))


def test_a_mapping_without_consents_is_refused(node, moment, tmp_path):
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        'name = "x"\n[programme]\ntable = "p"\nkey = ["k"]\n[programme.fields]\n'
        'code = { column = "k" }\ntitle = { column = "t" }\n'
    )
    with pytest.raises(MappingError):
        service.import_claims(node, mapping, moment.now)


def test_no_number_of_a_person_or_sheet_is_kept(node, asked, take_in):
    take_in(("4711-anna", "sheet-of-4711-anna", "given", 5))
    with node.database.transaction() as session:
        for table in (ClaimRow.__table__, EventRow.__table__):
            for row in session.execute(sa.select(table)):
                assert not any("4711" in str(value) for value in row)


def test_every_imported_no_stands_in_the_one_way_journal(node, asked, take_in):
    rows = [(f"p{n}", f"s{n}", "refused", 5) for n in range(1200)]
    take_in(*rows)
    entries = [e for e in node.journal.entries() if e.kind is Irrevocable.WITHDRAWAL]
    learners = {ref for entry in entries for ref in entry.facts["learners"].split()}
    assert learners == {learner_ref_of(node.keys, f"p{n}") for n in range(1200)}


def test_an_import_that_breaks_off_is_taken_up_without_loss_or_double(
    node, moment, asked, tmp_path
):
    signed = moment.now.date()
    rows = [(f"p{n}", f"s{n}", "given", signed) for n in range(4500)]
    mapping = papers(tmp_path / "papers", rows)

    class BrokenOffError(Exception):
        pass

    def break_off(done: int) -> None:
        if done >= 4000:
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        service.import_claims(node, mapping, moment.now, break_off)
    assert _events(node) == 4000
    summary = service.import_claims(node, mapping, moment.now)
    assert (summary.known, summary.given) == (4000, 500)
    assert _events(node) == 4500
