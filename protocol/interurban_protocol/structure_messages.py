"""SDMX-JSON 2.0 structure messages: how a `Structure` is written, and read back.

The message is a self-contained subset of the standard, valid against its schema: one
dataflow, its data structure definition, one concept scheme and the codelists, all of the
same agency and version. Annotations of type INTERURBAN carry what SDMX has no place for.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interurban_protocol.encoding import JsonValue, canonical_json, parse_json_object
from interurban_protocol.errors import MalformedError
from interurban_protocol.structure_names import (
    ATTRIBUTE_CODES,
    ATTRIBUTE_NAMES,
    Names,
)

if TYPE_CHECKING:  # a structure computes its digest with this module
    from interurban_protocol.structure_model import (
        Code,
        Codelist,
        Dimension,
        Structure,
    )

AGENCY = "INTERURBAN"  # of the project's own dataflows, and the type of its annotations
CODE_PATTERN = "[A-Za-z0-9_@$-]+"  # SDMX IDType

_WHOLE_NUMBER = re.compile(r"[0-9]{1,16}")


def bundle_bytes(structure: "Structure") -> bytes:
    """The self-contained SDMX-JSON 2.0 message of `structure`, canonical, without header."""
    codelists = [
        *(_codelist_json(structure, codelist) for codelist in structure.codelists),
        *(_attribute_codelist_json(structure, name) for name in ATTRIBUTE_NAMES),
    ]
    data: Mapping[str, JsonValue] = {
        "dataflows": [_dataflow_json(structure)],
        "dataStructures": [_definition_json(structure)],
        "conceptSchemes": [_concepts_json(structure)],
        "codelists": codelists,
    }
    return canonical_json({"data": data})


def read_message(data: bytes) -> "StructureMessage":
    """The parts of a message that vary; `parse_structure` compares the rest.

    Raises:
        MalformedError: not strict JSON, or a part is missing or of another shape.
    """
    parse_json_object(data)
    try:
        return StructureMessage.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MalformedError(f"{where}: {first['msg'].lower()}") from error


def urn(structure: "Structure", artefact: str, artefact_id: str) -> str:
    """The SDMX URN of an artefact of this structure, of a type like "codelist.Codelist"."""
    return (
        f"urn:sdmx:org.sdmx.infomodel.{artefact}="
        f"{structure.agency}:{artefact_id}({structure.version})"
    )


def _maintainable(
    structure: "Structure", artefact: str, artefact_id: str, names: Names
) -> dict[str, JsonValue]:
    return {
        "id": artefact_id,
        "agencyID": structure.agency,
        "version": structure.version,
        "name": names["en"],
        "names": names,
        "links": [{"rel": "self", "urn": urn(structure, artefact, artefact_id)}],
    }


def _annotations(**values: str | None) -> list[JsonValue]:
    return [
        {"id": name, "type": AGENCY, "title": title}
        for name, title in values.items()
        if title is not None
    ]


def _dataflow_json(structure: "Structure") -> JsonValue:
    definition = urn(structure, "datastructure.DataStructure", structure.id)
    cohort = structure.cohort
    return {
        **_maintainable(
            structure, "datastructure.Dataflow", structure.id, structure.names
        ),
        "annotations": _annotations(
            event=structure.event,
            basis=structure.basis,
            cohort=None if cohort is None else cohort.dataflow,
            lag=None if cohort is None else str(cohort.lag),
        ),
        "structure": definition,
    }


def _definition_json(structure: "Structure") -> JsonValue:
    *dimensions, time = structure.dimensions
    components: JsonValue = {
        "dimensionList": {
            "id": "DimensionDescriptor",
            "dimensions": [
                _dimension_json(structure, position, dimension)
                for position, dimension in enumerate(dimensions, start=1)
            ],
            "timeDimension": {
                "id": time.id,
                "conceptIdentity": _concept_urn(structure, time.concept),
                "localRepresentation": {
                    "format": {"dataType": "ObservationalTimePeriod"}
                },
            },
        },
        "measureList": {
            "id": "MeasureDescriptor",
            "measures": [
                {
                    "id": "OBS_VALUE",
                    "conceptIdentity": _concept_urn(structure, "OBS_VALUE"),
                    "localRepresentation": {"format": {"dataType": "Integer"}},
                    "usage": "optional",  # hidden cells have none
                }
            ],
        },
        "attributeList": {
            "id": "AttributeDescriptor",
            "attributes": [
                _attribute_json(structure, attribute) for attribute in ATTRIBUTE_NAMES
            ],
        },
    }
    return {
        **_maintainable(
            structure, "datastructure.DataStructure", structure.id, structure.names
        ),
        "dataStructureComponents": components,
    }


def _dimension_json(
    structure: "Structure", position: int, dimension: "Dimension"
) -> JsonValue:
    written: dict[str, JsonValue] = {
        "id": dimension.id,
        "position": position,
        "conceptIdentity": _concept_urn(structure, dimension.concept),
        "localRepresentation": _representation(structure, dimension.codelist_id),
    }
    annotations = _annotations(
        source=dimension.source,
        split="true" if dimension.is_split else None,
        sensitive="true" if dimension.is_sensitive else None,
        equity="true" if dimension.is_equity else None,
    )
    return written | ({"annotations": annotations} if annotations else {})


def _attribute_json(structure: "Structure", attribute: str) -> JsonValue:
    return {
        "id": attribute,
        "usage": "mandatory",
        "attributeRelationship": {"observation": {}},
        "conceptIdentity": _concept_urn(structure, attribute),
        "localRepresentation": _representation(structure, f"CL_{attribute}"),
    }


def _representation(structure: "Structure", codelist_id: str | None) -> JsonValue:
    if codelist_id is None:
        return {"format": {"dataType": "String", "pattern": f"^{CODE_PATTERN}$"}}
    return {"enumeration": urn(structure, "codelist.Codelist", codelist_id)}


def _concept_urn(structure: "Structure", concept: str) -> str:
    scheme = urn(structure, "conceptscheme.Concept", f"CS_{structure.id}")
    return f"{scheme}.{concept}"


def _concepts_json(structure: "Structure") -> JsonValue:
    names = {
        dimension.concept: dimension.names for dimension in structure.dimensions
    } | {
        **ATTRIBUTE_NAMES,
        "OBS_VALUE": structure.measure,
    }
    scheme = _maintainable(
        structure, "conceptscheme.ConceptScheme", f"CS_{structure.id}", structure.names
    )
    return scheme | {
        "concepts": [_named(concept, texts) for concept, texts in names.items()]
    }


def _codelist_json(structure: "Structure", codelist: "Codelist") -> JsonValue:
    written = _maintainable(structure, "codelist.Codelist", codelist.id, codelist.names)
    return written | {"codes": [_code_json(code) for code in codelist.codes]}


def _attribute_codelist_json(structure: "Structure", attribute: str) -> JsonValue:
    written = _maintainable(
        structure, "codelist.Codelist", f"CL_{attribute}", ATTRIBUTE_NAMES[attribute]
    )
    codes = ATTRIBUTE_CODES[attribute].items()
    return written | {"codes": [_named(code, names) for code, names in codes]}


def _code_json(code: "Code") -> JsonValue:
    written = _named(code.id, code.names)
    if code.parent is not None:
        written["parent"] = code.parent
    annotations = _annotations(
        value=code.value,
        lower=None if code.lower is None else str(code.lower),
        upper=None if code.upper is None else str(code.upper),
    )
    return written | ({"annotations": annotations} if annotations else {})


def _named(item_id: str, names: Names) -> dict[str, JsonValue]:
    return {"id": item_id, "name": names["en"], "names": names}


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class _Annotation(_Read):
    id: str
    title: str


class _Annotated(_Read):
    annotations: tuple[_Annotation, ...] = ()

    def annotation(self, annotation_id: str) -> str | None:
        """The title of an annotation, if it is there."""
        titles = {entry.id: entry.title for entry in self.annotations}
        return titles.get(annotation_id)

    def whole_number(self, annotation_id: str) -> int | None:
        """The number in an annotation, if it is there.

        Raises:
            MalformedError: something else than decimal digits.
        """
        title = self.annotation(annotation_id)
        if title is None:
            return None
        if not _WHOLE_NUMBER.fullmatch(title):
            raise MalformedError(f"the annotation {annotation_id} is no whole number")
        return int(title)


class CodeItem(_Annotated):
    """A code or concept."""

    id: str
    names: dict[str, str]
    parent: str | None = None


class CodelistItem(_Read):
    """A codelist."""

    id: str
    names: dict[str, str]
    codes: tuple[CodeItem, ...]


class _ConceptScheme(_Read):
    concepts: tuple[CodeItem, ...]


class _Representation(_Read):
    enumeration: str | None = None


class Component(_Annotated):
    """A dimension."""

    id: str
    conceptIdentity: str  # noqa: N815 - SDMX-JSON's own name
    localRepresentation: _Representation  # noqa: N815 - SDMX-JSON's own name


class _DimensionList(_Read):
    dimensions: tuple[Component, ...]
    timeDimension: Component  # noqa: N815 - SDMX-JSON's own name


class _Components(_Read):
    dimensionList: _DimensionList  # noqa: N815 - SDMX-JSON's own name


class _Definition(_Read):
    dataStructureComponents: _Components  # noqa: N815 - SDMX-JSON's own name


class _Dataflow(_Annotated):
    id: str
    agencyID: str  # noqa: N815 - SDMX-JSON's own name
    version: str
    names: dict[str, str]


class MessageData(_Read):
    """One dataflow and what belongs to it."""

    dataflows: Annotated[tuple[_Dataflow, ...], Field(min_length=1, max_length=1)]
    dataStructures: Annotated[  # noqa: N815 - SDMX-JSON's own name
        tuple[_Definition, ...], Field(min_length=1, max_length=1)
    ]
    conceptSchemes: Annotated[  # noqa: N815 - SDMX-JSON's own name
        tuple[_ConceptScheme, ...], Field(min_length=1, max_length=1)
    ]
    codelists: tuple[CodelistItem, ...]


class StructureMessage(_Read):
    """The outermost object of a bundle."""

    data: MessageData


__all__ = [
    "AGENCY",
    "CODE_PATTERN",
    "CodeItem",
    "CodelistItem",
    "Component",
    "MessageData",
    "StructureMessage",
    "bundle_bytes",
    "read_message",
    "urn",
]
