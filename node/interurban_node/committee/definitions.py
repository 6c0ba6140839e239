"""The definitions of indicators for readers: on a page, and as docs/indicators.md."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from interurban_node.committee.renderings import name_in
from interurban_node.core.pages import Language
from interurban_protocol.indicator_names import BASIS_NAMES, UNIT_NAMES
from interurban_protocol.indicators import STANDARD, Cells, Indicator, Kind
from interurban_protocol.structures import TOTAL

_LANGUAGES = {"ar": "Arabic", "de": "German", "fr": "French", "uk": "Ukrainian"}


@dataclass(frozen=True, slots=True)
class PartView:
    """One part of an indicator: what is counted, and which cells of a release it is."""

    counted: str
    cells: str  # "COMPLETION, OUTCOME=COM"
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionView:
    """Everything that a definition states, in the reader's language."""

    id: str
    name: str
    made: str  # how the value follows from the parts
    numerator: PartView
    denominator: PartView | None
    unit: str
    unknowns: str
    source: str


def definition_views(
    indicators: Iterable[Indicator], language: Language
) -> list[DefinitionView]:
    """The definitions in `language`, in order."""
    code = language.code
    return [
        DefinitionView(
            id=each.id,
            name=name_in(each.names, code),
            made=_made(each.kind, language),
            numerator=_part(each.numerator, each, code),
            denominator=_part(each.denominator, each, code)
            if each.denominator
            else None,
            unit=name_in(UNIT_NAMES[each.unit], code),
            unknowns=name_in(each.unknowns, code),
            source=name_in(each.source, code),
        )
        for each in indicators
    ]


def markdown() -> str:
    """The standard definitions as the generated part of docs/indicators.md."""
    views = definition_views(STANDARD, Language("en"))
    sections = (
        "\n".join(_section(view, each))
        for view, each in zip(views, STANDARD, strict=True)
    )
    return "\n\n".join(sections)


def _made(kind: Kind, language: Language) -> str:
    match kind:
        case Kind.COUNT:
            return language.text("The number itself, as it is published.")
        case Kind.RATE:
            return language.text(
                "The numerator in percent of the denominator, from shown figures only."
            )
        case Kind.SHARES:
            return language.text(
                "Each part in percent of the whole, from shown figures only."
            )
        case Kind.MEDIAN:
            return language.text(
                "Interpolated from the shown numbers in bands; none if one of them is hidden."
            )


def _part(cells: Cells, indicator: Indicator, code: str) -> PartView:
    chosen = [f"{name}={value}" for name, value in cells.codes.items()]
    if indicator.along and cells is indicator.numerator:
        chosen.append(f"{indicator.along}≠{TOTAL}")
    return PartView(
        counted=name_in(cells.counted, code),
        cells=", ".join([cells.dataflow, *chosen]),
        basis=name_in(BASIS_NAMES[cells.basis], code),
    )


def _section(view: DefinitionView, indicator: Indicator) -> Iterator[str]:
    yield f"## {view.id}"
    yield ""
    yield f"**{view.name}.** {view.made}"
    yield ""
    yield f"- Numerator: {_part_text(view.numerator)}"
    if view.denominator is not None:
        yield f"- Denominator: {_part_text(view.denominator)}"
    yield f"- Unit: {view.unit}"
    yield f"- Unknown values: {view.unknowns}"
    yield f"- Source: {view.source}."
    names = (f"{indicator.names[code]} ({word})" for code, word in _LANGUAGES.items())
    yield f"- In other languages: {'; '.join(names)}"


def _part_text(part: PartView) -> str:
    return f"{part.counted} (`{part.cells}`). Basis: {part.basis.lower()}."
