"""What a structure must be for SDMX, the counting and the protection to work with it.

`check_structure` runs whenever a `Structure` is made, so that nobody holds an unsound one.
What a *plan* must not put side by side is the matter of `structure_lint`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from interurban_protocol.encoding import MAX_SAFE_INTEGER
from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.structure_messages import CODE_PATTERN
from interurban_protocol.structure_names import ATTRIBUTE_NAMES, Names

if TYPE_CHECKING:  # the model checks itself with this module
    from interurban_protocol.structure_model import (
        Code,
        Codelist,
        Cohort,
        Dimension,
        Structure,
    )

MAX_DIMENSIONS = 16  # crossings of three of them are counted before anything is read
MAX_LEVELS = 3  # of codes under each other, the total not counted
MAX_LAG = 8  # quarters: two years after the cohort, beyond which nobody plans
TOTAL: Final = "_T"
UNKNOWN: Final = "_U"
AREA_DIMENSION: Final = "REF_AREA"
TIME_DIMENSION: Final = "TIME_PERIOD"

Basis: TypeAlias = Literal["consent", "public_task", "non_personal"]

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # SDMX NCNameIDType
_CODE = re.compile(CODE_PATTERN)
_AGENCY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z][A-Za-z0-9_-]*)*")
_VERSION = re.compile(r"(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){2}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
_FIELD = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")  # "enrolment.started"


def check_structure(structure: "Structure") -> None:
    """Refuse a structure that SDMX or the protection could not work with.

    Raises:
        OversizedError: more dimensions than any table of ours crosses or filters by.
        MalformedError: an id, version, event, field or language of another form; an unknown or
            unused codelist; a missing `_T`; a code twice, under itself or too deep; one
            registry value for two codes, for a group or for `_U`; a band that is none; a split
            without source; a cohort that is the dataflow itself or too late; REF_AREA or
            TIME_PERIOD missing or out of place.
    """
    _check_form(_AGENCY, structure.agency, "an agency")
    _check_form(_IDENTIFIER, structure.id, "a dataflow id")
    _check_form(_VERSION, structure.version, "a version")
    _check_form(_FIELD, structure.event, "an event")
    if structure.basis not in get_args(Basis):
        raise MalformedError("the basis is none that the protocol knows")
    for names in _all_names(structure):
        _check_names(names)
    if structure.cohort is not None:
        _check_cohort(structure, structure.cohort)
    if len(structure.dimensions) > MAX_DIMENSIONS:
        raise OversizedError(f"the structure has more than {MAX_DIMENSIONS} dimensions")
    _check_dimensions(structure.dimensions)
    for codelist in structure.codelists:
        _check_codelist(codelist)
    _check_codelists_used(structure)
    for dimension in structure.split_dimensions:
        _check_split(structure, dimension)


def _all_names(structure: "Structure") -> Iterator[Names]:
    yield structure.names
    yield structure.measure
    for dimension in structure.dimensions:
        yield dimension.names
    for codelist in structure.codelists:
        yield codelist.names
        yield from (code.names for code in codelist.codes)


def _check_form(pattern: re.Pattern[str], text: str, what: str) -> None:
    if not pattern.fullmatch(text):
        raise MalformedError(f"the structure has {what} of another form")


def _check_names(names: Names) -> None:
    if "en" not in names:
        raise MalformedError("the structure has something without an English name")
    for language, text in names.items():
        _check_form(_LANGUAGE, language, "a language tag")
        if not text.strip():
            raise MalformedError("the structure has an empty name")


def _check_cohort(structure: "Structure", cohort: "Cohort") -> None:
    _check_form(_IDENTIFIER, cohort.dataflow, "a cohort")
    if cohort.dataflow == structure.id:
        raise MalformedError("the structure is its own cohort")
    if not 1 <= cohort.lag <= MAX_LAG:
        raise MalformedError(f"a cohort is observed 1 to {MAX_LAG} quarters later")
    if structure.basis == "non_personal":
        raise MalformedError("a cohort is of persons, and the basis says non_personal")


def _check_dimensions(dimensions: tuple["Dimension", ...]) -> None:
    ids = [dimension.id for dimension in dimensions]
    concepts = [dimension.concept for dimension in dimensions]
    for text in (*ids, *concepts):
        _check_form(_IDENTIFIER, text, "a dimension or concept id")
    _check_unique(ids, "dimension")
    _check_unique((*concepts, *ATTRIBUTE_NAMES, "OBS_VALUE"), "concept")
    if ids[-1:] != [TIME_DIMENSION] or dimensions[-1].codelist_id is not None:
        raise MalformedError("TIME_PERIOD must be the last dimension, without codelist")
    constant = [dimension for dimension in dimensions if not dimension.is_split]
    if {dimension.id for dimension in constant} != {AREA_DIMENSION, TIME_DIMENSION}:
        raise MalformedError(
            "REF_AREA and TIME_PERIOD must be the only dimensions that split nobody"
        )
    for dimension in constant:
        if dimension.is_sensitive or dimension.is_equity or dimension.source:
            raise MalformedError("only a dimension that splits learners has a source")


def _check_codelist(codelist: "Codelist") -> None:
    _check_form(_IDENTIFIER, codelist.id, "a codelist id")
    ids = [code.id for code in codelist.codes]
    for text in ids:
        _check_form(_CODE, text, "a code")
    _check_unique(ids, "code")
    _check_values(codelist.codes)
    parents = {code.id: code.parent for code in codelist.codes}
    for code in codelist.codes:
        _check_level(code.id, parents)
        _check_band(code)


def _check_values(codes: Sequence["Code"]) -> None:
    """A registry value may be a code's own id, but never a word for two codes.

    `_U` is for the rest: with a value of its own, a fact could pass for "unknown".
    """
    if any(code.value == "" for code in codes):
        raise MalformedError("a code has an empty registry value")
    if any(code.id == UNKNOWN and code.value is not None for code in codes):
        raise MalformedError("the code for unknown has a registry value of its own")
    words = [word for code in codes for word in {code.id, code.value or code.id}]
    _check_unique(words, "registry value")


def _check_level(code_id: str, parents: Mapping[str, str | None]) -> None:
    seen = [code_id]
    parent = parents[code_id]
    while parent not in (None, TOTAL):
        if parent not in parents:
            raise MalformedError("a code stands under a code that is not in the list")
        if parent in seen:
            raise MalformedError("a code stands under itself")
        seen.append(parent)
        if len(seen) > MAX_LEVELS:
            raise MalformedError(f"the codes have more than {MAX_LEVELS} levels")
        parent = parents[parent]
    if parent == TOTAL and (TOTAL not in parents or code_id == TOTAL):
        raise MalformedError("a code stands under a total that is not above it")


def _check_band(code: "Code") -> None:
    if code.lower is None and code.upper is None:
        return
    upper = MAX_SAFE_INTEGER if code.upper is None else code.upper
    if code.lower is None or not 0 <= code.lower < upper <= MAX_SAFE_INTEGER:
        raise MalformedError("a code stands for a band without an inside")


def _check_codelists_used(structure: "Structure") -> None:
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


def _check_split(structure: "Structure", dimension: "Dimension") -> None:
    codes = structure.codes(dimension.id)
    if TOTAL not in {code.id for code in codes}:
        raise MalformedError(f"the codelist of {dimension.id} has no total _T")
    if len(codes) < 2:
        raise MalformedError(f"the codelist of {dimension.id} has no base code")
    if not dimension.source:
        raise MalformedError(f"the dimension {dimension.id} names no registry field")
    _check_form(_FIELD, dimension.source, "a registry field")
    leaves = {leaf.id for leaf in structure.base_codes(dimension.id)}
    for code in codes:
        if code.id not in leaves:
            _check_group(code)


def _check_group(code: "Code") -> None:
    """A total or group is the sum of its leaves and nothing that a learner can have."""
    if code.id == UNKNOWN:
        raise MalformedError("other codes stand under the code for unknown")
    if code.id == TOTAL and code.parent is not None:
        raise MalformedError("the total stands under another code")
    if code.value is not None or code.lower is not None:
        raise MalformedError("a total or group has a registry value or band of its own")


def _check_unique(ids: Sequence[str], what: str) -> None:
    if len(set(ids)) != len(ids):
        raise MalformedError(f"the structure has a {what} twice")


__all__ = [
    "AREA_DIMENSION",
    "MAX_DIMENSIONS",
    "MAX_LAG",
    "MAX_LEVELS",
    "TIME_DIMENSION",
    "TOTAL",
    "UNKNOWN",
    "Basis",
    "check_structure",
]
