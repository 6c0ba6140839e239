"""Refused rows: all of them, nothing else, with reasons and without the rows in clear."""

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from interurban_adapters.adapter import Rejection
from interurban_adapters.records import RecordKind
from interurban_node.accounts.service import learner_ref_of
from interurban_node.core.context import Node
from interurban_node.core.errors import ConfigurationError, NotFoundError
from interurban_node.demo.synthetic_registry import (
    DEMO_CITIES,
    quarters_before,
    write_registry,
    write_second_export,
)
from interurban_node.registry import jobs, queries, service
from interurban_node.registry.models import LearnerRow, QuarantineRow
from tests.support.exports import Export, an_export, synced
from tests.support.nodes import Moment

TODAY = date(2026, 3, 2)  # the day on which the tests' clock starts


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return an_export(tmp_path / "export")


def refused(node: Node) -> list[tuple[str, int, str, str]]:
    with node.database.transaction() as session:
        rows = service.quarantined(session)
    return [
        (str(row.kind), row.row_number, reason.field, reason.reason)
        for row in rows
        for reason in row.reasons
    ]


def test_a_bad_row_does_not_stop_good_ones(node: Node, export: Export) -> None:
    export.learner("P-1003", sex="purple", born="then")
    export.enrolment("e1003", "P-1004")
    summary = synced(node, export)
    assert summary.counts[RecordKind.LEARNER].new == 7
    assert summary.counts[RecordKind.LEARNER].rejected == 1
    assert refused(node) == [
        ("learner", 4, "birth_year", "is not a whole number"),
    ]


def test_every_reason_of_a_row_is_kept(node: Node, export: Export) -> None:
    export.headers["learners"] = (*export.headers["learners"], "disability")
    for cells in export.tables["learners"].values():
        cells.append("N")
    export.tables["learners"]["P-1003"][-2:] = ["N", "perhaps"]
    export.tables["learners"]["P-1003"][6] = "no year"
    synced(node, export)
    with node.database.transaction() as session:
        (row,) = service.quarantined(session, reason="whole number")
    assert (row.kind, row.row_number) == (RecordKind.LEARNER, 4)
    assert row.reasons == (
        Rejection("birth_year", "is not a whole number"),
        Rejection("disability", "the value is not one that the mapping knows"),
    )


@pytest.mark.parametrize(
    ("number", "code", "rejection"),
    [
        (
            "P-9999",
            "WELD",
            Rejection("person_id", "belongs to no learner that the registry knows"),
        ),
        (
            "P-1001",
            "NONE",
            Rejection("programme_code", "is no programme that the registry knows"),
        ),
    ],
)
@pytest.mark.parametrize("table", ["enrolments", "certificates"])
def test_a_row_that_refers_to_nothing_waits_until_it_does(
    node: Node, export: Export, number: str, code: str, rejection: Rejection, table: str
) -> None:
    last = "active" if table == "enrolments" else "valid"
    export.put(table, "x1", number, code, "2026-01-15", last)
    synced(node, export)
    with node.database.transaction() as session:
        (row,) = service.quarantined(session)
    assert row.reasons == (rejection,)
    export.learner("P-9999")
    export.put("programmes", "NONE", "Nothing yet", "", "")
    summary = synced(node, export)
    assert summary.total.new == 3  # learner, programme and the row that waited
    assert refused(node) == []


def test_a_placement_of_nobody_is_refused(node: Node, export: Export) -> None:
    export.put("placements", "p1", "P-9999", "Harbour Works", "2026-02-25")
    synced(node, export)
    assert refused(node) == [
        ("placement", 2, "person_id", "belongs to no learner that the registry knows")
    ]


def test_a_good_row_that_becomes_bad_keeps_its_last_good_record(
    node: Node, export: Export
) -> None:
    synced(node, export)
    export.learner("P-1001", sex="M", born="unreadable")
    summary = synced(node, export)
    assert (summary.total.changed, summary.total.removed) == (0, 0)
    assert summary.total.rejected == 1
    ref = learner_ref_of(node.keys, "P-1001")
    with node.database.transaction() as session:
        row = session.scalars(
            sa.select(LearnerRow).where(LearnerRow.learner_ref == ref)
        ).one()
    assert (row.sex, row.birth_year, row.deleted_at) == ("F", 1960, None)


def test_a_row_that_is_still_bad_stands_in_quarantine_once(
    node: Node, export: Export, moment: Moment
) -> None:
    export.learner("P-1003", born="no year")
    synced(node, export)
    with node.database.transaction() as session:
        first = service.quarantined(session)
    moment.advance(days=1)
    synced(node, export)
    with node.database.transaction() as session:
        second = service.quarantined(session)
    assert [row.id for row in first] == [row.id for row in second]
    assert {row.first_seen_at for row in second} == {first[0].first_seen_at}
    assert {row.seen_at for row in second} == {moment.now}


def test_a_row_that_was_corrected_leaves_quarantine(node: Node, export: Export) -> None:
    export.learner("P-1003", born="no year")
    synced(node, export)
    assert len(refused(node)) == 2  # the learner, and her enrolment
    export.learner("P-1003")
    assert synced(node, export).total.new == 2
    assert refused(node) == []


def test_a_row_opens_only_with_the_vault_secret(node: Node, export: Export) -> None:
    export.learner("P-1003", given="Zainab", born="no year")
    synced(node, export)
    with node.database.transaction() as session:
        rows = service.quarantined(session, reason="whole number")
        values = service.quarantined_values(session, node, rows[0].id)
        sealed = session.get_one(QuarantineRow, rows[0].id)
        assert "Zainab" not in sealed.reasons + sealed.reason + sealed.field
        assert b"Zainab" not in sealed.sealed
        sealed.row_hash = "0" * 43  # moved to another row
        with pytest.raises(ConfigurationError):
            service.quarantined_values(session, node, rows[0].id)
        with pytest.raises(NotFoundError):
            service.quarantined_values(session, node, 10_000)
    assert values["given"] == "Zainab"


def test_rows_that_no_sync_has_met_for_long_are_forgotten(
    node: Node, export: Export, moment: Moment
) -> None:
    export.learner("P-1003", born="no year")
    synced(node, export)
    moment.advance(days=node.settings.quarantine_days)
    assert jobs.forget_quarantined(node) == 0
    moment.advance(seconds=1)
    assert jobs.forget_quarantined(node) == 2
    assert refused(node) == []


def test_reasons_are_counted_by_field(node: Node, export: Export) -> None:
    for number in ("P-1003", "P-1004"):
        export.learner(number, born="no year")
    synced(node, export)
    with node.database.transaction() as session:
        counts = service.quarantine_reasons(session)
    assert counts[RecordKind.LEARNER, "birth_year", "is not a whole number"] == 2


def test_quarantine_finds_exactly_the_planted_faults(
    node: Node, tmp_path: Path, moment: Moment
) -> None:
    periods = quarters_before(TODAY, 4)
    city = DEMO_CITIES["northport"]
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    facts = write_registry(
        folders[0], seed=7, learners=800, city=city, today=TODAY, periods=periods
    )
    summary = service.sync(node, facts.mapping, moment.now)
    for kind in queries.MODELS:
        assert summary.counts[kind].rejected == facts.rejected(kind), kind
        assert summary.counts[kind].new == facts.accepted[kind], kind
    with node.database.transaction() as session:
        kept = service.quarantined(session, limit=100_000)
    assert len(kept) == sum(facts.rejected(kind) for kind in queries.MODELS)
    assert service.sync(node, facts.mapping, moment.now).is_unchanged

    later = moment.advance(days=7)
    second = write_second_export(
        folders[1],
        seed=7,
        learners=800,
        city=city,
        today=TODAY,
        periods=periods,
        later=later.date(),
    )
    summary = service.sync(node, second.registry.mapping, later)
    for kind in queries.MODELS:
        counts = summary.counts[kind]
        told = (second.changed, second.added, second.removed)
        found = (counts.changed, counts.new, counts.removed)
        assert found == tuple(facts.get(kind, 0) for facts in told), kind
        assert counts.rejected == second.registry.rejected(kind), kind
