"""Every error of the whole node becomes a problem; none falls through."""

import json

import pytest

from interurban_adapters import errors as adapter_errors
from interurban_node.core import errors as node_errors
from interurban_node.core.problems import PROBLEMS, problem_for
from interurban_protocol.errors import InterurbanError
from interurban_protocol.problems import INTERNAL


def tree(root: type[InterurbanError]) -> list[type[InterurbanError]]:
    return [root, *(found for child in root.__subclasses__() for found in tree(child))]


EVERY = sorted(
    {c for c in tree(InterurbanError) if c.__module__.startswith("interurban_")}
    - {InterurbanError, node_errors.NodeError},  # never raised themselves
    key=lambda c: c.__name__,
)


@pytest.mark.parametrize("error", EVERY, ids=lambda c: c.__name__)
def test_no_error_falls_through_to_the_last_resort(error):
    assert problem_for(error("the fact")).type is not INTERNAL


def test_the_walk_sees_the_errors_of_every_part():
    modules = {error.__module__ for error in EVERY}
    assert {"interurban_protocol.errors", "interurban_node.core.errors"} <= modules
    assert adapter_errors.AdapterError in EVERY


def test_no_two_problem_types_share_a_name():
    kinds = {id(kind): kind for kind in PROBLEMS.values()}.values()
    assert len({kind.slug for kind in kinds}) == len(kinds)


def test_a_refusal_carries_its_reasons():
    error = node_errors.RefusedError("no", reasons=("one", "two"), next_step="Ask.")
    problem = json.loads(problem_for(error).to_json())
    assert problem["reasons"] == ["one", "two"]
    assert (problem["status"], problem["next_step"]) == (403, "Ask.")
