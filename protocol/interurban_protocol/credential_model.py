"""The W3C Verifiable Credentials Data Model 2.0, checked strictly.

For credentials and presentations of any issuer, before and after their signatures. What is
checked is what the data model demands of every document (its section in brackets): contexts
in order (4.3), identifiers that are single URLs (4.4), types (4.5), names and descriptions
(4.6), the issuer (4.7), subjects that say something (4.8), times with a zone (4.9), status
(4.10), schemas (4.11), related resources (5.3), refresh services, terms of use and evidence
with types (5.4 to 5.6), holders and enclosed credentials (4.13).

Nothing is fetched: a related resource is compared where it is a pinned context, and stays
unchecked otherwise; `unchecked_resources` names those.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from interurban_protocol.contexts import (
    CREDENTIALS_V2,
    PINNED,
    STANDARD,
    ContextSet,
    check_contexts,
    context_bytes,
)
from interurban_protocol.encoding import JsonValue
from interurban_protocol.errors import (
    DigestMismatchError,
    MalformedError,
    UnsupportedError,
)
from interurban_protocol.multikeys import base58btc_decode

CREDENTIAL: Final = "VerifiableCredential"
PRESENTATION: Final = "VerifiablePresentation"
ENVELOPED_CREDENTIAL: Final = "EnvelopedVerifiableCredential"
MAX_ENTRIES = 64  # subjects, statuses, enclosed credentials: bounds the work

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\x7f]+")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)",
    re.ASCII,
)
_TERM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SRI = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
_MULTIHASH_SHA256 = bytes.fromhex("1220")
_TYPED: Final = ("termsOfUse", "evidence", "refreshService")


def check_credential(
    document: Mapping[str, JsonValue], contexts: ContextSet = STANDARD
) -> None:
    """Refuse a document that is no credential of the data model.

    Raises:
        MalformedError: naming the first member that is wrong.
        UnsupportedError: a context that is not accepted.
        DigestMismatchError: a related resource is another than was signed.
    """
    _check_head(document, CREDENTIAL, contexts)
    _check_issuer(document.get("issuer"))
    _check_subjects(document.get("credentialSubject"))
    _check_period(document)
    for status in _objects(document, "credentialStatus"):
        _check_id(status, "credentialStatus", required=False)
        _check_types(status.get("type"), "credentialStatus")
    for schema in _objects(document, "credentialSchema"):
        _check_id(schema, "credentialSchema", required=True)
        _check_types(schema.get("type"), "credentialSchema")
    _check_extensions(document)
    _check_resources(document)
    _check_identifiers_once(document)


def check_presentation(
    document: Mapping[str, JsonValue], contexts: ContextSet = STANDARD
) -> None:
    """Refuse a document that is no presentation of the data model.

    The credentials in it are checked by `check_credential` when they are verified; here they
    have to be objects, and an enclosed credential without a proof of its own has to be the
    holder's (section 4.13.4).

    Raises:
        MalformedError, UnsupportedError: as `check_credential`.
    """
    _check_head(document, PRESENTATION, contexts)
    holder = document.get("holder")
    if "holder" in document:
        _check_issuer(holder, "holder")
    for credential in _objects(document, "verifiableCredential"):
        if ENVELOPED_CREDENTIAL in _texts(credential.get("type")):
            _check_enveloped(credential)
        elif "proof" not in credential:
            check_credential(credential, contexts)
            if "holder" not in document or issuer_id(credential) != _party_id(holder):
                raise MalformedError("a credential without a proof is not the holder's")
    _check_extensions(document)


def issuer_id(document: Mapping[str, JsonValue]) -> str:
    """The identifier of a checked credential's issuer.

    Raises:
        MalformedError: there is none.
    """
    return _party_id(document.get("issuer"))


def holder_id(document: Mapping[str, JsonValue]) -> str | None:
    """The identifier of a presentation's holder, if it names one."""
    return _party_id(document["holder"]) if "holder" in document else None


def parse_date_time(value: JsonValue, name: str) -> datetime:
    """A `dateTimeStamp` of XML Schema, in UTC; fractions of a second are cut off.

    Raises:
        MalformedError: no such time, or without a zone.
    """
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise MalformedError(f"{name} is not a time with a zone")
    zone = "+00:00" if match[4] == "Z" else match[4]
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedError(f"{name} names a time that does not exist") from error


def validity(
    document: Mapping[str, JsonValue],
) -> tuple[datetime | None, datetime | None]:
    """`validFrom` and `validUntil` of a credential, where it has them."""
    return _time(document, "validFrom"), _time(document, "validUntil")


def statuses(
    document: Mapping[str, JsonValue],
) -> tuple[Mapping[str, JsonValue], ...]:
    """The entries of `credentialStatus`."""
    return tuple(_objects(document, "credentialStatus"))


def subjects(
    document: Mapping[str, JsonValue],
) -> tuple[Mapping[str, JsonValue], ...]:
    """The entries of `credentialSubject`."""
    return tuple(_objects(document, "credentialSubject"))


def types(document: Mapping[str, JsonValue]) -> frozenset[str]:
    """The types of a document."""
    return frozenset(_texts(document.get("type")))


def unchecked_resources(document: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The related resources that are not at hand and were not compared."""
    found = (entry.get("id") for entry in _objects(document, "relatedResource"))
    return tuple(each for each in found if isinstance(each, str) and each not in PINNED)


def is_url(value: JsonValue) -> bool:
    """Whether a value is one absolute URL."""
    return isinstance(value, str) and _URL.fullmatch(value) is not None


def _check_head(
    document: Mapping[str, JsonValue], kind: str, contexts: ContextSet
) -> None:
    entries = document.get("@context")
    if not isinstance(entries, list | tuple) or not entries:
        raise MalformedError("@context is not a list")
    if entries[0] != CREDENTIALS_V2:
        raise UnsupportedError("@context does not begin with the one of version 2")
    check_contexts(entries, contexts)
    if len({entry for entry in entries if isinstance(entry, str)}) != sum(
        isinstance(entry, str) for entry in entries
    ):
        raise MalformedError("@context names an address twice")
    _check_types(document.get("type"), "type")
    if kind not in _texts(document.get("type")):
        raise MalformedError(f"type does not contain {kind}")
    _check_id(document, "document", required=False)
    for name in ("name", "description"):
        if name in document:
            _check_words(document[name], name)


def _check_types(value: JsonValue, name: str) -> None:
    entries = _texts(value)
    if not entries:
        raise MalformedError(f"{name} has no type")
    for entry in entries:
        if not is_url(entry) and not _TERM.fullmatch(entry):
            raise MalformedError(f"{name} has a type that is neither term nor URL")


def _check_id(value: Mapping[str, JsonValue], name: str, *, required: bool) -> None:
    if "@id" in value or "@type" in value:
        raise MalformedError(f"{name} writes id or type as a keyword")
    if ("id" in value or required) and not is_url(value.get("id")):
        raise MalformedError(f"{name} has an id that is not one URL")


def _check_issuer(value: JsonValue, name: str = "issuer") -> None:
    if not is_url(value):
        if not isinstance(value, Mapping):
            raise MalformedError(f"{name} is neither a URL nor an object with an id")
        _check_id(value, name, required=True)
        for words in ("name", "description"):
            if words in value:
                _check_words(value[words], f"{name}.{words}")


def _check_subjects(value: JsonValue) -> None:
    entries = value if isinstance(value, list | tuple) else [value]
    if not entries or len(entries) > MAX_ENTRIES:
        raise MalformedError("credentialSubject is missing, or there are too many")
    for entry in entries:
        if not isinstance(entry, Mapping) or not entry:
            raise MalformedError("credentialSubject says nothing")
        _check_id(entry, "credentialSubject", required=False)


def _check_words(value: JsonValue, name: str) -> None:
    for entry in value if isinstance(value, list | tuple) else [value]:
        match entry:
            case str():
                pass
            case {"@value": str(), **rest} if rest.keys() <= {
                "@language",
                "@direction",
            }:
                if not all(isinstance(each, str) for each in rest.values()):
                    raise MalformedError(f"{name} has a language that is not a text")
            case _:
                raise MalformedError(f"{name} is neither a text nor one in a language")


def _check_period(document: Mapping[str, JsonValue]) -> None:
    begins, ends = validity(document)
    if begins is not None and ends is not None and ends < begins:
        raise MalformedError("validUntil is before validFrom")


def _check_extensions(document: Mapping[str, JsonValue]) -> None:
    for name in _TYPED:
        for entry in _objects(document, name):
            _check_id(entry, name, required=False)
            _check_types(entry.get("type"), name)


def _check_resources(document: Mapping[str, JsonValue]) -> None:
    seen: set[JsonValue] = set()
    for entry in _objects(document, "relatedResource"):
        _check_id(entry, "relatedResource", required=True)
        if entry["id"] in seen:
            raise MalformedError("relatedResource names a resource twice")
        seen.add(entry["id"])
        _check_digests(entry)


def _check_digests(entry: Mapping[str, JsonValue]) -> None:
    sri, multibase = entry.get("digestSRI"), entry.get("digestMultibase")
    if not isinstance(sri, str) and not isinstance(multibase, str):
        raise MalformedError("relatedResource has no digest")
    address = str(entry["id"])
    if address not in PINNED:
        return
    data = context_bytes(address)
    if isinstance(sri, str) and not _matches_sri(sri, data):
        raise DigestMismatchError("a related resource has another digest")
    if isinstance(multibase, str) and not _matches_multibase(multibase, data):
        raise DigestMismatchError("a related resource has another digest")


def _matches_sri(text: str, data: bytes) -> bool:
    algorithm, _, encoded = text.partition("-")
    if algorithm not in _SRI:
        return False
    expected = base64.b64encode(_SRI[algorithm](data).digest()).decode("ascii")
    return encoded == expected


def _matches_multibase(text: str, data: bytes) -> bool:
    expected = _MULTIHASH_SHA256 + hashlib.sha256(data).digest()
    if text.startswith("u"):
        return text[1:] == base64.urlsafe_b64encode(expected).decode().rstrip("=")
    if not text.startswith("z") or len(text) > 64:
        return False
    return base58btc_decode(text[1:]) == expected


def _check_identifiers_once(document: Mapping[str, JsonValue]) -> None:
    """Members of two objects with one id belong to one thing in RDF, in either of them.

    So nobody may move a member of the credential, or of its status, to another place.
    """
    guarded = [document.get("id"), *(each.get("id") for each in statuses(document))]
    wanted = [each for each in guarded if each is not None]
    found = [each for each in _identifiers(document) if each in wanted]
    if len(found) != len(wanted) or len(set(map(str, wanted))) != len(wanted):
        raise MalformedError("the id of the credential or its status stands twice")


def _identifiers(value: JsonValue) -> Iterator[JsonValue]:
    if isinstance(value, str):  # most values, and quick to tell
        return
    if isinstance(value, dict | Mapping):
        if isinstance(value.get("id"), str):
            yield value["id"]
        for name, member in value.items():
            if not isinstance(member, str) and name not in {"@context", "proof"}:
                yield from _identifiers(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _identifiers(member)


def _check_enveloped(credential: Mapping[str, JsonValue]) -> None:
    address = credential.get("id")
    if not isinstance(address, str) or not address.startswith("data:"):
        raise MalformedError("an enveloped credential has no data: URL as its id")


def _objects(
    document: Mapping[str, JsonValue], name: str
) -> Sequence[Mapping[str, JsonValue]]:
    if name not in document:
        return ()
    value = document[name]
    entries = value if isinstance(value, list | tuple) else [value]
    if len(entries) > MAX_ENTRIES:
        raise MalformedError(f"{name} has too many entries")
    found = [entry for entry in entries if isinstance(entry, Mapping)]
    if len(found) != len(entries):
        raise MalformedError(f"{name} is not made of objects")
    return found


def _texts(value: JsonValue) -> Sequence[str]:
    entries = value if isinstance(value, list | tuple) else [value]
    found = [entry for entry in entries if isinstance(entry, str)]
    return found if len(found) == len(entries) else ()


def _party_id(value: JsonValue) -> str:
    identifier = value.get("id") if isinstance(value, Mapping) else value
    if not isinstance(identifier, str):
        raise MalformedError("the issuer or holder has no id")
    return identifier


def _time(document: Mapping[str, JsonValue], name: str) -> datetime | None:
    return parse_date_time(document[name], name) if name in document else None
