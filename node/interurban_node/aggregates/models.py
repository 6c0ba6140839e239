"""Tables of releases: own ones, who was counted in them, and partners' ones."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from interurban_node.core.database import Base


class ReleaseRow(Base):
    """One release of this node, written once and never changed."""

    __tablename__ = "releases"

    sequence: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[str] = mapped_column(sa.String(71), unique=True)
    plan: Mapped[str] = mapped_column(sa.String(71))
    agreement: Mapped[str] = mapped_column(sa.String(71))
    subject: Mapped[str] = mapped_column(sa.String(100))
    dataflow: Mapped[str] = mapped_column(sa.String(300))
    series: Mapped[str] = mapped_column(sa.String(300))  # the dataflow, any version
    period: Mapped[str] = mapped_column(sa.String(7))
    revision: Mapped[int] = mapped_column(default=0)
    structure: Mapped[str] = mapped_column(sa.String(71))
    recipients: Mapped[str] = mapped_column(sa.Text)  # JSON list of origins
    purposes: Mapped[str] = mapped_column(sa.Text)  # JSON list, the plan's
    built_at: Mapped[datetime]
    publication_at: Mapped[datetime]
    total_shown: Mapped[int | None]  # the published grand total, if it is not hidden
    gate: Mapped[str] = mapped_column(sa.Text, default="")  # JSON; "": nobody is in it
    manifest: Mapped[bytes] = mapped_column(deferred=True)
    data: Mapped[bytes] = mapped_column(deferred=True)

    # A period is issued once, whichever version of the structure or plan is used.
    __table_args__ = (sa.UniqueConstraint("series", "period", "revision"),)


class RefusedBuildRow(Base):
    """The gate's last refusal of a build, so that a job does not try the same again."""

    __tablename__ = "refused_builds"

    series: Mapped[str] = mapped_column(sa.String(300), primary_key=True)
    period: Mapped[str] = mapped_column(sa.String(7), primary_key=True)
    plan: Mapped[str] = mapped_column(sa.String(71))
    refused_at: Mapped[datetime]
    fact: Mapped[str] = mapped_column(sa.String(300))  # names no cell


class ReleaseMembersRow(Base):
    """A block of learner numbers, one bit for each learner who was counted in a release.

    Written at the build, never after it. Blocks are small, so that asking for one learner
    reads one short row of each release.
    """

    __tablename__ = "release_members"

    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(
        sa.ForeignKey("releases.sequence"), primary_key=True, index=True
    )
    bits: Mapped[bytes]


class PulledReleaseRow(Base):
    """One verified release of a partner."""

    __tablename__ = "pulled_releases"

    release_id: Mapped[str] = mapped_column(sa.String(71), primary_key=True)
    publisher: Mapped[str] = mapped_column(sa.String(260))
    plan: Mapped[str] = mapped_column(sa.String(71))
    dataflow: Mapped[str] = mapped_column(sa.String(300))
    series: Mapped[str] = mapped_column(sa.String(300))
    period: Mapped[str] = mapped_column(sa.String(7))
    revision: Mapped[int] = mapped_column(default=0)
    structure: Mapped[str] = mapped_column(sa.String(71))
    manifest: Mapped[bytes]
    data: Mapped[bytes]
    verified_at: Mapped[datetime]
    pulled_at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("publisher", "series", "period", "revision"),
        sa.Index("ix_pulled_releases_dataflow_period", "dataflow", "period"),
    )
