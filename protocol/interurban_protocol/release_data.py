"""The data of a release: SDMX-CSV 2.0.0 in one exact form.

LF line ends, every cell of the closed lattice in the order of `lattices.closed_lattice`, shown
cells `A,F`, hidden ones `Q,A` without a value. A structure whose basis is `non_personal` hides
nothing and may show any amount, zero included; every other one keeps to its profile.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from interurban_protocol.disclosure import Cell, ProtectedTable
from interurban_protocol.encoding import sha256_digest
from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.lattices import Cube, Lattice, codes_by_dimension, lattice_of
from interurban_protocol.protection_profiles import ProtectionProfile
from interurban_protocol.release_plans import quarter_bounds
from interurban_protocol.signed_documents import Digest, WireModel
from interurban_protocol.structures import AREA_DIMENSION, Structure

MEDIA_TYPE: Final = "application/vnd.sdmx.data+csv;version=2.0.0"
MAX_DATA_BYTES = 200_000_000  # a lattice of the largest size has about 0.15 GB

_SHOWN, _HIDDEN = "A,F", "Q,A"  # OBS_STATUS and CONF_STATUS
_AREA = re.compile(r"[A-Za-z0-9_@$-]+")
_VALUE = re.compile(r"0|[1-9][0-9]{0,14}")

_Reader: TypeAlias = Callable[[str], int | None]


class ReleaseData(WireModel):
    """What the manifest says of the data, for finding out whether they are the same."""

    digest: Digest
    bytes: Annotated[int, Field(ge=1, le=MAX_DATA_BYTES)]
    media_type: Literal["application/vnd.sdmx.data+csv;version=2.0.0"] = MEDIA_TYPE
    rows: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class ReleasedTable:
    """The cells of a release, hidden ones included, after every check of their form."""

    structure: Structure
    profile: ProtectionProfile
    ref_area: str
    time_period: str
    values: Mapping[tuple[str, ...], int | None]

    def value(self, **codes: str) -> int | None:
        """The value of a cell, `value(SEX="F")`; dimensions left out are totals.

        None where it is hidden.

        Raises:
            MalformedError: an unknown dimension or code, or more of them crossed than a
                release has.
        """
        key = codes_by_dimension(self.structure, codes)
        if key not in self.values:
            raise MalformedError("the cell crosses more dimensions than a release has")
        return self.values[key]

    def __iter__(self) -> Iterator[Cell]:
        return (Cell(codes, value) for codes, value in self.values.items())

    @property
    def shown(self) -> tuple[Cell, ...]:
        """The cells that have a value, in order."""
        return tuple(cell for cell in self if cell.value is not None)

    @property
    def hidden_count(self) -> int:
        """How many cells have none."""
        return sum(value is None for value in self.values.values())


def write_data(
    table: ProtectedTable, structure: Structure, ref_area: str, time_period: str
) -> bytes:
    """The data file of a release; `time_period` is the manifest's cohort period.

    Raises:
        MalformedError: an area that the structure does not have, a period that is no
            quarter, or a table of another structure.
    """
    if table.structure != structure.digest:
        raise MalformedError("the table was made with another structure")
    _check_area_and_period(structure, ref_area, time_period)
    starts = _all_row_starts(structure, table.lattice, ref_area, time_period)
    rows = [
        f"{start},,{_HIDDEN}" if value is None else f"{start},{value},{_SHOWN}"
        for start, value in zip(starts, table.values, strict=True)
    ]
    return "\n".join((_header(structure), *rows, "")).encode("ascii")


def describe_data(data: bytes) -> ReleaseData:
    """The manifest's entry for a data file that `write_data` made."""
    return ReleaseData(
        digest=sha256_digest(data), bytes=len(data), rows=data.count(b"\n") - 1
    )


def parse_data(
    data: bytes, structure: Structure, profile: ProtectionProfile
) -> ReleasedTable:
    """The table in a data file, if it is exactly what `write_data` would write.

    Raises:
        MalformedError: another header, a row missing, extra, doubled or out of order, a
            value below the threshold or off the rounding base, or marks of another kind.
        OversizedError: a structure with more cells than any release has.
    """
    lattice = lattice_of(structure, profile)
    header, *rows = _lines(data)
    if header != _header(structure):
        raise MalformedError("the data have another header than their structure gives")
    if len(rows) != lattice.size:
        raise MalformedError("the data have not one row for each cell")
    ref_area, time_period = _constants(rows[0], structure)
    _check_area_and_period(structure, ref_area, time_period)
    values: dict[tuple[str, ...], int | None] = {}
    for cube in lattice.cubes:
        read = _reader(structure, profile, cube)
        starts = _row_starts(structure, lattice, cube, ref_area, time_period)
        for codes, start in zip(lattice.codes(cube), starts, strict=True):
            row = rows[len(values)]
            if not row.startswith(start + ","):
                raise MalformedError(
                    f"line {len(values) + 2} of the data is not the cell due there"
                )
            values[codes] = _value(read, row[len(start) + 1 :], len(values) + 2)
    return ReleasedTable(structure, profile, ref_area, time_period, values)


def _header(structure: Structure) -> str:
    dimensions = ",".join(dimension.id for dimension in structure.dimensions)
    return (
        f"STRUCTURE,STRUCTURE_ID,ACTION,{dimensions},OBS_VALUE,OBS_STATUS,CONF_STATUS"
    )


def _all_row_starts(
    structure: Structure, lattice: Lattice, ref_area: str, time_period: str
) -> Iterator[str]:
    for cube in lattice.cubes:
        yield from _row_starts(structure, lattice, cube, ref_area, time_period)


def _row_starts(
    structure: Structure, lattice: Lattice, cube: Cube, ref_area: str, time_period: str
) -> Iterator[str]:
    """Rows up to the last dimension; no field needs quotes, as codes are SDMX ids."""
    splits = iter(lattice.choices(cube))
    fields = [
        next(splits)
        if dimension.is_split
        else (ref_area if dimension.id == AREA_DIMENSION else time_period,)
        for dimension in structure.dimensions
    ]
    return map(
        ",".join, product(("dataflow",), (structure.reference,), ("I",), *fields)
    )


def _lines(data: bytes) -> list[str]:
    if len(data) > MAX_DATA_BYTES:
        raise OversizedError("the data are larger than any release")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedError("the data are not SDMX-CSV in ASCII") from error
    *lines, last = text.split("\n")
    if last or len(lines) < 2:
        raise MalformedError("the data do not end with a complete row")
    return lines


def _constants(row: str, structure: Structure) -> tuple[str, str]:
    """REF_AREA and TIME_PERIOD of a row."""
    fields = row.split(",")[3:]
    ids = [dimension.id for dimension in structure.dimensions]
    if len(fields) != len(ids) + 3:
        raise MalformedError(
            "the data have a row with more or fewer fields than columns"
        )
    return fields[ids.index(AREA_DIMENSION)], fields[len(ids) - 1]


def _check_area_and_period(
    structure: Structure, ref_area: str, time_period: str
) -> None:
    areas = {code.id for code in structure.codes(AREA_DIMENSION)}
    if not _AREA.fullmatch(ref_area) or (areas and ref_area not in areas):
        raise MalformedError("the reference area is none of the structure's")
    quarter_bounds(time_period)


def _reader(structure: Structure, profile: ProtectionProfile, cube: Cube) -> _Reader:
    """What reads value and marks of the rows of `cube`."""
    is_protected = structure.basis != "non_personal"
    least = profile.threshold_for(crosses_equity=cube.crosses_equity)
    step = profile.rounding or 1

    def read(end: str) -> int | None:
        if end == f",{_HIDDEN}" and is_protected:
            return None
        text, _, marks = end.partition(",")
        if marks != _SHOWN or not _VALUE.fullmatch(text):
            raise MalformedError("is neither shown nor hidden")
        value = int(text)
        if is_protected and (value < least or value % step):
            raise MalformedError("breaks the protection profile")
        return value

    return read


def _value(read: _Reader, end: str, number: int) -> int | None:
    try:
        return read(end)
    except MalformedError as error:
        raise MalformedError(f"line {number} of the data is {error.message}") from error


__all__ = [
    "MAX_DATA_BYTES",
    "MEDIA_TYPE",
    "ReleaseData",
    "ReleasedTable",
    "describe_data",
    "parse_data",
    "write_data",
]
