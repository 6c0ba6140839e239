import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interurban_protocol.encoding import canonical_json, sha256_digest
from interurban_protocol.errors import MalformedError
from interurban_protocol.structures import (
    Code,
    Codelist,
    Dimension,
    Structure,
    bundle_bytes,
    completion_structure,
    parse_structure,
)
from tests.support.statistics import a_structure, equity_codes, some_codes

STRUCTURE = a_structure(programmes=3, ages=2)

texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12
).filter(str.strip)
names = st.dictionaries(st.sampled_from(["ar", "fr", "pt-BR", "uk"]), texts).flatmap(
    lambda others: texts.map(lambda text: {"en": text, **others})
)
ids = st.from_regex(r"\A[A-Z0-9@$-][A-Za-z0-9_@$-]{0,5}\Z")


def code_lists(minimum: int = 1) -> st.SearchStrategy[list[Code]]:
    codes = st.builds(
        Code, ids, names, st.none(), st.none() | texts.map(lambda text: "= " + text)
    )
    return st.lists(
        codes,
        min_size=minimum,
        max_size=4,
        unique_by=(lambda code: code.id, lambda code: code.value or code.id),
    )


@settings(max_examples=60, deadline=None)
@given(
    programmes=code_lists(),
    ages=code_lists(0),
    equity=code_lists(),
    areas=code_lists(0),
)
def test_a_structure_survives_the_wire(programmes, ages, equity, areas):
    structure = completion_structure(
        programmes, ages, equity, "learner.disability", "2.10.0", areas
    )
    again = parse_structure(bundle_bytes(structure))
    assert again == structure
    assert again.digest == structure.digest == sha256_digest(bundle_bytes(structure))


def test_the_bundle_of_a_structure_never_changes_by_accident():
    """Plans and manifests name this digest; another one is another structure."""
    assert a_structure(areas=1).digest == (
        "sha256:306d8bfc84626e58fba277bd9dcd71c081f8c363ca5b96541f7a85aa31efc2eb"
    )


def test_the_urn_names_the_dataflow():
    assert STRUCTURE.urn == (
        "urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=INTERURBAN:COMPLETION(1.0.0)"
    )
    assert STRUCTURE.reference == "INTERURBAN:COMPLETION(1.0.0)"


def test_completion_has_five_splits_between_area_and_time():
    assert [dimension.id for dimension in STRUCTURE.dimensions] == [
        "REF_AREA",
        "PROGRAMME",
        "AGE",
        "SEX",
        "EQUITY",
        "OUTCOME",
        "TIME_PERIOD",
    ]
    assert [split.id for split in STRUCTURE.split_dimensions] == [
        "PROGRAMME",
        "AGE",
        "SEX",
        "EQUITY",
        "OUTCOME",
    ]
    assert [split.id for split in STRUCTURE.split_dimensions if split.is_sensitive] == [
        "EQUITY"
    ]


def test_a_node_learns_from_the_structure_what_to_read():
    assert {split.id: split.source for split in STRUCTURE.split_dimensions} == {
        "PROGRAMME": "programme.code",
        "AGE": "learner.age_band",
        "SEX": "learner.sex",
        "EQUITY": "learner.displaced",
        "OUTCOME": "enrolment.outcome",
    }
    assert (STRUCTURE.event, STRUCTURE.basis) == ("enrolment.started", "consent")


@pytest.mark.parametrize(
    ("dimension", "value", "code"),
    [
        ("EQUITY", "yes", "DIS"),
        ("EQUITY", "no", "NDI"),
        ("EQUITY", "unknown", "_U"),
        ("EQUITY", None, "_U"),
        ("SEX", "F", "F"),
        ("SEX", "_O", "_U"),
        ("AGE", "_T", "_U"),  # a learner is never a total
        ("OUTCOME", "completed", "COM"),
        ("OUTCOME", "COM", None),  # the list has the registry's word for it
        ("OUTCOME", None, None),
        ("PROGRAMME", "P9", None),
    ],
)
def test_a_registry_value_has_one_base_code_or_none(dimension, value, code):
    assert STRUCTURE.code_of(dimension, value) == code


def test_unknown_is_added_to_age_and_equity_once():
    given_unknown = [Code("_U", {"en": "Not asked"}), *equity_codes()]
    structure = completion_structure(
        some_codes("P", 1), some_codes("A", 1), given_unknown, "learner.displaced"
    )
    assert [code.id for code in structure.base_codes("EQUITY")] == ["_U", "DIS", "NDI"]
    assert [code.id for code in structure.base_codes("AGE")] == ["A1", "_U"]
    assert [code.id for code in structure.base_codes("PROGRAMME")] == ["P1"]


@pytest.mark.parametrize("look_up", ["dimension", "codelist", "codes", "base_codes"])
def test_what_the_structure_does_not_have_is_malformed(look_up):
    with pytest.raises(MalformedError, match="the structure has no such"):
        getattr(STRUCTURE, look_up)("WAGE")


def test_the_message_is_an_sdmx_json_structure_message():
    data = json.loads(bundle_bytes(a_structure(areas=2)))["data"]
    assert set(data) == {"dataflows", "dataStructures", "conceptSchemes", "codelists"}
    (dataflow,), (definition,) = data["dataflows"], data["dataStructures"]
    assert dataflow["structure"] == definition["links"][0]["urn"]
    assert dataflow["links"][0]["urn"] == STRUCTURE.urn
    components = definition["dataStructureComponents"]
    assert set(components) == {"dimensionList", "measureList", "attributeList"}
    listed = components["dimensionList"]
    assert [entry["position"] for entry in listed["dimensions"]] == [1, 2, 3, 4, 5, 6]
    assert listed["timeDimension"]["id"] == "TIME_PERIOD"
    assert [entry["id"] for entry in components["measureList"]["measures"]] == [
        "OBS_VALUE"
    ]
    assert [entry["id"] for entry in components["attributeList"]["attributes"]] == [
        "OBS_STATUS",
        "CONF_STATUS",
    ]


def test_every_urn_in_a_message_points_into_the_message():
    data = json.loads(bundle_bytes(STRUCTURE))["data"]
    own = {
        artefact["links"][0]["urn"]
        for artefacts in data.values()
        for artefact in artefacts
    }
    scheme = data["conceptSchemes"][0]
    concepts = scheme["links"][0]["urn"].replace("ConceptScheme=", "Concept=")
    own |= {f"{concepts}.{concept['id']}" for concept in scheme["concepts"]}
    text = json.dumps(data)
    named = {part.partition('"')[0] for part in text.split('"urn:sdmx')[1:]}
    assert {f"urn:sdmx{urn}" for urn in named} == own


def test_the_marks_of_cells_come_with_their_codelists():
    codelists = json.loads(bundle_bytes(STRUCTURE))["data"]["codelists"]
    codes = {
        codelist["id"]: [code["id"] for code in codelist["codes"]]
        for codelist in codelists
    }
    assert codes["CL_OBS_STATUS"] == ["A", "Q"]
    assert codes["CL_CONF_STATUS"] == ["F", "A"]


# Each entry changes one thing in a good message.
def _at(*path: str | int) -> Callable[[Any], Any]:
    def find(value: Any) -> Any:
        for step in path:
            value = value[step]
        return value

    return find


_DIMENSIONS = (
    "data",
    "dataStructures",
    0,
    "dataStructureComponents",
    "dimensionList",
    "dimensions",
)
TAMPERED: dict[str, Callable[[Any], object]] = {
    "no data": lambda m: m.pop("data"),
    "a header": lambda m: m.update(meta={}),
    "data of another type": lambda m: m.update(data=[]),
    "no dataflow": lambda m: m["data"]["dataflows"].clear(),
    "two dataflows": lambda m: m["data"]["dataflows"].append(m["data"]["dataflows"][0]),
    "no data structure": lambda m: m["data"].pop("dataStructures"),
    "no concept scheme": lambda m: m["data"]["conceptSchemes"].clear(),
    "no codelists": lambda m: m["data"]["codelists"].clear(),
    "a codelist missing": lambda m: m["data"]["codelists"].pop(0),
    "a codelist twice": lambda m: m["data"]["codelists"].append(
        m["data"]["codelists"][0]
    ),
    "a codelist too many": lambda m: m["data"]["codelists"].append(
        {**m["data"]["codelists"][0], "id": "CL_OTHER"}
    ),
    "codelists in another order": lambda m: m["data"]["codelists"].reverse(),
    "a status list of ours changed": lambda m: m["data"]["codelists"][-1][
        "codes"
    ].pop(),
    "a code twice": lambda m: m["data"]["codelists"][0]["codes"].append(
        m["data"]["codelists"][0]["codes"][1]
    ),
    "no total": lambda m: m["data"]["codelists"][0]["codes"].pop(0),
    "no base code": lambda m: m["data"]["codelists"][0].update(
        codes=m["data"]["codelists"][0]["codes"][:1]
    ),
    "a code that is no id": lambda m: m["data"]["codelists"][0]["codes"][1].update(
        id="a,b"
    ),
    "a code under nobody": lambda m: m["data"]["codelists"][0]["codes"][1].update(
        parent="X"
    ),
    "a code under itself": lambda m: m["data"]["codelists"][0]["codes"][1].update(
        parent="P1"
    ),
    "a code under a sibling": lambda m: m["data"]["codelists"][0]["codes"][1].update(
        parent="P2"
    ),
    "a code without a name": lambda m: m["data"]["codelists"][0]["codes"][1].pop(
        "names"
    ),
    "a code with another name than its names": lambda m: m["data"]["codelists"][0][
        "codes"
    ][1].update(name="Q"),
    "a name without English": lambda m: m["data"]["dataflows"][0].update(
        names={"fr": "x"}
    ),
    "an empty name": lambda m: m["data"]["dataflows"][0]["names"].update(fr=" "),
    "a language that is none": lambda m: m["data"]["dataflows"][0]["names"].update(
        English="x"
    ),
    "a number for a name": lambda m: m["data"]["dataflows"][0]["names"].update(en=1),
    "another agency in one artefact": lambda m: m["data"]["codelists"][0].update(
        agencyID="OTHER"
    ),
    "an agency of another form": lambda m: m["data"]["dataflows"][0].update(
        agencyID="9"
    ),
    "a version of another form": lambda m: m["data"]["dataflows"][0].update(
        version="1.0"
    ),
    "an id of another form": lambda m: m["data"]["dataflows"][0].update(id="A B"),
    "another URN": lambda m: m["data"]["dataflows"][0]["links"][0].update(urn="urn:x"),
    "an unknown basis": lambda m: m["data"]["dataflows"][0]["annotations"][1].update(
        title="because"
    ),
    "no annotations": lambda m: m["data"]["dataflows"][0].pop("annotations"),
    "an annotation that we do not know": lambda m: m["data"]["dataflows"][0][
        "annotations"
    ].append({"id": "x", "title": "y"}),
    "an unknown codelist": lambda m: _at(*_DIMENSIONS, 1)(m).update(
        localRepresentation={
            "enumeration": "urn:sdmx:org.sdmx.infomodel.codelist.Codelist="
            "INTERURBAN:CL_NONE(1.0.0)"
        }
    ),
    "an enumeration that is no URN": lambda m: _at(*_DIMENSIONS, 1)(m).update(
        localRepresentation={"enumeration": ""}
    ),
    "a concept that is not there": lambda m: _at(*_DIMENSIONS, 1)(m).update(
        conceptIdentity="x"
    ),
    "a dimension that splits nobody": lambda m: _at(*_DIMENSIONS, 1)(m).pop(
        "annotations"
    ),
    "a dimension without source": lambda m: _at(*_DIMENSIONS, 1, "annotations")(m).pop(
        0
    ),
    "a dimension twice": lambda m: _at(*_DIMENSIONS)(m).append(_at(*_DIMENSIONS, 1)(m)),
    "no area": lambda m: _at(*_DIMENSIONS)(m).pop(0),
    "dimensions in another order": lambda m: _at(*_DIMENSIONS)(m).reverse(),
    "another position": lambda m: _at(*_DIMENSIONS, 1)(m).update(position=7),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_message_of_another_form_is_malformed(tamper):
    message = json.loads(bundle_bytes(STRUCTURE))
    tamper(message)
    with pytest.raises(MalformedError):
        parse_structure(canonical_json(message))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b'{"data":',
        b"\xff",
        json.dumps(json.loads(bundle_bytes(STRUCTURE))).encode(),
        bundle_bytes(STRUCTURE) + b"\n",
        b'{"data":{},' + bundle_bytes(STRUCTURE)[1:],
    ],
    ids=["empty", "null", "cut", "not UTF-8", "not canonical", "line end", "twice"],
)
def test_bytes_that_are_not_the_canonical_message_are_malformed(data):
    with pytest.raises(MalformedError):
        parse_structure(data)


def changed(structure: Structure, position: int, **changes: Any) -> dict[str, Any]:
    dimensions = list(structure.dimensions)
    dimensions[position] = dataclasses.replace(dimensions[position], **changes)
    return {"dimensions": tuple(dimensions)}


UNSOUND: dict[str, dict[str, Any]] = {
    "no dimensions": {"dimensions": ()},
    "time not last": {"dimensions": STRUCTURE.dimensions[::-1]},
    "a coded time": changed(STRUCTURE, -1, codelist_id="CL_SEX"),
    "a split area": changed(STRUCTURE, 0, is_split=True),
    "an area with a source": changed(STRUCTURE, 0, source="learner.residence"),
    "a sensitive area": changed(STRUCTURE, 0, is_sensitive=True),
    "a second constant dimension": changed(STRUCTURE, 1, is_split=False),
    "a concept twice": changed(STRUCTURE, 1, concept="AGE"),
    "a concept that every dataflow has": changed(STRUCTURE, 1, concept="OBS_VALUE"),
    "a split without codelist": changed(STRUCTURE, 1, codelist_id=None)
    | {"codelists": STRUCTURE.codelists[1:]},
    "a split without source": changed(STRUCTURE, 1, source=""),
    "a codelist of a reserved name": changed(STRUCTURE, 1, codelist_id="CL_OBS_STATUS")
    | {
        "codelists": (
            dataclasses.replace(STRUCTURE.codelists[0], id="CL_OBS_STATUS"),
            *STRUCTURE.codelists[1:],
        )
    },
    "two codes for one registry value": {
        "codelists": (
            *STRUCTURE.codelists[:-1],
            Codelist(
                "CL_OUTCOME",
                {"en": "Outcome"},
                tuple(
                    Code(code, {"en": code}, value=value)
                    for code, value in (("_T", None), ("A", "B"), ("B", None))
                ),
            ),
        )
    },
    "another basis": {"basis": "why not"},
    "no measure": {"measure": {}},
}


@pytest.mark.parametrize("changes", UNSOUND.values(), ids=UNSOUND.keys())
def test_an_unsound_structure_cannot_be_made(changes):
    with pytest.raises(MalformedError):
        dataclasses.replace(STRUCTURE, **changes)


def test_areas_may_have_a_hierarchy_without_circles():
    areas = [
        Code("REGION", {"en": "Region"}),
        Code("CITY", {"en": "City"}, parent="REGION"),
        Code("QUARTER", {"en": "Quarter"}, parent="CITY"),
    ]
    structure = completion_structure(
        some_codes("P", 1), [], equity_codes(), "learner.displaced", areas=areas
    )
    assert parse_structure(bundle_bytes(structure)).codes("REF_AREA") == tuple(areas)
    circle = [dataclasses.replace(areas[0], parent="QUARTER"), *areas[1:]]
    with pytest.raises(MalformedError, match="under itself"):
        completion_structure(
            some_codes("P", 1), [], equity_codes(), "learner.displaced", areas=circle
        )


def test_two_dimensions_may_share_a_codelist():
    second = Dimension(
        id="SECOND_SEX",
        names={"en": "Again"},
        concept="SECOND_SEX",
        codelist_id="CL_SEX",
        is_split=True,
        source="learner.sex",
    )
    *dimensions, time = STRUCTURE.dimensions
    structure = dataclasses.replace(STRUCTURE, dimensions=(*dimensions, second, time))
    assert parse_structure(bundle_bytes(structure)) == structure
