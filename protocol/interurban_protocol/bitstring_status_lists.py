"""Bitstring Status List 1.0 (W3C): which certificates were revoked or suspended.

A list is a credential of its own: one bit for each certificate, the first bit leftmost, at
least 131,072 of them, compressed with gzip. A reader fetches whole lists, so nobody learns
which certificate is asked about. Revocation is for ever, suspension can be lifted: they are
two lists, or one certificate would tell two things with one bit.

A list is fresh until its `ttl` (milliseconds, in the standard) has passed since it was made,
and proves nothing once its own `validUntil` has.
"""

import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from interurban_protocol.contexts import CREDENTIALS_V2
from interurban_protocol.encoding import (
    JsonValue,
    base64url_decode,
    base64url_encode,
    format_time,
)
from interurban_protocol.errors import (
    ChainError,
    MalformedError,
    OversizedError,
    UnsupportedError,
)

ENTRIES: Final = 131_072  # the least that the standard allows (herd privacy)
MAX_OCTETS: Final = 2**20  # inflated: 8 million certificates
TTL = timedelta(minutes=15)
LIFETIME = timedelta(hours=24)
MAX_TTL = timedelta(days=1)  # a longer one is cut: an issuer may not make us look away
LIST_TYPE: Final = "BitstringStatusListCredential"
SUBJECT_TYPE: Final = "BitstringStatusList"
ENTRY_TYPE: Final = "BitstringStatusListEntry"
DRAW_BYTES = 8
_GZIP = 31  # zlib's wbits for gzip with the largest window


class StatusPurpose(StrEnum):
    """What a set bit means."""

    REVOCATION = "revocation"
    SUSPENSION = "suspension"


@dataclass(frozen=True, slots=True)
class Bitstring:
    """One bit for each certificate; index 0 is the leftmost bit of the first octet."""

    octets: bytes

    @classmethod
    def of_zeros(cls, entries: int = ENTRIES) -> "Bitstring":
        """A list in which nothing is set; `entries` is a multiple of 8."""
        if entries < ENTRIES or entries % 8:
            raise ValueError("a list has at least 131,072 entries, in whole octets")
        return cls(bytes(entries // 8))

    @classmethod
    def decode(cls, encoded: str) -> "Bitstring":
        """The list in an `encodedList`.

        Raises:
            MalformedError: not multibase base64url of one gzip stream, or too short.
            OversizedError: it inflates to more than `MAX_OCTETS`.
        """
        if not encoded.startswith("u"):
            raise MalformedError("the encoded list is not multibase in base64url")
        octets = _inflate(base64url_decode(encoded[1:]))
        if len(octets) * 8 < ENTRIES:
            raise MalformedError(f"a status list has at least {ENTRIES} entries")
        return cls(octets)

    def encode(self) -> str:
        """The `encodedList`: gzip, without a time in it, in multibase base64url."""
        compressor = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
        data = compressor.compress(self.octets) + compressor.flush()
        return "u" + base64url_encode(data)

    def __len__(self) -> int:
        return len(self.octets) * 8

    def is_set(self, index: int) -> bool:
        """Whether the bit of the certificate at `index` is set.

        Raises:
            MalformedError: beyond the end of the list.
        """
        if not 0 <= index < len(self):
            raise MalformedError("the status list has no such entry")
        return bool(self.octets[index // 8] >> (7 - index % 8) & 1)

    def with_set(self, indices: Iterable[int]) -> "Bitstring":
        """The same list with these bits set.

        Raises:
            MalformedError: an index beyond the end.
        """
        octets = bytearray(self.octets)
        for index in indices:
            if not self.is_set(index):
                octets[index // 8] |= 1 << (7 - index % 8)
        return Bitstring(bytes(octets))

    def with_cleared(self, indices: Iterable[int]) -> "Bitstring":
        """The same list with these bits cleared; only a suspension is ever lifted.

        Raises:
            MalformedError: an index beyond the end.
        """
        octets = bytearray(self.octets)
        for index in indices:
            if self.is_set(index):
                octets[index // 8] &= 0xFF ^ 1 << (7 - index % 8)
        return Bitstring(bytes(octets))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEntry:
    """Where a certificate's status stands."""

    purpose: StatusPurpose
    index: int
    list_address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList:
    """A list as its signed credential tells it; `parse_status_list` verifies nothing."""

    address: str
    purpose: StatusPurpose
    bits: Bitstring
    issued_at: datetime
    expires_at: datetime | None
    ttl: timedelta

    def age(self, at: datetime) -> timedelta:
        """How long ago it was made, never negative."""
        return max(at - self.issued_at, timedelta(0))

    def is_fresh(self, at: datetime) -> bool:
        """Whether it need not be fetched again yet."""
        return self.age(at) <= self.ttl and not self.is_expired(at)

    def is_expired(self, at: datetime) -> bool:
        """Whether it no longer proves that anything is valid."""
        return at >= (self.expires_at or self.issued_at + LIFETIME)


def free_index(
    draws: Iterable[bytes], taken: Collection[int], entries: int = ENTRIES
) -> int:
    """An index that chance has picked and nobody has; each draw is 8 random bytes.

    Indices in order would tell when a certificate was issued, and which belong together.

    Raises:
        OversizedError: the list is more than half full, or the draws have run out.
    """
    if len(taken) * 2 > entries:
        raise OversizedError("the status list is more than half full; begin another")
    for draw in draws:
        if len(draw) != DRAW_BYTES:
            raise ValueError("a draw has 8 random bytes")
        index = int.from_bytes(draw) % entries
        if index not in taken:
            return index
    raise OversizedError("no free entry was drawn")


def status_list_credential(
    bits: Bitstring,
    purpose: StatusPurpose,
    *,
    address: str,
    issuer: str,
    at: datetime,
) -> dict[str, JsonValue]:
    """The unsigned credential of a list, to be signed in either form (section 2.2)."""
    return {
        "@context": [CREDENTIALS_V2],
        "id": address,
        "type": ["VerifiableCredential", LIST_TYPE],
        "issuer": issuer,
        "validFrom": format_time(at),
        "validUntil": format_time(at + LIFETIME),
        "credentialSubject": {
            "id": f"{address}#list",
            "type": SUBJECT_TYPE,
            "statusPurpose": str(purpose),
            "ttl": int(TTL.total_seconds() * 1000),
            "encodedList": bits.encode(),
        },
    }


def status_entry(entry: StatusEntry) -> dict[str, JsonValue]:
    """The `credentialStatus` of a certificate (section 2.1)."""
    return {
        "id": f"{entry.list_address}#{entry.index}",
        "type": ENTRY_TYPE,
        "statusPurpose": str(entry.purpose),
        "statusListIndex": str(entry.index),
        "statusListCredential": entry.list_address,
    }


def parse_status_entry(value: Mapping[str, JsonValue]) -> StatusEntry:
    """The status entry in a `credentialStatus`.

    Raises:
        UnsupportedError: another type, purpose or size of entries.
        MalformedError: an index or address that is none.
    """
    if value.get("type") not in (ENTRY_TYPE, [ENTRY_TYPE]):
        raise UnsupportedError("the status is of a type that is not known here")
    if value.get("statusSize", 1) != 1:
        raise UnsupportedError("the status has more than one bit")
    purpose, address = value.get("statusPurpose"), value.get("statusListCredential")
    if not isinstance(address, str):
        raise MalformedError("the status names no list")
    return StatusEntry(
        purpose=_purpose(purpose),
        index=_index(value.get("statusListIndex")),
        list_address=address,
    )


def parse_status_list(
    document: Mapping[str, JsonValue],
    *,
    address: str,
    issued_at: datetime,
    expires_at: datetime | None,
) -> StatusList:
    """The list in a status list credential, which the caller has verified.

    Raises:
        MalformedError: not such a credential, or the list of another address.
        UnsupportedError: a purpose that is not known here, or several.
        OversizedError: it inflates to too much.
    """
    subject = document.get("credentialSubject")
    kinds = document.get("type")
    if not isinstance(kinds, list | tuple) or LIST_TYPE not in kinds:
        raise MalformedError("the document is no status list credential")
    if document.get("id") != address:
        raise MalformedError("the status list belongs to another address")
    if not isinstance(subject, Mapping) or subject.get("type") != SUBJECT_TYPE:
        raise MalformedError("the status list's subject is of another type")
    encoded, purpose = subject.get("encodedList"), subject.get("statusPurpose")
    if not isinstance(encoded, str):
        raise MalformedError("the status list has no encoded list")
    return StatusList(
        address=address,
        purpose=_purpose(purpose),
        bits=Bitstring.decode(encoded),
        issued_at=issued_at,
        expires_at=expires_at,
        ttl=_ttl(subject.get("ttl")),
    )


def check_successor(held: StatusList, newer: StatusList) -> None:
    """Refuse a list that goes back behind the one that is held.

    Raises:
        ChainError: another list, an older one, or a revocation that is taken back.
    """
    if (newer.address, newer.purpose) != (held.address, held.purpose):
        raise ChainError("the two status lists are of different addresses or purposes")
    if newer.issued_at < held.issued_at:
        raise ChainError("the status list is older than the one that is held")
    if len(newer.bits) < len(held.bits):
        raise ChainError("the status list has become shorter")
    if held.purpose is StatusPurpose.SUSPENSION:
        return
    was = int.from_bytes(held.bits.octets)
    now = int.from_bytes(newer.bits.octets[: len(held.bits.octets)])
    if was & ~now:
        raise ChainError("the status list takes a revocation back")


def _purpose(value: JsonValue) -> StatusPurpose:
    if not isinstance(value, str) or value not in set(StatusPurpose):
        raise UnsupportedError("the status has a purpose that is not known here")
    return StatusPurpose(value)


def _index(value: JsonValue) -> int:
    text = (
        str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    )
    if not isinstance(text, str) or not text.isascii() or not text.isdigit():
        raise MalformedError("the status has an index that is no number")
    if len(text) > 8:
        raise MalformedError("the status list has no such entry")
    return int(text)


def _ttl(value: JsonValue) -> timedelta:
    if value is None:
        return TTL
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedError("the ttl of a status list is no number of milliseconds")
    return timedelta(milliseconds=min(value, MAX_TTL // timedelta(milliseconds=1)))


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        octets = inflater.decompress(data, MAX_OCTETS + 1)
    except zlib.error as error:
        raise MalformedError("the status list is not gzip data") from error
    if len(octets) > MAX_OCTETS:
        raise OversizedError(
            f"the status list inflates to more than {MAX_OCTETS} octets"
        )
    if not inflater.eof or inflater.unused_data:
        raise MalformedError("the status list is not one whole gzip stream")
    return octets
