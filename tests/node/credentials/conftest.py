"""Cities that have met and agreed, on each database engine in turn."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.reference_cities import Cities, Clock

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def three(tmp_path: Path, database_url: str) -> Iterator[Cities]:
    """Lakeside on the engine of the test, and two partners on SQLite."""
    cities = Cities(tmp_path, database_url, Clock(NOW))
    yield cities
    cities.close()
