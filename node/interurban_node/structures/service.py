"""Keeping proposed structures, adopting them, and reading them back.

What comes with a proposal is *kept*: found by its digest, and bound to nothing else, so that
nobody can occupy a URN by proposing. A structure is *adopted* when this node signs what
stands on it. From then on its URN means one content for ever: a changed structure has a new
version, which rises by as much as its changes ask for.
"""

from datetime import datetime
from functools import lru_cache
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.core.errors import NotFoundError
from interurban_node.structures.models import ProposedStructureRow, StructureRow
from interurban_protocol.encoding import sha256_digest
from interurban_protocol.errors import ChainError, OversizedError
from interurban_protocol.structure_versions import check_version_step, version_of
from interurban_protocol.structures import Structure, parse_structure

MAX_BUNDLE_BYTES = 1_000_000  # a thousand programmes in five languages have half of it
MAX_URN = 300


def keep(session: Session, bundle: bytes, now: datetime) -> Structure:
    """The structure in `bundle`, kept by its digest alone.

    Raises:
        MalformedError: no structure message in the form that this version writes.
        OversizedError: larger than any structure has to be.
    """
    found = _read(bundle)
    digest = sha256_digest(bundle)
    if _bundle(session, digest) is None:
        session.add(ProposedStructureRow(digest=digest, bundle=bundle, received_at=now))
        session.flush()
    return found


def adopt(session: Session, bundle: bytes, now: datetime) -> Structure:
    """The structure in `bundle`, adopted; adopting the same bytes again changes nothing.

    Raises:
        MalformedError, OversizedError: as `keep`.
        ChainError: as `check_can_be_adopted`.
    """
    found = _read(bundle)
    digest = sha256_digest(bundle)
    check_can_be_adopted(session, found)
    if session.get(StructureRow, digest) is None:
        session.add(
            StructureRow(digest=digest, urn=found.urn, bundle=bundle, adopted_at=now)
        )
        session.flush()
    return found


def check_can_be_adopted(session: Session, structure: Structure) -> None:
    """Refuse a structure that does not follow on the versions adopted here.

    Raises:
        ChainError: its URN is held with another content, or its version does not rise far
            enough above the one before it, or the one after it above this one.
    """
    others = []
    for held in versions(session, structure):
        if held.version != structure.version:
            others.append(held)
        elif held.digest != structure.digest:
            raise ChainError(
                f"{structure.reference} is held with another content",
                next_step="Publish a changed structure under a new version.",
            )
    for older, newer in pairwise(sorted([*others, structure], key=version_of)):
        if structure in (older, newer):
            check_version_step(older, newer)


def structure(session: Session, digest: str) -> Structure:
    """The structure with this digest, whether it was adopted or came with a proposal.

    Raises:
        NotFoundError: it never came here.
    """
    found = _bundle(session, digest)
    if found is None:
        raise NotFoundError("no structure of that digest is known here")
    return _parsed(found)


def by_urn(session: Session, urn: str) -> Structure:
    """The adopted structure of the dataflow with this URN.

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
    """The exact bytes of the adopted structure with this digest.

    Raises:
        NotFoundError: not adopted here.
    """
    row = session.get(StructureRow, digest)
    if row is None:
        raise NotFoundError("no structure of that digest was adopted here")
    return row.bundle


def structures(session: Session) -> list[Structure]:
    """Every adopted structure, by dataflow and version."""
    bundles = session.scalars(sa.select(StructureRow.bundle))
    return sorted(map(_parsed, bundles), key=_place)


def proposed(session: Session) -> list[Structure]:
    """Every structure that came with a proposal and was not adopted, by dataflow."""
    adopted = sa.select(StructureRow.digest)
    bundles = session.scalars(
        sa.select(ProposedStructureRow.bundle).where(
            ProposedStructureRow.digest.not_in(adopted)
        )
    )
    return sorted(map(_parsed, bundles), key=_place)


def versions(session: Session, structure: Structure) -> list[Structure]:
    """The adopted versions of the dataflow that `structure` is a version of, oldest first."""
    prefix = structure.urn.rpartition("(")[0] + "("
    bundles = session.scalars(
        sa.select(StructureRow.bundle).where(
            StructureRow.urn.startswith(prefix, autoescape=True)
        )
    )
    found = [
        held
        for held in map(_parsed, bundles)
        if held.urn.startswith(prefix)  # SQLite's LIKE does not tell A from a
    ]
    return sorted(found, key=version_of)


def version_before(session: Session, structure: Structure) -> Structure | None:
    """The newest adopted version of a dataflow that is older than `structure`, if any."""
    older = [
        held
        for held in versions(session, structure)
        if version_of(held) < version_of(structure)
    ]
    return older[-1] if older else None


def _place(structure: Structure) -> tuple[str, str, tuple[int, int, int], str]:
    version = version_of(structure)
    return structure.agency, structure.id, version, structure.digest


def _read(data: bytes) -> Structure:
    if len(data) > MAX_BUNDLE_BYTES:
        raise OversizedError(f"the structure is larger than {MAX_BUNDLE_BYTES} bytes")
    found = _parsed(data)
    if len(found.urn) > MAX_URN:
        raise OversizedError(f"the structure's URN is longer than {MAX_URN} characters")
    version_of(found)  # whatever is held can be put in order
    return found


def _bundle(session: Session, digest: str) -> bytes | None:
    row = session.get(StructureRow, digest)
    proposed = row or session.get(ProposedStructureRow, digest)
    return proposed.bundle if proposed else None


@lru_cache(maxsize=64)
def _parsed(data: bytes) -> Structure:
    return parse_structure(data)
