"""Structure messages: SDMX-JSON 2.0, SDMX-ML 2.1 and 3.0, by pysdmx's writers.

What these cannot say is put in afterwards: names in other languages, parents of codes, the
URN of each artefact. What is not right is taken out: an empty list of groups (against the
JSON schema) and measure relationships (which readers of SDMX-ML 3.0 stumble over).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree  # type: ignore[import-untyped]  # it comes without types
from pysdmx.io.json.sdmxjson2.writer.v2_0 import structure as json_writer
from pysdmx.io.xml.sdmx21.writer import structure as xml_21_writer
from pysdmx.io.xml.sdmx30.writer import structure as xml_30_writer
from pysdmx.model import (
    AvailabilityConstraint,
    Hierarchy,
    HierarchyAssociation,
    Organisation,
)
from pysdmx.model.message import Header as WriterHeader

from interurban_node.sdmx.data_messages import Header
from interurban_node.sdmx.model import Artefact
from interurban_protocol.structures import Names

_COMMON: Final = "{http://www.sdmx.org/resources/sdmxml/schemas/%s/common}"
_STRUCTURE: Final = "{http://www.sdmx.org/resources/sdmxml/schemas/%s/structure}"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_URN: Final = "urn:sdmx:org.sdmx.infomodel."
_ITEMS: Final[Mapping[str, tuple[str, str]]] = {
    "codelists": ("codes", "codelist.Code"),
    "conceptSchemes": ("concepts", "conceptscheme.Concept"),
}
_STUB: Final = ("id", "agencyID", "version", "name", "names", "links")
_COMPLETE_STUB: Final = (*_STUB, "description", "annotations")


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureMessage:
    """Artefacts to be written, each once, with the texts that stand beside them.

    `stubs` has the URNs of those that are only named; `is_complete` whether with their
    descriptions.
    """

    header: Header
    artefacts: tuple[Artefact, ...]
    availability: AvailabilityConstraint | None = None
    names: Mapping[str, Names] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    stubs: frozenset[str] = frozenset()
    is_complete: bool = False


def structure_json(message: StructureMessage) -> bytes:
    """The SDMX-JSON 2.0 structure message."""
    text = json_writer.write(
        _written(message.artefacts, message.availability),
        prettyprint=False,
        header=_header(message.header),
    )
    document: dict[str, Any] = json.loads(text or "{}")
    links = []
    for kind, artefacts in document.get("data", {}).items():
        for position, artefact in enumerate(artefacts):
            urn = _urn_of(kind, artefact)
            artefacts[position] = _mended(message, kind, artefact, urn)
            links.append({"rel": "self", "urn": urn})
    if links:
        document["meta"]["links"] = links
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def structure_xml_21(message: StructureMessage) -> bytes:
    """The SDMX-ML 2.1 structure message; version 2.1 has no hierarchies of this kind."""
    kept = [
        each
        for each in message.artefacts
        if not isinstance(each, Hierarchy | HierarchyAssociation)
    ]
    text = xml_21_writer.write(
        _written(kept, message.availability),
        prettyprint=False,
        header=_header(message.header),
    )
    return _mended_xml(message, text or "", "v2_1")


def structure_xml_30(message: StructureMessage) -> bytes:
    """The SDMX-ML 3.0 structure message."""
    text = xml_30_writer.write(
        _written(message.artefacts, message.availability),
        prettyprint=False,
        header=_header(message.header),
    )
    return _mended_xml(message, text or "", "v3_0")


def _written(
    artefacts: Iterable[Artefact], availability: AvailabilityConstraint | None
) -> Sequence[Artefact | AvailabilityConstraint]:
    return [*artefacts, *([availability] if availability is not None else [])]


def _header(header: Header) -> WriterHeader:
    return WriterHeader(
        id=header.message_id,
        prepared=header.prepared,
        sender=Organisation(header.sender),
    )


_CLASSES: Final[Mapping[str, str]] = {
    "agencySchemes": "base.AgencyScheme",
    "codelists": "codelist.Codelist",
    "conceptSchemes": "conceptscheme.ConceptScheme",
    "dataConstraints": "registry.DataConstraint",
    "dataStructures": "datastructure.DataStructure",
    "dataflows": "datastructure.Dataflow",
    "hierarchies": "codelist.Hierarchy",
    "hierarchyAssociations": "codelist.HierarchyAssociation",
}


def _urn_of(kind: str, artefact: Mapping[str, Any]) -> str:
    name = f"{artefact['agencyID']}:{artefact['id']}({artefact['version']})"
    return f"{_URN}{_CLASSES[kind]}={name}"


def _mended(
    message: StructureMessage, kind: str, artefact: dict[str, Any], urn: str
) -> dict[str, Any]:
    artefact["links"] = [*artefact.get("links", ()), {"rel": "self", "urn": urn}]
    _put_names(message, artefact, urn)
    if urn in message.stubs:
        kept = _COMPLETE_STUB if message.is_complete else _STUB
        stub = {name: artefact[name] for name in kept if name in artefact}
        return stub | {"isExternalReference": True}
    components = artefact.get("dataStructureComponents")
    if components is not None and not components.get("groups"):
        components.pop("groups", None)
    if kind in _ITEMS:
        items, item_class = _ITEMS[kind]
        start = f"{_URN}{item_class}={urn.partition('=')[2]}"
        for item in artefact.get(items, ()):
            item_urn = f"{start}.{item['id']}"
            _put_names(message, item, item_urn)
            if item_urn in message.parents:
                item["parent"] = message.parents[item_urn]
    return artefact


def _put_names(message: StructureMessage, named: dict[str, Any], urn: str) -> None:
    if urn in message.names:
        named["names"] = dict(message.names[urn])


def _mended_xml(message: StructureMessage, text: str, version: str) -> bytes:
    root = etree.fromstring(text.encode())
    common, structure = _COMMON % version, _STRUCTURE % version
    for found in [*root.iter(f"{structure}MeasureRelationship")]:
        found.getparent().remove(found)
    for element in [*root.iter()]:
        urn = element.get("urn")
        if urn is None:
            continue
        _put_xml_names(element, message.names.get(urn, {}), common)
        if urn in message.parents:
            _put_parent(element, message.parents[urn], structure)
        if urn in message.stubs:
            _shorten(element, common, is_complete=message.is_complete)
    body: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return body


def _put_xml_names(element: etree._Element, names: Names, common: str) -> None:
    first = element.find(f"{common}Name")
    if first is None:
        return
    for language, text in sorted(names.items(), reverse=True):
        if language != "en":
            name = etree.Element(f"{common}Name", {_LANGUAGE: language})
            name.text = text
            first.addnext(name)


def _put_parent(element: etree._Element, parent: str, structure: str) -> None:
    """2.1 wraps a reference; 3.0 has the id alone."""
    wrapped = etree.SubElement(element, f"{structure}Parent")
    if "v2_1" in structure:
        etree.SubElement(wrapped, "Ref", {"id": parent})
    else:
        wrapped.text = parent


def _shorten(element: etree._Element, common: str, *, is_complete: bool) -> None:
    kept = {f"{common}Name"}
    if is_complete:
        kept |= {f"{common}Annotations", f"{common}Description"}
    for child in [*element]:
        if child.tag not in kept:
            element.remove(child)
    element.set("isExternalReference", "true")


__all__ = [
    "StructureMessage",
    "structure_json",
    "structure_xml_21",
    "structure_xml_30",
]
