"""Fixtures of the interoperability tests."""

from collections.abc import Iterator

import pytest

from tests.support.javascript import JavaScript, javascript


@pytest.fixture(scope="session")
def js() -> Iterator[JavaScript]:
    """The implementations in JavaScript."""
    with javascript() as running:
        yield running
