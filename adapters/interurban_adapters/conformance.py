"""The rules of `adapter` as plain functions, for our adapters and everybody else's.

Each takes a factory, which puts sample tables where the adapter looks and opens it with
pages of at most `PAGE_ROWS` rows; each raises NotConformantError when a rule is broken.
In pytest::

    @pytest.mark.parametrize("check", ALL_CHECKS)
    def test_the_adapter_keeps_the_contract(check, tmp_path):
        check(lambda tables: my_adapter_over(tables, tmp_path))
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from interurban_adapters.adapter import (
    Adapter,
    Join,
    Page,
    SourceRow,
    SourceTable,
    Where,
)
from interurban_adapters.errors import NotConformantError, SourceChangedError

PAGE_ROWS = 7


@dataclass(frozen=True, slots=True)
class SampleTable:
    """A table to be put into the source: texts, and None for what is not there."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


AdapterFactory: TypeAlias = Callable[[Mapping[str, SampleTable]], Adapter]
"""Makes a source of the tables named, in place of any before, and opens it."""

_COLUMNS = ("number", "name", "city")
_TABLE = SourceTable(table="people", key=("number",))


def check_two_reads_give_the_same(factory: AdapterFactory) -> None:
    """Rule 2: the same rows in the same order."""
    adapter = factory({"people": _people(40)})
    if _rows(adapter, _TABLE) != _rows(adapter, _TABLE):
        raise NotConformantError("two reads of an unchanged source differ")


def check_every_row_leaves_once(factory: AdapterFactory) -> None:
    """Rules 1 and 3, around the sizes at which pages end."""
    for count in (0, 1, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, 5 * PAGE_ROWS + 3):
        adapter = factory({"people": _people(count)})
        pages = list(adapter.read(_TABLE))
        _check_pages(pages)
        keys = [row.key for page in pages for row in page.rows]
        if sorted(map(str, keys)) != sorted(f"p{i:03}" for i in range(count)):
            raise NotConformantError(f"of {count} rows not each one left once")


def check_keys_are_the_rows_keys(factory: AdapterFactory) -> None:
    """The set for finding deletions is the keys of the rows, bad ones included."""
    adapter = factory({"people": _with_bad_rows()})
    found = {row.key for row in _rows(adapter, _TABLE) if row.key is not None}
    if adapter.keys(_TABLE) != found:
        raise NotConformantError("keys() and the keys of the rows differ")


def check_every_cursor_reads_on(factory: AdapterFactory) -> None:
    """Rule 4: after each page, with a new adapter as after a crash."""
    tables = {"people": _with_bad_rows()}
    pages = list(factory(tables).read(_TABLE))
    for place, page in enumerate(pages[:-1], 1):
        expected = [row for later in pages[place:] for row in later.rows]
        found = [
            row
            for more in factory(tables).read(_TABLE, page.cursor)
            for row in more.rows
        ]
        if found != expected:
            raise NotConformantError(
                f"the cursor of page {place} loses or doubles rows"
            )


def check_a_strange_cursor_starts_again(factory: AdapterFactory) -> None:
    """Rule 4: a cursor from nowhere is no error and skips nothing."""
    adapter = factory({"people": _people(PAGE_ROWS)})
    whole = _rows(adapter, _TABLE)
    for cursor in ("", "nonsense", "[1]x", "a:b:c", "9999999999999999999999:1"):
        rows = tuple(row for page in adapter.read(_TABLE, cursor) for row in page.rows)
        if rows != whole:
            raise NotConformantError("a cursor that fits nothing skips rows")


def check_bad_rows_do_not_stop_others(factory: AdapterFactory) -> None:
    """Rule 1: a key twice and a missing key are faults of their rows."""
    sample = _with_bad_rows()
    rows = _rows(factory({"people": sample}), _TABLE)
    if len(rows) != len(sample.rows):
        raise NotConformantError("a bad row is lost or takes others with it")
    reasons = sorted(fault.reason for row in rows for fault in row.faults)
    if reasons != [
        "the key is missing",
        "the key occurs twice",
        "the key occurs twice",
    ]:
        raise NotConformantError("the bad rows do not carry their faults")


def check_the_fingerprint_shows_a_lost_column(factory: AdapterFactory) -> None:
    """The schema's fingerprint is steady, and another when a column goes or comes."""
    full, fewer = _people(3), _people(3, columns=("number", "name"))
    before = factory({"people": full}).schema(_TABLE)
    again = factory({"people": full}).schema(_TABLE)
    after = factory({"people": fewer}).schema(_TABLE)
    if before != again:
        raise NotConformantError("the fingerprint of an unchanged table changes")
    if before.fingerprint == after.fingerprint or "city" in after.columns:
        raise NotConformantError("the fingerprint does not show that a column went")


def check_a_needed_column_is_missed(factory: AdapterFactory) -> None:
    """Rule 6: refused when needed, and only then."""
    adapter = factory({"people": _people(3, columns=("number", "name"))})
    needs = {"table": "people", "key": ("number",), "columns": ("city", "name")}
    optional = SourceTable(**needs, optional_columns=("city",))  # type: ignore[arg-type]  # a mixed dict
    if len(_rows(adapter, optional)) != 3:
        raise NotConformantError("a column that is optional is missed")
    try:
        _rows(adapter, SourceTable(**needs))  # type: ignore[arg-type]  # a mixed dict
    except SourceChangedError:
        return
    raise NotConformantError("a needed column is gone and nobody says so")


def check_filters_leave_out_only_others(factory: AdapterFactory) -> None:
    """`where`: one's own rows, nobody's rows as faults, others' rows not at all."""
    people = (("1", "a", "x"), ("2", "b", "y"), ("3", "c", "?"), ("4", "d", None))
    adapter = factory({"people": SampleTable(_COLUMNS, people)})
    plain = Where(column="city", equals=("x",))
    strict = Where(column="city", equals=("x",), others=("y",))
    for where, keys, faulty in ((plain, "1", 0), (strict, "134", 2)):
        table = _TABLE.model_copy(update={"where": (where,), "null": ("?",)})
        rows = _rows(adapter, table)
        if "".join(sorted(str(row.key) for row in rows)) != keys:
            raise NotConformantError("a filter leaves out or takes in the wrong rows")
        if sum(bool(row.faults) for row in rows) != faulty:
            raise NotConformantError("rows of nobody are not faults")


def check_joins_are_left_outer_joins(factory: AdapterFactory) -> None:
    """Rule 5, with and without a partner, and with two."""
    cities = SampleTable(
        ("city", "land"), (("c0", "north"), ("c1", "south"), ("c1", "again"))
    )
    adapter = factory({"people": _people(3), "cities": cities})
    expected = {
        "null": [
            ("p000", "north"),
            ("p001", "again"),
            ("p001", "south"),
            ("p002", None),
        ],
        "skip": [("p000", "north"), ("p001", "again"), ("p001", "south")],
    }
    for missing, pairs in expected.items():
        join = Join(table="cities", prefix="at.", on=("city",), missing=missing)  # type: ignore[arg-type]  # its literals
        rows = _rows(adapter, _TABLE.model_copy(update={"joins": (join,)}))
        found = [(str(row.key), row.values.get("at.land")) for row in rows]
        if sorted(found, key=str) != pairs:
            raise NotConformantError("a join gives other rows than a left outer join")
    join = Join(table="cities", prefix="at.", on=("city",), missing="reject")
    rows = _rows(adapter, _TABLE.model_copy(update={"joins": (join,)}))
    if sorted(str(row.key) for row in rows if row.faults) != ["p001", "p002"]:
        raise NotConformantError("a row without a partner is no fault")


def check_distinct_takes_the_first(factory: AdapterFactory) -> None:
    """`distinct`: one row for each key, without faults."""
    table = _TABLE.model_copy(update={"key": ("city",), "distinct": True})
    rows = _rows(factory({"people": _people(30)}), table)
    keys = sorted(str(row.key) for row in rows)
    if keys != ["c0", "c1", "c2"] or any(row.faults for row in rows):
        raise NotConformantError("distinct does not give one sound row for each key")


def check_composite_keys_stay_apart(factory: AdapterFactory) -> None:
    """Keys of several columns: a slash in a value is not the slash between values."""
    people = (("a/b", "c", "x"), ("a", "b/c", "x"), ("a%2Fb", "c", "x"))
    table = _TABLE.model_copy(update={"key": ("number", "name")})
    adapter = factory({"people": SampleTable(_COLUMNS, people)})
    if len(adapter.keys(table)) != len(people):
        raise NotConformantError("different keys of two columns become equal")


ALL_CHECKS: tuple[Callable[[AdapterFactory], None], ...] = (
    check_two_reads_give_the_same,
    check_every_row_leaves_once,
    check_keys_are_the_rows_keys,
    check_every_cursor_reads_on,
    check_a_strange_cursor_starts_again,
    check_bad_rows_do_not_stop_others,
    check_the_fingerprint_shows_a_lost_column,
    check_a_needed_column_is_missed,
    check_filters_leave_out_only_others,
    check_joins_are_left_outer_joins,
    check_distinct_takes_the_first,
    check_composite_keys_stay_apart,
)


def _people(count: int, columns: Sequence[str] = _COLUMNS) -> SampleTable:
    rows = ((f"p{i:03}", f"name {i}", f"c{i % 3}") for i in range(count))
    return SampleTable(tuple(columns), tuple(row[: len(columns)] for row in rows))


def _with_bad_rows() -> SampleTable:
    rows = list(_people(4 * PAGE_ROWS).rows)
    rows.insert(PAGE_ROWS, rows[PAGE_ROWS - 1])  # twice, at the end of a page
    rows.insert(3, (None, "nobody", "c0"))
    rows.append(("p002", "another", "c1"))
    return SampleTable(_COLUMNS, tuple(rows))


def _rows(adapter: Adapter, table: SourceTable) -> tuple[SourceRow, ...]:
    return tuple(row for page in adapter.read(table) for row in page.rows)


def _check_pages(pages: Sequence[Page]) -> None:
    if not pages or not pages[-1].complete:
        raise NotConformantError("the last page is not complete")
    if any(page.complete for page in pages[:-1]):
        raise NotConformantError("a page before the last says that it is complete")
    if any(len(page.rows) > PAGE_ROWS for page in pages):
        raise NotConformantError("a page is larger than agreed")
    if any(one.cursor == other.cursor for one, other in pairwise(pages)):
        raise NotConformantError("two pages have the same cursor")
