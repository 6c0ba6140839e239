"""The table of counted events: one row for each event, period and learner.

Every sync keeps it up to date for the learners whose records it changed, so that counting a
quarter reads one index and no record. `counting` decides; this module reads and writes.
Record keys are made here, when a learner first has a row in a period.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.core.context import Node
from interurban_node.core.database import insert_missing, insert_once, is_one_of
from interurban_node.core.errors import NotFoundError
from interurban_node.core.learner_numbers import LearnerNumberRow, learner_numbers
from interurban_node.registry import counting
from interurban_node.registry.counting import Frozen, Happening, Place, Profile
from interurban_node.registry.happenings import happenings, nameless_grievances
from interurban_node.registry.models import (
    ClosedPeriodRow,
    CountedEventRow,
    CountedProfileRow,
    GrievanceRow,
    LearnerRow,
)
from interurban_node.registry.rules import record_key
from interurban_protocol.encoding import sha256_digest
from interurban_protocol.release_plans import quarter_bounds

KeyOf: TypeAlias = Callable[[str, str], int]
"""The record key of a period and learner reference."""

_AT_ONCE = 2_000  # learners
_KEYS_AT_ONCE = 5_000  # values in one IN list
_T = TypeVar("_T")


def refresh(
    session: Session, node: Node, learner_refs: Collection[str], now: datetime
) -> None:
    """Count the events of these learners anew, as their records now tell them.

    Rows of closed periods stay as they are; see `counting`.
    """
    del now  # what counts does not hang on the moment of looking
    recount(session, learner_refs, partial(record_key, node.keys.record))


def refresh_all(session: Session, node: Node, now: datetime) -> None:
    """Count everybody's events anew; after a programme has changed."""
    refs = session.scalars(
        sa.select(LearnerRow.learner_ref).distinct().order_by(LearnerRow.learner_ref)
    ).all()
    refresh(session, node, refs, now)


def refresh_grievances(session: Session, node: Node, now: datetime) -> None:
    """Count the grievances anew that were filed without a name, each as a case."""
    del now
    number = LearnerNumberRow.number
    cases = session.scalars(
        sa.select(GrievanceRow.record_id)
        .join(
            LearnerNumberRow,
            LearnerNumberRow.learner_ref == GrievanceRow.record_id,
            isouter=True,
        )
        .where(sa.or_(GrievanceRow.learner_ref.is_(None), number.is_not(None)))
    ).all()  # those that have got a name since then, too
    key_of = partial(record_key, node.keys.record)
    _write(session, cases, nameless_grievances(session), key_of)


def recount(session: Session, learner_refs: Collection[str], key_of: KeyOf) -> None:
    """`refresh` with the record keys that `key_of` makes."""
    for refs in _parts(sorted(set(learner_refs)), _AT_ONCE):
        _write(session, refs, happenings(session, refs), key_of)


def close_period(session: Session, event: str, period: str, now: datetime) -> None:
    """Leave the rows of an event and period as they are from now on, for good.

    Waits for a sync that is writing; closing twice changes nothing. A cohort event closes
    nothing: it is looked up among rows that are closed already.
    """
    if event not in counting.FLOW_EVENTS:
        return
    insert_once(session, ClosedPeriodRow, event=event, period=period, closed_at=now)


def reopen_period(
    session: Session, node: Node, event: str, period: str, now: datetime
) -> None:
    """Let a period be counted anew, for its one revision; the caller closes it again.

    What came late to it comes back from the open quarters where it counted meanwhile. What
    counted in another closed quarter stays there.
    """
    concerned = _concerned(session, event, period)
    session.execute(
        sa.delete(ClosedPeriodRow).where(
            ClosedPeriodRow.event == event, ClosedPeriodRow.period == period
        )
    )
    refresh(session, node, concerned, now)
    if event == counting.RECEIVED:
        refresh_grievances(session, node, now)


def closed_periods(session: Session) -> frozenset[tuple[str, str]]:
    """The pairs of event and period of which a release was issued."""
    rows = session.execute(sa.select(ClosedPeriodRow.event, ClosedPeriodRow.period))
    return frozenset((event, period) for event, period in rows)


# --- what aggregates count


def flow(event: str, period: str, cut_off: datetime) -> sa.Subquery:
    """Who counts in a period: `learner_number`, `record_key` and `profile_id`.

    An event after the day of `cut_off` (UTC) does not count.

    Raises:
        NotFoundError: the registry counts no such event.
    """
    if event not in counting.FLOW_EVENTS:
        raise NotFoundError(f"the registry does not count the event {event}")
    table = CountedEventRow
    select = sa.select(table.learner_number, table.record_key, table.profile_id).where(
        table.event == event, table.period == period
    )
    _, last = quarter_bounds(period)
    if cut_off.date() < last:  # else all of them are before it
        select = select.where(table.happened_on <= cut_off.date())
    return select.subquery("counted")


def all_profiles() -> sa.Select[*tuple[Any, ...]]:
    """Every profile with its fields; for a copy in another engine."""
    names = ("id", *(counting.column_of(field) for field in counting.FIELDS))
    return sa.select(*(getattr(CountedProfileRow, name) for name in names))


def all_counted() -> sa.Select[*tuple[Any, ...]]:
    """Every counted event, as a base-cell pass reads it; for a copy in another engine."""
    table = CountedEventRow
    return sa.select(
        table.event,
        table.period,
        table.happened_on,
        table.profile_id,
        table.learner_number,
        table.record_key,
    )


# --- writing


class _Counted(NamedTuple):
    """A row of the table."""

    learner_number: int
    event: str
    period: str
    happened_on: date
    record_id: str
    record_key: int
    profile_id: int


_COLUMNS = tuple(getattr(CountedEventRow, name) for name in _Counted._fields)


def _write(
    session: Session,
    learners: Collection[str],
    found: Iterable[Happening],
    key_of: KeyOf,
) -> None:
    """Put what counts of these learners in the place of what counted before.

    1. Nobody closes a period meanwhile. 2. What is there. 3. What should be there. 4. Only
    the difference is written.
    """
    _hold_periods(session)  # 1
    closed = closed_periods(session)
    numbers = learner_numbers(session, learners)
    held = _held(session, numbers)  # 2
    open_rows = {p: row for p, row in held.items() if (p.event, p.period) not in closed}
    frozen = [
        Frozen(place, row.record_id, row.happened_on)
        for place, row in held.items()
        if place not in open_rows
    ]
    wanted = counting.counted(found, frozen, closed)  # 3
    profiles = _profile_ids(session, {each.profile for each in wanted.values()})
    rows = {
        place: _Counted(
            learner_number=numbers[place.learner],
            event=place.event,
            period=place.period,
            happened_on=each.day,
            record_id=each.record_id,
            record_key=(
                open_rows[place].record_key
                if place in open_rows
                else key_of(place.period, place.learner)
            ),
            profile_id=profiles[each.profile],
        )
        for place, each in wanted.items()
    }
    _replace(session, open_rows, rows)  # 4


def _held(session: Session, numbers: Mapping[str, int]) -> dict[Place, _Counted]:
    refs = {number: ref for ref, number in numbers.items()}
    found: dict[Place, _Counted] = {}
    for some in _parts(list(refs), _KEYS_AT_ONCE):
        rows = session.execute(
            sa.select(*_COLUMNS).where(
                is_one_of(session, CountedEventRow.learner_number, some)
            )
        )
        for values in rows:
            row = _Counted(*values)
            place = Place(row.event, row.period, refs[row.learner_number])
            found[place] = row
    return found


def _replace(
    session: Session, before: Mapping[Place, _Counted], after: Mapping[Place, _Counted]
) -> None:
    table = cast("sa.Table", CountedEventRow.__table__)
    gone = [row for place, row in before.items() if after.get(place) != row]
    new = [row for place, row in after.items() if before.get(place) != row]
    if gone:
        key = (table.c.learner_number, table.c.event, table.c.period)
        session.connection().execute(
            sa.delete(table).where(*(c == sa.bindparam(f"of_{c.name}") for c in key)),
            [{f"of_{c.name}": getattr(row, c.name) for c in key} for row in gone],
        )
    insert_missing(session, CountedEventRow, [row._asdict() for row in new])


def _profile_ids(session: Session, profiles: Collection[Profile]) -> dict[Profile, int]:
    """The ids of these combinations, written now if nobody had them before."""
    digests = {_digest(profile): profile for profile in profiles}
    ids = _known_profiles(session, digests)
    missing = sorted(digests.keys() - ids.keys())
    if missing:
        names = [counting.column_of(field) for field in counting.FIELDS]
        rows = [
            {"digest": digest, **dict(zip(names, digests[digest], strict=True))}
            for digest in missing
        ]
        insert_missing(session, CountedProfileRow, rows)
        ids |= _known_profiles(session, missing)
    return {profile: ids[digest] for digest, profile in digests.items()}


def _known_profiles(session: Session, digests: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in _parts(list(digests), _KEYS_AT_ONCE):
        rows = session.execute(
            sa.select(CountedProfileRow.digest, CountedProfileRow.id).where(
                is_one_of(session, CountedProfileRow.digest, some)
            )
        )
        found.update((digest, profile_id) for digest, profile_id in rows)
    return found


def _digest(profile: Profile) -> str:
    return sha256_digest("\x1f".join(value or "" for value in profile).encode())


def _hold_periods(session: Session) -> None:
    """Let no period be closed while its rows are being written; SQLite has one writer."""
    if session.get_bind().dialect.name == "postgresql":
        name = ClosedPeriodRow.__tablename__
        session.execute(sa.text(f"LOCK TABLE {name} IN SHARE MODE"))


def _concerned(session: Session, event: str, period: str) -> Sequence[str]:
    """Everybody with an event that happened in a period, wherever it counts."""
    first, last = quarter_bounds(period)
    return session.scalars(
        sa.select(LearnerNumberRow.learner_ref)
        .join(
            CountedEventRow, CountedEventRow.learner_number == LearnerNumberRow.number
        )
        .where(
            CountedEventRow.event == event,
            sa.or_(
                CountedEventRow.period == period,
                CountedEventRow.happened_on.between(first, last),
            ),
        )
        .distinct()
    ).all()


def _parts(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
