"""The rows of a data query, with all that a message in any format says about them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from interurban_node.sdmx.cells import DataSet, Row
from interurban_node.sdmx.data_queries import ALL_DIMENSIONS
from interurban_node.sdmx.model import (
    DATASET_ATTRIBUTES,
    OBSERVATION_ATTRIBUTES,
    Artefacts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Which message this is; nothing in it depends on when it was asked for."""

    message_id: str
    sender: str
    prepared: datetime  # when the newest release in it was published


@dataclass(frozen=True, slots=True, kw_only=True)
class DataMessage:
    """What a data query gives, before it is written in a format."""

    header: Header
    artefacts: Artefacts
    sets: tuple[DataSet, ...]
    at_observation: str = ALL_DIMENSIONS
    attributes: frozenset[str] | None = None  # None: all
    has_measure: bool = True

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The ids of the dimensions, in order."""
        return tuple(each.id for each in self.artefacts.structure.dimensions)

    @property
    def is_flat(self) -> bool:
        """Whether observations stand by themselves, not in series."""
        return self.at_observation == ALL_DIMENSIONS

    @property
    def of_sets(self) -> tuple[str, ...]:
        """The wanted attributes of data sets, in order."""
        return self._wanted(tuple(DATASET_ATTRIBUTES))

    @property
    def of_observations(self) -> tuple[str, ...]:
        """The wanted attributes of observations, in order."""
        return self._wanted(OBSERVATION_ATTRIBUTES)

    def attributes_of(self, found: DataSet) -> Mapping[str, str]:
        """The wanted attributes of one data set that have a value."""
        return {
            name: found.attributes[name]
            for name in self.of_sets
            if name in found.attributes
        }

    def marks_of(self, row: Row) -> Sequence[tuple[str, str]]:
        """The wanted attributes of one observation with their values."""
        wanted = self.of_observations
        marks = zip(OBSERVATION_ATTRIBUTES, row.marks, strict=True)
        return [(name, code) for name, code in marks if name in wanted]

    def series(self, found: DataSet) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
        """The rows in series: those that differ at most in the dimension at observation."""
        place = self.dimensions.index(self.at_observation)

        def key(row: Row) -> tuple[str, ...]:
            return row.codes[:place] + row.codes[place + 1 :]

        rows = found.rows
        if any(row.codes[place] != rows[0].codes[place] for row in rows):
            rows = tuple(sorted(rows, key=key))
        for codes, some in groupby(rows, key):
            yield codes, list(some)

    def _wanted(self, names: Sequence[str]) -> tuple[str, ...]:
        wanted = self.attributes
        return tuple(name for name in names if wanted is None or name in wanted)


__all__ = ["DataMessage", "Header"]
