"""Which cells of which releases a data query wants.

The cells of each release are a data set of their own, because its attributes (which release,
how protected, what coverage) belong to all of its cells and to no other's.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from interurban_node.aggregates.catalogue import Entry
from interurban_node.sdmx.chosen_codes import choose_codes
from interurban_node.sdmx.data_queries import DataQuery
from interurban_node.sdmx.filters import Test
from interurban_node.sdmx.model import DATASET_ATTRIBUTES, MEASURE
from interurban_protocol.disclosure import Cell
from interurban_protocol.encoding import JsonValue
from interurban_protocol.errors import OversizedError
from interurban_protocol.releases import ReleasedTable
from interurban_protocol.structures import (
    AREA_DIMENSION,
    TIME_DIMENSION,
    Structure,
)

MAX_CELLS: Final = 100_000
HIDDEN: Final = ("Q", "A")  # OBS_STATUS and CONF_STATUS
SHOWN: Final = ("A", "F")


@dataclass(frozen=True, slots=True)
class Row:
    """One observation: its codes in the order of the dimensions, and its value if shown."""

    codes: tuple[str, ...]
    value: int | None

    @property
    def marks(self) -> tuple[str, str]:
        """OBS_STATUS and CONF_STATUS."""
        return HIDDEN if self.value is None else SHOWN


@dataclass(frozen=True, slots=True)
class DataSet:
    """The rows that are wanted of one release, and what is true of all of them."""

    attributes: Mapping[str, str]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a query selects, and whether more would follow after its limit."""

    sets: tuple[DataSet, ...]
    has_more: bool


def attributes_of(entry: Entry) -> dict[str, str]:
    """The attributes of a release's data set; those without a value are left out."""
    manifest = entry.manifest
    found = {
        "RELEASE_ID": entry.release_id,
        "PROTECTION": protection_text(manifest.profile.model_dump(mode="json")),
        "SCHEMA_HASH": manifest.structure,
        "REVISION": str(manifest.revision),
        "COVERAGE": "" if manifest.coverage is None else str(manifest.coverage),
    }
    return {name: found[name] for name in DATASET_ATTRIBUTES if found[name]}


def protection_text(profile: Mapping[str, JsonValue], prefix: str = "") -> str:
    """The numbers of a protection profile as `threshold=10;perturbation.maximum=5`."""
    parts = []
    for name, value in profile.items():
        if isinstance(value, Mapping):
            parts.append(protection_text(value, f"{prefix}{name}."))
        elif isinstance(value, int | float):
            parts.append(f"{prefix}{name}={value}")
    return ";".join(parts)


def wanted_entries(
    query: DataQuery, structure: Structure, entries: Iterable[Entry]
) -> list[Entry]:
    """The releases that a query can want cells of, by what their manifests say.

    Only these are read, and only their sending is logged.
    """
    found = list(entries)
    constants = {
        AREA_DIMENSION: {each.manifest.ref_area for each in found},
        TIME_DIMENSION: {each.manifest.cohort_period for each in found},
    }
    chosen = choose_codes(query, structure, _tests(query), constants)
    names = [each.id for each in structure.dimensions]
    area, time = names.index(AREA_DIMENSION), names.index(TIME_DIMENSION)

    def fits(entry: Entry) -> bool:
        manifest = entry.manifest
        return chosen.can_accept(
            {area: manifest.ref_area, time: manifest.cohort_period}
        )

    return [each for each in found if fits(each)]


def select(
    query: DataQuery,
    structure: Structure,
    tables: Sequence[tuple[Entry, ReleasedTable]],
) -> Selection:
    """The rows that the query wants, in order of area, period and cell.

    Raises:
        OversizedError: more than `MAX_CELLS`, and no smaller limit was set.
    """
    passes = row_test(query, structure, [table for _, table in tables])
    ordered: Iterable[tuple[int, Row]] = (
        (number, row)
        for number, (_, table) in enumerate(tables)
        for row in rows_of(table)
        if passes(row)
    )
    if query.first or query.last:
        ordered = _ends(query, list(ordered), structure)
    limit = page_size(query)
    found = list(islice(ordered, query.offset, query.offset + limit + 1))
    if query.limit is None and len(found) > limit:
        raise OversizedError(
            f"the answer has more than {MAX_CELLS} cells",
            next_step=f"Page through it: limit={MAX_CELLS // 2}&offset=0, then follow "
            "the link `next`; or choose less by key.",
        )
    rows: dict[int, list[Row]] = {}
    for number, row in found[:limit]:
        rows.setdefault(number, []).append(row)
    return Selection(
        tuple(
            DataSet(attributes_of(tables[number][0]), tuple(some))
            for number, some in rows.items()
        ),
        len(found) > limit,
    )


def page_size(query: DataQuery) -> int:
    """How many cells an answer has at most."""
    return min(query.limit or MAX_CELLS, MAX_CELLS)


def rows_of(table: ReleasedTable) -> Iterator[Row]:
    """Every cell of a release as an observation."""
    place = _placing(table)
    return (Row(place(cell), cell.value) for cell in table)


def _placing(table: ReleasedTable) -> Callable[[Cell], tuple[str, ...]]:
    """Puts a cell's codes into the order of all dimensions."""
    constants = {
        AREA_DIMENSION: table.ref_area,
        TIME_DIMENSION: table.time_period,
    }
    splits = [each.id for each in table.structure.split_dimensions]
    where = [
        (constants.get(each.id, ""), splits.index(each.id) if each.is_split else -1)
        for each in table.structure.dimensions
    ]

    def place(cell: Cell) -> tuple[str, ...]:
        codes = cell.codes
        return tuple(
            [codes[split] if split >= 0 else constant for constant, split in where]
        )

    return place


def row_test(
    query: DataQuery, structure: Structure, tables: Iterable[ReleasedTable]
) -> Callable[[Row], bool]:
    """Whether a row of one of the tables passes the keys and filters of a query."""
    tests = _tests(query)
    found = list(tables)
    constants = {
        AREA_DIMENSION: {each.ref_area for each in found},
        TIME_DIMENSION: {each.time_period for each in found},
    }
    chosen = choose_codes(query, structure, tests, constants)
    of_marks = [
        (number, tests[name])
        for number, name in enumerate(("OBS_STATUS", "CONF_STATUS"))
        if name in tests
    ]
    of_value = tests.get(MEASURE)

    def passes(row: Row) -> bool:
        if not chosen.accepts(row.codes):
            return False
        if of_marks and not all(test(row.marks[number]) for number, test in of_marks):
            return False
        text = "" if row.value is None else str(row.value)
        return of_value is None or of_value(text)

    return passes


def _tests(query: DataQuery) -> dict[str, Test]:
    """One test for each component, also where two filters are about the same one."""
    found: dict[str, Test] = {}
    for each in query.filters:
        test, before = each.test(), found.get(each.component)
        found[each.component] = test if before is None else _both(before, test)
    return found


def _both(left: Test, right: Test) -> Test:
    return lambda text: left(text) and right(text)


def _ends(
    query: DataQuery, rows: list[tuple[int, Row]], structure: Structure
) -> list[tuple[int, Row]]:
    """The first and the last observations of each series, as many as are wanted."""
    time = [each.id for each in structure.dimensions].index(TIME_DIMENSION)
    kept: set[int] = set()
    for count, is_backwards in ((query.first, False), (query.last, True)):
        seen: Counter[tuple[str, ...]] = Counter()
        places = sorted(
            range(len(rows)), key=lambda n: rows[n][1].codes[time], reverse=is_backwards
        )
        for place in places if count else ():
            codes = rows[place][1].codes
            series = codes[:time] + codes[time + 1 :]
            seen[series] += 1
            if seen[series] <= (count or 0):
                kept.add(place)
    return [rows[place] for place in sorted(kept)]


__all__ = [
    "MAX_CELLS",
    "DataSet",
    "Row",
    "Selection",
    "attributes_of",
    "page_size",
    "protection_text",
    "row_test",
    "rows_of",
    "select",
    "wanted_entries",
]
