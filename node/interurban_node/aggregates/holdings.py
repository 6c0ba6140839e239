"""Releases that are kept here: own ones for their recipients, and partners' ones.

Bytes of an own release are given only against the usage-log row of their sending, and never
before the publication.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates import members, rules
from interurban_node.aggregates.models import (
    PulledReleaseRow,
    ReleaseRow,
)
from interurban_node.audit.service import (
    Grade,
    UsageEntry,
    Use,
    UseKind,
    record_use,
)
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, RefusedError
from interurban_node.structures import service as structures
from interurban_protocol.encoding import JsonValue, format_time, parse_json_object
from interurban_protocol.errors import ChainError, VerificationError
from interurban_protocol.keys import KeySet
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import (
    ReleasedTable,
    ReleaseManifest,
    VerifiedRelease,
    open_bundle,
    parse_data,
    release_bundle,
    verify_release,
)
from interurban_protocol.signed_documents import open_document, read_payload
from interurban_protocol.structures import Structure, bundle_bytes, parse_structure

MAX_PURPOSE = 120  # characters of a usage row


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseFacts:
    """What may be told of one of this node's releases without sending it."""

    sequence: int
    release_id: str
    plan: str
    agreement: str
    subject: str
    dataflow: str
    period: str
    revision: int
    structure: str
    recipients: tuple[str, ...]
    purposes: tuple[str, ...]
    built_at: datetime
    publication_at: datetime  # no recipient is given a byte before

    @property
    def purpose(self) -> str:
        """The purposes as one text, as the usage log has room for it."""
        return ", ".join(self.purposes)[:MAX_PURPOSE]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedIn:
    """One release that a learner was counted in, as the learner may see it."""

    release_id: str
    dataflow_name: Mapping[str, str]
    period: str
    revision: int = 0
    published: bool
    group_size_shown: int | None  # the published total; None: small, or not published
    recipients: tuple[str, ...]
    built_at: datetime


@dataclass(frozen=True, slots=True)
class CityTable:
    """A published release of one city, own or pulled, ready for reading.

    Of a period that was revised it is the revision, and the manifest says so.
    """

    release_id: str
    manifest: ReleaseManifest
    table: ReleasedTable


def list_releases(session: Session, after: int, recipient: str) -> list[ReleaseFacts]:
    """The releases for `recipient` with a sequence above `after`, in order.

    Those whose publication lies ahead are among them: a reader that moves its own `after`
    must not move it past one that it could not fetch yet.
    """
    rows = session.scalars(
        sa.select(ReleaseRow)
        .where(ReleaseRow.sequence > after)
        .order_by(ReleaseRow.sequence)
    )
    found = [facts_of(row) for row in rows]
    return [facts for facts in found if recipient in facts.recipients]


def own_releases(session: Session) -> list[ReleaseFacts]:
    """Every release of this node, newest first; for its operator."""
    rows = session.scalars(sa.select(ReleaseRow).order_by(ReleaseRow.sequence.desc()))
    return [facts_of(row) for row in rows]


def release(session: Session, release_id: str) -> ReleaseFacts:
    """One release of this node.

    Raises:
        NotFoundError: there is none of that id.
    """
    return facts_of(_row(session, release_id))


def manifest_of(session: Session, release_id: str) -> ReleaseManifest:
    """What the manifest of one of this node's releases says, for showing it here.

    Raises:
        NotFoundError: there is none of that id.
    """
    return _payload(_row(session, release_id).manifest)


def gate_of(session: Session, release_id: str) -> Mapping[str, JsonValue]:
    """What the gate said before this node signed the release; empty: there was none.

    Raises:
        NotFoundError: there is none of that id.
    """
    text = _row(session, release_id).gate
    return parse_json_object(text.encode()) if text else {}


def manifest_bytes(session: Session, entry: UsageEntry, release_id: str) -> bytes:
    """The manifest document, for the sending that `entry` has logged.

    Raises:
        NotFoundError: there is no such release.
        RefusedError: the log row is about something else, or it is not published yet.
    """
    return _logged_row(session, entry, release_id).manifest


def data_bytes(session: Session, entry: UsageEntry, release_id: str) -> bytes:
    """The data file, for the sending that `entry` has logged.

    Raises:
        NotFoundError, RefusedError: as `manifest_bytes`.
    """
    return _logged_row(session, entry, release_id).data


def export_bundle(
    session: Session, node: Node, release_id: str, now: datetime
) -> bytes:
    """One file with the whole release for handing over; logged like every sending.

    Raises:
        NotFoundError: there is no such release.
        RefusedError: it is not published yet.
    """
    facts = release(session, release_id)
    entry = record_use(
        session,
        Use(
            kind=UseKind.RELEASE_SENT,
            purpose=facts.purpose,
            recipient=node.origin,
            grade=Grade.OWN,
            agreement=facts.agreement,
            release_id=release_id,
        ),
        now,
    )
    return release_bundle(
        manifest_bytes(session, entry, release_id),
        data_bytes(session, entry, release_id),
        structures.bundle(session, facts.structure),
    )


def verify_bundle(
    bundle: bytes, *, keys: Mapping[str, KeySet], at: datetime
) -> VerifiedRelease:
    """The release in a file, verified offline with the keys at hand.

    Raises:
        ProtocolError: it is not valid; the subclass and message say why.
    """
    parts = open_bundle(bundle)
    return verify_release(
        parts.manifest,
        parts.data,
        structure=parse_structure(parts.structure),
        keys=keys,
        at=at,
    )


def store_pulled(session: Session, verified: VerifiedRelease, now: datetime) -> bool:
    """Keep a partner's release, its structure too; False if it was held already.

    Raises:
        ChainError: the publisher issued the period before, with another content, or the
            release revises another one than the one held.
        VerificationError: the release claims an area that is another city's.
    """
    manifest = verified.manifest
    if session.get(PulledReleaseRow, verified.release_id) is not None:
        return False
    _check_area(verified.table.structure, manifest)
    series = rules.series_of(manifest.dataflow)
    _check_revises(session, series, manifest)
    if _pulled_before(session, series, manifest, manifest.revision):
        raise ChainError(
            f"{manifest.publisher} issued {manifest.cohort_period} before, with another "
            "content",
            next_step="Keep the first release and ask the publisher why there are two.",
        )
    structures.adopt(session, bundle_bytes(verified.table.structure), now)
    session.add(_pulled_row(verified, series, now))
    session.flush()
    return True


def held_releases(session: Session, publisher: str) -> frozenset[str]:
    """The ids of the releases of a partner that are kept here."""
    return frozenset(
        session.scalars(
            sa.select(PulledReleaseRow.release_id).where(
                PulledReleaseRow.publisher == publisher
            )
        )
    )


def counted_in(session: Session, learner_ref: str, now: datetime) -> list[CountedIn]:
    """The releases that a learner was counted in, newest first, in published words.

    Before its publication a release is named, but its number is told to nobody.
    """
    rows = session.scalars(
        sa.select(ReleaseRow)
        .where(ReleaseRow.sequence.in_(members.sequences_of(session, learner_ref)))
        .order_by(ReleaseRow.sequence.desc())
    )
    return [
        CountedIn(
            release_id=row.release_id,
            dataflow_name=structures.structure(session, row.structure).names,
            period=row.period,
            revision=row.revision,
            published=row.publication_at <= now,
            group_size_shown=row.total_shown if row.publication_at <= now else None,
            recipients=_recipients(row),
            built_at=row.built_at,
        )
        for row in rows
    ]


def published_periods(session: Session, now: datetime) -> Mapping[str, tuple[str, ...]]:
    """The dataflows with a published release, own or pulled, and their periods in order."""
    own = sa.select(ReleaseRow.dataflow, ReleaseRow.period).where(
        ReleaseRow.publication_at <= now
    )
    pulled = sa.select(PulledReleaseRow.dataflow, PulledReleaseRow.period)
    found: dict[str, set[str]] = {}
    for dataflow, period in session.execute(own.union(pulled)):
        found.setdefault(dataflow, set()).add(period)
    return {dataflow: tuple(sorted(found[dataflow])) for dataflow in sorted(found)}


def city_tables(
    session: Session, dataflow: str, period: str, now: datetime
) -> list[CityTable]:
    """The published releases of a dataflow and period, own and pulled, by publisher.

    One for each city: the newest that is published.
    """
    own = session.scalars(
        sa.select(ReleaseRow).where(
            ReleaseRow.dataflow == dataflow,
            ReleaseRow.period == period,
            ReleaseRow.publication_at <= now,
        )
    )
    pulled = session.scalars(
        sa.select(PulledReleaseRow).where(
            PulledReleaseRow.dataflow == dataflow, PulledReleaseRow.period == period
        )
    )
    newest: dict[str, ReleaseRow | PulledReleaseRow] = {}
    for row in sorted((*own, *pulled), key=lambda each: each.revision):
        newest[_payload(row.manifest).publisher] = row
    found = [_city_table(session, row) for row in newest.values()]
    return sorted(found, key=lambda each: each.manifest.publisher)


def facts_of(row: ReleaseRow) -> ReleaseFacts:
    """What may be told of a release without sending it."""
    return ReleaseFacts(
        sequence=row.sequence,
        release_id=row.release_id,
        plan=row.plan,
        agreement=row.agreement,
        subject=row.subject,
        dataflow=row.dataflow,
        period=row.period,
        revision=row.revision,
        structure=row.structure,
        recipients=_recipients(row),
        purposes=tuple(json.loads(row.purposes)),
        built_at=row.built_at,
        publication_at=row.publication_at,
    )


def _row(session: Session, release_id: str) -> ReleaseRow:
    row = session.scalar(
        sa.select(ReleaseRow).where(ReleaseRow.release_id == release_id)
    )
    if row is None:
        raise NotFoundError("there is no release of that id")
    return row


def _logged_row(session: Session, entry: UsageEntry, release_id: str) -> ReleaseRow:
    row = _row(session, release_id)
    use = entry.use
    if use.release_id != release_id or use.kind is not UseKind.RELEASE_SENT:
        raise RefusedError("the log row is not about sending this release")
    if entry.at < row.publication_at:
        raise RefusedError(
            f"the release is published at {format_time(row.publication_at)}",
            next_step="Ask again after the publication.",
        )
    return row


def _recipients(row: ReleaseRow) -> tuple[str, ...]:
    return tuple(json.loads(row.recipients))


def _payload(document: bytes) -> ReleaseManifest:
    # Signed by this node or verified before it was stored.
    return read_payload(open_document(document), ReleaseManifest)


def _check_area(structure: Structure, manifest: ReleaseManifest) -> None:
    try:
        own = rules.ref_area(structure, manifest.publisher)
    except RefusedError as error:
        raise VerificationError("the publisher is none of the areas") from error
    if manifest.ref_area != own:
        raise VerificationError("the release claims another area than its publisher's")


def _check_revises(session: Session, series: str, manifest: ReleaseManifest) -> None:
    first = _pulled_before(session, series, manifest, 0)
    if manifest.revision and first is not None and first != manifest.replaces:
        raise ChainError(
            f"{manifest.publisher} revises another release than the one that is held",
            next_step="Keep the first release and ask the publisher what was revised.",
        )


def _pulled_before(
    session: Session, series: str, manifest: ReleaseManifest, revision: int
) -> str | None:
    return session.scalar(
        sa.select(PulledReleaseRow.release_id).where(
            PulledReleaseRow.publisher == manifest.publisher,
            PulledReleaseRow.series == series,
            PulledReleaseRow.period == manifest.cohort_period,
            PulledReleaseRow.revision == revision,
        )
    )


def _pulled_row(
    verified: VerifiedRelease, series: str, now: datetime
) -> PulledReleaseRow:
    manifest = verified.manifest
    return PulledReleaseRow(
        release_id=verified.release_id,
        publisher=manifest.publisher,
        plan=manifest.plan,
        dataflow=manifest.dataflow,
        series=series,
        period=manifest.cohort_period,
        revision=manifest.revision,
        structure=manifest.structure,
        manifest=verified.document.document,
        data=verified.data,
        verified_at=now,
        pulled_at=now,
    )


def read_table(session: Session, row: ReleaseRow | PulledReleaseRow) -> ReleasedTable:
    """The cells of a stored release, for use in this office."""
    bundle = structures.bundle(session, row.structure)
    return _read_table(row.data, bundle, _payload(row.manifest).profile.to_json())


def _city_table(session: Session, row: ReleaseRow | PulledReleaseRow) -> CityTable:
    return CityTable(row.release_id, _payload(row.manifest), read_table(session, row))


@lru_cache(maxsize=24)  # the tables of one page; the largest has some 100,000 cells
def _read_table(data: bytes, bundle: bytes, profile: bytes) -> ReleasedTable:
    return parse_data(
        data, parse_structure(bundle), ProtectionProfile.from_json(profile)
    )
