"""What must never be undone: known, voided, forgotten by a restore, re-applied."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from interurban_node.audit import service
from interurban_node.audit.models import JournalRow
from interurban_node.audit.service import (
    Grade,
    UsageEntry,
    Use,
    UseKind,
    check_not_recovering,
    missing_entries,
    record_irrevocable,
    record_use,
    sendings_of,
    unknown_entries,
    uses_about,
)
from interurban_node.consent.models import GrantRow
from interurban_node.core.context import Node, open_node
from interurban_node.core.errors import ConfigurationError, RecoveringError
from interurban_node.core.journal import Irrevocable
from interurban_node.operation.recovery import recover
from interurban_protocol.consent_records import ConsentState
from tests.support.federation import agreed, request_to, send, signed_by
from tests.support.learners import ANNA, ask, say
from tests.support.nodes import START, Federation, Moment


def record(node: Node) -> None:
    with node.database.transaction() as session:
        record_irrevocable(session, node, Irrevocable.KEY_EVENT, {"a": "b"}, START)


def unknown(node: Node) -> list[int]:
    with node.database.transaction() as session:
        return [entry.number for entry in unknown_entries(session, node)]


def check(node: Node) -> None:
    with node.database.transaction() as session:
        check_not_recovering(session, node)


def test_what_is_recorded_is_known(node: Node):
    record(node)
    assert node.journal.length() == 2  # the first keys, and this
    assert unknown(node) == []
    check(node)


def test_a_transaction_that_fails_leaves_a_void_entry_and_nothing_unknown(node: Node):
    with pytest.raises(KeyError), node.database.transaction() as session:  # noqa: PT012  # it ends by raising
        record_irrevocable(session, node, Irrevocable.WITHDRAWAL, {}, START)
        raise KeyError
    kinds = [entry.kind for entry in node.journal.entries()]
    assert kinds[1:] == [Irrevocable.WITHDRAWAL, Irrevocable.VOID]
    assert unknown(node) == []
    check(node)


def append_alone(node: Node) -> None:
    """An entry as a process leaves it that is killed before its transaction ends."""
    node.journal.append(Irrevocable.KEY_EVENT, {"x": "y"}, START)


def test_an_entry_that_the_database_does_not_know_stops_serving(node: Node):
    check(node)
    append_alone(node)
    assert unknown(node) == [2]
    with pytest.raises(RecoveringError, match="1 entries"):
        check(node)
    assert recover(node) == 1
    check(node)
    assert recover(node) == 0


def test_a_database_that_forgets_is_noticed_although_the_journal_is_the_same(
    node: Node,
):
    record(node)
    check(node)
    with node.database.transaction() as session:
        session.execute(sa.delete(JournalRow).where(JournalRow.number == 2))
    with pytest.raises(RecoveringError):
        check(node)


def test_another_process_that_appends_is_noticed(node: Node):
    check(node)
    other = open_node(node.home.path)
    record(other)
    check(node)
    append_alone(other)
    with pytest.raises(RecoveringError):
        check(node)
    other.close()


def test_the_journal_is_not_read_again_while_nothing_has_changed(
    node: Node, monkeypatch: pytest.MonkeyPatch
):
    check(node)

    def unread(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(service, "unknown_entries", unread)
    check(node)
    record(node)
    with pytest.raises(AssertionError, match="read again"):
        check(node)


def test_a_damaged_journal_stops_serving(node: Node):
    check(node)
    with node.home.journal_file.open("ab") as file:
        file.write(b"garbage\n")
    with pytest.raises(ConfigurationError, match="damaged"):
        check(node)


def test_an_entry_on_its_way_in_another_transaction_is_waited_for(node: Node):
    """On SQLite the second transaction waits at its first statement anyway."""
    recorded, checked = threading.Event(), threading.Event()

    def withdraw() -> None:
        with node.database.transaction() as session:
            record_irrevocable(session, node, Irrevocable.KEY_EVENT, {}, START)
            recorded.set()
            checked.wait(0.15)

    worker = threading.Thread(target=withdraw)
    worker.start()
    recorded.wait(30)
    check(node)
    checked.set()
    worker.join(30)


@pytest.mark.parametrize("how", ["lost", "changed"])
def test_lines_that_the_journal_lost_or_changed_are_named(node: Node, how: str):
    record(node)
    lines = node.home.journal_file.read_bytes().splitlines(keepends=True)
    last = [] if how == "lost" else [lines[-1].replace(b'"b"', b'"c"')]
    node.home.journal_file.write_bytes(b"".join([*lines[:-1], *last]))
    with node.database.transaction() as session:
        assert missing_entries(session, node) == [2]


def use(**changes: object) -> Use:
    values = {
        "kind": UseKind.RELEASE_SENT,
        "purpose": "p",
        "recipient": "https://northport.example",
        "grade": Grade.OWN,
        **changes,
    }
    return Use(**values)  # type: ignore[arg-type]


def test_uses_of_one_learner_and_sendings_of_releases_come_newest_first(node: Node):
    with node.database.transaction() as session:
        for recipient in ("one", "two"):
            record_use(
                session,
                use(kind=UseKind.REFERENCE_SENT, learner_ref=ANNA, recipient=recipient),
                START,
            )
            record_use(session, use(release_id="r", recipient=recipient), START)
        record_use(session, use(kind=UseKind.RELEASE_BUILT, release_id="r"), START)
        record_use(session, use(release_id="other"), START)
    with node.database.transaction() as session:
        assert [row.recipient for row in uses_about(session, ANNA)] == ["two", "one"]
        assert [row.recipient for row in sendings_of(session, ["r"])] == ["two", "one"]


def test_nobody_else_makes_a_usage_entry():
    with pytest.raises(TypeError, match="only record_use"):
        UsageEntry(use(), START, object())


def backup(node: Node, to: Path) -> Callable[[], None]:
    """A copy of the SQLite file; gives what puts it back."""
    node.database.engine.dispose()
    shutil.copy(node.home.database_file, to)

    def restore() -> None:
        node.database.engine.dispose()
        for suffix in ("", "-wal", "-shm"):
            node.home.database_file.with_name("node.db" + suffix).unlink(
                missing_ok=True
            )
        shutil.copy(to, node.home.database_file)

    return restore


def test_after_a_restore_nothing_is_served_until_the_withdrawal_holds_again(
    federation: Federation, moment: Moment, tmp_path: Path
):
    agreed(federation)
    node, northport = federation.nodes["lakeside"], federation.nodes["northport"]
    with node.database.transaction() as session:
        question = ask(session, node, moment.now)
        say(session, node, question, ConsentState.GIVEN, moment.now)
    restore = backup(node, tmp_path / "yesterday.db")
    moment.advance(hours=1)
    with node.database.transaction() as session:
        say(session, node, question, ConsentState.WITHDRAWN, moment.now)
    web = federation.web("lakeside")
    assert web.get("/health/ready").status_code == 200
    restore()
    assert granted(node) == 1
    ready = web.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["type"].endswith(":recovering")
    assert web.get("/health/live").status_code == 200
    for path in ("/api/v1/status-lists/any",):
        request = signed_by(northport, request_to(node, "GET", path), moment.now)
        answer = send(federation, "lakeside", request)
        assert answer.status_code == 503
        assert answer.json()["type"].endswith(":recovering")
    assert recover(node) == 1
    assert granted(node) == 0
    assert web.get("/health/ready").status_code == 200


def granted(node: Node) -> int:
    with node.database.transaction() as session:
        return len(
            session.scalars(
                sa.select(GrantRow).where(
                    GrantRow.learner_ref == ANNA, GrantRow.ended_at.is_(None)
                )
            ).all()
        )
