"""Pure rules: derived fields, pseudonyms, the shrink guard."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_adapters.records import EnrolmentStatus
from interurban_node.registry.rules import (
    Counts,
    Pseudonyms,
    age_band_of,
    column_changes,
    is_suspicious_loss,
    outcome_of,
    record_key,
    start_period,
)

START = date(2026, 3, 31)
SECRET = b"s" * 32


@pytest.mark.parametrize(
    ("birth_year", "band"),
    [
        (2011, "Y_LT16"),
        (2010, "Y16T24"),
        (2002, "Y16T24"),
        (2001, "Y25T34"),
        (1992, "Y25T34"),
        (1991, "Y35T44"),
        (1982, "Y35T44"),
        (1981, "Y45T54"),
        (1972, "Y45T54"),
        (1971, "Y_GE55"),
        (1900, "Y_GE55"),
        (None, "_U"),
    ],
)
def test_age_is_that_of_the_year_of_the_start(
    birth_year: int | None, band: str
) -> None:
    assert age_band_of(None, birth_year, START) == band


def test_a_band_of_the_source_goes_before_a_year_of_birth() -> None:
    assert age_band_of("35-55", 2001, START) == "35-55"
    assert age_band_of("35-55", None, None) == "35-55"


def test_without_a_start_the_age_is_unknown() -> None:
    assert age_band_of(None, 1990, None) == "_U"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("completed", "COM"),
        ("not_completed", "NCM"),
        ("withdrawn", "NCM"),
        ("registered", "ONG"),
        ("active", "ONG"),
        ("suspended", "ONG"),
    ],
)
def test_every_status_has_an_outcome(status: str, outcome: str) -> None:
    assert outcome_of(EnrolmentStatus(status)) == outcome


def test_no_status_is_forgotten() -> None:
    assert {outcome_of(status) for status in EnrolmentStatus} == {"COM", "NCM", "ONG"}


def test_the_period_is_the_quarter_of_the_start() -> None:
    assert start_period(START) == "2026-Q1"
    assert start_period(date(2026, 4, 1)) == "2026-Q2"
    assert start_period(None) is None


@given(st.text(max_size=30))
def test_a_record_key_has_32_bits_and_hangs_on_period_and_learner(ref: str) -> None:
    key = record_key(SECRET, "2026-Q1", ref)
    assert 0 <= key < 2**32
    assert key == record_key(SECRET, "2026-Q1", ref)
    assert record_key(b"t" * 32, "2026-Q1", ref) != key
    assert record_key(SECRET, "2026-Q2", ref) != key


@given(st.text(max_size=60))
def test_a_source_key_becomes_a_hash_that_hangs_on_secret_source_and_kind(
    key: str,
) -> None:
    names = Pseudonyms(SECRET, "https://a.example", "school")
    found = {
        names.source_pk("learner", key),
        names.source_pk("enrolment", key),
        Pseudonyms(SECRET, "https://a.example", "office").source_pk("learner", key),
        Pseudonyms(b"t" * 32, "https://a.example", "school").source_pk("learner", key),
    }
    assert len(found) == 4
    assert all(len(name) == 27 and name.startswith("K") for name in found)
    assert names.source_pk("learner", key) in found


def test_a_record_id_is_a_uuid_of_version_5_of_its_own_at_every_node() -> None:
    ids = [
        Pseudonyms(SECRET, node, "school").record_id("learner", "K1")
        for node in ("https://a.example", "https://b.example")
    ]
    assert len(set(ids)) == 2
    assert all(record_id[14] == "5" for record_id in ids)


@pytest.mark.parametrize(
    ("absent", "before", "percent", "is_suspicious"),
    [
        (5, 10, 50, False),
        (6, 10, 50, True),
        (4, 4, 50, False),  # too few to say anything
        (5, 5, 50, True),
        (10, 10, 100, False),  # switched off
        (1, 100, 1, False),
        (2, 100, 1, True),
        (0, 0, 50, False),
    ],
)
def test_a_loss_is_suspicious_above_its_share(
    absent: int, before: int, percent: int, is_suspicious: bool
) -> None:
    assert is_suspicious_loss(absent, before, percent) is is_suspicious


def test_new_and_lost_columns_are_named() -> None:
    assert column_changes("t.csv", ("a", "b"), ("b", "c")) == (
        "t.csv has a new column c",
        "t.csv has lost its column a",
    )
    assert column_changes("t.csv", ("a", "b"), ("b", "a")) == ()


def test_counts_add_up() -> None:
    both = Counts(read=2, new=1, rejected=1).plus(Counts(read=3, unchanged=3))
    assert both == Counts(read=5, new=1, unchanged=3, rejected=1)
