"""What became of a cohort, held against a count in plain Python, on both databases."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from interurban_node.aggregates import queries
from interurban_node.aggregates.members import write_members
from interurban_node.aggregates.models import ReleaseRow
from interurban_node.aggregates.queries import Population
from interurban_node.core.errors import NotFoundError, RefusedError
from interurban_node.core.learner_numbers import learner_numbers
from interurban_node.core.learner_sets import LearnerSet
from interurban_node.registry import cohorts, events
from interurban_node.registry.models import EnrolmentRow, PlacementRow
from interurban_node.structures import service as structures
from interurban_protocol.structures import bundle_bytes
from interurban_protocol.training_codelists import (
    age_band_codes,
    equity_codes,
    wage_band_codes,
)
from interurban_protocol.training_structures import (
    TrainingChoices,
    training_structures,
)
from tests.support.counting import CUT_OFF, NOW, PERIOD, Learner, register
from tests.support.statistics import some_codes

QUESTION = "sha256:" + "1" * 64
EXIT = date(2025, 11, 20)  # two quarters later is 2026-Q2, four 2026-Q4
BANDS = ("low", "middle", "high")
STRUCTURES = {
    each.id: each
    for each in training_structures(
        TrainingChoices(
            programmes=some_codes("P", 2),
            age_bands=age_band_codes(),
            equity=equity_codes("learner.displaced"),
            equity_source="learner.displaced",
            wage_bands=wage_band_codes((1_500, 2_500), BANDS),
        )
    )
}


@dataclass(frozen=True)
class Job:
    learner: str
    starts: date
    ends: date | None = None
    employer: str | None = None
    wage: str | None = None
    kind: str = "job"
    end_reason: str | None = None

    def is_held_in(self, first: date, last: date) -> bool:
        return self.starts <= last and (self.ends is None or self.ends >= first)


SECOND = (date(2026, 4, 1), date(2026, 6, 30))
FOURTH = (date(2026, 10, 1), date(2026, 12, 31))


def leave(session: Session, learners: Sequence[Learner]) -> None:
    """The learners' courses ended in the period, all of them completed."""
    session.execute(
        sa.update(EnrolmentRow).values(ended_on=EXIT, status="completed", outcome="COM")
    )
    keys = {each.ref: each.key for each in learners}
    events.recount(session, keys, lambda period, ref: keys[ref])


def employ(session: Session, jobs: Sequence[Job]) -> None:
    session.add_all(
        PlacementRow(
            record_id=f"job-{place}",
            source_id=1,
            source_pk=f"J{place:03}",
            source_hash="0",
            mapping_version="0",
            run_id=1,
            updated_at=NOW,
            learner_ref=job.learner,
            employer_ref=job.employer,
            kind=job.kind,
            starts=job.starts,
            ends=job.ends,
            end_reason=job.end_reason,
            wage_band=job.wage,
        )
        for place, job in enumerate(jobs)
    )
    session.flush()
    learners = {job.learner for job in jobs}
    events.recount(session, learners, lambda period, ref: 1)


def cohort_of(session: Session, refs: Sequence[str], sequence: int = 1) -> int:
    """A stored release in which these learners were counted."""
    row = ReleaseRow(sequence=sequence, release_id=f"r{sequence}", **_RELEASE)
    row.series += str(sequence)
    session.add(row)
    session.flush()
    numbers = learner_numbers(session, refs)
    write_members(session, sequence, LearnerSet.of(numbers.values()))
    return sequence


_RELEASE = {
    "plan": "p",
    "agreement": "a",
    "subject": "s",
    "dataflow": "d",
    "series": "d",
    "period": PERIOD,
    "structure": "s",
    "recipients": "[]",
    "purposes": "[]",
    "built_at": NOW,
    "publication_at": NOW,
    "gate": "",
    "manifest": b"",
    "data": b"",
}


def a_population(dataflow: str, cohort: int | None, **changes: object) -> Population:
    population = Population(
        structure=STRUCTURES[dataflow],
        period=PERIOD,
        cut_off=CUT_OFF,
        questions=[[QUESTION]],
        now=NOW,
        cohort_sequence=cohort,
    )
    return replace(population, **changes)


def counted(session: Session, population: Population) -> dict[tuple[object, ...], int]:
    """Learners by the values that tell the outcomes apart."""
    jobs = len(population.structure.split_dimensions) - 4  # after programme and person
    found: Counter[tuple[object, ...]] = Counter()
    for row in queries.count(session, population).rows:
        found[row.values[4:] if jobs else ()] += row.count
    return dict(found)


@pytest.fixture
def people(session: Session) -> list[Learner]:
    learners = [Learner(ref=f"L{number}", key=number + 7) for number in range(6)]
    register(session, learners, [QUESTION])
    leave(session, learners)
    for structure in STRUCTURES.values():
        structures.keep(session, bundle_bytes(structure), NOW)
    return learners


_days = st.dates(date(2025, 12, 1), date(2027, 2, 1))
_jobs = st.builds(
    Job,
    learner=st.sampled_from([f"L{number}" for number in range(6)]),
    starts=_days,
    ends=st.none() | _days,
    employer=st.none() | st.sampled_from(["E1", "E2"]),
    wage=st.none() | st.sampled_from(BANDS),
    kind=st.sampled_from(["job", "apprenticeship", "internship"]),
).filter(lambda job: job.ends is None or job.ends >= job.starts)


def job_in(jobs: Sequence[Job], learner: str, quarter: tuple[date, date]) -> Job | None:
    held = [
        (job.starts, -place, job)
        for place, job in enumerate(jobs)
        if job.learner == learner
        and job.kind != "internship"
        and job.is_held_in(*quarter)
    ]
    return max(held, key=lambda each: each[:2])[2] if held else None


def naive(
    jobs: Sequence[Job], learners: Sequence[str]
) -> dict[tuple[object, ...], int]:
    found: Counter[tuple[object, ...]] = Counter()
    for learner in learners:
        before, job = (job_in(jobs, learner, when) for when in (SECOND, FOURTH))
        if job is None:
            continue
        employer: str | None = "OTHER"
        change = None
        if before is not None:
            if before.employer is None or job.employer is None:
                employer = None
            elif before.employer == job.employer:
                employer = "SAME"
            if before.wage is not None and job.wage is not None:
                step = BANDS.index(job.wage) - BANDS.index(before.wage)
                change = ("LOWER", "SAME", "HIGHER")[(step > 0) - (step < 0) + 1]
        found[employer, change] += 1
    return dict(found)


@settings(max_examples=30)
@given(jobs=st.lists(_jobs, max_size=10), cohort=st.sets(st.integers(0, 5)))
def test_jobs_after_four_quarters_are_what_a_plain_count_finds(
    session: Session, people: list[Learner], jobs: list[Job], cohort: set[int]
) -> None:
    members = [f"L{number}" for number in sorted(cohort)]
    with session.begin_nested() as savepoint:
        employ(session, jobs)
        population = a_population("JOBS_Q4", cohort_of(session, members))
        found = counted(session, population)
        savepoint.rollback()
    assert found == naive(jobs, members)


@settings(max_examples=20)
@given(jobs=st.lists(_jobs, max_size=10))
def test_jobs_after_two_quarters_are_counted_by_wage(
    session: Session, people: list[Learner], jobs: list[Job]
) -> None:
    with session.begin_nested() as savepoint:
        employ(session, jobs)
        everybody = [each.ref for each in people]
        population = a_population("JOBS_Q2", cohort_of(session, everybody))
        found = counted(session, population)
        savepoint.rollback()
    held = [job_in(jobs, ref, SECOND) for ref in everybody]
    assert found == Counter((job.wage,) for job in held if job is not None)


def test_outcomes_have_the_keys_of_the_cohort(
    session: Session, people: list[Learner]
) -> None:
    employ(session, [Job("L3", date(2026, 1, 5))])
    population = a_population("JOBS_Q2", cohort_of(session, ["L2", "L3"]))
    (row,) = queries.count(session, population).rows
    assert (row.count, row.key_sum) == (1, 3 + 7)
    assert queries.count(session, population).eligible == (1, 10)


def test_who_takes_back_the_yes_is_no_longer_looked_up(
    session: Session, people: list[Learner]
) -> None:
    employ(session, [Job(each.ref, date(2026, 1, 5)) for each in people])
    cohort = cohort_of(session, [each.ref for each in people])
    silent = a_population("JOBS_Q2", cohort, questions=[["sha256:" + "2" * 64]])
    assert queries.count(session, silent).rows == []
    assert queries.count(session, silent).eligible.learners == 6
    everybody = a_population("JOBS_Q2", cohort, questions=None)
    assert sum(row.count for row in queries.count(session, everybody).rows) == 6


@pytest.mark.parametrize(
    ("job", "is_broken"),
    [
        (
            Job(
                "L1",
                date(2025, 11, 1),
                date(2026, 3, 1),
                None,
                None,
                "apprenticeship",
                "broken",
            ),
            True,
        ),
        (
            Job(
                "L1",
                date(2025, 11, 1),
                date(2026, 12, 31),
                None,
                None,
                "apprenticeship",
                "broken",
            ),
            True,
        ),
        (
            Job(
                "L1",
                date(2025, 11, 1),
                date(2027, 1, 1),
                None,
                None,
                "apprenticeship",
                "broken",
            ),
            False,
        ),
        (
            Job(
                "L1",
                date(2025, 11, 1),
                date(2026, 3, 1),
                None,
                None,
                "apprenticeship",
                "completed",
            ),
            False,
        ),
        (
            Job("L1", date(2025, 11, 1), date(2026, 3, 1), None, None, "job", "broken"),
            False,
        ),
    ],
)
def test_a_contract_broken_within_four_quarters_counts(
    session: Session, people: list[Learner], job: Job, is_broken: bool
) -> None:
    employ(session, [job])
    cohort = cohort_of(session, ["L1"])
    found = counted(session, a_population("APPRENTICESHIP_BREAKS", cohort))
    assert found == ({(): 1} if is_broken else {})


def test_without_the_release_of_the_cohort_nothing_is_counted(
    session: Session,
) -> None:
    with pytest.raises(RefusedError, match="release of the cohort"):
        queries.count(session, a_population("JOBS_Q2", None))


def test_an_outcome_that_nobody_looks_up_is_refused() -> None:
    with pytest.raises(NotFoundError, match=r"exit\.forgotten"):
        cohorts.observed("exit.forgotten", PERIOD, 2)


def test_a_field_of_jobs_belongs_to_jobs_alone(session: Session) -> None:
    structure = STRUCTURES["COMPLETION"]
    odd = replace(
        structure,
        dimensions=tuple(
            replace(each, source="job.employer") if each.id == "AGE" else each
            for each in structure.dimensions
        ),
    )
    with pytest.raises(RefusedError, match=r"no field job\.employer"):
        queries.count(session, a_population("COMPLETION", None, structure=odd))
