"""Indicators: what a committee reads from releases, defined as data.

An indicator names cells of dataflows: what is counted (numerator), of how many (denominator),
in which unit, what becomes of unknown values, and where the figures come from. Dimensions
that the definition leaves open may break it down. `indicator_figures.evaluate` makes its
figures from releases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from interurban_protocol.indicator_names import (
    COUNTED,
    HEADINGS,
    INDICATOR_NAMES,
    SOURCES,
    UNKNOWNS,
)
from interurban_protocol.structures import (
    AGENCY,
    Basis,
    Dimension,
    Names,
    Structure,
)


class Unit(StrEnum):
    """What a figure is a number of."""

    PERSONS = "persons"
    PLACES = "places"
    CASES = "cases"
    PERCENT = "percent"
    EUR_MONTH = "EUR_MONTH"


class Kind(StrEnum):
    """How the value follows from the cells."""

    COUNT = "count"  # it is the numerator
    RATE = "rate"  # the numerator in percent of the denominator
    SHARES = "shares"  # each part along `along` in percent of all parts together
    MEDIAN = "median"  # of the bands along `along`, by interpolation


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Cells of a dataflow: those with `codes`, in any breakdown by the other dimensions."""

    id: str  # of the column that they make
    dataflow: str  # id, of the agency of the standard set
    codes: Mapping[str, str] = field(default_factory=dict)
    unit: Unit = Unit.PERSONS
    basis: Basis = "consent"
    names: Names  # a heading
    counted: Names  # a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One definition. SHARES and MEDIAN have a dimension `along`; MEDIAN no denominator."""

    id: str
    names: Names
    kind: Kind
    numerator: Cells
    denominator: Cells | None = None
    along: str | None = None  # the dimension of parts or bands
    unit: Unit
    unknowns: Names
    source: Names

    @property
    def fixed(self) -> frozenset[str]:
        """The dimensions that the definition itself uses."""
        parts = [self.numerator, *([self.denominator] if self.denominator else [])]
        named = {dimension_id for part in parts for dimension_id in part.codes}
        return frozenset(named | ({self.along} if self.along else set()))

    @property
    def columns(self) -> tuple["Column", ...]:
        """What is shown of each city, in order; the indicator itself is the last."""
        own = Column(self.id, self.names, self.unit)
        if self.kind is Kind.COUNT:
            return (own,)
        parts = [self.denominator, self.numerator]
        return (*(Column(p.id, p.names, p.unit) for p in parts if p is not None), own)

    @property
    def dataflows(self) -> tuple[str, ...]:
        """The ids of the dataflows that it is made of, the numerator's first."""
        parts = [self.numerator, *([self.denominator] if self.denominator else [])]
        return tuple(dict.fromkeys(part.dataflow for part in parts))


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of an indicator: a part of it, or the indicator itself."""

    id: str
    names: Names
    unit: Unit


def is_made_of(
    indicator: Indicator, numerator: Structure, denominator: Structure | None = None
) -> bool:
    """Whether releases of these structures have the cells that the indicator names."""
    parts = [(indicator.numerator, numerator)]
    if indicator.denominator is not None:
        parts.append((indicator.denominator, denominator or numerator))
    return all(_has_cells(cells, structure) for cells, structure in parts) and (
        indicator.along is None
        or indicator.along in {each.id for each in numerator.split_dimensions}
    )


def open_dimensions(
    indicator: Indicator, numerator: Structure, denominator: Structure | None = None
) -> tuple[Dimension, ...]:
    """What the indicator can be broken down by, or filtered on: all its parts have it.

    A dimension whose codes differ between numerator and denominator is none.
    """
    found = [
        each for each in numerator.split_dimensions if each.id not in indicator.fixed
    ]
    if indicator.denominator is not None and denominator is not None:
        ids = {each.id for each in denominator.split_dimensions}
        found = [
            each
            for each in found
            if each.id in ids and _same_codes(each.id, numerator, denominator)
        ]
    return tuple(found)


def count_of(structure: Structure) -> Indicator:
    """The plain count of a dataflow that the standard set does not know."""
    cells = Cells(
        id=structure.id,
        dataflow=structure.id,
        basis=structure.basis,
        names=structure.names,
        counted=structure.measure,
        unit=Unit.PLACES if structure.basis == "non_personal" else Unit.PERSONS,
    )
    return Indicator(
        id=structure.id,
        names=structure.names,
        kind=Kind.COUNT,
        numerator=cells,
        unit=cells.unit,
        unknowns=UNKNOWNS["counted"],
        source=SOURCES["structure"],
    )


def indicators_of(structures: Sequence[Structure]) -> tuple[Indicator, ...]:
    """The indicators that releases of these structures can be read by, in order.

    The standard ones whose cells they have, then a count of each dataflow without any.
    """
    held = {each.id: each for each in structures if each.agency == AGENCY}
    found = [
        each
        for each in STANDARD
        if set(each.dataflows) <= held.keys()
        and is_made_of(each, held[each.dataflows[0]], held[each.dataflows[-1]])
    ]
    covered = {dataflow for each in found for dataflow in each.dataflows}
    others = [
        count_of(each)
        for each in structures
        if each.agency != AGENCY or each.id not in covered
    ]
    return (*found, *others)


def _has_cells(cells: Cells, structure: Structure) -> bool:
    ids = {each.id for each in structure.split_dimensions}
    return (structure.id, cells.codes.keys() <= ids) == (cells.dataflow, True) and all(
        code_id in {code.id for code in structure.codes(dimension_id)}
        for dimension_id, code_id in cells.codes.items()
    )


def _same_codes(dimension_id: str, one: Structure, other: Structure) -> bool:
    ours, theirs = one.codes(dimension_id), other.codes(dimension_id)
    return [(code.id, code.parent) for code in ours] == [
        (code.id, code.parent) for code in theirs
    ]


def _cells(
    name: str,
    dataflow: str,
    *,
    unit: Unit = Unit.PERSONS,
    basis: Basis = "consent",
    **codes: str,
) -> Cells:
    return Cells(
        id=name,
        dataflow=dataflow,
        codes=codes,
        unit=unit,
        basis=basis,
        names=HEADINGS[name],
        counted=COUNTED[name],
    )


def _counted(cells: Cells, unknowns: str, source: str) -> Indicator:
    return Indicator(
        id=cells.id,
        names=INDICATOR_NAMES[cells.id],
        kind=Kind.COUNT,
        numerator=cells,
        unit=cells.unit,
        unknowns=UNKNOWNS[unknowns],
        source=SOURCES[source],
    )


def _ratio(
    name: str, numerator: Cells, denominator: Cells, unknowns: str, source: str
) -> Indicator:
    return Indicator(
        id=name,
        names=INDICATOR_NAMES[name],
        kind=Kind.RATE,
        numerator=numerator,
        denominator=denominator,
        unit=Unit.PERCENT,
        unknowns=UNKNOWNS[unknowns],
        source=SOURCES[source],
    )


def _shares(
    name: str, part: Cells, whole: Cells, along: str, unknowns: str, source: str
) -> Indicator:
    return replace(
        _ratio(name, part, whole, unknowns, source), kind=Kind.SHARES, along=along
    )


def _banded(
    name: str, numerator: Cells, along: str, unknowns: str, source: str
) -> Indicator:
    return Indicator(
        id=name,
        names=INDICATOR_NAMES[name],
        kind=Kind.MEDIAN,
        numerator=numerator,
        along=along,
        unit=Unit.EUR_MONTH,
        unknowns=UNKNOWNS[unknowns],
        source=SOURCES[source],
    )


_STARTED = _cells("STARTED", "COMPLETION")
_COMPLETED = _cells("COMPLETED", "COMPLETION", OUTCOME="COM")
_EXITS = _cells("EXITS", "EXITS")
_CREDENTIALS = _cells("CREDENTIALS", "CREDENTIALS")
_OFFERED = _cells("PLACES_OFFERED", "PLACES", unit=Unit.PLACES, basis="non_personal")
_FILLED = _cells("PLACES_FILLED", "COMPLETION")
_PLACEMENTS = _cells("PLACEMENTS", "PLACEMENTS")
_APPRENTICESHIPS = _cells(
    "APPRENTICESHIPS", "PLACEMENTS", PLACEMENT_KIND="APPRENTICESHIP"
)
_EMPLOYED_Q2 = _cells("EMPLOYED_Q2", "JOBS_Q2")
_EMPLOYED_Q4 = _cells("EMPLOYED_Q4", "JOBS_Q4")
_GRIEVANCES = _cells("GRIEVANCES", "GRIEVANCES", unit=Unit.CASES, basis="public_task")

STANDARD: Final[tuple[Indicator, ...]] = (
    _counted(_STARTED, "counted", "enrolments"),
    _counted(_COMPLETED, "counted", "enrolments"),
    _ratio("COMPLETION_RATE", _COMPLETED, _STARTED, "ongoing", "enrolments"),
    _counted(_EXITS, "counted", "enrolments"),
    _shares(
        "EXIT_REASONS",
        _cells("EXITS_BY_REASON", "EXITS"),
        _EXITS,
        "EXIT_REASON",
        "reason",
        "enrolments",
    ),
    _counted(_CREDENTIALS, "counted", "certificates"),
    _counted(_OFFERED, "none", "offers"),
    _ratio("PLACES_FILLED_SHARE", _FILLED, _OFFERED, "places", "offers_and_enrolments"),
    _counted(_PLACEMENTS, "counted", "placements"),
    _ratio(
        "APPRENTICESHIPS_BROKEN_RATE",
        _cells("APPRENTICESHIPS_BROKEN", "APPRENTICESHIP_BREAKS"),
        _APPRENTICESHIPS,
        "broken",
        "breaks",
    ),
    _ratio("EMPLOYED_Q2_RATE", _EMPLOYED_Q2, _EXITS, "not_seen", "jobs"),
    _ratio("EMPLOYED_Q4_RATE", _EMPLOYED_Q4, _EXITS, "not_seen", "jobs"),
    _ratio(
        "SAME_EMPLOYER_RATE",
        _cells("SAME_EMPLOYER", "JOBS_Q4", EMPLOYER="SAME"),
        _EMPLOYED_Q2,
        "employer",
        "jobs",
    ),
    _shares(
        "WAGE_BANDS",
        _cells("EMPLOYED_BY_BAND", "JOBS_Q2"),
        _EMPLOYED_Q2,
        "WAGE_BAND",
        "wage",
        "jobs",
    ),
    _banded("MEDIAN_WAGE", _EMPLOYED_Q2, "WAGE_BAND", "median", "jobs"),
    _ratio(
        "HIGHER_WAGE_RATE",
        _cells("HIGHER_WAGE", "JOBS_Q4", WAGE_CHANGE="HIGHER"),
        _EMPLOYED_Q4,
        "change",
        "jobs",
    ),
    _counted(_GRIEVANCES, "counted", "grievances"),
    _ratio(
        "GRIEVANCES_IN_TIME_RATE",
        _cells(
            "GRIEVANCES_IN_TIME",
            "GRIEVANCES",
            unit=Unit.CASES,
            basis="public_task",
            TIMELINESS="WITHIN",
        ),
        _GRIEVANCES,
        "open",
        "grievances",
    ),
)
"""The standard indicators, in the order in which they are offered."""


__all__ = [
    "STANDARD",
    "Cells",
    "Column",
    "Indicator",
    "Kind",
    "Unit",
    "count_of",
    "indicators_of",
    "is_made_of",
    "open_dimensions",
]
