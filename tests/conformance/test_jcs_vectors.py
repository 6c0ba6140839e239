"""RFC 8785: the six published documents, byte for byte."""

import pytest

from interurban_protocol.encoding import canonical_json, parse_json
from tests.support.shared import shared_path

NAMES = ["arrays", "french", "structures", "unicode", "values", "weird"]


@pytest.mark.parametrize("name", NAMES)
def test_the_canonical_form_is_the_published_one(name: str) -> None:
    value = parse_json(shared_path(f"vectors/jcs/input/{name}.json").read_bytes())
    expected = shared_path(f"vectors/jcs/output/{name}.json").read_bytes()
    assert canonical_json(value) == expected
    assert canonical_json(parse_json(expected)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_hexadecimal_form_is_the_same(name: str) -> None:
    value = parse_json(shared_path(f"vectors/jcs/input/{name}.json").read_bytes())
    text = shared_path(f"vectors/jcs/outhex/{name}.txt").read_text("ascii")
    assert canonical_json(value) == bytes.fromhex(text)
