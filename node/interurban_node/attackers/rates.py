"""Rates multiplied back, and coverage times a public total.

A percentage is a ratio of whole numbers. With its denominator it gives the numerator back,
also one that stands nowhere; with a total that everybody knows, the share of those who
agreed gives how many they are.
"""

import math


def numerators(
    percent: float, denominators: range, decimals: int = 1
) -> tuple[int, int] | None:
    """The least and the largest numerator that round to `percent`; None if none does."""
    half = 0.5 * 10**-decimals
    found = [
        numerator
        for denominator in denominators
        for numerator in (
            math.ceil((percent - half) * denominator / 100 - 1e-9),
            math.floor((percent + half) * denominator / 100 + 1e-9),
        )
        if abs(100 * numerator / denominator - percent) <= half + 1e-9
    ]
    return (min(found), max(found)) if found else None


def covered(percent: int, step: int, total: int) -> tuple[int, int]:
    """How many of `total` people, publicly known, a coverage of `percent` may mean.

    Rounded to `step` points; the ends of the scale stand for everything beyond.
    """
    low = 0.0 if percent <= step else percent - step / 2
    high = 100.0 if percent >= 100 - step else percent + step / 2
    return math.ceil(low * total / 100), math.floor(high * total / 100)
