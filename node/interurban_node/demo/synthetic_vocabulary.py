"""Names, programmes and the mapping of the invented registries.

The given and family names are common ones of several languages, put together by chance;
nobody is meant.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A programme: ISCED-F 2013 field, EQF level, and how many of its learners complete."""

    code: str
    title: str
    field: str
    level: int
    hours: int
    weeks: int
    mode: str
    completing: float


PROGRAMMES = (
    Programme(
        code="DIG-BASIC",
        title="Digital skills for every day",
        field="0611",
        level=2,
        hours=60,
        weeks=8,
        mode="P",
        completing=0.78,
    ),
    Programme(
        code="DIG-OFFICE",
        title="Office software",
        field="0611",
        level=3,
        hours=90,
        weeks=10,
        mode="H",
        completing=0.72,
    ),
    Programme(
        code="DIG-WEB",
        title="Web development",
        field="0613",
        level=4,
        hours=320,
        weeks=20,
        mode="H",
        completing=0.55,
    ),
    Programme(
        code="DIG-DATA",
        title="Data analysis",
        field="0612",
        level=5,
        hours=280,
        weeks=18,
        mode="D",
        completing=0.52,
    ),
    Programme(
        code="DIG-NET",
        title="Network technician",
        field="0612",
        level=4,
        hours=300,
        weeks=20,
        mode="P",
        completing=0.6,
    ),
    Programme(
        code="CARE-ASSIST",
        title="Care assistant",
        field="0921",
        level=3,
        hours=260,
        weeks=16,
        mode="P",
        completing=0.74,
    ),
    Programme(
        code="CARE-CHILD",
        title="Child care",
        field="0922",
        level=4,
        hours=300,
        weeks=20,
        mode="P",
        completing=0.7,
    ),
    Programme(
        code="BUILD-ELEC",
        title="Electrical installation",
        field="0713",
        level=4,
        hours=340,
        weeks=20,
        mode="P",
        completing=0.63,
    ),
    Programme(
        code="BUILD-WOOD",
        title="Carpentry",
        field="0732",
        level=3,
        hours=280,
        weeks=16,
        mode="P",
        completing=0.66,
    ),
    Programme(
        code="LOG-STORE",
        title="Warehouse and logistics",
        field="1041",
        level=3,
        hours=160,
        weeks=12,
        mode="P",
        completing=0.76,
    ),
    Programme(
        code="HOSP-COOK",
        title="Kitchen and hospitality",
        field="1013",
        level=3,
        hours=180,
        weeks=12,
        mode="P",
        completing=0.68,
    ),
    Programme(
        code="BUS-ADMIN",
        title="Business administration",
        field="0413",
        level=4,
        hours=220,
        weeks=16,
        mode="D",
        completing=0.61,
    ),
)

LATIN = (
    (
        "Anna",
        "Jonas",
        "Marie",
        "Lukas",
        "Zoë",
        "Émile",
        "Łucja",
        "Søren",
        "Inês",
        "Tomáš",
    ),
    ("Fischer", "Nowak", "Lefèvre", "Øster", "Řezník", "Silva", "O'Hara", "van Dijk"),
)
ARABIC = (
    ("أحمد", "فاطمة", "يوسف", "ليلى", "عمر", "مريم", "سامر", "هدى"),
    ("الحداد", "النجار", "خوري", "منصور", "البيطار", "سليمان"),
)
CYRILLIC = (
    ("Олена", "Андрій", "Наталія", "Тарас", "Ірина", "Дмитро", "Софія"),
    ("Коваленко", "Шевчук", "Мельник", "Бондар", "Ткаченко", "Гриценко"),
)

EMPLOYERS = (
    "Harbour Bakery",
    "Northern Rail Works",
    "Elm Street Clinic",
    "Tern Logistics",
    "Bluefield Software",
    "Old Mill Carpentry",
    "Quay Hotel",
    "Lantern Care Homes",
    "Vale Electric",
    "Paper Kite Studio",
)

COLUMNS = {
    "programme": ("code", "title", "isced_f", "eqf", "hours", "mode", "provider"),
    "learner": (
        "number",
        "given_name",
        "family_name",
        "email",
        "phone",
        "sex",
        "born",
        "displaced",
        "disability",
        "attainment",
        "district",
    ),
    "enrolment": (
        "id",
        "learner",
        "programme",
        "term",
        "registered",
        "started",
        "ended",
        "status",
        "reason",
    ),
    "certificate": ("id", "learner", "programme", "awarded", "eqf", "result", "status"),
    "placement": ("id", "learner", "employer", "kind", "starts", "ends", "wage_band"),
    "consent": ("sheet", "learner", "question", "answer", "signed", "recipients"),
}

MAPPING = """\
# What the tables of this registry mean; the codes are those of its software.
name = {name}

[programme]
table = "programmes.csv"
delimiter = {delimiter}
key = ["code"]

[programme.fields]
code = {{ column = "code" }}
title = {{ column = "title" }}
field = {{ column = "isced_f" }}
level = {{ column = "eqf" }}
hours = {{ column = "hours" }}
mode = {{ column = "mode", map = {{ P = "in_person", H = "hybrid", D = "distance" }} }}
provider = {{ column = "provider" }}

[learner]
table = "learners.csv"
delimiter = {delimiter}
key = ["number"]

[learner.fields]
person_id = {{ column = "number" }}
given_name = {{ column = "given_name" }}
family_name = {{ column = "family_name" }}
email = {{ column = "email" }}
phone = {{ column = "phone" }}
sex = {{ column = "sex", map = {{ 1 = "M", 2 = "F", 3 = "_O", 9 = "_U" }} }}
birth_year = {{ column = "born", type = "year", format = {format} }}
displaced = {{ column = "displaced", map = {{ Y = "yes", N = "no" }} }}
disability = {{ column = "disability", map = {{ Y = "yes", N = "no" }} }}
prior_attainment = {{ column = "attainment" }}
residence = {{ column = "district" }}

[enrolment]
table = "enrolments.csv"
delimiter = {delimiter}
key = ["id"]

[enrolment.fields]
person_id = {{ column = "learner" }}
programme_code = {{ column = "programme" }}
presentation = {{ column = "term" }}
registered_on = {{ column = "registered", format = {format} }}
started_on = {{ column = "started", format = {format} }}
ended_on = {{ column = "ended", format = {format} }}
exit_reason = {{ column = "reason" }}

[enrolment.fields.status]
column = "status"
[enrolment.fields.status.map]
REG = "registered"
ACT = "active"
SUS = "suspended"
CMP = "completed"
NCM = "not_completed"
WDR = "withdrawn"

[certificate]
table = "certificates.csv"
delimiter = {delimiter}
key = ["id"]

[certificate.fields]
person_id = {{ column = "learner" }}
programme_code = {{ column = "programme" }}
awarded_on = {{ column = "awarded", format = {format} }}
level = {{ column = "eqf" }}
result = {{ column = "result" }}
status = {{ column = "status", map = {{ V = "valid", R = "revoked" }} }}

[placement]
table = "placements.csv"
delimiter = {delimiter}
key = ["id"]

[placement.fields]
person_id = {{ column = "learner" }}
employer = {{ column = "employer" }}
kind = {{ column = "kind", map = {{ J = "job", A = "apprenticeship", I = "internship" }} }}
starts = {{ column = "starts", format = {format} }}
ends = {{ column = "ends", format = {format} }}
wage_band = {{ column = "wage_band" }}

[consent]
table = "consents.csv"
delimiter = {delimiter}
key = ["sheet"]

[consent.fields]
person_id = {{ column = "learner" }}
question = {{ column = "question" }}
answer = {{ column = "answer", map = {{ Y = "given", N = "refused", W = "withdrawn" }} }}
signed_on = {{ column = "signed", format = {format} }}
evidence_id = {{ column = "sheet" }}
recipients = {{ column = "recipients" }}
"""
