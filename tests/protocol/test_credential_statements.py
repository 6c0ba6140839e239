"""JSON-LD as canonical statements: templates and canonicalisation against PyLD."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyld import jsonld

from interurban_protocol.contexts import CONFORMANCE, PINNED, STANDARD, context_bytes
from interurban_protocol.errors import (
    InterurbanError,
    MalformedError,
    OversizedError,
    UnsupportedError,
)
from interurban_protocol.linked_data import MAX_VALUES, canonical_statements
from interurban_protocol.rdf_canonicalization import (
    Quad,
    canonical_quads,
    escape_literal,
)
from tests.support.certificates import unsigned

texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    max_size=40,
)
identifiers = st.sampled_from(
    [
        "urn:uuid:1",
        "https://a.example/b?c=d#e",
        "did:web:x.example",
        "ex:y",
        "mailto:a@b",
    ]
)


def load(address: str, options: object) -> dict[str, Any]:
    return {
        "contextUrl": None,
        "documentUrl": address,
        "document": json.loads(context_bytes(address)),
    }


def normalized_by_pyld(document: dict[str, Any]) -> str:
    options = {
        "algorithm": "URDNA2015",
        "format": "application/n-quads",
        "documentLoader": load,
    }
    result: str = jsonld.normalize(copy.deepcopy(document), options)
    return result


def statements(document: dict[str, Any]) -> str:
    return canonical_statements(document, STANDARD).decode()


@given(texts, texts, texts, identifiers, identifiers)
def test_templates_give_what_pyld_gives(
    name: str, narrative: str, code: str, subject: str, target: str
) -> None:
    document = unsigned(name=name)
    document["credentialSubject"]["id"] = subject
    achievement = document["credentialSubject"]["achievement"]
    achievement["criteria"]["narrative"] = narrative
    achievement["fieldOfStudy"] = code
    achievement["alignment"][0]["targetUrl"] = target
    assert statements(document) == normalized_by_pyld(document)


@given(st.lists(st.tuples(texts, identifiers), max_size=4))
def test_lists_of_equal_and_different_things_give_what_pyld_gives(
    skills: list[tuple[str, str]],
) -> None:
    document = unsigned()
    achievement = document["credentialSubject"]["achievement"]
    achievement["alignment"] = [
        {"type": ["Alignment"], "targetName": name, "targetUrl": address}
        for name, address in skills
    ]
    assert statements(document) == normalized_by_pyld(document)


LABELS = [f"_:n{number}" for number in range(5)]
nodes = st.sampled_from([*LABELS, "<urn:a>"])
objects = st.one_of(nodes, st.sampled_from(['"x"', '"y"@en']))
graphs = st.lists(
    st.builds(
        Quad, nodes, st.sampled_from(["<urn:p>", "<urn:q>"]), objects, st.just("")
    ),
    min_size=1,
    max_size=9,
)


@given(graphs)
def test_canonical_statements_are_the_ones_of_pyld(quads: list[Quad]) -> None:
    """Without statements of a node about itself, which PyLD 3.3 hashes twice."""
    quads = [quad for quad in quads if quad.subject != quad.object]
    text = "".join(
        f"{quad.subject} {quad.predicate} {quad.object} .\n" for quad in quads
    )
    expected = jsonld.normalize(
        text,
        {
            "algorithm": "URDNA2015",
            "inputFormat": "application/n-quads",
            "format": "application/n-quads",
        },
    )
    assert canonical_quads(quads).decode() == expected


@given(graphs, st.permutations(LABELS), st.randoms())
def test_other_labels_and_another_order_change_nothing(
    quads: list[Quad], labels: list[str], chance: Any
) -> None:
    renamed = dict(zip(LABELS, labels, strict=True))
    other = [Quad(*(renamed.get(term, term) for term in quad)) for quad in quads]
    chance.shuffle(other)
    assert canonical_quads(other) == canonical_quads(quads)


def test_a_graph_of_nothing_but_ties_is_given_up() -> None:
    labels = [f"_:n{number}" for number in range(12)]
    quads = [Quad(a, "<urn:p>", b) for a in labels for b in labels if a != b]
    with pytest.raises(OversizedError):
        canonical_quads(quads)


def test_control_characters_are_escaped_as_canonical_n_quads() -> None:
    assert escape_literal('\t\n\r\b\f"\\\x01\x7f') == (
        '\\t\\n\\r\\b\\f\\"\\\\\\u0001\\u007F'
    )


def changed(path: str, value: Any) -> dict[str, Any]:
    document = unsigned()
    *parents, name = path.split(".") if path.startswith("cred") else [path]
    target = document
    for parent in parents:
        target = target[parent]
    target[name] = value
    return document


DEEP = "credentialSubject.achievement"
BAD: dict[str, tuple[dict[str, Any], type[InterurbanError]]] = {
    "a member that no context defines": (changed("grade", "A"), UnsupportedError),
    "one deep inside": (changed(f"{DEEP}.grade", "A"), UnsupportedError),
    "one without a text": (changed("grade", {"a": []}), UnsupportedError),
    "a type that no context defines": (
        changed("type", ["VerifiableCredential", "Diploma"]),
        UnsupportedError,
    ),
    "a relative id": (changed("id", "certificates/7"), MalformedError),
    "an empty id": (changed("id", ""), MalformedError),
    "a blank node's label": (changed("credentialSubject.id", "_:b0"), MalformedError),
    "an id that looks like a keyword": (changed("id", "@learner"), MalformedError),
    "a number as id": (changed("id", 7), MalformedError),
    "a full address as member": (
        changed("https://schema.org/name", "x"),
        UnsupportedError,
    ),
    "a member without a name": (changed("", "x"), UnsupportedError),
    "statements included": (
        changed("@included", [{"id": "urn:a:b", "name": "x"}]),
        UnsupportedError,
    ),
    "a reversed member": (changed("@reverse", {}), UnsupportedError),
    "a graph": (changed("@graph", []), UnsupportedError),
    "a list": (changed("name", {"@list": ["a", "b"]}), UnsupportedError),
    "a context inside": (
        changed(f"{DEEP}.@context", "https://www.w3.org/ns/credentials/v2"),
        UnsupportedError,
    ),
    "a context to fetch": (
        changed("@context", ["https://www.w3.org/ns/credentials/v2", "https://x.test"]),
        UnsupportedError,
    ),
    "a context of its own": (
        changed("@context", [{"name": "https://schema.org/description"}]),
        UnsupportedError,
    ),
    "no context": ({"name": "x"}, MalformedError),
    "far too many members": (
        changed("name", ["x"] * (MAX_VALUES + 1)),
        OversizedError,
    ),
    "no statement": (
        {"@context": "https://www.w3.org/ns/credentials/v2"},
        OversizedError,
    ),
}


@pytest.mark.parametrize(("document", "error"), BAD.values(), ids=BAD)
def test_what_a_signature_would_not_cover_is_refused(
    document: dict[str, Any], error: type[InterurbanError]
) -> None:
    with pytest.raises(InterurbanError) as caught:
        canonical_statements(document, STANDARD)
    assert type(caught.value) is error


def test_a_context_in_the_document_may_not_redefine_a_term() -> None:
    contexts = [*unsigned()["@context"], {"VerifiableCredential": "urn:other:type"}]
    with pytest.raises(MalformedError):
        canonical_statements(unsigned(**{"@context": contexts}), CONFORMANCE)


def test_a_context_in_the_document_can_define_a_term_for_conformance_runs() -> None:
    contexts = [*unsigned()["@context"], {"grade": "https://example.org/grade"}]
    document = unsigned(**{"@context": contexts, "grade": "A"})
    found = canonical_statements(document, CONFORMANCE).decode()
    assert '<https://example.org/grade> "A"' in found


def test_text_in_a_language_is_covered() -> None:
    document = unsigned(name={"@value": "لحام", "@language": "ar"})
    assert '"لحام"@ar' in statements(document)
    assert statements(document) == normalized_by_pyld(document)


def test_a_text_that_looks_like_a_template_marker_stays_a_text() -> None:
    for text in ("urn:interurban:marker:0", "urn:interurban:undefined:x"):
        document = unsigned(name=text, description=text)
        assert statements(document) == normalized_by_pyld(document)


def test_every_pinned_context_can_be_used() -> None:
    for address in PINNED:
        document = unsigned(**{"@context": [*unsigned()["@context"], address]})
        assert canonical_statements(document, CONFORMANCE)
