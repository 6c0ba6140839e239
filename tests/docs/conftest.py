"""A node for the examples that need one."""

from tests.support.fixtures import cities

__all__ = ["cities"]
