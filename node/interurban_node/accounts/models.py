"""Tables of identities, sign-in codes, sessions, bearer tokens and failed attempts.

No secret and no name is kept as it is: identities are sealed, everything that signs somebody
in is a keyed hash, and so is the address that a failed attempt came from.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from interurban_node.core.database import Base

_HASH = sa.String(43)  # 256 bits as base64url


class IdentityRow(Base):
    """Who a learner is, encrypted."""

    __tablename__ = "identities"

    learner_ref: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    sealed: Mapped[bytes]
    updated_at: Mapped[datetime]


class SignInCodeRow(Base):
    """The one unused code of a learner."""

    __tablename__ = "sign_in_codes"

    learner_ref: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    code_hash: Mapped[str] = mapped_column(_HASH, unique=True)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class TokenRow(Base):
    """A bearer token of a person on the staff, or of a program."""

    __tablename__ = "tokens"

    token_id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    token_hash: Mapped[str] = mapped_column(_HASH, unique=True)
    role: Mapped[str] = mapped_column(sa.String(40))
    label: Mapped[str] = mapped_column(sa.String(200))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class WebSessionRow(Base):
    """A signed-in browser: a learner's, or that of the staff member with a token."""

    __tablename__ = "web_sessions"

    token_hash: Mapped[str] = mapped_column(_HASH, primary_key=True)
    session_id: Mapped[str] = mapped_column(sa.String(36), unique=True)
    learner_ref: Mapped[str | None] = mapped_column(sa.String(60), index=True)
    token_id: Mapped[str | None] = mapped_column(
        sa.ForeignKey("tokens.token_id", ondelete="CASCADE"), index=True
    )
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)


class AttemptRow(Base):
    """How often signing in failed in one window: from one source, or from all (`*`)."""

    __tablename__ = "sign_in_attempts"

    kind: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    source_hash: Mapped[str] = mapped_column(_HASH, primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int]
