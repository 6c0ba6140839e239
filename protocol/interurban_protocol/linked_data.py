"""JSON-LD documents as canonical N-Quads, for proofs over what a document means.

A signature over RDF covers statements, while everybody reads members. This module refuses
whatever could make the two differ:

* contexts that are not pinned, and contexts anywhere but at the top of a credential;
* a member or type that no context defines (JSON-LD would drop it, unsigned);
* identifiers that are not absolute (dropped as well), blank node labels, full addresses as
  member names, and keywords other than those of language-tagged text.

Expansion takes milliseconds, and an issuer's certificates differ in their texts alone. So the
statements are made once for each *skeleton*: a document without its texts. Every text is
replaced by a marker, the marked document is expanded, and where the markers come out is
where the texts go. A text that could be read as something else (an identifier that is not
plainly absolute), a marker that comes out in no place or in the middle of something, or a
document with lists: then the document is expanded by itself, which is slow and always right.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from pyld import jsonld  # type: ignore[import-untyped] # the package has no types

from interurban_protocol.contexts import (
    ContextSet,
    check_contexts,
    load_context,
)
from interurban_protocol.encoding import JsonValue
from interurban_protocol.errors import (
    MalformedError,
    OversizedError,
    UnsupportedError,
)
from interurban_protocol.rdf_canonicalization import (
    Quad,
    canonical_quads,
    escape_literal,
)

MAX_VALUES = 5_000  # members and elements; a full certificate has about 200
MAX_STATEMENTS = 10_000
MAX_TEMPLATE_TEXTS = 500
_UNDEFINED = "urn:interurban:undefined:"
_MARKER = "urn:interurban:marker:"
_FIRST: Final = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#first>"
_STRING: Final = "http://www.w3.org/2001/XMLSchema#string"
_KEYWORDS = frozenset({"@context", "@id", "@type", "@value", "@language", "@direction"})
_WORDS = frozenset({"type", "@type", "proofPurpose", "@language", "@direction"})
"""Members whose texts are terms: they decide what other members mean."""

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\x7f]+")
_PLAIN = re.compile(r"(?:https?|urn|did|mailto|data):[^\x00-\x20<>\"{}|\\^`\x7f]+")
"""Identifiers that no pinned context could take for a prefix and a name."""

Skeleton: TypeAlias = "tuple[Any, ...]"


def canonical_statements(
    document: Mapping[str, JsonValue], contexts: ContextSet
) -> bytes:
    """The canonical N-Quads of a JSON-LD document without its proof.

    Raises:
        MalformedError: no JSON-LD, or something in it would not be covered.
        UnsupportedError: a context that is not accepted, or a term that none defines.
        OversizedError: too many members, statements, or blank nodes that are alike.
    """
    quads = _statements_from_template(document, contexts)
    if quads is None:
        quads = _statements(document, contexts)
    return canonical_quads(quads)


def _statements_from_template(
    document: Mapping[str, JsonValue], contexts: ContextSet
) -> frozenset[Quad] | None:
    if contexts.inline and _has_inline_context(document):
        return None  # it could define any identifier's scheme as a prefix
    texts: list[str] = []
    skeleton = _skeleton(document, "", texts)
    if len(texts) > MAX_TEMPLATE_TEXTS:
        return None  # the cache is for certificates, not for whatever somebody sends
    template = _template(skeleton, contexts)
    return template.fill(texts) if template else None


def _has_inline_context(document: Mapping[str, JsonValue]) -> bool:
    found = document.get("@context")
    entries = found if isinstance(found, list | tuple) else [found]
    return any(isinstance(entry, Mapping) for entry in entries) or any(
        isinstance(value, Mapping) and "@context" in value
        for name, value in _walk(document, "")
        if name
    )


def _statements(
    document: Mapping[str, JsonValue], contexts: ContextSet
) -> frozenset[Quad]:
    """The statements of one document, by expanding it."""
    check_form(document, contexts)
    try:
        expanded = jsonld.expand(document, _options(contexts))
        _check_expanded(expanded)
        dataset = jsonld.to_rdf(expanded, {"skipExpansion": True})
    except jsonld.JsonLdError as error:
        raise MalformedError("the document is not valid JSON-LD") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # PyLD raises these for some documents that are not JSON-LD
        raise MalformedError("the document is not valid JSON-LD") from error
    quads = frozenset(_quads(dataset))
    if not quads or len(quads) > MAX_STATEMENTS:
        raise OversizedError("the document has no statements, or far too many")
    return quads


def check_form(document: Mapping[str, JsonValue], contexts: ContextSet) -> None:
    """Refuse members whose meaning could differ from how they read.

    Raises:
        MalformedError: as the module's docstring lists.
        UnsupportedError: a context that is not accepted.
        OversizedError: more than `MAX_VALUES` members and elements.
    """
    if "@context" not in document:
        raise MalformedError("the document has no @context")
    if sum(1 for _ in _walk(document, "")) > MAX_VALUES:
        raise OversizedError(f"the document has more than {MAX_VALUES} values")
    top = True
    for name, value in _walk(document, ""):
        if isinstance(value, Mapping):
            _check_member_names(value, contexts)
            if "@context" in value and not (top or name == "verifiableCredential"):
                raise UnsupportedError("a part of the document has its own @context")
        top = False


def _check_member_names(value: Mapping[str, JsonValue], contexts: ContextSet) -> None:
    for name in value:
        if name.startswith("@") and name not in _KEYWORDS:
            raise UnsupportedError("the document uses a JSON-LD keyword out of place")
        if ":" in name or not name:
            raise UnsupportedError("the document has a member that is not a term")
    if "@context" in value:
        check_contexts(value["@context"], contexts)


def _walk(value: JsonValue, name: str) -> Iterator[tuple[str, JsonValue]]:
    """Every value with the name of the member that it stands in, contexts left out."""
    yield name, value
    if isinstance(value, Mapping):
        for inner_name, member in value.items():
            if inner_name != "@context":
                yield from _walk(member, inner_name)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _walk(member, name)


def _options(contexts: ContextSet) -> Mapping[str, Any]:
    def load(address: str, _options: object) -> Mapping[str, Any]:
        try:
            document = load_context(address, contexts)
        except UnsupportedError as error:
            raise jsonld.JsonLdError(error.message, "interurban") from error
        return {
            "contentType": "application/ld+json",
            "contextUrl": None,
            "documentUrl": address,
            "document": document,
        }

    return {
        "base": None,  # an empty text would be taken for PyLD's own example base
        "documentLoader": load,
        "expandContext": {"@vocab": _UNDEFINED},
    }


def _check_expanded(value: Any) -> None:
    match value:
        case dict():
            for name, member in value.items():
                _check_name(name)
                if name in {"@id", "@type"} and "@value" not in value:
                    _check_identifiers(member)
                else:
                    _check_expanded(member)
        case list():
            for member in value:
                _check_expanded(member)
        case _:
            pass


def _check_name(name: str) -> None:
    if name.startswith(_UNDEFINED):
        raise UnsupportedError("the document has a term that no context defines")


def _check_identifiers(value: Any) -> None:
    for identifier in value if isinstance(value, list) else [value]:
        if not isinstance(identifier, str) or not _ABSOLUTE.fullmatch(identifier):
            raise MalformedError("the document has an identifier that is not absolute")
        _check_name(identifier)


def _quads(dataset: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Quad]:
    for graph, triples in dataset.items():
        name = "" if graph == "@default" else _resource(graph)
        for triple in triples:
            yield Quad(
                _resource(triple["subject"]["value"]),
                _resource(triple["predicate"]["value"]),
                _object(triple["object"]),
                name,
            )


def _resource(value: str) -> str:
    return value if value.startswith("_:") else f"<{value}>"


def _object(value: Mapping[str, Any]) -> str:
    if value["type"] != "literal":
        return _resource(value["value"])
    text = f'"{escape_literal(value["value"])}"'
    if "language" in value:
        return f"{text}@{value['language']}"
    return text if value["datatype"] == _STRING else f"{text}^^<{value['datatype']}>"


# --- skeletons and templates


def _skeleton(value: JsonValue, name: str, texts: list[str]) -> Skeleton:
    """`value` without its texts, which are appended to `texts` in order."""
    if isinstance(value, str):
        if name in _WORDS:
            return ("word", value)
        texts.append(value)
        return ("text",)
    if isinstance(value, Mapping):
        return (
            "object",
            *(
                (inner, _skeleton_of_member(inner, member, texts))
                for inner, member in value.items()
            ),
        )
    if isinstance(value, list | tuple):
        return ("array", *(_skeleton(member, name, texts) for member in value))
    return ("value", type(value).__name__, value)


def _skeleton_of_member(name: str, value: JsonValue, texts: list[str]) -> Skeleton:
    if name == "@context":
        return _constant(value)
    return _skeleton(value, name, texts)


def _constant(value: JsonValue) -> Skeleton:
    """A value whose texts are part of the skeleton."""
    if isinstance(value, Mapping):
        return ("object", *((name, _constant(inner)) for name, inner in value.items()))
    if isinstance(value, list | tuple):
        return ("array", *(_constant(inner) for inner in value))
    return ("value", type(value).__name__, value)


def _marked(skeleton: Skeleton, count: list[int]) -> JsonValue:
    """The skeleton as a document with a marker in place of each text."""
    match skeleton:
        case ("text",):
            count[0] += 1
            return f"{_MARKER}{count[0] - 1}"
        case ("word", word):
            return str(word)
        case ("object", *members):
            return {name: _marked(member, count) for name, member in members}
        case ("array", *members):
            return [_marked(member, count) for member in members]
        case _:
            value: JsonValue = skeleton[2]
            return value


class _Slot(NamedTuple):
    """A place for a text in a term: an identifier, or between the quotes of a literal."""

    place: int
    before: str
    after: str


_Term: TypeAlias = "str | _Slot"


@dataclass(frozen=True, slots=True)
class _Template:
    """Statements with slots for texts."""

    quads: tuple[tuple[_Term, _Term, _Term, _Term], ...]
    identifiers: frozenset[int]  # the texts that are identifiers

    def fill(self, texts: Sequence[str]) -> frozenset[Quad] | None:
        """The statements with these texts, or None if one has to be looked at."""
        if not all(_PLAIN.fullmatch(texts[place]) for place in self.identifiers):
            return None
        literals = [escape_literal(text) for text in texts]
        return frozenset(
            Quad(*(self.term(term, literals) for term in quad)) for quad in self.quads
        )

    @staticmethod
    def term(term: _Term, texts: Sequence[str]) -> str:
        if isinstance(term, str):
            return term
        return f"{term.before}{texts[term.place]}{term.after}"


@lru_cache(maxsize=256)
def _template(skeleton: Skeleton, contexts: ContextSet) -> _Template | None:
    """The template of all documents with this skeleton; None if there is no safe one."""
    count = [0]
    document = _marked(skeleton, count)
    assert isinstance(document, Mapping)  # noqa: S101 - made from an object
    check_form(document, contexts)
    try:
        quads = _statements(document, contexts)
    except MalformedError:
        return None  # perhaps only the markers are at fault
    if any(quad.predicate == _FIRST for quad in quads):
        return None  # two equal identifiers would merge their lists
    slotted = tuple(tuple(_slot(term) for term in quad) for quad in quads)
    slots = [term for quad in slotted for term in quad if isinstance(term, _Slot)]
    if not _are_whole(slots, count[0]) or _has_stray_marker(slotted):
        return None
    identifiers = frozenset(slot.place for slot in slots if slot.before == "<")
    return _Template(
        tuple((quad[0], quad[1], quad[2], quad[3]) for quad in slotted), identifiers
    )


_SLOT = re.compile(
    rf'(?P<before><|"){_MARKER}(?P<place>\d+)(?P<after>>|"(?:\^\^<[^>]*>|@.*)?)'
)


def _slot(term: str) -> _Term:
    match = _SLOT.fullmatch(term)
    if match is None:
        return term
    return _Slot(int(match["place"]), match["before"], match["after"])


def _are_whole(slots: Iterable[_Slot], count: int) -> bool:
    """Whether every text comes out, each as an identifier or as a literal only."""
    kinds: dict[int, set[str]] = {}
    for slot in slots:
        kinds.setdefault(slot.place, set()).add(slot.before)
    return len(kinds) == count and all(len(kind) == 1 for kind in kinds.values())


def _has_stray_marker(quads: Iterable[Iterable[_Term]]) -> bool:
    return any(
        _MARKER in (term if isinstance(term, str) else term.after)
        for quad in quads
        for term in quad
    )
