"""What stands in the catalogue of releases, own and pulled, and reading one of them.

Facts about releases decide what a caller may see and cost nothing to give to the decision.
Cells are read only against the proof that their sending, or their publication, is logged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from interurban_node.aggregates.holdings import ReleaseFacts, facts_of
from interurban_node.aggregates.models import PulledReleaseRow, ReleaseRow
from interurban_node.audit.service import UseKind
from interurban_node.core.errors import NotFoundError, RefusedError
from interurban_node.policy.service import Logged
from interurban_node.structures import service as structures
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import ReleasedTable, ReleaseManifest, parse_data
from interurban_protocol.signed_documents import open_document, read_payload
from interurban_protocol.structures import parse_structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One release in the catalogue: what its signed manifest says of it."""

    release_id: str
    manifest: ReleaseManifest
    purpose: str  # as the usage log names it
    is_own: bool

    @property
    def series(self) -> tuple[str, str, str]:
        """What a revision is a revision of: publisher, dataflow and period."""
        manifest = self.manifest
        return manifest.publisher, manifest.dataflow, manifest.cohort_period


def entries(session: Session, now: datetime) -> list[Entry]:
    """The releases whose publication time has come, by dataflow, area and period."""
    own = session.scalars(
        sa.select(ReleaseRow)
        .where(ReleaseRow.publication_at <= now)
        .options(undefer(ReleaseRow.manifest))
    )
    pulled = session.scalars(
        sa.select(PulledReleaseRow).options(sa.orm.defer(PulledReleaseRow.data))
    )
    found = [_own(row, facts_of(row)) for row in own]
    found += [_pulled(row) for row in pulled]
    published = [each for each in found if each.manifest.publication_at <= now]
    return sorted(published, key=_place)


def newest(found: Sequence[Entry]) -> list[Entry]:
    """The entries without those that another of them is a revision of."""
    highest = {
        each.series: each.manifest.revision for each in sorted(found, key=_place)
    }
    return [each for each in found if each.manifest.revision == highest[each.series]]


def table(session: Session, logged: Logged, release_id: str) -> ReleasedTable:
    """The cells of a release, for the sending or publication that `logged` proves.

    Raises:
        NotFoundError: there is no such release here.
        RefusedError: what was logged is about something else.
    """
    use = logged.use
    if use.release_id != release_id or use.kind is not UseKind.RELEASE_SENT:
        raise RefusedError("the log row is not about sending this release")
    return _read(session, release_id)


def without_values(session: Session, release_id: str) -> ReleasedTable:
    """The cells of a release with every value hidden.

    Which cells there are follows from structure and profile; nothing is told by it.

    Raises:
        NotFoundError: there is no such release here.
    """
    found = _read(session, release_id)
    return replace(found, values=dict.fromkeys(found.values))


def _read(session: Session, release_id: str) -> ReleasedTable:
    for model in (ReleaseRow, PulledReleaseRow):
        found = session.execute(
            sa.select(model.manifest, model.data, model.structure).where(
                model.release_id == release_id
            )
        ).one_or_none()
        if found is not None:
            manifest, data, digest = found
            bundle = structures.bundle(session, digest)
            return _table(data, bundle, _payload(manifest).profile.to_json())
    raise NotFoundError("there is no release of that id")


def _own(row: ReleaseRow, facts: ReleaseFacts) -> Entry:
    return Entry(
        release_id=row.release_id,
        manifest=_payload(row.manifest),
        purpose=facts.purpose,
        is_own=True,
    )


def _pulled(row: PulledReleaseRow) -> Entry:
    manifest = _payload(row.manifest)
    return Entry(
        release_id=row.release_id,
        manifest=manifest,
        purpose=manifest.subject,
        is_own=False,
    )


def _place(entry: Entry) -> tuple[str, str, str, int, str]:
    manifest = entry.manifest
    return (
        manifest.dataflow,
        manifest.ref_area,
        manifest.cohort_period,
        manifest.revision,
        entry.release_id,
    )


@lru_cache(maxsize=2048)  # some kilobytes each
def _payload(document: bytes) -> ReleaseManifest:
    # Signed by this node, or verified before it was stored.
    return read_payload(open_document(document), ReleaseManifest)


@lru_cache(maxsize=16)
def _table(data: bytes, bundle: bytes, profile: bytes) -> ReleasedTable:
    return parse_data(
        data, parse_structure(bundle), ProtectionProfile.from_json(profile)
    )


__all__ = ["Entry", "entries", "newest", "table", "without_values"]
