"""Learner references, sealing, and the one encrypted table of who is who."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from interurban_node.accounts import service
from interurban_node.accounts.models import IdentityRow
from interurban_node.accounts.service import Identity
from interurban_node.core.context import Node
from interurban_node.core.errors import ConfigurationError

ANNA = Identity(
    person_id="NR-1",
    given_name="Anna",
    family_name="Лисенко",
    email="anna@post.example",
    phone="+00 1",
)


def test_a_learner_ref_is_a_keyed_hash_of_the_number(node: Node) -> None:
    ref = service.learner_ref_of(node.keys, "NR-1")
    assert len(ref) == 27
    assert ref[0] == "L"
    assert ref[1:] == ref[1:].lower()
    other = replace(node.keys, pseudonym=b"o" * 32)
    assert service.learner_ref_of(other, "NR-1") != ref
    assert service.learner_ref_of(node.keys, "NR-2") != ref


@given(st.text(min_size=1, max_size=40))
def test_blanks_and_case_of_a_number_do_not_matter(node: Node, number: str) -> None:
    ref = service.learner_ref_of(node.keys, number)
    assert service.learner_ref_of(node.keys, f"  {number} ") == ref
    assert service.learner_ref_of(node.keys, number.casefold()) == ref


@given(st.binary(max_size=200), st.text(max_size=30))
def test_what_is_sealed_opens_for_the_same_purpose(
    node: Node, plaintext: bytes, purpose: str
) -> None:
    sealed = service.seal(node, purpose, plaintext)
    assert service.unseal(node, purpose, sealed) == plaintext
    assert service.seal(node, purpose, plaintext) != sealed


@pytest.mark.parametrize(
    "tampered",
    [
        lambda sealed: b"",
        lambda sealed: sealed[:1],
        lambda sealed: sealed[:12],
        lambda sealed: sealed[:-1],
        lambda sealed: sealed + b"\0",
        lambda sealed: b"\x02" + sealed[1:],
        lambda sealed: sealed[:5] + bytes([sealed[5] ^ 1]) + sealed[6:],
        lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
    ],
    ids=["empty", "form", "short", "cut", "longer", "other form", "nonce", "tag"],
)
def test_damaged_bytes_do_not_open(node: Node, tampered: object) -> None:
    sealed = service.seal(node, "a purpose", b"a name")
    assert callable(tampered)
    with pytest.raises(ConfigurationError, match="do not open"):
        service.unseal(node, "a purpose", tampered(sealed))


def test_nothing_opens_for_another_purpose_or_secret(node: Node) -> None:
    sealed = service.seal(node, "a purpose", b"a name")
    with pytest.raises(ConfigurationError):
        service.unseal(node, "another purpose", sealed)
    other = replace(node, keys=replace(node.keys, vault=b"o" * 32))
    with pytest.raises(ConfigurationError):
        service.unseal(other, "a purpose", sealed)


def test_an_identity_is_read_as_it_was_stored(node: Node, session: Session) -> None:
    ref = service.learner_ref_of(node.keys, ANNA.person_id)
    assert service.read_identity(session, node, ref) is None
    assert not service.has_identity(session, ref)
    service.store_identity(session, node, ref, ANNA, node.clock())
    assert service.read_identity(session, node, ref) == ANNA
    assert service.has_identity(session, ref)
    moved = replace(ANNA, email=None)
    service.store_identity(session, node, ref, moved, node.clock() + timedelta(days=1))
    assert service.read_identity(session, node, ref) == moved


def test_the_table_of_identities_holds_no_name(node: Node, session: Session) -> None:
    ref = service.learner_ref_of(node.keys, ANNA.person_id)
    service.store_identity(session, node, ref, ANNA, node.clock())
    (row,) = session.execute(sa.select(IdentityRow.__table__)).all()
    for fact in ("NR-1", "Anna", "Лисенко", "anna@post.example", "+00 1"):
        assert not any(fact in value for value in row if isinstance(value, str))
        assert fact.encode() not in bytes(row.sealed)


def test_an_identity_does_not_open_in_somebody_else_s_row(
    node: Node, session: Session
) -> None:
    service.store_identity(session, node, "Lanna", ANNA, node.clock())
    session.execute(sa.update(IdentityRow).values(learner_ref="Lbilal"))
    session.expire_all()
    with pytest.raises(ConfigurationError):
        service.read_identity(session, node, "Lbilal")


def test_an_identity_shows_nothing_when_printed() -> None:
    assert repr(ANNA) == "Identity(…)"


def test_many_identities_are_stored_at_once(node: Node, session: Session) -> None:
    many = {f"L{i:026}": replace(ANNA, person_id=str(i)) for i in range(1200)}
    service.store_identities(session, node, many, node.clock())
    service.store_identities(session, node, many, node.clock())
    count = session.scalar(sa.select(sa.func.count()).select_from(IdentityRow))
    assert count == 1200
    last = service.read_identity(session, node, f"L{1199:026}")
    assert last is not None
    assert last.person_id == "1199"
