"""Token Status List (draft-ietf-oauth-status-list-21): which references have ended.

One private list per partner, one bit per reference: 0 valid, 1 ended. There is no reason
and no suspension, so that a partner cannot tell a withdrawn consent from a revoked
certificate. A list always has 131,072 entries, so that its size says nothing.

A partner fetches the whole list, never one entry. Until `ttl` (15 minutes) a list is fresh,
until `exp` (a day) it is cached, after that it proves nothing about what is still valid. An
entry that was ended once stays ended: `check_successor` refuses a list that goes back.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from interurban_protocol import jws
from interurban_protocol.encoding import base64url_decode, base64url_encode
from interurban_protocol.errors import (
    ChainError,
    MalformedError,
    NotYetValidError,
    OversizedError,
    SignatureInvalidError,
    WrongTargetError,
)
from interurban_protocol.keys import Algorithm, KeySet, PrivateKey, Purpose
from interurban_protocol.signed_documents import Origin, WireModel

STATUS_LIST_TYPE = "statuslist+jwt"
ENTRIES = 131_072
TTL = timedelta(seconds=900)
LIFETIME = timedelta(hours=24)
CLOCK_SKEW = timedelta(minutes=5)  # between two cities' clocks
MAX_OCTETS = (
    2**20
)  # inflated; the draft's longest example has 2^18, a bomb has gigabytes
MAX_TIME = 253_402_300_799  # the last second of the year 9999
VALID, INVALID = 0, 1  # draft section 7.1

Seconds = Annotated[int, Field(ge=0, le=MAX_TIME)]


@dataclass(frozen=True, slots=True)
class StatusList:
    """Entries of 1, 2, 4 or 8 bits, least significant first (draft section 4.1)."""

    bits: int
    octets: bytes

    @classmethod
    def of_valid(cls, entries: int = ENTRIES) -> "StatusList":
        """A list of one-bit entries that are all valid."""
        return cls(1, bytes(entries // 8))

    @classmethod
    def decode(
        cls, lst: str, bits: int = 1, *, max_octets: int = MAX_OCTETS
    ) -> "StatusList":
        """The list in a `lst` member.

        Raises:
            MalformedError: not base64url, not one whole zlib stream, or other bits.
            OversizedError: it inflates to more than `max_octets`.
        """
        if bits not in {1, 2, 4, 8}:
            raise MalformedError("an entry of a status list has 1, 2, 4 or 8 bits")
        return cls(bits, _inflate(base64url_decode(lst), max_octets))

    def encode(self) -> str:
        """The `lst` member: zlib level 9, then base64url."""
        return base64url_encode(zlib.compress(self.octets, 9))

    def __len__(self) -> int:
        return len(self.octets) * 8 // self.bits

    def status(self, index: int) -> int:
        """The entry at `index`.

        Raises:
            MalformedError: beyond the end of the list.
        """
        if not 0 <= index < len(self):
            raise MalformedError(f"the status list has no entry {index}")
        octet, shift = divmod(index * self.bits, 8)
        return self.octets[octet] >> shift & ((1 << self.bits) - 1)

    def with_invalid(self, indices: Iterable[int]) -> "StatusList":
        """The same list with these entries ended; nothing makes one valid again.

        Raises:
            MalformedError: an index beyond the end of the list.
        """
        octets = bytearray(self.octets)
        for index in indices:
            if self.status(index) == VALID:
                octet, shift = divmod(index * self.bits, 8)
                octets[octet] |= INVALID << shift
        return StatusList(self.bits, bytes(octets))


class EncodedList(WireModel):
    """The `status_list` claim (draft section 4.2)."""

    bits: Literal[1]
    lst: Annotated[str, Field(max_length=2 * MAX_OCTETS)]


class StatusListClaims(WireModel):
    """The payload of a status list token (draft section 5.1)."""

    sub: str
    iat: Seconds
    exp: Seconds
    ttl: Annotated[int, Field(ge=1)]
    status_list: EncodedList


_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedStatusList:
    """A list that its issuer signed. Only `verify_status_list` makes one.

    It may be old: ask `is_expired` before believing that an entry is still valid.
    """

    uri: str
    issued_at: datetime
    expires_at: datetime
    ttl: timedelta
    entries: StatusList
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only verify_status_list makes a VerifiedStatusList")

    def age(self, at: datetime) -> timedelta:
        """How long ago it was issued, never negative."""
        return max(at - self.issued_at, timedelta(0))

    def is_fresh(self, at: datetime) -> bool:
        """Whether it need not be fetched again yet."""
        return self.age(at) <= self.ttl and not self.is_expired(at)

    def is_expired(self, at: datetime) -> bool:
        """Whether it no longer proves that anything is valid."""
        return at >= self.expires_at

    def is_ended(self, index: int) -> bool:
        """Whether the reference at `index` has ended.

        Raises:
            MalformedError: beyond the end of the list.
        """
        return self.entries.status(index) != VALID


def status_list_uri(issuer: Origin, list_id: str) -> str:
    """Where a partner fetches its list."""
    return f"{issuer}/api/v1/status-lists/{list_id}"


def sign_status_list(
    entries: StatusList, *, uri: str, key: PrivateKey, at: datetime
) -> str:
    """The token of a list, issued at `at`, by the node's status key (ES256)."""
    if key.algorithm is not Algorithm.ES256:
        raise ValueError("status lists are signed with a P-256 key")
    issued = int(at.timestamp())
    claims = StatusListClaims(
        sub=uri,
        iat=issued,
        exp=issued + int(LIFETIME.total_seconds()),
        ttl=int(TTL.total_seconds()),
        status_list=EncodedList(bits=1, lst=entries.encode()),
    )
    return jws.sign(claims.to_json(), typ=STATUS_LIST_TYPE, key=key)


def verify_status_list(
    token: str, *, uri: str, keys: KeySet, at: datetime
) -> VerifiedStatusList:
    """The list, if the issuer with these `keys` signed it for this address.

    Steps, by draft section 8.3: 1. parse; 2. find the status key that was valid when the
    list was issued; 3. verify the signature; 4. compare `sub` with the address it was
    fetched from; 5. check the times; 6. decode, with a bound on the inflated size. A list
    past its `exp` is returned all the same: what ended stays ended.

    Raises:
        MalformedError: another shape or size, or a longer life than a day.
        UnknownKeyError, WrongKeyError, SignatureInvalidError: not by this issuer.
        WrongTargetError: the list of another address.
        NotYetValidError: issued in the future.
    """
    parsed = jws.parse(token)  # 1
    claims = StatusListClaims.from_json(base64url_decode(parsed.payload))
    issued_at = _moment(claims.iat)
    key = keys.find(parsed.key_id, Purpose.STATUS, issued_at)  # 2
    if key.algorithm is not Algorithm.ES256:
        raise SignatureInvalidError("a status list is signed with ES256")
    jws.verify(parsed, typ=STATUS_LIST_TYPE, key=key)  # 3
    if claims.sub != uri:  # 4
        raise WrongTargetError("the status list belongs to another address")
    _check_times(claims, at)  # 5
    entries = StatusList.decode(claims.status_list.lst, max_octets=ENTRIES // 8)  # 6
    if len(entries) != ENTRIES:
        raise MalformedError(f"a status list has exactly {ENTRIES} entries")
    ttl = timedelta(seconds=min(claims.ttl, int(TTL.total_seconds())))
    return VerifiedStatusList(uri, issued_at, _moment(claims.exp), ttl, entries, _SEAL)


def check_successor(held: VerifiedStatusList, newer: VerifiedStatusList) -> None:
    """Refuse a list that goes back behind the one that is held.

    Raises:
        ChainError: another address, an older list, or an ended entry that is valid again.
    """
    if newer.uri != held.uri:
        raise ChainError("the two status lists belong to different addresses")
    if newer.issued_at < held.issued_at:
        raise ChainError("the status list is older than the one that is held")
    was, now = (int.from_bytes(each.entries.octets) for each in (held, newer))
    if was & ~now:
        raise ChainError("the status list makes an ended reference valid again")


def _inflate(data: bytes, max_octets: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        octets = inflater.decompress(data, max_octets + 1)
    except zlib.error as error:
        raise MalformedError("the status list is not zlib data") from error
    if len(octets) > max_octets:
        raise OversizedError(
            f"the status list inflates to more than {max_octets} octets"
        )
    if not inflater.eof or inflater.unused_data:
        raise MalformedError("the status list is not one whole zlib stream")
    return octets


def _check_times(claims: StatusListClaims, at: datetime) -> None:
    if not 0 < claims.exp - claims.iat <= LIFETIME.total_seconds():
        raise MalformedError("a status list lives for at most a day")
    if _moment(claims.iat) > at + CLOCK_SKEW:
        raise NotYetValidError("the status list was issued in the future")


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
