"""What may be made of shown values, and what anybody may conclude from them.

Rates and medians are never published. A reader makes them from shown values, with the range
that the noise leaves open.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from interurban_protocol.errors import MalformedError
from interurban_protocol.protection_profiles import ProtectionProfile
from interurban_protocol.structures import Code


@dataclass(frozen=True, slots=True)
class Rate:
    """A percentage, with the range that the noise leaves open; one decimal each."""

    percent: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Median:
    """A median in the unit of its bands, with the range that the noise leaves open.

    One decimal each. `value` and `high` are None where they lie in the open band at the top.
    """

    value: float | None
    low: float
    high: float | None


def possible_counts(
    value: int | None,
    profile: ProtectionProfile,
    *,
    crosses_equity: bool,
    crosses_sensitive: bool = True,
) -> tuple[int, int | None]:
    """How many people may stand behind a cell: the least and the most, both possible.

    A shown value was at least the threshold and close enough to be rounded to it, and the
    noise is at most D. A hidden cell may hold nobody, or anybody (None) where it crosses a
    sensitive dimension and so may be collapsed; elsewhere it was below the threshold.

    Raises:
        MalformedError: a value that no cell of this kind can show.
    """
    threshold = profile.threshold_for(crosses_equity=crosses_equity)
    largest = profile.perturbation.maximum
    if value is None:
        return 0, None if crosses_sensitive else threshold - 1 + largest
    step = profile.rounding or 1
    if value < threshold or value % step:
        raise MalformedError("no cell shows this value under the protection profile")
    lowest = max(value - step // 2, threshold)
    return max(0, lowest - largest), value + (step - 1) // 2 + largest


def rate(
    numerator: int | None,
    denominator: int | None,
    profile: ProtectionProfile,
    *,
    cities: int = 1,
) -> Rate | None:
    """The rate of two *shown* values; None where it would be unsure or tell too much.

    `cities` says how many cities' values are added in each of the two. None if either is
    hidden, if the denominator is below the profile's minimum, or if the result is 0 % or
    100 %, which would tell the outcome of everybody in the group.
    """
    if numerator is None or denominator is None:
        return None
    if denominator < profile.min_rate_denominator:
        return None
    percent = min(round(100 * numerator / denominator, 1), 100.0)
    if percent in (0.0, 100.0):
        return None
    error = _error(profile, cities)
    low = 100 * max(numerator - error, 0) / (denominator + error)
    high = 100 * (numerator + error) / max(denominator - error, 1)
    return Rate(
        percent, math.floor(10 * low) / 10, min(math.ceil(10 * high) / 10, 100.0)
    )


def median(
    bands: Sequence[tuple[Code, int | None]],
    profile: ProtectionProfile,
    *,
    cities: int = 1,
) -> Median | None:
    """The median from the shown counts of all bands, interpolated inside its band.

    `bands` in any order; codes without `lower`, such as `_U`, are left out: it is the median
    of those whose band is known. None if a band is hidden or too few people are in them.
    The range is that of the noise, every band off by its largest error in the worst way; how
    people are spread inside a band it does not know.

    Raises:
        MalformedError: bands that overlap.
    """
    known = [(code, count) for code, count in bands if code.lower is not None]
    known.sort(key=lambda band: band[0].lower or 0)
    edges = [(code.lower or 0, code.upper) for code, _ in known]
    _check_disjoint(edges)
    counts = [count for _, count in known if count is not None]
    if len(counts) < len(known) or sum(counts) < profile.min_median:
        return None
    error = _error(profile, cities)
    splits = range(len(counts) + 1)
    lowest = min(_middle(edges, _tilted(counts, error, split)) for split in splits)
    highest = max(_middle(edges, _tilted(counts, -error, split)) for split in splits)
    low = min(lowest, float(edges[-1][0]))  # at least where the open band begins
    middle = _middle(edges, counts)
    return Median(
        None if math.isinf(middle) else round(middle, 1),
        math.floor(10 * low) / 10,
        None if math.isinf(highest) else math.ceil(10 * highest) / 10,
    )


def _error(profile: ProtectionProfile, cities: int) -> int:
    return cities * (profile.perturbation.maximum + (profile.rounding or 1) // 2)


def _check_disjoint(edges: Sequence[tuple[int, int | None]]) -> None:
    for (_, upper), (lower, _) in pairwise(edges):
        if upper is None or upper > lower:
            raise MalformedError("two bands overlap, so there is no median of them")


def _tilted(counts: Sequence[int], error: int, split: int) -> list[int]:
    """`counts` with as many more below the place `split` and as many fewer from it on."""
    return [
        max(count + (error if place < split else -error), 0)
        for place, count in enumerate(counts)
    ]


def _middle(edges: Sequence[tuple[int, int | None]], counts: Sequence[int]) -> float:
    """Where half of the people are below; infinite in an open band."""
    half = sum(counts) / 2
    below = 0
    for (lower, upper), count in zip(edges, counts, strict=True):
        if count and below + count >= half:
            if upper is None:
                return math.inf
            return lower + (upper - lower) * (half - below) / count
        below += count
    return math.inf


__all__ = ["Median", "Rate", "median", "possible_counts", "rate"]
