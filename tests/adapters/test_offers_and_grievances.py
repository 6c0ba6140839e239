"""Offers, grievances and the ends of placements: what a mapping makes of their rows."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_adapters.adapter import Rejection, Value
from interurban_adapters.errors import MappingError
from interurban_adapters.mappings import TableMapping
from interurban_adapters.records import (
    GrievanceKind,
    GrievanceRecord,
    Mode,
    OfferRecord,
    PlacementEnd,
    PlacementRecord,
    Record,
)
from tests.support.registries import TODAY, mapping_with, source_row

OFFER = mapping_with(
    """
programme_code = { column = "course" }
presentation = { column = "term" }
starts = { column = "first_day", format = "%d.%m.%Y" }
places = { column = "seats" }
mode = { column = "room", map = { R = "in_person", W = "distance" }, otherwise = "null" }
""",
    kind="offer",
).tables[0]
GRIEVANCE = mapping_with(
    """
person_id = { column = "who" }
kind = { column = "about", map = { D = "DATA", S = "SAFETY" } }
received_on = { column = "came" }
due_on = { column = "due" }
decided_on = { column = "done" }
outcome = { column = "result" }
""",
    kind="grievance",
).tables[0]
PLACEMENT = mapping_with(
    """
person_id = { column = "who" }
kind = { constant = "apprenticeship" }
starts = { column = "from" }
ends = { column = "to" }
end_reason = { column = "why", map = { B = "broken", C = "completed" } }
""",
    kind="placement",
).tables[0]

SOUND_OFFER: dict[str, Value] = {
    "course": "WELD",
    "term": "2026S",
    "first_day": "02.03.2026",
    "seats": "25",
    "room": "R",
}
SOUND_GRIEVANCE: dict[str, Value] = {
    "who": "p1",
    "about": "D",
    "came": "2026-03-02",
    "due": "2026-04-01",
    "done": "2026-03-20",
    "result": "upheld",
}
SOUND_PLACEMENT: dict[str, Value] = {"who": "p1", "from": "2026-01-01"}


def _mapped(
    table: TableMapping, sound: dict[str, Value], changes: dict[str, Value]
) -> Record | list[Rejection]:
    return table.map_row(source_row(sound | changes), today=TODAY)


def test_a_row_becomes_an_offer_without_a_person() -> None:
    assert _mapped(OFFER, SOUND_OFFER, {}) == OfferRecord(
        source_pk="k",
        programme_code="WELD",
        presentation="2026S",
        starts=date(2026, 3, 2),
        places=25,
        mode=Mode.IN_PERSON,
    )
    assert OfferRecord.identity_fields == frozenset()


def test_an_offer_may_lie_ahead_and_have_no_place_left() -> None:
    ahead = _mapped(OFFER, SOUND_OFFER, {"first_day": "01.02.2027", "seats": "0"})
    assert isinstance(ahead, OfferRecord)
    assert (ahead.starts, ahead.places) == (date(2027, 2, 1), 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"course": None}, Rejection("programme_code", "is missing")),
        ({"seats": ""}, Rejection("places", "is missing")),
        ({"seats": "many"}, Rejection("places", "is not a whole number")),
        ({"seats": "12.5"}, Rejection("places", "is not a whole number")),
        ({"seats": "-1"}, Rejection("places", "lies below what is plausible")),
        ({"seats": 100_001}, Rejection("places", "lies above what is plausible")),
        ({"first_day": None}, Rejection("starts", "is missing")),
        (
            {"first_day": "31.02.2026"},
            Rejection("starts", "is not a day of the calendar"),
        ),
    ],
)
def test_an_offer_is_rejected_in_plain_words(
    changes: dict[str, Value], reason: Rejection
) -> None:
    assert _mapped(OFFER, SOUND_OFFER, changes) == [reason]


def test_a_row_becomes_a_grievance_with_its_clock() -> None:
    assert _mapped(GRIEVANCE, SOUND_GRIEVANCE, {}) == GrievanceRecord(
        source_pk="k",
        person_id="p1",
        kind=GrievanceKind.DATA,
        received_on=date(2026, 3, 2),
        due_on=date(2026, 4, 1),
        decided_on=date(2026, 3, 20),
        outcome="upheld",
    )


def test_a_grievance_may_be_anonymous_open_and_without_a_day_by_which_it_is_due() -> (
    None
):
    blank: dict[str, Value] = dict.fromkeys(["who", "due", "done", "result"])
    record = _mapped(GRIEVANCE, SOUND_GRIEVANCE, blank)
    assert isinstance(record, GrievanceRecord)
    assert (record.person_id, record.due_on) == (None, None)
    assert (record.decided_on, record.outcome) == (None, None)


def test_a_grievance_may_be_due_after_today() -> None:
    record = _mapped(GRIEVANCE, SOUND_GRIEVANCE, {"due": "2027-01-31"})
    assert isinstance(record, GrievanceRecord)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"about": None}, Rejection("kind", "is missing")),
        (
            {"about": "noise"},
            Rejection("kind", "the value is not one that the mapping knows"),
        ),
        ({"came": "?"}, Rejection("received_on", "is missing")),
        (
            {"came": "2026-11-24", "due": None, "done": None},
            Rejection("received_on", "lies in the future"),
        ),
        ({"done": "2026-11-24"}, Rejection("decided_on", "lies in the future")),
        (
            {"done": "2026-03-01"},
            Rejection("decided_on", "lies before the day of receipt"),
        ),
        ({"due": "2026-03-01"}, Rejection("due_on", "lies before the day of receipt")),
        ({"result": "x" * 65}, Rejection("outcome", "is too long")),
    ],
)
def test_a_grievance_is_rejected_in_plain_words(
    changes: dict[str, Value], reason: Rejection
) -> None:
    assert _mapped(GRIEVANCE, SOUND_GRIEVANCE, changes) == [reason]


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ("B", PlacementEnd.BROKEN),
        ("C", PlacementEnd.COMPLETED),
        ("", None),
    ],
)
def test_a_placement_says_why_it_ended(why: str, expected: PlacementEnd | None) -> None:
    record = _mapped(PLACEMENT, SOUND_PLACEMENT, {"to": "2026-05-01", "why": why})
    assert isinstance(record, PlacementRecord)
    assert record.end_reason is expected


def test_an_agreed_end_of_a_placement_may_lie_ahead() -> None:
    record = _mapped(PLACEMENT, SOUND_PLACEMENT, {"to": "2028-12-31"})
    assert isinstance(record, PlacementRecord)
    assert record.ends == date(2028, 12, 31)


@pytest.mark.parametrize(
    ("kind", "fields", "place"),
    [
        ("offer", 'programme_code = { column = "c" }', "offer.fields.starts:"),
        ("grievance", 'received_on = { column = "d" }', "grievance.fields.kind:"),
        (
            "grievance",
            'received_on = { column = "d" }\nkind = { constant = "NOISE" }',
            "grievance.fields.kind:",
        ),
        (
            "placement",
            'person_id = { column = "p" }\nstarts = { column = "s" }\n'
            'kind = { constant = "job" }\n'
            'end_reason = { column = "e", map = { B = "Broken" } }',
            "placement.fields.end_reason:",
        ),
        (
            "offer",
            'programme_code = { column = "c" }\nstarts = { column = "s" }\n'
            'places = { column = "n" }\nperson_id = { column = "p" }',
            "offer.fields.person_id:",
        ),
    ],
)
def test_a_wrong_section_is_named_with_its_place(
    kind: str, fields: str, place: str
) -> None:
    with pytest.raises(MappingError) as caught:
        mapping_with(fields, kind=kind)
    assert caught.value.message.startswith(place)


REASONS = {
    "is missing",
    "is too long",
    "is not a whole number",
    "is not a day of the calendar",
    "is not a date in the form that the mapping says",
    "the value is not one that the mapping knows",
    "has characters or a form that the record does not allow",
    "lies in the future",
    "lies below what is plausible",
    "lies above what is plausible",
    "lies before the day of receipt",
    "ends before it starts",
}
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(),
    st.dates(date(2025, 1, 1), date(2027, 1, 1)).map(date.isoformat),
    st.sampled_from(["D", "S", "B", "R", "?", ""]),
)


@pytest.mark.parametrize("table", [OFFER, GRIEVANCE, PLACEMENT], ids=lambda t: t.kind)
@given(data=st.data())
def test_any_row_becomes_a_record_in_order_or_reasons_without_its_values(
    table: TableMapping, data: st.DataObject
) -> None:
    cells = {column: data.draw(CELLS, label=column) for column in table.source.columns}
    result = table.map_row(source_row(cells), today=TODAY)
    if isinstance(result, list):
        assert result
        assert {rejection.reason for rejection in result} <= REASONS
    elif isinstance(result, GrievanceRecord):
        assert result.received_on <= TODAY
        assert result.received_on <= (result.decided_on or TODAY) <= TODAY
        assert result.received_on <= (result.due_on or date.max)
    elif isinstance(result, OfferRecord):
        assert 0 <= result.places <= 100_000
