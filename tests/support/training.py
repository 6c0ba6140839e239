"""A city's choices for the standard training-outcome structures."""

from typing import Any

from interurban_protocol.structures import Code
from interurban_protocol.training_codelists import (
    age_band_codes,
    equity_codes,
    grouped_by_field,
    wage_band_codes,
)
from interurban_protocol.training_structures import TrainingChoices

PROGRAMMES = [
    Code("WELD", {"en": "Welding"}, value="W/1"),
    Code("CARE", {"en": "Care for the elderly"}),
    Code("JOIN", {"en": "Joinery"}, value="J 2"),
    Code("READ", {"en": "Reading and writing"}),
]
FIELDS = {"WELD": "0715", "CARE": "092", "JOIN": "07"}
AREAS = [
    Code("LAKESIDE", {"en": "Lakeside"}, value="https://lakeside.example"),
    Code("NORTHPORT", {"en": "Northport"}, value="https://northport.example"),
]


def some_choices(**changes: Any) -> TrainingChoices:
    values: dict[str, Any] = {
        "programmes": grouped_by_field(PROGRAMMES, FIELDS),
        "age_bands": age_band_codes(),
        "equity": equity_codes("learner.displaced"),
        "equity_source": "learner.displaced",
        "wage_bands": wage_band_codes([1000, 1500, 2000], ["A", "B", "C", "D"]),
        "areas": AREAS,
    }
    return TrainingChoices(**(values | changes))
