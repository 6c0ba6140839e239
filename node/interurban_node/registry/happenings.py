"""The events that records tell of, with what was known of the learner and the course."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_adapters.records import CertificateStatus, EnrolmentStatus
from interurban_node.core.database import is_one_of
from interurban_node.registry import counting
from interurban_node.registry.counting import Happening, Profile
from interurban_node.registry.models import (
    CertificateRow,
    EnrolmentRow,
    GrievanceRow,
    LearnerRow,
    PlacementRow,
    ProgrammeRow,
)
from interurban_node.registry.rules import age_band_of

_Table: TypeAlias = (
    type[LearnerRow]
    | type[EnrolmentRow]
    | type[CertificateRow]
    | type[PlacementRow]
    | type[GrievanceRow]
)
_RECORD = ("record_id", "source_id", "source_pk", "learner_ref")
_COMPLETED = "COM"
_ONGOING = "ONG"


def happenings(session: Session, learner_refs: Collection[str]) -> list[Happening]:
    """Every event in the records of these learners, in no order."""
    known = _known(session, learner_refs)
    return [
        *_of_enrolments(known),
        *_of_certificates(session, known, learner_refs),
        *_of_placements(session, known, learner_refs),
        *_of_grievances(session, _about(session, GrievanceRow, learner_refs)),
    ]


def nameless_grievances(session: Session) -> list[Happening]:
    """The grievances of nobody known; each is a case of its own."""
    return _of_grievances(session, GrievanceRow.learner_ref.is_(None))


class _Learner(NamedTuple):
    record_id: str
    learner_ref: str
    source_id: int
    sex: str
    birth_year: int | None
    age_band: str | None
    displaced: str
    disability: str


class _Programme(NamedTuple):
    field: str | None
    level: int | None
    mode: str | None


class _Course(NamedTuple):
    """One enrolment."""

    record_id: str
    learner_ref: str
    learner_id: str
    source_pk: str
    programme_id: str
    programme_code: str
    started_on: date | None
    ended_on: date | None
    status: str
    exit_reason: str | None
    outcome: str
    age_band: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of some learners; a learner of two sources has two records."""

    learners: Mapping[str, _Learner]  # by id
    records: Mapping[str, Sequence[_Learner]]  # by reference
    courses: Mapping[str, Sequence[_Course]]  # by reference
    programmes: Mapping[str, _Programme]  # by id

    def learner(self, ref: str, source_id: int) -> _Learner | None:
        """The source's own record of a learner, or else another one."""
        records = self.records.get(ref, ())
        own = (each for each in records if each.source_id == source_id)
        return next(own, records[0] if records else None)

    def course(self, ref: str, day: date, code: str | None = None) -> _Course | None:
        """The course that the learner had started last on that day, of that programme."""
        started = [
            (each.started_on, each.source_pk, each)
            for each in self.courses.get(ref, ())
            if each.started_on is not None
            and each.started_on <= day
            and code in (None, each.programme_code)
        ]
        return max(started)[2] if started else None


def _known(session: Session, refs: Collection[str]) -> _Known:
    learners = [
        _Learner(*row)
        for row in session.execute(
            _live(
                LearnerRow, _Learner._fields, LearnerRow.learner_ref.in_(refs)
            ).order_by(LearnerRow.source_pk)
        )
    ]
    records: dict[str, list[_Learner]] = defaultdict(list)
    for learner in learners:
        records[learner.learner_ref].append(learner)
    courses: dict[str, list[_Course]] = defaultdict(list)
    wanted = _live(EnrolmentRow, _Course._fields, _about(session, EnrolmentRow, refs))
    for row in session.execute(wanted):
        course = _Course(*row)
        courses[course.learner_ref].append(course)
    return _Known(
        {each.record_id: each for each in learners},
        records,
        courses,
        _programmes(session),
    )


def _programmes(session: Session) -> dict[str, _Programme]:
    rows = session.execute(
        sa.select(
            ProgrammeRow.record_id,
            ProgrammeRow.field,
            ProgrammeRow.level,
            ProgrammeRow.mode,
        )
    )
    return {
        record_id: _Programme(field, level, mode)
        for record_id, field, level, mode in rows
    }


def _of_enrolments(known: _Known) -> list[Happening]:
    found: list[Happening] = []
    for courses in known.courses.values():
        for course in courses:
            learner = known.learners.get(course.learner_id)
            if learner is None:
                continue
            if course.started_on is not None:
                found.append(_started(known, course, learner))
            if course.ended_on is not None and course.outcome != _ONGOING:
                found.append(_ended(known, course, learner))
    return found


def _started(known: _Known, course: _Course, learner: _Learner) -> Happening:
    values = _facts(known, course, learner, course.age_band)
    values["enrolment.outcome"] = course.outcome
    return _of_course(counting.STARTED, course, course.started_on, values)


def _ended(known: _Known, course: _Course, learner: _Learner) -> Happening:
    values = _facts(known, course, learner, course.age_band)
    values["enrolment.outcome"] = course.outcome
    completed = course.status == EnrolmentStatus.COMPLETED
    values["enrolment.exit_reason"] = _COMPLETED if completed else course.exit_reason
    return _of_course(counting.ENDED, course, course.ended_on, values)


def _of_course(
    event: str, course: _Course, day: date | None, values: Mapping[str, str | None]
) -> Happening:
    return Happening(
        event,
        course.learner_ref,
        day or date.max,
        course.programme_code,
        course.source_pk,
        course.record_id,
        _profile(values),
    )


def _of_certificates(
    session: Session, known: _Known, refs: Collection[str]
) -> list[Happening]:
    """Awards that stand; one that was revoked before it was counted never counts."""
    awards = _live(
        CertificateRow,
        ("programme_id", "programme_code", "awarded_on", "level", *_RECORD),
        _about(session, CertificateRow, refs),
    ).where(CertificateRow.status == CertificateStatus.VALID)
    found: list[Happening] = []
    for row in session.execute(awards):
        learner = known.learner(row.learner_ref, row.source_id)
        if learner is None:
            continue
        course = known.course(row.learner_ref, row.awarded_on, row.programme_code)
        values = _facts(known, course, learner, _age(learner, course, row.awarded_on))
        values["programme.code"] = row.programme_code
        programme = known.programmes[row.programme_id]
        values |= _programme_facts(programme)
        level = row.level if row.level is not None else programme.level
        values["certificate.level"] = _text(level)
        found.append(
            Happening(
                counting.AWARDED,
                row.learner_ref,
                row.awarded_on,
                row.programme_code,
                row.source_pk,
                row.record_id,
                _profile(values),
            )
        )
    return found


def _of_placements(
    session: Session, known: _Known, refs: Collection[str]
) -> list[Happening]:
    """Placements, for the programme that the learner had started last by then."""
    names = ("kind", "starts", *_RECORD)
    placements = _live(PlacementRow, names, _about(session, PlacementRow, refs))
    found: list[Happening] = []
    for row in session.execute(placements):
        learner = known.learner(row.learner_ref, row.source_id)
        if learner is None:
            continue
        course = known.course(row.learner_ref, row.starts)
        values = _facts(known, course, learner, _age(learner, course, row.starts))
        values["placement.kind"] = row.kind
        found.append(
            Happening(
                counting.PLACED,
                row.learner_ref,
                row.starts,
                course.programme_code if course else "",
                row.source_pk,
                row.record_id,
                _profile(values),
            )
        )
    return found


def _of_grievances(session: Session, where: sa.ColumnElement[bool]) -> list[Happening]:
    names = ("kind", "received_on", "due_on", "decided_on", *_RECORD)
    return [
        Happening(
            counting.RECEIVED,
            row.learner_ref or row.record_id,
            row.received_on,
            row.kind,
            row.source_pk,
            row.record_id,
            _profile(
                {
                    "grievance.kind": row.kind,
                    "grievance.timeliness": counting.timeliness(
                        row.due_on, row.decided_on
                    ),
                }
            ),
        )
        for row in session.execute(_live(GrievanceRow, names, where))
    ]


def _facts(
    known: _Known, course: _Course | None, learner: _Learner, age_band: str
) -> dict[str, str | None]:
    values: dict[str, str | None] = {
        "learner.age_band": age_band,
        "learner.sex": learner.sex,
        "learner.displaced": learner.displaced,
        "learner.disability": learner.disability,
    }
    if course is not None:
        values["programme.code"] = course.programme_code
        values |= _programme_facts(known.programmes[course.programme_id])
    return values


def _programme_facts(programme: _Programme) -> dict[str, str | None]:
    return {
        "programme.field": programme.field,
        "programme.level": _text(programme.level),
        "programme.mode": programme.mode,
    }


def _age(learner: _Learner, course: _Course | None, day: date) -> str:
    """The band at the start of the course, as with its enrolment; else on that day."""
    if course is not None:
        return course.age_band
    return age_band_of(learner.age_band, learner.birth_year, day)


def _profile(values: Mapping[str, str | None]) -> Profile:
    return tuple(values.get(field) for field in counting.FIELDS)


def _about(
    session: Session, model: _Table, refs: Collection[str]
) -> sa.ColumnElement[bool]:
    return is_one_of(session, model.learner_ref, refs)


def _live(
    model: _Table,
    names: Sequence[str],
    where: sa.ColumnElement[bool],
) -> sa.Select[Any]:
    columns = [getattr(model, name) for name in names]
    return sa.select(*columns).where(where, model.deleted_at.is_(None))


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
