"""Pure rules about people: normal forms, guessing, how long a session lasts."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_node.accounts.rules import (
    ATTEMPTS_IN_ALL,
    ATTEMPTS_PER_SOURCE,
    LONGEST_SESSION,
    Role,
    attempt_window,
    is_guessing,
    is_over,
    normal_person_id,
    source_group,
    start_page,
)

NOW = datetime(2026, 3, 2, 9, 7, tzinfo=UTC)
IDLE = timedelta(minutes=15)


@pytest.mark.parametrize(
    "written", ["AB-12", " ab-12 ", "ＡＢ-12", "aB-12\n", "AB-1２"]
)
def test_ways_of_writing_a_number_have_one_form(written: str) -> None:
    assert normal_person_id(written) == "ab-12"


@given(st.text())
def test_the_normal_form_is_its_own_normal_form(text: str) -> None:
    once = normal_person_id(text)
    assert normal_person_id(once) == once


@pytest.mark.parametrize(
    ("source", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"),
        ("2001:db8:1:2::1", "2001:0db8:0001:0002"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_guesses_are_counted_for_an_address_or_its_network(
    source: str, group: str
) -> None:
    assert source_group(source) == group


def test_windows_begin_at_quarters_of_an_hour() -> None:
    assert attempt_window(NOW) == NOW.replace(minute=0)
    assert attempt_window(NOW.replace(minute=15)) == NOW.replace(minute=15)


def test_guessing_begins_at_the_limits() -> None:
    assert not is_guessing(ATTEMPTS_PER_SOURCE - 1, ATTEMPTS_IN_ALL - 1)
    assert is_guessing(ATTEMPTS_PER_SOURCE, 0)
    assert is_guessing(0, ATTEMPTS_IN_ALL)


def test_a_session_ends_idle_or_long() -> None:
    assert not is_over(NOW - IDLE, NOW - timedelta(minutes=14, seconds=59), NOW, IDLE)
    assert is_over(NOW - IDLE, NOW - IDLE, NOW, IDLE)
    assert is_over(NOW - LONGEST_SESSION, NOW, NOW, IDLE)


def test_every_role_has_a_fixed_page_to_begin_with() -> None:
    assert {start_page(role) for role in Role} == {"/committee", "/staff"}
    assert start_page(Role.COMMITTEE_MEMBER) == "/committee"
    assert start_page(Role.IT_OPERATOR) == "/staff"
