"""Answers that come with a registry export: claims about sheets of paper.

A claimed yes uses up its sheet, counts from the day on it, and never counts over a no of
the same day or later. A claimed no always takes effect. A claim may arrive before its
learner does: it is bound to the learner's number, and without a learner it counts nobody.

The export is read page by page; each page of `PAGE_CLAIMS` is one transaction, and reading
the same export again changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_adapters.adapter import Adapter
from interurban_adapters.csv_files import CsvFiles
from interurban_adapters.errors import MappingError
from interurban_adapters.mappings import RegistryMapping, TableMapping, load_mapping
from interurban_adapters.records import ConsentClaimRecord, RecordKind
from interurban_adapters.sql_tables import SqlTables
from interurban_node.accounts.service import learner_ref_of
from interurban_node.consent import queries
from interurban_node.consent.histories import Entry, lock_histories, record_answers
from interurban_node.consent.models import ClaimRow
from interurban_node.consent.questions import current_questions, questions
from interurban_node.consent.rules import (
    NO_STATES,
    UNKNOWN_LANGUAGE,
    Answer,
    QuestionView,
    claim_refusal,
    day_start,
    evidence_reference,
)
from interurban_node.core.context import Node
from interurban_node.core.errors import StateError
from interurban_protocol.consent_records import (
    Actor,
    ActorKind,
    Channel,
    ConsentState,
    Scope,
)

PAGE_CLAIMS = 2000
ALL_RECIPIENTS = frozenset({None, "all"})

Progress = Callable[[int], None]
"""Is told, after each page, how many rows were read so far."""


class ClaimSource(Protocol):
    """What claims are read from; the registry's sources are such."""

    @property
    def mapping(self) -> RegistryMapping:
        """What the tables mean; its name is the name of the source."""
        ...

    @property
    def adapter(self) -> Adapter:
        """What reads them."""
        ...


@dataclass(frozen=True, slots=True)
class _Export:
    mapping: RegistryMapping
    adapter: Adapter


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What became of every row of an export's consents."""

    rows: int
    given: int
    refused: int
    withdrawn: int
    known: int  # the same sheets, read before
    rejected: Mapping[str, int]  # how many for each reason


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    known: int = 0
    states: Counter[ConsentState] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def summary(self) -> ImportSummary:
        return ImportSummary(
            rows=self.rows,
            given=self.states[ConsentState.GIVEN],
            refused=self.states[ConsentState.REFUSED],
            withdrawn=self.states[ConsentState.WITHDRAWN],
            known=self.known,
            rejected=dict(self.rejected.most_common()),
        )


@dataclass(frozen=True, slots=True)
class _Claim:
    """A claim and the name of its sheet here."""

    learner_ref: str
    evidence: str
    answer: Answer


@dataclass(slots=True)
class _Known:
    """What a page of claims is held against; grows while the page is read."""

    sheets: dict[str, tuple[str, str]]  # evidence -> learner, state
    noes: dict[str, datetime]
    grants: dict[str, datetime]


def import_claims(
    node: Node,
    source: ClaimSource | Path,
    now: datetime,
    progress: Progress | None = None,
) -> ImportSummary:
    """Take in every consent of an export; a path is a mapping beside CSV files.

    Each page is a transaction of its own; `progress` is told after each.

    Raises:
        MappingError: the mapping is wrong or has no section for consents.
        StateError: there is no question to bind them to, or more than one.
        AdapterError: the source cannot be read.
    """
    if isinstance(source, Path):
        source = csv_claims(source)
    table = source.mapping.table(RecordKind.CONSENT)
    if table is None:
        raise MappingError("the mapping has no section consent")
    counts = _Counts()
    for records in _pages(table, source.adapter, now, counts):
        with node.database.transaction() as session:
            _import_page(session, node, source.mapping.name, records, now, counts)
        if progress is not None:
            progress(counts.rows)
    return counts.summary()


def csv_claims(mapping: Path, *folders: Path) -> ClaimSource:
    """CSV files in `folders`, by default in the folder of the mapping.

    Raises:
        MappingError: the mapping is wrong.
    """
    return _Export(load_mapping(mapping), CsvFiles(*(folders or (mapping.parent,))))


def sql_claims(mapping: Path, url: str) -> ClaimSource:
    """Tables of the database behind an SQLAlchemy URL.

    Raises:
        MappingError: the mapping is wrong.
        SourceUnreadableError: the URL names no database that can be reached.
    """
    return _Export(load_mapping(mapping), SqlTables(url))


def _pages(
    table: TableMapping, adapter: Adapter, now: datetime, counts: _Counts
) -> Iterator[Sequence[ConsentClaimRecord]]:
    for page in adapter.read(table.source):
        rows = iter(page.rows)
        while part := tuple(islice(rows, PAGE_CLAIMS)):
            mapped = table.map_rows(part, today=now.date())
            counts.rows += len(part)
            for rejected in mapped.rejected:
                reason = rejected.reasons[0]
                counts.rejected[f"{reason.field}: {reason.reason}"] += 1
            records = (accepted.record for accepted in mapped.accepted)
            yield [r for r in records if isinstance(r, ConsentClaimRecord)]


def _import_page(
    session: Session,
    node: Node,
    source: str,
    records: Sequence[ConsentClaimRecord],
    now: datetime,
    counts: _Counts,
) -> None:
    asked = _question_for_claims(session)
    claims = [
        _claim(node, source, asked, record)
        for record in records
        if _is_usable(record, counts)
    ]
    known = _what_is_known(session, node, asked, claims)
    taken = [claim for claim in claims if _takes_effect(claim, known, now, counts)]
    entries = [Entry(claim.learner_ref, asked, claim.answer) for claim in taken]
    record_answers(session, node, entries, now)
    _use_up(session, source, taken, now)


def _question_for_claims(session: Session) -> QuestionView:
    found = current_questions(session, Scope.AGGREGATES)
    if len(found) != 1:
        raise StateError(
            f"{len(found)} questions are being asked, and a claim needs exactly one",
            next_step="`interurban consent ask --scope aggregates` publishes it; "
            "`interurban consent show` lists what there is.",
        )
    return found[0]


def _is_usable(record: ConsentClaimRecord, counts: _Counts) -> bool:
    if record.question != Scope.AGGREGATES:
        counts.rejected["question: is not one that is answered on paper"] += 1
        return False
    if record.recipients not in ALL_RECIPIENTS:
        counts.rejected["recipients: are not those that the question names"] += 1
        return False
    return True


def _claim(
    node: Node, source: str, asked: QuestionView, record: ConsentClaimRecord
) -> _Claim:
    learner_ref = learner_ref_of(node.keys, record.person_id)
    state = ConsentState(record.answer.value)
    no = (learner_ref, state, record.signed_on) if state in NO_STATES else None
    evidence = evidence_reference(node.keys.pseudonym, record.evidence_id, no)
    answer = Answer(
        question_id=asked.question_id,
        state=state,
        recipients=asked.recipients,
        language=UNKNOWN_LANGUAGE,
        rendering=asked.question_id,  # the paper itself is not here
        actor=Actor(kind=ActorKind.REGISTRY, source=source),
        channel=Channel.IMPORT,
        evidence=evidence,
        signed_on=record.signed_on,
    )
    return _Claim(learner_ref, evidence, answer)


def _what_is_known(
    session: Session, node: Node, asked: QuestionView, claims: Sequence[_Claim]
) -> _Known:
    refs = {claim.learner_ref for claim in claims}
    lock_histories(session, node, refs)  # nobody answers while we compare
    same_matter = [
        view.question_id
        for view in questions(session, asked.scope)
        if view.purpose == asked.purpose
    ]
    grants = queries.open_grants(session, refs, [asked.question_id])
    return _Known(
        sheets=_used_sheets(session, {claim.evidence for claim in claims}),
        noes=dict(queries.last_noes(session, refs, same_matter)),
        grants={grant.learner_ref: grant.granted_at for grant in grants},
    )


def _used_sheets(
    session: Session, evidence: Iterable[str]
) -> dict[str, tuple[str, str]]:
    rows = session.execute(
        sa.select(ClaimRow.evidence_id, ClaimRow.learner_ref, ClaimRow.state).where(
            ClaimRow.evidence_id.in_(tuple(evidence))
        )
    )
    return {sheet: (learner_ref, state) for sheet, learner_ref, state in rows}


def _takes_effect(claim: _Claim, known: _Known, now: datetime, counts: _Counts) -> bool:
    state = claim.answer.state
    before = known.sheets.get(claim.evidence)
    if before == (claim.learner_ref, state):
        counts.known += 1
        return False
    if before is not None:
        counts.rejected["evidence_id: was used for another learner"] += 1
        return False
    reason = claim_refusal(
        claim.answer,
        known.noes.get(claim.learner_ref),
        known.grants.get(claim.learner_ref),
    )
    if reason is not None:
        counts.rejected[reason] += 1
        return False
    _remember(claim, known, now)
    counts.states[state] += 1
    return True


def _remember(claim: _Claim, known: _Known, now: datetime) -> None:
    known.sheets[claim.evidence] = (claim.learner_ref, claim.answer.state)
    if claim.answer.state in NO_STATES:
        known.noes[claim.learner_ref] = now
        known.grants.pop(claim.learner_ref, None)
    elif claim.answer.signed_on is not None:
        known.grants[claim.learner_ref] = day_start(claim.answer.signed_on)


def _use_up(
    session: Session, source: str, claims: Sequence[_Claim], now: datetime
) -> None:
    rows = [
        {
            "evidence_id": claim.evidence,
            "learner_ref": claim.learner_ref,
            "question_id": claim.answer.question_id,
            "state": claim.answer.state,
            "signed_on": claim.answer.signed_on,
            "source": source,
            "imported_at": now,
        }
        for claim in claims
    ]
    if rows:
        session.execute(sa.insert(ClaimRow), rows)
