"""Tables of messages that arrived and of how far each partner's releases were read."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from interurban_node.core.database import Base


class InboxRow(Base):
    """A message that was accepted, with the answer that it got."""

    __tablename__ = "inbox"

    partner: Mapped[str] = mapped_column(sa.String(260), primary_key=True)
    message_id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    identity: Mapped[str] = mapped_column(
        sa.String(71)
    )  # of method, target and content
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(sa.String(40))
    status: Mapped[int]
    content_type: Mapped[str] = mapped_column(sa.String(80))
    body: Mapped[bytes]


class PullRow(Base):
    """How far one partner's list of releases was read."""

    __tablename__ = "pulls"

    partner: Mapped[str] = mapped_column(sa.String(260), primary_key=True)
    after: Mapped[int]
    at: Mapped[datetime]
