"""Requests to partners: signed, answered with a signature, both kept as evidence.

The only module that imports httpx. It knows nothing of the database: it signs, sends,
verifies and returns the pair, and the caller records it.

Outside demonstrations a connection goes to a public address only (`PublicTransport`). That
is decided where the connection is made, on the very address that is then used: a name that
was public when the nodes paired may point elsewhere later.
"""

import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx

from interurban_node.core.addresses import is_public, read_address
from interurban_node.core.errors import (
    PartnerRefusedError,
    PartnerUnavailableError,
    RefusedError,
)
from interurban_protocol.encoding import parse_json_object
from interurban_protocol.errors import MalformedError, OversizedError, VerificationError
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import (
    KeyFinder,
    Signed,
    VerifiedSignature,
    sign_request,
    verify_response,
)
from interurban_protocol.keys import PrivateKey

MAX_ANSWER_BYTES = 64_000_000  # a release of 100,000 cells has 8 MB

Resolver = Callable[[str], Sequence[str]]
"""The addresses of a name, best first; raises OSError where there are none."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of ours and its verified answer."""

    request: Signed[HttpRequest]
    response: HttpResponse
    signature: VerifiedSignature

    def check_accepted(self) -> None:
        """Refuse to go on when the verified answer is not what was asked for.

        Call it after the exchange was recorded: a refusal is evidence too. We ask without a
        condition, so that "not modified" is no answer: a proxy has added one on the way.

        Raises:
            PartnerRefusedError: with the partner's own words.
        """
        if not 200 <= self.response.status < 300:
            raise _refused(self.response)


def resolve(host: str) -> Sequence[str]:
    """The addresses of `host` as the operating system resolves it, best first.

    Raises:
        OSError: it has none, or nobody can tell now.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PublicTransport(httpx.BaseTransport):
    """Connects to public addresses only, each of them looked at before it is used.

    The name is resolved here, once, and the connection goes to the address that was checked;
    TLS still asks for a certificate of the name. Every name has connections of its own: one
    that was opened for another name at the same address is not used for it.
    """

    def __init__(
        self,
        find: Resolver = resolve,
        connect: Callable[[], httpx.BaseTransport] | None = None,
    ) -> None:
        self._find = find
        self._connect = connect or _verified_tls()
        self._by_name: dict[str, httpx.BaseTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send to the first address of the name that takes the connection.

        Raises:
            RefusedError: an address of the name is not public.
            httpx.ConnectError: the name has no address, or none answers.
        """
        host = request.url.host
        transport = self._by_name.get(host)
        if transport is None:
            transport = self._by_name.setdefault(host, self._connect())
        failure: httpx.TransportError = httpx.ConnectError(
            "the name has no address", request=request
        )
        for address in self._public_addresses(request):
            try:
                return transport.handle_request(_at(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error  # nothing was sent; the next address may answer
        raise failure

    def close(self) -> None:
        """Close the connections to every name."""
        for transport in self._by_name.values():
            transport.close()

    def _public_addresses(self, request: httpx.Request) -> Sequence[str]:
        host = request.url.host
        try:
            found = self._find(host)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("unknown name", request=request) from error
        for text in found:
            address = read_address(text)
            if address is None or not is_public(address):
                raise RefusedError(
                    f"{host} points to an address that is not on the public network",
                    next_step="Ask the partner's operator to correct the name's address; "
                    "a node calls nothing in its own network for a partner.",
                )
        return found


def _verified_tls() -> Callable[[], httpx.BaseTransport]:
    context: ssl.SSLContext | None = None

    def connect() -> httpx.BaseTransport:
        nonlocal context
        context = context or httpx.create_ssl_context(trust_env=False)
        return httpx.HTTPTransport(verify=context, trust_env=False)

    return connect


def _at(request: httpx.Request, address: str) -> httpx.Request:
    """The same request, Host field and all, for a connection to `address`."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


class Client:
    """Sends requests to other nodes.

    `transport` is `PublicTransport` for a real node, and for tests whatever connects nodes
    in one process; without it any address is called, as demonstrations do on loopback.
    """

    def __init__(
        self, timeout_seconds: float, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._client = httpx.Client(
            timeout=timeout_seconds,
            transport=transport,
            follow_redirects=False,  # a partner's endpoints share its pinned origin
            trust_env=False,
            headers={"accept-encoding": "identity", "user-agent": "interurban"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def fetch_unsigned(self, url: str) -> bytes:
        """The body behind a public address, such as a descriptor.

        Raises:
            PartnerUnavailableError, PartnerRefusedError, OversizedError.
        """
        response = self._send(HttpRequest("GET", url))
        if response.status != 200:
            raise _refused(response)
        return response.body

    def send_unverified(self, request: HttpRequest) -> HttpResponse:
        """The answer to `request`, whatever it is; for joining, before keys are known.

        Raises:
            PartnerUnavailableError, OversizedError.
        """
        return self._send(request)

    def send_signed(
        self,
        request: HttpRequest,
        key: PrivateKey,
        *,
        find_key: KeyFinder,
        nonce: str,
        now: datetime,
    ) -> Exchange:
        """Sign, send, verify the answer, be it a problem or not.

        Raises:
            PartnerUnavailableError: no answer, or one that does not verify as the
                partner's: a broken proxy in between must not become a verdict.
        """
        signed = sign_request(request, key, created=now, nonce=nonce)
        response = self._send(signed.message)
        try:
            signature = verify_response(response, signed.message, find_key, at=now)
        except (VerificationError, MalformedError) as error:
            raise _unverified(response, error) from error
        return Exchange(signed, response, signature)

    def _send(self, request: HttpRequest) -> HttpResponse:
        host = request.target_uri.partition("://")[2].partition("/")[0]
        try:
            with self._client.stream(
                request.method,
                request.target_uri,
                headers=dict(request.headers),
                content=request.body or None,
            ) as answer:
                body = _read(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PartnerUnavailableError(f"{host} did not answer") from error
        return HttpResponse(answer.status_code, dict(answer.headers), body)


def _read(answer: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_raw():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise OversizedError("the partner's answer is larger than any release")
        parts.append(part)
    return b"".join(parts)


def _refused(response: HttpResponse) -> PartnerRefusedError:
    detail, slug, step = "no reason given", "", None
    try:
        problem = parse_json_object(response.body)
    except MalformedError:
        problem = {}
    match problem:
        case {"type": str(uri), "detail": str(text), "next_step": str(next_step)}:
            slug, detail, step = uri.rpartition(":")[2], text, next_step
        case _:
            pass
    return PartnerRefusedError(
        f"the partner answered {response.status}: {detail}",
        slug=slug,
        status=response.status,
        next_step=step,
    )


def _unverified(response: HttpResponse, error: Exception) -> PartnerUnavailableError:
    if response.status >= 400:
        # A node that does not know us cannot sign to us; its words are shown, not believed.
        refusal = _refused(response)
        return PartnerUnavailableError(
            f"an answer without the partner's signature: {refusal.message}",
            next_step=refusal.next_step,
        )
    return PartnerUnavailableError(f"the answer is not signed by the partner: {error}")
