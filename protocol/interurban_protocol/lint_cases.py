"""What the lint looks at, and what it says: a plan with its tables, rules and findings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from interurban_protocol.release_plans import ReleasePlan, is_revision_of
from interurban_protocol.structure_groupings import Listed, listed_dimensions
from interurban_protocol.structures import Cohort, Structure

Agreed = tuple[ReleasePlan, Sequence[Structure]]


class Rule(StrEnum):
    """The rules, as docs/structures.md numbers them."""

    SHARE = "parts beside their share"
    UNPROTECTED = "rates beside unprotected parts"
    OVERLAP = "overlapping bands or quarters"
    STOCK = "a stock instead of a flow"
    TWICE = "a cohort counted a second time"
    CALENDAR = "a second calendar"
    CONSENT = "consent passed over"
    MARKS = "a protection switched off"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why a plan is refused."""

    rule: Rule
    fact: str
    where: str  # a dataflow, "COMPLETION", or one of its dimensions, "COMPLETION.AGE"
    next_step: str

    def __str__(self) -> str:
        """The finding in a sentence, with its place."""
        return f"{self.where}: {self.fact}"


@dataclass(frozen=True, slots=True)
class Case:
    """A plan with its tables, and what its publishers have agreed on beside it."""

    plan: ReleasePlan
    structures: tuple[Structure, ...]
    others: tuple[Agreed, ...]

    @property
    def at_the_same_time(self) -> list[Agreed]:
        """The other plans over the same days, but for one that this plan revises."""
        return [
            each
            for each in self.others
            if _shares_days(self.plan, each[0])
            and not is_revision_of(self.plan, each[0])
            and not is_revision_of(each[0], self.plan)
        ]

    @property
    def neighbours(self) -> list[Structure]:
        """The tables of the plans over the same days."""
        return [table for _, tables in self.at_the_same_time for table in tables]

    @property
    def cohorts(self) -> Iterator[tuple[Structure, Cohort, Structure | None]]:
        """Each cohort dataflow, its cohort, and the table that counts it first, if any."""
        agreed = [
            table
            for other, tables in self.others
            if set(self.plan.publishers) <= set(other.publishers)
            for table in tables
        ]
        known = {(each.agency, each.id): each for each in (*agreed, *self.structures)}
        for structure in self.structures:
            if structure.cohort is not None:
                origin = known.get((structure.agency, structure.cohort.dataflow))
                yield structure, structure.cohort, origin


def counts_same_people(one: Structure, other: Structure) -> bool:
    """Whether two tables count the same event among the same people."""
    return (one.event, one.cohort) == (other.event, other.cohort)


def same_fields(one: Structure, other: Structure) -> Iterator[tuple[Listed, Listed]]:
    """The dimensions of two tables that read the same registry field."""
    for ours in listed_dimensions([one]):
        for theirs in listed_dimensions([other]):
            if ours.dimension.source == theirs.dimension.source:
                yield ours, theirs


def _shares_days(one: ReleasePlan, other: ReleasePlan) -> bool:
    return any(
        ours.starts <= theirs.ends and theirs.starts <= ours.ends
        for ours in one.periods
        for theirs in other.periods
    )


__all__ = [
    "Agreed",
    "Case",
    "Finding",
    "Rule",
    "counts_same_people",
    "same_fields",
]
