"""Conditions on components: `c[AGE]=A1,A2`, `c[TIME_PERIOD]=ge:2025-Q1+le:2025-Q4`.

SDMX-REST 2: a comma means *or*, a plus *and*, and binds closer.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from interurban_node.sdmx.model import MEASURE
from interurban_node.sdmx.periods import period_bounds
from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.structures import TIME_DIMENSION

MAX_CONDITIONS: Final = 64
_NUMBERS: Final = frozenset({MEASURE})
_PREFIX = re.compile(r"(eq|ne|lt|le|gt|ge|co|nc|sw|ew):(.*)", re.DOTALL)

Test: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a component with a value."""

    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Filter:
    """What a component may be: any of the alternatives, each of which holds entirely."""

    component: str
    alternatives: tuple[tuple[Condition, ...], ...]

    def test(self) -> Test:
        """Whether a text of the component passes; an absent one is the empty text.

        Raises:
            MalformedError: a number or a period of another form.
        """
        if all(
            len(each) == 1 and each[0].operator == "eq" for each in self.alternatives
        ):
            wanted = {each[0].value for each in self.alternatives}
            return wanted.__contains__
        compare = _comparison(self.component)
        tests = [[compare(each) for each in parts] for parts in self.alternatives]
        return lambda text: any(all(test(text) for test in parts) for parts in tests)


def parse_filter(component: str, text: str) -> Filter:
    """The filter in the value of one `c[…]` parameter.

    Raises:
        MalformedError: an empty value. OversizedError: too many of them.
    """
    if text.count(",") + text.count("+") >= MAX_CONDITIONS:
        raise OversizedError(
            f"a component has more than {MAX_CONDITIONS} conditions",
            next_step="Ask for a wildcard, and choose on your side.",
        )
    alternatives = tuple(
        tuple(_condition(part) for part in alternative.split("+"))
        for alternative in text.split(",")
    )
    return Filter(component, tuple(dict.fromkeys(alternatives)))


def equal_to(component: str, values: Sequence[str]) -> Filter:
    """The filter that wants one of `values`."""
    return Filter(component, tuple((Condition("eq", value),) for value in values))


def _condition(text: str) -> Condition:
    found = _PREFIX.fullmatch(text)
    operator, value = (found[1], found[2]) if found else ("eq", text)
    if not value:
        raise MalformedError("a condition on a component has no value")
    return Condition(operator, value)


def _comparison(component: str) -> Callable[[Condition], Test]:
    if component == TIME_DIMENSION:
        return _of_periods
    if component in _NUMBERS:
        return _of_numbers
    return _of_texts


_ORDERED: Mapping[str, Callable[[float, float], bool]] = {
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
}
_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "eq": lambda text, value: text == value,
    "ne": lambda text, value: text != value,
    "lt": lambda text, value: text < value,
    "le": lambda text, value: text <= value,
    "gt": lambda text, value: text > value,
    "ge": lambda text, value: text >= value,
    "co": lambda text, value: value in text,
    "nc": lambda text, value: value not in text,
    "sw": lambda text, value: text.startswith(value),
    "ew": lambda text, value: text.endswith(value),
}


def _of_texts(condition: Condition) -> Test:
    compare, value = _TEXTS[condition.operator], condition.value
    return lambda text: compare(text, value)


def _of_numbers(condition: Condition) -> Test:
    """A hidden cell has no number, so no comparison holds for it."""
    if condition.operator not in _ORDERED:
        return _of_texts(condition)
    try:
        number = float(condition.value)
    except ValueError as error:
        raise MalformedError("a number is compared with something else") from error
    compare = _ORDERED[condition.operator]
    return lambda text: bool(text) and compare(float(text), number)


def _of_periods(condition: Condition) -> Test:
    """A period is at or after another if it begins so, at or before if it ends so."""
    if condition.operator not in _ORDERED:
        return _of_texts(condition)
    first, last = period_bounds(condition.value)
    tests: Mapping[str, Test] = {
        "ge": lambda text: period_bounds(text)[0] >= first,
        "gt": lambda text: period_bounds(text)[0] > last,
        "le": lambda text: period_bounds(text)[1] <= last,
        "lt": lambda text: period_bounds(text)[1] < first,
    }
    return tests[condition.operator]


__all__ = [
    "MAX_CONDITIONS",
    "Condition",
    "Filter",
    "equal_to",
    "parse_filter",
]
