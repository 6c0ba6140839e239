import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.errors import MalformedError
from interurban_protocol.structures import (
    Code,
    Codelist,
    Cohort,
    Structure,
    bundle_bytes,
    parse_structure,
)
from tests.support.statistics import a_structure

STRUCTURE = a_structure()


def named(code_id: str, parent: str | None = None, value: str | None = None) -> Code:
    return Code(code_id, {"en": code_id.lower()}, parent, value)


def with_programmes(*codes: Code) -> Structure:
    first, *others = STRUCTURE.codelists
    codelist = Codelist(first.id, first.names, (named("_T"), *codes))
    return dataclasses.replace(STRUCTURE, codelists=(codelist, *others))


CRAFTS = with_programmes(
    named("CRAFTS"),
    named("METAL", "CRAFTS"),
    named("WELD", "METAL", "w1"),
    named("WOOD", "CRAFTS", "w2"),
    named("CARE", "_T"),
    named("LOCKS", "METAL"),
    named("_U"),
)


@st.composite
def hierarchies(draw: st.DrawFn) -> tuple[Code, ...]:
    """Codes in any order, on up to three levels; leaves may have registry values."""
    levels: dict[str, int] = {}
    codes = []
    for number in range(draw(st.integers(1, 12))):
        above = sorted(code for code, level in levels.items() if level < 3)
        parent = draw(st.sampled_from([None, "_T", *above]))
        code = named(f"C{number}", parent)
        levels[code.id] = levels.get(parent or "", 0) + 1
        codes.append(code)
    groups = {code.parent for code in codes}
    valued = [
        dataclasses.replace(code, value=f"= {code.id}")
        if code.id not in groups and draw(st.booleans())
        else code
        for code in codes
    ]
    return tuple(draw(st.permutations(valued)))


@given(codes=hierarchies())
def test_a_hierarchy_survives_the_wire_with_its_digest(codes):
    structure = with_programmes(*codes)
    again = parse_structure(bundle_bytes(structure))
    assert again == structure
    assert again.digest == structure.digest == with_programmes(*codes).digest


@given(codes=hierarchies())
def test_the_children_of_a_code_share_out_its_members(codes):
    structure = with_programmes(*codes)
    for code in structure.codes("PROGRAMME"):
        children = structure.children("PROGRAMME", code.id)
        members = structure.members("PROGRAMME", code.id)
        parts = [structure.members("PROGRAMME", child) for child in children]
        assert sorted(leaf for part in parts for leaf in part) == sorted(
            members if children else ()
        )
        assert children or members == (code.id,)


@given(codes=hierarchies())
def test_the_total_has_every_leaf_once_and_nothing_else(codes):
    structure = with_programmes(*codes)
    leaves = [leaf.id for leaf in structure.base_codes("PROGRAMME")]
    assert list(structure.members("PROGRAMME", "_T")) == leaves
    groups = {code.parent for code in codes}
    assert leaves == [code.id for code in codes if code.id not in groups]


@given(codes=hierarchies())
def test_every_registry_value_leads_to_one_leaf_and_a_group_to_none(codes):
    structure = with_programmes(*codes)
    leaves = {leaf.id for leaf in structure.base_codes("PROGRAMME")}
    for code in codes:
        expected = code.id if code.id in leaves else None
        assert structure.code_of("PROGRAMME", code.id) == expected
        if code.value is not None:
            assert structure.code_of("PROGRAMME", code.value) == code.id


def test_tables_have_rows_for_groups_and_leaves_in_the_order_of_the_list():
    assert [code.id for code in CRAFTS.shown_codes("PROGRAMME")] == [
        "CRAFTS",
        "METAL",
        "WELD",
        "WOOD",
        "CARE",
        "LOCKS",
        "_U",
    ]
    assert [code.id for code in CRAFTS.base_codes("PROGRAMME")] == [
        "WELD",
        "WOOD",
        "CARE",
        "LOCKS",
        "_U",
    ]


@pytest.mark.parametrize(
    ("code", "children", "members"),
    [
        (
            "_T",
            ("CRAFTS", "CARE", "_U"),
            ("WELD", "WOOD", "CARE", "LOCKS", "_U"),
        ),
        ("CRAFTS", ("METAL", "WOOD"), ("WELD", "WOOD", "LOCKS")),
        ("METAL", ("WELD", "LOCKS"), ("WELD", "LOCKS")),
        ("WELD", (), ("WELD",)),
        ("_U", (), ("_U",)),
    ],
)
def test_a_group_is_the_sum_of_what_stands_under_it(code, children, members):
    assert CRAFTS.children("PROGRAMME", code) == children
    assert CRAFTS.members("PROGRAMME", code) == members


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("w1", "WELD"),
        ("WELD", "WELD"),
        ("LOCKS", "LOCKS"),
        ("METAL", "_U"),  # nobody is in a group and in none of its leaves
        ("_T", "_U"),
        ("glass", "_U"),
        (None, "_U"),
    ],
)
def test_a_learner_is_in_exactly_one_leaf(value, code):
    assert CRAFTS.code_of("PROGRAMME", value) == code


def test_a_flat_list_shows_its_leaves_only():
    for split in STRUCTURE.split_dimensions:
        codes = STRUCTURE.shown_codes(split.id)
        assert STRUCTURE.base_codes(split.id) == codes
        assert STRUCTURE.children(split.id, "_T") == tuple(code.id for code in codes)
        assert all(STRUCTURE.members(split.id, code.id) == (code.id,) for code in codes)


@pytest.mark.parametrize("look_up", ["children", "members"])
@pytest.mark.parametrize(
    ("dimension", "code"),
    [("PROGRAMME", "GLASS"), ("TIME_PERIOD", "_T"), ("WAGE", "_T")],
)
def test_a_code_that_the_structure_does_not_have_is_malformed(look_up, dimension, code):
    with pytest.raises(MalformedError, match="the structure has no such"):
        getattr(CRAFTS, look_up)(dimension, code)


def test_unknown_may_stand_in_a_group():
    structure = with_programmes(
        named("LEFT"), named("_U", "LEFT"), named("MORE", "LEFT")
    )
    assert structure.members("PROGRAMME", "LEFT") == ("_U", "MORE")
    assert structure.code_of("PROGRAMME", None) == "_U"


def test_a_code_that_only_has_the_value_unknown_does_not_take_the_rest_in():
    structure = with_programmes(named("P"), named("NN", value="_U"))
    assert structure.code_of("PROGRAMME", "_U") == "NN"
    assert structure.code_of("PROGRAMME", "else") is None


@given(
    lower=st.integers(0, 2**53 - 2),
    width=st.none() | st.integers(1, 2**20),
    lag=st.integers(1, 8),
)
def test_bands_cohorts_and_equity_marks_survive_the_wire(lower, width, lag):
    upper = None if width is None else min(lower + width, 2**53 - 1)
    band = Code("BAND", {"en": "band"}, lower=lower, upper=upper)
    structure = dataclasses.replace(with_programmes(band), cohort=Cohort("EXITS", lag))
    again = parse_structure(bundle_bytes(structure))
    assert again == structure
    assert again.base_codes("PROGRAMME") == (band,)
    assert again.cohort == Cohort("EXITS", lag)
    assert [each.id for each in again.dimensions if each.is_equity] == ["EQUITY"]
