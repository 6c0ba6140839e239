"""Time periods as SDMX queries write them, and which quarters they cover."""

import re
from calendar import monthrange
from datetime import date
from functools import lru_cache

from interurban_protocol.errors import MalformedError

_FORMS = re.compile(
    r"(?P<year>\d{4})"
    r"(?:-(?P<unit>[ASTQM])(?P<number>\d{1,2})|-(?P<month>\d{2})(?:-(?P<day>\d{2}))?)?"
    r"(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?"
)
_PARTS_OF_A_YEAR = {"A": 1, "S": 2, "T": 3, "Q": 4, "M": 12}


@lru_cache(maxsize=1024)
def period_bounds(text: str) -> tuple[date, date]:
    """The first and last day of a year, half-year, quarter, month or day.

    Raises:
        MalformedError: another form, or a day that no calendar has.
    """
    found = _FORMS.fullmatch(text)
    if found is None or found["year"] == "0000":
        raise MalformedError(
            "a period has a form like 2025, 2025-S1, 2025-Q3, 2025-07 or 2025-07-31"
        )
    year = int(found["year"])
    if found["unit"]:
        return _part(year, _PARTS_OF_A_YEAR[found["unit"]], int(found["number"]))
    if found["day"]:
        return _day(year, int(found["month"]), int(found["day"]))
    if found["month"]:
        return _part(year, 12, int(found["month"]))
    return _part(year, 1, 1)


def _part(year: int, parts: int, number: int) -> tuple[date, date]:
    if not 1 <= number <= parts:
        raise MalformedError("a period names a part that its year does not have")
    months = 12 // parts
    last = number * months
    return (
        date(year, last - months + 1, 1),
        date(year, last, monthrange(year, last)[1]),
    )


def _day(year: int, month: int, day: int) -> tuple[date, date]:
    try:
        found = date(year, month, day)
    except ValueError as error:
        raise MalformedError("a period names a day that no calendar has") from error
    return found, found


__all__ = ["period_bounds"]
