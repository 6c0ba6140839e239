"""The gate: no release is signed before the attackers have failed on it.

`examine` looks at a protected table together with everything that was published before about
the same learners. Only a report without findings becomes a `PassedGate`, and only that is
signed.

::

    RefusedError
    └── UnsafeReleaseError            somebody could be found, or not all was examined
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from interurban_node.attackers.examinations import Progress
from interurban_node.attackers.findings import (
    Examined,
    Finding,
    FindingKind,
    inspect,
)
from interurban_node.attackers.mends import Way, ways
from interurban_node.attackers.publications import Earlier, Relation
from interurban_node.core.errors import RefusedError
from interurban_protocol.disclosure import ProtectedTable
from interurban_protocol.encoding import JsonValue
from interurban_protocol.errors import MalformedError
from interurban_protocol.release_plans import ProtectionProfile

MAX_REASONS = 20
_SEAL = object()


class UnsafeReleaseError(RefusedError):
    """Somebody could be found in the release, or the time did not suffice to look."""

    default_next_step = "Change the plan as the reasons say; nothing was signed."


@dataclass(frozen=True, slots=True)
class PassedGate:
    """A table on which the attackers have failed. Only a `GateReport` makes one."""

    table: ProtectedTable
    report: "GateReport"
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only a gate report makes a PassedGate")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """What the attackers got. Only `examine` makes one."""

    targets: int  # cells with one to four learners
    examined: int  # how many of them
    left_out: Mapping[str, int]  # how many were not, by the dimensions that they cross
    findings: tuple[Finding, ...]
    seconds: float
    seed: int
    table: ProtectedTable
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only examine makes a GateReport")

    @property
    def finished(self) -> bool:
        """Whether every target was examined."""
        return self.examined == self.targets

    @property
    def summary(self) -> dict[str, JsonValue]:
        """What may be kept with the release: numbers, no cells."""
        return {
            "targets": self.targets,
            "examined": self.examined,
            "finished": self.finished,
            "findings": len(self.findings),
            "left_out": dict(self.left_out),
            "seconds": round(self.seconds, 1),
            "seed": self.seed,
        }

    def pass_or_refuse(self, profile: ProtectionProfile) -> PassedGate:
        """The right to sign the table that was examined.

        Raises:
            UnsafeReleaseError: with the cells and what would mend them; or the examination
                is not finished and the profile wants it to be.
        """
        if self.findings:
            raise UnsafeReleaseError(
                f"the gate's attackers got something about {len(self.findings)} cells",
                reasons=_reasons(self.findings),
            )
        if not self.finished and profile.gate_must_finish:
            raise UnsafeReleaseError(
                f"the gate examined {self.examined} of {self.targets} small cells",
                reasons=[
                    f"not examined: {number} cells of {where}"
                    for where, number in self.left_out.items()
                ],
                next_step="Build again and give the gate more seconds.",
            )
        return PassedGate(self.table, self, _SEAL)


def examine(
    examined: Examined,
    earlier: Sequence[Earlier] = (),
    *,
    seed: int,
    seconds: float,
    timer: Callable[[], float],
    progress: Progress | None = None,
) -> GateReport:
    """Run the attackers on a table, for at most about `seconds` of `timer`.

    `progress` gets how many cells are examined, of how many. What would mend the findings is
    tried out in the time that is left.

    Raises:
        MalformedError: the table was made with another structure or profile.
    """
    made_with = (examined.table.structure, examined.table.profile)
    if made_with != (examined.structure.digest, examined.profile):
        raise MalformedError("the table was made with another structure or profile")
    began = timer()

    def remaining() -> float:
        return seconds - (timer() - began)

    chance = np.random.default_rng(seed)
    found = inspect(examined, earlier, chance, remaining, progress)
    findings = found.findings
    if any(finding.kind.is_mendable for finding in findings):
        mend = _first_mend(examined, earlier, chance, remaining)
        findings = tuple(
            replace(each, mend=mend) if each.kind.is_mendable else each
            for each in findings
        )
    return GateReport(
        targets=found.targets,
        examined=found.examined,
        left_out=found.left_out,
        findings=findings,
        seconds=timer() - began,
        seed=seed,
        table=examined.table,
        _seal=_SEAL,
    )


def _first_mend(
    examined: Examined,
    earlier: Sequence[Earlier],
    chance: np.random.Generator,
    remaining: Callable[[], float],
) -> str:
    """The first way that passes, in words."""
    for way in ways(examined.structure, examined.profile, examined.base):
        if remaining() <= 0:
            return "not looked for: the time was over"
        found = inspect(_as(way, examined), earlier, chance, remaining, enough=1)
        is_whole = found.examined == found.targets
        if is_whole and not any(each.kind.is_mendable for each in found.findings):
            return way.words
    return "nothing that was tried; publish fewer dimensions"


def _as(way: Way, examined: Examined) -> Examined:
    return Examined(
        structure=way.structure,
        profile=way.profile,
        base=way.base,
        table=way.table,
        period=examined.period,
        revises=examined.revises,
    )


def _reasons(findings: Sequence[Finding]) -> list[str]:
    reasons = [
        f"{finding.reason}; mend: {finding.mend}" for finding in findings[:MAX_REASONS]
    ]
    if len(findings) > MAX_REASONS:
        reasons.append(f"and {len(findings) - MAX_REASONS} more")
    return reasons


__all__ = [
    "Earlier",
    "Examined",
    "Finding",
    "FindingKind",
    "GateReport",
    "PassedGate",
    "Relation",
    "UnsafeReleaseError",
    "examine",
]
