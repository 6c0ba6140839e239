"""`interurban release …`: building, listing, showing and verifying from the terminal."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from typer.testing import CliRunner

from interurban_node.aggregates.commands import app
from interurban_node.aggregates.models import ReleaseRow
from interurban_node.agreements import service as agreements
from interurban_node.consent.models import GrantRow
from interurban_node.consent.service import current_questions
from interurban_node.core.context import Node
from interurban_node.partners.service import DESCRIPTOR_FILE
from interurban_protocol.consent_records import Scope
from interurban_protocol.release_plans import PlannedRevision, ProtectionProfile
from tests.support.committees import a_draft, agree, populate
from tests.support.counting import (
    CITIES,
    NEXT_PERIOD,
    PERIOD,
    a_small_structure,
    plan_of,
    register,
    some_learners,
)
from tests.support.nodes import Federation
from tests.support.statistics import a_period


@pytest.fixture
def lakeside(federation: Federation) -> Node:
    """A city with a plan in force and learners; 2025-Q4 is due, and 2026-Q1 is empty."""
    agree(federation)
    populate(federation, learners=200)
    return federation.nodes["lakeside"]


def run(node: Node, *options: str) -> Result:
    return CliRunner().invoke(app, [*options, "--home", str(node.home.path)])


def answer(node: Node, *options: str) -> Any:
    done = run(node, *options, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def built_ids(node: Node) -> Sequence[str]:
    with node.database.transaction() as session:
        in_order = sa.select(ReleaseRow.release_id).order_by(ReleaseRow.sequence)
        return session.scalars(in_order).all()


def test_everything_due_is_built_once(lakeside: Node) -> None:
    built = answer(lakeside, "build", "--all")["built"]
    assert [(each["period"], each["coverage"]) for each in built] == [
        (PERIOD, 80),
        (NEXT_PERIOD, None),
    ]
    assert [each["release"]["release"] for each in built] == list(built_ids(lakeside))
    assert answer(lakeside, "build", "--all") == {"built": []}
    assert "Nothing is due." in run(lakeside, "build", "--all").stdout


def test_one_period_is_built_and_refused_the_second_time(lakeside: Node) -> None:
    options = ("build", "--dataflow", "COMPLETION", "--period", PERIOD)
    done = run(lakeside, *options)
    assert done.exit_code == 0
    assert f"Built INTERURBAN:COMPLETION(1.0.0) for {PERIOD}." in done.stderr
    again = run(lakeside, *options)
    assert again.exit_code == 1
    assert "a period is issued once" in again.stderr
    assert len(built_ids(lakeside)) == 1


def test_a_dry_run_writes_nothing(lakeside: Node) -> None:
    found = answer(lakeside, "build", "--period", PERIOD, "--dry-run")["built"]
    assert [(each["release"], each["coverage"]) for each in found] == [(None, 80)]
    assert found[0]["hidden"] < found[0]["cells"]
    assert built_ids(lakeside) == []
    assert "dry run" in run(lakeside, "build", "--all", "--dry-run").stdout


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        (["build"], 2),
        (["build", "--period", "2031-Q1"], 1),
        (["build", "--dataflow", "WAGES"], 1),
        (["show", "sha256:" + "0" * 64], 1),
        (["verify", "/nowhere/at/all"], 2),
    ],
)
def test_what_there_is_not_is_refused(
    cities: Federation, options: list[str], exit_code: int
) -> None:
    done = run(cities.add("lakeside"), *options)
    assert (done.exit_code, done.stdout) == (exit_code, "")


def test_releases_are_listed_and_shown(lakeside: Node) -> None:
    assert "No release was built yet." in run(lakeside, "list").stdout
    run(lakeside, "build", "--period", PERIOD)
    (facts,) = answer(lakeside, "list")["releases"]
    assert facts["dataflow"] == a_small_structure().urn
    assert facts["recipients"] == list(CITIES[1:])
    assert PERIOD in run(lakeside, "list").stdout
    shown = answer(lakeside, "show", facts["release"])
    assert shown == {**shown, **facts, "coverage": 80, "basis": "consent"}
    assert shown["gate"]["finished"] is True
    assert shown["gate"]["examined"] == shown["gate"]["targets"] > 0
    text = run(lakeside, "show", facts["release"]).stdout
    assert "coverage: 80 %" in text
    assert "gate: passed; " in text
    assert "replaces: nothing" in text


# --- the gate


@pytest.fixture
def unsafe(federation: Federation) -> Node:
    """A city so small that its tables of 2025-Q4 leave too little open."""
    agree(federation)
    populate(federation, learners=0)
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        asked = current_questions(session, Scope.AGGREGATES)
        learners = some_learners(200, seed=3)
        register(session, learners, [each.question_id for each in asked])
    return node


def test_the_verdict_of_the_gate_is_told(lakeside: Node) -> None:
    done = run(lakeside, "build", "--period", PERIOD, "--gate-seconds", "60")
    assert "gate passed: " in done.stderr
    assert "small cells examined" in done.stderr


def test_a_refused_release_is_not_signed_and_the_reasons_say_what_mends_it(
    unsafe: Node,
) -> None:
    done = run(unsafe, "build", "--dataflow", "COMPLETION", "--period", PERIOD)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "PROGRAMME=" in done.stderr
    assert "mend: threshold 15 in the profile" in done.stderr
    assert built_ids(unsafe) == []


def test_one_refused_release_does_not_stop_the_others(
    federation: Federation, unsafe: Node
) -> None:
    federation.clock.now = a_period(NEXT_PERIOD).cut_off
    done = run(unsafe, "build", "--all", "--json")
    assert done.exit_code == 1
    first, second = json.loads(done.stdout)["built"]
    assert (first["period"], first["release"]) == (PERIOD, None)
    assert "mend: " in first["reasons"][0]
    assert second["release"]["period"] == NEXT_PERIOD
    assert len(built_ids(unsafe)) == 1
    assert "refused" in run(unsafe, "calendar").stdout


# --- beforehand


def test_a_preview_shows_what_will_be_hidden_and_why(lakeside: Node) -> None:
    (found,) = answer(lakeside, "preview", "--period", PERIOD)["forecasts"]
    assert found["eligible"] == 200
    assert (
        sum(cube["small"] + cube["collapsed"] for cube in found["cubes"])
        == (found["hidden"])
    )
    assert {group["dimension"] for group in found["groups"]} == {
        *("PROGRAMME", "AGE", "SEX", "EQUITY", "OUTCOME")
    }
    done = run(lakeside, "preview", "--period", PERIOD)
    assert done.exit_code == 0
    assert "For this office only" in done.stderr
    assert "of 200 learners are counted" in done.stdout
    assert "Collapsed" in done.stdout
    assert built_ids(lakeside) == []


def test_a_preview_wants_to_know_of_what(lakeside: Node) -> None:
    assert run(lakeside, "preview").exit_code == 2


def test_the_calendar_names_state_and_next_step(lakeside: Node) -> None:
    run(lakeside, "build", "--period", PERIOD)
    first, second = answer(lakeside, "calendar")["calendar"]
    assert (first["period"], first["state"]) == (PERIOD, "published")
    assert first["release"] == built_ids(lakeside)[0]
    assert (second["state"], second["release"]) == ("due", None)
    assert second["next_step"] == "`release build`"
    text = run(lakeside, "calendar").stdout
    assert "Cut-off" in text
    assert NEXT_PERIOD in text


# --- revisions


def agree_on_a_revision(federation: Federation, revised: str) -> str:
    """All sign a plan that issues 2025-Q4 once more; its id."""
    (first, *others), clock = list(federation.nodes.values()), federation.clock
    later = a_period(PERIOD, publication=clock.now + timedelta(days=30))
    payload = plan_of(
        first,
        a_small_structure(),
        periods=(later,),
        profile=ProtectionProfile(max_dimensions=2),
        issued_at=clock.now,
        revision=PlannedRevision(
            period=PERIOD, replaces=revised, reason="A school sent wrong dates."
        ),
    )
    with first.database.transaction() as session:
        plan_id = agreements.propose_plan(session, first, payload, [], clock.now)
        agreement_id = agreements.propose(
            session, first, a_draft(plan_id, clock.now), clock.now
        )
    federation.settle()
    for node in others:
        with node.database.transaction() as session:
            agreements.sign(session, node, agreement_id, clock.now)
        federation.settle()
    clock.advance(days=2)
    return plan_id


def test_a_period_is_revised_once_under_a_plan_that_all_signed(
    federation: Federation,
) -> None:
    revised = agree(federation)
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        asked = current_questions(session, Scope.AGGREGATES)
        learners = some_learners(400)
        register(session, learners, [each.question_id for each in asked])
    options = ("--dataflow", "COMPLETION")
    assert run(node, "build", *options, "--period", PERIOD).exit_code == 0
    plan_id = agree_on_a_revision(federation, revised)
    refused = run(node, "revise", "--plan", plan_id, *options)
    assert refused.exit_code == 1
    assert "fewer than 10 learners" in refused.stderr
    with node.database.transaction() as session:
        refs = session.scalars(sa.select(GrantRow.learner_ref).distinct()).all()[:15]
        session.execute(
            sa.update(GrantRow)
            .where(GrantRow.learner_ref.in_(refs))
            .values(ended_at=federation.clock.now)
        )
    found = answer(node, "revise", "--plan", plan_id, *options)
    assert found["release"]["revision"] == 1
    again = run(node, "revise", "--plan", plan_id, *options)
    assert "one revision at most" in again.stderr
    assert "(revised)" in run(node, "list").stdout
    shown = run(node, "show", found["release"]["release"]).stdout
    assert f"replaces: {built_ids(node)[0]}" in shown
    ordinary = run(node, "revise", "--plan", revised, *options)
    assert "not for a revision" in ordinary.stderr


def an_exported_file(node: Node, folder: Path) -> Path:
    run(node, "build", "--period", PERIOD)
    path = folder / "release.json"
    done = run(node, "show", built_ids(node)[0], "--out", str(path))
    assert done.exit_code == 0, done.stderr
    return path


def test_a_file_that_cannot_be_written_is_a_usage_error(
    lakeside: Node, tmp_path: Path
) -> None:
    path = an_exported_file(lakeside, tmp_path)
    elsewhere = str(path / "below-a-file")
    done = run(lakeside, "show", built_ids(lakeside)[0], "--out", elsewhere)
    assert (done.exit_code, done.stdout) == (2, "")


def test_a_partner_verifies_an_exported_file(
    lakeside: Node, federation: Federation, tmp_path: Path
) -> None:
    path = an_exported_file(lakeside, tmp_path)
    northport = federation.nodes["northport"]
    found = answer(northport, "verify", str(path))
    assert (found["state"], found["publisher"]) == ("valid", CITIES[0])
    assert "Valid: https://lakeside.example signed this release" in (
        run(northport, "verify", str(path)).stdout
    )


def test_a_stranger_verifies_it_with_the_descriptor_alone(
    lakeside: Node, cities: Federation, tmp_path: Path
) -> None:
    path = an_exported_file(lakeside, tmp_path)
    stranger = cities.add("farside")
    assert run(stranger, "verify", str(path)).exit_code == 1
    descriptor = str(lakeside.home.path / DESCRIPTOR_FILE)
    done = run(stranger, "verify", str(path), "--descriptor", descriptor)
    assert done.exit_code == 0
    assert "Compare with what https://lakeside.example reads out" in done.stdout


def test_a_changed_file_is_not_valid(lakeside: Node, tmp_path: Path) -> None:
    path = an_exported_file(lakeside, tmp_path)
    path.write_bytes(path.read_bytes().replace(b",A,F", b",A,G", 1))
    done = run(lakeside, "verify", str(path), "--json")
    assert done.exit_code == 1
    assert "not those that the manifest signs" in json.loads(done.stdout)["detail"]


def test_a_file_that_is_no_release_is_the_operators_own_to_correct(
    lakeside: Node, tmp_path: Path
) -> None:
    path = tmp_path / "none.json"
    path.write_bytes(b"{}")
    done = run(lakeside, "verify", str(path), "--json")
    assert done.exit_code == 1
    assert str(path) in json.loads(done.stdout)["next_step"]
