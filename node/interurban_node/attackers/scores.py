"""Scoring attackers by what is really true: success beside what chance would give.

Chance is what somebody gets who knows how such cells usually are, and nothing of this table.
An attack that does no better has gained nothing from the publication.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from interurban_node.attackers.derived_columns import derived_cells, largest_error
from interurban_node.attackers.equal_noise import Pair, shown_pairs
from interurban_node.attackers.least_squares import claimed_alone, estimates
from interurban_node.attackers.programmes import Range
from interurban_node.attackers.spaces import Flags, Integers, Numbers, Space
from interurban_node.attackers.systems import System, set_sums
from interurban_protocol.disclosure import Cell
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import ProtectionProfile

SIGNIFICANT = 2.0  # standard errors above chance


@dataclass(frozen=True, slots=True)
class Score:
    """How often an attack was right, of how many trials, and how often by chance."""

    attack: str
    data: str
    success: float
    chance: float
    trials: int

    @property
    def gains(self) -> bool:
        """Whether it was right clearly more often than by chance."""
        if not self.trials:
            return False
        spread = math.sqrt(self.chance * (1 - self.chance) / self.trials)
        return self.success > self.chance + SIGNIFICANT * spread + 1e-9

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.trials:
            return "nothing to claim"
        return "succeeds" if self.gains else "nothing gained"


def share(attack: str, data: str, hits: Sequence[bool] | Flags, chance: float) -> Score:
    """The score of an attack that was right in some of its trials."""
    right = float(np.mean(hits)) if len(hits) else 0.0
    return Score(attack, data, right, chance, len(hits))


def pooled(scores: Sequence[Score]) -> Score:
    """Several scores of one attack as one, each weighing as much as it has trials."""
    trials = sum(each.trials for each in scores)
    weights = [each.trials / max(trials, 1) for each in scores]
    success = sum(w * each.success for w, each in zip(weights, scores, strict=True))
    chance = sum(w * each.chance for w, each in zip(weights, scores, strict=True))
    return Score(scores[0].attack, "all", success, chance, trials)


def score_bounds(data: str, found: Sequence[Range]) -> list[Score]:
    """Linear programming on learners who are alone in their base cell."""
    return [
        share("bounds: exact", data, [each.is_exact for each in found], 0.0),
        share("bounds: proven", data, [each.proves_somebody for each in found], 0.0),
        share("bounds: narrow", data, [each.width < 5 - 1e-6 for each in found], 0.0),
    ]


def score_least_squares(
    data: str, system: System, values: Numbers, counts: Integers
) -> Score:
    """The base cells that are said to have one learner; by chance, as of those with any."""
    claimed = claimed_alone(estimates(system, values))
    chance = float((counts == 1).sum() / max(int((counts > 0).sum()), 1))
    return share("least squares", data, counts[claimed] == 1, chance)


def score_derived(
    data: str,
    space: Space,
    cells: Sequence[Cell],
    counts: Integers,
    profile: ProtectionProfile | None,
) -> Score:
    """The hidden figure is said to be what remains; `profile` None: there is no noise.

    By chance, as often as the most frequent number of those, or as the noise of a whole and
    of one part cancels out, which nobody can see.
    """
    error = 0 if profile is None else largest_error(profile)
    found = list(derived_cells(space.structure, cells, error))
    true = _true(space, [each.codes for each in found], counts)
    claimed = np.array([max(each.remainder, 0) for each in found], dtype=np.int64)
    cancels = 0.0
    if profile is not None:
        noise = perturbation_table(profile.perturbation).rows[-1].probabilities
        cancels = sum(likely * likely for likely in noise)
    chance = max(most_frequent(true.tolist()), cancels)
    return share("derived columns", data, claimed == true, chance)


def score_equal_noise(
    data: str, space: Space, cells: Sequence[Cell], counts: Integers
) -> Score:
    """Everybody in a group is said to be what the part is that shows the value of the whole.

    By chance, as often as a shown part of a sensitive breakdown really is the whole.
    """
    pairs = list(_sensitive(space, shown_pairs(space, cells)))
    claimed = [pair for pair in pairs if pair.is_equal]
    chance = float(np.mean(_same_people(space, pairs, counts))) if pairs else 0.0
    return share("equal noise", data, _same_people(space, claimed, counts), chance)


def _sensitive(space: Space, pairs: Iterable[Pair]) -> Iterator[Pair]:
    for pair in pairs:
        for split, whole, part in zip(
            space.structure.split_dimensions, pair.whole, pair.part, strict=True
        ):
            if split.is_sensitive and whole != part:
                yield pair


def _same_people(space: Space, pairs: Sequence[Pair], counts: Integers) -> Flags:
    wholes = _true(space, [pair.whole for pair in pairs], counts)
    parts = _true(space, [pair.part for pair in pairs], counts)
    found: Flags = wholes == parts
    return found


def _true(space: Space, cells: Sequence[tuple[str, ...]], counts: Integers) -> Integers:
    return set_sums(space, space.cell_sets(cells), counts)


def most_frequent(numbers: Iterable[int]) -> float:
    """How often somebody is right who always says the most frequent of `numbers`."""
    counted = Counter(numbers)
    total = sum(counted.values())
    return counted.most_common(1)[0][1] / total if total else 0.0
