"""Charts of a committee's table: bars for one period, lines over several.

Each figure of the indicator itself is drawn with what the noise leaves open, as a whisker,
and has its words in a `<title>`. A figure without a value is a mark with its word or a cross
below the axis, never a zero. Cities differ by pattern, marker and dash as well as colour.
What is too much for a chart is left to the table beside it, and the description says so.
"""

from dataclasses import dataclass

from interurban_node.committee.bar_charts import draw_bars
from interurban_node.committee.charted import Charted
from interurban_node.committee.drawing import (
    ACCENT,
    PALE,
    TEXT,
    WIDTH,
    Sheet,
    tag,
    words,
)
from interurban_node.committee.line_charts import draw_lines
from interurban_node.committee.renderings import name_in
from interurban_node.committee.tables import CommitteeTable
from interurban_node.core.pages import Language

MAX_BARS = 80
FEW_GROUPS = 6  # with room for fewer, only the combined figures are drawn
MAX_PANELS = 12
MAX_LINES = 8  # cities in one panel, beside the combined line


@dataclass(frozen=True, slots=True)
class Chart:
    """An SVG element, and whether it shows only a part of the table."""

    svg: str
    is_partial: bool


def chart(table: CommitteeTable, language: Language) -> Chart:
    """The chart of a table, in the reader's language and direction."""
    is_over_time = len(table.periods) > 1
    drawn = _over_time(table, language) if is_over_time else _at_once(table, language)
    sheet = Sheet(is_rtl=language.direction == "rtl")
    (draw_lines if is_over_time else draw_bars)(drawn, sheet)
    return Chart(_document(drawn, sheet), drawn.is_partial)


def _at_once(table: CommitteeTable, language: Language) -> Charted:
    every = tuple(range(len(table.cities) + 1))
    room = MAX_BARS // len(every)
    series = every if room >= min(len(table.rows), FEW_GROUPS) else every[-1:]
    rows = table.rows[: MAX_BARS // len(series)]
    is_partial = (rows, series) != (table.rows, every)
    return Charted(table, language, rows, series, is_partial)


def _over_time(table: CommitteeTable, language: Language) -> Charted:
    every = tuple(range(len(table.cities) + 1))
    series = every if len(every) <= MAX_LINES + 1 else every[-1:]
    shown = list(dict.fromkeys(row.codes for row in table.rows))[:MAX_PANELS]
    rows = tuple(row for row in table.rows if row.codes in shown)
    is_partial = (rows, series) != (table.rows, every)
    return Charted(table, language, rows, series, is_partial)


def _document(drawn: Charted, sheet: Sheet) -> str:
    title = name_in(drawn.table.indicator.names, drawn.language.code)
    return tag(
        "svg",
        tag("title", words(title), id="chart-title"),
        tag("desc", words(_description(drawn)), id="chart-description"),
        _patterns(),
        *sheet.parts,
        xmlns="http://www.w3.org/2000/svg",
        class_="chart",
        viewBox=f"0 0 {WIDTH} {sheet.height:.0f}",
        role="img",
        aria_labelledby="chart-title chart-description",
        direction=drawn.language.direction,
        font_size=TEXT,
        font_family="system-ui, 'Noto Sans', 'Noto Sans Arabic', sans-serif",
    )


def _description(drawn: Charted) -> str:
    language = drawn.language
    parts = (
        f"{language.text('Period')}: {', '.join(drawn.table.periods)}.",
        language.text(
            "Each bar or point has a line for what the protection leaves open."
        ),
        language.text("Figures that are not shown are marks, never zero."),
        language.text("The table beside it has all figures."),
    )
    cut = language.text("The chart shows a part; the table has everything.")
    return " ".join([*parts, cut] if drawn.is_partial else parts)


def _patterns() -> str:
    stripes = tag(
        "pattern",
        tag("rect", width=6, height=6, fill=PALE),
        tag("rect", width=2.5, height=6, fill=ACCENT),
        id="chart-stripes",
        width=6,
        height=6,
        patternUnits="userSpaceOnUse",
        patternTransform="rotate(45)",
    )
    return tag("defs", stripes)
