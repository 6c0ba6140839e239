"""The commands `credential` and `reference`: what they print, write and exit with."""

import json
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from interurban_node.core.clock import system_clock
from interurban_node.core.context import Node
from interurban_node.credentials import jobs
from interurban_node.credentials.commands import credential_app, reference_app
from interurban_protocol.encoding import format_time
from tests.support.reference_cities import (
    CERTIFICATE,
    LEARNER,
    OTHER_CERTIFICATE,
    OTHER_LEARNER,
    Cities,
    Clock,
)


@pytest.fixture
def today(tmp_path: Path, database_url: str) -> Iterator[Cities]:
    """Cities that met just now: commands read the machine's clock."""
    cities = Cities(tmp_path, database_url, Clock(system_clock()))
    yield cities
    cities.close()


def run(app: typer.Typer, node: Node, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--home", str(node.home.path)])


def data(app: typer.Typer, node: Node, *arguments: str) -> dict[str, object]:
    result = run(app, node, *arguments, "--json")
    assert result.exit_code == 0, result.output
    value: dict[str, object] = json.loads(result.stdout)
    return value


def issued(node: Node, *arguments: str) -> Sequence[dict[str, str]]:
    found = data(credential_app, node, "issue", *arguments)["credentials"]
    assert isinstance(found, list)
    return found


def test_certificates_are_issued_one_by_one_or_all(today: Cities) -> None:
    [one] = issued(today.home, CERTIFICATE)
    assert one["learner_ref"] == LEARNER
    assert issued(today.home, CERTIFICATE) == [one]
    assert issued(today.home, "--learner", LEARNER) == []
    [other] = issued(today.home, "--all", "--limit", "5")
    assert other["certificate_id"] == OTHER_CERTIFICATE
    assert other["learner_ref"] == OTHER_LEARNER


def test_issuing_all_ends_with_how_many(today: Cities) -> None:
    issued(today.home, CERTIFICATE)
    first = run(credential_app, today.home, "issue", "--all").stdout.splitlines()
    assert first[-1] == "1 issued, 1 were there before."
    again = run(credential_app, today.home, "issue", "--all").stdout.splitlines()
    assert again == ["Nothing new to issue, 2 were there before."]


@pytest.mark.parametrize("arguments", [(), (CERTIFICATE, "--all")])
def test_issue_wants_exactly_one_choice(
    today: Cities, arguments: tuple[str, ...]
) -> None:
    assert run(credential_app, today.home, "issue", *arguments).exit_code == 2


def test_a_certificate_is_shown_and_written_once(today: Cities, tmp_path: Path) -> None:
    [one] = issued(today.home, CERTIFICATE)
    file = tmp_path / "certificate.json"
    arguments = ("show", one["credential_id"], "--out", str(file))
    assert run(credential_app, today.home, *arguments).exit_code == 0
    assert json.loads(file.read_bytes())["id"] == one["credential_id"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = run(credential_app, today.home, "show", one["credential_id"])
    assert shown.stdout.encode() == file.read_bytes() + b"\n"
    again = run(credential_app, today.home, *arguments)
    assert again.exit_code == 1
    assert "exists already" in again.stderr


def test_an_unknown_certificate_is_named_as_such(today: Cities) -> None:
    result = run(credential_app, today.home, "show", "urn:uuid:none")
    assert result.exit_code == 1
    assert "no certificate of this name" in result.stderr


def test_nothing_is_sent_without_consent(today: Cities) -> None:
    [one] = issued(today.home, CERTIFICATE)
    result = run(
        reference_app,
        today.home,
        *("send", "--learner", LEARNER, "--credential", one["credential_id"]),
        *("--to", today.north.origin),
    )
    assert result.exit_code == 1
    assert "has not agreed" in result.stderr
    assert LEARNER not in result.stderr


def test_a_reference_is_sent_listed_exported_verified_and_ended(
    today: Cities, tmp_path: Path
) -> None:
    reference_id = sent(today)
    [listed] = listing(today.home, "sent")
    assert (listed["reference_id"], listed["state"]) == (reference_id, "sent")
    file = tmp_path / "reference.sd-jwt"
    today.carry()
    [held] = listing(today.north, "received")
    assert (held["state"], held["claimed"]) == ("held", False)
    exported = run(
        reference_app, today.north, "export", reference_id, "--out", str(file)
    )
    assert exported.exit_code == 0, exported.output

    assert verified(today.north, file) == (3, "stale")
    today.fetch_lists(today.north)
    assert verified(today.north, file) == (0, "fresh")
    assert verified(today.east, file) == (1, "invalid")

    ended = data(reference_app, today.home, "end", "--reference", reference_id)
    assert ended["state"] == "ended"
    today.clock.now = system_clock()
    jobs.send_notices(today.home)
    today.carry()
    assert verified(today.north, file) == (1, "ended")
    again = run(
        reference_app, today.north, "export", reference_id, "--out", str(file) + "2"
    )
    assert again.exit_code == 1


def test_verifying_as_of_another_time(today: Cities, tmp_path: Path) -> None:
    reference_id = sent(today)
    today.carry()
    today.fetch_lists(today.north)
    file = tmp_path / "reference.sd-jwt"
    run(reference_app, today.north, "export", reference_id, "--out", str(file))
    today.clock.advance(minutes=30)
    assert verified(today.north, file, "--at", format_time(today.clock())) == (
        0,
        "cached",
    )
    later = format_time(today.clock.advance(days=70))
    assert verified(today.north, file, "--at", later) == (1, "expired")
    wrong = run(reference_app, today.north, "verify", str(file), "--at", "yesterday")
    assert wrong.exit_code == 1
    assert "2026-01-31T09:30:00Z" in wrong.stderr


def test_a_verdict_reads_as_a_sentence(today: Cities, tmp_path: Path) -> None:
    file = tmp_path / "nonsense"
    file.write_bytes(b"\xff\xfe nonsense")
    result = run(reference_app, today.north, "verify", str(file))
    assert result.exit_code == 1
    assert result.stdout.startswith("malformed: ")
    missing = run(reference_app, today.north, "verify", str(tmp_path / "none"))
    assert missing.exit_code == 2


def test_the_list_is_a_table_for_people(today: Cities) -> None:
    sent(today)
    today.carry()
    for node, direction in ((today.home, "sent"), (today.north, "received")):
        result = run(reference_app, node, "list")
        assert result.exit_code == 0
        assert direction in result.stdout
    assert LEARNER not in run(reference_app, today.home, "list").stdout


def sent(cities: Cities) -> str:
    [one] = issued(cities.home, CERTIFICATE)
    cities.say_yes(one["credential_id"], cities.north)
    cities.forget_wishes()
    found = data(
        reference_app,
        cities.home,
        *("send", "--learner", LEARNER, "--credential", one["credential_id"]),
        *("--to", cities.north.origin),
    )
    cities.clock.now = system_clock()  # what the command wrote is due now
    return str(found["reference_id"])


def listing(node: Node, direction: str) -> list[dict[str, object]]:
    found = data(reference_app, node, "list")[direction]
    assert isinstance(found, list)
    return found


def verified(node: Node, file: Path, *arguments: str) -> tuple[int, str]:
    result = run(reference_app, node, "verify", str(file), "--json", *arguments)
    return result.exit_code, json.loads(result.stdout)["state"]
