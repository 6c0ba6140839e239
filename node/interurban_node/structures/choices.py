"""What a city chooses about the standard structures, as an operator writes it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from interurban_node.core.errors import ConfigurationError
from interurban_node.structures.written_files import checked, read_written
from interurban_protocol.structures import Code
from interurban_protocol.training_codelists import (
    DEFAULT_AGE_LIMITS,
    age_band_codes,
    equity_codes,
    grouped_by_field,
    wage_band_codes,
)
from interurban_protocol.training_structures import (
    TRAINING_DATAFLOWS,
    TrainingChoices,
)

PAGE = "structures.md"


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ProgrammeChoice(_Written):
    """One programme; `value` is the registry's word for it where that is not the id."""

    id: str
    title: dict[str, str]
    value: str | None = None
    field: str | None = None  # ISCED-F 2013, 2 to 4 digits: groups the programmes


class AreaChoice(_Written):
    """One city, as REF_AREA names it."""

    id: str
    title: dict[str, str]


class Choices(_Written):
    """The file: everything but the programmes has a default."""

    version: str = "1.0.0"
    programmes: list[ProgrammeChoice]
    areas: list[AreaChoice] = []
    equity: str = "learner.displaced"
    age_limits: list[int] = list(DEFAULT_AGE_LIMITS)
    wage_limits: list[int] = []
    wage_values: list[str] = []
    dataflows: list[str] = []  # empty: all that the choices suffice for
    completion_extras: list[Literal["LEVEL", "MODE"]] = []


def read_choices(path: Path | None, given: Mapping[str, object]) -> TrainingChoices:
    """The choices in a file; what is `given` on the command line goes before the file's.

    Raises:
        ConfigurationError: the file cannot be read or has another form; names the place.
        MalformedError: bands, fields or a registry field that are none.
    """
    written = read_written(path, "choices", PAGE) if path else {}
    place = path or Path("the command line")
    choices = checked({**written, **given}, Choices, place, PAGE)
    return _training_choices(choices)


def read_title(text: str) -> dict[str, object]:
    """A programme from the command line: `WEB-1=Web basics`, an id and an English title.

    Raises:
        ConfigurationError: another form.
    """
    programme, equals, title = text.partition("=")
    if not (programme and equals and title.strip()):
        raise ConfigurationError(
            "a programme on the command line has the form ID=TITLE",
            next_step='For example --programme "WEB-1=Web basics".',
        )
    return {"id": programme, "title": {"en": title.strip()}}


def _training_choices(choices: Choices) -> TrainingChoices:
    has_wages = bool(choices.wage_limits)
    return TrainingChoices(
        programmes=_programmes(choices.programmes),
        age_bands=age_band_codes(choices.age_limits),
        equity=equity_codes(choices.equity),
        equity_source=choices.equity,
        wage_bands=(
            wage_band_codes(choices.wage_limits, choices.wage_values)
            if has_wages
            else ()
        ),
        areas=[Code(area.id, area.title) for area in choices.areas],
        version=choices.version,
        dataflows=choices.dataflows or _sufficient(has_wages=has_wages),
        completion_extras=choices.completion_extras,
    )


def _programmes(chosen: Sequence[ProgrammeChoice]) -> Sequence[Code]:
    codes = [Code(each.id, each.title, value=each.value) for each in chosen]
    fields = {each.id: each.field for each in chosen if each.field is not None}
    return grouped_by_field(codes, fields)


def _sufficient(*, has_wages: bool) -> list[str]:
    """Every dataflow; the one by wage bands only where bands were chosen."""
    return [
        each.id
        for each in TRAINING_DATAFLOWS
        if has_wages or all(name != "WAGE_BAND" for name, _ in each.splits)
    ]
