"""Reads worth naming: what aggregates count, and what a sync compares with.

Everything works on SQLite and on PostgreSQL alike.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from interurban_adapters.records import RecordKind
from interurban_node.core.learner_numbers import LearnerNumberRow
from interurban_node.registry.counting import FIELDS, column_of
from interurban_node.registry.events import flow
from interurban_node.registry.models import (
    CertificateRow,
    CountedProfileRow,
    EnrolmentRow,
    GrievanceRow,
    LearnerRow,
    OfferRow,
    PlacementRow,
    ProgrammeRow,
    QuarantineRow,
)

Record: TypeAlias = (
    LearnerRow
    | ProgrammeRow
    | OfferRow
    | EnrolmentRow
    | CertificateRow
    | PlacementRow
    | GrievanceRow
)
MODELS: Mapping[RecordKind, type[Record]] = {
    RecordKind.PROGRAMME: ProgrammeRow,
    RecordKind.LEARNER: LearnerRow,
    RecordKind.OFFER: OfferRow,
    RecordKind.ENROLMENT: EnrolmentRow,
    RecordKind.CERTIFICATE: CertificateRow,
    RecordKind.PLACEMENT: PlacementRow,
    RecordKind.GRIEVANCE: GrievanceRow,
}
"""Consents are read from the same mapping, but they belong to another feature."""

_T = TypeVar("_T")

_PARAMETERS_AT_ONCE = 5_000
_KEPT_ON_CONFLICT = frozenset({"record_id", "source_id", "source_pk"})
_QUARANTINE_KEY = ("source_id", "kind", "row_number", "row_hash")


def counted_events(event: str, period: str, cut_off: datetime) -> sa.Subquery:
    """The events of a period that count, one row for each learner.

    Columns: `learner_ref`, `record_key`, and each canonical field with `__` for its dot. A
    learner with several events is counted with the first by date, then programme code, then
    source key. An event after the day of `cut_off` (UTC) does not count.

    Raises:
        NotFoundError: the registry knows no such event.
    """
    counted = flow(event, period, cut_off)
    names = [column_of(field) for field in FIELDS]
    return (
        sa.select(
            LearnerNumberRow.learner_ref,
            counted.c.record_key,
            *(getattr(CountedProfileRow, name) for name in names),
        )
        .join(counted, counted.c.learner_number == LearnerNumberRow.number)
        .join(CountedProfileRow, CountedProfileRow.id == counted.c.profile_id)
        .subquery("counted_events")
    )


# --- what a sync compares with


@dataclass(frozen=True, slots=True)
class KnownLearner:
    """The record of a learner whose facts are counted."""

    record_id: str
    birth_year: int | None
    age_band: str | None


def known_learners(
    session: Session, learner_refs: Iterable[str], source_id: int
) -> dict[str, KnownLearner]:
    """The learners among these who are in the registry, this source's own record first."""
    found: dict[str, KnownLearner] = {}
    for refs in _batches(sorted(set(learner_refs)), _PARAMETERS_AT_ONCE):
        rows = session.execute(
            sa.select(
                LearnerRow.learner_ref,
                LearnerRow.record_id,
                LearnerRow.birth_year,
                LearnerRow.age_band,
            )
            .where(LearnerRow.learner_ref.in_(refs), LearnerRow.deleted_at.is_(None))
            .order_by(LearnerRow.source_id != source_id, LearnerRow.source_pk)
        )
        for ref, record_id, birth_year, age_band in rows:
            found.setdefault(ref, KnownLearner(record_id, birth_year, age_band))
    return found


def known_programmes(session: Session, source_id: int) -> dict[str, str]:
    """The ids of programmes by code, this source's own record first."""
    rows = session.execute(
        sa.select(ProgrammeRow.code, ProgrammeRow.record_id)
        .where(ProgrammeRow.deleted_at.is_(None))
        .order_by(ProgrammeRow.source_id != source_id, ProgrammeRow.source_pk)
    )
    found: dict[str, str] = {}
    for code, record_id in rows:
        found.setdefault(code, record_id)
    return found


@dataclass(frozen=True, slots=True)
class Held:
    """What is held under a key of a source; `about` is the learner, if there is one."""

    source_hash: str
    is_deleted: bool
    about: str | None


def held(
    session: Session, model: type[Record], source_id: int, source_pks: Sequence[str]
) -> dict[str, Held]:
    """The records that are held under these keys."""
    found: dict[str, Held] = {}
    for pks in _batches(source_pks, _PARAMETERS_AT_ONCE):
        rows = session.execute(
            sa.select(
                model.source_pk, model.source_hash, model.deleted_at, _about(model)
            ).where(model.source_id == source_id, model.source_pk.in_(pks))
        )
        found |= {
            pk: Held(digest, gone is not None, about)
            for pk, digest, gone, about in rows
        }
    return found


def people_of(
    session: Session, model: type[Record], source_id: int, source_pks: Iterable[str]
) -> list[str | None]:
    """The learners whom this source's records with these keys are about."""
    found: list[str | None] = []
    for pks in _batches(sorted(source_pks), _PARAMETERS_AT_ONCE):
        found += session.scalars(
            sa.select(_about(model)).where(
                model.source_id == source_id, model.source_pk.in_(pks)
            )
        )
    return found


def written_since(session: Session, source_id: int, run_id: int) -> set[str]:
    """The learners whose records of this source were written or removed after a run."""
    found: set[str | None] = set()
    for model in MODELS.values():
        found |= set(
            session.scalars(
                sa.select(_about(model))
                .where(model.source_id == source_id, model.run_id > run_id)
                .distinct()
            )
        )
    return {ref for ref in found if ref is not None}


def _about(model: type[Record]) -> sa.ColumnElement[str | None]:
    if issubclass(model, ProgrammeRow | OfferRow):
        return sa.literal(None, sa.String)
    return model.learner_ref.expression


def live_keys(session: Session, model: type[Record], source_id: int) -> set[str]:
    """The keys of all records of a source that are not deleted."""
    return set(
        session.scalars(
            sa.select(model.source_pk).where(
                model.source_id == source_id, model.deleted_at.is_(None)
            )
        )
    )


# --- what a sync writes


def write_records(
    session: Session, model: type[Record], rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert records, or put them in the place of what the source said before."""
    if rows:
        replaced = [name for name in rows[0] if name not in _KEPT_ON_CONFLICT]
        _upsert(session, model, rows, ("source_id", "source_pk"), replaced)


def write_quarantined(session: Session, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert refused rows; one that is there already is only seen once more."""
    if rows:
        _upsert(session, QuarantineRow, rows, _QUARANTINE_KEY, ["run_id", "seen_at"])


def mark_absent(
    session: Session,
    model: type[Record],
    source_id: int,
    source_pks: Iterable[str],
    changes: Mapping[str, object],
) -> None:
    """Mark this source's records with these keys as deleted."""
    for pks in _batches(sorted(source_pks), _PARAMETERS_AT_ONCE):
        session.execute(
            sa.update(model)
            .where(model.source_id == source_id, model.source_pk.in_(pks))
            .values(**changes)
            .execution_options(synchronize_session=False)
        )


def _upsert(
    session: Session,
    model: type[Record] | type[QuarantineRow],
    rows: Sequence[Mapping[str, object]],
    key: Sequence[str],
    replaced: Sequence[str],
) -> None:
    """Insert the rows, replacing the named columns where the key is there already.

    SQLite is fastest with one small statement many times, PostgreSQL with one statement
    that is given an array for each column.
    """
    table = cast("sa.Table", model.__table__)
    insert: postgresql.Insert | sqlite.Insert
    if session.get_bind().dialect.name == "postgresql":
        insert = postgresql.insert(table).from_select(
            list(rows[0]), _given(table, rows)
        )
        parameters = None
    else:
        insert = sqlite.insert(table)
        parameters = list(rows)
    values = {name: insert.excluded[name] for name in replaced}
    upsert = insert.on_conflict_do_update(index_elements=key, set_=values)
    session.execute(upsert, parameters)


def _given(table: sa.Table, rows: Sequence[Mapping[str, object]]) -> sa.Select[Any]:
    """The rows as a relation inside PostgreSQL."""
    columns = [table.c[name] for name in rows[0]]
    arrays = [
        sa.literal([row[column.name] for row in rows], postgresql.ARRAY(column.type))
        for column in columns
    ]
    names = [sa.column(column.name, column.type) for column in columns]
    given = sa.func.unnest(*arrays).table_valued(*names, name="given")
    return sa.select(given.render_derived())


def _batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
