"""RFC 9901: the published SD-JWTs through our reading of disclosures.

Their headers carry no key id, so the issuer's signature is compared at the level of
`PublicKey.verify`; payloads and disclosures go through `selective_disclosure` as they are.
"""

import json
from typing import Any

import pytest

from interurban_protocol.encoding import (
    JsonValue,
    base64url_decode,
    parse_json_object,
)
from interurban_protocol.errors import MalformedError, SignatureInvalidError
from interurban_protocol.keys import PublicKey
from interurban_protocol.selective_disclosure import (
    Disclosure,
    disclosed_payload,
    join_token,
    parse_disclosure,
    split_token,
)
from tests.support.shared import shared_path

EXAMPLES = [
    "01_main_example",
    "02_simple_structured",
    "03_complex_ekyc",
    "04_sd_jwt_vc_pid",
    "05_w3c_vc",
]
JSON_CASES = ["flattened_issued", "flattened_with_kb", "general_with_kb"]


def example(name: str) -> dict[str, Any]:
    data = shared_path(f"vectors/sd-jwt/{name}.json").read_bytes()
    value: dict[str, Any] = json.loads(data)
    return value


def issuer_key() -> PublicKey:
    jwk = dict(example("keys")["issuer"]["jwk"])
    del jwk["d"]
    return PublicKey.from_jwk(jwk)


def signed_payload(protected: str, payload: str, signature: str) -> Any:
    issuer_key().verify(
        base64url_decode(signature), f"{protected}.{payload}".encode("ascii")
    )
    return parse_json_object(base64url_decode(payload))


def disclosures_of(vector: dict[str, Any]) -> dict[str, Disclosure]:
    """All disclosures of an example, by their published digest."""
    return {
        entry["digest"]: parse_disclosure(entry["disclosure"])
        for entry in vector["disclosures"]
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_published_digest_is_the_one_we_compute(name: str) -> None:
    found = disclosures_of(example(name))
    assert found
    for digest, disclosure in found.items():
        assert disclosure.digest == digest


@pytest.mark.parametrize("name", EXAMPLES)
def test_with_all_disclosures_the_payload_is_the_published_one(name: str) -> None:
    vector = example(name)
    payload = signed_payload(*vector["issuer_signed_jwt"].split("."))
    everything = list(disclosures_of(vector).values())
    token = join_token(vector["issuer_signed_jwt"], everything)
    _, parsed = split_token(token)
    result = disclosed_payload(payload, parsed)
    assert result == vector["processed_payload_all_disclosed"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_with_the_presented_disclosures_it_is_the_published_one(name: str) -> None:
    vector = example(name)
    payload = signed_payload(*vector["issuer_signed_jwt"].split("."))
    by_digest = disclosures_of(vector)
    shown = [by_digest[digest] for digest in vector["presented_disclosures"]]
    assert disclosed_payload(payload, shown) == vector["processed_payload"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_presentation_is_read_unless_it_has_key_binding(name: str) -> None:
    vector = example(name)
    presentation = vector["presentation"]
    if vector["key_binding"] is not None:
        with pytest.raises(MalformedError):
            split_token(presentation)
        presentation = presentation.rpartition("~")[0] + "~"
    _, shown = split_token(presentation)
    payload = signed_payload(*vector["issuer_signed_jwt"].split("."))
    assert disclosed_payload(payload, shown) == vector["processed_payload"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_doubled_a_foreign_or_an_unused_disclosure_is_refused(name: str) -> None:
    vector = example(name)
    payload: dict[str, JsonValue] = vector["payload"]
    everything = list(disclosures_of(vector).values())
    foreign = parse_disclosure("WyJzYWx0IiwiZm9yZWlnbiIsMV0")
    for disclosures in ([*everything, everything[0]], [*everything, foreign]):
        with pytest.raises(MalformedError):
            disclosed_payload(payload, disclosures)
    with pytest.raises(MalformedError):
        disclosed_payload({}, everything)


@pytest.mark.parametrize("place", range(3))
def test_the_json_forms_hold_the_same_payloads(place: int) -> None:
    case = example("06_json_serialization")["cases"][place]
    assert case["name"] == JSON_CASES[place]
    value = case["sd_jwt"]
    first = value["signatures"][0] if "signatures" in value else value
    payload = signed_payload(first["protected"], value["payload"], first["signature"])
    shown = [parse_disclosure(text) for text in first["header"]["disclosures"]]
    assert disclosed_payload(payload, shown) == case["processed_payload"]


def test_a_changed_payload_does_not_verify() -> None:
    protected, payload, signature = example(EXAMPLES[0])["issuer_signed_jwt"].split(".")
    with pytest.raises(SignatureInvalidError):
        signed_payload(protected, payload[:-4] + "AAAA", signature)
