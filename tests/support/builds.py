"""Builders for builds: exits and jobs of a cohort, places, and the steps one by one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates import service
from interurban_node.aggregates.gating import GateOptions
from interurban_node.aggregates.issuing import Prepared
from interurban_node.agreements.service import PlanInForce
from interurban_node.attackers.gate import PassedGate
from interurban_node.core.context import Node
from interurban_node.registry.events import recount
from interurban_node.registry.models import (
    EnrolmentRow,
    GrievanceRow,
    OfferRow,
    PlacementRow,
    ProgrammeRow,
)
from interurban_protocol.structures import Cohort, Structure
from tests.support.counting import (
    NOW,
    PERIOD,
    Learner,
    _add_programmes,
    _columns,
    _insert,
    _record_id,
    _source,
    a_small_structure,
)
from tests.support.statistics import a_period, without_sensitive

COHORT_PERIOD = "2025-Q2"  # two quarters before PERIOD, in which it is looked at again
EARLY = date(2025, 3, 3)  # when the people of the cohort had started


def exits_structure() -> Structure:
    """Who ended a course, in the dimensions of the small structure."""
    return replace(a_small_structure(), id="EXITS", event="enrolment.ended")


def jobs_structure() -> Structure:
    """Who of those who ended a course had a job two quarters later."""
    return replace(
        a_small_structure(),
        id="JOBS_Q2",
        event="exit.employed",
        cohort=Cohort("EXITS", 2),
    )


def places_structure() -> Structure:
    """Places offered, by programme alone."""
    small = without_sensitive(a_small_structure())
    kept = ("REF_AREA", "PROGRAMME", "TIME_PERIOD")
    return replace(
        small,
        id="PLACES",
        event="place.offered",
        basis="non_personal",
        dimensions=tuple(each for each in small.dimensions if each.id in kept),
        codelists=tuple(each for each in small.codelists if each.id == "CL_PROGRAMME"),
    )


def cohort_periods() -> tuple[Any, ...]:
    """A calendar with the cohort's quarter, the one after, and that of looking again."""
    return (a_period(COHORT_PERIOD), a_period("2025-Q3"), a_period(PERIOD))


def end_courses(session: Session, learners: Sequence[Learner], ended_on: date) -> None:
    """The learners' courses ended on a day, in whatever way they did."""
    refs = [each.ref for each in learners]
    session.execute(
        sa.update(EnrolmentRow)
        .where(EnrolmentRow.learner_ref.in_(refs))
        .values(ended_on=ended_on)
    )
    keys = {each.ref: each.key for each in learners}
    recount(session, refs, lambda _, ref: keys[ref])


def give_jobs(session: Session, learners: Sequence[Learner], starts: date) -> None:
    """A job for each, that goes on."""
    source_id = _source(session)
    rows = [
        {
            **_columns("placement", each.ref, source_id),
            "learner_ref": each.ref,
            "employer_ref": "E1",
            "kind": "job",
            "starts": starts,
            "wage_band": "A",
        }
        for each in learners
    ]
    _insert(session, PlacementRow, rows)
    keys = {each.ref: each.key for each in learners}
    recount(session, keys, lambda _, ref: keys[ref])


def offer_places(session: Session, programme: str, starts: date, places: int) -> None:
    """A run of a programme with so many places."""
    source_id = _source(session)
    if session.scalar(sa.select(ProgrammeRow.code).filter_by(code=programme)) is None:
        _add_programmes(session, [Learner(ref="", programme=programme)], source_id)
    row = {
        **_columns("offer", f"{programme}{starts}", source_id),
        "programme_id": _record_id("programme", programme),
        "programme_code": programme,
        "starts": starts,
        "places": places,
    }
    _insert(session, OfferRow, [row])


def file_grievances(session: Session, node: Node, count: int, day: date) -> None:
    """Nameless cases about providers, decided in time."""
    source_id = _source(session)
    rows = [
        {
            **_columns("grievance", str(number), source_id),
            "kind": "PROVIDER",
            "received_on": day,
            "due_on": day,
            "decided_on": day,
        }
        for number in range(count)
    ]
    _insert(session, GrievanceRow, rows)


def gate(seconds: float = 60) -> GateOptions:
    """A gate with a fixed seed."""
    return GateOptions(seed=7, seconds=seconds)


def prepared_for(
    session: Session, node: Node, plan: PlanInForce, period: str = PERIOD, **kw: Any
) -> Prepared:
    """The first step for the plan's first dataflow."""
    urn = plan.structures[0].urn
    return service.prepare(session, node, plan, urn, period, kw.get("now", NOW))


def passed_for(prepared: Prepared) -> PassedGate | None:
    """The second step."""
    return service.pass_gate(prepared, gate())
