"""How answers travel: tags, compression, pages, caches, limits."""

import csv
import gzip
import io
import json

import pytest
from fastapi import FastAPI

from interurban_node.sdmx import formats
from interurban_node.sdmx.addresses import Version, parse_address
from interurban_node.sdmx.answers import (
    Body,
    Cache,
    body_of,
    identity_of,
    is_known,
    tag_of,
)
from interurban_node.sdmx.api import PUBLIC_AT_ONCE, turns_of
from interurban_node.sdmx.cells import MAX_CELLS, select
from interurban_node.sdmx.data_messages import DataMessage
from interurban_node.sdmx.data_queries import parse_data_query
from interurban_node.sdmx.formats import Choice
from interurban_protocol.errors import OversizedError
from tests.support.committees import a_table
from tests.support.counting import a_small_structure
from tests.support.sdmx import (
    CSV_2,
    DATA_JSON,
    FLOW,
    GENERIC,
    JSON,
    Service,
    a_catalogue_entry,
)

PUBLIC = f"/public/sdmx/2/data/dataflow/{FLOW}"
PRIVATE = f"/sdmx/2/data/dataflow/{FLOW}"


# --- tags


@pytest.mark.parametrize(
    "path", [PUBLIC, "/public/sdmx/2/structure", "/public/catalog"]
)
def test_what_has_not_changed_is_not_sent_again(lakeside: Service, path: str):
    first = lakeside.get(path)
    tag = first.headers["etag"]
    for header in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
        again = lakeside.get(path, **{"if-none-match": header})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == first.headers["cache-control"]
        assert again.headers["vary"].startswith("Accept")
    for header in ('"other"', "*"):
        assert lakeside.get(path, **{"if-none-match": header}).status_code == 200


def test_a_tag_is_that_of_one_query_in_one_format(lakeside: Service):
    answers = [
        lakeside.get(PUBLIC, CSV_2),
        lakeside.get(PUBLIC, DATA_JSON),
        lakeside.get(f"{PUBLIC}?c[SEX]=F", CSV_2),
        lakeside.get(PUBLIC, f"{CSV_2};labels=both"),
        lakeside.get(PUBLIC, f"{CSV_2};labels=both", **{"accept-language": "de"}),
    ]
    assert len({answer.headers["etag"] for answer in answers}) == len(answers)


def test_a_new_release_changes_the_tag(lakeside: Service):
    path = "/sdmx/2/data/dataflow/INTERURBAN/COMPLETION/~"
    staff = lakeside.staff_token()
    before = lakeside.get(path, CSV_2, staff).headers["etag"]
    lakeside.pull("northport", a_small_structure())
    answer = lakeside.get(path, CSV_2, staff, **{"if-none-match": before})
    assert answer.status_code == 200
    assert answer.headers["etag"] != before


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", False),
        ("*", False),
        ('W/"a"', True),
        ('"a"', True),
        ('"b", W/"a"', True),
        ('"ab"', False),
        ("a", False),
    ],
)
def test_tags_are_compared_weakly(header: str, expected: bool):
    assert is_known(header, 'W/"a"') is expected


@pytest.mark.parametrize("base", [PUBLIC, PRIVATE])
def test_an_encoded_separator_does_not_make_two_queries_one(
    lakeside: Service, base: str
):
    token = lakeside.token()
    one, other = (
        lakeside.get(f"{base}?c[AGE]=A1,X{rest}", CSV_2, token)
        for rest in ("&c[SEX]=F", "%26c[SEX]%3DF")
    )
    assert (one.status_code, other.status_code) == (200, 200)
    assert one.headers["etag"] != other.headers["etag"]
    assert len(one.content) < len(other.content)


def test_a_public_query_without_a_turn_is_refused_and_memory_still_answers(
    lakeside: Service,
):
    known, unknown = f"{PUBLIC}?c[AGE]=A1", f"{PUBLIC}?c[AGE]=A2"
    assert lakeside.get(known, CSV_2).status_code == 200
    turns = turns_of(application_of(lakeside))
    for _ in range(PUBLIC_AT_ONCE):
        assert turns.acquire(blocking=False)
    try:
        refused = lakeside.get(unknown, CSV_2)
        assert lakeside.get(known, CSV_2).status_code == 200
    finally:
        turns.release(PUBLIC_AT_ONCE)
    assert refused.status_code == 429
    assert refused.headers["cache-control"] == "no-store"
    assert lakeside.get(unknown, CSV_2).status_code == 200


def test_an_answer_is_chosen_and_written_after_the_transaction(
    lakeside: Service, monkeypatch: pytest.MonkeyPatch
):
    write, free = formats.write_data, []

    def written(message: DataMessage, choice: Choice, language: str) -> bytes:
        with lakeside.node.database.transaction() as session:  # would wait for itself
            free.append(session.is_active)
        return write(message, choice, language)

    monkeypatch.setattr(formats, "write_data", written)
    for base in (PUBLIC, PRIVATE):
        path = f"{base}?c[AGE]=A1&c[SEX]=M&limit={3 + len(free)}"
        assert lakeside.get(path, CSV_2, lakeside.token()).status_code == 200
    assert free == [True, True]


def application_of(service: Service) -> FastAPI:
    assert isinstance(service.web.app, FastAPI)
    return service.web.app


def test_identities_of_different_parts_differ():
    assert identity_of(["a", "bc"]) != identity_of(["ab", "c"])
    assert tag_of(identity_of(["a"])).startswith('W/"')


# --- compression


def test_an_answer_is_compressed_for_who_takes_it(lakeside: Service):
    token = lakeside.token()
    for path, asked in ((PUBLIC, ""), (PRIVATE, token)):
        plain = lakeside.get(path, CSV_2, asked, **{"accept-encoding": "identity"})
        packed = lakeside.get(path, CSV_2, asked, **{"accept-encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == plain.content
        assert packed.headers["etag"] == plain.headers["etag"]
        assert int(packed.headers["content-length"]) < len(plain.content) / 5


def test_compression_can_be_declined(lakeside: Service):
    declined = {"accept-encoding": "gzip;q=0, identity"}
    answer = lakeside.get(PRIVATE, CSV_2, lakeside.token(), **declined)
    assert "content-encoding" not in answer.headers


def test_small_answers_are_not_worth_compressing():
    assert body_of(b"x" * 100).compressed is None
    packed = body_of(b"x" * 5000)
    assert gzip.decompress(packed.compressed or b"") == packed.plain


# --- caches


def test_private_answers_are_for_no_cache(lakeside: Service):
    token = lakeside.token()
    for path in (PRIVATE, "/sdmx/2/structure/dataflow", "/sdmx/1/dataflow", "/catalog"):
        answer = lakeside.get(path, "", token)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"
        assert "Authorization" in answer.headers["vary"]
        assert "access-control-allow-origin" not in answer.headers


def test_public_answers_may_be_kept_and_problems_never(lakeside: Service):
    answer = lakeside.get(PUBLIC, CSV_2)
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "Accept" in answer.headers["vary"]
    for path in (f"{PUBLIC}x", f"{PUBLIC}?c[SEX]=X", f"{PUBLIC}?limit=0"):
        assert lakeside.get(path, CSV_2).headers["cache-control"] == "no-store"


def test_the_public_answer_does_not_depend_on_who_else_asked(lakeside: Service):
    token = lakeside.token()
    jobs = "data/dataflow/INTERURBAN/JOBS/1.0.0"
    assert lakeside.get(f"/sdmx/2/{jobs}", CSV_2, token).status_code == 200
    assert lakeside.get(f"/public/sdmx/2/{jobs}", CSV_2).status_code == 404
    assert lakeside.get(f"/public/sdmx/2/{jobs}", CSV_2, token).status_code == 404


def test_the_memory_is_bounded():
    cache: Cache[Body] = Cache(max_bytes=400)
    for number in range(10):
        cache.put(str(number), Body(b"x" * 90, None))
    assert [number for number in range(10) if cache.get(str(number))] == [6, 7, 8, 9]
    cache.put("too much", Body(b"x" * 101, None))
    assert cache.get("too much") is None
    cache.put("9", Body(b"y" * 50, None))
    assert cache.get("9") == Body(b"y" * 50, None)
    assert cache.get("6") is not None


# --- pages and limits


@pytest.mark.parametrize(
    "base", [PUBLIC, "/public/sdmx/1/data/INTERURBAN,COMPLETION,1.0.0"]
)
def test_pages_follow_each_other_until_the_end(lakeside: Service, base: str):
    whole = lakeside.get(
        f"{base}?format=csv&attributes=obs" if "/2/" in base else f"{base}?format=csv"
    ).text
    lines = whole.splitlines()[1:]
    got: list[str] = []
    address = f"{base}?format=csv&limit=150"
    if "/2/" in base:
        address += "&attributes=obs"
    while True:
        answer = lakeside.get(address)
        got += answer.text.splitlines()[1:]
        if "link" not in answer.headers:
            break
        link, relation = answer.headers["link"].split("; ")
        assert relation == 'rel="next"'
        assert link.startswith("<https://lakeside.example/public/sdmx/")
        address = link[1:-1].removeprefix("https://lakeside.example")
    assert got == lines


def test_a_page_behind_the_end_is_not_found(lakeside: Service):
    assert lakeside.get(f"{PUBLIC}?offset=100000", CSV_2).status_code == 404


def test_more_cells_than_the_limit_are_refused_with_a_way_out():
    structure = a_small_structure()
    table = a_table({}, structure=structure)
    tables = [(a_catalogue_entry(), table)] * (MAX_CELLS // len(table.values) + 1)

    def selected(text: str) -> int:
        path, _, query = text.partition("?")
        found = select(
            parse_data_query(parse_address(Version.REST_2, path, query)),
            structure,
            tables,
        )
        return sum(len(each.rows) for each in found.sets)

    flow = f"data/dataflow/{FLOW}"
    with pytest.raises(OversizedError) as caught:
        selected(flow)
    assert "offset" in caught.value.next_step
    assert selected(f"{flow}?limit=1000000") == MAX_CELLS
    assert selected(f"{flow}?limit=500") == 500


def test_first_and_last_observations_are_those_of_each_series():
    structure = a_small_structure()
    tables = [
        (a_catalogue_entry(), a_table({}, structure=structure, period=period))
        for period in ("2025-Q2", "2025-Q3", "2025-Q4")
    ]

    def periods(text: str) -> list[str]:
        query = parse_data_query(
            parse_address(
                Version.REST_2, f"data/dataflow/{FLOW}/*._T._T._T._T._T", text
            )
        )
        found = select(query, structure, tables)
        return [row.codes[-1] for each in found.sets for row in each.rows]

    assert periods("firstNObservations=1") == ["2025-Q2"]
    assert periods("lastNObservations=2") == ["2025-Q3", "2025-Q4"]
    assert periods("firstNObservations=1&lastNObservations=1") == ["2025-Q2", "2025-Q4"]
    assert periods("startPeriod=2025-Q3&firstNObservations=1") == ["2025-Q3"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/public/sdmx/2", 404),
        ("/public/sdmx/2/", 400),
        ("/public/sdmx/3/structure", 400),
        ("/public/sdmx/2/cubes", 400),
        ("/public/sdmx/2/metadata/structure/x", 501),
        ("/public/sdmx/2/registration/id/x", 501),
        ("/public/sdmx/2/structure/cube", 400),
        ("/public/sdmx/1/availability/x", 400),
        ("/public/sdmx/1/data", 400),
        (f"{PUBLIC}?asOf=2025-01-01T00:00:00", 501),
        (f"{PUBLIC}?includeHistory=true", 501),
        (f"{PUBLIC}?updatedAfter=2025-01-01", 501),
        (f"{PUBLIC}?colour=red", 400),
        (f"{PUBLIC}?c[SEX]=NOBODY", 404),
        (f"{PUBLIC}?c[COVERAGE]=ge:50", 501),
        (f"{PUBLIC}/" + ",".join(["*.P1"] * 65), 413),
        (f"{PUBLIC}?c[SEX]=" + ",".join(["F"] * 65), 413),
        (f"{PUBLIC}?c[TIME_PERIOD]=ge:2030", 404),
        (f"{PUBLIC}?c[TIME_PERIOD]=2026-Q1", 404),
        (f"{PUBLIC}/" + "A" * 9000, 413),
        (f"{PUBLIC}?format=pdf", 406),
        ("/public/sdmx/2/schema/dataflow/INTERURBAN/COMPLETION/1.0.0/x", 400),
        ("/public/sdmx/2/schema/cube/INTERURBAN/COMPLETION", 400),
    ],
)
def test_what_cannot_be_answered_is_a_clear_problem(
    lakeside: Service, path: str, status: int
):
    answer = lakeside.get(path)
    assert answer.status_code == status
    problem = json.loads(answer.content)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["status"], bool(problem["next_step"])) == (status, True)


def test_why_history_is_refused_is_said(lakeside: Service):
    problem = json.loads(lakeside.get(f"{PUBLIC}?asOf=2025").content)
    assert "who joined and who left" in problem["detail"]
    assert problem["reasons"]


def test_an_unacceptable_format_names_those_that_there_are(lakeside: Service):
    answer = lakeside.get(PUBLIC, "image/png")
    assert answer.status_code == 406
    assert CSV_2 in json.loads(answer.content)["reasons"]


def test_the_defaults_are_those_of_the_standard(lakeside: Service):
    kinds = {
        PUBLIC: DATA_JSON,
        "/public/sdmx/2/structure": JSON,
        "/public/sdmx/1/data/COMPLETION": GENERIC,
        "/public/sdmx/1/dataflow": "application/vnd.sdmx.structure+xml;version=2.1",
    }
    for path, kind in kinds.items():
        for accept in ("", "*/*"):
            assert lakeside.get(path, accept).headers["content-type"] == kind


def test_a_browser_gets_a_file_by_its_address_alone(lakeside: Service):
    answer = lakeside.get(f"{PUBLIC}?format=csv-1", "text/html")
    assert answer.headers["content-type"].startswith("application/vnd.sdmx.data+csv")
    assert next(csv.DictReader(io.StringIO(answer.text)))["OBS_STATUS"] in "AQ"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_trailing_slash_makes_no_difference(lakeside: Service):
    for path in ("structure/dataflow/INTERURBAN", f"schema/dataflow/{FLOW}"):
        one, other = (
            lakeside.get(f"/public/sdmx/2/{path}{end}", JSON) for end in ("", "/")
        )
        assert (one.status_code, one.content) == (200, other.content)
