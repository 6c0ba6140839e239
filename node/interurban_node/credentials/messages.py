"""Messages of this feature on their way to a partner."""

from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.core import outbox
from interurban_node.credentials.models import ReferenceSentRow
from interurban_protocol.encoding import JsonValue, canonical_json
from interurban_protocol.messages import write_message

WANTED_TOPIC = "reference-wanted"  # written by consent, and here when one runs out


def enqueue(
    session: Session,
    partner: str,
    message_id: str,
    kind: str,
    document: bytes,
    now: datetime,
) -> None:
    """Have a document sent to a partner as the body of one message."""
    outbox.enqueue(
        session,
        topic=outbox.SEND_TOPIC,
        reference=message_id,
        payload=write_message(kind, document),
        partner=partner,
        now=now,
    )


def wish_again(session: Session, row: ReferenceSentRow, now: datetime) -> None:
    """Ask for a new reference in the place of one that has run out."""
    wish: JsonValue = {
        "learner_ref": row.learner_ref,
        "credential_id": row.credential_id,
        "recipient": row.partner,
    }
    outbox.enqueue(
        session,
        topic=WANTED_TOPIC,
        reference=row.reference_id,
        payload=canonical_json(wish),
        partner=row.partner,
        now=now,
    )
