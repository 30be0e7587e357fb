"""What is damaged and passed all the same is computed on, or refused in words; it never fails again and again."""

import io
import random
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.computations.computation import Series
from dicom_sieve.computations.segmentation.compute import segment_series
from dicom_sieve.criteria import Damaged
from dicom_sieve.headers import Damage, Header
from dicom_sieve.screening import Screening, screen
from dicom_sieve.stores import DirectoryStore
from tests.computations.segmentation.phantom import Phantom, to_bytes
from tests.screening.partly_read import MODALITY, ROWS, made_header, reading
from tests.screening.screenings import one_of
from tests.support.simulated_store import SimulatedStore

SLICES = [to_bytes(instance) for instance in Phantom(shape=(4, 24, 24)).instances()]
HEADER_BYTES = len(SLICES[0]) - 24 * 24 * 2


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def computed(ledger: Ledger, store: SimulatedStore, headers: dict[str, Header], results: Path) -> Series:
    """Screen a series, damaged objects judged, and segment it."""
    asked = Screening("run", store, one_of("CT"), damaged=Damaged.JUDGE, run_shards=reading(headers))
    run = screen(asked, ledger).run_id
    with open_computation(
        ledger, "segment", version="1", run=run, inputs=store, outputs=DirectoryStore(results)
    ) as computation:
        [series] = computation.series()
        with series:
            segment_series(series)
    return series


def damaged_header() -> Header:
    return made_header("1.5.1", {MODALITY: ("CT",)}, ROWS, Damage.CONTRADICTORY)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_slice_is_refused_in_words_wherever_pydicom_cannot_read_it(
    ledger: Ledger, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    spoilt = bytearray(SLICES[1])
    if seed % 2:
        del spoilt[chance.randrange(140, HEADER_BYTES) :]
    else:
        for _ in range(30):
            spoilt[chance.randrange(140, HEADER_BYTES)] = chance.randrange(256)
    store = SimulatedStore({f"{number}": data for number, data in enumerate([SLICES[0], bytes(spoilt), *SLICES[2:]])})
    headers = {key: made_header("1.5.1", {MODALITY: ("CT",)}) for key in store.objects()} | {"1": damaged_header()}

    series = computed(ledger, store, headers, tmp_path / "results")

    assert series.state in ("COMPLETED", "REFUSED"), series.failure
    assert (series.state == "REFUSED") == (series.failure is not None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope"])
def test_a_damaged_slice_is_refused_in_words_where_a_number_is_none(
    ledger: Ledger, tmp_path: Path, keyword: str
) -> None:
    value = pydicom.dcmread(io.BytesIO(SLICES[1])).get_item(keyword).value
    store = SimulatedStore({"1": SLICES[0], "2": SLICES[1].replace(value, b"x" * len(value)), "3": SLICES[2]})
    headers = {key: made_header("1.5.1", {MODALITY: ("CT",)}) for key in store.objects()} | {"2": damaged_header()}

    series = computed(ledger, store, headers, tmp_path / "results")

    assert series.state == "REFUSED", series.failure


def test_a_damaged_slice_is_refused_where_it_breaks_what_computes(ledger: Ledger, tmp_path: Path) -> None:
    store = SimulatedStore({"1": SLICES[0], "2": SLICES[1]})
    headers = {"1": made_header("1.5.1", {MODALITY: ("CT",)}), "2": damaged_header()}
    screen(Screening("run", store, one_of("CT"), damaged=Damaged.JUDGE, run_shards=reading(headers)), ledger)
    became = []
    for error in (ZeroDivisionError("a patient's value"), EOFError("a patient's value"), OSError(28, "disk full")):
        with open_computation(ledger, type(error).__name__, version="1", run="run", inputs=store) as computation:
            for series in computation.series():
                with series:
                    raise error
                became.append((str(series.state), series.failure))

    assert [state for state, _ in became] == ["REFUSED", "REFUSED", "FAILED"]
    assert str(became[0][1]).startswith("1 of its instances is damaged: ZeroDivisionError at test_damaged.py:")
    assert "patient" not in str(became)


def test_an_error_of_a_whole_series_is_a_failure(ledger: Ledger) -> None:
    store = SimulatedStore({"1": SLICES[0]})
    headers = {"1": made_header("1.5.1", {MODALITY: ("CT",)})}
    screen(Screening("run", store, one_of("CT"), damaged=Damaged.JUDGE, run_shards=reading(headers)), ledger)

    with open_computation(ledger, "c", version="1", run="run", inputs=store) as computation:
        [series] = computation.series()
        with series:
            raise ZeroDivisionError

    assert series.state == "FAILED"
