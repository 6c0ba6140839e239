"""Telling partners that we confirmed them, and forgetting old nonces."""

from interurban_node.core import outbox
from interurban_node.core.context import Node
from interurban_node.core.jobs import Job
from interurban_node.partners import authentication, service
from interurban_protocol.errors import InterurbanError


def send_confirmations(node: Node) -> int:
    """Deliver the confirmations that are due; how many arrived."""
    now = node.clock()
    with node.database.transaction() as session:
        intents = outbox.due(session, (service.CONFIRM_TOPIC,), now)
    arrived = 0
    for intent in intents:
        try:
            service.tell_confirmed(node, intent.reference, now)
        except InterurbanError as error:  # one partner never stops the others
            with node.database.transaction() as session:
                outbox.postpone(session, intent.id, now, error.message)
            continue
        with node.database.transaction() as session:
            outbox.settle(session, intent.id, now)
        arrived += 1
    return arrived


def forget_nonces(node: Node) -> int:
    """Drop nonces that can no longer be replayed."""
    with node.database.transaction() as session:
        return authentication.forget_nonces(session, node.clock())


JOBS = (
    Job("partners.send_confirmations", send_confirmations),
    Job("partners.forget_nonces", forget_nonces),
)
