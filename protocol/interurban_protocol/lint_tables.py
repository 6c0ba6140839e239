"""Lint rules 1 to 4: shares, unprotected parts, overlapping groups, stocks."""

from collections.abc import Iterable, Iterator
from itertools import combinations

from interurban_protocol.lint_cases import Case, Finding, Rule, counts_same_people
from interurban_protocol.structure_groupings import (
    Listed,
    clash,
    listed_dimensions,
    overlapping_leaves,
)
from interurban_protocol.structures import Structure
from interurban_protocol.training_structures import TRAINING_DATAFLOWS, TRAINING_EVENTS

HAPPENS_TO_NOBODY = frozenset(
    each.event for each in TRAINING_DATAFLOWS if each.basis == "non_personal"
)
_NOBODYS_RECORDS = frozenset({"programme", "place", "offer"})

# Fields that say one thing in two ways: the parts of one are parts of the other.
_SAME_WHOLE = (frozenset({"enrolment.outcome", "enrolment.exit_reason"}),)
_DERIVED = frozenset(
    {"average", "averages", "mean", "median", "percent", "percentage", "proportion"}
    | {"quota", "rate", "rates", "ratio", "ratios", "share", "shares"}
)


def derived_figures(case: Case) -> Iterator[Finding]:
    """Rule 1: a share, rate, mean or median as a table of its own."""
    for structure in case.structures:
        texts = [structure.id, structure.names["en"], structure.measure["en"]]
        if word := _derived_word(texts):
            yield _derived(structure.id, word)
    for listed in listed_dimensions(case.structures):
        if word := _derived_word(_texts(listed)):
            yield _derived(str(listed), word)


def one_whole_twice(case: Case) -> Iterator[Finding]:
    """Rule 1: the same whole divided twice, in one table or in two over the same people."""
    for one, other in combinations(listed_dimensions(case.structures), 2):
        if not counts_same_people(one.structure, other.structure):
            continue
        fields = frozenset({one.dimension.source or "", other.dimension.source or ""})
        is_same_field = len(fields) == 1 and one.structure is other.structure
        if is_same_field or fields in _SAME_WHOLE:
            yield Finding(
                Rule.SHARE,
                f"it divides the same people by the same fact as {other}; what one "
                "hides, the parts of the other give back",
                str(one),
                "Keep one of the two; groups belong above their codes, in one codelist.",
            )


def unprotected_people(case: Case) -> Iterator[Finding]:
    """Rule 2: exact counts of people, from which a protected part could be worked out."""
    for structure in case.structures:
        yield from counted_exactly(structure)


def counted_exactly(structure: Structure) -> Iterator[Finding]:
    """What of people a table would publish without any protection."""
    if structure.basis != "non_personal":
        return
    if structure.event not in HAPPENS_TO_NOBODY:
        yield _unprotected(
            structure.id,
            f"{structure.event} happens to a person, and non_personal counts are "
            "published exactly",
        )
    for dimension in structure.split_dimensions:
        record = (dimension.source or "").partition(".")[0]
        if record not in _NOBODYS_RECORDS:
            yield _unprotected(
                f"{structure.id}.{dimension.id}",
                f"{dimension.source} is a fact about a person, in a table that is "
                "published exactly",
            )


def overlapping_bands(case: Case) -> Iterator[Finding]:
    """Rule 3: codes of one list that share people."""
    for listed in listed_dimensions(case.structures):
        for one, other in overlapping_leaves(listed):
            yield Finding(
                Rule.OVERLAP,
                f"the bands {one.id} and {other.id} overlap; their difference is one more group",
                str(listed),
                "Let each band begin where the one before it ends.",
            )


def other_groupings(case: Case) -> Iterator[Finding]:
    """Rule 3: two lists over one field that group people otherwise."""
    ours = list(listed_dimensions(case.structures))
    theirs = list(listed_dimensions(case.neighbours))
    beside = [(one, other) for one in ours for other in theirs]
    for one, other in (*combinations(ours, 2), *beside):
        if one.dimension.source != other.dimension.source:
            continue
        if one.structure is other.structure:
            continue  # `one_whole_twice` has it
        if why := clash(one, other):
            yield Finding(
                Rule.OVERLAP,
                f"it groups {one.dimension.source} otherwise than {other}: {why}",
                str(one),
                "Use one codelist for one registry field; change it everywhere at once.",
            )


def two_versions(case: Case) -> Iterator[Finding]:
    """Rule 3: two versions of one dataflow for the same quarters."""
    for one, other in combinations(case.structures, 2):
        if (one.agency, one.id) == (other.agency, other.id):
            yield Finding(
                Rule.OVERLAP,
                f"the plan has it in two versions, {one.version} and {other.version}",
                one.id,
                "Keep one; a new version begins with a new plan and period.",
            )


def stocks(case: Case) -> Iterator[Finding]:
    """Rule 4: whoever subtracts one quarter's stock from the next has who came and left."""
    for structure in case.structures:
        if structure.event not in TRAINING_EVENTS:
            yield Finding(
                Rule.STOCK,
                f"{structure.event} is none of the events that happen on a day; two "
                "quarters of a stock, subtracted, tell who came and who left",
                structure.id,
                f"Count one of {', '.join(sorted(TRAINING_EVENTS))}.",
            )


def _texts(listed: Listed) -> list[str]:
    dimension = listed.dimension
    texts = [dimension.id, dimension.concept, dimension.names["en"]]
    if (dimension.source or "").startswith("programme."):
        return texts  # the titles of programmes are the cities' own
    return texts + [
        text for code in listed.codes for text in (code.id, code.names["en"])
    ]


def _derived_word(texts: Iterable[str]) -> str | None:
    for text in texts:
        words = text.replace("_", " ").replace("-", " ").lower().split()
        if found := _DERIVED & {word.strip(".,:;()") for word in words}:
            return min(found)
    return None


def _derived(where: str, word: str) -> Finding:
    return Finding(
        Rule.SHARE,
        f'it publishes a "{word}"; whoever has that and all parts but one has the last',
        where,
        "Publish the counts; readers derive shares and medians from shown counts.",
    )


def _unprotected(where: str, fact: str) -> Finding:
    return Finding(
        Rule.UNPROTECTED,
        fact,
        where,
        "Declare the basis consent; then the table is protected.",
    )


__all__ = [
    "counted_exactly",
    "derived_figures",
    "one_whole_twice",
    "other_groupings",
    "overlapping_bands",
    "stocks",
    "two_versions",
    "unprotected_people",
]
