"""Versions: every change is seen, the version rises far enough, and breaks show."""

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.errors import ChainError, MalformedError
from interurban_protocol.structure_versions import (
    DATAFLOW,
    Change,
    ChangeKind,
    Level,
    check_version_step,
    compare,
    series_breaks,
    version_of,
)
from interurban_protocol.structures import (
    Code,
    Codelist,
    Cohort,
    Dimension,
    Structure,
)
from tests.support.tables import (
    a_code,
    a_table,
    bands,
    codes,
    standard_tables,
    with_code,
    with_codes,
    with_dimension,
)


def start() -> Structure:
    return a_table(
        splits={
            "AGE": ("learner.age_band", bands(16, 25, 35)),
            "SEX": ("learner.sex", codes("F", "M")),
            "PROGRAMME": ("programme.code", codes("P9", F1=["P1", "P2"], F2=["P3"])),
        },
        event="exit.employed",
        cohort=Cohort("EXITS", 2),
    )


def without(structure: Structure, name: str) -> Structure:
    return replace(
        structure,
        dimensions=tuple(each for each in structure.dimensions if each.id != name),
        codelists=tuple(
            each for each in structure.codelists if each.id != f"CL_{name}"
        ),
    )


def turned_dimensions(structure: Structure) -> Structure:
    area, *splits, time = structure.dimensions
    return replace(
        structure,
        dimensions=(area, *reversed(splits), time),
        codelists=tuple(reversed(structure.codelists)),
    )


def with_areas(structure: Structure) -> Structure:
    area, *others = structure.dimensions
    listed = Codelist("CL_AREA", {"en": "Areas"}, codes("LAKESIDE"))
    return replace(
        structure,
        dimensions=(replace(area, codelist_id="CL_AREA"), *others),
        codelists=(listed, *structure.codelists),
    )


def renamed_codelist(structure: Structure) -> Structure:
    (first, *others), (area, split, *rest) = structure.codelists, structure.dimensions
    return replace(
        structure,
        codelists=(replace(first, id="CL_YEARS"), *others),
        dimensions=(area, replace(split, codelist_id="CL_YEARS"), *rest),
    )


EDITS: dict[ChangeKind, tuple[Callable[[Structure], Structure], str, Level]] = {
    ChangeKind.EVENT: (
        lambda s: replace(s, event="exit.studying"),
        DATAFLOW,
        Level.MAJOR,
    ),
    ChangeKind.BASIS: (
        lambda s: replace(s, basis="public_task"),
        DATAFLOW,
        Level.MAJOR,
    ),
    ChangeKind.COHORT: (
        lambda s: replace(s, cohort=Cohort("EXITS", 4)),
        DATAFLOW,
        Level.MAJOR,
    ),
    ChangeKind.DIMENSION_REMOVED: (lambda s: without(s, "SEX"), "SEX", Level.MAJOR),
    ChangeKind.DIMENSION_ORDER: (turned_dimensions, DATAFLOW, Level.MAJOR),
    ChangeKind.CONCEPT: (
        lambda s: with_dimension(s, "SEX", concept="GENDER"),
        "SEX",
        Level.MAJOR,
    ),
    ChangeKind.SOURCE: (
        lambda s: with_dimension(s, "SEX", source="learner.gender"),
        "SEX",
        Level.MAJOR,
    ),
    ChangeKind.PROTECTION: (
        lambda s: with_dimension(s, "SEX", is_equity=True),
        "SEX",
        Level.MINOR,
    ),
    ChangeKind.CODELIST: (renamed_codelist, "AGE", Level.MINOR),
    ChangeKind.CODES_CLOSED: (with_areas, "REF_AREA", Level.MAJOR),
    ChangeKind.CODE_ADDED: (
        lambda s: with_codes(s, "SEX", [*s.codes("SEX"), a_code("X")]),
        "SEX.X",
        Level.MINOR,
    ),
    ChangeKind.CODE_REMOVED: (
        lambda s: with_codes(s, "SEX", s.codes("SEX")[:-1]),
        "SEX.M",
        Level.MAJOR,
    ),
    ChangeKind.CODE_ORDER: (
        lambda s: with_codes(s, "SEX", s.codes("SEX")[::-1]),
        "SEX",
        Level.PATCH,
    ),
    ChangeKind.VALUE: (
        lambda s: with_code(s, "SEX", "F", value="w"),
        "SEX.F",
        Level.MAJOR,
    ),
    ChangeKind.BAND: (
        lambda s: with_code(s, "AGE", "B16", lower=15),
        "AGE.B16",
        Level.MAJOR,
    ),
    ChangeKind.HIERARCHY: (
        lambda s: with_code(s, "PROGRAMME", "P2", parent="F2"),
        "PROGRAMME.P2",
        Level.MAJOR,
    ),
    ChangeKind.NAMES: (
        lambda s: with_code(s, "SEX", "F", names={"en": "F", "de": "Weiblich"}),
        "SEX.F",
        Level.PATCH,
    ),
}


@pytest.mark.parametrize("kind", EDITS)
def test_a_change_is_found_with_its_place_and_level(kind: ChangeKind) -> None:
    edit, where, level = EDITS[kind]
    (change,) = compare(start(), edit(start())).changes
    assert (change.kind, change.where, change.level) == (kind, where, level)


def test_a_dimension_added_is_a_removal_seen_from_the_other_side() -> None:
    (change,) = compare(without(start(), "SEX"), start()).changes
    assert change == Change(ChangeKind.DIMENSION_ADDED, "SEX")
    assert change.level is Level.MAJOR


def test_every_kind_of_change_is_tried() -> None:
    assert set(EDITS) | {ChangeKind.DIMENSION_ADDED} == set(ChangeKind)


def test_areas_that_are_no_longer_listed_are_a_minor_change() -> None:
    listed = with_areas(start())
    opened = replace(
        listed,
        dimensions=(
            replace(listed.dimensions[0], codelist_id=None),
            *listed.dimensions[1:],
        ),
        codelists=listed.codelists[1:],
    )
    (change,) = compare(listed, opened).changes
    assert (change.kind, change.level) == (ChangeKind.CODELIST, Level.MINOR)


WORDS: dict[str, Callable[[Structure], Structure]] = {
    "the dataflow": lambda s: replace(s, names={"en": "Jobs"}),
    "the measure": lambda s: replace(s, measure={"en": "Learners"}),
    "a dimension": lambda s: with_dimension(s, "SEX", names={"en": "Gender"}),
    "a codelist": lambda s: replace(
        s,
        codelists=tuple(replace(each, names={"en": "List"}) for each in s.codelists[:1])
        + s.codelists[1:],
    ),
    "a code": lambda s: with_code(s, "SEX", "F", names={"en": "Women"}),
}


@pytest.mark.parametrize("what", WORDS)
def test_other_words_are_a_patch(what: str) -> None:
    difference = compare(start(), WORDS[what](start()))
    assert {each.kind for each in difference.changes} == {ChangeKind.NAMES}
    assert difference.level is Level.PATCH


def test_no_field_of_the_model_is_forgotten() -> None:
    """A field that a later version adds has to be compared, and then named here."""
    compared = {
        Structure: "agency id version names dimensions codelists event basis measure cohort",
        Dimension: "id names concept codelist_id is_sensitive is_equity source "
        "is_split",  # which follows from the id
        Codelist: "id names codes",
        Code: "id names parent value lower upper",
        Cohort: "dataflow lag",
    }
    for model, names in compared.items():
        assert {field.name for field in fields(model)} == set(names.split())


_structures = st.sampled_from([start(), *standard_tables()])
_edits = st.lists(
    st.sampled_from([*EDITS.values()]).map(lambda row: row[0]), max_size=3, unique=True
)


@given(_structures)
def test_nothing_differs_from_itself(structure: Structure) -> None:
    difference = compare(structure, structure)
    assert difference.changes == ()
    assert difference.level is Level.NONE


def edited(chosen: list[Callable[[Structure], Structure]]) -> Structure:
    structure = start()
    for edit in chosen:
        try:
            structure = edit(structure)
        except MalformedError:  # two edits that no structure can have together
            continue
    return structure


@given(_edits)
def test_two_versions_without_a_difference_are_the_same_structure(chosen: list) -> None:
    structure = edited(chosen)
    has_changed = compare(start(), structure).changes != ()
    assert has_changed is (structure != start())


@given(_edits)
def test_the_least_version_that_is_asked_for_is_enough(chosen: list) -> None:
    structure = edited(chosen)
    difference = compare(start(), structure)
    if not difference.changes:
        return
    with pytest.raises(ChainError) as refused:
        check_version_step(start(), structure)
    version = refused.value.next_step.split()[4]
    check_version_step(start(), replace(structure, version=version))


STEPS = {
    "1.2.3": (Level.NONE, "1.2.4"),
    "1.2.4": (Level.PATCH, ""),
    "1.3.0": (Level.MINOR, ""),
    "2.0.0": (Level.MAJOR, ""),
}


@pytest.mark.parametrize("version", STEPS)
@pytest.mark.parametrize(
    ("edit", "asked"),
    [
        (WORDS["a code"], Level.PATCH),
        (EDITS[ChangeKind.CODE_ADDED][0], Level.MINOR),
        (EDITS[ChangeKind.BAND][0], Level.MAJOR),
    ],
)
def test_a_version_rises_at_least_by_what_changed(
    version: str, edit: Callable[[Structure], Structure], asked: Level
) -> None:
    old = replace(start(), version="1.2.3")
    new = replace(edit(old), version=version)
    if STEPS[version][0] >= asked:
        check_version_step(old, new)
    else:
        with pytest.raises(ChainError, match=f"for a {asked} change"):
            check_version_step(old, new)


@pytest.mark.parametrize("version", ["1.2.2", "1.1.9", "0.9.9"])
def test_a_version_never_falls(version: str) -> None:
    old = replace(start(), version="1.2.3")
    with pytest.raises(ChainError):
        check_version_step(old, replace(old, version=version))


def test_the_same_version_of_the_same_structure_is_no_step() -> None:
    check_version_step(start(), start())


def test_the_same_content_may_have_a_higher_version() -> None:
    check_version_step(start(), replace(start(), version="1.0.1"))


def test_a_refused_step_names_the_change_and_the_version_to_take() -> None:
    new = replace(with_code(start(), "AGE", "B16", lower=15), version="1.1.0")
    with pytest.raises(ChainError) as refused:
        check_version_step(start(), new)
    assert refused.value.message == (
        "INTERURBAN:COMPLETION(1.1.0) does not rise far enough above 1.0.0 for a major "
        "change; AGE.B16: another band: 16 to 25 -> 15 to 25"
    )
    assert refused.value.next_step == "Give it the version 2.0.0 or a higher one."


def test_versions_are_numbers_not_text() -> None:
    check_version_step(
        replace(start(), version="1.9.0"), replace(start(), version="1.10.0")
    )


def test_a_version_of_too_many_digits_is_refused() -> None:
    with pytest.raises(MalformedError):
        version_of(replace(start(), version="1" * 5000 + ".0.0"))


@pytest.mark.parametrize("change", [{"id": "OTHER"}, {"agency": "OTHER"}])
def test_different_dataflows_are_not_compared(change: dict[str, str]) -> None:
    with pytest.raises(MalformedError, match="different dataflows"):
        compare(start(), replace(start(), **change))


def test_a_series_breaks_where_a_major_change_is_and_at_what_it_touches() -> None:
    first = start()
    second = replace(WORDS["a code"](first), version="1.1.0")
    third = replace(with_code(second, "AGE", "B16", lower=15), version="2.0.0")
    (found,) = series_breaks([third, first, second])
    assert (found.before, found.after) == ("1.1.0", "2.0.0")
    assert [each.where for each in found.changes] == ["AGE.B16"]
    assert found.touches(["AGE"])
    assert found.touches(["SEX", "AGE"])
    assert not found.touches(["SEX"])
    assert not found.touches([])


@pytest.mark.parametrize(
    "kind", [ChangeKind.EVENT, ChangeKind.COHORT, ChangeKind.DIMENSION_REMOVED]
)
def test_some_changes_break_every_series_of_a_dataflow(kind: ChangeKind) -> None:
    edit, _, _ = EDITS[kind]
    (found,) = series_breaks([start(), replace(edit(start()), version="2.0.0")])
    assert found.touches([])


def test_a_series_over_one_version_does_not_break() -> None:
    assert series_breaks([start()]) == ()
    assert series_breaks([]) == ()


def test_a_change_is_said_in_a_line() -> None:
    assert str(Change(ChangeKind.CODE_ADDED, "SEX.X")) == "SEX.X: code added"
    assert str(Change(ChangeKind.EVENT, DATAFLOW, "a.b", "c.d")) == (
        "another event is counted: a.b -> c.d"
    )
    (change,) = compare(
        start(), with_code(start(), "PROGRAMME", "P9", parent="F1")
    ).changes
    assert str(change) == "PROGRAMME.P9: under another code: none -> F1"
    assert str(Level.MAJOR) == "major"
