"""RFC 9651 as our one parser reads it, where the signature fields depend on it.

The published test suite is not among the shared vectors; these cases are from the text of
the standard (sections 3 and 4) and are what the signature profile stands on: one canonical
form, and nothing accepted that is not in it.
"""

from datetime import UTC, datetime
from decimal import Decimal

import http_sf
import pytest


def parsed(text: str) -> object:
    return http_sf.parse(text.encode(), tltype="dictionary")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", {"a": (1, {})}),
        ("a=-0", {"a": (0, {})}),
        ("a=1.5", {"a": (Decimal("1.5"), {})}),
        ('a="x\\"y\\\\"', {"a": ('x"y\\', {})}),
        ("a=:aGVsbG8=:", {"a": (b"hello", {})}),
        ("a=?0", {"a": (False, {})}),
        ("a", {"a": (True, {})}),
        ("a=@0", {"a": (datetime(1970, 1, 1, tzinfo=UTC), {})}),
        ('a=("b";req "c");d=1', {"a": ([("b", {"req": True}), ("c", {})], {"d": 1})}),
        ("a=()", {"a": ([], {})}),
        ("a=1, b=2", {"a": (1, {}), "b": (2, {})}),
        ("a=1, a=2", {"a": (2, {})}),  # section 3.2: the last one counts
    ],
)
def test_a_field_is_read_as_the_standard_says(text: str, value: object):
    assert parsed(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "a=1,",
        "A=1",
        "=1",
        "a=1;",
        "a=1 b=2",
        'a="',
        'a="\u00e9"',
        "a=:aGVsbG8",
        "a=:aGV*bG8=:",
        "a=1.",
        "a=1234567890123456",
        "a=?2",
        "a=(1",
        'a=("b""c")',
    ],
)
def test_what_is_no_structured_field_is_refused(text: str):
    with pytest.raises(ValueError):  # noqa: PT011  # the parser's own message
        parsed(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a=1,b=2", "a=1, b=2"),
        ("a=(  1   2 )", "a=(1 2)"),
        ("a=?1", "a"),
        ("a=01", "a=1"),
        ("a=1.50", "a=1.5"),
        ("a=1; b=?1", "a=1;b"),
    ],
)
def test_another_way_to_write_a_field_has_one_canonical_form(text: str, canonical: str):
    assert http_sf.ser(parsed(text)) == canonical
    assert http_sf.ser(parsed(canonical)) == canonical
