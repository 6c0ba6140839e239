"""Revisions: a period issued once more, whole, coarser, under a plan that all have signed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates import service
from interurban_node.aggregates.issuing import Prepared
from interurban_node.aggregates.models import (
    PulledReleaseRow,
    ReleaseMembersRow,
    ReleaseRow,
)
from interurban_node.agreements.service import PlanInForce
from interurban_node.consent.models import GrantRow
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    AlreadyDoneError,
    NotFoundError,
    RefusedError,
    StateError,
)
from interurban_node.partners.service import key_sets
from interurban_node.registry.events import closed_periods
from interurban_protocol.errors import ChainError
from interurban_protocol.release_plans import PlannedRevision, ProtectionProfile
from interurban_protocol.releases import (
    VerifiedRelease,
    check_follows_plan,
    parse_data,
    verify_release,
)
from tests.support.builds import jobs_structure, passed_for
from tests.support.counting import (
    BEFORE,
    CITIES,
    LAKESIDE,
    NOW,
    PERIOD,
    PUBLICATION,
    Learner,
    a_build,
    a_plan_in_force,
    a_small_structure,
    register,
    some_learners,
)
from tests.support.learners import EASTVALE, NORTHPORT, ask
from tests.support.statistics import a_period

SECOND = PUBLICATION + timedelta(days=31)
LATER = SECOND + timedelta(days=1)
COARSE = ProtectionProfile(max_dimensions=2)
URN = a_small_structure().urn
LEARNERS = some_learners(300)
COUNTED = [each for each in LEARNERS if each.yes_from is not None]


def an_issued_city(session: Session, node: Node) -> tuple[PlanInForce, str]:
    question = ask(session, node, BEFORE)
    register(session, LEARNERS, [question])
    plan = a_plan_in_force(session, node)
    a_build(session, node, plan)
    return plan, question


def a_revision(
    session: Session, node: Node, revised: PlanInForce, **changes: Any
) -> PlanInForce:
    period = a_period(PERIOD, publication=SECOND)
    revision = PlannedRevision(
        period=PERIOD, replaces=revised.plan_id, reason="A school sent wrong dates."
    )
    facts = {"periods": (period,), "profile": COARSE, "revision": revision}
    return a_plan_in_force(session, node, now=NOW, **(facts | changes))


def withdraw(session: Session, count: int) -> set[str]:
    """So many of the counted learners take their yes back; who."""
    gone = {each.ref for each in COUNTED[:count]}
    session.execute(
        sa.update(GrantRow).where(GrantRow.learner_ref.in_(gone)).values(ended_at=NOW)
    )
    return gone


def revise(session: Session, node: Node, plan: PlanInForce) -> service.BuiltRelease:
    prepared = prepare(session, node, plan)
    return service.issue(session, node, prepared, passed_for(prepared), LATER)


def prepare(session: Session, node: Node, plan: PlanInForce) -> Prepared:
    return service.prepare_revision(session, node, plan, URN, LATER)


def rows(session: Session) -> list[ReleaseRow]:
    session.expire_all()
    return list(session.scalars(sa.select(ReleaseRow).order_by(ReleaseRow.sequence)))


def verified(session: Session, node: Node, row: ReleaseRow) -> VerifiedRelease:
    return verify_release(
        row.manifest,
        row.data,
        structure=a_small_structure(),
        keys=key_sets(session, node),
        at=LATER,
    )


def test_a_revision_replaces_the_whole_release_with_fresh_noise(
    node: Node, session: Session
) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    under = a_revision(session, node, plan)
    built = revise(session, node, under)
    first, second = rows(session)
    release = verified(session, node, second)
    check_follows_plan(release.manifest, under.plan)
    assert built.facts.revision == release.manifest.revision == 1
    assert release.manifest.replaces == first.release_id
    assert (release.manifest.plan, first.plan) == (under.plan_id, plan.plan_id)
    assert max(5 - codes.count("_T") for codes in release.table.values) == 2
    assert abs((release.table.value() or 0) - (len(COUNTED) - 12)) <= 5
    assert verified(session, node, first).manifest.revision == 0


def test_the_keys_of_a_revision_have_nothing_to_do_with_the_first(
    node: Node, session: Session
) -> None:
    """Nothing but keys differs for the people who stayed."""
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    prepared = prepare(session, node, a_revision(session, node, plan))
    stayed = COUNTED[12:]
    assert sum(count for count, _ in prepared.reading.rows.values()) == len(stayed)
    fresh = sum(key for _, key in prepared.reading.rows.values())
    assert fresh != sum(each.key for each in stayed)


def test_what_came_late_counts_in_the_revision(node: Node, session: Session) -> None:
    plan, question = an_issued_city(session, node)
    late = [Learner(ref=f"LATE{i}", key=99 + i) for i in range(15)]
    register(session, late, [question])
    prepared = prepare(session, node, a_revision(session, node, plan))
    assert len(prepared.reading.members) == len(COUNTED) + 15


def test_preparing_a_revision_writes_nothing_and_leaves_the_period_closed(
    node: Node, session: Session
) -> None:
    plan, question = an_issued_city(session, node)
    register(session, [Learner(ref=f"L8{i}", key=i) for i in range(15)], [question])
    before = closed_periods(session)
    prepare(session, node, a_revision(session, node, plan))
    assert closed_periods(session) == before == {("enrolment.started", PERIOD)}
    assert len(rows(session)) == 1


def test_after_a_revision_the_period_is_closed_for_good(
    node: Node, session: Session
) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    under = a_revision(session, node, plan)
    revise(session, node, under)
    assert closed_periods(session) == {("enrolment.started", PERIOD)}
    withdraw(session, 40)
    with pytest.raises(AlreadyDoneError, match="one revision at most"):
        revise(session, node, under)
    with pytest.raises(AlreadyDoneError):
        a_build(session, node, plan, now=LATER)


@pytest.mark.parametrize(("count", "is_enough"), [(0, False), (9, False), (10, True)])
def test_fewer_than_ten_changes_are_not_worth_a_revision(
    node: Node, session: Session, count: int, is_enough: bool
) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, count)
    under = a_revision(session, node, plan)
    if is_enough:
        revise(session, node, under)
    else:
        with pytest.raises(RefusedError, match="fewer than 10 learners"):
            revise(session, node, under)
        assert len(rows(session)) == 1


def test_joining_and_leaving_are_counted_together(node: Node, session: Session) -> None:
    plan, question = an_issued_city(session, node)
    withdraw(session, 5)
    register(session, [Learner(ref=f"LATE{i}", key=i) for i in range(5)], [question])
    revise(session, node, a_revision(session, node, plan))
    assert len(rows(session)) == 2


def test_an_ordinary_plan_does_not_revise_and_a_revision_plan_does_not_build(
    node: Node, session: Session
) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    with pytest.raises(RefusedError, match="not for a revision"):
        revise(session, node, plan)
    with pytest.raises(RefusedError, match="is for a revision"):
        a_build(session, node, a_revision(session, node, plan), now=LATER)


def test_a_revision_of_another_plan_is_refused(node: Node, session: Session) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    other = PlannedRevision(
        period=PERIOD, replaces="sha256:" + "7" * 64, reason="Wrong dates."
    )
    with pytest.raises(RefusedError, match="issued under another plan"):
        revise(session, node, a_revision(session, node, plan, revision=other))


def test_a_revision_is_opened_to_nobody_new(node: Node, session: Session) -> None:
    register(session, LEARNERS, [ask(session, node, BEFORE)])
    plan = a_plan_in_force(session, node, recipients=(LAKESIDE, NORTHPORT))
    a_build(session, node, plan)
    withdraw(session, 12)
    wider = a_revision(session, node, plan, recipients=CITIES)
    with pytest.raises(RefusedError, match="issued to other recipients"):
        revise(session, node, wider)
    narrow = a_revision(session, node, plan, recipients=(LAKESIDE, NORTHPORT))
    assert revise(session, node, narrow).facts.recipients == (NORTHPORT,)


def test_a_period_that_was_never_issued_is_not_revised(
    node: Node, session: Session
) -> None:
    register(session, LEARNERS, [ask(session, node, BEFORE)])
    plan = a_plan_in_force(session, node)
    with pytest.raises(NotFoundError, match="never issued"):
        revise(session, node, a_revision(session, node, plan))


def test_outcomes_of_a_cohort_are_not_revised(node: Node, session: Session) -> None:
    plan, _ = an_issued_city(session, node)
    under = a_revision(session, node, plan)
    structure = jobs_structure()
    revision = under.plan.payload.revision
    assert revision is not None
    later = a_plan_in_force(
        session,
        node,
        structure,
        periods=(a_period("2025-Q2"), a_period(PERIOD)),
        profile=COARSE,
    )
    payload = later.plan.payload.model_copy(
        update={"revision": revision.model_copy(update={"period": "2025-Q2"})}
    )
    forged = replace(later, plan=replace(later.plan, payload=payload))
    with pytest.raises((RefusedError, NotFoundError)):
        service.prepare_revision(session, node, forged, structure.urn, LATER)


def test_who_leaves_between_gate_and_signature_stops_a_revision(
    node: Node, session: Session
) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    prepared = prepare(session, node, a_revision(session, node, plan))
    passed = passed_for(prepared)
    withdraw(session, 13)
    with pytest.raises(StateError, match="changed during the build"):
        service.issue(session, node, prepared, passed, LATER)
    assert len(rows(session)) == 1


def test_the_journal_remembers_a_revision_that_the_database_has_lost(
    node: Node, session: Session
) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    under = a_revision(session, node, plan)
    revise(session, node, under)
    entry = node.journal.entries()[-1]
    assert (entry.facts["revision"], entry.facts["plan"]) == ("1", under.plan_id)
    lost = rows(session)[1]
    members = ReleaseMembersRow.sequence == lost.sequence
    session.execute(sa.delete(ReleaseMembersRow).where(members))
    session.delete(lost)
    session.flush()
    with pytest.raises(AlreadyDoneError, match="one revision at most"):
        prepare(session, node, under)


# --- what readers see


def test_the_newest_revision_is_shown_once_it_is_published(
    node: Node, session: Session
) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    revise(session, node, a_revision(session, node, plan))
    (before,) = service.city_tables(session, URN, PERIOD, SECOND - timedelta(days=1))
    (after,) = service.city_tables(session, URN, PERIOD, LATER)
    assert (before.manifest.revision, after.manifest.revision) == (0, 1)
    assert before.release_id != after.release_id
    listed = service.list_releases(session, 0, EASTVALE)
    assert [facts.revision for facts in listed] == [0, 1]


def test_a_learner_sees_both_and_a_leaver_only_the_first(
    node: Node, session: Session
) -> None:
    plan, _ = an_issued_city(session, node)
    (gone,) = withdraw(session, 1)
    withdraw(session, 12)
    revise(session, node, a_revision(session, node, plan))
    stayed = COUNTED[20].ref
    revisions = [
        [each.revision for each in service.counted_in(session, ref, LATER)]
        for ref in (stayed, gone)
    ]
    assert revisions == [[1, 0], [0]]


def test_a_partner_keeps_a_revision_of_the_release_that_it_holds(
    node: Node, session: Session
) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    revise(session, node, a_revision(session, node, plan))
    first, second = (verified(session, node, row) for row in rows(session))
    assert service.store_pulled(session, first, LATER)
    assert service.store_pulled(session, second, LATER)
    pulled = session.scalars(sa.select(PulledReleaseRow.revision)).all()
    assert sorted(pulled) == [0, 1]


def test_a_partner_keeps_no_revision_of_another_release(
    node: Node, session: Session
) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    revise(session, node, a_revision(session, node, plan))
    first, second = (verified(session, node, row) for row in rows(session))
    service.store_pulled(session, first, LATER)
    other = second.manifest.model_copy(update={"replaces": "sha256:" + "3" * 64})
    with pytest.raises(ChainError, match="revises another release"):
        service.store_pulled(
            session, replace(second, manifest=other, release_id="x"), LATER
        )


def test_a_revision_shows_fewer_people_in_no_finer_cell(
    node: Node, session: Session
) -> None:
    plan, _ = an_issued_city(session, node)
    withdraw(session, 12)
    revise(session, node, a_revision(session, node, plan))
    first, second = rows(session)
    fine = parse_data(first.data, a_small_structure(), ProtectionProfile())
    coarse = parse_data(second.data, a_small_structure(), COARSE)
    assert coarse.values.keys() < fine.values.keys()
