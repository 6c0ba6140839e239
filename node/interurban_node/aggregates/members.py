"""Who was counted in a release: bits by learner number, written once at the build."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates.models import ReleaseMembersRow
from interurban_node.core.learner_numbers import known_numbers
from interurban_node.core.learner_sets import LearnerSet

BLOCK_BYTES = 1024  # a longer value would lie apart from its row on PostgreSQL
_BLOCK = BLOCK_BYTES * 8  # learners


def write_members(session: Session, sequence: int, members: LearnerSet) -> None:
    """Write down who is counted in the release `sequence`."""
    parts = (
        members.bits[start : start + BLOCK_BYTES]
        for start in range(0, len(members.bits), BLOCK_BYTES)
    )
    rows = [
        {"block": block, "sequence": sequence, "bits": bits}
        for block, bits in enumerate(parts)
        if any(bits)
    ]
    if rows:
        session.execute(sa.insert(ReleaseMembersRow), rows)


def members_of(session: Session, sequence: int) -> LearnerSet:
    """Everybody who was counted in the release `sequence`."""
    rows = session.execute(
        sa.select(ReleaseMembersRow.block, ReleaseMembersRow.bits)
        .where(ReleaseMembersRow.sequence == sequence)
        .order_by(ReleaseMembersRow.block)
    )
    found = bytearray()
    for block, bits in rows:
        found.extend(bytes(block * BLOCK_BYTES - len(found)))
        found.extend(bits)
    return LearnerSet(bytes(found))


def sequences_of(session: Session, learner_ref: str) -> list[int]:
    """The releases that a learner was counted in, in order."""
    number = known_numbers(session, [learner_ref]).get(learner_ref)
    if number is None:
        return []
    block, place = divmod(number, _BLOCK)
    rows = session.execute(
        sa.select(ReleaseMembersRow.sequence, ReleaseMembersRow.bits)
        .where(ReleaseMembersRow.block == block)
        .order_by(ReleaseMembersRow.sequence)
    )
    return [sequence for sequence, bits in rows if place in LearnerSet(bits)]
