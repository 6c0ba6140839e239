"""Refused rows: kept sealed with their reasons until they read well, and no longer than needed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_adapters.adapter import Rejection
from interurban_adapters.mappings import Rejected
from interurban_adapters.records import RecordKind
from interurban_node.accounts.service import seal, unseal
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError
from interurban_node.registry import queries
from interurban_node.registry.models import QuarantineRow, SourceRow
from interurban_node.registry.records import Drafting
from interurban_node.registry.runs import Run

_MAX_TEXT = 200


def seal_refused(
    session: Session,
    run: Run,
    drafting: Drafting,
    kind: RecordKind,
    refused: Sequence[Rejected],
) -> None:
    """Keep a page's refused rows, sealed; one that is there already is only seen again."""
    rows: dict[tuple[int, str], dict[str, object]] = {}
    for rejected in refused:
        number = rejected.row.row_number
        reasons = [[reason.field, reason.reason] for reason in rejected.reasons]
        said = {"key": rejected.row.key, "values": dict(rejected.row.values)}
        digest = drafting.pseudonyms.content_hash([said, reasons])
        payload = json.dumps(said, default=str, ensure_ascii=False).encode()
        rows[number, digest] = {
            "source_id": run.source_id,
            "kind": kind,
            "row_number": number,
            "field": rejected.reasons[0].field[:_MAX_TEXT],
            "reason": rejected.reasons[0].reason[:_MAX_TEXT],
            "reasons": json.dumps(reasons, ensure_ascii=False),
            "row_hash": digest,
            "sealed": seal(drafting.node, _purpose(run.source_id, digest), payload),
            "run_id": run.run_id,
            "first_seen_at": run.now,
            "seen_at": run.now,
        }
    queries.write_quarantined(session, list(rows.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRow:
    """A refused row: where it stands and why it is refused, not what it says."""

    id: int
    source: str
    kind: RecordKind
    row_number: int
    reasons: tuple[Rejection, ...]
    first_seen_at: datetime
    seen_at: datetime


def quarantined(
    session: Session, *, reason: str | None = None, limit: int = 100
) -> list[QuarantinedRow]:
    """The refused rows in the order of the sources; `reason` is a part of the first one."""
    select = sa.select(QuarantineRow, SourceRow.name).join(
        SourceRow, SourceRow.id == QuarantineRow.source_id
    )
    if reason is not None:
        select = select.where(QuarantineRow.reason.contains(reason, autoescape=True))
    order = (SourceRow.name, QuarantineRow.kind, QuarantineRow.row_number)
    rows = session.execute(select.order_by(*order, QuarantineRow.id).limit(limit))
    return [
        QuarantinedRow(
            id=row.id,
            source=source,
            kind=RecordKind(row.kind),
            row_number=row.row_number,
            reasons=tuple(Rejection(*pair) for pair in json.loads(row.reasons)),
            first_seen_at=row.first_seen_at,
            seen_at=row.seen_at,
        )
        for row, source in rows
    ]


def quarantine_reasons(session: Session) -> dict[tuple[RecordKind, str, str], int]:
    """How many rows are refused, by kind and by their first field and reason."""
    columns = (QuarantineRow.kind, QuarantineRow.field, QuarantineRow.reason)
    rows = session.execute(
        sa.select(*columns, sa.func.count()).group_by(*columns).order_by(*columns)
    )
    return {
        (RecordKind(kind), field, reason): count for kind, field, reason, count in rows
    }


def quarantined_values(
    session: Session, node: Node, quarantine_id: int
) -> dict[str, str | None]:
    """What a refused row says, by column; only for who looks after the source.

    Raises:
        NotFoundError: no such row is in quarantine.
        ConfigurationError: it was sealed with another vault secret.
    """
    row = session.get(QuarantineRow, quarantine_id)
    if row is None:
        raise NotFoundError("no such row is in quarantine")
    said = json.loads(unseal(node, _purpose(row.source_id, row.row_hash), row.sealed))
    return {
        column: None if value is None else str(value)
        for column, value in said["values"].items()
    }


def forget_quarantined(session: Session, node: Node, now: datetime) -> int:
    """Drop rows that no sync has met for `quarantine_days`; how many they were."""
    oldest = now - timedelta(days=node.settings.quarantine_days)
    gone = session.scalars(
        sa.delete(QuarantineRow)
        .where(QuarantineRow.seen_at < oldest)
        .returning(QuarantineRow.id)
    ).all()
    return len(gone)


def _purpose(source_id: int, row_hash: str) -> str:
    return f"quarantine\0{source_id}\0{row_hash}"
