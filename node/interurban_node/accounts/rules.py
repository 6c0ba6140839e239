"""Pure decisions about people: normal forms, roles, when a session or a guess is too much."""

import unicodedata
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv6Address, ip_address

ATTEMPT_WINDOW = timedelta(minutes=15)
ATTEMPTS_PER_SOURCE = 10
ATTEMPTS_IN_ALL = 1000  # high, so that nobody can lock a whole city out by guessing
LONGEST_SESSION = timedelta(hours=12)
SEEN_EVERY = timedelta(seconds=30)  # a busy session is not written at every request


class Role(StrEnum):
    """What somebody on the staff, or a program, may do."""

    IT_OPERATOR = "it_operator"
    ADAPTER_OWNER = "adapter_owner"
    CONSENT_STEWARD = "consent_steward"
    COMMITTEE_MEMBER = "committee_member"
    PUBLISHER = "publisher"
    AUDITOR = "auditor"
    SERVICE = "service"


_COMMITTEE_ROLES = frozenset({Role.COMMITTEE_MEMBER, Role.AUDITOR})


def normal_person_id(person_id: str) -> str:
    """A registry's number of a person in its one form: NFKC, trimmed, case folded."""
    folded = unicodedata.normalize("NFKC", person_id).strip().casefold()
    return unicodedata.normalize("NFKC", folded)


def start_page(role: Role) -> str:
    """Where somebody with this role begins."""
    return "/committee" if role in _COMMITTEE_ROLES else "/staff"


def source_group(source: str) -> str:
    """Whose guesses are counted together: an IPv4 address, or an IPv6 network of /64."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return address.exploded[:19]
    return str(getattr(address, "ipv4_mapped", None) or address)


def attempt_window(now: datetime) -> datetime:
    """The start of the window in which `now` lies."""
    seconds = int(ATTEMPT_WINDOW.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def is_guessing(from_source: int, in_all: int) -> bool:
    """Whether so many failures in one window are too many."""
    return from_source >= ATTEMPTS_PER_SOURCE or in_all >= ATTEMPTS_IN_ALL


def is_over(
    started_at: datetime, seen_at: datetime, now: datetime, idle: timedelta
) -> bool:
    """Whether a session has ended: idle for too long, or simply long."""
    return now - seen_at >= idle or now - started_at >= LONGEST_SESSION
