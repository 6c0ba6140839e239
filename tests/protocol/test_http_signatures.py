"""Signed requests and answers: what verifies, and that nothing else does."""

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.encoding import content_digest
from interurban_protocol.errors import (
    DigestMismatchError,
    ExpiredError,
    InterurbanError,
    MalformedError,
    NotYetValidError,
    OversizedError,
    SignatureInvalidError,
    UnknownKeyError,
    UnsignedError,
    WrongKeyError,
)
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import (
    MAX_FIELD_CHARACTERS,
    VerifiedSignature,
    key_id_of,
    sign_request,
    sign_response,
    verify_request,
    verify_response,
)
from interurban_protocol.keys import Algorithm, KeySet, PublicKey, Purpose
from tests.support.credentials import NOW, a_key, published

KEY = a_key("lakeside exchange")
OTHER_KEY = a_key("northport exchange")
P256_KEY = a_key("lakeside p256", Algorithm.ES256)
KEYS = KeySet(
    (
        published(KEY, Purpose.EXCHANGE),
        published(OTHER_KEY, Purpose.DOCUMENTS),
        published(P256_KEY, Purpose.EXCHANGE),
    )
)
TARGET = "https://lakeside.example/api/v1/messages/17?lang=en"
BODY = b'{"kind":"agreement"}'
NONCE = "AAAAAAAAAAAAAAAAAAAAAA"
ANSWER = HttpResponse(200, {"content-type": "application/json"}, b'{"noted":true}')


def find_key(key_id: str) -> PublicKey:
    return KEYS.find(key_id, Purpose.EXCHANGE, NOW)


def a_request(body: bytes = BODY) -> HttpRequest:
    headers = {"content-type": "application/json"} if body else {}
    return HttpRequest("PUT" if body else "GET", TARGET, headers, body)


def signed(
    body: bytes = BODY, created: datetime = NOW, seconds: int = 60
) -> HttpRequest:
    return sign_request(
        a_request(body), KEY, created=created, nonce=NONCE, lifetime_seconds=seconds
    ).message


def verify(request: HttpRequest, at: datetime = NOW) -> VerifiedSignature:
    return verify_request(request, find_key, at=at)


def signed_by_hand(
    covered: str = '"@method" "@target-uri" "content-digest" "content-type"',
    parameters: str | None = None,
    *,
    key=KEY,
    request: HttpRequest | None = None,
) -> HttpRequest:
    """A request whose signature verifies over whatever it says that it covers."""
    request = request or a_request()
    request = request.with_headers({"content-digest": content_digest(request.body)})
    values = {
        "@method": request.method,
        "@target-uri": request.target_uri,
        "@authority": "lakeside.example",
        **request.headers,
    }
    inner = f"({covered}){parameters if parameters is not None else some_parameters()}"
    lines = [f'"{name}": {values[name]}' for name in re.findall(r'"([^"]+)"', covered)]
    lines.append(f'"@signature-params": {inner}')
    signature = key.sign("\n".join(lines).encode())
    return request.with_headers(
        {"signature-input": f"sig1={inner}", "signature": field_of(signature)}
    )


def some_parameters(**changes: str | None) -> str:
    created = int(NOW.timestamp())
    values: dict[str, str | None] = {
        "created": str(created),
        "expires": str(created + 60),
        "nonce": f'"{NONCE}"',
        "keyid": f'"{KEY.public.key_id}"',
        "tag": '"interurban"',
        **changes,
    }
    return "".join(f";{name}={value}" for name, value in values.items() if value)


def field_of(signature: bytes, label: str = "sig1") -> str:
    return f"{label}=:{b64encode(signature).decode()}:"


def edited(
    name: str, change: Callable[[str], str]
) -> Callable[[HttpRequest], HttpRequest]:
    return lambda request: request.with_headers({name: change(request.headers[name])})


def without(*names: str) -> Callable[[HttpRequest], HttpRequest]:
    def drop(request: HttpRequest) -> HttpRequest:
        kept = {n: v for n, v in request.headers.items() if n not in names}
        return HttpRequest(request.method, request.target_uri, kept, request.body)

    return drop


def test_a_signed_request_verifies_and_says_who_and_when():
    found = verify(signed())
    assert found.key_id == KEY.public.key_id
    assert found.nonce == NONCE
    assert found.created == NOW
    assert found.expires == NOW + timedelta(seconds=60)


def test_a_request_without_a_body_covers_the_digest_of_nothing():
    request = signed(b"")
    assert request.headers["content-digest"] == content_digest(b"")
    assert '"content-type"' not in request.headers["signature-input"]
    assert verify(request).signature_base.startswith(b'"@method": GET\n')


def test_the_signature_base_is_that_of_the_standard():
    created = int(NOW.timestamp())
    expected = (
        f'"@method": PUT\n"@target-uri": {TARGET}\n'
        f'"content-digest": {content_digest(BODY)}\n'
        '"content-type": application/json\n"@signature-params": ("@method" "@target-uri"'
        f' "content-digest" "content-type");created={created};expires={created + 60}'
        f';nonce="{NONCE}";keyid="{KEY.public.key_id}";tag="interurban"'
    )
    assert verify(signed()).signature_base == expected.encode()


def test_the_hand_made_request_of_these_tests_verifies():
    assert verify(signed_by_hand()).key_id == KEY.public.key_id


def test_another_label_and_another_order_are_the_same_signature():
    covered = '"content-type" "content-digest" "@target-uri" "@method"'
    request = signed_by_hand(covered)
    renamed = request.with_headers(
        {
            "signature-input": request.headers["signature-input"].replace("sig1", "x"),
            "signature": request.headers["signature"].replace("sig1", "x"),
        }
    )
    assert verify(renamed).nonce == NONCE


TAMPERED: dict[str, tuple[Callable[[HttpRequest], HttpRequest], type[InterurbanError]]]
TAMPERED = {
    "another method": (lambda r: replace(r, method="POST"), SignatureInvalidError),
    "method in small letters": (
        lambda r: replace(r, method="put"),
        SignatureInvalidError,
    ),
    "another host": (
        lambda r: replace(r, target_uri=TARGET.replace("lakeside", "northport")),
        SignatureInvalidError,
    ),
    "another scheme": (
        lambda r: replace(r, target_uri=TARGET.replace("https", "http")),
        SignatureInvalidError,
    ),
    "another query": (
        lambda r: replace(r, target_uri=TARGET.replace("=en", "=ar")),
        SignatureInvalidError,
    ),
    "no query": (
        lambda r: replace(r, target_uri=TARGET.partition("?")[0]),
        SignatureInvalidError,
    ),
    "another body": (lambda r: replace(r, body=BODY + b" "), DigestMismatchError),
    "body taken away": (lambda r: replace(r, body=b""), SignatureInvalidError),
    "digest of another body": (
        edited("content-digest", lambda _: content_digest(b"other")),
        DigestMismatchError,
    ),
    "another body with its digest": (
        lambda r: replace(r, body=b"{}").with_headers(
            {"content-digest": content_digest(b"{}")}
        ),
        SignatureInvalidError,
    ),
    "two digests": (
        edited("content-digest", lambda v: f"{v}, sha-512=:AAAA:"),
        DigestMismatchError,
    ),
    "no digest": (without("content-digest"), DigestMismatchError),
    "another content type": (
        edited("content-type", lambda _: "text/plain"),
        SignatureInvalidError,
    ),
    "no content type": (without("content-type"), SignatureInvalidError),
    "no signature": (without("signature"), UnsignedError),
    "no signature input": (without("signature-input"), UnsignedError),
    "neither": (without("signature", "signature-input"), UnsignedError),
    "later created": (
        edited(
            "signature-input",
            lambda v: v.replace(
                f"created={int(NOW.timestamp())}", f"created={int(NOW.timestamp()) + 1}"
            ),
        ),
        SignatureInvalidError,
    ),
    "later expires": (
        edited(
            "signature-input",
            lambda v: v.replace(
                f"expires={int(NOW.timestamp()) + 60}",
                f"expires={int(NOW.timestamp()) + 61}",
            ),
        ),
        SignatureInvalidError,
    ),
    "another nonce": (
        edited("signature-input", lambda v: v.replace(NONCE, NONCE[:-1] + "B")),
        SignatureInvalidError,
    ),
    "a key that nobody announced": (
        edited("signature-input", lambda v: v.replace(KEY.public.key_id, "unknown")),
        UnknownKeyError,
    ),
    "a key of another purpose": (
        edited(
            "signature-input",
            lambda v: v.replace(KEY.public.key_id, OTHER_KEY.public.key_id),
        ),
        WrongKeyError,
    ),
    "a key of another algorithm": (
        edited(
            "signature-input",
            lambda v: v.replace(KEY.public.key_id, P256_KEY.public.key_id),
        ),
        SignatureInvalidError,
    ),
    "another tag": (
        edited("signature-input", lambda v: v.replace("interurban", "railway")),
        SignatureInvalidError,
    ),
    "tag as a token": (
        edited("signature-input", lambda v: v.replace('"interurban"', "interurban")),
        SignatureInvalidError,
    ),
    "an extra parameter": (
        edited("signature-input", lambda v: v + ';alg="ed25519"'),
        SignatureInvalidError,
    ),
    "a parameter twice": (
        edited("signature-input", lambda v: v + ';tag="interurban"'),
        MalformedError,
    ),
    "parameters in another order": (
        edited(
            "signature-input",
            lambda v: v.replace(';tag="interurban"', "").replace(
                ");", ');tag="interurban";', 1
            ),
        ),
        SignatureInvalidError,
    ),
    "a space too many": (
        edited("signature-input", lambda v: v.replace('" "', '"  "', 1)),
        MalformedError,
    ),
    "a second signature": (
        lambda r: r.with_headers(
            {
                "signature-input": r.headers["signature-input"]
                + ", "
                + r.headers["signature-input"].replace("sig1", "sig2"),
                "signature": r.headers["signature"]
                + ", "
                + r.headers["signature"].replace("sig1", "sig2"),
            }
        ),
        MalformedError,
    ),
    "the label twice in the input": (
        edited("signature-input", lambda v: f"{v}, {v}"),
        MalformedError,
    ),
    "the label twice in the signature": (
        edited("signature", lambda v: f"{v}, {v}"),
        MalformedError,
    ),
    "two labels": (edited("signature", lambda v: "x" + v), MalformedError),
    "no label": (edited("signature-input", lambda v: v[5:]), MalformedError),
    "a component taken away": (
        edited("signature-input", lambda v: v.replace(' "content-type"', "")),
        SignatureInvalidError,
    ),
    "a component added": (
        edited("signature-input", lambda v: v.replace(")", ' "host")', 1)),
        SignatureInvalidError,
    ),
    "a component twice": (
        edited("signature-input", lambda v: v.replace(")", ' "@method")', 1)),
        MalformedError,
    ),
    "a component with a parameter": (
        edited("signature-input", lambda v: v.replace('"@method"', '"@method";sf')),
        MalformedError,
    ),
    "a component of a request": (
        edited("signature-input", lambda v: v.replace('"@method"', '"@method";req')),
        SignatureInvalidError,
    ),
    "a component that is no text": (
        edited("signature-input", lambda v: v.replace('"@method"', "method")),
        MalformedError,
    ),
    "an item instead of a list": (
        edited("signature-input", lambda _: 'sig1="@method"'),
        MalformedError,
    ),
    "an empty list": (
        edited("signature-input", lambda v: "sig1=()" + v.partition(")")[2]),
        SignatureInvalidError,
    ),
    "a signature with parameters": (
        edited("signature", lambda v: v + ";x=1"),
        MalformedError,
    ),
    "a signature that is text": (
        edited("signature", lambda _: 'sig1="AAAA"'),
        MalformedError,
    ),
    "a signature without padding": (
        edited("signature", lambda v: v.replace("=:", ":").replace("sig1:", "sig1=:")),
        MalformedError,
    ),
    "a signature one byte too long": (
        edited("signature", lambda v: v.replace("==:", "AA:")),
        SignatureInvalidError,
    ),
    "an empty signature": (
        edited("signature", lambda _: "sig1=::"),
        SignatureInvalidError,
    ),
    "a signature of zeros": (
        edited("signature", lambda _: f"sig1=:{'A' * 86}==:"),
        SignatureInvalidError,
    ),
    "a field that is no structured field": (
        edited("signature-input", lambda _: "sig1=(((("),
        MalformedError,
    ),
    "a field that is not ASCII": (
        edited("signature-input", lambda v: v.replace("interurban", "ïnterurban")),
        MalformedError,
    ),
    "an empty field": (edited("signature", lambda _: ""), MalformedError),
    "a field that is too long": (
        edited("signature-input", lambda v: v + " " * MAX_FIELD_CHARACTERS),
        OversizedError,
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_request_is_refused_with_its_own_error(how: str):
    change, expected = TAMPERED[how]
    request = change(signed())
    if how == "a field that is too long":  # the message strips what stands around it
        request = edited("signature-input", lambda v: v + ";x" * MAX_FIELD_CHARACTERS)(
            request
        )
    with pytest.raises(InterurbanError) as caught:
        verify(request)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        *[
            ({name: None}, SignatureInvalidError)
            for name in ("created", "expires", "nonce", "keyid", "tag")
        ],
        ({"created": "1.5"}, MalformedError),
        ({"created": f"@{int(NOW.timestamp())}"}, MalformedError),
        ({"created": f'"{int(NOW.timestamp())}"'}, MalformedError),
        ({"created": "-1"}, MalformedError),
        ({"created": "999999999999999"}, MalformedError),
        ({"created": "?1"}, MalformedError),
        ({"expires": "?0"}, MalformedError),
        ({"nonce": '""'}, MalformedError),
        ({"nonce": f'"{"n" * 65}"'}, MalformedError),
        ({"nonce": "17"}, MalformedError),
        ({"nonce": "token"}, MalformedError),
        ({"keyid": "17"}, MalformedError),
        ({"keyid": '""'}, MalformedError),
        ({"keyid": '"unknown"'}, UnknownKeyError),
        ({"tag": "interurban"}, SignatureInvalidError),
        ({"tag": "17"}, SignatureInvalidError),
        ({"alg": '"ed25519"'}, SignatureInvalidError),
    ],
)
def test_a_good_signature_over_wrong_parameters_is_refused(parameters, expected):
    with pytest.raises(InterurbanError) as caught:
        verify(signed_by_hand(parameters=some_parameters(**parameters)))
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    "covered",
    [
        '"@method" "@target-uri" "content-digest"',
        '"@method" "content-digest" "content-type"',
        '"@target-uri" "content-digest" "content-type"',
        '"@method" "@target-uri" "content-type"',
        '"@method" "@authority" "content-digest" "content-type"',
        '"@method" "@target-uri" "content-digest" "content-type" "@authority"',
    ],
)
def test_a_good_signature_over_another_set_of_components_is_refused(covered: str):
    with pytest.raises(SignatureInvalidError):
        verify(signed_by_hand(covered))


def test_a_component_covered_twice_is_malformed_although_it_verifies():
    covered = '"@method" "@method" "@target-uri" "content-digest" "content-type"'
    with pytest.raises(MalformedError, match="covered twice"):
        verify(signed_by_hand(covered))


def test_a_good_signature_by_a_key_of_another_algorithm_is_refused():
    parameters = some_parameters(keyid=f'"{P256_KEY.public.key_id}"')
    with pytest.raises(SignatureInvalidError, match="Ed25519"):
        verify(signed_by_hand(parameters=parameters, key=P256_KEY))


def test_this_node_signs_with_ed25519_keys_only():
    with pytest.raises(ValueError, match="Ed25519"):
        sign_request(a_request(), P256_KEY, created=NOW, nonce=NONCE)


@pytest.mark.parametrize(
    ("seconds_later", "expected"),
    [
        (-61, NotYetValidError),
        (-60, None),
        (0, None),
        (60, None),
        (119, None),
        (120, ExpiredError),
        (361, ExpiredError),
    ],
)
def test_a_request_is_accepted_in_its_time_and_a_minute_around(seconds_later, expected):
    at = NOW + timedelta(seconds=seconds_later)
    if expected is None:
        assert verify(signed(), at).created == NOW
        return
    with pytest.raises(InterurbanError) as caught:
        verify(signed(), at)
    assert type(caught.value) is expected


@pytest.mark.parametrize("seconds", [301, 10**6, 0, -1])
def test_a_lifetime_beyond_five_minutes_or_none_at_all_is_refused(seconds: int):
    with pytest.raises(SignatureInvalidError, match="lifetime"):
        verify(signed(seconds=seconds))


def test_a_lifetime_of_five_minutes_is_the_longest():
    last = NOW + timedelta(seconds=359)
    assert verify(signed(seconds=300), last).expires == NOW + timedelta(seconds=300)
    with pytest.raises(ExpiredError):
        verify(signed(seconds=300), NOW + timedelta(seconds=360))


def test_the_key_id_can_be_read_before_anything_is_proved():
    assert key_id_of(signed().headers) == KEY.public.key_id
    with pytest.raises(UnsignedError):
        key_id_of({})


def test_nobody_else_can_make_a_verified_signature():
    with pytest.raises(TypeError, match="only a verification"):
        VerifiedSignature(
            key_id="",
            created=NOW,
            expires=None,
            nonce=None,
            signature_base=b"",
            signature=b"",
            _seal=object(),
        )


def answered(request: HttpRequest | None = None) -> HttpResponse:
    return sign_response(ANSWER, request or signed(), KEY, created=NOW).message


def verify_answer(
    response: HttpResponse, request: HttpRequest | None = None, at: datetime = NOW
) -> VerifiedSignature:
    return verify_response(response, request or signed(), find_key, at=at)


def test_a_signed_answer_verifies_with_its_request():
    found = verify_answer(answered())
    assert (found.expires, found.nonce) == (None, None)
    assert b'"signature";req: sig1=:' in found.signature_base


def test_an_answer_does_not_verify_with_another_request():
    others = (
        sign_request(a_request(), KEY, created=NOW, nonce="another").message,
        sign_request(
            replace(a_request(), target_uri=TARGET + "1"), KEY, created=NOW, nonce=NONCE
        ).message,
        signed(b""),
        replace(signed(), method="POST"),
    )
    for other in others:
        with pytest.raises(SignatureInvalidError, match="does not verify"):
            verify_answer(answered(), other)


def test_an_answer_to_an_unsigned_request_proves_nothing():
    with pytest.raises(SignatureInvalidError, match="no signature field"):
        verify_answer(answered(), a_request())


TAMPERED_ANSWERS: dict[
    str, tuple[Callable[[HttpResponse], HttpResponse], type[InterurbanError]]
] = {
    "another status": (lambda r: replace(r, status=201), SignatureInvalidError),
    "another body": (lambda r: replace(r, body=b"{}"), DigestMismatchError),
    "another body with its digest": (
        lambda r: replace(r, body=b"{}").with_headers(
            {"content-digest": content_digest(b"{}")}
        ),
        SignatureInvalidError,
    ),
    "another content type": (
        lambda r: r.with_headers({"content-type": "text/html"}),
        SignatureInvalidError,
    ),
    "no content type": (
        lambda r: HttpResponse(
            200, {n: v for n, v in r.headers.items() if n != "content-type"}, r.body
        ),
        SignatureInvalidError,
    ),
    "no signature": (lambda r: HttpResponse(200, {}, r.body), UnsignedError),
    "the request's signature": (
        lambda r: r.with_headers(
            {
                "signature": signed().headers["signature"],
                "signature-input": signed().headers["signature-input"],
            }
        ),
        SignatureInvalidError,
    ),
    "request components of the answer": (
        lambda r: r.with_headers(
            {"signature-input": r.headers["signature-input"].replace(";req", "")}
        ),
        SignatureInvalidError,
    ),
    "a nonce added": (
        lambda r: r.with_headers(
            {"signature-input": r.headers["signature-input"] + ';nonce="n"'}
        ),
        SignatureInvalidError,
    ),
    "another tag": (
        lambda r: r.with_headers(
            {"signature-input": r.headers["signature-input"].replace("inter", "intra")}
        ),
        SignatureInvalidError,
    ),
    "an unknown key": (
        lambda r: r.with_headers(
            {
                "signature-input": r.headers["signature-input"].replace(
                    KEY.public.key_id, "unknown"
                )
            }
        ),
        UnknownKeyError,
    ),
    "padding": (
        lambda r: r.with_headers({"signature": r.headers["signature"] + ";a"}),
        MalformedError,
    ),
}


@pytest.mark.parametrize("how", TAMPERED_ANSWERS)
def test_a_tampered_answer_is_refused_with_its_own_error(how: str):
    change, expected = TAMPERED_ANSWERS[how]
    with pytest.raises(InterurbanError) as caught:
        verify_answer(change(answered()))
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-61, NotYetValidError), (361, ExpiredError)]
)
def test_an_answer_of_another_time_is_refused(seconds: int, expected):
    with pytest.raises(expected):
        verify_answer(answered(), at=NOW + timedelta(seconds=seconds))


@given(
    field=st.sampled_from(
        ["method", "target", "body", "content-digest", "content-type", "signature"]
    ),
    position=st.integers(0, 10**6),
    change=st.integers(1, 255),
)
def test_any_single_changed_byte_of_what_is_covered_is_refused(field, position, change):
    request = signed()
    original = {
        "method": request.method,
        "target": request.target_uri,
        "body": request.body.decode(),
    }.get(field) or request.headers[field]
    data = bytearray(original.encode())
    data[position % len(data)] ^= change
    value = bytes(data)
    text = value.decode("latin-1")
    match field:
        case "method":
            changed = replace(request, method=text)
        case "target":
            changed = replace(request, target_uri=text)
        case "body":
            changed = replace(request, body=value)
        case _:
            changed = replace(request, headers={**request.headers, field: text})
            if changed.headers[field] == original:
                return  # white space around a field is no part of it
    if field == "signature" and changed.headers["signature"][:4] != "sig1":
        with pytest.raises(MalformedError):
            verify(changed)
        return
    with pytest.raises(InterurbanError):
        verify(changed)


@given(position=st.integers(0, 10**6), change=st.integers(1, 127))
def test_any_single_changed_byte_of_the_signature_input_is_refused(position, change):
    request = signed()
    data = bytearray(request.headers["signature-input"].encode())
    data[position % len(data)] ^= change
    text = bytes(data).decode("latin-1")
    with pytest.raises(InterurbanError):
        verify(request.with_headers({"signature-input": text}))


@given(
    body=st.binary(max_size=200),
    nonce=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
)
def test_whatever_is_signed_verifies(body: bytes, nonce: str):
    request = sign_request(a_request(body), KEY, created=NOW, nonce=nonce).message
    assert verify(request).nonce == nonce
    assert verify_answer(answered(request), request).key_id == KEY.public.key_id
