"""The invented registry holds what it says, faults included, and nobody real."""

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from interurban_adapters.csv_files import CsvFiles
from interurban_adapters.mappings import MappedRows, load_mapping
from interurban_adapters.records import (
    ConsentAnswer,
    ConsentClaimRecord,
    EnrolmentRecord,
    EnrolmentStatus,
    ExitReason,
    GrievanceKind,
    GrievanceRecord,
    LearnerRecord,
    OfferRecord,
    PlacementEnd,
    PlacementKind,
    PlacementRecord,
    Record,
    RecordKind,
    Sex,
    YesNo,
)
from interurban_node.demo.synthetic_registry import (
    DEMO_CITIES,
    DEMO_LEARNERS,
    Fault,
    RegistryFacts,
    quarters_before,
    write_registry,
    write_second_export,
)
from tests.support.registries import TODAY, mapped_registry

PERIODS = quarters_before(TODAY, 5)
REASONS = {
    Fault.BAD_DATE: {"is not a day of the calendar"},
    Fault.UNKNOWN_CODE: {"the value is not one that the mapping knows"},
    Fault.MISSING_REQUIRED: {"is missing", "the key is missing"},
    Fault.FUTURE_DATE: {"lies in the future"},
    Fault.DUPLICATE: {"the key occurs twice"},
}


def _written(
    folder: Path, city: str, *, learners: int, seed: int = 11
) -> RegistryFacts:
    return write_registry(
        folder,
        seed=seed,
        learners=learners,
        city=DEMO_CITIES[city],
        today=TODAY,
        periods=PERIODS,
    )


def _mapped(folder: Path, facts: RegistryFacts) -> dict[RecordKind, MappedRows]:
    return mapped_registry(CsvFiles(folder), load_mapping(facts.mapping))


def _records(mapped: MappedRows) -> list[Record]:
    return [accepted.record for accepted in mapped.accepted]


@pytest.mark.parametrize("city", DEMO_CITIES)
def test_quarantine_finds_exactly_the_faults_that_were_planted(
    city: str, tmp_path: Path
) -> None:
    facts = _written(tmp_path, city, learners=3_000)
    for kind, mapped in _mapped(tmp_path, facts).items():
        assert len(mapped.accepted) == facts.accepted[kind]
        assert len(mapped.rejected) == facts.rejected(kind)
        assert all(len(rejected.reasons) == 1 for rejected in mapped.rejected)
        found = Counter(rejected.reasons[0].reason for rejected in mapped.rejected)
        for fault, reasons in REASONS.items():
            planted = facts.faults[kind].get(fault, 0)
            assert sum(found[reason] for reason in reasons) == planted


def test_every_kind_of_fault_is_planted_in_half_a_percent_to_one_of_the_rows(
    tmp_path: Path,
) -> None:
    facts = _written(tmp_path, "lakeside", learners=3_000)
    planted = facts.faults[RecordKind.ENROLMENT]
    assert set(planted) == set(Fault)
    rows = facts.accepted[RecordKind.ENROLMENT] + facts.rejected(RecordKind.ENROLMENT)
    for fault in set(Fault) - {Fault.BLANK_LINE}:
        assert 0.005 <= planted[fault] / rows <= 0.01


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    tmp_path: Path,
) -> None:
    digests = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder = tmp_path / name
        folder.mkdir()
        _written(folder, "northport", learners=200, seed=seed)
        files = sorted(folder.glob("*.csv"))
        assert len(files) == 8
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in files))
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1] != digests[2]


def test_no_sound_row_hangs_on_a_rejected_learner(tmp_path: Path) -> None:
    mapped = _mapped(tmp_path, _written(tmp_path, "eastvale", learners=2_000))
    people = {record.person_id for record in _learners(mapped)}
    programmes = {r.source_pk for r in _records(mapped[RecordKind.PROGRAMME])}
    assert len(programmes) == 12
    for kind in set(RecordKind) - {RecordKind.PROGRAMME, RecordKind.LEARNER}:
        fields = [record.model_dump() for record in _records(mapped[kind])]
        assert {values.get("person_id") for values in fields} <= people | {None}
        assert {values.get("programme_code") for values in fields} <= programmes | {
            None
        }


def test_enrolments_start_in_their_periods_and_nothing_sound_lies_ahead(
    tmp_path: Path,
) -> None:
    mapped = _mapped(tmp_path, _written(tmp_path, "lakeside", learners=1_000))
    quarters: Counter[str | None] = Counter()
    for record in _records(mapped[RecordKind.ENROLMENT]):
        assert isinstance(record, EnrolmentRecord)
        assert record.started_on is not None
        assert PERIODS[0][0] <= record.started_on <= PERIODS[-1][1]
        assert record.registered_on is None or record.registered_on < record.started_on
        assert record.ended_on is None or record.ended_on <= TODAY
        quarters[record.presentation] += 1
    assert len(quarters) == len(PERIODS)
    assert min(quarters.values()) > 150


def test_cities_differ_in_displaced_learners_and_in_completion(tmp_path: Path) -> None:
    displaced, completed = {}, {}
    for name in DEMO_CITIES:
        folder = tmp_path / name
        folder.mkdir()
        mapped = _mapped(folder, _written(folder, name, learners=2_500))
        learners = _learners(mapped)
        displaced[name] = sum(p.displaced is YesNo.YES for p in learners) / len(
            learners
        )
        ended = [
            r
            for r in _records(mapped[RecordKind.ENROLMENT])
            if isinstance(r, EnrolmentRecord) and r.status is not EnrolmentStatus.ACTIVE
        ]
        done = sum(r.status is EnrolmentStatus.COMPLETED for r in ended)
        completed[name] = done / len(ended)
    assert displaced["eastvale"] < 0.07 < displaced["lakeside"] < 0.2
    assert displaced["northport"] > 0.3
    assert completed["lakeside"] > completed["northport"] + 0.02
    assert completed["lakeside"] > completed["eastvale"] + 0.05


def test_four_of_five_agreed_and_a_few_of_them_left_again(tmp_path: Path) -> None:
    mapped = _mapped(tmp_path, _written(tmp_path, "lakeside", learners=5_000))
    learners = len(mapped[RecordKind.LEARNER].accepted)
    answers: Counter[ConsentAnswer] = Counter()
    for record in _records(mapped[RecordKind.CONSENT]):
        assert isinstance(record, ConsentClaimRecord)
        answers[record.answer] += 1
    assert 0.74 < answers[ConsentAnswer.GIVEN] / learners < 0.82
    assert 0.08 < answers[ConsentAnswer.REFUSED] / learners < 0.12
    assert 0 < answers[ConsentAnswer.WITHDRAWN] / learners < 0.03


def test_reasons_for_leaving_differ_by_sex_and_displacement(tmp_path: Path) -> None:
    mapped = _mapped(tmp_path, _written(tmp_path, "northport", learners=6_000))
    people = {person.person_id: person for person in _learners(mapped)}
    left = [
        (people[r.person_id], r.exit_reason)
        for r in _records(mapped[RecordKind.ENROLMENT])
        if isinstance(r, EnrolmentRecord) and r.status is EnrolmentStatus.WITHDRAWN
    ]

    def share(reason: ExitReason, group: Callable[[LearnerRecord], bool]) -> float:
        reasons = [found for person, found in left if group(person)]
        return reasons.count(reason) / len(reasons)

    assert {reason for _, reason in left} == {*ExitReason, None}
    assert share(ExitReason.MOVED, lambda p: p.displaced is YesNo.YES) > 0.15
    assert share(ExitReason.MOVED, lambda p: p.displaced is YesNo.NO) < 0.12
    assert share(ExitReason.FAMILY, lambda p: p.sex is Sex.FEMALE) > 0.22
    assert share(ExitReason.FAMILY, lambda p: p.sex is Sex.MALE) < 0.2


def test_people_find_work_stay_move_and_break_contracts(tmp_path: Path) -> None:
    mapped = _mapped(tmp_path, _written(tmp_path, "eastvale", learners=6_000))
    spells: dict[str, list[PlacementRecord]] = {}
    for record in _records(mapped[RecordKind.PLACEMENT]):
        assert isinstance(record, PlacementRecord)
        assert record.starts <= TODAY
        spells.setdefault(record.person_id, []).append(record)
    every = [spell for own in spells.values() for spell in own]
    assert {spell.kind for spell in every} == set(PlacementKind)
    assert {spell.end_reason for spell in every} == {*PlacementEnd, None}
    contracts = [s for s in every if s.kind is PlacementKind.APPRENTICESHIP]
    broken = [s for s in contracts if s.end_reason is PlacementEnd.BROKEN]
    assert 0.05 < len(broken) / len(contracts) < 0.25
    assert all(spell.ends is not None and spell.ends <= TODAY for spell in broken)
    again = [(own[0], own[1]) for own in spells.values() if len(own) == 2]
    assert any(one.employer == two.employer for one, two in again)
    assert any(one.employer != two.employer for one, two in again)
    assert any((one.wage_band or "") < (two.wage_band or "") for one, two in again)


def test_places_are_offered_in_runs_of_a_classroom_for_more_than_come(
    tmp_path: Path,
) -> None:
    mapped = _mapped(tmp_path, _written(tmp_path, "northport", learners=3_000))
    offered: Counter[str] = Counter()
    for record in _records(mapped[RecordKind.OFFER]):
        assert isinstance(record, OfferRecord)
        assert 0 < record.places <= 25
        assert record.presentation is not None
        offered[record.programme_code] += record.places
    started = Counter(
        record.programme_code
        for record in _records(mapped[RecordKind.ENROLMENT])
        if isinstance(record, EnrolmentRecord)
    )
    assert set(offered) == set(started)
    assert 0.6 < started.total() / offered.total() < 1


def test_grievances_are_in_time_late_or_open_and_some_have_no_name(
    tmp_path: Path,
) -> None:
    mapped = _mapped(tmp_path, _written(tmp_path, "eastvale", learners=6_000))
    records = [
        record
        for record in _records(mapped[RecordKind.GRIEVANCE])
        if isinstance(record, GrievanceRecord)
    ]
    assert {record.kind for record in records} == set(GrievanceKind)
    decided = [record for record in records if record.decided_on is not None]
    late = [r for r in decided if r.due_on is not None and r.decided_on > r.due_on]  # type: ignore[operator]  # decided
    assert 0.05 < 1 - len(decided) / len(records) < 0.25
    assert 0.08 < len(late) / len(decided) < 0.25
    assert 0.1 < sum(r.person_id is None for r in records) / len(records) < 0.2
    assert all((r.outcome is None) == (r.decided_on is None) for r in records)


def test_names_are_written_in_three_scripts(tmp_path: Path) -> None:
    mapped = _mapped(tmp_path, _written(tmp_path, "northport", learners=500))
    names = "".join(person.given_name or "" for person in _learners(mapped))
    for first, last in ("az", "\u0621\u064a", "\u0430\u044f"):
        assert any(first <= character <= last for character in names)


def test_the_last_quarters_are_those_that_were_over() -> None:
    assert quarters_before(date(2026, 3, 31), 2) == (
        (date(2025, 7, 1), date(2025, 9, 30)),
        (date(2025, 10, 1), date(2025, 12, 31)),
    )
    assert quarters_before(date(2026, 4, 1), 1) == (
        (date(2026, 1, 1), date(2026, 3, 31)),
    )


def test_a_registry_of_a_few_learners_can_be_written(tmp_path: Path) -> None:
    facts = _written(tmp_path, "lakeside", learners=12)
    mapped = _mapped(tmp_path, facts)
    assert len(mapped[RecordKind.LEARNER].rejected) == 4


def test_the_current_quarter_has_enrolments_that_have_not_started(
    tmp_path: Path,
) -> None:
    facts = write_registry(
        tmp_path,
        seed=1,
        learners=500,
        city=DEMO_CITIES["lakeside"],
        today=TODAY,
        periods=[(date(2026, 10, 1), date(2026, 12, 31))],
    )
    mapped = _mapped(tmp_path, facts)
    assert len(mapped[RecordKind.ENROLMENT].rejected) == facts.rejected(
        RecordKind.ENROLMENT
    )
    for record in _records(mapped[RecordKind.ENROLMENT]):
        assert isinstance(record, EnrolmentRecord)
        assert record.started_on is not None
        registered = record.status is EnrolmentStatus.REGISTERED
        assert registered == (record.started_on > TODAY)


@pytest.mark.parametrize("city", DEMO_CITIES)
def test_a_second_export_differs_as_its_facts_say(city: str, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    first = _written(before, city, learners=1_000)
    second = write_second_export(
        after,
        seed=11,
        learners=1_000,
        city=DEMO_CITIES[city],
        today=TODAY,
        periods=PERIODS,
        later=date(2026, 12, 1),
    )
    old = _mapped(before, first)
    new = mapped_registry(
        CsvFiles(after), load_mapping(second.registry.mapping), date(2026, 12, 1)
    )
    for kind in RecordKind:
        was = {record.source_pk: record for record in _records(old[kind])}
        now = {record.source_pk: record for record in _records(new[kind])}
        assert len(now.keys() - was.keys()) == second.added.get(kind, 0)
        assert len(was.keys() - now.keys()) == second.removed.get(kind, 0)
        changed = [key for key in was.keys() & now.keys() if was[key] != now[key]]
        assert len(changed) == second.changed.get(kind, 0)
        assert len(now) == second.registry.accepted[kind]
        assert len(new[kind].rejected) == second.registry.rejected(kind)
    assert min(second.changed.values()) > 0
    assert second.added[RecordKind.LEARNER] == second.removed[RecordKind.LEARNER] == 5


def test_every_demo_city_has_a_size() -> None:
    assert dict(DEMO_LEARNERS) == {
        "lakeside": 2_000,
        "northport": 6_000,
        "eastvale": 12_000,
    }
    assert set(DEMO_LEARNERS) == set(DEMO_CITIES)


def _learners(mapped: dict[RecordKind, MappedRows]) -> list[LearnerRecord]:
    records = _records(mapped[RecordKind.LEARNER])
    return [record for record in records if isinstance(record, LearnerRecord)]
