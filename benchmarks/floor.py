"""The floor of `benchmarks.exchange`: verify the signed request, sign the answer, no more."""

import os

from fastapi import FastAPI, Request, Response

from interurban_node.core.clock import system_clock
from interurban_protocol.encoding import base64url_decode
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import sign_response, verify_request
from interurban_protocol.keys import Algorithm, PrivateKey, PublicKey

ORIGIN = "http://127.0.0.1:8193"
OWN_KEY = PrivateKey.from_random(Algorithm.ED25519, bytes(range(48)))
ASKER_KEY = PublicKey(
    Algorithm.ED25519, base64url_decode(os.environ["INTERURBAN_BENCHMARK_KEY"])
)
app = FastAPI()


def answer(request: HttpRequest) -> HttpResponse:
    """Verify, then sign an answer of the usual size."""
    now = system_clock()
    verify_request(request, lambda _: ASKER_KEY, at=now)
    response = HttpResponse(
        200, {"content-type": "application/json"}, b'{"noted":true}'
    )
    return sign_response(response, request, OWN_KEY, created=now).message


@app.put("/message/{number}")
async def message(number: int, request: Request) -> Response:
    """One signed message."""
    body = await request.body()
    wire = HttpRequest("PUT", f"{ORIGIN}/message/{number}", dict(request.headers), body)
    signed = answer(wire)
    return Response(signed.body, signed.status, dict(signed.headers))
