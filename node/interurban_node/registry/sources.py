"""A system that records come from: its name here, what its rows mean, how it is read."""

from dataclasses import dataclass
from pathlib import Path

from interurban_adapters.adapter import Adapter, TableSchema
from interurban_adapters.csv_files import CsvFiles
from interurban_adapters.mappings import RegistryMapping, TableMapping, load_mapping
from interurban_adapters.records import RecordKind
from interurban_adapters.sql_tables import SqlTables
from interurban_node.registry.queries import MODELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source. The name is part of its records' keys: a new name is a new source."""

    name: str
    mapping: RegistryMapping
    adapter: Adapter

    @property
    def tables(self) -> tuple[TableMapping, ...]:
        """The tables that become records of the registry, in the order of reading."""
        return tuple(table for table in self.mapping.tables if table.kind in MODELS)

    def tables_from(self, kind: RecordKind | None) -> tuple[TableMapping, ...]:
        """The tables from that of `kind` on; None is after the last."""
        kinds = [table.kind for table in self.tables]
        return () if kind is None else self.tables[kinds.index(kind) :]

    def schemas(self) -> dict[RecordKind, TableSchema]:
        """The present columns of every table.

        Raises:
            SourceUnreadableError: a table is not there or cannot be read.
            SourceChangedError: a column that the mapping needs is gone.
        """
        found: dict[RecordKind, TableSchema] = {}
        for table in self.tables:
            found[table.kind] = self.adapter.schema(table.source)
            table.source.columns_to_read(found[table.kind].columns)
        return found


def csv_source(mapping: Path, *folders: Path, name: str | None = None) -> Source:
    """CSV files in `folders`, by default in the folder of the mapping.

    Raises:
        MappingError: the mapping is wrong.
    """
    loaded = load_mapping(mapping)
    adapter = CsvFiles(*(folders or (mapping.parent,)))
    return Source(name=name or loaded.name, mapping=loaded, adapter=adapter)


def sql_source(mapping: Path, url: str, *, name: str | None = None) -> Source:
    """Tables of the database behind an SQLAlchemy URL.

    Raises:
        MappingError: the mapping is wrong.
        SourceUnreadableError: the URL is none that can be used.
    """
    loaded = load_mapping(mapping)
    return Source(name=name or loaded.name, mapping=loaded, adapter=SqlTables(url))
