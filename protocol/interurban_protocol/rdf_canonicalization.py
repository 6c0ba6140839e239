"""The one byte form of a set of RDF statements (W3C RDF Dataset Canonicalization, RDFC-1.0).

Statements are quads of terms that are written as N-Quads write them already: `<iri>`,
`"literal"^^<type>` or `_:label`, and an empty text for the default graph. Labels of blank
nodes mean nothing; the algorithm gives them names that depend on the statements alone.

Ties between blank nodes cost factorial time in the worst case, and a hostile document can
have nothing but ties. `max_steps` bounds the work; a certificate has no ties at all and uses
none of it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import NamedTuple

from interurban_protocol.errors import OversizedError

MAX_STEPS = 2_000  # about a tenth of a second; real credentials use none
_ESCAPES = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}
_ESCAPED = str.maketrans(
    {
        **{chr(code): f"\\u{code:04X}" for code in (*range(0x20), 0x7F)},
        **_ESCAPES,
        "\ufffe": "\\uFFFE",
        "\uffff": "\\uFFFF",
    }
)


class Quad(NamedTuple):
    """One statement; the terms are in the syntax of N-Quads."""

    subject: str
    predicate: str
    object: str
    graph: str = ""


def escape_literal(text: str) -> str:
    """The text between the quotes of a literal, in canonical N-Quads."""
    return text.translate(_ESCAPED)


def canonical_quads(quads: Iterable[Quad], *, max_steps: int = MAX_STEPS) -> bytes:
    """The canonical N-Quads document of a set of statements (RDFC-1.0 section 4.4.3).

    Raises:
        OversizedError: the blank nodes are too much alike to be told apart in `max_steps`.
    """
    distinct = set(quads)
    names = _Naming.of(distinct, max_steps).names()
    lines = sorted(_line(quad, names) for quad in distinct)
    return "".join(lines).encode("utf-8")


def _line(quad: Quad, names: Mapping[str, str]) -> str:
    terms = [names.get(term, term) for term in quad if term]
    return " ".join(terms) + " .\n"


def _is_blank(term: str) -> bool:
    return term.startswith("_:")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(slots=True)
class _Issuer:
    """Gives out labels in order (section 4.5)."""

    prefix: str
    issued: dict[str, str] = field(default_factory=dict)

    def issue(self, node: str) -> str:
        if node not in self.issued:
            self.issued[node] = f"{self.prefix}{len(self.issued)}"
        return self.issued[node]

    def copy(self) -> "_Issuer":
        return _Issuer(self.prefix, dict(self.issued))


@dataclass(slots=True)
class _Naming:
    """One run of the algorithm."""

    mentions: Mapping[str, list[Quad]]
    steps_left: int
    canonical: _Issuer = field(default_factory=lambda: _Issuer("_:c14n"))
    first_degree: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, quads: Iterable[Quad], max_steps: int) -> "_Naming":
        mentions: defaultdict[str, list[Quad]] = defaultdict(list)
        for quad in quads:
            for node in {term for term in quad if _is_blank(term)}:
                mentions[node].append(quad)
        return cls(mentions, max_steps)

    def names(self) -> Mapping[str, str]:
        by_hash: defaultdict[str, list[str]] = defaultdict(list)
        for node in self.mentions:  # steps 2, 3
            self.first_degree[node] = self.hash_first_degree(node)
            by_hash[self.first_degree[node]].append(node)
        for digest in sorted(by_hash):  # 4
            if len(by_hash[digest]) == 1:
                self.canonical.issue(by_hash[digest][0])
        for digest in sorted(by_hash):  # 5
            if len(by_hash[digest]) > 1:
                self.break_ties(by_hash[digest])
        return self.canonical.issued

    def break_ties(self, nodes: Iterable[str]) -> None:
        results: list[tuple[str, _Issuer]] = []
        for node in nodes:
            if node not in self.canonical.issued:
                issuer = _Issuer("_:b")
                issuer.issue(node)
                results.append(self.hash_n_degree(node, issuer))
        for _, issuer in sorted(results, key=lambda result: result[0]):
            for node in issuer.issued:
                self.canonical.issue(node)

    def hash_first_degree(self, node: str) -> str:
        """Section 4.6: its statements, with it as `_:a` and every other as `_:z`."""
        lines = sorted(
            _line(
                quad,
                {
                    term: "_:a" if term == node else "_:z"
                    for term in quad
                    if _is_blank(term)
                },
            )
            for quad in self.mentions[node]
        )
        return _sha256("".join(lines))

    def hash_related(
        self, related: str, quad: Quad, issuer: _Issuer, position: str
    ) -> str:
        """Section 4.7."""
        predicate = "" if position == "g" else quad.predicate
        label = self.canonical.issued.get(related) or issuer.issued.get(related)
        return _sha256(position + predicate + (label or self.first_degree[related]))

    def hash_n_degree(self, node: str, issuer: _Issuer) -> tuple[str, _Issuer]:
        """Section 4.8."""
        self.step()
        related: defaultdict[str, list[str]] = defaultdict(list)
        for quad in self.mentions[node]:  # 3
            for position, term in zip(
                "sog", (quad.subject, quad.object, quad.graph), strict=True
            ):
                if _is_blank(term) and term != node:
                    digest = self.hash_related(term, quad, issuer, position)
                    related[digest].append(term)
        data = ""
        for digest in sorted(related):  # 5
            path, issuer = self.shortest_path(related[digest], issuer)
            data += digest + path
        return _sha256(data), issuer

    def shortest_path(self, nodes: list[str], issuer: _Issuer) -> tuple[str, _Issuer]:
        """The least path over all orders of the nodes (section 4.8.3 step 5.4)."""
        best: tuple[str, _Issuer] | None = None
        for order in permutations(nodes):
            self.step()
            found = self.path(order, issuer.copy())
            if best is None or found[0] < best[0]:
                best = found
        assert best is not None  # noqa: S101 - a group has at least one node
        return best

    def path(self, order: Iterable[str], issuer: _Issuer) -> tuple[str, _Issuer]:
        path, deeper = "", []
        for node in order:
            if node in self.canonical.issued:
                path += self.canonical.issued[node]
                continue
            if node not in issuer.issued:
                deeper.append(node)
            path += issuer.issue(node)
        for node in deeper:
            digest, next_issuer = self.hash_n_degree(node, issuer)
            path += issuer.issue(node) + f"<{digest}>"
            issuer = next_issuer
        return path, issuer

    def step(self) -> None:
        self.steps_left -= 1
        if self.steps_left < 0:
            raise OversizedError("the document has too many blank nodes that are alike")
