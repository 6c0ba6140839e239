"""RFC 9421 against its own example, and against another implementation, both ways."""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from http_message_signatures.exceptions import InvalidSignature

from interurban_protocol.encoding import content_digest
from interurban_protocol.errors import SignatureInvalidError
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import (
    sign_request,
    sign_response,
    signature_base,
    verify_request,
    verify_response,
)
from interurban_protocol.keys import PublicKey
from tests.support.credentials import a_key
from tests.support.shared import shared_path

KEY = a_key("conformance exchange")
TARGET = "https://lakeside.example/api/v1/messages/17?lang=en&x=%20y"
REQUEST = ("@method", "@target-uri", "content-digest", "content-type")
RESPONSE = (
    "@status",
    "content-type",
    "content-digest",
    '"@method";req',
    '"@target-uri";req',
    '"signature";req',
)


def vector() -> dict[str, Any]:
    path = shared_path("vectors/rfc9421/b26_ed25519.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def request_of(found: dict[str, Any]) -> HttpRequest:
    given = found["request"]
    headers = {
        **dict(given["headers"]),
        "signature-input": found["signature_input_header"],
        "signature": found["signature_header"],
    }
    return HttpRequest(
        given["method"], given["target_uri"], headers, given["body"].encode()
    )


def base_of(found: dict[str, Any], **changes: str) -> bytes:
    """The base of the example, made by our own function."""
    headers = {name.lower(): value for name, value in found["request"]["headers"]}
    values = {
        "@method": found["request"]["method"],
        "@path": found["request"]["path"],
        "@authority": found["request"]["authority"],
        **headers,
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    named = [(f'"{name}"', values[name]) for name in found["covered_components"]]
    return signature_base(named, changes.get("params", found["signature_params"]))


def example_key(found: dict[str, Any]) -> PublicKey:
    return PublicKey.from_jwk(found["key"]["jwk_public"])


def test_our_signature_base_is_that_of_the_example_and_its_signature_verifies():
    found = vector()
    assert base_of(found) == found["signature_base"].encode()
    signature = base64.b64decode(found["signature_base64"])
    example_key(found).verify(signature, base_of(found))


@pytest.mark.parametrize(
    "changes",
    [
        {"@method": "GET"},
        {"@path": "/foo/"},
        {"date": "Tue, 20 Apr 2021 02:07:56 GMT"},
        {"content-length": "19"},
        {"params": "created+1"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_invalid_variant_of_the_example_is_refused(changes: dict[str, str]):
    found = vector()
    if "params" in changes:
        later = found["signature_params"].replace("1618884473", "1618884474")
        changes = {"params": later}
    signature = base64.b64decode(found["signature_base64"])
    with pytest.raises(SignatureInvalidError):
        example_key(found).verify(signature, base_of(found, **changes))


def test_the_profile_refuses_the_example_because_it_covers_too_little():
    found = vector()
    at = datetime.fromtimestamp(found["created"], UTC)
    with pytest.raises(SignatureInvalidError, match="does not cover @target-uri"):
        verify_request(request_of(found), lambda _: example_key(found), at=at)


@dataclass
class Message:
    """A message as the other implementation wants it."""

    headers: dict[str, str]
    method: str = ""
    url: str = ""


@dataclass
class Answer(Message):
    status_code: int = 200
    request: Message | None = field(default=None)


class Keys(HTTPSignatureKeyResolver):
    """The one key, in the other implementation's form."""

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        assert key_id == KEY.public.key_id
        return Ed25519PublicKey.from_public_bytes(KEY.public.material)

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(KEY.seed)


def now() -> datetime:
    """The system's time, in whole seconds: the other implementation knows no other."""
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251  # the library looks at the machine's clock


def find_key(key_id: str) -> PublicKey:
    assert key_id == KEY.public.key_id
    return KEY.public


def ours(body: bytes) -> HttpRequest:
    headers = {"content-type": "application/json"} if body else {}
    return HttpRequest("PUT" if body else "GET", TARGET, headers, body)


def as_theirs(request: HttpRequest) -> Message:
    return Message(dict(request.headers), request.method, request.target_uri)


def their_verifier() -> HTTPMessageVerifier:
    return HTTPMessageVerifier(
        signature_algorithm=algorithms.ED25519, key_resolver=Keys()
    )


def their_signer() -> HTTPMessageSigner:
    return HTTPMessageSigner(
        signature_algorithm=algorithms.ED25519, key_resolver=Keys()
    )


@pytest.mark.parametrize("body", [b"", b'{"kind":"agreement"}'])
def test_the_other_implementation_verifies_our_requests(body: bytes):
    request = sign_request(ours(body), KEY, created=now(), nonce="n").message
    (found,) = their_verifier().verify(
        as_theirs(request),
        max_age=timedelta(minutes=5),
        expect_tag="interurban",
        require_components=REQUEST if body else REQUEST[:3],
    )
    assert found.parameters["nonce"] == "n"


def test_the_other_implementation_refuses_our_request_with_another_target():
    request = sign_request(ours(b"{}"), KEY, created=now(), nonce="n").message
    message = as_theirs(request)
    message.url = TARGET.replace("lakeside", "northport")
    with pytest.raises(InvalidSignature):
        their_verifier().verify(message, expect_tag="interurban")


@pytest.mark.parametrize("body", [b"", b'{"kind":"agreement"}'])
def test_we_verify_the_requests_of_the_other_implementation(body: bytes):
    request = ours(body).with_headers({"content-digest": content_digest(body)})
    message, moment = as_theirs(request), now()
    their_signer().sign(
        message,
        key_id=KEY.public.key_id,
        created=moment,
        expires=moment + timedelta(seconds=60),
        nonce="n",
        tag="interurban",
        label="sig1",
        include_alg=False,
        use_existing_digest=True,
        covered_component_ids=REQUEST if body else REQUEST[:3],
    )
    signed = request.with_headers(message.headers)
    found = verify_request(signed, find_key, at=moment)
    assert (found.nonce, found.created) == ("n", moment)


def test_the_other_implementation_verifies_our_answers():
    request = sign_request(ours(b"{}"), KEY, created=now(), nonce="n").message
    answer = HttpResponse(201, {"content-type": "application/json"}, b"{}")
    signed = sign_response(answer, request, KEY, created=now()).message
    theirs = Answer(dict(signed.headers), status_code=201, request=as_theirs(request))
    (found,) = their_verifier().verify(
        theirs, expect_tag="interurban", require_components=RESPONSE
    )
    assert found.parameters["keyid"] == KEY.public.key_id
    theirs.status_code = 200
    with pytest.raises(InvalidSignature):
        their_verifier().verify(theirs, expect_tag="interurban")


def test_we_verify_the_answers_of_the_other_implementation():
    request = sign_request(ours(b"{}"), KEY, created=now(), nonce="n").message
    headers = {
        "content-type": "application/json",
        "content-digest": content_digest(b"x"),
    }
    theirs = Answer(dict(headers), status_code=200, request=as_theirs(request))
    moment = now()
    their_signer().sign(
        theirs,
        key_id=KEY.public.key_id,
        created=moment,
        tag="interurban",
        include_alg=False,
        use_existing_digest=True,
        covered_component_ids=RESPONSE,
    )
    response = HttpResponse(200, theirs.headers, b"x")
    assert verify_response(response, request, find_key, at=moment).created == moment
    other = sign_request(ours(b"{}"), KEY, created=now(), nonce="o").message
    with pytest.raises(SignatureInvalidError):
        verify_response(response, other, find_key, at=moment)
