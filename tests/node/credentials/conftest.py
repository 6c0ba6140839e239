"""Cities that have met and agreed, on each database engine in turn."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.databases import fresh_postgresql_database
from tests.support.reference_cities import Cities, Clock

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_url(request: pytest.FixtureRequest) -> str:
    """An empty text is the SQLite file of the home."""
    return fresh_postgresql_database() if request.param == "postgresql" else ""


@pytest.fixture
def three(tmp_path: Path, engine_url: str) -> Iterator[Cities]:
    """Lakeside on the engine of the test, and two partners on SQLite."""
    cities = Cities(tmp_path, engine_url, Clock(NOW))
    yield cities
    cities.close()
