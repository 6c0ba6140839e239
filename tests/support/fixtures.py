"""Fixtures that every part of the node is tested with; imported by the conftest files."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from interurban_node.core.context import Node
from tests.support.nodes import (
    Federation,
    Moment,
    opened_federation,
    postgresql_with_tables,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of each engine without rows; an empty text is the SQLite file of the home."""
    return postgresql_with_tables() if request.param == "postgresql" else ""


@pytest.fixture
def cities(tmp_path: Path) -> Iterator[Federation]:
    """A federation to which the test adds its nodes."""
    yield from opened_federation(tmp_path)


@pytest.fixture
def moment(cities: Federation) -> Moment:
    """The clock of the test's nodes."""
    return cities.clock


@pytest.fixture
def node(cities: Federation, database_url: str) -> Node:
    """One node, on each database engine in turn."""
    return cities.add("lakeside", database_url=database_url)


@pytest.fixture
def session(node: Node) -> Iterator[Session]:
    """An open transaction on the node."""
    with node.database.transaction() as session:
        yield session


@pytest.fixture
def make_node(cities: Federation) -> Callable[..., Node]:
    """Makes further nodes: `make_node(name, origin)`."""
    return cities.add


@pytest.fixture
def federation(cities: Federation) -> Federation:
    """Three cities on SQLite that have not met yet."""
    for name in ("lakeside", "northport", "eastvale"):
        cities.add(name)
    return cities
