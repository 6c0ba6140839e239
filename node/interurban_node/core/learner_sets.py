"""Sets of learners as bits, and how a database reads and makes them.

A set of ten million learners has 1.25 megabytes. Asking in SQL whether a row's learner is
in a set is one look at a byte, instead of a join with as many rows as there are learners;
this is what keeps counting close to a bare GROUP BY on both engines.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

Numbers = npt.NDArray[np.integer]

_POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class LearnerSet:
    """Learner numbers; number n is bit n % 8, from the lowest, of byte n // 8."""

    bits: bytes = b""

    @classmethod
    def of(cls, numbers: Iterable[int] | Numbers) -> "LearnerSet":
        """The set of these numbers; repeated ones are in it once."""
        given = (
            numbers
            if isinstance(numbers, np.ndarray)
            else np.fromiter(numbers, dtype=np.int64)
        )
        if not given.size:
            return cls()
        flags = np.zeros(int(given.max()) + 1, dtype=np.uint8)
        flags[given] = 1
        return cls(np.packbits(flags, bitorder="little").tobytes())

    def __contains__(self, number: int) -> bool:
        place, bit = divmod(number, 8)
        return place < len(self.bits) and bool(self.bits[place] >> bit & 1)

    def __len__(self) -> int:
        return int(np.bitwise_count(self._bytes()).sum())

    def __and__(self, other: "LearnerSet") -> "LearnerSet":
        shorter = min(len(self.bits), len(other.bits))
        both = self._bytes()[:shorter] & other._bytes()[:shorter]
        return LearnerSet(both.tobytes())

    def __or__(self, other: "LearnerSet") -> "LearnerSet":
        longer = max(len(self.bits), len(other.bits))
        either = self._padded(longer) | other._padded(longer)
        return LearnerSet(either.tobytes())

    def reaching(self, end: int) -> "LearnerSet":
        """The same set, with room for the numbers below `end`."""
        missing = end // 8 + 1 - len(self.bits)
        return self if missing <= 0 else LearnerSet(self.bits + bytes(missing))

    def numbers(self) -> Numbers:
        """The numbers in rising order."""
        return np.flatnonzero(self.flags())

    def flags(self) -> npt.NDArray[np.uint8]:
        """One byte for each number from 0 on, 1 for those in the set."""
        return np.unpackbits(self._bytes(), bitorder="little")

    def _bytes(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self.bits, dtype=np.uint8)

    def _padded(self, length: int) -> npt.NDArray[np.uint8]:
        return np.pad(self._bytes(), (0, length - len(self.bits)))


def is_in(
    number: sa.ColumnElement[int], learners: LearnerSet, dialect: str
) -> sa.ColumnElement[bool]:
    """A condition: the number of the row is in the set; nothing is joined.

    The set has room for every number: PostgreSQL fails at one beyond the end.
    """
    if dialect == _POSTGRESQL:
        bits = sa.bindparam(None, learners.bits, sa.LargeBinary, unique=True)
        # Not "= 1", which the planner takes for rare: it would sort instead of hash.
        return sa.func.get_bit(bits, number) != 0
    flags = sa.bindparam(
        None, learners.flags().tobytes(), sa.LargeBinary, unique=True
    )  # a byte each, because SQLite has no bits
    return sa.func.substr(flags, number + 1, 1) == sa.literal(b"\x01", sa.LargeBinary)


def gathered(
    number: sa.ColumnElement[int], where: sa.ColumnElement[bool], dialect: str
) -> sa.ColumnElement[Any]:
    """An aggregate: the numbers of the group's rows that fulfil the condition."""
    if dialect == _POSTGRESQL:
        empty = sa.literal(b"", sa.LargeBinary)
        joined = sa.func.string_agg(sa.func.int4send(number), empty)
        return joined.filter(where)
    return sa.func.group_concat(number).filter(where)


def read_gathered(value: object) -> Numbers:
    """The numbers in a result of `gathered`."""
    if isinstance(value, bytes):
        return np.frombuffer(value, dtype=">i4")
    if not value:
        return np.empty(0, dtype=np.int64)
    return np.fromstring(str(value), dtype=np.int64, sep=",")
