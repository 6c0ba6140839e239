"""Selective disclosure: what RFC 9901 section 7.1 makes of payloads and disclosures."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.encoding import base64url_encode, canonical_json
from interurban_protocol.errors import InterurbanError, MalformedError, OversizedError
from interurban_protocol.selective_disclosure import (
    MAX_DISCLOSURES,
    Disclosure,
    digests,
    disclosed_payload,
    join_token,
    make_disclosure,
    parse_disclosure,
    split_token,
)
from tests.support.credentials import random_bytes

SALT = random_bytes("salt")
NAME = make_disclosure(SALT, "name", "welding")
LEVEL = make_disclosure(random_bytes("other salt"), "level", 4)


def disclosure(*parts: Any) -> Disclosure:
    return parse_disclosure(base64url_encode(canonical_json(parts)))


def element(value: Any) -> Disclosure:
    return disclosure("salt-of-the-element", value)


def test_a_disclosure_travels_as_salt_name_and_value() -> None:
    assert parse_disclosure(NAME.text) == NAME
    assert (NAME.name, NAME.value) == ("name", "welding")


def test_disclosed_members_take_the_place_of_their_digests() -> None:
    payload = {"iss": "x", "_sd": [NAME.digest, LEVEL.digest], "_sd_alg": "sha-256"}
    assert disclosed_payload(payload, [LEVEL, NAME]) == {
        "iss": "x",
        "name": "welding",
        "level": 4,
    }


def test_what_is_held_back_leaves_no_trace() -> None:
    payload = {"iss": "x", "_sd": [NAME.digest, LEVEL.digest]}
    assert disclosed_payload(payload, [NAME]) == {"iss": "x", "name": "welding"}


def test_elements_are_put_in_their_place_or_dropped() -> None:
    shown, held_back = element("DE"), element("FR")
    payload = {"in": [{"...": held_back.digest}, "NL", {"...": shown.digest}]}
    assert disclosed_payload(payload, [shown]) == {"in": ["NL", "DE"]}


def test_a_disclosure_may_hold_digests_of_further_ones() -> None:
    outer = disclosure("outer-salt", "achievement", {"_sd": [NAME.digest]})
    listed = disclosure("list-salt", "list", [{"...": element(1).digest}])
    payload = {"_sd": [outer.digest, listed.digest]}
    assert disclosed_payload(payload, [NAME, outer, listed, element(1)]) == {
        "achievement": {"name": "welding"},
        "list": [1],
    }


def nested(depth: int) -> tuple[dict[str, Any], list[Disclosure]]:
    chain = [disclosure("innermost", "n", 1)]
    for number in range(depth):
        chain.append(disclosure(f"salt-{number}", "n", {"_sd": [chain[-1].digest]}))
    return {"_sd": [chain[-1].digest]}, chain


TAMPERED: dict[str, tuple[dict[str, Any], list[Disclosure], type[InterurbanError]]] = {
    "unused": ({}, [NAME], MalformedError),
    "unused in part": ({"_sd": [NAME.digest]}, [NAME, LEVEL], MalformedError),
    "given twice": ({"_sd": [NAME.digest]}, [NAME, NAME], MalformedError),
    "named twice": ({"_sd": [NAME.digest, NAME.digest]}, [NAME], MalformedError),
    "decoy named twice": ({"_sd": ["x"], "a": {"_sd": ["x"]}}, [], MalformedError),
    "named twice by a disclosure": (
        {"_sd": [NAME.digest, disclosure("s", "a", {"_sd": [NAME.digest]}).digest]},
        [NAME, disclosure("s", "a", {"_sd": [NAME.digest]})],
        MalformedError,
    ),
    "a name that is there": (
        {"name": "x", "_sd": [NAME.digest]},
        [NAME],
        MalformedError,
    ),
    "a name disclosed twice": (
        {"_sd": [NAME.digest, disclosure("t", "name", "x").digest]},
        [NAME, disclosure("t", "name", "x")],
        MalformedError,
    ),
    "an element as a member": (
        {"_sd": [element(1).digest]},
        [element(1)],
        MalformedError,
    ),
    "a member as an element": ({"a": [{"...": NAME.digest}]}, [NAME], MalformedError),
    "an element outside a list": ({"a": {"...": NAME.digest}}, [NAME], MalformedError),
    "an element with company": (
        {"a": [{"...": NAME.digest, "b": 1}]},
        [NAME],
        MalformedError,
    ),
    "an element without text": ({"a": [{"...": 5}]}, [], MalformedError),
    "_sd is no list": ({"_sd": NAME.digest}, [NAME], MalformedError),
    "_sd of numbers": ({"_sd": [1]}, [], MalformedError),
    "another hash": (
        {"_sd_alg": "sha-512", "_sd": [NAME.digest]},
        [NAME],
        MalformedError,
    ),
    "too deep": (*nested(40), OversizedError),
}


@pytest.mark.parametrize(("payload", "given", "error"), TAMPERED.values(), ids=TAMPERED)
def test_payloads_and_disclosures_that_do_not_fit_are_refused(
    payload: dict[str, Any], given: list[Disclosure], error: type[InterurbanError]
) -> None:
    with pytest.raises(InterurbanError) as caught:
        disclosed_payload(payload, given)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "value",
    [
        [],
        ["salt"],
        ["salt", "name", 1, 2],
        [1, "name", "value"],
        ["salt", 5, "value"],
        ["salt", "_sd", []],
        ["salt", "...", "x"],
        {"salt": 1},
        "text",
    ],
)
def test_what_is_no_disclosure_is_refused(value: Any) -> None:
    with pytest.raises(MalformedError):
        parse_disclosure(base64url_encode(canonical_json(value)))


@pytest.mark.parametrize("text", ["", "WyI", "WyJhIiwgMV0=", "Wy Jh", "ä", "e30"])
def test_text_that_is_no_strict_base64url_json_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_disclosure(text)


def test_duplicate_names_inside_a_disclosure_are_refused() -> None:
    text = base64url_encode(b'["salt","name",{"a":1,"a":2}]')
    with pytest.raises(MalformedError):
        parse_disclosure(text)


def test_a_token_is_split_where_it_was_joined() -> None:
    token = join_token("a.b.c", [NAME, LEVEL])
    assert token == f"a.b.c~{NAME.text}~{LEVEL.text}~"
    assert split_token(token) == ("a.b.c", (NAME, LEVEL))
    assert split_token("a.b.c~") == ("a.b.c", ())


@pytest.mark.parametrize(
    "token",
    [
        "",
        "~",
        "a.b.c",
        f"a.b.c~{NAME.text}",
        f"~{NAME.text}~",
        f"a.b.c~~{NAME.text}~",
        f"a.b.c~{NAME.text}~h.p.s",
    ],
)
def test_a_token_without_its_tildes_or_with_key_binding_is_refused(token: str) -> None:
    with pytest.raises(MalformedError):
        split_token(token)


def test_more_disclosures_than_the_limit_are_refused() -> None:
    with pytest.raises(OversizedError):
        split_token(join_token("a.b.c", [NAME] * (MAX_DISCLOSURES + 1)))


def test_as_many_disclosures_as_the_limit_are_read() -> None:
    assert len(split_token(join_token("a.b.c", [NAME] * MAX_DISCLOSURES))[1]) == 64


def test_a_salt_has_at_least_128_bits() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        make_disclosure(b"short", "name", 1)


@pytest.mark.parametrize("name", ["_sd", "..."])
def test_reserved_names_are_never_disclosed(name: str) -> None:
    with pytest.raises(MalformedError):
        make_disclosure(SALT, name, 1)


def test_an_object_without_digests_has_none() -> None:
    assert digests({"a": 1}) == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text().filter(lambda name: name not in {"_sd", "..."}), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1), json_values, max_size=5), st.data())
def test_any_subset_of_disclosures_yields_that_subset_of_members(
    members: dict[str, Any], data: st.DataObject
) -> None:
    members = {
        name: v for name, v in members.items() if name not in {"_sd", "...", "_sd_alg"}
    }
    made = [
        make_disclosure(random_bytes(f"{number}"), name, value)
        for number, (name, value) in enumerate(members.items())
    ]
    shown = [each for each in made if data.draw(st.booleans())]
    payload = {"_sd": [each.digest for each in made], "_sd_alg": "sha-256"}
    token = join_token("a.b.c", shown)
    _, parsed = split_token(token)
    assert disclosed_payload(payload, parsed) == {
        each.name: members[each.name] for each in shown if each.name is not None
    }
