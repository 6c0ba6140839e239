"""What a committee can ask for, and the table that answers it, from published values alone.

Every figure comes from a release, that is from values that anybody with the release may
see. Nothing here can reach the registry.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from math import prod

from interurban_node.committee.renderings import name_in, terminal_rows
from interurban_node.committee.tables import (
    Breakdown,
    City,
    CommitteeTable,
    Definition,
    Row,
    Source,
)
from interurban_node.core.errors import RefusedError
from interurban_protocol.indicator_figures import Figure, Mark, evaluate
from interurban_protocol.indicators import Indicator
from interurban_protocol.release_plans import ProtectionProfile, strictest
from interurban_protocol.structure_versions import SeriesBreak, series_breaks

MAX_FIGURES = 10_000  # of one table; a file with everything is the release itself


def check_breakdown(
    definition: Definition, breakdown: Breakdown, profile: ProtectionProfile
) -> None:
    """Refuse what the releases do not have.

    The dimensions that the indicator itself uses count towards those that may be crossed.

    Raises:
        RefusedError: an unknown dimension or code, a dimension twice, or more of them
            crossed than any release has.
    """
    allowed = [each.id for each in definition.dimensions]
    used = (*breakdown.by, *breakdown.filters)
    room = _room(definition, used, profile)
    own = ", ".join(sorted(definition.indicator.fixed))
    checks = {
        f"choose from {', '.join(allowed) or 'nothing: it has no breakdown'}": (
            set(used) <= set(allowed)
        ),
        "a dimension is named twice": len(set(used)) == len(used),
        f"at most {room}{f' besides {own}' if own else ''}, filters (--where) included": (
            len(used) <= room
        ),
    }
    if reasons := [reason for reason, holds in checks.items() if not holds]:
        raise RefusedError(
            "the releases do not have this breakdown",
            reasons=reasons,
            next_step="Choose fewer or other dimensions.",
        )
    for dimension_id, code_id in breakdown.filters.items():
        _check_code(definition, dimension_id, code_id)


def make_table(
    definition: Definition,
    breakdown: Breakdown,
    cities: Sequence[City],
    sources: Sequence[Source],
) -> CommitteeTable:
    """The table of `cities`; `sources` has one entry for each of them and each period.

    Raises:
        RefusedError: as `check_breakdown`, also for an older version of the structure in
            one of the periods; or more than `MAX_FIGURES` figures.
    """
    profile = _profile(definition.indicator, sources)
    check_breakdown(definition, breakdown, profile)
    periods = tuple(sorted({source.period for source in sources}))
    of_period = {
        period: _definition_in(definition, sources, period) for period in periods
    }
    for found in of_period.values():
        check_breakdown(found, breakdown, profile)
    _check_size(of_period, breakdown, len(cities) + 1)
    rows = tuple(
        Row(period, codes, _row_figures(found, cities, sources, period, cell))
        for period, found in of_period.items()
        for codes, cell in _cells(found, breakdown)
    )
    return CommitteeTable(
        definition=definition,
        breakdown=breakdown,
        periods=periods,
        cities=tuple(cities),
        sources=tuple(sources),
        profile=profile,
        rows=rows,
        breaks=_breaks(of_period, definition.splits(breakdown), breakdown.filters),
    )


def _room(
    definition: Definition, used: Sequence[str], profile: ProtectionProfile
) -> int:
    """How many dimensions a breakdown may have beside those of the indicator."""
    fixed = definition.indicator.fixed
    crosses_equity = any(
        each.is_equity and each.id in {*used, *fixed}
        for each in definition.numerator.split_dimensions
    )
    return profile.dimensions_for(crosses_equity=crosses_equity) - len(fixed)


def _check_code(definition: Definition, dimension_id: str, code_id: str) -> None:
    codes = [code.id for code in definition.numerator.codes(dimension_id)]
    if code_id not in codes:
        some = ", ".join(codes[:20]) + (", …" if len(codes) > 20 else "")
        raise RefusedError(
            f"{dimension_id} has no such code", next_step=f"Choose one of {some}."
        )


def _profile(indicator: Indicator, sources: Sequence[Source]) -> ProtectionProfile:
    profiles = [
        table.profile
        for source in sources
        for table in source.releases(indicator) or ()
    ]
    return strictest(profiles or [ProtectionProfile()])


def _definition_in(
    definition: Definition, sources: Sequence[Source], period: str
) -> Definition:
    """The definition with the structures that were published in `period`."""
    indicator = definition.indicator
    for source in sources:
        found = source.releases(indicator) if source.period == period else None
        if found is not None:
            other = found.denominator.structure if found.denominator else None
            return Definition(indicator, found.numerator.structure, other)
    return definition


def _check_size(
    definitions: Mapping[str, Definition], breakdown: Breakdown, lines: int
) -> None:
    figures = sum(
        prod(len(each.codes(split)) for split in each.splits(breakdown))
        * lines
        * len(each.indicator.columns)
        for each in definitions.values()
    )
    if figures > MAX_FIGURES:
        raise RefusedError(
            f"the table would have {figures} figures, more than {MAX_FIGURES}",
            next_step="Choose fewer periods, cities or dimensions; for everything, read "
            "the release itself.",
        )


def _cells(
    definition: Definition, breakdown: Breakdown
) -> Iterator[tuple[tuple[str, ...], Mapping[str, str]]]:
    """Codes of each row, totals first, with the cell that they mean in a release."""
    splits = definition.splits(breakdown)
    choices = [[code.id for code in definition.codes(split)] for split in splits]
    for codes in product(*choices):
        chosen = zip(splits, codes, strict=True)
        yield codes, {**breakdown.filters, **dict(chosen)}


def _row_figures(
    definition: Definition,
    cities: Sequence[City],
    sources: Sequence[Source],
    period: str,
    cell: Mapping[str, str],
) -> tuple[tuple[Figure, ...], ...]:
    indicator = definition.indicator
    by_node = {source.node: source for source in sources if source.period == period}
    found = [by_node[city.node] for city in cities]
    held = [source.releases(indicator) for source in found]
    present = [releases for releases in held if releases is not None]
    together = (
        evaluate(indicator, present, cell, is_combined=True)
        if present
        else _absent(indicator, _common_mark(found, indicator))
    )
    return (
        *(
            evaluate(indicator, [releases], cell)
            if releases is not None
            else _absent(indicator, source.mark(indicator))
            for source, releases in zip(found, held, strict=True)
        ),
        together,
    )


def _absent(indicator: Indicator, mark: Mark) -> tuple[Figure, ...]:
    return (Figure(None, mark),) * len(indicator.columns)


def _common_mark(sources: Sequence[Source], indicator: Indicator) -> Mark:
    marks = {source.mark(indicator) for source in sources}
    return Mark.NOT_YET if marks == {Mark.NOT_YET} else Mark.MISSING


def _breaks(
    definitions: Mapping[str, Definition],
    splits: Sequence[str],
    filters: Mapping[str, str],
) -> tuple[tuple[str, SeriesBreak], ...]:
    """Where neighbouring periods count differently, in what the table shows."""
    found = []
    structures = [
        (period, [each.numerator, *([each.denominator] if each.denominator else [])])
        for period, each in definitions.items()
    ]
    for (_, before), (period, after) in pairwise(structures):
        for old, new in zip(before, after, strict=False):
            if (old.id, old.agency) != (new.id, new.agency):
                continue
            found += [
                (period, each)
                for each in series_breaks([old, new])
                if each.touches({*splits, *filters})
            ]
    return tuple(found)


__all__ = [
    "MAX_FIGURES",
    "check_breakdown",
    "make_table",
    "name_in",
    "terminal_rows",
]
