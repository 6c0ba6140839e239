import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interurban_protocol.encoding import canonical_json, sha256_digest
from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.structures import (
    Code,
    Codelist,
    Cohort,
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
        "sha256:549c7c58d838c37f9f83530deeb3cac5bebf08976f3efe4e5b599113b5c2311c"
    )


def test_a_flat_structure_has_the_digest_that_it_had_before_hierarchies():
    """Before, OUTCOME was not sensitive and nothing was marked as an equity group."""
    structure = a_structure(areas=1)
    before = tuple(
        dataclasses.replace(
            dimension, is_equity=False, is_sensitive=dimension.id == "EQUITY"
        )
        for dimension in structure.dimensions
    )
    assert dataclasses.replace(structure, dimensions=before).digest == (
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
    splits = STRUCTURE.split_dimensions
    assert [split.id for split in splits if split.is_sensitive] == ["EQUITY", "OUTCOME"]
    assert [split.id for split in splits if split.is_equity] == ["EQUITY"]


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
        ("OUTCOME", "COM", "COM"),  # by its own id as by the registry's word for it
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


@pytest.mark.parametrize("look_up", ["dimension", "codelist", "codes", "shown_codes"])
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


def annotate(item: Any, **titles: str) -> None:
    written = item.setdefault("annotations", [])
    written += [
        {"id": name, "type": "INTERURBAN", "title": title}
        for name, title in titles.items()
    ]


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
    "a code under a total that is not there": lambda m: m["data"]["codelists"][0][
        "codes"
    ][0].update(parent="_T"),
    "more annotations than a code can have": lambda m: m["data"]["codelists"][0][
        "codes"
    ][1].update(annotations=[{"id": "upper", "type": "INTERURBAN", "title": "5"}]),
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
    "an event of another form": lambda m: m["data"]["dataflows"][0]["annotations"][
        0
    ].update(title="started"),
    "a lag without a cohort": lambda m: annotate(m["data"]["dataflows"][0], lag="2"),
    "a cohort without a lag": lambda m: annotate(
        m["data"]["dataflows"][0], cohort="EXITS"
    ),
    "a lag that is no number": lambda m: annotate(
        m["data"]["dataflows"][0], cohort="EXITS", lag="two"
    ),
    "a lag written at length": lambda m: annotate(
        m["data"]["dataflows"][0], cohort="EXITS", lag="02"
    ),
    "a lag of three years": lambda m: annotate(
        m["data"]["dataflows"][0], cohort="EXITS", lag="12"
    ),
    "a lag of more digits than any": lambda m: annotate(
        m["data"]["dataflows"][0], cohort="EXITS", lag="9" * 5000
    ),
    "a cohort of itself": lambda m: annotate(
        m["data"]["dataflows"][0], cohort="COMPLETION", lag="2"
    ),
    "a band that is no number": lambda m: m["data"]["codelists"][0]["codes"][1].update(
        annotations=[{"id": "lower", "type": "INTERURBAN", "title": "-1"}]
    ),
    "an equity mark that is not true": lambda m: annotate(
        _at(*_DIMENSIONS, 1)(m), equity="false"
    ),
    "an area that is an equity group": lambda m: annotate(
        _at(*_DIMENSIONS, 0)(m), equity="true"
    ),
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


def outcomes(*codes: Code, total: Code | None = None) -> dict[str, Any]:
    """The last codelist replaced by the total and these codes."""
    codelist = Codelist(
        "CL_OUTCOME", {"en": "Outcome"}, (total or Code("_T", {"en": "Total"}), *codes)
    )
    return {"codelists": (*STRUCTURE.codelists[:-1], codelist)}


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
    "two codes for one registry value": outcomes(
        Code("A", {"en": "A"}, value="x"), Code("B", {"en": "B"}, value="x")
    ),
    "a registry value that is another code": outcomes(
        Code("A", {"en": "A"}, value="B"), Code("B", {"en": "B"}, value="b")
    ),
    "a registry value that is the total": outcomes(Code("A", {"en": "A"}, value="_T")),
    "an empty registry value": outcomes(Code("A", {"en": "A"}, value="")),
    "a group with a registry value": outcomes(
        Code("A", {"en": "A"}, value="a"), Code("B", {"en": "B"}, parent="A")
    ),
    "a group with a band": outcomes(
        Code("A", {"en": "A"}, lower=0), Code("B", {"en": "B"}, parent="A")
    ),
    "a registry value for unknown": outcomes(
        Code("A", {"en": "A"}), Code("_U", {"en": "U"}, value="yes")
    ),
    "codes under the unknown": outcomes(
        Code("_U", {"en": "U"}), Code("B", {"en": "B"}, parent="_U")
    ),
    "a total under a group": outcomes(
        Code("A", {"en": "A"}), total=Code("_T", {"en": "T"}, parent="A")
    ),
    "a total with a registry value": outcomes(
        Code("A", {"en": "A"}), total=Code("_T", {"en": "T"}, value="all")
    ),
    "a total with a band": outcomes(
        Code("A", {"en": "A"}), total=Code("_T", {"en": "T"}, lower=0)
    ),
    "four levels": outcomes(
        Code("A", {"en": "A"}),
        Code("B", {"en": "B"}, parent="A"),
        Code("C", {"en": "C"}, parent="B"),
        Code("D", {"en": "D"}, parent="C"),
    ),
    "a circle": outcomes(
        Code("A", {"en": "A"}, parent="B"), Code("B", {"en": "B"}, parent="A")
    ),
    "a band without a beginning": outcomes(Code("A", {"en": "A"}, upper=5)),
    "a band that is empty": outcomes(Code("A", {"en": "A"}, lower=5, upper=5)),
    "a band below nothing": outcomes(Code("A", {"en": "A"}, lower=-1, upper=5)),
    "a band beyond all numbers": outcomes(Code("A", {"en": "A"}, lower=2**60)),
    "an event of another form": {"event": "Enrolment started"},
    "no event": {"event": ""},
    "a cohort of another form": {"cohort": Cohort("E X", 2)},
    "a cohort observed at once": {"cohort": Cohort("EXITS", 0)},
    "a cohort observed too late": {"cohort": Cohort("EXITS", 9)},
    "a cohort of nobody": {
        "cohort": Cohort("EXITS", 2),
        "basis": "non_personal",
    },
    "an area that is an equity group": changed(STRUCTURE, 0, is_equity=True),
    "another basis": {"basis": "why not"},
    "no measure": {"measure": {}},
}


def test_a_structure_has_at_most_sixteen_dimensions():
    *dimensions, time = STRUCTURE.dimensions
    more = [
        dataclasses.replace(dimensions[1], id=f"MORE{i}", concept=f"MORE{i}")
        for i in range(16 - len(STRUCTURE.dimensions))
    ]
    most = dataclasses.replace(STRUCTURE, dimensions=(*dimensions, *more, time))
    assert len(most.dimensions) == 16
    beyond = dataclasses.replace(dimensions[1], id="BEYOND", concept="BEYOND")
    with pytest.raises(OversizedError):
        dataclasses.replace(most, dimensions=(*most.dimensions[:-1], beyond, time))


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
