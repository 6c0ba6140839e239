"""The worked example of docs/protocol.md, made from the seeds that the page prints.

Nothing here is random and no clock is read, so that the page can be compared byte for byte.
The seeds are published: never use these keys for anything else.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from interurban_protocol.agreements import Suspension
from interurban_protocol.encoding import (
    JsonValue,
    base64url_decode,
    canonical_json,
    sha256_digest,
)
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import Signed, sign_request, sign_response
from interurban_protocol.keys import (
    Algorithm,
    PrivateKey,
    PublicKey,
    Purpose,
    fingerprint_words,
)
from interurban_protocol.messages import write_message
from interurban_protocol.node_descriptors import (
    PROTOCOL_VERSION,
    Limits,
    NodeDescriptor,
    describe_key,
    did_document,
    sign_descriptor,
    verify_descriptor,
)
from interurban_protocol.signed_documents import Signer, open_document, start_document

LAKESIDE = "https://lakeside.example"
NORTHPORT = "https://northport.example"
ASKED_AT = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
ANSWERED_AT = ASKED_AT + timedelta(seconds=1)
JSON = {"content-type": "application/json"}
PRIVATE = {"cache-control": "private, no-store, no-transform"}

SEEDS: Mapping[str, str] = {
    "Lakeside identity": "11" * 32,
    "Lakeside exchange": "12" * 32,
    "Lakeside documents": "13" * 32,
    "Northport exchange": "22" * 32,
}
MESSAGE_ID = "0195559c-7d80-7000-8000-00000000002a"
AGREEMENT = sha256_digest(b"an agreement of the worked example")
RELEASE = sha256_digest(b"a release of the worked example")
PLAN = sha256_digest(b"a plan of the worked example")
DATAFLOW = (
    "urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=INTERURBAN:COMPLETION(1.0.0)"
)


@dataclass(frozen=True, slots=True)
class SignedPair:
    """A signed request and the signed response to it."""

    request: Signed[HttpRequest]
    response: Signed[HttpResponse]


def key(name: str) -> PrivateKey:
    """The Ed25519 key of one of the printed seeds."""
    return PrivateKey(Algorithm.ED25519, bytes.fromhex(SEEDS[name]))


def listing() -> SignedPair:
    """Northport asks Lakeside which releases there are: a request without a body."""
    return _pair(
        HttpRequest("GET", f"{LAKESIDE}/api/v1/releases?after=0"),
        asker=key("Northport exchange"),
        answerer=key("Lakeside exchange"),
        nonce="AAECAwQFBgcICQoLDA0ODw",
        answer={
            "releases": [
                {
                    "id": RELEASE,
                    "sequence": 1,
                    "dataflow": DATAFLOW,
                    "period": "2025-Q3",
                    "plan": PLAN,
                    "publication_at": "2026-02-16T08:00:00Z",
                }
            ]
        },
    )


def suspending() -> SignedPair:
    """Lakeside tells Northport that it discloses nothing new: a request with a body."""
    return _pair(
        HttpRequest(
            "PUT",
            f"{NORTHPORT}/api/v1/messages/{MESSAGE_ID}",
            JSON,
            write_message("suspension", suspension_document()),
        ),
        asker=key("Lakeside exchange"),
        answerer=key("Northport exchange"),
        nonce="EBESExQVFhcYGRobHB0eHw",
        answer={"noted": True},
    )


def suspension_document() -> bytes:
    """A signed document with one signer."""
    documents = key("Lakeside documents")
    payload = Suspension(
        signers=(Signer(node=LAKESIDE, key_id=documents.public.key_id),),
        agreement=AGREEMENT,
        by=LAKESIDE,
        towards=NORTHPORT,
        suspended=True,
        reason="a drill",
        at=ASKED_AT,
    )
    return start_document(payload, documents)


def descriptor_document() -> bytes:
    """Lakeside's descriptor number 0, with two of the keys that a real one has."""
    identity = key("Lakeside identity")
    described = tuple(
        describe_key(LAKESIDE, purpose, key(name), valid_from=ASKED_AT)
        for name, purpose in (
            ("Lakeside exchange", Purpose.EXCHANGE),
            ("Lakeside documents", Purpose.DOCUMENTS),
        )
    )
    payload = NodeDescriptor(
        signers=(Signer(node=LAKESIDE, key_id=identity.public.key_id),),
        protocol_versions=(PROTOCOL_VERSION,),
        node=LAKESIDE,
        name={"en": "Lakeside"},
        demo=False,
        number=0,
        issued_at=ASKED_AT,
        identity=identity.public.jwk(),
        keys=described,
        limits=Limits(max_body=1_000_000),
    )
    return sign_descriptor(payload, identity)


def example_blocks() -> Mapping[str, str]:
    """Every value of the page's worked example, as it stands in its fenced block."""
    asked, told = listing(), suspending()
    return {
        "keys": _fenced("json", _pretty({name: _facts(name) for name in SEEDS})),
        "fingerprint": _fenced("text", _fingerprint(key("Lakeside identity").public)),
        "request": _fenced("http", request_text(asked.request.message)),
        "request-base": _fenced("text", asked.request.signature_base.decode()),
        "request-signature": _fenced("text", asked.request.signature.hex()),
        "response": _fenced("http", response_text(asked.response.message)),
        "response-base": _fenced("text", asked.response.signature_base.decode()),
        "response-signature": _fenced("text", asked.response.signature.hex()),
        **_document_blocks(),
        "message-request": _fenced("http", request_text(told.request.message)),
        "message-base": _fenced("text", told.request.signature_base.decode()),
        "message-response": _fenced("http", response_text(told.response.message)),
        **_descriptor_blocks(),
    }


def request_text(request: HttpRequest) -> str:
    """A request as HTTP/1.1 writes it, with its fields in the order of their names."""
    scheme, _, rest = request.target_uri.partition("://")
    host, _, path = rest.partition("/")
    del scheme
    fields = {"host": host, **request.headers}
    return _message(f"{request.method} /{path} HTTP/1.1", fields, request.body)


def response_text(response: HttpResponse) -> str:
    """A response as HTTP/1.1 writes it, without its reason phrase."""
    return _message(f"HTTP/1.1 {response.status}", response.headers, response.body)


def _message(first: str, fields: Mapping[str, str], body: bytes) -> str:
    lines = [first, *(f"{name}: {fields[name]}" for name in sorted(fields))]
    return "\n".join([*lines, "", body.decode()]).rstrip("\n")


def _pair(
    request: HttpRequest,
    *,
    asker: PrivateKey,
    answerer: PrivateKey,
    nonce: str,
    answer: JsonValue,
) -> SignedPair:
    signed = sign_request(request, asker, created=ASKED_AT, nonce=nonce)
    response = HttpResponse(200, {**JSON, **PRIVATE}, canonical_json(answer))
    answered = sign_response(response, signed.message, answerer, created=ANSWERED_AT)
    return SignedPair(signed, answered)


def _facts(name: str) -> JsonValue:
    public = key(name).public
    return {"seed": SEEDS[name], "jwk": public.jwk(), "key_id": public.key_id}


def _fingerprint(public: PublicKey) -> str:
    hashed = b"interurban fingerprint\0" + public.key_id.encode()
    digest = hashlib.sha256(hashed).digest()
    groups = [digest[i : i + 2].hex() for i in range(0, 16, 2)]
    return "\n".join(
        [
            f"key id   {public.key_id}",
            f"SHA-256  {digest.hex()}",
            f"numbers  {'  '.join(groups)}",
            f"words    {fingerprint_words(public)}",
        ]
    )


def _document_blocks() -> dict[str, str]:
    document = suspension_document()
    opened = open_document(document)
    [token] = opened.signatures
    return {
        "document-payload": _fenced("json", opened.payload_bytes.decode()),
        "document-id": _fenced("text", opened.document_id),
        "document-header": _fenced("json", base64url_decode(token.protected).decode()),
        "document-input": _fenced("text", token.signing_input.decode()),
        "document": _fenced("json", document.decode()),
    }


def _descriptor_blocks() -> dict[str, str]:
    document = descriptor_document()
    payload = json.loads(open_document(document).payload_bytes)
    did = did_document(verify_descriptor(document, ASKED_AT))
    return {
        "descriptor-payload": _fenced("json", _pretty(payload)),
        "did-document": _fenced("json", _pretty(did)),
    }


def _pretty(value: JsonValue) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
