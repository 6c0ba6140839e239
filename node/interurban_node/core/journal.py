"""The one-way journal: a file of what must never be undone, outside the database.

A backup restored from yesterday would forget today's withdrawals. So each such fact is
appended here, flushed to the disk, *before* its transaction answers; the journal is not
part of the database's backup. Lines are JSON and chained by digest. The database keeps the
number of the last entry it knows; a node whose database knows less than its journal is
*recovering* and re-applies the rest before it serves anybody.

Several processes may append (the server, a command): a file lock keeps the chain whole.
"""

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from interurban_node.core.errors import ConfigurationError
from interurban_protocol.encoding import (
    JsonValue,
    canonical_json,
    format_time,
    parse_json_object,
    parse_time,
    sha256_digest,
)
from interurban_protocol.errors import MalformedError

_TAIL = 65_536  # bytes read at first to find the last line


class Irrevocable(StrEnum):
    """Kinds of facts that are never undone."""

    WITHDRAWAL = "withdrawal"  # or refusal, or objection
    REFERENCE_ENDED = "reference-ended"
    RELEASE_BUILT = "release-built"
    STATUS_LIST = "status-list"
    KEY_EVENT = "key-event"
    QUESTION = "question"  # was asked, word for word: a no may be about it
    SUSPENSION = "suspension"  # or its end
    TOKEN_REVOKED = "token-revoked"  # noqa: S105  # a kind, no secret
    ACCESS_REVOKED = "access-token-revoked"
    CODE_USED = "code-used"
    PARTNER_DESCRIPTOR = "partner-descriptor"  # the newest that was seen
    VOID = "void"  # the transaction of an earlier entry failed and was never answered


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line."""

    number: int
    at: datetime
    kind: Irrevocable
    facts: Mapping[str, str]
    digest: str


class Journal:
    """The journal file of one node."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fully_known: tuple[tuple[int, int], int] | None = None
        """The state at which a database of so many entries knew all; `audit` keeps it."""

    def append(
        self, kind: Irrevocable, facts: Mapping[str, str], at: datetime
    ) -> JournalEntry:
        """Append and flush to the disk.

        Raises:
            ConfigurationError: the file cannot be written or its end is damaged.
        """
        with self._path.open("a+b") as file:
            self._path.chmod(0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            last = _last_line(file.fileno())
            line = _line(_next_number(last), last, kind, facts, at)
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return _read(line)[0]

    def entries(self, after: int = 0) -> list[JournalEntry]:
        """The entries numbered above `after`, oldest first, with the chain checked.

        Raises:
            ConfigurationError: a line is damaged or missing.
        """
        found: list[JournalEntry] = []
        previous = ""
        for line in self._content().splitlines():
            entry, claimed = _read(line)
            if claimed != previous or entry.number != len(found) + 1:
                raise _damaged(len(found) + 1)
            previous = entry.digest
            found.append(entry)
        return found[after:]

    def length(self) -> int:
        """How many entries there are."""
        return len(self.entries())

    def state(self) -> tuple[int, int]:
        """Size and time of the last change: equal as long as nobody has appended."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_size, found.st_mtime_ns

    def _content(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)  # no half of a line that is on its way
                return file.read()
        except FileNotFoundError:
            return b""


def _next_number(last: bytes) -> int:
    return _read(last)[0].number + 1 if last else 1


def _line(
    number: int,
    last: bytes,
    kind: Irrevocable,
    facts: Mapping[str, str],
    at: datetime,
) -> bytes:
    value: JsonValue = {
        "number": number,
        "at": format_time(at),
        "kind": str(kind),
        "facts": dict(facts),
        "previous": sha256_digest(last) if last else "",
    }
    return canonical_json(value)


def _read(line: bytes) -> tuple[JournalEntry, str]:
    try:
        value = parse_json_object(line)
        match value:
            case {
                "number": int(number),
                "at": str(at),
                "kind": str(kind),
                "facts": Mapping() as facts,
                "previous": str(previous),
            }:
                entry = JournalEntry(
                    number,
                    parse_time(at),
                    Irrevocable(kind),
                    {name: str(fact) for name, fact in facts.items()},
                    sha256_digest(line),
                )
                return entry, previous
            case _:
                raise _damaged(0)
    except (MalformedError, ValueError) as error:
        raise _damaged(0) from error


def _last_line(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    if size == 0:
        return b""
    length = 0
    while True:
        length = min(size, 2 * length or _TAIL)
        tail = os.pread(descriptor, length, size - length)
        if not tail.endswith(b"\n"):
            raise _damaged(0)
        _, newline, line = tail[:-1].rpartition(b"\n")
        if newline or length == size:
            return line


def _damaged(number: int) -> ConfigurationError:
    where = f"at line {number}" if number else "in a line"
    return ConfigurationError(
        f"the one-way journal is damaged {where}",
        next_step="Keep the file as it is and restore the journal from its newest copy.",
    )
