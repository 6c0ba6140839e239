"""What a plan must not put side by side, because a hidden figure would follow from it.

`check_structure` refuses a table that is wrong by itself, `check_plan` a plan that
contradicts itself. The lint looks at tables *together*: those of one plan, and those of the
plans that the same cities have agreed on beside it. It needs no data, so it speaks before
anything is signed. docs/structures.md lists the rules, with an example of each; they stand
in `lint_tables`, `lint_cohorts` and `lint_marks`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from interurban_protocol import lint_cohorts, lint_marks, lint_tables
from interurban_protocol.errors import DisclosureError
from interurban_protocol.lint_cases import Agreed, Case, Finding, Rule
from interurban_protocol.release_plans import ReleasePlan, plan_id
from interurban_protocol.structures import Structure

_RULES: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    lint_tables.derived_figures,
    lint_tables.one_whole_twice,
    lint_cohorts.numerator_in_its_cohort,
    lint_tables.unprotected_people,
    lint_tables.overlapping_bands,
    lint_tables.other_groupings,
    lint_tables.two_versions,
    lint_tables.stocks,
    lint_cohorts.same_event_twice,
    lint_cohorts.cohorts_in_place,
    lint_cohorts.cohort_observed_twice,
    lint_cohorts.second_calendar,
    lint_marks.consent_passed_over,
    lint_marks.one_event_on_two_bases,
    lint_marks.marks_left_out,
)


def lint(
    plan: ReleasePlan, structures: Sequence[Structure], others: Iterable[Agreed]
) -> tuple[Finding, ...]:
    """Every reason not to sign `plan`, in the order of the rules.

    `others` are the plans that were agreed on before, or are agreed on together with it;
    those of other publishers, and the plan itself, are passed over.
    """
    relevant = tuple(
        (other, tuple(tables))
        for other, tables in others
        if set(other.publishers) & set(plan.publishers)
        and plan_id(other) != plan_id(plan)
    )
    case = Case(plan, tuple(structures), relevant)
    return tuple(finding for rule in _RULES for finding in rule(case))


def check_lint(
    plan: ReleasePlan, structures: Sequence[Structure], others: Iterable[Agreed]
) -> None:
    """Refuse a plan in which `lint` finds anything.

    Raises:
        DisclosureError: with all reasons.
    """
    findings = lint(plan, structures, others)
    if findings:
        raise DisclosureError(
            f"hidden figures would follow from this plan: {_in_words(findings)}",
            next_step=findings[0].next_step,
        )


def check_basis_and_marks(structure: Structure, cohort: Structure | None) -> None:
    """Refuse to build a table that passes over consent or leaves a protection out.

    The rules that need no plan, for a node to ask again when it builds: an agreement
    that was signed before there was a rule is no reason to break it. `cohort` is the
    structure that `structure.cohort` names, and is not looked at where it names none.

    Raises:
        DisclosureError: with all reasons; or the cohort is missing or another one.
    """
    findings = [
        *lint_tables.counted_exactly(structure),
        *lint_marks.unasked(structure),
        *lint_marks.unmarked(structure),
    ]
    if structure.cohort is not None:
        named = (structure.agency, structure.cohort.dataflow)
        if cohort is None or (cohort.agency, cohort.id) != named:
            raise DisclosureError(
                f"the cohort {structure.cohort.dataflow} of {structure.id} is not at hand",
                next_step="Build in a plan that has the cohort's dataflow too.",
            )
        findings += lint_marks.on_its_cohorts_basis(structure, cohort)
    if findings:
        raise DisclosureError(
            f"the table must not be built: {_in_words(findings)}",
            next_step=findings[0].next_step,
        )


def _in_words(findings: Sequence[Finding]) -> str:
    if len(findings) == 1:
        return str(findings[0])
    return "; ".join(f"({number}) {each}" for number, each in enumerate(findings, 1))


__all__ = [
    "Agreed",
    "Finding",
    "Rule",
    "check_basis_and_marks",
    "check_lint",
    "lint",
]
