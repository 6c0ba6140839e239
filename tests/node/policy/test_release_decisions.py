"""The one decision: from its arguments alone, in order, each refusal with its own error."""

from dataclasses import replace
from datetime import timedelta

import pytest

from interurban_node.agreements.service import AgreementInForce
from interurban_node.audit.service import Grade, UseKind
from interurban_node.core.errors import (
    NotPublishedError,
    OutsideAgreementError,
    OutsidePlanError,
    SuspendedError,
)
from interurban_node.policy.rules import (
    Permit,
    ReleaseFacts,
    decide_own_release,
    decide_reference,
    decide_release,
)
from interurban_protocol.agreements import (
    KIND,
    AgreedPlan,
    Agreement,
    Party,
    ReferenceTerms,
)
from interurban_protocol.keys import KeySet, Purpose
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.signed_documents import Signer, start_document, verify_document
from tests.support.credentials import HARBOUR, LAKESIDE, NOW, RIDGE, a_key, published

PLAN, OTHER_PLAN = "sha256:" + "1" * 64, "sha256:" + "2" * 64
KEYS = {node: a_key(node) for node in (LAKESIDE, HARBOUR, RIDGE)}
RELEASE = ReleaseFacts(
    release_id="sha256:" + "3" * 64,
    plan_id=PLAN,
    purpose="enrolments",
    recipients=(HARBOUR,),
    publication_at=NOW,
)


def in_force(
    *nodes: str, plan: str = PLAN, towards: frozenset[str] = frozenset()
) -> AgreementInForce:
    """An agreement of the nodes over one plan, really signed."""
    payload = Agreement(
        signers=tuple(
            Signer(node=node, key_id=KEYS[node].public.key_id) for node in nodes
        ),
        title={"en": "t"},
        parties=tuple(
            Party(node=node, name={"en": node}, identity_key_id="k") for node in nodes
        ),
        minimum_parties=2,
        proposed_by=nodes[0],
        proposed_at=NOW,
        answer_by=NOW,
        plans=(AgreedPlan(plan=plan, subject="enrolments", structures=()),),
        purposes=("p",),
        disclosure_floor=ProtectionProfile(),
        references=ReferenceTerms(purpose="jobs", maximum_days=90, answer_days=7),
        valid_from=NOW,
        valid_until=NOW + timedelta(days=1),
        at_end={},
    )
    keys = {n: KeySet((published(KEYS[n], Purpose.DOCUMENTS),)) for n in nodes}
    document = start_document(payload, *(KEYS[node] for node in nodes))
    verified = verify_document(document, Agreement, kind=KIND, keys=keys, at=NOW)
    return AgreementInForce(verified, towards, frozenset())


def test_a_recipient_under_the_agreement_may_have_a_published_release():
    agreement = in_force(LAKESIDE, HARBOUR)
    permit = decide_release(RELEASE, asker=HARBOUR, agreements=[agreement], now=NOW)
    assert (permit.kind, permit.recipient, permit.grade) == (
        UseKind.RELEASE_SENT,
        HARBOUR,
        Grade.COUNTERSIGNED,
    )
    assert permit.agreement_id == agreement.agreement_id
    assert permit.release_id == RELEASE.release_id


EARLY = NOW - timedelta(seconds=1)
SUSPENDED = in_force(LAKESIDE, HARBOUR, towards=frozenset({HARBOUR}))


@pytest.mark.parametrize(
    ("agreements", "asker", "now", "expected"),
    [
        ([], HARBOUR, NOW, OutsideAgreementError),
        ([in_force(LAKESIDE, RIDGE)], HARBOUR, NOW, OutsideAgreementError),
        (
            [in_force(LAKESIDE, HARBOUR, plan=OTHER_PLAN)],
            HARBOUR,
            NOW,
            OutsideAgreementError,
        ),
        (
            [
                in_force(LAKESIDE, HARBOUR, plan=OTHER_PLAN),
                in_force(LAKESIDE, RIDGE),
            ],
            HARBOUR,
            NOW,
            OutsideAgreementError,
        ),
        ([in_force(LAKESIDE, RIDGE)], RIDGE, NOW, OutsidePlanError),
        ([SUSPENDED], HARBOUR, NOW, SuspendedError),
        ([in_force(LAKESIDE, HARBOUR), SUSPENDED], HARBOUR, NOW, SuspendedError),
        ([in_force(LAKESIDE, HARBOUR)], HARBOUR, EARLY, NotPublishedError),
        # In order: what is told first is what matters most.
        ([], HARBOUR, EARLY, OutsideAgreementError),
        ([SUSPENDED], HARBOUR, EARLY, SuspendedError),
    ],
)
def test_a_release_is_refused_with_the_reason_that_comes_first(
    agreements, asker, now, expected
):
    with pytest.raises(expected) as caught:
        decide_release(RELEASE, asker=asker, agreements=agreements, now=now)
    assert type(caught.value) is expected


def test_a_token_reads_through_its_own_agreement_and_stops_at_any_suspension():
    own, other = in_force(LAKESIDE, HARBOUR), in_force(LAKESIDE, HARBOUR, RIDGE)

    def decide(*agreements, bound_to):
        return decide_release(
            RELEASE, asker=HARBOUR, agreements=agreements, now=NOW, bound_to=bound_to
        )

    assert decide(other, own, bound_to=own.agreement_id).agreement_id == (
        own.agreement_id
    )
    with pytest.raises(OutsideAgreementError):
        decide(other, bound_to=own.agreement_id)
    with pytest.raises(SuspendedError):
        decide(
            own,
            replace(other, suspended_towards=frozenset({HARBOUR})),
            bound_to=own.agreement_id,
        )


def test_a_suspension_towards_one_city_does_not_stop_another():
    agreement = in_force(LAKESIDE, HARBOUR, RIDGE, towards=frozenset({RIDGE}))
    assert decide_release(RELEASE, asker=HARBOUR, agreements=[agreement], now=NOW)


def test_own_programs_get_a_lower_grade_and_wait_for_publication_too():
    permit = decide_own_release(RELEASE, own_origin=LAKESIDE, now=NOW)
    assert (permit.grade, permit.recipient) == (Grade.BEARER, LAKESIDE)
    assert permit.agreement_id is None
    with pytest.raises(NotPublishedError):
        decide_own_release(RELEASE, own_origin=LAKESIDE, now=EARLY)


def test_a_reference_needs_an_agreement_and_no_suspension():
    agreement = in_force(LAKESIDE, HARBOUR)
    permit, rests_on = decide_reference(recipient=HARBOUR, agreements=[agreement])
    assert (permit.kind, permit.purpose) == (UseKind.REFERENCE_SENT, "jobs")
    assert rests_on is agreement
    with pytest.raises(OutsideAgreementError):
        decide_reference(recipient=RIDGE, agreements=[agreement])
    with pytest.raises(SuspendedError):
        decide_reference(recipient=HARBOUR, agreements=[SUSPENDED])


def test_nobody_else_makes_a_permit():
    permit = decide_own_release(RELEASE, own_origin=LAKESIDE, now=NOW)
    with pytest.raises(TypeError, match="only a decision"):
        replace(permit, _seal=object())
    assert isinstance(permit, Permit)
