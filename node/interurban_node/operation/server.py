"""Serving one node with uvicorn: one process, its jobs on a thread beside."""

import logging
import socket

import uvicorn

from interurban_node.app import create_app
from interurban_node.core.context import Node
from interurban_node.core.errors import StateError
from interurban_node.core.observability import configure_logging
from interurban_node.core.schema import upgrade
from interurban_node.operation import wholeness
from interurban_node.operation.recovery import recover

logger = logging.getLogger(__name__)


def serve(node: Node) -> None:
    """Check that the home is whole, bring it up to date, listen until stopped.

    Raises:
        ConfigurationError: a part of the home is missing or is another node's.
        StateError: the port is taken.
    """
    configure_logging(node.settings.log_level)
    wholeness.check_keys(node)
    wholeness.check_database_is_there(node)
    upgrade(node.database)
    with node.database.transaction() as session:
        wholeness.check_journal(session, node)
    recover(node)
    check_port(node)
    address = f"{node.settings.bind_host}:{node.settings.bind_port}"
    logger.info("serving", extra={"node": node.origin, "address": address})
    uvicorn.Server(configuration(node)).run()


def check_port(node: Node) -> None:
    """Refuse when somebody else listens where this node would.

    Raises:
        StateError: the port is taken, or the address is not this machine's.
    """
    host, port = node.settings.bind_host, node.settings.bind_port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StateError(
                f"the node cannot listen on {host} port {port}",
                next_step="Is it being served already? Else set bind_host and bind_port.",
            ) from error


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
