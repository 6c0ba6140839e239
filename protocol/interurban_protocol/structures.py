"""Structures: which tables there are, in the SDMX information model.

A `Structure` is one dataflow with its data structure definition, concepts and codelists. It
is kept and exchanged as an SDMX-JSON 2.0 structure message without header, self-contained
and in canonical form: `bundle_bytes`. Its digest is what plans and manifests name; the same
URN with another digest is refused by whoever holds the first.

* A dimension that *splits learners* has a codelist with the total `_T` and other codes,
  which may stand under each other. Every learner has exactly one leaf in each dimension, so
  whoever is counted is in exactly one base cell, and groups are sums of leaves.
* REF_AREA and TIME_PERIOD are the same in all rows of a release and split nobody.
* Which registry field a dimension reads (`source`), which event is counted, among which
  cohort and on which legal basis stand in annotations, so that no dataflow is hard-coded in
  a node.

The types stand in `structure_model`, what is refused in `structure_checks`, the form on the
wire in `structure_messages`; the structures that cities start with are `training_structures`.
"""

from collections.abc import Mapping
from typing import cast

from interurban_protocol.errors import MalformedError
from interurban_protocol.structure_checks import check_structure
from interurban_protocol.structure_messages import (
    AGENCY,
    CodeItem,
    Component,
    MessageData,
    bundle_bytes,
    read_message,
)
from interurban_protocol.structure_model import (
    AREA_DIMENSION,
    TIME_DIMENSION,
    TOTAL,
    UNKNOWN,
    Basis,
    Code,
    Codelist,
    Cohort,
    Dimension,
    Structure,
)
from interurban_protocol.structure_names import ATTRIBUTE_NAMES, Names
from interurban_protocol.training_structures import completion_structure


def parse_structure(data: bytes) -> Structure:
    """The structure in a bundle.

    Only the form that `bundle_bytes` writes is accepted, byte for byte: what this version
    would not write again, it has not understood.

    Raises:
        MalformedError: another form, or anything that `check_structure` refuses.
    """
    structure = _structure(read_message(data).data)
    if bundle_bytes(structure) != data:
        raise MalformedError(
            "the structure message is not in the form that this version writes"
        )
    return structure


def _structure(data: MessageData) -> Structure:
    dataflow = data.dataflows[0]
    names = {concept.id: concept.names for concept in data.conceptSchemes[0].concepts}
    listed = data.dataStructures[0].dataStructureComponents.dimensionList
    attributes = {f"CL_{name}" for name in ATTRIBUTE_NAMES}
    return Structure(
        agency=dataflow.agencyID,
        id=dataflow.id,
        version=dataflow.version,
        names=dataflow.names,
        dimensions=tuple(
            _dimension(component, names)
            for component in (*listed.dimensions, listed.timeDimension)
        ),
        codelists=tuple(
            Codelist(item.id, item.names, tuple(_code(code) for code in item.codes))
            for item in data.codelists
            if item.id not in attributes
        ),
        event=dataflow.annotation("event") or "",
        basis=cast(Basis, dataflow.annotation("basis")),  # which __post_init__ checks
        measure=names.get("OBS_VALUE", {}),
        cohort=_cohort(dataflow.annotation("cohort"), dataflow.whole_number("lag")),
    )


def _cohort(dataflow: str | None, lag: int | None) -> Cohort | None:
    return None if dataflow is None else Cohort(dataflow, lag or 0)


def _dimension(component: Component, names: Mapping[str, Names]) -> Dimension:
    concept = component.conceptIdentity.rpartition(".")[2]
    enumeration = component.localRepresentation.enumeration
    return Dimension(
        id=component.id,
        names=names.get(concept, {}),
        concept=concept,
        codelist_id=_codelist_id(enumeration) if enumeration is not None else None,
        is_split=component.annotation("split") is not None,
        is_sensitive=component.annotation("sensitive") is not None,
        is_equity=component.annotation("equity") is not None,
        source=component.annotation("source"),
    )


def _codelist_id(urn: str) -> str:
    return urn.rpartition(":")[2].partition("(")[0]


def _code(item: CodeItem) -> Code:
    return Code(
        item.id,
        item.names,
        item.parent,
        item.annotation("value"),
        item.whole_number("lower"),
        item.whole_number("upper"),
    )


__all__ = [
    "AGENCY",
    "AREA_DIMENSION",
    "TIME_DIMENSION",
    "TOTAL",
    "UNKNOWN",
    "Basis",
    "Code",
    "Codelist",
    "Cohort",
    "Dimension",
    "Names",
    "Structure",
    "bundle_bytes",
    "check_structure",
    "completion_structure",
    "parse_structure",
]
