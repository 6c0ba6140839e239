"""The SDMX information model as far as tables need it: one dataflow and its codes.

* A dimension that *splits learners* has a codelist with the total `_T` and other codes. A
  code may stand under another one; a code that others stand under is a *group*, the rest
  are *leaves*. Registry values lead to leaves only, and every learner has exactly one leaf
  in each dimension, so that a group is the sum of its leaves.
* "Unknown" (`_U`) is an ordinary leaf.
* A structure with a `Cohort` counts again among people who were counted before: its rows
  are numerators only, and the stored release of the cohort is the denominator.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from interurban_protocol.encoding import sha256_digest
from interurban_protocol.errors import MalformedError
from interurban_protocol.structure_checks import (
    AREA_DIMENSION,
    TIME_DIMENSION,
    TOTAL,
    UNKNOWN,
    Basis,
    check_structure,
)
from interurban_protocol.structure_messages import bundle_bytes, urn
from interurban_protocol.structure_names import Names


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a codelist.

    `value` is the registry's word for it where that is not the id itself, for example
    "55<=", which is no SDMX id. `lower` and `upper` are the band that the code stands for,
    [lower, upper) in the unit of its dimension (EUR a month, years); a band without `upper`
    is open, a code without both is no band.
    """

    id: str
    names: Names
    parent: str | None = None
    value: str | None = None
    lower: int | None = None
    upper: int | None = None


@dataclass(frozen=True, slots=True)
class Codelist:
    """Codes in their order, which is the order of rows in a release too."""

    id: str
    names: Names
    codes: tuple[Code, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One dimension; `codelist_id` is None where any identifier or period is allowed."""

    id: str
    names: Names
    concept: str
    codelist_id: str | None = None
    is_split: bool = False  # splits learners: counts towards the limit of three
    is_sensitive: bool = (
        False  # its breakdown is collapsed where it would tell too much
    )
    is_equity: bool = False  # tables that cross it are protected more strictly
    source: str | None = None  # the canonical registry field, "learner.sex"


@dataclass(frozen=True, slots=True)
class Cohort:
    """The people among whom a structure counts, and how much later it looks at them.

    They are those counted in the release of `dataflow`, an id of the same agency, whose
    period is TIME_PERIOD; what is counted was observed `lag` quarters after that period.
    """

    dataflow: str
    lag: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One dataflow with all that is needed to read its data.

    Raises:
        MalformedError: on creation, if `check_structure` finds anything wrong.
    """

    agency: str
    id: str
    version: str
    names: Names
    dimensions: tuple[Dimension, ...]  # TIME_PERIOD last
    codelists: tuple[Codelist, ...]  # in the order in which dimensions name them
    event: str  # what is counted, "enrolment.started"
    basis: Basis
    measure: Names  # what the number is
    cohort: Cohort | None = None  # None: it counts people for the first time

    def __post_init__(self) -> None:
        check_structure(self)

    @property
    def urn(self) -> str:
        """The dataflow's SDMX URN."""
        return urn(self, "datastructure.Dataflow", self.id)

    @property
    def reference(self) -> str:
        """The dataflow as SDMX-CSV writes it: `AGENCY:ID(VERSION)`."""
        return f"{self.agency}:{self.id}({self.version})"

    @property
    def digest(self) -> str:
        """The digest of `bundle_bytes`."""
        return sha256_digest(bundle_bytes(self))

    @property
    def split_dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions that split learners, in order."""
        return tuple(dimension for dimension in self.dimensions if dimension.is_split)

    def dimension(self, dimension_id: str) -> Dimension:
        """The dimension with this id.

        Raises:
            MalformedError: there is none.
        """
        for dimension in self.dimensions:
            if dimension.id == dimension_id:
                return dimension
        raise MalformedError("the structure has no such dimension")

    def codelist(self, codelist_id: str) -> Codelist:
        """The codelist with this id.

        Raises:
            MalformedError: there is none.
        """
        for codelist in self.codelists:
            if codelist.id == codelist_id:
                return codelist
        raise MalformedError("the structure has no such codelist")

    def codes(self, dimension_id: str) -> tuple[Code, ...]:
        """The codes of a dimension, total included; empty for one without codelist."""
        codelist_id = self.dimension(dimension_id).codelist_id
        return () if codelist_id is None else self.codelist(codelist_id).codes

    def shown_codes(self, dimension_id: str) -> tuple[Code, ...]:
        """The codes that tables have rows for beside the total: groups and leaves."""
        return tuple(code for code in self.codes(dimension_id) if code.id != TOTAL)

    def base_codes(self, dimension_id: str) -> tuple[Code, ...]:
        """The leaves of a dimension, in order: what base cells are counted by."""
        shown = self.shown_codes(dimension_id)
        groups = {code.parent for code in shown}
        return tuple(code for code in shown if code.id not in groups)

    def children(self, dimension_id: str, code_id: str) -> tuple[str, ...]:
        """The codes right under a code, in order; under `_T` those that have no group.

        Raises:
            MalformedError: the dimension has no such code.
        """
        self._check_code(dimension_id, code_id)
        return tuple(
            code.id
            for code in self.shown_codes(dimension_id)
            if (code.parent or TOTAL) == code_id
        )

    def members(self, dimension_id: str, code_id: str) -> tuple[str, ...]:
        """The leaves that a code is the sum of, in order; a leaf is its only member.

        Raises:
            MalformedError: the dimension has no such code.
        """
        self._check_code(dimension_id, code_id)
        parents = {code.id: code.parent for code in self.codes(dimension_id)}
        return tuple(
            leaf.id
            for leaf in self.base_codes(dimension_id)
            if code_id == TOTAL or code_id in _with_ancestors(leaf.id, parents)
        )

    def leaf_by_value(self, dimension_id: str) -> Mapping[str, str]:
        """The leaves of a dimension, by id and by registry value."""
        leaves = self.base_codes(dimension_id)
        by_id = {leaf.id: leaf.id for leaf in leaves}
        return by_id | {leaf.value: leaf.id for leaf in leaves if leaf.value}

    def code_of(self, dimension_id: str, value: str | None) -> str | None:
        """The leaf for a registry value or for a leaf's own id; `_U`, if any, for the rest.

        None means that the structure has no place for the value. Whoever asks for many
        values asks `leaf_by_value` once.
        """
        leaves = self.leaf_by_value(dimension_id)
        known = leaves.get(value) if value is not None else None
        if known is None and UNKNOWN in leaves.values():
            return UNKNOWN
        return known

    def _check_code(self, dimension_id: str, code_id: str) -> None:
        if code_id not in {code.id for code in self.codes(dimension_id)}:
            raise MalformedError("the structure has no such code")


def _with_ancestors(code_id: str, parents: Mapping[str, str | None]) -> set[str]:
    found = {code_id}
    parent = parents[code_id]
    while parent is not None:
        found.add(parent)
        parent = parents[parent]
    return found


__all__ = [
    "AREA_DIMENSION",
    "TIME_DIMENSION",
    "TOTAL",
    "UNKNOWN",
    "Basis",
    "Code",
    "Codelist",
    "Cohort",
    "Dimension",
    "Structure",
]
