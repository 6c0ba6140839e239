"""What a page touches that its records do not tell afterwards."""

import pytest

from interurban_adapters.records import RecordKind
from interurban_node.registry.changes import (
    Touched,
    touched_by,
    touched_by_removal,
)
from interurban_node.registry.queries import Held
from interurban_node.registry.records import Draft

PEOPLE = [
    RecordKind.LEARNER,
    RecordKind.ENROLMENT,
    RecordKind.CERTIFICATE,
    RecordKind.PLACEMENT,
    RecordKind.GRIEVANCE,
]


def draft(key: str, about: str | None) -> Draft:
    return Draft(source_pk=key, source_hash="h", values={"learner_ref": about})


def held(about: str | None) -> Held:
    return Held("h", is_deleted=False, about=about)


@pytest.mark.parametrize("kind", PEOPLE)
def test_whom_a_record_is_no_longer_about_is_touched(kind: RecordKind) -> None:
    changed = [draft("1", "Lnew"), draft("2", "Lsame"), draft("4", "Lfirst")]
    before = {"1": held("Lold"), "2": held("Lsame"), "3": held("Lother")}
    assert touched_by(kind, changed, before) == Touched(left=frozenset({"Lold"}))


def test_a_grievance_that_has_or_had_no_name_is_nameless() -> None:
    kind = RecordKind.GRIEVANCE
    lost = touched_by(kind, [draft("1", None)], {"1": held("La")})
    assert lost == Touched(left=frozenset({"La"}), nameless=True)
    found = touched_by(kind, [draft("1", "La")], {"1": held(None)})
    assert found == Touched(nameless=True)
    assert touched_by(kind, [draft("1", None)], {}) == Touched(nameless=True)
    assert touched_by(kind, [draft("1", "La")], {}) == Touched()
    assert touched_by_removal(kind, ["La", None]) == Touched(nameless=True)
    assert touched_by_removal(kind, ["La"]) == Touched()


def test_a_new_programme_is_in_nobodys_records_and_a_changed_one_in_anybodys() -> None:
    programme = Draft(source_pk="1", source_hash="h", values={"code": "WELD"})
    kind = RecordKind.PROGRAMME
    assert touched_by(kind, [programme], {}) == Touched()
    assert touched_by(kind, [programme], {"2": held(None)}) == Touched()
    assert touched_by(kind, [programme], {"1": held(None)}) == Touched(programmes=True)
    assert touched_by_removal(kind, [None]) == Touched(programmes=True)


def test_an_offer_is_about_nobody() -> None:
    offer = Draft(source_pk="1", source_hash="h", values={"places": 5})
    assert touched_by(RecordKind.OFFER, [offer], {"1": held(None)}) == Touched()
    assert touched_by_removal(RecordKind.OFFER, [None, None]) == Touched()


def test_nothing_removed_touches_nobody() -> None:
    for kind in RecordKind:
        assert touched_by_removal(kind, []) == Touched()
