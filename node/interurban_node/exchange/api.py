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
from interurban_node.audit.service import UsageEntry
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, NotSignedInError
from interurban_node.core.web import (
    NodeDependency,
    SessionDependency,
    WireRequestDependency,
    to_web,
)
from interurban_node.credentials import service as credentials
from interurban_node.exchange import service
from interurban_node.exchange.service import JSON, Answer
from interurban_node.partners import service as partners
from interurban_node.partners.authentication import (
    VerifiedRequest,
    key_finder,
    remember_nonce,
    verify_for_us,
)
from interurban_node.partners.service import DESCRIPTOR_PATH
from interurban_node.policy import service as policy
from interurban_node.policy.rules import Permit, ReleaseFacts
from interurban_node.structures import service as structures
from interurban_protocol.encoding import (
    MAX_SAFE_INTEGER,
    canonical_json,
    format_time,
)
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import key_id_of, sign_response
from interurban_protocol.keys import PublicKey
from interurban_protocol.node_descriptors import did_document
from interurban_protocol.releases import MEDIA_TYPE as DATA_TYPE

router = APIRouter()
PUBLIC = {"cache-control": "public, max-age=300, no-transform"}
JOSE = "application/jose+json"
STATUS_LIST = "application/statuslist+jwt"
READERS = frozenset(
    {Role.SERVICE, Role.IT_OPERATOR, Role.COMMITTEE_MEMBER, Role.AUDITOR}
)
LIST_LIMIT = 100


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
    message_id: str,
    node: NodeDependency,
    session: SessionDependency,
    request: WireRequestDependency,
) -> Response:
    """A node answers our invitation with its descriptor; signed with a key in it."""
    del message_id
    now = node.clock()
    found = partners.accept_join(session, node, request.body, now)
    signature = verify_for_us(node, request, key_finder(found.key_set, now), now)
    remember_nonce(session, found.payload.node, signature, now)
    return _signed(node, request, canonical_json({"state": "words needed"}), now)


@router.put("/api/v1/confirmations/{message_id}")
def confirmation(
    message_id: str,
    node: NodeDependency,
    session: SessionDependency,
    request: WireRequestDependency,
) -> Response:
    """A node that we have met has confirmed our words."""
    del message_id
    now = node.clock()
    found = _met_by_key(session, key_id_of(request.headers))
    signature = verify_for_us(node, request, _finder_of(found, now), now)
    remember_nonce(session, found.origin, signature, now)
    partners.accept_confirmation(session, node, found.origin, request.body, now)
    return _signed(node, request, canonical_json({"state": "noted"}), now)


@router.put("/api/v1/messages/{message_id}")
def message(
    message_id: str,
    node: NodeDependency,
    session: SessionDependency,
    request: WireRequestDependency,
) -> Response:
    """A message of one of the kinds in the closed table."""
    now = node.clock()

    def work(verified: VerifiedRequest) -> Answer:
        return service.receive_message(session, node, verified, now)

    done_once = service.once(session, message_id, work, "message", now)
    return to_web(service.answer_partner(session, node, request, done_once, now))


@router.get("/api/v1/releases")
def releases(
    node: NodeDependency,
    session: SessionDependency,
    request: WireRequestDependency,
    asked: Request,
    after: Annotated[int, Query(ge=0, le=MAX_SAFE_INTEGER)] = 0,
) -> Response:
    """The releases for the asker with a sequence above `after`, in order."""
    now = node.clock()
    if _bearer(asked):
        _check_reader(session, node, asked, now)
        listed = [
            f for f in reversed(aggregates.own_releases(session)) if f.sequence > after
        ]
        return Response(_listing(listed), media_type=JSON, headers=service.PRIVATE)

    def work(verified: VerifiedRequest) -> Answer:
        found = aggregates.list_releases(session, after, verified.partner.origin)
        return Answer(200, JSON, _listing(found[:LIST_LIMIT]))

    return to_web(service.answer_partner(session, node, request, work, now))


@router.get("/api/v1/releases/{release_id}/manifest")
def manifest(
    release_id: str,
    node: NodeDependency,
    session: SessionDependency,
    request: WireRequestDependency,
    asked: Request,
) -> Response:
    """The signed manifest of a release."""

    def read(entry: UsageEntry) -> Answer:
        return Answer(200, JOSE, aggregates.manifest_bytes(session, entry, release_id))

    return _send_release(session, node, request, asked, release_id, read)


@router.get("/api/v1/releases/{release_id}/data")
def data(
    release_id: str,
    node: NodeDependency,
    session: SessionDependency,
    request: WireRequestDependency,
    asked: Request,
) -> Response:
    """The data of a release, the same bytes for everybody."""

    def read(entry: UsageEntry) -> Answer:
        return Answer(200, DATA_TYPE, aggregates.data_bytes(session, entry, release_id))

    return _send_release(session, node, request, asked, release_id, read)


@router.get("/api/v1/structures/{digest}")
def structure(
    digest: str,
    node: NodeDependency,
    session: SessionDependency,
    request: WireRequestDependency,
) -> Response:
    """A structure bundle; about nobody."""

    def work(verified: VerifiedRequest) -> Answer:
        del verified
        return Answer(200, JSON, structures.bundle(session, digest))

    return to_web(service.answer_partner(session, node, request, work, node.clock()))


@router.get("/api/v1/status-lists/{list_id}")
def status_list(
    list_id: str,
    node: NodeDependency,
    session: SessionDependency,
    request: WireRequestDependency,
) -> Response:
    """The asker's own private status list; protective, so suspension does not stop it."""
    now = node.clock()

    def work(verified: VerifiedRequest) -> Answer:
        origin = verified.partner.origin
        token = credentials.status_list_token(session, node, origin, list_id, now)
        return Answer(200, STATUS_LIST, token.encode("ascii"))

    return to_web(service.answer_partner(session, node, request, work, now))


def _send_release(
    session: Session,
    node: Node,
    request: HttpRequest,
    asked: Request,
    release_id: str,
    read: Callable[[UsageEntry], Answer],
) -> Response:
    """Decide, log, read: in this order, whoever asks."""
    now = node.clock()
    if _bearer(asked):
        _check_reader(session, node, asked, now)
        permit = policy.permit_own_release(
            session, node, _facts(session, release_id), now
        )
        answer = read(policy.log_use(session, permit, now))
        return Response(
            answer.body, media_type=answer.content_type, headers=service.PRIVATE
        )

    def work(verified: VerifiedRequest) -> Answer:
        permit: Permit = policy.permit_release(
            session, node, verified, _facts(session, release_id), now
        )
        return read(policy.log_use(session, permit, now))

    return to_web(service.answer_partner(session, node, request, work, now))


def _facts(session: Session, release_id: str) -> ReleaseFacts:
    found = aggregates.release(session, release_id)
    return ReleaseFacts(
        release_id=found.release_id,
        plan_id=found.plan,
        purpose=found.purpose,
        recipients=found.recipients,
        publication_at=found.publication_at,
    )


def _listing(found: list[aggregates.ReleaseFacts]) -> bytes:
    return canonical_json(
        {
            "releases": [
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
        }
    )


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
