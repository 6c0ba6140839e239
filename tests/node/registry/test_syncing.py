"""What a sync takes in, changes, removes, refuses, and carries on after an interruption."""

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from interurban_adapters.errors import SourceChangedError, SourceUnreadableError
from interurban_adapters.records import RecordKind
from interurban_node.accounts.service import learner_ref_of, read_identity
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, RefusedError, StateError
from interurban_node.registry import service
from interurban_node.registry.models import (
    CertificateRow,
    EnrolmentRow,
    LearnerRow,
    PlacementRow,
    ProgrammeRow,
    SyncRunRow,
)
from interurban_node.registry.rules import Counts
from tests.support.databases import fresh_sqlite_database
from tests.support.exports import Export, all_values, an_export, everything, synced
from tests.support.nodes import Moment
from tests.support.registries import load_into_database


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return an_export(tmp_path / "export")


class StoppedError(Exception):
    """What a killed process looks like from inside."""


def stop_after(pages: int) -> Callable[[object], None]:
    seen: Iterator[int] = iter(range(1, pages + 1))

    def stop(progress: object) -> None:
        if next(seen, None) == pages:
            raise StoppedError

    return stop


def test_a_first_sync_takes_in_every_kind_of_record(node: Node, export: Export) -> None:
    summary = synced(node, export)
    assert {kind: done.new for kind, done in summary.counts.items()} == {
        RecordKind.PROGRAMME: 2,
        RecordKind.LEARNER: 8,
        RecordKind.OFFER: 0,
        RecordKind.ENROLMENT: 8,
        RecordKind.CERTIFICATE: 2,
        RecordKind.PLACEMENT: 1,
        RecordKind.GRIEVANCE: 0,
    }
    assert summary.total.rejected == 0
    assert summary.announcements == ()


def test_an_enrolment_gets_what_counting_needs(node: Node, export: Export) -> None:
    export.learner("P-1001", born="1990", sex="M", displaced="Y")
    export.enrolment("e1001", "P-1001", started="2026-01-15", status="withdrawn")
    synced(node, export)
    ref = learner_ref_of(node.keys, "P-1001")
    with node.database.transaction() as session:
        row = session.scalars(
            sa.select(EnrolmentRow).where(EnrolmentRow.learner_ref == ref)
        ).one()
        learner = session.get_one(LearnerRow, row.learner_id)
        programme = session.get_one(ProgrammeRow, row.programme_id)
    assert (row.start_period, row.outcome, row.age_band) == ("2026-Q1", "NCM", "Y35T44")
    assert row.record_key is not None
    assert 0 <= row.record_key < 2**32
    assert (learner.sex, learner.displaced, learner.disability) == (
        "M",
        "yes",
        "unknown",
    )
    assert programme.code == row.programme_code == "WELD"


def test_an_enrolment_without_a_start_has_no_period_and_no_key(
    node: Node, export: Export
) -> None:
    export.enrolment("e1001", "P-1001", started="", status="registered")
    synced(node, export)
    with node.database.transaction() as session:
        row = session.scalars(
            sa.select(EnrolmentRow).where(EnrolmentRow.started_on.is_(None))
        ).one()
    assert (row.start_period, row.record_key, row.age_band) == (None, None, "_U")


def test_a_second_run_changes_nothing(
    node: Node, export: Export, moment: Moment
) -> None:
    synced(node, export)
    with node.database.transaction() as session:
        before = everything(session)
    moment.advance(days=1)
    summary = synced(node, export)
    assert summary.is_unchanged
    assert summary.total == Counts(read=21, unchanged=21)
    with node.database.transaction() as session:
        assert everything(session) == before


def test_changed_new_and_removed_rows_are_picked_up(
    node: Node, export: Export, moment: Moment
) -> None:
    synced(node, export)
    moment.advance(days=1)
    export.learner("P-1002", born="1999")
    export.learner("P-2001")
    export.enrolment("e2001", "P-2001")
    del export.tables["learners"]["P-1008"], export.tables["enrolments"]["e1008"]
    summary = synced(node, export)
    assert summary.counts[RecordKind.LEARNER] == Counts(
        read=8, new=1, changed=1, unchanged=6, removed=1
    )
    # the enrolment of 1002 changes too: its age band hangs on the year of birth
    assert summary.counts[RecordKind.ENROLMENT] == Counts(
        read=8, new=1, changed=1, unchanged=6, removed=1
    )
    with node.database.transaction() as session:
        gone = session.scalars(
            sa.select(LearnerRow).where(LearnerRow.deleted_at.is_not(None))
        ).one()
    assert gone.learner_ref == learner_ref_of(node.keys, "P-1008")
    assert (gone.deleted_at, gone.delete_reason) == (moment.now, "absent")


def test_a_row_that_comes_back_is_revived(node: Node, export: Export) -> None:
    synced(node, export)
    with node.database.transaction() as session:
        before = everything(session)
    row = export.tables["enrolments"].pop("e1001")
    synced(node, export)
    export.put("enrolments", *row)
    assert synced(node, export).counts[RecordKind.ENROLMENT].new == 1
    with node.database.transaction() as session:
        after = everything(session)
        runs = session.scalars(sa.select(SyncRunRow.id)).all()
    assert len(runs) == 3
    assert [row[0] for row in after["enrolment"]] == [r[0] for r in before["enrolment"]]
    with node.database.transaction() as session:
        live = session.scalars(
            sa.select(EnrolmentRow.record_id).where(EnrolmentRow.deleted_at.is_(None))
        ).all()
    assert len(live) == 8


def test_a_changed_name_changes_only_the_identity(node: Node, export: Export) -> None:
    synced(node, export)
    export.learner("P-1001", born="1960", family="Newname")
    summary = synced(node, export)
    assert summary.total.changed == 1
    with node.database.transaction() as session:
        identity = read_identity(session, node, learner_ref_of(node.keys, "P-1001"))
    assert identity is not None
    assert identity.family_name == "Newname"


@pytest.mark.parametrize("page_rows", [1, 3])
def test_a_sync_killed_after_any_page_goes_on_without_loss_or_double(
    node: Node, export: Export, page_rows: int
) -> None:
    export.learner("P-1003", born="no year")  # and one row for the quarantine
    pages = 0
    for stop_at in range(1, 9):
        try:
            synced(node, export, page_rows=page_rows, progress=stop_after(stop_at))
        except StoppedError:
            pages += stop_at
            continue
        break
    synced(node, export, page_rows=page_rows)
    assert pages > 5
    with node.database.transaction() as session:
        live = {kind: len(rows) for kind, rows in everything(session).items()}
        refused = service.quarantined(session)
        unfinished = session.scalars(
            sa.select(SyncRunRow).where(SyncRunRow.finished_at.is_(None))
        ).all()
    assert live == {
        "programme": 2,
        "learner": 7,
        "offer": 0,
        "enrolment": 7,  # the learner of one was refused
        "certificate": 2,
        "placement": 1,
        "grievance": 0,
    }
    assert [row.kind for row in refused] == [RecordKind.ENROLMENT, RecordKind.LEARNER]
    assert unfinished == []


def test_a_killed_sync_reads_on_at_the_page_after_the_last_one(
    node: Node, export: Export
) -> None:
    with pytest.raises(StoppedError):
        synced(node, export, page_rows=3, progress=stop_after(3))
    seen: list[tuple[RecordKind, int]] = []
    summary = synced(
        node,
        export,
        page_rows=3,
        progress=lambda done: seen.append((done.kind, done.counts.read)),
    )
    assert summary.resumed
    assert seen[0] == (RecordKind.LEARNER, 8)  # pages 1 and 2 are not read again
    assert summary.counts[RecordKind.LEARNER] == Counts(read=8, new=8)
    assert summary.total == Counts(read=21, new=21)


def test_an_error_in_a_page_leaves_nothing_of_the_page(
    node: Node, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    from interurban_node.registry import runs

    def fail(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr(runs, "save", fail)  # the last write of a page's transaction
        with pytest.raises(StoppedError):
            synced(node, export)
    with node.database.transaction() as session:
        assert not any(everything(session).values())
    assert synced(node, export).total.new == 21


def test_an_interrupted_run_is_begun_again_after_a_day(
    node: Node, export: Export, moment: Moment
) -> None:
    with pytest.raises(StoppedError):
        synced(node, export, page_rows=3, progress=stop_after(3))
    moment.advance(days=1)
    summary = synced(node, export, page_rows=3)
    assert not summary.resumed
    assert summary.total.read == 21


def test_an_interrupted_run_is_begun_again_with_another_mapping(
    node: Node, export: Export
) -> None:
    with pytest.raises(StoppedError):
        synced(node, export, page_rows=3, progress=stop_after(3))
    path = export.write()
    path.write_text(path.read_text() + "# changed\n")
    assert not service.sync(node, path, node.clock()).resumed


def test_identities_are_in_the_encrypted_table_only(node: Node, export: Export) -> None:
    export.learner("P-1003", born="no year")  # refused, so its name is in quarantine
    export.put("placements", "p2", "P-1002", "GivenP-1002 FamilyP-1002", "2026-02-01")
    with pytest.raises(StoppedError):
        synced(node, export, page_rows=2, progress=stop_after(4))  # with a cursor
    with node.database.transaction() as session:
        stopped = all_values(session)
    synced(node, export)
    planted = [
        text
        for cells in export.tables["learners"].values()
        for text in cells[:5]  # number, given name, family name, mail, phone
    ]
    with node.database.transaction() as session:
        values = stopped + all_values(session)
        identity = read_identity(session, node, learner_ref_of(node.keys, "P-1002"))
    texts = [v for v in values if isinstance(v, str)]
    blobs = [bytes(v) for v in values if isinstance(v, bytes | memoryview)]
    assert len(planted) == 40
    for name in planted:
        assert not any(name.casefold() in text.casefold() for text in texts), name
        assert not any(name.encode() in blob for blob in blobs), name
    assert identity is not None
    assert identity.family_name == "FamilyP-1002"


def test_a_key_of_a_database_source_is_not_kept_as_the_place_to_read_on(
    node: Node, export: Export, tmp_path: Path
) -> None:
    from interurban_adapters.mappings import load_mapping
    from interurban_adapters.sql_tables import SqlTables

    path = export.write()
    text = path.read_text().replace('.csv"', '"')
    path.write_text(text)
    url = fresh_sqlite_database(tmp_path)
    load_into_database(export.folder, url, delimiter=",")
    source = service.Source(
        name="school", mapping=load_mapping(path), adapter=SqlTables(url, page_rows=3)
    )
    with pytest.raises(StoppedError):
        service.sync(node, source, node.clock(), stop_after(2))
    with node.database.transaction() as session:
        run = session.scalars(sa.select(SyncRunRow)).one()
        texts = [v for v in all_values(session) if isinstance(v, str)]
    assert run.cursor is not None
    assert b"P-1003" not in run.cursor
    assert not any("P-1003" in text for text in texts)
    assert service.sync(node, source, node.clock()).total == Counts(read=21, new=21)
    other = service.sql_source(path, url, name="school")
    assert service.sync(node, other, node.clock()).is_unchanged


def test_too_large_a_loss_is_refused_before_anything_is_written(
    node: Node, export: Export
) -> None:
    synced(node, export)
    with node.database.transaction() as session:
        before = everything(session)
    for number in range(1001, 1006):
        del export.tables["learners"][f"P-{number}"]
    export.learner("P-3001")
    with pytest.raises(RefusedError) as refused:
        synced(node, export)
    assert "--accept-removal" in refused.value.next_step
    assert refused.value.reasons == (
        "5 of 8 records of the kind learner are no longer in learners.csv",
    )
    with node.database.transaction() as session:
        assert everything(session) == before
        (status,) = service.status(session)
    assert status.finished_at is not None  # no run was begun
    summary = synced(node, export, accept_removal=True)
    assert summary.total.removed == 5
    assert not summary.resumed


def test_half_of_the_records_may_go_at_the_default(node: Node, export: Export) -> None:
    synced(node, export)
    for number in range(1001, 1005):
        del export.tables["learners"][f"P-{number}"]
    assert synced(node, export).counts[RecordKind.LEARNER].removed == 4


def test_only_rows_of_the_same_source_are_removed(
    node: Node, export: Export, tmp_path: Path
) -> None:
    synced(node, export)
    other = Export(tmp_path / "other")
    other.put("programmes", "SEW", "Sewing", "2", "100")
    other.learner("P-1001")
    other.learner("P-9001")
    other.enrolment("e1", "P-9001", code="SEW")
    first = service.sync(node, other.source(name="Other office"), node.clock())
    assert first.total.new == 4
    assert synced(node, export).is_unchanged
    assert service.sync(
        node, other.source(name="Other office"), node.clock()
    ).is_unchanged


def test_an_enrolment_may_belong_to_a_learner_of_another_source(
    node: Node, export: Export, tmp_path: Path
) -> None:
    synced(node, export)
    other = Export(tmp_path / "other")
    other.enrolment("e1", "P-1001", code="CARE")
    summary = service.sync(node, other.source(name="Other office"), node.clock())
    assert summary.counts[RecordKind.ENROLMENT] == Counts(read=1, new=1)


def test_the_own_record_of_a_learner_goes_before_another_source_s(
    node: Node, export: Export, tmp_path: Path
) -> None:
    export.learner("P-1001", born="1950")
    synced(node, export)
    other = Export(tmp_path / "other")
    other.learner("P-1001", born="2001")
    other.enrolment("e1", "P-1001", code="CARE")
    service.sync(node, other.source(name="Other office"), node.clock())
    synced(node, export)
    with node.database.transaction() as session:
        ref = learner_ref_of(node.keys, "P-1001")
        rows = session.execute(
            sa.select(EnrolmentRow.programme_code, EnrolmentRow.age_band).where(
                EnrolmentRow.learner_ref == ref
            )
        ).all()
    assert sorted(map(tuple, rows)) == [("CARE", "Y25T34"), ("WELD", "Y_GE55")]


def test_a_missing_column_stops_before_anything_is_written(
    node: Node, export: Export
) -> None:
    synced(node, export)
    with node.database.transaction() as session:
        before = everything(session)
    export.learner("P-4001")
    source = export.source()
    path = export.folder / "grievances.csv"  # the last table that is read
    path.write_text(path.read_text().replace("received", "came"))
    with pytest.raises(SourceChangedError, match=r"grievances\.csv has no column"):
        service.sync(node, source, node.clock())
    with node.database.transaction() as session:
        assert everything(session) == before


def test_a_new_column_is_announced_once(node: Node, export: Export) -> None:
    synced(node, export)
    export.headers["placements"] = (*export.headers["placements"], "shift")
    for cells in export.tables["placements"].values():
        cells.append("night")
    summary = synced(node, export)
    assert summary.announcements == ("placements.csv has a new column shift",)
    assert summary.is_unchanged
    assert synced(node, export).announcements == ()


def test_a_source_that_is_not_there_is_an_error_and_no_deletion(
    node: Node, export: Export
) -> None:
    synced(node, export)
    path = export.write()
    (export.folder / "learners.csv").unlink()
    with pytest.raises(SourceUnreadableError):
        service.sync(node, path, node.clock())
    with node.database.transaction() as session:
        assert service.status(session)[0].live[RecordKind.LEARNER] == 8


def test_two_syncs_do_not_run_at_once(node: Node, export: Export) -> None:
    with (node.home.path / service.LOCK_FILE).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StateError, match="another sync is running"):
            synced(node, export)
    assert synced(node, export).total.new == 21


def test_a_certificate_is_found_with_its_programme(node: Node, export: Export) -> None:
    synced(node, export)
    ref = learner_ref_of(node.keys, "P-1001")
    with node.database.transaction() as session:
        (facts,) = service.certificates_of(session, ref)
        assert service.certificate(session, facts.certificate_id) == facts
        assert service.certificates_of(session, "Lnobody") == []
    assert facts.learner_ref == ref
    assert facts.programme_title == {"en": "Welding"}
    assert (facts.level, facts.hours, facts.status) == (3, 400, "valid")


def test_a_removed_certificate_is_not_found(node: Node, export: Export) -> None:
    synced(node, export)
    with node.database.transaction() as session:
        found = session.scalars(sa.select(CertificateRow.record_id)).all()
    del export.tables["certificates"]["c1"], export.tables["certificates"]["c2"]
    synced(node, export)
    with node.database.transaction() as session:
        for certificate_id in found:
            with pytest.raises(NotFoundError):
                service.certificate(session, certificate_id)


def test_an_employer_is_a_keyed_hash(node: Node, export: Export) -> None:
    export.put("placements", "p2", "P-1002", "harbour  works", "2026-02-25")
    synced(node, export)
    with node.database.transaction() as session:
        employers = session.scalars(sa.select(PlacementRow.employer_ref)).all()
    assert len(employers) == 2
    assert len(set(employers)) == 1
    assert str(employers[0]).startswith("E")


def test_record_ids_differ_between_nodes_and_stay_the_same_at_each_sync(
    node: Node, export: Export, make_node: Callable[[str], Node]
) -> None:
    other = make_node("northport")
    for each in (node, other, node):
        synced(each, export)
    found = []
    for each in (node, other):
        with each.database.transaction() as session:
            found.append(set(session.scalars(sa.select(LearnerRow.record_id))))
    assert [len(ids) for ids in found] == [8, 8]
    assert not found[0] & found[1]


def test_data_are_as_old_as_the_oldest_source(
    node: Node, export: Export, tmp_path: Path, moment: Moment
) -> None:
    with node.database.transaction() as session:
        assert service.data_as_of(session) is None
    first = moment.now
    synced(node, export)
    moment.advance(hours=1)
    other = Export(tmp_path / "other")
    service.sync(node, other.source(name="Other office"), moment.now)
    with node.database.transaction() as session:
        assert service.data_as_of(session) == first
    moment.advance(hours=1)
    synced(node, export)
    with node.database.transaction() as session:
        assert service.data_as_of(session) == moment.advance(hours=-1)


def test_status_names_sources_counts_and_fingerprints(
    node: Node, export: Export
) -> None:
    export.learner("P-1003", born="no year")
    synced(node, export)
    with node.database.transaction() as session:
        (found,) = service.status(session)
    assert (found.name, found.system) == ("Training office", "csv files")
    assert found.live[RecordKind.ENROLMENT] == 7
    assert found.quarantined == 2
    assert set(found.fingerprints) == set(found.counts)
    assert found.finished_at == node.clock()
