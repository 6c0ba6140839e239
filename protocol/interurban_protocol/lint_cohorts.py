"""Lint rules 5 and 6, and the first one for cohorts: nobody is counted a second time."""

from collections.abc import Iterator, Mapping
from itertools import combinations

from interurban_protocol.errors import DisclosureError
from interurban_protocol.lint_cases import (
    Case,
    Finding,
    Rule,
    counts_same_people,
    same_fields,
)
from interurban_protocol.release_plans import check_no_conflict
from interurban_protocol.structure_groupings import is_same_list, listed_dimensions
from interurban_protocol.structures import Cohort, Structure
from interurban_protocol.training_structures import TRAINING_DATAFLOWS, TRAINING_EVENTS

_COUNTED_LATER = frozenset(
    each.event for each in TRAINING_DATAFLOWS if each.cohort is not None
)
_PEOPLES_RECORDS = frozenset({"learner", "programme"})  # known when a cohort begins

# What a cohort dataflow counts, as a field of the cohort's own records.
_SAID_BY: Mapping[str, frozenset[str]] = {
    "apprenticeship.broken": frozenset({"placement.end_reason"}),
    "exit.employed": frozenset({"job.employed", "job.employer", "job.wage_band"}),
}


def numerator_in_its_cohort(case: Case) -> Iterator[Finding]:
    """Rule 1: what a cohort dataflow counts, as a part in the cohort's own table."""
    for structure, _, origin in case.cohorts:
        for listed in listed_dimensions([origin] if origin else []):
            if listed.dimension.source in _SAID_BY.get(structure.event, ()):
                yield Finding(
                    Rule.SHARE,
                    f"its count stands in {listed} too, beside the rest of the same whole",
                    structure.id,
                    f"Take {listed} out: it belongs into the later table.",
                )


def same_event_twice(case: Case) -> Iterator[Finding]:
    """Rule 5: two dataflows that both publish the size of one group of people."""
    for one, other in combinations(case.structures, 2):
        if not counts_same_people(one, other) or one.id == other.id:
            continue
        for ours, theirs in same_fields(one, other):
            if not is_same_list(ours, theirs):
                yield _twice(
                    str(ours),
                    f"it counts the same people as {theirs}, with another codelist",
                    "Use the same codelist in every dataflow over one event.",
                )


def cohorts_in_place(case: Case) -> Iterator[Finding]:
    """Rule 5: a later outcome is counted among people whose number is published once."""
    for structure in case.structures:
        yield from _right_time(structure)
    for structure, cohort, origin in case.cohorts:
        if origin is None:
            yield _twice(
                structure.id,
                f"its cohort {cohort.dataflow} is neither in this plan nor in one that "
                "all its publishers have agreed on",
                f"Add {cohort.dataflow} to the plan.",
            )
        elif origin.cohort is not None:
            yield _twice(
                structure.id,
                f"its cohort {origin.id} is itself counted within a cohort",
                "Name the dataflow in which these people are counted first.",
            )
        else:
            yield from _undivided(structure, origin)


def cohort_observed_twice(case: Case) -> Iterator[Finding]:
    """Rule 5: one cohort observed at one time by two dataflows."""
    beside = [(one, other) for one in case.structures for other in case.neighbours]
    for one, other in (*combinations(case.structures, 2), *beside):
        if one.cohort is None or one.agency != other.agency:
            continue
        if one.cohort == other.cohort:
            yield _twice(
                one.id,
                f"it observes {_in_words(one.cohort)}, as {other.id} does; the two are "
                "parts of one whole",
                "Make them one dataflow; what differs is a dimension.",
            )


def second_calendar(case: Case) -> Iterator[Finding]:
    """Rule 6: the same events of the same days in another plan."""
    try:
        check_no_conflict(case.plan, [other for other, _ in case.others])
    except DisclosureError as conflict:
        yield Finding(
            Rule.CALENDAR, conflict.message, case.plan.subject, conflict.next_step
        )
    for other, structures in case.at_the_same_time:
        if other.subject == case.plan.subject:
            continue  # which `check_no_conflict` has refused
        events = {each.event for each in structures}
        for structure in case.structures:
            if structure.event in events:
                yield Finding(
                    Rule.CALENDAR,
                    f"{structure.event} is counted on the same days in the plan for "
                    f"{other.subject} too: one plan, one population",
                    structure.id,
                    "Add dataflows or recipients to the one plan, from a later period "
                    "on.",
                )


def _right_time(structure: Structure) -> Iterator[Finding]:
    is_later = structure.event in _COUNTED_LATER
    if is_later and structure.cohort is None:
        yield _twice(
            structure.id,
            f"{structure.event} is counted without its cohort, so that its people would "
            "be counted as new ones",
            "Name the cohort; the table then has numerators only.",
        )
    if structure.event in TRAINING_EVENTS - _COUNTED_LATER and structure.cohort:
        yield _twice(
            structure.id,
            f"{structure.event} is counted in its own quarter, not in a cohort's",
            "Leave the cohort out.",
        )


def _undivided(structure: Structure, origin: Structure) -> Iterator[Finding]:
    """What is known of people from the start has its denominator in the cohort's table."""
    fields = {each.source for each in origin.split_dimensions}
    for listed in listed_dimensions([structure]):
        source = listed.dimension.source or ""
        if source not in fields and source.partition(".")[0] in _PEOPLES_RECORDS:
            yield _twice(
                str(listed),
                f"its cohort {origin.id} is not published by {source}; the sizes of these "
                "groups would have to be published a second time",
                f"Add the dimension to {origin.id}, or leave it out here.",
            )
    for ours, theirs in same_fields(structure, origin):
        if not is_same_list(ours, theirs):
            yield _twice(
                str(ours),
                f"its codelist is not that of its cohort, {theirs}",
                "Use the cohort's codelist.",
            )


def _in_words(cohort: Cohort) -> str:
    return f"{cohort.dataflow} {cohort.lag} quarters later"


def _twice(where: str, fact: str, next_step: str) -> Finding:
    return Finding(Rule.TWICE, fact, where, next_step)


__all__ = [
    "cohort_observed_twice",
    "cohorts_in_place",
    "numerator_in_its_cohort",
    "same_event_twice",
    "second_calendar",
]
