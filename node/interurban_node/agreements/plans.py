"""Release plans: proposed here, or taken in with an agreement, after verification."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.agreements.models import AgreementRow, PlanRow
from interurban_node.agreements.queries import plan_row
from interurban_node.core.context import Node
from interurban_node.core.errors import RefusedError
from interurban_node.partners import service as partners
from interurban_node.structures import service as structures
from interurban_protocol.agreements import (
    Agreement,
)
from interurban_protocol.errors import (
    DigestMismatchError,
    InterurbanError,
    MalformedError,
)
from interurban_protocol.release_plans import (
    ReleasePlan,
    check_at_least,
    check_no_conflict,
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
from interurban_protocol.structures import parse_structure


def propose_plan(
    session: Session,
    node: Node,
    draft: ReleasePlan,
    bundles: Sequence[bytes],
    now: datetime,
) -> str:
    """Sign and keep a plan of ours with its structures; its id.

    The same plan again, but for the time of issue, is the plan that is held already.

    Raises:
        RefusedError: this node is not among the plan's publishers.
        MalformedError, DisclosureError: the plan or a structure is unsound, or another
            plan speaks for the same learners already.
    """
    _check_publishes(node, draft)
    for bundle in bundles:
        structures.adopt(session, bundle, now)
    check_plan(draft)
    if held := _held_before(session, draft):
        return held
    _check_structures(session, draft)
    check_no_conflict(draft, signed_plans(session))
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
                    structures.adopt(session, bundles[digest], now)
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
        if not {*found.publishers, *found.recipients} <= payload.nodes:
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


def check_one_population(session: Session, plans: Sequence[ReleasePlan]) -> None:
    """No two of the plans, nor one of them and one that we signed, count the same people."""
    others = [*signed_plans(session), *plans]
    for found in plans:
        check_no_conflict(found, others)


def signed_plans(session: Session) -> Iterable[ReleasePlan]:
    """The plans of every agreement that carries our signature, ended ones included."""
    rows = session.scalars(
        sa.select(AgreementRow).where(AgreementRow.signed_by_us_at.is_not(None))
    )
    for row in rows:
        for agreed in read_payload(open_document(row.document), Agreement).plans:
            yield plan(session, agreed.plan)


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
