"""The JSON-LD contexts that this package knows: pinned by digest, never fetched.

A context decides what a signed credential says, so it is part of what is trusted. Whoever
may choose one, or answer for its address, could change the meaning of a document under a
good signature. Hence the list is closed, the bytes lie in `context_documents/`, and a
document that names anything else is refused.

`STANDARD` is for all real work. `CONFORMANCE` adds what conformance suites use: the examples
vocabulary, under which every term is defined, and contexts written into the document.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from interurban_protocol.encoding import (
    JsonValue,
    canonical_json,
    parse_json_object,
    sha256_digest,
)
from interurban_protocol.errors import (
    DigestMismatchError,
    MalformedError,
    UnsupportedError,
)

CREDENTIALS_V2: Final = "https://www.w3.org/ns/credentials/v2"
EXAMPLES_V2: Final = "https://www.w3.org/ns/credentials/examples/v2"
OPEN_BADGES: Final = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
OPEN_BADGES_EXTENSIONS: Final = (
    "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"
)
DATA_INTEGRITY_V2: Final = "https://w3id.org/security/data-integrity/v2"
MULTIKEY_V1: Final = "https://w3id.org/security/multikey/v1"


@dataclass(frozen=True, slots=True)
class PinnedContext:
    """One file of `context_documents/` and what its bytes hash to."""

    file: str
    digest: str


PINNED: Final[Mapping[str, PinnedContext]] = {
    CREDENTIALS_V2: PinnedContext(
        "credentials-v2.jsonld",
        "sha256:59955ced6697d61e03f2b2556febe5308ab16842846f5b586d7f1f7adec92734",
    ),
    OPEN_BADGES: PinnedContext(
        "open-badges-3.0.3.json",
        "sha256:3d34f4d4ef1bce691106e63798beb5e7b862ba841423f5ee1e53ab7ddf3bca84",
    ),
    OPEN_BADGES_EXTENSIONS: PinnedContext(
        "open-badges-extensions.json",
        "sha256:146f85aa16effd7ca1da8056eb443f53ce1eca8a34186cb062832c0a97d889c3",
    ),
    DATA_INTEGRITY_V2: PinnedContext(
        "data-integrity-v2.jsonld",
        "sha256:67f21e6e33a6c14e5ccfd2fc7865f7474fb71a04af7e94136cb399dfac8ae8f4",
    ),
    MULTIKEY_V1: PinnedContext(
        "multikey-v1.jsonld",
        "sha256:ba2c182de2d92f7e47184bcca8fcf0beaee6d3986c527bf664c195bbc7c58597",
    ),
    EXAMPLES_V2: PinnedContext(
        "credentials-examples-v2.jsonld",
        "sha256:57393fbc69d6efb9b9b5dc9cb6b9880b0944360abfe2eaf459c9e58cf2279d7c",
    ),
}


@dataclass(frozen=True, slots=True)
class ContextSet:
    """Which contexts a reader accepts; `inline` allows ones written into the document."""

    addresses: frozenset[str]
    inline: bool = False

    def __contains__(self, address: str) -> bool:
        return address in self.addresses


STANDARD: Final = ContextSet(frozenset(PINNED) - {EXAMPLES_V2})
CONFORMANCE: Final = ContextSet(frozenset(PINNED), inline=True)


@cache
def context_bytes(address: str) -> bytes:
    """The bytes of a pinned context.

    Raises:
        UnsupportedError: it is not pinned.
        DigestMismatchError: the installed file is not the pinned one.
    """
    pinned = PINNED.get(address)
    if pinned is None:
        raise UnsupportedError("the document names a context that is not pinned here")
    folder = files("interurban_protocol").joinpath("context_documents")
    data = folder.joinpath(pinned.file).read_bytes()
    if sha256_digest(data) != pinned.digest:
        raise DigestMismatchError(f"{pinned.file} is not the pinned context")
    return data


def load_context(address: str, contexts: ContextSet) -> Mapping[str, JsonValue]:
    """A fresh copy of a context that `contexts` accepts.

    Raises:
        UnsupportedError: it is not accepted.
    """
    if address not in contexts:
        raise UnsupportedError("the document names a context that is not accepted here")
    return parse_json_object(context_bytes(address))


def check_contexts(value: JsonValue, contexts: ContextSet) -> None:
    """Refuse a value of `@context` unless every entry of it is accepted.

    Raises:
        MalformedError: neither addresses nor objects.
        UnsupportedError: an address or an inline context that is not accepted.
    """
    entries = value if isinstance(value, list | tuple) else [value]
    for entry in entries:
        if isinstance(entry, str):
            if entry not in contexts:
                raise UnsupportedError(
                    "the document names a context that is not accepted here"
                )
        elif not isinstance(entry, Mapping):
            raise MalformedError("a context is an address or an object")
        elif not contexts.inline:
            raise UnsupportedError("the document defines terms of its own")


def context_key(value: JsonValue) -> str:
    """A text that is equal for equal contexts, for caches."""
    return canonical_json(value).decode("utf-8")
