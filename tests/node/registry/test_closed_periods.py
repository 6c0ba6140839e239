"""After a release was issued: late rows, corrections and deletions, through real syncs."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from interurban_node.accounts.service import learner_ref_of
from interurban_node.core.context import Node
from interurban_node.registry import events, queries
from interurban_node.registry.counting import EMPLOYED, RECEIVED, STARTED
from interurban_node.registry.rules import record_key
from tests.support.exports import Export, an_export, synced

CUT_OFF = datetime(2027, 1, 1, tzinfo=UTC)
Q1, Q2, Q3 = "2026-Q1", "2026-Q2", "2026-Q3"


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return an_export(tmp_path / "export", learners=4)


def rows(node: Node, period: str, event: str = STARTED) -> set[tuple[object, ...]]:
    with node.database.transaction() as session:
        found = queries.counted_events(event, period, CUT_OFF)
        return {tuple(row) for row in session.execute(sa.select(found))}


def learners(node: Node, period: str, event: str = STARTED) -> set[object]:
    return {row[0] for row in rows(node, period, event)}


def close(node: Node, period: str, event: str = STARTED) -> None:
    with node.database.transaction() as session:
        events.close_period(session, event, period, node.clock())


def reopen(node: Node, period: str, event: str = STARTED) -> None:
    with node.database.transaction() as session:
        events.reopen_period(session, node, event, period, node.clock())


def ref(node: Node, number: str) -> str:
    return learner_ref_of(node.keys, number)


def a_late_row(export: Export) -> None:
    export.learner("P-2001")
    export.enrolment("e2001", "P-2001", started="2026-02-01")


def corrections(export: Export) -> None:
    export.learner("P-1001", born="1950", sex="M", displaced="Y")
    export.enrolment("e1002", "P-1002", started="2026-02-20", status="withdrawn")
    export.enrolment("e1003", "P-1003", started="2026-05-20")


def deletions(export: Export) -> None:
    del export.tables["enrolments"]["e1001"]
    del export.tables["learners"]["P-1002"]
    del export.tables["enrolments"]["e1002"]


def a_new_level(export: Export) -> None:
    export.put("programmes", "WELD", "Welding", "8", "400")


def other_keys(export: Export) -> None:
    for number in (1001, 1002, 1003, 1004):
        del export.tables["enrolments"][f"e{number}"]
        export.enrolment(f"f{number}", f"P-{number}")


@pytest.mark.parametrize(
    "change", [a_late_row, corrections, deletions, a_new_level, other_keys]
)
def test_what_comes_later_changes_nothing_in_a_closed_quarter(
    node: Node, export: Export, change: Callable[[Export], None]
) -> None:
    synced(node, export)
    before = rows(node, Q1)
    close(node, Q1)
    change(export)
    synced(node, export)
    assert rows(node, Q1) == before


@pytest.mark.parametrize("change", [corrections, deletions, a_new_level, other_keys])
def test_nobody_who_was_counted_is_counted_again(
    node: Node, export: Export, change: Callable[[Export], None]
) -> None:
    synced(node, export)
    close(node, Q1)
    change(export)
    synced(node, export)
    assert rows(node, Q2) == set()


def test_a_late_row_lands_once_in_the_first_open_quarter(
    node: Node, export: Export
) -> None:
    synced(node, export)
    close(node, Q1)
    close(node, Q2)
    a_late_row(export)
    synced(node, export)
    late = ref(node, "P-2001")
    assert (learners(node, Q2), learners(node, Q3)) == (set(), {late})
    (row,) = rows(node, Q3)
    assert row[1] == record_key(node.keys.record, Q3, late)
    close(node, Q3)
    export.enrolment("e2002", "P-2001", started="2026-02-02")
    synced(node, export)
    assert learners(node, "2026-Q4") == set()


def test_a_row_that_has_not_been_counted_goes_when_it_is_deleted(
    node: Node, export: Export
) -> None:
    synced(node, export)
    close(node, Q1)
    a_late_row(export)
    synced(node, export)
    del export.tables["enrolments"]["e2001"], export.tables["learners"]["P-2001"]
    synced(node, export, accept_removal=True)
    assert rows(node, Q2) == set()


def test_one_event_is_closed_and_another_is_not(node: Node, export: Export) -> None:
    synced(node, export)
    close(node, Q1, "certificate.awarded")
    a_late_row(export)
    synced(node, export)
    assert ref(node, "P-2001") in learners(node, Q1)


def test_closing_twice_is_closing_once(node: Node, export: Export) -> None:
    synced(node, export)
    close(node, Q1)
    close(node, Q1)
    with node.database.transaction() as session:
        assert events.closed_periods(session) == {(STARTED, Q1)}


def test_an_outcome_of_a_cohort_closes_nothing(node: Node) -> None:
    close(node, Q1, EMPLOYED)
    with node.database.transaction() as session:
        assert events.closed_periods(session) == frozenset()


def test_a_reopened_quarter_takes_back_what_came_late(
    node: Node, export: Export
) -> None:
    synced(node, export)
    before = rows(node, Q1)
    close(node, Q1)
    a_late_row(export)
    corrections(export)
    synced(node, export)
    reopen(node, Q1)
    assert learners(node, Q2) == {ref(node, "P-1003")}  # moved there by the correction
    assert ref(node, "P-2001") in learners(node, Q1)
    assert ref(node, "P-1003") not in learners(node, Q1)
    assert rows(node, Q1) & before  # who was neither late nor corrected


def test_a_reopened_quarter_leaves_what_another_release_has_counted(
    node: Node, export: Export
) -> None:
    synced(node, export)
    close(node, Q1)
    a_late_row(export)
    synced(node, export)
    close(node, Q2)
    reopen(node, Q1)
    assert learners(node, Q2) == {ref(node, "P-2001")}
    assert ref(node, "P-2001") not in learners(node, Q1)


def test_grievances_without_a_name_come_back_too(node: Node, export: Export) -> None:
    export.grievance("g1", "P-1003")
    export.grievance("g2")
    synced(node, export)
    before = rows(node, Q1, RECEIVED)
    close(node, Q1, RECEIVED)
    export.grievance("g3")
    synced(node, export)
    assert len(rows(node, Q2, RECEIVED)) == 1
    reopen(node, Q1, RECEIVED)
    assert (len(before), len(rows(node, Q1, RECEIVED))) == (2, 3)
    assert rows(node, Q2, RECEIVED) == set()
