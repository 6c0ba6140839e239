"""Canonical records: what a mapped row of any registry system becomes.

Strict and frozen. Blank is null and never 0: a mapping leaves a null field out, and the
record's default says unknown. Records refer to each other by the source's own numbers.

`identity_fields` say who somebody is: the node stores them only encrypted, apart from
statistics. `source_pk` is made of the source's key columns and often contains the person's
number, so the node keeps a keyed hash of it. `past_fields` cannot lie in the future.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"  # a NUL would break PostgreSQL, a newline a log

Text = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)
]
Code = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=_PRINTABLE)
]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]
"""A day; 0001-01-01 and its like are empty fields of some system, not days."""


class RecordKind(StrEnum):
    """The kinds of records, named as the sections of a mapping."""

    PROGRAMME = "programme"
    LEARNER = "learner"
    OFFER = "offer"
    ENROLMENT = "enrolment"
    CERTIFICATE = "certificate"
    PLACEMENT = "placement"
    GRIEVANCE = "grievance"
    CONSENT = "consent"


class Sex(StrEnum):
    """SDMX codelist CL_SEX."""

    FEMALE = "F"
    MALE = "M"
    OTHER = "_O"
    UNKNOWN = "_U"


class YesNo(StrEnum):
    """An answer that may not be known."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """How a programme is taught."""

    IN_PERSON = "in_person"
    HYBRID = "hybrid"
    DISTANCE = "distance"


class EnrolmentStatus(StrEnum):
    """How an enrolment stands."""

    REGISTERED = "registered"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    NOT_COMPLETED = "not_completed"
    WITHDRAWN = "withdrawn"


class ExitReason(StrEnum):
    """Why somebody left without completing; codes of the standard structure EXITS."""

    WORK = "WORK"
    FAMILY = "FAMILY"
    HEALTH = "HEALTH"
    MOVED = "MOVED"
    PROVIDER = "PROVIDER"
    OTHER = "OTHER"


class CertificateStatus(StrEnum):
    """Whether an award stands."""

    VALID = "valid"
    REVOKED = "revoked"


class PlacementKind(StrEnum):
    """What somebody was placed in."""

    JOB = "job"
    APPRENTICESHIP = "apprenticeship"
    INTERNSHIP = "internship"


class PlacementEnd(StrEnum):
    """Why a placement ended; `broken` is a contract that ended before its term."""

    COMPLETED = "completed"
    BROKEN = "broken"
    OTHER = "other"


class GrievanceKind(StrEnum):
    """What a grievance is about; codes of the standard structure GRIEVANCES."""

    PLACEMENT = "PLACEMENT"
    PROVIDER = "PROVIDER"
    DATA = "DATA"
    WITHDRAWAL = "WITHDRAWAL"
    DISCRIMINATION = "DISCRIMINATION"
    SAFETY = "SAFETY"
    OTHER = "OTHER"


class ConsentAnswer(StrEnum):
    """What a learner answered on paper, as the source claims."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


_LAX = Field(strict=False)  # a mapping gives the code as text; strict wants the member


class CanonicalRecord(BaseModel):
    """Base of all records. `source_pk` is the row's key in its source."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    record_kind: ClassVar[RecordKind]
    identity_fields: ClassVar[frozenset[str]] = frozenset({"person_id"})
    past_fields: ClassVar[tuple[str, ...]] = ()

    source_pk: Text


class LearnerRecord(CanonicalRecord):
    """A person who learns; `prior_attainment` is ISCED 2011 0 to 8, `residence` NUTS/LAU.

    Age is known by year of birth, or as one of the source's own bands, or not at all.
    """

    record_kind: ClassVar[RecordKind] = RecordKind.LEARNER
    identity_fields: ClassVar[frozenset[str]] = frozenset(
        {"person_id", "given_name", "family_name", "email", "phone"}
    )

    person_id: Text
    given_name: Text | None = None
    family_name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    sex: Annotated[Sex, _LAX] = Sex.UNKNOWN
    birth_year: Annotated[int, Field(ge=1900, le=2200)] | None = None
    age_band: Code | None = None
    displaced: Annotated[YesNo, _LAX] = YesNo.UNKNOWN
    disability: Annotated[YesNo, _LAX] = YesNo.UNKNOWN
    prior_attainment: Annotated[int, Field(ge=0, le=8)] | None = None
    residence: Code | None = None


class ProgrammeRecord(CanonicalRecord):
    """A programme; `field` is ISCED-F 2013, `level` EQF 1 to 8."""

    record_kind: ClassVar[RecordKind] = RecordKind.PROGRAMME
    identity_fields: ClassVar[frozenset[str]] = frozenset()

    code: Code
    title: Text
    field: Annotated[str, StringConstraints(pattern=r"^[0-9]{2,4}$")] | None = None
    level: Annotated[int, Field(ge=1, le=8)] | None = None
    hours: Annotated[int, Field(ge=1, le=20_000)] | None = None
    mode: Annotated[Mode, _LAX] | None = None
    provider: Text | None = None


class OfferRecord(CanonicalRecord):
    """Places offered in one run of a programme; no person. `mode` null: the programme's."""

    record_kind: ClassVar[RecordKind] = RecordKind.OFFER
    identity_fields: ClassVar[frozenset[str]] = frozenset()

    programme_code: Code
    presentation: Code | None = None
    starts: Day
    places: Annotated[int, Field(ge=0, le=100_000)]
    mode: Annotated[Mode, _LAX] | None = None


class EnrolmentRecord(CanonicalRecord):
    """A learner in a programme. `started_on` null: has not started, or never did.

    `age_band` is the band at that time, where the source keeps it with the enrolment.
    """

    record_kind: ClassVar[RecordKind] = RecordKind.ENROLMENT
    past_fields: ClassVar[tuple[str, ...]] = ("registered_on", "ended_on")

    person_id: Text
    programme_code: Code
    presentation: Code | None = None
    registered_on: Day | None = None
    started_on: Day | None = None
    ended_on: Day | None = None
    status: Annotated[EnrolmentStatus, _LAX]
    exit_reason: Annotated[ExitReason, _LAX] | None = None
    age_band: Code | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        _check_period(self.started_on, self.ended_on, "ended_on")
        return self


class CertificateRecord(CanonicalRecord):
    """An award for a programme; `level` EQF 1 to 8, `result` in the source's words."""

    record_kind: ClassVar[RecordKind] = RecordKind.CERTIFICATE
    past_fields: ClassVar[tuple[str, ...]] = ("awarded_on",)

    person_id: Text
    programme_code: Code
    awarded_on: Day
    level: Annotated[int, Field(ge=1, le=8)] | None = None
    result: Code | None = None
    status: Annotated[CertificateStatus, _LAX] = CertificateStatus.VALID


class PlacementRecord(CanonicalRecord):
    """A job, apprenticeship or internship, with its dates and a band of the wage.

    `ends` may be agreed beforehand and lie ahead. A new wage is a new record.
    """

    record_kind: ClassVar[RecordKind] = RecordKind.PLACEMENT

    person_id: Text
    employer: Text | None = None
    kind: Annotated[PlacementKind, _LAX]
    starts: Day
    ends: Day | None = None
    end_reason: Annotated[PlacementEnd, _LAX] | None = None
    wage_band: Code | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        _check_period(self.starts, self.ends, "ends")
        return self


class GrievanceRecord(CanonicalRecord):
    """A grievance and its clock, without its text; `person_id` null: nobody gave a name.

    `due_on` is the day by which it had to be decided; `decided_on` null: it is open.
    """

    record_kind: ClassVar[RecordKind] = RecordKind.GRIEVANCE
    past_fields: ClassVar[tuple[str, ...]] = ("received_on", "decided_on")

    person_id: Text | None = None
    kind: Annotated[GrievanceKind, _LAX]
    received_on: Day
    due_on: Day | None = None
    decided_on: Day | None = None
    outcome: Code | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        for field, day in (("due_on", self.due_on), ("decided_on", self.decided_on)):
            if day is not None and day < self.received_on:
                raise PydanticCustomError("before_receipt", "{field}", {"field": field})
        return self


class ConsentClaimRecord(CanonicalRecord):
    """What a source claims that a learner answered; a claim, not yet a consent.

    `question` is the short code of the question, `evidence_id` names the one sheet of paper,
    `recipients` is `all` or null for the recipients that the question names.
    """

    record_kind: ClassVar[RecordKind] = RecordKind.CONSENT
    past_fields: ClassVar[tuple[str, ...]] = ("signed_on",)

    person_id: Text
    question: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
    answer: Annotated[ConsentAnswer, _LAX]
    signed_on: Day
    evidence_id: Code
    recipients: Code | None = None


Record: TypeAlias = (
    ProgrammeRecord
    | LearnerRecord
    | OfferRecord
    | EnrolmentRecord
    | CertificateRecord
    | PlacementRecord
    | GrievanceRecord
    | ConsentClaimRecord
)

RECORD_MODELS: dict[RecordKind, type[Record]] = {
    RecordKind.PROGRAMME: ProgrammeRecord,
    RecordKind.LEARNER: LearnerRecord,
    RecordKind.OFFER: OfferRecord,
    RecordKind.ENROLMENT: EnrolmentRecord,
    RecordKind.CERTIFICATE: CertificateRecord,
    RecordKind.PLACEMENT: PlacementRecord,
    RecordKind.GRIEVANCE: GrievanceRecord,
    RecordKind.CONSENT: ConsentClaimRecord,
}
"""In the order in which records refer to each other."""


def _check_period(starts: date | None, ends: date | None, field: str) -> None:
    if starts is not None and ends is not None and ends < starts:
        raise PydanticCustomError("ends_before_start", "{field}", {"field": field})
