"""What may be built and from which values, decided from arguments alone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from interurban_node.aggregates import rules
from interurban_node.aggregates.rules import AskedQuestion
from interurban_node.core.errors import RefusedError
from interurban_protocol.structures import Structure
from tests.support.counting import CITIES, LAKESIDE
from tests.support.learners import EASTVALE, NORTHPORT
from tests.support.statistics import a_plan, a_structure

EVALUATION = "programme-evaluation"


def a_question(
    number: int = 1,
    purpose: str = EVALUATION,
    recipients: Sequence[str] = (NORTHPORT, EASTVALE),
) -> AskedQuestion:
    return AskedQuestion(f"question-{number}", purpose, frozenset(recipients))


def test_a_series_is_the_dataflow_in_any_version() -> None:
    first, second = a_structure(), replace(a_structure(), version="7.0.1")
    other = replace(a_structure(), id="OTHER")
    assert rules.series_of(first.urn) == rules.series_of(second.urn)
    assert rules.series_of(first.urn) != rules.series_of(other.urn)


def test_a_question_to_more_recipients_covers_the_plan() -> None:
    plan = a_plan(purposes=(EVALUATION,), recipients=(LAKESIDE, NORTHPORT))
    assert rules.covering_questions(plan, LAKESIDE, [a_question()]) == (
        ("question-1",),
    )


def test_every_question_that_covers_is_taken() -> None:
    plan = a_plan(purposes=(EVALUATION,), recipients=CITIES)
    asked = [
        a_question(1),
        a_question(2, recipients=(NORTHPORT,)),
        a_question(3, purpose="placement"),
        a_question(4, recipients=CITIES),
    ]
    assert rules.covering_questions(plan, LAKESIDE, asked) == (
        ("question-1", "question-4"),
    )


def test_questions_are_given_for_each_purpose_apart() -> None:
    plan = a_plan(purposes=(EVALUATION, "placement"), recipients=CITIES)
    asked = [a_question(1), a_question(2, purpose="placement")]
    assert rules.covering_questions(plan, LAKESIDE, asked) == (
        ("question-1",),
        ("question-2",),
    )


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [a_question(recipients=(NORTHPORT,))],
        [a_question(purpose="placement")],
        # two questions that cover one recipient each were never one yes to both
        [a_question(1, recipients=(NORTHPORT,)), a_question(2, recipients=(EASTVALE,))],
    ],
)
def test_no_covering_question_is_refused_with_the_next_step(
    asked: list[AskedQuestion],
) -> None:
    plan = a_plan(purposes=(EVALUATION,), recipients=CITIES)
    with pytest.raises(RefusedError, match="no question covers") as refused:
        rules.covering_questions(plan, LAKESIDE, asked)
    assert refused.value.reasons == (
        f"no question covers {EVALUATION} for {EASTVALE}, {NORTHPORT}",
    )
    assert "consent ask" in refused.value.next_step


@pytest.mark.parametrize(
    ("origin", "area"),
    [
        ("https://lakeside.example", "lakeside-example"),
        ("http://127.0.0.1:8101", "127-0-0-1-8101"),
    ],
)
def test_without_a_list_of_areas_the_host_is_the_area(origin: str, area: str) -> None:
    assert rules.ref_area(a_structure(), origin) == area


def some_rows(
    structure: Structure, **values: str | None
) -> list[tuple[tuple[str | None, ...], int, int]]:
    """One learner in the first base cell, with `values` in place of some codes."""
    row = tuple(
        values.get(split.id, structure.base_codes(split.id)[0].id)
        for split in structure.split_dimensions
    )
    return [(row, 1, 5)]


@pytest.mark.parametrize(
    ("dimension", "value", "code"),
    [
        ("EQUITY", "yes", "DIS"),  # the registry's word
        ("EQUITY", "DIS", "DIS"),  # the code itself
        ("EQUITY", "unknown", "_U"),
        ("EQUITY", None, "_U"),
        ("SEX", "_O", "_U"),
        ("SEX", "_T", "_U"),  # nobody's sex is the total
        ("OUTCOME", "completed", "COM"),
        ("OUTCOME", "COM", "COM"),
    ],
)
def test_a_registry_value_becomes_its_base_code(
    dimension: str, value: str | None, code: str
) -> None:
    structure = a_structure()
    places = [split.id for split in structure.split_dimensions]
    ((codes, count, key_sum),) = rules.base_rows(
        structure, some_rows(structure, **{dimension: value})
    )
    assert (codes[places.index(dimension)], count, key_sum) == (code, 1, 5)


def test_values_with_the_same_code_are_one_base_cell() -> None:
    structure = a_structure()
    rows = [
        *some_rows(structure, AGE=None),
        *some_rows(structure, AGE="_U"),
        *some_rows(structure, AGE="whatever"),
    ]
    ((codes, count, key_sum),) = rules.base_rows(structure, rows)
    assert (codes[1], count, key_sum) == ("_U", 3, 15)


@pytest.mark.parametrize(
    ("dimension", "value"),
    [("OUTCOME", "mystery"), ("OUTCOME", None), ("PROGRAMME", "_T")],
)
def test_a_value_without_a_place_is_refused_by_dimension_and_number(
    dimension: str, value: str | None
) -> None:
    structure = a_structure()
    with pytest.raises(RefusedError) as refused:
        rules.base_rows(structure, some_rows(structure, **{dimension: value}))
    assert refused.value.reasons == (f"{dimension}: 1 rows",)
