"""Pure decisions about records: pseudonyms, derived fields, when a shrunken export is refused.

Nothing here reads a clock, a file or a database; secrets are passed in.
"""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TypeAlias

from interurban_adapters.records import EnrolmentStatus
from interurban_protocol.encoding import base64url_encode
from interurban_protocol.release_plans import quarter_of

UNKNOWN_BAND = "_U"
SHRINK_GUARD_FROM = 5  # fewer records are not worth a guard: one of two is half of them
_BANDS = (
    (16, "Y_LT16"),
    (25, "Y16T24"),
    (35, "Y25T34"),
    (45, "Y35T44"),
    (55, "Y45T54"),
)
_OLDEST_BAND = "Y_GE55"
_OUTCOMES: Mapping[EnrolmentStatus, str] = {
    EnrolmentStatus.COMPLETED: "COM",
    EnrolmentStatus.NOT_COMPLETED: "NCM",
    EnrolmentStatus.WITHDRAWN: "NCM",
    EnrolmentStatus.REGISTERED: "ONG",
    EnrolmentStatus.ACTIVE: "ONG",
    EnrolmentStatus.SUSPENDED: "ONG",
}

Value: TypeAlias = str | int | date | None
Values: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The names under which one source's rows are kept; `secret` never leaves the node.

    A source's keys often are people's numbers, and what a record says can be guessed, so
    both are kept as keyed hashes only.
    """

    secret: bytes
    node: str
    source: str

    def source_pk(self, kind: str, key: str) -> str:
        """What stands for the source's own key: "K" and 26 characters, 130 bits."""
        digest = self._digest("source-key", self.source, kind, key)
        return "K" + base64.b32encode(digest)[:26].decode("ascii").lower()

    def record_id(self, kind: str, source_pk: str) -> str:
        """The record's UUID: of version 5, the same at every sync, different at every node."""
        name = f"{self.node}/records/{self.source}/{kind}/{source_pk}"
        return str(uuid.uuid5(uuid.NAMESPACE_URL, name))

    def employer_ref(self, employer: str) -> str:
        """What stands for an employer, whichever source names it."""
        digest = self._digest("employer", " ".join(employer.casefold().split()))
        return "E" + base64.b32encode(digest)[:26].decode("ascii").lower()

    def content_hash(self, content: object) -> str:
        """A hash that differs when what is said differs: 43 characters."""
        text = json.dumps(content, default=str, ensure_ascii=False)
        return base64url_encode(self._digest("content", text))

    def _digest(self, *parts: str) -> bytes:
        message = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hmac.digest(self.secret, message, hashlib.sha256)


def record_key(secret: bytes, period: str, learner_ref: str) -> int:
    """The learner's 32-bit key of the cell-key method in one period.

    No dataflow or table goes in, so that the same people get the same noise everywhere.
    """
    message = f"{period}\0{learner_ref}".encode()
    return int.from_bytes(hmac.digest(secret, message, hashlib.sha256)[:4])


def start_period(started_on: date | None) -> str | None:
    """The quarter in which an enrolment counts as started, "2026-Q1"."""
    return None if started_on is None else quarter_of(started_on)


def outcome_of(status: EnrolmentStatus) -> str:
    """How an enrolment stands: COM completed, NCM not completed, ONG ongoing."""
    return _OUTCOMES[status]


def age_band_of(
    given_band: str | None, birth_year: int | None, started_on: date | None
) -> str:
    """The source's own band, else the band of the age in the year of the start, else `_U`."""
    if given_band is not None:
        return given_band
    if birth_year is None or started_on is None:
        return UNKNOWN_BAND
    age = started_on.year - birth_year
    return next((band for below, band in _BANDS if age < below), _OLDEST_BAND)


def is_suspicious_loss(absent: int, present_before: int, limit_percent: int) -> bool:
    """Whether so many records have gone at once that a person should look first."""
    if present_before < SHRINK_GUARD_FROM:
        return False
    return absent * 100 > limit_percent * present_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a sync did with the rows of one kind. `new` includes those that came back."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    removed: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Both together."""
        theirs = asdict(other)
        return replace(self, **{n: v + theirs[n] for n, v in asdict(self).items()})


def column_changes(
    table: str, before: tuple[str, ...], now: tuple[str, ...]
) -> tuple[str, ...]:
    """What to announce about a table whose columns are no longer the same."""
    new = (f"{table} has a new column {name}" for name in now if name not in before)
    gone = (f"{table} has lost its column {name}" for name in before if name not in now)
    return (*new, *gone)
