"""The partner's side: what is taken in, what is refused, and what a reference is worth."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from interurban_node.core import outbox
from interurban_node.core.context import Node
from interurban_node.core.errors import RefusedError, StateError
from interurban_node.credentials import jobs, queries, service
from interurban_node.credentials.models import (
    ReferenceReceivedRow,
    ReferenceSentRow,
    StatusCacheRow,
)
from interurban_node.credentials.queries import ReferenceView
from interurban_protocol import notices, references, status_lists
from interurban_protocol.encoding import canonical_json, parse_json_object
from interurban_protocol.errors import (
    ChainError,
    ExpiredError,
    InterurbanError,
    MalformedError,
    ReplayedError,
    SignatureInvalidError,
    UnknownKeyError,
    UnsupportedError,
    WrongKeyError,
    WrongTargetError,
)
from interurban_protocol.messages import parse_message
from interurban_protocol.notices import EndedNotice, ReferenceDelivery
from interurban_protocol.references import ReferenceState
from interurban_protocol.signed_documents import (
    Signer,
    open_document,
    read_payload,
    start_document,
)
from interurban_protocol.status_lists import StatusList
from tests.support.reference_cities import Cities, deliver

Tamper = Callable[[Cities, bytes], bytes]
KIND = notices.DELIVERY_KIND


def resigned(cities: Cities, document: bytes, **changes: object) -> bytes:
    payload = read_payload(open_document(document), ReferenceDelivery)
    return start_document(
        payload.model_copy(update=changes), cities.home.keys.documents
    )


def retoken(
    cities: Cities, document: bytes, sign_by_other: bool = False, **changes: object
) -> bytes:
    """The delivery with a reference of other claims, signed with the right keys."""
    payload = read_payload(open_document(document), ReferenceDelivery)
    parsed = references.parse_reference(payload.token)
    claims = parsed.claims.model_copy(update=changes)
    node = cities.east if sign_by_other else cities.home
    salts = [node.identifiers.random_bytes(16) for _ in range(references.DIGEST_COUNT)]
    token = references.issue_reference(
        claims, parsed.facts, key=node.keys.references, salts=salts
    )
    return resigned(cities, document, token=token, expires=claims.expires_at)


def for_another_node(cities: Cities, document: bytes) -> bytes:
    return resigned(cities, document, recipient=cities.east.origin)


def with_a_reference_for_another(cities: Cities, document: bytes) -> bytes:
    payload = read_payload(open_document(document), ReferenceDelivery)
    consent = references.parse_reference(payload.token).claims.consent
    other = consent.model_copy(update={"recipient": cities.east.origin})
    return retoken(cities, document, consent=other)


def from_another_issuer(cities: Cities, document: bytes) -> bytes:
    return resigned(cities, document, issuer=cities.east.origin)


def signed_by_another_city(cities: Cities, document: bytes) -> bytes:
    payload = read_payload(open_document(document), ReferenceDelivery)
    key = cities.east.keys.documents
    signer = Signer(node=cities.east.origin, key_id=key.public.key_id)
    return start_document(payload.model_copy(update={"signers": (signer,)}), key)


def signed_with_the_wrong_key(cities: Cities, document: bytes) -> bytes:
    payload = read_payload(open_document(document), ReferenceDelivery)
    key = cities.home.keys.exchange
    signer = payload.signers[0].model_copy(update={"key_id": key.public.key_id})
    return start_document(payload.model_copy(update={"signers": (signer,)}), key)


def with_a_broken_signature(cities: Cities, document: bytes) -> bytes:
    value = dict(parse_json_object(document))
    match value["signatures"]:
        case [{"protected": protected, "signature": str(signature)}]:
            forged = "A" * 10 + signature[10:]
            value["signatures"] = [{"protected": protected, "signature": forged}]
    return canonical_json(value)


def with_a_forged_reference(cities: Cities, document: bytes) -> bytes:
    return retoken(cities, document, sign_by_other=True)


def with_another_end(cities: Cities, document: bytes) -> bytes:
    payload = read_payload(open_document(document), ReferenceDelivery)
    return resigned(cities, document, expires=payload.expires + timedelta(days=1))


def with_every_fact(cities: Cities, document: bytes) -> bytes:
    payload = read_payload(open_document(document), ReferenceDelivery)
    jti = references.parse_reference(payload.token).claims.jti
    return resigned(cities, document, token=cities.token(jti))


def with_an_unknown_agreement(cities: Cities, document: bytes) -> bytes:
    return resigned(cities, document, agreement="sha256:" + "0" * 64)


def with_an_unknown_critical_field(cities: Cities, document: bytes) -> bytes:
    return resigned(cities, document, crit=("later",))


def with_nonsense_for_a_token(cities: Cities, document: bytes) -> bytes:
    return resigned(cities, document, token="nonsense")


def with_an_id_that_is_none(cities: Cities, document: bytes) -> bytes:
    return retoken(cities, document, jti="not a message id, though long")


def of_another_kind(cities: Cities, document: bytes) -> bytes:
    return b'{"hello":"world"}'


REFUSED: list[tuple[Tamper, type[InterurbanError]]] = [
    (for_another_node, WrongTargetError),
    (with_a_reference_for_another, WrongTargetError),
    (from_another_issuer, MalformedError),
    (signed_by_another_city, UnknownKeyError),
    (signed_with_the_wrong_key, WrongKeyError),
    (with_a_broken_signature, SignatureInvalidError),
    (with_a_forged_reference, UnknownKeyError),
    (with_another_end, MalformedError),
    (with_every_fact, MalformedError),
    (with_an_unknown_agreement, RefusedError),
    (with_an_unknown_critical_field, UnsupportedError),
    (with_nonsense_for_a_token, MalformedError),
    (with_an_id_that_is_none, MalformedError),
    (of_another_kind, MalformedError),
]


def a_delivery(cities: Cities) -> bytes:
    """A delivery that arrived at Northport, taken away from it again."""
    cities.send(cities.north)
    [carried] = cities.carry()
    with cities.north.database.transaction() as session:
        session.execute(sa.delete(ReferenceReceivedRow))
    return carried.document


@pytest.mark.parametrize(("tamper", "error"), REFUSED)
def test_a_wrong_delivery_is_refused_and_not_kept(
    three: Cities, tamper: Tamper, error: type[InterurbanError]
) -> None:
    wrong = tamper(three, a_delivery(three))
    with pytest.raises(InterurbanError) as refused:
        deliver(three.north, three.home, KIND, wrong)
    assert type(refused.value) is error
    with three.north.database.transaction() as session:
        assert session.scalars(sa.select(ReferenceReceivedRow)).all() == []


def test_a_delivery_that_comes_too_late_is_refused(three: Cities) -> None:
    document = a_delivery(three)
    three.clock.advance(days=61)
    with pytest.raises(ExpiredError):
        deliver(three.north, three.home, KIND, document)


def test_the_same_id_with_another_reference_is_refused(three: Cities) -> None:
    document = a_delivery(three)
    deliver(three.north, three.home, KIND, document)
    with pytest.raises(ReplayedError):
        deliver(three.north, three.home, KIND, retoken(three, document))


def test_a_repeated_delivery_does_not_bring_back_what_ended(three: Cities) -> None:
    document = a_delivery(three)
    receipt = deliver(three.north, three.home, KIND, document)
    three.end()
    jobs.send_notices(three.home)
    three.carry()
    assert deliver(three.north, three.home, KIND, document) == receipt
    with three.north.database.transaction() as session:
        row = session.scalars(sa.select(ReferenceReceivedRow)).one()
    assert (row.state, row.token) == ("ended", None)


def notice_changed(cities: Cities, document: bytes, **changes: object) -> bytes:
    payload = read_payload(open_document(document), EndedNotice)
    return start_document(
        payload.model_copy(update=changes), cities.home.keys.documents
    )


def notice_for_another(cities: Cities, document: bytes) -> bytes:
    return notice_changed(cities, document, recipient=cities.east.origin)


def notice_of_another(cities: Cities, document: bytes) -> bytes:
    return notice_changed(cities, document, issuer=cities.east.origin)


def notice_with_an_entry_twice(cities: Cities, document: bytes) -> bytes:
    payload = read_payload(open_document(document), EndedNotice)
    return notice_changed(
        cities, document, entries=(payload.entries[0], *payload.entries[:15])
    )


def notice_that_is_too_short(cities: Cities, document: bytes) -> bytes:
    payload = read_payload(open_document(document), EndedNotice)
    return notice_changed(cities, document, entries=payload.entries[1:])


def notice_signed_by_another(cities: Cities, document: bytes) -> bytes:
    payload = read_payload(open_document(document), EndedNotice)
    key = cities.east.keys.documents
    signer = Signer(node=cities.east.origin, key_id=key.public.key_id)
    return start_document(payload.model_copy(update={"signers": (signer,)}), key)


@pytest.mark.parametrize(
    ("tamper", "error"),
    [
        (notice_for_another, WrongTargetError),
        (notice_of_another, MalformedError),
        (notice_with_an_entry_twice, MalformedError),
        (notice_that_is_too_short, MalformedError),
        (notice_signed_by_another, UnknownKeyError),
        (of_another_kind, MalformedError),
    ],
)
def test_a_wrong_notice_is_refused_and_ends_nothing(
    three: Cities, tamper: Tamper, error: type[InterurbanError]
) -> None:
    three.send(three.north)
    three.carry()
    three.end()
    jobs.send_notices(three.home)
    document = message_waiting(three)
    with pytest.raises(InterurbanError) as refused:
        deliver(three.north, three.home, notices.ENDED_KIND, tamper(three, document))
    assert type(refused.value) is error
    with three.north.database.transaction() as session:
        assert session.scalars(sa.select(ReferenceReceivedRow.state)).one() == "held"


def test_a_city_cannot_end_another_citys_references(three: Cities) -> None:
    sent = three.send(three.north)
    three.carry()
    with three.east.database.transaction() as session:
        service.send_notice(
            session, three.east, three.north.origin, (sent.reference_id,), three.clock()
        )
    document = message_waiting(three, at_home=False)
    deliver(three.north, three.east, notices.ENDED_KIND, document)
    with three.north.database.transaction() as session:
        assert session.scalars(sa.select(ReferenceReceivedRow.state)).one() == "held"


# --- what a reference is worth


def test_a_reference_is_fresh_then_cached_then_stale_then_expired(
    three: Cities,
) -> None:
    token = a_held_token(three)
    assert three.verdict(three.north, token).state is ReferenceState.STALE
    three.fetch_lists(three.north)
    assert three.verdict(three.north, token).state is ReferenceState.FRESH
    three.clock.advance(minutes=20)
    cached = three.verdict(three.north, token)
    assert (cached.state, cached.age) == (ReferenceState.CACHED, timedelta(minutes=20))
    three.clock.advance(days=1)
    assert three.verdict(three.north, token).state is ReferenceState.STALE
    three.clock.advance(days=60)
    assert three.verdict(three.north, token).state is ReferenceState.EXPIRED


def test_a_reference_for_another_city_is_not_valid_here(three: Cities) -> None:
    token = a_held_token(three)
    assert three.verdict(three.east, token).state is ReferenceState.INVALID


def test_the_issuer_judges_its_own_reference_by_its_own_list(three: Cities) -> None:
    token = a_held_token(three)
    assert three.verdict(three.home, token).state is ReferenceState.FRESH
    three.end()
    assert three.verdict(three.home, token).state is ReferenceState.ENDED


def test_an_unknown_issuer_is_not_trusted(three: Cities) -> None:
    token = a_held_token(three)
    with three.north.database.transaction() as session:
        session.execute(sa.text("UPDATE partners SET confirmed_by_us_at = NULL"))
    assert three.verdict(three.north, token).state is ReferenceState.UNTRUSTED_ISSUER


@pytest.mark.parametrize("token", ["", "x", "a.b.c~", "{}", "ü"])
def test_nonsense_is_malformed_and_no_error(three: Cities, token: str) -> None:
    assert three.verdict(three.north, token).state is ReferenceState.MALFORMED


def test_what_a_notice_ended_stays_ended_under_an_older_list(three: Cities) -> None:
    token = a_held_token(three)
    three.fetch_lists(three.north)
    three.end()
    jobs.send_notices(three.home)
    three.carry()
    with three.north.database.transaction() as session:
        cached = session.scalars(sa.select(StatusCacheRow)).one()
    assert cached.fetched_at == three.clock()
    assert three.verdict(three.north, token).state is ReferenceState.ENDED


# --- lists of partners


def test_only_lists_of_references_that_are_held_are_wanted(three: Cities) -> None:
    a_held_token(three)
    assert len(wanted(three)) == 1
    three.fetch_lists(three.north)
    assert wanted(three) == []
    three.clock.advance(minutes=12)
    assert len(wanted(three)) == 1
    three.end()
    jobs.send_notices(three.home)
    three.carry()
    assert wanted(three) == []


def test_a_list_that_goes_back_is_refused(three: Cities) -> None:
    sent = a_delivered_one(three)
    uri, index = pointer(three, sent)
    three.clock.advance(hours=1)
    store(three, uri, (index,))
    with pytest.raises(ChainError):
        store(three, uri, ())
    three.clock.advance(minutes=-30)
    with pytest.raises(ChainError):
        store(three, uri, (index,))


def test_a_list_at_another_address_is_refused(three: Cities) -> None:
    sent = a_delivered_one(three)
    uri, _ = pointer(three, sent)
    with pytest.raises(WrongTargetError):
        store(three, uri, (), signed_for=uri + "x")
    with pytest.raises(WrongTargetError):
        store(three, "https://eastvale.example/api/v1/status-lists/a", ())


def test_a_list_signed_by_another_city_is_refused(three: Cities) -> None:
    sent = a_delivered_one(three)
    uri, _ = pointer(three, sent)
    with pytest.raises(UnknownKeyError):
        store(three, uri, (), signer=three.east)


def test_a_list_that_cannot_be_read_any_more_proves_nothing(three: Cities) -> None:
    token = a_held_token(three)
    three.fetch_lists(three.north)
    with three.north.database.transaction() as session:
        session.scalars(sa.select(StatusCacheRow)).one().token = b"damaged"
    assert three.verdict(three.north, token).state is ReferenceState.STALE


def test_an_id_that_two_partners_used_is_told_apart_by_the_issuer(
    three: Cities,
) -> None:
    sent = a_delivered_one(three)
    other = ReferenceReceivedRow(
        issuer=three.east.origin,
        reference_id=sent.reference_id,
        token=b"other",
        token_digest="sha256:" + "0" * 64,
        document_digest="sha256:" + "0" * 64,
        claimed=False,
        status_uri="https://eastvale.example/api/v1/status-lists/a",
        status_index=1,
        received_at=three.clock(),
        expires_at=sent.expires_at,
        state="held",
    )
    with three.north.database.transaction() as session:
        session.add(other)
        session.flush()
        ask = (session, sent.reference_id)
        assert queries.received_token(*ask, three.east.origin) == b"other"
        with pytest.raises(StateError, match="two partners"):
            queries.received_token(*ask, None)


def a_delivered_one(cities: Cities) -> ReferenceView:
    sent = cities.send(cities.north)
    cities.carry()
    return sent


def a_held_token(cities: Cities) -> str:
    sent = a_delivered_one(cities)
    key = (cities.home.origin, sent.reference_id)
    with cities.north.database.transaction() as session:
        token = session.get_one(ReferenceReceivedRow, key).token
    assert token is not None
    return token.decode()


def message_waiting(cities: Cities, *, at_home: bool = True) -> bytes:
    """The document of the message that waits at a city."""
    node = cities.home if at_home else cities.east
    with node.database.transaction() as session:
        [intent] = outbox.due(session, ("send-message",), cities.clock())
    return parse_message(intent.payload).document


def wanted(cities: Cities) -> list[tuple[str, str]]:
    with cities.north.database.transaction() as session:
        return service.status_uris_wanted(session, cities.clock())


def pointer(cities: Cities, sent: ReferenceView) -> tuple[str, int]:
    with cities.home.database.transaction() as session:
        row = session.get_one(ReferenceSentRow, sent.reference_id)
        uri = status_lists.status_list_uri(cities.home.origin, row.status_list_id)
        return uri, row.status_index


def store(
    cities: Cities,
    uri: str,
    ended: tuple[int, ...],
    *,
    signed_for: str = "",
    signer: Node | None = None,
) -> None:
    """Northport is given a list that Lakeside's status key, or another's, signed."""
    key = (signer or cities.home).keys.status
    token = status_lists.sign_status_list(
        StatusList.of_valid().with_invalid(ended),
        uri=signed_for or uri,
        key=key,
        at=cities.clock(),
    )
    with cities.north.database.transaction() as session:
        service.store_status_list(
            session, cities.north, cities.home.origin, uri, token, cities.clock()
        )
