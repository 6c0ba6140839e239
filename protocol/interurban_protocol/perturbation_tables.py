"""Perturbation tables: which noise a count gets, and with what probability.

A table has one row for each count n = 0 .. D + js + 1; the last row serves every larger
count. A row is the distribution of the deviation v of maximum entropy, given

* mean 0, variance V and ``|v| <= D``,
* that no result n + v is negative or one of 1 .. js, and that 0 stays 0,
* that a count stays as it is with probability `stay`,
* that on either side of 0 a larger deviation is never likelier than a smaller one. This
  binds: without it the published reference table (n = 6) would have v = -2 before v = -1.

Small counts cannot have all of it. Where the variance is out of reach, the row gives up
monotony first, then `stay`, then both (D=5, V=3, js=0: n = 2 is not monotone, n = 1 has no
fixed `stay`; n <= js can never stay). Where it is out of reach even so, there is no table.

The deviation is looked up with the cell key, the sum of the record keys of the cell's
learners modulo 2^32, so that the same learners get the same noise in every table. The table
is public and travels in the manifest: only the record keys are secret. Cumulative bounds
have exactly eight decimals, so every recipient computes the same bytes.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, TypeAlias

from pydantic import Field, StringConstraints

from interurban_protocol.errors import MalformedError, VerificationError
from interurban_protocol.signed_documents import WireModel

KEY_BITS = 32
DECIMALS = 8
_UNITS = 10**DECIMALS
_MARGIN = 1e-6  # a target this close to the edge of the possible has no stable solution
_ORDER_TOLERANCE = 1e-12
_MAX_NEWTON_STEPS = 200  # a dozen are usual
_CONVERGED = 1e-28  # what a step would still lower the dual by
_FLAT = 1e-9  # below it floats cannot tell the dual's values apart, and whole steps are safe

_Bound = Annotated[str, StringConstraints(pattern=r"^(0\.[0-9]{8}|1\.00000000)$")]
_Block: TypeAlias = tuple[int, ...]  # deviations that share one probability
_Blocks: TypeAlias = tuple[_Block, ...]
_Distribution: TypeAlias = dict[int, float]


class PerturbationParameters(WireModel):
    """What determines a table: D, V, the probability of no change, and js."""

    maximum: Annotated[int, Field(ge=1, le=20)] = 5  # D
    variance: Annotated[float, Field(gt=0, le=100)] = 3.0  # V
    stay: Annotated[float, Field(gt=0, lt=1)] = 0.5
    blocked: Annotated[int, Field(ge=0, le=10)] = 0  # js: results 1 .. js never occur


class PerturbationRow(WireModel):
    """The deviations that a count can get, ascending, with cumulative upper bounds."""

    count: int
    deviations: tuple[int, ...]
    upper: tuple[_Bound, ...]

    @property
    def probabilities(self) -> tuple[float, ...]:
        """One for each deviation; they add up to 1 exactly before conversion to float."""
        units = [0, *(_units(bound) for bound in self.upper)]
        steps = pairwise(units)
        return tuple((after - before) / _UNITS for before, after in steps)

    @property
    def key_bounds(self) -> tuple[int, ...]:
        """For each deviation, the first cell key that is beyond it."""
        return tuple(
            -(-_units(bound) * 2**KEY_BITS // _UNITS)  # rounded up
            for bound in self.upper
        )


class PerturbationTable(WireModel):
    """A table with its parameters, as it stands in a manifest. See `check_table`."""

    parameters: PerturbationParameters
    rows: tuple[PerturbationRow, ...]

    def lookup(self, count: int, cell_key: int) -> int:
        """The deviation for `count` learners whose record keys add up to `cell_key`.

        `cell_key` is taken modulo 2^32. Uniform keys give each deviation its probability.
        """
        row = self.rows[min(count, len(self.rows) - 1)]
        return row.deviations[bisect_right(row.key_bounds, cell_key % 2**KEY_BITS)]


@lru_cache(maxsize=64)
def perturbation_table(parameters: PerturbationParameters) -> PerturbationTable:
    """The one table that `parameters` determine.

    Raises:
        MalformedError: no distribution has this variance within this maximum.
    """
    last = parameters.maximum + parameters.blocked + 1
    rows = tuple(_row(count, parameters) for count in range(last + 1))
    return PerturbationTable(parameters=parameters, rows=rows)


def check_table(table: PerturbationTable, parameters: PerturbationParameters) -> None:
    """Refuse a table that is not exactly the one that `parameters` determine.

    Raises:
        MalformedError: no table has these parameters.
        VerificationError: the table is another one.
    """
    if table != perturbation_table(parameters):
        raise VerificationError("the perturbation table does not follow its parameters")


def _row(count: int, parameters: PerturbationParameters) -> PerturbationRow:
    probabilities = _distribution(count, parameters)
    deviations = tuple(sorted(probabilities))
    upper = [
        math.fsum(probabilities[v] for v in deviations[: position + 1])
        for position in range(len(deviations))
    ]
    bounds = (*(_bound(value) for value in upper[:-1]), _bound(1.0))
    return PerturbationRow(count=count, deviations=deviations, upper=bounds)


def _bound(value: float) -> str:
    units = round(value * _UNITS)
    return f"{units // _UNITS}.{units % _UNITS:0{DECIMALS}d}"


def _units(bound: str) -> int:
    return int(bound.replace(".", ""))


def _distribution(count: int, parameters: PerturbationParameters) -> _Distribution:
    if count == 0:
        return {0: 1.0}
    deviations = _possible_deviations(count, parameters)
    stays = (parameters.stay, None) if 0 in deviations else (None,)
    for stay in stays:
        for monotone in (True, False):
            found = _maximum_entropy(deviations, parameters.variance, stay, monotone)
            if found is not None:
                return found
    raise MalformedError(
        f"no noise up to {parameters.maximum} has the variance {parameters.variance}"
        f" for a count of {count}"
    )


def _possible_deviations(
    count: int, parameters: PerturbationParameters
) -> tuple[int, ...]:
    largest = parameters.maximum
    return tuple(
        v
        for v in range(-largest, largest + 1)
        if count + v == 0 or count + v > parameters.blocked
    )


def _maximum_entropy(
    deviations: Sequence[int],
    variance: float,
    stay: float | None,
    monotone: bool,  # noqa: FBT001 - private, and both callers read well
) -> _Distribution | None:
    fixed = {} if stay is None else {0: stay}
    mass = 1.0 - math.fsum(fixed.values())
    below: _Blocks = tuple(
        (v,) for v in deviations if v < 0
    )  # from the outside inwards
    above: _Blocks = tuple((v,) for v in reversed(deviations) if v > 0)
    middle: _Blocks = ((0,),) if stay is None and 0 in deviations else ()
    while True:
        blocks = (*below, *middle, *above)
        free = _solve(blocks, variance / mass)
        if free is None:
            return None
        found = fixed | {v: mass * p for v, p in free.items()}
        if not monotone:
            return found
        pooled_below, pooled_above = _pool(below, found), _pool(above, found)
        if (pooled_below, pooled_above) == (below, above):
            return found
        below, above = pooled_below, pooled_above


def _pool(chain: _Blocks, probabilities: _Distribution) -> _Blocks:
    """`chain`, with the first block that is likelier than its inner neighbour joined to it."""
    for position in range(len(chain) - 1):
        outer, inner = chain[position], chain[position + 1]
        if probabilities[outer[0]] > probabilities[inner[0]] + _ORDER_TOLERANCE:
            return (*chain[:position], outer + inner, *chain[position + 2 :])
    return chain


def _solve(blocks: _Blocks, second_moment: float) -> _Distribution | None:
    """Maximum entropy over `blocks` with mean 0 and this second moment; None if none has it.

    The solution is p(v) = exp(b m1 + c m2) / Z with m1, m2 the means of v and v^2 in the
    block of v; b and c minimise the convex dual log Z - c * second_moment.
    """
    points = [
        (sum(block) / len(block), sum(v * v for v in block) / len(block))
        for block in blocks
    ]
    if not _is_reachable(points, second_moment):
        return None
    sizes = [len(block) for block in blocks]
    weights = _newton(points, sizes, second_moment)
    return {
        v: weight / size
        for block, weight, size in zip(blocks, weights, sizes, strict=True)
        for v in block
    }


def _is_reachable(points: Sequence[tuple[float, float]], target: float) -> bool:
    """Whether (0, target) lies inside the convex hull of `points`, with a margin."""
    crossings = [
        (y1 * x2 - y2 * x1) / (x2 - x1)
        for x1, y1 in points
        if x1 < 0
        for x2, y2 in points
        if x2 > 0
    ]
    heights = [y for x, y in points if x == 0]
    if not crossings:
        return False
    lowest, highest = min(crossings + heights), max(crossings + heights)
    return lowest + _MARGIN < target < highest - _MARGIN


def _newton(
    points: Sequence[tuple[float, float]], sizes: Sequence[int], target: float
) -> list[float]:
    """The blocks' weights at the minimum of the dual, by damped Newton steps."""
    b = c = 0.0
    value, weights = _dual(points, sizes, target, b, c)
    for _ in range(_MAX_NEWTON_STEPS):
        (db, dc), decrease = _newton_step(points, weights, target)
        if decrease < _CONVERGED:
            break
        scale = 1.0
        trial, moved = _dual(points, sizes, target, b - db, c - dc)
        while decrease > _FLAT and trial > value - 1e-4 * scale * decrease:
            scale /= 2
            trial, moved = _dual(points, sizes, target, b - scale * db, c - scale * dc)
        b, c, value, weights = b - scale * db, c - scale * dc, trial, moved
    return weights


def _newton_step(
    points: Sequence[tuple[float, float]], weights: Sequence[float], target: float
) -> tuple[tuple[float, float], float]:
    """The step of both multipliers, and how much it should lower the dual."""
    mean_x = math.fsum(w * x for w, (x, _) in zip(weights, points, strict=True))
    mean_y = math.fsum(w * y for w, (_, y) in zip(weights, points, strict=True))
    centred = [
        (w, x - mean_x, y - mean_y) for w, (x, y) in zip(weights, points, strict=True)
    ]
    xx = math.fsum(w * x * x for w, x, _ in centred)
    xy = math.fsum(w * x * y for w, x, y in centred)
    yy = math.fsum(w * y * y for w, _, y in centred)
    determinant = xx * yy - xy * xy
    slope_x, slope_y = mean_x, mean_y - target
    step_x = (yy * slope_x - xy * slope_y) / determinant
    step_y = (xx * slope_y - xy * slope_x) / determinant
    return (step_x, step_y), step_x * slope_x + step_y * slope_y


def _dual(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[int],
    target: float,
    b: float,
    c: float,
) -> tuple[float, list[float]]:
    """The dual at (b, c) and the blocks' weights there."""
    exponents = [b * x + c * y for x, y in points]
    largest = max(exponents)  # so that exp cannot overflow
    masses = [
        size * math.exp(exponent - largest)
        for size, exponent in zip(sizes, exponents, strict=True)
    ]
    total = math.fsum(masses)
    weights = [mass / total for mass in masses]
    return largest + math.log(total) - c * target, weights


__all__ = [
    "KEY_BITS",
    "PerturbationParameters",
    "PerturbationRow",
    "PerturbationTable",
    "check_table",
    "perturbation_table",
]
