"""What a node signs: no plan from which a hidden figure follows, none fixed too late."""

from dataclasses import replace
from pathlib import Path

import pytest

from interurban_node.agreements import renderings, service
from interurban_node.agreements.drafts import read_plan
from interurban_node.agreements.renderings import PlanView
from interurban_node.core.context import Node
from interurban_node.core.errors import ConfigurationError
from interurban_node.structures import service as structures
from interurban_protocol.errors import ChainError, DisclosureError
from interurban_protocol.release_plans import (
    PlannedDataflow,
    PlannedRevision,
    ReleasePlan,
)
from interurban_protocol.structures import Structure, bundle_bytes
from tests.support.counting import plan_of
from tests.support.federation import a_draft
from tests.support.nodes import CITIES, Federation
from tests.support.statistics import a_period
from tests.support.tables import a_table, exits, jobs

NOW_RUNNING = a_period("2026-Q1")  # the nodes' clock stands on 2 March 2026
OVER = a_period("2025-Q4")
AHEAD = a_period("2026-Q2")


@pytest.fixture
def lakeside(cities: Federation) -> Node:
    for name in ("lakeside", "northport"):
        cities.add(name)
    cities.join_all()
    return cities.nodes["lakeside"]


def a_plan(node: Node, *tables: Structure, **changes: object) -> ReleasePlan:
    cities = (CITIES["lakeside"], CITIES["northport"])
    flows = tuple(
        PlannedDataflow(urn=each.urn, structure=each.digest) for each in tables
    )
    values = {"publishers": cities, "recipients": cities, "issued_at": node.clock()}
    return plan_of(node, tables[0], **{**values, "dataflows": flows, **changes})


def propose_plan(node: Node, *tables: Structure, **changes: object) -> str:
    bundles = tuple(map(bundle_bytes, tables))
    with node.database.transaction() as session:
        draft = a_plan(node, *tables, **changes)
        return service.propose_plan(session, node, draft, bundles, node.clock())


def agree(node: Node, *tables: Structure, **changes: object) -> str:
    """A plan that this node has signed in an agreement; its id."""
    plan_id = propose_plan(node, *tables, **changes)
    draft = a_draft([plan_id], [CITIES["northport"]], node.clock())
    with node.database.transaction() as session:
        service.propose(session, node, draft, node.clock())
    return plan_id


def seen(node: Node, plan_id: str) -> PlanView:
    with node.database.transaction() as session:
        (view,) = renderings.plan_views(session, node, [plan_id], node.clock())
    return view


def text(view: PlanView) -> str:
    return "\n".join(renderings.plan_lines(view))


def test_a_plan_is_refused_with_all_reasons_and_not_kept(lakeside: Node):
    tables = (jobs(), a_table("ALL", basis="non_personal"))
    with pytest.raises(DisclosureError) as refused:
        propose_plan(lakeside, *tables)
    assert "JOBS: its cohort EXITS is neither" in refused.value.message
    assert "ALL: enrolment.started happens to a person" in refused.value.message
    assert "(1)" in refused.value.message
    with lakeside.database.transaction() as session:
        assert service.plan_ids(session) == []


def test_a_cohort_may_stand_in_a_plan_that_was_agreed_on_before(lakeside: Node):
    agree(lakeside, exits(), periods=(NOW_RUNNING,))
    assert propose_plan(lakeside, jobs(), subject="jobs", periods=(AHEAD,))


def test_two_plans_of_one_agreement_are_looked_at_together(lakeside: Node):
    ids = [
        propose_plan(lakeside, exits(), subject=subject) for subject in ("one", "two")
    ]
    draft = a_draft(ids, [CITIES["northport"]], lakeside.clock())
    with (
        lakeside.database.transaction() as session,
        pytest.raises(DisclosureError, match=r"counted on the same days in the plan"),
    ):
        service.propose(session, lakeside, draft, lakeside.clock())


def test_the_first_plan_for_a_subject_may_begin_in_the_past_and_says_so(
    lakeside: Node,
):
    plan_id = propose_plan(lakeside, exits(), periods=(OVER, NOW_RUNNING))
    view = seen(lakeside, plan_id)
    (over, running) = [
        line for line in renderings.plan_lines(view) if "  period " in line
    ]
    assert over.endswith("; over when the plan was issued")
    assert "over when" not in running
    assert renderings.plan_facts(view)["over_when_issued"] == ["2025-Q4"]
    assert renderings.warning_lines(view) == [
        "Note: 2025-Q4 was over before the plan was issued."
    ]


def test_a_later_plan_for_a_subject_begins_with_the_quarter_that_runs(lakeside: Node):
    agree(lakeside, exits(), periods=(AHEAD,))
    with pytest.raises(DisclosureError, match="was over when this plan"):
        propose_plan(lakeside, exits(), periods=(OVER,))
    assert propose_plan(lakeside, exits(), periods=(NOW_RUNNING,))
    assert propose_plan(lakeside, a_table(), subject="starts", periods=(OVER,))


def test_a_revision_is_of_a_quarter_that_is_over(lakeside: Node):
    first = agree(lakeside, exits(), periods=(OVER,))
    publication = OVER.publication.replace(year=2027)
    again = OVER.model_copy(update={"publication": publication})
    revision = PlannedRevision(period=OVER.period, replaces=first, reason="a fault")
    with lakeside.database.transaction() as session:
        profile = service.plan(session, first).profile
    revised = propose_plan(
        lakeside,
        exits(),
        periods=(again,),
        revision=revision,
        profile=profile.model_copy(update={"max_dimensions": 2}),
    )
    shown = text(seen(lakeside, revised))
    assert "  revision    2025-Q4 once more: a fault" in shown
    assert first in shown


def test_a_plan_that_was_signed_is_not_objected_to(lakeside: Node):
    assert seen(lakeside, agree(lakeside, exits())).objections == ()


def test_a_new_version_is_shown_with_what_it_changes(lakeside: Node):
    agree(lakeside, exits(), periods=(NOW_RUNNING,))
    newer = exits(version="2.0.0", splits={})
    plan_id = propose_plan(lakeside, newer, periods=(AHEAD,))
    view = seen(lakeside, plan_id)
    shown = text(view)
    assert "major change since 1.0.0; series break here" in shown
    assert "- SEX: dimension removed" in shown
    facts = renderings.plan_facts(view)["structures"]
    assert facts[0]["changed_since"] == "1.0.0"
    assert facts[0]["change"] == "major"
    assert facts[0]["changes"] == ["SEX: dimension removed"]
    assert renderings.warning_lines(view)[0] == (
        "Note: INTERURBAN:EXITS(2.0.0) is not 1.0.0:"
    )


def test_a_version_that_rises_too_little_is_refused_before_anything_is_signed(
    lakeside: Node,
):
    agree(lakeside, exits(), periods=(NOW_RUNNING,))
    with pytest.raises(ChainError, match="for a major change; SEX: dimension removed"):
        propose_plan(lakeside, exits(version="1.1.0", splits={}), periods=(AHEAD,))


def test_a_table_is_shown_with_what_it_counts_and_among_whom(lakeside: Node):
    view = seen(lakeside, propose_plan(lakeside, exits(), jobs()))
    shown = text(view)
    assert "counts enrolment.ended, on the basis consent" in shown
    assert "exit.employed, on the basis consent, among the people of EXITS 2 q" in shown
    first, second = renderings.plan_facts(view)["structures"]
    assert first["cohort"] is None
    assert second["cohort"] == {"dataflow": "EXITS", "lag": 2}


def test_a_plan_whose_objections_grow_later_shows_them(lakeside: Node):
    waiting = propose_plan(lakeside, exits(), subject="waiting")
    agree(lakeside, replace(exits(), version="1.0.1"), subject="agreed")
    (objection,) = seen(lakeside, waiting).objections
    assert objection.rule == "a second calendar"
    lines = renderings.objection_lines([objection])
    assert lines[0] == "  refused     this node does not sign it:"
    assert objection.reason in lines[1]
    assert objection.next_step in lines[2]


def test_what_is_adopted_stays_when_signing_is_refused(lakeside: Node):
    agree(lakeside, exits(), periods=(NOW_RUNNING,))
    with pytest.raises(DisclosureError):
        propose_plan(lakeside, exits(), subject="again", periods=(NOW_RUNNING,))
    with lakeside.database.transaction() as session:
        assert structures.structures(session) == [exits()]


PLAN = """
subject = "training"
title = {{ en = "Training" }}
structures = []
publishers = ["https://lakeside.example"]
recipients = ["https://lakeside.example"]
purposes = ["training-outcomes"]
valid_from = 2026-01-01
valid_until = 2027-12-31
periods = []

[revision]
period = "2025-Q4"
replaces = "{replaces}"
reason = "a fault in the registry"

[profile.perturbation]
variance = 3.5
"""


def test_a_draft_may_be_a_revision_and_state_the_noise(lakeside: Node, tmp_path: Path):
    path = tmp_path / "plan.toml"
    replaces = "sha256:" + "0" * 64
    path.write_text(PLAN.format(replaces=replaces), encoding="utf-8")
    plan, _ = read_plan(lakeside, path, lakeside.clock())
    assert plan.revision is not None
    assert plan.revision.replaces == replaces
    assert plan.profile.perturbation.variance == 3.5


def test_a_revision_of_no_plan_is_named(lakeside: Node, tmp_path: Path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(replaces="the last one"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="names no plan by its id"):
        read_plan(lakeside, path, lakeside.clock())
