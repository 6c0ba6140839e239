"""`interurban account`: what it prints, and that nothing else does."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from interurban_node.accounts import service
from interurban_node.accounts.commands import RoleOption, app
from interurban_node.accounts.rules import Role
from interurban_node.core.context import Node

RUNNER = CliRunner()


def run(node: Node, *arguments: str) -> Result:
    return RUNNER.invoke(app, [*arguments, "--home", str(node.home.path)])


def known(node: Node, *learners: str) -> None:
    with node.database.transaction() as session:
        for ref in learners:
            identity = service.Identity(person_id=ref)
            service.store_identity(session, node, ref, identity, node.clock())


def test_the_command_line_knows_every_role() -> None:
    assert [str(option) for option in RoleOption] == [str(role) for role in Role]


def test_a_token_is_printed_once_and_works(node: Node) -> None:
    done = run(node, "token", "--role", "auditor", "--label", "Olga", "--days", "7")
    assert done.exit_code == 0
    token = done.stdout.strip()
    with node.database.transaction() as session:
        (facts,) = service.tokens(session)
        verified = service.verify_token(session, node, token, facts.made_at)
    assert (verified.role, verified.label) == (Role.AUDITOR, "Olga")
    assert (facts.expires_at - facts.made_at).days == 7
    listed = run(node, "tokens", "--json")
    assert json.loads(listed.stdout)[0]["token_id"] == facts.token_id
    assert token not in listed.stdout


def test_a_token_is_revoked_by_its_id(node: Node) -> None:
    made = run(node, "token", "--role", "service", "--label", "sdmx", "--json")
    assert json.loads(made.stdout)["role"] == "service"
    token_id = json.loads(run(node, "tokens", "--json").stdout)[0]["token_id"]
    assert run(node, "revoke", token_id).exit_code == 0
    assert json.loads(run(node, "tokens", "--json").stdout)[0]["revoked_at"]
    assert run(node, "tokens").exit_code == 0


def test_an_unknown_token_or_role_is_refused(node: Node) -> None:
    refused = run(node, "revoke", "nothing", "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["type"] == "urn:interurban:problem:not-found"
    assert run(node, "token", "--role", "king", "--label", "x").exit_code == 2


def test_a_code_is_made_for_a_learner_who_is_known(node: Node) -> None:
    refused = run(node, "code", "Lnobody")
    assert refused.exit_code == 1
    assert "Next:" in refused.stderr
    known(node, "Lanna")
    made = json.loads(run(node, "code", "Lanna", "--json").stdout)
    assert made["learner_ref"] == "Lanna"
    with node.database.transaction() as session:
        now = node.clock()
        assert service.sign_in_learner(session, node, made["code"], "desk", now)
    assert run(node, "code", "Lanna").exit_code == 0


def test_codes_go_into_a_file_that_only_its_owner_reads(
    node: Node, tmp_path: Path
) -> None:
    known(node, "Lanna", "Lbilal", "Lcarla")
    out = tmp_path / "codes.csv"
    done = run(node, "codes", "--out", str(out), "--limit", "2")
    assert done.exit_code == 0
    assert out.stat().st_mode & 0o777 == 0o600
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["learner_ref"] for row in rows] == ["Lanna", "Lbilal"]
    assert not any(row["code"] in done.stdout for row in rows)
    with node.database.transaction() as session:
        now = node.clock()
        assert service.sign_in_learner(session, node, rows[1]["code"], "desk", now)


def test_a_file_is_not_overwritten_and_no_code_is_lost(
    node: Node, tmp_path: Path
) -> None:
    known(node, "Lanna")
    out = tmp_path / "codes.csv"
    out.write_text("precious")
    assert run(node, "codes", "--out", str(out)).exit_code == 1
    assert out.read_text() == "precious"
    with node.database.transaction() as session:
        assert service.learners_without_code(session, node.clock(), 9) == ["Lanna"]


@pytest.mark.parametrize("days", ["0", "-1", "x"])
def test_days_are_checked(node: Node, days: str) -> None:
    arguments = ["token", "--role", "auditor", "--label", "x", "--days", days]
    assert run(node, *arguments).exit_code == 2
