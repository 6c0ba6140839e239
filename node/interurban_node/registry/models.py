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


class OfferRow(RecordColumns, Base):
    """Places offered in one run of a programme; `mode` is the run's own, or null."""

    __tablename__ = "offers"

    programme_id: Mapped[str] = mapped_column(sa.ForeignKey("programmes.record_id"))
    programme_code: Mapped[str] = mapped_column(_ORDERED)
    presentation: Mapped[str | None] = mapped_column(_CODE)
    starts: Mapped[date] = mapped_column(index=True)
    places: Mapped[int]
    mode: Mapped[str | None] = mapped_column(sa.String(20))

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
    end_reason: Mapped[str | None] = mapped_column(sa.String(20))
    wage_band: Mapped[str | None] = mapped_column(_CODE)

    __table_args__ = (sa.UniqueConstraint("source_id", "source_pk"),)


class GrievanceRow(RecordColumns, Base):
    """A grievance and its clock, never its text; no learner where nobody gave a name."""

    __tablename__ = "grievances"

    learner_ref: Mapped[str | None] = mapped_column(_REF, index=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    received_on: Mapped[date] = mapped_column(index=True)
    due_on: Mapped[date | None]
    decided_on: Mapped[date | None]
    outcome: Mapped[str | None] = mapped_column(_CODE)

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


class CountedProfileRow(Base):
    """One combination of the values that tables are split by; many learners share it.

    Counting groups by its number instead of by a dozen texts. `digest` is over the values,
    so that a combination is written once. Names are those of fields, `__` for their dot.
    """

    __tablename__ = "counted_profiles"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(_DIGEST, unique=True)
    programme__code: Mapped[str | None] = mapped_column(_CODE)
    programme__field: Mapped[str | None] = mapped_column(sa.String(4))
    programme__level: Mapped[str | None] = mapped_column(sa.String(4))
    programme__mode: Mapped[str | None] = mapped_column(sa.String(20))
    learner__age_band: Mapped[str | None] = mapped_column(_CODE)
    learner__sex: Mapped[str | None] = mapped_column(sa.String(10))
    learner__displaced: Mapped[str | None] = mapped_column(sa.String(10))
    learner__disability: Mapped[str | None] = mapped_column(sa.String(10))
    enrolment__outcome: Mapped[str | None] = mapped_column(sa.String(20))
    enrolment__exit_reason: Mapped[str | None] = mapped_column(_CODE)
    certificate__level: Mapped[str | None] = mapped_column(sa.String(4))
    placement__kind: Mapped[str | None] = mapped_column(sa.String(20))
    grievance__kind: Mapped[str | None] = mapped_column(_CODE)
    grievance__timeliness: Mapped[str | None] = mapped_column(sa.String(10))


class CountedEventRow(Base):
    """The one event by which a learner counts in a period; kept up to date by every sync.

    When a release of the event and period is issued, the rows are never changed again.
    `record_id` is the record that the event stands in. Everything that a base-cell pass
    reads is in one index, in the order of the grouping.
    """

    __tablename__ = "counted_events"

    # In this order: what counting reads is read without stepping over long texts.
    learner_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    profile_id: Mapped[int]
    record_key: Mapped[int] = mapped_column(sa.BigInteger)
    happened_on: Mapped[date]
    period: Mapped[str] = mapped_column(sa.String(7), primary_key=True)
    event: Mapped[str] = mapped_column(sa.String(30), primary_key=True)
    record_id: Mapped[str] = mapped_column(sa.String(36))

    __table_args__ = (
        sa.Index(
            "ix_counted_events_base_cells",
            *("event", "period", "profile_id"),
            *("record_key", "learner_number", "happened_on"),
        ),
        {"sqlite_with_rowid": False},
    )


class ClosedPeriodRow(Base):
    """An event and period of which a release was issued: what is late counts later."""

    __tablename__ = "closed_periods"

    event: Mapped[str] = mapped_column(sa.String(30), primary_key=True)
    period: Mapped[str] = mapped_column(sa.String(7), primary_key=True)
    closed_at: Mapped[datetime]
