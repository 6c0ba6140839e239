"""A city's registry as its software would export it: seeded, realistic, imperfect on purpose.

Everybody in it is invented. Rates differ between cities, ages and programmes, so that there
is something to compare, and a known number of rows is wrong in known ways, so that a test
can demand that quarantine finds exactly those. Each faulty row has one fault. Nothing else
hangs on a rejected learner, so no sound row is orphaned by a faulty one.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from interurban_adapters.records import RecordKind
from interurban_node.demo.synthetic_careers import grievances, offers, placements
from interurban_node.demo.synthetic_faults import REPAIRED, Fault, Sheet, planted
from interurban_node.demo.synthetic_mapping import COLUMNS, MAPPING
from interurban_node.demo.synthetic_rows import (
    CityProfile,
    Period,
    Story,
    certificates,
    consents,
    day_text,
    enrolments,
    learners_of,
    place_of,
    programmes_of,
)

__all__ = [
    "DEMO_CITIES",
    "DEMO_LEARNERS",
    "CityProfile",
    "Fault",
    "Period",
    "RegistryFacts",
    "SecondExportFacts",
    "quarters_before",
    "write_registry",
    "write_second_export",
]

MAPPING_FILE = "mapping.toml"
_WITHOUT_A_PERSON = (RecordKind.PROGRAMME, RecordKind.OFFER)
FILES = {kind: f"{kind}s.csv" for kind in RecordKind}

DEMO_CITIES: Mapping[str, CityProfile] = {
    "lakeside": CityProfile(
        code="LK",
        name="Lakeside",
        displaced_share=0.12,
        completion_shift=0.06,
        scripts=(0.8, 0.08, 0.12),
        work_shift=0.05,
    ),
    "northport": CityProfile(
        code="NP",
        name="Northport",
        displaced_share=0.35,
        completion_shift=-0.02,
        scripts=(0.55, 0.3, 0.15),
        delimiter=";",
        date_format="%d.%m.%Y",
        line_end="\r\n",
        byte_order_mark=True,
    ),
    "eastvale": CityProfile(
        code="EV",
        name="Eastvale",
        displaced_share=0.05,
        completion_shift=-0.07,
        scripts=(0.7, 0.05, 0.25),
        work_shift=-0.06,
        delimiter="\t",
        date_format="%d/%m/%Y",
    ),
}
DEMO_LEARNERS: Mapping[str, int] = {
    "lakeside": 2_000,
    "northport": 6_000,
    "eastvale": 12_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFacts:
    """What a registry holds: how many rows must become records, and the planted faults."""

    mapping: Path
    accepted: Mapping[RecordKind, int]
    faults: Mapping[RecordKind, Mapping[Fault, int]]

    def rejected(self, kind: RecordKind) -> int:
        """How many rows of this kind must be rejected."""
        planted = self.faults[kind].items()
        return sum(count for fault, count in planted if fault not in REPAIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondExportFacts:
    """How a later export differs from the first: sound rows by kind, and its own facts."""

    registry: RegistryFacts
    changed: Mapping[RecordKind, int]
    added: Mapping[RecordKind, int]
    removed: Mapping[RecordKind, int]


_Sheets = dict[RecordKind, Sheet]


def quarters_before(today: date, count: int) -> tuple[Period, ...]:
    """The last `count` quarters that were over on `today`, oldest first."""
    first = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    periods = []
    for _ in range(count):
        last = first - timedelta(days=1)
        first = date(last.year, last.month - 2, 1)
        periods.append((first, last))
    return tuple(reversed(periods))


def write_registry(
    folder: Path,
    *,
    seed: int,
    learners: int,
    city: CityProfile,
    today: date,
    periods: Sequence[Period],
) -> RegistryFacts:
    """Writes the registry's CSV files and their mapping into `folder`; same seed, same bytes.

    Enrolments start within `periods`; nothing but planted faults lies after `today`.
    """
    story = Story(seed=seed, city=city, today=today, periods=tuple(periods))
    sheets = _registry(story, learners)
    return _write(folder, city, sheets)


def write_second_export(
    folder: Path,
    *,
    seed: int,
    learners: int,
    city: CityProfile,
    today: date,
    periods: Sequence[Period],
    later: date,
) -> SecondExportFacts:
    """Writes the same registry as it stands on the day `later`, after `today`.

    Some learners have moved, some active enrolments have ended, some learners are new, and
    some are gone with all their rows, as hard deletes are: without a trace.
    """
    story = Story(seed=seed, city=city, today=today, periods=tuple(periods))
    sheets = _registry(story, learners)
    few = max(3, learners // 200)
    removed = _remove_learners(sheets, few)
    changed = _change(sheets, few, city, later)
    added = _add_learners(sheets, few, story, later)
    return SecondExportFacts(
        registry=_write(folder, city, sheets),
        changed=changed,
        added=added,
        removed=removed,
    )


def _registry(story: Story, count: int) -> _Sheets:
    """All tables, each made from the sound rows of those that it depends on."""
    rng = np.random.default_rng(story.seed)

    def sheet(kind: RecordKind, rows: list[list[str]]) -> Sheet:
        return planted(kind, rows, story, rng)

    people = sheet(RecordKind.LEARNER, learners_of(story, count, rng))
    enrolled = enrolments(story, people.sound, rng)
    signed = consents(story, enrolled, rng)
    courses = sheet(RecordKind.ENROLMENT, enrolled)
    ended = [row for row in courses.sound if _status(row) in ("CMP", "NCM", "WDR")]
    completed = [row for row in ended if _status(row) == "CMP"]
    programmes = programmes_of(story.city)
    places = offers(story, count, rng)
    awards = certificates(story, completed, rng)
    jobs = placements(story, ended, people.sound, rng)
    complaints = grievances(story, courses.sound, people.sound, rng)
    return {
        RecordKind.PROGRAMME: Sheet(programmes, programmes, programmes),
        RecordKind.LEARNER: people,
        RecordKind.OFFER: sheet(RecordKind.OFFER, places),
        RecordKind.ENROLMENT: courses,
        RecordKind.CERTIFICATE: sheet(RecordKind.CERTIFICATE, awards),
        RecordKind.PLACEMENT: sheet(RecordKind.PLACEMENT, jobs),
        RecordKind.GRIEVANCE: sheet(RecordKind.GRIEVANCE, complaints),
        RecordKind.CONSENT: sheet(RecordKind.CONSENT, signed),
    }


def _status(enrolment: Sequence[str]) -> str:
    return enrolment[place_of(RecordKind.ENROLMENT, "status")].strip()


def _remove_learners(sheets: _Sheets, few: int) -> dict[RecordKind, int]:
    """Takes away learners none of whose rows has a fault, with all their rows."""
    leaving = _people_without_faults(sheets)[:few]
    gone = set(leaving)
    removed = {}
    for kind, sheet in sheets.items():
        before = len(sheet.sound)
        for rows in (sheet.rows, sheet.sound, sheet.untouched):
            rows[:] = [row for row in rows if _person(kind, row) not in gone]
        removed[kind] = before - len(sheet.sound)
    return removed


def _people_without_faults(sheets: _Sheets) -> list[str]:
    touched: set[str] = set()
    for kind, sheet in sheets.items():
        clean = {id(row) for row in sheet.untouched}
        touched |= {_person(kind, row) for row in sheet.rows if id(row) not in clean}
    learners = sheets[RecordKind.LEARNER].untouched
    people = (_person(RecordKind.LEARNER, row) for row in learners)
    return [person for person in people if person not in touched]


def _person(kind: RecordKind, row: Sequence[str]) -> str:
    if kind in _WITHOUT_A_PERSON or not row:
        return ""
    column = "number" if kind is RecordKind.LEARNER else "learner"
    return row[place_of(kind, column)].strip()


def _change(
    sheets: _Sheets, few: int, city: CityProfile, later: date
) -> dict[RecordKind, int]:
    """Moves some learners to a new district, and ends some active enrolments."""
    movers = sheets[RecordKind.LEARNER].untouched[-few:]
    for row in movers:
        row[place_of(RecordKind.LEARNER, "district")] = f"{city.code}-09"
    status = place_of(RecordKind.ENROLMENT, "status")
    ended = place_of(RecordKind.ENROLMENT, "ended")
    untouched = sheets[RecordKind.ENROLMENT].untouched
    leavers = [row for row in untouched if row[status] == "ACT"][:few]
    for row in leavers:
        row[status] = "WDR"
        row[ended] = day_text(later.toordinal(), city.date_format)
    return {RecordKind.LEARNER: len(movers), RecordKind.ENROLMENT: len(leavers)}


def _add_learners(
    sheets: _Sheets, few: int, story: Story, later: date
) -> dict[RecordKind, int]:
    """New learners with their enrolments and consents, without faults."""
    newcomers = Story(
        seed=story.seed + 1,
        city=story.city,
        today=later,
        periods=story.periods,
        first_number=2_000_000,
        fault_rate=0,
    )
    added: dict[RecordKind, int] = {}
    for kind, sheet in _registry(newcomers, few).items():
        if kind in _WITHOUT_A_PERSON:
            continue
        sheets[kind].rows += sheet.rows
        sheets[kind].sound += sheet.rows
        added[kind] = len(sheet.rows)
    return added


def _write(folder: Path, city: CityProfile, sheets: _Sheets) -> RegistryFacts:
    encoding = "utf-8-sig" if city.byte_order_mark else "utf-8"
    for kind, sheet in sheets.items():
        with (folder / FILES[kind]).open("w", encoding=encoding, newline="") as file:
            writer = csv.writer(
                file, delimiter=city.delimiter, lineterminator=city.line_end
            )
            writer.writerow(COLUMNS[kind])
            writer.writerows(sheet.rows)
    mapping = folder / MAPPING_FILE
    mapping.write_text(_mapping_text(city), encoding="utf-8")
    return RegistryFacts(
        mapping=mapping,
        accepted={kind: len(sheet.sound) for kind, sheet in sheets.items()},
        faults={kind: dict(sheet.faults) for kind, sheet in sheets.items()},
    )


def _mapping_text(city: CityProfile) -> str:
    return MAPPING.format(
        name=_toml(f"{city.name} training registry"),
        delimiter=_toml(city.delimiter),
        format=_toml(city.date_format),
    )


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a basic string is written the same
