"""Builders for counting: registry rows and grants without the way they came, and a plan.

Rows are written as a sync and an answer would leave them, so that a test can have thousands
of learners. How they come about is tested with the registry and with consent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates.members import members_of
from interurban_node.aggregates.models import ReleaseMembersRow
from interurban_node.aggregates.service import BuiltRelease, build_release
from interurban_node.agreements.service import PlanInForce
from interurban_node.consent.models import GrantRow
from interurban_node.core.context import Node
from interurban_node.core.learner_numbers import LearnerNumberRow, learner_numbers
from interurban_node.partners.service import key_sets
from interurban_node.registry.events import recount
from interurban_node.registry.models import (
    EnrolmentRow,
    LearnerRow,
    ProgrammeRow,
    SourceRow,
)
from interurban_protocol.release_plans import ReleasePlan, quarter_of, verify_plan
from interurban_protocol.signed_documents import Signer, start_document
from interurban_protocol.structures import Structure
from tests.support.learners import EASTVALE, NORTHPORT, PURPOSE, ask
from tests.support.statistics import a_period, a_plan, a_structure

LAKESIDE = "https://lakeside.example"
CITIES = (LAKESIDE, NORTHPORT, EASTVALE)
PERIOD = "2025-Q4"  # its cut-off, 2026-02-15, lies before the nodes' clock starts
NEXT_PERIOD = "2026-Q1"
CUT_OFF = a_period(PERIOD).cut_off
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PUBLICATION = a_period(PERIOD).publication
AGREEMENT = "sha256:" + "a" * 64
BEFORE = datetime(2025, 10, 1, tzinfo=UTC)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)
_DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """One learner with one started course, and when a yes held, if ever."""

    ref: str
    programme: str = "P1"
    age: str = "A1"
    sex: str = "F"
    displaced: str = "no"
    outcome: str = "COM"
    started_on: date = date(2025, 11, 3)
    key: int = 0
    yes_from: datetime | None = BEFORE
    yes_until: datetime | None = None  # withdrawn then

    def consents_at(self, at: datetime) -> bool:
        """What SQL has to find out, in plain words."""
        if self.yes_from is None or self.yes_from > at:
            return False
        return self.yes_until is None or at < self.yes_until

    @property
    def values(self) -> tuple[str, ...]:
        """The registry values in the order of the structure's splitting dimensions."""
        return (self.programme, self.age, self.sex, self.displaced, self.outcome)


def some_learners(
    count: int, *, seed: int = 1, programmes: int = 2, ages: int = 2, prefix: str = "L"
) -> list[Learner]:
    """Learners of every kind; about one in five has not said yes."""
    chance = np.random.default_rng(seed)
    kinds = chance.integers(
        0, [programmes, ages, 3, 3, 3, 5, 2**32], size=(count, 7), dtype=np.int64
    )
    return [
        Learner(
            ref=f"{prefix}{number:08}",
            programme=f"P{programme + 1}",
            age=f"A{age + 1}",
            sex=("F", "M", "_U")[sex],
            displaced=("yes", "no", "unknown")[displaced],
            outcome=("COM", "NCM", "ONG")[outcome],
            key=key,
            yes_from=BEFORE if yes else None,
        )
        for number, (programme, age, sex, displaced, outcome, yes, key) in enumerate(
            kinds.tolist()
        )
    ]


def in_period(learners: Iterable[Learner], started_on: date) -> list[Learner]:
    """The same learners, started on another day."""
    return [replace(learner, started_on=started_on) for learner in learners]


def register(
    session: Session, learners: Sequence[Learner], question_ids: Sequence[str] = ()
) -> None:
    """Put learners into the registry, and their yes to each question beside it."""
    source_id = _source(session)
    _add_programmes(session, learners, source_id)
    _insert(session, LearnerRow, [_learner(each, source_id) for each in learners])
    enrol(session, learners)
    numbers = learner_numbers(session, {each.ref for each in learners})
    grants = [
        _grant(each, numbers[each.ref], question_id)
        for question_id in question_ids
        for each in learners
        if each.yes_from is not None
    ]
    _insert(session, GrantRow, grants)


def enrol(session: Session, learners: Sequence[Learner], suffix: str = "") -> None:
    """One more started course for each of the learners, who are registered already."""
    source_id = _source(session)
    rows = [_enrolment(each, source_id, suffix) for each in learners]
    _insert(session, EnrolmentRow, rows)
    keys = {each.ref: each.key for each in learners}
    recount(session, keys, lambda period, ref: keys[ref])


def a_small_structure() -> Structure:
    """Two programmes, two age bands, and whether somebody was displaced."""
    return a_structure(programmes=2, ages=2)


def a_plan_in_force(
    session: Session,
    node: Node,
    structure: Structure | None = None,
    now: datetime = NOW,
    **changes: Any,
) -> PlanInForce:
    """A plan of the three cities, really signed; the agreement is only named."""
    plan = plan_of(node, structure or a_small_structure(), **changes)
    document = start_document(plan, node.keys.documents)
    verified = verify_plan(document, keys=key_sets(session, node), at=now)
    return PlanInForce(verified, (structure or a_small_structure(),), AGREEMENT)


def plan_of(node: Node, structure: Structure, **changes: Any) -> ReleasePlan:
    """The payload of `a_plan_in_force`."""
    values: Mapping[str, Any] = {
        "signers": (
            Signer(node=node.origin, key_id=node.keys.documents.public.key_id),
        ),
        "publishers": CITIES,
        "recipients": CITIES,
        "purposes": (PURPOSE,),
        "periods": (a_period(PERIOD), a_period(NEXT_PERIOD)),
        "valid_from": BEFORE,
        "valid_until": NEVER,
        "issued_at": NOW,
    }
    return a_plan(structure, **(dict(values) | changes))


def a_city_with_learners(
    session: Session, node: Node, learners: Sequence[Learner]
) -> PlanInForce:
    """Learners registered and asked, and a plan to build for."""
    register(session, learners, [ask(session, node, BEFORE)])
    return a_plan_in_force(session, node)


def a_build(
    session: Session,
    node: Node,
    plan: PlanInForce,
    period: str = PERIOD,
    now: datetime = NOW,
) -> BuiltRelease:
    """The release of the plan's first dataflow."""
    return build_release(session, node, plan, plan.structures[0].urn, period, now)


def members_of_releases(session: Session) -> set[str]:
    """Everybody who was counted in any release, by reference."""
    rows = session.execute(
        sa.select(LearnerNumberRow.learner_ref, LearnerNumberRow.number)
    )
    refs = {number: ref for ref, number in rows}
    sequences = session.scalars(sa.select(ReleaseMembersRow.sequence).distinct()).all()
    return {
        refs[number]
        for sequence in sequences
        for number in members_of(session, sequence).numbers().tolist()
    }


def _source(session: Session) -> int:
    found = session.scalar(sa.select(SourceRow.id))
    if found is None:
        row = SourceRow(
            name="school", system="test", mapping_version=_DIGEST, added_at=BEFORE
        )
        session.add(row)
        session.flush()
        found = row.id
    return found


def _add_programmes(
    session: Session, learners: Sequence[Learner], source_id: int
) -> None:
    known = set(session.scalars(sa.select(ProgrammeRow.code)))
    rows = [
        {
            **_columns("programme", code, source_id),
            "code": code,
            "title": code,
            "title_language": "en",
        }
        for code in sorted({each.programme for each in learners} - known)
    ]
    _insert(session, ProgrammeRow, rows)


def _learner(learner: Learner, source_id: int) -> dict[str, object]:
    return {
        **_columns("learner", learner.ref, source_id),
        "learner_ref": learner.ref,
        "sex": learner.sex,
        "displaced": learner.displaced,
        "disability": "unknown",
    }


def _enrolment(learner: Learner, source_id: int, suffix: str) -> dict[str, object]:
    return {
        **_columns("enrolment", learner.ref + suffix, source_id),
        "learner_ref": learner.ref,
        "learner_id": _record_id("learner", learner.ref),
        "programme_id": _record_id("programme", learner.programme),
        "programme_code": learner.programme,
        "started_on": learner.started_on,
        "status": "active",
        "start_period": quarter_of(learner.started_on),
        "record_key": learner.key,
        "outcome": learner.outcome,
        "age_band": learner.age,
    }


def _grant(learner: Learner, number: int, question_id: str) -> dict[str, object]:
    return {
        "learner_ref": learner.ref,
        "learner_number": number,
        "question_id": question_id,
        "event_id": _DIGEST,
        "granted_at": learner.yes_from,
        "expires_at": NEVER,
        "ended_at": learner.yes_until,
    }


def _columns(kind: str, key: str, source_id: int) -> dict[str, object]:
    return {
        "record_id": _record_id(kind, key),
        "source_pk": key,
        "source_hash": "0" * 43,
        "mapping_version": _DIGEST,
        "run_id": 1,
        "updated_at": BEFORE,
        "source_id": source_id,
    }


def _record_id(kind: str, key: str) -> str:
    return f"{kind[0]}-{key}"[:36]


def _insert(session: Session, model: type[Any], rows: Sequence[object]) -> None:
    if rows:
        session.execute(sa.insert(model), rows)
