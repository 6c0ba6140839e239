"""Stopping new disclosure to a partner at once, and being told of theirs."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.agreements.messages import enqueue_message, our_signer
from interurban_node.agreements.models import SuspensionRow
from interurban_node.agreements.queries import agreement_row
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError
from interurban_node.partners import service as partners
from interurban_node.partners.service import PinnedPartner
from interurban_protocol.agreements import (
    Agreement,
    Suspension,
)
from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import (
    SignersError,
    WrongTargetError,
)
from interurban_protocol.messages import write_message
from interurban_protocol.signed_documents import (
    check_understood,
    open_document,
    read_payload,
    start_document,
    verify_document,
)


def suspend(
    session: Session,
    node: Node,
    agreement_id: str,
    *,
    towards: Iterable[str],
    reason: str,
    suspended: bool,
    now: datetime,
) -> None:
    """Stop new disclosure to partners at once, or begin again, and tell them.

    Raises:
        NotFoundError: no such agreement, or not a party of it.
    """
    payload = read_payload(
        open_document(agreement_row(session, agreement_id).document), Agreement
    )
    for origin in towards:
        if origin not in payload.nodes - {node.origin}:
            raise NotFoundError(f"{origin} is not another party of the agreement")
        notice = Suspension(
            signers=(our_signer(node),),
            agreement=agreement_id,
            by=node.origin,
            towards=origin,
            suspended=suspended,
            reason=reason,
            at=now,
        )
        _set_suspension(session, notice)
        document = start_document(notice, node.keys.documents)
        enqueue_message(
            session, node, origin, write_message("suspension", document), now
        )


def receive_suspension(
    session: Session, node: Node, partner: PinnedPartner, document: bytes, now: datetime
) -> bytes:
    """Note that a partner discloses nothing new to us, or does again.

    Raises:
        WrongTargetError: about two other nodes. NotFoundError: no such agreement.
    """
    notice = verify_document(
        document,
        Suspension,
        kind="suspension",
        keys=partners.key_sets(session, node),
        at=now,
    ).payload
    if (notice.by, notice.towards) != (partner.origin, node.origin):
        raise WrongTargetError("the suspension is between two other nodes")
    if {signer.node for signer in notice.signers} != {partner.origin}:
        raise SignersError("a suspension is signed by the node that suspends")
    check_understood(notice)
    row = agreement_row(session, notice.agreement)
    if partner.origin not in read_payload(open_document(row.document), Agreement).nodes:
        raise NotFoundError("there is no such agreement between the two nodes")
    _set_suspension(session, notice)
    return canonical_json({"noted": notice.suspended})


def _set_suspension(session: Session, notice: Suspension) -> None:
    key = (notice.agreement, notice.by, notice.towards)
    row = session.get(SuspensionRow, key)
    if notice.suspended and row is None:
        session.add(
            SuspensionRow(
                agreement_id=notice.agreement,
                by=notice.by,
                towards=notice.towards,
                since=notice.at,
                reason=notice.reason[:400],
            )
        )
    elif not notice.suspended and row is not None:
        session.delete(row)
    session.flush()
