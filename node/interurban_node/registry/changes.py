"""Whose events a sync has to count anew, and when.

Most learners are touched by several tables of one sync, so they are counted once, after the
last table. Who they are is read from the records: each one says which run wrote or removed it,
so that a sync that was killed leaves nobody out when the next one is through. What the records
do not tell afterwards is counted at once, with its page: see `Touched`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_adapters.records import RecordKind
from interurban_node.core.context import Node
from interurban_node.registry import events, queries, runs
from interurban_node.registry.queries import Held
from interurban_node.registry.records import Draft
from interurban_node.registry.runs import Run

_LEARNERS_AT_ONCE = (
    4_000  # in one transaction, so that nobody waits long for the database
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What a page changed beside the records that now say whom they are about.

    `left` are learners whom a record was about and is no longer; `nameless` says that a
    grievance without a person came, changed or went, `programmes` that a known one did.
    """

    left: frozenset[str] = frozenset()
    nameless: bool = False
    programmes: bool = False


def touched_by(
    kind: RecordKind, changed: Sequence[Draft], held: Mapping[str, Held]
) -> Touched:
    """What writing these records touches; a programme that is new is in nobody's records."""
    pairs = [
        (held[draft.source_pk].about, draft.about)
        for draft in changed
        if draft.source_pk in held
    ]
    return Touched(
        left=frozenset(before for before, now in pairs if before and before != now),
        nameless=_is_nameless(
            kind, [*(each.about for each in changed), *(before for before, _ in pairs)]
        ),
        programmes=kind is RecordKind.PROGRAMME and bool(pairs),
    )


def touched_by_removal(kind: RecordKind, about: Sequence[str | None]) -> Touched:
    """What removing records touches; `about` has whom each one was about."""
    return Touched(
        nameless=_is_nameless(kind, about),
        programmes=kind is RecordKind.PROGRAMME and bool(about),
    )


def count_with_page(
    session: Session, node: Node, touched: Touched, now: datetime
) -> None:
    """Count what can be found out with the page alone, in its transaction."""
    if touched.programmes:
        events.refresh_all(session, node, now)
    elif touched.left:
        events.refresh(session, node, set(touched.left), now)
    if touched.nameless:
        events.refresh_grievances(session, node, now)


def count_after_tables(node: Node, run: Run) -> None:
    """Count everybody whose records this run changed, or one before it that was killed."""
    with node.database.transaction() as session:
        finished = runs.last_finished(session, run.source_id)
        learners = queries.written_since(session, run.source_id, finished)
    for refs in _parts(sorted(learners)):
        with node.database.transaction() as session:
            events.refresh(session, node, set(refs), run.now)


def _is_nameless(kind: RecordKind, about: Iterable[str | None]) -> bool:
    return kind is RecordKind.GRIEVANCE and None in set(about)


def _parts(refs: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(refs), _LEARNERS_AT_ONCE):
        yield refs[start : start + _LEARNERS_AT_ONCE]
