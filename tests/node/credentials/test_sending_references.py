"""Certificates are issued and references sent: only what consent and agreement allow."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.agreements.models import SuspensionRow
from interurban_node.audit.models import UsageRow
from interurban_node.audit.service import Grade, Use, UseKind, record_use
from interurban_node.consent.service import ConsentInForce
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    NotFoundError,
    RecoveringError,
    RefusedError,
    StateError,
)
from interurban_node.core.journal import Irrevocable
from interurban_node.core.outbox import OutboxRow
from interurban_node.credentials import queries, service
from interurban_node.credentials.models import (
    ReferenceReceivedRow,
    ReferenceSentRow,
)
from interurban_node.partners import service as partners
from interurban_node.registry.models import CertificateRow
from interurban_protocol import references
from interurban_protocol.credentials import verify_credential
from interurban_protocol.encoding import base64url_decode
from interurban_protocol.messages import parse_message
from interurban_protocol.references import ReferenceState
from interurban_protocol.signed_documents import open_document
from tests.support.reference_cities import (
    CERTIFICATE,
    LEARNER,
    OTHER_CERTIFICATE,
    OTHER_LEARNER,
    PURPOSE,
    TITLE,
    Cities,
    deliver,
)


def waiting(cities: Cities) -> list[OutboxRow]:
    with cities.home.database.transaction() as session:
        return list(
            session.scalars(
                sa.select(OutboxRow).where(
                    OutboxRow.topic == "send-message", OutboxRow.done_at.is_(None)
                )
            )
        )


def test_a_certificate_is_made_from_the_registry_and_verifies(three: Cities) -> None:
    found = three.issue()
    verified = verify_credential(
        found.document,
        issuer=three.home.origin,
        keys=partners.own_descriptor(three.home).key_set,
        at=three.clock(),
    )
    subject = verified.credential.credentialSubject
    assert verified.digest == found.digest
    assert subject.achievement.name == TITLE
    assert subject.achievement.id == "https://lakeside.example/achievements/FIB-2"
    assert verified.credential.validFrom.date().isoformat() == "2025-11-14"
    assert LEARNER.encode() not in found.document


def test_issuing_twice_gives_the_same_certificate(three: Cities) -> None:
    first = three.issue()
    three.clock.advance(days=3)
    assert three.issue() == first


def test_all_missing_certificates_are_issued_once(three: Cities) -> None:
    three.issue()
    with three.home.database.transaction() as session:
        made = service.issue_missing(session, three.home, None, 10, three.clock())
        again = service.issue_missing(session, three.home, None, 10, three.clock())
    assert [found.certificate_id for found in made] == [OTHER_CERTIFICATE]
    assert again == []


def test_a_revoked_certificate_is_not_issued(three: Cities) -> None:
    revoke(three)
    with pytest.raises(RefusedError):
        three.issue()


def test_an_unknown_record_gives_no_certificate(three: Cities) -> None:
    with pytest.raises(NotFoundError):
        three.issue("3d5f0d5e-0000-5000-8000-00000000ffff")


def test_a_recovering_node_issues_nothing(three: Cities) -> None:
    three.home.journal.append(
        Irrevocable.WITHDRAWAL, {"learners": LEARNER}, three.clock()
    )
    with pytest.raises(RecoveringError):
        three.issue()


def test_sending_without_consent_is_refused(three: Cities) -> None:
    credential_id = three.issue().credential_id
    with (
        three.home.database.transaction() as session,
        pytest.raises(RefusedError),
    ):
        three.consent(session, credential_id, three.north)


def test_a_consent_for_something_else_sends_nothing(three: Cities) -> None:
    credential_id = three.issue().credential_id
    other = three.issue(OTHER_CERTIFICATE).credential_id
    three.say_yes(credential_id, three.north)
    for wanted, to in ((other, three.north), (credential_id, three.east)):
        with three.home.database.transaction() as session:
            proof = three.consent(session, credential_id, three.north)
            with pytest.raises(RefusedError, match="no consent in force"):
                service.send_reference(
                    session, three.home, proof, wanted, to.origin, three.clock()
                )
    assert waiting(three) == []


def test_a_proof_that_has_run_out_sends_nothing(three: Cities) -> None:
    credential_id = three.issue().credential_id
    three.say_yes(credential_id, three.north, days=30)
    with three.home.database.transaction() as session:
        proof = three.consent(session, credential_id, three.north)
        three.clock.advance(days=30)
        with pytest.raises(RefusedError, match="no consent in force"):
            service.send_reference(
                session,
                three.home,
                proof,
                credential_id,
                three.north.origin,
                three.clock(),
            )


def test_a_yes_to_another_purpose_sends_nothing(three: Cities) -> None:
    credential_id = three.issue().credential_id
    three.say_yes(credential_id, three.north, purpose="market-research")
    with three.home.database.transaction() as session:
        proof = three.consent(session, credential_id, three.north)
        with pytest.raises(RefusedError, match="agreed to the purpose market-research"):
            send(three, session, proof, credential_id)


def test_nothing_is_sent_where_no_agreement_is_in_force(three: Cities) -> None:
    credential_id = three.issue().credential_id
    three.say_yes(credential_id, three.north, days=700)
    three.clock.advance(days=366)
    with three.home.database.transaction() as session:
        proof = three.consent(session, credential_id, three.north)
        with pytest.raises(RefusedError, match="agreement"):
            send(three, session, proof, credential_id)


def test_nothing_is_sent_while_disclosure_is_suspended(three: Cities) -> None:
    credential_id = three.issue().credential_id
    three.say_yes(credential_id, three.north)
    suspend(three)
    with three.home.database.transaction() as session:
        proof = three.consent(session, credential_id, three.north)
        with pytest.raises(RefusedError, match="suspended"):
            send(three, session, proof, credential_id)
    assert waiting(three) == []


def test_a_reference_lives_no_longer_than_its_consent(three: Cities) -> None:
    credential_id = three.issue().credential_id
    three.say_yes(credential_id, three.north, days=10)
    with three.home.database.transaction() as session:
        proof = three.consent(session, credential_id, three.north)
        sent = send(three, session, proof, credential_id)
        expires = proof.expires_at
    assert sent.expires_at <= expires
    assert (expires - sent.expires_at).days == 0


def test_a_reference_lives_for_the_agreed_days(three: Cities) -> None:
    sent = three.send(three.north)
    assert (sent.expires_at.date() - three.clock().date()).days == 60


def test_sending_again_while_one_stands_changes_nothing(three: Cities) -> None:
    first = three.send(three.north)
    three.clock.advance(days=1)
    assert three.send(three.north, first.credential_id) == first
    assert len(waiting(three)) == 1


def test_after_expiry_a_new_reference_is_sent(three: Cities) -> None:
    first = three.send(three.north)
    three.clock.advance(days=61)
    second = three.send(three.north, first.credential_id)
    assert second.reference_id != first.reference_id
    with three.home.database.transaction() as session:
        states = [str(f.state) for f in service.references_of(session, LEARNER)]
    assert states == ["sent", "expired"]


def test_every_sending_has_its_row_in_the_usage_log(three: Cities) -> None:
    sent = three.send(three.north)
    with three.home.database.transaction() as session:
        row = session.scalars(sa.select(UsageRow)).one()
    assert (row.kind, row.recipient) == (UseKind.REFERENCE_SENT, three.north.origin)
    assert (row.learner_ref, row.reference_id) == (LEARNER, sent.reference_id)
    assert row.purpose == PURPOSE


def test_the_log_row_of_another_reference_sends_nothing(three: Cities) -> None:
    sent = three.send(three.north)
    with three.home.database.transaction() as session:
        use = Use(
            kind=UseKind.REFERENCE_SENT,
            purpose=PURPOSE,
            recipient=three.east.origin,
            grade=Grade.OWN,
            reference_id=sent.reference_id,
        )
        entry = record_use(session, use, three.clock())
        row = session.get_one(ReferenceSentRow, sent.reference_id)
        with pytest.raises(StateError):
            service._deliver(session, three.home, row, entry)


def test_the_partner_gets_only_what_cannot_link(three: Cities) -> None:
    sent = three.send(three.north)
    three.carry()
    with three.north.database.transaction() as session:
        row = session.get_one(
            ReferenceReceivedRow, (three.home.origin, sent.reference_id)
        )
        parsed = references.parse_reference((row.token or b"").decode())
    assert {fact.name for fact in parsed.disclosures} == references.PARTNER_FACTS
    assert parsed.facts.level == "EQF 4"
    assert row.claimed is False


def test_the_learner_presents_the_same_reference_with_every_fact(three: Cities) -> None:
    sent = three.send(three.north)
    three.carry()
    three.fetch_lists(three.north)
    found = three.verdict(three.north, three.token(sent.reference_id))
    assert found.state is ReferenceState.FRESH
    assert found.reference is not None
    assert found.reference.facts.credential_id == sent.credential_id


def test_the_slip_opens_both_commitments(three: Cities) -> None:
    sent = three.send(three.north)
    with three.home.database.transaction() as session:
        slip = service.slip(session, three.home, LEARNER, sent.reference_id)
    claims = references.parse_reference(three.token(sent.reference_id)).claims
    assert references.matches_claim(
        claims.claim_commitment, base64url_decode(slip.claim_secret)
    )
    key = references.stop_key(base64url_decode(slip.stop_seed), sent.reference_id)
    assert references.matches_stop(claims.stop_commitment, key)
    assert slip.claim_secret not in repr(slip)


def test_one_slip_stops_every_reference_of_a_learner(three: Cities) -> None:
    to_north = three.send(three.north)
    to_east = three.send(three.east, to_north.credential_id)
    with three.home.database.transaction() as session:
        slips = [
            service.slip(session, three.home, LEARNER, sent.reference_id)
            for sent in (to_north, to_east)
        ]
    assert slips[0].stop_seed == slips[1].stop_seed
    assert slips[0].claim_secret != slips[1].claim_secret


def test_the_secrets_of_the_slip_are_kept_sealed(three: Cities) -> None:
    sent = three.send(three.north)
    with three.home.database.transaction() as session:
        slip = service.slip(session, three.home, LEARNER, sent.reference_id)
    everything = stored(three.home)
    for secret in (slip.claim_secret, slip.stop_seed):
        assert base64url_decode(secret) not in everything
        assert secret.encode() not in everything


@pytest.mark.parametrize("learner", [OTHER_LEARNER, "Lnobody"])
def test_another_learners_slip_is_not_shown(three: Cities, learner: str) -> None:
    sent = three.send(three.north)
    with (
        three.home.database.transaction() as session,
        pytest.raises(NotFoundError),
    ):
        service.slip(session, three.home, learner, sent.reference_id)


def test_the_learners_page_sees_the_delivery(three: Cities) -> None:
    sent = three.send(three.north)
    assert sent.delivered_at is None
    three.clock.advance(seconds=20)
    three.carry()
    with three.home.database.transaction() as session:
        [found] = service.references_of(session, LEARNER)
        assert service.references_of(session, OTHER_LEARNER) == []
        [held] = service.credentials_of(session, LEARNER)
    assert found.delivered_at == three.clock()
    assert held.credential_id == sent.credential_id


def test_two_partners_find_nothing_equal_in_what_they_store(three: Cities) -> None:
    to_north = three.send(three.north)
    three.send(three.east, to_north.credential_id)
    three.carry()
    three.fetch_lists(three.north)
    three.fetch_lists(three.east)
    parts = [learner_parts(three, node) for node in (three.north, three.east)]
    shared = parts[0] & parts[1]
    # what describes the certificate, and days: said on the learner's page
    assert shared <= constants(three)
    assert parts[0] - shared
    for node in (three.north, three.east):
        everything = stored(node)
        for secret in (LEARNER, to_north.credential_id, CERTIFICATE):
            assert secret.encode() not in everything


def test_a_message_names_no_learner_and_no_certificate(three: Cities) -> None:
    sent = three.send(three.north)
    [row] = waiting(three)
    document = open_document(parse_message(row.payload).document).payload_bytes
    for secret in (LEARNER, sent.credential_id, CERTIFICATE):
        assert secret.encode() not in row.payload + document


def test_the_delivery_can_be_repeated(three: Cities) -> None:
    three.send(three.north)
    [carried] = three.carry()
    three.clock.advance(minutes=5)
    again = deliver(three.north, three.home, carried.kind, carried.document)
    assert again == carried.answer


def learner_parts(cities: Cities, node: Node) -> set[str]:
    """Every value that a partner's database holds about the learner, taken apart."""
    found: set[str] = set()
    with node.database.transaction() as session:
        for row in session.scalars(sa.select(ReferenceReceivedRow)):
            found |= {str(value) for value in vars(row).values()}
            token = (row.token or b"").decode()
            found |= set(token.replace("~", ".").split("."))
            parsed = references.parse_reference(token)
            found |= texts(parsed.claims.model_dump(mode="json"))
            found |= texts(parsed.facts.model_dump(mode="json", exclude_none=True))
            for disclosure in parsed.disclosures:
                found |= {disclosure.digest, disclosure.text}
    return found


def texts(value: object) -> set[str]:
    match value:
        case dict():
            return {text for member in value.values() for text in texts(member)}
        case list() | tuple():
            return {text for member in value for text in texts(member)}
        case _:
            return {str(value)}


def constants(cities: Cities) -> set[str]:
    """Values that are equal by nature: issuer, days, the protected header, the facts."""
    with cities.home.database.transaction() as session:
        first = service.references_of(session, LEARNER)[0].reference_id
    sample = references.parse_reference(cities.token(first))
    claims = sample.claims
    allowed = {
        claims.iss,
        claims.vct,
        str(claims.iat),
        str(claims.exp),
        claims.consent.purpose,
        claims.model_dump(mode="json")["consent"]["expires"],
        sample.token.protected,
        str(claims.expires_at),
        str(cities.clock()),  # when it was received: the same minute in this test
        "False",
        "None",
        "held",
        "",
    }
    return allowed | texts(sample.facts.model_dump(mode="json", exclude_none=True))


def stored(node: Node) -> bytes:
    """Everything that the node's database holds, as bytes."""
    parts: list[bytes] = []
    with node.database.transaction() as session:
        for name in sa.inspect(session.connection()).get_table_names():
            for row in session.execute(sa.text(f'SELECT * FROM "{name}"')):
                parts += [
                    bytes(value)
                    if isinstance(value, bytes | memoryview)
                    else str(value).encode()
                    for value in row
                ]
    return b"\n".join(parts)


def revoke(cities: Cities, certificate_id: str = CERTIFICATE) -> None:
    with cities.home.database.transaction() as session:
        session.get_one(CertificateRow, certificate_id).status = "revoked"


def suspend(cities: Cities) -> None:
    with cities.home.database.transaction() as session:
        agreement = session.scalars(
            sa.text("SELECT agreement_id FROM agreements")
        ).one()
        session.add(
            SuspensionRow(
                agreement_id=agreement,
                by=cities.home.origin,
                towards=cities.north.origin,
                since=cities.clock(),
                reason="a test",
            )
        )


def send(
    cities: Cities, session: Session, proof: ConsentInForce, credential_id: str
) -> queries.ReferenceView:
    return service.send_reference(
        session,
        cities.home,
        proof,
        credential_id,
        cities.north.origin,
        cities.clock(),
    )
