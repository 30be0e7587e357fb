"""MIRP, which is asked by one thread of a process: several series at the same time have the features of one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicom_sieve import open_ledger
from dicom_sieve.computations.one_by_one import compute_one_by_one
from dicom_sieve.computations.radiomics import RADIOMICS
from dicom_sieve.ledger.database.states import InputState
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.computations.radiomics.digital_phantom import INTENSITIES, PARAMETERS, Series, make_seg, region, save
from tests.screening.screenings import one_of

GIVEN = {**PARAMETERS, "regions_from": "OBJECTS", "families": ["statistics", "morphology"]}
NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three series with other intensities each, and their SEG."""
    folder = tmp_path_factory.mktemp("objects")
    for number, name in enumerate(NAMES):
        made = Series(shape=(4, *INTENSITIES.shape[1:]), intensities=INTENSITIES + number)
        slices = list(made.instances(name))
        save(slices, folder / name)
        save([make_seg(slices, [np.roll(region(), number, axis=2)])], folder / name / "seg")
    return folder


def measure(folder: Path, objects: Path, workers: int) -> dict[str, Any]:
    """Measure all of them into a ledger of their own; gives the features by series."""
    folder.mkdir()
    inputs, outputs = DirectoryStore(objects), DirectoryStore(folder / "results")
    with open_ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        screen(Screening("run", inputs, one_of("CT")), ledger)
        reasons = compute_one_by_one(
            ledger, RADIOMICS, "run", given=GIVEN, inputs=inputs, outputs=outputs, workers=workers
        )
        assert reasons == [(InputState.COMPLETED, None, len(NAMES))]
        measured = {each.series_instance_uid: dict(each.measured.features) for each in ledger.run("run").regions()}
    files = {str(file.relative_to(folder)): file.read_bytes() for file in (folder / "results").rglob("features.*")}
    return {"features": measured, "files": files}


@pytest.mark.filterwarnings("ignore")  # of the libraries that MIRP uses, about each other
@pytest.mark.timeout(600)
def test_processes_measure_what_one_after_the_other_measures(tmp_path: Path, objects: Path) -> None:
    if missing := RADIOMICS.describe_missing():
        pytest.skip(missing)

    one = measure(tmp_path / "one", objects, 1)
    several = measure(tmp_path / "several", objects, 2)

    assert several == one
    assert len(one["features"]) == len(NAMES)
    assert len({str(values) for values in one["features"].values()}) == len(NAMES)
