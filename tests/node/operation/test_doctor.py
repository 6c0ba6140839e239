"""What `doctor` finds, and that each problem names what mends it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from interurban_node.audit.models import JournalRow
from interurban_node.core import outbox
from interurban_node.core.context import Node, open_node
from interurban_node.core.journal import Irrevocable
from interurban_node.core.schema import upgrade
from interurban_node.operation.diagnosis import Finding, Verdict, examine
from interurban_node.partners import service as partners
from interurban_node.partners.models import PartnerRow
from interurban_protocol.keys import Algorithm, PrivateKey
from tests.support.databases import fresh_postgresql_database
from tests.support.federation import agreed, propose
from tests.support.nodes import START, Federation


@pytest.fixture(params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest, cities: Federation, monkeypatch: pytest.MonkeyPatch
) -> Node:
    """A node that migrations have made: `doctor` wants to see their version."""
    monkeypatch.setattr("tests.support.nodes.make_schema", upgrade)
    url = fresh_postgresql_database() if request.param == "postgresql" else ""
    return cities.add("lakeside", database_url=url)


def found(node: Node, check: str, *, online: bool = False) -> list[Finding]:
    findings = examine(node, online=online)
    for finding in findings:
        assert finding.verdict is not Verdict.PROBLEM or finding.mend
    return [finding for finding in findings if finding.check == check]


def only(node: Node, check: str, *, online: bool = False) -> Finding:
    (finding, *_) = found(node, check, online=online)
    return finding


def test_a_new_node_has_no_problem(node: Node):
    verdicts = {f.check: f.verdict for f in examine(node, online=False)}
    assert Verdict.PROBLEM not in verdicts.values()
    for check in ("clock", "database", "journal", "outgoing"):
        assert verdicts[check] is Verdict.FINE


def append_alone(node: Node, _: Federation) -> None:
    node.journal.append(Irrevocable.KEY_EVENT, {}, START)


def lose_journal(node: Node, _: Federation) -> None:
    node.home.journal_file.write_bytes(b"")


def damage_journal(node: Node, _: Federation) -> None:
    with node.home.journal_file.open("ab") as file:
        file.write(b"half a li")


def foreign_key(node: Node, _: Federation) -> None:
    """The key files of another node; the home is opened afresh with them."""
    path = node.home.key_file("exchange")
    key = PrivateKey.from_random(Algorithm.ED25519, b"x" * 48)
    path.write_bytes(key.to_pem())


def open_key(node: Node, _: Federation) -> None:
    node.home.key_file("documents").chmod(0o644)


def early_clock(_: Node, federation: Federation) -> None:
    federation.clock.advance(days=-1)


def no_schema(node: Node, _: Federation) -> None:
    with node.database.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE alembic_version"))


def old_schema(node: Node, _: Federation) -> None:
    with node.database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))


PROBLEMS: dict[str, tuple[str, Callable[[Node, Federation], None], str, str]] = {
    "the clock is before the node was made": (
        "clock",
        early_clock,
        "before the node was made",
        "timedatectl",
    ),
    "the database was lost": ("database", no_schema, "missing or empty", "Restore"),
    "the schema is old": ("database", old_schema, "at 0000", "interurban serve"),
    "journal entries are not re-applied": (
        "journal",
        append_alone,
        "recovering",
        "interurban serve",
    ),
    "the journal was lost": ("journal", lose_journal, "has lost 1", "Restore"),
    "the journal is damaged": ("journal", damage_journal, "damaged", "restore"),
    "a key is another's": (
        "keys",
        foreign_key,
        "not the key that the descriptor announces",
        "Restore",
    ),
    "a key can be read by others": (
        "keys",
        open_key,
        "readable by others",
        "chmod 600",
    ),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_a_problem_is_found_with_what_mends_it(
    node: Node, cities: Federation, what: str
):
    check, cause, fact, mend = PROBLEMS[what]
    cause(node, cities)
    if what == "a key is another's":
        opened = open_node(node.home.path, clock=cities.clock)
        node = replace(node, keys=opened.keys)
        opened.close()
    finding = only(node, check)
    assert finding.verdict is Verdict.PROBLEM
    assert fact in finding.fact
    assert mend in finding.mend


def test_a_database_without_a_table_is_a_problem_and_breaks_nothing(node: Node):
    with node.database.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE journal_known"))
    finding = only(node, "journal")
    assert finding.verdict is Verdict.PROBLEM
    assert "does not answer as expected" in finding.fact
    assert "database_url" in finding.mend


def test_an_identity_key_that_stayed_in_the_home_is_a_warning(node: Node):
    finding = only(node, "keys")
    assert finding.verdict is Verdict.WARNING
    assert "offline" in finding.mend
    node.home.identity_file.unlink()
    assert only(node, "keys").verdict is Verdict.FINE


def test_an_unconfirmed_partner_names_the_next_move(federation: Federation):
    lakeside, northport = federation.nodes["lakeside"], federation.nodes["northport"]
    assert only(lakeside, "partners").mend.startswith("interurban partner invite")
    with lakeside.database.transaction() as session:
        link = partners.invite(session, lakeside, federation.clock.now).link
    partners.join(northport, link, federation.clock.now)
    finding = only(lakeside, "partners")
    assert finding.verdict is Verdict.WARNING
    assert "next move by us" in finding.fact
    assert "partner confirm" in finding.mend


def test_a_proposal_that_waits_for_us_names_the_command(federation: Federation):
    federation.join_all()
    agreement_id = propose(federation)
    federation.settle()
    finding = only(federation.nodes["northport"], "agreements")
    assert finding.verdict is Verdict.WARNING
    assert finding.mend == f"interurban agreement sign {agreement_id}"
    assert only(federation.nodes["lakeside"], "agreements").mend == ""


def test_an_agreement_in_force_and_its_plan_are_fine(federation: Federation):
    agreed(federation)
    node = federation.nodes["lakeside"]
    assert only(node, "agreements").verdict is Verdict.FINE
    assert only(node, "plans").verdict is Verdict.FINE
    assert only(node, "partners").verdict is Verdict.FINE


def test_what_waits_for_over_an_hour_is_shown(node: Node, cities: Federation):
    with node.database.transaction() as session:
        outbox.enqueue(
            session, topic="send-message", reference="r", payload=b"", now=START
        )
    assert only(node, "outgoing").verdict is Verdict.FINE
    cities.clock.advance(minutes=61)
    finding = only(node, "outgoing")
    assert finding.verdict is Verdict.WARNING
    assert "1 send-message" in finding.fact


def test_a_partner_that_does_not_answer_is_shown(federation: Federation):
    federation.join_all()
    federation.go_dark("eastvale")
    east, north = found(federation.nodes["lakeside"], "reach", online=True)
    assert east.verdict is Verdict.WARNING
    assert east.fact.startswith("Eastvale: eastvale.example did not answer")
    assert north.verdict is Verdict.FINE


def test_clocks_that_differ_from_most_partners_are_shown(federation: Federation):
    federation.join_all()
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        session.execute(sa.update(PartnerRow).values(skew_seconds=45.0))
    finding = only(node, "clock")
    assert finding.verdict is Verdict.WARNING
    assert "2 of 2" in finding.fact


def test_a_key_that_ends_soon_is_shown(node: Node, cities: Federation, monkeypatch):
    own = partners.own_descriptor(node)
    entries = tuple(
        replace(entry, valid_until=cities.clock.now + timedelta(days=20))
        for entry in own.key_set.keys
    )
    ending = replace(own.key_set, keys=entries)
    shown = type("Shown", (), {"key_set": ending, "payload": own.payload})
    monkeypatch.setattr(partners, "own_descriptor", lambda _: shown)
    facts = [finding.fact for finding in found(node, "keys")]
    assert sum("ends within 30 days" in fact for fact in facts) == len(entries)


def test_the_journal_that_knows_more_than_the_database_is_counted(node: Node):
    with node.database.transaction() as session:
        session.execute(sa.delete(JournalRow))
    assert "1 entries are not re-applied" in only(node, "journal").fact


def test_a_lost_database_is_not_made_anew_by_looking_at_it(cities: Federation):
    node = cities.add("lakeside")
    node.close()
    for part in node.home.path.glob("node.db*"):
        part.unlink()
    finding = only(node, "database")
    assert finding.verdict is Verdict.PROBLEM
    assert not node.home.database_file.exists()


def test_a_node_that_is_not_served_is_a_problem(node: Node):
    assert only(node, "serving", online=True).verdict is Verdict.PROBLEM


def test_a_skew_of_nothing_is_a_comparison_too(federation: Federation):
    federation.join_all()
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        session.execute(sa.update(PartnerRow).values(skew_seconds=0.0))
    assert "2 of 2" in only(node, "clock").fact
