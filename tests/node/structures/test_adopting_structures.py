"""Adopting structures: once a URN, one content for ever."""

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from interurban_node.core.errors import NotFoundError
from interurban_node.structures import service
from interurban_protocol.errors import ChainError, MalformedError, OversizedError
from interurban_protocol.structures import bundle_bytes
from tests.support.counting import NOW
from tests.support.statistics import a_structure


def test_an_adopted_structure_is_read_back_by_digest_and_by_urn(
    session: Session,
) -> None:
    structure = a_structure()
    assert service.adopt(session, bundle_bytes(structure), NOW) == structure
    assert service.structure(session, structure.digest) == structure
    assert service.by_urn(session, structure.urn) == structure
    assert service.bundle(session, structure.digest) == bundle_bytes(structure)


def test_adopting_the_same_bytes_again_changes_nothing(session: Session) -> None:
    for _ in range(2):
        service.adopt(session, bundle_bytes(a_structure()), NOW)
    assert service.structures(session) == [a_structure()]


def test_the_same_urn_with_another_content_is_refused(session: Session) -> None:
    service.adopt(session, bundle_bytes(a_structure(ages=1)), NOW)
    with pytest.raises(ChainError, match=r"COMPLETION\(1.0.0\) is held with another"):
        service.adopt(session, bundle_bytes(a_structure(ages=2)), NOW)
    assert service.structures(session) == [a_structure(ages=1)]


def test_a_new_version_stands_beside_the_old_one(session: Session) -> None:
    newer = replace(a_structure(ages=2), version="1.1.0")
    for structure in (a_structure(), newer):
        service.adopt(session, bundle_bytes(structure), NOW)
    assert service.structures(session) == [a_structure(), newer]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"data":{}}'])
def test_what_is_no_structure_is_refused(session: Session, data: bytes) -> None:
    with pytest.raises(MalformedError):
        service.adopt(session, data, NOW)


def test_bytes_that_say_the_same_in_another_form_are_refused(session: Session) -> None:
    with pytest.raises(MalformedError):
        service.adopt(session, bundle_bytes(a_structure()) + b"\n", NOW)


def test_a_structure_larger_than_any_is_refused_unread(session: Session) -> None:
    with pytest.raises(OversizedError):
        service.adopt(session, b" " * (service.MAX_BUNDLE_BYTES + 1), NOW)


def test_an_urn_that_no_column_holds_is_refused(session: Session) -> None:
    long = replace(a_structure(), id="C" * 300)
    with pytest.raises(OversizedError):
        service.adopt(session, bundle_bytes(long), NOW)


def test_what_was_not_adopted_is_not_found(session: Session) -> None:
    structure = a_structure()
    with pytest.raises(NotFoundError):
        service.structure(session, structure.digest)
    with pytest.raises(NotFoundError):
        service.by_urn(session, structure.urn)


def test_a_proposed_structure_is_found_by_its_digest_and_claims_no_name(
    session: Session,
) -> None:
    structure = a_structure()
    for _ in range(2):
        assert service.keep(session, bundle_bytes(structure), NOW) == structure
    assert service.structure(session, structure.digest) == structure
    assert service.proposed(session) == [structure]
    assert service.structures(session) == []
    with pytest.raises(NotFoundError):
        service.by_urn(session, structure.urn)
    with pytest.raises(NotFoundError):
        service.bundle(session, structure.digest)


def test_any_number_of_contents_may_be_proposed_under_one_name(
    session: Session,
) -> None:
    proposed = [a_structure(ages=ages) for ages in (1, 2, 3)]
    for structure in proposed:
        service.keep(session, bundle_bytes(structure), NOW)
    service.adopt(session, bundle_bytes(proposed[1]), NOW)
    assert service.structures(session) == [proposed[1]]
    assert len(service.proposed(session)) == 2
    assert service.structure(session, proposed[2].digest) == proposed[2]


@pytest.mark.parametrize("version", ["1.0.1", "1.0.9"])
def test_a_version_that_rises_too_little_is_not_adopted(
    session: Session, version: str
) -> None:
    service.adopt(session, bundle_bytes(a_structure()), NOW)
    newer = replace(a_structure(ages=2), version=version)
    with pytest.raises(ChainError, match="for a minor change"):
        service.adopt(session, bundle_bytes(newer), NOW)
    assert service.structures(session) == [a_structure()]


def test_a_version_between_two_follows_on_both(session: Session) -> None:
    for structure in (a_structure(), replace(a_structure(ages=2), version="1.1.0")):
        service.adopt(session, bundle_bytes(structure), NOW)
    fits = replace(a_structure(), version="1.0.1")
    service.adopt(session, bundle_bytes(fits), NOW)
    too_much = replace(a_structure(ages=3), version="1.0.2")
    with pytest.raises(ChainError):
        service.adopt(session, bundle_bytes(too_much), NOW)
    assert [each.version for each in service.structures(session)] == [
        "1.0.0",
        "1.0.1",
        "1.1.0",
    ]


def test_versions_are_ordered_by_number(session: Session) -> None:
    for version in ("1.10.0", "1.9.0", "1.2.0"):
        structure = replace(a_structure(), version=version)
        service.adopt(session, bundle_bytes(structure), NOW)
    found = service.versions(session, a_structure())
    assert [each.version for each in found] == ["1.2.0", "1.9.0", "1.10.0"]
    before = service.version_before(session, replace(a_structure(), version="1.10.0"))
    assert before is not None
    assert before.version == "1.9.0"
    assert service.version_before(session, a_structure()) is None


def test_a_dataflow_of_a_similar_name_is_another_one(session: Session) -> None:
    for name in ("completion", "COMPLETION_2"):
        service.adopt(session, bundle_bytes(replace(a_structure(), id=name)), NOW)
    service.adopt(session, bundle_bytes(replace(a_structure(ages=2))), NOW)
    assert len(service.versions(session, a_structure())) == 1


def test_a_version_that_cannot_be_ordered_is_not_kept(session: Session) -> None:
    bundle = bundle_bytes(a_structure()).replace(b"1.0.0", b"1" * 20 + b".0.0")
    with pytest.raises(MalformedError):
        service.keep(session, bundle, NOW)
