"""Every error becomes a problem with a type, a rule, the fact and a next step."""

import json

import pytest

from interurban_protocol import errors
from interurban_protocol.problems import (
    INTERNAL,
    PROTOCOL_PROBLEMS,
    Problem,
    problem_of,
)


def tree(root: type[errors.InterurbanError]) -> list[type[errors.InterurbanError]]:
    found = [root]
    for child in root.__subclasses__():
        found += tree(child)
    return found


def of_the_protocol() -> list[type[errors.InterurbanError]]:
    return [c for c in tree(errors.ProtocolError) if c.__module__ == errors.__name__]


@pytest.mark.parametrize("error", of_the_protocol(), ids=lambda c: c.__name__)
def test_every_error_of_the_protocol_has_its_own_problem_type(error):
    assert error in PROTOCOL_PROBLEMS
    problem = problem_of(error("the fact"))
    assert problem.type is PROTOCOL_PROBLEMS[error]
    assert 400 <= problem.type.status < 500
    assert problem.detail == "the fact"
    assert problem.next_step == error.default_next_step


def test_no_two_problem_types_share_a_name():
    kinds = list(PROTOCOL_PROBLEMS.values())
    assert len({kind.slug for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert kind.uri == f"urn:interurban:problem:{kind.slug}"
        assert kind.title
        assert kind.rule.endswith(".")


def test_a_new_error_gets_the_problem_of_its_nearest_ancestor():
    class StaleError(errors.ExpiredError):
        """Made for this test."""

    assert problem_of(StaleError("x")).type is PROTOCOL_PROBLEMS[errors.ExpiredError]
    assert problem_of(errors.InterurbanError("x")).type is INTERNAL


def test_a_problem_is_an_rfc_9457_document():
    problem = Problem(PROTOCOL_PROBLEMS[errors.ChainError], "a fork", "Ask.", ("one",))
    assert json.loads(problem.to_json()) == {
        "type": "urn:interurban:problem:chain",
        "title": "Does not follow on what is held",
        "status": 409,
        "detail": "a fork",
        "rule": "Histories only grow.",
        "next_step": "Ask.",
        "reasons": ["one"],
    }


def test_a_problem_without_reasons_says_nothing_of_them():
    assert "reasons" not in json.loads(problem_of(errors.ChainError("x")).to_json())
