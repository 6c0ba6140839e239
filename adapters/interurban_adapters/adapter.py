"""The contract between a registry system and the node: probe, schema, read, keys.

An adapter reads and does nothing else; mapping, pseudonymising, checking and storing are
the node's. It reads one `SourceTable` at a time, under these rules, which `conformance`
checks:

1. Every row leaves, a bad one with its `faults`; only `where`, `distinct` and a join with
   `missing = "skip"` leave rows out, because the mapping says so.
2. Two reads of an unchanged source give the same rows in the same order.
3. The last page, and only the last, is `complete`; an empty table has one empty page.
4. Reading on from the cursor of any page gives exactly the rows after that page. A cursor
   that no longer fits the source starts again at the first row.
5. A joined table adds columns under its prefix, as a left outer join does.
6. A needed column that is gone is a `SourceChangedError` before the first row.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from interurban_adapters.errors import SourceChangedError
from interurban_protocol.encoding import canonical_json, sha256_digest

Value: TypeAlias = str | int | float | date | None
Values: TypeAlias = Mapping[str, Value]

DEFAULT_PAGE_ROWS = 10_000

ColumnName = Annotated[str, Field(min_length=1, max_length=200)]


class SourcePart(BaseModel):
    """Base of what a mapping says about a source: strict, frozen, nothing unknown."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Where(SourcePart):
    """Only rows whose column equals one of these texts, blanks at the ends ignored.

    Without `others` every other row is left out. With it, rows that hold one of `others`
    belong to somebody else and are left out, and any other value, a missing one included,
    is a fault of the row, so that nobody's rows get lost.
    """

    column: ColumnName
    equals: tuple[str, ...]
    others: tuple[str, ...] | None = None


class Join(SourcePart):
    """Columns of another table: those of its row with the same values in `on`.

    `missing` says what becomes of a row without a partner: nulls, a fault, or left out.
    """

    table: ColumnName
    prefix: ColumnName
    on: tuple[ColumnName, ...] = Field(min_length=1)
    missing: Literal["null", "reject", "skip"] = "null"


class SourceTable(SourcePart):
    """What to read: a table or file, its key, and which of its rows and columns.

    `columns` are the needed ones, joined ones with their prefix; empty means all of them.
    `null` lists the texts that mean missing; the empty text always does. With `distinct`
    the first row of each key is taken and the rest are no fault. `delimiter` is for files.
    """

    table: ColumnName
    key: tuple[ColumnName, ...] = Field(min_length=1)
    null: tuple[str, ...] = ()
    distinct: bool = False
    where: tuple[Where, ...] = ()
    joins: tuple[Join, ...] = ()
    delimiter: Literal[",", ";", "\t"] | None = None
    columns: tuple[ColumnName, ...] = ()
    optional_columns: tuple[ColumnName, ...] = ()

    def columns_to_read(self, present: Iterable[str]) -> tuple[str, ...]:
        """The columns, of those `present` after joining, that a row will carry.

        Raises:
            SourceChangedError: a needed one is not there; names it.
        """
        there = tuple(dict.fromkeys(present))
        joined_on = (
            f"{join.prefix}{column}" for join in self.joins for column in join.on
        )
        filters = (where.column for where in self.where)
        on = (column for join in self.joins for column in join.on)
        own = (*self.key, *filters, *on, *joined_on)
        needed = dict.fromkeys((*own, *self.columns))
        for column in needed:
            if column not in there and column not in self.optional_columns:
                raise SourceChangedError(f"{self.table} has no column {column}")
        if not self.columns:
            return there
        return tuple(column for column in there if column in needed)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a row is refused: the field or column, and a reason without the row's values."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One row of a source.

    `key` is the values of the key columns joined with `/`, None when one is missing.
    `row_number` is the line of a file, or the place in the order of keys, from 1.
    """

    key: str | None
    values: Values
    row_number: int
    faults: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows, and where to read on: None means from the first row."""

    rows: tuple[SourceRow, ...]
    cursor: str | None
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a source is and can do. `incremental`: a complete page's cursor finds changes."""

    system: str
    tables: tuple[str, ...]
    incremental: bool
    sees_deletes: bool


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The columns of a table with its joins, and a digest of them with their types."""

    columns: tuple[str, ...]
    fingerprint: str


class Adapter(Protocol):
    """What every adapter offers; the module's docstring has the rules.

    All methods raise SourceUnreadableError, and all but `probe` SourceChangedError.
    """

    def probe(self) -> Capabilities:
        """What the source is; fails when it cannot be reached."""
        ...

    def schema(self, table: SourceTable) -> TableSchema:
        """The columns that are there now, needed or not."""
        ...

    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        """The rows after `cursor` in pages."""
        ...

    def keys(self, table: SourceTable) -> frozenset[str]:
        """The keys of all rows, bad ones included, for finding deletions."""
        ...


def schema_of(types: Mapping[str, str]) -> TableSchema:
    """The schema of columns by name with their types; the order does not matter."""
    return TableSchema(tuple(types), sha256_digest(canonical_json(dict(types))))


def keys_of(pages: Iterable[Page]) -> frozenset[str]:
    """The keys of the rows in `pages`."""
    return frozenset(
        row.key for page in pages for row in page.rows if row.key is not None
    )


def only_keys(table: SourceTable) -> SourceTable:
    """`table` with no more columns than its keys and filters need."""
    return table.model_copy(update={"columns": table.key})


def text_of(value: Value) -> str:
    """A source's value as text: stripped, `true`/`false`, dates in ISO form, None empty."""
    match value:
        case str():
            return value.strip()
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case _:
            return str(value)


class RowSieve:
    """Makes `SourceRow`s of raw rows for one read: filters, keys, duplicates, joins.

    Raw rows are given in the order of the source, those before a cursor included, if the
    source cannot promise that equal keys stand together.
    """

    def __init__(self, table: SourceTable) -> None:
        self._table = table
        self._nulls = frozenset(("", *table.null))
        self._seen: set[str] = set()

    def sift(
        self, values: Values, row_number: int, faults: tuple[Rejection, ...] = ()
    ) -> SourceRow | None:
        """The row with its key and all its faults, or None if it is to be left out."""
        found = list(faults)
        if not (self._is_wanted(values, found) and self._has_partners(values, found)):
            return None
        key = self._key(values)
        if key is None:
            found.append(Rejection("key", "the key is missing"))
        elif not found:
            if key in self._seen and self._table.distinct:
                return None
            if key in self._seen:
                found.append(Rejection("key", "the key occurs twice"))
            self._seen.add(key)
        return SourceRow(
            key=key, values=values, row_number=row_number, faults=tuple(found)
        )

    def leaves_out(self, values: Values) -> bool:
        """Whether the row is somebody else's by the filters on the columns it has so far.

        Spares an adapter the work of joining rows that the filters leave out anyway.
        """
        for where in self._table.where:
            if where.column in values:
                text = text_of(values[where.column])
                if text not in where.equals and _is_others(text, where):
                    return True
        return False

    def _is_wanted(self, values: Values, found: list[Rejection]) -> bool:
        for where in self._table.where:
            text = text_of(values.get(where.column))
            if text in where.equals:
                continue
            if _is_others(text, where):
                return False
            found.append(Rejection(where.column, self._why_unknown(text)))
        return True

    def _why_unknown(self, text: str) -> str:
        if text in self._nulls:
            return "the value is missing"
        return "the value is not one that the mapping knows"

    def _has_partners(self, values: Values, found: list[Rejection]) -> bool:
        for join in self._table.joins:
            if values.get(f"{join.prefix}{join.on[0]}") is not None:
                continue
            if join.missing == "skip":
                return False
            if join.missing == "reject":
                reason = f"no row of {join.table} belongs to it"
                found.append(Rejection(join.on[0], reason))
        return True

    def _key(self, values: Values) -> str | None:
        parts = [text_of(values.get(column)) for column in self._table.key]
        if any(part in self._nulls for part in parts):
            return None
        if len(parts) == 1:
            return parts[0]
        return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def _is_others(text: str, where: Where) -> bool:
    return where.others is None or text in where.others
