"""What of a committee's table is drawn, with the words that each figure has."""

from dataclasses import dataclass

from interurban_node.committee.drawing import tag, words
from interurban_node.committee.figures import Figure, Mark, figure_text, value_text
from interurban_node.committee.renderings import code_names, name_in
from interurban_node.committee.tables import CommitteeTable, Row
from interurban_node.core.pages import Language


@dataclass(frozen=True, slots=True)
class Charted:
    """What of the table is drawn."""

    table: CommitteeTable
    language: Language
    rows: tuple[Row, ...]
    series: tuple[int, ...]  # places in a row's figures
    is_partial: bool

    def name(self, place: int) -> str:
        """The name of a city, or the word for all together."""
        if place == len(self.table.cities):
            return self.language.text("Combined")
        return name_in(self.table.cities[place].names, self.language.code)

    def is_combined(self, place: int) -> bool:
        """Whether the place is that of all cities together."""
        return place == len(self.table.cities)

    def group(self, row: Row) -> str:
        """The names of a row's codes."""
        return " · ".join(code_names(self.table, row.codes, self.language.code))

    def figure(self, row: Row, place: int) -> Figure:
        """The indicator's figure of a city."""
        return row.figures[place][-1]

    def text(self, figure: Figure) -> str:
        """Value and range, or the mark in the reader's language."""
        if figure.value is None:
            return self.language.text(figure.mark.value)
        return figure_text(figure, self.table.indicator.unit)

    def title(self, row: Row, place: int) -> str:
        """The words of one figure, as the table has them."""
        place_of_figure = (row.period, self.group(row), self.name(place))
        named = ", ".join(part for part in place_of_figure if part)
        return f"{named}: {self.text(self.figure(row, place))}"

    @property
    def values(self) -> list[float]:
        """Every value and the end of its range, for the scale."""
        figures = [
            self.figure(row, place) for row in self.rows for place in self.series
        ]
        return [
            max(figure.value, figure.high or 0)
            for figure in figures
            if figure.value is not None
        ]

    def title_tag(self, row: Row, place: int) -> str:
        """`title` as SVG, which a pointer or a screen reader finds."""
        return tag("title", words(self.title(row, place)))

    def tick(self, value: float) -> str:
        """A round value at the axis, with the unit's sign."""
        whole = round(value, 4)
        number = int(whole) if whole == int(whole) else whole
        return value_text(Figure(number, Mark.SHOWN), self.table.indicator.unit)
