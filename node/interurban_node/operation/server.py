"""Serving one node with uvicorn: one process, its jobs on a thread beside."""

import uvicorn

from interurban_node.app import create_app
from interurban_node.core.context import Node
from interurban_node.core.observability import configure_logging
from interurban_node.core.schema import upgrade
from interurban_node.operation.recovery import recover


def serve(node: Node) -> None:
    """Bring the database up to date, re-apply the journal, listen until stopped."""
    configure_logging(node.settings.log_level)
    upgrade(node.database)
    recover(node)
    uvicorn.Server(configuration(node)).run()


def configuration(node: Node) -> uvicorn.Config:
    """How the node listens."""
    return uvicorn.Config(
        create_app(node, with_jobs=True),
        host=node.settings.bind_host,
        port=node.settings.bind_port,
        log_config=None,  # our own JSON lines
        access_log=False,  # addresses of learners' pages are nobody's business
        server_header=False,
        date_header=True,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
        limit_concurrency=400,
    )
