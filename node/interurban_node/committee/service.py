"""Choosing releases for a committee's table and putting them together.

Own releases count from their publication on, like everybody's: a committee never sees more
of its own city than its partners do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.aggregates import service as aggregates
from interurban_node.aggregates.service import CityTable
from interurban_node.agreements import service as agreements
from interurban_node.committee.rules import (
    Breakdown,
    City,
    CommitteeTable,
    Source,
    make_table,
)
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError
from interurban_node.partners import service as partners
from interurban_node.structures import service as structures
from interurban_protocol.structures import Names, Structure


@dataclass(frozen=True, slots=True)
class Choice:
    """A dataflow that can be shown, and the periods with a published release."""

    structure: Structure
    periods: tuple[str, ...]


def choices(session: Session, now: datetime) -> list[Choice]:
    """What a committee can choose from at this node now."""
    return [
        Choice(structures.by_urn(session, dataflow), periods)
        for dataflow, periods in aggregates.published_periods(session, now).items()
    ]


def choose(available: Sequence[Choice], dataflow: str | None) -> Choice:
    """The choice meant by a URN, a reference or an id; without one, the first.

    Raises:
        NotFoundError: nothing of that name is published here.
    """
    for choice in available:
        found = choice.structure
        if dataflow in (None, "", found.urn, found.reference, found.id):
            return choice
    raise NotFoundError(
        "no release of this dataflow is published here",
        next_step="`interurban release pull` fetches partners' releases; "
        "`interurban release list` shows the own ones.",
    )


def table(
    session: Session,
    node: Node,
    *,
    dataflow: str | None,
    periods: Sequence[str] = (),
    by: Sequence[str] = (),
    filters: Mapping[str, str] | None = None,
    now: datetime,
) -> CommitteeTable:
    """The table of all cities for a dataflow; without `periods`, for the newest one.

    Raises:
        NotFoundError: nothing is published for the dataflow or a period.
        RefusedError: a breakdown that the releases do not have.
    """
    choice = choose(choices(session, now), dataflow)
    wanted = tuple(dict.fromkeys(periods)) or choice.periods[-1:]
    if unknown := set(wanted) - set(choice.periods):
        raise NotFoundError(
            f"no release is published here for {len(unknown)} of the periods",
            next_step=f"Choose from {', '.join(choice.periods)}.",
        )
    found = {
        period: _comparable(session, node, choice.structure.urn, period, now)
        for period in wanted
    }
    nodes = {origin for expected, _ in found.values() for origin in expected}
    cities = _cities(session, node, nodes)
    sources = [
        _source(city.node, period, tables)
        for period, (_, tables) in found.items()
        for city in cities
    ]
    return make_table(
        choice.structure,
        Breakdown(tuple(by), dict(filters or {})),
        cities,
        sources,
        [source.table.profile for source in sources if source.table is not None],
    )


def _comparable(
    session: Session, node: Node, dataflow: str, period: str, now: datetime
) -> tuple[Sequence[str], Mapping[str, CityTable]]:
    """The cities expected for a period, and the releases of one and the same plan."""
    tables = aggregates.city_tables(session, dataflow, period, now)
    plan_id, publishers = _plan(session, node, tables, now)
    same = {
        each.manifest.publisher: each
        for each in tables
        if each.manifest.plan == plan_id
    }
    return publishers or tuple(same), same


def _plan(
    session: Session,
    node: Node,
    tables: Sequence[CityTable],
    now: datetime,
) -> tuple[str, Sequence[str]]:
    """The plan that the releases follow and its publishers, as far as they are known.

    Where releases follow several plans, the one in force counts, else this city's own.
    """
    plan_ids = {each.manifest.plan for each in tables}
    for found in agreements.plans_in_force(session, node, now):
        if found.plan_id in plan_ids:
            return found.plan_id, found.plan.payload.publishers
    own = [each for each in tables if each.manifest.publisher == node.origin]
    plan_id = (own or tables)[0].manifest.plan
    try:
        return plan_id, agreements.plan(session, plan_id).publishers
    except NotFoundError:
        return plan_id, ()


def _cities(session: Session, node: Node, nodes: set[str]) -> list[City]:
    """The cities in the order of columns: this one first, then by name."""
    names: Mapping[str, Names] = partners.names(session, node)
    cities = [City(origin, names.get(origin) or {"en": origin}) for origin in nodes]
    return sorted(
        cities,
        key=lambda city: (
            city.node != node.origin,
            city.names.get("en", ""),
            city.node,
        ),
    )


def _source(node: str, period: str, tables: Mapping[str, CityTable]) -> Source:
    found = tables.get(node)
    if found is None:
        return Source(node=node, period=period)
    return Source(
        node=node,
        period=period,
        release_id=found.release_id,
        cut_off=found.manifest.cut_off,
        coverage=found.manifest.coverage,
        table=found.table,
    )
