"""Bands and groups: which code covers whom, and when two lists group people otherwise."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.structure_groupings import (
    AGE_FIELD,
    Band,
    Listed,
    band_of,
    clash,
    is_same_list,
    overlapping_leaves,
)
from interurban_protocol.structures import Code
from tests.support.tables import a_code, a_table, bands, codes


def listed(*given_codes: Code, field: str = "job.wage_band") -> Listed:
    structure = a_table(splits={"BAND": (field, given_codes)})
    return Listed(structure, structure.split_dimensions[0])


@pytest.mark.parametrize(
    ("code_id", "band"),
    [
        ("Y16T24", Band(16, 25)),
        ("Y_LT16", Band(0, 16)),
        ("Y_LE15", Band(0, 16)),
        ("Y_GE55", Band(55, None)),
        ("Y_GT54", Band(55, None)),
        ("_U", None),
        ("A1", None),
        ("Y1T2T3", None),
    ],
)
def test_an_age_is_read_from_its_standard_id(code_id: str, band: Band | None) -> None:
    assert band_of(a_code(code_id), AGE_FIELD) == band


def test_an_id_names_years_only_where_the_field_is_an_age() -> None:
    assert band_of(a_code("Y16T24"), "programme.code") is None


def test_a_stated_band_goes_before_the_id() -> None:
    assert band_of(a_code("Y16T24", lower=1, upper=2), AGE_FIELD) == Band(1, 2)


_limits = st.integers(0, 30)
_some_bands = st.builds(
    lambda low, size: Band(low, None if size is None else low + size),
    _limits,
    st.one_of(st.none(), st.integers(1, 20)),
)


@given(_some_bands, _some_bands)
def test_two_bands_overlap_if_a_number_lies_in_both(one: Band, other: Band) -> None:
    def holds(band: Band, number: int) -> bool:
        return band.lower <= number and (band.upper is None or number < band.upper)

    shared = any(holds(one, number) and holds(other, number) for number in range(100))
    assert one.overlaps(other) is other.overlaps(one) is shared


@given(st.lists(_some_bands, min_size=1, max_size=6, unique=True))
def test_an_overlap_anywhere_in_a_list_is_found(some: Sequence[Band]) -> None:
    given_codes = [
        a_code(f"B{place}", lower=band.lower, upper=band.upper)
        for place, band in enumerate(some)
    ]
    pairs = [(a, b) for a in some for b in some if a != b and a.overlaps(b)]
    assert bool(overlapping_leaves(listed(*given_codes))) is bool(pairs)


CLASHES = {
    "bands": (
        bands(0, 800),
        bands(0, 900),
        "0 to below 800 in one overlaps 0 to below 900",
    ),
    "open bands": (bands(800), bands(900), "800 and more in one overlaps 900 and more"),
    "unknown": (codes("A", "_U"), codes("A"), "unknown in the other"),
    "groups": (
        codes("C", G=["A", "B"]),
        codes("A", H=["B", "C"]),
        "the group G in one overlaps H in the other",
    ),
}


@pytest.mark.parametrize("what", CLASHES)
def test_two_lists_that_group_people_otherwise_clash(what: str) -> None:
    one, other, why = CLASHES[what]
    assert why in (clash(listed(*one), listed(*other)) or "")


ALIKE = {
    "the same list": (bands(0, 800), bands(0, 800)),
    "another order and other words": (codes("A", "B"), codes("B", "A")),
    "a list that has grown": (codes("A"), codes("A", "B")),
    "bands that have gone on": (bands(0, 800)[:1], bands(0, 800)),
    "finer groups": (codes("C", G=["A", "B"]), codes(G=["A", "B", "C"])),
    "groups of other codes": (codes("C", G=["A", "B"]), codes("A", H=["C", "D"])),
}


@pytest.mark.parametrize("what", ALIKE)
def test_lists_that_group_people_alike_do_not_clash(what: str) -> None:
    one, other = (listed(*each) for each in ALIKE[what])
    assert clash(one, other) is None
    assert clash(other, one) is None


def test_a_list_is_the_same_whatever_its_words_and_order_and_not_with_other_codes() -> (
    None
):
    one = listed(a_code("A"), a_code("B"))
    assert is_same_list(one, listed(Code("B", {"en": "x"}), Code("A", {"en": "y"})))
    assert not is_same_list(one, listed(a_code("A")))
    assert not is_same_list(one, listed(a_code("A", value="a"), a_code("B")))
    assert not is_same_list(one, listed(*codes("A", G=["B"])))
