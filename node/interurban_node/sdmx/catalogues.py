"""The DCAT-AP catalogue: a record for each dataflow, as JSON-LD with its context inside.

It says what there is and where; the figures stay with SDMX. Nothing is in it that the
caller may not see.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from interurban_node.aggregates.catalogue import Entry
from interurban_node.core.context import Node
from interurban_node.sdmx import formats
from interurban_node.sdmx.addresses import Version
from interurban_node.sdmx.answers import (
    Answer,
    Body,
    body_of,
    identity_of,
    is_known,
    tag_of,
)
from interurban_node.sdmx.formats import Format
from interurban_node.sdmx.model import Artefacts, concept_urn
from interurban_node.sdmx.service import Visible, Wishes
from interurban_protocol.encoding import JsonValue, format_time
from interurban_protocol.release_plans import quarter_bounds
from interurban_protocol.structures import Names

JSON_LD: Final = Format(
    "json", "application/ld+json", ("application/json", "text/html")
)
_AUTHORITY: Final = "http://publications.europa.eu/resource/authority"
_IANA: Final = "https://www.iana.org/assignments/media-types"
_SDMX_REST: Final = "https://github.com/sdmx-twg/sdmx-rest"
_CONTEXT: Final[JsonValue] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "stat": "http://data.europa.eu/m8g/statdcat-ap/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_LANGUAGES: Final[Mapping[str, str]] = {
    "ar": "ARA",
    "de": "DEU",
    "en": "ENG",
    "fr": "FRA",
    "uk": "UKR",
}
_DOWNLOADS: Final = (formats.CSV_2, formats.DATA_JSON)


def answer(node: Node, seen: Visible, base: str, wishes: Wishes) -> Answer:
    """The catalogue of what a caller sees; `base` is "/public", or nothing.

    Raises:
        NotAcceptableError: another format than JSON-LD is wanted.
    """
    choice = formats.negotiate(wishes.accept, [JSON_LD])
    identity = identity_of(
        [node.origin, "catalog", base, *(each.release_id for each in seen.entries)]
    )
    tag = tag_of(identity)
    if is_known(wishes.known_tag, tag):
        return Answer(
            content_type=choice.content_type, body=Body(b"", None), status=304, tag=tag
        )
    text = json.dumps(catalogue(node, seen, base), ensure_ascii=False, indent=1)
    return Answer(
        content_type=choice.content_type, body=body_of(text.encode()), tag=tag
    )


def catalogue(node: Node, seen: Visible, base: str) -> Mapping[str, JsonValue]:
    """The catalogue as JSON-LD."""
    publisher = {
        "@id": f"{node.origin}/",
        "@type": "foaf:Agent",
        "foaf:name": _texts(node.settings.name),
    }
    services = [_service(node, base, rest) for rest in Version]
    datasets = [
        _dataset(node, base, flow, seen.of(flow)) for flow in seen.flows.values()
    ]
    return {
        "@context": _CONTEXT,
        "@id": f"{node.origin}{base}/catalog",
        "@type": "dcat:Catalog",
        "dct:title": _texts({"en": "Releases of protected statistics"}),
        "dct:description": _texts(
            {
                "en": "Aggregate tables about training and jobs. Every figure about "
                "persons is protected; small ones are hidden."
            }
        ),
        "dct:publisher": publisher,
        "dcat:service": services,
        "dcat:dataset": datasets,
    }


def _service(node: Node, base: str, rest: Version) -> JsonValue:
    return {
        "@id": _endpoint(node, base, rest),
        "@type": "dcat:DataService",
        "dct:title": _texts({"en": f"SDMX-REST {_name(rest)}"}),
        "dcat:endpointURL": {"@id": _endpoint(node, base, rest)},
        "dct:conformsTo": {"@id": _SDMX_REST},
    }


def _dataset(
    node: Node, base: str, flow: Artefacts, entries: Sequence[Entry]
) -> JsonValue:
    structure = flow.structure
    manifests = [each.manifest for each in entries]
    days = [quarter_bounds(each.cohort_period) for each in manifests]
    published = sorted(each.publication_at for each in manifests)
    return {
        "@id": f"{_endpoint(node, base, Version.REST_2)}/structure/dataflow/{_path(flow)}",
        "@type": "dcat:Dataset",
        "dct:identifier": structure.urn,
        "dct:title": _texts(structure.names),
        "dct:description": _texts(structure.measure),
        "dct:publisher": [{"@id": f"{each}/"} for each in _publishers(entries)],
        "dct:issued": _time(format_time(published[0])),
        "dct:modified": _time(format_time(published[-1])),
        "dct:accrualPeriodicity": {"@id": f"{_AUTHORITY}/frequency/QUARTERLY"},
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _day(min(first for first, _ in days).isoformat()),
            "dcat:endDate": _day(max(last for _, last in days).isoformat()),
        },
        "dct:spatial": [
            {"@type": "dct:Location", "dct:identifier": area}
            for area in sorted({each.ref_area for each in manifests})
        ],
        "dct:accessRights": {
            "@id": f"{_AUTHORITY}/access-right/{'PUBLIC' if base else 'RESTRICTED'}"
        },
        "dct:conformsTo": {"@id": flow.definition.urn or ""},
        "stat:dimension": [
            {"@id": concept_urn(component)}
            for component in flow.definition.components.dimensions
        ],
        "stat:attribute": [
            {"@id": concept_urn(component)}
            for component in flow.definition.components.attributes
        ],
        "dcat:version": structure.version,
        "dcat:distribution": [
            _distribution(node, base, flow, each) for each in _DOWNLOADS
        ],
    }


def _distribution(node: Node, base: str, flow: Artefacts, written: Format) -> JsonValue:
    data = f"{_endpoint(node, base, Version.REST_2)}/data/dataflow/{_path(flow)}"
    kind = "CSV" if written is formats.CSV_2 else "JSON"
    return {
        "@type": "dcat:Distribution",
        "dct:title": _texts({"en": f"SDMX-{kind}"}),
        "dcat:accessURL": {"@id": data},
        "dcat:downloadURL": {"@id": f"{data}?format={written.name}"},
        "dcat:accessService": {"@id": _endpoint(node, base, Version.REST_2)},
        "dcat:mediaType": {"@id": f"{_IANA}/{written.kind}"},
        "dct:format": {"@id": f"{_AUTHORITY}/file-type/{kind}"},
        "dct:language": [
            {"@id": f"{_AUTHORITY}/language/{_LANGUAGES[code]}"}
            for code in flow.structure.names
            if code in _LANGUAGES
        ],
    }


def _publishers(entries: Sequence[Entry]) -> list[str]:
    return sorted({each.manifest.publisher for each in entries})


def _endpoint(node: Node, base: str, rest: Version) -> str:
    return f"{node.origin}{base}/sdmx/{rest.value}"


def _name(rest: Version) -> str:
    return "2" if rest is Version.REST_2 else "1.5"


def _path(flow: Artefacts) -> str:
    structure = flow.structure
    return f"{structure.agency}/{structure.id}/{structure.version}"


def _texts(names: Names) -> JsonValue:
    return [{"@value": text, "@language": language} for language, text in names.items()]


def _time(text: str) -> JsonValue:
    return {"@value": text, "@type": "xsd:dateTime"}


def _day(text: str) -> JsonValue:
    return {"@value": text, "@type": "xsd:date"}


__all__ = ["JSON_LD", "answer", "catalogue"]
