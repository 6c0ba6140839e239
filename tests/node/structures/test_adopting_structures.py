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
