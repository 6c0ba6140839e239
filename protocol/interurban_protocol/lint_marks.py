"""Lint rules 7 and 8: no structure passes over consent or switches a protection off.

The basis and the marks of a dimension stand in the structure, so whoever writes it could
choose them freely. What they must be follows from the event and from the registry field.
Both rules look at one table and its cohort, so that a node can ask them again whenever it
builds.
"""

from collections.abc import Iterator
from itertools import combinations

from interurban_protocol.lint_cases import Case, Finding, Rule
from interurban_protocol.structures import Dimension, Structure
from interurban_protocol.training_structures import TRAINING_DATAFLOWS

PUBLIC_TASK_EVENTS = frozenset(
    each.event for each in TRAINING_DATAFLOWS if each.basis == "public_task"
)
EQUITY_FIELDS = frozenset({"learner.displaced", "learner.disability"})
SENSITIVE_FIELDS = EQUITY_FIELDS | frozenset(
    {"enrolment.outcome", "enrolment.exit_reason"}
    | {"job.employer", "job.wage_band", "job.wage_change"}
)


def consent_passed_over(case: Case) -> Iterator[Finding]:
    """Rule 7: people counted without being asked."""
    for structure in case.structures:
        yield from unasked(structure)
    for structure, _, origin in case.cohorts:
        if origin is not None:  # `cohorts_in_place` has it
            yield from on_its_cohorts_basis(structure, origin)


def one_event_on_two_bases(case: Case) -> Iterator[Finding]:
    """Rule 7: one event on two legal bases, whichever the cohorts."""
    beside = [(one, other) for one in case.structures for other in case.neighbours]
    for one, other in (*combinations(case.structures, 2), *beside):
        if one.event == other.event and one.basis != other.basis:
            yield _consent(
                one.id,
                f"it counts the people of {other.id} on another legal basis; the "
                "difference is who did not say yes",
                "Count an event on one legal basis only.",
            )


def marks_left_out(case: Case) -> Iterator[Finding]:
    """Rule 8: a field that needs more protection, in a dimension that asks for none."""
    for structure in case.structures:
        yield from unmarked(structure)


def unasked(structure: Structure) -> Iterator[Finding]:
    """A public task where only a yes allows the count."""
    is_allowed = structure.event in PUBLIC_TASK_EVENTS
    if structure.basis == "public_task" and not is_allowed:
        yield _consent(
            structure.id,
            f"{structure.event} is counted as a public task, so that nobody is asked",
            "Declare the basis consent; a public task is only "
            f"{', '.join(sorted(PUBLIC_TASK_EVENTS))}.",
        )


def on_its_cohorts_basis(structure: Structure, origin: Structure) -> Iterator[Finding]:
    """A cohort dataflow on another basis than `origin`, which counts its people first."""
    if structure.basis != origin.basis:
        yield _consent(
            structure.id,
            f"it counts within {origin.id} on another legal basis than {origin.id} does",
            "Declare the basis of the cohort.",
        )


def unmarked(structure: Structure) -> Iterator[Finding]:
    """Each dimension that lacks a mark which its registry field must have."""
    for dimension in structure.split_dimensions:
        for mark in _missing_marks(dimension):
            yield Finding(
                Rule.MARKS,
                f"{dimension.source} is not marked as {mark}, which leaves its "
                "protection out",
                f"{structure.id}.{dimension.id}",
                f"Mark the dimension as {mark}.",
            )


def _missing_marks(dimension: Dimension) -> Iterator[str]:
    if dimension.source in SENSITIVE_FIELDS and not dimension.is_sensitive:
        yield "sensitive"
    if dimension.source in EQUITY_FIELDS and not dimension.is_equity:
        yield "equity"


def _consent(where: str, fact: str, next_step: str) -> Finding:
    return Finding(Rule.CONSENT, fact, where, next_step)


__all__ = [
    "EQUITY_FIELDS",
    "PUBLIC_TASK_EVENTS",
    "SENSITIVE_FIELDS",
    "consent_passed_over",
    "marks_left_out",
    "on_its_cohorts_basis",
    "one_event_on_two_bases",
    "unasked",
    "unmarked",
]
