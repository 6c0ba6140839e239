"""The release calendar: what the plans in force want built, when, and what was done.

A plan's calendar names the quarters in which things are observed. A dataflow about a cohort
tells in each of them of the people of an earlier quarter, if that quarter's release of the
cohort is there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates import rules
from interurban_node.aggregates.models import RefusedBuildRow, ReleaseRow
from interurban_node.agreements import service as agreements
from interurban_node.agreements.service import PlanInForce
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError
from interurban_node.core.journal import Irrevocable
from interurban_protocol.encoding import format_time
from interurban_protocol.release_plans import PlannedPeriod
from interurban_protocol.structures import Structure


class CalendarState(StrEnum):
    """Where a planned release is."""

    OPEN = "open"  # the quarter is not over
    WAITING = "waiting"  # for the cut-off
    NO_COHORT = "no-cohort"  # nobody to look at: the cohort's release is not there
    DUE = "due"
    REFUSED = "refused"  # by the gate
    BUILT = "built"  # under embargo
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Due:
    """A release that a plan in force asks this node to build."""

    plan: PlanInForce
    dataflow: str
    period: str  # whose people are told of


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """One planned release, with what there is to know and to do."""

    due: Due
    structure: Structure
    observed: str  # the quarter in which it is seen; the same unless of a cohort
    cut_off: datetime
    publication: datetime
    state: CalendarState
    next_step: str
    release_id: str | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """An issued period, as the database or only the journal knows it."""

    release_id: str
    publication: datetime | None
    revision: int = 0


_Place: TypeAlias = tuple[str, str]  # series and period


def calendar(session: Session, node: Node, now: datetime) -> list[CalendarEntry]:
    """Every release that the plans in force provide for, in the order of building."""
    planned = list(_planned(session, node, now))
    known = _Known(
        places={(rules.series_of(due.dataflow), due.period) for due, _, _ in planned},
        issued=issued_periods(session, node),
        refused={
            (row.series, row.period): row
            for row in session.scalars(sa.select(RefusedBuildRow))
        },
        now=now,
    )
    found = [_entry(*each, known) for each in planned]
    return sorted(
        found,
        key=lambda each: (each.cut_off, each.structure.cohort is not None),
    )


def due_builds(
    session: Session,
    node: Node,
    now: datetime,
    *,
    dataflow: str | None = None,
    period: str | None = None,
    is_forecast: bool = False,
) -> list[Due]:
    """What the plans in force want built, past the cut-off and not issued yet.

    `dataflow` is a URN, reference or id; `period` the one whose people are told of. Where
    both are named, cut-off, earlier issue and cohort are left to `build_release` to judge; a
    forecast leaves out only what has no cohort.

    Raises:
        NotFoundError: no plan in force has the dataflow or period that was named.
    """
    chosen = [
        entry
        for entry in calendar(session, node, now)
        if dataflow in (None, *_names(entry.structure))
        and period in (None, entry.due.period)
    ]
    if not chosen and (dataflow or period):
        raise NotFoundError(
            "no plan in force has this dataflow and period for this node",
            next_step="`interurban release calendar` shows what is planned.",
        )
    if dataflow and period:
        return [entry.due for entry in chosen]
    if is_forecast:
        return [
            entry.due for entry in chosen if entry.state is not CalendarState.NO_COHORT
        ]
    wanted = (CalendarState.DUE, CalendarState.REFUSED)
    return [entry.due for entry in chosen if entry.state in wanted]


def issued_periods(session: Session, node: Node) -> dict[_Place, Issued]:
    """Every series and period that was issued, the newest revision of each.

    Also what only the journal knows.

    After a restore the journal remembers builds that the database has forgotten.
    """
    entries = node.journal.entries()
    void = {
        entry.facts["number"] for entry in entries if entry.kind is Irrevocable.VOID
    }
    found = {
        (
            rules.series_of(entry.facts.get("dataflow", "")),
            entry.facts.get("period", ""),
        ): Issued(
            entry.facts.get("digest", ""), None, int(entry.facts.get("revision", "0"))
        )
        for entry in entries
        if entry.kind is Irrevocable.RELEASE_BUILT and str(entry.number) not in void
    }
    rows = session.scalars(sa.select(ReleaseRow).order_by(ReleaseRow.sequence))
    for row in rows:
        place = row.series, row.period
        if place not in found or found[place].revision <= row.revision:
            found[place] = Issued(row.release_id, row.publication_at, row.revision)
    return found


def is_issued(session: Session, node: Node, dataflow: str, period: str) -> bool:
    """Whether a period of a dataflow, in any version, was issued before."""
    return (rules.series_of(dataflow), period) in issued_periods(session, node)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What decides on the state of an entry."""

    places: set[_Place]  # that the plans in force provide for
    issued: Mapping[_Place, Issued]
    refused: Mapping[_Place, RefusedBuildRow]
    now: datetime


def _planned(
    session: Session, node: Node, now: datetime
) -> Iterator[tuple[Due, Structure, PlannedPeriod]]:
    for plan in agreements.plans_in_force(session, node, now):
        payload = plan.plan.payload
        if node.origin not in payload.publishers or payload.revision is not None:
            continue
        for structure in plan.structures:
            for entry in payload.periods:
                period = rules.told_of(structure, entry.period)
                yield Due(plan, structure.urn, period), structure, entry


def _names(structure: Structure) -> tuple[str, str, str]:
    return structure.urn, structure.reference, structure.id


def _entry(
    due: Due, structure: Structure, planned: PlannedPeriod, known: _Known
) -> CalendarEntry:
    place = (rules.series_of(due.dataflow), due.period)
    issued = known.issued.get(place)
    state, next_step = _state(structure, planned, place, known)
    publication = planned.publication
    if issued is not None and issued.publication is not None:
        publication = issued.publication
    return CalendarEntry(
        due=due,
        structure=structure,
        observed=planned.period,
        cut_off=planned.cut_off,
        publication=publication,
        state=state,
        next_step=next_step,
        release_id=None if issued is None else issued.release_id,
    )


def _state(
    structure: Structure, planned: PlannedPeriod, place: _Place, known: _Known
) -> tuple[CalendarState, str]:
    issued = known.issued.get(place)
    if issued is not None:
        published = issued.publication or planned.publication
        if published <= known.now:
            return CalendarState.PUBLISHED, ""
        return CalendarState.BUILT, f"wait for {format_time(published)}"
    if known.now < planned.cut_off:
        is_over = known.now.date() > planned.ends
        state = CalendarState.WAITING if is_over else CalendarState.OPEN
        return state, f"`release preview`; build from {format_time(planned.cut_off)} on"
    cohort = rules.cohort_series(structure)
    if cohort is not None and (cohort, place[1]) not in known.issued:
        return CalendarState.NO_COHORT, _cohort_step(cohort, place[1], known)
    refusal = known.refused.get(place)
    if refusal is not None:
        return CalendarState.REFUSED, refusal.fact
    return CalendarState.DUE, "`release build`"


def _cohort_step(cohort: str, period: str, known: _Known) -> str:
    name = cohort.rpartition(":")[2]
    if (cohort, period) in known.places:
        return f"build {name} for {period} first"
    return f"nothing: {name} was not planned for {period}"
