"""`interurban release …`: building, listing, showing and verifying from the terminal."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from typer.testing import CliRunner

from interurban_node.aggregates.commands import app
from interurban_node.aggregates.models import ReleaseRow
from interurban_node.core.context import Node
from interurban_node.partners.service import DESCRIPTOR_FILE
from tests.support.committees import agree, populate
from tests.support.counting import CITIES, NEXT_PERIOD, PERIOD, a_small_structure
from tests.support.nodes import Federation


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
    assert shown == {**facts, "coverage": 80, "rows": shown["rows"]}
    assert "coverage: 80 %" in run(lakeside, "show", facts["release"]).stdout


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
