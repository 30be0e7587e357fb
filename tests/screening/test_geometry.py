"""What the images of a series lack, and what is found of its plane."""

from typing import Any

import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.screening import Screening, screen
from tests.screening.screenings import ct, verdicts
from tests.support.simulated_store import SimulatedStore

GIVEN: dict[str, Any] = {"ImagePositionPatient": [0, 0, 7], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
LACKING: dict[str, dict[str, Any]] = {
    "both": {},
    "orientation": {"ImagePositionPatient": [0, 0, 7]},
    "position": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
    "empty orientation": {"ImagePositionPatient": [0, 0, 7], "ImageOrientationPatient": None},
    "both empty": {"ImagePositionPatient": None, "ImageOrientationPatient": None},
}


@pytest.mark.parametrize(("more", "expected"), [({"if_absent": "MET"}, {"none", *LACKING}), ({}, {"none"})])
def test_series_without_an_image_that_has_both_has_no_geometry(
    ledger: Ledger, more: dict[str, str], expected: set[str]
) -> None:
    """Where some images of a series have both, and some have not, it is undecided, which never passes."""
    series = {"none": [GIVEN, GIVEN]}
    series |= {name: [lacking, lacking] for name, lacking in LACKING.items()}
    series |= {f"one without {name}": [GIVEN, lacking] for name, lacking in LACKING.items()}
    store = SimulatedStore(
        {
            f"{name}/{image}": ct(f"1.2.{number}", f"1.2.{number}.{image}", **values)
            for number, (name, images) in enumerate(series.items(), 1)
            for image, values in enumerate(images, 1)
        }
    )
    asked = [{"measure": "PLANE", "operation": "EQUALS", "reference": "AXIAL", **more}]

    outcome = screen(Screening("execution", store, load_criteria(asked)), ledger)

    found = verdicts(ledger, outcome.run_id).items()
    assert {key.split("/")[0] for key, (verdict, _) in found if verdict == "PASSED"} == expected
