"""Release plans: proposed here, or taken in with an agreement, after verification."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import ParamSpec

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.agreements.models import AgreementRow, PlanRow
from interurban_node.agreements.queries import plan_row
from interurban_node.agreements.rules import Objection, over_when_issued
from interurban_node.core.context import Node
from interurban_node.core.errors import RefusedError
from interurban_node.partners import service as partners
from interurban_node.structures import service as structures
from interurban_protocol.agreements import (
    Agreement,
)
from interurban_protocol.errors import (
    DigestMismatchError,
    DisclosureError,
    InterurbanError,
    MalformedError,
    ProtocolError,
)
from interurban_protocol.release_plans import (
    PUBLIC,
    ReleasePlan,
    check_at_least,
    check_plan,
    verify_plan,
)
from interurban_protocol.release_plans import (
    plan_id as plan_id_of,
)
from interurban_protocol.signed_documents import (
    VerifiedDocument,
    check_understood,
    open_document,
    read_payload,
    start_document,
)
from interurban_protocol.structure_lint import Agreed, check_lint, lint
from interurban_protocol.structures import Structure, bundle_bytes, parse_structure

P = ParamSpec("P")


def propose_plan(
    session: Session,
    node: Node,
    draft: ReleasePlan,
    bundles: Sequence[bytes],
    now: datetime,
) -> str:
    """Sign and keep a plan of ours with its structures; its id.

    The same plan again, but for the time of issue, is the plan that is held already. The
    structures are adopted when an agreement over the plan is signed.

    Raises:
        RefusedError: this node is not among the plan's publishers.
        MalformedError: the plan or a structure is unsound.
        ChainError: a structure does not follow on the versions adopted here.
        DisclosureError: as `check_signable`.
    """
    _check_publishes(node, draft)
    for bundle in bundles:
        structures.check_can_be_adopted(session, structures.keep(session, bundle, now))
    check_plan(draft)
    if held := _held_before(session, draft):
        return held
    _check_structures(session, draft)
    check_signable(session, [draft])
    document = start_document(draft, node.keys.documents)
    verified = verify_plan(document, keys=partners.key_sets(session, node), at=now)
    _store_plan(session, verified, now)
    return verified.document_id


def _check_publishes(node: Node, draft: ReleasePlan) -> None:
    if node.origin not in draft.publishers:
        raise RefusedError(
            f"this node ({node.origin}) is not among the plan's publishers",
            next_step="Add its address to the plan's publishers, or have one of them "
            "propose the plan.",
        )


def _held_before(session: Session, draft: ReleasePlan) -> str | None:
    """The id of a plan that differs in nothing but the time of issue."""
    for held in plan_ids(session):
        issued_at = plan(session, held).issued_at
        if plan_id_of(draft.model_copy(update={"issued_at": issued_at})) == held:
            return held
    return None


def plan(session: Session, plan_id: str) -> ReleasePlan:
    """A plan that we hold.

    Raises:
        NotFoundError.
    """
    return read_payload(open_document(plan_row(session, plan_id).document), ReleasePlan)


def plan_ids(session: Session) -> list[str]:
    """The plans that we hold, newest first."""
    return list(
        session.scalars(sa.select(PlanRow.plan_id).order_by(PlanRow.received_at.desc()))
    )


def take_plans(
    session: Session,
    node: Node,
    payload: Agreement,
    attachments: Sequence[bytes],
    now: datetime,
) -> None:
    """Keep the plans that an agreement brings, each with its structures, once verified.

    Nothing is adopted by that, and no rule of the lint is asked: a proposal is kept so that
    people can read it, and read why it is not signed.

    Raises:
        InterurbanError: a plan is missing, does not match its digest, or is unsound.
    """
    plans, bundles = _sorted_attachments(attachments)
    for agreed in payload.plans:
        if session.get(PlanRow, agreed.plan) is None:
            if agreed.plan not in plans:
                raise DigestMismatchError(
                    "a plan that the agreement names is not attached"
                )
            for digest in agreed.structures:
                if digest in bundles:
                    structures.keep(session, bundles[digest], now)
            verified = verify_plan(
                plans[agreed.plan], keys=partners.key_sets(session, node), at=now
            )
            check_understood(verified.payload)
            _check_structures(session, verified.payload)
            _store_plan(session, verified, now)
    check_plans_fit(payload, [plan(session, agreed.plan) for agreed in payload.plans])


def _sorted_attachments(
    attachments: Sequence[bytes],
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    plans: dict[str, bytes] = {}
    bundles: dict[str, bytes] = {}
    for part in attachments:
        try:
            plans[open_document(part).document_id] = part
        except InterurbanError:
            bundles[parse_structure(part).digest] = part
    return plans, bundles


def _check_structures(session: Session, payload: ReleasePlan) -> None:
    for flow in payload.dataflows:
        if structures.structure(session, flow.structure).urn != flow.urn:
            raise DigestMismatchError("a dataflow's URN is not that of its structure")


def check_plans_fit(payload: Agreement, plans: Sequence[ReleasePlan]) -> None:
    """Refuse plans that are not what the agreement says of them.

    Raises:
        MalformedError, DigestMismatchError, DisclosureError.
    """
    for agreed, found in zip(payload.plans, plans, strict=True):
        if not {*found.publishers, *found.recipients} - {PUBLIC} <= payload.nodes:
            raise MalformedError("the plan names a node that is not a party")
        if not set(found.purposes) <= set(payload.purposes):
            raise MalformedError("the plan has a purpose that the agreement does not")
        if (agreed.subject, set(agreed.structures)) != (
            found.subject,
            {flow.structure for flow in found.dataflows},
        ):
            raise DigestMismatchError(
                "the agreement describes the plan otherwise than it is"
            )
        check_at_least(found.profile, payload.disclosure_floor)


def check_signable(session: Session, plans: Sequence[ReleasePlan]) -> None:
    """Refuse plans that must not be signed, alone or beside those signed before.

    Raises:
        DisclosureError: a hidden figure would follow, the same people would be counted a
            second time, or a calendar begins in quarters that are over.
    """
    signed, cases = _signed_cases(session), with_tables(session, plans)
    for found, tables in cases:
        check_lint(found, tables, (*signed, *cases))
        _check_fixed_beforehand(found, signed)


def objections(session: Session, cases: Sequence[Agreed]) -> tuple[Objection, ...]:
    """Every reason why this node would not sign these plans with these tables."""
    signed = _signed_cases(session)
    found: list[Objection] = []
    for each, tables in cases:
        found += [
            Objection(str(finding.rule), str(finding), finding.next_step)
            for finding in lint(each, tables, (*signed, *cases))
        ]
        found += _refusals("calendar", _check_fixed_beforehand, each, signed)
        for table in tables:
            found += _refusals(
                "versions", structures.check_can_be_adopted, session, table
            )
    return tuple(found)


def adopt_structures(
    session: Session, plans: Iterable[ReleasePlan], now: datetime
) -> None:
    """Adopt what the plans stand on; whoever signs a plan does this.

    Raises:
        ChainError: a structure does not follow on the versions adopted here.
    """
    for found in plans:
        for structure in structures_of(session, found):
            structures.adopt(session, bundle_bytes(structure), now)


def structures_of(session: Session, plan: ReleasePlan) -> tuple[Structure, ...]:
    """The tables of a plan that we hold, adopted or not."""
    return tuple(
        structures.structure(session, flow.structure) for flow in plan.dataflows
    )


def with_tables(session: Session, plans: Iterable[ReleasePlan]) -> list[Agreed]:
    """Plans that we hold, each with its tables."""
    return [(each, structures_of(session, each)) for each in plans]


def signed_plans(session: Session) -> list[ReleasePlan]:
    """The plans of every agreement that carries our signature, ended ones included."""
    rows = session.scalars(
        sa.select(AgreementRow).where(AgreementRow.signed_by_us_at.is_not(None))
    )
    named = [
        agreed.plan
        for row in rows
        for agreed in read_payload(open_document(row.document), Agreement).plans
    ]
    return [plan(session, found) for found in dict.fromkeys(named)]


def _signed_cases(session: Session) -> list[Agreed]:
    return with_tables(session, signed_plans(session))


def _refusals(
    rule: str, check: Callable[P, None], *args: P.args, **kwargs: P.kwargs
) -> list[Objection]:
    try:
        check(*args, **kwargs)
    except ProtocolError as refusal:
        return [Objection(rule, refusal.message, refusal.next_step)]
    return []


def _check_fixed_beforehand(plan: ReleasePlan, signed: Iterable[Agreed]) -> None:
    """A city's first plan for a subject may begin in the past; later ones may not.

    Whoever fixes tables and calendar after a quarter is over can choose them by what they
    would show. A revision is a decision about such a quarter, and has rules of its own.
    """
    others = [
        other
        for other, _ in signed
        if other.subject == plan.subject
        and set(other.publishers) & set(plan.publishers)
        and plan_id_of(other) != plan_id_of(plan)
    ]
    over = over_when_issued(plan)
    if over and others and plan.revision is None:
        raise DisclosureError(
            f"{over[0]} was over when this plan for {plan.subject} was issued, and it is "
            "not the first one",
            next_step="Begin with the quarter that runs now, or with a later one.",
        )


def _store_plan(
    session: Session, verified: VerifiedDocument[ReleasePlan], now: datetime
) -> None:
    if session.get(PlanRow, verified.document_id) is None:
        session.add(
            PlanRow(
                plan_id=verified.document_id,
                subject=verified.payload.subject,
                document=verified.document,
                received_at=now,
            )
        )
        session.flush()
