"""Pure rules of credentials, without a database."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_node.core.errors import RefusedError
from interurban_node.credentials import rules
from interurban_protocol.errors import (
    ExpiredError,
    InterurbanError,
    MalformedError,
    SignatureInvalidError,
    UnknownKeyError,
)
from interurban_protocol.notices import BATCH_SIZE
from interurban_protocol.references import ReferenceState, ReferenceVerdict

MOMENTS = st.datetimes(
    datetime(2025, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2030, 1, 1),  # noqa: DTZ001 - likewise
    timezones=st.just(UTC),
)


@given(now=MOMENTS, days=st.integers(1, 400), left=st.integers(0, 400 * 86_400))
def test_a_reference_ends_on_a_whole_day_before_every_limit(
    now: datetime, days: int, left: int
) -> None:
    ends = now + timedelta(seconds=left)
    try:
        life = rules.lifetime(now, maximum_days=days, ends=(ends,))
    except RefusedError:
        assert ends.date() == now.date()
        return
    assert life.expires % 86_400 == life.issued % 86_400 == 0
    assert life.issued_at <= now < life.expires_at <= ends
    assert life.expires_at - life.issued_at <= timedelta(days=min(days, 90))


@given(st.lists(st.text("abc", min_size=1, max_size=4), max_size=60))
def test_every_ended_reference_stands_in_exactly_one_batch(ids: list[str]) -> None:
    batches = rules.notice_batches(ids)
    flat = [one for batch in batches for one in batch]
    assert sorted(flat) == sorted(set(ids))
    assert all(0 < len(batch) <= BATCH_SIZE for batch in batches)


@pytest.mark.parametrize(
    ("titles", "language", "name"),
    [
        ({"en": "Welding", "ar": "لحام"}, "en", "Welding"),
        ({"ar": "لحام"}, "ar", "لحام"),
        ({"en": "  "}, "en", "WEL 2/b"),
        ({}, "en", "WEL 2/b"),
    ],
)
def test_an_achievement_is_named_in_a_language_that_the_registry_has(
    titles: dict[str, str], language: str, name: str
) -> None:
    found = rules.achievement("https://lakeside.example", "WEL 2/b", titles, 40)
    assert (found.inLanguage, found.name) == (language, name)
    assert found.id == "https://lakeside.example/achievements/WEL%202%2Fb"
    assert found.description == f"{name}, 40 hours"


def test_what_is_not_recorded_is_left_out_of_a_reference() -> None:
    facts = rules.reference_facts(
        "https://lakeside.example",
        rules.Certified(
            credential_id="urn:uuid:1",
            digest="sha256:" + "0" * 64,
            code="WEL-2",
            titles={},
            awarded_on=date(2025, 11, 14),
            level=None,
        ),
    )
    assert facts.level is None
    assert facts.achievement is not None
    assert facts.achievement.name == {"en": "WEL-2"}


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (ReferenceState.MALFORMED, MalformedError),
        (ReferenceState.UNTRUSTED_ISSUER, UnknownKeyError),
        (ReferenceState.EXPIRED, ExpiredError),
        (ReferenceState.INVALID, SignatureInvalidError),
    ],
)
def test_only_a_good_reference_is_taken_in(
    state: ReferenceState, error: type[InterurbanError]
) -> None:
    with pytest.raises(error, match="the reason"):
        rules.check_held(ReferenceVerdict(state=state, reason="the reason"))
    rules.check_held(ReferenceVerdict(state=ReferenceState.STALE, reason="no list"))
