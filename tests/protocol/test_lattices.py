import pytest

from interurban_protocol.disclosure import BaseCells, protect
from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.lattices import (
    MAX_CELLS,
    Breakdown,
    check_size,
    closed_lattice,
    codes_by_dimension,
    lattice_of,
    lattice_size,
)
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import ProtectionProfile
from tests.support.statistics import (
    DEFAULT,
    a_grouped_structure,
    a_structure,
    base_combinations,
)

STRUCTURE = a_structure()  # P1 P2 | A1 _U | F M _U | DIS NDI _U | COM NCM ONG
GROUPED = a_grouped_structure()  # P1 P2 P3 F1(P1 P2) F2(P3) | ...
TABLE = perturbation_table(DEFAULT.perturbation)


def test_the_closed_lattice_is_every_combination_of_at_most_three_codes():
    cells = list(closed_lattice(STRUCTURE, DEFAULT))
    assert len(cells) == len(set(cells)) == lattice_size(STRUCTURE, DEFAULT)
    every = [()]
    for split in STRUCTURE.split_dimensions:
        codes = [code.id for code in STRUCTURE.codes(split.id)]
        every = [(*start, code) for start in every for code in codes]
    assert set(cells) == {key for key in every if 5 - key.count("_T") <= 3}


def test_groups_have_cells_like_leaves_and_do_not_count_as_another_dimension():
    cells = set(closed_lattice(GROUPED, DEFAULT))
    assert ("F1", "A1", "F", "_T", "_T") in cells
    assert {codes[0] for codes in cells} == {"_T", "P1", "P2", "P3", "F1", "F2"}
    assert len(cells) == lattice_size(GROUPED, DEFAULT)


def test_rows_go_from_the_total_to_the_triples_in_the_order_of_the_codelists():
    cells = list(closed_lattice(STRUCTURE, DEFAULT))
    assert cells[0] == ("_T",) * 5
    assert cells[1:4] == [
        ("P1", "_T", "_T", "_T", "_T"),
        ("P2", "_T", "_T", "_T", "_T"),
        ("_T", "A1", "_T", "_T", "_T"),
    ]
    crossed = [5 - key.count("_T") for key in cells]
    assert crossed == sorted(crossed)


def test_an_axis_knows_its_groups_from_the_total_down():
    axis = lattice_of(GROUPED, DEFAULT).axes[0]
    assert axis.codes == ("P1", "P2", "P3", "F1", "F2")
    assert axis.members == ((0,), (1,), (2,), (0, 1), (2,))
    assert axis.breakdowns == (
        Breakdown(None, (3, 4)),
        Breakdown(3, (0, 1)),
        Breakdown(4, (2,)),
    )


def test_a_lattice_beyond_the_limit_is_refused_before_anything_is_built():
    huge = a_structure(programmes=400, ages=600)
    assert lattice_size(huge, DEFAULT) > MAX_CELLS
    for refuse in (check_size, closed_lattice, lattice_of):
        with pytest.raises(OversizedError):
            refuse(huge, DEFAULT)
    with pytest.raises(OversizedError):
        protect(BaseCells.from_rows(huge, []), huge, DEFAULT, TABLE)


def test_a_structure_of_the_largest_number_of_dimensions_is_counted_not_listed():
    narrow = ProtectionProfile(max_dimensions=1)
    assert lattice_size(STRUCTURE, narrow) == 1 + 2 + 2 + 3 + 3 + 3


def test_a_city_of_fifty_thousand_base_cells_is_protected():
    big = a_structure(programmes=40, ages=30)
    combinations = base_combinations(big)
    rows = [(codes, 3, 5 * i) for i, codes in enumerate(combinations)]
    table = protect(BaseCells.from_rows(big, rows), big, DEFAULT, TABLE)
    assert len(rows) == 33_480
    total = table.cells[0].value
    assert total is not None
    assert abs(total - 3 * len(rows)) <= 5


def test_a_cell_is_named_by_its_dimensions_and_the_rest_are_totals():
    assert codes_by_dimension(STRUCTURE, {"SEX": "F"}) == ("_T", "_T", "F", "_T", "_T")
    assert codes_by_dimension(STRUCTURE, {"SEX": "_T"}) == ("_T",) * 5
    assert codes_by_dimension(GROUPED, {"PROGRAMME": "F1"})[0] == "F1"


@pytest.mark.parametrize(
    "codes", [{"WAGE": "1"}, {"REF_AREA": "LAKESIDE"}, {"SEX": "X"}], ids=str
)
def test_a_cell_that_does_not_exist_is_malformed(codes):
    with pytest.raises(MalformedError):
        codes_by_dimension(STRUCTURE, codes)
