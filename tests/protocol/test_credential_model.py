"""The Data Model 2.0: what is accepted and what is not."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from interurban_protocol.contexts import (
    CONFORMANCE,
    CREDENTIALS_V2,
    EXAMPLES_V2,
    context_bytes,
)
from interurban_protocol.credential_model import (
    check_credential,
    check_presentation,
    parse_date_time,
    unchecked_resources,
)
from interurban_protocol.errors import (
    DigestMismatchError,
    InterurbanError,
    MalformedError,
    UnsupportedError,
)
from interurban_protocol.multikeys import multibase_encode
from tests.support.certificates import signed, status_entries, unsigned

V2 = context_bytes(CREDENTIALS_V2)
SRI = "sha384-" + base64.b64encode(hashlib.sha384(V2).digest()).decode()
MULTIHASH = bytes.fromhex("1220") + hashlib.sha256(V2).digest()
MULTIBASE = "u" + base64.urlsafe_b64encode(MULTIHASH).decode().rstrip("=")
STATUS = status_entries()[0]
SCHEMA = {"id": "https://a.example/schema", "type": "JsonSchema"}


def resource(**members: Any) -> dict[str, Any]:
    return {"id": CREDENTIALS_V2, **members}


GOOD: dict[str, dict[str, Any]] = {
    "as it is": {},
    "without an id": {"id": ...},
    "issuer as a URL": {"issuer": "did:web:lakeside.example"},
    "several subjects": {"credentialSubject": [{"id": "urn:a:b"}, {"name": "x"}]},
    "a type that is a URL": {"type": ["VerifiableCredential", "https://a.example/t"]},
    "one type": {"type": "VerifiableCredential"},
    "a name in two languages": {
        "name": [
            {"@value": "Welding", "@language": "en"},
            {"@value": "لحام", "@language": "ar", "@direction": "rtl"},
        ]
    },
    "without times": {"validFrom": ...},
    "a zone other than Z": {"validFrom": "2026-05-01T10:00:00.123+02:00"},
    "a status": {"credentialStatus": STATUS},
    "a status without an id": {"credentialStatus": {"type": "Other"}},
    "two statuses": {"credentialStatus": status_entries()},
    "a schema": {"credentialSchema": [SCHEMA]},
    "terms of use": {"termsOfUse": [{"type": "Policy", "id": "urn:a:b"}]},
    "evidence": {"evidence": {"type": ["Evidence"]}},
    "a refresh service": {"refreshService": {"type": "Refresh", "id": "urn:a:b"}},
    "a resource with its digest": {"relatedResource": resource(digestSRI=SRI)},
    "a resource by multibase": {
        "relatedResource": [resource(digestMultibase=MULTIBASE)]
    },
    "a resource in base58": {
        "relatedResource": resource(digestMultibase=multibase_encode(MULTIHASH))
    },
    "a resource that is not at hand": {
        "relatedResource": {"id": "https://a.example/x", "digestSRI": "sha256-x"}
    },
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_what_the_data_model_allows_is_accepted(changes: dict[str, Any]) -> None:
    check_credential(unsigned(**changes))


BAD: dict[str, dict[str, Any]] = {
    "context as a text": {"@context": CREDENTIALS_V2},
    "no context": {"@context": ...},
    "empty contexts": {"@context": []},
    "a context twice": {"@context": [CREDENTIALS_V2, CREDENTIALS_V2]},
    "a number as context": {"@context": [CREDENTIALS_V2, 3]},
    "no type": {"type": ...},
    "another type": {"type": ["OpenBadgeCredential"]},
    "a number as type": {"type": ["VerifiableCredential", 3]},
    "a nested type": {"type": [["VerifiableCredential"]]},
    "a type with a space": {"type": ["VerifiableCredential", "a b"]},
    "an id that is no URL": {"id": "not-a-url"},
    "an id of null": {"id": None},
    "two ids": {"id": ["urn:a:b", "urn:a:c"]},
    "an id as keyword": {"@id": "urn:a:b"},
    "a type as keyword": {"@type": "urn:a:b"},
    "no issuer": {"issuer": ...},
    "issuer of null": {"issuer": None},
    "an issuer that is no URL": {"issuer": "Lakeside"},
    "an issuer without id": {"issuer": {"name": "Lakeside"}},
    "two issuers": {"issuer": ["did:web:a.example", "did:web:b.example"]},
    "an issuer with a number as name": {"issuer": {"id": "urn:a:b", "name": 3}},
    "no subject": {"credentialSubject": ...},
    "an empty subject": {"credentialSubject": {}},
    "no subjects": {"credentialSubject": []},
    "one empty subject": {"credentialSubject": [{"id": "urn:a:b"}, {}]},
    "a subject as text": {"credentialSubject": "urn:a:b"},
    "a nested subject": {"credentialSubject": [[{"id": "urn:a:b"}]]},
    "a subject with two ids": {"credentialSubject": {"id": ["urn:a:b", "urn:a:c"]}},
    "a time without zone": {"validFrom": "2026-05-01T10:00:00"},
    "a date": {"validUntil": "2026-05-01"},
    "a time in a list": {"validUntil": ["2026-05-01T10:00:00Z"]},
    "a time of null": {"validUntil": None},
    "a day that does not exist": {"validFrom": "2026-02-30T10:00:00Z"},
    "a year before all others": {"validFrom": "0000-01-01T10:00:00Z"},
    "the end before the beginning": {"validUntil": "2020-05-01T10:00:00Z"},
    "a status without type": {"credentialStatus": {"id": "urn:a:b"}},
    "a status in a list in a list": {"credentialStatus": [[STATUS]]},
    "a status of null": {"credentialStatus": None},
    "a status whose id is no URL": {"credentialStatus": {**STATUS, "id": "x"}},
    "the same status twice": {"credentialStatus": [STATUS, STATUS]},
    "the id in two places": {"evidence": {"id": unsigned()["id"], "type": "E"}},
    "a schema without id": {"credentialSchema": {"type": "JsonSchema"}},
    "a schema without type": {"credentialSchema": {"id": "urn:a:b"}},
    "terms of use without type": {"termsOfUse": {"id": "urn:a:b"}},
    "evidence without type": {"evidence": [{"id": "urn:a:b"}]},
    "a refresh service without type": {"refreshService": {"id": "urn:a:b"}},
    "a name that is a number": {"name": 3},
    "a description with a script": {"description": {"@value": "x", "script": "y"}},
    "a language that is a number": {"name": {"@value": "x", "@language": 3}},
    "a resource without digest": {"relatedResource": resource()},
    "a resource without id": {"relatedResource": {"digestSRI": SRI}},
    "a resource twice": {
        "relatedResource": [resource(digestSRI=SRI), resource(digestSRI=SRI)]
    },
    "a hundred statuses": {"credentialStatus": [{"type": "T"}] * 100},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_what_the_data_model_forbids_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(InterurbanError) as caught:
        check_credential(unsigned(**changes))
    assert type(caught.value) is MalformedError


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"@context": ["https://www.w3.org/2018/credentials/v1"]}, UnsupportedError),
        ({"@context": [EXAMPLES_V2, CREDENTIALS_V2]}, UnsupportedError),
        (
            {"relatedResource": resource(digestSRI=SRI.replace("l", "m"))},
            DigestMismatchError,
        ),
        ({"relatedResource": resource(digestSRI="md5-abc")}, DigestMismatchError),
        (
            {"relatedResource": resource(digestMultibase=MULTIBASE[:-2])},
            DigestMismatchError,
        ),
        (
            {"relatedResource": resource(digestMultibase="f1220")},
            DigestMismatchError,
        ),
    ],
)
def test_other_contexts_and_resources_are_refused(
    changes: dict[str, Any], error: type[InterurbanError]
) -> None:
    with pytest.raises(InterurbanError) as caught:
        check_credential(unsigned(**changes))
    assert type(caught.value) is error


def test_resources_that_are_not_at_hand_are_named() -> None:
    there = {"id": "https://a.example/x", "digestSRI": "sha256-x"}
    document = unsigned(relatedResource=[there, resource(digestSRI=SRI)])
    assert unchecked_resources(document) == ("https://a.example/x",)


def test_a_time_is_read_in_utc() -> None:
    expected = datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert parse_date_time("2026-05-01T10:00:00.999+02:00", "t") == expected


# --- presentations

HOLDER = "did:web:lakeside.example"


def presentation(**changes: Any) -> dict[str, Any]:
    value = {
        "@context": [CREDENTIALS_V2],
        "type": ["VerifiablePresentation"],
        "verifiableCredential": [signed(unsigned())],
    }
    value.update(changes)
    return {name: each for name, each in value.items() if each is not ...}


GOOD_PRESENTATIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "nothing in it": {"verifiableCredential": ...},
    "a holder": {"holder": HOLDER},
    "a holder as object": {"holder": {"id": HOLDER}},
    "an id": {"id": "urn:uuid:1"},
    "what the holder says": {
        "holder": HOLDER,
        "verifiableCredential": unsigned(issuer=HOLDER),
    },
    "an enveloped credential": {
        "verifiableCredential": {
            "@context": CREDENTIALS_V2,
            "id": "data:application/vc+jwt,a.b.c",
            "type": "EnvelopedVerifiableCredential",
        }
    },
}


@pytest.mark.parametrize("changes", GOOD_PRESENTATIONS.values(), ids=GOOD_PRESENTATIONS)
def test_a_presentation_of_the_data_model_is_accepted(changes: dict[str, Any]) -> None:
    check_presentation(presentation(**changes), CONFORMANCE)


BAD_PRESENTATIONS: dict[str, dict[str, Any]] = {
    "no context": {"@context": ...},
    "no type": {"type": ...},
    "another type": {"type": ["VerifiableCredential"]},
    "a credential as text": {"verifiableCredential": ["urn:a:b"]},
    "a credential as number": {"verifiableCredential": 3},
    "a holder without id": {"holder": {"name": "x"}},
    "a holder that is no URL": {"holder": "x"},
    "what nobody says": {"verifiableCredential": unsigned(issuer=HOLDER)},
    "what another says": {
        "holder": "did:web:other.example",
        "verifiableCredential": unsigned(issuer=HOLDER),
    },
    "an envelope that is an address": {
        "verifiableCredential": {
            "id": "https://a.example/vc",
            "type": "EnvelopedVerifiableCredential",
        }
    },
}


@pytest.mark.parametrize("changes", BAD_PRESENTATIONS.values(), ids=BAD_PRESENTATIONS)
def test_another_presentation_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        check_presentation(presentation(**changes))
