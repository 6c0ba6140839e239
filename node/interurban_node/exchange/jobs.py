"""What goes out on the tick: waiting messages, status lists that are about to age."""

import logging

from interurban_node.audit.service import check_not_recovering
from interurban_node.core import outbox
from interurban_node.core.context import Node
from interurban_node.core.jobs import Job
from interurban_node.credentials import service as credentials
from interurban_node.exchange import service
from interurban_protocol.errors import InterurbanError

logger = logging.getLogger(__name__)


def deliver_messages(node: Node) -> int:
    """Send what waits, oldest first; how many were tried.

    Raises:
        RecoveringError: a restored outbox may hold what was stopped since the backup.
    """
    with node.database.transaction() as session:
        check_not_recovering(session, node)
        intents = outbox.due(session, (outbox.SEND_TOPIC,), node.clock())
    for intent in intents:
        service.deliver(node, intent)
    return len(intents)


def refresh_status_lists(node: Node) -> int:
    """Fetch the status lists of references that partners sent us; how many came."""
    with node.database.transaction() as session:
        wanted = credentials.status_uris_wanted(session, node.clock())
    came = 0
    for issuer, uri in wanted:
        try:
            service.fetch_status_list(node, issuer, uri)
        except InterurbanError as error:
            logger.warning(
                "status list not refreshed",
                extra={"partner": issuer, "problem": error.message},
            )
            continue
        came += 1
    return came


JOBS = (
    Job("exchange.deliver_messages", deliver_messages),
    Job("exchange.refresh_status_lists", refresh_status_lists),
)
