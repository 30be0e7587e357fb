"""DISTINCT counts one of several values, where it is told which."""

from typing import Any

import jsonschema
import pytest

from dicom_sieve import Ledger
from dicom_sieve.contract.parameters import Parameters
from dicom_sieve.criteria import CompiledMeasure, compile_criteria, criteria_digest
from dicom_sieve.criteria.reading import load_criteria, read_criteria
from dicom_sieve.screening import Screening, screen
from tests.screening.screenings import ct, verdicts
from tests.support.simulated_store import SimulatedStore

ONE = {"measure": "DISTINCT", "dicom_tag": "ImagePositionPatient", "operation": "EQUALS", "reference": "1"}
POSITIONS: dict[str, list[Any]] = {
    "same": [[1, 2, 3], [1, 2, 3]],
    "other z": [[1, 2, 3], [1, 2, 4]],
    "other y": [[1, 2, 3], [1, 5, 3]],
    "no z": [[1, 2, 3], [1, 2]],
    "no z at all": [[1, 2], [1, 2]],
    "none": [None, None],
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {"same", "no z at all"}),
        ({"value": 2}, {"same", "other z", "no z", "no z at all"}),
        ({"value": 3}, {"same", "other y", "no z"}),
        ({"value": 3, "if_absent": "MET"}, {"same", "other y", "no z", "no z at all", "none"}),
    ],
)
def test_values_of_that_number_are_counted(ledger: Ledger, more: dict[str, Any], expected: set[str]) -> None:
    store = SimulatedStore(
        {
            f"{name}/{image}": ct(f"1.2.{number}", f"1.2.{number}.{image}", ImagePositionPatient=position)
            for number, (name, positions) in enumerate(POSITIONS.items(), 1)
            for image, position in enumerate(positions, 1)
        }
    )

    outcome = screen(Screening("execution", store, load_criteria([{**ONE, **more}])), ledger)

    found = verdicts(ledger, outcome.run_id).items()
    assert {key.split("/")[0] for key, (verdict, _) in found if verdict == "PASSED"} == expected


def test_sentence_says_which_value() -> None:
    (item,) = compile_criteria(load_criteria([{**ONE, "value": 3}]))

    assert item.describe() == (
        "number of different values of value 3 of ImagePositionPatient (0020,0032) in its series is 1"
    )


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({**ONE, "value": 0}, "criteria[0].value"),
        ({**ONE, "value": "ALL"}, "criteria[0].value"),
        (
            {"measure": "SLICES", "operation": "EQUALS", "reference": "4", "value": 1},
            "criteria[0].value: with measure SLICES; accepted: with DISTINCT",
        ),
    ],
)
def test_other_values_are_refused(asked: dict[str, Any], problem: str) -> None:
    _, problems = read_criteria([asked])

    assert any(each.startswith(problem) for each in problems)


@pytest.mark.parametrize(("value", "is_valid"), [(1, True), (1000, True), (0, False), (1001, False), ("ALL", False)])
def test_schema_takes_a_number_alone(value: object, is_valid: bool) -> None:
    request = {"input_s3_parameters": {"bucket": "b", "region": "r"}, "criteria": [{**ONE, "value": value}]}

    assert jsonschema.Draft202012Validator(Parameters.model_json_schema()).is_valid(request) == is_valid


def test_other_value_is_another_measure() -> None:
    items = load_criteria([ONE, {**ONE, "value": 1}, {**ONE, "value": 2}])

    assert len({item.key for item in compile_criteria(items) if isinstance(item, CompiledMeasure)}) == 3
    assert len({criteria_digest([item]) for item in items}) == 3
    assert [item.as_given().get("value") for item in items] == [None, 1, 2]
