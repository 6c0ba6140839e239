"""One table, seven forms: terminal, page, charts, CSV, SDMX-CSV and JSON say the same."""

import csv
import html
import io
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import TypeAlias

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from interurban_node.accounts.rules import Role
from interurban_node.accounts.service import mint_token
from interurban_node.committee import renderings, service
from interurban_node.committee.charts import chart
from interurban_node.committee.commands import app
from interurban_node.committee.figures import SDMX_MARKS, Mark
from interurban_node.committee.tables import CommitteeTable, records
from interurban_node.core.errors import NotFoundError, RefusedError
from interurban_node.core.pages import Language
from tests.support.committees import (
    NAMES,
    a_committee_table,
    a_table,
    agree,
    build_all,
    counts,
    hand_over,
    populate,
)
from tests.support.counting import (
    CITIES,
    PERIOD,
    a_build,
    a_city_with_learners,
    a_plan_in_force,
    a_small_structure,
    some_learners,
)
from tests.support.nodes import Federation

Key: TypeAlias = tuple[str, str, str, str, str]
"""Period, age, sex, city by its English name, column."""

BY = ("AGE", "SEX")
QUERY = {"by": list(BY), "period": PERIOD}
COLUMNS = ("STARTED", "COMPLETED", "COMPLETION_RATE")
MARKS = {codes: mark for mark, codes in SDMX_MARKS.items()}


class Cells(HTMLParser):
    """The texts of the cells of the table with the id `figures`, by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.in_table = self.in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.in_table = ("id", "figures") in attrs
        if self.in_table and tag == "tr":
            self.rows.append([])
        if self.in_table and tag in ("td", "th"):
            self.in_cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.in_cell = False

    def handle_data(self, data: str) -> None:
        if self.in_table and self.in_cell:
            self.rows[-1][-1] += data.strip()


def code_of(dimension_id: str, name: str) -> str:
    """The code behind an English name."""
    structure = a_small_structure()
    return next(
        code.id for code in structure.codes(dimension_id) if code.names["en"] == name
    )


def figure(text: str) -> str:
    """A figure without unit and range."""
    return re.split(r" %| ?\(", text)[0]


def expected(table: CommitteeTable) -> dict[Key, str]:
    names = {city.node: city.names["en"] for city in table.cities}
    return {
        (
            record.period,
            record.codes["AGE"],
            record.codes["SEX"],
            names.get(record.city, "Combined"),
            record.column.id,
        ): str(record.figure.value)
        if record.figure.value is not None
        else record.figure.mark.value
        for record in records(table)
    }


def from_csv(text: str, names: dict[str, str]) -> dict[Key, str]:
    return {
        (
            row["TIME_PERIOD"],
            row["AGE"],
            row["SEX"],
            names.get(row["CITY"], "Combined"),
            row["INDICATOR"],
        ): row["OBS_VALUE"] or MARKS[row["OBS_STATUS"], row["CONF_STATUS"]].value
        for row in csv.DictReader(io.StringIO(text))
    }


def from_json(text: str) -> dict[Key, str]:
    value = json.loads(text)
    names = {city["node"]: city["name"]["en"] for city in value["cities"]}
    return {
        (
            record["period"],
            record["codes"]["AGE"],
            record["codes"]["SEX"],
            names.get(record["city"], "Combined"),
            record["indicator"],
        ): str(record["value"]) if record["value"] is not None else record["mark"]
        for record in value["records"]
    }


def from_terminal(table: CommitteeTable) -> dict[Key, str]:
    _, rows = renderings.terminal_rows(table)
    return {
        (period, code_of("AGE", age), code_of("SEX", sex), city, indicator): figure(
            text
        )
        for period, age, sex, city, *texts in rows
        for indicator, text in zip(COLUMNS, texts, strict=True)
    }


def from_page(text: str) -> dict[Key, str]:
    cells = Cells()
    cells.feed(text)
    found: dict[Key, str] = {}
    period = age = sex = ""
    for row in cells.rows[1:]:
        if len(row) == 1:
            period, age, sex = (part.strip() for part in row[0].split("·"))
            continue
        own_first = (COLUMNS[-1], *COLUMNS[:-1])
        for text_of_cell, indicator in zip(row[1:], own_first, strict=True):
            key = (period, code_of("AGE", age), code_of("SEX", sex), row[0], indicator)
            found[key] = figure(text_of_cell)
    return found


def from_sdmx_csv(text: str, cities: dict[str, str]) -> dict[Key, str]:
    """`cities` are English names by reference area, or address where none is known."""
    return {
        (
            row["TIME_PERIOD"],
            row["AGE"],
            row["SEX"],
            cities.get(row["REF_AREA"], "Combined"),
            row["INDICATOR"],
        ): row["OBS_VALUE"] or MARKS[row["OBS_STATUS"], row["CONF_STATUS"]].value
        for row in csv.DictReader(io.StringIO(text))
    }


def from_chart(svg: str) -> dict[Key, str]:
    """The words of every bar, point and mark."""
    found: dict[Key, str] = {}
    for title in re.findall(r"<g><title>(.*?)</title>", svg):
        words, _, text = html.unescape(title).rpartition(": ")
        period, groups, city = words.split(", ")
        age, sex = groups.split(" · ")
        key = (period, code_of("AGE", age), code_of("SEX", sex), city, COLUMNS[-1])
        found[key] = figure(text)
    return found


@pytest.fixture
def committee(federation: Federation) -> Federation:
    """Three cities; Lakeside holds its own release and Northport's, not Eastvale's."""
    agree(federation)
    populate(federation)
    build_all(federation)
    hand_over(federation, "northport", "lakeside")
    return federation


def table_of(federation: Federation, **question: object) -> CommitteeTable:
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        return service.table(
            session,
            node,
            dataflow=None,
            now=federation.clock.now,
            **question,  # type: ignore[arg-type]  # each test gives what it needs
        )


def a_reader(federation: Federation, role: Role = Role.COMMITTEE_MEMBER) -> TestClient:
    node = federation.nodes["lakeside"]
    now = federation.clock.now
    with node.database.transaction() as session:
        token = mint_token(session, node, role, "test", now, timedelta(days=1))
    web = federation.web("lakeside")
    web.headers["authorization"] = f"Bearer {token}"
    return web


def test_all_forms_say_the_same(committee: Federation) -> None:
    table = table_of(committee, periods=[PERIOD], by=BY)
    wanted = expected(table)
    assert {"hidden", "incomplete", "missing"} <= set(wanted.values())
    web = a_reader(committee)
    names = {city.node: city.names["en"] for city in table.cities}
    page = web.get("/committee", params=QUERY, headers={"accept-language": "en"})
    csv_file = web.get("/committee/table.csv", params=QUERY)
    assert from_page(page.text) == wanted
    assert from_csv(csv_file.text, names) == wanted
    assert csv_file.text == renderings.csv_text(table)
    assert from_json(web.get("/committee/table.json", params=QUERY).text) == wanted
    assert from_terminal(table) == wanted
    areas = {
        each.table.ref_area: names[each.node] for each in table.sources if each.table
    }
    sdmx_csv = web.get("/committee/table.sdmx.csv", params=QUERY)
    assert from_sdmx_csv(sdmx_csv.text, names | areas) == wanted
    rates = {key: text for key, text in wanted.items() if key[-1] == COLUMNS[-1]}
    drawn = chart(table, Language("en")).svg
    assert from_chart(drawn) == rates
    assert str(drawn) in page.text
    svg = web.get(
        "/committee/chart.svg", params=QUERY, headers={"accept-language": "en"}
    )
    assert svg.text == drawn


def test_all_forms_say_the_same_ranges(committee: Federation) -> None:
    table = table_of(committee, periods=[PERIOD])
    [rate] = [
        record.figure
        for record in records(table)
        if (record.city, record.column.id) == (CITIES[0], COLUMNS[-1])
    ]
    assert rate.value is not None
    text = f"{rate.value} % ({rate.low}–{rate.high})"
    web = a_reader(committee)
    page = web.get("/committee", headers={"accept-language": "en"}).text
    assert text in re.sub(r"<[^>]+>", "", page)
    assert text in chart(table, Language("en")).svg
    assert any(text in row for row in renderings.terminal_rows(table)[1])
    for read in (renderings.csv_text, renderings.sdmx_csv_text):
        rows = csv.DictReader(io.StringIO(read(table)))
        ranges = {
            (row["LOW"], row["HIGH"])
            for row in rows
            if row["INDICATOR"] == COLUMNS[-1] and row["OBS_VALUE"] == str(rate.value)
        }
        assert (str(rate.low), str(rate.high)) in ranges


def test_the_commands_output_is_the_same_table(committee: Federation) -> None:
    table = table_of(committee, periods=[PERIOD], by=BY)
    node = committee.nodes["lakeside"]
    options = ["table", "--by", "AGE,SEX", "--home", str(node.home.path)]
    as_json = CliRunner().invoke(app, [*options, "--json"])
    as_csv = CliRunner().invoke(app, [*options, "--format", "csv"])
    shown = CliRunner().invoke(app, options)
    assert from_json(as_json.stdout) == expected(table)
    assert as_csv.stdout.splitlines() == renderings.csv_text(table).splitlines()
    assert "Lakeside" in shown.stdout
    assert "no release here" in shown.stdout


def test_the_command_writes_a_file(committee: Federation) -> None:
    node = committee.nodes["lakeside"]
    path = node.home.path.parent / "table.csv"
    options = ["table", "--home", str(node.home.path), "--format", "csv"]
    options += ["--out", str(path), "--where", "SEX=F"]
    done = CliRunner().invoke(app, options)
    table = table_of(committee, periods=[PERIOD], filters={"SEX": "F"})
    assert (done.exit_code, done.stdout) == (0, "")
    assert path.read_bytes().decode() == renderings.csv_text(table)


def test_the_command_refuses_what_there_is_not(committee: Federation) -> None:
    home = str(committee.nodes["lakeside"].home.path)
    for options, exit_code in (
        (["--where", "SEX"], 2),
        (["--by", "AGE,SEX,EQUITY"], 1),
        (["--period", "2019-Q1"], 1),
        (["--dataflow", "WAGES"], 1),
        (["--indicator", "WAGES"], 1),
        (["--cities", "Atlantis"], 1),
        (["--period", "2099-Q1"], 1),
        (["--period", "last year"], 1),
        (["--where", "SEX=F,SEX=M"], 2),
        (["--format", "pdf"], 2),
        (["--out", "table.csv"], 2),
        (["--format", "csv", "--out", f"{home}/interurban.toml/table.csv"], 2),
    ):
        done = CliRunner().invoke(app, ["table", "--home", home, *options])
        assert (done.exit_code, done.stdout) == (exit_code, "")


def test_cities_and_their_sources_are_named(committee: Federation) -> None:
    table = table_of(committee)
    assert [city.node for city in table.cities] == [CITIES[0], CITIES[2], CITIES[1]]
    assert table.missing(PERIOD) == (CITIES[2],)
    sources = {source.node: source for source in table.sources}
    assert sources[CITIES[1]].coverage == 80
    assert f"{sources[CITIES[1]].cut_off:%Y-%m-%d}" == "2026-02-15"


def test_own_figures_are_not_shown_before_their_publication(
    federation: Federation,
) -> None:
    agree(federation)
    populate(federation)
    federation.clock.now -= timedelta(days=2) - timedelta(hours=2)
    build_all(federation)
    with pytest.raises(NotFoundError, match="no release is published here yet"):
        table_of(federation)
    text = a_reader(federation).get("/committee").text
    assert "No release is published here yet" in text
    assert "figures" not in text


def test_a_period_that_nobody_published_is_not_found(committee: Federation) -> None:
    with pytest.raises(NotFoundError, match="1 of the periods"):
        table_of(committee, periods=[PERIOD, "2019-Q1"])


def test_the_page_explains_an_impossible_breakdown(committee: Federation) -> None:
    answer = a_reader(committee).get(
        "/committee",
        params={"by": ["AGE", "SEX"], "where": "EQUITY:DIS"},
        headers={"accept-language": "en"},
    )
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'id="figures"' not in answer.text


def test_the_page_in_arabic_reads_from_right_to_left(committee: Federation) -> None:
    text = a_reader(committee).get("/committee", params={**QUERY, "lang": "ar"}).text
    assert 'dir="rtl"' in text
    assert "المجموع" in text
    shown = re.sub(r"<[^>]+>", " ", text)
    for english in ("Combined", "hidden", "incomplete", "Coverage", "Period"):
        assert not re.search(rf"\b{english}\b", shown)


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.COMMITTEE_MEMBER, 200),
        (Role.IT_OPERATOR, 200),
        (Role.AUDITOR, 200),
        (Role.ADAPTER_OWNER, 403),
        (Role.CONSENT_STEWARD, 403),
        (Role.PUBLISHER, 403),
        (Role.SERVICE, 403),
    ],
)
def test_only_readers_of_the_tables_see_them(
    cities: Federation, role: Role, status: int
) -> None:
    cities.add("lakeside")
    web = a_reader(cities, role)
    nothing_yet = 404 if status == 200 else status
    assert web.get("/committee").status_code == status
    for name in ("table.csv", "table.json"):
        assert web.get(f"/committee/{name}").status_code == nothing_yet


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Basic abc"])
def test_nobody_sees_them_without_a_sign_in(
    cities: Federation, authorization: str | None
) -> None:
    cities.add("lakeside")
    headers = {"authorization": authorization} if authorization else {}
    for path in ("/committee", "/committee/table.csv", "/committee/table.json"):
        answer = cities.web("lakeside").get(path, headers=headers)
        assert answer.status_code == 401


def test_every_mark_can_be_told_apart_in_csv() -> None:
    table = a_committee_table(
        [a_table(counts(40, 40)), a_table(counts(40, None)), None]
    )
    names = {node: texts["en"] for node, texts in NAMES.items()}
    found = set(from_csv(renderings.csv_text(table), names).values())
    assert found == {"40", "80"} | (
        {mark.value for mark in Mark} - {"shown", "not yet"}
    )


def test_a_table_of_an_ended_agreement_can_still_be_read(
    committee: Federation,
) -> None:
    committee.clock.advance(days=36500)
    assert table_of(committee).missing(PERIOD) == (CITIES[2],)


def test_without_the_plan_the_cities_are_those_with_a_release(
    cities: Federation,
) -> None:
    node = cities.add("lakeside")
    with node.database.transaction() as session:
        plan = a_city_with_learners(session, node, some_learners(300))
        a_build(session, node, plan)
    cities.clock.advance(days=2)
    table = table_of(cities, by=["PROGRAMME"])
    assert [city.node for city in table.cities] == [CITIES[0]]
    assert table.missing(PERIOD) == ()


def test_a_release_under_another_plan_is_not_added_to_the_one_in_force(
    federation: Federation,
) -> None:
    agree(federation)
    populate(federation)
    eastvale = federation.nodes["eastvale"]
    with eastvale.database.transaction() as session:
        now = federation.clock.now
        other = a_plan_in_force(session, eastvale, now=now, subject="other")
        a_build(session, eastvale, other, now=now)
    build_all(federation)
    hand_over(federation, "eastvale", "lakeside")
    table = table_of(federation, periods=[PERIOD])
    assert table.missing(PERIOD) == (CITIES[2], CITIES[1])
    assert table.rows[0].figures[-1] == table.rows[0].figures[0]


def test_a_refused_breakdown_is_refused_in_the_service_too(
    committee: Federation,
) -> None:
    with pytest.raises(RefusedError):
        table_of(committee, by=["AGE", "SEX", "EQUITY"])
