"""What a plan must not put side by side, because a hidden figure would follow from it.

`check_structure` refuses a table that is wrong by itself, `check_plan` a plan that
contradicts itself. The lint looks at tables *together*: those of one plan, and those of the
plans that the same cities have agreed on beside it. It needs no data, so it speaks before
anything is signed. docs/structures.md lists the rules, with an example of each; they stand
in `lint_tables` and `lint_cohorts`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from interurban_protocol import lint_cohorts, lint_tables
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


def _in_words(findings: Sequence[Finding]) -> str:
    if len(findings) == 1:
        return str(findings[0])
    return "; ".join(f"({number}) {each}" for number, each in enumerate(findings, 1))


__all__ = ["Agreed", "Finding", "Rule", "check_lint", "lint"]
