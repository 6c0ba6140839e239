"""What may be built, from whom, and as which base cells; decided without a database."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from interurban_node.core.errors import RefusedError, StateError
from interurban_protocol.encoding import format_time
from interurban_protocol.release_plans import (
    PlannedPeriod,
    PlannedRevision,
    ReleasePlan,
    quarter_after,
)
from interurban_protocol.structures import AREA_DIMENSION, UNKNOWN, Structure

MIN_CHANGES = 10  # learners who joined or left, for a revision
ONCE = "a period is issued once; withdrawals, late rows and corrections land in the next one"


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A current consent question: for what, and who would receive the tables."""

    question_id: str
    purpose: str
    recipients: frozenset[str]


def series_of(urn: str) -> str:
    """A dataflow's URN without its version: what is the same series of tables."""
    return urn.partition("(")[0]


def cohort_series(structure: Structure) -> str | None:
    """The series of the cohort among which a structure counts, if it does."""
    if structure.cohort is None:
        return None
    agency = series_of(structure.urn).rpartition(":")[0]
    return f"{agency}:{structure.cohort.dataflow}"


def observed_in(structure: Structure, period: str) -> str:
    """When what is told of the people of `period` was seen: in it, or a lag later."""
    return quarter_after(period, structure.cohort.lag if structure.cohort else 0)


def told_of(structure: Structure, observed: str) -> str:
    """The period whose people are told of by what was seen in `observed`."""
    return quarter_after(observed, -structure.cohort.lag if structure.cohort else 0)


def planned_period(plan: ReleasePlan, period: str) -> PlannedPeriod:
    """The period in the plan's calendar.

    Raises:
        RefusedError: the calendar does not have it.
    """
    for planned in plan.periods:
        if planned.period == period:
            return planned
    known = ", ".join(planned.period for planned in plan.periods)
    raise RefusedError(
        "the plan's calendar does not have this period",
        reasons=(f"the plan has {known}",),
        next_step="Choose one of the plan's periods, or agree on a plan that has it.",
    )


def check_publisher(plan: ReleasePlan, origin: str) -> None:
    """Refuse to build for a plan under which this node publishes nothing.

    Raises:
        RefusedError: the node is not among the plan's publishers.
    """
    if origin not in plan.publishers:
        raise RefusedError(
            f"{origin} is none of the plan's publishers",
            next_step="Agree on a plan that names this node as a publisher.",
        )


def check_cut_off(planned: PlannedPeriod, now: datetime) -> None:
    """Refuse to build before all records that belong to the period have arrived.

    Raises:
        StateError: the cut-off lies ahead.
    """
    if now < planned.cut_off:
        raise StateError(
            f"the cut-off of {planned.period} is at {format_time(planned.cut_off)}",
            next_step="Build after the cut-off; `release preview` shows a forecast before.",
        )


def check_recipients(
    period: str, wanted: Sequence[str], issued_to: Sequence[str]
) -> None:
    """Refuse to open an issued period to somebody else.

    Raises:
        RefusedError: the recipients wanted are not those that it was issued to.
    """
    added = sorted(set(wanted) - set(issued_to))
    if added:
        raise RefusedError(
            f"{period} was issued to other recipients",
            reasons=(
                f"it was issued to {', '.join(issued_to)}",
                f"it is never opened to another recipient: {', '.join(added)}",
            ),
            next_step="A new recipient needs a new question to the learners and joins "
            "from a period that was not built yet.",
        )


def recipients_of(plan: ReleasePlan, origin: str) -> tuple[str, ...]:
    """To whom a release of this node goes: the plan's recipients without the node.

    Raises:
        RefusedError: nobody is left.
    """
    found = tuple(node for node in plan.recipients if node != origin)
    if not found:
        raise RefusedError(
            "the plan names no recipient besides this node",
            next_step="Agree on a plan that names who may receive the releases.",
        )
    return found


def questions_for(
    plan: ReleasePlan,
    structure: Structure,
    origin: str,
    questions: Iterable[AskedQuestion],
) -> tuple[tuple[str, ...], ...] | None:
    """`covering_questions` where the basis is consent; None where nobody is asked.

    Raises:
        RefusedError: as `covering_questions`.
    """
    if structure.basis != "consent":
        return None
    return covering_questions(plan, origin, questions)


def covering_questions(
    plan: ReleasePlan, origin: str, questions: Iterable[AskedQuestion]
) -> tuple[tuple[str, ...], ...]:
    """For each purpose of the plan, the questions that cover it and every recipient.

    Raises:
        RefusedError: for some purpose nobody was asked, so nobody can have said yes.
    """
    asked = tuple(questions)
    needed = frozenset(recipients_of(plan, origin))
    covering = tuple(
        tuple(
            question.question_id
            for question in asked
            if question.purpose == purpose and needed <= question.recipients
        )
        for purpose in plan.purposes
    )
    missing = [
        f"no question covers {purpose} for {', '.join(sorted(needed))}"
        for purpose, ids in zip(plan.purposes, covering, strict=True)
        if not ids
    ]
    if missing:
        raise RefusedError(
            "no question covers the plan's purpose and recipients",
            reasons=missing,
            next_step="`interurban consent ask --scope aggregates` publishes the question; "
            "who answers it with yes is counted.",
        )
    return covering


def check_no_revision(plan: ReleasePlan) -> None:
    """Refuse to build a revision as if it were a first issue.

    Raises:
        RefusedError: the plan is for a revision.
    """
    if plan.revision is not None:
        raise RefusedError(
            "the plan is for a revision of a period that was issued",
            next_step="`interurban release revise` issues it, once.",
        )


def revision_of(plan: ReleasePlan) -> PlannedRevision:
    """What the plan revises.

    Raises:
        RefusedError: it is an ordinary plan.
    """
    if plan.revision is None:
        raise RefusedError(
            f"the plan is not for a revision: {ONCE}",
            next_step="A revision needs a plan of its own that every party has signed; "
            "docs/protection.md says what it may change.",
        )
    return plan.revision


def check_may_be_revised(structure: Structure, issued_under: str, plan: str) -> None:
    """Refuse to revise outcomes of a cohort, or what was issued under another plan.

    Raises:
        RefusedError: either is the case.
    """
    if structure.cohort is not None:
        raise RefusedError(
            f"{structure.reference} is divided by the stored release of its cohort, and is "
            "not revised",
            next_step="What changed stays as it was published.",
        )
    if issued_under != plan:
        raise RefusedError(
            "the period was issued under another plan than the one that is revised",
            reasons=[f"it was issued under {issued_under}"],
            next_step="Agree on a revision of that plan.",
        )


def check_enough_changes(joined: int, left: int) -> None:
    """Refuse a revision that would show what became of a few people.

    Raises:
        RefusedError: fewer than `MIN_CHANGES` learners joined or left.
    """
    if joined + left < MIN_CHANGES:
        raise RefusedError(
            f"fewer than {MIN_CHANGES} learners joined or left since the release was built",
            reasons=["the difference of the two tables would name them"],
            next_step="Leave the release as it is; what changed counts in later periods.",
        )


def ref_area(structure: Structure, origin: str) -> str:
    """The REF_AREA of a node: the code whose value is its origin, else its host.

    A structure with a list of areas may leave nobody's place to chance. Without one, the
    host of the origin is written as an SDMX identifier: "lakeside-example".

    Raises:
        RefusedError: the structure lists areas and this node is none of them.
    """
    areas = structure.codes(AREA_DIMENSION)
    if not areas:
        return re.sub(r"[^A-Za-z0-9]+", "-", urlsplit(origin).netloc)
    for area in areas:
        if area.value == origin:
            return area.id
    raise RefusedError(
        f"{origin} is none of the areas of {structure.reference}",
        next_step="Publish a version of the structure whose list of areas has this node.",
    )


def base_rows(
    structure: Structure, rows: Iterable[tuple[Sequence[str | None], int, int]]
) -> list[tuple[tuple[str, ...], int, int]]:
    """Rows of registry values, count and key sum as rows of base codes, each once.

    A value that the codelist does not have becomes `_U` where the list has that.

    Raises:
        RefusedError: a value has no place; names dimensions and numbers of rows only.
    """
    splits = structure.split_dimensions
    leaves = [structure.leaf_by_value(split.id) for split in splits]
    others = [UNKNOWN if UNKNOWN in known else "" for known in leaves]
    counts: Counter[tuple[str, ...]] = Counter()
    keys: Counter[tuple[str, ...]] = Counter()
    homeless: Counter[str] = Counter()
    for values, count, key_sum in rows:
        codes = tuple(
            other if value is None else known.get(value, other)
            for known, other, value in zip(leaves, others, values, strict=True)
        )
        counts[codes] += count
        keys[codes] += key_sum
        homeless.update(
            {
                split.id: count
                for split, code in zip(splits, codes, strict=True)
                if not code
            }
        )
    _check_homeless(homeless)
    return [(codes, count, keys[codes]) for codes, count in counts.items()]


def _check_homeless(homeless: Counter[str]) -> None:
    if homeless:
        raise RefusedError(
            "the registry has values that the structure has no code for",
            reasons=[
                f"{dimension}: {count} rows" for dimension, count in homeless.items()
            ],
            next_step="Complete the mapping, or publish a version of the structure whose "
            "codelist has the values or _U.",
        )
