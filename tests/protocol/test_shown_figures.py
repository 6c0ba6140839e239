import math
from statistics import median as exact_median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interurban_protocol.errors import MalformedError
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.shown_figures import (
    Median,
    Rate,
    median,
    possible_counts,
    rate,
)
from interurban_protocol.structures import Code
from tests.support.statistics import DEFAULT

ROUNDED = ProtectionProfile(rounding=5)
WAGES = (0, 800, 1200, 1600, 2000, 2600)  # the last band is open


def band(lower: int | None, upper: int | None) -> Code:
    return Code(f"B{lower}", {"en": "band"}, lower=lower, upper=upper)


BANDS = [
    band(lower, upper) for lower, upper in zip(WAGES, (*WAGES[1:], None), strict=True)
]


def wages(*counts: int | None) -> list[tuple[Code, int | None]]:
    return list(zip(BANDS, counts, strict=True))


# --- what stands behind a value


@pytest.mark.parametrize(
    ("value", "profile", "crosses", "found"),
    [
        (10, DEFAULT, {}, (5, 15)),
        (47, DEFAULT, {}, (42, 52)),
        (15, DEFAULT, {"crosses_equity": True}, (10, 20)),
        (10, ROUNDED, {}, (5, 17)),  # 10, 11 or 12 with noise
        (15, ROUNDED, {}, (8, 22)),
        (15, ROUNDED, {"crosses_equity": True}, (10, 22)),
        (None, DEFAULT, {}, (0, None)),
        (None, DEFAULT, {"crosses_sensitive": False}, (0, 14)),
        (
            None,
            DEFAULT,
            {"crosses_equity": True, "crosses_sensitive": False},
            (0, 19),
        ),
        (12, ProtectionProfile(threshold=12, rounding=4), {}, (7, 18)),
    ],
)
def test_a_shown_value_leaves_the_noise_open_and_a_hidden_one_everything(
    value, profile, crosses, found
):
    crosses = {"crosses_equity": False} | crosses
    assert possible_counts(value, profile, **crosses) == found


@settings(deadline=None)
@given(
    learners=st.integers(0, 80),
    noise=st.integers(-5, 5),
    profile=st.sampled_from(
        [DEFAULT, ROUNDED, ProtectionProfile(threshold=12, rounding=4)]
    ),
    crosses_equity=st.booleans(),
)
def test_the_true_count_is_always_possible(learners, noise, profile, crosses_equity):
    perturbed = max(learners + noise, 0)
    value = None
    if perturbed >= profile.threshold_for(crosses_equity=crosses_equity):
        step = profile.rounding or 1
        value = math.floor(perturbed / step + 0.5) * step
    low, high = possible_counts(
        value, profile, crosses_equity=crosses_equity, crosses_sensitive=False
    )
    assert high is not None
    assert low <= learners <= high


@pytest.mark.parametrize(
    ("value", "profile", "crosses_equity"),
    [(9, DEFAULT, False), (14, DEFAULT, True), (12, ROUNDED, False), (-1, DEFAULT, 0)],
)
def test_a_value_that_no_cell_shows_is_malformed(value, profile, crosses_equity):
    with pytest.raises(MalformedError):
        possible_counts(value, profile, crosses_equity=crosses_equity)


# --- rates


@pytest.mark.parametrize(
    ("numerator", "denominator", "found"),
    [
        (60, 120, Rate(50.0, 44.0, 56.6)),
        (10, 30, Rate(33.3, 14.2, 60.0)),
        (31, 32, Rate(96.9, 70.2, 100.0)),
        (None, 120, None),
        (60, None, None),
        (10, 29, None),
        (120, 120, None),
        (124, 120, None),  # noise made the part larger than the whole
        (0, 120, None),
        (10, 100_000, None),  # 0.0 % after rounding
    ],
)
def test_a_rate_needs_two_shown_values_and_is_never_everybody_or_nobody(
    numerator, denominator, found
):
    assert rate(numerator, denominator, DEFAULT) == found


def test_the_range_of_a_rate_grows_with_rounding_and_with_cities():
    one = rate(100, 200, DEFAULT)
    rounded = rate(100, 200, ROUNDED)
    five = rate(100, 200, DEFAULT, cities=5)
    many = rate(100, 200, DEFAULT, cities=50)
    assert one is not None
    assert rounded is not None
    assert five is not None
    assert one.low > rounded.low > five.low
    assert one.high < rounded.high < five.high
    assert many == Rate(50.0, 0.0, 100.0)


@settings(deadline=None)
@given(
    st.integers(10, 500), st.integers(30, 500), st.integers(-5, 5), st.integers(-5, 5)
)
def test_the_range_of_a_rate_holds_the_truth(numerator, denominator, first, second):
    found = rate(numerator, denominator, DEFAULT)
    if found is not None:
        truth = 100 * (numerator - first) / (denominator - second)
        assert found.low <= min(truth, 100.0) <= found.high


# --- medians


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ((10, 20, 40, 20, 10, 10), (1450.0, 1314.2, 1600.0)),
        ((10, 10, 10, 10, 10, 10), (1600.0, 1066.6, 2200.0)),
        ((10, 10, 10, 10, 10, 60), (None, 2000.0, None)),
        ((10, 10, 10, 10, 10, 45), (2450.0, 1800.0, None)),
        ((1000, 10, 10, 10, 10, 10), (420.0, 409.9, 430.2)),
    ],
)
def test_a_median_lies_where_half_of_the_people_are_below(counts, found):
    assert median(wages(*counts), DEFAULT) == Median(*found)


@pytest.mark.parametrize(
    "counts",
    [
        (10, None, 40, 20, 10, 10),
        (10, 20, 40, 20, 10, None),
        (None, None, None, None, None, None),
    ],
)
def test_there_is_no_median_where_a_band_is_hidden(counts):
    assert median(wages(*counts), DEFAULT) is None


def test_a_median_needs_fifty_people():
    few = [(band(0, 1000), 24), (band(1000, 2000), 25)]
    enough = [(band(0, 1000), 25), (band(1000, 2000), 25)]
    assert median(few, DEFAULT) is None
    assert median(enough, DEFAULT) is not None
    assert median([], DEFAULT) is None


def test_people_whose_band_is_unknown_are_left_out_even_if_hidden():
    counts = wages(10, 20, 40, 20, 10, 10)
    unknown = (Code("_U", {"en": "unknown"}), None)
    assert median([unknown, *reversed(counts)], DEFAULT) == median(counts, DEFAULT)


@pytest.mark.parametrize(
    "bands",
    [
        [(band(0, 1000), 50), (band(999, 2000), 50)],
        [(band(0, None), 50), (band(1000, 2000), 50)],
    ],
    ids=["overlap", "an open band below"],
)
def test_bands_that_overlap_have_no_median(bands):
    with pytest.raises(MalformedError):
        median(bands, DEFAULT)


def test_the_range_of_a_median_grows_with_cities_and_rounding():
    counts = wages(100, 200, 400, 200, 100, 100)
    one, many, rounded = (
        median(counts, DEFAULT),
        median(counts, DEFAULT, cities=5),
        median(counts, ROUNDED),
    )
    assert one is not None
    assert many is not None
    assert rounded is not None
    assert many.low < rounded.low < one.low
    assert one.high < rounded.high < many.high


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(10, 60), min_size=6, max_size=6),
    noise=st.lists(st.integers(-5, 5), min_size=6, max_size=6),
)
def test_the_range_of_a_median_holds_that_of_the_true_counts(counts, noise):
    """People stand evenly in their bands, as the interpolation supposes."""
    found = median(wages(*counts), DEFAULT)
    if found is None:
        return
    truth = [max(count - error, 1) for count, error in zip(counts, noise, strict=True)]
    spread = [
        lower + (upper - lower) * (place + 0.5) / count
        for (lower, upper), count in zip(
            zip(WAGES, (*WAGES[1:], 1e6), strict=True), truth, strict=True
        )
        for place in range(count)
    ]
    middle = exact_median(spread)
    slack = 1e6 if middle > WAGES[-1] else 400  # half of one person's stretch
    assert found.low - slack <= middle
    assert found.high is None or middle <= found.high + slack
