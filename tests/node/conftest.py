"""The node's fixtures."""

from tests.support.fixtures import (
    cities,
    database_url,
    federation,
    make_node,
    moment,
    node,
    session,
)

__all__ = [
    "cities",
    "database_url",
    "federation",
    "make_node",
    "moment",
    "node",
    "session",
]
