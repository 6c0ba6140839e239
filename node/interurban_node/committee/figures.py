"""How single figures are written, for people and in SDMX's codes."""

from collections.abc import Mapping

from interurban_protocol.indicator_figures import Figure, Mark
from interurban_protocol.indicators import Unit

SDMX_MARKS: Mapping[Mark, tuple[str, str]] = {
    Mark.SHOWN: ("A", "F"),
    Mark.HIDDEN: ("Q", "A"),
    Mark.INCOMPLETE: ("Q", "S"),  # suppressed too, by the receiver
    Mark.WITHHELD: ("N", "F"),
    Mark.NOT_YET: ("O", "F"),
    Mark.MISSING: ("L", "F"),
}
"""Each mark as OBS_STATUS and CONF_STATUS, by SDMX's code lists."""

SIGNS: Mapping[Unit, str] = {Unit.PERCENT: " %", Unit.EUR_MONTH: " €"}
"""What stands behind a value; a plain number of something has nothing."""


def value_text(figure: Figure, unit: Unit) -> str:
    """The value with its unit's sign, or its mark as one word."""
    if figure.value is None:
        return figure.mark.value
    return f"{figure.value}{SIGNS.get(unit, '')}"


def range_text(figure: Figure) -> str:
    """What the noise leaves open, "42.8–47.3"; empty for exact values and for marks."""
    if figure.low is None or figure.low == figure.high:
        return ""
    if figure.high is None:
        return f"≥ {figure.low}"
    return f"{figure.low}–{figure.high}"


def figure_text(figure: Figure, unit: Unit) -> str:
    """Value and range, "45.0 % (42.8–47.3)", or the mark."""
    between = range_text(figure)
    return (
        f"{value_text(figure, unit)} ({between})"
        if between
        else value_text(figure, unit)
    )


__all__ = [
    "SDMX_MARKS",
    "SIGNS",
    "Figure",
    "Mark",
    "figure_text",
    "range_text",
    "value_text",
]
