"""What happens by itself: asking for and stopping references, notices, lists, expiry.

Each intent is done in a transaction of its own; one that cannot be done now waits.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.consent import service as consent
from interurban_node.core import outbox
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, RefusedError
from interurban_node.core.jobs import Job
from interurban_node.core.outbox import Intent
from interurban_node.credentials import queries, rules, service
from interurban_node.credentials.ending import NOTICE_TOPIC
from interurban_node.credentials.messages import WANTED_TOPIC
from interurban_protocol.encoding import parse_json_object
from interurban_protocol.errors import InterurbanError, MalformedError

CONSENT_ENDED_TOPIC = "consent-ended"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a consent event asks for; None stands for all."""

    learner_ref: str
    credential_id: str | None
    recipient: str | None


def serve_wanted(node: Node) -> int:
    """Send what consents ask for, and end what they no longer cover; how many done."""
    now = node.clock()
    with node.database.transaction() as session:
        intents = outbox.due(session, (WANTED_TOPIC, CONSENT_ENDED_TOPIC), now)
    return sum(_serve(node, intent, now) for intent in intents)


def send_notices(node: Node) -> int:
    """Put the references that ended since the last tick into notices; how many."""
    now = node.clock()
    with node.database.transaction() as session:
        intents = outbox.due(session, (NOTICE_TOPIC,), now, limit=1000)
        by_partner: dict[str, list[str]] = defaultdict(list)
        for intent in intents:
            by_partner[intent.partner or ""].append(intent.reference)
            outbox.settle(session, intent.id, now)
        for partner, reference_ids in by_partner.items():
            for batch in rules.notice_batches(reference_ids):
                service.send_notice(session, node, partner, batch, now)
    return len(intents)


def renew_status_lists(node: Node) -> int:
    """Sign lists again well before they expire; how many."""
    with node.database.transaction() as session:
        return service.renew_status_lists(session, node, node.clock())


def end_revoked(node: Node) -> int:
    """End the references to certificates that the registry has revoked; how many."""
    now = node.clock()
    with node.database.transaction() as session:
        return service.end_revoked(session, node, now)


def expire_references(node: Node) -> int:
    """Close references whose time is over, and erase those of partners; how many."""
    with node.database.transaction() as session:
        return service.expire_references(session, node.clock())


JOBS = (
    Job("credentials.expire_references", expire_references),
    Job("credentials.serve_wanted", serve_wanted),
    Job("credentials.end_revoked", end_revoked),
    Job("credentials.send_notices", send_notices),
    Job("credentials.renew_status_lists", renew_status_lists),
)


def _serve(node: Node, intent: Intent, now: datetime) -> int:
    handle = _send if intent.topic == WANTED_TOPIC else _end
    try:
        with node.database.transaction() as session:
            handle(session, node, _read(intent.payload), now)
            outbox.settle(session, intent.id, now)
    except (NotFoundError, MalformedError) as error:
        _put_off(node, intent, outbox.abandon, error, now)
        return 0
    except InterurbanError as error:  # suspended, recovering, no agreement yet
        _put_off(node, intent, outbox.postpone, error, now)
        return 0
    return 1


def _put_off(
    node: Node,
    intent: Intent,
    how: Callable[[Session, int, datetime, str], None],
    error: InterurbanError,
    now: datetime,
) -> None:
    with node.database.transaction() as session:
        how(session, intent.id, now, error.message)


def _send(session: Session, node: Node, wish: Wish, now: datetime) -> None:
    if wish.credential_id is None or wish.recipient is None:
        raise MalformedError("a reference is for one certificate and one recipient")
    try:
        proof = consent.reference_consent(
            session, wish.learner_ref, wish.credential_id, wish.recipient, now
        )
    except RefusedError:
        return  # the consent has ended meanwhile
    credential_id = _issued(session, node, wish.credential_id, now)
    service.send_reference(session, node, proof, credential_id, wish.recipient, now)


def _issued(session: Session, node: Node, identifier: str, now: datetime) -> str:
    """The credential of this id, or the one of the registry record, issued if need be."""
    try:
        return queries.credential_row(session, identifier).credential_id
    except NotFoundError:
        return service.issue(session, node, identifier, now).credential_id


def _end(session: Session, node: Node, wish: Wish, now: datetime) -> None:
    service.end_references(
        session, node, wish.learner_ref, wish.credential_id, wish.recipient, now
    )


def _read(payload: bytes) -> Wish:
    value = parse_json_object(payload)
    match value.get("learner_ref"), value.get("credential_id"), value.get("recipient"):
        case str(learner_ref), str() | None as credential_id, str() | None as recipient:
            return Wish(learner_ref, credential_id, recipient)
        case _:
            raise MalformedError("the wish names no learner")
