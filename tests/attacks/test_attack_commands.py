"""`interurban attack …` on release files."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interurban_node.attackers.commands import app
from interurban_protocol.releases import release_bundle, write_data
from interurban_protocol.signed_documents import start_document
from interurban_protocol.structures import bundle_bytes
from tests.support.attacks import City, a_city, another_dataflow
from tests.support.statistics import PERIOD, a_key, a_manifest

run = CliRunner().invoke


def a_file(folder: Path, city: City, name: str = "release", **changes: object) -> Path:
    data = write_data(city.table(), city.structure, "LAKESIDE", PERIOD)
    manifest = start_document(a_manifest(city.structure, data, **changes), a_key())
    path = folder / f"{name}.json"
    path.write_bytes(release_bundle(manifest, data, bundle_bytes(city.structure)))
    return path


def a_truth(folder: Path, city: City) -> Path:
    text = io.StringIO()
    writer = csv.writer(text)
    names = [split.id for split in city.structure.split_dimensions]
    writer.writerow([*names, "LEARNERS"])
    for cell, count in enumerate(city.counts.tolist()):
        if count:
            writer.writerow([*city.space.codes(cell), count])
    path = folder / "truth.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def test_bounds_prints_the_narrowest_ranges(tmp_path):
    file = a_file(tmp_path, a_city(1))
    found = run(app, ["bounds", str(file), "--seconds", "30", "--json"])
    assert found.exit_code == 0, found.output
    data = json.loads(found.stdout)
    assert data["hidden"] == a_city(1).table().hidden_count
    assert 0 < data["tried"] <= data["hidden"]
    assert len(data["ranges"]) == 20
    assert all(
        each["low"] == 0 or each["high"] is None or each["high"] > 4
        for each in data["ranges"]
    )


def test_bounds_uses_what_else_the_attacker_holds(tmp_path):
    city = a_city(1)
    files = [
        a_file(tmp_path, city),
        a_file(tmp_path, another_dataflow(city, 1), "other"),
    ]
    found = run(app, ["bounds", str(files[0]), "--with", str(files[1])])
    assert found.exit_code == 0, found.output
    assert "hidden cells tried" in found.stdout


def test_read_prints_remainders_and_equal_values(tmp_path):
    file = a_file(tmp_path, a_city(1))
    found = run(app, ["read", str(file), "--json"])
    assert found.exit_code == 0, found.output
    data = json.loads(found.stdout)
    assert len(data["derived"]) > 10
    assert "remain" in data["derived"][0]["what"]


def test_compare_finds_no_difference_between_releases_about_the_same_people(tmp_path):
    city = a_city(1)
    files = [
        a_file(tmp_path, city),
        a_file(tmp_path, another_dataflow(city, 1), "other"),
    ]
    found = run(app, ["compare", *map(str, files)])
    assert found.exit_code == 0, found.output
    assert "They agree" in found.stdout


def test_compare_names_the_cell_of_who_left(tmp_path):
    city = a_city(1)
    gone = city.people[17]
    after = City(city.data, city.structure, city.people[:17] + city.people[18:])
    files = [a_file(tmp_path, city), a_file(tmp_path, after, "again")]
    found = run(app, ["compare", *map(str, files), "--json"])
    assert found.exit_code == 0, found.output
    data = json.loads(found.stdout)
    assert data["differences"]
    ids = [split.id for split in city.structure.split_dimensions]
    words = ", ".join(
        f"{name}={code}" for name, code in zip(ids, gone.codes, strict=True)
    )
    assert words in data["explanations"]


def test_score_prints_success_beside_chance(tmp_path):
    city = a_city(1)
    file, truth = a_file(tmp_path, city), a_truth(tmp_path, city)
    found = run(app, ["score", str(file), "--truth", str(truth), "--json"])
    assert found.exit_code == 0, found.output
    scores = {each["attack"]: each for each in json.loads(found.stdout)["scores"]}
    assert set(scores) == {
        "bounds: exact",
        "bounds: proven",
        "bounds: narrow",
        "least squares",
        "derived columns",
        "equal noise",
    }
    assert {each["verdict"] for each in scores.values()} <= {
        "nothing gained",
        "nothing to claim",
    }


TAMPERED = {
    "no file": None,
    "no json": b"{",
    "no bundle": b'{"kind": "something"}',
}


@pytest.mark.parametrize("what", TAMPERED)
@pytest.mark.parametrize("command", ["bounds", "read"])
def test_what_is_no_release_file_is_refused_in_words(tmp_path, what, command):
    path = tmp_path / "release.json"
    if TAMPERED[what] is not None:
        path.write_bytes(TAMPERED[what])
    found = run(app, [command, str(path)])
    assert found.exit_code == 1
    assert "Refused:" in found.stderr
    assert "Next:" in found.stderr


def test_a_file_whose_data_were_changed_is_refused(tmp_path):
    file = a_file(tmp_path, a_city(1))
    content = json.loads(file.read_text())
    content["data"] = content["data"].replace("A,F", "Q,A", 1)
    file.write_text(json.dumps(content))
    found = run(app, ["read", str(file)])
    assert found.exit_code == 1
    assert "not those of the manifest" in found.stderr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SEX,LEARNERS\nF,3\n",
        "PROGRAMME,AGE,SEX,EQUITY,OUTCOME,LEARNERS\nP9,A1,F,DIS,COM,1\n",
    ],
)
def test_a_truth_of_another_form_is_refused(tmp_path, text):
    truth = tmp_path / "truth.csv"
    truth.write_text(text)
    file = a_file(tmp_path, a_city(1))
    found = run(app, ["score", str(file), "--truth", str(truth)])
    if text:
        assert found.exit_code == 1
        assert "Refused:" in found.stderr
    else:
        assert found.exit_code == 0
        assert "least squares" in found.stdout


def test_releases_of_different_people_are_not_compared(tmp_path):
    city = a_city(1)
    other = a_city(2)
    files = [
        a_file(tmp_path, city),
        a_file(tmp_path, other, "other", publisher="https://northport.example"),
    ]
    found = run(app, ["compare", *map(str, files)])
    assert found.exit_code == 1
    assert "not about the same people" in found.stderr
