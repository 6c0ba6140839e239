"""Linear programmes over everything published: the smallest and largest possible number.

Integrality is relaxed, so a range that is found is at least as wide as what any attacker can
prove by it: a lower end above 0 or a width below five is a finding that holds against an
attacker with whole numbers all the more. One model is kept and only its objective changes,
so each programme starts from the solution before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import highspy
import numpy as np
from highspy._core import _Highs  # `Highs` itself writes a banner to standard output

from interurban_node.attackers.spaces import Integers, Numbers
from interurban_node.attackers.systems import NONE, Rows, System, without_dominated
from interurban_node.attackers.systems import memberships as memberships_of
from interurban_protocol.errors import MalformedError

TOLERANCE = 1e-5
LARGE = 10_000  # base cells, from which interior points are quicker than the simplex


@dataclass(frozen=True, slots=True)
class Range:
    """What an attacker can prove of the number of learners in some base cells."""

    low: float
    high: float  # infinite where nothing bounds it

    @property
    def width(self) -> float:
        """How many learners more there could be than at least."""
        return self.high - self.low

    @property
    def is_exact(self) -> bool:
        """Only one whole number is left."""
        return self.width < 1 - TOLERANCE

    @property
    def proves_somebody(self) -> bool:
        """At least one learner must be there."""
        return self.low > TOLERANCE


class OutOfSecondsError(Exception):
    """The time for all programmes is over; for the gate, which says what is left open."""


@dataclass(frozen=True, slots=True)
class Local:
    """A programme over a few base cells, with everybody else where they really are."""

    programme: "Programme"
    columns: Integers  # the base cells, ascending

    @classmethod
    def of(
        cls,
        system: System,
        truth: Integers,
        columns: Integers,
        remaining: Callable[[], float],
    ) -> "Local":
        """The programme over `columns`, which only true counts allow to set up."""
        rows = system.rows
        others = truth.copy()
        others[columns] = 0
        fixed = system.sums(others)
        low, high = rows.low - fixed, rows.high - fixed
        found = system.memberships[columns]
        used = np.unique(found[found != NONE])
        numbers = np.full(len(rows) + 1, NONE, dtype=np.int64)  # the last for `NONE`
        numbers[used] = np.arange(len(used))
        near = Rows(rows.sets[used], low[used], high[used])
        return cls(Programme(near, numbers[found], remaining), columns)

    def can_be_empty(self, cells: Integers) -> bool:
        """Whether a registry was found with nobody in `cells`, which are columns."""
        return self.programme.can_be_empty(np.searchsorted(self.columns, cells))

    def can_reach(self, cells: Integers, wanted: int) -> bool:
        """Whether one was found with `wanted` learners in `cells`."""
        return self.programme.can_reach(np.searchsorted(self.columns, cells), wanted)


class Programme:
    """The model of some rows; `remaining` gives the seconds that are left for it.

    `memberships` has a line for each column, the rows that it belongs to.
    """

    def __init__(
        self, rows: Rows, memberships: Integers, remaining: Callable[[], float]
    ) -> None:
        self._size = len(memberships)
        self._remaining = remaining
        self._model = _Highs()
        self._model.setOptionValue("output_flag", "false")
        self._model.setOptionValue("threads", 1)
        if self._size >= LARGE:
            self._model.setOptionValue("solver", "ipm")
            self._model.setOptionValue("run_crossover", "off")
        self._model.passModel(_model(rows, memberships))
        self._costs = np.zeros(self._size)

    @classmethod
    def of(cls, system: System, remaining: Callable[[], float]) -> "Programme":
        """The programme over all base cells."""
        rows = without_dominated(system.space, system.rows)
        return cls(rows, memberships_of(system.space, rows.sets), remaining)

    def range_of(self, cells: Integers) -> Range:
        """The range of the number of learners in these base cells.

        Raises:
            OutOfSecondsError: there was no time to find it.
            MalformedError: no registry keeps to all rows.
        """
        low, _ = self.least(cells, np.ones(len(cells)))
        return Range(low, -self.least(cells, -np.ones(len(cells)))[0])

    def can_be_empty(self, cells: Integers) -> bool:
        """Whether nobody may be in these base cells. Raises as `range_of`."""
        return self.least(cells, np.ones(len(cells)))[0] <= TOLERANCE

    def can_reach(self, cells: Integers, wanted: int) -> bool:
        """Whether at least `wanted` learners may be in them. Raises as `range_of`."""
        is_capped = len(cells) == 1  # the largest number is not asked for: much quicker
        if is_capped:
            self._model.changeColBounds(int(cells[0]), 0.0, float(wanted))
        most, _ = self.least(cells, -np.ones(len(cells)))
        if is_capped:
            self._model.changeColBounds(int(cells[0]), 0.0, highspy.kHighsInf)
        return -most >= wanted - TOLERANCE

    def least(self, cells: Integers, costs: Numbers) -> tuple[float, Numbers]:
        """The smallest sum of `costs` times learners in `cells`, and a registry with it.

        A cell may be named several times. Raises as `range_of`.
        """
        wanted = np.zeros(self._size)
        np.add.at(wanted, cells, costs)
        changed = np.flatnonzero(wanted != self._costs).astype(np.int32)
        self._model.changeColsCost(len(changed), changed, wanted[changed])
        self._costs = wanted
        self._run()
        status = self._model.getModelStatus()
        if status == highspy.HighsModelStatus.kTimeLimit:
            raise OutOfSecondsError
        if status in _UNBOUNDED:
            return -np.inf, np.zeros(self._size)
        if status != highspy.HighsModelStatus.kOptimal:
            raise MalformedError("the tables contradict each other")
        solution = np.array(self._model.getSolution().col_value)
        return float(wanted @ solution), solution

    def _run(self) -> None:
        remaining = self._remaining()
        if remaining <= 0:
            raise OutOfSecondsError
        # HiGHS counts the time of all runs of a model together.
        limit = self._model.getRunTime() + remaining
        self._model.setOptionValue("time_limit", limit)
        self._model.run()


_UNBOUNDED = (
    highspy.HighsModelStatus.kUnbounded,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)


def ranges(
    system: System, targets: Sequence[Integers], remaining: Callable[[], float]
) -> list[Range]:
    """The range of every target, a set of base cells each.

    Raises:
        OutOfSecondsError, MalformedError: as `Programme.range_of`.
    """
    programme = Programme.of(system, remaining)
    return [programme.range_of(cells) for cells in targets]


def _model(rows: Rows, memberships: Integers) -> highspy.HighsLp:
    is_real = (memberships != NONE).T  # line by line of the padded table
    numbers = memberships.T[is_real]
    size = len(memberships)
    columns = np.broadcast_to(np.arange(size), is_real.shape)[is_real]
    order = np.lexsort((columns, numbers))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = size, len(rows)
    model.col_cost_ = model.col_lower_ = np.zeros(size)
    model.col_upper_ = np.full(size, highspy.kHighsInf)
    model.row_lower_ = rows.low
    model.row_upper_ = np.where(np.isfinite(rows.high), rows.high, highspy.kHighsInf)
    starts = np.searchsorted(numbers[order], np.arange(len(rows) + 1))
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = starts.astype(np.int32)
    model.a_matrix_.index_ = columns[order].astype(np.int32)
    model.a_matrix_.value_ = np.ones(len(columns))
    return model
