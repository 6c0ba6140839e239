"""Recording uses, exchanges and irrevocable facts in the caller's transaction.

The code path that sends takes a `UsageEntry` as an argument: no log row, no bytes.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.audit.models import EvidenceRow, JournalRow, UsageRow
from interurban_node.core.context import Node
from interurban_node.core.database import on_rollback
from interurban_node.core.errors import RecoveringError
from interurban_node.core.journal import Irrevocable, JournalEntry
from interurban_node.core.observability import current_trace_id

_SEAL = object()
_EVIDENCE = cast("sa.Table", EvidenceRow.__table__)
_PATIENCE_SECONDS = (0.05, 0.2, 0.5)


class UseKind(StrEnum):
    """What a usage row can say happened."""

    RELEASE_BUILT = "release-built"
    RELEASE_SENT = "release-sent"
    REFERENCE_SENT = "reference-sent"
    REFERENCE_ENDED = "reference-ended"


class Grade(StrEnum):
    """How well a use can be proved later."""

    COUNTERSIGNED = "countersigned"  # both sides' signatures are kept
    BEARER = "bearer"  # a token showed who asked; no signature
    OWN = "own"  # the node's own act


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A use that is about to happen."""

    kind: UseKind
    purpose: str
    recipient: str
    grade: Grade
    agreement: str | None = None
    release_id: str | None = None
    learner_ref: str | None = None
    reference_id: str | None = None


@dataclass(frozen=True, slots=True)
class UsageEntry:
    """A use that stands in the log of this transaction. Only `record_use` makes one."""

    use: Use
    at: datetime
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only record_use makes a UsageEntry")


class SignatureFacts(Protocol):
    """A signature with what it is over: one of ours (`Signed`) or a verified one."""

    @property
    def key_id(self) -> str:
        """The signing key."""

    @property
    def signature_base(self) -> bytes:
        """What was signed."""

    @property
    def signature(self) -> bytes:
        """The 64 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedExchange:
    """A signed request and its signed answer."""

    direction: str  # asked, answered
    partner: str
    method: str
    target: str
    request: SignatureFacts
    status: int
    response: SignatureFacts


def record_use(session: Session, use: Use, at: datetime) -> UsageEntry:
    """Write the log row of `use` and give the proof that sending asks for."""
    session.add(
        UsageRow(
            at=at,
            kind=use.kind,
            purpose=use.purpose,
            recipient=use.recipient,
            agreement=use.agreement,
            release_id=use.release_id,
            learner_ref=use.learner_ref,
            reference_id=use.reference_id,
            grade=use.grade,
        )
    )
    return UsageEntry(use, at, _SEAL)


def uses_about(session: Session, learner_ref: str) -> Sequence[UsageRow]:
    """The uses of one learner's own records (not of releases), newest first."""
    return session.scalars(
        sa.select(UsageRow)
        .where(UsageRow.learner_ref == learner_ref)
        .order_by(UsageRow.id.desc())
    ).all()


def sendings_of(session: Session, release_ids: Sequence[str]) -> Sequence[UsageRow]:
    """When and to whom the given releases were sent, newest first."""
    return session.scalars(
        sa.select(UsageRow)
        .where(
            UsageRow.release_id.in_(release_ids), UsageRow.kind == UseKind.RELEASE_SENT
        )
        .order_by(UsageRow.id.desc())
    ).all()


def record_exchange(session: Session, exchange: SignedExchange, at: datetime) -> None:
    """Keep what proves that the exchange took place: both signatures with their bases."""
    session.execute(
        sa.insert(_EVIDENCE),  # past the mapper: every exchange comes by here
        {
            "at": at,
            "direction": exchange.direction,
            "partner": exchange.partner,
            "method": exchange.method,
            "target": exchange.target,
            "request_key_id": exchange.request.key_id,
            "request_base": exchange.request.signature_base,
            "request_signature": exchange.request.signature,
            "status": exchange.status,
            "response_key_id": exchange.response.key_id,
            "response_base": exchange.response.signature_base,
            "response_signature": exchange.response.signature,
            "trace_id": current_trace_id(),
        },
    )


def record_irrevocable(
    session: Session,
    node: Node,
    kind: Irrevocable,
    facts: Mapping[str, str],
    at: datetime,
) -> None:
    """Append to the one-way journal before the transaction answers, and note that we know.

    If the transaction fails after all, a `void` entry says so: nobody was answered.
    """
    entry = node.journal.append(kind, facts, at)
    session.add(JournalRow(number=entry.number, kind=kind, digest=entry.digest))
    session.flush()
    on_rollback(
        session,
        lambda: _void(node, entry, at),
    )


def _void(node: Node, entry: JournalEntry, at: datetime) -> None:
    node.journal.append(Irrevocable.VOID, {"number": str(entry.number)}, at)


def unknown_entries(session: Session, node: Node) -> list[JournalEntry]:
    """Journal entries that this database does not know, as after a restore.

    Raises:
        ConfigurationError: the journal is damaged.
    """
    known = set(session.scalars(sa.select(JournalRow.number)))
    entries = node.journal.entries()
    void = {
        entry.facts["number"] for entry in entries if entry.kind is Irrevocable.VOID
    }
    return [
        entry
        for entry in entries
        if entry.kind is not Irrevocable.VOID
        and entry.number not in known
        and str(entry.number) not in void
    ]


def missing_entries(session: Session, node: Node) -> list[int]:
    """Entries that the database knows and the journal has lost or changed; for `doctor`."""
    known = session.execute(sa.select(JournalRow.number, JournalRow.digest))
    held = {(entry.number, entry.digest) for entry in node.journal.entries()}
    return sorted(number for number, digest in known if (number, digest) not in held)


def mark_known(session: Session, entry: JournalEntry) -> None:
    """Note that an entry was re-applied."""
    session.add(JournalRow(number=entry.number, kind=entry.kind, digest=entry.digest))


def check_not_recovering(session: Session, node: Node) -> None:
    """Refuse to serve, build or issue while the journal holds what we do not know.

    The journal is read only when it, or how many entries the database knows, has changed
    since everything was known; both are seen whichever process changed them.

    Raises:
        RecoveringError: naming how many entries are missing.
    """
    state = node.journal.state()  # before it is read: a later change is seen next time
    count = session.scalar(sa.select(sa.func.count()).select_from(JournalRow)) or 0
    if node.journal.fully_known == (state, count):
        return
    unknown = _unknown_for_long(session, node)
    if unknown:
        raise RecoveringError(
            f"{len(unknown)} entries of the one-way journal are not re-applied yet"
        )
    node.journal.fully_known = (state, count)


def _unknown_for_long(session: Session, node: Node) -> list[JournalEntry]:
    """Unknown entries, after giving transactions that are on their way time to commit.

    An entry is written before its transaction ends, so another one can see it in between.
    SQLite has one writing transaction at a time; there it cannot.
    """
    unknown = unknown_entries(session, node)
    for patience in () if node.database.is_sqlite else _PATIENCE_SECONDS:
        if not unknown:
            break
        time.sleep(patience)
        unknown = unknown_entries(session, node)
    return unknown
