"""Stopping new disclosure to a partner at once, and being told of theirs."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from interurban_node.agreements.messages import enqueue_message
from interurban_node.agreements.models import AgreementRow, SuspensionRow
from interurban_node.agreements.queries import agreement_row
from interurban_node.audit.service import record_irrevocable
from interurban_node.core.context import Node
from interurban_node.core.errors import ConfigurationError, NotFoundError
from interurban_node.core.journal import Irrevocable, JournalEntry
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
            signers=(node.signer,),
            agreement=agreement_id,
            by=node.origin,
            towards=origin,
            suspended=suspended,
            reason=reason,
            at=_next_time(session, agreement_id, node.origin, origin, now),
        )
        _set_suspension(session, notice)
        document = start_document(notice, node.keys.documents)
        facts = {"notice": document.decode("utf-8")}
        record_irrevocable(session, node, Irrevocable.SUSPENSION, facts, now)
        enqueue_message(
            session, node, origin, write_message("suspension", document), now
        )


def reapply(session: Session, node: Node, entry: JournalEntry, now: datetime) -> None:
    """Suspend again, or no longer, as a restored database has forgotten.

    An agreement that the database does not know either discloses nothing.

    Raises:
        ConfigurationError: the entry is not one that this feature wrote.
    """
    del node, now
    match entry.kind, entry.facts:
        case Irrevocable.SUSPENSION, {"notice": text}:
            notice = read_payload(open_document(text.encode()), Suspension)
        case _:
            raise ConfigurationError(
                f"entry {entry.number} of the journal is no suspension of ours"
            )
    if session.get(AgreementRow, notice.agreement) is not None:
        _set_suspension(session, notice)


def receive_suspension(
    session: Session, node: Node, partner: PinnedPartner, document: bytes, now: datetime
) -> bytes:
    """Note that a partner discloses nothing new to us, or does again.

    Notices may overtake each other: the one with the latest time counts.

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
    """Note what the newest notice says; one that was overtaken on its way changes nothing."""
    row = session.get(SuspensionRow, (notice.agreement, notice.by, notice.towards))
    if row is None:
        row = SuspensionRow(
            agreement_id=notice.agreement, by=notice.by, towards=notice.towards
        )
        session.add(row)
    elif notice.at <= row.since:
        return
    row.suspended, row.since = notice.suspended, notice.at
    row.reason = notice.reason[:400]
    session.flush()


def _next_time(
    session: Session, agreement_id: str, by: str, towards: str, now: datetime
) -> datetime:
    """The time of a notice, in whole seconds as it is sent: later than any before it."""
    row = session.get(SuspensionRow, (agreement_id, by, towards))
    moment = now.replace(microsecond=0)
    return max(moment, row.since + timedelta(seconds=1)) if row else moment
