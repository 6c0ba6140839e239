"""Offers and grievances in the registry: kept, changed, removed, refused, without a name."""

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from interurban_adapters.records import RecordKind
from interurban_node.accounts.service import learner_ref_of
from interurban_node.core.context import Node
from interurban_node.registry import service
from interurban_node.registry.models import GrievanceRow, OfferRow, ProgrammeRow
from interurban_node.registry.rules import Counts
from tests.support.exports import Export, all_values, an_export, synced


@pytest.fixture
def export(tmp_path: Path) -> Export:
    export = an_export(tmp_path / "export")
    export.put("offers", "o1", "WELD", "2026-02-02", "25", "P")
    export.put("offers", "o2", "CARE", "2026-04-01", "0", "")
    export.grievance("g1", "P-1001", "SAFETY", decided="2026-02-20", outcome="upheld")
    export.grievance("g2", about="PROVIDER")
    return export


def grievances(node: Node) -> list[GrievanceRow]:
    with node.database.transaction() as session:
        rows = session.scalars(
            sa.select(GrievanceRow)
            .where(GrievanceRow.deleted_at.is_(None))
            .order_by(GrievanceRow.kind)
        ).all()
        session.expunge_all()
    return list(rows)


def test_an_offer_is_kept_with_its_programme(node: Node, export: Export) -> None:
    summary = synced(node, export)
    assert summary.counts[RecordKind.OFFER] == Counts(read=2, new=2)
    with node.database.transaction() as session:
        first, second = session.scalars(sa.select(OfferRow).order_by(OfferRow.starts))
        programme = session.get_one(ProgrammeRow, first.programme_id)
    assert (first.programme_code, programme.code) == ("WELD", "WELD")
    assert (first.starts, first.places) == (date(2026, 2, 2), 25)
    assert (first.mode, second.mode, second.places) == ("in_person", None, 0)


def test_a_grievance_is_kept_with_its_learner_or_with_nobody(
    node: Node, export: Export
) -> None:
    summary = synced(node, export)
    assert summary.counts[RecordKind.GRIEVANCE] == Counts(read=2, new=2)
    nameless, named = grievances(node)
    assert named.learner_ref == learner_ref_of(node.keys, "P-1001")
    assert (named.kind, named.outcome) == ("SAFETY", "upheld")
    assert (named.received_on, named.due_on) == (date(2026, 2, 2), date(2026, 3, 4))
    assert named.decided_on == date(2026, 2, 20)
    assert (nameless.kind, nameless.learner_ref) == ("PROVIDER", None)
    assert nameless.decided_on is None


def test_a_second_run_with_offers_and_grievances_changes_nothing(
    node: Node, export: Export
) -> None:
    synced(node, export)
    assert synced(node, export).total == Counts(read=25, unchanged=25)


def test_a_decision_changes_its_grievance_and_nothing_else(
    node: Node, export: Export
) -> None:
    synced(node, export)
    export.grievance("g2", about="PROVIDER", decided="2026-02-25")
    summary = synced(node, export)
    assert summary.total.changed == 1
    assert grievances(node)[0].decided_on == date(2026, 2, 25)


def test_a_grievance_may_lose_its_name(node: Node, export: Export) -> None:
    synced(node, export)
    export.grievance("g1", about="SAFETY")
    assert synced(node, export).total.changed == 1
    assert [row.learner_ref for row in grievances(node)] == [None, None]


def test_offers_and_grievances_that_are_gone_are_removed(
    node: Node, export: Export
) -> None:
    synced(node, export)
    del export.tables["offers"]["o1"], export.tables["grievances"]["g2"]
    summary = synced(node, export)
    assert summary.counts[RecordKind.OFFER].removed == 1
    assert summary.counts[RecordKind.GRIEVANCE].removed == 1
    assert [row.kind for row in grievances(node)] == ["SAFETY"]


@pytest.mark.parametrize(
    ("table", "cells", "reason"),
    [
        (
            "offers",
            ("o9", "SEW", "2026-02-02", "25", "P"),
            ("programme_code", "is no programme that the registry knows"),
        ),
        (
            "offers",
            ("o9", "WELD", "2026-02-02", "some", "P"),
            ("places", "is not a whole number"),
        ),
        (
            "grievances",
            ("g9", "P-9999", "DATA", "2026-02-02", "", "", ""),
            ("person_id", "belongs to no learner that the registry knows"),
        ),
        (
            "grievances",
            ("g9", "", "NOISE", "2026-02-02", "", "", ""),
            ("kind", "is not one of the codes that the record knows"),
        ),
        (
            "grievances",
            ("g9", "", "DATA", "2026-02-02", "", "2026-02-01", ""),
            ("decided_on", "lies before the day of receipt"),
        ),
    ],
)
def test_a_bad_row_is_refused_and_the_others_are_not(
    node: Node,
    export: Export,
    table: str,
    cells: tuple[str, ...],
    reason: tuple[str, str],
) -> None:
    export.put(table, *cells)
    summary = synced(node, export)
    assert (summary.total.new, summary.total.rejected) == (25, 1)
    with node.database.transaction() as session:
        (refused,) = service.quarantined(session)
    assert [(r.field, r.reason) for r in refused.reasons] == [reason]
    assert f"{refused.kind}s" == table
    export.tables[table].pop(cells[0])
    synced(node, export)
    with node.database.transaction() as session:
        assert service.quarantined(session) == []


def test_nothing_says_who_complained(node: Node, export: Export) -> None:
    synced(node, export)
    with node.database.transaction() as session:
        texts = [v for v in all_values(session) if isinstance(v, str)]
    assert not any("P-1001" in text for text in texts)


def test_status_counts_offers_and_grievances(node: Node, export: Export) -> None:
    synced(node, export)
    with node.database.transaction() as session:
        (found,) = service.status(session)
    assert found.live[RecordKind.OFFER] == found.live[RecordKind.GRIEVANCE] == 2
