"""Who sent this request: the only place where a `VerifiedRequest` is made."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.core.context import Node
from interurban_node.core.database import insert_once
from interurban_node.partners import service
from interurban_node.partners.models import NonceRow
from interurban_node.partners.service import PinnedPartner
from interurban_protocol.errors import (
    ReplayedError,
    SignatureInvalidError,
    UnknownKeyError,
    WrongTargetError,
)
from interurban_protocol.http_messages import HttpRequest
from interurban_protocol.http_signatures import (
    MAX_LIFETIME_SECONDS,
    MAX_SKEW_SECONDS,
    KeyFinder,
    VerifiedSignature,
    verify_request,
)
from interurban_protocol.keys import KeySet, PublicKey, Purpose

_SEAL = object()


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """A request of a pinned partner: signed, in time, for us, and new."""

    partner: PinnedPartner
    request: HttpRequest
    signature: VerifiedSignature
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only partners.authentication makes a VerifiedRequest")


def verify_partner_request(
    session: Session, node: Node, request: HttpRequest, now: datetime
) -> VerifiedRequest:
    """The request as that of a pinned partner.

    Raises:
        InterurbanError: as `verify_request`; UnknownKeyError where the key is no pinned
            partner's; WrongTargetError where it was signed for another host;
            ReplayedError where its nonce was seen before.
    """
    found: list[PinnedPartner] = []

    def find_key(key_id: str) -> PublicKey:
        partner = service.pinned_by_key(session, key_id)
        if partner is None:
            raise UnknownKeyError("the key is not that of a partner of this node")
        found.append(partner)
        return partner.descriptor.key_set.find(key_id, Purpose.EXCHANGE, now)

    signature = verify_for_us(node, request, find_key, now)
    partner = found[0]
    remember_nonce(session, partner.origin, signature, now)
    service.note_heard(session, partner, signature.created, now)
    return VerifiedRequest(partner, request, signature, _SEAL)


def verify_for_us(
    node: Node,
    request: HttpRequest,
    find_key: KeyFinder,
    now: datetime,
) -> VerifiedSignature:
    """The request's signature; a failure names a wrong host where that is the cause.

    The address is built from the configured origin. Only when that does not verify, the
    Host field is looked at, to tell a misdirected request from a forged one.

    Raises:
        InterurbanError: as `verify_request`, or WrongTargetError.
    """
    try:
        return verify_request(request, find_key, at=now)
    except SignatureInvalidError as error:
        host = request.headers.get("host", "")
        if host and host != urlsplit(node.origin).netloc:
            raise WrongTargetError(
                f"the request was sent to {host[:100]}, and this node is {node.origin}"
            ) from error
        raise


def key_finder(key_set: KeySet, now: datetime) -> KeyFinder:
    """Finds exchange keys in one key set."""
    return lambda key_id: key_set.find(key_id, Purpose.EXCHANGE, now)


def remember_nonce(
    session: Session, origin: str, signature: VerifiedSignature, now: datetime
) -> None:
    """Accept a nonce once.

    Raises:
        ReplayedError: it was accepted before.
    """
    del now
    lifetime = timedelta(seconds=MAX_LIFETIME_SECONDS + 2 * MAX_SKEW_SECONDS)
    is_new = insert_once(
        session,
        NonceRow,
        origin=origin,
        nonce=signature.nonce or "",
        expires_at=signature.created + lifetime,
    )
    if not is_new:
        raise ReplayedError("the nonce was used before")


def forget_nonces(session: Session, now: datetime) -> int:
    """Drop nonces whose requests can no longer be accepted; how many."""
    result = session.execute(sa.delete(NonceRow).where(NonceRow.expires_at < now))
    return int(result.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it
