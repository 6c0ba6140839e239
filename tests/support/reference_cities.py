"""Cities that have met and agreed, a learner with a certificate, and a postman.

The nodes are real, with their own keys and databases; messages are handed over by calling
the receiving service, so that a test can look at them, hold them back or change them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.agreements.models import AgreementRow
from interurban_node.consent import service as consent
from interurban_node.consent.service import ConsentInForce
from interurban_node.core import outbox
from interurban_node.core.context import Node, open_node
from interurban_node.core.database import Base, Database
from interurban_node.core.outbox import OutboxRow
from interurban_node.credentials import queries, service
from interurban_node.credentials.models import ReferenceSentRow
from interurban_node.operation import service as operation
from interurban_node.partners import service as partners
from interurban_node.partners.models import PartnerKeyRow, PartnerRow
from interurban_node.registry.models import CertificateRow, ProgrammeRow, SourceRow
from interurban_node.settings import Settings
from interurban_protocol.agreements import (
    AgreedPlan,
    Agreement,
    Party,
    ReferenceTerms,
)
from interurban_protocol.consent_records import (
    Actor,
    ActorKind,
    Channel,
    ConsentState,
    Scope,
)
from interurban_protocol.encoding import sha256_digest
from interurban_protocol.messages import parse_message
from interurban_protocol.references import ReferenceVerdict
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.signed_documents import (
    Signer,
    open_document,
    start_document,
)

PURPOSE = "certificate-recognition"
LEARNER = "Laaaaaaaaaaaaaaaaaaaaaaaaaa"
OTHER_LEARNER = "Lbbbbbbbbbbbbbbbbbbbbbbbbbb"
CERTIFICATE = "3d5f0d5e-0000-5000-8000-000000000001"
OTHER_CERTIFICATE = "3d5f0d5e-0000-5000-8000-000000000002"
TITLE = "Fibre optic splicing"
AWARDED = date(2025, 11, 14)
NAMES = ("lakeside", "northport", "eastvale")
_DIGEST = sha256_digest(b"mapping")


@dataclass
class Carried:
    """A message that the postman took, and the answer to it."""

    partner: str
    message_id: str
    kind: str
    document: bytes
    answer: bytes


class Cities:
    """Lakeside, whose learner it is, and two partners; every pair pinned and agreed."""

    def __init__(self, folder: Path, database_url: str, clock: "Clock") -> None:
        self.clock = clock
        self.nodes = {
            name: _city(folder / name, name, database_url * (name == NAMES[0]), clock)
            for name in NAMES
        }
        self.home, self.north, self.east = self.nodes.values()
        for node in self.nodes.values():
            _pin_all(node, list(self.nodes.values()), clock())
        self.agree()
        with self.home.database.transaction() as session:
            add_certificates(session, clock())

    def close(self) -> None:
        """Give back connections."""
        for node in self.nodes.values():
            node.close()

    def by_origin(self, origin: str) -> Node:
        """The node at an address."""
        return next(node for node in self.nodes.values() if node.origin == origin)

    def agree(self) -> str:
        """Put one more agreement of all three into force; its id."""
        return agree(list(self.nodes.values()), self.clock())

    def issue(self, certificate_id: str = CERTIFICATE) -> queries.IssuedCredential:
        """The certificate, issued."""
        with self.home.database.transaction() as session:
            return service.issue(session, self.home, certificate_id, self.clock())

    def say_yes(
        self,
        credential_id: str,
        to: Node,
        learner: str = LEARNER,
        days: int = 365,
        purpose: str = PURPOSE,
    ) -> str:
        """The learner agrees on their page; the question's id."""
        return self.say(ConsentState.GIVEN, credential_id, to, learner, days, purpose)

    def say(
        self,
        state: ConsentState,
        credential_id: str,
        to: Node,
        learner: str = LEARNER,
        days: int = 365,
        purpose: str = PURPOSE,
    ) -> str:
        """The learner answers the question about references to one city."""
        now = self.clock()
        with self.home.database.transaction() as session:
            question_id = consent.publish_standard_question(
                session,
                self.home,
                Scope.REFERENCE,
                [to.origin],
                now,
                purpose=purpose,
                valid_for_days=days,
            )
            consent.answer(
                session,
                self.home,
                learner,
                question_id,
                state,
                "en",
                Actor(kind=ActorKind.SELF),
                Channel.WEB,
                now,
                credential_id=credential_id,
            )
        return question_id

    def consent(
        self, session: Session, credential_id: str, to: Node, learner: str = LEARNER
    ) -> ConsentInForce:
        """The proof of a yes."""
        return consent.reference_consent(
            session, learner, credential_id, to.origin, self.clock()
        )

    def send(self, to: Node, credential_id: str = "") -> queries.ReferenceView:
        """Issue, agree and send."""
        credential_id = credential_id or self.issue().credential_id
        self.say_yes(credential_id, to)
        self.forget_wishes()
        with self.home.database.transaction() as session:
            proof = self.consent(session, credential_id, to)
            return service.send_reference(
                session, self.home, proof, credential_id, to.origin, self.clock()
            )

    def end(
        self, credential_id: str | None = None, recipient: str | None = None
    ) -> tuple[str, ...]:
        """End the learner's references."""
        with self.home.database.transaction() as session:
            return service.end_references(
                session, self.home, LEARNER, credential_id, recipient, self.clock()
            )

    def forget_wishes(self) -> None:
        """Drop what consent asked for, where the test sends by itself."""
        with self.home.database.transaction() as session:
            session.execute(
                sa.delete(OutboxRow).where(OutboxRow.topic == "reference-wanted")
            )

    def carry(
        self, change: Callable[[bytes], bytes] = lambda answer: answer
    ) -> list[Carried]:
        """Deliver what waits at Lakeside and bring back the answers, `change`d on the way."""
        with self.home.database.transaction() as session:
            intents = outbox.due(session, ("send-message",), self.clock())
        return [self._carry(intent, change) for intent in intents]

    def _carry(
        self, intent: outbox.Intent, change: Callable[[bytes], bytes]
    ) -> Carried:
        message = parse_message(intent.payload)
        kind, partner = message.kind.kind, intent.partner or ""
        answer = change(
            deliver(self.by_origin(partner), self.home, kind, message.document)
        )
        with self.home.database.transaction() as session:
            outbox.settle(session, intent.id, self.clock())
            service.delivered(
                session,
                self.home,
                partner,
                intent.reference,
                kind,
                answer,
                self.clock(),
            )
        return Carried(partner, intent.reference, kind, message.document, answer)

    def fetch_lists(self, at: Node) -> int:
        """What the partner's job does: fetch the lists that it wants; how many."""
        with at.database.transaction() as session:
            wanted = service.status_uris_wanted(session, self.clock())
        for issuer, uri in wanted:
            source = self.by_origin(issuer)
            with source.database.transaction() as session:
                token = service.status_list_token(
                    session, source, at.origin, uri.rpartition("/")[2], self.clock()
                )
            with at.database.transaction() as session:
                service.store_status_list(session, at, issuer, uri, token, self.clock())
        return len(wanted)

    def token(self, reference_id: str) -> str:
        """The SD-JWT with every disclosure, as Lakeside keeps it for its learner."""
        with self.home.database.transaction() as session:
            row = session.get_one(ReferenceSentRow, reference_id)
            return row.token.decode()

    def verdict(self, at: Node, token: str) -> ReferenceVerdict:
        """What a reference is worth at a node now."""
        with at.database.transaction() as session:
            return service.verdict(session, at, token, self.clock())


@dataclass
class Clock:
    """A clock that tests set."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> datetime:
        """Go on by `days=…, minutes=…`."""
        self.now += timedelta(**parts)
        return self.now


def deliver(to: Node, sender: Node, kind: str, document: bytes) -> bytes:
    """Hand a document to a node as one of its partners; the answer."""
    receive = {
        "credential-reference": service.receive_reference,
        "reference-ended": service.receive_ended,
    }[kind]
    with to.database.transaction() as session:
        partner = partners.pinned(session, sender.origin)
        return receive(session, to, partner, document, to.clock())


def agree(nodes: Sequence[Node], now: datetime) -> str:
    """Put an agreement of these nodes into force at all of them; its id."""
    document = start_document(
        an_agreement(nodes, now), *(node.keys.documents for node in nodes)
    )
    agreement_id = open_document(document).document_id
    for node in nodes:
        with node.database.transaction() as session:
            session.add(
                AgreementRow(
                    agreement_id=agreement_id,
                    document=document,
                    received_at=now,
                    signed_by_us_at=now,
                    complete_at=now,
                )
            )
    return agreement_id


def an_agreement(
    nodes: Sequence[Node], now: datetime, maximum_days: int = 60, valid_days: int = 365
) -> Agreement:
    """An agreement of these nodes about references."""
    own = [partners.own_descriptor(node) for node in nodes]
    return Agreement(
        signers=tuple(
            Signer(node=node.origin, key_id=node.keys.documents.public.key_id)
            for node in nodes
        ),
        title={"en": "Certificates across the border"},
        parties=tuple(
            Party(
                node=found.payload.node,
                name=found.payload.name,
                identity_key_id=found.identity.key_id,
            )
            for found in own
        ),
        minimum_parties=2,
        proposed_by=nodes[0].origin,
        proposed_at=now,
        answer_by=now + timedelta(days=1),
        plans=(AgreedPlan(plan=sha256_digest(b"plan"), subject="t", structures=()),),
        purposes=(PURPOSE,),
        disclosure_floor=ProtectionProfile(),
        references=ReferenceTerms(
            purpose=PURPOSE, maximum_days=maximum_days, answer_days=3
        ),
        valid_from=now,
        valid_until=now + timedelta(days=valid_days),
        at_end={"en": "Everything is erased."},
    )


def add_certificates(session: Session, now: datetime) -> None:
    """One valid certificate each for two learners."""
    session.add(
        SourceRow(id=1, name="s", system="t", mapping_version=_DIGEST, added_at=now)
    )
    session.flush()
    common = {
        "source_hash": "h",
        "mapping_version": _DIGEST,
        "run_id": 1,
        "updated_at": now,
        "source_id": 1,
    }
    session.add(
        ProgrammeRow(
            record_id="p-1",
            source_pk="p-1",
            code="FIB-2",
            title=TITLE,
            title_language="en",
            level=4,
            hours=120,
            **common,
        )
    )
    session.flush()
    for certificate_id, learner in (
        (CERTIFICATE, LEARNER),
        (OTHER_CERTIFICATE, OTHER_LEARNER),
    ):
        session.add(
            CertificateRow(
                record_id=certificate_id,
                source_pk=certificate_id,
                learner_ref=learner,
                programme_id="p-1",
                programme_code="FIB-2",
                awarded_on=AWARDED,
                level=None,
                result="PASS",
                status="valid",
                **common,
            )
        )


def _city(folder: Path, name: str, database_url: str, clock: Clock) -> Node:
    settings = Settings(
        origin=f"https://{name}.example",
        name={"en": name.capitalize()},
        database_url=database_url,
    )
    operation.make_home(folder, settings, clock(), upgrade=_make_schema)
    return replace(open_node(folder), clock=clock)


def _make_schema(database: Database) -> None:
    with database.engine.begin() as connection:
        Base.metadata.create_all(connection)


def _pin_all(node: Node, others: Sequence[Node], now: datetime) -> None:
    with node.database.transaction() as session:
        for other in others:
            if other is not node:
                _pin(session, other, now)


def _pin(session: Session, other: Node, now: datetime) -> None:
    descriptor = partners.own_descriptor(other)
    session.add(
        PartnerRow(
            origin=other.origin,
            descriptor=descriptor.document,
            identity_key_id=descriptor.identity.key_id,
            met_at=now,
            confirmed_by_us_at=now,
            confirmed_by_them_at=now,
        )
    )
    session.flush()
    for entry in descriptor.key_set.keys:
        session.add(PartnerKeyRow(key_id=entry.key.key_id, origin=other.origin))
