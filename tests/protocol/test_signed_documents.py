"""Signed documents: exact bytes, exactly one signature from each party, nothing else."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol import jws
from interurban_protocol.encoding import (
    base64url_encode,
    canonical_json,
    sha256_digest,
)
from interurban_protocol.errors import (
    InterurbanError,
    MalformedError,
    OversizedError,
    SignatureInvalidError,
    SignersError,
    UnknownKeyError,
    UnsupportedError,
    WrongKeyError,
)
from interurban_protocol.keys import KeySet, PrivateKey, Purpose
from interurban_protocol.signed_documents import (
    MAX_SIGNATURES,
    Digest,
    DocumentPayload,
    Moment,
    Origin,
    Signer,
    VerifiedDocument,
    WireModel,
    add_signature,
    check_understood,
    document_type,
    merge_signatures,
    open_document,
    read_payload,
    signed_set_digest,
    start_document,
    verify_document,
)
from tests.support.credentials import (
    DOCUMENTS,
    HARBOUR,
    HARBOUR_DOCUMENTS,
    IDENTITY,
    LAKESIDE,
    NOW,
    a_key,
    published,
)

KEYS = {
    LAKESIDE: KeySet(
        (published(DOCUMENTS, Purpose.DOCUMENTS), published(IDENTITY, Purpose.LOG))
    ),
    HARBOUR: KeySet((published(HARBOUR_DOCUMENTS, Purpose.DOCUMENTS),)),
}


class Clause(WireModel):
    text: str


class Treaty(DocumentPayload):
    kind: str = "treaty"
    signed_at: Moment = NOW
    clauses: tuple[Clause, ...] = ()
    by_language: dict[str, Clause] | None = None
    main: Clause | None = None
    annex: Digest | None = None
    host: Origin | None = None


SIGNERS = (
    Signer(node=LAKESIDE, key_id=DOCUMENTS.public.key_id),
    Signer(node=HARBOUR, key_id=HARBOUR_DOCUMENTS.public.key_id),
)


def a_treaty(**changes: Any) -> Treaty:
    return Treaty(**{"signers": SIGNERS, **changes})


def complete(payload: DocumentPayload | None = None) -> bytes:
    return start_document(payload or a_treaty(), DOCUMENTS, HARBOUR_DOCUMENTS)


def verify(document: bytes, **changes: Any) -> VerifiedDocument[Treaty]:
    arguments: dict[str, Any] = {"kind": "treaty", "keys": KEYS, "at": NOW}
    return verify_document(document, Treaty, **{**arguments, **changes})


def envelope(payload: bytes, *tokens: str, **extra: Any) -> bytes:
    """A document from compact tokens over the same payload."""
    signatures = [
        {"protected": token.split(".")[0], "signature": token.split(".")[2]}
        for token in tokens
    ]
    return canonical_json(
        {"payload": base64url_encode(payload), "signatures": signatures, **extra}
    )


def token(payload: bytes, key: PrivateKey, kind: str = "treaty") -> str:
    return jws.sign(payload, typ=document_type(kind), key=key)


def raw(value: Any, *keys: PrivateKey) -> bytes:
    """A document of any JSON value, with a good signature of each key."""
    payload = canonical_json(value)
    return envelope(payload, *(token(payload, key) for key in keys))


BOTH = (DOCUMENTS, HARBOUR_DOCUMENTS)
PAYLOAD = a_treaty().to_json()
MEMBERS = json.loads(PAYLOAD)


def test_a_complete_document_verifies() -> None:
    verified = verify(complete())
    assert verified.payload == a_treaty()
    assert verified.payload_bytes == PAYLOAD
    assert verified.document_id == sha256_digest(PAYLOAD)
    assert verified.document == complete()


def test_the_id_is_the_same_whoever_has_signed_so_far() -> None:
    first = start_document(a_treaty(), DOCUMENTS)
    assert open_document(first).document_id == open_document(complete()).document_id
    assert read_payload(open_document(first), Treaty) == a_treaty()


def test_signatures_are_collected_in_any_order() -> None:
    one = add_signature(
        start_document(a_treaty(), DOCUMENTS), "treaty", HARBOUR_DOCUMENTS
    )
    other = add_signature(
        start_document(a_treaty(), HARBOUR_DOCUMENTS), "treaty", DOCUMENTS
    )
    assert one != other
    assert verify(one).set_digest == verify(other).set_digest


def test_signing_twice_changes_nothing() -> None:
    assert add_signature(complete(), "treaty", DOCUMENTS) == complete()


def test_copies_are_merged_into_one() -> None:
    copies = [start_document(a_treaty(), key) for key in BOTH]
    merged = merge_signatures([*copies, copies[0]])
    assert verify(merged).payload == a_treaty()
    other = start_document(a_treaty(annex=sha256_digest(b"x")), DOCUMENTS)
    with pytest.raises(MalformedError):
        merge_signatures([copies[0], other])


def test_the_set_digest_changes_with_the_signatures() -> None:
    one = open_document(start_document(a_treaty(), DOCUMENTS))
    assert signed_set_digest(one) != signed_set_digest(open_document(complete()))


# --- tampering

TAMPERED: dict[str, tuple[bytes, type[InterurbanError]]] = {
    "nothing": (b"", MalformedError),
    "no JSON": (b"treaty", MalformedError),
    "a list": (b"[]", MalformedError),
    "no signatures": (envelope(PAYLOAD), MalformedError),
    "signatures that are no list": (
        canonical_json({"payload": "e30", "signatures": {}}),
        MalformedError,
    ),
    "too many signatures": (
        envelope(PAYLOAD, *[token(PAYLOAD, DOCUMENTS)] * (MAX_SIGNATURES + 1)),
        MalformedError,
    ),
    "an unprotected header": (
        complete().replace(b'{"protected"', b'{"header":{"kid":"x"},"protected"', 1),
        MalformedError,
    ),
    "a member more": (complete()[:-1] + b',"header":{}}', MalformedError),
    "a payload twice": (complete()[:-1] + b',"payload":"e30"}', MalformedError),
    "a padded payload": (
        complete().replace(b'","signatures"', b'=","signatures"'),
        MalformedError,
    ),
    "another payload": (
        envelope(
            a_treaty(annex=sha256_digest(b"x")).to_json(),
            *(token(PAYLOAD, key) for key in BOTH),
        ),
        SignatureInvalidError,
    ),
    "one signature missing": (start_document(a_treaty(), DOCUMENTS), SignersError),
    "one signature twice": (
        envelope(PAYLOAD, *[token(PAYLOAD, DOCUMENTS)] * 2),
        SignersError,
    ),
    "one signature too many": (
        start_document(a_treaty(), *BOTH, a_key("stranger")),
        SignersError,
    ),
    "a stranger's instead": (
        start_document(a_treaty(), DOCUMENTS, a_key("stranger")),
        SignersError,
    ),
    "a signer listed twice": (
        start_document(a_treaty(signers=SIGNERS[:1] * 2), DOCUMENTS),
        SignersError,
    ),
    "no signer listed": (start_document(a_treaty(signers=()), DOCUMENTS), SignersError),
    "signatures exchanged": (
        envelope(
            PAYLOAD,
            ".".join(
                (
                    token(PAYLOAD, DOCUMENTS).split(".")[0],
                    "x",
                    token(PAYLOAD, HARBOUR_DOCUMENTS).split(".")[2],
                )
            ),
            token(PAYLOAD, HARBOUR_DOCUMENTS),
        ),
        SignatureInvalidError,
    ),
    "signed as another kind": (
        envelope(PAYLOAD, *(token(PAYLOAD, key, "agreement") for key in BOTH)),
        SignatureInvalidError,
    ),
    "of another kind": (complete(a_treaty(kind="agreement")), MalformedError),
    "no kind": (
        raw({k: v for k, v in MEMBERS.items() if k != "kind"} | {"kind": 1}, *BOTH),
        MalformedError,
    ),
    "an unknown node": (
        start_document(
            a_treaty(
                signers=(
                    SIGNERS[0],
                    Signer(node="https://x.example", key_id=a_key("x").public.key_id),
                )
            ),
            DOCUMENTS,
            a_key("x"),
        ),
        UnknownKeyError,
    ),
    "a key of another node": (
        start_document(
            a_treaty(
                signers=(
                    SIGNERS[0],
                    Signer(node=LAKESIDE, key_id=HARBOUR_DOCUMENTS.public.key_id),
                )
            ),
            *BOTH,
        ),
        UnknownKeyError,
    ),
    "a key of another purpose": (
        start_document(
            a_treaty(signers=(Signer(node=LAKESIDE, key_id=IDENTITY.public.key_id),)),
            IDENTITY,
        ),
        WrongKeyError,
    ),
    "a list as the payload": (raw([], *BOTH), MalformedError),
    "a time of another form": (
        raw({**MEMBERS, "signed_at": "2026-05-14"}, *BOTH),
        MalformedError,
    ),
    "a time as a number": (raw({**MEMBERS, "signed_at": 1}, *BOTH), MalformedError),
    "a number as text": (raw({**MEMBERS, "version": "1"}, *BOTH), MalformedError),
    "a digest of another form": (
        raw({**MEMBERS, "annex": "sha256:1"}, *BOTH),
        MalformedError,
    ),
}


@pytest.mark.parametrize(("document", "error"), TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_document_is_refused(
    document: bytes, error: type[InterurbanError]
) -> None:
    with pytest.raises(InterurbanError) as caught:
        verify(document)
    assert type(caught.value) is error


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_always_found(place: int, mask: int) -> None:
    document = bytearray(complete())
    document[place % len(document)] ^= mask
    with pytest.raises(InterurbanError):
        verify(bytes(document))


def test_a_very_deep_payload_is_refused_as_oversized() -> None:
    payload = b"[" * 50_000
    document = envelope(payload, token(payload, DOCUMENTS))
    with pytest.raises(OversizedError):
        verify(document)


@pytest.mark.parametrize(
    "entry", [None, "text", {"protected": "e30"}, {"protected": 1, "signature": "x"}]
)
def test_an_entry_that_is_no_signature_is_refused(entry: Any) -> None:
    with pytest.raises(MalformedError):
        open_document(canonical_json({"payload": "e30", "signatures": [entry]}))


def test_keys_count_only_at_their_time() -> None:
    with pytest.raises(WrongKeyError):
        verify(complete(), at=NOW - timedelta(days=31))


def test_a_document_can_be_verified_for_another_purpose() -> None:
    with pytest.raises(WrongKeyError):
        verify(complete(), purpose=Purpose.LOG)
    payload = a_treaty(signers=(Signer(node=LAKESIDE, key_id=IDENTITY.public.key_id),))
    document = start_document(payload, IDENTITY)
    assert verify(document, purpose=Purpose.LOG).payload == payload


def test_nobody_else_makes_a_verified_document() -> None:
    with pytest.raises(TypeError):
        VerifiedDocument(a_treaty(), PAYLOAD, b"", "", "", object())


# --- what a newer version may add


def newer(**changes: Any) -> VerifiedDocument[Treaty]:
    return verify(raw({**MEMBERS, **changes}, *BOTH))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"seal": 1}, "seal"),
        ({"clauses": [{"text": "a"}, {"text": "b", "colour": 1}]}, "clauses.colour"),
        ({"by_language": {"en": {"text": "a", "font": 1}}}, "by_language.font"),
        ({"main": {"text": "a", "size": 1}}, "main.size"),
        ({"signers": [{**MEMBERS["signers"][0], "x": 1}, MEMBERS["signers"][1]]}, "x"),
        ({"crit": ["seal"]}, "seal"),
    ],
)
def test_what_we_do_not_know_verifies_and_is_not_obeyed(
    changes: dict[str, Any], path: str
) -> None:
    verified = newer(**changes)
    assert json.loads(verified.payload_bytes) == {**MEMBERS, **changes}
    with pytest.raises(UnsupportedError, match=path):
        check_understood(verified.payload)


def test_what_we_know_is_obeyed() -> None:
    known = {
        "clauses": [{"text": "a"}],
        "by_language": {"en": {"text": "a"}},
        "main": {"text": "a"},
    }
    check_understood(newer(**known).payload)
    check_understood(Clause(text="a"))


# --- models on the wire


def test_members_without_value_are_left_out() -> None:
    assert b"annex" not in PAYLOAD
    assert Treaty.from_json(PAYLOAD) == a_treaty()


def test_a_moment_is_written_in_utc() -> None:
    payload = a_treaty(signed_at=datetime(2026, 5, 14, 12, tzinfo=UTC))
    assert b'"signed_at":"2026-05-14T12:00:00Z"' in payload.to_json()


@pytest.mark.parametrize(
    "origin", ["https://a.example", "http://127.0.0.1:8101", "https://a.example:65535"]
)
def test_an_origin_is_scheme_host_and_port(origin: str) -> None:
    assert Treaty.from_json(canonical_json({**MEMBERS, "host": origin})).host == origin


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "a.example",
        "ftp://a.example",
        "https://",
        "https://a.example/",
        "https://a.example/path",
        "https://A.example",
        "https://user@a.example",
        "https://a.example:0",
        "https://a.example:123456",
        "https://a.example\n",
        "https://a.example?x",
        "https://" + "a" * 260,
    ],
)
def test_anything_more_is_no_origin(origin: str) -> None:
    with pytest.raises(MalformedError):
        Treaty.from_json(canonical_json({**MEMBERS, "host": origin}))


def test_a_refusal_names_the_member_and_never_its_value() -> None:
    with pytest.raises(MalformedError) as caught:
        Treaty.from_json(canonical_json({**MEMBERS, "clauses": [{"text": 5}]}))
    assert caught.value.message.startswith("clauses.0.text:")
    with pytest.raises(MalformedError) as caught:
        Treaty.from_json(canonical_json({**MEMBERS, "host": "Maria Musterfrau"}))
    assert "Maria" not in caught.value.message
