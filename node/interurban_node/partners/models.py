"""Tables of partners, their keys, our invitations and the nonces that were seen."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from interurban_node.core.database import Base


class PartnerRow(Base):
    """One other node, pinned or on the way there."""

    __tablename__ = "partners"

    origin: Mapped[str] = mapped_column(sa.String(260), primary_key=True)
    descriptor: Mapped[bytes]
    identity_key_id: Mapped[str] = mapped_column(sa.String(60))
    met_at: Mapped[datetime]
    confirmed_by_us_at: Mapped[datetime | None]
    confirmed_by_them_at: Mapped[datetime | None]
    last_heard_at: Mapped[datetime | None]
    skew_seconds: Mapped[float | None]


class PartnerKeyRow(Base):
    """Which partner announced a key; a key belongs to one node only."""

    __tablename__ = "partner_keys"

    key_id: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    origin: Mapped[str] = mapped_column(
        sa.ForeignKey("partners.origin", ondelete="CASCADE"), index=True
    )


class InvitationRow(Base):
    """An invitation of ours; the token itself is not kept."""

    __tablename__ = "invitations"

    token_hash: Mapped[str] = mapped_column(sa.String(71), primary_key=True)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_by: Mapped[str | None] = mapped_column(sa.String(260))


class NonceRow(Base):
    """A nonce that was accepted; kept until its request could no longer be accepted."""

    __tablename__ = "nonces"

    origin: Mapped[str] = mapped_column(sa.String(260), primary_key=True)
    nonce: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)
