"""The demonstration as its user runs it: real processes, real sockets, one command."""

import hashlib
import json
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from interurban_node.aggregates import service as aggregates
from interurban_node.core.context import Node, open_node
from interurban_node.core.errors import ConfigurationError, StateError
from interurban_node.demo.cities import MARKER, own_folder
from interurban_node.demo.state import remove_state
from tests.support.shared import shared_path


def interurban(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "interurban_node.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def verify(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "interurban_protocol", "verify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration on the real export, told once; its homes stay."""
    folder = tmp_path_factory.mktemp("demonstration") / "demo"
    data = shared_path("data/oulad")
    done = interurban("demo", "--once", "--data", str(data), "--dir", str(folder))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "small cells and found nobody" in done.stderr
    assert "Committee: the cities side by side" in done.stderr
    return folder


@pytest.fixture(scope="module")
def state(folder: Path) -> Mapping[str, Any]:
    return json.loads((folder / "state.json").read_text())


@pytest.fixture
def first(state: Mapping[str, Any]) -> Node:
    node = open_node(Path(state["cities"][0]["home"]))
    yield node
    node.close()


def test_the_state_file_has_what_outside_programs_need(
    folder: Path, state: Mapping[str, Any]
):
    assert stat.S_IMODE((folder / "state.json").stat().st_mode) == 0o600
    assert set(state) == {"version", "agreement_id", "plan_id", "cities"}
    assert [city["id"] for city in state["cities"]] == [
        "scotland",
        "london",
        "east-anglia",
    ]
    for city in state["cities"]:
        assert set(city) == {
            "id",
            "origin",
            "home",
            "tokens",
            "learners",
            "dataflows",
            "releases",
            "references",
        }
        assert set(city["tokens"]) == {"it_operator", "committee_member", "service"}
        assert {learner["state"] for learner in city["learners"]} >= {
            "given",
            "refused",
            "never asked",
        }
        # four quarters of starts; of the exits, those that the gate lets through
        names = [release["dataflow"] for release in city["releases"]]
        assert sum("COMPLETION" in name for name in names) == 4
        assert all("COMPLETION" in name or "EXITS" in name for name in names)
    held = [reference for city in state["cities"] for reference in city["references"]]
    assert len(held) == 2
    assert all(Path(reference["file"]).is_file() for reference in held)


def test_each_digest_in_the_state_file_is_that_of_the_data(
    state: Mapping[str, Any], first: Node
):
    for release in state["cities"][0]["releases"]:
        with first.database.transaction() as session:
            manifest = aggregates.manifest_of(session, release["id"])
            bundle = aggregates.export_bundle(
                session, first, release["id"], first.clock()
            )
        data = json.loads(bundle)["data"].encode()
        assert hashlib.sha256(data).hexdigest() == release["sha256"]
        assert manifest.data.digest == f"sha256:{release['sha256']}"


def test_a_stranger_verifies_a_release_and_references_from_files_alone(
    state: Mapping[str, Any], first: Node, tmp_path: Path
):
    descriptor = ("--descriptor", str(first.home.path / "descriptor.json"))
    release = state["cities"][0]["releases"][0]["id"]
    bundle = tmp_path / "release.json"
    shown = interurban(
        "release", "show", release, "--out", str(bundle), "--home", str(first.home.path)
    )
    assert shown.returncode == 0, shown.stderr
    assert verify(str(bundle), *descriptor).returncode == 0
    changed = bundle.read_text().replace(",COM,", ",NCM,", 1)
    assert changed != bundle.read_text()
    bundle.write_text(changed)
    assert verify(str(bundle), *descriptor).returncode == 1
    for reference in state["cities"][0]["references"]:
        without_a_list = verify(reference["file"], *descriptor)
        assert without_a_list.returncode == 3, without_a_list.stdout


@pytest.mark.parametrize(("position", "code"), [(0, 1), (1, 0)])
def test_the_partner_finds_the_stopped_reference_ended_and_the_other_valid(
    state: Mapping[str, Any], position: int, code: int
):
    file = state["cities"][0]["references"][position]["file"]
    home = state["cities"][1]["home"]
    found = interurban("reference", "verify", file, "--home", home, "--json")
    assert found.returncode == code, found.stdout
    verdict = json.loads(found.stdout)
    assert verdict["state"] == ("ended" if code else "fresh")


def test_no_data_file_was_copied_into_the_homes(folder: Path):
    assert not list(folder.rglob("studentInfo.csv"))


def test_a_failing_step_is_named(tmp_path: Path):
    export = tmp_path / "export"
    export.mkdir()
    failed = interurban(
        "demo", "--once", "--data", str(export), "--dir", str(tmp_path / "x")
    )
    assert failed.returncode == 1
    assert "courses.csv" in failed.stderr or "studentInfo.csv" in failed.stderr
    assert not (tmp_path / "x" / "state.json").exists()


def test_a_folder_of_somebody_else_is_not_emptied(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(ConfigurationError, match="not empty"), own_folder(tmp_path):
        pass
    assert (tmp_path / "thesis.txt").exists()


def test_a_folder_of_an_earlier_demonstration_is_emptied(tmp_path: Path):
    with own_folder(tmp_path / "demo"):
        (tmp_path / "demo" / "lakeside").mkdir()
        (tmp_path / "demo" / "state.json").touch()
    with own_folder(tmp_path / "demo"):
        assert [path.name for path in (tmp_path / "demo").iterdir()] == [MARKER]


def test_a_running_demonstration_keeps_its_folder(tmp_path: Path):
    with own_folder(tmp_path / "demo"):
        (tmp_path / "demo" / "lakeside").mkdir()
        with (
            pytest.raises(StateError, match="is running"),
            own_folder(tmp_path / "demo"),
        ):
            pass
        assert (tmp_path / "demo" / "lakeside").exists()


def test_a_polite_end_stops_the_nodes_too(tmp_path: Path):
    folder = tmp_path / "demo"
    command = [
        sys.executable,
        "-m",
        "interurban_node.cli",
        "demo",
        "--dir",
        str(folder),
    ]
    demo = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert demo.stderr is not None
    for line in demo.stderr:
        if line.startswith("[2/"):
            break
    demo.send_signal(signal.SIGTERM)
    _, rest = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "the nodes have been stopped" in rest
    for home in ("lakeside", "northport", "eastvale"):
        settings = (folder / home / "interurban.toml").read_text()
        port = int(settings.split("bind_port = ")[1].split("\n")[0])
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_state_file_goes_when_the_nodes_go(tmp_path: Path):
    (tmp_path / "state.json").write_text("{}")
    remove_state(tmp_path)
    remove_state(tmp_path)
    assert not (tmp_path / "state.json").exists()
