"""How Hypothesis runs everywhere: no deadline, the same examples each time."""

import sys

from hypothesis import HealthCheck, settings

settings.register_profile(
    "default",
    deadline=None,
    max_examples=50,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("default")


def pytest_sessionfinish() -> None:
    """Save what was covered before the databases stop: xdist waits ten seconds, no more."""
    coverage = sys.modules.get("coverage")
    current = coverage.Coverage.current() if coverage else None
    if current is not None:
        current.save()
