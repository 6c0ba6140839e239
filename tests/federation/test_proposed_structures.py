"""A structure that comes with a proposal binds nobody until this node signs."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from interurban_node.agreements import service as agreements
from interurban_node.agreements.models import AgreementRow
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError
from interurban_node.exchange import service as exchange
from interurban_node.partners import service as partners
from interurban_node.structures import service as structures
from interurban_node.structures.models import StructureRow
from interurban_protocol.agreements import KIND, AgreementState
from interurban_protocol.errors import ChainError, DisclosureError
from interurban_protocol.messages import MESSAGE_KINDS, Message
from interurban_protocol.structures import Structure, bundle_bytes
from tests.support.counting import PUBLICATION, a_small_structure, plan_of
from tests.support.federation import (
    OTHERS,
    a_draft,
    agreed,
    released,
    request_to,
    send,
    sign,
    signed_by,
    status,
)
from tests.support.nodes import Federation
from tests.support.statistics import a_period, a_structure


def propose(
    federation: Federation,
    proposer: str,
    structure: Structure,
    others: Sequence[str],
    **plan_changes: object,
) -> str:
    """One city proposes a plan over a structure to others; the agreement's id."""
    node, now = federation.nodes[proposer], federation.clock.now
    cities = tuple(federation.nodes[name].origin for name in (proposer, *others))
    values = {"publishers": cities, "recipients": cities, "issued_at": now}
    plan = plan_of(node, structure, **{**values, **plan_changes})
    with node.database.transaction() as session:
        plan_id = agreements.propose_plan(
            session, node, plan, (bundle_bytes(structure),), now
        )
        agreement_id = agreements.propose(
            session, node, a_draft([plan_id], list(cities[1:]), now), now
        )
    federation.settle()
    return agreement_id


def adopted(node: Node) -> list[str]:
    with node.database.transaction() as session:
        return [each.digest for each in structures.structures(session)]


def another_structure() -> Structure:
    """The same URN as `a_small_structure`, with other codes."""
    return a_structure(programmes=2, ages=3)


def test_nobody_occupies_a_name_by_proposing(federation: Federation):
    federation.join_all()
    northport, real = federation.nodes["northport"], a_small_structure()
    assert another_structure().urn == real.urn
    squatting = propose(federation, "eastvale", another_structure(), ["northport"])
    assert status(federation, "northport", squatting).view.owner == "us"
    assert adopted(northport) == []

    agreement_id = propose(federation, "lakeside", real, ["northport"])
    sign(federation, "northport", agreement_id)
    federation.settle()

    found = status(federation, "northport", agreement_id)
    assert found.view.state is AgreementState.IN_FORCE
    assert adopted(northport) == [real.digest]
    with northport.database.transaction() as session:
        assert structures.by_urn(session, real.urn) == real


def test_a_name_that_has_another_meaning_here_is_not_signed_and_why_is_shown(
    federation: Federation,
):
    federation.join_all()
    agreement_id = propose(federation, "lakeside", a_small_structure(), ["northport"])
    sign(federation, "northport", agreement_id)
    # Other days and another subject: only the structure stands against it.
    squatting = propose(
        federation,
        "eastvale",
        another_structure(),
        ["northport"],
        subject="other",
        periods=(a_period("2026-Q3"),),
    )
    with pytest.raises(ChainError, match="held with another content"):
        sign(federation, "northport", squatting)
    (objection,) = status(federation, "northport", squatting).objections
    assert objection.reason == (
        "INTERURBAN:COMPLETION(1.0.0) is held with another content"
    )


def test_a_proposal_against_the_rules_is_kept_with_every_reason_not_to_sign_it(
    federation: Federation,
):
    federation.join_all()
    first = propose(federation, "lakeside", a_small_structure(), ["northport"])
    sign(federation, "northport", first)
    second = replace(another_structure(), version="1.1.0")
    proposed = propose(federation, "eastvale", second, ["northport"])
    with pytest.raises(DisclosureError) as refused:
        sign(federation, "northport", proposed)
    against = status(federation, "northport", proposed).objections
    reasons = [each.reason for each in against]
    assert len(reasons) > 1
    assert all(reason in refused.value.message for reason in reasons[:2])
    assert any("unknown in the other" in reason for reason in reasons)
    assert any("one plan, one population" in reason for reason in reasons)
    assert status(federation, "northport", proposed).view.owner == "us"
    assert adopted(federation.nodes["northport"]) == [a_small_structure().digest]


def test_an_agreement_that_we_signed_has_no_objections(federation: Federation):
    assert status(federation, "lakeside", agreed(federation)).objections == ()


def test_only_signing_adopts(federation: Federation):
    federation.join_all()
    lakeside, now = federation.nodes["lakeside"], federation.clock.now
    structure = a_small_structure()
    with lakeside.database.transaction() as session:
        plan_id = agreements.propose_plan(
            session,
            lakeside,
            plan_of(lakeside, structure),
            (bundle_bytes(structure),),
            now,
        )
    assert adopted(lakeside) == []
    origins = [federation.nodes[name].origin for name in OTHERS]
    with lakeside.database.transaction() as session:
        draft = a_draft([plan_id], origins, now)
        agreement_id = agreements.propose(session, lakeside, draft, now)
    assert adopted(lakeside) == [structure.digest]
    federation.settle()
    assert adopted(federation.nodes["eastvale"]) == []
    sign(federation, "eastvale", agreement_id)
    assert adopted(federation.nodes["eastvale"]) == [structure.digest]


def test_a_partner_is_given_adopted_structures_only(federation: Federation):
    federation.join_all()
    lakeside, northport = federation.nodes["lakeside"], federation.nodes["northport"]
    structure = another_structure()
    agreement_id = propose(federation, "eastvale", structure, ["northport"])
    path = f"/api/v1/structures/{structure.digest}"

    def asked() -> int:
        request = signed_by(
            lakeside, request_to(northport, "GET", path), federation.clock.now
        )
        return send(federation, "northport", request).status_code

    assert asked() == 404
    sign(federation, "northport", agreement_id)
    assert asked() == 200


def test_pulling_takes_in_no_structure_that_nobody_signed(federation: Federation):
    agreed(federation)
    release_id = released(federation)
    federation.clock.now = PUBLICATION
    northport = federation.nodes["northport"]
    held = adopted(northport)
    federation.transport.seen.clear()
    summary = exchange.pull(northport, federation.nodes["lakeside"].origin)
    assert summary.new == (release_id,)
    asked = [str(request.url) for request, _ in federation.transport.seen]
    assert not [url for url in asked if "/structures/" in url]
    assert adopted(northport) == held


def test_a_restored_node_adopts_what_a_complete_agreement_stands_on(
    federation: Federation,
):
    agreement_id = agreed(federation)
    lakeside, northport = federation.nodes["lakeside"], federation.nodes["northport"]
    with northport.database.transaction() as session:
        bundle = structures.bundle(session, a_small_structure().digest)
        session.execute(sa.delete(StructureRow))
        structures.keep(session, bundle, federation.clock.now)
        session.execute(
            sa.update(AgreementRow).values(complete_at=None, signed_by_us_at=None)
        )
        with pytest.raises(NotFoundError):
            structures.bundle(session, a_small_structure().digest)
    with lakeside.database.transaction() as session:
        document = session.get_one(AgreementRow, agreement_id).document
    message = Message(MESSAGE_KINDS[KIND], document)
    with northport.database.transaction() as session:
        partner = partners.pinned(session, lakeside.origin)
        agreements.receive(session, northport, partner, message, federation.clock.now)
    assert status(federation, "northport", agreement_id).view.state is (
        AgreementState.IN_FORCE
    )
    assert adopted(northport) == [a_small_structure().digest]
