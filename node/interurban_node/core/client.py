"""Requests to partners: signed, answered with a signature, both kept as evidence.

The only module that imports httpx. It knows nothing of the database: it signs, sends,
verifies and returns the pair, and the caller records it.
"""

from dataclasses import dataclass
from datetime import datetime

import httpx

from interurban_node.core.errors import PartnerRefusedError, PartnerUnavailableError
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


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of ours and its verified answer."""

    request: Signed[HttpRequest]
    response: HttpResponse
    signature: VerifiedSignature

    def check_accepted(self) -> None:
        """Refuse to go on when the verified answer is a problem.

        Call it after the exchange was recorded: a refusal is evidence too.

        Raises:
            PartnerRefusedError: with the partner's own words.
        """
        if self.response.status >= 400:
            raise _refused(self.response)


class Client:
    """Sends requests to other nodes. `transport` is for tests with nodes in one process."""

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
