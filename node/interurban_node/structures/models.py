"""Tables of structures: those that were adopted, and those that came with a proposal."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from interurban_node.core.database import Base


class StructureRow(Base):
    """An adopted structure, kept as the exact bytes that its digest is of."""

    __tablename__ = "structures"

    digest: Mapped[str] = mapped_column(sa.String(71), primary_key=True)
    urn: Mapped[str] = mapped_column(sa.String(300), unique=True)
    bundle: Mapped[bytes]
    adopted_at: Mapped[datetime]


class ProposedStructureRow(Base):
    """A structure that somebody has proposed; its URN means nothing here yet."""

    __tablename__ = "proposed_structures"

    digest: Mapped[str] = mapped_column(sa.String(71), primary_key=True)
    bundle: Mapped[bytes]
    received_at: Mapped[datetime]
