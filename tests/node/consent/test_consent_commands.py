"""`interurban consent …` from a terminal."""

import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from interurban_node.accounts.service import learner_ref_of
from interurban_node.consent import service
from interurban_node.consent.commands import app
from interurban_node.consent.models import EventRow
from interurban_protocol.consent_records import ConsentState
from tests.support.learners import papers, say

run = CliRunner()


@pytest.fixture
def home(federation):
    """Lakeside's home; it has joined Northport."""
    federation.join("lakeside", "northport")
    return federation.nodes["lakeside"].home.path


@pytest.fixture
def lakeside(federation):
    return federation.nodes["lakeside"]


def consent(home, *arguments, code=0):
    answer = run.invoke(app, [*arguments, "--home", str(home), "--json"])
    assert answer.exit_code == code, answer.output
    return json.loads(answer.stdout) if answer.stdout.strip() else None


def ask(home, *arguments):
    return consent(
        home,
        "ask",
        "--scope",
        "aggregates",
        "--purpose",
        "programme-evaluation",
        "--recipient",
        "https://northport.example",
        *arguments,
    )


def test_asking_publishes_the_question_once(home, lakeside):
    first = ask(home)
    assert first["recipients"] == ["https://northport.example"]
    assert ask(home)["question_id"] == first["question_id"]
    with lakeside.database.transaction() as session:
        (view,) = service.current_questions(session)
    assert "Northport" in view.texts["en"].who
    assert len(view.question.recipients[0].fingerprint.split()) == 8


def test_a_city_that_is_not_confirmed_is_no_recipient(home, lakeside):
    answer = consent(
        home,
        "ask",
        "--scope",
        "reference",
        "--recipient",
        "https://eastvale.example",
        code=1,
    )
    assert answer["type"].endswith("not-found")


def test_a_question_without_anybody_is_refused(home):
    assert consent(home, "ask", "--scope", "reference", code=1)["status"] == 403


@pytest.mark.parametrize(
    "arguments", [["--scope", "everything"], ["--scope", "aggregates"]]
)
def test_a_wrong_use_ends_with_2(home, arguments):
    answer = run.invoke(app, ["ask", *arguments, "--home", str(home)])
    assert answer.exit_code == 2


def test_an_import_says_what_became_of_every_row(home, lakeside, moment, tmp_path):
    ask(home)
    today = moment.now.date()
    rows = [("p1", "s1", "given", today), ("p2", "s2", "perhaps", today)]
    mapping = papers(tmp_path / "papers", rows)
    answer = consent(home, "import", "--mapping", str(mapping))
    assert (answer["rows"], answer["given"]) == (2, 1)
    assert sum(answer["rejected"].values()) == 1
    again = consent(home, "import", "--mapping", str(mapping))
    assert (again["given"], again["known"]) == (0, 1)


def test_showing_counts_answers_per_question(home, lakeside, moment):
    question_id = ask(home)["question_id"]
    now = lakeside.clock()
    with lakeside.database.transaction() as session:
        for person, state in (("a", "given"), ("b", "given"), ("c", "refused")):
            learner = learner_ref_of(lakeside.keys, person)
            say(session, lakeside, question_id, ConsentState(state), now, learner)
    (shown,) = consent(home, "show")["questions"]
    assert shown["answers"] == {"given": 2, "refused": 1, "withdrawn": 0, "ended": 0}


def test_a_history_is_shown_verified(home, lakeside, moment):
    question_id = ask(home)["question_id"]
    learner = learner_ref_of(lakeside.keys, "a")
    with lakeside.database.transaction() as session:
        say(session, lakeside, question_id, ConsentState.GIVEN, moment.now, learner)
    shown = consent(home, "show", "--learner", learner, "--verify")
    assert shown["verified"] is True
    assert [event["State"] for event in shown["events"]] == ["given"]


def test_every_history_is_verified_where_no_learner_is_named(home, lakeside, moment):
    question_id = ask(home)["question_id"]
    with lakeside.database.transaction() as session:
        for person in ("a", "b"):
            learner = learner_ref_of(lakeside.keys, person)
            given = ConsentState.GIVEN
            say(session, lakeside, question_id, given, moment.now, learner)
    assert consent(home, "show", "--verify")["verified_histories"] == 2
    with lakeside.database.transaction() as session:
        session.execute(
            sa.update(EventRow)
            .where(EventRow.learner_ref == learner)
            .values(token=b"changed")
        )
    assert consent(home, "show", "--verify", code=1)["next_step"]


def test_a_learner_without_history_is_not_found(home):
    problem = consent(home, "show", "--learner", "nobody", code=1)
    assert problem["type"] == "urn:interurban:problem:not-found"


def test_there_is_no_command_that_stops_a_consent():
    names = {
        command.name or command.callback.__name__ for command in app.registered_commands
    }
    assert names == {"ask", "import", "show"}
