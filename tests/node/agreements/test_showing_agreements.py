"""What an operator reads before signing: the whole of what is signed."""

from interurban_node.agreements import renderings, service
from interurban_node.agreements.renderings import PlanView
from tests.support import federation as cities
from tests.support.counting import a_small_structure
from tests.support.nodes import CITIES, Federation


def plan_views(federation: Federation) -> list[PlanView]:
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        return renderings.plan_views(
            session, node, service.plan_ids(session), federation.clock.now
        )


def test_an_agreement_is_shown_with_everything_that_is_signed(federation: Federation):
    status = cities.status(federation, "lakeside", cities.agreed(federation))
    payload, text = status.payload, "\n".join(renderings.agreement_lines(status))
    for origin in CITIES.values():
        assert origin in text
    for part in ("Northport", *(agreed.plan for agreed in payload.plans)):
        assert part in text
    for part in (
        *payload.purposes,
        "2 parties",
        "from 2026-03-02T09:00:00Z until 2027-03-02T09:00:00Z",
        "valid 90 days",
        "within 7 days",
        f"less than {payload.disclosure_floor.name}",
        f"hides below {payload.disclosure_floor.threshold}",
        payload.at_end["en"],
    ):
        assert part in text
    facts = renderings.agreement_facts(status)
    assert facts["minimum_parties"] == 2
    assert facts["purposes"] == list(payload.purposes)
    assert facts["valid_until"] == "2027-03-02T09:00:00Z"


def test_an_agreement_in_force_is_called_so_and_has_no_deadline(federation: Federation):
    status = cities.status(federation, "lakeside", cities.agreed(federation))
    lines = renderings.agreement_lines(status)
    assert lines[0].endswith(": in force")
    assert "  until       2027-03-02T09:00:00Z" in lines
    assert not any("deadline" in line for line in lines)
    assert renderings.agreement_facts(status)["state"] == "in_force"


def test_an_agreement_that_waits_names_its_deadline_and_who_has_not_signed(
    federation: Federation,
):
    federation.join_all()
    agreement_id = cities.propose(federation)
    lines = renderings.agreement_lines(
        cities.status(federation, "lakeside", agreement_id)
    )
    assert "  deadline    2026-04-01T09:00:00Z" in lines
    assert sum("has not signed" in line for line in lines) == 2


def test_a_plan_is_shown_with_its_tables_numbers_and_agreement(federation: Federation):
    agreement_id = cities.agreed(federation)
    (view,) = plan_views(federation)
    structure, profile = a_small_structure(), view.plan.profile
    text = "\n".join(renderings.plan_lines(view))
    for dimension in structure.split_dimensions:
        count = len(structure.base_codes(dimension.id))
        assert f"{dimension.id} ({count} codes)" in text
    for part in (
        structure.reference,
        *view.plan.purposes,
        f"noise at most {profile.perturbation.maximum}",
        f"rates from {profile.min_rate_denominator} people",
        f"{agreement_id}, in force",
    ):
        assert part in text
    facts = renderings.plan_facts(view)
    assert facts["agreements"] == [{"agreement_id": agreement_id, "state": "in_force"}]


def test_a_plan_without_agreement_says_so(federation: Federation):
    federation.join_all()
    cities.propose(federation)
    (view,) = plan_views(federation)
    alone = PlanView(view.plan_id, view.plan, view.structures, ())
    assert "none names it yet" in renderings.plan_lines(alone)[-1]
