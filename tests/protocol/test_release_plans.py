from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interurban_protocol.errors import (
    DisclosureError,
    InterurbanError,
    MalformedError,
    NotYetValidError,
    SignatureInvalidError,
    SignersError,
    UnknownKeyError,
    WrongKeyError,
)
from interurban_protocol.keys import Purpose
from interurban_protocol.perturbation_tables import PerturbationParameters
from interurban_protocol.release_plans import (
    PUBLIC,
    PlannedRevision,
    ProtectionProfile,
    ReleasePlan,
    check_at_least,
    check_no_conflict,
    check_plan,
    check_profile,
    is_revision_of,
    plan_id,
    quarter_after,
    quarter_bounds,
    quarter_of,
    strictest,
    verify_plan,
    weaknesses,
)
from interurban_protocol.signed_documents import Signer, start_document
from tests.support.statistics import (
    DEFAULT,
    LAKESIDE,
    NORTHPORT,
    a_key,
    a_period,
    a_plan,
    key_sets,
)

PLAN = a_plan()
DOCUMENT = start_document(PLAN, a_key())
AT = datetime(2025, 6, 2, tzinfo=UTC)
KEYS = key_sets()
ELSEWHERE = "https://eastvale.example"

profiles = st.builds(
    ProtectionProfile,
    name=st.sampled_from(["a", "b" * 150, "c" * 200]),
    threshold=st.sampled_from([20, 30, 40]),
    max_dimensions=st.integers(1, 3),
    perturbation=st.builds(
        PerturbationParameters,
        maximum=st.integers(4, 8),
        variance=st.sampled_from([2.5, 2.8, 3.0]),
        stay=st.sampled_from([0.3, 0.5]),
        blocked=st.integers(0, 2),
    ),
    rounding=st.sampled_from([None, 2, 5, 10]),
    min_rate_denominator=st.sampled_from([40, 100]),
    min_median=st.sampled_from([50, 60]),
    collapse_difference=st.integers(1, 5),
    coverage_rounding=st.sampled_from([4, 5, 10]),
    equity_threshold=st.sampled_from([1, 15, 33]),
    equity_dimensions=st.integers(1, 3),
    gate_seconds=st.sampled_from([60, 600]),
    gate_must_finish=st.booleans(),
)


# --- documents


def test_a_signed_plan_is_verified_and_its_id_is_the_digest_of_its_payload():
    verified = verify_plan(DOCUMENT, keys=KEYS, at=AT)
    assert verified.payload == PLAN
    assert verified.document_id == plan_id(PLAN)
    assert ReleasePlan.from_json(PLAN.to_json()) == PLAN


def test_a_plan_goes_on_verifying_when_its_key_was_rotated():
    rotated = key_sets(valid_until=datetime(2025, 8, 1, tzinfo=UTC))
    verify_plan(DOCUMENT, keys=rotated, at=datetime(2030, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("document", "keys", "error"),
    [
        (
            DOCUMENT.replace(b'"signature":"', b'"signature":"AA'),
            KEYS,
            SignatureInvalidError,
        ),
        (start_document(PLAN, a_key("other")), KEYS, SignersError),
        (DOCUMENT, {}, UnknownKeyError),
        (DOCUMENT, key_sets(key=a_key("other")), UnknownKeyError),
        (DOCUMENT, key_sets(purpose=Purpose.EXCHANGE), WrongKeyError),
        (DOCUMENT, key_sets(compromised_at=AT), WrongKeyError),
        (DOCUMENT, key_sets(valid_from=AT), WrongKeyError),
        (
            start_document(PLAN.model_copy(update={"periods": ()}), a_key()),
            KEYS,
            MalformedError,
        ),
        (
            start_document(
                PLAN.model_copy(update={"publishers": (NORTHPORT,)}), a_key()
            ),
            KEYS,
            SignersError,
        ),
        (
            start_document(PLAN.model_copy(update={"kind": "agreement"}), a_key()),
            KEYS,
            MalformedError,
        ),
    ],
    ids=[
        "another signature",
        "another signer",
        "no key set",
        "unknown key",
        "another purpose",
        "compromised",
        "key not yet valid",
        "no periods",
        "signed by no publisher",
        "another kind",
    ],
)
def test_a_plan_that_is_not_to_be_believed_is_refused(document, keys, error):
    with pytest.raises(error) as caught:
        verify_plan(document, keys=keys, at=AT)
    assert isinstance(caught.value, InterurbanError)


def test_a_plan_with_another_ones_signature_is_refused():
    other = start_document(a_plan(subject="placements"), a_key())
    signature = other.split(b'"signature":"')[1]
    forged = DOCUMENT.split(b'"signature":"')[0] + b'"signature":"' + signature
    with pytest.raises(SignatureInvalidError):
        verify_plan(forged, keys=KEYS, at=AT)


def test_a_plan_from_the_future_is_refused():
    with pytest.raises(NotYetValidError):
        verify_plan(DOCUMENT, keys=KEYS, at=PLAN.issued_at - timedelta(seconds=1))


class _PaddedPlan(ReleasePlan):
    def to_json(self) -> bytes:
        return super().to_json() + b" "


def test_a_plan_whose_bytes_are_not_canonical_is_refused():
    """Its id would be another one than that of the same plan written by somebody else."""
    padded = _PaddedPlan(**dict(PLAN))
    with pytest.raises(MalformedError, match="canonical"):
        verify_plan(start_document(padded, a_key()), keys=KEYS, at=AT)


# --- soundness


def test_a_sound_plan_passes():
    check_plan(PLAN)


UNSOUND: Mapping[str, Mapping[str, Any]] = {
    "no publishers": {"publishers": ()},
    "a publisher twice": {"publishers": (LAKESIDE, LAKESIDE)},
    "no recipients": {"recipients": ()},
    "no purposes": {"purposes": ()},
    "no dataflows": {"dataflows": ()},
    "a dataflow twice": {"dataflows": PLAN.dataflows * 2},
    "no periods": {"periods": ()},
    "a period twice": {"periods": (a_period(), a_period())},
    "periods out of order": {"periods": PLAN.periods[::-1]},
    "no English title": {"title": {"fr": "Achèvement"}},
    "an empty validity": {"valid_until": PLAN.valid_from},
    "a quarter with other dates": {
        "periods": (a_period(starts=date(2025, 7, 2)),),
    },
    "a month": {"periods": (a_period(ends=date(2025, 7, 31)),)},
    "a period of another form": {
        "periods": (a_period().model_copy(update={"period": "2025-07"}),)
    },
    "a cut-off before the end": {
        "periods": (a_period(cut_off=datetime(2025, 9, 30, 23, 59, 59, tzinfo=UTC)),)
    },
    "a publication before the cut-off": {
        "periods": (a_period(publication=datetime(2025, 10, 2, tzinfo=UTC)),)
    },
}


@pytest.mark.parametrize("changes", UNSOUND.values(), ids=UNSOUND.keys())
def test_an_unsound_plan_is_malformed(changes):
    with pytest.raises(MalformedError):
        check_plan(a_plan(**changes))


def test_the_cut_off_may_be_the_first_moment_after_the_period():
    first = datetime(2025, 10, 1, tzinfo=UTC)
    check_plan(a_plan(periods=(a_period(cut_off=first, publication=first),)))


def test_overlapping_periods_are_malformed_even_when_each_is_sound():
    first, second = a_period("2025-Q3"), a_period("2025-Q4")
    stretched = second.model_copy(
        update={"period": "2025-Q2"}
        | {"starts": date(2025, 4, 1), "ends": date(2025, 6, 30)}
    )
    with pytest.raises(MalformedError, match="does not come after"):
        check_plan(a_plan(periods=(first, stretched)))


def test_an_unsound_profile_makes_the_plan_unsound():
    with pytest.raises(DisclosureError):
        check_plan(a_plan(profile=ProtectionProfile(threshold=5)))


# --- conflicts


def test_the_same_plan_again_is_no_conflict():
    check_no_conflict(PLAN, [PLAN, a_plan()])


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "placements"},
        {"publishers": (ELSEWHERE,)},
        {"periods": (a_period("2026-Q1"),)},
    ],
    ids=["another subject", "other publishers", "later periods"],
)
def test_a_plan_over_other_events_is_no_conflict(changes):
    check_no_conflict(PLAN, [a_plan(**changes)])


@pytest.mark.parametrize(
    "changes",
    [
        {"recipients": (ELSEWHERE,)},
        {"profile": ProtectionProfile(threshold=20)},
        {"periods": (a_period("2025-Q4"), a_period("2026-Q1"))},
        {"publishers": (NORTHPORT, ELSEWHERE)},
        {"title": {"en": "The same under another title"}},
    ],
    ids=["recipients", "profile", "one common period", "one publisher", "title"],
)
def test_a_second_plan_over_the_same_events_is_a_second_population(changes):
    with pytest.raises(DisclosureError, match="one plan, one population"):
        check_no_conflict(PLAN, [a_plan(**changes)])


def test_a_plan_with_other_bounds_over_the_same_days_is_a_second_calendar():
    half_year = a_period().model_copy(update={"ends": date(2025, 12, 31)})
    with pytest.raises(DisclosureError, match="a second calendar over the same events"):
        check_no_conflict(PLAN, [a_plan(periods=(half_year,))])


# --- revisions


def a_revision_plan(revised: ReleasePlan = PLAN, **changes: Any) -> ReleasePlan:
    """A plan that issues 2025-Q3 once more, a month after the first publication."""
    first = revised.periods[0]
    later = first.model_copy(
        update={"publication": first.publication + timedelta(days=31)}
    )
    facts: dict[str, Any] = {
        "periods": (later,),
        "profile": revised.profile.model_copy(update={"max_dimensions": 2}),
        "revision": PlannedRevision(
            period=first.period,
            replaces=plan_id(revised),
            reason="One school had sent wrong dates.",
        ),
    }
    return revised.model_copy(update=facts | changes)


REVISION = a_revision_plan()


def test_a_plan_and_its_revision_are_no_conflict():
    check_plan(REVISION)
    check_no_conflict(REVISION, [PLAN])
    check_no_conflict(PLAN, [REVISION])
    check_no_conflict(REVISION, [PLAN, REVISION])
    assert is_revision_of(REVISION, PLAN)
    assert not is_revision_of(PLAN, REVISION)


def test_a_revision_may_have_fewer_recipients_and_a_later_cut_off():
    period = REVISION.periods[0]
    later = period.model_copy(update={"cut_off": period.cut_off + timedelta(days=9)})
    fewer = a_revision_plan(recipients=(NORTHPORT,), periods=(later,))
    check_plan(fewer)
    check_no_conflict(fewer, [PLAN])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"periods": PLAN.periods}, MalformedError),
        ({"periods": (a_period("2025-Q4"),)}, MalformedError),
        ({"profile": DEFAULT}, DisclosureError),
    ],
    ids=["two periods", "another period", "three dimensions"],
)
def test_a_revision_that_is_not_of_one_period_or_too_fine_is_unsound(changes, error):
    with pytest.raises(error):
        check_plan(a_revision_plan(**changes))


FIRST = PLAN.periods[0]
MORE_THAN_A_REVISION: Mapping[str, Mapping[str, Any]] = {
    "subject": {"subject": "placements"},
    "publishers": {"publishers": (LAKESIDE,)},
    "recipients": {"recipients": (*PLAN.recipients, ELSEWHERE)},
    "purposes": {"purposes": ("dpv:ResearchAndDevelopment",)},
    "dataflows": {
        "dataflows": (PLAN.dataflows[0].model_copy(update={"urn": "urn:other"}),)
    },
    "cut-off": {
        "periods": (
            REVISION.periods[0].model_copy(
                update={"cut_off": FIRST.cut_off - timedelta(seconds=1)}
            ),
        )
    },
    "publication": {"periods": (FIRST,)},
    "threshold": {"profile": ProtectionProfile(threshold=9, max_dimensions=2)},
}


@pytest.mark.parametrize(("what", "changes"), MORE_THAN_A_REVISION.items())
def test_a_revision_that_changes_more_is_refused_by_name(what, changes):
    with pytest.raises(DisclosureError, match=what):
        check_no_conflict(a_revision_plan(**changes), [PLAN])


def test_a_revision_of_a_period_that_the_plan_has_not_is_refused():
    period = a_period("2026-Q1")
    revision = PlannedRevision(
        period="2026-Q1", replaces=plan_id(PLAN), reason="It was wrong."
    )
    with pytest.raises(DisclosureError, match="period"):
        check_no_conflict(a_revision_plan(periods=(period,), revision=revision), [PLAN])


def test_a_revision_of_an_unknown_plan_or_of_a_revision_is_refused():
    with pytest.raises(DisclosureError, match="not of a plan that is known"):
        check_no_conflict(REVISION, [a_plan(subject="placements")])
    again = a_revision_plan(REVISION)
    with pytest.raises(DisclosureError, match="not of a plan that is known"):
        check_no_conflict(again, [PLAN, REVISION])


def test_a_second_revision_of_the_same_period_is_a_second_population():
    reason = REVISION.revision.model_copy(update={"reason": "And once more."})
    second = a_revision_plan(revision=reason)
    with pytest.raises(DisclosureError, match="one plan, one population"):
        check_no_conflict(second, [PLAN, REVISION])


def test_a_plan_with_a_revision_survives_the_wire():
    assert ReleasePlan.from_json(REVISION.to_json()) == REVISION
    assert b'"revision"' not in PLAN.to_json()


@pytest.mark.parametrize("recipient", ["Public", "everybody", "lakeside.example", ""])
def test_a_recipient_is_a_node_or_everybody(recipient):
    open_plan = a_plan(recipients=(NORTHPORT, PUBLIC))
    check_plan(open_plan)
    assert ReleasePlan.from_json(open_plan.to_json()) == open_plan
    changed = open_plan.to_json().replace(b'"public"', f'"{recipient}"'.encode())
    with pytest.raises(MalformedError):
        ReleasePlan.from_json(changed)


# --- profiles


def test_the_default_profile_is_the_designs():
    check_profile(DEFAULT)
    assert (DEFAULT.threshold, DEFAULT.max_dimensions, DEFAULT.rounding) == (
        10,
        3,
        None,
    )
    assert DEFAULT.perturbation == PerturbationParameters(
        maximum=5, variance=3.0, stay=0.5, blocked=0
    )
    assert (DEFAULT.min_rate_denominator, DEFAULT.min_median) == (30, 50)
    assert (DEFAULT.collapse_difference, DEFAULT.coverage_rounding) == (3, 5)
    assert (DEFAULT.equity_threshold, DEFAULT.equity_dimensions) == (15, 3)
    assert (DEFAULT.gate_seconds, DEFAULT.gate_must_finish) == (600, True)


def test_cells_of_equity_groups_have_the_stricter_of_both_limits():
    lax = ProtectionProfile(threshold=20, max_dimensions=2)
    assert lax.threshold_for(crosses_equity=True) == 20
    assert lax.dimensions_for(crosses_equity=True) == 2
    strict = ProtectionProfile(rounding=10, equity_dimensions=1)
    assert strict.threshold_for(crosses_equity=True) == 20  # of 15 by tens
    assert strict.threshold_for(crosses_equity=False) == 10
    assert strict.dimensions_for(crosses_equity=True) == 1
    assert strict.dimensions_for(crosses_equity=False) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 5},
        {"max_dimensions": 4},
        {"rounding": 3},
        {"min_rate_denominator": 9},
        {"min_median": 9},
        {"coverage_rounding": 3},
        {"coverage_rounding": 50},
    ],
    ids=str,
)
def test_an_unsound_profile_is_refused(changes):
    with pytest.raises(DisclosureError, match="the protection profile is unsound"):
        check_profile(ProtectionProfile(**changes))


def test_a_profile_without_a_table_is_refused():
    noise = PerturbationParameters(maximum=5, variance=6.0)
    with pytest.raises(MalformedError, match="no noise"):
        check_profile(ProtectionProfile(perturbation=noise))


@pytest.mark.parametrize("name", ["threshold", "max_dimensions", "rounding"])
def test_numbers_below_1_are_malformed(name):
    with pytest.raises(MalformedError):
        ProtectionProfile.from_json(b'{"%s":0}' % name.encode())


WEAKER: Mapping[str, Mapping[str, Any]] = {
    "threshold": {"threshold": 9},
    "max_dimensions": {"max_dimensions": 4},
    "rounding": {"rounding": None},
    "min_rate_denominator": {"min_rate_denominator": 29},
    "min_median": {"min_median": 49},
    "collapse_difference": {"collapse_difference": 2},
    "coverage_rounding": {"coverage_rounding": 4},
    "equity_threshold": {"equity_threshold": 14, "rounding": None},
    "equity_dimensions": {"equity_dimensions": 3},
    "gate_seconds": {"gate_seconds": 599},
    "gate_must_finish": {"gate_must_finish": False},
    "perturbation.maximum": {"perturbation": PerturbationParameters(maximum=4)},
    "perturbation.variance": {"perturbation": PerturbationParameters(variance=2.0)},
    "perturbation.stay": {"perturbation": PerturbationParameters(stay=0.6)},
    "perturbation.blocked": {"perturbation": PerturbationParameters(blocked=0)},
}
FLOOR = ProtectionProfile(
    rounding=5,
    equity_dimensions=2,
    perturbation=PerturbationParameters(blocked=1),
)


@pytest.mark.parametrize(("name", "changes"), WEAKER.items())
def test_a_profile_below_the_floor_is_refused_by_name(name, changes):
    profile = FLOOR.model_copy(update=changes)
    assert name in weaknesses(profile, FLOOR)
    with pytest.raises(DisclosureError, match=name.replace(".", r"\.")):
        check_at_least(profile, FLOOR)
    check_at_least(FLOOR, FLOOR)


def test_a_higher_threshold_for_all_makes_up_for_the_one_of_equity_groups():
    general = ProtectionProfile(threshold=18, min_rate_denominator=30)
    assert not weaknesses(general, ProtectionProfile(equity_threshold=18))
    assert not weaknesses(
        ProtectionProfile(max_dimensions=2), ProtectionProfile(equity_dimensions=2)
    )


def test_rounding_to_a_multiple_is_stricter_and_to_another_base_is_not():
    assert not weaknesses(ProtectionProfile(rounding=10), ProtectionProfile(rounding=5))
    assert weaknesses(
        ProtectionProfile(rounding=10), ProtectionProfile(rounding=4)
    ) == ("rounding",)


@settings(deadline=None)
@given(st.lists(profiles, min_size=1, max_size=4))
def test_the_strictest_profile_is_sound_and_at_least_as_strict_as_each(candidates):
    chosen = strictest(candidates)
    check_profile(chosen)
    for floor in candidates:
        check_at_least(chosen, floor)


def test_the_strictest_of_comparable_profiles_is_one_of_them():
    strict = ProtectionProfile(name="strict", threshold=20)
    assert strictest([DEFAULT, strict, DEFAULT]) is strict


def test_the_strictest_of_others_joins_their_names_and_numbers():
    rounded = ProtectionProfile(name="rounded", threshold=12, rounding=4)
    fine = ProtectionProfile(name="fine", threshold=10, rounding=5, max_dimensions=2)
    joined = strictest([rounded, fine])
    assert (joined.name, joined.rounding, joined.threshold) == ("fine+rounded", 20, 20)
    assert joined.max_dimensions == 2


def test_there_is_no_strictest_of_none():
    with pytest.raises(MalformedError):
        strictest([])


# --- quarters


@pytest.mark.parametrize(
    ("period", "quarters", "found"),
    [
        ("2025-Q3", 0, "2025-Q3"),
        ("2025-Q3", 1, "2025-Q4"),
        ("2025-Q3", 2, "2026-Q1"),
        ("2025-Q4", 4, "2026-Q4"),
        ("2026-Q1", -1, "2025-Q4"),
        ("2026-Q1", -9, "2023-Q4"),
    ],
)
def test_a_quarter_comes_some_quarters_after_another(period, quarters, found):
    assert quarter_after(period, quarters) == found


@settings(deadline=None)
@given(
    st.dates(min_value=date(100, 1, 1), max_value=date(9000, 12, 31)),
    st.integers(-300, 300),
)
def test_quarters_later_and_as_many_earlier_is_where_one_began(day, quarters):
    period = quarter_of(day)
    assert quarter_after(quarter_after(period, quarters), -quarters) == period
    later = quarter_bounds(quarter_after(period, 1))[0]
    assert later == quarter_bounds(period)[1] + timedelta(days=1)


@pytest.mark.parametrize(
    ("period", "quarters"), [("9998-Q4", 1), ("0001-Q1", -1), ("2025", 1)]
)
def test_a_quarter_outside_of_the_calendar_is_malformed(period, quarters):
    with pytest.raises(MalformedError):
        quarter_after(period, quarters)


@settings(deadline=None)
@given(st.dates(min_value=date(1, 1, 1), max_value=date(9998, 12, 31)))
def test_every_day_lies_in_its_quarter(day):
    first, last = quarter_bounds(quarter_of(day))
    assert first <= day <= last
    assert quarter_of(first) == quarter_of(last) == quarter_of(day)
    assert (
        quarter_of(first - timedelta(days=1) if first > date.min else last)
        != (quarter_of(day))
        or first == date.min
    )


def test_a_quarter_has_its_first_and_last_day():
    assert quarter_bounds("2025-Q3") == (date(2025, 7, 1), date(2025, 9, 30))
    assert quarter_bounds("2024-Q1") == (date(2024, 1, 1), date(2024, 3, 31))
    assert quarter_bounds("2025-Q4") == (date(2025, 10, 1), date(2025, 12, 31))


@pytest.mark.parametrize(
    "text",
    ["", "2025-Q5", "2025-Q0", "2025Q3", "25-Q3", "2025-Q3\n", "0000-Q1", "٢٠٢٥-Q3"],
)
def test_a_period_of_another_form_is_malformed(text):
    with pytest.raises(MalformedError):
        quarter_bounds(text)


def test_a_plan_signed_by_two_cities_names_both():
    signers = tuple(
        Signer(node=node, key_id=a_key(name).public.key_id)
        for node, name in ((LAKESIDE, "lakeside"), (NORTHPORT, "northport"))
    )
    plan = a_plan(signers=signers)
    document = start_document(plan, a_key(), a_key("northport"))
    keys = {**KEYS, **key_sets(NORTHPORT, a_key("northport"))}
    assert verify_plan(document, keys=keys, at=AT).payload.signers == signers
