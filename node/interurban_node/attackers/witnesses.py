"""Other registries that would have been published in just the same way.

To show that an attacker cannot tell how many learners are in a cell, it is enough to name
two possible registries: one without anybody there and one with many. Starting from the true
one, learners are moved to or from neighbouring base cells one at a time, as long as every
published row stays in its range. What is found is a whole registry of whole people, so it
convinces against attackers by integer programming too. Not finding one proves nothing: the
linear programmes in `programmes` decide then.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from interurban_node.attackers.spaces import Flags, Integers, Numbers
from interurban_node.attackers.systems import NONE, System

CANDIDATES = 96  # base cells looked at for one move, besides the neighbours
DIFFERING = 0.5  # how likely they differ in each dimension
REPAIRS = 8  # learners moved to make up for one


@dataclass(slots=True)
class Registry:
    """A possible registry, and how far every published row is from the ends of its range.

    It begins with the true one, which must keep to all rows, and returns to it after each
    question.
    """

    system: System
    truth: Integers
    chance: np.random.Generator
    people: Integers = field(init=False)
    room: Numbers = field(init=False)  # learners that each row could gain
    spare: Numbers = field(init=False)  # learners that it could lose
    _memberships: Integers = field(init=False)
    _places: Integers = field(init=False)
    _strides: Integers = field(init=False)
    _lines: tuple[Integers, ...] = field(init=False)
    _inside: Flags = field(init=False)
    _over: int = field(init=False, default=0)  # rows with more than they may
    _under: int = field(init=False, default=0)  # rows with fewer
    _moves: list[tuple[int, int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        space, rows = self.system.space, self.system.rows
        sums = self.system.sums(self.truth)
        self.people = self.truth.copy()
        self.room = np.append(rows.high - sums, np.inf)  # the last is for `NONE`
        self.spare = np.append(sums - rows.low, np.inf)
        found = self.system.memberships
        self._memberships = np.where(found == NONE, len(rows), found)
        self._places = space.places()
        self._strides = np.array(
            [math.prod(space.shape[axis + 1 :]) for axis in range(len(space.shape))]
        )
        self._lines = _lines(space.shape)
        self._inside = np.zeros(len(self.truth), dtype=np.bool_)

    def can_be_empty(self, cells: Integers, tries: int) -> bool:
        """Whether a registry was found that has nobody in these base cells."""
        return self._found(cells, lambda: self._emptied(cells), tries)

    def can_reach(self, cells: Integers, wanted: int, tries: int) -> bool:
        """Whether one was found that has at least `wanted` learners in them."""
        missing = wanted - int(self.truth[cells].sum())
        return self._found(cells, lambda: self._filled(cells, missing), tries)

    def _found(
        self, cells: Integers, attempt: Callable[[], Iterator[bool]], tries: int
    ) -> bool:
        self._inside[cells] = True
        is_found = any(self._is_completed(attempt()) for _ in range(tries))
        self._inside[cells] = False
        return is_found

    def _is_completed(self, steps: Iterator[bool]) -> bool:
        is_done = all(steps)
        while self._moves:
            cell, change = self._moves.pop()
            self._add(cell, -change)
        return is_done

    def _emptied(self, cells: Integers) -> Iterator[bool]:
        for cell in cells[self.people[cells] > 0].tolist():
            for _ in range(int(self.people[cell])):
                self._change(cell, -1)
                yield self._repaired(cell, +1)

    def _filled(self, cells: Integers, missing: int) -> Iterator[bool]:
        for _ in range(missing):
            cell = int(self.chance.choice(cells))
            self._change(cell, +1)
            yield self._repaired(cell, -1)

    def _repaired(self, cell: int, change: int) -> bool:
        """Make up for one learner more or less in `cell`, until no row is out of range."""
        for _ in range(REPAIRS):
            candidates = self._candidates(cell)
            costs = self._costs(candidates, change)
            best = int(costs.argmin())
            if costs[best] >= 0 and not self._broken:
                break
            if np.isinf(costs[best]):
                break
            self._change(int(candidates[best]), change)
            if not self._broken:
                break
            change = 1 if self._under else -1
        return not self._broken

    @property
    def _broken(self) -> int:
        return self._over + self._under

    def _candidates(self, cell: int) -> Integers:
        """Cells that differ in one dimension, and some that differ in several."""
        near = [line[cell] for line in self._lines]
        others = self._places[self.chance.integers(0, len(self.people), CANDIDATES)]
        differ = self.chance.random(others.shape) < DIFFERING
        mixed = np.where(differ, others, self._places[cell]) @ self._strides
        return np.concatenate([*near, mixed])

    def _costs(self, candidates: Integers, change: int) -> Numbers:
        """For each candidate how many more rows would be out of range, were it changed."""
        rows = self._memberships[candidates]
        room, spare = (self.room, self.spare) if change > 0 else (self.spare, self.room)
        mended, broken = (spare[rows] < 0).sum(axis=1), (room[rows] <= 0).sum(axis=1)
        luck = self.chance.random(len(candidates))
        costs: Numbers = (broken - mended) + luck - 1.0
        impossible = self._inside[candidates]
        if change < 0:
            impossible = impossible | (self.people[candidates] == 0)
        costs[impossible] = np.inf
        return costs

    def _change(self, cell: int, change: int) -> None:
        self._moves.append((cell, change))
        self._add(cell, change)

    def _add(self, cell: int, change: int) -> None:
        rows = self._memberships[cell]
        self.people[cell] += change
        self._over -= int((self.room[rows] < 0).sum())
        self._under -= int((self.spare[rows] < 0).sum())
        self.room[rows] -= change
        self.spare[rows] += change
        self._over += int((self.room[rows] < 0).sum())
        self._under += int((self.spare[rows] < 0).sum())


def _lines(shape: tuple[int, ...]) -> tuple[Integers, ...]:
    """For each dimension and base cell, the base cells that differ in no other."""
    numbers = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    lines = []
    for axis, size in enumerate(shape):
        line = np.moveaxis(numbers, axis, -1)[..., None, :]
        spread = np.broadcast_to(line, (*line.shape[:-2], size, size))
        lines.append(np.moveaxis(spread, -2, axis).reshape(-1, size))
    return tuple(lines)
