"""One dataflow as SDMX artefacts: the pysdmx objects that every message is written from.

The served data structure definition is the adopted structure with five attributes of the
data set added, which say which release the figures are from. pysdmx has no place for names
in several languages and for parents of codes; they stand beside the objects, by URN, and
are put into the messages when these are written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from pysdmx.model import (
    Agency,
    AgencyScheme,
    Annotation,
    Code,
    Codelist,
    Component,
    Components,
    Concept,
    ConceptScheme,
    ConstraintAttachment,
    CubeKeyValue,
    CubeRegion,
    CubeValue,
    DataConstraint,
    Dataflow,
    DataStructureDefinition,
    DataType,
    Facets,
    HierarchicalCode,
    Hierarchy,
    HierarchyAssociation,
    Role,
)

from interurban_protocol.structure_messages import CODE_PATTERN, urn
from interurban_protocol.structure_names import ATTRIBUTE_CODES, ATTRIBUTE_NAMES
from interurban_protocol.structures import (
    AGENCY,
    TIME_DIMENSION,
    TOTAL,
    Dimension,
    Names,
    Structure,
    parse_structure,
)
from interurban_protocol.structures import Code as CodeOfStructure
from interurban_protocol.structures import Codelist as CodesOfStructure

MEASURE: Final = "OBS_VALUE"
OBSERVATION_ATTRIBUTES: Final = tuple(ATTRIBUTE_NAMES)  # OBS_STATUS, CONF_STATUS
DATASET_ATTRIBUTES: Final[Mapping[str, Names]] = {
    "RELEASE_ID": {"en": "Release: the digest of its signed manifest"},
    "PROTECTION": {"en": "Protection: the public numbers of the method"},
    "SCHEMA_HASH": {"en": "Digest of the adopted structure"},
    "REVISION": {"en": "Revision of the period; 0 is the first release"},
    "COVERAGE": {"en": "Coverage: percent of those concerned who agreed"},
}
_TEXT = frozenset({"RELEASE_ID", "PROTECTION", "SCHEMA_HASH"})

Artefact: TypeAlias = (
    Dataflow
    | DataStructureDefinition
    | ConceptScheme
    | Codelist
    | Hierarchy
    | HierarchyAssociation
    | DataConstraint
    | AgencyScheme
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefacts:
    """The artefacts of one dataflow, each with its URN.

    `names` has the names of artefacts and items by URN, in all languages; `parents` the
    parents of codes, by the code's URN.
    """

    structure: Structure
    dataflow: Dataflow
    definition: DataStructureDefinition
    concepts: ConceptScheme
    codelists: tuple[Codelist, ...]
    hierarchies: tuple[Hierarchy, ...]
    associations: tuple[HierarchyAssociation, ...]
    constraint: DataConstraint
    names: Mapping[str, Names]
    parents: Mapping[str, str]

    def component(self, component_id: str) -> Component:
        """The component of the structure definition with this id."""
        found: Component = self.definition.components[component_id]
        return found

    def names_of(self, named: Component | Code) -> Names:
        """The names of a component or a code; at least an English one."""
        urn = concept_urn(named) if isinstance(named, Component) else named.urn
        return self.names.get(urn or "", {"en": named.name or named.id})

    def __iter__(self) -> Iterator[Artefact]:
        yield self.dataflow
        yield self.definition
        yield self.concepts
        yield from self.codelists
        yield from self.hierarchies
        yield from self.associations
        yield self.constraint


@lru_cache(maxsize=64)
def artefacts(bundle: bytes) -> Artefacts:
    """The SDMX artefacts of the structure in `bundle`, which this node has adopted.

    Raises:
        MalformedError: as `parse_structure`.
    """
    structure = parse_structure(bundle)
    codelists = tuple(_codelists(structure))
    concepts = _concepts(structure)
    definition = _definition(structure, codelists, concepts)
    hierarchies = tuple(_hierarchies(structure))
    return Artefacts(
        structure=structure,
        dataflow=_dataflow(structure, definition),
        definition=definition,
        concepts=concepts,
        codelists=codelists,
        hierarchies=tuple(hierarchy for _, hierarchy in hierarchies),
        associations=tuple(
            _association(structure, dimension, hierarchy)
            for dimension, hierarchy in hierarchies
        ),
        constraint=_constraint(structure),
        names=dict(_names(structure)),
        parents=dict(_parents(structure)),
    )


def concept_urn(component: Component) -> str:
    """The URN of the concept that a component takes its meaning from."""
    concept = component.concept
    return (concept.urn or "") if isinstance(concept, Concept) else ""


def agency_scheme(found: Iterable[Artefacts]) -> AgencyScheme:
    """The agencies that maintain what is served; the project's own is always one."""
    ids = sorted({AGENCY, *(each.structure.agency for each in found)})
    return AgencyScheme(
        id="AGENCIES",
        agency="SDMX",
        version="1.0",
        name="Agencies",
        items=[Agency(each, name=each.capitalize()) for each in ids],
        urn="urn:sdmx:org.sdmx.infomodel.base.AgencyScheme=SDMX:AGENCIES(1.0)",
    )


def _dataflow(structure: Structure, definition: DataStructureDefinition) -> Dataflow:
    cohort = structure.cohort
    return Dataflow(
        id=structure.id,
        agency=structure.agency,
        version=structure.version,
        is_final=True,
        name=structure.names["en"],
        structure=definition,
        urn=structure.urn,
        annotations=_annotations(
            event=structure.event,
            basis=structure.basis,
            cohort=None if cohort is None else cohort.dataflow,
            lag=None if cohort is None else str(cohort.lag),
        ),
    )


def _annotations(**titles: str | None) -> list[Annotation]:
    """What SDMX has no place for, named as in the adopted structure."""
    return [
        Annotation(id=name, title=title, type=AGENCY)
        for name, title in titles.items()
        if title is not None
    ]


def _definition(
    structure: Structure, codelists: Sequence[Codelist], concepts: ConceptScheme
) -> DataStructureDefinition:
    by_id = {codelist.id: codelist for codelist in codelists}
    by_concept = {concept.id: concept for concept in concepts.items}
    components = [
        *(_dimension(each, by_id, by_concept) for each in structure.dimensions),
        _component(MEASURE, Role.MEASURE, by_concept[MEASURE], dtype=DataType.INTEGER),
        *(
            _component(
                name,
                Role.ATTRIBUTE,
                by_concept[name],
                codelist=by_id[f"CL_{name}"],
                level="O",
            )
            for name in OBSERVATION_ATTRIBUTES
        ),
        *(
            _component(
                name,
                Role.ATTRIBUTE,
                by_concept[name],
                dtype=_dtype(name),
                level="D",
            )
            for name in DATASET_ATTRIBUTES
        ),
    ]
    return DataStructureDefinition(
        id=structure.id,
        agency=structure.agency,
        version=structure.version,
        is_final=True,
        name=structure.names["en"],
        components=Components(components),
        urn=urn(structure, "datastructure.DataStructure", structure.id),
    )


def _dimension(
    dimension: Dimension,
    codelists: Mapping[str, Codelist],
    concepts: Mapping[str, Concept],
) -> Component:
    is_time = dimension.id == TIME_DIMENSION
    listed = dimension.codelist_id
    free = not is_time and listed is None
    return _component(
        dimension.id,
        Role.DIMENSION,
        concepts[dimension.concept],
        codelist=codelists[listed] if listed is not None else None,
        dtype=DataType.PERIOD if is_time else DataType.STRING if free else None,
        facets=Facets(pattern=f"^{CODE_PATTERN}$") if free else None,
    )


def _component(
    component_id: str,
    role: Role,
    concept: Concept,
    *,
    codelist: Codelist | None = None,
    dtype: DataType | None = None,
    facets: Facets | None = None,
    level: str | None = None,
) -> Component:
    # Hidden cells have no value; only the marks and the key are always there.
    is_required = role is Role.DIMENSION or level == "O"
    return Component(
        component_id,
        required=is_required,
        role=role,
        concept=concept,
        local_dtype=dtype,
        local_facets=facets,
        name=concept.name,
        local_codes=codelist,
        attachment_level=level,
        local_enum_ref=codelist.urn if codelist is not None else None,
    )


def _concepts(structure: Structure) -> ConceptScheme:
    names: Mapping[str, Names] = {
        **{each.concept: each.names for each in structure.dimensions},
        MEASURE: structure.measure,
        **ATTRIBUTE_NAMES,
        **DATASET_ATTRIBUTES,
    }
    return ConceptScheme(
        id=f"CS_{structure.id}",
        agency=structure.agency,
        version=structure.version,
        is_final=True,
        name=structure.names["en"],
        items=[
            Concept(
                concept,
                name=texts["en"],
                urn=_concept_urn(structure, concept),
                dtype=_dtype(concept),
            )
            for concept, texts in names.items()
        ],
        urn=urn(structure, "conceptscheme.ConceptScheme", f"CS_{structure.id}"),
    )


def _dtype(concept: str) -> DataType | None:
    """Of the data set's attributes; a reader of ours needs it on the concept too."""
    if concept not in DATASET_ATTRIBUTES:
        return None
    return DataType.STRING if concept in _TEXT else DataType.INTEGER


def _codelists(structure: Structure) -> Iterator[Codelist]:
    for codelist in structure.codelists:
        codes = [_code(structure, codelist.id, code) for code in codelist.codes]
        yield _codelist(structure, codelist.id, codelist.names, codes)
    for name, names_of_codes in ATTRIBUTE_CODES.items():
        codes = [
            Code(
                code,
                name=texts["en"],
                urn=_code_urn(structure, f"CL_{name}", code),
            )
            for code, texts in names_of_codes.items()
        ]
        yield _codelist(structure, f"CL_{name}", ATTRIBUTE_NAMES[name], codes)


def _code(structure: Structure, codelist_id: str, code: CodeOfStructure) -> Code:
    """A code; the bounds of a band stand in its annotations."""
    return Code(
        code.id,
        name=code.names["en"],
        urn=_code_urn(structure, codelist_id, code.id),
        annotations=_annotations(
            lower=None if code.lower is None else str(code.lower),
            upper=None if code.upper is None else str(code.upper),
        ),
    )


def _codelist(
    structure: Structure, codelist_id: str, names: Names, codes: Sequence[Code]
) -> Codelist:
    return Codelist(
        id=codelist_id,
        agency=structure.agency,
        version=structure.version,
        is_final=True,
        name=names["en"],
        items=codes,
        urn=urn(structure, "codelist.Codelist", codelist_id),
    )


def _hierarchies(structure: Structure) -> Iterator[tuple[Dimension, Hierarchy]]:
    """One for each dimension whose codes stand in groups; the total is its root."""
    for dimension in structure.split_dimensions:
        codelist = structure.codelist(dimension.codelist_id or "")
        if any(code.parent not in (None, TOTAL) for code in codelist.codes):
            hierarchy_id = f"H_{dimension.id}"
            yield (
                dimension,
                Hierarchy(
                    id=hierarchy_id,
                    agency=structure.agency,
                    version=structure.version,
                    is_final=True,
                    name=codelist.names["en"],
                    codes=_below(structure, codelist, None),
                    is_partial=False,
                    urn=urn(structure, "codelist.Hierarchy", hierarchy_id),
                ),
            )


def _below(
    structure: Structure, codelist: CodesOfStructure, parent: str | None
) -> list[HierarchicalCode]:
    return [
        HierarchicalCode(
            code.id,
            name=code.names["en"],
            urn=_code_urn(structure, codelist.id, code.id),
            codes=_below(structure, codelist, code.id),
        )
        for code in codelist.codes
        if _parent(code.id, code.parent) == parent
    ]


def _parent(code_id: str, parent: str | None) -> str | None:
    return None if code_id == TOTAL else parent or TOTAL


def _association(
    structure: Structure, dimension: Dimension, hierarchy: Hierarchy
) -> HierarchyAssociation:
    component = urn(structure, "datastructure.Dimension", structure.id)
    association_id = f"HA_{structure.id}_{dimension.id}"
    return HierarchyAssociation(
        id=association_id,
        agency=structure.agency,
        version=structure.version,
        is_final=True,
        name=hierarchy.name,
        hierarchy=hierarchy,
        component_ref=f"{component}.{dimension.id}",
        context_ref=structure.urn,
        urn=urn(structure, "codelist.HierarchyAssociation", association_id),
    )


def _constraint(structure: Structure) -> DataConstraint:
    """What may occur: the codes of the lists. Which crossings exist is in PROTECTION."""
    constraint_id = f"CR_{structure.id}"
    region = CubeRegion(
        [
            CubeKeyValue(
                each.id, [CubeValue(code.id) for code in structure.codes(each.id)]
            )
            for each in structure.dimensions
            if each.codelist_id is not None
        ]
    )
    return DataConstraint(
        id=constraint_id,
        agency=structure.agency,
        version=structure.version,
        is_final=True,
        name=structure.names["en"],
        constraint_attachment=ConstraintAttachment(None, dataflows=[structure.urn]),
        cube_regions=[region],
        urn=urn(structure, "registry.DataConstraint", constraint_id),
    )


def _names(structure: Structure) -> Iterator[tuple[str, Names]]:
    yield structure.urn, structure.names
    yield (
        urn(structure, "datastructure.DataStructure", structure.id),
        structure.names,
    )
    scheme = urn(structure, "conceptscheme.ConceptScheme", f"CS_{structure.id}")
    yield scheme, structure.names
    for dimension in structure.dimensions:
        yield _concept_urn(structure, dimension.concept), dimension.names
    yield _concept_urn(structure, MEASURE), structure.measure
    for codelist in structure.codelists:
        yield urn(structure, "codelist.Codelist", codelist.id), codelist.names
        for code in codelist.codes:
            yield _code_urn(structure, codelist.id, code.id), code.names


def _parents(structure: Structure) -> Iterator[tuple[str, str]]:
    for codelist in structure.codelists:
        for code in codelist.codes:
            if code.parent is not None:
                yield _code_urn(structure, codelist.id, code.id), code.parent


def _concept_urn(structure: Structure, concept: str) -> str:
    scheme = urn(structure, "conceptscheme.Concept", f"CS_{structure.id}")
    return f"{scheme}.{concept}"


def _code_urn(structure: Structure, codelist_id: str, code: str) -> str:
    return f"{urn(structure, 'codelist.Code', codelist_id)}.{code}"


__all__ = [
    "DATASET_ATTRIBUTES",
    "MEASURE",
    "OBSERVATION_ATTRIBUTES",
    "Artefact",
    "Artefacts",
    "agency_scheme",
    "artefacts",
    "concept_urn",
]
