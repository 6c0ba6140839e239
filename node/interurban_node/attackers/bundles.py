"""Release files as an outside attacker holds them: what they say, whoever signed it."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from interurban_node.attackers.publications import (
    Earlier,
    Relation,
    statements,
    statements_of_earlier,
)
from interurban_node.attackers.spaces import Integers, Numbers, Space
from interurban_node.attackers.systems import System
from interurban_protocol.errors import DigestMismatchError, MalformedError
from interurban_protocol.releases import (
    ReleasedTable,
    ReleaseManifest,
    describe_data,
    open_bundle,
    parse_data,
)
from interurban_protocol.signed_documents import open_document, read_payload
from interurban_protocol.structures import Structure, parse_structure

LEARNERS = "LEARNERS"  # the column of a truth file that has the number


@dataclass(frozen=True, slots=True)
class HeldRelease:
    """One release file. Its signature was not checked: `release verify` does that."""

    release_id: str
    manifest: ReleaseManifest
    table: ReleasedTable

    @property
    def structure(self) -> Structure:
        """Of its table."""
        return self.table.structure


def read_bundle(bundle: bytes) -> HeldRelease:
    """The release in a file that `release show --out` wrote.

    Raises:
        MalformedError: no such file, or one that counts no people.
        DigestMismatchError: manifest, data and structure do not belong together.
    """
    parts = open_bundle(bundle)
    document = open_document(parts.manifest)
    manifest = read_payload(document, ReleaseManifest)
    structure = parse_structure(parts.structure)
    held = (structure.digest, describe_data(parts.data))
    if held != (manifest.structure, manifest.data):
        raise DigestMismatchError("data or structure are not those of the manifest")
    if structure.basis == "non_personal":
        raise MalformedError("the release counts nobody, so nobody can be found in it")
    table = parse_data(parts.data, structure, manifest.profile)
    return HeldRelease(document.document_id, manifest, table)


def relation(ours: HeldRelease, other: HeldRelease) -> Relation | None:
    """How the people of another release stand to ours; None if they are others."""
    mine, theirs = ours.manifest, other.manifest
    same_place = (mine.publisher, mine.cohort_period) == (
        theirs.publisher,
        theirs.cohort_period,
    )
    if not same_place:
        return None
    our_cohort, their_cohort = ours.structure.cohort, other.structure.cohort
    if our_cohort is None and their_cohort is None:
        is_same = ours.structure.event == other.structure.event
        return Relation.SAME_PEOPLE if is_same else None
    if our_cohort is not None and our_cohort.dataflow == other.structure.id:
        return Relation.COHORT
    is_outcome = their_cohort is not None and their_cohort.dataflow == ours.structure.id
    return Relation.OUTCOME if is_outcome else None


def all_rows(space: Space, ours: HeldRelease, others: Sequence[HeldRelease]) -> System:
    """Everything that the releases say about the people of the first."""
    said = [statements(space, ours.table.profile, ours.table)]
    for other in others:
        found = relation(ours, other)
        if found is not None:
            earlier = Earlier(other.release_id, other.table, found)
            said.append(statements_of_earlier(space, earlier))
    return System.of(space, said)


def row_values(space: Space, ours: HeldRelease, system: System) -> Numbers:
    """The shown value of each row of `system`; not a number where there is none."""
    cells = list(ours.table)
    sets = map(tuple, space.cell_sets([cell.codes for cell in cells]).tolist())
    values: Mapping[tuple[int, ...], float] = {
        key: np.nan if cell.value is None else float(cell.value)
        for key, cell in zip(sets, cells, strict=True)
    }
    return np.array(
        [values.get(tuple(key), np.nan) for key in system.rows.sets.tolist()]
    )


def read_truth(space: Space, text: str) -> Integers:
    """The true numbers in the base cells, from CSV.

    One column for each splitting dimension with its leaf codes, and `LEARNERS`.

    Raises:
        MalformedError: other columns, an unknown code, or no number.
    """
    splits = [split.id for split in space.structure.split_dimensions]
    places = [{leaf: place for place, leaf in enumerate(ids)} for ids in space.leaves]
    counts = np.zeros(space.shape, dtype=np.int64)
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        try:
            cell = tuple(
                held[row[split]] for held, split in zip(places, splits, strict=True)
            )
            counts[cell] += int(row[LEARNERS])
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedError(
                f"line {number} of the truth has no leaf codes or no {LEARNERS}"
            ) from error
    return counts.ravel()
