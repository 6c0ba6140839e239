"""The kit finds adapters that break the contract: each of these is broken in one way."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from interurban_adapters import conformance as kit
from interurban_adapters.adapter import Page, SourceTable, TableSchema
from interurban_adapters.conformance import AdapterFactory, SampleTable
from interurban_adapters.csv_files import CsvFiles
from interurban_adapters.errors import NotConformantError, SourceChangedError
from tests.support.registries import write_csv


class _LosesTheLastRow(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        for page in super().read(table, cursor):
            yield replace(page, rows=page.rows[:-1]) if page.complete else page


class _IsNeverComplete(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        for page in super().read(table, cursor):
            yield replace(page, complete=False)


class _IsCompleteTooEarly(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        for page in super().read(table, cursor):
            yield replace(page, complete=True)


class _HasOneCursor(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        for page in super().read(table, cursor):
            yield replace(page, cursor="same")


class _HasLargePages(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        pages = list(super().read(table, cursor))
        rows = tuple(row for page in pages for row in page.rows)
        yield Page(rows=rows, cursor=None, complete=True)


class _TrustsAnyCursor(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        yield from () if cursor else super().read(table)


class _ReadsDifferently(CsvFiles):
    reads = 0

    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        self.reads += 1
        for page in super().read(table, cursor):
            yield replace(page, rows=page.rows[:: 1 if self.reads % 2 else -1])


class _ForgetsKeys(CsvFiles):
    def keys(self, table: SourceTable) -> frozenset[str]:
        return frozenset(sorted(super().keys(table))[1:])


class _SkipsBadRows(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        for page in super().read(table, cursor):
            yield replace(page, rows=tuple(row for row in page.rows if not row.faults))


class _HidesFaults(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        for page in super().read(table, cursor):
            yield replace(
                page, rows=tuple(replace(row, faults=()) for row in page.rows)
            )


class _HasOneFingerprint(CsvFiles):
    def schema(self, table: SourceTable) -> TableSchema:
        return TableSchema(super().schema(table).columns, "sha256:0")


class _HasAnotherFingerprintEachTime(CsvFiles):
    number = 0

    def schema(self, table: SourceTable) -> TableSchema:
        _HasAnotherFingerprintEachTime.number += 1
        return TableSchema(super().schema(table).columns, f"sha256:{self.number}")


class _MissesNothing(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        return super().read(table.model_copy(update={"columns": ()}), cursor)


class _MissesOptionalColumns(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        pages = super().read(table.model_copy(update={"columns": ()}), cursor)
        if set(table.optional_columns) - set(self.schema(table).columns):
            return iter(())
        return pages


class _DoesNotFilter(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        return super().read(table.model_copy(update={"where": ()}), cursor)


class _FiltersWithoutFaults(_HidesFaults):
    pass


class _DoesNotJoin(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        return super().read(table.model_copy(update={"joins": ()}), cursor)


class _NeverMissesAPartner(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        joins = tuple(
            join.model_copy(update={"missing": "null"})
            if join.missing == "reject"
            else join
            for join in table.joins
        )
        return super().read(table.model_copy(update={"joins": joins}), cursor)


class _IsNeverDistinct(CsvFiles):
    def read(self, table: SourceTable, cursor: str | None = None) -> Iterator[Page]:
        return super().read(table.model_copy(update={"distinct": False}), cursor)


class _JoinsKeysPlainly(CsvFiles):
    def keys(self, table: SourceTable) -> frozenset[str]:
        return frozenset(key.replace("%2F", "/") for key in super().keys(table))


@pytest.mark.parametrize(
    ("check", "adapter"),
    [
        (kit.check_two_reads_give_the_same, _ReadsDifferently),
        (kit.check_every_row_leaves_once, _LosesTheLastRow),
        (kit.check_every_row_leaves_once, _IsNeverComplete),
        (kit.check_every_row_leaves_once, _IsCompleteTooEarly),
        (kit.check_every_row_leaves_once, _HasOneCursor),
        (kit.check_every_row_leaves_once, _HasLargePages),
        (kit.check_keys_are_the_rows_keys, _ForgetsKeys),
        (kit.check_every_cursor_reads_on, _HasOneCursor),
        (kit.check_a_strange_cursor_starts_again, _TrustsAnyCursor),
        (kit.check_bad_rows_do_not_stop_others, _SkipsBadRows),
        (kit.check_bad_rows_do_not_stop_others, _HidesFaults),
        (kit.check_the_fingerprint_shows_a_lost_column, _HasOneFingerprint),
        (kit.check_the_fingerprint_shows_a_lost_column, _HasAnotherFingerprintEachTime),
        (kit.check_a_needed_column_is_missed, _MissesNothing),
        (kit.check_a_needed_column_is_missed, _MissesOptionalColumns),
        (kit.check_filters_leave_out_only_others, _DoesNotFilter),
        (kit.check_filters_leave_out_only_others, _FiltersWithoutFaults),
        (kit.check_joins_are_left_outer_joins, _DoesNotJoin),
        (kit.check_joins_are_left_outer_joins, _NeverMissesAPartner),
        (kit.check_distinct_takes_the_first, _IsNeverDistinct),
        (kit.check_composite_keys_stay_apart, _JoinsKeysPlainly),
    ],
)
def test_a_broken_adapter_is_found(
    check: Callable[[AdapterFactory], None], adapter: type[CsvFiles], tmp_path: Path
) -> None:
    def factory(tables: Mapping[str, SampleTable]) -> CsvFiles:
        for name, sample in tables.items():
            rows = [[cell or "" for cell in row] for row in sample.rows]
            write_csv(tmp_path, f"{name}.csv", [sample.columns, *rows])
        return adapter(tmp_path, page_rows=kit.PAGE_ROWS)

    with pytest.raises(NotConformantError):
        check(factory)


def test_every_check_is_among_all_checks() -> None:
    checks = {name for name in vars(kit) if name.startswith("check_")}
    assert {check.__name__ for check in kit.ALL_CHECKS} == checks


def test_a_refusal_of_the_adapter_is_not_swallowed(tmp_path: Path) -> None:
    def factory(tables: Mapping[str, SampleTable]) -> CsvFiles:
        (tmp_path / "people.csv").write_text("number,name,city\n1")
        return CsvFiles(tmp_path)

    with pytest.raises(SourceChangedError):
        kit.check_two_reads_give_the_same(factory)
