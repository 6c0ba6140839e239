"""Examining every small cell of a release: can anybody prove that somebody is there?

1. `witnesses`: for each target, look for a registry that looks the same with nobody there,
   and one with `WIDTH` there. An emptied cell settles its parts, a filled one its wholes.
2. `programmes`: the same by a small linear programme over the base cells nearby.
3. One linear programme over the sum of all targets that are left empties many of them at
   once; those that stay get a larger weight, as long as that helps.
4. Linear programmes over all base cells, for each that is left. They decide.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from interurban_node.attackers.programmes import (
    TOLERANCE,
    Local,
    OutOfSecondsError,
    Programme,
    Range,
)
from interurban_node.attackers.spaces import ALL, Flags, Integers
from interurban_node.attackers.systems import System
from interurban_node.attackers.targets import Targets
from interurban_node.attackers.witnesses import Registry

NEARBY = (2, 3)  # in how many codes the base cells of a small programme may differ
MAX_NEARBY = 15_000  # of them
WIDTH = 5  # learners that a range must span
TRIES = 5  # for a registry
SMALL = 500  # base cells, up to which a programme over all of them is quick
REPORT_EVERY = 50

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Examination:
    """What is known of every target so far."""

    system: System
    targets: Targets
    truth: Integers
    chance: np.random.Generator
    remaining: Callable[[], float]
    progress: Progress | None = None
    enough: int = 100  # findings, after which the rest is left out
    proven: dict[int, Range] = field(default_factory=dict)
    can_be_empty: Flags = field(init=False)
    can_be_many: Flags = field(init=False)

    def __post_init__(self) -> None:
        self.can_be_empty = np.zeros(len(self.targets), dtype=np.bool_)
        self.can_be_many = np.zeros(len(self.targets), dtype=np.bool_)

    @property
    def is_examined(self) -> Flags:
        """Which targets are decided, one way or the other."""
        decided = self.can_be_empty & self.can_be_many
        decided[list(self.proven)] = True
        return decided

    def run(self) -> None:
        """Examine until everything is decided, or the time or the findings are enough."""
        try:
            self._look_for_registries()
            if self.system.space.size > SMALL:
                self._solve_nearby()
            if not self.is_examined.all():
                self._solve()
        except OutOfSecondsError:
            pass  # what is not decided is reported as not examined
        self._report()

    def _look_for_registries(self) -> None:
        registry = Registry(self.system, self.truth, self.chance)
        order = self._shuffled()
        for place, target in enumerate(order):
            self._tick(place)
            if not self.can_be_empty[target] and registry.can_be_empty(
                self.targets.cells(target), TRIES
            ):
                self.can_be_empty |= self.targets.within(target)
        for place, target in enumerate(reversed(order)):  # the narrowest first
            self._tick(place)
            if not self.can_be_many[target] and registry.can_reach(
                self.targets.cells(target), WIDTH, TRIES
            ):
                self.can_be_many |= self.targets.around(target)

    def _shuffled(self) -> list[int]:
        """The widest targets first, in chance order among equals."""
        crossed = (self.targets.sets != ALL).sum(axis=1)
        order = np.lexsort((self.chance.random(len(self.targets)), crossed))
        found: list[int] = order.tolist()
        return found

    def _solve_nearby(self) -> None:
        for distance in NEARBY:
            for target in reversed(self._shuffled()):
                if not self.is_examined[target]:
                    self._move_nearby(target, distance)
                    self._report()

    def _move_nearby(self, target: int, distance: int) -> None:
        columns = self.targets.around_cells(target, distance)
        if len(columns) > MAX_NEARBY:
            return
        cells = self.targets.cells(target)
        local = Local.of(self.system, self.truth, columns, self.remaining)
        if not self.can_be_empty[target] and local.can_be_empty(cells):
            self.can_be_empty |= self.targets.within(target)
        if not self.can_be_many[target] and local.can_reach(cells, WIDTH):
            self.can_be_many |= self.targets.around(target)

    def _solve(self) -> None:
        programme = Programme.of(self.system, self.remaining)
        self._sweep(programme)
        for target in reversed(self._shuffled()):
            if len(self.proven) >= self.enough:
                break
            if not self.is_examined[target]:
                self._decide(programme, target)
                self._report()

    def _sweep(self, programme: Programme) -> None:
        """Empty many targets at once, as long as that settles some."""
        weights = self.chance.random(len(self.targets)) + 0.5
        before = -1
        while before != (after := int(self.can_be_empty.sum())) < len(self.targets):
            before = after
            left = np.flatnonzero(~self.can_be_empty).tolist()
            held = {target: self.targets.cells(target) for target in left}
            costs = [np.full(len(held[target]), weights[target]) for target in left]
            _, found = programme.least(
                np.concatenate(list(held.values())), np.concatenate(costs)
            )
            for target, cells in held.items():
                if found[cells].sum() <= TOLERANCE:
                    self.can_be_empty |= self.targets.within(target)
            weights[~self.can_be_empty] *= 4

    def _decide(self, programme: Programme, target: int) -> None:
        cells = self.targets.cells(target)
        if self.can_be_empty[target] or programme.can_be_empty(cells):
            self.can_be_empty |= self.targets.within(target)
            if self.can_be_many[target] or programme.can_reach(cells, WIDTH):
                self.can_be_many |= self.targets.around(target)
                return
        self.proven[target] = programme.range_of(cells)

    def _tick(self, place: int) -> None:
        if place % REPORT_EVERY == 0:
            self._report()
            if self.remaining() <= 0:
                raise OutOfSecondsError

    def _report(self) -> None:
        if self.progress is not None:
            self.progress(int(self.is_examined.sum()), len(self.targets))
