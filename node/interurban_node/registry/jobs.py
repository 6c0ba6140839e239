"""Forgetting refused rows after their time."""

from interurban_node.core.context import Node
from interurban_node.core.jobs import Job
from interurban_node.registry import service


def forget_quarantined(node: Node) -> int:
    """Drop rows that no sync has met for as long as the settings say."""
    with node.database.transaction() as session:
        return service.forget_quarantined(session, node, node.clock())


JOBS = (Job("registry.forget_quarantined", forget_quarantined),)
