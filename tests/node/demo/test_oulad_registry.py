"""A region of the published dataset: its rules on small exports, its figures on the real one."""

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from interurban_adapters.csv_files import CsvFiles
from interurban_adapters.errors import (
    SourceChangedError,
    SourceUnreadableError,
)
from interurban_adapters.mappings import MappedRows, load_mapping
from interurban_adapters.records import (
    CertificateRecord,
    ConsentAnswer,
    ConsentClaimRecord,
    EnrolmentRecord,
    EnrolmentStatus,
    LearnerRecord,
    RecordKind,
    Sex,
    YesNo,
)
from interurban_node.demo.oulad_registry import (
    OULAD_REGIONS,
    OuladRegistry,
    write_oulad_registry,
)
from tests.support.registries import (
    OULAD_INFO,
    mapped_registry,
    oulad_row,
    write_csv,
    write_oulad_export,
)
from tests.support.shared import shared_path

# the published check figures: enrolments, learners, completed
FIGURES = {
    "East Anglian Region": (1_543, 1_504, 841),
    "East Midlands Region": (1_067, 1_037, 545),
    "Ireland": (520, 510, 306),
    "London Region": (1_360, 1_322, 597),
    "North Region": (562, 547, 299),
    "North Western Region": (1_178, 1_143, 526),
    "Scotland": (1_409, 1_373, 789),
    "South East Region": (943, 918, 573),
    "South Region": (1_286, 1_258, 770),
    "South West Region": (1_056, 1_027, 596),
    "Wales": (1_079, 1_047, 558),
    "West Midlands Region": (1_196, 1_150, 573),
    "Yorkshire Region": (926, 901, 476),
}


def _registry(
    tmp_path: Path, export: Path, region: str = "Wales"
) -> tuple[OuladRegistry, dict[RecordKind, MappedRows]]:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    registry = write_oulad_registry(export, home, region=region)
    adapter = CsvFiles(*registry.folders)
    return registry, mapped_registry(adapter, load_mapping(registry.mapping))


def _small(
    tmp_path: Path,
    info: Sequence[Sequence[str]],
    registration: Sequence[Sequence[str]] = (),
) -> dict[RecordKind, MappedRows]:
    export = write_oulad_export(tmp_path / "export", info, registration=registration)
    return _registry(tmp_path, export)[1]


def _enrolments(mapped: dict[RecordKind, MappedRows]) -> list[EnrolmentRecord]:
    records = [accepted.record for accepted in mapped[RecordKind.ENROLMENT].accepted]
    return [record for record in records if isinstance(record, EnrolmentRecord)]


def _plain_rows(export: Path, name: str) -> list[dict[str, str]]:
    with (export / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("region", OULAD_REGIONS)
def test_a_region_has_the_published_figures(region: str, tmp_path: Path) -> None:
    export = shared_path("data/oulad")
    _, mapped = _registry(tmp_path, export, region)
    enrolments = _enrolments(mapped)
    completed = sum(e.status is EnrolmentStatus.COMPLETED for e in enrolments)
    learners = mapped[RecordKind.LEARNER].accepted
    assert (len(enrolments), len(learners), completed) == FIGURES[region]
    assert len(mapped[RecordKind.CERTIFICATE].accepted) == completed
    assert len(mapped[RecordKind.PROGRAMME].accepted) == 4
    assert not any(rows.rejected for rows in mapped.values())


@pytest.mark.parametrize("region", ["Scotland", "London Region"])
def test_starters_by_quarter_are_those_of_a_plain_count(
    region: str, tmp_path: Path
) -> None:
    export = shared_path("data/oulad")
    left = {
        (row["code_module"], row["code_presentation"], row["id_student"])
        for row in _plain_rows(export, "studentRegistration.csv")
        if row["date_unregistration"].startswith("-")
    }
    expected: Counter[tuple[str, str, str]] = Counter()
    for row in _plain_rows(export, "studentInfo.csv"):
        key = (row["code_module"], row["code_presentation"], row["id_student"])
        if row["region"] == region and key not in left:
            term = row["code_presentation"]
            quarter = f"{term[:4]}-{'02-01' if term[4] == 'B' else '10-01'}"
            expected[quarter, row["code_module"], row["final_result"]] += 1
    plain: Counter[tuple[str, str, str]] = Counter()
    for (quarter, module, result), count in expected.items():
        merged = "Pass" if result == "Distinction" else result
        plain[quarter, module, merged] += count
    words = {"completed": "Pass", "not_completed": "Fail", "withdrawn": "Withdrawn"}
    _, mapped = _registry(tmp_path, export, region)
    found = Counter(
        (str(e.started_on), e.programme_code, words[e.status])
        for e in _enrolments(mapped)
        if e.started_on is not None
    )
    assert found == plain


def test_exits_by_quarter_are_those_of_a_plain_count(tmp_path: Path) -> None:
    export = shared_path("data/oulad")
    lengths = {
        (row["code_module"], row["code_presentation"]): int(
            row["module_presentation_length"]
        )
        for row in _plain_rows(export, "courses.csv")
    }
    left = {
        (row["code_module"], row["code_presentation"], row["id_student"]): row[
            "date_unregistration"
        ]
        for row in _plain_rows(export, "studentRegistration.csv")
    }
    expected: Counter[tuple[date, str]] = Counter()
    for row in _plain_rows(export, "studentInfo.csv"):
        term = row["code_presentation"]
        key = (row["code_module"], term, row["id_student"])
        if row["region"] == "Wales":
            day = left.get(key, "?")
            days = lengths[key[:2]] if day in ("?", "") else int(day)
            starts = date(int(term[:4]), *{"B": (2, 1), "J": (10, 1)}[term[4]])
            expected[starts + timedelta(days=days), row["code_module"]] += 1
    _, mapped = _registry(tmp_path, export, "Wales")
    found = Counter((e.ended_on, e.programme_code) for e in _enrolments(mapped))
    assert found == expected


def test_consents_follow_the_published_rule(tmp_path: Path) -> None:
    export = shared_path("data/oulad")
    registry, mapped = _registry(tmp_path, export, "Ireland")
    expected: dict[str, set[str]] = defaultdict(set)
    for row in _plain_rows(export, "studentInfo.csv"):
        if row["region"] == "Ireland":
            last = int(row["id_student"]) % 10
            answer = {0: "refused", 1: "never"}.get(last, "given")
            expected[answer].add(row["id_student"])
    claims = [a.record for a in mapped[RecordKind.CONSENT].accepted]
    for answer in ConsentAnswer.GIVEN, ConsentAnswer.REFUSED:
        people = {
            claim.person_id
            for claim in claims
            if isinstance(claim, ConsentClaimRecord) and claim.answer is answer
        }
        assert people == expected[answer]
    assert len(claims) == len(expected["given"]) + len(expected["refused"])
    assert (registry.given, registry.refused, registry.never_asked) == (
        len(expected["given"]),
        len(expected["refused"]),
        len(expected["never"]),
    )


def test_the_export_stays_as_it_is_and_is_not_copied(tmp_path: Path) -> None:
    export = write_oulad_export(tmp_path / "export", [oulad_row()])
    before = {path.name: path.read_bytes() for path in export.iterdir()}
    registry, _ = _registry(tmp_path, export)
    assert {path.name: path.read_bytes() for path in export.iterdir()} == before
    assert set((tmp_path / "home").iterdir()) == {registry.mapping, registry.consents}


def test_an_enrolment_starts_with_its_presentation(tmp_path: Path) -> None:
    info = [oulad_row("102"), oulad_row("103", module="BBB", presentation="2014B")]
    key = ("AAA", "2013J", "102")
    first, second = _enrolments(_small(tmp_path, info, [(*key, "-30", "12")]))
    assert first.started_on == date(2013, 10, 1)
    assert first.registered_on == date(2013, 9, 1)
    assert first.ended_on == date(2013, 10, 13)
    assert second.started_on == date(2014, 2, 1)
    assert (second.registered_on, second.ended_on) == (None, date(2014, 9, 23))


def test_whoever_left_before_day_0_did_not_start(tmp_path: Path) -> None:
    info = [oulad_row("102", result="Withdrawn"), oulad_row("103", result="Withdrawn")]
    registration = [
        ("AAA", "2013J", "102", "-30", "-1"),
        ("AAA", "2013J", "103", "?", "0"),
    ]
    first, second = _enrolments(_small(tmp_path, info, registration))
    assert first.started_on is None
    assert first.ended_on == date(2013, 9, 30)
    assert first.status is EnrolmentStatus.WITHDRAWN
    assert second.started_on == date(2013, 10, 1)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (oulad_row("?"), "key"),
        (oulad_row(""), "key"),
        (oulad_row(module="?"), "key"),
        (oulad_row(region="?"), "region"),
        (oulad_row(region=""), "region"),
        (oulad_row(region="Atlantis"), "region"),
        (oulad_row(result="?"), "status"),
        (oulad_row(result="Merit"), "status"),
        (oulad_row(presentation="?"), "key"),
        (oulad_row(presentation="2013X"), "code_module"),
        (oulad_row(module="ZZZ"), "code_module"),
    ],
)
def test_a_row_is_rejected_if_key_region_result_or_presentation_is_unknown(
    row: tuple[str, ...], field: str, tmp_path: Path
) -> None:
    mapped = _small(tmp_path, [oulad_row("222"), row, oulad_row("333")])
    assert {e.person_id for e in _enrolments(mapped)} == {"222", "333"}
    (rejected,) = mapped[RecordKind.ENROLMENT].rejected
    assert rejected.row.row_number == 3
    assert field in {reason.field for reason in rejected.reasons}


@pytest.mark.parametrize(
    "row",
    [
        oulad_row("102", gender="?"),
        oulad_row("102", gender="X"),
        oulad_row("102", age="?"),
        oulad_row("102", disability="maybe"),
    ],
)
@pytest.mark.parametrize(
    ("days", "ended"),
    [
        (("?", "?"), date(2014, 6, 26)),  # with the presentation
        (("soon", "later"), None),
        (("1.5", "900000000"), None),
    ],
)
def test_nothing_else_rejects_a_row(
    row: tuple[str, ...],
    days: tuple[str, str],
    ended: date | None,
    tmp_path: Path,
) -> None:
    mapped = _small(tmp_path, [row], [("AAA", "2013J", "102", *days)])
    (enrolment,) = _enrolments(mapped)
    assert enrolment.started_on == date(2013, 10, 1)
    assert (enrolment.registered_on, enrolment.ended_on) == (None, ended)
    assert len(mapped[RecordKind.LEARNER].accepted) == 1


def test_a_learner_is_what_the_export_says(tmp_path: Path) -> None:
    row = oulad_row("102", gender="M", age="55<=", disability="Y")
    mapped = _small(tmp_path, [row])
    assert mapped[RecordKind.LEARNER].accepted[0].record == LearnerRecord(
        source_pk="102",
        person_id="102",
        sex=Sex.MALE,
        age_band="55<=",
        disability=YesNo.YES,
        prior_attainment=5,
        residence="Wales",
    )


def test_a_learner_of_several_presentations_is_one_learner(tmp_path: Path) -> None:
    info = [
        oulad_row("102", age="0-35"),
        oulad_row("102", module="BBB", presentation="2014B", age="35-55"),
        oulad_row("103"),
    ]
    mapped = _small(tmp_path, info)
    people = [accepted.record for accepted in mapped[RecordKind.LEARNER].accepted]
    assert [(p.source_pk, p.model_dump()["age_band"]) for p in people] == [
        ("102", "0-35"),
        ("103", "0-35"),
    ]
    assert mapped[RecordKind.LEARNER].rejected == ()
    assert len(_enrolments(mapped)) == 3


def test_a_completed_enrolment_has_a_certificate_from_the_end_of_its_presentation(
    tmp_path: Path,
) -> None:
    info = [
        oulad_row("102", result="Distinction"),
        oulad_row("103", result="Fail"),
        oulad_row("104", result="Pass", region="Scotland"),
    ]
    mapped = _small(tmp_path, info)
    (certificate,) = mapped[RecordKind.CERTIFICATE].accepted
    assert certificate.record == CertificateRecord(
        source_pk="AAA/2013J/102",
        person_id="102",
        programme_code="AAA",
        awarded_on=date(2014, 6, 26),
        result="Distinction",
    )


def test_the_same_enrolment_twice_is_rejected_once(tmp_path: Path) -> None:
    mapped = _small(tmp_path, [oulad_row("102"), oulad_row("102")])
    assert len(_enrolments(mapped)) == 1
    assert len(mapped[RecordKind.ENROLMENT].rejected) == 1


def test_a_consent_is_signed_when_the_first_presentation_starts(tmp_path: Path) -> None:
    info = [
        oulad_row("102", module="BBB", presentation="2014B"),
        oulad_row("102"),
        oulad_row("abc"),
    ]
    mapped = _small(tmp_path, info)
    (claim,) = mapped[RecordKind.CONSENT].accepted
    assert claim.record == ConsentClaimRecord(
        source_pk="paper-102",
        person_id="102",
        question="aggregates",
        answer=ConsentAnswer.GIVEN,
        signed_on=date(2013, 10, 1),
        evidence_id="paper-102",
        recipients="all",
    )


def test_all_sheets_can_be_signed_on_one_day(tmp_path: Path) -> None:
    export = write_oulad_export(
        tmp_path / "export", [oulad_row("102"), oulad_row("110")]
    )
    day = date(2026, 1, 2)
    registry = write_oulad_registry(export, tmp_path, region="Wales", signed_on=day)
    claims = mapped_registry(
        CsvFiles(*registry.folders), load_mapping(registry.mapping)
    )
    for accepted in claims[RecordKind.CONSENT].accepted:
        assert isinstance(accepted.record, ConsentClaimRecord)
        assert accepted.record.signed_on == day
    assert (registry.given, registry.refused) == (1, 1)


@pytest.mark.parametrize("region", ['Inner "North" \\ West', "Ærø", "Wales"])
def test_a_region_that_the_dataset_does_not_have_may_be_a_city(
    region: str, tmp_path: Path
) -> None:
    info = [oulad_row("102", region=region), oulad_row("103", region="Scotland")]
    export = write_oulad_export(tmp_path / "export", info)
    _, mapped = _registry(tmp_path, export, region)
    assert [e.person_id for e in _enrolments(mapped)] == ["102"]
    assert mapped[RecordKind.ENROLMENT].rejected == ()


def test_more_regions_can_be_named_as_those_of_other_cities(tmp_path: Path) -> None:
    info = [oulad_row("102"), oulad_row("103", region="Atlantis")]
    export = write_oulad_export(tmp_path / "export", info)
    registry = write_oulad_registry(
        export, tmp_path, region="Wales", known_regions=[*OULAD_REGIONS, "Atlantis"]
    )
    mapped = mapped_registry(
        CsvFiles(*registry.folders), load_mapping(registry.mapping)
    )
    assert mapped[RecordKind.ENROLMENT].rejected == ()
    assert len(_enrolments(mapped)) == 1


def test_a_region_without_enrolments_is_refused(tmp_path: Path) -> None:
    export = write_oulad_export(tmp_path / "export", [oulad_row()])
    with pytest.raises(SourceChangedError, match="no enrolment in Scotland"):
        write_oulad_registry(export, tmp_path, region="Scotland")


def test_an_export_that_lost_a_column_is_refused(tmp_path: Path) -> None:
    export = write_oulad_export(tmp_path / "export", [oulad_row()])
    info = [list(row.values())[:-1] for row in _plain_rows(export, "studentInfo.csv")]
    info.insert(0, list(OULAD_INFO[:-1]))
    write_csv(export, "studentInfo.csv", info)
    with pytest.raises(SourceChangedError, match="no column final_result"):
        write_oulad_registry(export, tmp_path, region="Wales")


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SourceUnreadableError, match=r"there is no file studentInfo\.csv"
    ):
        write_oulad_registry(tmp_path, tmp_path, region="Wales")
