"""What became of a cohort: looked up in placements some quarters after it was counted.

A cohort is the counted events of a closed period. The rows here are those of its people of
whom something was observed, with the record keys that they were counted with then.
"""

import sqlalchemy as sa

from interurban_adapters.records import PlacementEnd, PlacementKind
from interurban_node.core.errors import NotFoundError
from interurban_node.core.learner_numbers import LearnerNumberRow
from interurban_node.registry import counting
from interurban_node.registry.models import CountedEventRow, PlacementRow
from interurban_protocol.release_plans import quarter_after, quarter_bounds

WAGE_BAND, WAGE_BAND_BEFORE, EMPLOYER = "wage_band", "wage_band_before", "employer"
_EMPLOYMENT = (PlacementKind.JOB.value, PlacementKind.APPRENTICESHIP.value)
_FIRST_LOOK = 2  # quarters after the exit; what a later look is compared with


def observed(event: str, period: str, lag: int) -> sa.Subquery:
    """Of whom the event was observed: `learner_number`, `record_key`, `profile_id`.

    `period` is the cohort's. "exit.employed" has `wage_band` and `wage_band_before` (at the
    second quarter), in the registry's words, and `employer`: SAME as then, OTHER, or null
    where one of the two is not known.

    Raises:
        NotFoundError: nothing of that name is looked up later.
    """
    if event == counting.EMPLOYED:
        return _employed(period, lag)
    if event == counting.BROKEN:
        return _broken(period, lag)
    raise NotFoundError(f"the registry does not count the event {event}")


def _employed(period: str, lag: int) -> sa.Subquery:
    """With the job begun last, where a learner had several in the quarter."""
    job = _jobs(quarter_after(period, lag), "job")
    before = _jobs(quarter_after(period, _FIRST_LOOK), "job_before")
    learner = LearnerNumberRow.learner_ref
    employer = sa.case(
        (before.c.learner_ref.is_(None), "OTHER"),
        (sa.or_(job.c.employer_ref.is_(None), before.c.employer_ref.is_(None)), None),
        (job.c.employer_ref == before.c.employer_ref, "SAME"),
        else_="OTHER",
    )
    return (
        _cohort(counting.EMPLOYED, period)
        .add_columns(
            job.c.wage_band.label(WAGE_BAND),
            before.c.wage_band.label(WAGE_BAND_BEFORE),
            employer.label(EMPLOYER),
        )
        .join(LearnerNumberRow, LearnerNumberRow.number == _number())
        .join(job, sa.and_(job.c.learner_ref == learner, job.c.place == 1))
        .join(
            before,
            sa.and_(before.c.learner_ref == learner, before.c.place == 1),
            isouter=True,
        )
        .subquery("counted")
    )


def _broken(period: str, lag: int) -> sa.Subquery:
    """Contracts that were ended before their term by the end of the quarter of looking."""
    _, last = quarter_bounds(quarter_after(period, lag))
    return (
        _cohort(counting.BROKEN, period)
        .join(PlacementRow, PlacementRow.record_id == CountedEventRow.record_id)
        .where(
            PlacementRow.kind == PlacementKind.APPRENTICESHIP,
            PlacementRow.end_reason == PlacementEnd.BROKEN,
            PlacementRow.ends <= last,
            PlacementRow.deleted_at.is_(None),
        )
        .subquery("counted")
    )


def _cohort(event: str, period: str) -> sa.Select[int, int, int]:
    table = CountedEventRow
    return sa.select(table.learner_number, table.record_key, table.profile_id).where(
        table.event == counting.COHORT_EVENTS[event], table.period == period
    )


def _number() -> sa.ColumnElement[int]:
    return CountedEventRow.learner_number.expression


def _jobs(quarter: str, name: str) -> sa.Subquery:
    """The jobs that learners had on a day of the quarter; `place` 1 is the one that counts."""
    first, last = quarter_bounds(quarter)
    table = PlacementRow
    place = sa.func.row_number().over(
        partition_by=table.learner_ref, order_by=(table.starts.desc(), table.source_pk)
    )
    return (
        sa.select(
            table.learner_ref,
            table.employer_ref,
            table.wage_band,
            place.label("place"),
        )
        .where(
            table.kind.in_(_EMPLOYMENT),
            table.starts <= last,
            sa.or_(table.ends.is_(None), table.ends >= first),
            table.deleted_at.is_(None),
        )
        .subquery(name)
    )
