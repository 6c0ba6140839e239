"""The words in structures, in the languages of the cities that started this.

Only data: a name for every concept and code that the protocol itself defines. Names of
programmes, age bands and areas come from the cities.
"""

from collections.abc import Mapping
from typing import TypeAlias

Names: TypeAlias = Mapping[str, str]
"""Texts by language tag (BCP 47); English is always among them."""


def _names(en: str, ar: str, de: str, fr: str, uk: str) -> Names:
    return {"en": en, "ar": ar, "de": de, "fr": fr, "uk": uk}


CODE_NAMES: Mapping[str, Names] = {
    "_T": _names("Total", "المجموع", "Insgesamt", "Total", "Усього"),
    "_U": _names("Unknown", "غير معروف", "Unbekannt", "Inconnu", "Невідомо"),
    "F": _names("Female", "أنثى", "Weiblich", "Femme", "Жіноча"),
    "M": _names("Male", "ذكر", "Männlich", "Homme", "Чоловіча"),
    "COM": _names("Completed", "مكتمل", "Abgeschlossen", "Achevé", "Завершено"),
    "NCM": _names(
        "Not completed",
        "غير مكتمل",
        "Nicht abgeschlossen",
        "Non achevé",
        "Не завершено",
    ),
    "ONG": _names("Ongoing", "مستمر", "Laufend", "En cours", "Триває"),
}

CONCEPT_NAMES: Mapping[str, Names] = {
    "REF_AREA": _names(
        "Reference area",
        "المنطقة المرجعية",
        "Bezugsgebiet",
        "Zone de référence",
        "Територія",
    ),
    "PROGRAMME": _names(
        "Programme", "البرنامج", "Bildungsprogramm", "Formation", "Програма"
    ),
    "AGE": _names("Age", "العمر", "Alter", "Âge", "Вік"),
    "SEX": _names("Sex", "الجنس", "Geschlecht", "Sexe", "Стать"),
    "EQUITY": _names(
        "Equity group",
        "فئة الإنصاف",
        "Gruppe für Chancengleichheit",
        "Groupe d’équité",
        "Група рівності",
    ),
    "OUTCOME": _names("Outcome", "النتيجة", "Ergebnis", "Résultat", "Результат"),
    "TIME_PERIOD": _names(
        "Time period", "الفترة الزمنية", "Zeitraum", "Période", "Період"
    ),
}

COMPLETION_NAMES = _names(
    "Completion of training programmes",
    "إكمال البرامج التدريبية",
    "Abschluss von Bildungsprogrammen",
    "Achèvement des formations",
    "Завершення навчальних програм",
)
COMPLETION_MEASURE = _names(
    "Learners who started a programme in the period",
    "المتعلمون الذين بدأوا برنامجًا خلال الفترة",
    "Lernende, die im Zeitraum ein Programm begonnen haben",
    "Personnes ayant commencé une formation pendant la période",
    "Особи, які почали програму в цей період",
)

# The two marks that every cell has, with the codes of SDMX's CL_OBS_STATUS and
# CL_CONF_STATUS that a release uses. One pair for all hidden cells.
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
    "ATTRIBUTE_CODES",
    "ATTRIBUTE_NAMES",
    "CODE_NAMES",
    "COMPLETION_MEASURE",
    "COMPLETION_NAMES",
    "CONCEPT_NAMES",
    "Names",
]
