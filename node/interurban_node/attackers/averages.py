"""Averaging: the same question many times, or the same period in many releases.

Noise of mean 0 goes away in the mean. It does so only where it is drawn again for the same
people: by a node that answers queries, gives every recipient other noise, or issues a period
more than once. Equal answers give nothing, and other people give the sum of others.
"""

from collections.abc import Iterable, Mapping, Sequence

from interurban_protocol.disclosure import Cell


def averaged(tables: Iterable[Iterable[Cell]]) -> Mapping[tuple[str, ...], float]:
    """The mean of every cell over the tables that show it."""
    values: dict[tuple[str, ...], list[int]] = {}
    for table in tables:
        for codes, value in table:
            if value is not None:
                values.setdefault(codes, []).append(value)
    return {codes: sum(shown) / len(shown) for codes, shown in values.items()}


def distinct_draws(tables: Sequence[Iterable[Cell]]) -> int:
    """How many different tables there are: one means that averaging gives nothing."""
    return len({tuple(table) for table in tables})


def guessed(means: Mapping[tuple[str, ...], float]) -> Mapping[tuple[str, ...], int]:
    """The whole number of learners that this attacker says is in every cell."""
    return {codes: round(mean) for codes, mean in means.items()}
