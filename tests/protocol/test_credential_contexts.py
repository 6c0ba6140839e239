"""Contexts: the pinned bytes, and nothing else."""

from importlib.resources import files
from typing import Any

import pytest

from interurban_protocol.contexts import (
    CONFORMANCE,
    CREDENTIALS_V2,
    EXAMPLES_V2,
    OPEN_BADGES,
    PINNED,
    STANDARD,
    check_contexts,
    context_bytes,
    load_context,
)
from interurban_protocol.encoding import parse_json_object, sha256_digest
from interurban_protocol.errors import InterurbanError, MalformedError, UnsupportedError

SCHEMES = {"http", "https", "urn", "did", "mailto", "data"}


def terms(value: Any) -> set[str]:
    """Every name that a context defines, at any depth."""
    found: set[str] = set()
    if isinstance(value, dict):
        for name, member in value.items():
            found |= {name} | terms(member)
    elif isinstance(value, list):
        for member in value:
            found |= terms(member)
    return found


@pytest.mark.parametrize("address", PINNED)
def test_a_pinned_context_has_its_digest(address: str) -> None:
    assert sha256_digest(context_bytes(address)) == PINNED[address].digest
    assert "@context" in load_context(address, CONFORMANCE)


def test_every_file_beside_the_contexts_is_pinned() -> None:
    folder = files("interurban_protocol").joinpath("context_documents")
    names = {each.name for each in folder.iterdir()} - {"SOURCE.md"}
    assert names == {pinned.file for pinned in PINNED.values()}


@pytest.mark.parametrize("address", PINNED)
def test_no_context_takes_the_scheme_of_an_address_for_a_prefix(address: str) -> None:
    """The templates of `linked_data` rely on it."""
    assert not terms(parse_json_object(context_bytes(address))) & SCHEMES


@pytest.mark.parametrize("address", sorted(STANDARD.addresses))
def test_no_context_for_real_work_defines_every_term(address: str) -> None:
    context: Any = load_context(address, STANDARD)["@context"]
    assert "@vocab" not in context


def test_a_loaded_context_is_a_copy() -> None:
    first: Any = load_context(CREDENTIALS_V2, STANDARD)
    first["@context"] = {}
    assert load_context(CREDENTIALS_V2, STANDARD) != first


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("https://example.org/own", UnsupportedError),
        ([CREDENTIALS_V2, "https://example.org/own"], UnsupportedError),
        ([CREDENTIALS_V2, EXAMPLES_V2], UnsupportedError),
        ([CREDENTIALS_V2, {"name": "https://example.org/name"}], UnsupportedError),
        ([CREDENTIALS_V2 + "/"], UnsupportedError),
        ([CREDENTIALS_V2.replace("https", "http")], UnsupportedError),
        ([CREDENTIALS_V2, 3], MalformedError),
        (None, MalformedError),
    ],
)
def test_other_contexts_are_refused(value: Any, error: type[InterurbanError]) -> None:
    with pytest.raises(InterurbanError) as caught:
        check_contexts(value, STANDARD)
    assert type(caught.value) is error


def test_what_is_pinned_is_accepted() -> None:
    check_contexts([CREDENTIALS_V2, OPEN_BADGES], STANDARD)
    check_contexts([CREDENTIALS_V2, EXAMPLES_V2, {"@vocab": "urn:x:"}], CONFORMANCE)


def test_a_context_that_is_not_pinned_cannot_be_loaded() -> None:
    for load in (context_bytes, lambda address: load_context(address, STANDARD)):
        with pytest.raises(UnsupportedError):
            load("https://example.org/own")
