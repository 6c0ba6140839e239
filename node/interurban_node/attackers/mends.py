"""What would mend a release that does not pass: tried out, not guessed.

Each way is another table of the same learners, protected afresh, for the gate to examine.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from interurban_protocol.disclosure import BaseCells, ProtectedTable, protect
from interurban_protocol.errors import InterurbanError
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import ProtectionProfile, check_profile
from interurban_protocol.structures import Dimension, Structure

HIGHER = 5  # learners added to the threshold


@dataclass(frozen=True, slots=True)
class Way:
    """One way to publish the same learners more carefully."""

    words: str
    structure: Structure
    profile: ProtectionProfile
    base: BaseCells
    table: ProtectedTable


def ways(
    structure: Structure, profile: ProtectionProfile, base: BaseCells
) -> Iterator[Way]:
    """More careful publications, the one that keeps most first."""
    for words, changed in _profiles(profile):
        yield _way(words, structure, changed, base)
    equity = [split for split in structure.split_dimensions if split.is_equity]
    if equity and len(equity) < len(structure.split_dimensions):
        names = ", ".join(split.id for split in equity)
        smaller = without(structure, equity)
        yield _way(
            f"leave out {names}", smaller, profile, margin(structure, base, smaller)
        )
    for words, changed in _profiles(profile.model_copy(update={"max_dimensions": 2})):
        if changed.max_dimensions == 1 < profile.max_dimensions - 1:
            yield _way(words, structure, changed, base)


def without(structure: Structure, dropped: list[Dimension]) -> Structure:
    """`structure` without some of its splitting dimensions."""
    ids = {dimension.id for dimension in dropped}
    kept = tuple(each for each in structure.dimensions if each.id not in ids)
    used = {each.codelist_id for each in kept}
    codelists = tuple(each for each in structure.codelists if each.id in used)
    return replace(structure, dimensions=kept, codelists=codelists)


def margin(structure: Structure, base: BaseCells, smaller: Structure) -> BaseCells:
    """The base cells over those dimensions that `smaller` still has."""
    kept = {split.id for split in smaller.split_dimensions}
    axes = [
        (axis, [code.id for code in structure.base_codes(split.id)])
        for axis, split in enumerate(structure.split_dimensions)
        if split.id in kept
    ]
    sums: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in range(len(base.counts)):
        codes = tuple(ids[int(base.codes[axis][row])] for axis, ids in axes)
        sums[codes][0] += int(base.counts[row])
        sums[codes][1] += int(base.key_sums[row])
    rows = [(codes, count, key_sum) for codes, (count, key_sum) in sums.items()]
    return BaseCells.from_rows(smaller, rows)


def _way(
    words: str, structure: Structure, profile: ProtectionProfile, base: BaseCells
) -> Way:
    noise = perturbation_table(profile.perturbation)
    table = protect(base, structure, profile, noise)
    return Way(words, structure, profile, base, table)


def _profiles(profile: ProtectionProfile) -> Iterator[tuple[str, ProtectionProfile]]:
    threshold = profile.threshold + int(np.lcm(HIGHER, profile.rounding or 1))
    changes: dict[str, dict[str, int]] = {
        f"threshold {threshold} in the profile": {
            "threshold": threshold,
            "equity_threshold": max(profile.equity_threshold, threshold),
            "min_rate_denominator": max(profile.min_rate_denominator, threshold),
            "min_median": max(profile.min_median, threshold),
        },
        f"max_dimensions {profile.max_dimensions - 1} in the profile": {
            "max_dimensions": profile.max_dimensions - 1,
            "equity_dimensions": min(
                profile.equity_dimensions, profile.max_dimensions - 1
            ),
        },
    }
    for words, values in changes.items():
        changed = profile.model_copy(update=values)
        if _is_sound(changed):
            yield words, changed


def _is_sound(profile: ProtectionProfile) -> bool:
    try:
        check_profile(profile)
    except InterurbanError:
        return False
    return profile.max_dimensions >= 1 and profile.equity_dimensions >= 1
