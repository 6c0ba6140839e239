import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interurban_protocol.disclosure import publish_sums
from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import (
    DigestMismatchError,
    DisclosureError,
    MalformedError,
    NotYetValidError,
    OversizedError,
    SignatureInvalidError,
    SignersError,
    UnknownKeyError,
    UnsupportedError,
    VerificationError,
    WrongKeyError,
)
from interurban_protocol.keys import Purpose
from interurban_protocol.perturbation_tables import (
    PerturbationParameters,
    perturbation_table,
)
from interurban_protocol.release_plans import (
    PUBLIC,
    PlannedRevision,
    ProtectionProfile,
    verify_plan,
)
from interurban_protocol.releases import (
    MAX_DATA_BYTES,
    MEDIA_TYPE,
    ReleaseManifest,
    VerifiedManifest,
    VerifiedRelease,
    check_follows_plan,
    describe_data,
    open_bundle,
    parse_data,
    release_bundle,
    verify_manifest,
    verify_release,
    write_data,
)
from interurban_protocol.signed_documents import Signer, start_document
from interurban_protocol.structures import (
    Cohort,
    bundle_bytes,
    completion_structure,
    parse_structure,
)
from tests.support.statistics import (
    BUILT_AT,
    CUT_OFF,
    DEFAULT,
    LAKESIDE,
    NORTHPORT,
    NOW,
    PERIOD,
    PUBLICATION,
    SignedRelease,
    a_key,
    a_manifest,
    a_period,
    a_plan,
    a_release,
    a_structure,
    key_sets,
    protected,
    some_codes,
    some_people,
)

RELEASE = a_release()
STRUCTURE = RELEASE.structure
LINES = RELEASE.data.decode().splitlines()
SHOWN = next(i for i, line in enumerate(LINES) if line.endswith(",A,F"))
HIDDEN = next(i for i, line in enumerate(LINES) if line.endswith(",Q,A"))
KEYS = key_sets()
ROUNDED = ProtectionProfile(rounding=5)


def verified(
    release: SignedRelease = RELEASE, keys: Mapping[str, Any] = KEYS, at: datetime = NOW
) -> VerifiedRelease:
    return verify_release(
        release.document, release.data, structure=release.structure, keys=keys, at=at
    )


def signed(content: bytes = RELEASE.data, **changes: Any) -> SignedRelease:
    """A release that Lakeside really signed, whatever it says."""
    manifest = a_manifest(STRUCTURE, content, **changes)
    document = start_document(manifest, a_key())
    return SignedRelease(
        STRUCTURE, RELEASE.structure_bytes, RELEASE.table, manifest, document, content
    )


# --- data


def test_the_data_are_sdmx_csv_2():
    assert LINES[0] == (
        "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,PROGRAMME,AGE,SEX,EQUITY,OUTCOME,"
        "TIME_PERIOD,OBS_VALUE,OBS_STATUS,CONF_STATUS"
    )
    assert LINES[1].startswith(
        "dataflow,INTERURBAN:COMPLETION(1.0.0),I,lakeside-example,_T,_T,_T,_T,_T,2025-Q3,"
    )
    assert RELEASE.data.endswith(b"\n")
    assert b"\r" not in RELEASE.data
    assert len(list(csv.DictReader(LINES))) == len(RELEASE.table.cells)


def test_shown_and_hidden_cells_have_one_mark_each():
    marks = {
        (row["OBS_VALUE"] == "", row["OBS_STATUS"], row["CONF_STATUS"])
        for row in csv.DictReader(LINES)
    }
    assert marks == {(False, "A", "F"), (True, "Q", "A")}


def test_hidden_cells_differ_in_nothing_but_their_codes():
    """Zero, nine and collapsed cells: all rows end in the same bytes."""
    codes = {cell.codes: cell.value for cell in RELEASE.table.cells}
    assert None in codes.values()
    ends = {
        row["OBS_VALUE"] + row["OBS_STATUS"] + row["CONF_STATUS"]
        for row, value in zip(csv.DictReader(LINES), codes.values(), strict=True)
        if value is None
    }
    assert ends == {"QA"}


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 300),
    profile=st.sampled_from([DEFAULT, ROUNDED, ProtectionProfile(max_dimensions=1)]),
)
def test_data_survive_the_wire(seed, count, profile):
    people = some_people(STRUCTURE, count=count, seed=seed)
    table = protected(people, STRUCTURE, profile)
    data = write_data(table, STRUCTURE, "lakeside-example", PERIOD)
    again = parse_data(data, STRUCTURE, profile)
    assert tuple(again) == table.cells
    assert (again.ref_area, again.time_period) == ("lakeside-example", PERIOD)


def test_a_released_table_answers_by_dimension():
    table = verified().table
    total = table.value()
    assert total is not None
    assert abs(total - 400) <= 5
    assert table.value(SEX="F") == table.value(SEX="F", EQUITY="_T")
    assert len(table.shown) + table.hidden_count == len(list(table))
    assert {cell.value for cell in table.shown}.isdisjoint({None})


def test_a_released_table_has_no_cell_of_four_dimensions():
    with pytest.raises(MalformedError, match="more dimensions"):
        verified().table.value(PROGRAMME="P1", SEX="F", EQUITY="DIS", OUTCOME="COM")
    with pytest.raises(MalformedError):
        verified().table.value(WAGE="1")


def replaced(line: int, old: str, new: str) -> bytes:
    assert old in LINES[line]
    lines = [*LINES[:line], LINES[line].replace(old, new, 1), *LINES[line + 1 :]]
    return ("\n".join(lines) + "\n").encode()


def of_lines(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def shown_as(value: str) -> bytes:
    start = LINES[SHOWN].rsplit(",", 3)[0]
    return of_lines(*LINES[:SHOWN], f"{start},{value},A,F", *LINES[SHOWN + 1 :])


TAMPERED_DATA: dict[str, bytes] = {
    "empty": b"",
    "a header only": of_lines(LINES[0]),
    "no line end at the end": RELEASE.data[:-1],
    "a line end too many": RELEASE.data + b"\n",
    "CRLF": RELEASE.data.replace(b"\n", b"\r\n"),
    "a byte order mark": b"\xef\xbb\xbf" + RELEASE.data,
    "Arabic digits": RELEASE.data.replace(b"2025-Q3", "٢٠٢٥-Q3".encode()),
    "another header": replaced(0, "OBS_VALUE", "VALUE"),
    "columns in another order": replaced(0, "SEX,EQUITY", "EQUITY,SEX"),
    "a row missing": of_lines(*LINES[:5], *LINES[6:]),
    "the last row missing": of_lines(*LINES[:-1]),
    "a row twice": of_lines(*LINES, LINES[-1]),
    "a row twice instead of another": of_lines(*LINES[:5], LINES[4], *LINES[6:]),
    "rows in another order": of_lines(*LINES[:4], LINES[5], LINES[4], *LINES[6:]),
    "another dataflow": replaced(1, "COMPLETION", "PLACEMENT"),
    "another version": replaced(1, "1.0.0", "1.0.1"),
    "another action": replaced(3, ",I,", ",D,"),
    "another area in one row": replaced(4, "lakeside-example", "NORTHPORT"),
    "another period in one row": replaced(4, "2025-Q3", "2025-Q4"),
    "an area that is none": RELEASE.data.replace(b"lakeside-example", b"Lake side"),
    "a period that is none": RELEASE.data.replace(b"2025-Q3", b"2025-M7"),
    "an unknown code": replaced(2, ",P1,", ",P9,"),
    "a field too many": replaced(1, "lakeside-example,", "lakeside-example,,"),
    "a field too many at the end": replaced(2, ",A,F", ",A,F,"),
    "quotes": replaced(2, "lakeside-example", '"lakeside-example"'),
    "a value below the threshold": shown_as("9"),
    "zero": shown_as("0"),
    "a negative value": shown_as("-12"),
    "a leading zero": shown_as("012"),
    "a sign": shown_as("+12"),
    "a fraction": shown_as("12.5"),
    "an exponent": shown_as("1e3"),
    "a space": shown_as(" 12"),
    "a number too long": shown_as("1" * 16),
    "no value, but shown": shown_as(""),
    "shown, with the mark of hidden": replaced(SHOWN, ",A,F", ",Q,A"),
    "shown, half marked": replaced(SHOWN, ",A,F", ",A,A"),
    "hidden, with the mark of shown": replaced(HIDDEN, ",Q,A", ",A,F"),
    "hidden for another reason": replaced(HIDDEN, ",Q,A", ",Q,D"),
    "hidden, with a value": replaced(HIDDEN, ",,Q,A", ",4,Q,A"),
    "hidden, without marks": replaced(HIDDEN, ",,Q,A", ",,,"),
}


@pytest.mark.parametrize("data", TAMPERED_DATA.values(), ids=TAMPERED_DATA.keys())
def test_data_of_another_form_are_malformed(data):
    with pytest.raises(MalformedError):
        parse_data(data, STRUCTURE, DEFAULT)


SIGNABLE = {name: data for name, data in TAMPERED_DATA.items() if data.count(b"\n") > 1}


@pytest.mark.parametrize("data", SIGNABLE.values(), ids=SIGNABLE.keys())
def test_a_publisher_cannot_sign_data_of_another_form(data):
    with pytest.raises(MalformedError):
        verified(signed(data))


def test_a_value_off_the_rounding_base_is_malformed():
    with pytest.raises(MalformedError, match="breaks the protection profile"):
        parse_data(shown_as("11"), STRUCTURE, ROUNDED)


def test_data_larger_than_any_release_are_not_read():
    with pytest.raises(OversizedError):
        parse_data(bytes(MAX_DATA_BYTES + 1), STRUCTURE, DEFAULT)


def test_data_for_a_structure_beyond_the_limit_are_not_read():
    with pytest.raises(OversizedError):
        parse_data(RELEASE.data, a_structure(programmes=400, ages=600), DEFAULT)


@pytest.mark.parametrize(
    ("area", "period"),
    [("Lake side", PERIOD), ("", PERIOD), ("lakeside-example", "2025")],
)
def test_data_are_not_written_for_an_area_or_period_that_is_none(area, period):
    with pytest.raises(MalformedError):
        write_data(RELEASE.table, STRUCTURE, area, period)


def test_data_are_not_written_with_another_structure():
    with pytest.raises(MalformedError, match="another structure"):
        write_data(RELEASE.table, a_structure(programmes=3), "lakeside-example", PERIOD)


def test_an_area_must_be_on_the_list_where_there_is_one():
    structure = a_structure(areas=2)
    table = protected([], structure)
    write_data(table, structure, "CITY2", PERIOD)
    with pytest.raises(MalformedError, match="reference area"):
        write_data(table, structure, "CITY3", PERIOD)


# --- releases


def test_a_release_is_verified_with_its_structure_and_its_publishers_keys():
    release = verified()
    assert release.manifest == RELEASE.manifest
    assert release.release_id == release.document.document_id
    assert release.table.shown
    assert tuple(release.table) == RELEASE.table.cells


def test_a_manifest_can_be_verified_without_its_data():
    found = verify_manifest(RELEASE.document, keys=KEYS, at=NOW)
    assert found.release_id == verified().release_id
    assert found.manifest.data.media_type == MEDIA_TYPE
    assert found.manifest.data.rows == len(LINES) - 1


def test_a_manifest_survives_the_wire():
    assert ReleaseManifest.from_json(RELEASE.manifest.to_json()) == RELEASE.manifest
    bare = a_manifest(STRUCTURE, RELEASE.data, coverage=None)
    assert ReleaseManifest.from_json(bare.to_json()) == bare


def test_a_release_goes_on_verifying_when_the_key_was_rotated():
    rotated = key_sets(valid_until=BUILT_AT + timedelta(days=30))
    verified(keys=rotated, at=datetime(2035, 1, 1, tzinfo=UTC))


def test_a_rounded_release_is_verified():
    verified(a_release(profile=ROUNDED))


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ({}, UnknownKeyError),
        (key_sets(NORTHPORT), UnknownKeyError),
        (key_sets(key=a_key("other")), UnknownKeyError),
        (key_sets(purpose=Purpose.EXCHANGE), WrongKeyError),
        (key_sets(valid_until=BUILT_AT), WrongKeyError),
        (key_sets(valid_from=BUILT_AT + timedelta(seconds=1)), WrongKeyError),
        (key_sets(compromised_at=NOW), WrongKeyError),
    ],
    ids=[
        "none",
        "of another node",
        "another key",
        "another purpose",
        "expired before",
        "valid after",
        "compromised",
    ],
)
def test_a_release_needs_a_key_that_counted_when_it_was_built(keys, error):
    with pytest.raises(error):
        verified(keys=keys)


FALSE_MANIFESTS: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "another kind": ({"kind": "release-plan"}, MalformedError),
    "another version": ({"version": 2}, UnsupportedError),
    "a critical field": ({"crit": ("x",), "x": 1}, UnsupportedError),
    "another publisher": ({"publisher": NORTHPORT}, SignersError),
    "built in the future": ({"built_at": NOW + timedelta(days=1)}, NotYetValidError),
    "published in the future": (
        {"publication_at": NOW + timedelta(seconds=1)},
        NotYetValidError,
    ),
    "published before the cut-off": (
        {"publication_at": CUT_OFF - timedelta(seconds=1)},
        MalformedError,
    ),
    "consent from before the cut-off": (
        {"consent_as_of": CUT_OFF - timedelta(seconds=1)},
        MalformedError,
    ),
    "consent from after the build": (
        {"consent_as_of": BUILT_AT + timedelta(seconds=1)},
        MalformedError,
    ),
    "a cohort that does not exist yet": ({"cohort_period": "2026-Q1"}, MalformedError),
    "a cohort that is no quarter": ({"cohort_period": "2025"}, MalformedError),
    "an observation that is no quarter": ({"observation_period": "x"}, MalformedError),
    "an unsound profile": (
        {"profile": ProtectionProfile(threshold=5)},
        DisclosureError,
    ),
    "a profile without table": (
        {
            "profile": ProtectionProfile(
                perturbation=PerturbationParameters(variance=9.0)
            )
        },
        MalformedError,
    ),
    "another table": (
        {"perturbation_table": perturbation_table(PerturbationParameters(blocked=2))},
        VerificationError,
    ),
    "a revision of nothing": ({"revision": 1}, MalformedError),
    "a first issue that replaces": (
        {"replaces": "sha256:" + "3" * 64},
        MalformedError,
    ),
    "a later look at no cohort": ({"cohort_period": "2025-Q2"}, MalformedError),
    "a cohort without a later look": (
        {"cohort_release": "sha256:" + "3" * 64},
        MalformedError,
    ),
    "a coverage of everybody": ({"basis": "public_task"}, MalformedError),
}


@pytest.mark.parametrize(
    ("changes", "error"), FALSE_MANIFESTS.values(), ids=FALSE_MANIFESTS.keys()
)
def test_a_manifest_that_contradicts_itself_is_refused(changes, error):
    manifest = RELEASE.manifest.model_copy(update=changes)
    document = start_document(manifest, a_key())
    with pytest.raises(error):
        verify_manifest(document, keys=KEYS, at=NOW)
    with pytest.raises(error):
        verify_release(document, RELEASE.data, structure=STRUCTURE, keys=KEYS, at=NOW)


def test_one_revision_may_replace_a_release():
    release = a_release(revision=1, replaces=verified().release_id)
    assert verified(release).manifest.revision == 1


def test_a_manifest_signed_by_two_is_refused():
    second = Signer(node=NORTHPORT, key_id=a_key("northport").public.key_id)
    manifest = RELEASE.manifest.model_copy(
        update={"signers": (*RELEASE.manifest.signers, second)}
    )
    document = start_document(manifest, a_key(), a_key("northport"))
    keys = {**KEYS, **key_sets(NORTHPORT, a_key("northport"))}
    with pytest.raises(SignersError, match="alone"):
        verify_manifest(document, keys=keys, at=NOW)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("recipients", []),
        ("recipients", ["everybody"]),
        ("recipients", ["Public"]),
        ("cohort_release", "sha256:1"),
        ("plan", "sha256:1"),
        ("plan", None),
        ("coverage", 100),
        ("coverage", "80"),
        ("revision", 2),
        ("basis", "because"),
        ("cut_off", "2025-11-15"),
        ("publisher", "lakeside.example"),
        ("data", {"digest": "sha256:" + "0" * 64, "bytes": 0, "rows": 1}),
        ("data", {"digest": "sha256:" + "0" * 64, "bytes": 1, "rows": 0}),
        ("data", None),
        ("profile", {"threshold": "10"}),
    ],
)
def test_a_manifest_of_another_shape_is_malformed(member, value):
    payload = json.loads(RELEASE.manifest.to_json())
    payload[member] = value
    with pytest.raises(MalformedError):
        ReleaseManifest.from_json(canonical_json(payload))


def flip(data: bytes, position: int) -> bytes:
    """`data` with one bit changed."""
    changed = data[position] ^ 1
    return data[:position] + bytes([changed]) + data[position + 1 :]


@pytest.mark.parametrize("position", [0, 100, 2000, -2])
def test_a_changed_byte_of_the_data_is_found(position):
    data = flip(RELEASE.data, position % len(RELEASE.data))
    with pytest.raises(DigestMismatchError):
        verify_release(RELEASE.document, data, structure=STRUCTURE, keys=KEYS, at=NOW)


@pytest.mark.parametrize("data", [b"", RELEASE.data[:-1], RELEASE.data + b"\n"])
def test_data_of_another_length_are_found(data):
    with pytest.raises(DigestMismatchError):
        verify_release(RELEASE.document, data, structure=STRUCTURE, keys=KEYS, at=NOW)


def test_a_changed_byte_anywhere_in_the_manifest_is_found():
    """Base64url, JSON, signer or signature: whatever breaks first, it is refused."""
    for position in range(0, len(RELEASE.document), 37):
        document = flip(RELEASE.document, position)
        with pytest.raises((MalformedError, VerificationError)):
            verify_manifest(document, keys=KEYS, at=NOW)


def test_a_signature_from_another_release_is_refused():
    other = json.loads(a_release(seed=2).document)
    forged = json.loads(RELEASE.document) | {"signatures": other["signatures"]}
    with pytest.raises(SignatureInvalidError):
        verify_manifest(canonical_json(forged), keys=KEYS, at=NOW)


def test_another_structure_is_found():
    for other in (a_structure(programmes=3), a_structure(areas=1)):
        with pytest.raises(DigestMismatchError, match="structure"):
            verify_release(
                RELEASE.document, RELEASE.data, structure=other, keys=KEYS, at=NOW
            )


@pytest.mark.parametrize(
    "changes",
    [
        {"ref_area": "NORTHPORT"},
        {"cohort_period": "2025-Q2", "observation_period": "2025-Q2"},
        {"data": describe_data(RELEASE.data).model_copy(update={"rows": len(LINES)})},
        {"basis": "public_task", "coverage": None},
        {"cohort_period": "2025-Q2", "cohort_release": "sha256:" + "3" * 64},
    ],
    ids=["area", "period", "rows", "basis", "a cohort that it has not"],
)
def test_data_that_are_not_what_the_manifest_says_are_refused(changes):
    with pytest.raises(VerificationError):
        verified(signed(**changes))


def test_data_protected_less_than_the_manifest_says_are_refused():
    strict = ProtectionProfile(threshold=20)
    with pytest.raises(MalformedError, match="breaks the protection profile"):
        verified(signed(profile=strict))


LATER = replace(STRUCTURE, id="JOBS_Q2", cohort=Cohort("EXITS", 2))


def a_later_release(**changes: Any) -> SignedRelease:
    """Outcomes two quarters after 2025-Q1, of which 2025-Q3 is the planned period."""
    data = write_data(protected([], LATER), LATER, "lakeside-example", "2025-Q1")
    facts = {
        "cohort_period": "2025-Q1",
        "observation_period": "2025-Q3",
        "cohort_release": "sha256:" + "3" * 64,
    }
    manifest = a_manifest(LATER, data, **(facts | changes))
    document = start_document(manifest, a_key())
    return replace(
        RELEASE, structure=LATER, manifest=manifest, document=document, data=data
    )


def test_later_outcomes_of_a_cohort_name_its_release_and_both_periods():
    release = verified(a_later_release())
    assert release.table.time_period == release.manifest.cohort_period == "2025-Q1"
    assert release.manifest.observation_period == PERIOD


@pytest.mark.parametrize(
    "changes",
    [
        {"observation_period": "2025-Q2"},
        {"observation_period": "2025-Q1", "cohort_release": None},
    ],
    ids=["another lag", "no lag"],
)
def test_a_cohort_is_observed_when_its_structure_says(changes):
    with pytest.raises(VerificationError, match="at another time"):
        verified(a_later_release(**changes))


PLACES = replace(STRUCTURE, id="PLACES", basis="non_personal")
OFFERED = publish_sums(PLACES, DEFAULT, [(("P1", "A1", "F", "DIS", "COM"), 7)])
OFFERED_DATA = write_data(OFFERED, PLACES, "lakeside-example", PERIOD)


def test_what_is_nobody_may_be_shown_below_the_threshold_and_zero():
    manifest = a_manifest(PLACES, OFFERED_DATA, basis="non_personal", coverage=None)
    document = start_document(manifest, a_key())
    release = verify_release(
        document, OFFERED_DATA, structure=PLACES, keys=KEYS, at=NOW
    )
    assert release.table.value() == release.table.value(PROGRAMME="P1") == 7
    assert release.table.value(PROGRAMME="P2") == 0
    assert release.table.hidden_count == 0


@pytest.mark.parametrize(
    "change",
    [(b",7,A,F", b",,Q,A"), (b",7,A,F", b",07,A,F"), (b",0,A,F", b",-1,A,F")],
    ids=["hidden", "a leading zero", "below zero"],
)
def test_sums_of_another_form_are_malformed(change):
    with pytest.raises(MalformedError):
        parse_data(OFFERED_DATA.replace(*change, 1), PLACES, DEFAULT)


def test_people_are_not_shown_as_what_is_nobody():
    data = OFFERED_DATA.replace(b":PLACES(", b":COMPLETION(")
    with pytest.raises(MalformedError, match="breaks the protection profile"):
        parse_data(data, STRUCTURE, DEFAULT)


def test_a_value_that_only_other_cells_may_show_is_malformed_beside_an_equity_group():
    lines = {line.rsplit(",", 3)[0]: place for place, line in enumerate(LINES)}
    for equity, shows in (("_T", True), ("DIS", False)):
        start = f"dataflow,{STRUCTURE.reference},I,lakeside-example,_T,_T,_T,{equity},_T,{PERIOD}"
        place = lines[start]
        data = of_lines(*LINES[:place], f"{start},14,A,F", *LINES[place + 1 :])
        if shows:
            parse_data(data, STRUCTURE, DEFAULT)
        else:
            with pytest.raises(MalformedError, match="breaks the protection profile"):
                parse_data(data, STRUCTURE, DEFAULT)


def test_a_release_may_go_to_everybody():
    manifest = verified(a_release(recipients=(NORTHPORT, PUBLIC))).manifest
    assert manifest.recipients == (NORTHPORT, "public")


def test_nobody_else_can_make_a_verified_release():
    release = verified()
    with pytest.raises(TypeError):
        VerifiedManifest(release.manifest, release.document, object())
    with pytest.raises(TypeError):
        VerifiedRelease(
            release.manifest,
            "sha256:" + "0" * 64,
            release.table,
            release.document,
            b"",
            object(),
        )


# --- the plan


def planned(**changes: Any) -> tuple[ReleaseManifest, Any]:
    document = start_document(a_plan(STRUCTURE, **changes), a_key())
    plan = verify_plan(document, keys=KEYS, at=NOW)
    period = plan.payload.periods[0]
    manifest = a_manifest(
        STRUCTURE,
        RELEASE.data,
        plan=plan.document_id,
        cut_off=period.cut_off,
        publication_at=period.publication,
    )
    return manifest, plan


def test_a_release_that_follows_its_plan_passes():
    check_follows_plan(*planned())


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("plan", {"plan": "sha256:" + "9" * 64}),
        ("subject", {"subject": "placements"}),
        ("publisher", {"publisher": "https://eastvale.example"}),
        ("recipients", {"recipients": (NORTHPORT, "https://eastvale.example")}),
        ("structure", {"structure": "sha256:" + "9" * 64}),
        ("structure", {"dataflow": "urn:other"}),
        ("profile", {"profile": ProtectionProfile(threshold=11)}),
        ("period", {"observation_period": "2026-Q1"}),
        ("cut-off", {"cut_off": CUT_OFF}),
        ("publication", {"publication_at": PUBLICATION - timedelta(seconds=1)}),
    ],
)
def test_a_release_that_does_not_follow_its_plan_is_refused(rule, changes):
    manifest, plan = planned()
    if rule == "cut-off":
        changes = {"cut_off": manifest.cut_off + timedelta(seconds=1)}
    with pytest.raises(VerificationError, match=f"does not follow its plan: {rule}"):
        check_follows_plan(manifest.model_copy(update=changes), plan)


def a_revision(**changes: Any) -> tuple[ReleaseManifest, Any]:
    """A manifest and the plan of one revised period."""
    revision = PlannedRevision(
        period=PERIOD, replaces="sha256:" + "4" * 64, reason="A source was wrong."
    )
    coarse = ProtectionProfile(max_dimensions=2)
    manifest, plan = planned(
        periods=(a_period(PERIOD),), revision=revision, profile=coarse
    )
    facts = {"revision": 1, "replaces": "sha256:" + "5" * 64, "profile": coarse}
    return manifest.model_copy(update=facts | changes), plan


def test_a_revision_follows_the_plan_of_its_revision_and_no_other():
    check_follows_plan(*a_revision())
    for manifest, plan in (
        a_revision(revision=0, replaces=None),
        (a_revision()[0].model_copy(update={"profile": DEFAULT}), planned()[1]),
    ):
        fixed = manifest.model_copy(update={"plan": plan.document_id})
        with pytest.raises(VerificationError, match="its plan: revision"):
            check_follows_plan(fixed, plan)


# --- one file


def test_one_file_holds_all_that_verification_needs():
    file = release_bundle(RELEASE.document, RELEASE.data, RELEASE.structure_bytes)
    parts = open_bundle(file)
    release = verify_release(
        parts.manifest,
        parts.data,
        structure=parse_structure(parts.structure),
        keys=KEYS,
        at=NOW,
    )
    assert release.release_id == verified().release_id
    assert parts.data == RELEASE.data
    assert parts.structure == RELEASE.structure_bytes
    assert json.loads(file)["kind"] == "interurban-release-bundle"


def test_the_payload_in_one_file_is_byte_for_byte_the_signed_one():
    spaced = json.dumps(json.loads(RELEASE.document), indent=1).encode()
    file = release_bundle(spaced, RELEASE.data, RELEASE.structure_bytes)
    manifest = open_bundle(file).manifest
    assert (
        verify_manifest(manifest, keys=KEYS, at=NOW).document.payload_bytes
        == RELEASE.manifest.to_json()
    )


FILE = json.loads(
    release_bundle(RELEASE.document, RELEASE.data, RELEASE.structure_bytes)
)
TAMPERED_FILES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another kind": lambda f: f.update(kind="release-manifest"),
    "no kind": lambda f: f.pop("kind"),
    "no manifest": lambda f: f.pop("manifest"),
    "a manifest that is text": lambda f: f.update(manifest="x"),
    "no data": lambda f: f.pop("data"),
    "data that are a list": lambda f: f.update(data=["x"]),
    "data that are not ASCII": lambda f: f.update(data="é"),
    "no structure": lambda f: f.pop("structure"),
    "a structure that is null": lambda f: f.update(structure=None),
    "something more": lambda f: f.update(note="x"),
}


@pytest.mark.parametrize("tamper", TAMPERED_FILES.values(), ids=TAMPERED_FILES.keys())
def test_another_file_is_no_bundle(tamper):
    file = dict(FILE)
    tamper(file)
    with pytest.raises(MalformedError):
        open_bundle(canonical_json(file))


@pytest.mark.parametrize(
    "parts",
    [
        (b"[]", RELEASE.data, RELEASE.structure_bytes),
        (RELEASE.document, b"\xff", RELEASE.structure_bytes),
        (RELEASE.document, RELEASE.data, b"x"),
    ],
    ids=["manifest", "data", "structure"],
)
def test_a_bundle_is_not_made_of_other_things(parts):
    with pytest.raises(MalformedError):
        release_bundle(*parts)


def test_a_structure_with_more_codes_makes_another_release():
    wider = completion_structure(
        some_codes("P", 3), some_codes("A", 1), some_codes("E", 2), "learner.displaced"
    )
    table = protected(some_people(wider, count=50, seed=3), wider)
    data = write_data(table, wider, "lakeside-example", PERIOD)
    release = SignedRelease(
        wider,
        bundle_bytes(wider),
        table,
        a_manifest(wider, data),
        start_document(a_manifest(wider, data), a_key()),
        data,
    )
    assert verified(release).manifest.publisher == LAKESIDE
