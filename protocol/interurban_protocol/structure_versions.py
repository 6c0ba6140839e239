"""Versions of a structure: what changed between two, and where a series breaks.

Versions follow semver as SDMX uses it, seen from the figures: what makes a figure of the new
version another figure than the one of the same name before is *major*; what only adds
figures, or changes how they are protected, is *minor*; other words are a *patch*. A major
step breaks the series at the dimensions that it touches, and whoever draws a series across
it says so.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import pairwise
from typing import Protocol, TypeVar

from interurban_protocol.errors import ChainError, MalformedError
from interurban_protocol.structures import Code, Dimension, Names, Structure

MAX_DIGITS = 9
DATAFLOW = ""  # the place of a change that is about every figure


class Level(IntEnum):
    """How far a version must rise."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        """The word for it: "major"."""
        return self.name.lower()


class ChangeKind(StrEnum):
    """What can differ between two versions."""

    EVENT = "another event is counted"
    BASIS = "another legal basis"
    COHORT = "another cohort"
    DIMENSION_ADDED = "dimension added"
    DIMENSION_REMOVED = "dimension removed"
    DIMENSION_ORDER = "dimensions in another order"
    CONCEPT = "another concept"
    SOURCE = "another registry field"
    PROTECTION = "protected otherwise"
    CODELIST = "another codelist"
    CODES_CLOSED = "only listed codes from now on"
    CODE_ADDED = "code added"
    CODE_REMOVED = "code removed"
    CODE_ORDER = "codes in another order"
    VALUE = "another registry value"
    BAND = "another band"
    HIERARCHY = "under another code"
    NAMES = "other words"


_LEVELS: Mapping[ChangeKind, Level] = {
    **dict.fromkeys(ChangeKind, Level.MAJOR),
    ChangeKind.PROTECTION: Level.MINOR,
    ChangeKind.CODELIST: Level.MINOR,
    ChangeKind.CODE_ADDED: Level.MINOR,
    ChangeKind.CODE_ORDER: Level.PATCH,
    ChangeKind.NAMES: Level.PATCH,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; `where` is a dimension, "AGE", a code, "AGE.Y16T24", or `DATAFLOW`."""

    kind: ChangeKind
    where: str
    before: str | None = None
    after: str | None = None

    @property
    def level(self) -> Level:
        """How far this change alone makes the version rise."""
        return _LEVELS[self.kind]

    @property
    def dimension(self) -> str:
        """The dimension that it is about, or `DATAFLOW` if it is about every figure."""
        if self.kind in (ChangeKind.DIMENSION_ADDED, ChangeKind.DIMENSION_REMOVED):
            return DATAFLOW  # the closed set of tables is another one
        return self.where.partition(".")[0]

    def __str__(self) -> str:
        """The change in a line: "AGE.Y16T24: another band: 16 to 25 -> 15 to 25"."""
        place = f"{self.where}: " if self.where else ""
        if self.before is None and self.after is None:
            return f"{place}{self.kind}"
        return f"{place}{self.kind}: {self.before or 'none'} -> {self.after or 'none'}"


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes from one version to another, from the whole to its parts."""

    changes: tuple[Change, ...]

    @property
    def level(self) -> Level:
        """The level of the largest change; NONE if there is none."""
        return max((change.level for change in self.changes), default=Level.NONE)


@dataclass(frozen=True, slots=True)
class SeriesBreak:
    """Two neighbouring versions in which figures of one name are different figures."""

    before: str  # the two versions
    after: str
    changes: tuple[Change, ...]  # the major ones

    def touches(self, dimensions: Collection[str]) -> bool:
        """Whether a figure broken down by these dimensions is another one afterwards."""
        touched = {change.dimension for change in self.changes}
        return bool(touched & {DATAFLOW, *dimensions})


def compare(old: Structure, new: Structure) -> Difference:
    """What changed; the version itself is no change.

    Raises:
        MalformedError: they are versions of different dataflows.
    """
    if (old.agency, old.id) != (new.agency, new.id):
        raise MalformedError(
            f"{old.agency}:{old.id} and {new.agency}:{new.id} are different dataflows"
        )
    return Difference(
        (
            *_definition_changes(old, new),
            *_dimension_changes(old, new),
            *_code_changes(old, new),
            *_name_changes(old, new),
        )
    )


def check_version_step(old: Structure, new: Structure) -> None:
    """Refuse a new version that rises by less than its changes ask for.

    Raises:
        MalformedError: they are versions of different dataflows.
        ChainError: the version does not rise, or too little; names the largest change.
    """
    difference = compare(old, new)
    before, after = version_of(old), version_of(new)
    if before == after and not difference.changes:
        return
    if _step(before, after) < max(difference.level, Level.PATCH):
        largest = max(difference.changes, key=lambda each: each.level, default=None)
        why = f"; {largest}" if largest else ""
        raise ChainError(
            f"{new.reference} does not rise far enough above {old.version} for a "
            f"{difference.level} change{why}",
            next_step="Give it the version "
            f"{_least(before, difference.level)} or a higher one.",
        )


def series_breaks(versions: Iterable[Structure]) -> tuple[SeriesBreak, ...]:
    """Where a series over these versions of one dataflow breaks, oldest first.

    Raises:
        MalformedError: they are versions of different dataflows.
    """
    found = []
    for old, new in pairwise(sorted(versions, key=version_of)):
        changes = compare(old, new).changes
        if major := tuple(each for each in changes if each.level is Level.MAJOR):
            found.append(SeriesBreak(old.version, new.version, major))
    return tuple(found)


def version_of(structure: Structure) -> tuple[int, int, int]:
    """The version in a form that sorts.

    Raises:
        MalformedError: a number of more digits than any version has.
    """
    parts = structure.version.split(".")
    if max(map(len, parts)) > MAX_DIGITS:
        raise MalformedError("the version has a number of too many digits")
    major, minor, patch = map(int, parts)
    return major, minor, patch


def _step(before: tuple[int, int, int], after: tuple[int, int, int]) -> Level:
    """By how much a version rises; NONE if it does not."""
    if after <= before:
        return Level.NONE
    if after[0] > before[0]:
        return Level.MAJOR
    return Level.MINOR if after[1] > before[1] else Level.PATCH


def _least(before: tuple[int, int, int], level: Level) -> str:
    major, minor, patch = before
    match level:
        case Level.MAJOR:
            return f"{major + 1}.0.0"
        case Level.MINOR:
            return f"{major}.{minor + 1}.0"
        case _:
            return f"{major}.{minor}.{patch + 1}"


def _definition_changes(old: Structure, new: Structure) -> Iterator[Change]:
    yield from _changed(ChangeKind.EVENT, DATAFLOW, old.event, new.event)
    yield from _changed(ChangeKind.BASIS, DATAFLOW, old.basis, new.basis)
    yield from _changed(ChangeKind.COHORT, DATAFLOW, _cohort(old), _cohort(new))


def _dimension_changes(old: Structure, new: Structure) -> Iterator[Change]:
    before, after = _by_id(old.dimensions), _by_id(new.dimensions)
    for name in _missing(before, after):
        yield Change(ChangeKind.DIMENSION_REMOVED, name)
    for name in _missing(after, before):
        yield Change(ChangeKind.DIMENSION_ADDED, name)
    if _order_differs(before, after):
        yield Change(ChangeKind.DIMENSION_ORDER, DATAFLOW)
    for name in _shared(before, after):
        yield from _one_dimension(before[name], after[name])


def _one_dimension(old: Dimension, new: Dimension) -> Iterator[Change]:
    where = old.id
    yield from _changed(ChangeKind.CONCEPT, where, old.concept, new.concept)
    yield from _changed(ChangeKind.SOURCE, where, old.source, new.source)
    yield from _changed(
        ChangeKind.PROTECTION, where, _protection(old), _protection(new)
    )
    is_closed = old.codelist_id is None and new.codelist_id is not None
    kind = ChangeKind.CODES_CLOSED if is_closed else ChangeKind.CODELIST
    yield from _changed(kind, where, old.codelist_id, new.codelist_id)


def _code_changes(old: Structure, new: Structure) -> Iterator[Change]:
    for name in _listed_in_both(old, new):
        before, after = _by_id(old.codes(name)), _by_id(new.codes(name))
        for code in _missing(before, after):
            yield Change(ChangeKind.CODE_REMOVED, f"{name}.{code}")
        for code in _missing(after, before):
            yield Change(ChangeKind.CODE_ADDED, f"{name}.{code}")
        if _order_differs(before, after):
            yield Change(ChangeKind.CODE_ORDER, name)
        for code in _shared(before, after):
            yield from _one_code(f"{name}.{code}", before[code], after[code])


def _one_code(where: str, old: Code, new: Code) -> Iterator[Change]:
    values = old.value or old.id, new.value or new.id
    yield from _changed(ChangeKind.VALUE, where, *values)
    yield from _changed(ChangeKind.BAND, where, _band(old), _band(new))
    yield from _changed(ChangeKind.HIERARCHY, where, old.parent, new.parent)


def _name_changes(old: Structure, new: Structure) -> Iterator[Change]:
    yield from _reworded(DATAFLOW, old.names, new.names)
    yield from _reworded(DATAFLOW, old.measure, new.measure)
    for name in _shared(_by_id(old.dimensions), _by_id(new.dimensions)):
        yield from _reworded(name, old.dimension(name).names, new.dimension(name).names)
    for name in _listed_in_both(old, new):
        yield from _reworded(name, _list_names(old, name), _list_names(new, name))
        before, after = _by_id(old.codes(name)), _by_id(new.codes(name))
        for code in _shared(before, after):
            where = f"{name}.{code}"
            yield from _reworded(where, before[code].names, after[code].names)


def _changed(
    kind: ChangeKind, where: str, before: str | None, after: str | None
) -> Iterator[Change]:
    if before != after:
        yield Change(kind, where, before, after)


def _reworded(where: str, before: Names, after: Names) -> Iterator[Change]:
    languages = [*before, *(tag for tag in after if tag not in before)]
    for tag in languages:
        if before.get(tag) != after.get(tag):
            yield Change(ChangeKind.NAMES, where, before.get(tag), after.get(tag))
            return  # one line for each thing that is called otherwise


class _Named(Protocol):
    @property
    def id(self) -> str: ...


_Item = TypeVar("_Item", bound=_Named)


def _by_id(items: Sequence[_Item]) -> Mapping[str, _Item]:
    return {item.id: item for item in items}


def _missing(held: Iterable[str], other: Collection[str]) -> list[str]:
    return [name for name in held if name not in other]


def _shared(held: Iterable[str], other: Collection[str]) -> list[str]:
    return [name for name in held if name in other]


def _order_differs(before: Collection[str], after: Collection[str]) -> bool:
    return _shared(before, after) != _shared(after, before)


def _listed_in_both(old: Structure, new: Structure) -> list[str]:
    """The dimensions that have a codelist in both versions."""
    with_codes = [
        {each.id for each in it.dimensions if each.codelist_id} for it in (old, new)
    ]
    return [
        each.id for each in old.dimensions if each.id in with_codes[0] & with_codes[1]
    ]


def _list_names(structure: Structure, dimension_id: str) -> Names:
    codelist_id = structure.dimension(dimension_id).codelist_id
    return structure.codelist(codelist_id).names if codelist_id else {}


def _cohort(structure: Structure) -> str | None:
    cohort = structure.cohort
    return f"{cohort.dataflow}, {cohort.lag} quarters later" if cohort else None


def _protection(dimension: Dimension) -> str:
    marks = (
        ("sensitive", dimension.is_sensitive),
        ("equity", dimension.is_equity),
    )
    return ", ".join(word for word, holds in marks if holds) or "as any other"


def _band(code: Code) -> str | None:
    if code.lower is None and code.upper is None:
        return None
    low = "any" if code.lower is None else str(code.lower)
    return f"{low} and more" if code.upper is None else f"{low} to {code.upper}"


__all__ = [
    "DATAFLOW",
    "Change",
    "ChangeKind",
    "Difference",
    "Level",
    "SeriesBreak",
    "check_version_step",
    "compare",
    "series_breaks",
    "version_of",
]
