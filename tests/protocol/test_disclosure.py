import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interurban_protocol.disclosure import (
    MAX_CELLS,
    BaseCells,
    Cell,
    Group,
    ProtectedTable,
    Rate,
    check_size,
    closed_lattice,
    codes_by_dimension,
    lattice_size,
    protect,
    protected_count,
    protected_coverage,
    rate,
)
from interurban_protocol.errors import (
    DisclosureError,
    MalformedError,
    OversizedError,
    VerificationError,
)
from interurban_protocol.perturbation_tables import (
    PerturbationParameters,
    perturbation_table,
)
from interurban_protocol.release_plans import ProtectionProfile
from tests.support.statistics import (
    DEFAULT,
    Person,
    a_structure,
    base_combinations,
    grouped,
    naive_count,
    naive_members,
    protected,
    some_people,
)

STRUCTURE = a_structure()  # P1 P2 | A1 _U | F M _U | DIS NDI _U | COM NCM ONG
TABLE = perturbation_table(DEFAULT.perturbation)
COMBINATIONS = base_combinations(STRUCTURE)
PEOPLE = some_people(STRUCTURE, count=700, seed=7)
ROUNDED = ProtectionProfile(rounding=5)

people = st.lists(
    st.builds(Person, st.sampled_from(COMBINATIONS), st.integers(0, 2**32 - 1)),
    max_size=60,
)


def values(table: ProtectedTable) -> dict[tuple[str, ...], int | None]:
    return {cell.codes: cell.value for cell in table.cells}


def naive_value(
    learners: list[Person], codes: tuple[str, ...], profile: ProtectionProfile
) -> int | None:
    """The whole protection of one cell, written down a second time without arrays."""
    members = naive_members(learners, codes)
    key = sum(person.key for person in members) % 2**32
    table = perturbation_table(profile.perturbation)
    perturbed = len(members) + table.lookup(len(members), key)
    if perturbed < profile.threshold or is_collapsed(learners, codes, profile):
        return None
    base = profile.rounding or 1
    return math.floor(perturbed / base + 0.5) * base


def is_collapsed(
    learners: list[Person], codes: tuple[str, ...], profile: ProtectionProfile
) -> bool:
    equity = [split.id for split in STRUCTURE.split_dimensions].index("EQUITY")
    if codes[equity] == "_T":
        return False
    parent = naive_count(learners, (*codes[:equity], "_T", *codes[equity + 1 :]))
    children = [
        naive_count(learners, (*codes[:equity], code, *codes[equity + 1 :]))
        for code in ("DIS", "NDI", "_U")
    ]
    return any(
        child and parent - child < profile.collapse_difference for child in children
    )


# --- the whole


@pytest.mark.parametrize(
    "profile",
    [
        DEFAULT,
        ROUNDED,
        ProtectionProfile(max_dimensions=2, threshold=12, rounding=4),
        ProtectionProfile(
            perturbation=PerturbationParameters(blocked=2), collapse_difference=20
        ),
    ],
    ids=["default", "rounded", "two dimensions", "collapsing much"],
)
def test_every_cell_is_what_a_second_implementation_says(profile):
    table = protected(PEOPLE, STRUCTURE, profile)
    assert [cell.codes for cell in table.cells] == list(
        closed_lattice(STRUCTURE, profile.max_dimensions)
    )
    for cell in table.cells:
        assert cell.value == naive_value(PEOPLE, cell.codes, profile), cell.codes


@settings(max_examples=40, deadline=None)
@given(learners=people, profile=st.sampled_from([DEFAULT, ROUNDED]))
def test_no_value_below_the_threshold_is_ever_shown(learners, profile):
    table = protected(learners, STRUCTURE, profile)
    shown = [cell for cell in table.cells if cell.value is not None]
    assert all(cell.value >= profile.threshold for cell in shown)
    largest = profile.perturbation.maximum + (profile.rounding or 0)
    for cell in shown:
        assert abs(cell.value - naive_count(learners, cell.codes)) <= largest


@settings(max_examples=40, deadline=None)
@given(learners=people, seed=st.integers(0, 2**32))
def test_the_order_of_learners_and_rows_changes_nothing(learners, seed):
    rows = grouped(learners)
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    tables = [
        protect(BaseCells.from_rows(STRUCTURE, order), STRUCTURE, DEFAULT, TABLE)
        for order in (rows, shuffled)
    ]
    assert tables[0].cells == tables[1].cells


def test_key_sums_count_modulo_2_to_the_32_however_they_were_added():
    rows = [(codes, n, key % 2**32) for codes, n, key in grouped(PEOPLE)]
    assert (
        protect(BaseCells.from_rows(STRUCTURE, rows), STRUCTURE, DEFAULT, TABLE).cells
        == protected(PEOPLE, STRUCTURE).cells
    )


def test_the_same_learners_have_the_same_noise_in_every_table():
    """One programme, one age: every cell across them holds the very same people."""
    learners = [
        Person(("P1", "A1", *person.codes[2:]), person.key) for person in PEOPLE
    ]
    found = values(protected(learners, STRUCTURE))
    for codes in closed_lattice(STRUCTURE, 3):
        same = ("_T", "_T", *codes[2:])
        if codes[0] in ("_T", "P1") and codes[1] in ("_T", "A1"):
            assert found[codes] == found[same]
    assert sum(value is not None for value in found.values()) > 20


def test_a_finer_structure_shows_the_same_learners_with_the_same_noise():
    finer = a_structure(programmes=5, ages=3)
    coarse, fine = (
        values(protected(PEOPLE, STRUCTURE)),
        values(protected(PEOPLE, finer)),
    )
    assert coarse.items() <= fine.items()


def test_other_keys_give_other_noise():
    others = [Person(person.codes, person.key ^ 0xA5A5A5A5) for person in PEOPLE]
    assert values(protected(PEOPLE, STRUCTURE)) != values(protected(others, STRUCTURE))


def test_a_release_of_nobody_has_every_cell_and_hides_it():
    table = protected([], STRUCTURE)
    assert len(table.cells) == lattice_size(STRUCTURE, 3)
    assert {cell.value for cell in table.cells} == {None}


def test_a_hidden_zero_looks_like_a_hidden_nine_and_like_a_collapsed_forty():
    learners = [Person(("P1", "A1", "F", "NDI", "COM"), 77 * i) for i in range(40)]
    found = protected(learners, STRUCTURE).cells
    hidden = {cell.codes: cell for cell in found if cell.value is None}
    zero = hidden["P2", "_T", "_T", "_T", "_T"]
    collapsed = hidden["_T", "_T", "_T", "NDI", "_T"]
    assert zero._replace(codes=()) == collapsed._replace(codes=()) == Cell((), None)


# --- collapse


def displaced(count: int, others: int, unknown: int = 0) -> list[Person]:
    groups = {"DIS": count, "NDI": others, "_U": unknown}
    codes = [code for code, size in groups.items() for _ in range(size)]
    return [
        Person(("P1", "A1", "F", code, "COM"), 1_234_567_891 * (i + 1) % 2**32)
        for i, code in enumerate(codes)
    ]


@pytest.mark.parametrize(
    ("learners", "is_shown"),
    [
        (displaced(40, 0), False),
        (displaced(40, 2), False),
        (displaced(2, 40), False),
        (displaced(38, 1, 1), False),
        (displaced(40, 3), True),
        (displaced(40, 2, 1), True),
        (displaced(40, 40), True),
    ],
)
def test_a_child_with_all_but_two_of_its_parents_learners_is_hidden(learners, is_shown):
    found = values(protected(learners, STRUCTURE))
    children = [found["P1", "_T", "_T", code, "_T"] for code in ("DIS", "NDI", "_U")]
    assert any(child is not None for child in children) == is_shown
    assert found["P1", "_T", "_T", "_T", "_T"] is not None


def test_collapse_hides_the_siblings_too_so_that_it_does_not_say_which_child():
    wide = ProtectionProfile(collapse_difference=30)
    found = values(protected(displaced(200, 20), STRUCTURE, wide))
    assert {found["_T", "_T", "_T", code, "_T"] for code in ("DIS", "NDI", "_U")} == {
        None
    }
    narrow = values(protected(displaced(200, 20), STRUCTURE))
    assert narrow["_T", "_T", "_T", "NDI", "_T"] is not None


@settings(max_examples=30, deadline=None)
@given(learners=people, difference=st.integers(1, 25))
def test_what_is_collapsed_stays_collapsed_in_finer_cells(learners, difference):
    profile = ProtectionProfile(collapse_difference=difference)
    found = values(protected(learners, STRUCTURE, profile))
    for codes in found:
        if is_collapsed(learners, codes, profile):
            finer = [
                key
                for key in found
                if all(c in ("_T", k) for c, k in zip(codes, key, strict=True))
            ]
            assert {found[key] for key in finer} == {None}


def test_a_breakdown_that_is_not_sensitive_is_not_collapsed():
    found = values(protected(displaced(40, 40), STRUCTURE))
    assert found["P1", "_T", "_T", "_T", "_T"] == found["_T", "_T", "_T", "_T", "_T"]
    assert found["P1", "_T", "_T", "_T", "_T"] is not None


# --- the lattice


def test_the_closed_lattice_is_every_combination_of_at_most_three_codes():
    cells = list(closed_lattice(STRUCTURE, 3))
    assert len(cells) == len(set(cells)) == lattice_size(STRUCTURE, 3)
    every = [()]
    for split in STRUCTURE.split_dimensions:
        codes = [code.id for code in STRUCTURE.codes(split.id)]
        every = [(*start, code) for start in every for code in codes]
    assert set(cells) == {key for key in every if 5 - key.count("_T") <= 3}


def test_rows_go_from_the_total_to_the_triples_in_the_order_of_the_codelists():
    cells = list(closed_lattice(STRUCTURE, 3))
    assert cells[0] == ("_T",) * 5
    assert cells[1:4] == [
        ("P1", "_T", "_T", "_T", "_T"),
        ("P2", "_T", "_T", "_T", "_T"),
        ("_T", "A1", "_T", "_T", "_T"),
    ]
    crossed = [5 - key.count("_T") for key in cells]
    assert crossed == sorted(crossed)


def test_a_lattice_beyond_the_limit_is_refused_before_anything_is_built():
    huge = a_structure(programmes=400, ages=600)
    assert lattice_size(huge, 3) > MAX_CELLS
    with pytest.raises(OversizedError):
        check_size(huge, 3)
    with pytest.raises(OversizedError):
        protect(BaseCells.from_rows(huge, []), huge, DEFAULT, TABLE)


def test_a_city_of_fifty_thousand_base_cells_is_protected():
    big = a_structure(programmes=40, ages=30)
    combinations = base_combinations(big)
    rows = [(codes, 3, 5 * i) for i, codes in enumerate(combinations)]
    table = protect(BaseCells.from_rows(big, rows), big, DEFAULT, TABLE)
    assert len(rows) == 33_480
    total = table.cells[0].value
    assert total is not None
    assert abs(total - 3 * len(rows)) <= 5


# --- what protect refuses


def test_a_table_of_other_parameters_is_refused():
    base = BaseCells.from_rows(STRUCTURE, grouped(PEOPLE))
    weaker = perturbation_table(PerturbationParameters(variance=1.0))
    with pytest.raises(VerificationError):
        protect(base, STRUCTURE, DEFAULT, weaker)


def test_an_unsound_profile_is_refused():
    base = BaseCells.from_rows(STRUCTURE, grouped(PEOPLE))
    with pytest.raises(DisclosureError):
        protect(base, STRUCTURE, ProtectionProfile(max_dimensions=4), TABLE)


def test_nobody_else_can_make_a_protected_table():
    table = protected(PEOPLE, STRUCTURE)
    with pytest.raises(TypeError):
        ProtectedTable(STRUCTURE.digest, DEFAULT, (Cell(("_T",) * 5, 1),), object())
    with pytest.raises(TypeError):
        dataclasses.replace(table, cells=(), _seal=None)


GOOD = ("P1", "A1", "F", "DIS", "COM")


@pytest.mark.parametrize(
    "rows",
    [
        [(("P9", *GOOD[1:]), 1, 1)],
        [(("_T", *GOOD[1:]), 1, 1)],
        [(GOOD[1:], 1, 1)],
        [((*GOOD, "X"), 1, 1)],
        [(GOOD, 0, 1)],
        [(GOOD, -3, 1)],
        [(GOOD, 2**31, 1)],
        [(GOOD, 1, -1)],
        [(GOOD, 1, 1), (GOOD, 2, 2)],
    ],
    ids=[
        "unknown code",
        "a total",
        "too few codes",
        "too many codes",
        "nobody",
        "fewer than nobody",
        "too many people",
        "negative key sum",
        "a cell twice",
    ],
)
def test_base_cells_that_are_none_are_malformed(rows):
    with pytest.raises(MalformedError):
        BaseCells.from_rows(STRUCTURE, rows)


# --- single figures


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 2**40), st.sampled_from([DEFAULT, ROUNDED]))
def test_a_single_count_is_what_the_table_would_show(learners, key_sum, profile):
    found = protected_count(Group(learners, key_sum), profile, TABLE)
    rows = [(GOOD, learners, key_sum)] if learners else []
    base = BaseCells.from_rows(STRUCTURE, rows)
    assert found == protect(base, STRUCTURE, profile, TABLE).cells[0].value


def noiseless_key(learners: int) -> int:
    """A key sum that leaves a large count as it is."""
    key = next(k for k in range(0, 2**32, 2**24) if TABLE.lookup(learners, k) == 0)
    assert TABLE.lookup(learners, key) == 0
    return key


def coverage(counted: int, eligible: int, profile: ProtectionProfile = DEFAULT):
    groups = [Group(size, noiseless_key(size)) for size in (counted, eligible)]
    return protected_coverage(*groups, profile, TABLE)


@pytest.mark.parametrize(
    ("counted", "eligible", "percent"),
    [
        (800, 1000, 80),
        (824, 1000, 80),
        (825, 1000, 85),
        (20, 1000, 5),  # coded inwards: 5 is 5 or less
        (1000, 1000, 95),  # 95 is 95 or more
        (990, 1000, 95),
        (30, 30, 95),
        (9, 1000, None),
        (15, 29, None),
        (0, 0, None),
    ],
)
def test_coverage_is_rounded_coded_inwards_and_hidden_when_small(
    counted, eligible, percent
):
    assert coverage(counted, eligible) == percent


def test_coverage_is_made_from_protected_counts():
    loud = next(k for k in range(0, 2**32, 2**16) if TABLE.lookup(100, k) == 5)
    quiet = Group(100, noiseless_key(100))
    fine = ProtectionProfile(coverage_rounding=1)
    assert protected_coverage(Group(50, loud), quiet, fine, TABLE) == 55


@pytest.mark.parametrize(
    ("numerator", "denominator", "found"),
    [
        (60, 120, Rate(50.0, 44.0, 56.6)),
        (10, 30, Rate(33.3, 14.2, 60.0)),
        (31, 32, Rate(96.9, 70.2, 100.0)),
        (None, 120, None),
        (60, None, None),
        (10, 29, None),
        (120, 120, None),
        (124, 120, None),  # noise made the part larger than the whole
        (0, 120, None),
        (10, 100_000, None),  # 0.0 % after rounding
    ],
)
def test_a_rate_needs_two_shown_values_and_is_never_everybody_or_nobody(
    numerator, denominator, found
):
    assert rate(numerator, denominator, DEFAULT) == found


def test_the_range_of_a_rate_grows_with_rounding_and_with_cities():
    one = rate(100, 200, DEFAULT)
    rounded = rate(100, 200, ROUNDED)
    five = rate(100, 200, DEFAULT, cities=5)
    many = rate(100, 200, DEFAULT, cities=50)
    assert one is not None
    assert rounded is not None
    assert five is not None
    assert one.low > rounded.low > five.low
    assert one.high < rounded.high < five.high
    assert many == Rate(50.0, 0.0, 100.0)


@settings(deadline=None)
@given(
    st.integers(10, 500), st.integers(30, 500), st.integers(-5, 5), st.integers(-5, 5)
)
def test_the_range_of_a_rate_holds_the_truth(numerator, denominator, first, second):
    found = rate(numerator, denominator, DEFAULT)
    if found is not None:
        truth = 100 * (numerator - first) / (denominator - second)
        assert found.low <= min(truth, 100.0) <= found.high


# --- naming cells


def test_a_cell_is_named_by_its_dimensions_and_the_rest_are_totals():
    assert codes_by_dimension(STRUCTURE, {"SEX": "F"}) == ("_T", "_T", "F", "_T", "_T")
    assert codes_by_dimension(STRUCTURE, {"SEX": "_T"}) == ("_T",) * 5


@pytest.mark.parametrize(
    "codes", [{"WAGE": "1"}, {"REF_AREA": "LAKESIDE"}, {"SEX": "X"}], ids=str
)
def test_a_cell_that_does_not_exist_is_malformed(codes):
    with pytest.raises(MalformedError):
        codes_by_dimension(STRUCTURE, codes)
