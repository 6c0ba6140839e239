"""Tables of certificates, references sent and received, notices and status lists."""

from contextlib import suppress
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from interurban_node.core.database import Base, savepoint

STANDING = sa.text("state = 'sent'")


class CredentialRow(Base):
    """A certificate that was issued from a registry record; once per record."""

    __tablename__ = "credentials"

    credential_id: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    certificate_id: Mapped[str] = mapped_column(sa.String(100), unique=True)
    learner_ref: Mapped[str] = mapped_column(sa.String(60), index=True)
    document: Mapped[bytes]
    digest: Mapped[str] = mapped_column(sa.String(71))
    issued_at: Mapped[datetime]


class ReferenceSentRow(Base):
    """A reference of ours to one partner; its id is the token's `jti`.

    Also the message id of its delivery, so that the receipt can name the message without
    knowing more than the document.
    """

    __tablename__ = "references_sent"

    reference_id: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    credential_id: Mapped[str] = mapped_column(
        sa.ForeignKey("credentials.credential_id"), index=True
    )
    learner_ref: Mapped[str] = mapped_column(sa.String(60), index=True)
    partner: Mapped[str] = mapped_column(sa.String(260))
    subject: Mapped[str] = mapped_column(sa.String(128))
    status_list_id: Mapped[str] = mapped_column(sa.String(60))
    status_index: Mapped[int]
    token: Mapped[bytes]  # with every disclosure; the partner gets fewer
    claim_secret: Mapped[bytes]  # sealed
    purpose: Mapped[str] = mapped_column(sa.String(120))
    agreement: Mapped[str] = mapped_column(sa.String(71))
    consent_event: Mapped[str] = mapped_column(sa.String(71))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(sa.String(10))  # rules.SentState
    ended_at: Mapped[datetime | None]
    message_id: Mapped[str] = mapped_column(sa.String(64))
    document_digest: Mapped[str] = mapped_column(sa.String(71))
    delivered_at: Mapped[datetime | None]
    receipt: Mapped[bytes | None]
    notice_message_id: Mapped[str | None] = mapped_column(sa.String(64), index=True)
    acknowledged_at: Mapped[datetime | None]
    acknowledgement: Mapped[bytes | None]
    answer: Mapped[str | None] = mapped_column(sa.String(10))
    answer_reason: Mapped[str | None] = mapped_column(sa.String(400))

    __table_args__ = (
        sa.Index(
            "uq_references_sent_standing",
            "learner_ref",
            "credential_id",
            "partner",
            unique=True,
            sqlite_where=STANDING,
            postgresql_where=STANDING,
        ),
    )


class StopSlipRow(Base):
    """The seed on a learner's slip, sealed; each reference's stop key derives from it."""

    __tablename__ = "stop_slips"

    learner_ref: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    seed: Mapped[bytes]
    made_at: Mapped[datetime]


class NoticeSentRow(Base):
    """A batch of ended references on its way to a partner, and the signed answer."""

    __tablename__ = "notices_sent"

    message_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    partner: Mapped[str] = mapped_column(sa.String(260))
    document: Mapped[bytes]
    sent_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]


class StatusListRow(Base):
    """One private list for one partner. A closed list gets no new references."""

    __tablename__ = "status_lists"

    list_id: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    partner: Mapped[str] = mapped_column(sa.String(260), index=True)
    octets: Mapped[bytes]
    version: Mapped[int]
    token: Mapped[bytes]
    signed_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    closed_at: Mapped[datetime | None]


class StatusIndexRow(Base):
    """An entry of a list that stands for a reference; never given twice."""

    __tablename__ = "status_indexes"

    list_id: Mapped[str] = mapped_column(
        sa.ForeignKey("status_lists.list_id"), primary_key=True
    )
    status_index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class ReferenceReceivedRow(Base):
    """A reference that a partner sent us. Once ended or expired only its digest stays."""

    __tablename__ = "references_received"

    issuer: Mapped[str] = mapped_column(sa.String(260), primary_key=True)
    reference_id: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    token: Mapped[bytes | None]
    token_digest: Mapped[str] = mapped_column(sa.String(71))
    document_digest: Mapped[str] = mapped_column(sa.String(71))
    claimed: Mapped[bool]  # whether its learner has presented the claim secret
    status_uri: Mapped[str] = mapped_column(sa.String(400), index=True)
    status_index: Mapped[int]
    received_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(sa.String(10))  # rules.ReceivedState
    ended_at: Mapped[datetime | None]


class StatusCacheRow(Base):
    """The newest list of a partner that we hold."""

    __tablename__ = "status_cache"

    uri: Mapped[str] = mapped_column(sa.String(400), primary_key=True)
    issuer: Mapped[str] = mapped_column(sa.String(260))
    token: Mapped[bytes]
    fetched_at: Mapped[datetime]


def insert_once(session: Session, row: Base) -> None:
    """Add a row, unless another transaction has just added the one of the same key."""
    with suppress(IntegrityError), savepoint(session):
        session.add(row)
