"""Choosing releases for a committee's table and putting them together.

Own releases count from their publication on, like everybody's: a committee never sees more
of its own city than its partners do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from interurban_node.aggregates import service as aggregates
from interurban_node.aggregates.service import CityTable
from interurban_node.agreements import service as agreements
from interurban_node.agreements.service import PlanInForce
from interurban_node.committee.rules import make_table
from interurban_node.committee.tables import (
    Breakdown,
    City,
    CommitteeTable,
    Definition,
    Source,
)
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, RefusedError
from interurban_node.partners import service as partners
from interurban_node.structures import service as structures
from interurban_protocol.errors import MalformedError
from interurban_protocol.indicators import Indicator, Kind, indicators_of
from interurban_protocol.release_plans import quarter_after, quarter_bounds
from interurban_protocol.releases import ReleaseManifest
from interurban_protocol.structure_versions import version_of
from interurban_protocol.structures import Names, Structure


@dataclass(frozen=True, slots=True)
class Choice:
    """An indicator that can be shown, and for which periods."""

    definition: Definition  # with the newest versions of its structures
    periods: tuple[str, ...]
    observed: tuple[str, ...]  # those of which figures are published

    @property
    def indicator(self) -> Indicator:
        """What can be shown."""
        return self.definition.indicator


def choices(session: Session, now: datetime) -> list[Choice]:
    """What a committee can choose from at this node now, in the order of definitions."""
    return _choices(_published(session, now))


def choose(
    available: Sequence[Choice],
    indicator: str | None = None,
    dataflow: str | None = None,
) -> Choice:
    """The choice meant by an indicator's id or a dataflow; without either, the first rate.

    Raises:
        NotFoundError: nothing of that name is published here.
    """
    if indicator:
        found = [each for each in available if each.indicator.id == indicator]
    elif dataflow:
        found = [each for each in available if _is_of(each, dataflow)]
    else:
        found = list(available)
    if not available:
        raise NotFoundError(
            "no release is published here yet",
            next_step="`interurban release pull` fetches partners' releases; "
            "`interurban release list` shows the own ones.",
        )
    if not found:
        what = "indicator" if indicator else "dataflow"
        names = ", ".join(each.indicator.id for each in available)
        raise NotFoundError(
            f"no release of this {what} is published here",
            next_step=f"Choose from {names}.",
        )
    rates = [each for each in found if each.indicator.kind is Kind.RATE]
    return (rates or found)[0]


def table(
    session: Session,
    node: Node,
    *,
    indicator: str | None = None,
    dataflow: str | None = None,
    periods: Sequence[str] = (),
    cities: Sequence[str] = (),
    by: Sequence[str] = (),
    filters: Mapping[str, str] | None = None,
    now: datetime,
) -> CommitteeTable:
    """The table of an indicator; without `periods`, for the newest one that is published.

    Raises:
        NotFoundError: nothing is published for the indicator, dataflow, period or city.
        RefusedError: a breakdown that the releases do not have, or too large a table.
    """
    published = _published(session, now)
    choice = choose(_choices(published), indicator, dataflow)
    wanted = tuple(dict.fromkeys(periods)) or choice.observed[-1:]
    check_periods(wanted, choice, now)
    plans = agreements.plans_in_force(session, node, now)
    reader = _Reader(session, node, now, published, plans)
    found = {period: reader.sources(choice, period) for period in wanted}
    nodes = {source.node for sources in found.values() for source in sources}
    chosen = _chosen(_cities(session, node, nodes), cities)
    return make_table(
        choice.definition,
        Breakdown(tuple(by), dict(filters or {})),
        chosen,
        [
            _source_of(city.node, period, sources)
            for period, sources in found.items()
            for city in chosen
        ],
    )


def between(choice: Choice, first: str, last: str, now: datetime) -> tuple[str, ...]:
    """The periods from `first` to `last` that can be shown; an empty end is open.

    An end that is no quarter or lies ahead comes back too, for `check_periods` to refuse,
    and so does `first` or `last` if nothing lies between.
    """
    if not first and not last:
        return ()
    ends = sorted([first or choice.periods[0], last or choice.periods[-1]])
    inside = [each for each in choice.periods if ends[0] <= each <= ends[1]]
    odd = [each for each in (first, last) if each and not _has_begun(each, now)]
    return (*inside, *odd) or (first or last,)


def known_cities(session: Session, node: Node) -> list[City]:
    """This city and its partners: whose figures there may be."""
    return _cities(session, node, partners.names(session, node))


def check_periods(periods: Iterable[str], choice: Choice, now: datetime) -> None:
    """Refuse periods that are none, lie ahead, or of which nothing is published.

    Raises:
        RefusedError: another form than 2025-Q3.
        NotFoundError: in the future, or without a release here.
    """
    if not (unknown := set(periods) - set(choice.periods)):
        return
    next_step = f"Choose from {', '.join(choice.periods)}."
    try:
        starts = [quarter_bounds(period)[0] for period in unknown]
    except MalformedError as error:
        raise RefusedError(error.message, next_step=next_step) from error
    if ahead := sum(day > now.date() for day in starts):
        raise NotFoundError(
            f"{ahead} of the periods lie in the future", next_step=next_step
        )
    raise NotFoundError(
        f"no release is published here for {len(unknown)} of the periods",
        next_step=next_step,
    )


@dataclass(frozen=True, slots=True)
class _Version:
    """A version of a dataflow, and the periods that were published with it."""

    structure: Structure
    periods: tuple[str, ...]


_Published: TypeAlias = Mapping[tuple[str, str], Sequence[_Version]]
"""The versions of each dataflow, by agency and id; the newest last."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the published releases of one moment."""

    session: Session
    node: Node
    now: datetime
    published: _Published
    plans: Sequence[PlanInForce]

    def sources(self, choice: Choice, period: str) -> list[Source]:
        """What there is of each city that the plan names."""
        definition = choice.definition
        publishers, tables = self._comparable(definition.numerator, period)
        others: Mapping[str, CityTable] = {}
        if definition.denominator is not None:
            expected, others = self._comparable(definition.denominator, period)
            publishers = publishers or expected
        return [
            _source(
                node,
                period,
                definition.numerator,
                tables.get(node),
                others.get(node),
                is_due=self._is_due(definition.numerator, period),
            )
            for node in publishers
        ]

    def _comparable(
        self, structure: Structure, period: str
    ) -> tuple[Sequence[str], Mapping[str, CityTable]]:
        """The cities expected for a period, and the releases of one and the same plan."""
        tables = [
            table
            for version in self.published[structure.agency, structure.id]
            for table in aggregates.city_tables(
                self.session, version.structure.urn, period, self.now
            )
        ]
        if not tables:
            return (), {}
        plan_id, publishers = self._plan(tables)
        same = {
            each.manifest.publisher: each
            for each in tables
            if self._root_plan(each.manifest) == plan_id
        }
        return publishers or tuple(same), same

    def _plan(self, tables: Sequence[CityTable]) -> tuple[str, Sequence[str]]:
        """The plan that the releases follow and its publishers, as far as they are known.

        Where releases follow several plans, the one in force counts, else this city's own.
        """
        plan_ids = {self._root_plan(each.manifest) for each in tables}
        for found in self.plans:
            if found.plan_id in plan_ids:
                return found.plan_id, found.plan.payload.publishers
        own = [each for each in tables if each.manifest.publisher == self.node.origin]
        plan_id = self._root_plan((own or tables)[0].manifest)
        try:
            return plan_id, agreements.plan(self.session, plan_id).publishers
        except NotFoundError:
            return plan_id, ()

    def _root_plan(self, manifest: ReleaseManifest) -> str:
        """The plan of a release; of a revision, the one whose release it replaces."""
        if not manifest.revision:
            return manifest.plan
        try:
            revision = agreements.plan(self.session, manifest.plan).revision
        except NotFoundError:
            return manifest.plan
        return revision.replaces if revision else manifest.plan

    def _is_due(self, structure: Structure, period: str) -> bool:
        """Whether the quarter in which a cohort is observed should be published by now."""
        if structure.cohort is None:
            return True
        observed_in = quarter_after(period, structure.cohort.lag)
        if quarter_bounds(observed_in)[1] >= self.now.date():
            return False
        dates = [
            planned.publication
            for found in self.plans
            if any(each.urn == structure.urn for each in found.plan.payload.dataflows)
            for planned in found.plan.payload.periods
            if planned.period == observed_in
        ]
        return not dates or min(dates) <= self.now


def _choices(published: _Published) -> list[Choice]:
    newest = [versions[-1].structure for versions in published.values()]
    by_id = {(each.agency, each.id): each for each in newest}
    found = []
    for indicator in indicators_of(newest):
        definition = _definition(indicator, by_id)
        choice = _choice(definition, published)
        if choice.observed:
            found.append(choice)
    return found


def _published(session: Session, now: datetime) -> _Published:
    found: dict[tuple[str, str], list[_Version]] = {}
    for urn, periods in aggregates.published_periods(session, now).items():
        structure = structures.by_urn(session, urn)
        versions = found.setdefault((structure.agency, structure.id), [])
        versions.append(_Version(structure, periods))
    return {
        dataflow: sorted(versions, key=lambda each: version_of(each.structure))
        for dataflow, versions in found.items()
    }


def _definition(
    indicator: Indicator, newest: Mapping[tuple[str, str], Structure]
) -> Definition:
    found = [
        next(each for (_, name), each in newest.items() if name == dataflow)
        for dataflow in indicator.dataflows
    ]
    return Definition(indicator, *found)


def _choice(definition: Definition, published: _Published) -> Choice:
    """The periods of an indicator: of a cohort, those that wait to be observed too."""
    numerator = _periods(definition.numerator, published)
    if definition.denominator is None:
        return Choice(definition, numerator, numerator)
    denominator = _periods(definition.denominator, published)
    both = tuple(period for period in denominator if period in numerator)
    is_cohort = definition.numerator.cohort is not None
    return Choice(definition, denominator if is_cohort else both, both)


def _periods(structure: Structure, published: _Published) -> tuple[str, ...]:
    versions = published[structure.agency, structure.id]
    return tuple(sorted({period for each in versions for period in each.periods}))


def _has_begun(period: str, now: datetime) -> bool:
    try:
        return quarter_bounds(period)[0] <= now.date()
    except MalformedError:
        return False


def _is_of(choice: Choice, dataflow: str) -> bool:
    found = choice.definition.numerator
    return dataflow in (found.urn, found.reference, found.id)


def _cities(session: Session, node: Node, nodes: Iterable[str]) -> list[City]:
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


def _chosen(cities: Sequence[City], wanted: Sequence[str]) -> Sequence[City]:
    """The cities asked for by address or by name in any language; all without a wish."""
    if not wanted:
        return cities
    asked = {each.strip().casefold() for each in wanted}
    called = {
        city.node: {city.node, *(name.casefold() for name in city.names.values())}
        for city in cities
    }
    found = [city for city in cities if called[city.node] & asked]
    known = set().union(*called.values())
    if unknown := asked - known:
        names = ", ".join(city.names.get("en", city.node) for city in cities)
        raise NotFoundError(
            f"{len(unknown)} of the cities publish nothing for this",
            next_step=f"Choose from {names}.",
        )
    return found


def _source(
    node: str,
    period: str,
    structure: Structure,
    found: CityTable | None,
    denominator: CityTable | None,
    *,
    is_due: bool,
) -> Source:
    lag = structure.cohort.lag if structure.cohort else 0
    if found is None:
        observed_in = quarter_after(period, lag)
        return Source(node=node, period=period, observed_in=observed_in, is_due=is_due)
    return Source(
        node=node,
        period=period,
        release_id=found.release_id,
        cut_off=found.manifest.cut_off,
        coverage=found.manifest.coverage,
        table=found.table,
        denominator=denominator.table if denominator else None,
        denominator_id=denominator.release_id if denominator else None,
        observed_in=found.manifest.observation_period,
        revision=max(
            each.manifest.revision for each in (found, denominator) if each is not None
        ),
    )


def _source_of(node: str, period: str, sources: Sequence[Source]) -> Source:
    """A city's source; a city that another plan names has none for this period."""
    held = {source.node: source for source in sources}
    return held.get(node, Source(node=node, period=period))


__all__ = [
    "Choice",
    "between",
    "check_periods",
    "choices",
    "choose",
    "known_cities",
    "table",
]
