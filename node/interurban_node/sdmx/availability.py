"""What data there are for a query: codes, periods and how many cells, without any data.

The cells of a release follow from its structure and are the same whatever is in them, so
nothing is sent that a log row would have to stand for. Therefore a filter on figures,
marks or attributes is refused here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pysdmx.model import (
    AvailabilityConstraint,
    ConstraintAttachment,
    CubeKeyValue,
    CubeRegion,
    CubeTimeRange,
    CubeValue,
    TimePeriodBoundary,
)

from interurban_node.core.errors import NotOfferedError
from interurban_node.sdmx.addresses import Address, Version
from interurban_node.sdmx.cells import Row
from interurban_node.sdmx.data_queries import (
    CHANGES,
    DataQuery,
    Flow,
    Key,
    check_offered,
    parse_filters,
    parse_flow_1,
    parse_flow_2,
    parse_keys,
)
from interurban_node.sdmx.model import MEASURE, OBSERVATION_ATTRIBUTES
from interurban_node.sdmx.structure_queries import parse_references
from interurban_protocol.errors import MalformedError
from interurban_protocol.structures import TIME_DIMENSION, Structure

_PARAMETERS: Final = ("c", "startPeriod", "endPeriod", "references", "mode", "format")


@dataclass(frozen=True, slots=True)
class AvailabilityQuery:
    """A well-formed availability query: the data query behind it, and what to return."""

    data: DataQuery
    components: frozenset[str] | None  # None: of every dimension
    references: frozenset[str]


def parse_availability_query(address: Address) -> AvailabilityQuery:
    """The query in an address whose path begins with the resource.

    Raises:
        MalformedError: against the form that SDMX-REST gives it.
        NotOfferedError: a part of the standard that is not offered.
    """
    address.check_parameters((*_PARAMETERS, *CHANGES))
    check_offered(address)
    if address.parameters.get("mode", "exact") not in ("exact", "available"):
        raise MalformedError("mode is exact or available")
    if address.parameters.get("mode") == "available":
        raise NotOfferedError(
            "mode can be exact",
            next_step="Ask again without the key that you would add.",
        )
    flow, keys, component = _path(address)
    filters = parse_filters(address.parameters)
    if {each.component for each in filters} & {MEASURE, *OBSERVATION_ATTRIBUTES}:
        raise NotOfferedError(
            "availability is not chosen by figures or their marks",
            next_step="Ask for the data with this filter.",
        )
    return AvailabilityQuery(
        DataQuery(flow=flow, keys=keys, filters=filters, rest=address.rest),
        None if component in ("*", "all", "") else frozenset(component.split(",")),
        parse_references(address.parameters.get("references", "none")),
    )


def availability(
    structure: Structure, query: AvailabilityQuery, rows: Iterable[Row]
) -> AvailabilityConstraint:
    """The constraint that describes `rows`.

    Raises:
        MalformedError: about a component that is no dimension.
    """
    names = [dimension.id for dimension in structure.dimensions]
    if not (query.components or set()) <= set(names):
        raise MalformedError("availability is asked for what is no dimension")
    values: list[dict[str, None]] = [{} for _ in names]
    series: set[tuple[str, ...]] = set()
    count = 0
    for row in rows:
        count += 1
        series.add(row.codes[:-1])  # the time is the last dimension
        for known, code in zip(values, row.codes, strict=True):
            known[code] = None
    return AvailabilityConstraint(
        constraint_attachment=ConstraintAttachment(None, dataflows=[structure.urn]),
        cube_region=CubeRegion(
            [
                _key_value(name, tuple(known))
                for name, known in zip(names, values, strict=True)
                if query.components is None or name in query.components
            ]
        ),
        series_count=len(series),
        obs_count=count,
    )


def _path(address: Address) -> tuple[Flow, tuple[Key, ...], str]:
    if address.rest is Version.REST_1:
        if len(address.parts) > 5:
            raise MalformedError("the path has more parts than it can have")
        keys = parse_keys(address.part(2), Version.REST_1)
        return parse_flow_1(address.part(1, "")), keys, address.part(4)
    if len(address.parts) > 7:
        raise MalformedError("the path has more parts than it can have")
    keys = parse_keys(address.part(5), Version.REST_2)
    return parse_flow_2(address), keys, address.part(6)


def _key_value(name: str, codes: Sequence[str]) -> CubeKeyValue:
    if name != TIME_DIMENSION:
        return CubeKeyValue(name, [CubeValue(code) for code in codes])
    ordered = sorted(codes)
    return CubeKeyValue(
        name,
        time_range=CubeTimeRange(
            start_period=TimePeriodBoundary(ordered[0]),
            end_period=TimePeriodBoundary(ordered[-1]),
        ),
    )


__all__ = ["AvailabilityQuery", "availability", "parse_availability_query"]
