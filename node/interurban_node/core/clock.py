"""The one source of the present time."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives an aware UTC time; tests pass one that they set."""


def system_clock() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)
