"""A sync keeps the counted events up to date for everybody whose records it changed."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from interurban_adapters.records import RecordKind
from interurban_node.accounts.service import learner_ref_of
from interurban_node.core.context import Node
from interurban_node.registry import queries
from interurban_node.registry.service import SyncProgress
from tests.support.exports import Export, an_export, synced
from tests.support.nodes import Moment

CUT_OFF = datetime(2026, 7, 1, tzinfo=UTC)
PERIOD = "2026-Q1"
STARTED = "enrolment.started"


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return an_export(tmp_path / "export", learners=4)


def counted(node: Node, event: str = STARTED) -> dict[str, str | None]:
    """The programme of everybody who counts with the event, by learner reference."""
    with node.database.transaction() as session:
        events = queries.counted_events(event, PERIOD, CUT_OFF)
        rows = session.execute(
            sa.select(events.c.learner_ref, events.c.programme__code)
        )
        return {row.learner_ref: row.programme__code for row in rows}


def ref(node: Node, number: str) -> str:
    return learner_ref_of(node.keys, number)


def test_a_first_sync_counts_every_kind_of_event(node: Node, export: Export) -> None:
    export.grievance("g1", "P-1003")
    export.grievance("g2")
    synced(node, export)
    assert len(counted(node)) == 4
    assert set(counted(node, "certificate.awarded")) == {ref(node, "P-1001")}
    assert counted(node, "placement.started") == {ref(node, "P-1001"): "WELD"}
    assert ref(node, "P-1003") in counted(node, "grievance.received")
    assert len(counted(node, "grievance.received")) == 2


def test_pages_of_one_row_count_the_same(node: Node, export: Export) -> None:
    export.grievance("g1", "P-1003")
    synced(node, export, page_rows=1)
    assert len(counted(node)) == 4
    assert len(counted(node, "placement.started")) == 1
    assert len(counted(node, "grievance.received")) == 1


def _withdraws_the_course(export: Export) -> None:
    del export.tables["enrolments"]["e1001"]


def _moves_the_start(export: Export) -> None:
    export.enrolment("e1001", "P-1001", started="2026-05-01")


def _removes_the_learner(export: Export) -> None:
    del export.tables["learners"]["P-1001"]


@pytest.mark.parametrize(
    "change", [_withdraws_the_course, _moves_the_start, _removes_the_learner]
)
def test_what_is_gone_from_a_quarter_does_not_count_in_it(
    node: Node, export: Export, change: Callable[[Export], None]
) -> None:
    synced(node, export)
    assert ref(node, "P-1001") in counted(node)
    change(export)
    synced(node, export)
    assert set(counted(node)) == {ref(node, f"P-{n}") for n in (1002, 1003, 1004)}


def test_a_course_that_was_put_under_the_wrong_person_counts_for_the_right_one(
    node: Node, export: Export
) -> None:
    export.learner("P-2001")
    synced(node, export)
    export.enrolment("e1001", "P-2001")
    synced(node, export)
    found = counted(node)
    assert ref(node, "P-2001") in found
    assert ref(node, "P-1001") not in found


def test_a_grievance_that_loses_its_name_counts_once(
    node: Node, export: Export
) -> None:
    export.grievance("g1", "P-1003")
    synced(node, export)
    export.grievance("g1")
    synced(node, export)
    found = counted(node, "grievance.received")
    assert len(found) == 1
    assert ref(node, "P-1003") not in found


def test_another_level_of_a_programme_is_that_of_its_events(
    node: Node, export: Export
) -> None:
    synced(node, export)
    export.put("programmes", "WELD", "Welding", "5", "400")
    synced(node, export)
    with node.database.transaction() as session:
        events = queries.counted_events(STARTED, PERIOD, CUT_OFF)
        levels = session.execute(
            sa.select(events.c.programme__code, events.c.programme__level).distinct()
        )
        assert dict(map(tuple, levels)) == {"WELD": "5", "CARE": "4"}


class KilledError(Exception):
    """What a killed process looks like from inside."""


def _kill_after_enrolments(progress: SyncProgress) -> None:
    if progress.kind is RecordKind.CERTIFICATE:
        raise KilledError


@pytest.mark.parametrize("days", [0, 2])
def test_who_was_changed_by_a_sync_that_was_killed_is_counted_by_the_next(
    node: Node, export: Export, moment: Moment, days: int
) -> None:
    synced(node, export)
    del export.tables["enrolments"]["e1001"]
    with pytest.raises(KilledError):
        synced(node, export, progress=_kill_after_enrolments)
    moment.advance(days=days)  # the next one goes on, or begins again
    assert synced(node, export).resumed == (days == 0)
    assert ref(node, "P-1001") not in counted(node)
    assert len(counted(node)) == 3
