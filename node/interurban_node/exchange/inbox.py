"""Messages that arrive: each is done once, by the feature that its kind belongs to."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.agreements import service as agreements
from interurban_node.core.context import Node
from interurban_node.core.errors import MessageConflictError
from interurban_node.credentials import service as credentials
from interurban_node.exchange.models import InboxRow
from interurban_node.exchange.service import JSON, Answer
from interurban_node.partners.authentication import VerifiedRequest
from interurban_node.partners.service import PinnedPartner
from interurban_protocol.encoding import sha256_digest
from interurban_protocol.errors import MalformedError
from interurban_protocol.http_messages import HttpRequest
from interurban_protocol.messages import Message, parse_message

_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_INBOX = cast("sa.Table", InboxRow.__table__)
_KEPT_ANSWER = sa.select(
    _INBOX.c.identity, _INBOX.c.status, _INBOX.c.content_type, _INBOX.c.body
).where(
    _INBOX.c.partner == sa.bindparam("partner"),
    _INBOX.c.message_id == sa.bindparam("message_id"),
)


def receive_once(
    session: Session,
    node: Node,
    verified: VerifiedRequest,
    message_id: str,
    now: datetime,
) -> Answer:
    """The answer to a message; a repeated one gets the answer that it got before.

    The key is partner, message id, method, target and content digest. Refusals are not
    kept: what was refused may become possible.

    Raises:
        InterurbanError: as the feature decides that the message's kind belongs to.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise MalformedError(
            "a message id has 16 to 64 letters, digits, hyphens and underscores"
        )
    identity = _identity(verified.request)
    kept = _kept_answer(session, verified.partner.origin, message_id, identity)
    if kept is not None:
        return kept
    answer = _receive(session, node, verified, now)
    values = {
        "partner": verified.partner.origin,
        "message_id": message_id,
        "identity": identity,
        "at": now,
        "kind": "message",
        "status": answer.status,
        "content_type": answer.content_type,
        "body": answer.body,
    }
    session.execute(sa.insert(_INBOX), values)
    return answer


def _kept_answer(
    session: Session, partner: str, message_id: str, identity: str
) -> Answer | None:
    key = {"partner": partner, "message_id": message_id}
    found = session.execute(_KEPT_ANSWER, key).one_or_none()
    if found is None:
        return None
    if found.identity != identity:
        raise MessageConflictError("the message id was used for another content")
    return Answer(found.status, found.content_type, found.body)


def _receive(
    session: Session, node: Node, verified: VerifiedRequest, now: datetime
) -> Answer:
    message = parse_message(verified.request.body)
    body = _receivers[message.kind.kind](session, node, verified.partner, message, now)
    return Answer(200, JSON, body)


def _agreement(
    session: Session,
    node: Node,
    partner: PinnedPartner,
    message: Message,
    now: datetime,
) -> bytes:
    return agreements.receive(session, node, partner, message, now)


def _suspension(
    session: Session,
    node: Node,
    partner: PinnedPartner,
    message: Message,
    now: datetime,
) -> bytes:
    return agreements.receive_suspension(session, node, partner, message.document, now)


def _reference(
    session: Session,
    node: Node,
    partner: PinnedPartner,
    message: Message,
    now: datetime,
) -> bytes:
    return credentials.receive_reference(session, node, partner, message.document, now)


def _ended(
    session: Session,
    node: Node,
    partner: PinnedPartner,
    message: Message,
    now: datetime,
) -> bytes:
    return credentials.receive_ended(session, node, partner, message.document, now)


Receiver = Callable[[Session, Node, PinnedPartner, Message, datetime], bytes]
_receivers: Mapping[str, Receiver] = {
    "agreement": _agreement,
    "suspension": _suspension,
    "credential-reference": _reference,
    "reference-ended": _ended,
}


def _identity(request: HttpRequest) -> str:
    parts = (request.method, request.target_uri, request.headers["content-digest"])
    return sha256_digest("\n".join(parts).encode())


__all__ = ["receive_once"]
