"""Data as SDMX-CSV 1.0 and 2.0: a line for each observation.

A whole release in version 2.0 with `attributes=obs` is, byte for byte, the data file that
its manifest signs.
"""

from collections.abc import Mapping, Sequence

from pysdmx.model import Codelist

from interurban_node.sdmx.data_messages import DataMessage
from interurban_node.sdmx.model import MEASURE
from interurban_protocol.structures import Names


def csv_1(message: DataMessage, *, language: str | None = None) -> bytes:
    """SDMX-CSV 1.0; with a language, codes stand beside their names."""
    reference = message.artefacts.structure.reference
    if language is not None:
        reference = f"{reference}: {_name(message.artefacts.structure.names, language)}"
    return _csv(message, ["DATAFLOW"], [reference], language)


def csv_2(message: DataMessage, *, language: str | None = None) -> bytes:
    """SDMX-CSV 2.0; with a language, codes stand beside their names."""
    reference = message.artefacts.structure.reference
    if language is not None:
        reference = f"{reference}: {_name(message.artefacts.structure.names, language)}"
    start = ["dataflow", reference, "I"]
    return _csv(message, ["STRUCTURE", "STRUCTURE_ID", "ACTION"], start, language)


def _csv(
    message: DataMessage,
    columns: Sequence[str],
    start: Sequence[str],
    language: str | None,
) -> bytes:
    ids = [
        *message.dimensions,
        *([MEASURE] if message.has_measure else []),
        *message.of_observations,
        *message.of_sets,
    ]
    labels = _labels(message, language) if language is not None else {}
    header = [*columns, *(labels.get(("", each), each) for each in ids)]
    lines = [",".join(map(_field, header))]
    begin = ",".join(map(_field, start))
    for found in message.sets:
        of_set = message.attributes_of(found)
        end = "".join(f",{_field(of_set.get(name, ''))}" for name in message.of_sets)
        for row in found.rows:
            fields = list(row.codes)
            if message.has_measure:
                fields.append("" if row.value is None else str(row.value))
            fields += [code for _, code in message.marks_of(row)]
            if labels:
                fields = [
                    labels.get((name, text), text)
                    for name, text in zip(ids, fields, strict=False)
                ]
                fields = [_field(text) for text in fields]
            lines.append(f"{begin},{','.join(fields)}{end}")
    return ("\n".join(lines) + "\n").encode()


def _labels(message: DataMessage, language: str) -> Mapping[tuple[str, str], str]:
    """`id: name` for columns, under an empty column, and for the codes of each column."""
    found: dict[tuple[str, str], str] = {}
    artefacts = message.artefacts
    for component in artefacts.definition.components:
        name = _name(artefacts.names_of(component), language)
        found["", component.id] = f"{component.id}: {name}"
        codes = component.enumeration
        for code in codes if isinstance(codes, Codelist) else ():
            name = _name(artefacts.names_of(code), language)
            found[component.id, code.id] = f"{code.id}: {name}"
    return found


def _name(names: Names, language: str) -> str:
    return names.get(language) or names["en"]


def _field(text: str) -> str:
    if any(character in text for character in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


__all__ = ["csv_1", "csv_2"]
