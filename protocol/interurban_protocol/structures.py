"""Structures: which tables there are, in the SDMX information model.

A `Structure` is one dataflow with its data structure definition, concepts and codelists. It
is kept and exchanged as an SDMX-JSON 2.0 structure message without header, self-contained
and in canonical form: `bundle_bytes`. Its digest is what plans and manifests name; the same
URN with another digest is refused by whoever holds the first.

* A dimension that *splits learners* has a codelist with the total `_T` and base codes. Every
  learner has exactly one base code in each; "unknown" (`_U`) is an ordinary base code.
  Whoever is counted is in exactly one base cell, so there is no hierarchy inside a split.
* REF_AREA and TIME_PERIOD are the same in all rows of a release and split nobody.
* Which registry field a dimension reads (`source`), which event is counted and on which
  legal basis stand in annotations, so that no dataflow is hard-coded in a node.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args

from interurban_protocol.encoding import sha256_digest
from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.structure_messages import (
    AGENCY,
    CODE_PATTERN,
    CodeItem,
    Component,
    MessageData,
    bundle_bytes,
    read_message,
    urn,
)
from interurban_protocol.structure_names import (
    ATTRIBUTE_NAMES,
    CODE_NAMES,
    COMPLETION_MEASURE,
    COMPLETION_NAMES,
    CONCEPT_NAMES,
    Names,
)

MAX_DIMENSIONS = 16  # crossings of three of them are counted before anything is read
TOTAL: Final = "_T"
UNKNOWN: Final = "_U"
AREA_DIMENSION: Final = "REF_AREA"
TIME_DIMENSION: Final = "TIME_PERIOD"

Basis: TypeAlias = Literal["consent", "public_task", "non_personal"]

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # SDMX NCNameIDType
_CODE = re.compile(CODE_PATTERN)
_AGENCY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z][A-Za-z0-9_-]*)*")
_VERSION = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a codelist.

    `value` is the registry's word for it where that is not the id itself, for example
    "55<=", which is no SDMX id.
    """

    id: str
    names: Names
    parent: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Codelist:
    """Codes in their order, which is the order of rows in a release too."""

    id: str
    names: Names
    codes: tuple[Code, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One dimension; `codelist_id` is None where any identifier or period is allowed."""

    id: str
    names: Names
    concept: str
    codelist_id: str | None = None
    is_split: bool = False  # splits learners: counts towards the limit of three
    is_sensitive: bool = (
        False  # its breakdown is collapsed where it would tell too much
    )
    source: str | None = None  # the canonical registry field, "learner.sex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One dataflow with all that is needed to read its data.

    Raises:
        MalformedError: on creation, if `check_structure` finds anything wrong.
    """

    agency: str
    id: str
    version: str
    names: Names
    dimensions: tuple[Dimension, ...]  # TIME_PERIOD last
    codelists: tuple[Codelist, ...]  # in the order in which dimensions name them
    event: str  # what is counted, "enrolment.started"
    basis: Basis
    measure: Names  # what the number is

    def __post_init__(self) -> None:
        check_structure(self)

    @property
    def urn(self) -> str:
        """The dataflow's SDMX URN."""
        return urn(self, "datastructure.Dataflow", self.id)

    @property
    def reference(self) -> str:
        """The dataflow as SDMX-CSV writes it: `AGENCY:ID(VERSION)`."""
        return f"{self.agency}:{self.id}({self.version})"

    @property
    def digest(self) -> str:
        """The digest of `bundle_bytes`."""
        return sha256_digest(bundle_bytes(self))

    @property
    def split_dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions that split learners, in order."""
        return tuple(dimension for dimension in self.dimensions if dimension.is_split)

    def dimension(self, dimension_id: str) -> Dimension:
        """The dimension with this id.

        Raises:
            MalformedError: there is none.
        """
        for dimension in self.dimensions:
            if dimension.id == dimension_id:
                return dimension
        raise MalformedError("the structure has no such dimension")

    def codelist(self, codelist_id: str) -> Codelist:
        """The codelist with this id.

        Raises:
            MalformedError: there is none.
        """
        for codelist in self.codelists:
            if codelist.id == codelist_id:
                return codelist
        raise MalformedError("the structure has no such codelist")

    def codes(self, dimension_id: str) -> tuple[Code, ...]:
        """The codes of a dimension, total included; empty for one without codelist."""
        codelist_id = self.dimension(dimension_id).codelist_id
        return () if codelist_id is None else self.codelist(codelist_id).codes

    def base_codes(self, dimension_id: str) -> tuple[Code, ...]:
        """The codes of a dimension without the total, in order."""
        return tuple(code for code in self.codes(dimension_id) if code.id != TOTAL)

    def code_of(self, dimension_id: str, value: str | None) -> str | None:
        """The base code for a registry value; `_U`, if there is one, for everything else.

        None means that the structure has no place for the value.
        """
        by_value = {code.value or code.id: code.id for code in self.codes(dimension_id)}
        known = by_value.get(value) if value is not None else None
        return known if known not in (None, TOTAL) else by_value.get(UNKNOWN)


def check_structure(structure: Structure) -> None:
    """Refuse a structure that SDMX or the protection could not work with.

    Raises:
        OversizedError: more dimensions than any table of ours crosses or filters by.
        MalformedError: an id, version or language of another form; an unknown or unused
            codelist; a missing `_T`; a code twice, or under itself; a split without source
            or with a hierarchy; REF_AREA or TIME_PERIOD missing or out of place.
    """
    _check_form(_AGENCY, structure.agency, "agency")
    _check_form(_IDENTIFIER, structure.id, "dataflow id")
    _check_form(_VERSION, structure.version, "version")
    if structure.basis not in get_args(Basis):
        raise MalformedError("the basis is none that the protocol knows")
    for names in _all_names(structure):
        _check_names(names)
    if len(structure.dimensions) > MAX_DIMENSIONS:
        raise OversizedError(f"the structure has more than {MAX_DIMENSIONS} dimensions")
    _check_dimensions(structure.dimensions)
    for codelist in structure.codelists:
        _check_codelist(codelist)
    _check_codelists_used(structure)
    for dimension in structure.split_dimensions:
        _check_split(structure, dimension)


def parse_structure(data: bytes) -> Structure:
    """The structure in a bundle.

    Only the form that `bundle_bytes` writes is accepted, byte for byte: what this version
    would not write again, it has not understood.

    Raises:
        MalformedError: another form, or anything that `check_structure` refuses.
    """
    structure = _structure(read_message(data).data)
    if bundle_bytes(structure) != data:
        raise MalformedError(
            "the structure message is not in the form that this version writes"
        )
    return structure


def completion_structure(
    programmes: Sequence[Code],
    age_bands: Sequence[Code],
    equity: Sequence[Code],
    equity_source: str,
    version: str = "1.0.0",
    areas: Sequence[Code] = (),
) -> Structure:
    """The dataflow COMPLETION: who started a programme in a period, and how it went.

    Totals are added to each list, and "unknown" to age and equity where it is missing.
    `equity_source` is the registry field behind `equity`, for example "learner.displaced".
    Without `areas` any identifier may stand in REF_AREA, so that cities can join later.

    Raises:
        MalformedError: codes that are no SDMX ids, doubled, or without an English name.
    """
    lists = {
        "PROGRAMME": tuple(programmes),
        "AGE": _with_unknown(age_bands),
        "SEX": _SEX_CODES,
        "EQUITY": _with_unknown(equity),
        "OUTCOME": _OUTCOME_CODES,
    }
    codelists = [
        Codelist(f"CL_{name}", CONCEPT_NAMES[name], (_code_named(TOTAL), *codes))
        for name, codes in lists.items()
    ]
    if areas:
        area_list = Codelist("CL_AREA", CONCEPT_NAMES[AREA_DIMENSION], tuple(areas))
        codelists.insert(0, area_list)
    return Structure(
        agency=AGENCY,
        id="COMPLETION",
        version=version,
        names=COMPLETION_NAMES,
        dimensions=_completion_dimensions(equity_source, has_areas=bool(areas)),
        codelists=tuple(codelists),
        event="enrolment.started",
        basis="consent",
        measure=COMPLETION_MEASURE,
    )


def _all_names(structure: Structure) -> Iterator[Names]:
    yield structure.names
    yield structure.measure
    for dimension in structure.dimensions:
        yield dimension.names
    for codelist in structure.codelists:
        yield codelist.names
        yield from (code.names for code in codelist.codes)


def _check_form(pattern: re.Pattern[str], text: str, what: str) -> None:
    if not pattern.fullmatch(text):
        raise MalformedError(f"the structure has a {what} of another form than SDMX's")


def _check_names(names: Names) -> None:
    if "en" not in names:
        raise MalformedError("the structure has something without an English name")
    for language, text in names.items():
        _check_form(_LANGUAGE, language, "language tag")
        if not text.strip():
            raise MalformedError("the structure has an empty name")


def _check_dimensions(dimensions: tuple[Dimension, ...]) -> None:
    ids = [dimension.id for dimension in dimensions]
    concepts = [dimension.concept for dimension in dimensions]
    for text in (*ids, *concepts):
        _check_form(_IDENTIFIER, text, "dimension or concept id")
    _check_unique(ids, "dimension")
    _check_unique((*concepts, *ATTRIBUTE_NAMES, "OBS_VALUE"), "concept")
    if ids[-1:] != [TIME_DIMENSION] or dimensions[-1].codelist_id is not None:
        raise MalformedError("TIME_PERIOD must be the last dimension, without codelist")
    constant = {dimension.id for dimension in dimensions if not dimension.is_split}
    if constant != {AREA_DIMENSION, TIME_DIMENSION}:
        raise MalformedError(
            "REF_AREA and TIME_PERIOD must be the only dimensions that split nobody"
        )
    for dimension in dimensions:
        if not dimension.is_split and (dimension.is_sensitive or dimension.source):
            raise MalformedError("only a dimension that splits learners has a source")


def _check_codelist(codelist: Codelist) -> None:
    _check_form(_IDENTIFIER, codelist.id, "codelist id")
    ids = [code.id for code in codelist.codes]
    for text in ids:
        _check_form(_CODE, text, "code")
    _check_unique(ids, "code")
    _check_unique([code.value or code.id for code in codelist.codes], "registry value")
    parents = {code.id: code.parent for code in codelist.codes}
    for code in codelist.codes:
        _check_ancestors(code.id, parents)


def _check_ancestors(code_id: str, parents: Mapping[str, str | None]) -> None:
    seen = {code_id}
    parent = parents[code_id]
    while parent is not None:
        if parent not in parents:
            raise MalformedError("a code stands under a code that is not in the list")
        if parent in seen:
            raise MalformedError("a code stands under itself")
        seen.add(parent)
        parent = parents[parent]


def _check_codelists_used(structure: Structure) -> None:
    named = [
        dimension.codelist_id
        for dimension in structure.dimensions
        if dimension.codelist_id is not None
    ]
    held = [codelist.id for codelist in structure.codelists]
    if held != list(dict.fromkeys(named)):
        raise MalformedError(
            "the codelists are not those that the dimensions name, in that order"
        )
    _check_unique((*held, *(f"CL_{name}" for name in ATTRIBUTE_NAMES)), "codelist")


def _check_split(structure: Structure, dimension: Dimension) -> None:
    codes = structure.codes(dimension.id)
    if TOTAL not in {code.id for code in codes}:
        raise MalformedError(f"the codelist of {dimension.id} has no total _T")
    if len(codes) < 2:
        raise MalformedError(f"the codelist of {dimension.id} has no base code")
    if any(code.parent not in (None, TOTAL) for code in codes):
        raise MalformedError(f"the base codes of {dimension.id} stand under each other")
    if not dimension.source:
        raise MalformedError(f"the dimension {dimension.id} names no registry field")


def _check_unique(ids: Sequence[str], what: str) -> None:
    if len(set(ids)) != len(ids):
        raise MalformedError(f"the structure has a {what} twice")


def _structure(data: MessageData) -> Structure:
    dataflow = data.dataflows[0]
    names = {concept.id: concept.names for concept in data.conceptSchemes[0].concepts}
    listed = data.dataStructures[0].dataStructureComponents.dimensionList
    attributes = {f"CL_{name}" for name in ATTRIBUTE_NAMES}
    return Structure(
        agency=dataflow.agencyID,
        id=dataflow.id,
        version=dataflow.version,
        names=dataflow.names,
        dimensions=tuple(
            _dimension(component, names)
            for component in (*listed.dimensions, listed.timeDimension)
        ),
        codelists=tuple(
            Codelist(item.id, item.names, tuple(_code(code) for code in item.codes))
            for item in data.codelists
            if item.id not in attributes
        ),
        event=dataflow.annotation("event") or "",
        basis=cast(Basis, dataflow.annotation("basis")),  # which __post_init__ checks
        measure=names.get("OBS_VALUE", {}),
    )


def _dimension(component: Component, names: Mapping[str, Names]) -> Dimension:
    concept = component.conceptIdentity.rpartition(".")[2]
    enumeration = component.localRepresentation.enumeration
    return Dimension(
        id=component.id,
        names=names.get(concept, {}),
        concept=concept,
        codelist_id=_codelist_id(enumeration) if enumeration is not None else None,
        is_split=component.annotation("split") is not None,
        is_sensitive=component.annotation("sensitive") is not None,
        source=component.annotation("source"),
    )


def _codelist_id(urn: str) -> str:
    return urn.rpartition(":")[2].partition("(")[0]


def _code(item: CodeItem) -> Code:
    return Code(item.id, item.names, item.parent, item.annotation("value"))


def _code_named(code_id: str, value: str | None = None) -> Code:
    return Code(code_id, CODE_NAMES[code_id], value=value)


_SEX_CODES = (_code_named("F"), _code_named("M"), _code_named(UNKNOWN))
_OUTCOME_CODES = (
    _code_named("COM", "completed"),
    _code_named("NCM", "not_completed"),
    _code_named("ONG", "ongoing"),
)


def _with_unknown(codes: Sequence[Code]) -> tuple[Code, ...]:
    known = {code.id for code in codes}
    return (*codes, *(() if UNKNOWN in known else (_code_named(UNKNOWN),)))


def _completion_dimensions(
    equity_source: str, *, has_areas: bool
) -> tuple[Dimension, ...]:
    sources = {
        "PROGRAMME": "programme.code",
        "AGE": "learner.age_band",
        "SEX": "learner.sex",
        "EQUITY": equity_source,
        "OUTCOME": "enrolment.outcome",
    }
    area = Dimension(
        id=AREA_DIMENSION,
        names=CONCEPT_NAMES[AREA_DIMENSION],
        concept=AREA_DIMENSION,
        codelist_id="CL_AREA" if has_areas else None,
    )
    splits = (
        Dimension(
            id=name,
            names=CONCEPT_NAMES[name],
            concept=name,
            codelist_id=f"CL_{name}",
            is_split=True,
            is_sensitive=name == "EQUITY",
            source=source,
        )
        for name, source in sources.items()
    )
    time = Dimension(
        id=TIME_DIMENSION,
        names=CONCEPT_NAMES[TIME_DIMENSION],
        concept=TIME_DIMENSION,
    )
    return (area, *splits, time)


__all__ = [
    "AGENCY",
    "AREA_DIMENSION",
    "TIME_DIMENSION",
    "TOTAL",
    "UNKNOWN",
    "Basis",
    "Code",
    "Codelist",
    "Dimension",
    "Names",
    "Structure",
    "bundle_bytes",
    "check_structure",
    "completion_structure",
    "parse_structure",
]
