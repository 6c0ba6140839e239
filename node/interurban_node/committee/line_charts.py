"""Lines over several periods: a panel for each group of learners, a line for each city."""

from collections.abc import Sequence
from typing import Final

from interurban_node.committee.charted import Charted
from interurban_node.committee.drawing import (
    INK,
    LINE,
    TEXT,
    WIDTH,
    Scale,
    Sheet,
    fitted,
    tag,
    wrapped,
)
from interurban_node.committee.tables import Row

_PLOT = 110.0  # height of a panel
_MARGIN = 44.0  # for the numbers at the axis
_COLOURS: Final = ("#0b5c63", "#9a4d00", "#5b3a8c", "#1b6338", "#9b1c1c", "#33518f")
_DASHES: Final = ("none", "6 3", "2 3", "8 3 2 3", "4 2", "1 2")


def draw_lines(drawn: Charted, sheet: Sheet) -> None:
    """A panel for each group of learners, with a line for each city."""
    scale = Scale.over(drawn.values, _PLOT)
    _legend(drawn, sheet)
    for codes in dict.fromkeys(row.codes for row in drawn.rows):
        rows = [row for row in drawn.rows if row.codes == codes]
        _panel(drawn, sheet, scale, rows)


def _legend(drawn: Charted, sheet: Sheet) -> None:
    for place in drawn.series:
        y = sheet.down(LINE + 2) + TEXT
        colour, dash = _look(drawn, place)
        sheet.add(
            sheet.line(
                0,
                y - 4,
                30,
                y - 4,
                stroke=colour,
                stroke_width=2,
                stroke_dasharray=dash,
            )
        )
        sheet.add(_point(drawn, sheet, place, 15, y - 4))
        sheet.add(sheet.text(38, y, fitted(drawn.name(place), WIDTH - 38)))
    y = sheet.down(LINE + 2) + TEXT
    sheet.add(_cross(sheet, 15, y - 4, INK))
    sheet.add(sheet.text(38, y, fitted(drawn.language.text("not shown"), WIDTH - 38)))
    if drawn.table.breaks:
        y = sheet.down(LINE + 2) + TEXT
        sheet.add(_break(sheet, 15, y - 11, y + 3))
        sheet.add(sheet.text(38, y, drawn.language.text("series break")))


def _break(sheet: Sheet, x: float, top: float, bottom: float) -> str:
    return sheet.line(
        x, top, x, bottom, stroke=INK, stroke_width=1.5, stroke_dasharray="3 3"
    )


def _panel(drawn: Charted, sheet: Sheet, scale: Scale, rows: Sequence[Row]) -> None:
    sheet.down(10)
    for line in wrapped(drawn.group(rows[0]), WIDTH):
        sheet.add(sheet.text(0, sheet.down(LINE) + TEXT, line, is_bold=True))
    bottom = sheet.down(_PLOT + 10) + _PLOT + 8
    for value in scale.ticks:
        y = bottom - scale.at(value)
        sheet.add(sheet.line(_MARGIN, y, WIDTH, y))
        sheet.add(sheet.number(_MARGIN - 4, y + 4, drawn.tick(value), "end"))
    sheet.down(LINE)  # the lane of figures that are not shown
    _period_labels(drawn, sheet, rows)
    for period, _ in drawn.table.breaks:
        place = drawn.table.periods.index(period)
        x = (_across(drawn, place - 1) + _across(drawn, place)) / 2
        sheet.add(_break(sheet, x, bottom - _PLOT, bottom + LINE))
    for place in drawn.series:
        _series(drawn, sheet, scale, rows, place, bottom)


def _across(drawn: Charted, place: int) -> float:
    """Where a period stands."""
    step = (WIDTH - _MARGIN) / len(drawn.table.periods)
    return _MARGIN + step * (place + 0.5)


def _period_labels(drawn: Charted, sheet: Sheet, rows: Sequence[Row]) -> None:
    every = -(-len(rows) // 4)  # of 280 units, four labels have room
    y = sheet.down(LINE + 4) + TEXT
    for place, row in enumerate(rows):
        if place % every == 0:
            sheet.add(sheet.number(_across(drawn, place), y, row.period, "middle"))


def _series(
    drawn: Charted,
    sheet: Sheet,
    scale: Scale,
    rows: Sequence[Row],
    place: int,
    bottom: float,
) -> None:
    """One city's points with their whiskers, joined where nothing lies between."""
    colour, dash = _look(drawn, place)
    breaks = {period for period, _ in drawn.table.breaks}
    before: tuple[float, float] | None = None
    for number, row in enumerate(rows):
        figure = drawn.figure(row, place)
        x = _across(drawn, number) + _aside(drawn, place)
        if figure.value is None:
            cross = _cross(sheet, x, bottom + LINE / 2, colour)
            sheet.add(tag("g", drawn.title_tag(row, place), cross))
            before = None
            continue
        y = bottom - scale.at(figure.value)
        if before is not None and row.period not in breaks:
            sheet.add(
                sheet.line(
                    *before, x, y, stroke=colour, stroke_width=2, stroke_dasharray=dash
                )
            )
        low, high = figure.low or figure.value, figure.high or figure.value
        whisker = sheet.line(
            x, bottom - scale.at(low), x, bottom - scale.at(high), stroke=colour
        )
        point = _point(drawn, sheet, place, x, y)
        sheet.add(tag("g", drawn.title_tag(row, place), whisker, point))
        before = (x, y)


def _aside(drawn: Charted, place: int) -> float:
    """How far a city's points stand beside the middle, so that whiskers can be told apart."""
    return 3.0 * (drawn.series.index(place) - (len(drawn.series) - 1) / 2)


def _look(drawn: Charted, place: int) -> tuple[str, str]:
    if drawn.is_combined(place):
        return INK, "none"
    return _COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)]


def _point(drawn: Charted, sheet: Sheet, place: int, x: float, y: float) -> str:
    """A marker; the shape tells the city as well as the colour does."""
    colour, _ = _look(drawn, place)
    at = sheet.x(x)
    if drawn.is_combined(place):
        return tag("rect", x=at - 4, y=y - 4, width=8, height=8, fill=colour)
    shapes = (
        tag("circle", cx=at, cy=y, r=3.5, fill=colour),
        tag("path", d=f"M{at - 4:.2f} {y + 3:.2f}h8l-4 -7z", fill=colour),
        tag("path", d=f"M{at:.2f} {y - 5:.2f}l4 5l-4 5l-4 -5z", fill=colour),
        tag("circle", cx=at, cy=y, r=3.5, fill="#fff", stroke=colour, stroke_width=2),
    )
    return shapes[place % len(shapes)]


def _cross(sheet: Sheet, x: float, y: float, colour: str) -> str:
    at = sheet.x(x)
    shape = f"M{at - 3:.2f} {y - 3:.2f}l6 6m0 -6l-6 6"
    return tag("path", d=shape, stroke=colour, stroke_width=1.5, fill="none")
