"""Answering partners, and asking them: signed both ways, logged, kept as evidence.

An answer to a partner is made in one transaction: verify, nonce, the work itself, log row,
evidence row; then it is signed and committed, and only then sent. Work that is refused is
rolled back as a whole; a second transaction signs the refusal and keeps it like any other
answer, which costs nothing where nothing is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from interurban_node.aggregates import service as aggregates
from interurban_node.agreements import service as agreements
from interurban_node.audit.service import SignedExchange, record_exchange
from interurban_node.core import outbox
from interurban_node.core.client import Exchange
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    AlreadyDoneError,
    PartnerRefusedError,
)
from interurban_node.core.observability import span, trace_headers
from interurban_node.core.problems import problem_for
from interurban_node.credentials import service as credentials
from interurban_node.exchange.models import PullRow
from interurban_node.partners import service as partners
from interurban_node.partners.authentication import (
    VerifiedRequest,
    key_finder,
    verify_partner_request,
)
from interurban_node.partners.service import DESCRIPTOR_PATH, PinnedPartner
from interurban_node.structures import service as structures
from interurban_protocol.encoding import (
    JsonValue,
    check_digest_form,
    parse_json_object,
)
from interurban_protocol.errors import InterurbanError, MalformedError
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import sign_response
from interurban_protocol.messages import parse_message
from interurban_protocol.problems import MEDIA_TYPE
from interurban_protocol.releases import (
    check_follows_plan,
    verify_manifest,
    verify_release,
)

JSON = "application/json"
JOSE = "application/jose+json"
PRIVATE = {"cache-control": "private, no-store, no-transform"}
# Refusals that sending the same bytes again cannot change.
NOT_PUBLISHED = "not-published"
_FINAL = frozenset({"malformed", "unsupported", "oversized", "message-conflict"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answers, before it is signed."""

    status: int
    content_type: str
    body: bytes
    tag: str = ""  # what a reader may name in If-None-Match


Work = Callable[[Session, VerifiedRequest], Answer]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PullSummary:
    """What pulling from one partner gave."""

    partner: str
    new: tuple[str, ...]  # release ids
    problem: str | None = None


def answer_partner(
    node: Node, request: HttpRequest, work: Work, now: datetime
) -> HttpResponse:
    """The signed answer to a partner's request, with log and evidence committed.

    Raises:
        InterurbanError: the request is no pinned partner's; nothing is kept or signed.
    """
    try:
        return _answered(node, request, work, now)
    except _WorkRefusedError as refused:
        problem = problem_for(refused.reason)
    refusal = Answer(problem.type.status, MEDIA_TYPE, problem.to_json())
    return _answered(node, request, lambda *_: refusal, now)


class _WorkRefusedError(Exception):
    """Takes a refusal out of the transaction that it undoes; never leaves this module."""

    def __init__(self, reason: InterurbanError) -> None:
        super().__init__()
        self.reason = reason


def _answered(
    node: Node, request: HttpRequest, work: Work, now: datetime
) -> HttpResponse:
    with node.database.transaction() as session:
        verified = verify_partner_request(session, node, request, now)
        try:
            answer = work(session, verified)
        except InterurbanError as error:
            raise _WorkRefusedError(error) from error
        return _signed_answer(session, node, verified, answer, now)


def ask(
    node: Node, partner: PinnedPartner, method: str, path: str, body: bytes = b""
) -> Exchange:
    """One signed request to a partner, recorded as evidence, refusal or not.

    Raises:
        PartnerUnavailableError: no verifiable answer.
        PartnerRefusedError: it refused; recorded before this is raised.
    """
    now = node.clock()
    with span(f"{method} to partner"):
        headers = {**trace_headers(), **({"content-type": JSON} if body else {})}
        exchange = node.client.send_signed(
            HttpRequest(method, partner.origin + path, headers, body),
            node.keys.exchange,
            find_key=key_finder(partner.descriptor.key_set, now),
            nonce=node.identifiers.nonce(),
            now=now,
        )
        with node.database.transaction() as session:
            _record_asked(session, partner, exchange, now)
    exchange.check_accepted()
    return exchange


def pull(node: Node, origin: str, progress: Progress = lambda _: None) -> PullSummary:
    """Fetch, verify and keep a partner's releases that name us, beyond what we have.

    Raises:
        NotFoundError, RefusedError: not a pinned partner.
        PartnerError: it does not answer, or refuses.
        VerificationError, MalformedError: a release that does not verify is not kept, and
            the next pull begins there again.
    """
    with node.database.transaction() as session:
        partner = partners.pinned(session, origin)
        row = session.get(PullRow, origin)
        after = row.after if row else 0
    refresh_descriptor(node, partner)
    with node.database.transaction() as session:
        partner = partners.pinned(session, origin)
    new: list[str] = []
    while True:
        listed = _list(node, partner, after)
        for release_id, sequence in listed:
            if not _pull_published(node, partner, release_id, sequence):
                return PullSummary(origin, tuple(new))  # later ones wait behind it
            progress(release_id)
            new.append(release_id)
            after = sequence
        if not listed:
            return PullSummary(origin, tuple(new))


def pull_all(node: Node, progress: Progress = lambda _: None) -> list[PullSummary]:
    """Pull from every pinned partner; one that fails does not stop the others."""
    with node.database.transaction() as session:
        origins = [partner.origin for partner in partners.pinned_partners(session)]
    return [_pull_or_problem(node, origin, progress) for origin in origins]


def deliver(node: Node, intent: outbox.Intent) -> None:
    """Send one waiting message and settle or postpone its row."""
    now = node.clock()
    try:
        _deliver(node, intent, now)
    except InterurbanError as error:  # an answer that is no answer counts as none
        final = isinstance(error, AlreadyDoneError) or (
            isinstance(error, PartnerRefusedError) and error.slug in _FINAL
        )
        settle = outbox.abandon if final else outbox.postpone
        with node.database.transaction() as session:
            settle(session, intent.id, now, error.message)


def _deliver(node: Node, intent: outbox.Intent, now: datetime) -> None:
    origin = intent.partner or ""
    row = parse_message(intent.payload).kind
    kind = row.kind
    with node.database.transaction() as session:
        partner = partners.pinned(session, origin)
        if not outbox.still_waits(session, intent.id):
            return
        if row.discloses:  # what was allowed when it was queued may be stopped by now
            credentials.check_may_still_be_sent(session, node, intent.reference, now)
    exchange = ask(
        node, partner, "PUT", f"/api/v1/messages/{intent.reference}", intent.payload
    )
    with node.database.transaction() as session:
        outbox.settle(session, intent.id, now)
        if kind in ("credential-reference", "reference-ended"):
            credentials.delivered(
                session,
                node,
                origin,
                intent.reference,
                kind,
                exchange.response.body,
                now,
            )


def fetch_status_list(node: Node, origin: str, uri: str) -> None:
    """Fetch one status list from its issuer and keep it.

    Raises:
        PartnerError, VerificationError: nothing is changed then; what is held ages.
    """
    with node.database.transaction() as session:
        partner = partners.pinned(session, origin)
    path = uri.removeprefix(origin)
    if path == uri or not path.startswith("/api/v1/status-lists/"):
        raise MalformedError("a status list lies outside its issuer's address")
    exchange = ask(node, partner, "GET", path)
    now = node.clock()
    with node.database.transaction() as session:
        credentials.store_status_list(
            session,
            node,
            origin,
            uri,
            exchange.response.body.decode("ascii", "replace"),
            now,
        )


def refresh_descriptor(node: Node, partner: PinnedPartner) -> None:
    """Take over a partner's newer descriptor, if it has one.

    Raises:
        PartnerError: no answer. ChainError: it does not follow on the one that is held.
    """
    document = node.client.fetch_unsigned(partner.origin + DESCRIPTOR_PATH)
    if document != partner.descriptor.document:
        now = node.clock()
        with node.database.transaction() as session:
            partners.refresh_descriptor(session, node, partner.origin, document, now)


def tagged(answer: Answer) -> Mapping[str, str]:
    """The `etag` field of an answer, where it has a tag."""
    return {"etag": answer.tag} if answer.tag else {}


def _signed_answer(
    session: Session,
    node: Node,
    verified: VerifiedRequest,
    answer: Answer,
    now: datetime,
) -> HttpResponse:
    headers = {"content-type": answer.content_type, **PRIVATE, **tagged(answer)}
    signed = sign_response(
        HttpResponse(answer.status, headers, answer.body),
        verified.request,
        node.keys.exchange,
        created=now,
    )
    record_exchange(
        session,
        SignedExchange(
            direction="answered",
            partner=verified.partner.origin,
            method=verified.request.method,
            target=verified.request.target_uri,
            request=verified.signature,
            status=answer.status,
            response=signed,
        ),
        now,
    )
    return signed.message


def _record_asked(
    session: Session,
    partner: PinnedPartner,
    exchange: Exchange,
    now: datetime,
) -> None:
    partners.note_heard(session, partner, exchange.signature.created, now)
    record_exchange(
        session,
        SignedExchange(
            direction="asked",
            partner=partner.origin,
            method=exchange.request.message.method,
            target=exchange.request.message.target_uri,
            request=exchange.request,
            status=exchange.response.status,
            response=exchange.signature,
        ),
        now,
    )


def _list(node: Node, partner: PinnedPartner, after: int) -> list[tuple[str, int]]:
    query = urlencode({"after": after})
    exchange = ask(node, partner, "GET", f"/api/v1/releases?{query}")
    match parse_json_object(exchange.response.body):
        case {"releases": [*entries]}:
            listed = [_entry(entry) for entry in entries]
        case _:
            raise MalformedError("the partner's list of releases has another form")
    if any(sequence <= after for _, sequence in listed):
        raise MalformedError("the partner's list of releases goes backwards")
    return listed


def _entry(entry: JsonValue) -> tuple[str, int]:
    match entry:
        case {"id": str(release_id), "sequence": int(sequence)}:
            return check_digest_form(release_id), sequence
        case _:
            raise MalformedError("an entry in the list of releases has another form")


def _pull_published(
    node: Node, partner: PinnedPartner, release_id: str, sequence: int
) -> bool:
    try:
        _pull_one(node, partner, release_id, sequence)
    except PartnerRefusedError as error:
        if error.slug != NOT_PUBLISHED:
            raise
        return False
    return True


def _pull_one(
    node: Node, partner: PinnedPartner, release_id: str, sequence: int
) -> None:
    path = f"/api/v1/releases/{release_id}"
    manifest = ask(node, partner, "GET", f"{path}/manifest").response.body
    now = node.clock()
    keys = {partner.origin: partner.descriptor.key_set}
    found = verify_manifest(manifest, keys=keys, at=now)
    payload = found.manifest
    if (found.release_id, payload.publisher) != (release_id, partner.origin):
        raise MalformedError("the partner's manifest is that of another release")
    with node.database.transaction() as session:
        plan = agreements.plan_in_force(session, node, payload.plan, now)
        check_follows_plan(payload, plan.plan)  # so its structure was adopted here
        structure = structures.structure(session, payload.structure)
    data = ask(node, partner, "GET", f"{path}/data").response.body
    verified = verify_release(manifest, data, structure=structure, keys=keys, at=now)
    with node.database.transaction() as session:
        aggregates.store_pulled(session, verified, now)
        row = session.get(PullRow, partner.origin)
        if row is None:
            session.add(PullRow(partner=partner.origin, after=sequence, at=now))
        else:
            row.after, row.at = sequence, now


def _pull_or_problem(node: Node, origin: str, progress: Progress) -> PullSummary:
    try:
        return pull(node, origin, progress)
    except InterurbanError as error:
        return PullSummary(origin, (), error.message)
