"""The codelists that the standard training-outcome structures start from.

Lists that are the same everywhere are constants; bands, equity groups and programme fields
are made here from what a city chooses, with ids and names that cities can share.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from interurban_protocol.errors import MalformedError
from interurban_protocol.structure_model import TOTAL, UNKNOWN, Code
from interurban_protocol.structure_names import TOTAL_NAMES, UNKNOWN_NAMES, Names
from interurban_protocol.training_code_names import (
    AGE_TEMPLATES,
    CODE_NAMES,
    EQUITY_NAMES,
    FIELD_NAMES,
    LEVEL_TEMPLATE,
    WAGE_TEMPLATES,
)

MAX_BANDS = 20  # nobody can read more, and hardly any is left above the threshold
DEFAULT_AGE_LIMITS = (16, 25, 35, 45, 55)  # the bands that a registry sync assigns

TOTAL_CODE = Code(TOTAL, TOTAL_NAMES)
UNKNOWN_CODE = Code(UNKNOWN, UNKNOWN_NAMES)


def with_unknown(codes: Sequence[Code]) -> tuple[Code, ...]:
    """The codes, with "unknown" at the end where it is missing."""
    known = {code.id for code in codes}
    return (*codes, *(() if UNKNOWN in known else (UNKNOWN_CODE,)))


def age_band_codes(limits: Sequence[int] = DEFAULT_AGE_LIMITS) -> tuple[Code, ...]:
    """Bands of age in years: below the first limit, between two, from the last one on.

    Raises:
        MalformedError: no or too many limits, or limits that do not rise from 1.
    """
    _check_limits(limits)
    first, last = limits[0], limits[-1]
    between = pairwise(limits)
    return (
        _band(f"Y_LT{first}", AGE_TEMPLATES["first"], 0, first),
        *(
            _band(f"Y{low}T{high - 1}", AGE_TEMPLATES["middle"], low, high)
            for low, high in between
        ),
        _band(f"Y_GE{last}", AGE_TEMPLATES["last"], last, None),
    )


def wage_band_codes(
    limits: Sequence[int], values: Sequence[str] = ()
) -> tuple[Code, ...]:
    """Bands of a monthly wage in EUR; `values` are the registry's words for them, in order.

    Raises:
        MalformedError: no or too many limits, limits that do not rise from 1, or not one
            registry value for each band.
    """
    _check_limits(limits)
    if values and len(values) != len(limits) + 1:
        raise MalformedError("there is not one registry value for each wage band")
    words: Sequence[str | None] = values or [None] * (len(limits) + 1)
    first, last = limits[0], limits[-1]
    between = zip(limits, limits[1:], words[1:], strict=False)
    return (
        _band(f"W_LT{first}", WAGE_TEMPLATES["first"], 0, first, words[0]),
        *(
            _band(f"W{low}T{high - 1}", WAGE_TEMPLATES["middle"], low, high, word)
            for low, high, word in between
        ),
        _band(f"W_GE{last}", WAGE_TEMPLATES["last"], last, None, words[-1]),
    )


def equity_codes(source: str) -> tuple[Code, ...]:
    """The two codes of an equity group that the registry knows by yes or no.

    Raises:
        MalformedError: no registry field of that kind.
    """
    if source not in EQUITY_NAMES:
        raise MalformedError("the registry field is none that tells of an equity group")
    words = zip(EQUITY_NAMES[source].items(), ("yes", "no"), strict=True)
    return tuple(Code(code, names, value=word) for (code, names), word in words)


def grouped_by_field(
    programmes: Sequence[Code], fields: Mapping[str, str]
) -> tuple[Code, ...]:
    """`programmes` under the broad fields of ISCED-F 2013 that they belong to.

    `fields` holds, by programme code id, a code of 2 to 4 digits. Fields come in their
    order, each with its programmes after it; programmes without a field come last.

    Raises:
        MalformedError: a field that ISCED-F does not have, a field for no programme, or a
            programme that stands under another code already.
    """
    if not fields.keys() <= {programme.id for programme in programmes}:
        raise MalformedError("there is a field for a programme that is not in the list")
    if any(programme.parent not in (None, TOTAL) for programme in programmes):
        raise MalformedError("a programme stands under another code already")
    broad = {programme: _broad_field(field) for programme, field in fields.items()}
    grouped: list[Code] = []
    for field in sorted(set(broad.values())):
        group = Code(f"F{field}", FIELD_NAMES[field])
        grouped += [
            group,
            *(
                Code(each.id, each.names, parent=group.id, value=each.value)
                for each in programmes
                if broad.get(each.id) == field
            ),
        ]
    return (*grouped, *(each for each in programmes if each.id not in broad))


def _broad_field(field: str) -> str:
    is_code = field.isascii() and field.isdigit() and 2 <= len(field) <= 4
    if not is_code or field[:2] not in FIELD_NAMES:
        raise MalformedError("a programme has a field that is none of ISCED-F 2013")
    return field[:2]


def _check_limits(limits: Sequence[int]) -> None:
    if not 1 <= len(limits) < MAX_BANDS:
        raise MalformedError(f"bands need 1 to {MAX_BANDS - 1} limits")
    if not all(low < high for low, high in pairwise((0, *limits))):
        raise MalformedError("the limits of bands do not rise")


def _band(
    code_id: str,
    template: Names,
    lower: int,
    upper: int | None,
    value: str | None = None,
) -> Code:
    last = None if upper is None else upper - 1
    names = {
        language: text.format(lower=lower, upper=upper, last=last)
        for language, text in template.items()
    }
    return Code(code_id, names, value=value, lower=lower, upper=upper)


def _level(level: int) -> Code:
    names = {
        language: text.format(level=level) for language, text in LEVEL_TEMPLATE.items()
    }
    return Code(f"EQF{level}", names, value=str(level))


def _codes(concept: str, *ids: str, parent: str | None = None) -> tuple[Code, ...]:
    return tuple(Code(each, CODE_NAMES[concept][each], parent) for each in ids)


def _valued(concept: str, values: Mapping[str, str]) -> tuple[Code, ...]:
    names = CODE_NAMES[concept]
    return tuple(Code(each, names[each], value=word) for each, word in values.items())


STANDARD_CODES: Mapping[str, tuple[Code, ...]] = {
    "LEVEL": (*(_level(level) for level in range(1, 9)), UNKNOWN_CODE),
    "MODE": (
        *_valued(
            "MODE",
            {"IN_PERSON": "in_person", "HYBRID": "hybrid", "DISTANCE": "distance"},
        ),
        UNKNOWN_CODE,
    ),
    "SEX": (*_codes("SEX", "F", "M"), UNKNOWN_CODE),
    "OUTCOME": _valued(
        "OUTCOME", {"COM": "completed", "NCM": "not_completed", "ONG": "ongoing"}
    ),
    "EXIT_REASON": (
        *_valued("EXIT_REASON", {"COM": "completed"}),
        *_codes("EXIT_REASON", "NCM"),
        *_codes(
            "EXIT_REASON",
            *("WORK", "FAMILY", "HEALTH", "MOVED", "PROVIDER", "OTHER"),
            parent="NCM",
        ),
        Code(UNKNOWN, UNKNOWN_NAMES, parent="NCM"),
    ),
    "PLACEMENT_KIND": _valued(
        "PLACEMENT_KIND",
        {
            "JOB": "job",
            "APPRENTICESHIP": "apprenticeship",
            "INTERNSHIP": "internship",
        },
    ),
    "EMPLOYER": (*_codes("EMPLOYER", "SAME", "OTHER"), UNKNOWN_CODE),
    "WAGE_CHANGE": (
        *_codes("WAGE_CHANGE", "LOWER", "SAME", "HIGHER"),
        UNKNOWN_CODE,
    ),
    "CASE_KIND": _codes(
        "CASE_KIND",
        *("PLACEMENT", "PROVIDER", "DATA", "WITHDRAWAL"),
        *("DISCRIMINATION", "SAFETY", "OTHER"),
    ),
    "TIMELINESS": (
        *_codes("TIMELINESS", "WITHIN", "LATE", "OPEN"),
        UNKNOWN_CODE,
    ),
}
"""By dimension, without the total: the lists that do not differ between cities."""

__all__ = [
    "DEFAULT_AGE_LIMITS",
    "MAX_BANDS",
    "STANDARD_CODES",
    "TOTAL_CODE",
    "UNKNOWN_CODE",
    "age_band_codes",
    "equity_codes",
    "grouped_by_field",
    "wage_band_codes",
    "with_unknown",
]
