"""Bars for one period, each under its name and figure."""

from collections.abc import Callable
from functools import partial

from interurban_node.committee.charted import Charted
from interurban_node.committee.drawing import (
    ACCENT,
    INK,
    LINE,
    QUIET,
    TEXT,
    WIDTH,
    Scale,
    Sheet,
    Side,
    fitted,
    tag,
    wrapped,
)
from interurban_node.committee.figures import Figure
from interurban_node.committee.tables import Row


def draw_bars(drawn: Charted, sheet: Sheet) -> None:
    """One bar below the other, each under its name and figure."""
    scale = Scale.over(drawn.values, WIDTH - 12)
    top = sheet.height
    held: list[str] = []
    for row in drawn.rows:
        sheet.down(4)
        held += [
            sheet.text(0, sheet.down(LINE) + TEXT, line, is_bold=True)
            for line in wrapped(drawn.group(row), WIDTH)
        ]
        held += [_bar(drawn, sheet, scale, row, place) for place in drawn.series]
        sheet.down(8)
    for value in scale.ticks:  # behind the bars
        x = scale.at(value)
        sheet.add(sheet.line(x, top, x, sheet.height))
    sheet.parts += held
    _horizontal_axis(drawn, sheet, scale)


def _bar(drawn: Charted, sheet: Sheet, scale: Scale, row: Row, place: int) -> str:
    figure = drawn.figure(row, place)
    is_combined = drawn.is_combined(place)
    y = sheet.down(LINE) + TEXT
    text = drawn.text(figure)
    name = fitted(drawn.name(place), WIDTH - 6.6 * len(text) - 10)
    label = sheet.text(0, y, name, is_bold=is_combined)
    if figure.value is None:
        sheet.down(4)
        return tag("g", drawn.title_tag(row, place), label, _marked(sheet, y, text))
    y = sheet.down(LINE) + 1
    bar = sheet.box(
        0,
        y,
        scale.at(figure.value),
        10,
        fill=INK if is_combined else "url(#chart-stripes)",
        stroke=INK if is_combined else ACCENT,
    )
    whisker = _whisker(figure, scale, partial(_stroke, sheet), y + 5)
    shown = sheet.number(WIDTH, y - 5, text, "end")
    return tag("g", drawn.title_tag(row, place), label, shown, bar, whisker)


def _stroke(sheet: Sheet, start: tuple[float, float], end: tuple[float, float]) -> str:
    return sheet.line(*start, *end, stroke="#c2570c", stroke_width=2)


def _whisker(
    figure: Figure,
    scale: Scale,
    line: Callable[[tuple[float, float], tuple[float, float]], str],
    y: float,
) -> str:
    """The range of a horizontal bar, with its ends."""
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return ""
    low, high = scale.at(figure.low), scale.at(figure.high)
    return (
        line((low, y), (high, y))
        + line((low, y - 4), (low, y + 4))
        + line((high, y - 4), (high, y + 4))
    )


def _marked(sheet: Sheet, y: float, text: str) -> str:
    """The word for a missing value, in a frame at the end of its line."""
    width = 6.6 * len(text) + 8
    frame = sheet.box(
        WIDTH - width - 1, y - TEXT, width, LINE, fill="none", stroke=QUIET, rx=3
    )
    return frame + sheet.text(WIDTH - 5, y, text, "end")


def _horizontal_axis(drawn: Charted, sheet: Sheet, scale: Scale) -> None:
    y = sheet.down(LINE + 4) + TEXT + 2
    ticks = list(scale.ticks)
    for value in (ticks[0], ticks[-1]):
        side: Side = "start" if value == 0 else "end"
        x = 0 if value == 0 else scale.at(value) + 6
        sheet.add(sheet.number(x, y, drawn.tick(value), side))
