"""What a data query asks for: read from the address alone, without looking at any data.

Refused, with the reason: `asOf`, `includeHistory` and `updatedAfter`. What changed between
two moments is who joined and who left; there is nothing to show either, since a release is
final.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from interurban_node.core.errors import NotOfferedError
from interurban_node.sdmx.addresses import Address, Version
from interurban_node.sdmx.filters import Filter, parse_filter
from interurban_node.sdmx.model import (
    DATASET_ATTRIBUTES,
    MEASURE,
    OBSERVATION_ATTRIBUTES,
)
from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.structures import TIME_DIMENSION, Structure

ALL_DIMENSIONS: Final = "AllDimensions"
MAX_KEYS: Final = 64
CHANGES: Final = ("asOf", "includeHistory", "updatedAfter")
_PARAMETERS: Final[Mapping[Version, Sequence[str]]] = {
    Version.REST_1: (
        "startPeriod",
        "endPeriod",
        "firstNObservations",
        "lastNObservations",
        "dimensionAtObservation",
        "detail",
        "offset",
        "limit",
        "format",
        *CHANGES,
    ),
    Version.REST_2: (
        "c",
        "startPeriod",
        "endPeriod",
        "firstNObservations",
        "lastNObservations",
        "dimensionAtObservation",
        "attributes",
        "measures",
        "offset",
        "limit",
        "format",
        "sort",
        "reportingYearStartDay",
        *CHANGES,
    ),
}
_NUMBER = re.compile(r"\d{1,9}")

Key = tuple[frozenset[str] | None, ...]  # for each dimension its codes; None: any


@dataclass(frozen=True, slots=True)
class Flow:
    """Which dataflow is meant; None where any will do, "~" or "+" for the latest."""

    agency: str | None
    id: str
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataQuery:
    """A data query that is well formed; whether it fits the dataflow is for `check_fits`."""

    flow: Flow
    keys: tuple[Key, ...] = ()  # any of them; none: everything
    filters: tuple[Filter, ...] = ()
    at_observation: str = TIME_DIMENSION
    attributes: frozenset[str] | None = None  # None: all of them
    has_measure: bool = True
    first: int | None = None
    last: int | None = None
    offset: int = 0
    limit: int | None = None
    rest: Version = field(default=Version.REST_2)


def parse_data_query(address: Address) -> DataQuery:
    """The query in an address whose path begins with `data`.

    Raises:
        MalformedError: against the form that SDMX-REST gives it.
        NotOfferedError: a part of the standard that is not offered.
    """
    address.check_parameters(_PARAMETERS[address.rest])
    check_offered(address)
    flow, keys = (
        _flow_and_keys_1(address)
        if address.rest is Version.REST_1
        else _flow_and_keys_2(address)
    )
    attributes, has_measure = _shown(address.parameters)
    numbers = {
        name: _number(address.parameters, name)
        for name in ("firstNObservations", "lastNObservations", "offset", "limit")
    }
    return DataQuery(
        flow=flow,
        keys=keys,
        filters=parse_filters(address.parameters),
        at_observation=address.parameters.get("dimensionAtObservation", TIME_DIMENSION),
        attributes=attributes,
        has_measure=has_measure,
        first=numbers["firstNObservations"],
        last=numbers["lastNObservations"],
        offset=numbers["offset"] or 0,
        limit=numbers["limit"],
        rest=address.rest,
    )


def check_fits(query: DataQuery, structure: Structure) -> None:
    """Refuse a query that the dataflow's structure has no place for.

    Raises:
        MalformedError: a key with too many dimensions, or an unknown component.
    """
    dimensions = [dimension.id for dimension in structure.dimensions]
    filtered = {*dimensions, MEASURE, *OBSERVATION_ATTRIBUTES}
    if any(len(key) > len(dimensions) for key in query.keys):
        raise MalformedError(
            "the key has more dimensions than the dataflow",
            next_step=f"Its dimensions are {', '.join(dimensions)}.",
        )
    if not {each.component for each in query.filters} <= filtered:
        raise MalformedError(
            "a filter names no component of the dataflow",
            next_step=f"Its dimensions are {', '.join(dimensions)}.",
        )
    if query.at_observation not in (ALL_DIMENSIONS, *dimensions):
        raise MalformedError("dimensionAtObservation names no dimension")
    if not (query.attributes or set()) <= {*filtered, *DATASET_ATTRIBUTES}:
        raise MalformedError("attributes names something else than attributes")


def parse_flow_1(text: str) -> Flow:
    """The dataflow in a path of SDMX-REST 1: `AGENCY,ID,VERSION`, `AGENCY,ID` or `ID`.

    Raises:
        MalformedError: another form.
    """
    match text.split(","):
        case [flow] if flow:
            return Flow(None, flow, "~")
        case [agency, flow] if flow:
            return Flow(_any(agency), flow, "~")
        case [agency, flow, version] if flow:
            return Flow(_any(agency), flow, _version(version))
        case _:
            raise MalformedError("a dataflow is named as AGENCY,ID,VERSION or as ID")


def parse_flow_2(address: Address) -> Flow:
    """The dataflow in a path of SDMX-REST 2: `…/dataflow/AGENCY/ID/VERSION`.

    Raises:
        MalformedError: another form.
        NotOfferedError: another context, or several dataflows at once.
    """
    context = address.part(1)
    if context not in ("dataflow", "*", "datastructure", "provisionagreement"):
        raise MalformedError("the context is one of dataflow and datastructure")
    agency, flow, version = address.part(2), address.part(3), address.part(4, "~")
    if context not in ("dataflow", "*"):
        raise NotOfferedError(
            "data are kept by dataflow", next_step="Use the context `dataflow`."
        )
    if flow == "*" or "," in flow + agency + version:
        raise NotOfferedError(
            "one query is about one dataflow",
            next_step="`structure/dataflow` lists the dataflows; ask for each.",
        )
    return Flow(_any(agency), flow, _version(version))


def parse_keys(text: str, rest: Version) -> tuple[Key, ...]:
    """The keys in a path, each a set of codes for each dimension.

    Raises:
        MalformedError: an empty code between two separators.
        OversizedError: more than `MAX_KEYS` keys.
    """
    if text in ("*", "all", ""):
        return ()
    several = [text] if rest is Version.REST_1 else text.split(",")
    if len(several) > MAX_KEYS:
        raise OversizedError(
            f"the path has more than {MAX_KEYS} keys",
            next_step="Name several codes in one key with a plus sign, or ask for a "
            "wildcard and choose on your side.",
        )
    return tuple(
        tuple(_position(position) for position in key.split(".")) for key in several
    )


def _flow_and_keys_1(address: Address) -> tuple[Flow, tuple[Key, ...]]:
    if len(address.parts) > 4:
        raise MalformedError("the path of a data query is data/FLOW/KEY/PROVIDER")
    if address.part(3, "all") not in ("all", ""):
        raise NotOfferedError(
            "data are not chosen by provider",
            next_step="Name the city in the key: it is the dimension REF_AREA.",
        )
    flow = parse_flow_1(address.part(1, ""))
    return flow, parse_keys(address.part(2), Version.REST_1)


def _flow_and_keys_2(address: Address) -> tuple[Flow, tuple[Key, ...]]:
    if len(address.parts) > 6:
        raise MalformedError(
            "the path of a data query is data/CONTEXT/AGENCY/ID/VERSION/KEY"
        )
    return parse_flow_2(address), parse_keys(address.part(5), Version.REST_2)


def check_offered(address: Address) -> None:
    """Refuse what shows changes, and other parts of the standard that are left out.

    Raises:
        NotOfferedError: with the reason.
    """
    asked = address.parameters
    for name in CHANGES:
        if asked.get(name, "false") != "false":
            raise NotOfferedError(
                f"{name} is not offered: what changed between two moments would tell "
                "who joined and who left",
                reasons=("a period is issued once, and its release never changes",),
                next_step="Ask without it; a new period is a new release.",
            )
    if asked.get("detail", "full") not in ("full", "dataonly"):
        raise NotOfferedError(
            "detail can be full or dataonly",
            reasons=(
                "the cells of a release are those that its structure gives: "
                "`availableconstraint` says how many, without any data",
            ),
        )
    if "sort" in asked or "reportingYearStartDay" in asked:
        raise NotOfferedError(
            "rows come in the order of the release, and years begin in January"
        )


def parse_filters(parameters: Mapping[str, str]) -> tuple[Filter, ...]:
    """One for each `c[…]`, and one for each end of the time range of SDMX-REST 1.

    Raises:
        MalformedError: a filter of another form. OversizedError: with too many conditions.
        NotOfferedError: about an attribute of the data set.
    """
    found = []
    for name, value in parameters.items():
        if name.startswith("c["):
            found.append(parse_filter(name[2:-1], value))
        elif name in ("startPeriod", "endPeriod"):
            operator = "ge" if name == "startPeriod" else "le"
            if not value or "," in value or "+" in value:
                raise MalformedError("startPeriod and endPeriod are one period each")
            found.append(parse_filter(TIME_DIMENSION, f"{operator}:{value}"))
        elif name == "c":
            raise MalformedError("a filter has the form c[COMPONENT]=value")
    if not DATASET_ATTRIBUTES.keys().isdisjoint(each.component for each in found):
        # Which releases pass would tell a figure (COVERAGE), and before any log row.
        raise NotOfferedError(
            f"nothing is chosen by {', '.join(DATASET_ATTRIBUTES)}: they say what a "
            "release is",
            next_step="Filter by dimensions; the attributes come with the data.",
        )
    for each in found:
        each.test()  # its numbers and periods are read before anything is looked up
    return tuple(found)


def _shown(parameters: Mapping[str, str]) -> tuple[frozenset[str] | None, bool]:
    """The attributes that are wanted (None: all), and whether the measure is."""
    groups: Mapping[str, Sequence[str]] = {
        "dsd": (*OBSERVATION_ATTRIBUTES, *DATASET_ATTRIBUTES),
        "all": (*OBSERVATION_ATTRIBUTES, *DATASET_ATTRIBUTES),
        "dataset": tuple(DATASET_ATTRIBUTES),
        "obs": OBSERVATION_ATTRIBUTES,
        "series": (),
        "msd": (),
        "none": (),
    }
    wanted = parameters.get("attributes")
    if parameters.get("detail") == "dataonly":
        wanted = "none"
    measures = parameters.get("measures", "all")
    if measures not in ("all", "none", MEASURE):
        raise MalformedError(f"measures is one of all, none and {MEASURE}")
    if wanted is None:
        return None, measures != "none"
    names = [groups.get(each, (each,)) for each in wanted.split(",")]
    return frozenset(name for group in names for name in group), measures != "none"


def _number(parameters: Mapping[str, str], name: str) -> int | None:
    text = parameters.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text) or (name != "offset" and int(text) == 0):
        raise MalformedError(f"{name} is a positive number")
    return int(text)


def _position(text: str) -> frozenset[str] | None:
    if text in ("", "*"):
        return None
    codes = text.split("+")
    if "" in codes:
        raise MalformedError("the key has an empty code beside a plus sign")
    return frozenset(codes)


def _any(text: str) -> str | None:
    return None if text in ("*", "all", "") else text


def _version(text: str) -> str | None:
    return "~" if text in ("latest", "~", "") else _any(text)


__all__ = [
    "ALL_DIMENSIONS",
    "CHANGES",
    "MAX_KEYS",
    "DataQuery",
    "Flow",
    "Key",
    "check_fits",
    "check_offered",
    "parse_data_query",
    "parse_filters",
    "parse_flow_1",
    "parse_flow_2",
    "parse_keys",
]
