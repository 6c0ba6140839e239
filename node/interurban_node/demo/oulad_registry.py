"""One region of the Open University Learning Analytics Dataset, as a city's registry.

The export's files are read where they lie; only a mapping and a register of paper consents
are written, beside each other in the node's home. Any folder of the same shape will do.

The rules, which anybody can repeat on the published files:

1. The city is the region; a row without a region, or with one that nobody knows, is
   rejected, so that it is seen by somebody.
2. An enrolment starts when its presentation does: B on 1 February, J on 1 October. Whoever
   left before day 0 did not start.
3. Pass and Distinction are completed, Fail is not completed, Withdrawn is withdrawn.
4. A row is rejected only if key, region, presentation or result is missing or unknown;
   anything else that is missing or unknown is null.
5. Learners whose number ends in 0 refused, in 1 were never asked, all others agreed on
   paper when their first presentation started.
6. A completed enrolment has a certificate, awarded at the end of the presentation.
7. An enrolment ends on the day of leaving, and without one at the end of the presentation.
   Why somebody left is not known.

Kuzilek, Hlosta, Zdrahal: Open University Learning Analytics dataset, CC BY 4.0.
"""

import csv
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from interurban_adapters.adapter import text_of
from interurban_adapters.csv_files import CsvFiles
from interurban_adapters.errors import SourceChangedError
from interurban_adapters.mappings import RegistryMapping, load_mapping
from interurban_adapters.records import RecordKind

MAPPING_FILE = "oulad_mapping.toml"
CONSENTS_FILE = "oulad_consents.csv"

OULAD_REGIONS = (
    "East Anglian Region",
    "East Midlands Region",
    "Ireland",
    "London Region",
    "North Region",
    "North Western Region",
    "Scotland",
    "South East Region",
    "South Region",
    "South West Region",
    "Wales",
    "West Midlands Region",
    "Yorkshire Region",
)

_STARTS = {"B": (2, 1), "J": (10, 1)}  # as in the mapping below

_MAPPING = """\
# The Open University Learning Analytics Dataset, one region of it.
name = {name}

[programme]
table = "courses.csv"
key = ["code_module"]
null = ["?"]
distinct = true

[programme.fields]
code = {{ column = "code_module" }}
title = {{ column = "code_module" }}
mode = {{ constant = "distance" }}

[learner]
table = "studentInfo.csv"
key = ["id_student"]
null = ["?"]
distinct = true
where = [{{ column = "region", equals = [{region}] }}]

[learner.fields]
person_id = {{ column = "id_student" }}
sex = {{ column = "gender", map = {{ F = "F", M = "M" }}, otherwise = "null" }}
age_band = {{ column = "age_band" }}
disability = {{ column = "disability", map = {{ Y = "yes", N = "no" }}, otherwise = "null" }}
residence = {{ column = "region" }}

[learner.fields.prior_attainment] # ISCED 2011; of a range the lower end
column = "highest_education"
otherwise = "null"
[learner.fields.prior_attainment.map]
"No Formal quals" = 0
"Lower Than A Level" = 2
"A Level or Equivalent" = 3
"HE Qualification" = 5
"Post Graduate Qualification" = 7

[enrolment]
table = "studentInfo.csv"
key = ["code_module", "code_presentation", "id_student"]
null = ["?"]
where = [{{ column = "region", equals = [{region}], others = [{others}] }}]

[[enrolment.joins]]
table = "studentRegistration.csv"
prefix = "registration."
on = ["code_module", "code_presentation", "id_student"]

[[enrolment.joins]]
table = "courses.csv"
prefix = "course."
on = ["code_module", "code_presentation"]
missing = "reject"

[enrolment.fields]
person_id = {{ column = "id_student" }}
programme_code = {{ column = "code_module" }}
presentation = {{ column = "code_presentation" }}
age_band = {{ column = "age_band" }} # eight learners are older in a later presentation

[enrolment.fields.started_on]
column = "code_presentation"
type = "presentation"
terms = {{ B = "02-01", J = "10-01" }}
unless_left_before = "registration.date_unregistration"

[enrolment.fields.registered_on]
column = "registration.date_registration"
days_from = {{ column = "code_presentation", terms = {{ B = "02-01", J = "10-01" }} }}
otherwise = "null"

[enrolment.fields.ended_on]
column = "registration.date_unregistration"
or_column = "course.module_presentation_length"
days_from = {{ column = "code_presentation", terms = {{ B = "02-01", J = "10-01" }} }}
otherwise = "null"

[enrolment.fields.status]
column = "final_result"
[enrolment.fields.status.map]
Pass = "completed"
Distinction = "completed"
Fail = "not_completed"
Withdrawn = "withdrawn"

[certificate]
table = "studentInfo.csv"
key = ["code_module", "code_presentation", "id_student"]
null = ["?"]

[[certificate.where]]
column = "region"
equals = [{region}]

[[certificate.where]]
column = "final_result"
equals = ["Pass", "Distinction"]

[[certificate.joins]]
table = "courses.csv"
prefix = "course."
on = ["code_module", "code_presentation"]
missing = "skip"

[certificate.fields]
person_id = {{ column = "id_student" }}
programme_code = {{ column = "code_module" }}
result = {{ column = "final_result" }}

[certificate.fields.awarded_on]
column = "course.module_presentation_length"
days_from = {{ column = "code_presentation", terms = {{ B = "02-01", J = "10-01" }} }}

[consent]
table = "{consents}"
key = ["evidence_id"]

[consent.fields]
person_id = {{ column = "id_student" }}
question = {{ column = "question" }}
answer = {{ column = "answer" }}
signed_on = {{ column = "signed_on" }}
evidence_id = {{ column = "evidence_id" }}
recipients = {{ column = "recipients" }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OuladRegistry:
    """A region's registry: what was written, and the folders that the CSV adapter reads."""

    mapping: Path
    consents: Path
    folders: tuple[Path, Path]
    given: int
    refused: int
    never_asked: int


def write_oulad_registry(
    export: Path,
    home: Path,
    *,
    region: str,
    known_regions: Collection[str] = OULAD_REGIONS,
    signed_on: date | None = None,
) -> OuladRegistry:
    """Writes the mapping and the consents of `region` into `home`.

    `export` is the folder with courses.csv, studentInfo.csv and studentRegistration.csv,
    which stay as they are. `known_regions` belong to other cities, `region` need not be
    among them. `signed_on` is the day of every sheet of paper, in place of the fifth rule's:
    a consent cannot be older than its question.

    Raises:
        SourceUnreadableError: one of the files is not there or not UTF-8.
        SourceChangedError: a file lacks a column or is half there, or no row is of `region`.
    """
    mapping = home / MAPPING_FILE
    mapping.write_text(_mapping_text(region, known_regions), encoding="utf-8")
    learners = _first_starts(export, load_mapping(mapping))
    if not learners:
        raise SourceChangedError(f"studentInfo.csv has no enrolment in {region}")
    consents = home / CONSENTS_FILE
    rows = list(_consents(learners, signed_on))
    with consents.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            (
                "evidence_id",
                "id_student",
                "question",
                "answer",
                "signed_on",
                "recipients",
            )
        )
        writer.writerows(rows)
    refused = sum(row[3] == "refused" for row in rows)
    return OuladRegistry(
        mapping=mapping,
        consents=consents,
        folders=(export, home),
        given=len(rows) - refused,
        refused=refused,
        never_asked=len(learners) - len(rows),
    )


def _mapping_text(region: str, known_regions: Collection[str]) -> str:
    others = (other for other in known_regions if other != region)
    return _MAPPING.format(
        name=_toml(f"OULAD, {region}"),
        region=_toml(region),
        others=", ".join(_toml(other) for other in others),
        consents=CONSENTS_FILE,
    )


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a basic string is written the same


def _first_starts(export: Path, mapping: RegistryMapping) -> dict[str, date]:
    """The region's learners, and when their first presentation started."""
    first: dict[str, date] = {}
    for table in mapping.tables:
        if table.kind is not RecordKind.ENROLMENT:
            continue
        for page in CsvFiles(export).read(table.source):
            for accepted in table.map_rows(page.rows, today=date.max).accepted:
                presentation = text_of(accepted.row.values["code_presentation"])
                start = date(int(presentation[:4]), *_STARTS[presentation[4:]])
                person = text_of(accepted.row.values["id_student"])
                first[person] = min(start, first.get(person, start))
    return first


def _consents(
    learners: dict[str, date], signed_on: date | None
) -> Iterator[tuple[str, ...]]:
    for person, start in learners.items():
        rest = int(person) % 10 if person.isascii() and person.isdigit() else 1
        if rest == 1:
            continue
        answer = "refused" if rest == 0 else "given"
        day = (signed_on or start).isoformat()
        yield (f"paper-{person}", person, "aggregates", answer, day, "all")
