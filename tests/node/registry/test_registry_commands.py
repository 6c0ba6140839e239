"""`interurban registry`: sync, quarantine, status."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from interurban_node.core.context import Node
from interurban_node.registry.commands import app
from tests.support.databases import fresh_sqlite_database
from tests.support.exports import Export, an_export
from tests.support.registries import load_into_database

RUNNER = CliRunner()


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return an_export(tmp_path / "export")


def run(node: Node, *arguments: str) -> Result:
    return RUNNER.invoke(app, [*arguments, "--home", str(node.home.path)])


def sync(node: Node, export: Export, *more: str) -> Result:
    return run(node, "sync", "--mapping", str(export.write()), *more)


def test_a_sync_says_what_it_did(node: Node, export: Export) -> None:
    first = json.loads(sync(node, export, "--json").stdout)
    assert first["source"] == "Training office"
    assert first["total"]["new"] == 21
    second = sync(node, export)
    assert second.exit_code == 0
    assert "learner" in second.stdout
    again = json.loads(sync(node, export, "--json").stdout)
    assert (again["total"]["new"], again["total"]["unchanged"]) == (0, 21)


def test_refused_rows_are_listed_without_what_they_say(
    node: Node, export: Export
) -> None:
    export.learner("P-1003", given="Zainab", born="no year")
    assert "registry quarantine" in sync(node, export).stdout
    listed = run(node, "quarantine", "--json")
    assert [(row["kind"], row["row"]) for row in json.loads(listed.stdout)] == [
        ("enrolment", 4),
        ("learner", 4),
    ]
    assert "Zainab" not in listed.stdout
    few = json.loads(run(node, "quarantine", "--limit", "1", "--json").stdout)
    assert len(few) == 1
    found = run(node, "quarantine", "--reason", "whole number", "--json")
    assert [row["kind"] for row in json.loads(found.stdout)] == ["learner"]
    assert "Zainab" not in run(node, "quarantine").stdout


def test_rows_are_unsealed_on_request(node: Node, export: Export) -> None:
    export.learner("P-1003", given="Zainab", born="no year")
    sync(node, export)
    rows = json.loads(run(node, "quarantine", "--show-rows", "--json").stdout)
    assert rows[1]["values"]["given"] == "Zainab"
    assert "Zainab" in run(node, "quarantine", "--show-rows").stdout


def test_a_large_loss_wants_to_be_accepted(node: Node, export: Export) -> None:
    sync(node, export)
    for number in range(1001, 1007):
        del export.tables["learners"][f"P-{number}"]
    refused = sync(node, export)
    assert refused.exit_code == 1
    assert "--accept-removal" in refused.stderr
    assert "6 of 8 records of the kind learner" in refused.stderr
    accepted = json.loads(sync(node, export, "--accept-removal", "--json").stdout)
    assert accepted["total"]["removed"] == 6


def test_a_wrong_mapping_is_an_error_with_a_next_step(
    node: Node, tmp_path: Path
) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text("name = 3")
    refused = run(node, "sync", "--mapping", str(path), "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["next_step"]


def test_files_may_lie_elsewhere_and_the_source_have_another_name(
    node: Node, export: Export, tmp_path: Path
) -> None:
    mapping = tmp_path / "elsewhere.toml"
    mapping.write_text(export.write().read_text())
    done = run(
        node,
        "sync",
        *("--mapping", str(mapping), "--folder", str(export.folder)),
        *("--source", "North office", "--json"),
    )
    assert json.loads(done.stdout)["source"] == "North office"
    assert json.loads(done.stdout)["total"]["new"] == 21


def test_a_source_may_be_a_database(node: Node, export: Export, tmp_path: Path) -> None:
    path = export.write()
    path.write_text(path.read_text().replace('.csv"', '"'))
    url = fresh_sqlite_database(tmp_path)
    load_into_database(export.folder, url, delimiter=",")
    done = run(node, "sync", "--mapping", str(path), "--database", url, "--json")
    assert json.loads(done.stdout)["total"]["new"] == 21


def test_status_shows_every_source(node: Node, export: Export) -> None:
    assert json.loads(run(node, "status", "--json").stdout) == []
    sync(node, export)
    (source,) = json.loads(run(node, "status", "--json").stdout)
    assert source["records"]["learner"] == 8
    assert source["fingerprints"]["learner"].startswith("sha256:")
    assert "learner" in run(node, "status").stdout
