"""A plan is proposed by one of its publishers, once, from a file that can be read."""

from pathlib import Path

import pytest

from interurban_node.agreements import service
from interurban_node.agreements.drafts import read_plan
from interurban_node.core.context import Node
from interurban_node.core.errors import ConfigurationError, RefusedError
from interurban_protocol.release_plans import ReleasePlan
from interurban_protocol.structures import bundle_bytes
from tests.support.counting import a_small_structure, plan_of
from tests.support.nodes import CITIES, Federation, Moment


@pytest.fixture
def lakeside(cities: Federation) -> Node:
    return cities.add("lakeside")


def a_plan(node: Node, moment: Moment, **changes: object) -> ReleasePlan:
    values = {"publishers": tuple(CITIES.values()), "issued_at": moment.now, **changes}
    return plan_of(node, a_small_structure(), **values)


def propose(node: Node, plan: ReleasePlan, moment: Moment) -> str:
    bundles = (bundle_bytes(a_small_structure()),)
    with node.database.transaction() as session:
        return service.propose_plan(session, node, plan, bundles, moment.now)


def test_a_plan_that_names_other_publishers_is_refused_with_this_nodes_address(
    lakeside: Node, moment: Moment
):
    plan = a_plan(lakeside, moment, publishers=(CITIES["northport"],))
    with pytest.raises(RefusedError) as refused:
        propose(lakeside, plan, moment)
    assert refused.value.message == (
        "this node (https://lakeside.example) is not among the plan's publishers"
    )


def test_the_very_same_plan_again_is_the_plan_that_is_held(
    lakeside: Node, moment: Moment
):
    first = propose(lakeside, a_plan(lakeside, moment), moment)
    moment.advance(hours=1)
    assert propose(lakeside, a_plan(lakeside, moment), moment) == first
    other = a_plan(lakeside, moment, title={"en": "Another title"})
    assert propose(lakeside, other, moment) != first


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ('subject = "a"\ntitle = = 2\n', "line 2, column 9"),
        ("nonsense = 1\n", "nonsense: "),
        (None, "there is no file"),
    ],
)
def test_what_is_wrong_with_a_draft_is_named_by_place(
    lakeside: Node, moment: Moment, tmp_path: Path, text: str | None, fact: str
):
    path = tmp_path / "plan.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=fact):
        read_plan(lakeside, path, moment.now)
