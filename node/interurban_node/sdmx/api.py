"""The addresses of SDMX-REST: `/sdmx/2` and `/sdmx/1`, and the public's under `/public`.

Who asks is shown by a bearer token, by HTTP Basic with the token as the password (for
clients that know nothing else), or by a partner's signature. Private answers are for no
cache; signed ones are neither compressed nor tagged, because the signature covers them.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import IntEnum
from threading import Semaphore
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session

from interurban_node.core.context import Node
from interurban_node.core.errors import NotSignedInError, TooManyAttemptsError
from interurban_node.core.web import NodeDependency, WireRequestDependency, to_web
from interurban_node.exchange import service as exchange
from interurban_node.partners.authentication import VerifiedRequest
from interurban_node.policy.service import Proof
from interurban_node.sdmx import catalogues, service
from interurban_node.sdmx.addresses import Version, parse_address
from interurban_node.sdmx.answers import (
    Answer,
    Cache,
    identity_of,
    is_known,
    problem_answer,
)
from interurban_node.sdmx.service import Finish, Visible, Wishes
from interurban_protocol.errors import InterurbanError

router = APIRouter()
PUBLIC_SECONDS: Final = 300  # how long anybody may keep a public answer
PUBLIC_AT_ONCE: Final = 4  # public answers that are being made at the same time
LOOKS: Final = 20  # for a turn, before a public query is refused
PAUSE: Final = 0.05  # seconds between two of these looks
FRESH: Final = timedelta(seconds=5)  # how long a public one is given without a look
_VARY: Final = "Accept, Accept-Encoding, Accept-Language"
_PRIVATE: Final[Mapping[str, str]] = {
    "cache-control": "private, no-store",
    "vary": f"{_VARY}, Authorization",
    "x-content-type-options": "nosniff",
}
_PUBLIC: Final[Mapping[str, str]] = {
    "cache-control": f"public, max-age={PUBLIC_SECONDS}",
    "vary": _VARY,
    "access-control-allow-origin": "*",
    "x-content-type-options": "nosniff",
}
_CHALLENGE: Final = 'Bearer realm="sdmx", Basic realm="sdmx", charset="UTF-8"'

Asked = Callable[[Session, Visible, datetime], Finish]


class Tree(IntEnum):
    """The versions of SDMX-REST, as the path has them."""

    ONE = 1
    TWO = 2


@router.get("/public/sdmx/{tree}/{path:path}")
async def public_sdmx(
    tree: Tree, path: str, node: NodeDependency, request: Request
) -> Response:
    """SDMX-REST over the releases that name the public as a recipient."""
    wishes = _whole(request)
    return await _public(
        node, request, lambda: _sdmx(node, request, tree, path, wishes)
    )


@router.get("/sdmx/{tree}/{path:path}")
def sdmx(
    tree: Tree,
    path: str,
    node: NodeDependency,
    request: Request,
    wire: WireRequestDependency,
) -> Response:
    """SDMX-REST over the releases that the caller may see."""
    if "signature-input" not in request.headers:
        wishes = _wishes(request)
        return _private(node, request, lambda: _sdmx(node, request, tree, path, wishes))
    now = node.clock()

    def work(session: Session, verified: VerifiedRequest) -> exchange.Answer:
        # Within the exchange's transaction, which keeps the signed answer as evidence.
        answer = _finished(
            _begun(
                session,
                node,
                verified,
                lambda: _sdmx(node, request, tree, path, _whole(request)),
                now,
            )
        )
        return exchange.Answer(answer.status, answer.content_type, answer.body.plain)

    return to_web(exchange.answer_partner(node, wire, work, now))


@router.get("/public/catalog")
async def public_catalog(node: NodeDependency, request: Request) -> Response:
    """The catalogue of the public dataflows as DCAT-AP."""
    wishes = _whole(request)
    return await _public(node, request, lambda: _catalog(node, "/public", wishes))


@router.get("/catalog")
def catalog(node: NodeDependency, request: Request) -> Response:
    """The catalogue of the dataflows that the caller may see, as DCAT-AP."""
    return _private(node, request, lambda: _catalog(node, "", _wishes(request)))


def _sdmx(node: Node, request: Request, tree: Tree, path: str, wishes: Wishes) -> Asked:
    query = request.scope["query_string"].decode("ascii", "replace")
    address = parse_address(Version(tree), path, query)

    def asked(session: Session, seen: Visible, now: datetime) -> Finish:
        return service.answer(
            service.Request(
                session=session,
                node=node,
                seen=seen,
                address=address,
                wishes=wishes,
                now=now,
            )
        )

    return asked


def _catalog(node: Node, base: str, wishes: Wishes) -> Asked:
    def asked(session: Session, seen: Visible, now: datetime) -> Finish:
        del session, now
        return lambda: catalogues.answer(node, seen, base, wishes)

    return asked


async def _public(
    node: Node, request: Request, prepare: Callable[[], Asked]
) -> Response:
    """Answer from memory for a few seconds; only then look again, in a thread.

    A coroutine, because an answer from memory needs no thread: passing a request to one
    costs more than the answer itself.
    """
    now = node.clock()
    recent = _recent(request)
    key = identity_of(
        (
            request.scope["path"],
            request.scope["query_string"].decode("ascii", "replace"),
            request.headers.get("accept", ""),
            request.headers.get("accept-language", ""),
        )
    )
    answer = recent.get(key)
    if answer is None or answer.fresh_until is None or answer.fresh_until <= now:
        answer = await _in_turn(
            turns_of(request.app),
            lambda: run_in_threadpool(_public_answer, node, prepare, now),
        )
        if answer.status == 200:
            recent.put(key, replace(answer, fresh_until=now + FRESH))
    return _response(request, node, answer, _PUBLIC)


async def _in_turn(turns: Semaphore, make: Callable[[], Awaitable[Answer]]) -> Answer:
    """Make an answer when fewer than `PUBLIC_AT_ONCE` are being made.

    It looks for a turn now and again: a waiting thread would be missing elsewhere.
    """
    looks = 1
    while not turns.acquire(blocking=False):
        if looks >= LOOKS:
            return problem_answer(
                TooManyAttemptsError(
                    f"{PUBLIC_AT_ONCE} public queries are being answered already",
                    next_step="Ask again in a few seconds.",
                )
            )
        looks += 1
        await asyncio.sleep(PAUSE)
    try:
        return await make()
    finally:
        turns.release()


def _public_answer(node: Node, prepare: Callable[[], Asked], now: datetime) -> Answer:
    try:
        with node.database.transaction() as session:
            finish = _begun(session, node, None, prepare, now)
    except InterurbanError as error:
        return problem_answer(error)
    return _finished(finish)


def _private(node: Node, request: Request, prepare: Callable[[], Asked]) -> Response:
    now = node.clock()
    try:
        with node.database.transaction() as session:
            source = request.client.host if request.client else ""
            proof = service.bearer_proof(session, node, _token(request), source, now)
            finish = _begun(session, node, proof, prepare, now)
    except InterurbanError as error:  # outside: a refused token is counted on rollback
        return _response(request, node, problem_answer(error), _PRIVATE)
    return _response(request, node, _finished(finish), _PRIVATE)


def _begun(
    session: Session,
    node: Node,
    proof: Proof,
    prepare: Callable[[], Asked],
    now: datetime,
) -> Finish:
    """What needs the database for a caller whose proof was verified; the rest comes after.

    What was logged before a refusal stays: that figures were looked at is a use.
    """
    try:
        asked = prepare()
        return asked(session, service.visible(session, node, proof, now), now)
    except InterurbanError as error:
        refusal = problem_answer(error)
        return lambda: refusal


def _finished(finish: Finish) -> Answer:
    """The answer; a refusal is one too."""
    try:
        return finish()
    except InterurbanError as error:
        return problem_answer(error)


def _response(
    request: Request, node: Node, answer: Answer, base: Mapping[str, str]
) -> Response:
    headers = dict(base)
    if answer.status >= 400:
        headers["cache-control"] = "no-store"
    if answer.status == 401:
        headers["www-authenticate"] = _CHALLENGE
    if answer.tag:
        headers["etag"] = answer.tag
    if answer.is_unchanged or (
        answer.tag and is_known(request.headers.get("if-none-match", ""), answer.tag)
    ):
        return Response(status_code=304, headers=headers)
    if answer.next_offset is not None:
        headers["link"] = f'<{_next(request, node, answer.next_offset)}>; rel="next"'
    body = answer.body.plain
    if answer.body.compressed is not None and _takes_gzip(request):
        body, headers["content-encoding"] = answer.body.compressed, "gzip"
    return Response(body, answer.status, headers, media_type=answer.content_type)


def _next(request: Request, node: Node, offset: int) -> str:
    """The address of the next page: the same query, from another offset."""
    path = quote(request.scope["path"], safe="/,.+*~-_")
    query = request.scope["query_string"].decode("ascii", "replace")
    kept = [
        piece for piece in query.split("&") if piece and not piece.startswith("offset=")
    ]
    return f"{node.origin}{path}?{'&'.join([*kept, f'offset={offset}'])}"


def _takes_gzip(request: Request) -> bool:
    accepted = request.headers.get("accept-encoding", "")
    return any(
        part.partition(";")[0].strip() in ("gzip", "*") and "q=0" not in part
        for part in accepted.split(",")
    )


def _wishes(request: Request) -> Wishes:
    return Wishes(
        accept=request.headers.get("accept", ""),
        language=request.headers.get("accept-language", ""),
        known_tag=request.headers.get("if-none-match", ""),
    )


def _whole(request: Request) -> Wishes:
    """The same, but for a whole answer: to be kept in memory, or to be signed."""
    return replace(_wishes(request), known_tag="")


def _recent(request: Request) -> Cache[Answer]:
    """The public answers of the last seconds, with the application that gave them."""
    state = request.app.state
    if not hasattr(state, "sdmx_recent"):
        state.sdmx_recent = Cache[Answer]()
    found: Cache[Answer] = state.sdmx_recent
    return found


def turns_of(app: FastAPI) -> Semaphore:
    """The turns in which an application makes public answers."""
    if not hasattr(app.state, "sdmx_turns"):
        app.state.sdmx_turns = Semaphore(PUBLIC_AT_ONCE)
    found: Semaphore = app.state.sdmx_turns
    return found


def _token(request: Request) -> str:
    """The token in `Authorization`: a bearer's, or the password of HTTP Basic.

    Raises:
        NotSignedInError: there is none.
    """
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and text.strip():
        return text.strip()
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(text, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            name, password = b"", b""
        if name or password:
            return (password or name).decode("utf-8", "replace")
    raise NotSignedInError(
        "these figures are for recipients",
        next_step="Send a token as a bearer, or as the password of HTTP Basic; what is "
        "public is under /public/sdmx.",
    )


__all__ = ["PUBLIC_AT_ONCE", "Tree", "router", "turns_of"]
