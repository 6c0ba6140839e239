"""Inspecting a table: all attackers, one after the other, and what they got."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from interurban_node.attackers.comparisons import differences, is_same_table
from interurban_node.attackers.equal_noise import told_groups
from interurban_node.attackers.examinations import Examination, Progress
from interurban_node.attackers.programmes import TOLERANCE, Range
from interurban_node.attackers.publications import (
    Earlier,
    Relation,
    statements,
    statements_of_earlier,
)
from interurban_node.attackers.spaces import Integers, Space
from interurban_node.attackers.systems import System, set_sums
from interurban_node.attackers.targets import Targets
from interurban_protocol.disclosure import BaseCells, ProtectedTable
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.structures import TOTAL, Structure

NEXT_PERIOD = "count these learners in the next period"


class FindingKind(StrEnum):
    """What an attacker gets."""

    EXACT = "exact"  # the number of learners
    PROVEN = "proven"  # that somebody is there
    NARROW = "narrow"  # a range of fewer than five
    EQUAL_NOISE = "equal-noise"  # what everybody in a group is
    OTHER_PEOPLE = "other-people"  # who came or left since another table
    SECOND_TABLE = "second-table"  # two tables of one dataflow and period

    @property
    def is_mendable(self) -> bool:
        """Whether more protection can help; against a second look none does."""
        return self not in (FindingKind.OTHER_PEOPLE, FindingKind.SECOND_TABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cell of which an attacker gets too much; for the operator only."""

    codes: tuple[str, ...]
    kind: FindingKind
    low: int  # what the attacker knows of the number of learners
    high: int | None
    reason: str
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A table that is about to be signed, and the true counts behind it."""

    structure: Structure
    profile: ProtectionProfile
    base: BaseCells
    table: ProtectedTable
    period: str
    revises: str | None = None  # the id of the release that this revision replaces


@dataclass(frozen=True, slots=True)
class Inspection:
    """What all attackers together got."""

    targets: int
    examined: int
    left_out: Mapping[str, int]
    findings: tuple[Finding, ...]


def inspect(
    examined: Examined,
    earlier: Sequence[Earlier],
    chance: np.random.Generator,
    remaining: Callable[[], float],
    progress: Progress | None = None,
    *,
    enough: int = 100,
) -> Inspection:
    """Run the attackers, while there are seconds `remaining` and not `enough` findings."""
    space = Space.of(examined.structure)
    counts = space.counts(examined.base)
    usable = [each for each in earlier if each.release_id != examined.revises]
    lattice = [cell.codes for cell in examined.table.cells]
    sums = set_sums(space, space.cell_sets(lattice), counts)
    said = [statements(space, examined.profile, examined.table.cells, sums)]
    said += [statements_of_earlier(space, each, counts) for each in usable]
    targets = Targets.of(space, lattice, counts)
    system = System.of(space, said).kept_by(counts)
    work = Examination(system, targets, counts, chance, remaining, progress, enough)
    work.run()
    findings = [
        _proven(examined.structure, targets.codes[target], found)
        for target, found in work.proven.items()
    ]
    findings += _compared(space, examined, usable)
    findings += _read_off(space, examined, sums)
    left_out = Counter(
        _where(examined.structure, targets.codes[target])
        for target in np.flatnonzero(~work.is_examined).tolist()
    )
    done = int(work.is_examined.sum())
    return Inspection(len(targets), done, left_out, tuple(findings))


def cell_words(structure: Structure, codes: Sequence[str]) -> str:
    """A cell for people to read, "SEX=F, AGE=A1"; `everybody` for the grand total."""
    named = [
        f"{split.id}={code}"
        for split, code in zip(structure.split_dimensions, codes, strict=True)
        if code != TOTAL
    ]
    return ", ".join(named) or "everybody"


def _where(structure: Structure, codes: Sequence[str]) -> str:
    crossed = [
        split.id
        for split, code in zip(structure.split_dimensions, codes, strict=True)
        if code != TOTAL
    ]
    return " x ".join(crossed)


def _proven(structure: Structure, codes: tuple[str, ...], found: Range) -> Finding:
    low = math.ceil(found.low - TOLERANCE)
    high = math.floor(found.high + TOLERANCE) if math.isfinite(found.high) else None
    if found.is_exact:
        kind, what = FindingKind.EXACT, f"exactly {low}"
    elif found.proves_somebody:
        kind, what = FindingKind.PROVEN, f"at least {low}"
    else:
        kind, what = FindingKind.NARROW, f"at most {high}"
    reason = f"{cell_words(structure, codes)}: {what} by linear programming"
    return Finding(codes=codes, kind=kind, low=low, high=high, reason=reason)


def _compared(
    space: Space, examined: Examined, earlier: Sequence[Earlier]
) -> Iterator[Finding]:
    whole = (TOTAL,) * len(space.leaves)
    for each in earlier:
        if is_same_table(examined.structure, examined.period, each.table):
            yield Finding(
                codes=whole,
                kind=FindingKind.SECOND_TABLE,
                low=0,
                high=None,
                reason=f"a second table beside {each.release_id}: their difference names"
                " who came or left",
                mend=NEXT_PERIOD,
            )
        elif each.relation is Relation.SAME_PEOPLE:
            yield from _other_people(space, examined, each)


def _other_people(
    space: Space, examined: Examined, earlier: Earlier
) -> Iterator[Finding]:
    found = differences(space, examined.profile, examined.table.cells, earlier.table)
    for difference in found:
        words = cell_words(examined.structure, difference.codes)
        yield Finding(
            codes=difference.codes,
            kind=FindingKind.OTHER_PEOPLE,
            low=0,
            high=None,
            reason=f"{words}: {difference.first} here, {difference.second} in"
            f" {earlier.release_id}, so other people are counted",
            mend=NEXT_PERIOD,
        )


def _read_off(space: Space, examined: Examined, sums: Integers) -> Iterator[Finding]:
    for group in told_groups(space, examined.profile, examined.table.cells, sums):
        words = cell_words(examined.structure, group.codes)
        yield Finding(
            codes=group.codes,
            kind=FindingKind.EQUAL_NOISE,
            low=group.learners,
            high=group.learners,
            reason=f"{words}: equal values elsewhere say that the group has nobody else",
        )
