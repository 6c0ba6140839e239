"""The tables of the invented registries, and the mapping that says what they mean."""

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
    "offer": ("run", "programme", "term", "starts", "places", "mode"),
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
    "placement": (
        "id",
        "learner",
        "employer",
        "kind",
        "starts",
        "ends",
        "why_ended",
        "wage_band",
    ),
    "grievance": (
        "file",
        "learner",
        "about",
        "received",
        "due",
        "decided",
        "outcome",
    ),
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

[offer]
table = "offers.csv"
delimiter = {delimiter}
key = ["run"]

[offer.fields]
programme_code = {{ column = "programme" }}
presentation = {{ column = "term" }}
starts = {{ column = "starts", format = {format} }}
places = {{ column = "places" }}
mode = {{ column = "mode", map = {{ P = "in_person", H = "hybrid", D = "distance" }} }}

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

[enrolment.fields.exit_reason]
column = "reason"
otherwise = "null"
[enrolment.fields.exit_reason.map]
work = "WORK"
family = "FAMILY"
health = "HEALTH"
moved = "MOVED"
provider = "PROVIDER"
exam = "OTHER"
other = "OTHER"

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
end_reason = {{ column = "why_ended", map = {{ C = "completed", B = "broken", O = "other" }} }}
wage_band = {{ column = "wage_band" }}

[grievance]
table = "grievances.csv"
delimiter = {delimiter}
key = ["file"]

[grievance.fields]
person_id = {{ column = "learner" }}
received_on = {{ column = "received", format = {format} }}
due_on = {{ column = "due", format = {format} }}
decided_on = {{ column = "decided", format = {format} }}
outcome = {{ column = "outcome", map = {{ U = "upheld", P = "partly upheld", R = "not upheld" }} }}

[grievance.fields.kind]
column = "about"
[grievance.fields.kind.map]
job = "PLACEMENT"
school = "PROVIDER"
data = "DATA"
stop = "WITHDRAWAL"
unfair = "DISCRIMINATION"
safety = "SAFETY"
other = "OTHER"

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
