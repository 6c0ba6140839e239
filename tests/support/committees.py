"""Builders for committees: released tables of made-up cities, and their sources."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from interurban_node.committee.rules import (
    OUTCOME,
    Breakdown,
    City,
    CommitteeTable,
    Source,
    make_table,
)
from interurban_protocol.disclosure import closed_lattice
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.releases import ReleasedTable
from interurban_protocol.structures import TOTAL, Structure
from tests.support.counting import CITIES, PERIOD, a_small_structure
from tests.support.statistics import DEFAULT

CUT_OFF = datetime(2026, 2, 15, tzinfo=UTC)
NAMES: Mapping[str, Mapping[str, str]] = {
    CITIES[0]: {"en": "Lakeside", "ar": "ليك سايد"},
    CITIES[1]: {"en": "Northport", "ar": "نورث بورت"},
    CITIES[2]: {"en": "Eastvale", "ar": "إيست فيل"},
}


def the_cities() -> list[City]:
    """Lakeside, Northport and Eastvale."""
    return [City(node, names) for node, names in NAMES.items()]


def a_table(
    values: Mapping[tuple[tuple[str, str], ...], int | None],
    *,
    period: str = PERIOD,
    structure: Structure | None = None,
    profile: ProtectionProfile = DEFAULT,
) -> ReleasedTable:
    """A release in which the cells of `values` are as given and all others hidden.

    A cell is named by its codes that are not the total, as sorted pairs.
    """
    structure = structure or a_small_structure()
    splits = [split.id for split in structure.split_dimensions]
    found: dict[tuple[str, ...], int | None] = {}
    for codes in closed_lattice(structure, profile.max_dimensions):
        chosen = zip(splits, codes, strict=True)
        named = tuple(sorted(pair for pair in chosen if pair[1] != TOTAL))
        found[codes] = values.get(named)
    return ReleasedTable(structure, profile, "area", period, found)


def cell(**codes: str) -> tuple[tuple[str, str], ...]:
    """The name of a cell for `a_table`."""
    return tuple(sorted(codes.items()))


def counts(
    started: int | None, completed: int | None, **codes: str
) -> dict[tuple[tuple[str, str], ...], int | None]:
    """A cell and its part that completed."""
    return {
        cell(**codes): started,
        cell(**codes, **{OUTCOME: "COM"}): completed,
    }


def a_source(
    node: str, table: ReleasedTable | None, period: str = PERIOD, coverage: int = 80
) -> Source:
    """A city's release, or that there is none."""
    if table is None:
        return Source(node=node, period=period)
    return Source(
        node=node,
        period=period,
        release_id="sha256:" + "b" * 64,
        cut_off=CUT_OFF,
        coverage=coverage,
        table=table,
    )


def a_committee_table(
    tables: Sequence[ReleasedTable | None],
    by: Sequence[str] = (),
    **filters: str,
) -> CommitteeTable:
    """The table of the three cities with these releases, in their order."""
    sources = [
        a_source(node, table) for node, table in zip(CITIES, tables, strict=True)
    ]
    profiles = [table.profile for table in tables if table is not None]
    structure = next((t.structure for t in tables if t is not None), None)
    return make_table(
        structure or a_small_structure(),
        Breakdown(tuple(by), filters),
        the_cities(),
        sources,
        profiles or [DEFAULT],
    )
