"""How one canonical field is read from a source's row: a small closed set of rules.

A rule is data, never an expression. In a mapping::

    sex           = { column = "gender", map = { F = "F", M = "M" }, otherwise = "null" }
    birth_year    = { column = "born", type = "year", format = "%d.%m.%Y" }
    registered_on = { column = "day", days_from = { column = "term", terms = { B = "02-01" } } }
    started_on    = { column = "term", type = "presentation", terms = { B = "02-01" },
                      unless_left_before = "left_on_day" }
    status        = { constant = "active" }

The steps of a rule: 1. take the column's value, or if it is missing that of the column
`or_column`; 2. if both are missing, the default; 3. translate it with `map`, or read it as its
`type`; 4. what cannot be read is treated as `otherwise` says.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from interurban_adapters.adapter import ColumnName, SourcePart, Value, Values, text_of
from interurban_adapters.errors import MappingError

FieldType = Literal["text", "int", "date", "year", "presentation"]
Scalar: TypeAlias = str | int | date | None

_CACHED_TEXTS = 8192  # codes and dates repeat; conversion is the dear part of a row
_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ][0-9:.+Z-]+")
_PRESENTATION = re.compile(r"([0-9]{4})([A-Z]{1,4})")
_MONTH_DAY = re.compile(r"[0-9]{2}-[0-9]{2}")
_PLAUSIBLE = (date(1900, 1, 1), date(2200, 1, 1))  # as records.Day
_PROBE = date(2003, 11, 29)

Terms = Annotated[Mapping[str, str], Field(min_length=1)]


class DayZero(SourcePart):
    """Where days are counted from: a date, or with `terms` the start of a presentation."""

    column: ColumnName
    format: str = "iso"
    terms: Terms | None = None


class FieldRule(SourcePart):
    """How one field is read; the module's docstring has the steps.

    `terms` gives the month and day (`02-01`) at which a presentation such as `2013B` starts,
    by its letters. A value counts as left before the start when `unless_left_before` holds
    a negative number of days; the field is then null. `optional` columns may be absent.
    """

    column: ColumnName | None = None
    or_column: ColumnName | None = None
    constant: str | int | None = None
    default: str | int | None = None
    map: Mapping[str, str | int] | None = None
    null: tuple[str, ...] | None = None
    type: FieldType | None = None
    format: str = "iso"
    terms: Terms | None = None
    days_from: DayZero | None = None
    unless_left_before: ColumnName | None = None
    otherwise: Literal["reject", "null", "default", "keep"] = "reject"
    optional: bool = False

    def columns(self) -> tuple[str, ...]:
        """Every column that the rule looks at."""
        day_zero = self.days_from.column if self.days_from else None
        named = (self.column, self.or_column, day_zero, self.unless_left_before)
        return tuple(column for column in named if column is not None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that cannot be read, and why, without the value."""

    reason: str


FieldReader: TypeAlias = Callable[[Values], Scalar | Refusal]
_Convert: TypeAlias = Callable[[Value], Scalar | Refusal]


_GIVES: Mapping[FieldType, FieldType] = {
    "text": "text",
    "int": "int",
    "date": "date",
    "year": "int",
    "presentation": "date",
}


def check_rule(rule: FieldRule, field_type: FieldType, where: str) -> None:
    """Refuse a rule that contradicts itself, or gives another type than the field holds.

    `where` is the rule's place in the mapping.

    Raises:
        MappingError: beginning with `where`.
    """
    if (rule.column is None) == (rule.constant is None):
        raise MappingError(f"{where}: give either a column or a constant")
    if rule.or_column is not None and rule.column is None:
        raise MappingError(
            f"{where}: or_column stands in for a column and there is none"
        )
    if (rule.type == "presentation") != (rule.terms is not None):
        raise MappingError(f"{where}: a presentation needs terms, and only that does")
    if rule.otherwise == "default" and rule.default is None:
        raise MappingError(f"{where}: otherwise names a default and there is none")
    gives = "date" if rule.days_from else _GIVES[rule.type or field_type]
    if rule.map is None and gives != field_type:
        raise MappingError(
            f"{where}: gives a {gives} where the field holds {field_type}"
        )
    _check_days_from(rule, where)
    for terms in (rule.terms, rule.days_from and rule.days_from.terms):
        _check_terms(terms or {}, where)
    for form in (rule.format, rule.days_from.format if rule.days_from else "iso"):
        _check_format(form, where)


def given_value(value: str | int | None, field_type: FieldType) -> Scalar:
    """What a constant or default of the mapping means for the field: a date from text."""
    if field_type == "date" and isinstance(value, str):
        day = _day(value, "iso")
        return value if isinstance(day, Refusal) else day
    return value


def field_reader(
    rule: FieldRule, field_type: FieldType, nulls: tuple[str, ...]
) -> FieldReader:
    """A function from a row's values to the field's value, null or a refusal.

    `field_type` is what the canonical field holds, `nulls` the table's marks for missing;
    the rule's own `type` and `null` go before them.
    """
    if rule.column is None:
        constant = given_value(rule.constant, field_type)
        return lambda _values: constant
    reader = _column_reader(rule, rule.column, field_type, nulls)
    if rule.days_from is not None:
        reader = _counted_from(reader, rule, rule.days_from, nulls)
    if rule.unless_left_before is not None:
        reader = _unless_negative(reader, rule.unless_left_before, nulls)
    return reader


def _column_reader(
    rule: FieldRule, column: str, field_type: FieldType, nulls: tuple[str, ...]
) -> FieldReader:
    marks = nulls if rule.null is None else rule.null
    convert = _converter(rule, "int" if rule.days_from else field_type, marks)
    second = rule.or_column
    if second is None:
        return lambda values: convert(values.get(column))
    missing = frozenset(("", *marks))

    def first_given(values: Values) -> Scalar | Refusal:
        value = values.get(column)
        return convert(values.get(second) if text_of(value) in missing else value)

    return first_given


def _converter(
    rule: FieldRule, field_type: FieldType, nulls: tuple[str, ...]
) -> _Convert:
    kind = rule.type or field_type
    missing = frozenset(("", *nulls))
    default = given_value(rule.default, field_type)
    translate = _translation(rule, kind)

    def convert(value: Value) -> Scalar | Refusal:
        text = text_of(value)
        if text in missing:
            return default
        result = translate(text)
        if not isinstance(result, Refusal) or rule.otherwise == "reject":
            return result
        if rule.otherwise == "keep":
            return text
        return default if rule.otherwise == "default" else None

    if kind == "text" and rule.map is None:
        return convert  # names and numbers do not repeat; do not keep them in memory
    # typed, because 1 and true, or 1 and 1.0, are equal and have different texts
    return lru_cache(maxsize=_CACHED_TEXTS, typed=True)(convert)


def _translation(rule: FieldRule, kind: FieldType) -> Callable[[str], Scalar | Refusal]:
    if rule.map is not None:
        table = rule.map
        unknown = Refusal("the value is not one that the mapping knows")
        return lambda text: table.get(text, unknown)
    match kind:
        case "text":
            return lambda text: text
        case "int":
            return _integer
        case "date":
            return lambda text: _day(text, rule.format)
        case "year":
            return lambda text: _year(text, rule.format)
        case "presentation":
            terms = rule.terms or {}
            return lambda text: _presentation_start(text, terms)


def _integer(text: str) -> int | Refusal:
    if _INTEGER.fullmatch(text) is None:
        return Refusal("is not a whole number")
    return int(text)


def _day(text: str, form: str) -> date | Refusal:
    try:
        if moment := _ISO_MOMENT.fullmatch(text):
            return date.fromisoformat(moment[1])  # a date and time, as SQL gives it
        if _ISO_DAY.fullmatch(text):
            return date.fromisoformat(text)
        if form != "iso":
            return date(*time.strptime(text, form)[:3])
    except ValueError:
        return Refusal("is not a day of the calendar")
    return Refusal("is not a date in the form that the mapping says")


def _year(text: str, form: str) -> int | Refusal:
    if len(text) == 4 and text.isascii() and text.isdigit():
        return int(text)
    day = _day(text, form)
    return day.year if isinstance(day, date) else day


def _presentation_start(text: str, terms: Mapping[str, str]) -> date | Refusal:
    found = _PRESENTATION.fullmatch(text)
    if found is None or found[2] not in terms:
        return Refusal("is not a presentation that the mapping knows")
    return _day(f"{found[1]}-{terms[found[2]]}", "iso")


def _counted_from(
    read: FieldReader, rule: FieldRule, zero: DayZero, nulls: tuple[str, ...]
) -> FieldReader:
    kind: FieldType = "date" if zero.terms is None else "presentation"
    start_rule = FieldRule(
        column=zero.column, type=kind, format=zero.format, terms=zero.terms
    )
    start_of = field_reader(start_rule, kind, nulls)
    fallback = None if rule.otherwise == "null" else Refusal("counts from no known day")

    def counted(values: Values) -> Scalar | Refusal:
        days = read(values)
        if not isinstance(days, int):
            return days
        start = start_of(values)
        if not isinstance(start, date):
            return fallback
        try:
            day = start + timedelta(days=days)
        except OverflowError:
            return fallback
        return day if _PLAUSIBLE[0] <= day <= _PLAUSIBLE[1] else fallback

    return counted


def _unless_negative(
    read: FieldReader, column: str, nulls: tuple[str, ...]
) -> FieldReader:
    day_rule = FieldRule(column=column, type="int", otherwise="null")
    day_of = field_reader(day_rule, "int", nulls)

    def started(values: Values) -> Scalar | Refusal:
        day = day_of(values)
        left_before = isinstance(day, int) and day < 0
        return None if left_before else read(values)

    return started


def _check_days_from(rule: FieldRule, where: str) -> None:
    if rule.days_from is None:
        return
    if rule.type not in (None, "int") or rule.map is not None:
        raise MappingError(f"{where}: days are counted from a whole number only")
    if not isinstance(rule.default, int | None):
        raise MappingError(f"{where}: the default is a number of days")
    if rule.otherwise == "keep":
        raise MappingError(f"{where}: text cannot be kept where a date is due")


def _check_terms(terms: Mapping[str, str], where: str) -> None:
    for letters, month_day in terms.items():
        if not _MONTH_DAY.fullmatch(month_day) or isinstance(
            _day(f"2001-{month_day}", "iso"), Refusal
        ):
            raise MappingError(f"{where}: the term {letters} has no month and day")


def _check_format(form: str, where: str) -> None:
    if form == "iso":
        return
    try:
        back = datetime.strptime(_PROBE.strftime(form), form)  # noqa: DTZ007 - a day only
    except ValueError:
        back = None
    if back is None or back.date() != _PROBE:
        raise MappingError(f"{where}: the format does not give year, month and day")
