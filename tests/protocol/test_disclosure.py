import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interurban_protocol.disclosure import (
    BaseCells,
    Cell,
    Fate,
    Group,
    ProtectedTable,
    closed_lattice,
    explain,
    lattice_size,
    protect,
    protected_count,
    protected_coverage,
    publish_sums,
)
from interurban_protocol.errors import (
    DisclosureError,
    MalformedError,
    VerificationError,
)
from interurban_protocol.perturbation_tables import (
    PerturbationParameters,
    perturbation_table,
)
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.structures import Structure
from tests.support.statistics import (
    DEFAULT,
    Person,
    a_grouped_structure,
    a_structure,
    base_combinations,
    grouped,
    naive_count,
    naive_members,
    protected,
    some_people,
    without_sensitive,
)

STRUCTURE = a_structure()  # P1 P2 | A1 _U | F M _U | DIS NDI _U | COM NCM ONG
OPEN = without_sensitive(STRUCTURE)  # nothing is collapsed in it
GROUPED = a_grouped_structure()
TABLE = perturbation_table(DEFAULT.perturbation)
COMBINATIONS = base_combinations(STRUCTURE)
PEOPLE = some_people(STRUCTURE, count=700, seed=7)
PEOPLE_GROUPED = some_people(GROUPED, count=700, seed=7)
ROUNDED = ProtectionProfile(rounding=5)
EQUITY = [split.id for split in STRUCTURE.split_dimensions].index("EQUITY")

people = st.lists(
    st.builds(Person, st.sampled_from(COMBINATIONS), st.integers(0, 2**32 - 1)),
    max_size=60,
)


def values(table: ProtectedTable) -> dict[tuple[str, ...], int | None]:
    return {cell.codes: cell.value for cell in table.cells}


def naive_value(
    structure: Structure,
    learners: list[Person],
    codes: tuple[str, ...],
    profile: ProtectionProfile,
) -> int | None:
    """The protection of one cell without collapsing, written down without arrays."""
    members = naive_members(learners, codes, structure)
    key = sum(person.key for person in members) % 2**32
    table = perturbation_table(profile.perturbation)
    perturbed = len(members) + table.lookup(len(members), key)
    threshold = profile.threshold
    base = profile.rounding or 1
    if crosses_equity(structure, codes):
        strict = max(profile.threshold, profile.equity_threshold)
        threshold = next(n for n in range(strict, strict + base) if n % base == 0)
    if perturbed < threshold:
        return None
    return math.floor(perturbed / base + 0.5) * base


def crosses_equity(structure: Structure, codes: tuple[str, ...]) -> bool:
    splits = structure.split_dimensions
    return any(
        split.is_equity and code != "_T"
        for split, code in zip(splits, codes, strict=True)
    )


# --- the whole


@pytest.mark.parametrize(
    "profile",
    [
        DEFAULT,
        ROUNDED,
        ProtectionProfile(max_dimensions=2, threshold=12, rounding=4),
        ProtectionProfile(perturbation=PerturbationParameters(blocked=2)),
        ProtectionProfile(equity_threshold=40, equity_dimensions=2),
        ProtectionProfile(threshold=20, equity_threshold=1),
    ],
    ids=[
        "default",
        "rounded",
        "two dimensions",
        "blocked",
        "strict for equity groups",
        "strict for all",
    ],
)
@pytest.mark.parametrize("structure", [OPEN, GROUPED], ids=["flat", "grouped"])
def test_every_cell_is_what_a_second_implementation_says(structure, profile):
    learners = some_people(structure, count=700, seed=7)
    table = protected(learners, structure, profile)
    assert [cell.codes for cell in table.cells] == list(
        closed_lattice(structure, profile)
    )
    for cell in table.cells:
        expected = naive_value(structure, learners, cell.codes, profile)
        assert cell.value == expected, cell.codes
    assert sum(cell.value is not None for cell in table.cells) > 20


def test_a_group_with_one_leaf_has_the_value_of_that_leaf():
    found = values(protected(PEOPLE_GROUPED, GROUPED))
    for codes, value in found.items():
        if codes[0] == "F2":  # the field of P3 alone
            assert value == found["P3", *codes[1:]]
    assert found["F2", "_T", "_T", "_T", "_T"] is not None


def test_a_cell_that_crosses_an_equity_dimension_has_the_higher_threshold():
    strict = ProtectionProfile(equity_threshold=60)
    found = values(protected(PEOPLE, STRUCTURE, strict))
    before = values(protected(PEOPLE, STRUCTURE))
    for codes, value in found.items():
        if codes[EQUITY] != "_T":
            assert value is None or value >= 60
        elif codes[-1] == "_T":  # outcomes may be collapsed with equity groups
            assert value == before[codes]
    assert any(10 <= value < 60 for value in found.values() if value)


def test_an_equity_dimension_is_crossed_with_fewer_others_where_the_profile_says_so():
    strict = ProtectionProfile(equity_dimensions=1)
    crossed = [5 - codes.count("_T") for codes in closed_lattice(STRUCTURE, strict)]
    assert max(crossed) == 3
    for codes in closed_lattice(STRUCTURE, strict):
        if codes[EQUITY] != "_T":
            assert codes.count("_T") == 4


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
    for codes in closed_lattice(STRUCTURE, DEFAULT):
        same = ("_T", "_T", *codes[2:])
        if codes[0] in ("_T", "P1") and codes[1] in ("_T", "A1"):
            assert found[codes] == found[same]
    assert sum(value is not None for value in found.values()) > 20


def test_a_finer_structure_shows_the_same_learners_with_the_same_noise():
    finer = a_structure(programmes=5, ages=3)
    coarse = values(protected(PEOPLE, STRUCTURE))
    fine = values(protected(PEOPLE, finer))
    assert coarse.items() <= fine.items()


def test_other_keys_give_other_noise():
    others = [Person(person.codes, person.key ^ 0xA5A5A5A5) for person in PEOPLE]
    assert values(protected(PEOPLE, STRUCTURE)) != values(protected(others, STRUCTURE))


def test_a_release_of_nobody_has_every_cell_and_hides_it():
    table = protected([], STRUCTURE)
    assert len(table.cells) == lattice_size(STRUCTURE, DEFAULT)
    assert {cell.value for cell in table.cells} == {None}


def test_a_hidden_zero_looks_like_a_hidden_nine_and_like_a_collapsed_forty():
    learners = [Person(("P1", "A1", "F", "NDI", "COM"), 77 * i) for i in range(40)]
    found = protected(learners, STRUCTURE).cells
    hidden = {cell.codes: cell for cell in found if cell.value is None}
    zero = hidden["P2", "_T", "_T", "_T", "_T"]
    collapsed = hidden["_T", "_T", "_T", "NDI", "_T"]
    assert zero._replace(codes=()) == collapsed._replace(codes=()) == Cell((), None)


# --- why a cell is hidden, for the operator


def test_what_is_explained_is_what_is_done():
    base = BaseCells.from_rows(STRUCTURE, grouped(PEOPLE))
    wide = ProtectionProfile(collapse_difference=9)
    fates = explain(base, STRUCTURE, wide, TABLE)
    table = protect(base, STRUCTURE, wide, TABLE)
    assert [fate is Fate.SHOWN for fate in fates] == [
        cell.value is not None for cell in table.cells
    ]
    assert set(fates) == set(Fate)
    for fate, codes in zip(fates, closed_lattice(STRUCTURE, wide), strict=True):
        is_small = naive_value(STRUCTURE, PEOPLE, codes, wide) is None
        assert (fate is Fate.SMALL) == is_small
    assert table.hidden_count == sum(fate is not Fate.SHOWN for fate in fates)


# --- what is nobody

PLACES = replace(OPEN, basis="non_personal")
AMOUNTS = [(codes, amount) for amount, codes in enumerate(COMBINATIONS)]


def test_sums_of_what_is_nobody_are_exact_and_shown_down_to_zero():
    found = values(publish_sums(PLACES, DEFAULT, AMOUNTS))
    for codes in closed_lattice(PLACES, DEFAULT):
        assert found[codes] == sum(
            amount
            for leaves, amount in AMOUNTS
            if all(c in ("_T", leaf) for c, leaf in zip(codes, leaves, strict=True))
        )
    nothing = publish_sums(PLACES, DEFAULT, [])
    assert set(nothing.values) == {0}


@pytest.mark.parametrize("basis", ["consent", "public_task"])
def test_people_are_never_published_as_sums(basis):
    with pytest.raises(DisclosureError):
        publish_sums(replace(OPEN, basis=basis), DEFAULT, AMOUNTS)


@pytest.mark.parametrize(
    "rows",
    [
        [(COMBINATIONS[0], -1)],
        [(COMBINATIONS[0], 2**31)],
        [(COMBINATIONS[0], 1), (COMBINATIONS[0], 1)],
        [(("_T",) * 5, 1)],
        [(("P1",), 1)],
    ],
    ids=["below zero", "too many", "twice", "a total", "too few codes"],
)
def test_amounts_that_are_none_are_malformed(rows):
    with pytest.raises(MalformedError):
        publish_sums(PLACES, DEFAULT, rows)


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
        ProtectedTable(STRUCTURE.digest, DEFAULT, table.lattice, (1,), object())
    with pytest.raises(TypeError):
        replace(table, values=(), _seal=None)


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
