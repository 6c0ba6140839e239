"""One CSV file as a checked whole: its columns, and its lines with what is wrong in them.

Pure: the bytes are given. UTF-8 with or without a byte order mark; `,` `;` or tab, as told
or taken from the header line alone; LF or CRLF; cells in quotes, with line breaks in them;
blanks around column names; blank lines; empty cells beyond the last column.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from interurban_adapters.adapter import Rejection
from interurban_adapters.errors import SourceChangedError, SourceUnreadableError

_DELIMITERS = (",", ";", "\t")
_QUOTED = re.compile(r'"[^"]*"')
_CHUNK_BYTES = 1 << 20

_BROKEN_QUOTES = Rejection("row", "the quotation marks of the line are broken")

_Record: TypeAlias = tuple[int, int, list[str] | None]  # first line, last line, cells


@dataclass(frozen=True, slots=True)
class CsvLine:
    """A line after the header: its number from 1, its cells, and what is wrong with it.

    A line with broken quotation marks has no cells, only `raw`.
    """

    number: int
    cells: list[str]
    fault: Rejection | None = None
    raw: str = ""


class CsvText:
    """A CSV file's text, refused as a whole when it is half there.

    1. All of it is UTF-8. 2. The header names every column once. 3. No quoted cell that is
    broken takes following lines with it. 4. The last line does not break off.

    Raises:
        SourceUnreadableError: for 1.
        SourceChangedError: for 2 to 4.
    """

    def __init__(self, data: bytes, name: str, delimiter: str | None = None) -> None:
        self._data = data
        self._name = name
        self._check_encoding()
        self._delimiter = delimiter or self._sniffed()
        self._header_line, self._header = self._read_header()
        self.columns = {column: i for i, column in enumerate(self._header) if column}
        self._check_columns()
        self._least = max(self.columns.values()) + 1
        self._raw_lines: list[bytes] = []
        self._check_lines()

    def lines(self) -> Iterator[CsvLine]:
        """The lines after the header that are not blank."""
        wrong_width = Rejection("row", f"the line does not have {self._least} columns")
        width, header_line = len(self._header), self._header_line
        for number, _, cells in self._records():
            if number <= header_line:
                continue
            if cells and len(cells) == width and cells[0].strip():  # nearly all
                yield CsvLine(number, cells)
            elif cells is None:
                yield CsvLine(number, [], _BROKEN_QUOTES, self._raw_line(number))
            elif not _is_blank(cells):
                fault = None if self._has_width(cells) else wrong_width
                yield CsvLine(number, cells, fault)

    def _records(self) -> Iterator[_Record]:
        text = io.TextIOWrapper(io.BytesIO(self._data), "utf-8-sig", newline="")
        reader = csv.reader(text, delimiter=self._delimiter, strict=True)
        while True:
            first = reader.line_num + 1
            try:
                cells: list[str] | None = next(reader)
            except StopIteration:
                return
            except csv.Error:
                cells = None
            yield first, reader.line_num, cells

    def _check_encoding(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for start in range(0, len(self._data), _CHUNK_BYTES):
                decoder.decode(self._data[start : start + _CHUNK_BYTES])
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise SourceUnreadableError(f"{self._name} is not UTF-8 text") from error
        if b"\0" in self._data:
            raise SourceUnreadableError(f"{self._name} is not text in UTF-8")

    def _sniffed(self) -> str:
        text = self._data.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
        plain = _QUOTED.sub("", text.split(b"\n", 1)[0].decode("utf-8"))
        return max(_DELIMITERS, key=plain.count)

    def _read_header(self) -> tuple[int, list[str]]:
        for _, last, cells in self._records():
            if cells is not None and not _is_blank(cells):
                return last, [cell.strip() for cell in cells]
        raise SourceChangedError(f"{self._name} has no header line")

    def _check_columns(self) -> None:
        named = [column for column in self._header if column]
        for column in named:
            if named.count(column) > 1:
                raise SourceChangedError(f"{self._name} has the column {column} twice")

    def _check_lines(self) -> None:
        first, whole = 0, True
        for first, last, cells in self._records():
            whole = cells is not None and (self._has_width(cells) or _is_blank(cells))
            if not whole and last > first:
                raise SourceChangedError(
                    f"{self._name}: quotation marks from line {first} on are broken,"
                    " so that lines run together"
                )
        if not whole and not self._data.endswith((b"\n", b"\r")):
            raise SourceChangedError(f"{self._name} breaks off in line {first}")

    def _has_width(self, cells: list[str]) -> bool:
        width = len(self._header)
        if len(cells) <= width:
            return len(cells) >= self._least
        return not any(cells[width:])

    def _raw_line(self, number: int) -> str:
        if not self._raw_lines:
            self._raw_lines = self._data.splitlines()
        return self._raw_lines[number - 1].decode("utf-8")


def _is_blank(cells: list[str]) -> bool:
    return not "".join(cells).strip()
