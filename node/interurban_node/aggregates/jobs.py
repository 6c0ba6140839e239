"""The scheduled build: what is due, one release at a time, the gate included.

A build may take minutes. It wants a thread of its own, so that notices are not late.
"""

import logging

from interurban_node.aggregates import service
from interurban_node.aggregates.building import build_due
from interurban_node.aggregates.calendars import CalendarEntry, CalendarState
from interurban_node.core.context import Node
from interurban_node.core.jobs import Job
from interurban_protocol.errors import InterurbanError

logger = logging.getLogger(__name__)


def build_next(node: Node) -> int:
    """Build the first release that is due and can be built; how many it was.

    What the gate refused waits for a person. What is refused otherwise, for want of a
    question or a code, is tried again at the next tick, after what else is due.
    """
    with node.database.transaction() as session:
        entries = service.calendar(session, node, node.clock())
    return int(
        any(
            _is_built(node, entry)
            for entry in entries
            if entry.state is CalendarState.DUE
        )
    )


def _is_built(node: Node, entry: CalendarEntry) -> bool:
    facts = {"dataflow": entry.due.dataflow, "period": entry.due.period}
    try:
        build_due(node, entry.due)
    except InterurbanError as error:
        logger.warning("build refused", extra={**facts, "problem": error.message})
        return False
    logger.info("built", extra=facts)
    return True


JOBS = (Job("build-releases", build_next),)
