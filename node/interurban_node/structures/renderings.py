"""Structures and their differences, as people and programs read them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from interurban_node.core.console import Table
from interurban_protocol.encoding import JsonValue
from interurban_protocol.lattices import lattice_size
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.structure_groupings import band_of
from interurban_protocol.structure_versions import Difference, Level
from interurban_protocol.structures import (
    TOTAL,
    Code,
    Dimension,
    Names,
    Structure,
)


@dataclass(frozen=True, slots=True)
class Held:
    """A structure of this node, and whether it was adopted or only proposed."""

    structure: Structure
    is_adopted: bool


def in_language(names: Names, language: str) -> str:
    """The name in a language, in English where there is none."""
    return names.get(language) or names["en"]


def short_name(structure: Structure) -> str:
    """The dataflow as a table has room for it: "COMPLETION 1.0.0"."""
    return f"{structure.id} {structure.version}"


def structure_table(held: Sequence[Held], language: str) -> Table:
    """Structures, one in a row."""
    return Table(
        ("Dataflow", "What", "Counts", "Basis", "State"),
        [
            (
                short_name(each.structure),
                in_language(each.structure.names, language),
                counted(each.structure),
                each.structure.basis.replace("_", " "),
                "adopted" if each.is_adopted else "proposed",
            )
            for each in held
        ],
    )


def summary(structure: Structure) -> dict[str, JsonValue]:
    """The facts about a structure, without its codes."""
    cohort = structure.cohort
    return {
        "reference": structure.reference,
        "urn": structure.urn,
        "digest": structure.digest,
        "names": dict(structure.names),
        "event": structure.event,
        "basis": structure.basis,
        "cohort": {"dataflow": cohort.dataflow, "lag": cohort.lag} if cohort else None,
        "cells": lattice_size(structure, ProtectionProfile()),
    }


def facts(structure: Structure) -> dict[str, JsonValue]:
    """Everything about a structure, for programs."""
    return {
        **summary(structure),
        "measure": dict(structure.measure),
        "dimensions": [_dimension_facts(structure, d) for d in structure.dimensions],
    }


def lines(structure: Structure, language: str) -> list[str]:
    """Everything about a structure, for people."""
    return [
        f"{structure.reference}: {in_language(structure.names, language)}",
        f"  counts      {counted(structure)}",
        f"              {in_language(structure.measure, language)}",
        f"  basis       {structure.basis.replace('_', ' ')}",
        f"  cells       {lattice_size(structure, ProtectionProfile()):,} in a release "
        "under the default profile",
        f"  digest      {structure.digest}",
        *(
            line
            for dimension in structure.dimensions
            for line in _dimension_lines(structure, dimension, language)
        ),
    ]


def counted(structure: Structure) -> str:
    """What is counted, and among whom: "exit.employed, 2 quarters after EXITS"."""
    if structure.cohort is None:
        return structure.event
    return (
        f"{structure.event}, {structure.cohort.lag} quarters after "
        f"{structure.cohort.dataflow}"
    )


def difference_facts(
    old: Structure, new: Structure, difference: Difference
) -> dict[str, JsonValue]:
    """A difference for programs."""
    return {
        "old": old.reference,
        "new": new.reference,
        "level": str(difference.level),
        "breaks_series": difference.level is Level.MAJOR,
        "changes": [
            {
                "kind": str(change.kind),
                "where": change.where,
                "before": change.before,
                "after": change.after,
                "level": str(change.level),
            }
            for change in difference.changes
        ],
    }


def difference_lines(
    old: Structure, new: Structure, difference: Difference
) -> list[str]:
    """A difference for people, the largest changes first."""
    title = f"{old.reference} -> {new.version}: "
    if not difference.changes:
        return [title + "nothing changed"]
    ordered = sorted(difference.changes, key=lambda each: -each.level)
    found = [
        f"{title}{difference.level} change",
        *(f"  {change.level!s:<6} {change}" for change in ordered),
    ]
    if difference.level is Level.MAJOR:
        found.append("  Series break where it changed: the figures are other figures.")
    return found


def _dimension_facts(structure: Structure, dimension: Dimension) -> JsonValue:
    return {
        "id": dimension.id,
        "names": dict(dimension.names),
        "source": dimension.source,
        "sensitive": dimension.is_sensitive,
        "equity": dimension.is_equity,
        "codes": [
            {
                "id": code.id,
                "names": dict(code.names),
                "parent": code.parent,
                "value": code.value,
            }
            for code in structure.codes(dimension.id)
        ],
    }


def _dimension_lines(
    structure: Structure, dimension: Dimension, language: str
) -> Iterator[str]:
    name = in_language(dimension.names, language)
    marks = [
        f"from {dimension.source}" if dimension.source else "",
        "sensitive" if dimension.is_sensitive else "",
        "equity group" if dimension.is_equity else "",
    ]
    told = ", ".join(mark for mark in marks if mark)
    yield f"  {dimension.id:<11} {name}" + (f" ({told})" if told else "")
    parents = {code.id: code.parent for code in structure.codes(dimension.id)}
    for code in structure.codes(dimension.id):
        if code.id != TOTAL:
            indent = "  " * _depth(code, parents)
            yield f"              {indent}{_code_line(code, dimension, language)}"


def _code_line(code: Code, dimension: Dimension, language: str) -> str:
    band = band_of(code, dimension.source)
    marks = [
        f'"{code.value}" in the registry' if code.value else "",
        str(band) if band else "",
    ]
    told = ", ".join(mark for mark in marks if mark)
    text = f"{code.id}  {in_language(code.names, language)}"
    return f"{text} ({told})" if told else text


def _depth(code: Code, parents: dict[str, str | None]) -> int:
    depth, parent = 0, code.parent
    while parent not in (None, TOTAL):
        depth, parent = depth + 1, parents[str(parent)]
    return depth
