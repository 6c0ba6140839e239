"""Which format an answer has: by media type, as SDMX-REST and RFC 9110 have it.

A caller that cannot set `Accept` (a spreadsheet, a browser) names the format in the address:
`format=csv`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from interurban_node.core.errors import NotAcceptableError
from interurban_node.sdmx import data_csv, data_json, data_xml, structure_writers
from interurban_node.sdmx.addresses import Version
from interurban_node.sdmx.data_messages import DataMessage
from interurban_node.sdmx.structure_writers import StructureMessage

_VENDOR: Final = "application/vnd.sdmx."
MAX_ACCEPT: Final = 2000


class Label(Enum):
    """How codes are written in CSV."""

    ID = "id"
    BOTH = "both"  # "F: Female"


@dataclass(frozen=True, slots=True)
class Format:
    """One media type of SDMX, and the plain types that also ask for it."""

    name: str  # as in `format=`
    media_type: str
    plain: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The type without its parameters."""
        return self.media_type.partition(";")[0]

    @property
    def version(self) -> str:
        """The version in the media type."""
        return self.media_type.partition("version=")[2]


@dataclass(frozen=True, slots=True)
class Choice:
    """The format of an answer."""

    format: Format
    label: Label = Label.ID

    @property
    def content_type(self) -> str:
        """The Content-Type of the answer."""
        labels = f";labels={self.label.value}" if self.label is Label.BOTH else ""
        charset = ";charset=utf-8" if self.format.name.startswith("csv") else ""
        return self.format.media_type + labels + charset


STRUCTURE_JSON: Final = Format(
    "json", f"{_VENDOR}structure+json;version=2.0.0", ("application/json",)
)
STRUCTURE_XML_21: Final = Format(
    "xml",
    f"{_VENDOR}structure+xml;version=2.1",
    ("application/xml", "text/xml"),
)
STRUCTURE_XML_30: Final = Format("xml-3", f"{_VENDOR}structure+xml;version=3.0.0", ())
CSV_1: Final = Format("csv-1", f"{_VENDOR}data+csv;version=1.0.0", ("text/csv",))
CSV_2: Final = Format("csv", f"{_VENDOR}data+csv;version=2.0.0", ("text/csv",))
DATA_JSON: Final = Format(
    "json", f"{_VENDOR}data+json;version=2.0.0", ("application/json",)
)
GENERIC: Final = Format(
    "xml-generic",
    f"{_VENDOR}genericdata+xml;version=2.1",
    ("application/xml", "text/xml"),
)
SPECIFIC: Final = Format("xml", f"{_VENDOR}structurespecificdata+xml;version=2.1", ())
DATA_XML_30: Final = Format("xml-3", f"{_VENDOR}data+xml;version=3.0.0", ())

# In the order of preference; the first is the default of the standard.
STRUCTURES: Final[Mapping[Version, Sequence[Format]]] = {
    Version.REST_2: (STRUCTURE_JSON, STRUCTURE_XML_21, STRUCTURE_XML_30),
    Version.REST_1: (STRUCTURE_XML_21, STRUCTURE_JSON),
}
DATA: Final[Mapping[Version, Sequence[Format]]] = {
    Version.REST_2: (DATA_JSON, CSV_2, CSV_1, DATA_XML_30, SPECIFIC, GENERIC),
    Version.REST_1: (GENERIC, SPECIFIC, CSV_1, CSV_2, DATA_JSON),
}
STRUCTURE_WRITERS: Final[Mapping[Format, Callable[[StructureMessage], bytes]]] = {
    STRUCTURE_JSON: structure_writers.structure_json,
    STRUCTURE_XML_21: structure_writers.structure_xml_21,
    STRUCTURE_XML_30: structure_writers.structure_xml_30,
}
DATA_WRITERS: Final[Mapping[Format, Callable[[DataMessage], bytes]]] = {
    DATA_JSON: data_json.data_json,
    GENERIC: data_xml.generic_21,
    SPECIFIC: data_xml.structure_specific_21,
    DATA_XML_30: data_xml.structure_specific_30,
}


def write_data(message: DataMessage, choice: Choice, language: str) -> bytes:
    """The message in the chosen format; `language` is for names beside codes."""
    labels = language if choice.label is Label.BOTH else None
    if choice.format == CSV_1:
        return data_csv.csv_1(message, language=labels)
    if choice.format == CSV_2:
        return data_csv.csv_2(message, language=labels)
    return DATA_WRITERS[choice.format](message)


def negotiate(
    accept: str, offered: Sequence[Format], named: str | None = None
) -> Choice:
    """The format that the caller likes best, of those that are offered.

    Raises:
        NotAcceptableError: none of them.
    """
    if named is not None:
        for each in offered:
            if each.name == named:
                return Choice(each)
        raise _not_acceptable(offered)
    if len(accept) > MAX_ACCEPT:
        raise _not_acceptable(offered)
    for wanted in sorted(_wanted(accept), key=lambda each: -each.quality):
        for each in offered:
            if wanted.quality > 0 and wanted.takes(each):
                return Choice(each, wanted.label or Label.ID)
    raise _not_acceptable(offered)


def best_language(header: str, known: Sequence[str]) -> str:
    """The language of `Accept-Language` that comes first and is known; else English."""
    for part in header[:MAX_ACCEPT].split(","):
        code = part.partition(";")[0].strip().partition("-")[0].lower()
        if code in known:
            return code
    return "en"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One media range of an `Accept` header."""

    kind: str
    parameters: Mapping[str, str]
    quality: float

    @property
    def label(self) -> Label | None:
        """How codes are wanted; None where that is not said, or not known."""
        text = self.parameters.get("labels", "")
        return next((each for each in Label if each.value == text), None)

    def takes(self, offered: Format) -> bool:
        """Whether a format is within the range."""
        if self.kind in ("*/*", "application/*") or self.kind in offered.plain:
            return True
        is_known = set(self.parameters) <= {"version", "labels", "charset"}
        has_label = "labels" not in self.parameters or self.label is not None
        version = self.parameters.get("version")
        return (
            self.kind == offered.kind
            and is_known
            and has_label
            and (version is None or _is_version(version, offered.version))
        )


def _wanted(accept: str) -> Iterator[_Wanted]:
    """An empty header takes anything."""
    for part in (accept or "*/*").split(","):
        kind, *rest = (piece.strip() for piece in part.split(";"))
        parameters: dict[str, str] = {}
        for piece in rest:
            name, _, value = piece.partition("=")
            parameters[name.strip().lower()] = value.strip().strip('"')
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        plain = {
            name: value
            for name, value in parameters.items()
            if (name, value) not in (("timeformat", "original"), ("keys", "none"))
        }
        yield _Wanted(kind.lower(), plain, quality)


def _is_version(wanted: str, offered: str) -> bool:
    """Whether they are the same; "2.0" and "2" stand for "2.0.0"."""
    parts, ours = wanted.split("."), offered.split(".")
    length = max(len(parts), len(ours))
    return parts + ["0"] * (length - len(parts)) == ours + ["0"] * (length - len(ours))


def _not_acceptable(offered: Sequence[Format]) -> NotAcceptableError:
    return NotAcceptableError(
        "none of the formats that are accepted is offered here",
        reasons=[each.media_type for each in offered],
    )


__all__ = [
    "CSV_1",
    "CSV_2",
    "DATA",
    "DATA_JSON",
    "DATA_XML_30",
    "GENERIC",
    "SPECIFIC",
    "STRUCTURES",
    "STRUCTURE_JSON",
    "STRUCTURE_WRITERS",
    "STRUCTURE_XML_21",
    "STRUCTURE_XML_30",
    "Choice",
    "Format",
    "Label",
    "best_language",
    "negotiate",
    "write_data",
]
