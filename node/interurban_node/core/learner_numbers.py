"""Small numbers for learner references, so that a set of learners is a row of bits.

A number is given once, kept for ever, and used inside this node only. Numbers are dense: a
set of all learners has about as many bits as there are learners. What is counted without a
person, such as a grievance without a name, has a reference and a number of its own.
"""

from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from interurban_node.core.database import Base, insert_missing, is_one_of

_AT_ONCE = 5_000  # values in one IN list


class LearnerNumberRow(Base):
    """The number of one learner reference; nothing is ever changed or deleted here."""

    __tablename__ = "learner_numbers"

    number: Mapped[int] = mapped_column(primary_key=True)
    learner_ref: Mapped[str] = mapped_column(sa.String(60), unique=True)


def learner_numbers(session: Session, learner_refs: Collection[str]) -> dict[str, int]:
    """The numbers of these references, given now to those that have none."""
    found = known_numbers(session, learner_refs)
    missing = sorted(set(learner_refs) - found.keys())
    # Only what is missing: on PostgreSQL a conflict would use a number up.
    insert_missing(session, LearnerNumberRow, [{"learner_ref": ref} for ref in missing])
    return found | known_numbers(session, missing)


def known_numbers(session: Session, learner_refs: Collection[str]) -> dict[str, int]:
    """The numbers of those references that have one."""
    found: dict[str, int] = {}
    for refs in _parts(sorted(set(learner_refs))):
        rows = session.execute(
            sa.select(LearnerNumberRow.learner_ref, LearnerNumberRow.number).where(
                is_one_of(session, LearnerNumberRow.learner_ref, refs)
            )
        )
        found.update((ref, number) for ref, number in rows)
    return found


def numbers_end(session: Session) -> int:
    """One more than the highest number given so far."""
    highest = session.scalar(sa.select(sa.func.max(LearnerNumberRow.number)))
    return (highest or 0) + 1


def _parts(refs: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(refs), _AT_ONCE):
        yield refs[start : start + _AT_ONCE]
