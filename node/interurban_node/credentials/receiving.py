"""The partner's side: taking references in, ending them, and saying what one is worth."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.agreements import service as agreements
from interurban_node.audit import service as audit
from interurban_node.core.context import Node
from interurban_node.core.errors import RecoveringError, RefusedError
from interurban_node.core.journal import Irrevocable
from interurban_node.credentials import queries, rules
from interurban_node.credentials.models import (
    ReferenceReceivedRow,
    ReferenceSentRow,
    StatusCacheRow,
    StatusListRow,
)
from interurban_node.credentials.rules import ReceivedState, SentState
from interurban_node.partners import service as partners
from interurban_node.partners.service import PinnedPartner
from interurban_protocol import notices, references, status_lists
from interurban_protocol.encoding import sha256_digest
from interurban_protocol.errors import (
    MalformedError,
    ProtocolError,
    ReplayedError,
    WrongTargetError,
)
from interurban_protocol.keys import KeySet
from interurban_protocol.notices import (
    Acknowledgement,
    EndedNotice,
    MessageReceipt,
    ReferenceDelivery,
)
from interurban_protocol.references import (
    ReferenceClaims,
    ReferenceState,
    ReferenceVerdict,
)
from interurban_protocol.signed_documents import (
    check_understood,
    start_document,
    verify_document,
)
from interurban_protocol.status_lists import VerifiedStatusList


def receive_reference(
    session: Session, node: Node, partner: PinnedPartner, document: bytes, now: datetime
) -> bytes:
    """Take in a reference and answer with a signed receipt; a repeat gets the same one.

    Steps: 1. the delivery is the partner's, alone and understood; 2. it and the reference
    in it agree and name this node; 3. the reference is signed and in time; 4. an agreement
    in force allows it; 5. it is new, or the very one that is held; 6. keep it, unclaimed.

    Raises:
        ProtocolError: whatever is wrong with it.
        RefusedError: no agreement in force.
    """
    verified = verify_document(  # 1
        document,
        ReferenceDelivery,
        kind=notices.DELIVERY_KIND,
        keys={partner.origin: partner.descriptor.key_set},
        at=now,
    )
    delivery = verified.payload
    check_understood(delivery)
    notices.check_delivery(delivery)
    parsed = references.parse_reference(delivery.token)  # 2
    rules.check_delivered(delivery, parsed, node.origin)
    rules.check_held(  # 3
        references.verify_reference(
            delivery.token,
            issuer_keys=partner.descriptor.key_set,
            expected_issuer=partner.origin,
            recipient=node.origin,
            status=None,
            at=now,
        )
    )
    _check_agreed(session, node, delivery, now)  # 4
    key = (partner.origin, parsed.claims.jti)
    row = session.get(ReferenceReceivedRow, key)
    if row is None:  # 6
        row = _received(delivery, parsed.claims, verified.document_id, now)
        session.add(row)
        session.flush()
    elif row.document_digest != verified.document_id:  # 5
        raise ReplayedError(
            "a reference with this id was received before: another one, or it has ended",
            next_step="Give every reference its own jti.",
        )
    return _receipt(node, row)


def receive_ended(
    session: Session, node: Node, partner: PinnedPartner, document: bytes, now: datetime
) -> bytes:
    """Stop using and erase what a notice names; answers with a signed acknowledgement.

    The answer is the same for references that were held and entries that never were.

    Raises:
        ProtocolError: the notice is not the partner's or not for this node.
    """
    verified = verify_document(
        document,
        EndedNotice,
        kind=notices.ENDED_KIND,
        keys={partner.origin: partner.descriptor.key_set},
        at=now,
    )
    notice = verified.payload
    check_understood(notice)
    notices.check_notice(notice)
    if (notice.issuer, notice.recipient) != (partner.origin, node.origin):
        raise WrongTargetError("the notice is between two other nodes")
    for entry in notice.entries:
        row = session.get(ReferenceReceivedRow, (partner.origin, entry))
        if row is not None:
            _stop(session, node, row, now)
    return start_document(
        Acknowledgement(
            signers=(node.signer,),
            of=notices.AcknowledgedMessage(
                message_id=notice.batch, digest=verified.document_id
            ),
            node=node.origin,
            at=now,
            answers=notices.answer_entries(notice.entries, usual="erased", kept={}),
        ),
        node.keys.documents,
    )


def store_status_list(
    session: Session, node: Node, issuer: str, uri: str, token: str, now: datetime
) -> None:
    """Keep a partner's fresh list, and end here what it says has ended.

    Raises:
        ProtocolError: not signed by the issuer for this address, or a step back.
        NotFoundError, RefusedError: the issuer is not a pinned partner.
    """
    keys = partners.pinned(session, issuer).descriptor.key_set
    if not uri.startswith(f"{issuer}/api/v1/status-lists/"):
        raise WrongTargetError("the status list is not at its issuer's address")
    newer = status_lists.verify_status_list(token, uri=uri, keys=keys, at=now)
    held = session.get(StatusCacheRow, uri)
    if held is None:
        held = StatusCacheRow(uri=uri, issuer=issuer, token=b"", fetched_at=now)
        session.add(held)
    elif (known := _verified_list(held, keys, now)) is not None:
        status_lists.check_successor(known, newer)
    held.token, held.fetched_at = token.encode(), now
    for row in queries.held_references(session, uri):
        if newer.is_ended(row.status_index):
            _stop(session, node, row, now)
    session.flush()


def verdict(
    session: Session, node: Node, token: str, now: datetime
) -> ReferenceVerdict:
    """What a reference is worth at `now`, by pinned keys and what is held here alone.

    *Ended* when the list says so, or a notice did, or this node ended it itself. At most
    *stale* while the one-way journal is not re-applied: it may hold the end.
    """
    try:
        claims = references.parse_reference(token).claims
    except MalformedError as error:
        return ReferenceVerdict(state=ReferenceState.MALFORMED, reason=error.message)
    keys = partners.key_sets(session, node).get(claims.iss, KeySet(()))
    found = references.verify_reference(
        token,
        issuer_keys=keys,
        expected_issuer=claims.iss,
        recipient=None if claims.iss == node.origin else node.origin,
        status=_status_of(session, node, claims, keys, now),
        at=now,
    )
    if _shared_or_unknown(found) and _has_ended(session, node, claims):
        reason = "the reference is no longer shared"
        return replace(found, state=ReferenceState.ENDED, reason=reason)
    if found.is_valid() and _is_recovering(session, node):
        reason = "what ended before the restore is not re-applied yet"
        return replace(found, state=ReferenceState.STALE, reason=reason)
    return found


def _check_agreed(
    session: Session, node: Node, delivery: ReferenceDelivery, now: datetime
) -> None:
    for found in agreements.in_force(session, node, now):
        if (
            found.agreement_id == delivery.agreement
            and delivery.issuer in found.agreement.payload.nodes
        ):
            return
    raise RefusedError("the agreement that the delivery names is not in force here")


def _received(
    delivery: ReferenceDelivery,
    claims: ReferenceClaims,
    document_digest: str,
    now: datetime,
) -> ReferenceReceivedRow:
    pointer = claims.status.status_list
    return ReferenceReceivedRow(
        issuer=delivery.issuer,
        reference_id=claims.jti,
        token=delivery.token.encode(),
        token_digest=sha256_digest(delivery.token.encode()),
        document_digest=document_digest,
        claimed=False,
        status_uri=pointer.uri,
        status_index=pointer.idx,
        received_at=now,
        expires_at=claims.expires_at,
        state=ReceivedState.HELD,
    )


def _receipt(node: Node, row: ReferenceReceivedRow) -> bytes:
    return start_document(
        MessageReceipt(
            signers=(node.signer,),
            message_id=row.reference_id,
            digest=row.document_digest,
            received_at=row.received_at,
            outcome="accepted",
        ),
        node.keys.documents,
    )


def _stop(
    session: Session, node: Node, row: ReferenceReceivedRow, now: datetime
) -> None:
    """End a reference that is held here, for good also after a restore."""
    if row.state == ReceivedState.ENDED:
        return
    facts = {"reference": row.reference_id, "issuer": row.issuer}
    kind = Irrevocable.REFERENCE_ENDED
    audit.record_irrevocable(session, node, kind, facts, now)
    erase(row, now)


def erase(row: ReferenceReceivedRow, now: datetime) -> None:
    """Mark as ended and drop the token; its digest stays."""
    row.state, row.token = ReceivedState.ENDED, None
    row.ended_at = row.ended_at or now


def end_again(
    session: Session, issuer: str, reference_id: str, ended_at: datetime
) -> None:
    """End a reference that a restored database holds as before the end, or not at all.

    Of one that it does not know, a row stays that no delivery can agree with.
    """
    row = session.get(ReferenceReceivedRow, (issuer, reference_id))
    if row is None:
        row = ReferenceReceivedRow(
            issuer=issuer,
            reference_id=reference_id,
            token_digest="",
            document_digest="",  # that of no document
            claimed=False,
            status_uri="",
            status_index=0,
            received_at=ended_at,
            expires_at=ended_at,
        )
        session.add(row)
    erase(row, ended_at)


def _status_of(
    session: Session, node: Node, claims: ReferenceClaims, keys: KeySet, now: datetime
) -> VerifiedStatusList | None:
    uri = claims.status.status_list.uri
    if claims.iss == node.origin:
        row = session.get(StatusListRow, uri.rpartition("/")[2])
        token = row.token if row is not None else None
    else:
        cached = session.get(StatusCacheRow, uri)
        token = cached.token if cached is not None else None
    return None if token is None else _readable_list(token, uri, keys, now)


def _verified_list(
    row: StatusCacheRow, keys: KeySet, now: datetime
) -> VerifiedStatusList | None:
    # at the later time: a clock set back must not make us forget what is held
    return _readable_list(row.token, row.uri, keys, max(now, row.fetched_at))


def _readable_list(
    token: bytes, uri: str, keys: KeySet, now: datetime
) -> VerifiedStatusList | None:
    try:
        return status_lists.verify_status_list(
            token.decode(), uri=uri, keys=keys, at=now
        )
    except ProtocolError:  # by a key that was compromised since, or of a later time
        return None


def _shared_or_unknown(found: ReferenceVerdict) -> bool:
    return found.is_valid() or found.state is ReferenceState.STALE


def _is_recovering(session: Session, node: Node) -> bool:
    try:
        audit.check_not_recovering(session, node)
    except RecoveringError:
        return True
    return False


def _has_ended(session: Session, node: Node, claims: ReferenceClaims) -> bool:
    if claims.iss == node.origin:
        sent = session.get(ReferenceSentRow, claims.jti)
        return sent is not None and sent.state == SentState.ENDED
    row = session.get(ReferenceReceivedRow, (claims.iss, claims.jti))
    return row is not None and row.state == ReceivedState.ENDED
