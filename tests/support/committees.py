"""Builders for committees: released tables of made-up cities, and their sources."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from interurban_node.aggregates import service as aggregates
from interurban_node.agreements import service as agreements
from interurban_node.agreements.service import AgreementDraft
from interurban_node.committee.rules import make_table
from interurban_node.committee.tables import (
    Breakdown,
    City,
    CommitteeTable,
    Definition,
    Source,
    records,
)
from interurban_node.consent import service as consent
from interurban_node.consent.rules import NamedRecipient, standard_draft
from interurban_node.partners import service as partners
from interurban_protocol.consent_records import Scope
from interurban_protocol.disclosure import closed_lattice
from interurban_protocol.indicator_figures import Figure
from interurban_protocol.indicators import STANDARD, Indicator
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import ReleasedTable
from interurban_protocol.structures import TOTAL, Structure, bundle_bytes
from tests.support.counting import (
    BEFORE,
    CITIES,
    NEVER,
    PERIOD,
    a_small_structure,
    plan_of,
    register,
    some_learners,
)
from tests.support.learners import PURPOSE, WORDS
from tests.support.nodes import Federation
from tests.support.statistics import DEFAULT

CUT_OFF = datetime(2026, 2, 15, tzinfo=UTC)
NAMES: Mapping[str, Mapping[str, str]] = {
    CITIES[0]: {"en": "Lakeside", "ar": "ليك سايد"},
    CITIES[1]: {"en": "Northport", "ar": "نورث بورت"},
    CITIES[2]: {"en": "Eastvale", "ar": "إيست فيل"},
}


def the_cities() -> list[City]:
    """Lakeside, Northport and Eastvale."""
    return [City(node, names) for node, names in NAMES.items()]


def a_table(
    values: Mapping[tuple[tuple[str, str], ...], int | None],
    *,
    period: str = PERIOD,
    structure: Structure | None = None,
    profile: ProtectionProfile = DEFAULT,
) -> ReleasedTable:
    """A release in which the cells of `values` are as given and all others hidden.

    A cell is named by its codes that are not the total, as sorted pairs.
    """
    structure = structure or a_small_structure()
    splits = [split.id for split in structure.split_dimensions]
    found: dict[tuple[str, ...], int | None] = {}
    for codes in closed_lattice(structure, profile):
        chosen = zip(splits, codes, strict=True)
        named = tuple(sorted(pair for pair in chosen if pair[1] != TOTAL))
        found[codes] = values.get(named)
    return ReleasedTable(structure, profile, "area", period, found)


def cell(**codes: str) -> tuple[tuple[str, str], ...]:
    """The name of a cell for `a_table`."""
    return tuple(sorted(codes.items()))


def counts(
    started: int | None, completed: int | None, **codes: str
) -> dict[tuple[tuple[str, str], ...], int | None]:
    """A cell and its part that completed."""
    return {
        cell(**codes): started,
        cell(**codes, OUTCOME="COM"): completed,
    }


def the_indicator(indicator_id: str) -> Indicator:
    """The standard indicator of that id."""
    return next(each for each in STANDARD if each.id == indicator_id)


def a_source(
    node: str,
    table: ReleasedTable | None,
    period: str = PERIOD,
    coverage: int = 80,
    **changes: Any,
) -> Source:
    """A city's release, or that there is none."""
    if table is None:
        return Source(node=node, period=period, **changes)
    return Source(
        node=node,
        period=period,
        release_id="sha256:" + "b" * 64,
        cut_off=CUT_OFF,
        coverage=coverage,
        table=table,
        observed_in=period,
        **changes,
    )


def a_committee_table(
    tables: Sequence[ReleasedTable | None],
    by: Sequence[str] = (),
    indicator: str = "COMPLETION_RATE",
    **filters: str,
) -> CommitteeTable:
    """The table of the three cities with these releases, in their order."""
    sources = [
        a_source(node, table) for node, table in zip(CITIES, tables, strict=True)
    ]
    structure = next((t.structure for t in tables if t is not None), None)
    return make_table(
        Definition(the_indicator(indicator), structure or a_small_structure()),
        Breakdown(tuple(by), filters),
        the_cities(),
        sources,
    )


def figures_of(table: CommitteeTable, **codes: str) -> dict[str, dict[str, Figure]]:
    """The figures of one row by city and column."""
    found: dict[str, dict[str, Figure]] = {}
    for record in records(table):
        if all(record.codes[name] == code for name, code in codes.items()):
            found.setdefault(record.city, {})[record.column.id] = record.figure
    return found


def agree(federation: Federation) -> str:
    """Join the cities, and have them sign a plan for `a_small_structure`; the plan's id."""
    federation.join_all()
    clock, (first, *others) = federation.clock, federation.nodes.values()
    structure = a_small_structure()
    with first.database.transaction() as session:
        plan_id = agreements.propose_plan(
            session,
            first,
            plan_of(first, structure, publishers=CITIES),
            [bundle_bytes(structure)],
            clock.now,
        )
        agreement_id = agreements.propose(
            session, first, a_draft(plan_id, clock.now), clock.now
        )
    federation.settle()
    for node in others:
        with node.database.transaction() as session:
            agreements.sign(session, node, agreement_id, clock.now)
        federation.settle()
    clock.advance(days=2)
    return plan_id


def a_draft(plan_id: str, now: datetime) -> AgreementDraft:
    """An agreement between the three cities, in force from the next hour on."""
    return AgreementDraft(
        title={"en": "Training on both sides"},
        plan_ids=[plan_id],
        partners=CITIES[1:],
        minimum_parties=2,
        answer_by=now + timedelta(days=14),
        valid_from=now + timedelta(hours=1),
        valid_until=NEVER,
        reference_purpose="certificate-recognition",
        reference_days=90,
        answer_days=3,
        at_end={"en": "What was exchanged stays as agreed."},
    )


def populate(federation: Federation, learners: int = 400) -> None:
    """Register and ask learners in every city, each city with others."""
    for seed, node in enumerate(federation.nodes.values(), start=1):
        with node.database.transaction() as session:
            recipients = [
                NamedRecipient(city, NAMES[city], WORDS)
                for city in CITIES
                if city != node.origin
            ]
            draft = standard_draft(
                Scope.AGGREGATES,
                purpose=PURPOSE,
                city=NAMES[node.origin],
                recipients=recipients,
            )
            question = consent.publish_question(session, node, draft, BEFORE)
            register(session, some_learners(learners, seed=seed), [question])


def build_all(federation: Federation) -> None:
    """Have every city build what is due."""
    for node in federation.nodes.values():
        with node.database.transaction() as session:
            for due in aggregates.due_builds(session, node, federation.clock.now):
                aggregates.build_release(
                    session,
                    node,
                    due.plan,
                    due.dataflow,
                    due.period,
                    federation.clock.now,
                )


def hand_over(federation: Federation, publisher: str, reader: str) -> None:
    """Keep the publisher's releases at the reader, as a pull would."""
    source, target = federation.nodes[publisher], federation.nodes[reader]
    now = federation.clock.now
    with source.database.transaction() as session:
        bundles = [
            aggregates.export_bundle(session, source, facts.release_id, now)
            for facts in aggregates.own_releases(session)
        ]
    with target.database.transaction() as session:
        keys = partners.key_sets(session, target)
        for bundle in bundles:
            verified = aggregates.verify_bundle(bundle, keys=keys, at=now)
            aggregates.store_pulled(session, verified, now)
