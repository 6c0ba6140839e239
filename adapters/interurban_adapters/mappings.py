"""A mapping: what a registry system's tables mean, as data in one TOML file.

::

    name = "Lakeside training office"

    [learner]
    table = "learners.csv"
    key = ["number"]
    null = ["?"]

    [learner.fields]
    person_id = { column = "number" }
    sex = { column = "gender", map = { F = "F", M = "M" } }

There is at most one section for each `RecordKind`. It says what to read (`adapter.SourceTable`)
and how each field of the record is read (`field_rules.FieldRule`). A mapping that loads is
complete: every field is known, every required one is mapped, every code that it can give is
a code of the record.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from interurban_adapters.adapter import Rejection, SourcePart, SourceRow, SourceTable
from interurban_adapters.errors import MappingError
from interurban_adapters.field_rules import (
    FieldReader,
    FieldRule,
    FieldType,
    Refusal,
    Scalar,
    check_rule,
    field_reader,
    given_value,
)
from interurban_adapters.records import RECORD_MODELS, Record, RecordKind
from interurban_protocol.encoding import sha256_digest

MAX_MAPPING_BYTES = 1_000_000

_REASONS = {
    "missing": "is missing",
    "enum": "is not one of the codes that the record knows",
    "string_too_long": "is too long",
    "string_too_short": "is empty",
    "string_pattern_mismatch": "has characters or a form that the record does not allow",
    "greater_than_equal": "lies below what is plausible",
    "less_than_equal": "lies above what is plausible",
    "ends_before_start": "ends before it starts",
    "before_receipt": "lies before the day of receipt",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A row and the record that it became."""

    row: SourceRow
    record: Record


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row and every reason why it became no record."""

    row: SourceRow
    reasons: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class MappedRows:
    """What became of a page: each row is in one of the two, in the order of the page."""

    accepted: tuple[Accepted, ...]
    rejected: tuple[Rejected, ...]


class TableMapping:
    """One section of a mapping: the table to read and what its rows become."""

    def __init__(
        self, kind: RecordKind, source: SourceTable, fields: Mapping[str, FieldRule]
    ) -> None:
        self.kind = kind
        self.source = source
        self._model = RECORD_MODELS[kind]
        self._readers = _readers(kind, source, fields)
        self._batch: TypeAdapter[list[Record]] = TypeAdapter(list[self._model])  # type: ignore[name-defined]  # chosen by kind

    def map_row(self, row: SourceRow, *, today: date) -> Record | list[Rejection]:
        """The record that `row` becomes, or the reasons why it becomes none."""
        mapped = self.map_rows((row,), today=today)
        if mapped.accepted:
            return mapped.accepted[0].record
        return list(mapped.rejected[0].reasons)

    def map_rows(self, rows: Sequence[SourceRow], *, today: date) -> MappedRows:
        """Every row as a record or with its reasons; `today` bounds what is past.

        1. Rows with faults of the source are rejected as they are. 2. Each field is read;
        every field that cannot be read is a reason. 3. The rest is checked as a batch;
        only rows that the check names are rejected. 4. Nothing past lies after `today`.
        """
        reasons: dict[int, tuple[Rejection, ...]] = {}
        drafts: dict[int, dict[str, Scalar]] = {}
        for index, row in enumerate(rows):
            draft, faults = self._draft(row)  # 1, 2
            if faults:
                reasons[index] = faults
            else:
                drafts[index] = draft
        records = self._check(drafts, reasons)  # 3
        for index, record in list(records.items()):
            if future := _in_the_future(record, today):  # 4
                reasons[index] = future
                del records[index]
        return MappedRows(
            tuple(Accepted(rows[i], record) for i, record in records.items()),
            tuple(Rejected(rows[i], reasons[i]) for i in sorted(reasons)),
        )

    def _draft(self, row: SourceRow) -> tuple[dict[str, Scalar], tuple[Rejection, ...]]:
        draft: dict[str, Scalar] = {"source_pk": row.key}
        if row.faults:
            return draft, row.faults
        faults: list[Rejection] = []
        values = row.values
        for name, read in self._readers:
            value = read(values)
            if isinstance(value, Refusal):
                faults.append(Rejection(name, value.reason))
            elif value is not None:
                draft[name] = value
        return draft, tuple(faults)

    def _check(
        self,
        drafts: dict[int, dict[str, Scalar]],
        reasons: dict[int, tuple[Rejection, ...]],
    ) -> dict[int, Record]:
        places = list(drafts)
        try:
            records = self._batch.validate_python(list(drafts.values()))
        except ValidationError as error:
            for place, faults in _reasons_by_place(error).items():
                reasons[places[place]] = faults
                del drafts[places[place]]
            return self._check(drafts, reasons)
        return dict(zip(places, records, strict=True))


@dataclass(frozen=True, slots=True)
class RegistryMapping:
    """A checked mapping. `tables` is in the order in which records refer to each other."""

    name: str
    tables: tuple[TableMapping, ...]
    digest: str

    def table(self, kind: RecordKind) -> TableMapping | None:
        """The section for `kind`, if the source has such records."""
        return next((table for table in self.tables if table.kind is kind), None)


class _Section(SourceTable):
    fields: Mapping[str, FieldRule] = Field(min_length=1)


class _MappingFile(SourcePart):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    programme: _Section | None = None
    learner: _Section | None = None
    offer: _Section | None = None
    enrolment: _Section | None = None
    certificate: _Section | None = None
    placement: _Section | None = None
    grievance: _Section | None = None
    consent: _Section | None = None


def load_mapping(path: Path) -> RegistryMapping:
    """The mapping in a file.

    Raises:
        MappingError: it cannot be read, or see `parse_mapping`; begins with the file's name.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MAPPING_BYTES + 1)
    except OSError as error:
        raise MappingError(f"{path.name}: the file cannot be read") from error
    try:
        return parse_mapping(data)
    except MappingError as error:
        raise MappingError(f"{path.name}: {error.message}") from error


def parse_mapping(data: bytes) -> RegistryMapping:
    """The mapping in TOML text.

    Raises:
        MappingError: not TOML, or something in it is unknown, missing or contradicts
            itself; begins with the place, such as `learner.fields.sex`.
    """
    if len(data) > MAX_MAPPING_BYTES:
        raise MappingError("the mapping is larger than a megabyte")
    try:
        text = data.decode("utf-8")
        # through JSON, where strict reading takes an array for a tuple; a TOML date
        # becomes its text
        values = json.dumps(tomllib.loads(text), default=str)
        parsed = _MappingFile.model_validate_json(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MappingError(f"{where}: {first['msg'].lower()}") from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # both decoders' errors are ValueErrors
        raise MappingError("the mapping is not TOML in UTF-8") from error
    sections = {kind: getattr(parsed, kind) for kind in RECORD_MODELS}
    tables = tuple(
        _table(kind, section) for kind, section in sections.items() if section
    )
    if not tables:
        raise MappingError("the mapping has no section for any kind of record")
    return RegistryMapping(parsed.name, tables, sha256_digest(data))


def _table(kind: RecordKind, section: _Section) -> TableMapping:
    needed: set[str] = set()
    optional: set[str] = set()
    for rule in section.fields.values():
        (optional if rule.optional else needed).update(rule.columns())
    source = SourceTable(
        table=section.table,
        key=section.key,
        null=section.null,
        distinct=section.distinct,
        where=section.where,
        joins=section.joins,
        delimiter=section.delimiter,
        columns=tuple(sorted(needed | optional)),
        optional_columns=tuple(sorted(optional - needed)),
    )
    return TableMapping(kind, source, section.fields)


def _readers(
    kind: RecordKind, source: SourceTable, fields: Mapping[str, FieldRule]
) -> tuple[tuple[str, FieldReader], ...]:
    known = dict(RECORD_MODELS[kind].model_fields)
    del known["source_pk"]  # always the key
    for name, info in known.items():
        if info.is_required() and name not in fields:
            where = f"{kind}.fields.{name}"
            raise MappingError(f"{where}: every {kind} must have it; map it")
    readers = []
    for name, rule in fields.items():
        where = f"{kind}.fields.{name}"
        if name not in known:
            raise MappingError(f"{where}: a {kind} has no such field")
        field_type = _type_of(known[name])
        check_rule(rule, field_type, where)
        _check_given_values(rule, known[name], where)
        readers.append((name, field_reader(rule, field_type, source.null)))
    return tuple(readers)


def _check_given_values(rule: FieldRule, info: FieldInfo, where: str) -> None:
    """Refuse a constant, default or target of `map` that the field cannot hold."""
    if rule.days_from is not None:
        return  # its default is a number of days
    field: Any = Annotated[(info.annotation, where, *info.metadata)]
    fits: TypeAdapter[Scalar] = TypeAdapter(field, config=ConfigDict(strict=True))
    for value in (rule.constant, rule.default, *(rule.map or {}).values()):
        try:
            if value is not None:
                fits.validate_python(given_value(value, _type_of(info)))
        except ValidationError as error:
            raise MappingError(f"{where}: gives a value that it cannot have") from error


def _type_of(info: FieldInfo) -> FieldType:
    types = set(_plain_types(info.annotation))
    if date in types:
        return "date"
    return "int" if int in types else "text"


def _plain_types(annotation: Any) -> Iterable[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _plain_types(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from _plain_types(member)
    else:
        yield annotation


def _in_the_future(record: Record, today: date) -> tuple[Rejection, ...]:
    found = []
    for name in record.past_fields:
        day = getattr(record, name)
        if day is not None and day > today:
            found.append(Rejection(name, "lies in the future"))
    return tuple(found)


def _reasons_by_place(error: ValidationError) -> dict[int, tuple[Rejection, ...]]:
    found: dict[int, list[Rejection]] = {}
    for entry in error.errors(include_url=False, include_input=False):
        place, *rest = entry["loc"]
        field = str(rest[0]) if rest else str(entry.get("ctx", {}).get("field", "row"))
        reason = _REASONS.get(entry["type"], "has the wrong form")
        found.setdefault(int(place), []).append(Rejection(field, reason))
    return {place: tuple(faults) for place, faults in found.items()}
