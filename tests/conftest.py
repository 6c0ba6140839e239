"""How Hypothesis runs everywhere: no deadline, the same examples each time."""

import os
import sys
import warnings

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
    """Save what a worker covered before its database stops: xdist waits ten seconds only."""
    coverage = sys.modules.get("coverage")
    current = coverage.Coverage.current() if coverage else None
    if current is not None and "PYTEST_XDIST_WORKER" in os.environ:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a worker need not have seen every package
            current.save()
