"""Each rule of the lint refuses its example and passes the nearest plan that is harmless."""

from collections.abc import Sequence
from typing import Any

import pytest

from interurban_protocol.errors import DisclosureError
from interurban_protocol.lint_marks import (
    EQUITY_FIELDS,
    PUBLIC_TASK_EVENTS,
    SENSITIVE_FIELDS,
)
from interurban_protocol.lint_tables import HAPPENS_TO_NOBODY
from interurban_protocol.release_plans import PlannedRevision, ReleasePlan, plan_id
from interurban_protocol.structure_lint import (
    Finding,
    Rule,
    check_basis_and_marks,
    check_lint,
    lint,
)
from interurban_protocol.structures import Cohort, Structure
from tests.support.statistics import LAKESIDE, NORTHPORT, a_period, a_plan
from tests.support.tables import (
    a_code,
    a_table,
    bands,
    codes,
    exits,
    jobs,
    standard_tables,
    with_dimension,
)

Tables = Sequence[Structure]
SEX = {"SEX": ("learner.sex", codes("F", "M"))}


def table(splits: dict[str, Any], *names: str, **changes: Any) -> Structure:
    return a_table(*names, splits=splits, **changes)


def ages(*ids: str) -> dict[str, Any]:
    return {"AGE": ("learner.age_band", codes(*ids))}


def programmes(*ids: str, **groups: Sequence[str]) -> dict[str, Any]:
    return {"PROGRAMME": ("programme.code", codes(*ids, **groups))}


def other_plan(**changes: Any) -> ReleasePlan:
    return a_plan(a_table(), **{"subject": "others", **changes})


def rules(*tables: Structure, beside: Tables = (), **changes: Any) -> set[Rule]:
    others = [(other_plan(**changes), beside)] if beside or changes else []
    return {found.rule for found in lint(a_plan(), tables, others)}


def grievances(name: str = "GRIEVANCES", **changes: Any) -> Structure:
    splits = {"CASE_KIND": ("grievance.kind", codes("PAY", "SAFETY"))}
    values = {"basis": "public_task", **changes}
    return table(splits, name, "grievance.received", **values)


OUTCOMES = table({"OUTCOME": ("enrolment.outcome", codes("COM", "NCM"))})
DISABILITY = table({"EQUITY": ("learner.disability", codes("WD", "ND"))})


# In each row: the rule, a plan that it refuses, and the nearest one that passes.
WITHIN_A_PLAN: dict[str, tuple[Rule, Tables, Tables]] = {
    "a completion rate": (
        Rule.SHARE,
        [a_table(names={"en": "Completion rate by programme"})],
        [a_table(names={"en": "Completions by programme"})],
    ),
    "a mean in the words of the measure": (
        Rule.SHARE,
        [a_table(measure={"en": "Mean number of people"})],
        [a_table(measure={"en": "Number of people; what it means stands below"})],
    ),
    "a share as a code beside its parts": (
        Rule.SHARE,
        [table({"INDICATOR": ("enrolment.outcome", codes("COM", "NCM", "COM_SHARE"))})],
        [table({"INDICATOR": ("enrolment.outcome", codes("COM", "NCM"))})],
    ),
    "a share as a dimension": (
        Rule.SHARE,
        [table({"WAGE_RATIO": ("job.wage_change", codes("LOWER", "HIGHER"))})],
        [table({"WAGE_CHANGE": ("job.wage_change", codes("LOWER", "HIGHER"))})],
    ),
    "two dimensions over one field": (
        Rule.SHARE,
        [
            table(
                {**ages("Y16T24", "Y25T34"), "YOUNG": ("learner.age_band", codes("Y"))}
            )
        ],
        [table(ages("Y16T24", "Y25T34"))],
    ),
    "outcome and exit reason of the same people": (
        Rule.SHARE,
        [
            table({"OUTCOME": ("enrolment.outcome", codes("COM", "NCM"))}),
            table(
                {"EXIT_REASON": ("enrolment.exit_reason", codes("COM", "WORK"))},
                "STARTS",
            ),
        ],
        [
            table({"OUTCOME": ("enrolment.outcome", codes("COM", "NCM"))}),
            table(
                {"EXIT_REASON": ("enrolment.exit_reason", codes("COM", "WORK"))},
                "EXITS",
                "enrolment.ended",
            ),
        ],
    ),
    "broken contracts in the cohort's own table": (
        Rule.SHARE,
        [
            table(
                {"END": ("placement.end_reason", codes("broken", "term"))},
                "PLACEMENTS",
                "placement.started",
            ),
            a_table(
                "BREAKS",
                "apprenticeship.broken",
                splits={},
                cohort=Cohort("PLACEMENTS", 4),
            ),
        ],
        [
            a_table("PLACEMENTS", "placement.started"),
            a_table(
                "BREAKS",
                "apprenticeship.broken",
                splits={},
                cohort=Cohort("PLACEMENTS", 4),
            ),
        ],
    ),
    "people counted exactly": (
        Rule.UNPROTECTED,
        [a_table("FILLED", basis="non_personal")],
        [a_table("FILLED")],
    ),
    "places by a fact about a person": (
        Rule.UNPROTECTED,
        [a_table("PLACES", "place.offered", basis="non_personal")],
        [table(programmes("P1"), "PLACES", "place.offered", basis="non_personal")],
    ),
    "bands that overlap": (
        Rule.OVERLAP,
        [
            table(
                {
                    "AGE": (
                        "learner.age_band",
                        (
                            a_code("A", lower=16, upper=25),
                            a_code("B", lower=24, upper=35),
                        ),
                    )
                }
            )
        ],
        [table({"AGE": ("learner.age_band", bands(16, 25, 35))})],
    ),
    "ages that overlap by their standard names": (
        Rule.OVERLAP,
        [table(ages("Y16T24", "Y20T34"))],
        [table(ages("Y16T24", "Y25T34"))],
    ),
    "an open age band that begins too early": (
        Rule.OVERLAP,
        [table(ages("Y_LT25", "Y25T54", "Y_GE50", "_U"))],
        [table(ages("Y_LE24", "Y25T54", "Y_GT54", "_U"))],
    ),
    "other bands in another table": (
        Rule.OVERLAP,
        [table(ages("Y16T24")), table(ages("Y15T24"), "EXITS", "enrolment.ended")],
        [table(ages("Y16T24")), table(ages("Y16T24"), "EXITS", "enrolment.ended")],
    ),
    "a value that is unknown in another table": (
        Rule.OVERLAP,
        [
            table(programmes("P1", "P2", "_U")),
            table(programmes("P1", "_U"), "EXITS", "enrolment.ended"),
        ],
        [
            table(programmes("P1", "P2")),
            table(programmes("P1"), "EXITS", "enrolment.ended"),
        ],
    ),
    "groups that overlap": (
        Rule.OVERLAP,
        [
            table(programmes("P3", F1=["P1", "P2"])),
            table(programmes("P1", F1=["P2", "P3"]), "EXITS", "enrolment.ended"),
        ],
        [
            table(programmes("P3", F1=["P1", "P2"])),
            table(programmes(F1=["P1", "P2", "P3"]), "EXITS", "enrolment.ended"),
        ],
    ),
    "two versions of a dataflow": (
        Rule.OVERLAP,
        [a_table(), a_table(version="1.1.0")],
        [a_table()],
    ),
    "who is enrolled on a day": (
        Rule.STOCK,
        [a_table("STOCK", "enrolment.active")],
        [a_table("STARTS", "enrolment.started")],
    ),
    "who was ever enrolled": (
        Rule.STOCK,
        [a_table("EVER", "learner.ever_enrolled")],
        [a_table("EVER", "certificate.awarded")],
    ),
    "one event on two legal bases": (
        Rule.CONSENT,
        [grievances(), grievances("CASES", basis="consent")],
        [grievances(), grievances("CASES")],
    ),
    "a public task that is none": (
        Rule.CONSENT,
        [a_table(basis="public_task")],
        [grievances(basis="public_task")],
    ),
    "jobs on another basis than their cohort": (
        Rule.CONSENT,
        [exits(), jobs(basis="public_task")],
        [exits(), jobs()],
    ),
    "an outcome that is not collapsed": (
        Rule.MARKS,
        [with_dimension(OUTCOMES, "OUTCOME", is_sensitive=False)],
        [OUTCOMES],
    ),
    "an equity group that is only sensitive": (
        Rule.MARKS,
        [with_dimension(DISABILITY, "EQUITY", is_equity=False)],
        [DISABILITY],
    ),
    "an equity group that is not collapsed": (
        Rule.MARKS,
        [with_dimension(DISABILITY, "EQUITY", is_sensitive=False)],
        [DISABILITY],
    ),
    "one event with two codelists": (
        Rule.TWICE,
        [table(programmes("P1", "P2")), table(programmes("P1"), "STARTS")],
        [table(programmes("P1", "P2")), table(programmes("P2", "P1"), "STARTS")],
    ),
    "an outcome without its cohort": (
        Rule.TWICE,
        [jobs(cohort=None)],
        [exits(), jobs()],
    ),
    "a start within a cohort": (
        Rule.TWICE,
        [exits(), a_table(cohort=Cohort("EXITS", 2))],
        [exits(), a_table()],
    ),
    "a cohort that nobody publishes": (Rule.TWICE, [jobs()], [exits(), jobs()]),
    "a cohort within a cohort": (
        Rule.TWICE,
        [exits(), jobs(), jobs(id="LATER", cohort=Cohort("JOBS", 4))],
        [exits(), jobs(), jobs(id="LATER", cohort=Cohort("EXITS", 4))],
    ),
    "a numerator without denominator": (
        Rule.TWICE,
        [exits(splits={}), jobs()],
        [exits(), jobs(splits={**SEX, "WAGE_BAND": ("job.wage_band", bands(0, 800))})],
    ),
    "a numerator with codes of its own": (
        Rule.TWICE,
        [exits(), jobs(splits={"SEX": ("learner.sex", codes("F", "M", "X"))})],
        [exits(), jobs(splits=SEX)],
    ),
    "a cohort observed twice at one time": (
        Rule.TWICE,
        [exits(), jobs(), jobs(id="OTHER_JOBS")],
        [exits(), jobs(), jobs(id="OTHER_JOBS", cohort=Cohort("EXITS", 3))],
    ),
}


@pytest.mark.parametrize("example", WITHIN_A_PLAN)
def test_a_rule_refuses_its_example_and_passes_the_nearest_harmless_plan(
    example: str,
) -> None:
    rule, refused, harmless = WITHIN_A_PLAN[example]
    assert rule in rules(*refused)
    assert rules(*harmless) == set()


# The same against a plan that was agreed on before: its tables, and how it differs.
BESIDE_A_PLAN: dict[
    str, tuple[Rule, Tables, Tables, dict[str, Any], dict[str, Any]]
] = {
    "the same events on the same days": (
        Rule.CALENDAR,
        [a_table()],
        [a_table("STARTS")],
        {},
        {"periods": (a_period("2026-Q1"),)},
    ),
    "the same subject again": (
        Rule.CALENDAR,
        [a_table()],
        [exits()],
        {"subject": "enrolments"},
        {"subject": "enrolments", "periods": (a_period("2026-Q1"),)},
    ),
    "other bands over the same people": (
        Rule.OVERLAP,
        [table(ages("Y16T24"))],
        [table(ages("Y15T24"), "EXITS", "enrolment.ended")],
        {},
        {"periods": (a_period("2026-Q1"),)},
    ),
    "the same cohort observed at the same time": (
        Rule.TWICE,
        [exits(), jobs()],
        [a_table("BREAKS", "apprenticeship.broken", cohort=Cohort("EXITS", 2))],
        {},
        {"publishers": ("https://far.example",)},
    ),
    "a cohort that only one of the publishers publishes": (
        Rule.TWICE,
        [jobs()],
        [exits()],
        {"publishers": (LAKESIDE,)},
        {"publishers": (LAKESIDE, NORTHPORT)},
    ),
}


@pytest.mark.parametrize("example", BESIDE_A_PLAN)
def test_a_rule_looks_at_the_plans_agreed_on_before(example: str) -> None:
    rule, ours, theirs, refused, harmless = BESIDE_A_PLAN[example]
    assert rule in rules(*ours, beside=theirs, **refused)
    assert rules(*ours, beside=theirs, **harmless) == set()


def test_a_plan_of_other_cities_is_no_concern() -> None:
    assert (
        rules(a_table(), beside=[a_table()], publishers=("https://far.example",))
        == set()
    )


def test_the_plan_itself_among_the_others_is_no_second_one() -> None:
    assert lint(a_plan(), [a_table()], [(a_plan(), [a_table()])]) == ()


def test_a_revision_is_no_second_calendar_over_the_events_that_it_revises() -> None:
    tables = [exits(), jobs()]
    first = a_plan(periods=(a_period("2025-Q3"),))
    revision = PlannedRevision(
        period="2025-Q3", replaces=plan_id(first), reason="a fault"
    )
    later = a_period("2025-Q3")
    later = later.model_copy(
        update={"publication": later.publication.replace(year=2027)}
    )
    revised = a_plan(
        periods=(later,),
        revision=revision,
        profile=first.profile.model_copy(update={"max_dimensions": 2}),
    )
    assert lint(revised, tables, [(first, tables)]) == ()


def test_the_standard_set_passes_with_all_that_it_has() -> None:
    tables = standard_tables(completion_extras=("LEVEL", "MODE"))
    assert len(tables) == 9
    assert lint(a_plan(), tables, []) == ()


def test_only_the_offering_of_places_happens_to_nobody() -> None:
    assert {"place.offered"} == HAPPENS_TO_NOBODY


def test_only_grievances_are_a_public_task() -> None:
    assert {"grievance.received"} == PUBLIC_TASK_EVENTS


@pytest.mark.parametrize(
    ("field", "mark"),
    [(field, "is_sensitive") for field in sorted(SENSITIVE_FIELDS)]
    + [(field, "is_equity") for field in sorted(EQUITY_FIELDS)],
)
def test_a_field_that_tells_much_is_not_left_unmarked(field: str, mark: str) -> None:
    marked = table({"FACT": (field, codes("A", "B"))})
    assert rules(marked) == set()
    assert rules(with_dimension(marked, "FACT", **{mark: False})) == {Rule.MARKS}


def test_the_fields_that_must_be_marked_are_these() -> None:
    equity = {"learner.displaced", "learner.disability"}
    outcomes = {"enrolment.outcome", "enrolment.exit_reason"}
    works = {"job.employer", "job.wage_band", "job.wage_change"}
    assert equity == EQUITY_FIELDS
    assert equity | outcomes | works == SENSITIVE_FIELDS


@pytest.mark.parametrize("structure", standard_tables(), ids=lambda each: each.id)
def test_the_standard_set_is_built(structure: Structure) -> None:
    by_id = {each.id: each for each in standard_tables()}
    cohort = by_id[structure.cohort.dataflow] if structure.cohort else None
    check_basis_and_marks(structure, cohort)


# What a node does not build, with the cohort that it has at hand.
NOT_BUILT: dict[str, tuple[Structure, Structure | None]] = {
    "a public task that is none": (a_table(basis="public_task"), None),
    "people counted exactly": (a_table(basis="non_personal"), None),
    "an outcome that is not collapsed": (
        with_dimension(OUTCOMES, "OUTCOME", is_sensitive=False),
        None,
    ),
    "a cohort on another basis": (
        jobs(),
        exits(basis="public_task"),
    ),
    "a cohort that is not at hand": (jobs(), None),
    "another cohort": (jobs(), a_table()),
    "a cohort of another agency": (jobs(), exits(agency="OTHER")),
}


@pytest.mark.parametrize("example", NOT_BUILT)
def test_a_table_is_not_built(example: str) -> None:
    with pytest.raises(DisclosureError) as refused:
        check_basis_and_marks(*NOT_BUILT[example])
    assert refused.value.next_step


def test_every_finding_says_where_and_what_to_do() -> None:
    refused = [tables for _, tables, _ in WITHIN_A_PLAN.values()]
    found = [each for tables in refused for each in lint(a_plan(), tables, [])]
    assert {each.rule for each in found} == set(Rule) - {Rule.CALENDAR}
    assert all(each.where and each.next_step.endswith(".") for each in found)
    assert all(each.fact[0].islower() for each in found)


def test_a_refusal_names_all_its_reasons() -> None:
    tables = [a_table("STOCK", "enrolment.active"), jobs(cohort=None)]
    with pytest.raises(DisclosureError) as refused:
        check_lint(a_plan(), tables, [])
    first, second = lint(a_plan(), tables, [])
    assert refused.value.message == (
        f"hidden figures would follow from this plan: (1) {first}; (2) {second}"
    )
    assert refused.value.next_step == first.next_step


def test_a_single_reason_is_not_numbered() -> None:
    with pytest.raises(DisclosureError, match=r"plan: JOBS: exit\.employed is counted"):
        check_lint(a_plan(), [jobs(cohort=None)], [])


def test_a_sound_plan_is_not_refused() -> None:
    check_lint(a_plan(), standard_tables(), [])


def test_a_finding_reads_as_a_sentence_with_its_place() -> None:
    found = Finding(Rule.STOCK, "a fact", "STOCK", "Do this.")
    assert str(found) == "STOCK: a fact"
