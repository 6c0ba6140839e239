"""The standard training-outcome structures: which tables a training programme needs.

`TRAINING_DATAFLOWS` says of each what is counted, among whom, on which basis and by which
registry fields; `training_structures` puts a city's programmes, bands and groups in.

* Every dataflow counts an event of its own, once for each learner and quarter (a flow). The
  number of learners who left is published by EXITS alone: the dataflows about their jobs are
  numerators among the same people, observed two and four quarters later.
* "Places filled" is the count of COMPLETION, not a second table over the same people.
* All structures of one set have the same codelists, so that one codelist URN is one list.
* What tells something of everybody in a group ("all of them failed") is sensitive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from interurban_protocol.errors import MalformedError
from interurban_protocol.structure_messages import AGENCY
from interurban_protocol.structure_model import (
    AREA_DIMENSION,
    TIME_DIMENSION,
    UNKNOWN,
    Basis,
    Code,
    Codelist,
    Cohort,
    Dimension,
    Structure,
)
from interurban_protocol.structure_names import AREA_NAMES, TIME_NAMES
from interurban_protocol.training_codelists import (
    STANDARD_CODES,
    TOTAL_CODE,
    with_unknown,
)
from interurban_protocol.training_names import (
    CONCEPT_NAMES,
    DATAFLOW_NAMES,
    MEASURE_NAMES,
)

CHOSEN_SOURCE: Final = ""  # the registry field of EQUITY, which each city chooses
EQUITY: Final = "EQUITY"
AREA_CODELIST: Final = "CL_AREA"
SENSITIVE: Final = frozenset(
    {EQUITY, "OUTCOME", "EXIT_REASON", "EMPLOYER", "WAGE_BAND", "WAGE_CHANGE"}
)

CompletionExtra: TypeAlias = Literal["LEVEL", "MODE"]

_PROGRAMME = ("PROGRAMME", "programme.code")
_LEVEL = ("LEVEL", "programme.level")
_MODE = ("MODE", "programme.mode")
_PERSON = (
    ("AGE", "learner.age_band"),
    ("SEX", "learner.sex"),
    (EQUITY, CHOSEN_SOURCE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingDataflow:
    """One dataflow of the standard set, before a city's codes are put in."""

    id: str
    event: str
    basis: Basis = "consent"
    splits: tuple[tuple[str, str], ...]  # dimension id and registry field, in order
    cohort: Cohort | None = None


TRAINING_DATAFLOWS: Final = (
    TrainingDataflow(
        id="COMPLETION",
        event="enrolment.started",
        splits=(_PROGRAMME, *_PERSON, ("OUTCOME", "enrolment.outcome")),
    ),
    TrainingDataflow(
        id="EXITS",
        event="enrolment.ended",
        splits=(_PROGRAMME, *_PERSON, ("EXIT_REASON", "enrolment.exit_reason")),
    ),
    TrainingDataflow(
        id="CREDENTIALS",
        event="certificate.awarded",
        splits=(_PROGRAMME, ("LEVEL", "certificate.level"), *_PERSON),
    ),
    TrainingDataflow(
        id="PLACES",
        event="place.offered",
        basis="non_personal",
        splits=(_PROGRAMME, _MODE),
    ),
    TrainingDataflow(
        id="PLACEMENTS",
        event="placement.started",
        splits=(_PROGRAMME, *_PERSON, ("PLACEMENT_KIND", "placement.kind")),
    ),
    TrainingDataflow(
        id="APPRENTICESHIP_BREAKS",
        event="apprenticeship.broken",
        splits=(_PROGRAMME, *_PERSON),
        cohort=Cohort("PLACEMENTS", 4),
    ),
    TrainingDataflow(
        id="JOBS_Q2",
        event="exit.employed",
        splits=(_PROGRAMME, *_PERSON, ("WAGE_BAND", "job.wage_band")),
        cohort=Cohort("EXITS", 2),
    ),
    TrainingDataflow(
        id="JOBS_Q4",
        event="exit.employed",
        splits=(
            _PROGRAMME,
            *_PERSON,
            ("EMPLOYER", "job.employer"),
            ("WAGE_CHANGE", "job.wage_change"),
        ),
        cohort=Cohort("EXITS", 4),
    ),
    TrainingDataflow(
        id="GRIEVANCES",
        event="grievance.received",
        basis="public_task",
        splits=(
            ("CASE_KIND", "grievance.kind"),
            ("TIMELINESS", "grievance.timeliness"),
        ),
    ),
)

TRAINING_EVENTS: Final = frozenset(each.event for each in TRAINING_DATAFLOWS)
"""What may be counted; all of them happen on a day, none is a state that lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingChoices:
    """What cities choose about the standard set; codes without the total.

    "Unknown" is added to programmes, ages, equity groups and wage bands where it is missing.
    """

    programmes: Sequence[Code]
    age_bands: Sequence[Code]
    equity: Sequence[Code]
    equity_source: str  # the registry field behind `equity`, "learner.displaced"
    wage_bands: Sequence[Code] = ()  # only JOBS_Q2 needs them
    areas: Sequence[Code] = ()  # empty: any identifier, so that cities can join later
    version: str = "1.0.0"
    dataflows: Sequence[str] = tuple(each.id for each in TRAINING_DATAFLOWS)
    completion_extras: Sequence[CompletionExtra] = ()  # COMPLETION by these too


def training_structures(choices: TrainingChoices) -> tuple[Structure, ...]:
    """The chosen structures of the standard set, in the order of `TRAINING_DATAFLOWS`.

    Raises:
        MalformedError: an unknown dataflow or extra dimension, or none at all; wage bands
            that are missing or do not say where they begin; codes that are no SDMX ids,
            doubled, or without an English name.
    """
    _check_choices(choices)
    codes = _codes(choices, with_unknown(choices.programmes))
    return tuple(
        _structure(dataflow, _splits(dataflow, choices), codes, choices.version)
        for dataflow in TRAINING_DATAFLOWS
        if dataflow.id in choices.dataflows
    )


def completion_structure(
    programmes: Sequence[Code],
    age_bands: Sequence[Code],
    equity: Sequence[Code],
    equity_source: str,
    version: str = "1.0.0",
    areas: Sequence[Code] = (),
) -> Structure:
    """The dataflow COMPLETION alone: who started a programme in a period, and how it went.

    Totals are added to each list, and "unknown" to age and equity where it is missing; every
    learner must be in one of the programmes. `equity_source` is the registry field behind
    `equity`, for example "learner.displaced". Without `areas` any identifier may stand in
    REF_AREA, so that cities can join later.

    Raises:
        MalformedError: codes that are no SDMX ids, doubled, or without an English name.
    """
    choices = TrainingChoices(
        programmes=programmes,
        age_bands=age_bands,
        equity=equity,
        equity_source=equity_source,
        areas=areas,
    )
    codes = _codes(choices, tuple(programmes))
    completion = TRAINING_DATAFLOWS[0]
    return _structure(completion, _splits(completion, choices), codes, version)


def _check_choices(choices: TrainingChoices) -> None:
    known = {dataflow.id for dataflow in TRAINING_DATAFLOWS}
    if not choices.dataflows or not set(choices.dataflows) <= known:
        raise MalformedError(
            "the dataflows are none of the standard set",
            next_step=f"Choose among {', '.join(each.id for each in TRAINING_DATAFLOWS)}.",
        )
    if not set(choices.completion_extras) <= set(get_args(CompletionExtra)):
        raise MalformedError("COMPLETION can have LEVEL and MODE besides, nothing else")
    if "JOBS_Q2" in choices.dataflows:
        _check_wage_bands(choices.wage_bands)


def _check_wage_bands(codes: Sequence[Code]) -> None:
    """Medians are made from bands, so each must say where it begins and ends."""
    groups = {code.parent for code in codes}
    bands = [code for code in codes if code.id not in groups and code.id != UNKNOWN]
    if not bands or any(band.lower is None for band in bands):
        raise MalformedError(
            "JOBS_Q2 has no wage bands, or one that does not say where it begins",
            next_step="Give wage bands with their limits, or leave JOBS_Q2 out.",
        )


def _codes(
    choices: TrainingChoices, programmes: tuple[Code, ...]
) -> Mapping[str, tuple[Code, ...]]:
    """By dimension, without the total; REF_AREA only where the city lists areas."""
    return {
        **STANDARD_CODES,
        "PROGRAMME": programmes,
        "AGE": with_unknown(choices.age_bands),
        EQUITY: with_unknown(choices.equity),
        "WAGE_BAND": with_unknown(choices.wage_bands),
        **({AREA_DIMENSION: tuple(choices.areas)} if choices.areas else {}),
    }


def _splits(
    dataflow: TrainingDataflow, choices: TrainingChoices
) -> tuple[tuple[str, str], ...]:
    """Dimension ids and registry fields, with what the city has chosen filled in."""
    extras = [
        split
        for split in (_LEVEL, _MODE)
        if dataflow.id == "COMPLETION" and split[0] in choices.completion_extras
    ]
    first, *others = dataflow.splits
    return tuple(
        (name, choices.equity_source if name == EQUITY else source)
        for name, source in (first, *extras, *others)
    )


def _structure(
    dataflow: TrainingDataflow,
    splits: Sequence[tuple[str, str]],
    codes: Mapping[str, tuple[Code, ...]],
    version: str,
) -> Structure:
    codelists = [
        Codelist(f"CL_{name}", CONCEPT_NAMES[name], (TOTAL_CODE, *codes[name]))
        for name, _ in splits
    ]
    has_areas = AREA_DIMENSION in codes
    if has_areas:
        areas = Codelist(AREA_CODELIST, AREA_NAMES, codes[AREA_DIMENSION])
        codelists.insert(0, areas)
    return Structure(
        agency=AGENCY,
        id=dataflow.id,
        version=version,
        names=DATAFLOW_NAMES[dataflow.id],
        dimensions=(
            Dimension(
                id=AREA_DIMENSION,
                names=AREA_NAMES,
                concept=AREA_DIMENSION,
                codelist_id=AREA_CODELIST if has_areas else None,
            ),
            *(_split(name, source) for name, source in splits),
            Dimension(id=TIME_DIMENSION, names=TIME_NAMES, concept=TIME_DIMENSION),
        ),
        codelists=tuple(codelists),
        event=dataflow.event,
        basis=dataflow.basis,
        measure=MEASURE_NAMES[dataflow.id],
        cohort=dataflow.cohort,
    )


def _split(name: str, source: str) -> Dimension:
    return Dimension(
        id=name,
        names=CONCEPT_NAMES[name],
        concept=name,
        codelist_id=f"CL_{name}",
        is_split=True,
        is_sensitive=name in SENSITIVE,
        is_equity=name == EQUITY,
        source=source,
    )


__all__ = [
    "CHOSEN_SOURCE",
    "SENSITIVE",
    "TRAINING_DATAFLOWS",
    "TRAINING_EVENTS",
    "CompletionExtra",
    "TrainingChoices",
    "TrainingDataflow",
    "completion_structure",
    "training_structures",
]
