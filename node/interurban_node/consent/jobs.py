"""Background work of this feature: recording that time ran out."""

from interurban_node.consent.service import record_expiries
from interurban_node.core.context import Node
from interurban_node.core.jobs import Job


def expire(node: Node) -> int:
    """Record the end of every grant that ran out, so that references to it end too."""
    done = 0
    while True:
        with node.database.transaction() as session:
            count = record_expiries(session, node, node.clock())
        done += count
        if count == 0:
            return done


JOBS = (Job("consent expiry", expire),)
