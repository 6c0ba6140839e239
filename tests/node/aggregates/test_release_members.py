"""Who was counted in a release: kept as bits, asked for by learner."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from interurban_node.aggregates.members import (
    BLOCK_BYTES,
    members_of,
    sequences_of,
    write_members,
)
from interurban_node.aggregates.models import ReleaseMembersRow, ReleaseRow
from interurban_node.core.learner_numbers import LearnerNumberRow
from interurban_node.core.learner_sets import LearnerSet
from tests.support.counting import NOW

BLOCK = BLOCK_BYTES * 8
_numbers = st.sets(
    st.sampled_from(
        [1, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 77]
    )
)


def a_release(session: Session, sequence: int) -> None:
    session.add(
        ReleaseRow(
            sequence=sequence,
            release_id=f"r{sequence}",
            plan="p",
            agreement="a",
            subject="s",
            dataflow="d",
            series=f"d{sequence}",
            period="2025-Q4",
            structure="s",
            recipients="[]",
            purposes="[]",
            built_at=NOW,
            publication_at=NOW,
            gate="",
            manifest=b"",
            data=b"",
        )
    )
    session.flush()


@settings(max_examples=25)
@given(st.lists(_numbers, max_size=3))
def test_a_learner_finds_exactly_the_releases_that_counted_it(
    session: Session, releases: list[set[int]]
) -> None:
    with session.begin_nested() as savepoint:
        learners = sorted(set().union(*releases)) or [1]
        session.add_all(
            LearnerNumberRow(number=number, learner_ref=f"L{number}")
            for number in learners
        )
        for sequence, members in enumerate(releases, 1):
            a_release(session, sequence)
            write_members(session, sequence, LearnerSet.of(members))
        found = {n: sequences_of(session, f"L{n}") for n in learners}
        kept = [
            set(members_of(session, sequence).numbers().tolist())
            for sequence in range(1, len(releases) + 1)
        ]
        savepoint.rollback()
    assert kept == releases
    for number, sequences in found.items():
        wanted = [place for place, each in enumerate(releases, 1) if number in each]
        assert sequences == wanted


def test_somebody_without_a_number_was_counted_nowhere(session: Session) -> None:
    assert sequences_of(session, "Lnobody") == []


def test_blocks_without_anybody_are_not_kept(session: Session) -> None:
    a_release(session, 1)
    write_members(session, 1, LearnerSet.of([5 * BLOCK]))
    assert session.query(ReleaseMembersRow).count() == 1
    assert members_of(session, 2) == LearnerSet()
