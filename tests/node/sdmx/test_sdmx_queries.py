"""Queries are read strictly: what is malformed or not offered is told, not guessed."""

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_node.core.errors import (
    NotAcceptableError,
    NotFoundError,
    NotOfferedError,
)
from interurban_node.sdmx.addresses import Address, Version, parse_address
from interurban_node.sdmx.availability import parse_availability_query
from interurban_node.sdmx.cells import rows_of, select, wanted_entries
from interurban_node.sdmx.data_queries import (
    DataQuery,
    Flow,
    check_fits,
    parse_data_query,
)
from interurban_node.sdmx.filters import parse_filter
from interurban_node.sdmx.formats import DATA, STRUCTURES, Label, negotiate
from interurban_node.sdmx.model import artefacts
from interurban_node.sdmx.periods import period_bounds
from interurban_node.sdmx.structure_queries import (
    choose,
    parse_structure_query,
    shelves_of,
)
from interurban_protocol.errors import (
    InterurbanError,
    MalformedError,
    OversizedError,
)
from interurban_protocol.structures import bundle_bytes
from tests.support.committees import a_table
from tests.support.counting import a_small_structure
from tests.support.sdmx import (
    CSV_1,
    CSV_2,
    DATA_JSON,
    GENERIC,
    a_catalogue_entry,
    a_cohort_structure,
)

FLOW = "data/dataflow/INTERURBAN/COMPLETION/1.0.0"


def address(text: str, rest: Version = Version.REST_2) -> Address:
    path, _, query = text.partition("?")
    return parse_address(rest, path, query)


def query(text: str, rest: Version = Version.REST_2) -> DataQuery:
    return parse_data_query(address(text, rest))


# --- forms


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        (Version.REST_1, "data/COMPLETION/.P1+P2..F"),
        (Version.REST_1, "data/INTERURBAN,COMPLETION/.P1+P2..F/all"),
        (Version.REST_1, "data/all,COMPLETION,latest/.P1+P2..F"),
        (Version.REST_2, "data/dataflow/INTERURBAN/COMPLETION/~/*.P1+P2.*.F"),
        (Version.REST_2, "data/dataflow/*/COMPLETION/+/*.P1+P2.*.F"),
        (Version.REST_2, "data/*/*/COMPLETION/~/.P1+P2..F"),
    ],
)
def test_a_key_means_the_same_in_both_versions(rest: Version, text: str):
    found = query(text, rest)
    assert found.flow.id == "COMPLETION"
    assert found.keys == ((None, frozenset({"P1", "P2"}), None, frozenset({"F"})),)


def test_several_keys_are_alternatives():
    found = query(f"{FLOW}/*.P1,*.P2.A1")
    assert len(found.keys) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data/COMPLETION", Flow(None, "COMPLETION", "~")),
        ("data/A,COMPLETION,2.0.0", Flow("A", "COMPLETION", "2.0.0")),
        ("data/A,COMPLETION,*", Flow("A", "COMPLETION", None)),
    ],
)
def test_a_dataflow_is_named_as_sdmx_rest_1_does(text: str, expected: Flow):
    assert query(text, Version.REST_1).flow == expected


MALFORMED = [
    (Version.REST_2, "data/dataflow/INTERURBAN/COMPLETION/1.0.0/a/b/c"),
    (Version.REST_2, "data/cube/INTERURBAN/COMPLETION"),
    (Version.REST_2, f"{FLOW}/F+"),
    (Version.REST_2, f"{FLOW}?c[SEX]="),
    (Version.REST_2, f"{FLOW}?c[SEX]=F,"),
    (Version.REST_2, f"{FLOW}?c[SEX]=F&c[SEX]=M"),
    (Version.REST_2, f"{FLOW}?c[SE/X]=F"),
    (Version.REST_2, f"{FLOW}?c=F"),
    (Version.REST_2, f"{FLOW}?c[TIME_PERIOD]=ge:yesterday"),
    (Version.REST_2, f"{FLOW}?c[TIME_PERIOD]=ge:2025-Q5"),
    (Version.REST_2, f"{FLOW}?c[TIME_PERIOD]=lt:2025-02-30"),
    (Version.REST_2, f"{FLOW}?c[OBS_VALUE]=ge:ten"),
    (Version.REST_2, f"{FLOW}?limit=0"),
    (Version.REST_2, f"{FLOW}?limit=-5"),
    (Version.REST_2, f"{FLOW}?limit=many"),
    (Version.REST_2, f"{FLOW}?offset=1.5"),
    (Version.REST_2, f"{FLOW}?firstNObservations=0"),
    (Version.REST_2, f"{FLOW}?measures=AGE"),
    (Version.REST_2, f"{FLOW}?colour=red"),
    (Version.REST_2, f"{FLOW}?startPeriod=2025-Q1,2025-Q2"),
    (Version.REST_2, f"{FLOW}?=1"),
    (Version.REST_1, "data"),
    (Version.REST_1, "data/A,B,C,D"),
    (Version.REST_1, "data/COMPLETION/all/all/more"),
    (Version.REST_1, "data/COMPLETION?startPeriod="),
    (Version.REST_1, "data/COMPLETION?endPeriod=2025-13"),
    (Version.REST_1, "data/COMPLETION?c[SEX]=F"),
]
NOT_OFFERED = [
    (Version.REST_2, f"{FLOW}?asOf=2025-01-01T00:00:00Z"),
    (Version.REST_2, f"{FLOW}?includeHistory=true"),
    (Version.REST_2, f"{FLOW}?updatedAfter=2025-01-01"),
    (Version.REST_2, f"{FLOW}?sort=SEX"),
    (Version.REST_2, f"{FLOW}?c[COVERAGE]=ge:50"),
    (Version.REST_2, f"{FLOW}?c[RELEASE_ID]=sha256:a"),
    (Version.REST_2, f"{FLOW}?reportingYearStartDay=--07-01"),
    (Version.REST_2, "data/datastructure/INTERURBAN/COMPLETION"),
    (Version.REST_2, "data/provisionagreement/INTERURBAN/COMPLETION"),
    (Version.REST_2, "data/dataflow/INTERURBAN/*/1.0.0"),
    (Version.REST_2, "data/dataflow/INTERURBAN/COMPLETION,JOBS"),
    (Version.REST_2, "data"),
    (Version.REST_1, "data/COMPLETION/all/INTERURBAN,LAKESIDE"),
    (Version.REST_1, "data/COMPLETION?detail=serieskeysonly"),
    (Version.REST_1, "data/COMPLETION?detail=nodata"),
    (Version.REST_1, "data/COMPLETION?includeHistory=true"),
    (Version.REST_1, "data/COMPLETION?updatedAfter=2025-01-01"),
]


@pytest.mark.parametrize(("rest", "text"), MALFORMED)
def test_a_malformed_query_is_refused(rest: Version, text: str):
    with pytest.raises(MalformedError) as caught:
        query(text, rest)
    assert type(caught.value) is MalformedError


@pytest.mark.parametrize(("rest", "text"), NOT_OFFERED)
def test_what_is_not_offered_is_refused_with_the_reason(rest: Version, text: str):
    with pytest.raises(NotOfferedError):
        query(text, rest)


def test_a_plus_sign_is_and_also_when_it_is_percent_encoded():
    for text in ("ge:2025-Q1+le:2025-Q3", "ge%3A2025-Q1%2Ble%3A2025-Q3"):
        (found,) = query(f"{FLOW}?c%5BTIME_PERIOD%5D={text}").filters
        assert found.test()("2025-Q2")
        assert not found.test()("2025-Q4")


def test_too_many_conditions_and_too_long_an_address_are_refused():
    with pytest.raises(OversizedError):
        query(f"{FLOW}?c[AGE]=" + ",".join(["A1"] * 65))
    with pytest.raises(OversizedError):
        query(f"{FLOW}?c[AGE]=" + "+".join(["ne:A1"] * 65))
    with pytest.raises(OversizedError):
        query(f"{FLOW}/" + ",".join(["*.P1"] * 65))
    assert len(query(f"{FLOW}/" + ",".join(["*.P1"] * 64)).keys) == 64
    with pytest.raises(OversizedError):
        query(f"{FLOW}?c[AGE]=" + "A" * 8000)


@pytest.mark.parametrize(
    "text",
    [
        f"{FLOW}/a.b.c.d.e.f.g.h",
        f"{FLOW}?c[COLOUR]=red",
        f"{FLOW}?dimensionAtObservation=COLOUR",
        f"{FLOW}?attributes=COLOUR",
    ],
)
def test_a_query_that_does_not_fit_the_structure_is_refused(text: str):
    with pytest.raises(MalformedError):
        check_fits(query(text), a_small_structure())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("availability/dataflow/A/B/1.0.0?mode=available", NotOfferedError),
        ("availability/dataflow/A/B/1.0.0?mode=some", MalformedError),
        ("availability/dataflow/A/B/1.0.0?c[OBS_VALUE]=ge:10", NotOfferedError),
        ("availability/dataflow/A/B/1.0.0?c[CONF_STATUS]=F", NotOfferedError),
        ("availability/dataflow/A/B/1.0.0?c[COVERAGE]=ge:50", NotOfferedError),
        ("availability/dataflow/A/B/1.0.0?c[REVISION]=0", NotOfferedError),
        ("availability/dataflow/A/B/1.0.0?updatedAfter=2025", NotOfferedError),
        ("availability/dataflow/A/B/1.0.0?references=everything", MalformedError),
        ("availability/dataflow/A/B/1.0.0/a/b/c/d", MalformedError),
    ],
)
def test_availability_tells_nothing_of_figures(text, error):
    with pytest.raises(error):
        parse_availability_query(address(text))


# --- periods and filters


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2025", date(2025, 1, 1), date(2025, 12, 31)),
        ("2025-A1", date(2025, 1, 1), date(2025, 12, 31)),
        ("2025-S2", date(2025, 7, 1), date(2025, 12, 31)),
        ("2025-T2", date(2025, 5, 1), date(2025, 8, 31)),
        ("2025-Q3", date(2025, 7, 1), date(2025, 9, 30)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2024-M02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2025-07-31", date(2025, 7, 31), date(2025, 7, 31)),
        ("2025-07-31T12:00:00Z", date(2025, 7, 31), date(2025, 7, 31)),
    ],
)
def test_a_period_has_its_days(text: str, first: date, last: date):
    assert period_bounds(text) == (first, last)


@given(st.text(max_size=12))
def test_no_text_as_a_period_does_more_than_be_refused(text: str):
    try:
        first, last = period_bounds(text)
    except MalformedError:
        return
    assert first <= last


@given(st.text(max_size=60), st.sampled_from(Version))
def test_no_text_as_an_address_does_more_than_be_refused(text: str, rest: Version):
    for parse in (parse_data_query, parse_structure_query, parse_availability_query):
        path, _, asked = text.partition("?")
        try:
            parse(parse_address(rest, f"data/{path}", asked))
        except InterurbanError:
            continue


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("A", ["A"], ["B", ""]),
        ("A,B", ["A", "B"], ["C"]),
        ("ne:A", ["B", ""], ["A"]),
        ("ne:A+ne:B", ["C"], ["A", "B"]),
        ("ne:A,B", ["B", "C"], ["A"]),
        ("sw:A", ["A1", "A"], ["B"]),
        ("ew:1", ["A1"], ["A2"]),
        ("co:_", ["A_1"], ["A"]),
        ("nc:_", ["A"], ["A_1"]),
        ("sw:A+ew:1,B", ["A1", "B"], ["A2", "B1"]),
        ("ge:B", ["B", "C"], ["A"]),
        ("sha256:abc", ["sha256:abc"], ["abc"]),
    ],
)
def test_a_filter_means_what_the_standard_says(text, yes, no):
    test = parse_filter("AGE", text).test()
    assert [*map(test, yes)] == [True] * len(yes)
    assert [*map(test, no)] == [False] * len(no)


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("ge:10", ["10", "200"], ["9", ""]),
        ("gt:10", ["11"], ["10", ""]),
        ("le:10.5", ["10"], ["11", ""]),
        ("lt:10", ["9"], ["10", ""]),
        ("12", ["12"], ["13", ""]),
    ],
)
def test_a_hidden_figure_passes_no_comparison(text, yes, no):
    test = parse_filter("OBS_VALUE", text).test()
    assert [*map(test, yes)] == [True] * len(yes)
    assert [*map(test, no)] == [False] * len(no)


# --- selecting cells


def test_selecting_is_the_same_as_looking_at_every_row():
    structure = a_small_structure()
    splits = [split.id for split in structure.split_dimensions]
    table = a_table({}, structure=structure)
    numbers = {codes: 10 + n if n % 3 else None for n, codes in enumerate(table.values)}
    table = type(table)(
        structure, table.profile, table.ref_area, table.time_period, numbers
    )
    ages, sexes = ["A1", "_T"], ["F"]
    text = f"{FLOW}/*.*.A1+_T?c[SEX]=F&c[OBS_VALUE]=ge:20"
    found = select(query(text), structure, [(a_catalogue_entry(), table)])
    expected = {
        codes: value
        for codes, value in numbers.items()
        if codes[splits.index("AGE")] in ages
        and codes[splits.index("SEX")] in sexes
        and value is not None
        and value >= 20
    }
    (rows,) = [each.rows for each in found.sets]
    assert {row.codes[1:-1]: row.value for row in rows} == expected
    assert len(expected) > 5


CODES = st.sampled_from(["", "P1", "P2", "_T", "NOBODY", "P1+P2", "A1", "A1+_T"])


@given(st.lists(st.tuples(CODES, CODES), min_size=1, max_size=6))
def test_several_keys_give_what_one_of_them_at_least_accepts(wanted):
    structure = a_small_structure()
    table = a_table({}, structure=structure)
    keys = ",".join(f"*.{programme}.{age}.*" for programme, age in wanted)
    found = select(query(f"{FLOW}/{keys}"), structure, [(a_catalogue_entry(), table)])
    got = [row for each in found.sets for row in each.rows]
    expected = [
        row
        for row in rows_of(table)
        if any(
            all(
                not text or row.codes[place] in text.split("+")
                for place, text in enumerate(key, start=1)
            )
            for key in wanted
        )
    ]
    assert got == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{FLOW}", 1),
        (f"{FLOW}/*.P1?c[SEX]=F", 1),
        (f"{FLOW}/*.NOBODY,*.P1", 1),
        (f"{FLOW}/*.NOBODY,elsewhere.P1", 0),
        (f"{FLOW}?c[SEX]=NOBODY", 0),
        (f"{FLOW}/*.P1?c[PROGRAMME]=P2", 0),
        (f"{FLOW}?c[TIME_PERIOD]=ge:2090", 0),
    ],
)
def test_a_release_that_can_have_no_wanted_cell_is_not_read(text: str, expected: int):
    found = wanted_entries(query(text), a_small_structure(), [a_catalogue_entry()])
    assert len(found) == expected


@given(offset=st.integers(0, 300), limit=st.integers(1, 100))
def test_pages_laid_side_by_side_are_the_whole(offset: int, limit: int):
    structure = a_small_structure()
    table = a_table({}, structure=structure)
    rows = [*rows_of(table)]
    text = f"{FLOW}?offset={offset}&limit={limit}"
    found = select(query(text), structure, [(a_catalogue_entry(), table)])
    got = [row for each in found.sets for row in each.rows]
    assert got == rows[offset : offset + limit]
    assert found.has_more == (offset + limit < len(rows))


# --- structures


def shelves():
    return shelves_of(
        [
            artefacts(bundle_bytes(each))
            for each in (a_small_structure(), a_cohort_structure())
        ]
    )


def chosen(text: str) -> set[tuple[str, str]]:
    found = choose(shelves(), parse_structure_query(address(text)))
    return {(type(each).__name__, each.id) for each in found.artefacts.values()}


LISTS = {
    ("Codelist", f"CL_{name}")
    for name in (
        "PROGRAMME",
        "AGE",
        "SEX",
        "EQUITY",
        "OUTCOME",
        "OBS_STATUS",
        "CONF_STATUS",
    )
}
JOBS = {("Dataflow", "JOBS"), ("DataStructureDefinition", "JOBS")}
CONCEPTS = {("ConceptScheme", "CS_JOBS")}
TREE = {("Hierarchy", "H_PROGRAMME"), ("HierarchyAssociation", "HA_JOBS_PROGRAMME")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("structure/dataflow/INTERURBAN/JOBS", {("Dataflow", "JOBS")}),
        ("structure/dataflow/*/JOBS/1.0.0?references=children", JOBS),
        (
            "structure/dataflow/*/JOBS/~?references=descendants",
            JOBS | CONCEPTS | LISTS,
        ),
        (
            "structure/dataflow/*/JOBS/+?references=all",
            JOBS | CONCEPTS | LISTS | TREE,
        ),
        (
            "structure/datastructure/*/JOBS?references=parents",
            JOBS,
        ),
        (
            "structure/datastructure/*/JOBS?references=ancestors",
            JOBS | {("HierarchyAssociation", "HA_JOBS_PROGRAMME")},
        ),
        (
            "structure/conceptscheme/*/CS_JOBS?references=parentsandsiblings",
            CONCEPTS | LISTS | {("DataStructureDefinition", "JOBS")},
        ),
        (
            "structure/dataflow/*/JOBS?references=codelist",
            {("Dataflow", "JOBS")} | LISTS,
        ),
        (
            "structure/dataflow/*/JOBS?references=dataconstraint,datastructure",
            JOBS | {("DataConstraint", "CR_JOBS")},
        ),
        (
            "structure/codelist/INTERURBAN/CL_SEX,CL_AGE/*",
            {("Codelist", "CL_SEX"), ("Codelist", "CL_AGE")},
        ),
        ("structure/agencyscheme", {("AgencyScheme", "AGENCIES")}),
    ],
)
def test_a_structure_query_gives_what_it_names_and_its_references(text, expected):
    assert chosen(text) == expected


def test_the_list_of_the_dataflow_that_is_asked_for_is_given():
    found = choose(
        shelves(),
        parse_structure_query(address("structure/dataflow/*/JOBS?references=all")),
    )
    lists = {each.id: each for each in found.artefacts.values()}
    assert {code.id for code in lists["CL_PROGRAMME"].items} >= {"F1", "F2"}


@pytest.mark.parametrize(
    "text",
    [
        "structure/dataflow/INTERURBAN/NOTHING",
        "structure/dataflow/NOBODY/JOBS",
        "structure/dataflow/INTERURBAN/JOBS/2.0.0",
        "structure/codelist/INTERURBAN/CL_SEX/1.0.0/X",
        "structure/categoryscheme",
        "structure/provisionagreement/INTERURBAN",
    ],
)
def test_what_is_not_there_is_not_found(text: str):
    with pytest.raises(NotFoundError):
        chosen(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("structure/cube", MalformedError),
        ("structure/dataflow?detail=little", MalformedError),
        ("structure/dataflow?references=friends", MalformedError),
        ("structure/dataflow/a/b/c/d/e/f", MalformedError),
        ("structure/dataflow?c[SEX]=F", MalformedError),
        ("structure/dataflow?asOf=2025-01-01", NotOfferedError),
    ],
)
def test_a_malformed_structure_query_is_refused(text, error):
    with pytest.raises(error):
        parse_structure_query(address(text))


# --- formats


@pytest.mark.parametrize(
    ("accept", "rest", "expected"),
    [
        ("", Version.REST_2, DATA_JSON),
        ("*/*", Version.REST_2, DATA_JSON),
        ("*/*", Version.REST_1, GENERIC),
        ("text/csv", Version.REST_2, CSV_2),
        ("text/csv", Version.REST_1, CSV_1),
        ("application/json;q=0.5, text/csv", Version.REST_2, CSV_2),
        ("application/vnd.sdmx.data+csv", Version.REST_2, CSV_2),
        ("application/vnd.sdmx.data+csv;version=1.0", Version.REST_2, CSV_1),
        (
            "application/vnd.sdmx.data+csv; version=1.0.0; q=0.1, image/png",
            Version.REST_2,
            CSV_1,
        ),
        (
            "application/vnd.sdmx.data+csv;version=2.0.0;timeFormat=original;keys=none",
            Version.REST_2,
            CSV_2,
        ),
        ("text/html,application/xml;q=0.9", Version.REST_1, GENERIC),
    ],
)
def test_the_format_is_the_one_that_the_caller_likes_best(accept, rest, expected):
    assert negotiate(accept, DATA[rest]).format.media_type == expected


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "application/json;q=0",
        "application/vnd.sdmx.data+csv;version=3.0.0",
        "application/vnd.sdmx.data+csv;labels=name",
        "application/vnd.sdmx.data+csv;keys=both",
        "application/vnd.sdmx.structure+json;version=2.0.0",
        "x" * 3000,
    ],
)
def test_a_format_that_is_not_offered_is_told_which_are(accept: str):
    with pytest.raises(NotAcceptableError) as caught:
        negotiate(accept, DATA[Version.REST_2])
    assert CSV_2 in caught.value.reasons


def test_a_format_can_be_named_in_the_address():
    offered = DATA[Version.REST_2]
    assert negotiate("text/html", offered, "csv-1").format.media_type == CSV_1
    with pytest.raises(NotAcceptableError):
        negotiate("*/*", offered, "pdf")


def test_labels_are_a_part_of_the_format():
    assert negotiate(f"{CSV_2};labels=both", DATA[Version.REST_2]).label is Label.BOTH


def test_every_offered_format_can_be_asked_for_by_its_media_type():
    for offered, rest in product((DATA, STRUCTURES), Version):
        for each in offered[rest]:
            assert negotiate(each.media_type, offered[rest]).format is each


@given(st.text(max_size=80))
def test_no_accept_header_does_more_than_be_refused(accept: str):
    try:
        negotiate(accept, DATA[Version.REST_2])
    except NotAcceptableError:
        return
