"""The quick way to canonical JSON gives what the slow one gives."""

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import MalformedError

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=30,
)


@given(values)
def test_both_ways_to_canonical_json_agree(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_control_characters_are_escaped_the_same_way(text: str) -> None:
    assert canonical_json({text: text}) == rfc8785.dumps({text: text})


@pytest.mark.parametrize(
    "value",
    ["\ud800", {"\ud800": 1}, 2**53, -(2**53), float("nan"), {1: 2}, {"a": b""}],
)
def test_what_has_no_canonical_form_is_refused_either_way(value: Any) -> None:
    with pytest.raises(MalformedError):
        canonical_json(value)
