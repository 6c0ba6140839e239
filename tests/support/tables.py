"""Builders for small tables of every kind, and the standard set in two versions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from interurban_protocol.lint_marks import EQUITY_FIELDS, SENSITIVE_FIELDS
from interurban_protocol.structures import Code, Codelist, Cohort, Dimension, Structure
from interurban_protocol.training_codelists import (
    age_band_codes,
    equity_codes,
    wage_band_codes,
)
from interurban_protocol.training_structures import TrainingChoices, training_structures

Split = tuple[str, Sequence[Code]]  # registry field, codes without the total


def codes(*ids: str, **groups: Sequence[str]) -> tuple[Code, ...]:
    """Leaves; by keyword a group with the leaves under it."""
    grouped = [
        code
        for group, members in groups.items()
        for code in (a_code(group), *(a_code(each, parent=group) for each in members))
    ]
    return (*(a_code(each) for each in ids), *grouped)


def a_code(code_id: str, **changes: Any) -> Code:
    return Code(code_id, {"en": code_id.title()}, **changes)


def bands(*limits: int) -> tuple[Code, ...]:
    """Bands of a number: from each limit to the next one, the last one open."""
    tops = (*limits[1:], None)
    return tuple(
        a_code(f"B{low}", lower=low, upper=high)
        for low, high in zip(limits, tops, strict=True)
    )


def a_table(
    dataflow: str = "COMPLETION",
    event: str = "enrolment.started",
    splits: Mapping[str, Split] | None = None,
    **changes: Any,
) -> Structure:
    """A dataflow that splits people by sex, unless `splits` say otherwise."""
    splits = {"SEX": ("learner.sex", codes("F", "M"))} if splits is None else splits
    values: dict[str, Any] = {
        "agency": "INTERURBAN",
        "id": dataflow,
        "version": "1.0.0",
        "names": {"en": "People"},
        "dimensions": (
            _constant("REF_AREA"),
            *(_split(name, source) for name, (source, _) in splits.items()),
            _constant("TIME_PERIOD"),
        ),
        "codelists": tuple(
            Codelist(f"CL_{name}", {"en": name.title()}, (a_code("_T"), *listed))
            for name, (_, listed) in splits.items()
        ),
        "event": event,
        "basis": "consent",
        "measure": {"en": "People counted"},
    }
    return Structure(**(values | changes))


def jobs(**changes: Any) -> Structure:
    """Who of those who left has a job two quarters later."""
    values = {"cohort": Cohort("EXITS", 2), **changes}
    return a_table("JOBS", "exit.employed", **values)


def exits(**changes: Any) -> Structure:
    """Who left."""
    return a_table("EXITS", "enrolment.ended", **changes)


def standard_choices(**changes: Any) -> TrainingChoices:
    """Two programmes, ages as a registry sync assigns them, displaced learners."""
    values: dict[str, Any] = {
        "programmes": codes("P1", "P2"),
        "age_bands": age_band_codes(),
        "equity": equity_codes("learner.displaced"),
        "equity_source": "learner.displaced",
        "wage_bands": wage_band_codes([800, 1600]),
    }
    return TrainingChoices(**(values | changes))


def standard_tables(**changes: Any) -> tuple[Structure, ...]:
    """The standard set for these choices."""
    return training_structures(standard_choices(**changes))


def with_dimension(structure: Structure, name: str, **changes: Any) -> Structure:
    """The same structure with one dimension changed."""
    dimensions = tuple(
        replace(each, **changes) if each.id == name else each
        for each in structure.dimensions
    )
    return replace(structure, dimensions=dimensions)


def with_codes(structure: Structure, name: str, listed: Sequence[Code]) -> Structure:
    """The same structure with other codes, the total included, in one codelist."""
    codelists = tuple(
        replace(each, codes=tuple(listed)) if each.id == f"CL_{name}" else each
        for each in structure.codelists
    )
    return replace(structure, codelists=codelists)


def with_code(
    structure: Structure, name: str, code_id: str, **changes: Any
) -> Structure:
    """The same structure with one code changed."""
    listed = [
        replace(each, **changes) if each.id == code_id else each
        for each in structure.codes(name)
    ]
    return with_codes(structure, name, listed)


def _constant(name: str) -> Dimension:
    return Dimension(id=name, names={"en": name.title()}, concept=name)


def _split(name: str, source: str) -> Dimension:
    return Dimension(
        id=name,
        names={"en": name.title()},
        concept=name,
        codelist_id=f"CL_{name}",
        is_split=True,
        is_sensitive=source in SENSITIVE_FIELDS,
        is_equity=source in EQUITY_FIELDS,
        source=source,
    )
