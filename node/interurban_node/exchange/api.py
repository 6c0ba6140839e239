"""The addresses that other nodes use. Everything under /api/v1 is signed both ways.

A GET of a release may also be made with a bearer token of this city's own programs: another
proof into the same decision and the same log, of a lower evidence grade, answered unsigned.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from interurban_node.accounts import service as accounts
from interurban_node.accounts.rules import Role
from interurban_node.aggregates import service as aggregates
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, NotSignedInError
from interurban_node.core.web import (
    NodeDependency,
    WireRequestDependency,
    to_web,
)
from interurban_node.credentials import service as credentials
from interurban_node.exchange import inbox, service, serving
from interurban_node.exchange.service import JOSE, JSON, Answer
from interurban_node.exchange.serving import Wanted
from interurban_node.partners import service as partners
from interurban_node.partners.authentication import (
    VerifiedRequest,
    key_finder,
    remember_nonce,
    verify_for_us,
)
from interurban_node.partners.service import DESCRIPTOR_PATH
from interurban_node.structures import service as structures
from interurban_protocol.encoding import MAX_SAFE_INTEGER, canonical_json
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import key_id_of, sign_response
from interurban_protocol.keys import PublicKey
from interurban_protocol.node_descriptors import did_document

router = APIRouter()
PUBLIC = {"cache-control": "public, max-age=300, no-transform"}
STATUS_LIST = "application/statuslist+jwt"
READERS = frozenset(
    {Role.SERVICE, Role.IT_OPERATOR, Role.COMMITTEE_MEMBER, Role.AUDITOR}
)


@router.get(DESCRIPTOR_PATH)
def descriptor(node: NodeDependency) -> Response:
    """The node's signed descriptor."""
    document = partners.own_descriptor(node).document
    return Response(document, media_type=JOSE, headers=PUBLIC)


@router.get("/.well-known/did.json")
def did(node: NodeDependency) -> Response:
    """The same keys as a `did:web` document."""
    document = canonical_json(did_document(partners.own_descriptor(node)))
    return Response(document, media_type="application/did+json", headers=PUBLIC)


@router.put("/api/v1/joins/{message_id}")
def join(
    message_id: str, node: NodeDependency, request: WireRequestDependency
) -> Response:
    """A node answers our invitation with its descriptor; signed with a key in it."""
    del message_id
    now = node.clock()
    with node.database.transaction() as session:
        found = partners.accept_join(session, node, request.body, now)
        signature = verify_for_us(node, request, key_finder(found.key_set, now), now)
        remember_nonce(session, found.payload.node, signature, now)
        return _signed(node, request, canonical_json({"state": "words needed"}), now)


@router.put("/api/v1/confirmations/{message_id}")
def confirmation(
    message_id: str, node: NodeDependency, request: WireRequestDependency
) -> Response:
    """A node that we have met has confirmed our words."""
    del message_id
    now = node.clock()
    with node.database.transaction() as session:
        found = _met_by_key(session, key_id_of(request.headers))
        signature = verify_for_us(node, request, _finder_of(found, now), now)
        remember_nonce(session, found.origin, signature, now)
        partners.accept_confirmation(session, node, found.origin, request.body, now)
        return _signed(node, request, canonical_json({"state": "noted"}), now)


@router.put("/api/v1/messages/{message_id}")
def message(
    message_id: str, node: NodeDependency, request: WireRequestDependency
) -> Response:
    """A message of one of the kinds in the closed table."""
    now = node.clock()

    def work(session: Session, verified: VerifiedRequest) -> Answer:
        return inbox.receive_once(session, node, verified, message_id, now)

    return to_web(service.answer_partner(node, request, work, now))


@router.get("/api/v1/releases")
def releases(
    node: NodeDependency,
    request: WireRequestDependency,
    asked: Request,
    after: Annotated[int, Query(ge=0, le=MAX_SAFE_INTEGER)] = 0,
) -> Response:
    """The releases for the asker with a sequence above `after`, in order."""
    now = node.clock()

    def work(session: Session, verified: VerifiedRequest) -> Answer:
        found = serving.releases_for(session, node, verified, after, now)
        return serving.listing(found)

    def own(session: Session) -> Answer:
        newest_first = aggregates.own_releases(session)
        found = [facts for facts in reversed(newest_first) if facts.sequence > after]
        return serving.listing(found)

    return _answer_reader(node, request, asked, work, own, now)


@router.get("/api/v1/releases/{release_id}/{part}")
def release_part(
    release_id: str,
    part: str,
    node: NodeDependency,
    request: WireRequestDependency,
    asked: Request,
) -> Response:
    """The signed manifest of a release, or its data; the same bytes for everybody."""
    now = node.clock()
    wanted = Wanted(release_id, part, asked.headers.get("if-none-match", ""))

    def work(session: Session, verified: VerifiedRequest) -> Answer:
        return serving.send_to_partner(session, node, verified, wanted, now)

    def own(session: Session) -> Answer:
        return serving.send_to_own(session, node, wanted, now)

    return _answer_reader(node, request, asked, work, own, now)


@router.get("/api/v1/structures/{digest}")
def structure(
    digest: str, node: NodeDependency, request: WireRequestDependency
) -> Response:
    """A structure bundle; about nobody."""

    def work(session: Session, verified: VerifiedRequest) -> Answer:
        del verified
        return Answer(200, JSON, structures.bundle(session, digest))

    return to_web(service.answer_partner(node, request, work, node.clock()))


@router.get("/api/v1/status-lists/{list_id}")
def status_list(
    list_id: str, node: NodeDependency, request: WireRequestDependency
) -> Response:
    """The asker's own private status list; protective, so suspension does not stop it."""
    now = node.clock()

    def work(session: Session, verified: VerifiedRequest) -> Answer:
        origin = verified.partner.origin
        token = credentials.status_list_token(session, node, origin, list_id, now)
        return Answer(200, STATUS_LIST, token.encode("ascii"))

    return to_web(service.answer_partner(node, request, work, now))


def _answer_reader(
    node: Node,
    request: HttpRequest,
    asked: Request,
    work: service.Work,
    own: Callable[[Session], Answer],
    now: datetime,
) -> Response:
    """Signed to a partner; unsigned to a program of this city, shown by its token."""
    if not _bearer(asked):
        return to_web(service.answer_partner(node, request, work, now))
    with node.database.transaction() as session:
        _check_reader(session, node, asked, now)
        answer = own(session)
    headers = {**service.PRIVATE, **service.tagged(answer)}
    return Response(answer.body, answer.status, headers, media_type=answer.content_type)


def _bearer(asked: Request) -> str:
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _check_reader(session: Session, node: Node, asked: Request, now: datetime) -> None:
    token = accounts.verify_token(session, node, _bearer(asked), now)
    if token.role not in READERS:
        raise NotSignedInError("the token's role may not read releases")


def _met_by_key(session: Session, key_id: str) -> partners.Partner:
    for found in partners.partners(session):
        if any(entry.key.key_id == key_id for entry in found.descriptor.key_set.keys):
            return found
    raise NotFoundError("the key is not that of a node that this one has met")


def _finder_of(found: partners.Partner, now: datetime) -> Callable[[str], PublicKey]:
    return key_finder(found.descriptor.key_set, now)


def _signed(node: Node, request: HttpRequest, body: bytes, now: datetime) -> Response:
    headers = {"content-type": JSON, **service.PRIVATE}
    response = HttpResponse(200, headers, body)
    return to_web(
        sign_response(response, request, node.keys.exchange, created=now).message
    )
