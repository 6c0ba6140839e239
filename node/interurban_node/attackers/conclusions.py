"""What an attacker concludes from release files, in words for an auditor."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from interurban_node.attackers.bundles import (
    HeldRelease,
    all_rows,
    read_truth,
    row_values,
)
from interurban_node.attackers.comparisons import differences, leaver_scores
from interurban_node.attackers.derived_columns import derived_cells, largest_error
from interurban_node.attackers.equal_noise import shown_pairs
from interurban_node.attackers.findings import cell_words
from interurban_node.attackers.programmes import (
    TOLERANCE,
    OutOfSecondsError,
    Programme,
    Range,
)
from interurban_node.attackers.scores import (
    Score,
    score_bounds,
    score_derived,
    score_equal_noise,
    score_least_squares,
)
from interurban_node.attackers.spaces import Integers, Space
from interurban_node.attackers.systems import System
from interurban_protocol.errors import MalformedError

WIDTH = 5
MAX_EXPLANATIONS = 5


@dataclass(frozen=True, slots=True)
class HiddenRange:
    """How many learners may be in a hidden cell; `high` None: any number."""

    cell: str
    low: int
    high: int | None

    @property
    def width(self) -> float:
        """How many learners more there could be than at least."""
        return math.inf if self.high is None else self.high - self.low


@dataclass(frozen=True, slots=True)
class HiddenRanges:
    """Those that were found, of so many hidden cells."""

    hidden: int
    ranges: tuple[HiddenRange, ...]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Something that follows about a cell."""

    cell: str
    what: str


@dataclass(frozen=True, slots=True)
class ShownTwice:
    """A cell with two values."""

    cell: str
    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Where two releases differ, and the base cells that explain it best."""

    differences: tuple[ShownTwice, ...]
    explanations: tuple[str, ...]


def hidden_ranges(
    ours: HeldRelease, others: Sequence[HeldRelease], remaining: Callable[[], float]
) -> HiddenRanges:
    """The range of every hidden cell, as far as time goes.

    Raises:
        MalformedError: the releases contradict each other.
    """
    space = Space.of(ours.structure)
    programme = Programme.of(all_rows(space, ours, others), remaining)
    hidden = [cell.codes for cell in ours.table if cell.value is None]
    found = []
    for codes, sets in zip(hidden, space.cell_sets(hidden), strict=True):
        try:
            held = programme.range_of(space.cells_in(sets))
        except OutOfSecondsError:
            break
        low = math.ceil(held.low - TOLERANCE)
        high = math.floor(held.high + TOLERANCE) if math.isfinite(held.high) else None
        found.append(HiddenRange(cell_words(ours.structure, codes), low, high))
    return HiddenRanges(len(hidden), tuple(found))


def remainders(ours: HeldRelease) -> list[Conclusion]:
    """The hidden figures that remain as differences of shown ones."""
    error = largest_error(ours.table.profile)
    return [
        Conclusion(
            cell_words(ours.structure, each.codes), f"{each.low} to {each.high} remain"
        )
        for each in derived_cells(ours.structure, ours.table, error)
    ]


def equal_values(ours: HeldRelease) -> list[Conclusion]:
    """The wholes of which a part shows the same value."""
    return [
        Conclusion(
            cell_words(ours.structure, pair.whole),
            f"probably nobody outside {cell_words(ours.structure, pair.part)}",
        )
        for pair in shown_pairs(Space.of(ours.structure), ours.table)
        if pair.is_equal
    ]


def compared(before: HeldRelease, after: HeldRelease) -> Compared:
    """Where two releases show different values for the same people.

    Raises:
        MalformedError: they are of different people, or their noise is not the same.
    """
    mine, theirs = before.manifest, after.manifest
    places = [(each.publisher, each.cohort_period) for each in (mine, theirs)]
    if places[0] != places[1] or before.structure.event != after.structure.event:
        raise MalformedError("the two releases are not about the same people")
    if mine.profile.perturbation != theirs.profile.perturbation:
        raise MalformedError("the two releases have different noise")
    space = Space.of(before.structure)
    found = differences(space, mine.profile, before.table, after.table)
    explanations: tuple[str, ...] = ()
    if found and before.structure.digest == after.structure.digest:
        scores = leaver_scores(space, before.table.values, after.table.values)
        best = np.flatnonzero(scores == scores.max())[:MAX_EXPLANATIONS].tolist()
        explanations = tuple(
            cell_words(before.structure, space.codes(cell)) for cell in best
        )
    return Compared(
        tuple(
            ShownTwice(
                cell_words(before.structure, each.codes), each.first, each.second
            )
            for each in found
        ),
        explanations,
    )


def truth_of(ours: HeldRelease, data: bytes) -> Integers:
    """The true numbers behind a release.

    Raises:
        MalformedError: no truth file of this structure.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("the truth is not in UTF-8") from error
    return read_truth(Space.of(ours.structure), text)


def scores(
    ours: HeldRelease,
    others: Sequence[HeldRelease],
    counts: Integers,
    seed: int,
    trials: int,
    remaining: Callable[[], float],
) -> list[Score]:
    """How often each attacker is right about this release.

    Raises:
        MalformedError: the releases contradict each other.
    """
    space = Space.of(ours.structure)
    system = all_rows(space, ours, others)
    data = f"{ours.structure.id} {ours.manifest.cohort_period}"
    alone = np.flatnonzero(counts == 1)
    chosen = np.random.default_rng(seed).permutation(alone)[:trials]
    cells = list(ours.table)
    return [
        *score_bounds(data, _tried(system, chosen, remaining)),
        score_least_squares(data, system, row_values(space, ours, system), counts),
        score_derived(data, space, cells, counts, ours.table.profile),
        score_equal_noise(data, space, cells, counts),
    ]


def _tried(
    system: System, cells: Integers, remaining: Callable[[], float]
) -> list[Range]:
    programme = Programme.of(system, remaining)
    found = []
    for cell in cells:
        try:
            found.append(programme.range_of(np.array([cell])))
        except OutOfSecondsError:
            break
    return found
