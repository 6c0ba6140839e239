"""The words that every structure has, in the languages of the cities that started this.

Only data. What the standard training-outcome structures add stands in `training_names`;
names of programmes, age bands and areas come from the cities.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

Names: TypeAlias = Mapping[str, str]
"""Texts by language tag (BCP 47); English is always among them."""

LANGUAGES: Final = ("en", "ar", "de", "fr", "uk")
"""The languages in which the protocol names what it defines itself."""


def names_of(en: str, ar: str, de: str, fr: str, uk: str) -> Names:
    """One text in each of `LANGUAGES`."""
    return {"en": en, "ar": ar, "de": de, "fr": fr, "uk": uk}


TOTAL_NAMES = names_of("Total", "المجموع", "Insgesamt", "Total", "Усього")
UNKNOWN_NAMES = names_of("Unknown", "غير معروف", "Unbekannt", "Inconnu", "Невідомо")
AREA_NAMES = names_of(
    "Reference area",
    "المنطقة المرجعية",
    "Bezugsgebiet",
    "Zone de référence",
    "Територія",
)
TIME_NAMES = names_of("Time period", "الفترة الزمنية", "Zeitraum", "Période", "Період")

# The two marks that every cell has, with the codes of SDMX's CL_OBS_STATUS and
# CL_CONF_STATUS that a release uses. One pair for all hidden cells. They are in the bytes
# of every structure that a node holds: another name here would make those unreadable.
ATTRIBUTE_NAMES: Mapping[str, Names] = {
    "OBS_STATUS": {"en": "Observation status"},
    "CONF_STATUS": {"en": "Confidentiality status"},
}
ATTRIBUTE_CODES: Mapping[str, Mapping[str, Names]] = {
    "OBS_STATUS": {"A": {"en": "Normal"}, "Q": {"en": "Missing; suppressed"}},
    "CONF_STATUS": {
        "F": {"en": "Free"},
        "A": {"en": "Primary confidentiality due to small counts"},
    },
}

__all__ = [
    "AREA_NAMES",
    "ATTRIBUTE_CODES",
    "ATTRIBUTE_NAMES",
    "LANGUAGES",
    "TIME_NAMES",
    "TOTAL_NAMES",
    "UNKNOWN_NAMES",
    "Names",
    "names_of",
]
