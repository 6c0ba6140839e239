"""Data as SDMX-ML: 2.1 generic, 2.1 structure-specific, 3.0.

Written as text in one pass: codes are SDMX ids, the other values are escaped.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

from interurban_node.sdmx.cells import DataSet, Row
from interurban_node.sdmx.data_messages import DataMessage
from interurban_node.sdmx.model import MEASURE
from interurban_protocol.encoding import format_time

_ROOT: Final = "http://www.sdmx.org/resources/sdmxml/schemas/"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_STRUCTURE: Final = "S1"


@dataclass(frozen=True, slots=True)
class _Dialect:
    """What differs between the versions of the structure-specific format."""

    version: str  # as in the namespaces, "v2_1"
    has_scope: bool  # says what the data set is valid against


_ML_21 = _Dialect("v2_1", has_scope=True)
_ML_30 = _Dialect("v3_0", has_scope=False)


def generic_21(message: DataMessage) -> bytes:
    """The SDMX-ML 2.1 generic data message; readable without the structure."""
    spaces = {"gen": f"{_ROOT}v2_1/data/generic"}
    parts = [
        _start("GenericData", _ML_21, spaces),
        _header(message, _ML_21),
    ]
    for found in message.sets:
        parts.append(
            f'<mes:DataSet structureRef="{_STRUCTURE}" action="Information">'
            f"{_values('Attributes', message.attributes_of(found).items())}"
        )
        parts += _generic_rows(message, found)
        parts.append("</mes:DataSet>\n")
    return ("".join(parts) + "</mes:GenericData>\n").encode()


def structure_specific_21(message: DataMessage) -> bytes:
    """The SDMX-ML 2.1 structure-specific data message."""
    return _structure_specific(message, _ML_21)


def structure_specific_30(message: DataMessage) -> bytes:
    """The SDMX-ML 3.0 data message."""
    return _structure_specific(message, _ML_30)


def _structure_specific(message: DataMessage, dialect: _Dialect) -> bytes:
    urn = message.artefacts.structure.urn
    spaces = {
        "ss": f"{_ROOT}{dialect.version}/data/structurespecific",
        "ns1": f"{urn}:ObsLevelDim:{message.at_observation}",
    }
    scope = ' ss:dataScope="DataStructure"' if dialect.has_scope else ""
    parts = [
        _start("StructureSpecificData", dialect, spaces),
        _header(message, dialect, namespace=spaces["ns1"]),
    ]
    for found in message.sets:
        attributes = _attributes(message.attributes_of(found).items())
        parts.append(
            f'<mes:DataSet ss:structureRef="{_STRUCTURE}" xsi:type="ns1:DataSetType"'
            f'{scope} ss:action="Information"{attributes}>\n'
        )
        parts += _specific_rows(message, found)
        parts.append("</mes:DataSet>\n")
    return ("".join(parts) + "</mes:StructureSpecificData>\n").encode()


def _specific_rows(message: DataMessage, found: DataSet) -> Iterator[str]:
    if message.is_flat:
        for row in found.rows:
            keys = zip(message.dimensions, row.codes, strict=True)
            yield f"<Obs{_attributes(keys)}{_measured(message, row)}/>\n"
        return
    at, place, others = _layout(message)
    for codes, rows in message.series(found):
        yield f"<Series{_attributes(zip(others, codes, strict=True))}>"
        for row in rows:
            key = _attributes([(at, row.codes[place])])
            yield f"<Obs{key}{_measured(message, row)}/>"
        yield "</Series>\n"


def _generic_rows(message: DataMessage, found: DataSet) -> Iterator[str]:
    if message.is_flat:
        for row in found.rows:
            keys = zip(message.dimensions, row.codes, strict=True)
            yield (
                f"<gen:Obs>{_values('ObsKey', keys)}"
                f"{_observed(message, row)}</gen:Obs>\n"
            )
        return
    _, place, others = _layout(message)
    for codes, rows in message.series(found):
        yield (f"<gen:Series>{_values('SeriesKey', zip(others, codes, strict=True))}")
        for row in rows:
            yield (
                f"<gen:Obs><gen:ObsDimension value={quoteattr(row.codes[place])}/>"
                f"{_observed(message, row)}</gen:Obs>"
            )
        yield "</gen:Series>\n"


def _layout(message: DataMessage) -> tuple[str, int, Sequence[str]]:
    at = message.at_observation
    others = [name for name in message.dimensions if name != at]
    return at, message.dimensions.index(at), others


def _measured(message: DataMessage, row: Row) -> str:
    is_shown = message.has_measure and row.value is not None
    value = f' {MEASURE}="{row.value}"' if is_shown else ""
    return value + _attributes(message.marks_of(row))


def _observed(message: DataMessage, row: Row) -> str:
    is_shown = message.has_measure and row.value is not None
    value = f'<gen:ObsValue value="{row.value}"/>' if is_shown else ""
    return value + _values("Attributes", message.marks_of(row))


def _attributes(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join([f" {name}={quoteattr(value)}" for name, value in pairs])


def _values(element: str, pairs: Iterable[tuple[str, str]]) -> str:
    inner = "".join(
        [f'<gen:Value id="{name}" value={quoteattr(value)}/>' for name, value in pairs]
    )
    return f"<gen:{element}>{inner}</gen:{element}>" if inner else ""


def _start(element: str, dialect: _Dialect, spaces: Mapping[str, str]) -> str:
    named = {
        "xsi": _XSI,
        "mes": f"{_ROOT}{dialect.version}/message",
        "com": f"{_ROOT}{dialect.version}/common",
        **spaces,
    }
    written = "".join(f" xmlns:{name}={quoteattr(uri)}" for name, uri in named.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<mes:{element}{written}>\n'


def _header(message: DataMessage, dialect: _Dialect, namespace: str = "") -> str:
    head, flow = message.header, message.artefacts.structure
    if dialect.has_scope:
        usage = (
            f'<Ref agencyID="{flow.agency}" id="{flow.id}" version="{flow.version}"'
            ' class="Dataflow"/>'
        )
    else:
        usage = flow.urn
    space = f" namespace={quoteattr(namespace)}" if namespace else ""
    return (
        f"<mes:Header><mes:ID>{head.message_id}</mes:ID><mes:Test>false</mes:Test>"
        f"<mes:Prepared>{format_time(head.prepared)}</mes:Prepared>"
        f'<mes:Sender id="{head.sender}"/>'
        f'<mes:Structure structureID="{_STRUCTURE}"{space}'
        f' dimensionAtObservation="{message.at_observation}">'
        f"<com:StructureUsage>{usage}</com:StructureUsage></mes:Structure>"
        "</mes:Header>\n"
    )


__all__ = ["generic_21", "structure_specific_21", "structure_specific_30"]
