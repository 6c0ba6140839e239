"""Figures of indicators, from the shown values of releases alone.

For one city or for several together:

* a hidden value is never counted as zero; a combined figure over one is incomplete;
* rates need enough people and are withheld at 0 % and 100 %, as `disclosure.rate` says;
* medians are interpolated from protected bands, as `disclosure.median` says;
* every figure has the range that the noise leaves open.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from interurban_protocol.disclosure import median, possible_counts, rate
from interurban_protocol.indicators import Cells, Indicator, Kind
from interurban_protocol.release_plans import ProtectionProfile, strictest
from interurban_protocol.releases import ReleasedTable
from interurban_protocol.structures import TOTAL


class Mark(StrEnum):
    """Why a figure has a value, or has none."""

    SHOWN = "shown"
    HIDDEN = "hidden"  # by the city that published it
    INCOMPLETE = "incomplete"  # combined, and a contributing city's cell is hidden
    WITHHELD = "withheld"  # made of too few people, or it would tell of all of them
    NOT_YET = "not yet"  # the quarter in which it is observed is not published
    MISSING = "missing"  # no release of the city is here


@dataclass(frozen=True, slots=True)
class Figure:
    """One value or mark, with the range that the noise leaves open.

    Without a value, `low` says what is known all the same, if anything: a median in the
    open highest band is at least that.
    """

    value: float | None
    mark: Mark
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Releases:
    """The tables of one city that an indicator is made of."""

    numerator: ReleasedTable
    denominator: ReleasedTable | None = None  # None: the indicator has none

    def __iter__(self) -> Iterator[ReleasedTable]:
        yield self.numerator
        if self.denominator is not None:
            yield self.denominator


def evaluate(
    indicator: Indicator,
    releases: Sequence[Releases],
    codes: Mapping[str, str],
    *,
    is_combined: bool = False,
) -> tuple[Figure, ...]:
    """The figures of one city, or of several together, in the order of `columns`.

    `codes` names the cell by the open dimensions, and for SHARES by `along`; what is left out
    is the total. Where a value is hidden, a combined figure is incomplete.

    Raises:
        MalformedError: an unknown dimension or code, or more of them crossed than a release
            has.
        DisclosureError: releases of protection profiles that do not go together.
    """
    if not releases:
        return (Figure(None, Mark.MISSING),) * len(indicator.columns)
    otherwise = Mark.INCOMPLETE if is_combined else Mark.HIDDEN
    tables = [each.numerator for each in releases]
    numerator = _count(indicator.numerator, tables, codes, otherwise)
    profile = strictest([table.profile for each in releases for table in each])
    if indicator.kind is Kind.COUNT:
        return (numerator,)
    if indicator.kind is Kind.MEDIAN:
        found = _median_of(indicator, tables, codes, profile, otherwise)
        return (numerator, found)
    denominator = _denominator(indicator, releases, codes, otherwise)
    if _is_exact(releases):
        return (denominator, numerator, _share(numerator, denominator, otherwise))
    value = _rate(numerator, denominator, profile, otherwise, len(releases))
    return (denominator, numerator, value)


def _denominator(
    indicator: Indicator,
    releases: Sequence[Releases],
    codes: Mapping[str, str],
    otherwise: Mark,
) -> Figure:
    tables = [each.denominator or each.numerator for each in releases]
    whole = {name: code for name, code in codes.items() if name != indicator.along}
    cells = indicator.denominator or indicator.numerator
    return _count(cells, tables, whole, otherwise)


def _count(
    cells: Cells,
    tables: Sequence[ReleasedTable],
    codes: Mapping[str, str],
    otherwise: Mark,
) -> Figure:
    """The sum over tables of one cell; it needs every one of them."""
    chosen = {**codes, **cells.codes}
    values = [table.value(**chosen) for table in tables]
    if any(value is None for value in values):
        return Figure(None, otherwise)
    shown = [value for value in values if value is not None]
    if any(table.structure.basis == "non_personal" for table in tables):
        return Figure(sum(shown), Mark.SHOWN, sum(shown), sum(shown))
    ranges = [
        possible_counts(
            value, table.profile, crosses_equity=_crosses_equity(table, chosen)
        )
        for value, table in zip(shown, tables, strict=True)
    ]
    highs = [high for _, high in ranges if high is not None]
    return Figure(sum(shown), Mark.SHOWN, sum(low for low, _ in ranges), sum(highs))


def _crosses_equity(table: ReleasedTable, codes: Mapping[str, str]) -> bool:
    return any(
        each.is_equity and codes.get(each.id, TOTAL) != TOTAL
        for each in table.structure.split_dimensions
    )


def _is_exact(releases: Sequence[Releases]) -> bool:
    """Whether the denominators are no figures about persons."""
    denominators = [each.denominator for each in releases]
    return all(
        each is not None and each.structure.basis == "non_personal"
        for each in denominators
    )


def _rate(
    numerator: Figure,
    denominator: Figure,
    profile: ProtectionProfile,
    otherwise: Mark,
    cities: int,
) -> Figure:
    if numerator.value is None or denominator.value is None:
        return Figure(None, otherwise)
    found = rate(int(numerator.value), int(denominator.value), profile, cities=cities)
    if found is None:
        return Figure(None, Mark.WITHHELD)
    return Figure(found.percent, Mark.SHOWN, found.low, found.high)


def _share(numerator: Figure, denominator: Figure, otherwise: Mark) -> Figure:
    """A share of an exact number of things; more than all of them is possible."""
    if numerator.value is None or denominator.value is None:
        return Figure(None, otherwise)
    if not denominator.value:
        return Figure(None, Mark.WITHHELD)
    low, high = numerator.low or 0, numerator.high or 0
    value, least, most = (
        round(100 * part / denominator.value, 1)
        for part in (numerator.value, low, high)
    )
    return Figure(value, Mark.SHOWN, least, most)


def _median_of(
    indicator: Indicator,
    tables: Sequence[ReleasedTable],
    codes: Mapping[str, str],
    profile: ProtectionProfile,
    otherwise: Mark,
) -> Figure:
    along = indicator.along or ""
    bands = [
        code for code in tables[0].structure.base_codes(along) if code.lower is not None
    ]
    values = [
        _count(indicator.numerator, tables, {**codes, along: code.id}, otherwise).value
        for code in bands
    ]
    counts = [None if value is None else int(value) for value in values]
    found = median(list(zip(bands, counts, strict=True)), profile, cities=len(tables))
    if found is None:
        return Figure(None, otherwise if None in counts else Mark.WITHHELD)
    if found.value is None:
        return Figure(None, Mark.WITHHELD, found.low)
    return Figure(found.value, Mark.SHOWN, found.low, found.high)


__all__ = ["Figure", "Mark", "Releases", "evaluate"]
