"""The story's statistics: built in each city, pulled by the others, read together."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from interurban_node.aggregates import building
from interurban_node.aggregates.building import Finished
from interurban_node.aggregates.calendars import Due
from interurban_node.agreements import service as agreements
from interurban_node.attackers.gate import UnsafeReleaseError
from interurban_node.committee import renderings
from interurban_node.committee import service as committee
from interurban_node.core.console import Table, print_table
from interurban_node.core.errors import AlreadyDoneError, NotFoundError, StateError
from interurban_node.demo.cities import City
from interurban_node.demo.telling import Story
from interurban_node.exchange import service as exchange
from interurban_protocol.structures import Structure

INDICATORS = (("COMPLETION_RATE", "SEX"), ("EMPLOYED_Q2_RATE", "EQUITY"))


@dataclass(slots=True)
class Built:
    """What a city has built, and what was refused: dataflow id, period and why."""

    issued: list[Finished] = field(default_factory=list)
    refused: list[tuple[str, str, str]] = field(default_factory=list)

    def lacks_cohort(self, structure: Structure, period: str) -> bool:
        """Whether the people of whom it would tell are in a release that was refused."""
        cohort = structure.cohort and structure.cohort.dataflow
        return any((cohort, period) == (name, when) for name, when, _ in self.refused)


def build(story: Story) -> None:
    """Each city builds its releases; building one again is refused, with the reason."""
    with ThreadPoolExecutor(len(story.cities)) as offices:
        built = list(offices.map(partial(_build_all, story), story.cities))
    for city, made in zip(story.cities, built, strict=True):
        story.releases[city.node.origin] = len(made.issued)
        story.tell(f"{city.name}: {_sizes(made.issued)}; {_verdict(made.issued)}")
        for name, period, why in made.refused:
            story.tell(f"{city.name}: the gate refused {name} for {period}: {why}")
    _build_again(story, built[0])


def _build_all(story: Story, city: City) -> Built:
    made = Built()
    structures = {each.urn: each for each in story.scenario.statistics.structures}
    with city.node.database.transaction() as session:
        now = city.node.clock()
        plan = agreements.plan_in_force(session, city.node, story.plan_id, now)
    for dataflow, period in story.scenario.statistics.releases:
        structure = structures[dataflow]
        if made.lacks_cohort(structure, period):
            continue
        try:
            made.issued.append(
                building.build_due(city.node, Due(plan, dataflow, period))
            )
        except UnsafeReleaseError as refusal:
            why = refusal.reasons[0] if refusal.reasons else refusal.message
            made.refused.append((structure.id, period, why))
    return made


def _sizes(issued: Sequence[Finished]) -> str:
    cells = sum(each.built.preview.cells for each in issued)
    hidden = sum(each.built.preview.hidden for each in issued)
    return f"{len(issued)} releases, {cells - hidden:,} of {cells:,} cells shown"


def _verdict(issued: Sequence[Finished]) -> str:
    """What the gates said of what they let through."""
    reports = [each.passed.report for each in issued if each.passed is not None]
    targets = sum(report.targets for report in reports)
    examined = sum(report.examined for report in reports)
    share = "all" if examined == targets else f"{examined:,} of"
    return f"the gate attacked {share} {targets:,} small cells and found nobody"


def _build_again(story: Story, made: Built) -> None:
    facts = made.issued[0].built.facts
    node = story.first.node
    with node.database.transaction() as session:
        plan = agreements.plan_in_force(session, node, story.plan_id, node.clock())
    try:
        building.build_due(node, Due(plan, facts.dataflow, facts.period))
    except AlreadyDoneError as refusal:
        story.tell(f"building it again is refused: {refusal.message}")
        return
    raise StateError("a release was built a second time")


def pull(story: Story) -> None:
    """Each city pulls the others' releases over signed requests, and verifies them."""
    for city in story.cities:
        verified = 0
        for summary in exchange.pull_all(city.node):
            expected = story.releases[summary.partner]
            if summary.problem or len(summary.new) != expected:
                raise StateError(
                    f"{city.name} got {len(summary.new)} of {expected} releases from "
                    f"{summary.partner}: {summary.problem}"
                )
            verified += expected
        story.tell(f"{city.name} verified {verified} releases")


def show_tables(story: Story) -> None:
    """The committee's tables: the cities side by side, and combined where possible."""
    for indicator, by in INDICATORS:
        if not story.quiet:
            _show_table(story, indicator, by)


def _show_table(story: Story, indicator: str, by: str) -> None:
    node = story.first.node
    try:
        with node.database.transaction() as session:
            found = committee.table(
                session, node, indicator=indicator, by=(by,), now=node.clock()
            )
    except NotFoundError:
        return  # the real export has no such releases
    columns, rows = renderings.terminal_rows(found, "en")
    print_table(Table(columns, rows, renderings.name_in(found.indicator.names, "en")))
