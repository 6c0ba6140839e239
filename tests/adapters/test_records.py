"""What a canonical record accepts, and what it says about identity."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from interurban_adapters.records import (
    RECORD_MODELS,
    EnrolmentRecord,
    LearnerRecord,
    PlacementRecord,
    RecordKind,
    Sex,
    YesNo,
)


def test_a_learner_of_whom_nothing_is_known_is_unknown_and_not_zero() -> None:
    learner = LearnerRecord(source_pk="1", person_id="1")
    assert learner.birth_year is None
    assert learner.age_band is None
    assert learner.sex is Sex.UNKNOWN
    assert learner.displaced is YesNo.UNKNOWN
    assert learner.prior_attainment is None


def test_there_is_one_model_for_each_kind() -> None:
    assert set(RECORD_MODELS) == set(RecordKind)
    assert all(model.record_kind is kind for kind, model in RECORD_MODELS.items())


def test_every_field_that_says_who_somebody_is_is_marked() -> None:
    telling = {"person_id", "given_name", "family_name", "email", "phone"}
    for model in RECORD_MODELS.values():
        assert model.identity_fields == telling & set(model.model_fields)


def test_the_fields_that_cannot_lie_in_the_future_exist() -> None:
    for model in RECORD_MODELS.values():
        assert set(model.past_fields) <= set(model.model_fields)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (LearnerRecord, {"birth_year": "1990"}),
        (LearnerRecord, {"birth_year": 1850}),
        (LearnerRecord, {"prior_attainment": 9}),
        (LearnerRecord, {"given_name": ""}),
        (LearnerRecord, {"given_name": "a\nb"}),
        (LearnerRecord, {"given_name": "a\x00b"}),
        (LearnerRecord, {"given_name": "x" * 201}),
        (LearnerRecord, {"sex": "female"}),
        (LearnerRecord, {"nickname": "x"}),
        (EnrolmentRecord, {"programme_code": "A", "status": "gone"}),
        (EnrolmentRecord, {"programme_code": "A"}),
        (
            EnrolmentRecord,
            {"programme_code": "A", "status": "active", "started_on": date(1, 1, 1)},
        ),
        (
            PlacementRecord,
            {"kind": "job", "starts": date(2025, 2, 1), "ends": date(2025, 1, 1)},
        ),
    ],
)
def test_a_record_refuses(model: type[Any], fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        model(source_pk="1", person_id="1", **fields)
