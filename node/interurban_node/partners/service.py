"""Joining another node: invite, join, confirm; and what is known of each partner.

Neither side trusts a descriptor because it verifies: a verified descriptor only proves that
its identity key signed it. That the key is the right one is established by two people, each
reading the *other's own* words, and only then is the node pinned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.audit.service import record_irrevocable
from interurban_node.core import outbox
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    ConfigurationError,
    NotFoundError,
    PartnerRefusedError,
    RefusedError,
)
from interurban_node.core.journal import Irrevocable, JournalEntry
from interurban_node.core.observability import trace_headers
from interurban_node.partners.models import InvitationRow, PartnerKeyRow, PartnerRow
from interurban_node.partners.rules import (
    PairView,
    check_pairing,
    check_public,
    pair_view,
)
from interurban_protocol.encoding import (
    canonical_json,
    parse_json_object,
    sha256_digest,
)
from interurban_protocol.errors import MalformedError, OversizedError, WrongKeyError
from interurban_protocol.http_messages import HttpRequest
from interurban_protocol.http_signatures import sign_request, verify_response
from interurban_protocol.keys import KeySet, Purpose, normal_words
from interurban_protocol.node_descriptors import (
    VerifiedDescriptor,
    verify_descriptor,
    verify_successor,
)

DESCRIPTOR_PATH = "/.well-known/interurban-node"
DESCRIPTOR_FILE = "descriptor.json"
MAX_DESCRIPTOR_BYTES = 100_000
INVITATION_LIFETIME = timedelta(days=7)
HEARD_EVERY = timedelta(minutes=1)
CONFIRM_TOPIC = "confirm-partner"
_LATER_THAN_ANY = datetime.max.replace(tzinfo=UTC)
# From the tables, written once and past the mapper: every request of a partner asks this.
# What changes a partner's row therefore flushes it.
_PARTNERS = cast("sa.Table", PartnerRow.__table__).c
_KEYS = cast("sa.Table", PartnerKeyRow.__table__).c
_PINNED = (
    sa.select(_PARTNERS.origin, _PARTNERS.descriptor, _PARTNERS.last_heard_at)
    .where(_PARTNERS.confirmed_by_us_at.is_not(None))
    .order_by(_PARTNERS.origin)
)
_PINNED_BY_KEY = _PINNED.where(
    _KEYS.origin == _PARTNERS.origin, _KEYS.key_id == sa.bindparam("key_id")
)


@dataclass(frozen=True, slots=True)
class Partner:
    """A node that we have met, pinned or not."""

    origin: str
    descriptor: VerifiedDescriptor
    view: PairView
    confirmed_by_us: bool
    skew_seconds: float | None
    last_heard_at: datetime | None

    @property
    def name(self) -> str:
        """The city's name in English, or in whatever language it gives."""
        return self.descriptor.display_name()


_SEAL = object()


@dataclass(frozen=True, slots=True)
class PinnedPartner:
    """A node whose own words our operator has confirmed."""

    origin: str
    descriptor: VerifiedDescriptor
    heard_at: datetime | None  # when its clock was last compared with ours
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only a confirmed row makes a PinnedPartner")

    @property
    def name(self) -> str:
        """The city's name in English, or in whatever language it gives."""
        return self.descriptor.display_name()


@dataclass(frozen=True, slots=True)
class Invitation:
    """What `partner invite` gives to the operator."""

    link: str
    words: str
    expires_at: datetime


def own_descriptor(node: Node) -> VerifiedDescriptor:
    """The node's newest descriptor, as `init` or a key change wrote it.

    Raises:
        ConfigurationError: there is none.
    """
    path = node.home.path / DESCRIPTOR_FILE
    try:
        return _known_descriptor(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"{DESCRIPTOR_FILE} is missing in the home",
            next_step="Restore it from the backup; partners hold copies too.",
        ) from error


def invite(session: Session, node: Node, now: datetime) -> Invitation:
    """A link for one partner, valid for a week. The token is in the fragment, unlogged."""
    token = node.identifiers.token()
    expires_at = now + INVITATION_LIFETIME
    session.add(
        InvitationRow(token_hash=_hash(token), made_at=now, expires_at=expires_at)
    )
    link = f"{node.origin}{DESCRIPTOR_PATH}#invitation={token}"
    return Invitation(link, own_descriptor(node).words, expires_at)


def join(node: Node, link: str, now: datetime) -> Partner:
    """Meet the node behind an invitation link: fetch its descriptor, send ours.

    Raises:
        MalformedError: no invitation link.
        RefusedError: the two may not pair.
        PartnerUnavailableError, PartnerRefusedError: from the other side.
    """
    url, token = _split_link(link)
    origin = url.removesuffix(DESCRIPTOR_PATH)
    own = own_descriptor(node)
    if not node.settings.demo:
        check_public(origin)  # before anything is fetched from there
    descriptor = verify_descriptor(node.client.fetch_unsigned(url), now)
    if descriptor.payload.node != origin:
        raise RefusedError("the descriptor behind the link names another address")
    _check_may_pair(node, descriptor)
    body = canonical_json(
        {"descriptor": parse_json_object(own.document), "invitation": token}
    )
    _send_unpinned(
        node, descriptor, f"/api/v1/joins/{node.identifiers.message_id(now)}", body, now
    )
    with node.database.transaction() as session:
        return meet(session, descriptor, now)


def accept_join(
    session: Session, node: Node, body: bytes, now: datetime
) -> VerifiedDescriptor:
    """Meet a node that answers our invitation; its request was not verified yet.

    The caller verifies the request's signature with the returned descriptor's keys before
    the transaction ends.

    Raises:
        MalformedError: another shape.
        RefusedError: no such invitation, used, expired, or the two may not pair.
    """
    match parse_json_object(body):
        case {
            "descriptor": Mapping() as document,
            "invitation": str(token),
            **rest,
        } if not rest:
            descriptor = verify_descriptor(canonical_json(document), now)
        case _:
            raise MalformedError("a join has the members descriptor and invitation")
    _use_invitation(session, token, descriptor.payload.node, now)
    _check_may_pair(node, descriptor)
    meet(session, descriptor, now)
    return descriptor


def confirm(session: Session, node: Node, words: str, now: datetime) -> Partner:
    """Pin the partner whose own fingerprint reads `words`, and have it told.

    Raises:
        RefusedError: the words are no unconfirmed partner's.
    """
    wanted = normal_words(words)
    for row in session.scalars(sa.select(PartnerRow)):
        partner = _partner(row)
        if partner.descriptor.words == wanted:
            if row.confirmed_by_us_at is None:
                row.confirmed_by_us_at = now
                outbox.enqueue(
                    session,
                    topic=CONFIRM_TOPIC,
                    reference=row.origin,
                    payload=b"",
                    partner=row.origin,
                    now=now,
                )
            session.flush()
            return _partner(row)
    if wanted == own_descriptor(node).words:
        raise RefusedError(
            "these are this node's own words",
            next_step="Have the partner's operator read the words that their node shows.",
        )
    raise RefusedError(
        "the words are not those of any node that we have met",
        next_step="Have them read again. If they differ again, somebody may stand between "
        "the two nodes: stop and tell both cities' security contacts.",
    )


def tell_confirmed(node: Node, origin: str, now: datetime) -> None:
    """Tell a partner that we have confirmed its words.

    Raises:
        PartnerUnavailableError, PartnerRefusedError, NotFoundError.
    """
    with node.database.transaction() as session:
        descriptor = partner(session, origin).descriptor
    body = canonical_json({"confirmed": descriptor.identity.key_id})
    path = f"/api/v1/confirmations/{node.identifiers.message_id(now)}"
    _send_unpinned(node, descriptor, path, body, now)


def accept_confirmation(
    session: Session, node: Node, origin: str, body: bytes, now: datetime
) -> None:
    """Note that a partner, whose request was verified, has confirmed our words.

    Raises:
        MalformedError: another shape.
        WrongKeyError: it confirmed another identity than ours: somebody is in between.
    """
    match parse_json_object(body):
        case {"confirmed": str(key_id), **rest} if not rest:
            pass
        case _:
            raise MalformedError("a confirmation has the member confirmed")
    if key_id != own_descriptor(node).identity.key_id:
        raise WrongKeyError(
            "the partner confirmed another identity key than ours",
            next_step="Stop: somebody may stand between the two nodes. Start over.",
        )
    session.get_one(PartnerRow, origin).confirmed_by_them_at = now


def partners(session: Session) -> list[Partner]:
    """Every node that we have met, by address."""
    rows = session.scalars(sa.select(PartnerRow).order_by(PartnerRow.origin))
    return [_partner(row) for row in rows]


def partner(session: Session, origin: str) -> Partner:
    """One node that we have met.

    Raises:
        NotFoundError: never met.
    """
    row = session.get(PartnerRow, origin)
    if row is None:
        raise NotFoundError(
            f"{origin} is not a partner",
            next_step="Give the address exactly as `interurban partner list` shows it.",
        )
    return _partner(row)


def pinned(session: Session, origin: str) -> PinnedPartner:
    """A partner whose words were confirmed here.

    Raises:
        NotFoundError: never met.
        RefusedError: met, and its words not confirmed yet.
    """
    found = partner(session, origin)
    if not found.confirmed_by_us:
        raise RefusedError(
            f"{found.name} is not confirmed yet", next_step=found.view.next_move
        )
    return PinnedPartner(found.origin, found.descriptor, found.last_heard_at, _SEAL)


def pinned_partners(session: Session) -> list[PinnedPartner]:
    """Every partner whose words were confirmed here."""
    return [_pinned(*row) for row in session.execute(_PINNED)]


def pinned_by_key(session: Session, key_id: str) -> PinnedPartner | None:
    """The pinned partner that announced a key, if there is one."""
    row = session.execute(_PINNED_BY_KEY, {"key_id": key_id}).one_or_none()
    return _pinned(*row) if row is not None else None


def key_sets(session: Session, node: Node) -> Mapping[str, KeySet]:
    """The key histories of all pinned partners and of this node, by address."""
    sets = {
        found.origin: found.descriptor.key_set for found in pinned_partners(session)
    }
    return {**sets, node.origin: own_descriptor(node).key_set}


def names(session: Session, node: Node) -> Mapping[str, Mapping[str, str]]:
    """The cities' names by address and language, this one included."""
    known = {found.origin: found.descriptor.payload.name for found in partners(session)}
    return {**known, node.origin: node.settings.name}


def refresh_descriptor(
    session: Session, node: Node, origin: str, document: bytes, now: datetime
) -> None:
    """Take over a partner's newer descriptor, if it follows on the one that is held.

    It goes into the journal: it may say that a key is compromised, and a restored database
    must not trust that key again.

    Raises:
        ChainError: it does not follow; WrongKeyError: it claims another node's key.
        OversizedError: larger than any descriptor has to be.
    """
    if len(document) > MAX_DESCRIPTOR_BYTES:
        raise OversizedError(
            f"a descriptor is larger than {MAX_DESCRIPTOR_BYTES} bytes"
        )
    _take_over(session, origin, document, now)
    facts = {"partner": origin, "descriptor": document.decode("utf-8")}
    record_irrevocable(session, node, Irrevocable.PARTNER_DESCRIPTOR, facts, now)


def reapply(session: Session, node: Node, entry: JournalEntry, now: datetime) -> None:
    """Take over again the descriptor that a restored database has forgotten.

    A partner that the database does not know either has to join anew.

    Raises:
        ConfigurationError: the entry is not one that this feature wrote.
    """
    del node
    match entry.kind, entry.facts:
        case Irrevocable.PARTNER_DESCRIPTOR, {"partner": origin, "descriptor": text}:
            if session.get(PartnerRow, origin) is not None:
                _take_over(session, origin, text.encode(), now)
        case _:
            raise ConfigurationError(
                f"entry {entry.number} of the journal is no partner's descriptor"
            )


def _take_over(session: Session, origin: str, document: bytes, now: datetime) -> None:
    row = session.get_one(PartnerRow, origin)
    newer = verify_successor(_known_descriptor(row.descriptor), document, now)
    row.descriptor = newer.document
    _claim_keys(session, newer)


def note_heard(
    session: Session, partner: PinnedPartner, their_time: datetime, now: datetime
) -> None:
    """Note that a partner is up and how its clock differs, once in a minute.

    What waits for the partner becomes due then: it has just shown that it is there.
    """
    if partner.heard_at is not None and now - partner.heard_at < HEARD_EVERY:
        return
    row = session.get_one(PartnerRow, partner.origin)
    row.last_heard_at = now
    row.skew_seconds = (their_time - now).total_seconds()
    outbox.wake(session, partner.origin, now)


def meet(session: Session, descriptor: VerifiedDescriptor, now: datetime) -> Partner:
    """Note a node's verified descriptor; nothing is trusted before its words are confirmed.

    Raises:
        RefusedError: the node is pinned under another identity key.
        ChainError, WrongKeyError: it does not follow on what is held, or claims the key of
            another partner.
    """
    origin = descriptor.payload.node
    row = session.get(PartnerRow, origin)
    if row is None:
        row = PartnerRow(
            origin=origin,
            descriptor=descriptor.document,
            identity_key_id=descriptor.identity.key_id,
            met_at=now,
        )
        session.add(row)
        session.flush()
    elif row.identity_key_id == descriptor.identity.key_id:
        row.descriptor = verify_successor(
            _known_descriptor(row.descriptor), descriptor.document, now
        ).document
    elif (
        row.confirmed_by_us_at is None
    ):  # a new start before anybody confirmed anything
        row.descriptor = descriptor.document
        row.identity_key_id = descriptor.identity.key_id
        row.confirmed_by_them_at = None  # that was somebody else
    else:
        raise RefusedError(
            "the node is pinned under another identity key",
            next_step="A lost identity key needs a new address, or `partner list` and the "
            "partner's operator on the phone.",
        )
    _claim_keys(session, descriptor)
    return _partner(row)


def _claim_keys(session: Session, descriptor: VerifiedDescriptor) -> None:
    for entry in descriptor.key_set.keys:
        row = session.get(PartnerKeyRow, entry.key.key_id)
        if row is None:
            session.add(
                PartnerKeyRow(key_id=entry.key.key_id, origin=descriptor.payload.node)
            )
        elif row.origin != descriptor.payload.node:
            raise WrongKeyError("the descriptor announces a key of another partner")
    session.flush()


def _partner(row: PartnerRow) -> Partner:
    view = pair_view(
        confirmed_by_us=row.confirmed_by_us_at is not None,
        confirmed_by_them=row.confirmed_by_them_at is not None,
    )
    return Partner(
        row.origin,
        _known_descriptor(row.descriptor),
        view,
        row.confirmed_by_us_at is not None,
        row.skew_seconds,
        row.last_heard_at,
    )


def _pinned(origin: str, descriptor: bytes, heard_at: datetime | None) -> PinnedPartner:
    return PinnedPartner(origin, _known_descriptor(descriptor), heard_at, _SEAL)


@lru_cache(maxsize=256)
def _known_descriptor(document: bytes) -> VerifiedDescriptor:
    # Its issue date was checked when it was taken in.
    return verify_descriptor(document, _LATER_THAN_ANY)


def _check_may_pair(node: Node, descriptor: VerifiedDescriptor) -> None:
    check_pairing(
        our_demo=node.settings.demo,
        their_demo=descriptor.payload.demo,
        origin=descriptor.payload.node,
        own_origin=node.origin,
    )


def _use_invitation(session: Session, token: str, origin: str, now: datetime) -> None:
    row = session.get(InvitationRow, _hash(token))
    if row is None or row.expires_at <= now or row.used_by not in (None, origin):
        raise RefusedError(
            "the invitation is unknown, used or expired",
            next_step="Ask the partner's operator for a new `partner invite`.",
        )
    row.used_by = origin


def _send_unpinned(
    node: Node, descriptor: VerifiedDescriptor, path: str, body: bytes, now: datetime
) -> None:
    request = HttpRequest(
        "PUT",
        descriptor.payload.node + path,
        {"content-type": "application/json", **trace_headers()},
        body,
    )
    signed = sign_request(
        request, node.keys.exchange, created=now, nonce=node.identifiers.nonce()
    ).message
    response = node.client.send_unverified(signed)
    if response.status >= 400:
        raise PartnerRefusedError(
            f"the partner answered {response.status}: "
            f"{_told(response.body, 'detail') or 'no reason given'}",
            status=response.status,
            next_step=_told(response.body, "next_step"),
        )
    verify_response(
        response,
        signed,
        lambda key_id: descriptor.key_set.find(key_id, Purpose.EXCHANGE, now),
        at=now,
    )


def _told(body: bytes, member: str) -> str | None:
    """A text of the problem that a partner answered, if there is one."""
    try:
        text = parse_json_object(body).get(member)
    except MalformedError:
        return None
    return text if isinstance(text, str) else None


def _split_link(link: str) -> tuple[str, str]:
    try:
        parts = urlsplit(link.strip())
    except ValueError:
        parts = urlsplit("")
    token = parts.fragment.removeprefix("invitation=")
    if parts.path != DESCRIPTOR_PATH or not token or token == parts.fragment:
        raise MalformedError(
            "this is no invitation link",
            next_step="Copy the whole link that `partner invite` printed, in quotes.",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}", token


def _hash(token: str) -> str:
    return sha256_digest(token.encode())


def descriptor_file(home: Path) -> Path:
    """Where a home keeps its own newest descriptor."""
    return home / DESCRIPTOR_FILE
