"""The table of adopted structures."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from interurban_node.core.database import Base


class StructureRow(Base):
    """One structure, kept as the exact bytes that its digest is of."""

    __tablename__ = "structures"

    digest: Mapped[str] = mapped_column(sa.String(71), primary_key=True)
    urn: Mapped[str] = mapped_column(sa.String(300), unique=True)
    bundle: Mapped[bytes]
    adopted_at: Mapped[datetime]
