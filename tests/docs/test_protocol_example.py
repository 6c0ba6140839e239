"""The worked example of docs/protocol.md holds, also for implementations that are not ours."""

import hashlib
import json
import re
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import (
    InvalidSignature as InvalidMessageSignature,
)

from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import (
    DigestMismatchError,
    ExpiredError,
    InterurbanError,
    NotYetValidError,
    SignatureInvalidError,
    UnknownKeyError,
    UnsignedError,
)
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import verify_request, verify_response
from interurban_protocol.keys import PublicKey
from interurban_protocol.messages import parse_message
from tests.support.documentation import DOCS, parts_of
from tests.support.protocol_example import (
    ANSWERED_AT,
    ASKED_AT,
    LAKESIDE,
    NORTHPORT,
    example_blocks,
)

PAGE = DOCS / "protocol.md"
CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aiou"  # as the page says


@dataclass
class WrittenMessage:
    """A message as the page writes it, in the shape that the other library asks for."""

    first: str
    headers: dict[str, str]
    body: bytes


@dataclass
class LibraryRequest:
    method: str
    url: str
    headers: dict[str, str]


@dataclass
class LibraryResponse:
    status_code: int
    headers: dict[str, str]
    request: LibraryRequest = field(repr=False)


class PageKeys(HTTPSignatureKeyResolver):
    """The public keys that the page prints."""

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        return public_keys()[key_id]


class AtAnyTime(HTTPMessageVerifier):
    """The library without its comparison with the machine's clock."""

    def validate_created_and_expires(
        self, sig_input: object, max_age: timedelta | None = None
    ) -> None:
        pass


def block(name: str) -> str:
    """What stands in a fenced block of the page."""
    found = re.fullmatch(r"```\w+\n(.*)\n```", parts_of(PAGE)[name], re.DOTALL)
    assert found is not None
    return found[1]


def printed_keys() -> Mapping[str, Mapping[str, object]]:
    return json.loads(block("keys"))


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def public_keys() -> dict[str, Ed25519PublicKey]:
    return {
        facts["key_id"]: Ed25519PublicKey.from_public_bytes(decoded(facts["jwk"]["x"]))
        for facts in printed_keys().values()
    }


def written(name: str) -> WrittenMessage:
    head, _, body = block(name).partition("\n\n")
    first, *lines = head.split("\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return WrittenMessage(first, headers, body.encode())


def library_request(name: str) -> LibraryRequest:
    message = written(name)
    method, path, _ = message.first.split(" ")
    url = f"https://{message.headers['host']}{path}"
    return LibraryRequest(method, url, message.headers)


def library_response(name: str, request: LibraryRequest) -> LibraryResponse:
    message = written(name)
    status = int(message.first.split(" ")[1])
    return LibraryResponse(status, message.headers, request)


def our_request(name: str) -> HttpRequest:
    found = library_request(name)
    return HttpRequest(found.method, found.url, found.headers, written(name).body)


def our_response(name: str) -> HttpResponse:
    message = written(name)
    status = int(message.first.split(" ")[1])
    return HttpResponse(status, message.headers, message.body)


def find_key(key_id: str) -> PublicKey:
    for facts in printed_keys().values():
        if facts["key_id"] == key_id:
            return PublicKey.from_jwk(facts["jwk"])
    raise UnknownKeyError("the key is not on the page")


@pytest.mark.parametrize("name", sorted(example_blocks()))
def test_the_page_shows_what_the_seeds_give(name: str) -> None:
    assert parts_of(PAGE)[name] == example_blocks()[name]


@pytest.mark.parametrize("name", sorted(json.loads(example_blocks()["keys"][8:-4])))
def test_a_printed_key_follows_from_its_printed_seed(name: str) -> None:
    facts = printed_keys()[name]

    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(facts["seed"]))
    canonical = json.dumps(facts["jwk"], sort_keys=True, separators=(",", ":"))

    assert encoded(private.public_key().public_bytes_raw()) == facts["jwk"]["x"]
    assert encoded(hashlib.sha256(canonical.encode()).digest()) == facts["key_id"]


def test_the_fingerprint_words_follow_from_the_text() -> None:
    key_id = printed_keys()["Lakeside identity"]["key_id"]
    digest = hashlib.sha256(b"interurban fingerprint\0" + key_id.encode()).digest()
    bits = f"{int.from_bytes(digest[:16]):0128b}"

    words = []
    for start in range(0, 128, 16):
        word, place = "", start
        for letters, width in ((CONSONANTS, 4), (VOWELS, 2)) * 2 + ((CONSONANTS, 4),):
            word += letters[int(bits[place : place + width], 2)]
            place += width
        words.append(word)

    assert f"words    {' '.join(words)}" in block("fingerprint").splitlines()


@pytest.mark.parametrize(
    ("base", "message", "signer"),
    [
        ("request-base", "request", "Northport exchange"),
        ("response-base", "response", "Lakeside exchange"),
        ("message-base", "message-request", "Lakeside exchange"),
    ],
)
def test_a_printed_base_is_signed_with_the_named_key(
    base: str, message: str, signer: str
) -> None:
    value = written(message).headers["signature"].removeprefix("sig1=:")
    key = public_keys()[printed_keys()[signer]["key_id"]]

    key.verify(b64decode(value.removesuffix(":")), block(base).encode())

    with pytest.raises(InvalidSignature):
        key.verify(b64decode(value.removesuffix(":")), block(base).encode() + b"\n")


@pytest.mark.parametrize("name", ["request", "response"])
def test_a_signature_in_hexadecimal_is_the_one_in_the_field(name: str) -> None:
    value = b64encode(bytes.fromhex(block(f"{name}-signature"))).decode()

    assert written(name).headers["signature"] == f"sig1=:{value}:"


@pytest.mark.parametrize(
    "name", ["request", "response", "message-request", "message-response"]
)
def test_a_printed_content_digest_is_that_of_the_printed_body(name: str) -> None:
    message = written(name)

    digest = b64encode(hashlib.sha256(message.body).digest()).decode()

    assert message.headers["content-digest"] == f"sha-256=:{digest}:"


@pytest.mark.parametrize("name", ["request", "message-request"])
def test_another_library_accepts_a_printed_request(name: str) -> None:
    verifier = AtAnyTime(signature_algorithm=ED25519, key_resolver=PageKeys())

    [result] = verifier.verify(
        library_request(name),
        max_age=None,
        expect_tag="interurban",
        require_components=["@method", "@target-uri", "content-digest"],
        body=written(name).body,
    )

    assert result.parameters["tag"] == "interurban"


@pytest.mark.parametrize("name", ["response", "message-response"])
def test_another_library_accepts_a_printed_response(name: str) -> None:
    request = library_request(name.replace("response", "request"))
    verifier = AtAnyTime(signature_algorithm=ED25519, key_resolver=PageKeys())

    [result] = verifier.verify(
        library_response(name, request),
        max_age=None,
        expect_tag="interurban",
        require_components=["@status", "content-digest", '"signature";req'],
        body=written(name).body,
    )

    assert result.parameters["tag"] == "interurban"


def test_another_library_refuses_the_response_to_another_request() -> None:
    verifier = AtAnyTime(signature_algorithm=ED25519, key_resolver=PageKeys())
    other = library_response("response", library_request("message-request"))

    with pytest.raises(InvalidMessageSignature):
        verifier.verify(other, max_age=None, expect_tag="interurban")


def test_our_own_verification_accepts_the_printed_exchange() -> None:
    request = our_request("request")

    verified = verify_request(request, find_key, at=ASKED_AT)
    answered = verify_response(
        our_response("response"), request, find_key, at=ANSWERED_AT
    )

    assert verified.signature_base.decode() == block("request-base")
    assert answered.signature_base.decode() == block("response-base")


@pytest.mark.parametrize(
    ("tampered", "seconds", "error"),
    [
        ({}, 121, ExpiredError),
        ({}, -61, NotYetValidError),
        ({"content-digest": "sha-256=:AAAA:"}, 0, DigestMismatchError),
        ({"signature": "sig1=:AAAA:"}, 0, SignatureInvalidError),
        ({"signature": None}, 0, UnsignedError),
    ],
)
def test_our_own_verification_refuses_the_printed_request_when_tampered(
    tampered: Mapping[str, str | None], seconds: int, error: type[InterurbanError]
) -> None:
    request = our_request("request")
    headers = {**request.headers, **tampered}
    kept = {name: value for name, value in headers.items() if value is not None}
    changed = HttpRequest(request.method, request.target_uri, kept)

    with pytest.raises(InterurbanError) as raised:
        verify_request(changed, find_key, at=ASKED_AT + timedelta(seconds=seconds))

    assert type(raised.value) is error


def test_the_printed_document_is_signed_and_named_as_the_text_says() -> None:
    payload, header = block("document-payload"), block("document-header")
    [signature] = json.loads(block("document"))["signatures"]
    signing_input = f"{encoded(header.encode())}.{encoded(payload.encode())}"
    key_id = printed_keys()["Lakeside documents"]["key_id"]

    public_keys()[key_id].verify(
        decoded(signature["signature"]), signing_input.encode()
    )

    digest = hashlib.sha256(payload.encode()).hexdigest()
    assert block("document-id") == f"sha256:{digest}"
    assert block("document-input") == signing_input
    assert json.loads(block("document"))["payload"] == encoded(payload.encode())
    assert json.loads(header)["kid"] == key_id
    assert json.loads(payload)["signers"] == [{"key_id": key_id, "node": LAKESIDE}]


def test_the_printed_message_carries_the_printed_document() -> None:
    message = parse_message(written("message-request").body)

    assert message.kind.kind == "suspension"
    assert message.document.decode() == block("document")
    assert json.loads(block("document-payload"))["towards"] == NORTHPORT


def test_the_printed_descriptor_payload_has_the_printed_keys() -> None:
    payload = json.loads(block("descriptor-payload"))
    identity = printed_keys()["Lakeside identity"]

    assert payload["identity"] == identity["jwk"]
    assert payload["signers"][0]["key_id"] == identity["key_id"]
    assert canonical_json(payload)[:10] == b'{"crit":[]'


def test_the_script_on_the_page_runs_and_checks_something() -> None:
    [script] = re.findall(
        r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )

    exec(compile(script, "docs/protocol.md", "exec"), {})
    broken = script.replace("after=0", "after=1")

    with pytest.raises(InvalidSignature):
        exec(compile(broken, "docs/protocol.md", "exec"), {})
