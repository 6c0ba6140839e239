"""A coalition of all cities but one, who know a joint total and their own true numbers.

What remains is the last city's. It is as well protected as the figure that this city put in:
its own published one, with its noise, or, where any city's figure is hidden, nothing at all.
"""

from collections.abc import Mapping, Sequence


def left_over(
    joint: Mapping[tuple[str, ...], int | None],
    others: Sequence[Mapping[tuple[str, ...], int]],
) -> Mapping[tuple[str, ...], int]:
    """What remains of every joint figure for the city that is not in the coalition.

    `others` are what each city of the coalition put in; a cell that one of them does not
    name is 0 there.
    """
    return {
        codes: total - sum(city.get(codes, 0) for city in others)
        for codes, total in joint.items()
        if total is not None
    }
