"""CSV exports as they come, and the ones that must not be believed."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_adapters.adapter import Join, Rejection, SourceTable
from interurban_adapters.csv_files import MAX_FILE_BYTES, CsvFiles
from interurban_adapters.csv_text import CsvText
from interurban_adapters.errors import (
    AdapterError,
    SourceChangedError,
    SourceUnreadableError,
)
from tests.support.registries import all_rows

PEOPLE = SourceTable(table="people.csv", key=("id",))


def _rows(
    folder: Path, data: bytes, table: SourceTable = PEOPLE
) -> list[tuple[str | None, dict[str, object]]]:
    (folder / "people.csv").write_bytes(data)
    return [(row.key, dict(row.values)) for row in all_rows(CsvFiles(folder), table)]


def _faults(folder: Path, data: bytes) -> dict[int, list[str]]:
    """The reasons by line of a file; lines without a fault are there with none."""
    (folder / "people.csv").write_bytes(data)
    rows = all_rows(CsvFiles(folder), PEOPLE)
    return {row.row_number: [fault.reason for fault in row.faults] for row in rows}


@pytest.mark.parametrize(
    "data",
    [
        b"id,name\n1,Zo\xc3\xab\n2,B\n",
        b"\xef\xbb\xbfid,name\n1,Zo\xc3\xab\n2,B\n",
        b"id;name\r\n1;Zo\xc3\xab\r\n2;B\r\n",
        b"id\tname\n1\tZo\xc3\xab\n2\tB",
        b'"id","name"\n"1","Zo\xc3\xab"\n"2","B"\n',
        b"\r\n id , name ,\n1,Zo\xc3\xab,\n\n2,B\n  \n,,\n  , ,\n",
        b"id,name\n1,Zo\xc3\xab,,,\n2,B\n",
        b'"id;x",id,name\n,1,Zo\xc3\xab\n,2,B\n',
    ],
    ids=[
        "plain",
        "byte order mark",
        "semicolons and CRLF",
        "tabs and no last line end",
        "quoted",
        "blank lines, header with blanks",
        "empty cells beyond the last column",
        "another delimiter in a quoted column name",
    ],
)
def test_a_file_is_read_as_it_comes(tmp_path: Path, data: bytes) -> None:
    table = PEOPLE.model_copy(update={"columns": ("name",)})
    expected = [("1", {"id": "1", "name": "Zoë"}), ("2", {"id": "2", "name": "B"})]
    assert _rows(tmp_path, data, table) == expected


def test_the_declared_delimiter_goes_before_the_header(tmp_path: Path) -> None:
    table = PEOPLE.model_copy(update={"delimiter": ";"})
    data = b"id;name, first, and other, names\n1;a\n"
    assert _rows(tmp_path, data, table)[0][0] == "1"


def test_a_row_number_is_the_line_on_which_the_row_begins(tmp_path: Path) -> None:
    data = b'id,note\n1,"two\nlines"\n\n2,x\n'
    assert list(_faults(tmp_path, data)) == [2, 5]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"9", "the line does not have 3 columns"),
        (b"9,b,c,d", "the line does not have 3 columns"),
        (b'9,"b"x,c', "the quotation marks of the line are broken"),
        (b" ,b,c", "the key is missing"),
        (b"1,b,c", "the key occurs twice"),
        (b"1,a,x", "the key occurs twice"),
    ],
)
def test_a_bad_line_is_rejected_and_the_others_are_not(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    data = b"id,name,city\n1,a,x\n" + line + b"\n2,b,y\n"
    faults = _faults(tmp_path, data)
    assert faults[2] == faults[4] == []
    assert reason in faults[3]


def test_a_bad_line_leaves_with_all_its_cells(tmp_path: Path) -> None:
    table = PEOPLE.model_copy(update={"columns": ("name",)})
    data = b'id,name,city\n1,a\n2,b,c,d\n3,"a"b,c\n4,"a"b,c\n'
    values = [values for _, values in _rows(tmp_path, data, table)]
    assert values[0] == {"id": "1", "name": "a"}
    assert set(values[1].values()) == {"2", "b", "c", "d"}
    assert values[2:] == [{"line": '3,"a"b,c'}, {"line": '4,"a"b,c'}]


def test_a_line_with_faults_does_not_make_a_sound_one_its_double(
    tmp_path: Path,
) -> None:
    faults = _faults(tmp_path, b"id,name\n1,a,x\n1,a\n")
    assert faults == {2: ["the line does not have 2 columns"], 3: []}


def test_the_key_of_a_bad_line_is_not_taken_for_deleted(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(b"id,name\n1,a,x\n2,b\n")
    assert CsvFiles(tmp_path).keys(PEOPLE) == {"1", "2"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "has no header line"),
        (b"\n\n,,\n", "has no header line"),
        (b"id,name,id\n", "has the column id twice"),
        (b"number,name\n1,a\n", "has no column id"),
        (b"id,name\n1,a\n2", "breaks off in line 3"),
        (b"id,name,city\n1,a,b\n2,b", "breaks off in line 3"),
        (b'id,name\n1,a\n2,"b', "breaks off in line 3"),
        (b'id,name\n1,"a\n2,b\n3,c\n', "quotation marks from line 2 on are broken"),
        (b'id,name\n1,"a\n2,"b"\n3,c\n', "quotation marks from line 2 on are broken"),
        (b'id,name\n1,a\n2,"b\n3","c"\n', "quotation marks from line 3 on are broken"),
    ],
)
def test_a_file_that_is_half_there_or_another_gives_no_row(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    with pytest.raises(SourceChangedError, match=reason):
        _rows(tmp_path, data)


def test_a_half_written_file_is_refused_before_its_first_page(tmp_path: Path) -> None:
    lines = b"".join(b"%d,a\n" % i for i in range(500))
    (tmp_path / "people.csv").write_bytes(b"id,name\n" + lines + b"500")
    with pytest.raises(SourceChangedError):
        CsvFiles(tmp_path, page_rows=10).read(PEOPLE)


@pytest.mark.parametrize(
    "data",
    [
        "id,name\n1,Zoë\n".encode("latin-1"),
        "id,name\n1,Zoë\n".encode("utf-16"),
        b"id,name\n1,a\x00b\n",
        b"id,name\n1,Zo\xc3",
    ],
    ids=["latin-1", "utf-16", "NUL", "half a character"],
)
def test_another_encoding_is_refused_without_quoting_it(
    tmp_path: Path, data: bytes
) -> None:
    with pytest.raises(SourceUnreadableError, match=r"^people\.csv is not.*UTF-8"):
        _rows(tmp_path, data)


@pytest.mark.parametrize(
    "name", ["absent.csv", "../people.csv", "/people.csv", ".", ""]
)
def test_a_table_is_a_file_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (tmp_path / "people.csv").write_bytes(b"id\n1\n")
    table = PEOPLE.model_copy(update={"table": name})
    with pytest.raises(SourceUnreadableError):
        all_rows(CsvFiles(folder), table)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "people.csv").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)  # a hole, not a gigabyte
    with pytest.raises(SourceUnreadableError, match="larger than a gigabyte"):
        CsvFiles(tmp_path).read(PEOPLE)


def test_a_file_that_cannot_be_read_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(path)

    (tmp_path / "people.csv").write_text("id\n1\n")
    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read everything
    with pytest.raises(SourceUnreadableError, match=r"^people\.csv cannot be read$"):
        CsvFiles(tmp_path).read(PEOPLE)


def test_several_folders_are_searched_in_turn(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        (folder / "people.csv").write_text(f"id\n{folder.name}\n")
    (second / "other.csv").write_text("id\nx\n")
    adapter = CsvFiles(first, second)
    other = PEOPLE.model_copy(update={"table": "other"})
    assert adapter.keys(PEOPLE) == {"a"}
    assert adapter.keys(other) == {"x"}
    assert adapter.probe().tables == ("other.csv", "people.csv")


def test_a_folder_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError):
        CsvFiles(tmp_path / "absent").probe()


def test_a_cursor_of_another_state_of_the_file_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id\n1\n2\n3\n")
    adapter = CsvFiles(tmp_path, page_rows=2)
    cursor = next(adapter.read(PEOPLE)).cursor
    assert [row.key for row in all_rows(adapter, PEOPLE, cursor)] == ["3"]
    path.write_text("id\n0\n1\n2\n3\n")
    assert len(all_rows(adapter, PEOPLE, cursor)) == 4


def test_a_broken_line_of_a_joined_file_is_the_fault_of_its_row(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id\n1\n2\n")
    (tmp_path / "dates.csv").write_text("id,day\n1,x,y\n2,z\n")
    join = Join(table="dates.csv", prefix="d.", on=("id",))
    table = PEOPLE.model_copy(update={"joins": (join,)})
    first, second = all_rows(CsvFiles(tmp_path), table)
    reason = "the line of dates.csv that belongs to it is broken"
    assert first.faults == (Rejection("row", reason),)
    assert second.faults == ()
    assert second.values["d.day"] == "z"


CELLS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8
)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=8), st.sampled_from(",;\t"))
def test_whatever_a_csv_writer_writes_is_read_back(
    cells: list[tuple[str, str]], delimiter: str
) -> None:
    rows = [[f"k{i}", *pair] for i, pair in enumerate(cells)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)  # CRLF, so that both are quoted
    writer.writerows([["id", "a", "b"], *rows])
    lines = list(CsvText(text.getvalue().encode(), "people.csv").lines())
    assert [line.cells for line in lines] == rows
    assert all(line.fault is None for line in lines)


@given(st.text(alphabet='a1,;"\n\r\t é\ufeff', max_size=60) | st.binary(max_size=40))
def test_any_file_is_read_or_refused_with_an_adapter_error(
    content: str | bytes,
) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    try:
        text = CsvText(data, "people.csv")
    except AdapterError:
        return
    numbers = [line.number for line in text.lines()]
    assert numbers == sorted(set(numbers))
