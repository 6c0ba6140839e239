"""The DCAT-AP catalogue has a record for each dataflow that the caller may see."""

import json
from typing import Any

from tests.support.sdmx import FLOW, Service

MANDATORY = {
    "dcat:Catalog": {"dct:title", "dct:description", "dct:publisher", "dcat:dataset"},
    "dcat:Dataset": {"dct:title", "dct:description"},
    "dcat:Distribution": {"dcat:accessURL"},
    "dcat:DataService": {"dcat:endpointURL", "dct:title"},
}


def nodes(value: Any):
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def catalogue(lakeside: Service, path: str, token: str = "") -> dict[str, Any]:
    answer = lakeside.get(path, "application/ld+json", token)
    assert answer.headers["content-type"] == "application/ld+json"
    found: dict[str, Any] = json.loads(answer.content)
    return found


def test_the_record_has_what_dcat_ap_demands(lakeside: Service):
    found = catalogue(lakeside, "/public/catalog")
    kinds = {each["@type"] for each in nodes(found) if "@type" in each}
    assert kinds >= set(MANDATORY)
    for each in nodes(found):
        assert MANDATORY.get(each.get("@type", ""), set()) <= each.keys()
    prefixes = {
        name.partition(":")[0]
        for each in nodes({**found, "@context": {}})
        for name in each
        if ":" in name
    }
    assert prefixes <= found["@context"].keys()


def test_a_record_says_what_there_is_and_where(lakeside: Service):
    (dataset,) = catalogue(lakeside, "/public/catalog")["dcat:dataset"]
    assert dataset["dct:identifier"].endswith("INTERURBAN:COMPLETION(1.0.0)")
    assert {each["@language"] for each in dataset["dct:title"]} >= {"en", "ar", "fr"}
    temporal = dataset["dct:temporal"]
    assert temporal["dcat:startDate"]["@value"] == "2025-10-01"
    assert temporal["dcat:endDate"]["@value"] == "2025-12-31"
    assert dataset["dct:accessRights"]["@id"].endswith("/PUBLIC")
    for distribution in dataset["dcat:distribution"]:
        address = distribution["dcat:downloadURL"]["@id"]
        assert f"/public/sdmx/2/data/dataflow/{FLOW}" in address
        answer = lakeside.get(address.removeprefix("https://lakeside.example"))
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(
            distribution["dcat:mediaType"]["@id"].partition("media-types/")[2]
        )


def test_the_private_catalogue_is_the_callers_own(lakeside: Service):
    found = catalogue(lakeside, "/catalog", lakeside.token())
    ids = {each["dct:identifier"].rpartition(":")[2] for each in found["dcat:dataset"]}
    assert ids == {"COMPLETION(1.0.0)", "JOBS(1.0.0)"}
    rights = {each["dct:accessRights"]["@id"] for each in found["dcat:dataset"]}
    assert all(each.endswith("/RESTRICTED") for each in rights)
    assert lakeside.get("/catalog").status_code == 401
    assert lakeside.get("/public/catalog", "text/turtle").status_code == 406
