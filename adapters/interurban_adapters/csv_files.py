"""Registry exports as CSV files in a folder, read in place and never copied.

A file is checked whole before its first row leaves (`csv_text`), so that a file which is
half there gives no rows at all. A line that is wrong in itself leaves as a row with faults.
`row_number` is the line on which a row begins. Every read is of the whole export: absence
is deletion, and a cursor counts the rows so far of one exact state of the files.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from interurban_adapters.adapter import (
    DEFAULT_PAGE_ROWS,
    Capabilities,
    Join,
    Page,
    Rejection,
    RowSieve,
    SourceRow,
    SourceTable,
    TableSchema,
    Values,
    keys_of,
    only_keys,
    schema_of,
)
from interurban_adapters.csv_text import CsvLine, CsvText
from interurban_adapters.errors import SourceUnreadableError

MAX_FILE_BYTES = 1_000_000_000

_Place: TypeAlias = tuple[str, int]  # a column's name in the row, and its cell
_Partner: TypeAlias = tuple[Mapping[str, str], tuple[Rejection, ...]]
_NO_PARTNER: tuple[_Partner, ...] = (({}, ()),)


@dataclass(frozen=True, slots=True)
class _Export:
    """The files that one table needs, in one exact state."""

    table: SourceTable
    main: CsvText
    joined: tuple[tuple[Join, CsvText], ...]
    digest: str

    def columns(self) -> dict[str, str]:
        joined = (
            f"{join.prefix}{name}"
            for join, text in self.joined
            for name in text.columns
        )
        return dict.fromkeys((*self.main.columns, *joined), "text")


class CsvFiles:
    """The adapter for CSV files in one folder, or in several that are searched in turn.

    A table is named by its file, with or without `.csv`.
    """

    def __init__(self, *folders: Path, page_rows: int = DEFAULT_PAGE_ROWS) -> None:
        self._folders = folders
        self._page_rows = page_rows

    def probe(self) -> Capabilities:
        """The CSV files that are there.

        Raises:
            SourceUnreadableError: a folder cannot be listed.
        """
        try:
            names = {path.name for folder in self._folders for path in folder.iterdir()}
        except OSError as error:
            raise SourceUnreadableError("the folder cannot be listed") from error
        return Capabilities(
            system="csv files",
            tables=tuple(sorted(name for name in names if name.endswith(".csv"))),
            incremental=False,
            sees_deletes=False,
        )

    def schema(self, table: SourceTable) -> TableSchema:
        """The columns of the file and of the files joined to it."""
        return schema_of(self._open(table).columns())

    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        """The rows in the order of the file; see the module's docstring.

        Raises:
            SourceUnreadableError: a file is missing, too large or not UTF-8.
            SourceChangedError: a needed column is gone, or a file is half there.
        """
        export = self._open(table)
        columns = table.columns_to_read(export.columns())
        rows = _rows(export, columns)
        done = _rows_before(cursor, export.digest)
        return _pages(islice(rows, done, None), done, export.digest, self._page_rows)

    def keys(self, table: SourceTable) -> frozenset[str]:
        """The keys of all rows."""
        return keys_of(self.read(only_keys(table)))

    def _open(self, table: SourceTable) -> _Export:
        digest = hashlib.sha256()
        texts: dict[str, CsvText] = {}
        for name in (table.table, *(join.table for join in table.joins)):
            if name not in texts:
                data = self._file_bytes(name)
                digest.update(hashlib.sha256(data).digest())
                texts[name] = CsvText(data, name, table.delimiter)
        joined = tuple((join, texts[join.table]) for join in table.joins)
        return _Export(table, texts[table.table], joined, digest.hexdigest()[:16])

    def _file_bytes(self, name: str) -> bytes:
        path = self._path(name)
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise SourceUnreadableError(f"{name} is larger than a gigabyte")
            return path.read_bytes()
        except OSError as error:
            raise SourceUnreadableError(f"{name} cannot be read") from error

    def _path(self, name: str) -> Path:
        if Path(name).name != name:
            raise SourceUnreadableError(
                f"{name} is not the name of a file in the folder"
            )
        for folder in self._folders:
            for path in (folder / name, folder / f"{name}.csv"):
                if path.is_file():
                    return path
        raise SourceUnreadableError(f"there is no file {name}")


def _rows(export: _Export, columns: Sequence[str]) -> Iterator[SourceRow]:
    sieve = RowSieve(export.table)
    places = [(n, p) for n, p in export.main.columns.items() if n in columns]
    indexes = [(join, _index(join, text, columns)) for join, text in export.joined]
    for line in export.main.lines():
        own = _values(line, places)
        if sieve.leaves_out(own):
            continue
        faults = () if line.fault is None else (line.fault,)
        partners: list[tuple[Values, tuple[Rejection, ...]]] = [(own, faults)]
        for join, index in indexes:
            partners = [
                ({**values, **more}, faults + more_faults)
                for values, faults in partners
                for more, more_faults in index.get(_join_key(own, join), _NO_PARTNER)
            ]
        for values, all_faults in partners:
            row = sieve.sift(values, line.number, all_faults)
            if row is not None:
                yield row


def _values(line: CsvLine, places: Sequence[_Place]) -> dict[str, str]:
    cells = line.cells
    if line.fault is None:
        return {name: cells[place] for name, place in places}
    if line.raw:
        return {"line": line.raw}
    values = {name: cells[place] for name, place in places if place < len(cells)}
    named = {place for _, place in places}
    rest = {f"cell {i}": c for i, c in enumerate(cells, 1) if i - 1 not in named}
    return values | rest  # all of it, for whoever mends the line


def _index(
    join: Join, text: CsvText, columns: Sequence[str]
) -> dict[tuple[str, ...], list[_Partner]]:
    """The joined file's rows by their key, with prefixed names."""
    index: dict[tuple[str, ...], list[_Partner]] = {}
    wanted = [(f"{join.prefix}{name}", place) for name, place in text.columns.items()]
    places = [(name, place) for name, place in wanted if name in columns]
    broken = Rejection("row", f"the line of {join.table} that belongs to it is broken")
    for line in text.lines():
        values = {name: line.cells[p] for name, p in places if p < len(line.cells)}
        key = tuple(values.get(f"{join.prefix}{on}", "").strip() for on in join.on)
        faults = () if line.fault is None else (broken,)
        index.setdefault(key, []).append((values, faults))
    return index


def _join_key(values: Mapping[str, str], join: Join) -> tuple[str, ...]:
    return tuple(values.get(column, "").strip() for column in join.on)


def _rows_before(cursor: str | None, digest: str) -> int:
    match (cursor or "").split(":"):
        case [state, count] if state == digest and count.isascii() and count.isdigit():
            return int(count[:15])
        case _:
            return 0  # the files are other files now


def _pages(
    rows: Iterator[SourceRow], done: int, digest: str, page_rows: int
) -> Iterator[Page]:
    held = tuple(islice(rows, page_rows))
    while following := tuple(islice(rows, page_rows)):
        done += len(held)
        yield Page(rows=held, cursor=f"{digest}:{done}", complete=False)
        held = following
    yield Page(rows=held, cursor=None, complete=True)
