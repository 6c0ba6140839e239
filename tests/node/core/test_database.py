"""Transactions: committed before the answer, undone as a whole, the same on both engines."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated

import pytest
import sqlalchemy as sa
from fastapi import Depends, FastAPI
from sqlalchemy.orm import Mapped, Session, mapped_column
from starlette.testclient import TestClient

from interurban_node.core.context import Node
from interurban_node.core.database import (
    Base,
    Database,
    UtcDateTime,
    insert_once,
    on_rollback,
    savepoint,
    sqlite_url,
)
from interurban_node.core.outbox import OutboxRow, enqueue
from interurban_node.core.web import transaction
from interurban_node.partners.models import NonceRow

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def count(node: Node) -> int:
    with node.database.transaction() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(OutboxRow)) or 0


def write(session: Session) -> None:
    enqueue(session, topic="t", reference="r", payload=b"p", now=NOW)


def test_what_a_transaction_wrote_is_there_when_it_ended_well(node: Node):
    with node.database.transaction() as session:
        write(session)
    assert count(node) == 1


def test_nothing_is_there_when_it_raised_and_what_was_done_outside_is_undone(
    node: Node,
):
    undone: list[str] = []
    with pytest.raises(KeyError), node.database.transaction() as session:  # noqa: PT012  # it ends by raising
        write(session)
        on_rollback(session, lambda: undone.append("first"))
        on_rollback(session, lambda: undone.append("second"))
        raise KeyError
    assert count(node) == 0
    assert undone == ["second", "first"]


def test_nothing_is_undone_when_it_ended_well(node: Node):
    undone: list[str] = []
    with node.database.transaction() as session:
        write(session)
        on_rollback(session, lambda: undone.append("x"))
    assert undone == []


def test_a_failed_savepoint_undoes_its_own_part_only(node: Node):
    undone: list[str] = []
    with node.database.transaction() as session:
        on_rollback(session, lambda: undone.append("outer"))
        write(session)
        with pytest.raises(KeyError), savepoint(session):  # noqa: PT012  # it ends by raising
            write(session)
            on_rollback(session, lambda: undone.append("inner"))
            raise KeyError
        assert undone == ["inner"]
    assert undone == ["inner"]
    assert count(node) == 1


def test_what_a_savepoint_did_is_undone_when_the_whole_fails_later(node: Node):
    undone: list[str] = []
    with pytest.raises(KeyError), node.database.transaction() as session:  # noqa: PT012  # it ends by raising
        with savepoint(session):
            on_rollback(session, lambda: undone.append("inner"))
        raise KeyError
    assert undone == ["inner"]


def test_a_row_is_inserted_once_and_the_second_time_says_so(node: Node):
    values = {"origin": "https://a.example", "nonce": "n", "expires_at": NOW}
    with node.database.transaction() as session:
        assert insert_once(session, NonceRow, **values) is True
        assert insert_once(session, NonceRow, **values) is False
    with node.database.transaction() as session:
        assert insert_once(session, NonceRow, **values) is False
        assert insert_once(session, NonceRow, **{**values, "nonce": "m"}) is True


class DeferredRow(Base):
    """A row whose foreign key is looked at when the transaction is committed."""

    __tablename__ = "test_deferred"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent: Mapped[int] = mapped_column(
        sa.ForeignKey("test_deferred.id", deferrable=True, initially="DEFERRED")
    )


Base.metadata.remove(Base.metadata.tables["test_deferred"])  # of this module alone


def web(node: Node) -> TestClient:
    app = FastAPI()
    app.state.node = node

    @app.post("/good")
    def good(
        session: Annotated[Session, Depends(transaction, scope="function")],
    ) -> dict[str, str]:
        write(session)
        return {"status": "done"}

    @app.post("/bad")
    def bad(
        session: Annotated[Session, Depends(transaction, scope="function")],
    ) -> dict[str, str]:
        write(session)
        session.execute(
            sa.insert(DeferredRow.__table__).values(id=1, parent=2)  # type: ignore[arg-type]
        )
        return {"status": "done"}

    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client(node: Node) -> Iterator[TestClient]:
    with node.database.engine.begin() as connection:
        DeferredRow.__table__.create(connection)  # type: ignore[attr-defined]
    with web(node) as client:
        yield client


def test_an_answer_means_that_the_transaction_was_committed(
    node: Node, client: TestClient
):
    assert client.post("/good").status_code == 200
    assert count(node) == 1


def test_a_commit_that_fails_is_a_500_and_not_a_200(node: Node, client: TestClient):
    assert client.post("/bad").status_code == 500
    assert count(node) == 0


def test_times_come_back_aware_and_in_utc(node: Node):
    elsewhere = NOW.astimezone(timezone(timedelta(hours=3)))
    with node.database.transaction() as session:
        enqueue(session, topic="t", reference="r", payload=b"", now=elsewhere)
    with node.database.transaction() as session:
        found = session.scalars(sa.select(OutboxRow.created_at)).one()
    assert found == NOW
    assert found.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused():
    dialect = sa.create_engine("sqlite://").dialect
    with pytest.raises(TypeError, match="without zone"):
        UtcDateTime().process_bind_param(NOW.replace(tzinfo=None), dialect)


def test_a_writer_on_sqlite_waits_for_the_other_from_its_first_statement(
    tmp_path: Path,
):
    database = Database(sqlite_url(tmp_path / "node.db"))
    impatient = sa.create_engine(
        sqlite_url(tmp_path / "node.db"), connect_args={"timeout": 0}
    )
    with (
        database.transaction() as session,
        impatient.connect() as other,
    ):
        session.execute(sa.select(1))  # no writing yet, and the lock is held already
        with pytest.raises(sa.exc.OperationalError, match="locked"):
            other.exec_driver_sql("BEGIN IMMEDIATE")
    impatient.dispose()
    database.close()
