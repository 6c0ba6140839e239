"""One city's service for all tests of a module that only read."""

from collections.abc import Iterator

import pytest

from tests.support.sdmx import Service, a_cohort_structure, a_federation, a_service


@pytest.fixture(scope="module")
def lakeside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Lakeside with a public COMPLETION release and one of JOBS for its partners."""
    federation = a_federation(tmp_path_factory.mktemp("cities"))
    try:
        service = a_service(federation, is_public=True)
        service.issue(structure=a_cohort_structure(), seed=2)
        yield service
    finally:
        federation.close()
