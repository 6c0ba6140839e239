"""Serving releases: decide, log, read, in this order, whoever asks.

A reader that names in `If-None-Match` what it holds is answered 304. The decision is made
all the same, so that a suspended partner does not even learn that nothing changed; but no
bytes are sent, so no use is logged. The signature of a 304 covers the status, the digest of
the empty content, and the request with its address; it needs no more, because the address
holds the release's digest and what it names never changes. `If-None-Match` itself is not
signed: who adds one on the way gets an answer that our client takes for none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from interurban_node.aggregates import service as aggregates
from interurban_node.agreements import service as agreements
from interurban_node.audit.service import UsageEntry
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    NotFoundError,
    NotPublishedError,
    RefusedError,
    SuspendedError,
)
from interurban_node.exchange.service import JOSE, JSON, Answer
from interurban_node.partners.authentication import VerifiedRequest
from interurban_node.policy import service as policy
from interurban_node.policy.rules import Permit, ReleaseFacts
from interurban_protocol.encoding import JsonValue, canonical_json, format_time
from interurban_protocol.releases import MEDIA_TYPE as DATA_TYPE

LIST_LIMIT: Final = 100
Read = Callable[[Session, UsageEntry, str], bytes]
_PARTS: Final[Mapping[str, tuple[str, Read]]] = {
    "manifest": (JOSE, aggregates.manifest_bytes),
    "data": (DATA_TYPE, aggregates.data_bytes),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of a release, and the tags of what the reader holds already."""

    release_id: str
    part: str
    known: str  # the field If-None-Match as it came


def send_to_partner(
    session: Session,
    node: Node,
    verified: VerifiedRequest,
    wanted: Wanted,
    now: datetime,
) -> Answer:
    """A part of a release for a partner.

    Raises:
        NotFoundError, RefusedError, RecoveringError: nothing is sent or logged.
    """
    facts = _facts(session, wanted)
    permit = policy.permit_release(session, node, verified, facts, now)
    return _send(session, permit, wanted, now)


def send_to_own(session: Session, node: Node, wanted: Wanted, now: datetime) -> Answer:
    """The same for a program of this city that has shown its token.

    Raises:
        NotFoundError, RefusedError, RecoveringError: nothing is sent or logged.
    """
    permit = policy.permit_own_release(session, node, _facts(session, wanted), now)
    return _send(session, permit, wanted, now)


def releases_for(
    session: Session, node: Node, verified: VerifiedRequest, after: int, now: datetime
) -> Sequence[aggregates.ReleaseFacts]:
    """What a partner may have now, in order, with a sequence above `after`; a page of it.

    The list ends before the first release that the partner may have later, whether it is
    suspended or not published yet: a reader moves its `after` along the list, and must not
    pass by what it could not fetch. What no agreement covers any more is left out.

    Raises:
        SuspendedError: disclosure to the partner is suspended in every agreement with it.
        RecoveringError: nothing is served now.
    """
    _check_not_suspended(session, node, verified.partner.origin, now)
    listed = aggregates.list_releases(session, after, verified.partner.origin)
    decisions = {facts.release_id: _deciding(facts) for facts in listed}
    asked = list(decisions.values())
    permits = policy.permitted_releases(session, node, verified, asked, now)
    found = []
    for facts in listed:
        if facts.release_id in permits:
            found.append(facts)
        elif _comes_later(session, node, verified, decisions[facts.release_id], now):
            break
    return found[:LIST_LIMIT]


def listing(found: Sequence[aggregates.ReleaseFacts]) -> Answer:
    """The list as it is sent."""
    entries: JsonValue = [
        {
            "id": facts.release_id,
            "sequence": facts.sequence,
            "dataflow": facts.dataflow,
            "period": facts.period,
            "plan": facts.plan,
            "publication_at": format_time(facts.publication_at),
        }
        for facts in found
    ]
    return Answer(200, JSON, canonical_json({"releases": entries}))


def _send(session: Session, permit: Permit, wanted: Wanted, now: datetime) -> Answer:
    content_type, read = _PARTS[wanted.part]
    tag = f'"{wanted.release_id}"'  # the address tells the parts apart
    if _is_known(wanted.known, tag):
        return Answer(304, content_type, b"", tag)
    entry = policy.log_use(session, permit, now)
    return Answer(200, content_type, read(session, entry, wanted.release_id), tag)


def _is_known(field: str, tag: str) -> bool:
    """Whether `If-None-Match` names the tag (RFC 9110 section 13.1.2, weak comparison)."""
    named = [part.strip().removeprefix("W/") for part in field.split(",")]
    return tag in named or named == ["*"]


def _facts(session: Session, wanted: Wanted) -> ReleaseFacts:
    if wanted.part not in _PARTS:
        raise NotFoundError("a release has a manifest and data, and nothing else")
    return _deciding(aggregates.release(session, wanted.release_id))


def _deciding(found: aggregates.ReleaseFacts) -> ReleaseFacts:
    return ReleaseFacts(
        release_id=found.release_id,
        plan_id=found.plan,
        purpose=found.purpose,
        recipients=found.recipients,
        publication_at=found.publication_at,
    )


def _comes_later(
    session: Session,
    node: Node,
    verified: VerifiedRequest,
    release: ReleaseFacts,
    now: datetime,
) -> bool:
    try:
        policy.permit_release(session, node, verified, release, now)
    except (NotPublishedError, SuspendedError):
        return True
    except RefusedError:
        return False
    return False


def _check_not_suspended(
    session: Session, node: Node, partner: str, now: datetime
) -> None:
    shared = [
        found
        for found in agreements.in_force(session, node, now)
        if partner in found.agreement.payload.nodes
    ]
    if shared and all(partner in found.suspended_towards for found in shared):
        raise SuspendedError(
            "this node has suspended new disclosure to the asking node",
            reasons=("protective traffic (status, notices, acknowledgements) goes on",),
        )


__all__ = [
    "LIST_LIMIT",
    "Wanted",
    "listing",
    "releases_for",
    "send_to_own",
    "send_to_partner",
]
