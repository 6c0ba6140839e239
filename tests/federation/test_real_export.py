"""Three regions of a real export as three cities: every total computed a second time.

The second computation reads the published files with `csv` and knows nothing of adapters,
mappings, databases or lattices. Unprotected totals must be equal; what is published must
lie within the bounds of the protection around them.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest

from interurban_node.aggregates import queries
from interurban_node.aggregates import service as aggregates
from interurban_node.agreements import service as agreements
from interurban_node.agreements.service import PlanInForce
from interurban_node.attackers.gate import UnsafeReleaseError
from interurban_node.consent.claims import csv_claims, import_claims
from interurban_node.consent.questions import current_questions
from interurban_node.demo import scenario, tables
from interurban_node.demo.oulad_registry import OuladRegistry, write_oulad_registry
from interurban_node.registry import service as registry
from interurban_node.registry.sources import csv_source
from interurban_protocol.consent_records import Scope
from interurban_protocol.structures import TOTAL, Structure
from tests.support.nodes import Federation, opened_federation
from tests.support.shared import shared_path

REGIONS = {
    "scotland": "Scotland",
    "london": "London Region",
    "east-anglia": "East Anglian Region",
}
STARTS = {"B": "Q1", "J": "Q4"}
AGES = {"0-35": "Y0T34", "35-55": "Y35T54", "55<=": "Y_GE55"}
LARGEST_NOISE = 5 + 2  # and what rounding to fives adds
THRESHOLD = 10

Cell = tuple[str, ...]


@dataclass
class Told:
    """Three nodes that have synced, asked and built."""

    federation: Federation
    structure: Structure
    registries: Mapping[str, OuladRegistry]
    plan_id: str
    periods: list[str]

    def plan(self, name: str) -> PlanInForce:
        node = self.federation.nodes[name]
        with node.database.transaction() as session:
            return agreements.plan_in_force(
                session, node, self.plan_id, self.federation.clock.now
            )


@pytest.fixture(scope="module")
def export() -> Path:
    return shared_path("data/oulad")


@pytest.fixture(scope="module")
def told(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    federations = opened_federation(tmp_path_factory.mktemp("oulad"))
    federation = next(federations)
    for name in REGIONS:
        federation.add(name)
    federation.join_all()
    yield tell(federation, export)
    next(federations, None)


def tell(federation: Federation, export: Path) -> Told:
    now = federation.clock.now
    statistics = tables.real_statistics(export, now.date())
    structure = statistics.structures[0]
    periods = [period for urn, period in statistics.releases if urn == structure.urn]
    names = list(REGIONS)
    first = federation.nodes[names[0]]
    origins = [federation.nodes[name].origin for name in names]
    plan, bundles = tables.release_plan(first, statistics, origins, now)
    with first.database.transaction() as session:
        plan_id = agreements.propose_plan(session, first, plan, bundles, now)
        draft = scenario.agreement(plan_id, origins[1:], now)
        agreement_id = agreements.propose(session, first, draft, now)
    federation.settle()
    for name in names[1:]:
        node = federation.nodes[name]
        with node.database.transaction() as session:
            agreements.sign(session, node, agreement_id, now)
    federation.settle()
    registries = {
        name: fill(federation, name, export, region) for name, region in REGIONS.items()
    }
    return Told(federation, structure, registries, plan_id, periods)


def fill(federation: Federation, name: str, export: Path, region: str) -> OuladRegistry:
    node, now = federation.nodes[name], federation.clock.now
    folder = node.home.path / "registry"
    folder.mkdir()
    signed_on = now.date() - timedelta(days=30)
    written = write_oulad_registry(export, folder, region=region, signed_on=signed_on)
    summary = registry.sync(node, csv_source(written.mapping, *written.folders), now)
    assert summary.total.rejected == 0
    import_claims(node, csv_claims(written.mapping, *written.folders), now)
    return written


def counted_rows(export: Path, region: str, period: str) -> list[dict[str, str]]:
    """One row per learner who started in the quarter and agreed; first module counts."""
    left = {
        (row["code_module"], row["code_presentation"], row["id_student"]): row[
            "date_unregistration"
        ]
        for row in read(export / "studentRegistration.csv")
    }
    found: dict[str, dict[str, str]] = {}
    for row in read(export / "studentInfo.csv"):
        key = (row["code_module"], row["code_presentation"], row["id_student"])
        quarter = (
            f"{row['code_presentation'][:4]}-{STARTS[row['code_presentation'][4]]}"
        )
        day = left.get(key, "?")
        left_before = day != "?" and int(day) < 0
        if row["region"] != region or quarter != period or left_before:
            continue
        held = found.get(row["id_student"])
        if held is None or row["code_module"] < held["code_module"]:
            found[row["id_student"]] = row
    return list(found.values())


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def agreed(row: Mapping[str, str]) -> bool:
    return int(row["id_student"]) % 10 not in (0, 1)


def base_cell(row: Mapping[str, str]) -> Cell:
    return (
        row["code_module"],
        AGES.get(row["age_band"], "_U"),
        row["gender"] if row["gender"] in ("F", "M") else "_U",
        {"Y": "DIS", "N": "NDIS"}.get(row["disability"], "_U"),
        "COM" if row["final_result"] in ("Pass", "Distinction") else "NCM",
    )


def coded(values: Sequence[str | None]) -> Cell:
    """The registry's own words for a base cell, as this test writes cells."""
    module, age, sex, disability, outcome = values
    return (
        module or "",
        AGES.get(age or "", "_U"),
        sex if sex in ("F", "M") else "_U",
        {"yes": "DIS", "no": "NDIS"}.get(disability or "", "_U"),
        outcome or "",
    )


def totals(rows: list[dict[str, str]]) -> Counter[Cell]:
    """Every cell with at most three dimensions crossed."""
    found: Counter[Cell] = Counter()
    for row in rows:
        cell = base_cell(row)
        for size in range(4):
            for kept in combinations(range(5), size):
                found[tuple(c if i in kept else TOTAL for i, c in enumerate(cell))] += 1
    return found


@pytest.mark.parametrize("name", REGIONS)
def test_unprotected_totals_equal_a_plain_second_count(
    told: Told, export: Path, name: str
):
    node, now = told.federation.nodes[name], told.federation.clock.now
    for period in told.periods:
        with node.database.transaction() as session:
            asked = tuple(
                view.question_id
                for view in current_questions(session, Scope.AGGREGATES)
            )
            population = queries.Population(
                structure=told.structure,
                period=period,
                cut_off=now,
                questions=(asked,),
                now=now,
            )
            rows = queries.count(session, population).rows
            eligible = queries.count(session, population).eligible.learners
        everybody = counted_rows(export, REGIONS[name], period)
        expected = Counter(map(base_cell, filter(agreed, everybody)))
        assert sum(row.count for row in rows) == expected.total() > 0
        assert eligible == len(everybody)
        found: Counter[Cell] = Counter()
        for row in rows:
            found[coded(row.values)] += row.count
        assert found == expected


@pytest.mark.parametrize("name", REGIONS)
def test_each_published_cell_lies_within_the_bounds_of_the_protection(
    told: Told, export: Path, name: str
):
    node, now = told.federation.nodes[name], told.federation.clock.now
    refused = 0
    for period in told.periods:
        with node.database.transaction() as session:
            try:
                built = aggregates.build_release(
                    session, node, told.plan(name), told.structure.urn, period, now
                )
            except (
                UnsafeReleaseError
            ):  # the noise of this run leaves somebody too little
                refused += 1
                continue
            tables = aggregates.city_tables(session, told.structure.urn, period, now)
        table = next(t for t in tables if t.release_id == built.facts.release_id).table
        expected = totals(
            list(filter(agreed, counted_rows(export, REGIONS[name], period)))
        )
        seen = 0
        for cell in table:
            count = expected[tuple(cell.codes)]
            if cell.value is not None:
                seen += 1
                assert cell.value >= THRESHOLD
                assert abs(cell.value - count) <= LARGEST_NOISE, cell.codes
            elif tuple(cell.codes[3:]) == (TOTAL, TOTAL):  # no breakdown that collapses
                assert count < THRESHOLD + LARGEST_NOISE, cell.codes
        assert set(expected) <= {tuple(cell.codes) for cell in table}
        assert seen > 20
    assert refused < len(told.periods)


def test_consent_follows_the_published_rule(told: Told, export: Path):
    for name, region in REGIONS.items():
        learners = {
            row["id_student"]
            for row in read(export / "studentInfo.csv")
            if row["region"] == region
        }
        last = Counter(int(learner) % 10 for learner in learners)
        written = told.registries[name]
        assert written.refused == last[0]
        assert written.never_asked == last[1]
        assert written.given == sum(last[digit] for digit in range(2, 10))
