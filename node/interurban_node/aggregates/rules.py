"""What may be built, from whom, and as which base cells; decided without a database."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from interurban_node.core.errors import RefusedError, StateError
from interurban_protocol.encoding import format_time
from interurban_protocol.release_plans import PlannedPeriod, ReleasePlan
from interurban_protocol.structures import (
    AREA_DIMENSION,
    TOTAL,
    UNKNOWN,
    Structure,
)

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
            next_step="Build after the cut-off; `--dry-run` shows a forecast before it.",
        )


def check_basis(structure: Structure) -> None:
    """Refuse a dataflow that does not rest on consent.

    Raises:
        RefusedError: it rests on another basis, which this version cannot prove.
    """
    if structure.basis != "consent":
        raise RefusedError(
            f"{structure.reference} rests on {structure.basis}, not on consent",
            next_step="Only dataflows on the basis of consent are built so far.",
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
    places = [_places(structure, split.id) for split in splits]
    counts: Counter[tuple[str, ...]] = Counter()
    keys: Counter[tuple[str, ...]] = Counter()
    homeless: Counter[str] = Counter()
    for values, count, key_sum in rows:
        codes = tuple(
            known.get(value, known.get(None, ""))
            for known, value in zip(places, values, strict=True)
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


def _places(structure: Structure, dimension_id: str) -> dict[str | None, str]:
    """Base codes by registry value and by their own id; None holds the one for others."""
    codes = structure.base_codes(dimension_id)
    found: dict[str | None, str] = {code.id: code.id for code in codes}
    found |= {code.value: code.id for code in codes if code.value is not None}
    if UNKNOWN in found:
        found[None] = UNKNOWN
    found.pop(TOTAL, None)
    return found


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
