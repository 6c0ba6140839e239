"""Tables of records, of the sources that they come from, and of the rows that were refused.

No column holds a name, an address, a number of a person or a source's own key: `learner_ref`
and `source_pk` are keyed hashes, `source_hash` is a keyed hash of all that the record says,
and a refused row is sealed. Who somebody is stands in `accounts` alone.
"""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from interurban_node.core.database import Base

_REF = sa.String(60)
_DIGEST = sa.String(71)
_CODE = sa.String(64)
_TEXT = sa.String(200)
_ORDERED = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
"""Sorted by code point on both engines, so that "first by code" means the same."""


class SourceRow(Base):
    """A system that records come from."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(_TEXT, unique=True)
    system: Mapped[str] = mapped_column(_TEXT)
    mapping_version: Mapped[str] = mapped_column(_DIGEST)
    added_at: Mapped[datetime]


class SourceTableRow(Base):
    """The columns that a source's table had when it was last read."""

    __tablename__ = "source_tables"

    source_id: Mapped[int] = mapped_column(
        sa.ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(_DIGEST)
    columns: Mapped[str] = mapped_column(sa.Text)  # a JSON array of names
    seen_at: Mapped[datetime]


class SyncRunRow(Base):
    """One sync: how far it came, and what it did."""

    __tablename__ = "sync_runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(
        sa.ForeignKey("sources.id", ondelete="CASCADE"), index=True
    )
    mapping_version: Mapped[str] = mapped_column(_DIGEST)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    kind: Mapped[str | None] = mapped_column(sa.String(20))  # where to read on
    cursor: Mapped[bytes | None]  # sealed: it may hold a source's key
    counts: Mapped[str] = mapped_column(sa.Text)  # a JSON object of counts by kind


class RecordColumns:
    """What every record has."""

    record_id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    source_pk: Mapped[str] = mapped_column(_ORDERED)
    source_hash: Mapped[str] = mapped_column(sa.String(43))
    mapping_version: Mapped[str] = mapped_column(_DIGEST)
    run_id: Mapped[int]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    delete_reason: Mapped[str | None] = mapped_column(sa.String(20))

    @declared_attr
    @classmethod
    def source_id(cls) -> Mapped[int]:
        """The source that delivered it."""
        return mapped_column(sa.ForeignKey("sources.id"))


class LearnerRow(RecordColumns, Base):
    """A person who learns, without who it is."""

    __tablename__ = "learners"

    learner_ref: Mapped[str] = mapped_column(_REF, index=True)
    sex: Mapped[str] = mapped_column(sa.String(10))
    birth_year: Mapped[int | None]
    age_band: Mapped[str | None] = mapped_column(_CODE)
    displaced: Mapped[str] = mapped_column(sa.String(10))
    disability: Mapped[str] = mapped_column(sa.String(10))
    prior_attainment: Mapped[int | None]
    residence: Mapped[str | None] = mapped_column(_CODE)

    __table_args__ = (sa.UniqueConstraint("source_id", "source_pk"),)


class ProgrammeRow(RecordColumns, Base):
    """A programme."""

    __tablename__ = "programmes"

    code: Mapped[str] = mapped_column(_ORDERED, index=True)
    title: Mapped[str] = mapped_column(_TEXT)
    title_language: Mapped[str] = mapped_column(sa.String(10))
    field: Mapped[str | None] = mapped_column(sa.String(4))
    level: Mapped[int | None]
    hours: Mapped[int | None]
    mode: Mapped[str | None] = mapped_column(sa.String(20))
    provider: Mapped[str | None] = mapped_column(_TEXT)

    __table_args__ = (sa.UniqueConstraint("source_id", "source_pk"),)


class EnrolmentRow(RecordColumns, Base):
    """A learner in a programme, with what counting needs worked out beforehand.

    `learner_id` is the one record of the learner whose facts are counted, where several
    sources know the same person.
    """

    __tablename__ = "enrolments"

    learner_ref: Mapped[str] = mapped_column(_REF, index=True)
    learner_id: Mapped[str] = mapped_column(sa.ForeignKey("learners.record_id"))
    programme_id: Mapped[str] = mapped_column(sa.ForeignKey("programmes.record_id"))
    programme_code: Mapped[str] = mapped_column(_ORDERED)
    presentation: Mapped[str | None] = mapped_column(_CODE)
    registered_on: Mapped[date | None]
    started_on: Mapped[date | None]
    ended_on: Mapped[date | None]
    status: Mapped[str] = mapped_column(sa.String(20))
    exit_reason: Mapped[str | None] = mapped_column(_CODE)
    start_period: Mapped[str | None] = mapped_column(sa.String(7), index=True)
    record_key: Mapped[int | None] = mapped_column(sa.BigInteger)
    outcome: Mapped[str] = mapped_column(sa.String(20))
    age_band: Mapped[str] = mapped_column(_CODE)

    __table_args__ = (sa.UniqueConstraint("source_id", "source_pk"),)


class CertificateRow(RecordColumns, Base):
    """An award for a programme."""

    __tablename__ = "certificates"

    learner_ref: Mapped[str] = mapped_column(_REF, index=True)
    programme_id: Mapped[str] = mapped_column(sa.ForeignKey("programmes.record_id"))
    programme_code: Mapped[str] = mapped_column(_ORDERED)
    awarded_on: Mapped[date]
    level: Mapped[int | None]
    result: Mapped[str | None] = mapped_column(_CODE)
    status: Mapped[str] = mapped_column(sa.String(20))

    __table_args__ = (sa.UniqueConstraint("source_id", "source_pk"),)


class PlacementRow(RecordColumns, Base):
    """A job, apprenticeship or internship; the employer is a keyed hash."""

    __tablename__ = "placements"

    learner_ref: Mapped[str] = mapped_column(_REF, index=True)
    employer_ref: Mapped[str | None] = mapped_column(_REF)
    kind: Mapped[str] = mapped_column(sa.String(20))
    starts: Mapped[date]
    ends: Mapped[date | None]
    wage_band: Mapped[str | None] = mapped_column(_CODE)

    __table_args__ = (sa.UniqueConstraint("source_id", "source_pk"),)


class QuarantineRow(Base):
    """A row of a source that became no record; `sealed` is the row itself and its key."""

    __tablename__ = "quarantine"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(
        sa.ForeignKey("sources.id", ondelete="CASCADE")
    )
    kind: Mapped[str] = mapped_column(sa.String(20))
    row_number: Mapped[int]
    field: Mapped[str] = mapped_column(_TEXT)
    reason: Mapped[str] = mapped_column(_TEXT)
    reasons: Mapped[str] = mapped_column(sa.Text)  # a JSON array of [field, reason]
    row_hash: Mapped[str] = mapped_column(sa.String(43))
    sealed: Mapped[bytes]
    run_id: Mapped[int]  # the last run that met it
    first_seen_at: Mapped[datetime]
    seen_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        sa.UniqueConstraint("source_id", "kind", "row_number", "row_hash"),
    )
