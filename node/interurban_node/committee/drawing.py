"""Drawing SVG: a sheet with a reading direction, text that fits, and a scale.

Only presentation attributes are used, no style and no script, so that a drawing may stand in
a page under the strictest content security policy. Lengths are units of the view box, of
which the narrowest page shows about one in a pixel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from math import floor, log10
from typing import Final, Literal, TypeAlias

WIDTH: Final = 280  # what a page of 320 pixels has room for
TEXT: Final = 12  # the size of letters
LINE: Final = 16  # from one line of text to the next
INK, QUIET, RULE, ACCENT, PALE = "#17212b", "#4a5763", "#bcc7cf", "#0b5c63", "#cfe3e4"

Side: TypeAlias = Literal["start", "middle", "end"]

_LETTER = 6.6  # the mean width of a letter at `TEXT`
_SWAPPED: Final[dict[Side, Side]] = {
    "start": "end",
    "middle": "middle",
    "end": "start",
}


def tag(name: str, *children: str, **attributes: str | float) -> str:
    """One element; `stroke_width` becomes `stroke-width`. Children are SVG already."""
    listed = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
    )
    inside = "".join(children)
    return f"<{name}{listed}>{inside}</{name}>" if inside else f"<{name}{listed}/>"


def words(text: str) -> str:
    """Text as SVG."""
    return escape(text)


def fitted(text: str, width: float) -> str:
    """The text, cut where it would be wider than `width`."""
    room = max(int(width / _LETTER), 2)
    return text if len(text) <= room else f"{text[: room - 1].rstrip()}…"


def wrapped(text: str, width: float, lines: int = 2) -> list[str]:
    """The text in at most `lines` lines, the last one cut if need be; none for none."""
    room = int(width / _LETTER)
    found = [""] if text else []
    for word in text.split():
        longer = f"{found[-1]} {word}".strip()
        if len(longer) <= room or len(found) == lines or not found[-1]:
            found[-1] = longer
        else:
            found.append(word)
    return [fitted(line, width) for line in found]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from 0 to a round number, on a length."""

    largest: float
    step: float
    length: float

    @classmethod
    def over(cls, values: Sequence[float], length: float) -> "Scale":
        """A scale that has room for all values, with at most five ticks."""
        highest = max(values, default=0.0) or 1.0
        power = 10.0 ** floor(log10(highest / 4))
        step = next(
            power * each for each in (1, 2, 5, 10) if power * each * 4 >= highest
        )
        count = -(-highest // step)
        return cls(step * count, step, length)

    def at(self, value: float) -> float:
        """How far from zero a value lies."""
        return self.length * value / self.largest

    @property
    def ticks(self) -> Iterator[float]:
        """The round values that are marked, zero first."""
        return (
            self.step * place for place in range(round(self.largest / self.step) + 1)
        )


@dataclass(slots=True)
class Sheet:
    """What is drawn so far; from right to left everything is mirrored."""

    is_rtl: bool = False
    height: float = 0
    parts: list[str] = field(default_factory=list)

    def x(self, x: float) -> float:
        """The place on the sheet, counted from where reading starts."""
        return WIDTH - x if self.is_rtl else x

    def add(self, part: str) -> None:
        """Put a piece of SVG on the sheet."""
        self.parts.append(part)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        side: Side = "start",
        *,
        is_bold: bool = False,
    ) -> str:
        """Words, in the reading direction."""
        weight = {"font_weight": "700"} if is_bold else {}
        return tag(
            "text", words(text), x=self.x(x), y=y, text_anchor=side, fill=INK, **weight
        )

    def number(self, x: float, y: float, text: str, side: Side = "start") -> str:
        """Figures, which run from left to right in every language."""
        return tag(
            "text",
            words(text),
            x=self.x(x),
            y=y,
            text_anchor=_SWAPPED[side] if self.is_rtl else side,
            direction="ltr",
            fill=INK,
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, **attributes: str | float
    ) -> str:
        """A line; grey and thin if nothing else is said."""
        given: dict[str, str | float] = {"stroke": RULE, "stroke_width": 1}
        given |= attributes
        return tag("line", x1=self.x(x1), y1=y1, x2=self.x(x2), y2=y2, **given)

    def box(
        self, x: float, y: float, width: float, height: float, **attributes: str | float
    ) -> str:
        """A rectangle whose edge nearest to the start of reading is at `x`."""
        left = WIDTH - x - width if self.is_rtl else x
        return tag("rect", x=left, y=y, width=width, height=height, **attributes)

    def down(self, length: float) -> float:
        """Move on by `length`; where that was before."""
        before = self.height
        self.height += length
        return before


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
