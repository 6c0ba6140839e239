"""Adopting structures and reading them back.

A URN means one content for ever: the same URN with other bytes is refused, whoever sends
it. A changed structure has a new version and thereby a new URN.
"""

from datetime import datetime
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.core.errors import NotFoundError
from interurban_node.structures.models import StructureRow
from interurban_protocol.encoding import sha256_digest
from interurban_protocol.errors import ChainError, OversizedError
from interurban_protocol.structures import Structure, parse_structure

MAX_BUNDLE_BYTES = 1_000_000  # a thousand programmes in five languages have half of it
MAX_URN = 300


def adopt(session: Session, bundle: bytes, now: datetime) -> Structure:
    """The structure in `bundle`, kept; adopting the same bytes again changes nothing.

    Raises:
        MalformedError: no structure message in the form that this version writes.
        OversizedError: larger than any structure has to be.
        ChainError: its URN is held with another content.
    """
    if len(bundle) > MAX_BUNDLE_BYTES:
        raise OversizedError(f"the structure is larger than {MAX_BUNDLE_BYTES} bytes")
    found = _parsed(bundle)
    if len(found.urn) > MAX_URN:
        raise OversizedError(f"the structure's URN is longer than {MAX_URN} characters")
    digest = sha256_digest(bundle)
    held = session.scalar(
        sa.select(StructureRow.digest).where(StructureRow.urn == found.urn)
    )
    if held is None:
        session.add(
            StructureRow(digest=digest, urn=found.urn, bundle=bundle, adopted_at=now)
        )
        session.flush()
    elif held != digest:
        raise ChainError(
            f"{found.reference} is held with another content",
            next_step="Publish a changed structure under a new version.",
        )
    return found


def structure(session: Session, digest: str) -> Structure:
    """The structure with this digest.

    Raises:
        NotFoundError: not adopted here.
    """
    return _parsed(bundle(session, digest))


def by_urn(session: Session, urn: str) -> Structure:
    """The structure of the dataflow with this URN.

    Raises:
        NotFoundError: not adopted here.
    """
    found = session.scalar(
        sa.select(StructureRow.bundle).where(StructureRow.urn == urn)
    )
    if found is None:
        raise NotFoundError("no structure of that URN was adopted here")
    return _parsed(found)


def bundle(session: Session, digest: str) -> bytes:
    """The exact bytes of the structure with this digest.

    Raises:
        NotFoundError: not adopted here.
    """
    row = session.get(StructureRow, digest)
    if row is None:
        raise NotFoundError("no structure of that digest was adopted here")
    return row.bundle


def structures(session: Session) -> list[Structure]:
    """Every adopted structure, by URN."""
    bundles = session.scalars(sa.select(StructureRow.bundle).order_by(StructureRow.urn))
    return [_parsed(each) for each in bundles]


@lru_cache(maxsize=64)
def _parsed(data: bytes) -> Structure:
    return parse_structure(data)
