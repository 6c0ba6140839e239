"""The parts of an SDMX-REST address: resource path and query parameters.

A plus sign in a query is a plus sign (*and*), not a space as in a form.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import unquote

from interurban_protocol.errors import MalformedError, OversizedError

MAX_ADDRESS: Final = 8000  # characters of path and query together
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(\[[A-Za-z][A-Za-z0-9_-]*\])?")
_WILDCARDS = frozenset({"*", "all", ""})


class Version(Enum):
    """The version of SDMX-REST that an address belongs to."""

    REST_1 = 1  # 1.5, of SDMX 2.1
    REST_2 = 2  # of SDMX 3


@dataclass(frozen=True, slots=True)
class Address:
    """A request as SDMX-REST sees it, decoded."""

    rest: Version
    parts: tuple[str, ...]  # of the path, the resource first
    parameters: Mapping[str, str]  # in the order of the query

    def part(self, number: int, default: str = "*") -> str:
        """A part of the path, or the default if the path ends before it."""
        return self.parts[number] if number < len(self.parts) else default

    def check_parameters(self, known: Sequence[str]) -> None:
        """Refuse a parameter that the resource does not have, a misspelt filter too.

        Raises:
            MalformedError: naming those that it has.
        """
        allowed = frozenset(known)
        if any(name.partition("[")[0] not in allowed for name in self.parameters):
            raise MalformedError(
                f"the query has a parameter that is none of {', '.join(known)}",
                next_step="Correct or leave out the parameter.",
            )


def parse_address(rest: Version, path: str, query: str) -> Address:
    """The address behind `path`, already decoded, and the raw `query`.

    Raises:
        MalformedError: a parameter twice, or of no SDMX name. OversizedError: too long.
    """
    if len(path) + len(query) > MAX_ADDRESS:
        raise OversizedError(
            f"the address is longer than {MAX_ADDRESS} characters",
            next_step="Ask for a wildcard, and choose on your side.",
        )
    parameters: dict[str, str] = {}
    for piece in filter(None, query.split("&")):
        name, _, value = piece.partition("=")
        name = unquote(name)
        if not _NAME.fullmatch(name) or name in parameters:
            raise MalformedError("the query has a parameter twice, or of another form")
        parameters[name] = unquote(value)
    return Address(rest, tuple(path.strip("/").split("/")), parameters)


def names_in(text: str, separator: str) -> frozenset[str] | None:
    """The names in a part of a path; None where any will do."""
    return None if text in _WILDCARDS else frozenset(text.split(separator))


__all__ = ["MAX_ADDRESS", "Address", "Version", "names_in", "parse_address"]
