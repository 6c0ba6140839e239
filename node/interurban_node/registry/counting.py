"""Which events count: pure decisions, without a database.

A learner counts once for each kind of event and quarter: with the first event by date, then
programme code, then source key. A quarter of which a release was issued is *closed*: what
was counted in it stays as it was, and what comes to light later counts once in the first
open quarter after it. Nobody is counted twice for the same quarter, whatever a source
corrects, deletes or delivers under another key.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple, TypeAlias

from interurban_protocol.release_plans import quarter_after, quarter_of

STARTED: Final = "enrolment.started"
ENDED: Final = "enrolment.ended"
AWARDED: Final = "certificate.awarded"
PLACED: Final = "placement.started"
RECEIVED: Final = "grievance.received"
FLOW_EVENTS: Final = (STARTED, ENDED, AWARDED, PLACED, RECEIVED)
"""What happens on a day, and is kept in the table of counted events."""

EMPLOYED: Final = "exit.employed"
BROKEN: Final = "apprenticeship.broken"
COHORT_EVENTS: Final[Mapping[str, str]] = {EMPLOYED: ENDED, BROKEN: PLACED}
"""What is observed later among those counted with another event: that event."""

OFFERED: Final = "place.offered"  # no person, so no counted event

FIELDS: Final = (
    "programme.code",
    "programme.field",
    "programme.level",
    "programme.mode",
    "learner.age_band",
    "learner.sex",
    "learner.displaced",
    "learner.disability",
    "enrolment.outcome",
    "enrolment.exit_reason",
    "certificate.level",
    "placement.kind",
    "grievance.kind",
    "grievance.timeliness",
)
"""Every registry field that a counted event can be split by; the columns of a profile."""

JOB_FIELDS: Final = ("job.wage_band", "job.employer", "job.wage_change")
"""What is known of a job only when it is observed, two or four quarters after the exit."""

Profile: TypeAlias = tuple[str | None, ...]
"""The values of `FIELDS`, in order."""


class Happening(NamedTuple):
    """An event as a record has it. `learner` is a learner reference, or a nameless case."""

    event: str
    learner: str
    day: date
    code: str
    source_pk: str
    record_id: str
    profile: Profile


class Place(NamedTuple):
    """Where a learner counts: at most one event has it."""

    event: str
    period: str
    learner: str


class Frozen(NamedTuple):
    """A row of a closed period."""

    place: Place
    record_id: str
    day: date


def column_of(field: str) -> str:
    """The column name of a registry field: "learner.sex" is `learner__sex`."""
    return field.replace(".", "__")


def counted(
    happenings: Iterable[Happening],
    frozen: Collection[Frozen],
    closed: Collection[tuple[str, str]],
) -> dict[Place, Happening]:
    """Who counts where, beside what is frozen already; `closed` holds event and period."""
    records = {(each.place.event, each.record_id) for each in frozen}
    done = {each.place for each in frozen}
    # An event that counted late has used up the quarter that it happened in.
    done |= {each.place._replace(period=quarter_of(each.day)) for each in frozen}
    found: dict[Place, Happening] = {}
    for each in happenings:
        period = quarter_of(each.day)
        place = Place(each.event, period, each.learner)
        if place in done or (each.event, each.record_id) in records:
            continue
        if (each.event, period) in closed:
            place = place._replace(period=open_after(each.event, period, closed))
        rival = found.get(place)
        if rival is None or _order(each) < _order(rival):
            found[place] = each
    return found


def open_after(event: str, period: str, closed: Collection[tuple[str, str]]) -> str:
    """The first quarter after `period` that is open for the event."""
    while (event, period) in closed:
        period = quarter_after(period, 1)
    return period


def timeliness(due_on: date | None, decided_on: date | None) -> str | None:
    """Whether a grievance was decided in time; None where no day was set for it."""
    if decided_on is None:
        return "OPEN"
    if due_on is None:
        return None
    return "WITHIN" if decided_on <= due_on else "LATE"


def wage_change(
    before: str | None, after: str | None, bands: Collection[str]
) -> str | None:
    """LOWER, SAME or HIGHER; `bands` are the registry's words from low to high.

    None where one of the two is not known, or has no place in that order.
    """
    if before is None or after is None:
        return None
    if before == after:
        return "SAME"
    places = {band: place for place, band in enumerate(bands)}
    if before not in places or after not in places:
        return None
    return "HIGHER" if places[after] > places[before] else "LOWER"


def _order(happening: Happening) -> tuple[date, str, str]:
    return happening.day, happening.code, happening.source_pk
