"""Building releases: once, from consenting learners, signed, journalled, unchanged after."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates import service
from interurban_node.aggregates.issuing import store
from interurban_node.aggregates.models import ReleaseMembersRow, ReleaseRow
from interurban_node.agreements.service import PlanInForce
from interurban_node.audit.models import JournalRow, UsageRow
from interurban_node.audit.service import mark_known, unknown_entries
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    AlreadyDoneError,
    RecoveringError,
    RefusedError,
    StateError,
)
from interurban_node.core.journal import Irrevocable
from interurban_node.partners.service import key_sets
from interurban_protocol.consent_records import ConsentState
from interurban_protocol.disclosure import BaseCells, protect
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.releases import VerifiedRelease, verify_release, write_data
from interurban_protocol.signed_documents import Signer
from interurban_protocol.structures import Structure
from tests.support.builds import passed_for, prepared_for
from tests.support.counting import (
    BEFORE,
    CITIES,
    CUT_OFF,
    LAKESIDE,
    NEXT_PERIOD,
    NOW,
    PERIOD,
    PUBLICATION,
    Learner,
    a_build,
    a_city_with_learners,
    a_plan_in_force,
    a_small_structure,
    in_period,
    members_of_releases,
    register,
    some_learners,
)
from tests.support.learners import EASTVALE, NORTHPORT, PURPOSE, ask, say
from tests.support.nodes import Moment
from tests.support.statistics import DEFAULT, a_period, a_structure

LATER = PUBLICATION + timedelta(days=1)
ONCE = (
    "a period is issued once; withdrawals, late rows and corrections land in the next"
)


def stored(session: Session) -> ReleaseRow:
    session.expire_all()
    return session.scalars(sa.select(ReleaseRow)).one()


def verified(session: Session, node: Node) -> VerifiedRelease:
    row = stored(session)
    return verify_release(
        row.manifest,
        row.data,
        structure=a_small_structure(),
        keys=key_sets(session, node),
        at=LATER,
    )


def members(session: Session) -> set[str]:
    return members_of_releases(session)


def data_of(learners: list[Learner]) -> bytes:
    """The file that the counted learners make, worked out without the database."""
    structure = a_small_structure()
    codes = {"yes": "DIS", "no": "NDI", "unknown": "_U"}
    rows: dict[tuple[str, ...], list[int]] = {}
    for each in learners:
        *start, displaced, outcome = each.values
        rows.setdefault((*start, codes[displaced], outcome), []).append(each.key)
    base = BaseCells.from_rows(
        structure, [(key, len(keys), sum(keys)) for key, keys in rows.items()]
    )
    noise = perturbation_table(DEFAULT.perturbation)
    table = protect(base, structure, DEFAULT, noise)
    return write_data(table, structure, "lakeside-example", PERIOD)


def test_a_release_verifies_and_follows_its_plan(node: Node, session: Session) -> None:
    plan = a_city_with_learners(session, node, some_learners(600))
    built = a_build(session, node, plan)
    found = verified(session, node)
    assert found.release_id == built.facts.release_id
    manifest = found.manifest
    assert (manifest.plan, manifest.agreement) == (plan.plan_id, plan.agreement_id)
    assert (manifest.cut_off, manifest.consent_as_of) == (CUT_OFF, NOW)
    assert (manifest.built_at, manifest.publication_at) == (NOW, PUBLICATION)
    assert manifest.recipients == (NORTHPORT, EASTVALE)
    assert manifest.coverage == 80
    assert built.preview.cells == manifest.data.rows
    assert built.preview.hidden == found.table.hidden_count > 0


def test_the_data_are_the_protected_lattice_of_those_who_said_yes(
    node: Node, session: Session
) -> None:
    learners = some_learners(600)
    a_build(session, node, a_city_with_learners(session, node, learners))
    consenting = [each for each in learners if each.yes_from is not None]
    assert stored(session).data == data_of(consenting)
    assert members(session) == {each.ref for each in consenting}


def test_a_period_is_issued_once(node: Node, session: Session) -> None:
    plan = a_city_with_learners(session, node, some_learners(100))
    a_build(session, node, plan)
    with pytest.raises(AlreadyDoneError, match=ONCE):
        a_build(session, node, plan, now=LATER)


def test_the_next_period_is_built_beside_the_first(
    node: Node, session: Session
) -> None:
    learners = some_learners(100)
    plan = a_city_with_learners(session, node, learners)
    moved = some_learners(100, seed=2, prefix="N")
    question = ask(session, node, BEFORE)
    register(session, in_period(moved, date(2026, 2, 3)), [question])
    a_build(session, node, plan)
    a_build(session, node, plan, NEXT_PERIOD, now=a_period(NEXT_PERIOD).cut_off)
    assert [facts.period for facts in service.own_releases(session)] == [
        NEXT_PERIOD,
        PERIOD,
    ]


def test_a_new_version_of_the_structure_does_not_open_the_period_again(
    node: Node, session: Session
) -> None:
    a_build(session, node, a_city_with_learners(session, node, some_learners(100)))
    newer = replace(a_structure(programmes=2, ages=3), version="2.0.0")
    with pytest.raises(AlreadyDoneError, match=ONCE):
        a_build(session, node, a_plan_in_force(session, node, newer), now=LATER)


def test_an_issued_period_is_never_opened_to_another_recipient(
    node: Node, session: Session
) -> None:
    register(session, some_learners(100), [ask(session, node, BEFORE)])
    first = a_plan_in_force(session, node, recipients=(LAKESIDE, NORTHPORT))
    a_build(session, node, first)
    with pytest.raises(RefusedError, match="issued to other recipients") as refused:
        a_build(session, node, a_plan_in_force(session, node), now=LATER)
    assert refused.value.reasons[1].endswith(EASTVALE)


def test_nothing_is_built_before_the_cut_off(node: Node, session: Session) -> None:
    plan = a_city_with_learners(session, node, some_learners(50))
    early = a_period(NEXT_PERIOD).cut_off - timedelta(seconds=1)
    with pytest.raises(StateError, match="the cut-off of 2026-Q1"):
        a_build(session, node, plan, NEXT_PERIOD, now=early)


def test_a_release_built_late_is_published_when_it_is_built(
    node: Node, session: Session
) -> None:
    plan = a_city_with_learners(session, node, some_learners(50))
    assert a_build(session, node, plan, now=LATER).facts.publication_at == LATER


Refusal = Callable[[Session, Node], PlanInForce]


def unknown_period(session: Session, node: Node) -> PlanInForce:
    return a_plan_in_force(session, node, periods=(a_period(NEXT_PERIOD),))


def another_dataflow(session: Session, node: Node) -> PlanInForce:
    plan = a_plan_in_force(session, node, replace(a_small_structure(), id="OTHER"))
    return replace(plan, structures=(a_small_structure(),))


def another_structure(session: Session, node: Node) -> PlanInForce:
    plan = a_plan_in_force(session, node)
    return replace(plan, structures=(a_structure(programmes=2, ages=3),))


def not_a_publisher(session: Session, node: Node) -> PlanInForce:
    other = node.keys.documents.public.key_id
    signers = (Signer(node=LAKESIDE, key_id=other),)
    plan = a_plan_in_force(session, node, signers=signers)
    payload = plan.plan.payload.model_copy(update={"publishers": (NORTHPORT,)})
    return replace(plan, plan=replace(plan.plan, payload=payload))


def unasked_recipient(session: Session, node: Node) -> PlanInForce:
    recipients = (*CITIES, "https://farside.example")
    return a_plan_in_force(session, node, recipients=recipients)


def unasked_purpose(session: Session, node: Node) -> PlanInForce:
    return a_plan_in_force(session, node, purposes=(PURPOSE, "marketing"))


def nobody_else(session: Session, node: Node) -> PlanInForce:
    return a_plan_in_force(session, node, recipients=(LAKESIDE,))


def without_our_area(session: Session, node: Node) -> PlanInForce:
    return a_plan_in_force(session, node, a_structure(programmes=2, ages=2, areas=2))


@pytest.mark.parametrize(
    ("arrange", "message"),
    [
        (unknown_period, "calendar does not have this period"),
        (another_dataflow, "no such dataflow"),
        (another_structure, "no such dataflow"),
        (not_a_publisher, "none of the plan's publishers"),
        (unasked_recipient, "no question covers"),
        (unasked_purpose, "no question covers"),
        (nobody_else, "no recipient besides this node"),
        (without_our_area, "none of the areas"),
    ],
)
def test_what_the_plan_or_consent_does_not_cover_is_refused(
    node: Node, session: Session, arrange: Refusal, message: str
) -> None:
    register(session, some_learners(50), [ask(session, node, BEFORE)])
    plan = arrange(session, node)
    with pytest.raises(RefusedError, match=message):
        a_build(session, node, plan)
    assert session.scalars(sa.select(ReleaseRow)).all() == []
    assert node.journal.entries()[-1].kind is not Irrevocable.RELEASE_BUILT


def test_a_value_without_a_code_stops_the_build_and_names_no_value(
    node: Node, session: Session
) -> None:
    learners = [Learner(ref=f"L{i}", programme="SECRET-9") for i in range(3)]
    plan = a_city_with_learners(session, node, [*some_learners(50), *learners])
    with pytest.raises(RefusedError, match="no code for") as refused:
        a_build(session, node, plan)
    assert refused.value.reasons == ("PROGRAMME: 3 rows",)


def test_a_value_without_a_code_is_unknown_where_the_list_has_that(
    node: Node, session: Session
) -> None:
    strange = [Learner(ref=f"S{i}", age="A77", sex="_O") for i in range(60)]
    plan = a_city_with_learners(session, node, strange)
    a_build(session, node, plan)
    table = verified(session, node).table
    assert table.value(AGE="_U") == table.value() == table.value(SEX="_U")


def test_a_withdrawal_before_the_build_is_not_counted(
    node: Node, session: Session, moment: Moment
) -> None:
    question = ask(session, node, NOW)
    register(session, [Learner(ref=f"L{i}", yes_from=None) for i in range(3)])
    moved = in_period(some_learners(40, prefix="N"), date(2026, 2, 1))
    register(session, moved, [question])
    wavering = in_period([Learner(ref="W1", yes_from=None)], date(2026, 2, 1))
    register(session, wavering)
    say(session, node, question, ConsentState.GIVEN, NOW, learner="W1")
    cut_off = a_period(NEXT_PERIOD).cut_off
    after = cut_off + timedelta(days=1)
    say(session, node, question, ConsentState.WITHDRAWN, after, learner="W1")
    plan = a_plan_in_force(session, node)
    a_build(session, node, plan, NEXT_PERIOD, now=after + timedelta(hours=1))
    assert "W1" not in members(session)


def test_a_withdrawal_after_the_build_leaves_the_release_as_it_was(
    node: Node, session: Session
) -> None:
    question = ask(session, node, BEFORE)
    register(session, some_learners(300), [question])
    register(session, [Learner(ref="W1", yes_from=None)])
    say(session, node, question, ConsentState.GIVEN, BEFORE, learner="W1")
    a_build(session, node, a_plan_in_force(session, node))
    before = (stored(session).manifest, stored(session).data, members(session))
    say(session, node, question, ConsentState.WITHDRAWN, NOW, learner="W1")
    assert (stored(session).manifest, stored(session).data, members(session)) == before
    assert "W1" in members(session)


@pytest.mark.parametrize(
    ("yes_from", "yes_until", "is_counted"),
    [
        (BEFORE, None, True),
        (CUT_OFF, None, True),
        (CUT_OFF + timedelta(seconds=1), None, False),  # only now
        (BEFORE, NOW, False),  # only at the cut-off
        (BEFORE, CUT_OFF, False),
        (BEFORE, NOW + timedelta(seconds=1), True),
    ],
)
def test_a_yes_is_needed_at_the_cut_off_and_now(
    node: Node,
    session: Session,
    yes_from: datetime,
    yes_until: datetime | None,
    is_counted: bool,
) -> None:
    learner = Learner(ref="W1", yes_from=yes_from, yes_until=yes_until)
    plan = a_city_with_learners(session, node, [*some_learners(50), learner])
    a_build(session, node, plan)
    assert ("W1" in members(session)) is is_counted


def test_a_build_is_logged_and_journalled(node: Node, session: Session) -> None:
    plan = a_city_with_learners(session, node, some_learners(100))
    built = a_build(session, node, plan)
    used = session.scalars(sa.select(UsageRow)).one()
    assert (used.kind, used.purpose, used.release_id) == (
        "release-built",
        PURPOSE,
        built.facts.release_id,
    )
    entry = node.journal.entries()[-1]
    assert entry.kind is Irrevocable.RELEASE_BUILT
    assert entry.facts == {
        "plan": plan.plan_id,
        "subject": "enrolments",
        "dataflow": a_small_structure().urn,
        "period": PERIOD,
        "revision": "0",
        "digest": built.facts.release_id,
    }


def forget_the_release(session: Session) -> None:
    """What restoring yesterday's backup does."""
    for model in (ReleaseMembersRow, ReleaseRow):
        session.execute(sa.delete(model))
    session.execute(
        sa.delete(JournalRow).where(JournalRow.kind == Irrevocable.RELEASE_BUILT)
    )
    session.expire_all()


def test_the_journal_blocks_a_rebuild_after_a_restore(node: Node) -> None:
    with node.database.transaction() as session:
        plan = a_city_with_learners(session, node, some_learners(100))
        a_build(session, node, plan)
    with node.database.transaction() as session:
        forget_the_release(session)
        with pytest.raises(RecoveringError):
            a_build(session, node, plan, now=LATER)
        for entry in unknown_entries(session, node):
            mark_known(session, entry)
        session.flush()
        assert service.is_issued(session, node, a_small_structure().urn, PERIOD)
        with pytest.raises(AlreadyDoneError, match=ONCE):
            a_build(session, node, plan, now=LATER)


def test_a_build_that_was_rolled_back_may_be_done_again(node: Node) -> None:
    with node.database.transaction() as session:
        plan = a_city_with_learners(session, node, some_learners(100))

    def fail_after_building() -> None:
        with node.database.transaction() as session:
            a_build(session, node, plan)
            raise StateError("something else failed")

    with pytest.raises(StateError, match="something else"):
        fail_after_building()
    with node.database.transaction() as session:
        assert a_build(session, node, plan, now=LATER).facts.period == PERIOD


def test_two_builds_at_the_same_moment_give_one_release(
    node: Node, session: Session
) -> None:
    plan = a_city_with_learners(session, node, some_learners(60))
    prepared = prepared_for(session, node, plan)
    passed = passed_for(prepared)
    a_build(session, node, plan)
    with pytest.raises(AlreadyDoneError):
        store(session, node, prepared, passed, NOW + timedelta(seconds=1))
    assert len(session.scalars(sa.select(ReleaseRow)).all()) == 1


def test_a_preview_says_what_the_build_will_do_and_writes_nothing(
    node: Node, session: Session
) -> None:
    plan = a_city_with_learners(session, node, some_learners(300))
    urn = a_small_structure().urn
    entries = node.journal.length()
    preview = service.preview_release(session, node, plan, urn, PERIOD, NOW)
    assert session.scalars(sa.select(ReleaseRow)).all() == []
    assert node.journal.length() == entries
    assert a_build(session, node, plan).preview == preview


def test_a_preview_is_possible_before_the_cut_off(node: Node, session: Session) -> None:
    plan = a_city_with_learners(
        session, node, in_period(some_learners(300), date(2026, 2, 1))
    )
    urn = a_small_structure().urn
    preview = service.preview_release(session, node, plan, urn, NEXT_PERIOD, NOW)
    assert preview.coverage == 80


def test_an_empty_registry_makes_a_release_that_hides_everything(
    node: Node, session: Session
) -> None:
    ask(session, node, BEFORE)
    built = a_build(session, node, a_plan_in_force(session, node))
    assert built.preview.hidden == built.preview.cells
    assert built.preview.coverage is None


def test_a_structure_with_areas_gives_the_city_its_own(
    node: Node, session: Session
) -> None:
    structure = with_areas(a_structure(programmes=2, ages=2, areas=2))
    register(session, some_learners(50), [ask(session, node, BEFORE)])
    a_build(session, node, a_plan_in_force(session, node, structure))
    row = stored(session)
    found = verify_release(
        row.manifest,
        row.data,
        structure=structure,
        keys=key_sets(session, node),
        at=LATER,
    )
    assert found.manifest.ref_area == "CITY1"


def with_areas(structure: Structure) -> Structure:
    first, *others = structure.codelists
    areas = tuple(
        replace(code, value=origin)
        for code, origin in zip(first.codes, CITIES, strict=False)
    )
    return replace(structure, codelists=(replace(first, codes=areas), *others))


def test_a_city_of_twenty_thousand_learners_is_built(
    node: Node, session: Session
) -> None:
    learners = some_learners(20_000)
    a_build(session, node, a_city_with_learners(session, node, learners))
    assert len(members(session)) == sum(each.yes_from is not None for each in learners)
