"""The web application of one node: routers put together, errors turned into problems."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interurban_node.accounts import pages as accounts_pages
from interurban_node.aggregates import jobs as aggregates_jobs
from interurban_node.committee import pages as committee_pages
from interurban_node.consent import jobs as consent_jobs
from interurban_node.core import pages
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, NotSignedInError
from interurban_node.core.jobs import Job, JobRunner
from interurban_node.core.observability import configure_tracing, span
from interurban_node.core.problems import problem_for
from interurban_node.credentials import jobs as credentials_jobs
from interurban_node.exchange import api as exchange_api
from interurban_node.exchange import health
from interurban_node.exchange import jobs as exchange_jobs
from interurban_node.partners import jobs as partners_jobs
from interurban_node.portal import pages as portal_pages
from interurban_node.registry import jobs as registry_jobs
from interurban_node.sdmx import api as sdmx_api
from interurban_protocol.errors import InterurbanError, MalformedError, OversizedError
from interurban_protocol.problems import INTERNAL, MEDIA_TYPE, Problem

logger = logging.getLogger(__name__)
STATIC = Path(__file__).resolve().parent / "core" / "static"
ROUTERS: Sequence[APIRouter] = (
    health.router,
    sdmx_api.router,  # early, because it is asked most
    exchange_api.router,
    accounts_pages.router,
    portal_pages.router,
    committee_pages.router,
)
JOBS: Sequence[Job] = (
    *partners_jobs.JOBS,
    *registry_jobs.JOBS,
    *consent_jobs.JOBS,
    *credentials_jobs.JOBS,
    *exchange_jobs.JOBS,
)


def create_app(node: Node, *, with_jobs: bool = False) -> FastAPI:
    """The application of `node`; with its background jobs when it is served for real."""
    configure_tracing()
    app = FastAPI(
        title="Interurban node",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # the redirect would be built from the Host field
        lifespan=_with_jobs(node) if with_jobs else None,
    )
    app.state.node = node
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(InterurbanError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_bad_parameters)
    app.add_exception_handler(StarletteHTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_fault)
    app.add_middleware(LimitedBody, limit=node.settings.max_body_bytes)
    app.add_middleware(Traced)
    app.add_middleware(PagesGZip, minimum_size=600)
    return app


class PagesGZip(GZipMiddleware):
    """Compresses pages; not what is signed as it is on the way, nor what SDMX compresses."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, compressed or not, by the address."""
        compressed = scope["type"] == "http" and not str(scope["path"]).startswith(
            ("/api/", "/.well-known/", "/sdmx/", "/public/", "/catalog")
        )
        await (super().__call__ if compressed else self.app)(scope, receive, send)


def _with_jobs(
    node: Node,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        runners = [JobRunner(node, JOBS)]
        if node.settings.build_releases:
            # A build may take minutes, and notices must not wait for it.
            runners.append(JobRunner(node, aggregates_jobs.JOBS))
        for runner in runners:
            runner.start()
        yield
        for runner in runners:
            runner.stop()

    return lifespan


class LimitedBody:
    """Refuses bodies above the limit on every address, forms included."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose body is announced small, and counted as it is read."""
        too_large = OversizedError(f"the body is larger than {self._limit} bytes")
        announced = dict(scope.get("headers", ())).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced[:18]) > self._limit:
            await problem_response(problem_for(too_large))(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise too_large
            return message

        await self._app(scope, counted, send)


class Traced:
    """Continues the caller's trace; a plain ASGI layer, because the usual base is slow."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request inside a span."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        with span(f"{scope['method']} request", headers):
            await self._app(scope, receive, send)


def problem_response(problem: Problem) -> Response:
    """An unsigned problem, for callers that this node does not know."""
    return Response(
        problem.to_json(),
        problem.type.status,
        media_type=MEDIA_TYPE,
        headers={"cache-control": "no-store"},
    )


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks, rather than a program."""
    return "text/html" in request.headers.get("accept", "")


def _on_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, InterurbanError):  # registered for this class only
        raise TypeError from error
    problem = problem_for(error)
    node: Node = request.app.state.node
    logger.info(
        "refused",
        extra={"problem": problem.type.slug, "status": problem.type.status},
    )
    if not wants_page(request):
        return problem_response(problem)
    if isinstance(error, NotSignedInError):
        return RedirectResponse(accounts_pages.sign_in_path(request.url.path), 303)
    return pages.page(
        request, node, "core/problem.html", status=problem.type.status, problem=problem
    )


def _on_bad_parameters(request: Request, error: Exception) -> Response:
    del error  # it quotes the input
    return _on_error(request, MalformedError("a parameter of the request is not valid"))


def _on_http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, StarletteHTTPException) else 500
    if status == 404:
        return _on_error(request, NotFoundError("there is nothing at this address"))
    if status == 405:
        fact = "the method is not one of this address"
    else:
        fact = "the request cannot be read"
    return _on_error(request, MalformedError(fact))


def _on_fault(request: Request, error: Exception) -> Response:
    del request
    logger.error("fault", exc_info=error)
    return problem_response(
        Problem(INTERNAL, "the node failed to do this", "Try again; tell its operator.")
    )
