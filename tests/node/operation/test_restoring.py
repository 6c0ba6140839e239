"""What must never be undone, after yesterday's database was put back."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from interurban_node.accounts import service as accounts
from interurban_node.accounts.rules import Role
from interurban_node.agreements.models import SuspensionRow
from interurban_node.agreements.suspensions import suspend
from interurban_node.consent import service as consent
from interurban_node.core.context import Node
from interurban_node.core.errors import ConfigurationError, NotSignedInError
from interurban_node.core.journal import Irrevocable
from interurban_node.operation.recovery import recover
from interurban_node.partners import service as partners
from interurban_protocol.consent_records import ConsentState
from interurban_protocol.errors import OversizedError
from interurban_protocol.node_descriptors import sign_descriptor
from tests.support.federation import propose
from tests.support.learners import ANNA, ask, papers, say
from tests.support.nodes import Federation


@contextmanager
def then_restored(node: Node, folder: Path) -> Iterator[None]:
    """A backup, what happens in the block, and the backup put back and recovered."""
    kept = folder / "backup.db"
    with (
        closing(sqlite3.connect(node.home.database_file)) as now,
        closing(sqlite3.connect(kept)) as backup,
    ):
        now.backup(backup)
    yield
    node.database.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{node.home.database_file}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(kept, node.home.database_file)
    assert recover(node) > 0
    assert recover(node) == 0


@pytest.fixture
def lakeside(federation: Federation) -> Node:
    """One city on an SQLite file, which is what a backup copies."""
    return federation.nodes["lakeside"]


def test_a_no_survives_though_its_question_is_younger_than_the_backup(
    lakeside: Node, federation: Federation, tmp_path: Path
):
    clock = federation.clock
    ref = accounts.learner_ref_of(lakeside.keys, "4711")
    claims = papers(tmp_path / "papers", [("4711", "S1", "given", date(2026, 1, 10))])
    with then_restored(lakeside, tmp_path):
        with lakeside.database.transaction() as session:
            asked = ask(session, lakeside, clock.now)
            say(session, lakeside, asked, ConsentState.GIVEN, clock.now, ref)
        clock.advance(days=1)
        with lakeside.database.transaction() as session:
            say(session, lakeside, asked, ConsentState.WITHDRAWN, clock.now, ref)
        clock.advance(days=1)
    with lakeside.database.transaction() as session:
        assert ask(session, lakeside, clock.now) == asked
    consent.import_claims(lakeside, claims, clock.now)
    with lakeside.database.transaction() as session:
        (standing,) = consent.standing(session, ref, clock.now)
        assert standing.state is ConsentState.WITHDRAWN


def test_a_replaced_question_stays_replaced(
    lakeside: Node, federation: Federation, tmp_path: Path
):
    now = federation.clock.now
    with lakeside.database.transaction() as session:
        first = ask(session, lakeside, now)
        say(session, lakeside, first, ConsentState.GIVEN, now)
    with (
        then_restored(lakeside, tmp_path),
        lakeside.database.transaction() as session,
    ):
        second = ask(session, lakeside, now, days=100)
    with lakeside.database.transaction() as session:
        (current,) = consent.current_questions(session)
        assert current.question_id == second != first
        states = {found.state for found in consent.standing(session, ANNA, now)}
    assert states == {ConsentState.SUPERSEDED}


def test_a_revoked_token_stays_revoked(
    lakeside: Node, federation: Federation, tmp_path: Path
):
    now = federation.clock.now
    with lakeside.database.transaction() as session:
        token = accounts.mint_token(
            session, lakeside, Role.SERVICE, "sync", now, timedelta(days=30)
        )
        token_id = accounts.verify_token(session, lakeside, token, now).token_id
    with (
        then_restored(lakeside, tmp_path),
        lakeside.database.transaction() as session,
    ):
        accounts.revoke_token(session, lakeside, token_id, now)
    with (
        lakeside.database.transaction() as session,
        pytest.raises(NotSignedInError),
    ):
        accounts.verify_token(session, lakeside, token, now)


def test_a_used_code_stays_used_and_who_had_signed_out_stays_out(
    lakeside: Node, federation: Federation, tmp_path: Path
):
    now = federation.clock.now
    with lakeside.database.transaction() as session:
        code = accounts.mint_sign_in_code(
            session, lakeside, ANNA, now, timedelta(days=30)
        )
        other = accounts.mint_token(
            session, lakeside, Role.AUDITOR, "Olga", now, timedelta(days=30)
        )
        cookie = accounts.sign_in_staff(session, lakeside, other, "10.0.0.1", now)
    with then_restored(lakeside, tmp_path):
        with lakeside.database.transaction() as session:
            accounts.sign_in_learner(session, lakeside, code, "10.0.0.1", now)
        with lakeside.database.transaction() as session:
            accounts.sign_out(session, lakeside, cookie, now)
    with (
        lakeside.database.transaction() as session,
        pytest.raises(NotSignedInError),
    ):
        accounts.sign_in_learner(session, lakeside, code, "10.0.0.1", now)
    with (
        lakeside.database.transaction() as session,
        pytest.raises(NotSignedInError),
    ):
        accounts.staff_of(session, lakeside, cookie, now)


def test_a_compromised_key_of_a_partner_stays_compromised(
    lakeside: Node, federation: Federation, tmp_path: Path
):
    federation.join_all()
    northport, now = federation.nodes["northport"], federation.clock.now
    own = partners.own_descriptor(northport)
    keys = tuple(
        key.model_copy(update={"compromised_at": now}) for key in own.payload.keys
    )
    newer = own.payload.model_copy(
        update={"number": 1, "previous": own.document_id, "keys": keys}
    )
    document = sign_descriptor(newer, northport.home.load_identity())
    with (
        then_restored(lakeside, tmp_path),
        lakeside.database.transaction() as session,
    ):
        partners.refresh_descriptor(session, lakeside, northport.origin, document, now)
    with lakeside.database.transaction() as session:
        held = partners.pinned(session, northport.origin).descriptor
    assert held.payload.number == 1


def test_a_suspension_stands_after_a_restore(
    lakeside: Node, federation: Federation, tmp_path: Path
):
    federation.join_all()
    agreement_id = propose(federation)
    federation.settle()
    northport, now = federation.nodes["northport"].origin, federation.clock.now
    with (
        then_restored(lakeside, tmp_path),
        lakeside.database.transaction() as session,
    ):
        suspend(
            session,
            lakeside,
            agreement_id,
            towards=[northport],
            reason="an incident",
            suspended=True,
            now=now,
        )
    with lakeside.database.transaction() as session:
        row = session.get_one(SuspensionRow, (agreement_id, lakeside.origin, northport))
        assert row.suspended


@pytest.mark.parametrize(
    "kind",
    [
        Irrevocable.SUSPENSION,
        Irrevocable.QUESTION,
        Irrevocable.TOKEN_REVOKED,
        Irrevocable.CODE_USED,
        Irrevocable.PARTNER_DESCRIPTOR,
    ],
)
def test_an_entry_of_another_shape_leaves_the_node_recovering(
    lakeside: Node, federation: Federation, kind: Irrevocable
):
    lakeside.journal.append(kind, {"x": "y"}, federation.clock.now)
    with pytest.raises(ConfigurationError, match="of the journal"):
        recover(lakeside)


def test_the_journal_finds_its_last_line_however_long_it_is(
    lakeside: Node, federation: Federation
):
    before = lakeside.journal.length()
    for size in (10, 70_000, 300_000, 10):
        lakeside.journal.append(
            Irrevocable.KEY_EVENT, {"x": "y" * size}, federation.clock.now
        )
    assert lakeside.journal.length() == before + 4


def test_a_descriptor_that_is_too_large_is_not_taken_over(
    lakeside: Node, federation: Federation
):
    federation.join_all()
    with (
        lakeside.database.transaction() as session,
        pytest.raises(OversizedError),
    ):
        partners.refresh_descriptor(
            session,
            lakeside,
            federation.nodes["northport"].origin,
            b"x" * 100_001,
            federation.clock.now,
        )
