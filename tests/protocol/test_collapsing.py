"""What is collapsed, judged by a checker that walks over people, cell by cell."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interurban_protocol.disclosure import (
    BaseCells,
    Fate,
    closed_lattice,
    explain,
    protect,
)
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.structures import Structure
from tests.support.statistics import (
    DEFAULT,
    Person,
    a_grouped_structure,
    a_structure,
    base_combinations,
    grouped,
    naive_members,
    protected,
    with_sensitive,
)

TABLE = perturbation_table(DEFAULT.perturbation)
PLAIN = a_structure()  # P1 P2 | A1 _U | F M _U | DIS NDI _U | COM NCM ONG
ONE = with_sensitive(PLAIN, "EQUITY")
TWO = with_sensitive(PLAIN, "EQUITY", "OUTCOME")
WIDER = a_structure(programmes=4, ages=3)
STRUCTURES = {
    "equity": ONE,
    "outcome": with_sensitive(WIDER, "OUTCOME"),
    "beside groups": with_sensitive(a_grouped_structure(), "OUTCOME"),
    "groups": with_sensitive(a_grouped_structure(), "PROGRAMME"),
}
SEVERAL = {
    "two": TWO,
    "wider": with_sensitive(WIDER, "EQUITY", "OUTCOME"),
    "groups and outcome": with_sensitive(a_grouped_structure(), "PROGRAMME", "OUTCOME"),
}


class Judged:
    """A protected population and what a reader, and an operator, see of it."""

    def __init__(
        self, people: list[Person], structure: Structure, profile: ProtectionProfile
    ) -> None:
        base = BaseCells.from_rows(structure, grouped(people))
        table = perturbation_table(profile.perturbation)
        fates = explain(base, structure, profile, table)
        cells = closed_lattice(structure, profile)
        self.structure = structure
        self.profile = profile
        self.fates = dict(zip(cells, fates, strict=True))
        self.keys = defaultdict(frozenset)  # of the people, by their codes
        for person in people:
            self.keys[person.codes] |= {person.key}
        self.known: dict[tuple[str, ...], frozenset[int]] = {}

    def __repr__(self) -> str:
        sizes = {codes: len(found) for codes, found in self.keys.items()}
        return f"{self.structure.reference} {self.profile!r} {sizes}"

    def members(self, codes: tuple[str, ...]) -> frozenset[int]:
        if codes not in self.known:
            kinds = [Person(kind, 0) for kind in self.keys]
            found = naive_members(kinds, codes, self.structure)
            self.known[codes] = frozenset().union(*(self.keys[k.codes] for k in found))
        return self.known[codes]

    def breakdowns(self) -> Iterator[tuple[int, str]]:
        """Each parent code of a sensitive dimension that has more than one code under it."""
        for place, split in enumerate(self.structure.split_dimensions):
            for parent in ("_T", *(code.id for code in self.structure.codes(split.id))):
                children = self.structure.children(split.id, parent)
                if split.is_sensitive and len(children) > 1:
                    yield place, parent

    def children(self, place: int, parent: str) -> tuple[str, ...]:
        return self.structure.children(
            self.structure.split_dimensions[place].id, parent
        )

    def nodes(self, place: int) -> Iterator[tuple[str, ...]]:
        """The cells over the other dimensions that this one may cross."""
        most = self.profile.max_dimensions - 1
        for codes in self.fates:
            crossed = sum(code != "_T" for code in codes)
            if codes[place] == "_T" and crossed <= most:
                yield codes

    def tells(self, place: int, parent: str, slices: list[tuple[str, ...]]) -> bool:
        """Whether these cells together, broken down, have nearly everybody in one code."""
        whole = sum(len(self.members(at(each, place, parent))) for each in slices)
        for child in self.children(place, parent):
            part = sum(len(self.members(at(each, place, child))) for each in slices)
            others = whole - part
            if child != "_U" and part and others < self.profile.collapse_difference:
                return True
        return False

    def is_hidden(self, place: int, parent: str, node: tuple[str, ...]) -> bool:
        fates = {
            self.fates[at(node, place, each)] for each in self.children(place, parent)
        }
        return Fate.SHOWN not in fates

    def is_visible(self, place: int, parent: str, node: tuple[str, ...]) -> bool:
        """Whether its total is shown, or a code of it would be."""
        total = self.fates[at(node, place, parent)] is Fate.SHOWN
        return total or self.is_collapsed(place, parent, node)

    def is_collapsed(self, place: int, parent: str, node: tuple[str, ...]) -> bool:
        fates = {
            self.fates[at(node, place, each)] for each in self.children(place, parent)
        }
        return Fate.COLLAPSED in fates

    def lines(
        self, place: int
    ) -> Iterator[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
        """A cell over the other dimensions, and its parts along one of them."""
        nodes = set(self.nodes(place))
        for node in nodes:
            for other, split in enumerate(self.structure.split_dimensions):
                if other == place:
                    continue
                codes = self.structure.children(split.id, node[other])
                parts = [at(node, other, code) for code in codes]
                if parts and set(parts) <= nodes:
                    yield node, parts


def at(codes: tuple[str, ...], place: int, code: str) -> tuple[str, ...]:
    return (*codes[:place], code, *codes[place + 1 :])


@st.composite
def populations(
    draw: st.DrawFn, structures: Mapping[str, Structure] = STRUCTURES
) -> Judged:
    """Some large groups and some people alone, every key once.

    With one sensitive dimension a collapsed cell tells which breakdown was collapsed.
    """
    structure = structures[draw(st.sampled_from(sorted(structures)))]
    combinations = base_combinations(structure)
    groups = draw(
        st.lists(
            st.tuples(
                st.sampled_from(combinations), st.sampled_from([1, 2, 9, 20, 40])
            ),
            min_size=1,
            max_size=9,
        )
    )
    offset = draw(st.integers(0, 2**16))
    codes = [codes for codes, size in groups for _ in range(size)]
    people = [
        Person(each, (offset + number) * 2_654_435_761 % 2**32)
        for number, each in enumerate(codes)
    ]
    profile = ProtectionProfile(
        collapse_difference=draw(st.sampled_from([1, 3, 12])),
        equity_threshold=draw(st.sampled_from([10, 15])),
    )
    return Judged(people, structure, profile)


# --- what every protected table keeps to


@settings(max_examples=60, deadline=None)
@given(populations(STRUCTURES | SEVERAL))
def test_a_breakdown_that_tells_is_hidden(case):
    for place, parent in case.breakdowns():
        for node in case.nodes(place):
            if case.tells(place, parent, [node]):
                assert case.is_hidden(place, parent, node)


@settings(max_examples=60, deadline=None)
@given(populations(STRUCTURES | SEVERAL))
def test_no_collapsed_cell_is_the_difference_of_shown_cells_along_a_line(case):
    for place, parent in case.breakdowns():
        for whole, parts in case.lines(place):
            for child in case.children(place, parent):
                cells = [at(each, place, child) for each in (whole, *parts)]
                fates = [case.fates[cell] for cell in cells]
                if Fate.COLLAPSED in fates:
                    hidden = [fate for fate in fates if fate is not Fate.SHOWN]
                    assert len(hidden) > 1, cells


@settings(max_examples=60, deadline=None)
@given(populations())
def test_what_follows_by_subtraction_is_more_than_one_slice_and_does_not_tell(case):
    for place, parent in case.breakdowns():
        for whole, parts in case.lines(place):
            hidden = [part for part in parts if case.is_hidden(place, parent, part)]
            gone = [part for part in hidden if case.is_visible(place, parent, part)]
            is_open = not case.is_hidden(place, parent, whole)
            if is_open and any(case.is_collapsed(place, parent, part) for part in gone):
                others = case.members(at(whole, place, parent)) - case.members(
                    at(gone[0], place, parent)
                )
                is_far = len(others) >= case.profile.collapse_difference
                assert len(gone) > 1 or (hidden == parts and is_far), (whole, gone)
                assert not case.tells(place, parent, hidden), (whole, gone)


@settings(max_examples=60, deadline=None)
@given(populations())
def test_equal_noise_shows_no_telling_rest_beside_one_shown_slice(case):
    for place, parent in case.breakdowns():
        for whole, parts in case.lines(place):
            peopled = [part for part in parts if case.members(at(part, place, parent))]
            shown = [
                part for part in peopled if not case.is_hidden(place, parent, part)
            ]
            rest = [part for part in peopled if part not in shown]
            if len(shown) == 1 and rest and case.tells(place, parent, rest):
                equal = [
                    child
                    for child in case.children(place, parent)
                    if case.fates[at(whole, place, child)]
                    is case.fates[at(shown[0], place, child)]
                    is Fate.SHOWN
                    and not case.tells(place, parent, [whole])
                ]
                assert equal == [], (whole, shown, rest)


@settings(max_examples=40, deadline=None)
@given(populations(STRUCTURES | SEVERAL))
def test_what_is_collapsed_is_hidden_in_every_finer_cell(case):
    for place, parent in case.breakdowns():
        for whole, parts in case.lines(place):
            if case.is_collapsed(place, parent, whole):
                assert all(case.is_hidden(place, parent, part) for part in parts)


@settings(max_examples=40, deadline=None)
@given(populations())
def test_the_same_people_have_the_same_fate(case):
    if case.profile.equity_threshold > case.profile.threshold:
        return  # the same number may be small beside an equity group, and large elsewhere
    fates = defaultdict(set)
    for place, parent in case.breakdowns():
        for node in case.nodes(place):
            people = case.members(at(node, place, parent))
            if people:
                fates[place, parent, people].add(case.is_hidden(place, parent, node))
    assert all(len(found) == 1 for found in fates.values())


@settings(max_examples=40, deadline=None)
@given(populations(STRUCTURES | SEVERAL))
def test_nothing_is_collapsed_where_nothing_tells(case):
    told = [
        node
        for place, parent in case.breakdowns()
        for node in case.nodes(place)
        if case.tells(place, parent, [node])
    ]
    if not told:
        assert Fate.COLLAPSED not in case.fates.values()


# --- cases that a person can follow


def group(size: int, *codes: str) -> list[tuple[str, ...]]:
    return [(*codes,)] * size


def people(*groups: list[tuple[str, ...]]) -> list[Person]:
    codes = [each for members in groups for each in members]
    return [
        Person(each, (number + 1) * 1_234_567_891 % 2**32)
        for number, each in enumerate(codes)
    ]


def equity_of(
    case: list[Person], programme: str, structure: Structure = ONE, **profile: int
) -> list[int | None]:
    cells = protected(case, structure, ProtectionProfile(**profile)).cells
    found = {cell.codes: cell.value for cell in cells}
    return [found[programme, "_T", "_T", code, "_T"] for code in ("DIS", "NDI", "_U")]


def displaced(count: int, others: int, unknown: int = 0) -> list[Person]:
    sizes = {"DIS": count, "NDI": others, "_U": unknown}
    return people(
        *(group(n, "P1", "A1", "F", code, "COM") for code, n in sizes.items())
    )


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
        (displaced(1, 1, 40), True),  # that it is unknown tells nothing
    ],
)
def test_a_child_with_all_but_two_of_its_parents_learners_is_hidden(learners, is_shown):
    assert any(value is not None for value in equity_of(learners, "P1")) == is_shown
    total = protected(learners, ONE).cells[0].value
    assert total is not None


def test_collapse_hides_the_siblings_too_so_that_it_does_not_say_which_child():
    learners = displaced(200, 20)
    assert equity_of(learners, "_T", collapse_difference=30) == [None, None, None]
    assert equity_of(learners, "_T")[:2] != [None, None]


def test_the_only_other_programme_is_collapsed_with_the_one_that_tells():
    """The attack that was open: all of P1 are displaced, and P2 is mixed."""
    case = people(
        group(30, "P1", "A1", "F", "DIS", "COM"),
        group(60, "P2", "A1", "F", "DIS", "COM"),
        group(50, "P2", "A1", "F", "NDI", "COM"),
    )
    assert equity_of(case, "P1") == equity_of(case, "P2") == [None, None, None]
    assert None not in equity_of(case, "_T")[:2]
    without = equity_of(case, "P2", with_sensitive(ONE))
    assert None not in without[:2]


def test_the_smallest_programme_that_makes_up_for_it_is_collapsed_and_no_other():
    structure = with_sensitive(a_structure(programmes=4), "EQUITY")
    case = people(
        group(30, "P1", "A1", "F", "DIS", "COM"),
        *(
            group(size, f"P{number}", "A1", "F", code, "COM")
            for number, size in ((2, 60), (3, 25), (4, 40))
            for code in ("DIS", "NDI")
        ),
    )
    fates = Judged(case, structure, DEFAULT).fates
    hidden = {
        programme
        for programme in ("P1", "P2", "P3", "P4")
        if fates[programme, "_T", "_T", "DIS", "_T"] is Fate.COLLAPSED
    }
    assert hidden == {"P1", "P3"}


def test_a_second_programme_that_tells_the_same_is_not_enough():
    structure = with_sensitive(a_structure(programmes=4), "EQUITY")
    case = people(
        group(30, "P1", "A1", "F", "DIS", "COM"),
        group(30, "P2", "A1", "F", "DIS", "COM"),
        *(
            group(size, programme, "A1", "F", code, "COM")
            for programme, size in (("P3", 40), ("P4", 60))
            for code in ("DIS", "NDI")
        ),
    )
    assert equity_of(case, "P3", structure) == [None, None, None]
    assert None not in equity_of(case, "P4", structure)[:2]


def test_people_who_stand_in_two_tables_are_collapsed_in_both():
    """In P1 whoever is A1 is F. Only the ages of P2 tell, its sexes do not."""
    structure = with_sensitive(a_structure(programmes=2, ages=2), "EQUITY")
    case = people(
        *(
            group(15, "P1", age, sex, code, "COM")
            for age, sex in (("A1", "F"), ("A2", "M"))
            for code in ("DIS", "NDI")
        ),
        *(
            group(10, "P2", age, sex, code, "COM")
            for age, code in (("A1", "DIS"), ("A2", "NDI"))
            for sex in ("F", "M")
        ),
    )
    fates = Judged(case, structure, ProtectionProfile(equity_threshold=10)).fates
    assert fates["P1", "A1", "_T", "DIS", "_T"] is Fate.COLLAPSED
    assert fates["P1", "_T", "F", "DIS", "_T"] is Fate.COLLAPSED
    assert fates["_T", "_T", "F", "DIS", "_T"] is Fate.SHOWN


def test_a_few_people_collapse_their_only_sibling_but_none_of_several():
    """Their number is too small to be read off a difference, unless the noise is equal."""
    two = people(
        group(3, "P1", "A1", "F", "DIS", "COM"),
        group(60, "P2", "A1", "F", "DIS", "COM"),
        group(50, "P2", "A1", "F", "NDI", "COM"),
    )
    assert equity_of(two, "P2") == [None, None, None]
    structure = with_sensitive(a_structure(programmes=3), "EQUITY")
    three = two + [
        Person(("P3", "A1", "F", code, "COM"), 77_777 * (number + 1))
        for number, code in enumerate(["DIS", "NDI"] * 30)
    ]
    assert None not in equity_of(three, "P2", structure)[:2]


def test_a_group_of_codes_is_collapsed_with_its_parts():
    """Everybody in the field F1 has one outcome; so has each of its programmes."""
    case = people(
        group(30, "P1", "A1", "F", "DIS", "COM"),
        group(30, "P2", "A1", "F", "DIS", "COM"),
        *(group(40, "P3", "A1", "F", "DIS", each) for each in ("COM", "NCM")),
    )
    fates = Judged(
        case, with_sensitive(a_grouped_structure(), "OUTCOME"), DEFAULT
    ).fates
    for programme in ("P1", "P2", "F1", "P3", "F2"):
        assert fates[programme, "_T", "_T", "_T", "COM"] is Fate.COLLAPSED
        assert fates[programme, "_T", "_T", "_T", "_T"] is Fate.SHOWN
    assert fates["_T", "_T", "_T", "_T", "COM"] is Fate.SHOWN


def test_parts_of_a_sensitive_group_are_collapsed_where_the_group_is():
    """PROGRAMME as if it were a reason: F1 has P1 and P2, F2 has P3."""
    case = people(
        group(30, "P1", "A1", "F", "DIS", "COM"),
        group(28, "P2", "A1", "F", "DIS", "COM"),
        group(1, "P3", "A1", "F", "DIS", "COM"),
        group(30, "P1", "A1", "M", "DIS", "COM"),
        group(30, "P3", "A1", "M", "DIS", "COM"),
    )
    structure = with_sensitive(a_grouped_structure(), "PROGRAMME")
    fates = Judged(case, structure, DEFAULT).fates
    for programme in ("F1", "P1", "P2"):
        assert fates[programme, "_T", "F", "_T", "_T"] is Fate.COLLAPSED
    assert fates["F1", "_T", "_T", "_T", "_T"] is Fate.SHOWN


def test_a_breakdown_that_is_not_sensitive_is_not_collapsed():
    found = protected(displaced(40, 40), with_sensitive(PLAIN)).cells
    values = {cell.codes: cell.value for cell in found}
    assert values["P1", "_T", "_T", "_T", "_T"] == values[("_T",) * 5]
    assert values["P1", "_T", "_T", "_T", "_T"] is not None


def test_a_hidden_zero_looks_like_a_hidden_nine_and_like_a_collapsed_forty():
    found = protected(displaced(0, 40), ONE).cells
    hidden = {cell.codes: cell for cell in found if cell.value is None}
    zero = hidden["P2", "_T", "_T", "_T", "_T"]
    collapsed = hidden["_T", "_T", "_T", "NDI", "_T"]
    assert zero._replace(codes=()) == collapsed._replace(codes=())


def test_the_order_of_rows_changes_nothing_that_is_collapsed():
    case = people(
        *(
            group(20 + 3 * number, f"P{number % 2 + 1}", "A1", sex, equity, "COM")
            for number, (sex, equity) in enumerate(
                [("F", "DIS"), ("M", "DIS"), ("F", "NDI"), ("M", "NDI"), ("_U", "DIS")]
            )
        )
    )
    rows = grouped(case)
    tables = [
        protect(BaseCells.from_rows(TWO, order), TWO, DEFAULT, TABLE).values
        for order in (rows, rows[::-1])
    ]
    assert tables[0] == tables[1]
