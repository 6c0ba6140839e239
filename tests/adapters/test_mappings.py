"""From a source's row to a canonical record, and from a wrong mapping to its place."""

from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_adapters.adapter import Rejection, Value
from interurban_adapters.errors import MappingError
from interurban_adapters.mappings import MappedRows, load_mapping, parse_mapping
from interurban_adapters.records import (
    EnrolmentRecord,
    EnrolmentStatus,
    LearnerRecord,
    RecordKind,
    Sex,
)
from tests.support.registries import LEARNER_MAPPING, TODAY, mapping_with, source_row

NEEDED = """
person_id = { column = "who" }
programme_code = { column = "what" }
status = { column = "state", map = { A = "active", C = "completed" } }
"""
SOUND: dict[str, Value] = {"who": "p1", "what": "DIG", "state": "A"}


def _learner(**values: Value) -> MappedRows:
    table = parse_mapping(LEARNER_MAPPING.encode()).tables[0]
    return table.map_rows([source_row(values)], today=TODAY)


def _enrolment(fields: str, **values: Value) -> EnrolmentRecord | list[Rejection]:
    """The enrolment that a row becomes with `fields` besides the needed ones."""
    table = mapping_with(NEEDED + fields).tables[0]
    result = table.map_row(source_row(SOUND | values), today=TODAY)
    assert isinstance(result, EnrolmentRecord | list)
    return result


def test_a_row_becomes_the_record_that_the_mapping_says() -> None:
    mapped = _learner(number="7", name=" Léa ", sex="w", born="03.02.1990")
    assert mapped.accepted[0].record == LearnerRecord(
        source_pk="k", person_id="7", given_name="Léa", sex=Sex.FEMALE, birth_year=1990
    )
    assert mapped.rejected == ()


def test_blanks_and_the_sources_marks_for_missing_become_null() -> None:
    mapped = _learner(number="7", name="?", sex="  ", born=None)
    assert mapped.accepted[0].record == LearnerRecord(source_pk="k", person_id="7")


@pytest.mark.parametrize("born", ["03.02.1990", "1990", " 1990-02-03", 1990])
def test_a_year_is_read_from_a_date_or_a_year(born: Value) -> None:
    record = _learner(number="7", born=born).accepted[0].record
    assert record.model_dump()["birth_year"] == 1990


def test_every_field_that_cannot_be_read_is_a_reason() -> None:
    mapped = _learner(number="7", name="n", sex="x", born="31.02.1990")
    assert mapped.rejected[0].reasons == (
        Rejection("sex", "the value is not one that the mapping knows"),
        Rejection("birth_year", "is not a day of the calendar"),
    )


def test_a_fault_of_the_source_is_the_reason_and_the_rest_is_not_looked_at() -> None:
    fault = Rejection("key", "the key occurs twice")
    table = parse_mapping(LEARNER_MAPPING.encode()).tables[0]
    row = source_row({"number": "7", "sex": "x"}, faults=(fault,))
    assert table.map_row(row, today=TODAY) == [fault]


def test_only_the_bad_rows_of_a_page_are_rejected() -> None:
    table = mapping_with(NEEDED).tables[0]
    rows = [
        source_row(SOUND | {"who": "x" * (201 if i % 10 == 3 else 5)}, key=f"r{i}")
        for i in range(40)
    ]
    mapped = table.map_rows(rows, today=TODAY)
    assert [rejected.row.key for rejected in mapped.rejected] == [
        "r3",
        "r13",
        "r23",
        "r33",
    ]
    assert [a.row.key for a in mapped.accepted] == [
        row.key for row in rows if str(row.key)[-1] != "3"
    ]
    assert all(a.record.source_pk == a.row.key for a in mapped.accepted)


@pytest.mark.parametrize(
    ("fields", "values", "reason"),
    [
        ("", {"who": None}, Rejection("person_id", "is missing")),
        ("", {"state": ""}, Rejection("status", "is missing")),
        (
            'started_on = { column = "d" }',
            {"d": "2025-1-2"},
            Rejection("started_on", "is not a date in the form that the mapping says"),
        ),
        (
            'started_on = { column = "d" }',
            {"d": "0000-00-00"},
            Rejection("started_on", "is not a day of the calendar"),
        ),
        (
            'started_on = { column = "d" }',
            {"d": "0001-01-01"},
            Rejection("started_on", "lies below what is plausible"),
        ),
        (
            'registered_on = { column = "d" }',
            {"d": "2026-11-24"},
            Rejection("registered_on", "lies in the future"),
        ),
        (
            'started_on = { column = "a" }\nended_on = { column = "b" }',
            {"a": "2025-02-02", "b": "2025-02-01"},
            Rejection("ended_on", "ends before it starts"),
        ),
        (
            'registered_on = { column = "n", days_from = { column = "d" } }',
            {"n": "1.5", "d": "2025-01-01"},
            Rejection("registered_on", "is not a whole number"),
        ),
        (
            'registered_on = { column = "n", days_from = { column = "d" } }',
            {"n": "15", "d": "?"},
            Rejection("registered_on", "counts from no known day"),
        ),
        (
            'registered_on = { column = "n", days_from = { column = "d" } }',
            {"n": "999999999999", "d": "2025-01-01"},
            Rejection("registered_on", "counts from no known day"),
        ),
        (
            'started_on = { column = "t", type = "presentation", terms = {J = "10-01"} }',
            {"t": "2013B"},
            Rejection("started_on", "is not a presentation that the mapping knows"),
        ),
        (
            'presentation = { column = "t" }',
            {"t": "a\tb"},
            Rejection(
                "presentation",
                "has characters or a form that the record does not allow",
            ),
        ),
    ],
)
def test_a_row_is_rejected_in_plain_words(
    fields: str, values: dict[str, Value], reason: Rejection
) -> None:
    assert _enrolment(fields, **values) == [reason]


@pytest.mark.parametrize(
    ("fields", "values", "field", "expected"),
    [
        (
            'started_on = { column = "d" }',
            {"d": "2025-01-02"},
            "started_on",
            (2025, 1, 2),
        ),
        (
            'started_on = { column = "d" }',
            {"d": "2025-01-02 00:00:00"},
            "started_on",
            (2025, 1, 2),
        ),
        (
            'started_on = { column = "d" }',
            {"d": datetime(2025, 1, 2, 3, 4)},  # noqa: DTZ001 - as a driver gives it
            "started_on",
            (2025, 1, 2),
        ),
        (
            'started_on = { column = "d", format = "%d.%m.%Y" }',
            {"d": "2.1.2025 "},
            "started_on",
            (2025, 1, 2),
        ),
        (
            'started_on = { column = "d", otherwise = "null" }',
            {"d": "soon"},
            "started_on",
            None,
        ),
        (
            'started_on = { column = "d", default = "2025-03-04" }',
            {"d": "?"},
            "started_on",
            (2025, 3, 4),
        ),
        (
            'started_on = { column = "d", default = "2025-03-04", otherwise = "default" }',
            {"d": "soon"},
            "started_on",
            (2025, 3, 4),
        ),
        ('started_on = { constant = "2025-03-04" }', {}, "started_on", (2025, 3, 4)),
        ('started_on = { column = "d", optional = true }', {}, "started_on", None),
        (
            'started_on = { column = "t", type = "presentation", terms = {J = "10-01"} }',
            {"t": "2013J"},
            "started_on",
            (2013, 10, 1),
        ),
        (
            'started_on = { column = "d", unless_left_before = "n" }',
            {"d": "2025-01-02", "n": "-1"},
            "started_on",
            None,
        ),
        (
            'started_on = { column = "d", unless_left_before = "n" }',
            {"d": "2025-01-02", "n": "0"},
            "started_on",
            (2025, 1, 2),
        ),
        (
            'started_on = { column = "d", unless_left_before = "n" }',
            {"d": "2025-01-02", "n": "?"},
            "started_on",
            (2025, 1, 2),
        ),
        (
            'registered_on = { column = "n", days_from = { column = "d" } }',
            {"n": "-31", "d": "2025-02-01"},
            "registered_on",
            (2025, 1, 1),
        ),
        (
            'registered_on = { column = "n", days_from = { column = "d" } }',
            {"n": 1, "d": date(2025, 2, 1)},
            "registered_on",
            (2025, 2, 2),
        ),
        (
            'registered_on = { column = "n", days_from = { column = "d" } }',
            {"n": "?", "d": "2025-02-01"},
            "registered_on",
            None,
        ),
        (
            'registered_on = { column = "n", default = 5, days_from = { column = "d" } }',
            {"n": "?", "d": "2025-02-01"},
            "registered_on",
            (2025, 2, 6),
        ),
        (
            'registered_on = { column = "n", otherwise = "null", '
            'days_from = { column = "d" } }',
            {"n": "900000", "d": "2025-02-01"},
            "registered_on",
            None,
        ),
    ],
)
def test_a_date_is_read_as_its_rule_says(
    fields: str,
    values: dict[str, Value],
    field: str,
    expected: tuple[int, int, int] | None,
) -> None:
    record = _enrolment(fields, **values)
    assert getattr(record, field) == (date(*expected) if expected else None)


def test_a_label_that_the_map_does_not_know_can_be_kept() -> None:
    rule = 'presentation = { column = "t", map = { "10-20" = "10-20%" }, otherwise = "keep" }'
    repaired, kept = _enrolment(rule, t="10-20"), _enrolment(rule, t="20-30%")
    assert isinstance(repaired, EnrolmentRecord)
    assert isinstance(kept, EnrolmentRecord)
    assert (repaired.presentation, kept.presentation) == ("10-20%", "20-30%")


def test_numbers_and_booleans_of_a_database_are_read_by_their_text() -> None:
    fields = 'exit_reason = { column = "b", map = { true = "WORK", 1 = "MOVED" } }'
    for value, expected in ((True, "WORK"), (1, "MOVED"), (True, "WORK")):
        record = _enrolment(fields, b=value)
        assert isinstance(record, EnrolmentRecord)
        assert record.exit_reason == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"left": "2025-03-01", "over": "2025-06-30"}, date(2025, 3, 1)),
        ({"left": None, "over": "2025-06-30"}, date(2025, 6, 30)),
        ({"left": " ? ", "over": "2025-06-30"}, date(2025, 6, 30)),
        ({"left": "?", "over": ""}, date(2020, 1, 1)),
    ],
)
def test_a_second_column_stands_in_for_the_first_where_that_is_missing(
    values: dict[str, Value], expected: date
) -> None:
    fields = (
        'ended_on = { column = "left", or_column = "over", default = "2020-01-01" }'
    )
    record = _enrolment(fields, **values)
    assert isinstance(record, EnrolmentRecord)
    assert record.ended_on == expected


def test_a_value_that_cannot_be_read_is_not_missing() -> None:
    fields = 'ended_on = { column = "left", or_column = "over" }'
    found = _enrolment(fields, left="soon", over="2025-06-30")
    assert found == [
        Rejection("ended_on", "is not a date in the form that the mapping says")
    ]


def test_days_are_counted_from_the_column_that_is_there() -> None:
    fields = (
        'ended_on = { column = "left", or_column = "length", '
        'days_from = { column = "from" } }'
    )
    rows: list[dict[str, Value]] = [{"left": 12}, {"length": "12"}]
    for values in rows:
        values["from"] = "2025-01-01"
        record = _enrolment(fields, **values)
        assert isinstance(record, EnrolmentRecord)
        assert record.ended_on == date(2025, 1, 13)


def test_a_planned_start_may_lie_in_the_future() -> None:
    record = _enrolment('started_on = { column = "d" }', d="2027-01-01")
    assert isinstance(record, EnrolmentRecord)
    assert record.status is EnrolmentStatus.ACTIVE


def test_tables_come_in_the_order_in_which_records_refer_to_each_other() -> None:
    programme = '[programme]\ntable = "p"\nkey = ["c"]\n[programme.fields]\n'
    fields = 'code = { column = "c" }\ntitle = { column = "c" }\n'
    mapping = parse_mapping(f"{LEARNER_MAPPING}{programme}{fields}".encode())
    assert [table.kind for table in mapping.tables] == ["programme", "learner"]
    assert mapping.table(RecordKind.LEARNER) is mapping.tables[1]
    assert mapping.table(RecordKind.CONSENT) is None


def test_a_source_is_asked_for_the_columns_of_the_rules_and_no_others() -> None:
    fields = (
        'started_on = { column = "d", or_column = "e", unless_left_before = "r.n" }\n'
        'exit_reason = { column = "why", optional = true }\n'
    )
    source = mapping_with(NEEDED + fields).tables[0].source
    assert source.columns == ("d", "e", "r.n", "state", "what", "who", "why")
    assert source.optional_columns == ("why",)


def test_another_text_of_the_mapping_is_another_version() -> None:
    first = parse_mapping(LEARNER_MAPPING.encode())
    assert first.digest == parse_mapping(LEARNER_MAPPING.encode()).digest
    assert first.digest != parse_mapping(f"{LEARNER_MAPPING}# \n".encode()).digest


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        (NEEDED + 'colour = { column = "c" }', "enrolment.fields.colour:"),
        ('person_id = { column = "who" }', "enrolment.fields.programme_code:"),
        (NEEDED + "started_on = { }", "enrolment.fields.started_on:"),
        (NEEDED + "started_on = 3", "enrolment.fields.started_on:"),
        (
            NEEDED + 'started_on = { column = "d", constant = "x" }',
            "enrolment.fields.started_on:",
        ),
        (
            NEEDED + 'started_on = { column = "" }',
            "enrolment.fields.started_on.column:",
        ),
        (
            NEEDED + 'started_on = { column = "d", eval = "1" }',
            "enrolment.fields.started_on.eval:",
        ),
        (
            NEEDED + 'started_on = { column = "d", type = "float" }',
            "enrolment.fields.started_on.type:",
        ),
        (
            NEEDED + 'started_on = { column = "d", type = "text" }',
            "enrolment.fields.started_on:",
        ),
        (
            NEEDED + 'started_on = { column = "d", type = "presentation" }',
            "enrolment.fields.started_on:",
        ),
        (
            NEEDED + 'started_on = { column = "d", terms = { B = "02-01" } }',
            "enrolment.fields.started_on:",
        ),
        (
            NEEDED + "started_on = { column = 'd', type = 'presentation', "
            "terms = { B = '02-31' } }",
            "enrolment.fields.started_on:",
        ),
        (
            NEEDED + 'started_on = { column = "d", format = "%d.%m." }',
            "enrolment.fields.started_on:",
        ),
        (
            NEEDED + 'started_on = { column = "d", format = "%Q" }',
            "enrolment.fields.started_on:",
        ),
        (
            NEEDED + 'started_on = { column = "d", otherwise = "default" }',
            "enrolment.fields.started_on:",
        ),
        (NEEDED + 'started_on = { constant = "soon" }', "enrolment.fields.started_on:"),
        (NEEDED + 'presentation = { constant = "" }', "enrolment.fields.presentation:"),
        (
            NEEDED + 'presentation = { column = "p", map = { a = 1 } }',
            "enrolment.fields.presentation:",
        ),
        (
            NEEDED + "ended_on = { column = 'n', type = 'date', "
            "days_from = { column = 'd' } }",
            "enrolment.fields.ended_on:",
        ),
        (
            NEEDED + "ended_on = { column = 'n', default = '2025-01-01', "
            "days_from = { column = 'd' } }",
            "enrolment.fields.ended_on:",
        ),
        (
            NEEDED + "ended_on = { column = 'n', otherwise = 'keep', "
            "days_from = { column = 'd' } }",
            "enrolment.fields.ended_on:",
        ),
        (
            NEEDED.replace('"active"', '"busy"'),
            "enrolment.fields.status:",
        ),
        (
            NEEDED + 'ended_on = { constant = "2025-01-01", or_column = "d" }',
            "enrolment.fields.ended_on:",
        ),
        (
            NEEDED + 'exit_reason = { column = "w", map = { M = "moved" } }',
            "enrolment.fields.exit_reason:",
        ),
    ],
)
def test_a_wrong_rule_is_named_with_its_place(fields: str, place: str) -> None:
    with pytest.raises(MappingError) as caught:
        mapping_with(fields)
    assert caught.value.message.startswith(place)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "name:"),
        ('name = "n"', "the mapping has no section"),
        ('name = "n"\n[pupil]\ntable = "x"', "pupil:"),
        ('name = "n"\n[learner]\nkey = ["a"]', "learner.table:"),
        (LEARNER_MAPPING.replace('["number"]', "[]"), "learner.key:"),
        (LEARNER_MAPPING.replace('["number"]', '"number"'), "learner.key:"),
        (
            LEARNER_MAPPING.replace('null = ["?"]', 'delimiter = "|"'),
            "learner.delimiter:",
        ),
        (
            LEARNER_MAPPING.replace('null = ["?"]', 'where = [{column = "a"}]'),
            "learner.where.0.equals:",
        ),
        (
            LEARNER_MAPPING.replace(
                'null = ["?"]', 'joins = [{table = "t", prefix = "", on = ["a"]}]'
            ),
            "learner.joins.0.prefix:",
        ),
        ("name = ", "the mapping is not TOML in UTF-8"),
        ("a = " + "[" * 5000, "the mapping is not TOML in UTF-8"),
        ("# " + "x" * 1_000_000, "the mapping is larger"),
    ],
)
def test_a_wrong_mapping_is_named_with_its_place(text: str, place: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_mapping(text.encode())
    assert caught.value.message.startswith(place)


def test_a_mapping_that_is_no_text_is_refused() -> None:
    with pytest.raises(MappingError):
        parse_mapping(b"name = '\xff'")


def test_a_mapping_file_is_named_without_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    with pytest.raises(MappingError, match=r"^mapping\.toml: the file cannot be read$"):
        load_mapping(path)
    path.write_text('name = "n"')
    with pytest.raises(
        MappingError, match=r"^mapping\.toml: the mapping has no section"
    ):
        load_mapping(path)
    path.write_text(LEARNER_MAPPING)
    assert load_mapping(path).name == "a registry"


ANY_VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.dates(), st.text()
)
ALL_RULES = mapping_with(
    NEEDED
    + """
registered_on = { column = "n", days_from = { column = "d", format = "%d.%m.%Y" } }
started_on = { column = "t", type = "presentation", terms = { J = "10-01" } }
ended_on = { column = "d", unless_left_before = "n" }
presentation = { column = "t" }
"""
).tables[0]
POSSIBLE_REASONS = {
    "is missing",
    "is too long",
    "is not a whole number",
    "is not a day of the calendar",
    "is not a date in the form that the mapping says",
    "is not a presentation that the mapping knows",
    "the value is not one that the mapping knows",
    "counts from no known day",
    "has characters or a form that the record does not allow",
    "lies in the future",
    "lies below what is plausible",
    "lies above what is plausible",
    "ends before it starts",
}


@given(
    st.fixed_dictionaries(
        dict.fromkeys(["who", "what", "state", "n", "d", "t"], ANY_VALUE)
    )
)
def test_any_row_becomes_a_record_or_reasons_without_its_values(
    values: dict[str, Value],
) -> None:
    result = ALL_RULES.map_row(source_row(values), today=TODAY)
    if isinstance(result, list):
        assert result
        assert {rejection.reason for rejection in result} <= POSSIBLE_REASONS


@given(st.text(max_size=200))
def test_any_text_is_a_mapping_or_a_mapping_error(text: str) -> None:
    with pytest.raises(MappingError):
        parse_mapping(text.encode("utf-8", "surrogatepass"))
