"""Before signing: the attackers, with everything this node has released about the same people."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates import rules
from interurban_node.aggregates.holdings import read_table
from interurban_node.aggregates.models import ReleaseRow
from interurban_node.attackers.gate import Earlier, Relation
from interurban_node.structures import service as structures
from interurban_protocol.structures import Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """How the gate works: `seconds` None takes the profile's; `progress` gets done, of all."""

    seed: int
    seconds: float | None = None
    timer: Callable[[], float] = monotonic
    progress: Callable[[int, int], None] | None = None


def earlier_tables(
    session: Session, structure: Structure, period: str
) -> tuple[Earlier, ...]:
    """This node's releases about the people of `period`, and how they are related to a build."""
    rows = session.scalars(
        sa.select(ReleaseRow)
        .where(ReleaseRow.period == period)
        .order_by(ReleaseRow.sequence)
    ).all()
    held = {
        row.release_id: structures.structure(session, row.structure) for row in rows
    }
    related = {
        release_id: relation(structure, other, list(held.values()))
        for release_id, other in held.items()
    }
    return tuple(
        Earlier(row.release_id, read_table(session, row), found)
        for row in rows
        if (found := related[row.release_id]) is not None
    )


def relation(
    structure: Structure, other: Structure, held: list[Structure]
) -> Relation | None:
    """How the people of an earlier release of the same period stand to those of a new one.

    `held` are the structures of all releases of the period, for finding the cohort's.
    """
    ours, theirs = rules.cohort_series(structure), rules.cohort_series(other)
    if ours is None and theirs is None:
        return Relation.SAME_PEOPLE if structure.event == other.event else None
    if ours is None:
        is_of_ours = theirs == rules.series_of(structure.urn)
        return Relation.OUTCOME if is_of_ours else None
    if theirs is not None:
        return Relation.OUTCOME if theirs == ours else None
    events = {each.event for each in held if rules.series_of(each.urn) == ours}
    return Relation.COHORT if other.event in events else None
