"""The table of access tokens."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from interurban_node.core.database import Base


class AccessTokenRow(Base):
    """One bearer token for a recipient's statistical software; only its hash is kept."""

    __tablename__ = "access_tokens"

    token_id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    token_hash: Mapped[str] = mapped_column(sa.String(43), unique=True)
    recipient: Mapped[str] = mapped_column(sa.String(260), index=True)
    agreement_id: Mapped[str] = mapped_column(sa.String(71))
    label: Mapped[str] = mapped_column(sa.String(200))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
