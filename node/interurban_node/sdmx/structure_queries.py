"""Which artefacts a structure query wants, of those that the caller may see.

Only dataflows of releases that the caller may see are on the shelf, with what belongs to
them. Everything else is not there for it, whether it exists or not.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec
from pysdmx.model import (
    AgencyScheme,
    Codelist,
    ConceptScheme,
    DataConstraint,
    Dataflow,
    DataStructureDefinition,
    Hierarchy,
    HierarchyAssociation,
)

from interurban_node.core.errors import NotFoundError, NotOfferedError
from interurban_node.sdmx.addresses import Address, Version, names_in
from interurban_node.sdmx.model import Artefact, Artefacts, agency_scheme
from interurban_protocol.errors import MalformedError
from interurban_protocol.structures import Names

CLASSES: Final[Mapping[str, type[Artefact]]] = {
    "dataflow": Dataflow,
    "datastructure": DataStructureDefinition,
    "conceptscheme": ConceptScheme,
    "codelist": Codelist,
    "hierarchy": Hierarchy,
    "hierarchyassociation": HierarchyAssociation,
    "dataconstraint": DataConstraint,
    "agencyscheme": AgencyScheme,
}
_OTHER_NAMES: Final[Mapping[str, str]] = {
    "contentconstraint": "dataconstraint",
    "organisationscheme": "agencyscheme",
}
_NOT_KEPT: Final = frozenset(
    [
        "metadatastructure",
        "categoryscheme",
        "valuelist",
        "dataproviderscheme",
        "metadataproviderscheme",
        "dataconsumerscheme",
        "organisationunitscheme",
        "metadataflow",
        "reportingtaxonomy",
        "process",
        "provisionagreement",
        "metadataprovisionagreement",
        "structuremap",
        "representationmap",
        "conceptschememap",
        "categoryschememap",
        "organisationschememap",
        "reportingtaxonomymap",
        "categorisation",
        "metadataconstraint",
        "transformationscheme",
        "rulesetscheme",
        "structureset",
        "userdefinedoperatorscheme",
        "customtypescheme",
        "namepersonalisationscheme",
        "vtlmappingscheme",
        "hierarchicalcodelist",
        "attachmentconstraint",
    ]
)
KINDS: Final = frozenset({*CLASSES, *_OTHER_NAMES, *_NOT_KEPT})
_PARAMETERS: Final = ("detail", "references", "format", "asOf")
_DIRECTIONS: Final = frozenset(
    [
        "none",
        "parents",
        "parentsandsiblings",
        "ancestors",
        "children",
        "descendants",
        "all",
    ]
)
_LATEST: Final = frozenset({"~", "+", "latest"})


class Detail(StrEnum):
    """How much of each artefact is wanted."""

    FULL = "full"
    ALL_STUBS = "allstubs"
    REFERENCE_STUBS = "referencestubs"
    ALL_COMPLETE_STUBS = "allcompletestubs"
    REFERENCE_COMPLETE_STUBS = "referencecompletestubs"
    REFERENCE_PARTIAL = "referencepartial"  # every item of ours is used: as FULL
    RAW = "raw"

    @property
    def is_complete(self) -> bool:
        """Whether stubs have their descriptions and annotations."""
        return self in (Detail.ALL_COMPLETE_STUBS, Detail.REFERENCE_COMPLETE_STUBS)


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureQuery:
    """A structure query that is well formed; None where any will do."""

    kind: str | None
    agencies: frozenset[str] | None = None
    ids: frozenset[str] | None = None
    versions: frozenset[str] | None = frozenset({"~"})
    items: frozenset[str] | None = None
    detail: Detail = Detail.FULL
    references: frozenset[str] = frozenset({"none"})


@dataclass(frozen=True, slots=True)
class Shelf:
    """The artefacts of one dataflow, or those that belong to none."""

    artefacts: Mapping[str, Artefact]  # by URN
    children: Mapping[str, frozenset[str]]  # the URNs that each refers to
    names: Mapping[str, Names] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)

    def referring_to(self, urns: Iterable[str]) -> frozenset[str]:
        """The URNs of what refers to any of `urns`."""
        wanted = frozenset(urns)
        return frozenset(
            urn for urn, children in self.children.items() if children & wanted
        )

    def referred_by(self, urns: Iterable[str]) -> frozenset[str]:
        """The URNs of what any of `urns` refers to."""
        return frozenset().union(*(self.children.get(urn, ()) for urn in urns))


@dataclass(slots=True)
class Chosen:
    """The artefacts that a query wants, by URN, with the texts beside them.

    Two dataflows may have a list of one URN in different forms, if no agreement has both:
    then the list of the dataflow that is wanted stands, or of the first of them.
    """

    artefacts: dict[str, Artefact] = field(default_factory=dict)
    matched: set[str] = field(default_factory=set)
    names: dict[str, Names] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)

    def add(self, shelf: Shelf, urns: Iterable[str]) -> None:
        """Take these from a shelf, where they are not taken yet."""
        new = {urn for urn in urns if urn not in self.artefacts}
        self.artefacts |= {
            urn: artefact for urn, artefact in shelf.artefacts.items() if urn in new
        }
        starts = tuple(f"{each.partition('=')[2]}." for each in new)
        for urn, names in shelf.names.items():
            if urn in new or urn.partition("=")[2].startswith(starts):
                self.names.setdefault(urn, names)
        for urn, parent in shelf.parents.items():
            if urn.partition("=")[2].startswith(starts):
                self.parents.setdefault(urn, parent)


def shelves_of(found: Sequence[Artefacts]) -> list[Shelf]:
    """A shelf for each dataflow, and one for what belongs to none."""
    agencies = agency_scheme(found)
    return [
        *(
            Shelf(
                {_urn(artefact): artefact for artefact in each},
                _references(each),
                each.names,
                each.parents,
            )
            for each in found
        ),
        Shelf({_urn(agencies): agencies}, {}),
    ]


def parse_structure_query(address: Address) -> StructureQuery:
    """The query in an address: `structure/KIND/AGENCY/ID/VERSION/ITEM`, or from KIND on.

    Raises:
        MalformedError: against the form that SDMX-REST gives it.
        NotOfferedError: `asOf`.
    """
    address.check_parameters(_PARAMETERS)
    if "asOf" in address.parameters:
        raise NotOfferedError("asOf is not offered: structures have versions instead")
    parts = address.parts
    if parts[0] == "structure" and address.rest is Version.REST_2:
        parts = parts[1:]
    if len(parts) > 5:
        raise MalformedError("the path has more parts than a structure query has")
    kind, agency, name, version, item = (*parts, *("*",) * 5)[:5]
    separator = "+" if address.rest is Version.REST_1 else ","
    if len(parts) < 4 or version == "latest":
        version = "~"
    return StructureQuery(
        kind=_kind(kind),
        agencies=names_in(agency, separator),
        ids=names_in(name, separator),
        versions=frozenset({version})
        if version in _LATEST
        else names_in(version, separator),
        items=names_in(item, separator),
        detail=_detail(address.parameters.get("detail", "full")),
        references=parse_references(address.parameters.get("references", "none")),
    )


def parse_references(text: str) -> frozenset[str]:
    """The directions or kinds in a `references` parameter.

    Raises:
        MalformedError: none that SDMX-REST knows.
    """
    found = frozenset(text.split(","))
    if not found <= _DIRECTIONS | KINDS:
        raise MalformedError("references is a direction or a kind of artefact")
    return frozenset(_OTHER_NAMES.get(each, each) for each in found)


def choose(shelves: Sequence[Shelf], query: StructureQuery) -> Chosen:
    """The artefacts that match, with the references that are wanted.

    Raises:
        NotFoundError: nothing matches that this caller may see.
    """
    kind = CLASSES.get(query.kind or "")
    if query.kind is not None and kind is None:
        raise nothing_here()
    matches = {
        urn: artefact
        for shelf in shelves
        for urn, artefact in shelf.artefacts.items()
        if (kind is None or isinstance(artefact, kind)) and _matches(query, artefact)
    }
    if query.versions is not None and query.versions & _LATEST:
        matches = {_urn(each): each for each in _latest(matches.values())}
    found = Chosen(matched=set(matches))
    for shelf in shelves:
        own = {urn for urn in shelf.artefacts if urn in matches}
        if own:
            found.add(shelf, own | _wanted(shelf, own, query.references))
    if query.items is not None:
        _keep_items(found, query.items)
    if not found.matched:
        raise nothing_here()
    return found


def stubs_of(query: StructureQuery, chosen: Chosen) -> frozenset[str]:
    """The URNs of the artefacts that are only to be named."""
    if query.detail in (Detail.ALL_STUBS, Detail.ALL_COMPLETE_STUBS):
        return frozenset(chosen.artefacts)
    if query.detail in (Detail.REFERENCE_STUBS, Detail.REFERENCE_COMPLETE_STUBS):
        return frozenset(chosen.artefacts) - chosen.matched
    return frozenset()


def nothing_here() -> NotFoundError:
    """The one answer for what does not exist, is not published, or is not the caller's."""
    return NotFoundError(
        "there is nothing of that name for this caller",
        next_step="Ask for the list of dataflows: `structure/dataflow` of SDMX-REST 2, "
        "`dataflow` of 1.5.",
    )


def _kind(text: str) -> str | None:
    if text in ("*", "all", "structure", ""):
        return None
    if text not in KINDS:
        raise MalformedError("the path names no kind of artefact that SDMX knows")
    return _OTHER_NAMES.get(text, text)


def _detail(text: str) -> Detail:
    try:
        return Detail(text)
    except ValueError as error:
        raise MalformedError(
            f"detail is one of {', '.join(each.value for each in Detail)}"
        ) from error


def _urn(artefact: Artefact) -> str:
    return artefact.urn or ""


def _references(found: Artefacts) -> Mapping[str, frozenset[str]]:
    lists = frozenset(map(_urn, found.codelists))
    return {
        _urn(found.dataflow): frozenset({_urn(found.definition)}),
        _urn(found.definition): lists | {_urn(found.concepts)},
        **{_urn(each): lists for each in found.hierarchies},
        **{
            _urn(each): frozenset({_urn(found.dataflow), _urn(hierarchy)})
            for each, hierarchy in zip(
                found.associations, found.hierarchies, strict=True
            )
        },
    }


def _matches(query: StructureQuery, artefact: Artefact) -> bool:
    versions = None if query.versions and query.versions & _LATEST else query.versions
    pairs = (
        (query.agencies, str(artefact.agency)),
        (query.ids, artefact.id),
        (versions, artefact.version),
    )
    return all(wanted is None or text in wanted for wanted, text in pairs)


def _latest(found: Iterable[Artefact]) -> list[Artefact]:
    """The highest version of each; all of ours are stable."""
    newest: dict[tuple[str, str, str], Artefact] = {}
    for artefact in found:
        key = (type(artefact).__name__, str(artefact.agency), artefact.id)
        held = newest.get(key)
        if held is None or numbers_of(held.version) < numbers_of(artefact.version):
            newest[key] = artefact
    return list(newest.values())


def numbers_of(version: str) -> tuple[int, ...]:
    """A version as numbers, for comparing."""
    return tuple(map(int, version.split(".")))


def _keep_items(found: Chosen, items: frozenset[str]) -> None:
    """Leave the wanted items only; what has none of them is no match."""
    for urn in [*found.matched]:
        artefact = found.artefacts[urn]
        if isinstance(artefact, Codelist | ConceptScheme | AgencyScheme):
            kept = tuple(each for each in artefact.items if each.id in items)
            found.artefacts[urn] = msgspec.structs.replace(
                artefact, items=kept, is_partial=True
            )
            if kept:
                continue
        found.matched.discard(urn)
        del found.artefacts[urn]


def _wanted(
    shelf: Shelf, own: Iterable[str], references: frozenset[str]
) -> frozenset[str]:
    start = frozenset(own)
    parents = shelf.referring_to(start)
    descendants = _closure(shelf.referred_by, start)
    sets: Mapping[str, frozenset[str]] = {
        "none": frozenset(),
        "children": shelf.referred_by(start),
        "descendants": descendants,
        "parents": parents,
        "parentsandsiblings": parents | shelf.referred_by(parents),
        "ancestors": _closure(shelf.referring_to, start),
    }
    # Hierarchies stand above the dataflow that they are used in, their codelists below it.
    everything = sets["parentsandsiblings"] | descendants
    everything |= _closure(shelf.referred_by, everything)
    found: frozenset[str] = frozenset()
    for each in references:
        if each == "all":
            found |= everything
        elif each in sets:
            found |= sets[each]
        elif each in CLASSES:
            both = descendants | sets["ancestors"] | _constraints(shelf)
            found |= {
                urn for urn in both if isinstance(shelf.artefacts[urn], CLASSES[each])
            }
    return found


def _constraints(shelf: Shelf) -> frozenset[str]:
    """Given only to who names them: a reader of SDMX-ML 3.0 stumbles over them."""
    return frozenset(
        urn for urn, each in shelf.artefacts.items() if isinstance(each, DataConstraint)
    )


def _closure(
    step: Callable[[frozenset[str]], frozenset[str]], start: frozenset[str]
) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    new = step(start)
    while new - found:
        found |= new
        new = step(new)
    return found


__all__ = [
    "KINDS",
    "Chosen",
    "Detail",
    "Shelf",
    "StructureQuery",
    "choose",
    "nothing_here",
    "numbers_of",
    "parse_references",
    "parse_structure_query",
    "shelves_of",
    "stubs_of",
]
