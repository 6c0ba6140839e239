"""The whole standard set at a node: cohorts, places, medians, versions, revisions, cities."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pysdmx.io import read_sdmx
from starlette.testclient import TestClient
from typer.testing import CliRunner

from interurban_node.accounts.rules import Role
from interurban_node.accounts.service import mint_token
from interurban_node.committee import renderings, service
from interurban_node.committee.commands import app
from interurban_node.committee.figures import Mark
from interurban_node.committee.tables import COMBINED, CommitteeTable, records
from interurban_node.core.errors import NotFoundError, RefusedError
from interurban_protocol.indicator_figures import Releases, evaluate
from interurban_protocol.indicators import STANDARD, Kind
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import parse_data
from interurban_protocol.structures import Structure
from tests.support.committees import figures_of
from tests.support.counting import CITIES
from tests.support.holdings import SIZES, area_of, data_of, hold, hold_all
from tests.support.nodes import Federation, opened_federation
from tests.support.outcomes import (
    DEFAULT,
    protected_data,
    rows_of,
    some_people,
    standard_structures,
)

PERIODS = ("2025-Q2", "2025-Q3")  # the clock stands in 2026-Q1
STRUCTURES = standard_structures()
LAKESIDE, NORTHPORT, EASTVALE = CITIES


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """Three cities; Lakeside holds everything that can be observed by now."""
    for federation in opened_federation(tmp_path_factory.mktemp("cities")):
        for name in SIZES:
            federation.add(name)
        federation.join_all()
        hold_all(federation, STRUCTURES, PERIODS)
        yield federation


def table_of(federation: Federation, **question: object) -> CommitteeTable:
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        return service.table(
            session,
            node,
            now=federation.clock.now,
            **question,  # type: ignore[arg-type]  # each test gives what it needs
        )


def reader(federation: Federation) -> TestClient:
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        now, days = federation.clock.now, timedelta(days=1)
        token = mint_token(session, node, Role.COMMITTEE_MEMBER, "test", now, days)
    web = federation.web("lakeside")
    web.headers["authorization"] = f"Bearer {token}"
    web.headers["accept-language"] = "en"
    return web


def test_every_standard_indicator_can_be_chosen(held: Federation) -> None:
    node = held.nodes["lakeside"]
    with node.database.transaction() as session:
        found = service.choices(session, held.clock.now)
    in_four_quarters = {
        "APPRENTICESHIPS_BROKEN_RATE",
        "EMPLOYED_Q4_RATE",
        "SAME_EMPLOYER_RATE",
        "HIGHER_WAGE_RATE",
    }
    assert [each.indicator.id for each in found] == [
        each.id for each in STANDARD if each.id not in in_four_quarters
    ]


@pytest.mark.parametrize(
    "indicator",
    ["EXIT_REASONS", "PLACES_FILLED_SHARE", "EMPLOYED_Q2_RATE", "MEDIAN_WAGE"],
)
def test_figures_are_those_of_the_releases(held: Federation, indicator: str) -> None:
    table = table_of(held, indicator=indicator, periods=["2025-Q2"])
    people = some_people(SIZES["lakeside"], seed=0, luck=0.5)
    tables = [
        parse_data(
            data_of(STRUCTURES[name], "lakeside", people, "2025-Q2"),
            STRUCTURES[name],
            DEFAULT,
        )
        for name in table.indicator.dataflows
    ]
    for row in table.rows:
        cell = dict(zip(table.splits, row.codes, strict=True))
        assert row.figures[0] == evaluate(table.indicator, [Releases(*tables)], cell)


def test_a_cohort_that_is_not_observed_yet_is_marked_so(held: Federation) -> None:
    table = table_of(held, indicator="EMPLOYED_Q2_RATE", periods=PERIODS)
    marks = {
        (record.period, record.figure.mark)
        for record in records(table)
        if record.city in (LAKESIDE, COMBINED)
    }
    assert marks == {("2025-Q2", Mark.SHOWN), ("2025-Q3", Mark.NOT_YET)}
    assert any(
        "observed in 2026-Q1, not published yet" in note
        for note in renderings.notes(table)
    )
    assert any("observed in 2025-Q4" in note for note in renderings.notes(table))


def test_the_newest_observed_cohort_is_shown_first(held: Federation) -> None:
    assert table_of(held, indicator="EMPLOYED_Q2_RATE").periods == ("2025-Q2",)
    assert table_of(held, indicator="STARTED").periods == ("2025-Q3",)


def test_shares_have_a_row_for_each_part_and_none_for_the_whole(
    held: Federation,
) -> None:
    table = table_of(held, indicator="EXIT_REASONS", by=["SEX"])
    assert table.indicator.kind is Kind.SHARES
    assert table.splits == ("SEX", "EXIT_REASON")
    reasons = {row.codes[1] for row in table.rows}
    assert {"COM", "NCM", "WORK"} <= reasons
    assert "_T" not in reasons
    with pytest.raises(RefusedError):
        table_of(held, indicator="EXIT_REASONS", by=["EXIT_REASON"])


@pytest.mark.parametrize("indicator", ["EXIT_REASONS", "WAGE_BANDS"])
def test_the_whole_of_shares_is_one_figure_in_files(
    held: Federation, indicator: str
) -> None:
    table = table_of(held, indicator=indicator, by=["SEX"])
    along, whole = table.indicator.along, table.columns[0].id
    assert along is not None
    rows = list(csv.DictReader(io.StringIO(renderings.sdmx_csv_text(table))))
    keys = [(row["REF_AREA"], row["SEX"], row[along], row["INDICATOR"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert {row[along] for row in rows if row["INDICATOR"] == whole} == {"_T"}
    assert "_T" not in {row[along] for row in rows if row["INDICATOR"] != whole}


def test_groups_of_programmes_have_rows_like_programmes(held: Federation) -> None:
    table = table_of(held, indicator="STARTED", by=["PROGRAMME"])
    codes = [row.codes[0] for row in table.rows]
    assert codes == ["_T", "F07", "WELD", "JOIN", "F09", "CARE", "READ", "_U"]
    only = table_of(held, indicator="STARTED", filters={"PROGRAMME": "F07"})
    assert figures_of(only) == figures_of(table, PROGRAMME="F07")


def test_chosen_cities_alone_are_shown_and_combined(held: Federation) -> None:
    table = table_of(held, indicator="STARTED", cities=["northport", LAKESIDE])
    assert [city.node for city in table.cities] == [LAKESIDE, NORTHPORT]
    found = figures_of(table)
    together = sum(found[node]["STARTED"].value or 0 for node in (LAKESIDE, NORTHPORT))
    assert found[COMBINED]["STARTED"].value == together
    with pytest.raises(NotFoundError, match="1 of the cities"):
        table_of(held, indicator="STARTED", cities=["Atlantis", "Northport"])


@pytest.mark.parametrize(
    ("periods", "error", "message"),
    [
        (["2099-Q1"], NotFoundError, "1 of the periods lie in the future"),
        (["2019-Q1"], NotFoundError, "no release is published here"),
        (["last year"], RefusedError, "has the form 2025-Q3"),
        (["2025-Q5"], RefusedError, "has the form 2025-Q3"),
        ([""], RefusedError, "has the form 2025-Q3"),
    ],
)
def test_periods_that_cannot_be_shown_are_refused(
    held: Federation, periods: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        table_of(held, indicator="STARTED", periods=periods)


@pytest.mark.parametrize("indicator", ["WAGES", "started", "EMPLOYED_Q4_RATE"])
def test_an_indicator_that_no_release_has_is_not_found(
    held: Federation, indicator: str
) -> None:
    with pytest.raises(NotFoundError, match="no release of this indicator") as found:
        table_of(held, indicator=indicator)
    assert "MEDIAN_WAGE" in found.value.next_step


def test_unmodified_pysdmx_reads_the_sdmx_csv(held: Federation) -> None:
    table = table_of(held, indicator="STARTED", by=["SEX"], periods=PERIODS)
    [dataset] = read_sdmx(renderings.sdmx_csv_text(table)).data
    assert len(dataset.data) == len(list(records(table)))
    [row] = dataset.data[
        (dataset.data.REF_AREA == "_T")
        & (dataset.data.SEX == "F")
        & (dataset.data.TIME_PERIOD == "2025-Q2")
    ].to_dict("records")
    found = figures_of(
        table_of(held, indicator="STARTED", periods=["2025-Q2"], by=["SEX"]), SEX="F"
    )
    assert float(row["OBS_VALUE"]) == found[COMBINED]["STARTED"].value


def test_the_page_shows_every_indicator(held: Federation) -> None:
    web = reader(held)
    node = held.nodes["lakeside"]
    with node.database.transaction() as session:
        available = service.choices(session, held.clock.now)
    for choice in available:
        answer = web.get("/committee", params={"indicator": choice.indicator.id})
        assert answer.status_code == 200
        assert 'id="figures"' in answer.text
        assert f"/committee/indicators#{choice.indicator.id}" in answer.text


def test_the_page_shows_quarters_from_one_to_another(held: Federation) -> None:
    text = (
        reader(held)
        .get(
            "/committee",
            params={"indicator": "STARTED", "from": PERIODS[0], "to": PERIODS[1]},
        )
        .text
    )
    table = text.split('id="figures"')[1].split("</table>")[0]
    assert [period in table for period in PERIODS] == [True, True]
    assert 'class="chart"' in text


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("", "", ()),
        ("2025-Q2", "", ("2025-Q2", "2025-Q3")),
        ("", "2025-Q2", ("2025-Q2",)),
        ("2025-Q3", "2025-Q2", ("2025-Q2", "2025-Q3")),  # the wrong way round
        ("2019-Q1", "2025-Q4", ("2025-Q2", "2025-Q3")),  # as far as there is any
        ("2019-Q1", "2019-Q2", ("2019-Q1",)),  # nothing: for refusing
        ("2025-Q2", "2099-Q1", ("2025-Q2", "2025-Q3", "2099-Q1")),
        ("2025-Q3", "x", ("2025-Q3", "x")),
    ],
)
def test_periods_between_two_are_those_that_can_be_shown(
    held: Federation, first: str, last: str, expected: tuple[str, ...]
) -> None:
    with held.nodes["lakeside"].database.transaction() as session:
        available = service.choices(session, held.clock.now)
    choice = service.choose(available, "STARTED")
    assert service.between(choice, first, last, held.clock.now) == expected


def test_downloads_have_what_the_page_was_asked_for(held: Federation) -> None:
    web = reader(held)
    query = {
        "indicator": "STARTED",
        "from": PERIODS[0],
        "to": PERIODS[1],
        "city": [LAKESIDE, NORTHPORT],
        "by": ["SEX"],
    }
    page = web.get("/committee", params=query).text
    [address] = re.findall(r'href="(/committee/table\.json\?[^"]*)"', page)
    value = json.loads(web.get(address.replace("&amp;", "&")).text)
    assert {each["period"] for each in value["records"]} == set(PERIODS)
    assert {each["node"] for each in value["cities"]} == {LAKESIDE, NORTHPORT}
    assert value["by"] == ["SEX"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"indicator": "WAGES"}, 404),
        ({"from": "2099-Q1"}, 404),
        ({"from": "yesterday"}, 422),
        ({"city": "https://atlantis.example"}, 404),
        ({"indicator": "GRIEVANCES", "by": "AGE"}, 422),
        ({"where": "SEX:X"}, 422),
        ({"where": ":"}, 200),
        ({"by": ["", ""]}, 200),
    ],
)
def test_what_cannot_be_shown_is_said_beside_the_form(
    held: Federation, query: dict[str, str], status: int
) -> None:
    answer = reader(held).get("/committee", params=query)
    assert answer.status_code == status
    assert ('class="error-summary" role="alert"' in answer.text) == (status != 200)
    assert '<form class="stack"' in answer.text
    file = reader(held).get("/committee/table.csv", params=query)
    assert file.status_code in {200: {200}, 404: {404}, 422: {403}}[status]


def test_what_was_asked_for_comes_back_as_text(held: Federation) -> None:
    query = {"indicator": "<script>alert(1)</script>", "where": '"><b>:x'}
    text = reader(held).get("/committee", params=query).text
    assert "<script>" not in text
    assert "<b>" not in text


def test_every_definition_is_on_its_page_with_an_anchor(held: Federation) -> None:
    text = reader(held).get("/committee/indicators").text
    for indicator in STANDARD:
        section = text.split(f'<h2 id="{indicator.id}">')[1].split("<h2")[0]
        assert indicator.names["en"] in section
        assert indicator.numerator.counted["en"].replace("'", "&#39;") in section
        assert indicator.unknowns["en"].replace("'", "&#39;") in section
        assert ("Denominator" in section) == (indicator.denominator is not None)


def test_the_definitions_are_for_readers_only(held: Federation) -> None:
    assert held.web("lakeside").get("/committee/indicators").status_code == 401


def home_of(federation: Federation) -> str:
    return str(federation.nodes["lakeside"].home.path)


def test_the_command_lists_what_can_be_shown(held: Federation) -> None:
    options = ["indicators", "--home", home_of(held)]
    done = CliRunner().invoke(app, [*options, "--json"])
    listed = {each["id"]: each for each in json.loads(done.stdout)}
    assert listed["MEDIAN_WAGE"]["unit"] == "EUR_MONTH"
    assert listed["EMPLOYED_Q2_RATE"]["periods"] == ["2025-Q2"]
    assert listed["GRIEVANCES"]["by"] == ["CASE_KIND", "TIMELINESS"]
    assert "MEDIAN_WAGE" in CliRunner().invoke(app, options).stdout


@pytest.mark.parametrize("form", ["csv", "sdmx-csv", "json", "svg"])
def test_the_command_writes_every_form(
    held: Federation, form: str, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    options = ["table", "--indicator", "PLACES_FILLED_SHARE", "--home", home_of(held)]
    shown = CliRunner().invoke(app, [*options, "--format", form])
    wrote = CliRunner().invoke(app, [*options, "--format", form, "--out", str(path)])
    assert (shown.exit_code, wrote.exit_code) == (0, 0)
    assert path.read_bytes().decode().splitlines() == shown.stdout.splitlines()


def other_version(structure: Structure, version: str) -> Structure:
    """A new version in which another event is counted."""
    return replace(structure, version=version, event="enrolment.counted")


@pytest.fixture
def small(federation: Federation) -> Federation:
    """Three cities that have joined; nothing is held yet."""
    federation.join_all()
    return federation


def hold_started(
    federation: Federation,
    structure: Structure,
    period: str,
    *,
    names: tuple[str, ...] = ("lakeside", "northport"),
    profile: ProtectionProfile = DEFAULT,
    **changes: object,
) -> list[str]:
    found = []
    for name in names:
        rows = rows_of("COMPLETION", some_people(SIZES[name], seed=3))
        data = protected_data(structure, rows, period, area_of(name), profile)
        found.append(
            hold(federation, name, structure, data, period, profile=profile, **changes)
        )
    return found


def test_a_series_over_two_versions_breaks_visibly(small: Federation) -> None:
    old = STRUCTURES["COMPLETION"]
    new = other_version(old, "2.0.0")
    hold_started(small, old, "2025-Q2")
    hold_started(small, new, "2025-Q3")
    table = table_of(small, indicator="STARTED", periods=PERIODS)
    assert [period for period, _ in table.breaks] == ["2025-Q3"]
    assert table.structure == new
    assert any("the series breaks" in note for note in renderings.notes(table))
    text = (
        reader(small)
        .get("/committee", params={"indicator": "STARTED", "from": "2025-Q2"})
        .text
    )
    assert "Do not compare across them" in text
    assert "another event is counted" in text
    value = renderings.json_value(table)
    assert isinstance(value, dict)
    assert isinstance(value["breaks"], list)
    assert len(value["breaks"]) == 1


def test_a_dimension_that_an_older_version_lacks_is_refused_over_both(
    small: Federation,
) -> None:
    new = STRUCTURES["COMPLETION"]
    old = replace(
        standard_structures(completion_extras=())["COMPLETION"], version="0.9.0"
    )
    hold_started(small, old, "2025-Q2")
    hold_started(small, new, "2025-Q3")
    assert table_of(small, indicator="STARTED", by=["MODE"]).rows
    with pytest.raises(RefusedError):
        table_of(small, indicator="STARTED", by=["MODE"], periods=PERIODS)


def test_a_revised_release_counts_and_is_marked(small: Federation) -> None:
    structure = STRUCTURES["COMPLETION"]
    first = hold_started(small, structure, "2025-Q2")
    hold_started(
        small,
        structure,
        "2025-Q2",
        names=("northport",),
        profile=ProtectionProfile(max_dimensions=2),
        revision=1,
        replaces=first[1],
    )
    table = table_of(small, indicator="STARTED", cities=["northport"])
    assert [source.revision for source in table.sources] == [1]
    assert any("revised" in note for note in renderings.notes(table))
    rows = csv.DictReader(io.StringIO(renderings.csv_text(table)))
    assert {row["REVISION"] for row in rows if row["CITY"] == NORTHPORT} == {"1"}
    with pytest.raises(RefusedError):
        table_of(small, indicator="STARTED", by=["AGE", "SEX", "PROGRAMME"])
    page = reader(small).get("/committee", params={"indicator": "STARTED"}).text
    assert "revised" in page


def test_a_city_without_the_denominator_is_missing(small: Federation) -> None:
    hold_all(small, {"EXITS": STRUCTURES["EXITS"]}, ["2025-Q2"], ["lakeside"])
    hold_all(
        small,
        {"JOBS_Q2": STRUCTURES["JOBS_Q2"]},
        ["2025-Q2"],
        ["lakeside", "northport"],
    )
    table = table_of(small, indicator="EMPLOYED_Q2_RATE")
    assert table.missing("2025-Q2") == (NORTHPORT,)
    found = figures_of(table)
    assert found[COMBINED] == found[LAKESIDE]
