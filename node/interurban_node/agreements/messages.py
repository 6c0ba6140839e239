"""What this feature sends to partners, through the outbox."""

from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.core import outbox
from interurban_node.core.context import Node


def enqueue_message(
    session: Session, node: Node, origin: str, body: bytes, now: datetime
) -> None:
    """Have a message sent to a partner once this transaction is committed."""
    outbox.enqueue(
        session,
        topic=outbox.SEND_TOPIC,
        reference=node.identifiers.message_id(now),
        payload=body,
        partner=origin,
        now=now,
    )
