"""Rules that need a table: the ledger says of each image what plain Python says that reads the table, too."""

import io
from collections import defaultdict
from typing import Any

import pydicom
import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.screening import Screening, screen
from tests.rules.collection import SAID
from tests.rules.table_cases import CASES, TABLE, TableCase, rows_of
from tests.screening.screenings import verdicts
from tests.support.builders import make_instance
from tests.support.simulated_store import SimulatedStore


def files(case: TableCase) -> dict[str, bytes]:
    """Make the images: each in a series of its own; what is `also` in a study lies beside it."""
    made: dict[str, bytes] = {}
    for number, values in enumerate(case.images()):
        also = values.get("also")
        given = {name: value for name, value in values.items() if name != "also" and value is not None}
        if "also" in case.good:  # studies of which several images count are apart
            given["StudyInstanceUID"] = f"1.7.{number}"
        made[f"{number:03}"] = instance(f"1.5.{number}", **given)
        if also:
            made[f"{number:03} also"] = instance(f"1.5.{number}.9", **{**given, "Modality": also})
    return made


def instance(series: str, **values: Any) -> bytes:
    study = values.pop("StudyInstanceUID")
    data = make_instance(series_instance_uid=series, **values)
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.StudyInstanceUID = study
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


@pytest.mark.parametrize("rule", CASES)
def test_ledger_says_of_each_image_what_the_rule_says(rule: str, ledger: Ledger) -> None:
    images = files(CASES[rule])
    datasets = {key: pydicom.dcmread(io.BytesIO(data)) for key, data in images.items()}
    studies = defaultdict(list)
    for dataset in datasets.values():
        studies[dataset.StudyInstanceUID].append(dataset)
    rows = rows_of(TABLE)
    expected = {
        key for key, dataset in datasets.items() if CASES[rule].passes(dataset, studies[dataset.StudyInstanceUID], rows)
    }

    store = SimulatedStore({**images, "cohort.csv": TABLE})
    screen(Screening("run", store, load_criteria(SAID[rule]["criteria"]), tables_in=(store,)), ledger)

    found = verdicts(ledger, "run")
    passed = {key for key, (verdict, _) in found.items() if verdict == "PASSED"}
    assert (sorted(passed - expected), sorted(expected - passed)) == ([], [])
    assert "000" in passed
    assert len(passed) < len(images)
