"""How requests reach features: the node, one transaction, and the raw body with a limit.

Coroutines only read the request, because reading must stop at the limit and a signature
needs the exact bytes. Everything that does something is a plain function in a thread.
"""

from collections.abc import Iterator
from typing import Annotated, cast

from fastapi import Depends, Request, Response
from sqlalchemy.orm import Session

from interurban_node.core.context import Node
from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.http_messages import HttpRequest, HttpResponse


async def node_of(request: Request) -> Node:
    """The node that the application was made for; no thread is needed to look it up."""
    return cast("Node", request.app.state.node)


NodeDependency = Annotated[Node, Depends(node_of)]


def transaction(node: NodeDependency) -> Iterator[Session]:
    """One transaction for the request; committed before the answer is sent."""
    with node.database.transaction() as session:
        yield session


SessionDependency = Annotated[Session, Depends(transaction, scope="function")]


async def read_body(request: Request, node: NodeDependency) -> bytes:
    """The request's body.

    Raises:
        OversizedError: longer than the node reads; refused before it is read.
    """
    limit = node.settings.max_body_bytes
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or len(announced) > 18 or int(announced) > limit:
        raise OversizedError(f"the body is larger than {limit} bytes")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise OversizedError(f"the body is larger than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


BodyDependency = Annotated[bytes, Depends(read_body)]


async def wire_request(
    request: Request, node: NodeDependency, body: BodyDependency
) -> HttpRequest:
    """The request as its signature sees it; the address from the *configured* origin.

    Path and query are taken as they were sent: once decoded, a `%3F` or `%23` in the path
    would move the place where the query begins.

    Raises:
        MalformedError: the path has a zero character, which no name of ours can have.
    """
    if "\0" in request.scope["path"]:
        raise MalformedError("the address has a zero character")
    raw_path = cast("bytes", request.scope.get("raw_path") or request.url.path.encode())
    target = node.origin + raw_path.split(b"?")[0].decode("ascii", "replace")
    query = cast("bytes", request.scope["query_string"])
    if query:
        target += "?" + query.decode("ascii", "replace")
    headers: dict[str, str] = {}
    for name, value in request.headers.items():  # each as often as it came
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return HttpRequest(request.method, target, headers, body)


WireRequestDependency = Annotated[HttpRequest, Depends(wire_request)]


def to_web(response: HttpResponse) -> Response:
    """The framework's form of an answer."""
    headers = dict(response.headers)
    media_type = headers.pop("content-type", None)
    return Response(response.body, response.status, headers, media_type=media_type)
