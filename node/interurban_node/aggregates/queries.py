"""Unprotected counts, by one pass to base cells. Only `aggregates.service` imports this.

A learner is counted when, for each of the plan's purposes, a consent that covers it was in
force at the records' cut-off *and* is in force now. Where the basis is a public task,
everybody is.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates.engines import (
    BaseCellEngine,
    Events,
    SqlEngine,
    Values,
    observed_columns,
    profile_columns,
    selected,
)
from interurban_node.aggregates.members import members_of
from interurban_node.core.errors import RefusedError
from interurban_node.core.learner_numbers import LearnerNumberRow
from interurban_node.core.learner_sets import LearnerSet
from interurban_node.registry import counting
from interurban_node.registry.models import CountedProfileRow
from interurban_node.registry.offers import offered_places as registry_offers
from interurban_node.structures import service as structures
from interurban_protocol.disclosure import Group
from interurban_protocol.structures import Cohort, Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Whose events are counted.

    `questions` holds, for each purpose, those that cover it; None counts everybody, which is
    for a public task. `cohort_sequence` is the stored release of the cohort, where the
    structure counts among one.
    """

    structure: Structure
    period: str
    cut_off: datetime
    questions: Sequence[Sequence[str]] | None
    now: datetime
    cohort_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class BaseRow:
    """Learners with the same registry value in each splitting dimension, in order."""

    values: Values
    count: int
    key_sum: int


class GroupCoverage(NamedTuple):
    """How many of those with one value are counted; for the operator only."""

    value: str | None
    counted: int
    eligible: int


@dataclass(frozen=True, slots=True)
class Counted:
    """One look at a population: the base rows, and who stands behind them."""

    rows: list[BaseRow]
    eligible: Group  # whatever they answered
    members: LearnerSet

    @property
    def total(self) -> Group:
        """All that are counted."""
        return Group(
            sum(row.count for row in self.rows), sum(row.key_sum for row in self.rows)
        )


def count(
    session: Session, population: Population, engine: BaseCellEngine | None = None
) -> Counted:
    """The population, in one pass; the node's own database does it unless told otherwise.

    Raises:
        RefusedError: the registry has no such field, or the cohort has no release.
        NotFoundError: the registry counts no such event.
    """
    engine = engine or SqlEngine(session)
    reading = _Reading.of(session, population, _sources(population.structure))
    events = _events(session, population)
    counted = _consenting(population, engine)
    sums: dict[Values, list[int]] = defaultdict(lambda: [0, 0])
    for cell in engine.cells(events, counted, reading.fields):
        total = sums[reading.values(cell.values, cell.observed)]
        total[0] += cell.learners.learners
        total[1] += cell.learners.key_sum
    whole = engine.whole(events, counted)
    return Counted(
        [BaseRow(row, *total) for row, total in sums.items()],
        whole.everybody,
        whole.members,
    )


def eligible_by(
    session: Session, population: Population, source: str
) -> list[GroupCoverage]:
    """The coverage by the values of one registry field; for the operator only."""
    engine = SqlEngine(session)
    reading = _Reading.of(session, population, [source])
    events = _events(session, population)
    sums: dict[str | None, list[int]] = defaultdict(lambda: [0, 0])
    for place, who in enumerate((_consenting(population, engine), None)):
        for cell in engine.cells(events, who, reading.fields):
            (value,) = reading.values(cell.values, cell.observed)
            sums[value][place] += cell.learners.learners
    order = sorted(sums, key=lambda value: (value is None, value or ""))
    return [GroupCoverage(value, *sums[value]) for value in order]


def people(session: Session, population: Population) -> Iterator[tuple[str, Values]]:
    """Everybody who is counted, by reference, with the value in each dimension."""
    engine = SqlEngine(session)
    reading = _Reading.of(session, population, _sources(population.structure))
    events = _events(session, population)
    members = engine.whole(events, _consenting(population, engine)).members
    rows = selected(events)
    everybody = session.execute(
        sa.select(
            LearnerNumberRow.learner_ref,
            rows.c.learner_number,
            *profile_columns(reading.fields),
            *observed_columns(rows),
        )
        .join(rows, rows.c.learner_number == LearnerNumberRow.number)
        .join(CountedProfileRow, CountedProfileRow.id == rows.c.profile_id)
    )
    width = len(reading.fields)
    for learner_ref, number, *known in everybody:
        if number in members:
            values, observed = tuple(known[:width]), tuple(known[width:])
            yield learner_ref, reading.values(values, observed)


def offered_places(
    session: Session, structure: Structure, period: str
) -> list[tuple[Values, int]]:
    """The places offered in the period, in the dimensions of a structure without persons.

    Raises:
        RefusedError: the registry does not know that of a place.
    """
    sources = _sources(structure)
    sums: dict[Values, int] = defaultdict(int)
    for row in registry_offers(session, period):
        for source in sources:
            if source not in row.values:
                raise _no_field(source)
        sums[tuple(row.values[source] for source in sources)] += row.places
    return list(sums.items())


# --- what to look at


def _events(session: Session, population: Population) -> Events:
    cohort = population.structure.cohort
    return Events(
        event=population.structure.event,
        period=population.period,
        cut_off=population.cut_off,
        lag=None if cohort is None else cohort.lag,
        among=None if cohort is None else _cohort(session, population, cohort),
    )


def _cohort(session: Session, population: Population, cohort: Cohort) -> LearnerSet:
    """Those who were counted in the cohort's release."""
    if population.cohort_sequence is None:
        raise RefusedError(
            "the release of the cohort is not there",
            next_step=f"Build {cohort.dataflow} for {population.period} first; later"
            " outcomes are counted among its people.",
        )
    return members_of(session, population.cohort_sequence)


def _consenting(population: Population, engine: BaseCellEngine) -> LearnerSet | None:
    """Who has said yes to every purpose; None where nobody is asked."""
    if population.questions is None:
        return None
    times = (population.cut_off, population.now)
    sets = [engine.consenting(ids, times) for ids in population.questions]
    return reduce(and_, sets) if sets else LearnerSet()  # not asked, so nobody said yes


# --- values


@dataclass(frozen=True, slots=True)
class _Reading:
    """Which fields of profiles are read, and how the sources follow from them.

    What is known of a job is observed beside the profile, and worked out here.
    """

    sources: Sequence[str]
    fields: tuple[str, ...]
    wage_bands: tuple[str, ...]

    @classmethod
    def of(
        cls, session: Session, population: Population, sources: Sequence[str]
    ) -> "_Reading":
        """For some sources of a population.

        Raises:
            RefusedError: the registry does not know one of them of these events.
        """
        has_jobs = population.structure.event == counting.EMPLOYED
        observed = counting.JOB_FIELDS if has_jobs else ()
        for source in sources:
            if source not in (*counting.FIELDS, *observed):
                raise _no_field(source)
        fields = tuple(source for source in sources if source in counting.FIELDS)
        bands = _wage_bands(session) if "job.wage_change" in sources else ()
        return cls(sources, fields, bands)

    def values(self, fields: Values, observed: Values) -> Values:
        """The value of each source."""
        if not observed:
            return fields
        wage, before, employer = observed
        change = counting.wage_change(before, wage, self.wage_bands)
        known = dict(zip(self.fields, fields, strict=True))
        known |= zip(counting.JOB_FIELDS, (wage, employer, change), strict=True)
        return tuple(known[source] for source in self.sources)


def _wage_bands(session: Session) -> tuple[str, ...]:
    """The registry's words for wage bands from low to high, as a structure lists them."""
    for structure in reversed(structures.structures(session)):
        for split in structure.split_dimensions:
            if split.source == "job.wage_band":
                bands = [
                    (code.lower, code.value or code.id)
                    for code in structure.base_codes(split.id)
                    if code.lower is not None
                ]
                return tuple(word for _, word in sorted(bands))
    return ()


def _sources(structure: Structure) -> list[str]:
    return [split.source or "" for split in structure.split_dimensions]


def _no_field(source: str) -> RefusedError:
    return RefusedError(
        f"the registry has no field {source}",
        next_step="Publish a version of the structure that reads another field.",
    )
