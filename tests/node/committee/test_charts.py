"""Charts: every figure where its value says, marks that are no zeros, and nothing forbidden."""

import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from interurban_node.committee.charts import FEW_GROUPS, MAX_BARS, MAX_PANELS, chart
from interurban_node.committee.drawing import TEXT, WIDTH, Scale, fitted, tag, wrapped
from interurban_node.committee.figures import figure_text
from interurban_node.committee.rules import make_table
from interurban_node.committee.tables import (
    Breakdown,
    City,
    CommitteeTable,
    Definition,
)
from interurban_node.core.pages import Language
from interurban_protocol.releases import ReleasedTable
from tests.support.committees import (
    a_committee_table,
    a_source,
    a_table,
    counts,
    the_cities,
    the_indicator,
)
from tests.support.counting import NEXT_PERIOD, PERIOD, a_small_structure
from tests.support.statistics import a_structure

ENGLISH, ARABIC = Language("en"), Language("ar")
SVG = "{http://www.w3.org/2000/svg}"


def root(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def groups(svg: str) -> dict[str, ElementTree.Element]:
    """The drawn figures by their words."""
    found = {}
    for group in root(svg).iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        assert title is not None
        assert title.text is not None
        found[title.text] = group
    return found


def over_time(
    tables: Sequence[Sequence[ReleasedTable | None]],
) -> CommitteeTable:
    """The completion rate in two quarters; `tables` by quarter and city."""
    sources = [
        a_source(city.node, table, period)
        for period, row in zip((PERIOD, NEXT_PERIOD), tables, strict=True)
        for city, table in zip(the_cities(), row, strict=True)
    ]
    return make_table(
        Definition(the_indicator("COMPLETION_RATE"), a_small_structure()),
        Breakdown((), {}),
        the_cities(),
        sources,
    )


def test_a_bar_is_as_long_as_its_value_says() -> None:
    table = a_committee_table(
        [a_table(counts(100, 25)), a_table(counts(100, 50)), a_table(counts(100, 75))]
    )
    bars = {
        name.split(",")[1].split(":")[0].strip(): float(
            group.findall(f"{SVG}rect")[0].attrib["width"]
        )
        for name, group in groups(chart(table, ENGLISH).svg).items()
    }
    assert bars["Northport"] == pytest.approx(2 * bars["Lakeside"], abs=0.1)
    assert bars["Eastvale"] == pytest.approx(3 * bars["Lakeside"], abs=0.1)
    assert bars["Combined"] == pytest.approx(bars["Northport"], abs=0.1)


def test_a_whisker_goes_from_the_lowest_to_the_highest_value() -> None:
    table = a_committee_table([a_table(counts(100, 50)), None, None])
    figure = table.rows[0].figures[0][-1]
    assert figure.low is not None
    assert figure.high is not None
    group = next(iter(groups(chart(table, ENGLISH).svg).values()))
    bar = float(group.findall(f"{SVG}rect")[0].attrib["width"])
    across = group.findall(f"{SVG}line")[0].attrib
    ends = sorted((float(across["x1"]), float(across["x2"])))
    assert ends[0] / bar == pytest.approx(figure.low / 50, abs=0.01)
    assert ends[1] / bar == pytest.approx(figure.high / 50, abs=0.01)


def test_a_hidden_figure_is_a_word_and_no_bar() -> None:
    table = a_committee_table([a_table(counts(100, None)), a_table({}), None])
    found = groups(chart(table, ENGLISH).svg)
    words = {name.rpartition(": ")[2] for name in found}
    assert words == {"hidden", "missing", "incomplete"}
    for name, group in found.items():
        frame = group.findall(f"{SVG}rect")
        assert [each.attrib["fill"] for each in frame] == ["none"], name
        texts = [each.text for each in group.iter(f"{SVG}text")]
        assert name.rpartition(": ")[2] in texts


def test_a_point_lies_where_its_value_says_and_a_gap_is_not_joined() -> None:
    one, two = a_table(counts(100, 40)), a_table(counts(100, 80), period=NEXT_PERIOD)
    hidden = a_table(counts(100, None), period=NEXT_PERIOD)
    joined = chart(over_time([[one, None, None], [two, None, None]]), ENGLISH).svg
    gap = chart(over_time([[one, None, None], [hidden, None, None]]), ENGLISH).svg
    place = [
        float(group.findall(f"{SVG}circle")[0].attrib["cy"])
        for name, group in groups(joined).items()
        if "Lakeside" in name
    ]
    floor = max(
        float(line.attrib["y1"])
        for line in root(joined).findall(f"{SVG}line")
        if line.attrib["y1"] == line.attrib["y2"]
    )
    assert (floor - place[1]) == pytest.approx(2 * (floor - place[0]), abs=0.1)
    thick = 'stroke-width="2" stroke-dasharray'
    assert (
        joined.count(thick) == gap.count(thick) + 2
    )  # Lakeside's and the combined one
    words = [name for name in groups(gap) if "hidden" in name]
    assert words == [f"{NEXT_PERIOD}, Lakeside: hidden"]


def test_every_figure_has_its_words() -> None:
    table = a_committee_table(
        [a_table(counts(100, 40)), a_table(counts(60, 30)), None], by=["SEX"]
    )
    found = set(groups(chart(table, ENGLISH).svg))
    unit = table.indicator.unit
    assert len(found) == len(table.rows) * 4
    first = table.rows[0].figures[0][-1]
    assert f"{PERIOD}, Total, Lakeside: {figure_text(first, unit)}" in found


@pytest.mark.parametrize("language", [ENGLISH, ARABIC])
@pytest.mark.parametrize("is_over_time", [True, False])
def test_a_chart_may_stand_under_the_strictest_policy(
    language: Language, is_over_time: bool
) -> None:
    rows = [[a_table(counts(100, 40)), a_table(counts(60, None)), None]] * 2
    table = over_time(rows) if is_over_time else a_committee_table(rows[0])
    svg = chart(table, language).svg
    for element in root(svg).iter():
        assert element.tag.removeprefix(SVG) not in {"style", "script", "image", "use"}
        for name in element.attrib:
            assert name != "style"
            assert not name.startswith("on")
            assert not name.endswith("href")


@pytest.mark.parametrize("language", [ENGLISH, ARABIC])
def test_a_chart_has_a_role_a_title_and_a_description(language: Language) -> None:
    table = a_committee_table([a_table(counts(100, 40)), None, None])
    element = root(chart(table, language).svg)
    assert element.attrib["role"] == "img"
    assert element.attrib["aria-labelledby"] == "chart-title chart-description"
    title, description = element.find(f"{SVG}title"), element.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert title.text == table.indicator.names[language.code]
    assert PERIOD in (description.text or "")


def test_letters_are_twelve_pixels_on_a_page_of_320() -> None:
    table = a_committee_table([a_table(counts(100, 40)), None, None])
    element = root(chart(table, ENGLISH).svg)
    assert element.attrib["viewBox"].split()[2] == str(WIDTH)
    assert WIDTH <= 284  # what a page of 320 pixels leaves between its margins
    sizes = {each.attrib.get("font-size") for each in element.iter()} - {None}
    assert sizes == {str(TEXT)}
    assert TEXT >= 12


def test_from_right_to_left_everything_is_mirrored() -> None:
    table = a_committee_table([a_table(counts(100, 40)), None, None])
    there = [
        group.findall(f"{SVG}rect")[0].attrib
        for group in groups(chart(table, ENGLISH).svg).values()
    ]
    here = [
        group.findall(f"{SVG}rect")[0].attrib
        for group in groups(chart(table, ARABIC).svg).values()
    ]
    assert chart(table, ARABIC).svg.count('direction="rtl"') == 1
    bar, mirrored = there[0], here[0]
    right = float(mirrored["x"]) + float(mirrored["width"])
    assert right == pytest.approx(WIDTH - float(bar["x"]))
    assert mirrored["width"] == bar["width"]


def test_figures_run_from_left_to_right_in_every_language() -> None:
    table = a_committee_table([a_table(counts(100, 40)), None, None])
    for text in root(chart(table, ARABIC).svg).iter(f"{SVG}text"):
        is_number = (text.text or "")[:1].isdigit()
        assert (text.attrib.get("direction") == "ltr") == is_number


def test_names_from_elsewhere_are_text_and_not_svg() -> None:
    cities = [City("https://x.example", {"en": "<script>\"&'</script>"})]
    table = make_table(
        Definition(the_indicator("STARTED"), a_small_structure()),
        Breakdown((), {}),
        cities,
        [a_source("https://x.example", a_table(counts(100, 40)))],
    )
    svg = chart(table, ENGLISH).svg
    assert "<script" not in svg
    assert any("<script>" in name for name in groups(svg))


def test_what_is_too_much_for_bars_is_left_to_the_table() -> None:
    structure = a_structure(programmes=40)
    table = a_committee_table([a_table({}, structure=structure)] * 3, by=["PROGRAMME"])
    drawn = chart(table, ENGLISH)
    assert drawn.is_partial
    assert "The chart shows a part" in drawn.svg
    assert len(groups(drawn.svg)) <= MAX_BARS
    few = a_committee_table([a_table({})] * 3, by=["SEX"])
    assert not chart(few, ENGLISH).is_partial


def test_of_many_cities_only_the_combined_bars_are_drawn() -> None:
    cities = [City(f"https://c{n}.example", {"en": f"City {n}"}) for n in range(20)]
    table = make_table(
        Definition(the_indicator("STARTED"), a_small_structure()),
        Breakdown(("SEX", "AGE"), {}),
        cities,
        [a_source(city.node, a_table(counts(100, 40))) for city in cities],
    )
    drawn = chart(table, ENGLISH)
    assert drawn.is_partial
    assert MAX_BARS // 21 < FEW_GROUPS
    assert all("Combined" in name for name in groups(drawn.svg))
    assert len(groups(drawn.svg)) == len(table.rows)


def test_what_is_too_much_for_panels_is_left_to_the_table() -> None:
    structure = a_structure(programmes=40)
    sources = [
        a_source(city.node, a_table({}, structure=structure, period=period), period)
        for period in (PERIOD, NEXT_PERIOD)
        for city in the_cities()
    ]
    table = make_table(
        Definition(the_indicator("STARTED"), structure),
        Breakdown(("PROGRAMME",), {}),
        the_cities(),
        sources,
    )
    drawn = chart(table, ENGLISH)
    assert drawn.is_partial
    assert len(groups(drawn.svg)) == MAX_PANELS * 2 * 4


def test_a_series_break_is_drawn_and_not_bridged() -> None:
    old = a_small_structure()
    new = replace(old, version="2.0.0", event="enrolment.ended")
    sources = [
        a_source(city.node, a_table(counts(100, 40), structure=structure), period)
        for period, structure in ((PERIOD, old), (NEXT_PERIOD, new))
        for city in the_cities()
    ]
    table = make_table(
        Definition(the_indicator("COMPLETION_RATE"), new),
        Breakdown((), {}),
        the_cities(),
        sources,
    )
    [(period, found)] = table.breaks
    assert (period, found.before, found.after) == (NEXT_PERIOD, "1.0.0", "2.0.0")
    svg = chart(table, ENGLISH).svg
    assert "series break" in svg
    joins = re.findall(r'stroke-width="2" stroke-dasharray', svg)
    assert len(joins) == 4  # in the legend only


@pytest.mark.parametrize("highest", [0.3, 1, 7, 10, 63.2, 100, 999, 12345])
def test_a_scale_has_room_for_everything_and_few_ticks(highest: float) -> None:
    scale = Scale.over([highest, highest / 2], 100)
    assert scale.largest >= highest
    assert scale.at(highest) <= 100.0001
    assert 2 <= len(list(scale.ticks)) <= 5


def test_long_names_are_cut_and_wrapped() -> None:
    assert fitted("short", 100) == "short"
    assert fitted("a name that is much too long", 70) == "a name th…"
    assert wrapped("one two three four five six", 66) == ["one two", "three fou…"]
    assert wrapped("", 66) == []


def test_attributes_and_words_are_escaped() -> None:
    assert tag("text", x=1.50, font_size=12, title='"<>') == (
        '<text x="1.5" font-size="12" title="&quot;&lt;&gt;"/>'
    )
