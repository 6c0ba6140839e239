"""Pure decisions: what a certificate says, how long a reference lives, what may be taken in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from urllib.parse import quote

from interurban_node.core.errors import RefusedError
from interurban_protocol.credentials import Achievement, Criteria, Result
from interurban_protocol.errors import (
    ExpiredError,
    InterurbanError,
    MalformedError,
    SignatureInvalidError,
    UnknownKeyError,
    WrongTargetError,
)
from interurban_protocol.notices import BATCH_SIZE, ReferenceDelivery
from interurban_protocol.references import (
    MAX_LIFETIME,
    PARTNER_FACTS,
    AchievementName,
    CredentialDigest,
    ParsedReference,
    ReferenceFacts,
    ReferenceState,
    ReferenceVerdict,
    whole_day,
)
from interurban_protocol.status_lists import ENTRIES, TTL

MAX_TAKEN = (
    ENTRIES // 2
)  # above it a new list begins, so that a free entry is found soon
SIGN_AGAIN_AFTER = TTL / 3  # on being asked; a list older than `TTL` is no longer fresh
RENEW_AFTER = timedelta(hours=12)  # by itself; a list expires after a day
FETCH_AGAIN_AFTER = TTL * 0.8  # a partner's list, before it stops being fresh
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


class SentState(StrEnum):
    """Where a reference of ours stands."""

    SENT = "sent"
    ENDED = "ended"
    EXPIRED = "expired"


class ReceivedState(StrEnum):
    """Where a partner's reference stands here."""

    HELD = "held"
    ENDED = "ended"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The whole days of a reference, as the wire has them."""

    issued: int
    expires: int

    @property
    def issued_at(self) -> datetime:
        """The first second of the day of issue."""
        return datetime.fromtimestamp(self.issued, UTC)

    @property
    def expires_at(self) -> datetime:
        """The first second at which the reference is over."""
        return datetime.fromtimestamp(self.expires, UTC)


def lifetime(now: datetime, *, maximum_days: int, ends: Sequence[datetime]) -> Lifetime:
    """From today for the agreed days, at most 90, and never past any of `ends`.

    Raises:
        RefusedError: what is left is less than a day.
    """
    longest = min(timedelta(days=maximum_days), MAX_LIFETIME)
    issued, expires = whole_day(now), whole_day(min(now + longest, *ends))
    if expires <= issued:
        raise RefusedError(
            "the consent or the agreement ends today",
            next_step="Ask the learner again, or renew the agreement, then send.",
        )
    return Lifetime(issued, expires)


def achievement(
    origin: str, code: str, titles: Mapping[str, str], hours: int | None
) -> Achievement:
    """The programme as an Open Badges achievement."""
    language, title = _main_title(code, titles)
    length = f", {hours} hours" if hours else ""
    return Achievement(
        id=achievement_id(origin, code),
        name=title,
        description=f"{title}{length}",
        criteria=Criteria(
            narrative=f"Completed the programme {code}, as the city's registry records it."
        ),
        inLanguage=language,
    )


def achievement_id(origin: str, code: str) -> str:
    """The address that names a programme; nothing needs to answer there."""
    return f"{origin}/achievements/{quote(code, safe='')}"


def result(value: str | None) -> Result:
    """The outcome on the certificate."""
    return Result(status="Completed", value=value)


def valid_from(awarded_on: date) -> datetime:
    """The first second of the day of award."""
    return datetime.combine(awarded_on, time(), UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """What a reference says about a certificate."""

    credential_id: str
    digest: str
    code: str
    titles: Mapping[str, str]
    awarded_on: date
    level: int | None  # of the European Qualifications Framework


def reference_facts(origin: str, certified: Certified) -> ReferenceFacts:
    """Everything that can be disclosed; the partner is sent `PARTNER_FACTS` of it."""
    _, title = _main_title(certified.code, certified.titles)
    return ReferenceFacts(
        credential_id=certified.credential_id,
        credential_digest=CredentialDigest(value=certified.digest),
        achievement=AchievementName(
            id=achievement_id(origin, certified.code),
            name=dict(certified.titles) or {"en": title},
        ),
        issue_date=certified.awarded_on,
        level=None if certified.level is None else f"EQF {certified.level}",
    )


def notice_batches(reference_ids: Sequence[str]) -> list[tuple[str, ...]]:
    """The ended references in parts that each fill one notice."""
    ids = list(dict.fromkeys(reference_ids))
    return [
        tuple(ids[start : start + BATCH_SIZE])
        for start in range(0, len(ids), BATCH_SIZE)
    ]


def check_held(verdict: ReferenceVerdict) -> None:
    """Refuse to take in a reference that is not signed, in time and for us.

    Nobody has fetched its status yet, so a good one is *stale* here.

    Raises:
        MalformedError, UnknownKeyError, ExpiredError, SignatureInvalidError.
    """
    if verdict.state in _REFUSED_ON_ARRIVAL:
        raise _REFUSED_ON_ARRIVAL[verdict.state](verdict.reason)


_REFUSED_ON_ARRIVAL: Mapping[ReferenceState, type[InterurbanError]] = {
    ReferenceState.MALFORMED: MalformedError,
    ReferenceState.UNTRUSTED_ISSUER: UnknownKeyError,
    ReferenceState.EXPIRED: ExpiredError,
    ReferenceState.INVALID: SignatureInvalidError,
}


def check_delivered(
    delivery: ReferenceDelivery, reference: ParsedReference, own_origin: str
) -> None:
    """Refuse a delivery that says something else than the reference in it.

    Raises:
        WrongTargetError: for another node.
        MalformedError: it contradicts its reference, or discloses what would link partners.
    """
    claims = reference.claims
    if delivery.recipient != own_origin or claims.consent.recipient != own_origin:
        raise WrongTargetError("the reference is meant for another node")
    if not _MESSAGE_ID.fullmatch(claims.jti):
        raise MalformedError("the reference's id cannot be the id of its message")
    if claims.iss != delivery.issuer or claims.expires_at != delivery.expires:
        raise MalformedError("the delivery contradicts the reference in it")
    if not {fact.name for fact in reference.disclosures} <= PARTNER_FACTS:
        raise MalformedError(
            "the reference discloses facts that would link partners",
            next_step="Send a partner the achievement, its date and its level only.",
        )


def _main_title(code: str, titles: Mapping[str, str]) -> tuple[str, str]:
    known = {language: title for language, title in titles.items() if title.strip()}
    if "en" in known or not known:
        return "en", known.get("en", code)
    return next(iter(known.items()))
