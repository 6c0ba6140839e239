"""Data as SDMX-JSON 2.0: values in lists once, and their positions everywhere else."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pysdmx.model import Code, Codelist

from interurban_node.sdmx.cells import DataSet, Row
from interurban_node.sdmx.data_messages import DataMessage
from interurban_node.sdmx.model import MEASURE
from interurban_protocol.encoding import JsonValue, format_time

SCHEMA: Final = (
    "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/develop/data-message/tools/"
    "schemas/2.0.0/sdmx-json-data-schema.json"
)


class _Places:
    """The values that a component takes, in order of appearance, and their positions."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def of(self, value: str) -> int:
        return self.known.setdefault(value, len(self.known))


class _Writer:
    def __init__(self, message: DataMessage) -> None:
        self.message = message
        self.places = {
            name: _Places()
            for name in (
                *message.dimensions,
                *message.of_observations,
                *message.of_sets,
            )
        }

    def data_set(self, found: DataSet) -> dict[str, JsonValue]:
        message = self.message
        of_set = message.attributes_of(found)
        written: dict[str, JsonValue] = {
            "structure": 0,
            "action": "Information",
            "links": self._links(),
        }
        if message.of_sets:
            written["attributes"] = [
                self.places[name].of(of_set[name]) if name in of_set else None
                for name in message.of_sets
            ]
        if message.is_flat:
            written["observations"] = {
                self._key(message.dimensions, row.codes): self._observation(row)
                for row in found.rows
            }
        else:
            written["series"] = self._series(found)
        return written

    def _series(self, found: DataSet) -> dict[str, JsonValue]:
        at = self.message.at_observation
        place = self.message.dimensions.index(at)
        others = [name for name in self.message.dimensions if name != at]
        return {
            self._key(others, codes): {
                "observations": {
                    str(self.places[at].of(row.codes[place])): self._observation(row)
                    for row in rows
                }
            }
            for codes, rows in self.message.series(found)
        }

    def _key(self, names: Sequence[str], codes: Sequence[str]) -> str:
        pairs = zip(names, codes, strict=True)
        return ":".join([str(self.places[name].of(code)) for name, code in pairs])

    def _observation(self, row: Row) -> list[JsonValue]:
        values: list[JsonValue] = [row.value] if self.message.has_measure else []
        return values + [
            self.places[name].of(code) for name, code in self.message.marks_of(row)
        ]

    def _links(self) -> JsonValue:
        urn = self.message.artefacts.structure.urn
        return [{"rel": "dataflow", "urn": urn}]

    def structure(self) -> dict[str, JsonValue]:
        message, flow = self.message, self.message.artefacts.structure
        at = None if message.is_flat else message.at_observation
        others = [name for name in message.dimensions if name != at]
        layout = (
            {"observation": self._dimensions(others)}
            if at is None
            else {
                "series": self._dimensions(others),
                "observation": self._dimensions([at]),
            }
        )
        measures = [self._measure()] if message.has_measure else []
        return {
            "name": flow.names["en"],
            "names": dict(flow.names),
            "dataSets": list(range(len(message.sets))),
            "links": [
                *self._links_of(message.artefacts.definition.urn, "datastructure"),
                *self._links_of(flow.urn, "dataflow"),
            ],
            "dimensions": layout,
            "measures": {"observation": measures},
            "attributes": {
                "dataSet": [self._attribute(name) for name in message.of_sets],
                "observation": [
                    self._attribute(name) for name in message.of_observations
                ],
            },
        }

    def _links_of(self, urn: str | None, rel: str) -> list[JsonValue]:
        return [{"rel": rel, "urn": urn}]

    def _dimensions(self, names: Iterable[str]) -> list[JsonValue]:
        ids = self.message.dimensions
        return [
            {
                **self._component(name),
                "keyPosition": ids.index(name),
                "roles": [name],
                "values": self._values(name),
            }
            for name in names
        ]

    def _measure(self) -> JsonValue:
        return {**self._component(MEASURE), "roles": [MEASURE]}

    def _attribute(self, name: str) -> JsonValue:
        relation: JsonValue = (
            {"dataflow": {}} if name in self.message.of_sets else {"observation": {}}
        )
        values = self._values(name)  # the schema wants one at least, or no list
        return {
            **self._component(name),
            "relationship": relation,
            **({"values": values} if values else {}),
        }

    def _component(self, name: str) -> dict[str, JsonValue]:
        component = self.message.artefacts.component(name)
        names = self.message.artefacts.names_of(component)
        return {"id": name, "name": names["en"], "names": dict(names)}

    def _values(self, name: str) -> list[JsonValue]:
        codes = self.message.artefacts.component(name).enumeration
        values = self.places[name].known
        if not isinstance(codes, Codelist):
            return [{"value": value} for value in values]
        known = {code.id: code for code in codes}
        return [self._code(known[value]) for value in values]

    def _code(self, code: Code) -> JsonValue:
        names = self.message.artefacts.names_of(code)
        parent = self.message.artefacts.parents.get(code.urn or "")
        return {
            "id": code.id,
            "name": names["en"],
            "names": dict(names),
            **({"parent": parent} if parent else {}),
        }


def data_json(message: DataMessage) -> bytes:
    """The SDMX-JSON 2.0 data message."""
    writer = _Writer(message)
    sets = [writer.data_set(found) for found in message.sets]
    head = message.header
    document: Mapping[str, JsonValue] = {
        "meta": {
            "schema": SCHEMA,
            "id": head.message_id,
            "prepared": format_time(head.prepared),
            "test": False,
            "contentLanguages": sorted(message.artefacts.structure.names),
            "sender": {"id": head.sender},
        },
        "data": {"dataSets": sets, "structures": [writer.structure()]},
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


__all__ = ["data_json"]
