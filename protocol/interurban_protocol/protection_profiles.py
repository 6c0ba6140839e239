"""Protection profiles: the public numbers of the protection, and which are stricter.

A profile travels in plans, agreements (as a floor) and manifests. It is public: the
protection rests on secret record keys alone.
"""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from interurban_protocol.errors import DisclosureError, MalformedError
from interurban_protocol.perturbation_tables import (
    PerturbationParameters,
    perturbation_table,
)
from interurban_protocol.signed_documents import WireModel

MAX_DIMENSIONS = 3  # no profile may cross more

_Number = Annotated[int, Field(ge=1, le=1_000_000)]


class ProtectionProfile(WireModel):
    """The numbers of the protection; the defaults are the project's. See `check_profile`."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = "default"
    threshold: _Number = 10  # perturbed values below it are hidden
    max_dimensions: _Number = MAX_DIMENSIONS  # splits of learners crossed at most
    equity_threshold: _Number = 15  # in cells that cross an equity dimension
    equity_dimensions: _Number = (
        MAX_DIMENSIONS  # likewise, the equity dimension included
    )
    perturbation: PerturbationParameters = PerturbationParameters()
    rounding: _Number | None = None  # base to which shown values are rounded
    min_rate_denominator: _Number = 30
    min_median: _Number = 50
    collapse_difference: _Number = 3  # in a sensitive breakdown
    coverage_rounding: _Number = 5  # percentage points
    gate_seconds: _Number = 600  # how long the attacker of the gate may take
    gate_must_finish: bool = True  # an unfinished gate does not sign

    def threshold_for(self, *, crosses_equity: bool) -> int:
        """The smallest value that a cell may show.

        Where an equity dimension is crossed it is the larger of both thresholds, raised to
        the next multiple of the rounding base.
        """
        if not crosses_equity:
            return self.threshold
        base = self.rounding or 1
        return -(-max(self.threshold, self.equity_threshold) // base) * base

    def dimensions_for(self, *, crosses_equity: bool) -> int:
        """How many splits of learners a cell may cross."""
        if not crosses_equity:
            return self.max_dimensions
        return min(self.max_dimensions, self.equity_dimensions)


def check_profile(profile: ProtectionProfile) -> None:
    """Refuse a profile that does not protect, or contradicts itself.

    Raises:
        DisclosureError: a threshold that the noise can jump from 0 people, more than three
            dimensions, a rounding base that does not divide the threshold, or a rate from
            fewer people than the threshold.
        MalformedError: no perturbation table has these parameters.
    """
    base = profile.rounding or 1
    limits = {
        "threshold must be larger than the largest noise": (
            profile.threshold > profile.perturbation.maximum
        ),
        "max_dimensions must be 1, 2 or 3": profile.max_dimensions <= MAX_DIMENSIONS,
        "rounding must be a base that divides the threshold": (
            profile.threshold % base == 0
        ),
        "min_rate_denominator and min_median must reach the threshold": (
            min(profile.min_rate_denominator, profile.min_median) >= profile.threshold
        ),
        "coverage_rounding must be at most 25 and divide 100": (
            profile.coverage_rounding <= 25 and 100 % profile.coverage_rounding == 0
        ),
    }
    for rule, holds in limits.items():
        if not holds:
            raise DisclosureError(f"the protection profile is unsound: {rule}")
    perturbation_table(profile.perturbation)


def strictest(profiles: Sequence[ProtectionProfile]) -> ProtectionProfile:
    """The profile that is at least as strict as each of `profiles`, in every number.

    It keeps the name of one that is already the strictest; else the names are joined.

    Raises:
        MalformedError: no profiles, or numbers that no one profile can have together.
        DisclosureError: likewise, as `check_profile`.
    """
    if not profiles:
        raise MalformedError("there is no protection profile to choose from")
    for profile in profiles:
        if not any(weaknesses(profile, floor) for floor in profiles):
            return profile
    merged = _merged(profiles)
    check_profile(merged)
    return merged


def check_at_least(profile: ProtectionProfile, floor: ProtectionProfile) -> None:
    """Refuse a profile that is weaker than `floor` in any number.

    Raises:
        DisclosureError: naming the numbers.
    """
    if weaker := weaknesses(profile, floor):
        raise DisclosureError(
            f"the protection profile is weaker than agreed in {', '.join(weaker)}"
        )


def weaknesses(profile: ProtectionProfile, floor: ProtectionProfile) -> tuple[str, ...]:
    """The numbers in which `profile` protects less than `floor`, by name.

    The numbers for equity groups are compared as they take effect: a general threshold of 20
    is as good as one of 20 for these groups alone.
    """
    ours, theirs = profile.perturbation, floor.perturbation
    holds = {name: getattr(profile, name) >= getattr(floor, name) for name in _MINIMA}
    holds |= {
        "max_dimensions": profile.max_dimensions <= floor.max_dimensions,
        "equity_threshold": (
            profile.threshold_for(crosses_equity=True)
            >= floor.threshold_for(crosses_equity=True)
        ),
        "equity_dimensions": (
            profile.dimensions_for(crosses_equity=True)
            <= floor.dimensions_for(crosses_equity=True)
        ),
        "rounding": (profile.rounding or 1) % (floor.rounding or 1) == 0,
        "perturbation.maximum": ours.maximum >= theirs.maximum,
        "perturbation.variance": ours.variance >= theirs.variance,
        "perturbation.stay": ours.stay <= theirs.stay,
        "perturbation.blocked": ours.blocked >= theirs.blocked,
        "gate_must_finish": profile.gate_must_finish or not floor.gate_must_finish,
    }
    return tuple(name for name, is_kept in holds.items() if not is_kept)


_MINIMA = (
    "threshold",
    "min_rate_denominator",
    "min_median",
    "collapse_difference",
    "coverage_rounding",
    "gate_seconds",
)


def _merged(profiles: Sequence[ProtectionProfile]) -> ProtectionProfile:
    noises = [profile.perturbation for profile in profiles]
    perturbation = PerturbationParameters(
        maximum=max(noise.maximum for noise in noises),
        variance=max(noise.variance for noise in noises),
        stay=min(noise.stay for noise in noises),
        blocked=max(noise.blocked for noise in noises),
    )
    rounding = math.lcm(*(profile.rounding or 1 for profile in profiles))
    largest = {
        name: max(getattr(profile, name) for profile in profiles) for name in _MINIMA
    }
    threshold = -(-largest["threshold"] // rounding) * rounding  # the next multiple
    return ProtectionProfile(
        name="+".join(sorted({profile.name for profile in profiles}))[:200],
        threshold=threshold,
        max_dimensions=min(profile.max_dimensions for profile in profiles),
        equity_threshold=max(profile.equity_threshold for profile in profiles),
        equity_dimensions=min(profile.equity_dimensions for profile in profiles),
        perturbation=perturbation,
        rounding=None if rounding == 1 else rounding,
        min_rate_denominator=max(largest["min_rate_denominator"], threshold),
        min_median=max(largest["min_median"], threshold),
        collapse_difference=largest["collapse_difference"],
        coverage_rounding=largest["coverage_rounding"],
        gate_seconds=largest["gate_seconds"],
        gate_must_finish=any(profile.gate_must_finish for profile in profiles),
    )


__all__ = [
    "MAX_DIMENSIONS",
    "ProtectionProfile",
    "check_at_least",
    "check_profile",
    "strictest",
    "weaknesses",
]
