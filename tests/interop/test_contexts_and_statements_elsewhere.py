"""Pinned contexts and canonical statements as others have them."""

from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interurban_protocol.contexts import (
    CREDENTIALS_V2,
    DATA_INTEGRITY_V2,
    MULTIKEY_V1,
    OPEN_BADGES,
    context_bytes,
)
from interurban_protocol.rdf_canonicalization import (
    Quad,
    canonical_quads,
    escape_literal,
)
from tests.support.javascript import JavaScript
from tests.support.shared import shared_path

COPIES = {
    "openvc.proof.contexts": {CREDENTIALS_V2: "credentials-v2.json"},
    "openbadgeslib.ob3.contexts": {
        CREDENTIALS_V2: "credentials-v2.json",
        OPEN_BADGES: "ob-v3p0-context-3.0.3.json",
        DATA_INTEGRITY_V2: "security-data-integrity-v2.json",
        MULTIKEY_V1: "security-multikey-v1.json",
    },
}
SHARED = {
    CREDENTIALS_V2: "credentials-v2.jsonld",
    OPEN_BADGES: "ob-v3p0-3.0.3.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json": "ob-v3p0-extensions.json",
}


@pytest.mark.parametrize("package", COPIES)
def test_the_pinned_bytes_are_the_ones_that_others_ship(package: str) -> None:
    for address, name in COPIES[package].items():
        theirs = files(package).joinpath(name).read_bytes()
        assert context_bytes(address) == theirs


@pytest.mark.parametrize("address", SHARED)
def test_the_pinned_bytes_are_the_ones_of_the_1edtech_validator(address: str) -> None:
    path = shared_path(f"vectors/openbadges/contexts/{SHARED[address]}")
    assert context_bytes(address) == path.read_bytes()


nodes = st.sampled_from([*(f"_:n{number}" for number in range(5)), "<urn:a>"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
literals = st.builds(lambda text: f'"{escape_literal(text)}"', texts)
graphs = st.lists(
    st.builds(
        Quad,
        nodes,
        st.sampled_from(["<urn:p>", "<urn:q>"]),
        st.one_of(nodes, literals),
        st.sampled_from(["", "<urn:g>", "_:n0"]),
    ),
    min_size=1,
    max_size=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(quads=graphs)
def test_canonical_statements_are_the_ones_of_rdf_canonize(
    js: JavaScript, quads: list[Quad]
) -> None:
    lines = [" ".join(term for term in quad if term) + " .\n" for quad in quads]
    answer = js.ask("canonize", statements="".join(lines))
    assert canonical_quads(quads).decode() == answer["canonical"]
