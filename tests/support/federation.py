"""Builders for cities that agree and publish, and for requests made by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa

from interurban_node.aggregates.service import build_release
from interurban_node.agreements import service as agreements
from interurban_node.agreements.service import AgreementDraft, AgreementStatus
from interurban_node.audit.models import EvidenceRow, UsageRow
from interurban_node.consent.questions import current_questions
from interurban_node.core.context import Node
from interurban_node.exchange import evidence
from interurban_node.partners import service as partners
from interurban_node.partners.models import NonceRow
from interurban_protocol.consent_records import Scope
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import sign_request, verify_response
from interurban_protocol.keys import PrivateKey, Purpose
from interurban_protocol.structures import bundle_bytes
from tests.support.counting import (
    PERIOD,
    a_small_structure,
    plan_of,
    register,
    some_learners,
)
from tests.support.nodes import Federation

OTHERS = ("northport", "eastvale")


def propose(
    federation: Federation,
    proposer: str = "lakeside",
    others: Sequence[str] = OTHERS,
    draft_changes: Mapping[str, Any] | None = None,
    **plan_changes: Any,
) -> str:
    """One city proposes a plan and an agreement over it; the agreement's id, not sent yet."""
    node, now = federation.nodes[proposer], federation.clock.now
    cities = tuple(federation.nodes[name].origin for name in (proposer, *others))
    values = {"publishers": cities, "recipients": cities, "issued_at": now}
    structure = a_small_structure()
    plan = plan_of(node, structure, **{**values, **plan_changes})
    with node.database.transaction() as session:
        plan_id = agreements.propose_plan(
            session, node, plan, (bundle_bytes(structure),), now
        )
        draft = a_draft(
            [plan_id],
            [federation.nodes[name].origin for name in others],
            now,
            **(draft_changes or {}),
        )
        return agreements.propose(session, node, draft, now)


def a_draft(
    plan_ids: Sequence[str], origins: Sequence[str], now: datetime, **changes: Any
) -> AgreementDraft:
    """What an operator decides when proposing."""
    values: dict[str, Any] = {
        "title": {"en": "Shared training"},
        "plan_ids": plan_ids,
        "partners": origins,
        "minimum_parties": 2,
        "answer_by": now + timedelta(days=30),
        "valid_from": now,
        "valid_until": now + timedelta(days=365),
        "reference_purpose": agreements.REFERENCE_PURPOSE,
        "reference_days": 90,
        "answer_days": 7,
        "at_end": agreements.AT_END,
    }
    return AgreementDraft(**{**values, **changes})


def sign(federation: Federation, name: str, agreement_id: str) -> AgreementStatus:
    """One city signs."""
    node = federation.nodes[name]
    with node.database.transaction() as session:
        return agreements.sign(session, node, agreement_id, federation.clock.now)


def status(federation: Federation, name: str, agreement_id: str) -> AgreementStatus:
    """The agreement as one city sees it."""
    node = federation.nodes[name]
    with node.database.transaction() as session:
        return agreements.status(session, node, agreement_id, federation.clock.now)


def agreed(federation: Federation, **plan_changes: Any) -> str:
    """All join, Lakeside proposes, all sign, all hold the complete set; the id."""
    federation.join_all()
    agreement_id = propose(federation, **plan_changes)
    federation.settle()
    for name in OTHERS:
        sign(federation, name, agreement_id)
    federation.settle()
    return agreement_id


def released(
    federation: Federation, name: str = "lakeside", period: str = PERIOD
) -> str:
    """A release of made-up learners who all were asked; its id."""
    node, now = federation.nodes[name], federation.clock.now
    with node.database.transaction() as session:
        questions = current_questions(session, Scope.AGGREGATES)
        register(session, some_learners(300), [each.question_id for each in questions])
        (plan,) = agreements.plans_in_force(session, node, now)
        urn = plan.structures[0].urn
        return build_release(session, node, plan, urn, period, now).facts.release_id


def suspend(
    federation: Federation, name: str, agreement_id: str, towards: str, **changes: Any
) -> None:
    """One city stops new disclosure to another, or begins again."""
    node = federation.nodes[name]
    values = {"reason": "an audit", "suspended": True, **changes}
    with node.database.transaction() as session:
        agreements.suspend(
            session,
            node,
            agreement_id,
            towards=[federation.nodes[towards].origin],
            now=federation.clock.now,
            **values,
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """How much a node has logged, kept as evidence, and remembered as nonces."""

    uses: int
    evidence: int
    nonces: int


def rows(node: Node) -> Rows:
    """Count them."""
    with node.database.transaction() as session:
        counts = [
            session.scalar(sa.select(sa.func.count()).select_from(model)) or 0
            for model in (UsageRow, EvidenceRow, NonceRow)
        ]
    return Rows(*counts)


def request_to(
    node: Node, method: str, path: str, body: bytes = b"", **headers: str
) -> HttpRequest:
    """An unsigned request; a body is JSON unless `headers` say otherwise."""
    kind = {"content-type": "application/json"} if body else {}
    return HttpRequest(method, node.origin + path, {**kind, **headers}, body)


def signed_by(
    node: Node, request: HttpRequest, now: datetime, **changes: Any
) -> HttpRequest:
    """The request, signed by a node with its exchange key or another one."""
    values: dict[str, Any] = {"nonce": node.identifiers.nonce(), **changes}
    key: PrivateKey = values.pop("key", node.keys.exchange)
    return sign_request(request, key, created=now, **values).message


def send(federation: Federation, name: str, request: HttpRequest) -> httpx.Response:
    """Hand a request to a node as it stands, whatever host it is for."""
    client = federation.transport.applications[
        federation.nodes[name].origin.partition("://")[2]
    ]
    path = "/" + request.target_uri.split("/", 3)[3]
    return client.request(  # type: ignore[return-value]  # the successor's class is alike
        request.method, path, headers=dict(request.headers), content=request.body
    )


def check_answer(
    node: Node, request: HttpRequest, answer: httpx.Response, now: datetime
) -> None:
    """The answer is signed by the node, over this request."""
    keys = partners.own_descriptor(node).key_set
    verify_response(
        HttpResponse(answer.status_code, dict(answer.headers), answer.content),
        request,
        lambda key_id: keys.find(key_id, Purpose.EXCHANGE, now),
        at=now,
    )


def evidence_problems(node: Node) -> list[str | None]:
    """What `evidence verify` says of each exchange that a node keeps."""
    with node.database.transaction() as session:
        keys = partners.key_sets(session, node)
        found = evidence.verify_all(session, keys, node.origin)
    return [verdict.problem for verdict in found]
