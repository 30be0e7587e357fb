"""The geometry of real series by pydicom and plain decimals, held to what the ledger says: no code of ours reads here.

``python -m tests.real.by_pydicom FOLDER`` compares all series of a folder's DICOM files.
"""

import sys
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset
from pydicom.multival import MultiValue

from dicom_sieve import open_ledger
from dicom_sieve.criteria.measures import FRAME_VOLUME_PATHS, VOLUME_KEYWORDS
from dicom_sieve.objects import Location
from tests.columns.naive_geometry import NaiveImage
from tests.ledger.measured_facts import Facts, expected_of, facts_of
from tests.screening.screenings import screen_ct
from tests.support.simulated_store import SimulatedStore

_NOWHERE = ("0", "0", "0")
_AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_PLANE = ("PlanePositionSequence.ImagePositionPatient", "PlaneOrientationSequence.ImageOrientationPatient")


def all_facts_of(objects: Mapping[str, bytes], uids: Iterable[str]) -> dict[str, Facts]:
    """Give what the ledger says of series."""
    with open_ledger("sqlite:///:memory:") as ledger:
        screen_ct(SimulatedStore(objects, location=Location("https://made", "made")), ledger, "run")
        return {uid: facts_of(ledger, uid) for uid in uids}


def images_by_series(files: Iterable[Path]) -> dict[str, list[NaiveImage]]:
    """Read the images of files, by Series Instance UID; what pydicom cannot read is left out."""
    found, volumes = defaultdict[str, list[NaiveImage]](list), dict[Any, int]()
    for file in files:
        with warnings.catch_warnings(action="ignore"):
            try:
                dataset = pydicom.dcmread(file, stop_before_pixels=True)
                uid = str(dataset.get("SeriesInstanceUID") or "")
                images = list(_images_in(dataset, volumes))
            except (pydicom.errors.InvalidDicomError, OSError, ValueError):
                continue
        if uid:
            found[uid] += images
    return dict(found)


def _images_in(dataset: Dataset, volumes: dict[Any, int]) -> Iterator[NaiveImage]:
    own = tuple((name, _texts(dataset[name].value)) for name in VOLUME_KEYWORDS if name in dataset)
    given = _texts(dataset.get("NumberOfFrames")) or ("1",)
    number = int(given[0] or 1) if len(given) == 1 and (given[0] or "1").isdigit() else 0
    is_mosaic = "MOSAIC" in [text.upper() for text in _texts(dataset.get("ImageType"))]
    shared, frames = dataset.get("SharedFunctionalGroupsSequence"), dataset.get("PerFrameFunctionalGroupsSequence")
    if shared is None and frames is None:
        position, orientation = (_texts(dataset.get(path.rpartition(".")[2])) for path in _PLANE)
        image = _image(position, orientation, volumes.setdefault((own, ()), len(volumes)))
        yield image if number == 1 and not is_mosaic else NaiveImage(_NOWHERE, _AXIAL, "UNKNOWN")
        return
    if is_mosaic or number != (len(frames) if frames else 1):
        yield NaiveImage(_NOWHERE, _AXIAL, "UNKNOWN")
        return
    for frame in frames or [Dataset()]:
        groups = [frame, *(shared or ())]
        position, orientation = (next((found for each in groups for found in _at(each, path)), ()) for path in _PLANE)
        told = tuple((path, *found) for path in FRAME_VOLUME_PATHS for each in groups if (found := _at(each, path)))
        yield _image(position, orientation, volumes.setdefault((own, told), len(volumes)))


def _image(position: Sequence[str], orientation: Sequence[str], volume: int) -> NaiveImage:
    if not any(position) or not any(orientation):
        return NaiveImage(_NOWHERE, _AXIAL, "ABSENT", volume)
    if len(position) != 3 or len(orientation) != 6:
        return NaiveImage(_NOWHERE, _AXIAL, "UNKNOWN", volume)
    x, y, z = position
    return NaiveImage((x, y, z), tuple(map(float, orientation)), "GIVEN", volume)


def _at(groups: Dataset, path: str) -> list[tuple[str, ...]]:
    *sequences, name = path.split(".")
    items = [groups]
    for sequence in sequences:
        items = [nested for item in items for nested in item.get(sequence) or ()]
    return [_texts(item[name].value) for item in items if name in item]


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, MultiValue | list) else [] if value is None else [value]
    return tuple(str(getattr(each, "original_string", each)).strip() for each in values)


def main() -> None:
    """Compare all series of a folder."""
    files = [path for path in sorted(Path(sys.argv[1]).rglob("*")) if path.is_file()]
    made = images_by_series(files)
    facts = all_facts_of({str(path): path.read_bytes() for path in files}, made)
    different = 0
    for uid, images in made.items():
        expected = expected_of(images)
        if not is_same(facts[uid], expected):
            different += 1
            print(uid, len(images), facts[uid], expected)
    decided = sum(isinstance(facts[uid]["slices"], int) for uid in made)
    print(f"{len(made)} series, {decided} with slices, {sum(map(len, made.values()))} images; different: {different}")


def is_same(found: Facts, expected: Facts) -> bool:
    """Tell whether both say the same, but for the last digit of lengths and angles."""
    return found.keys() == expected.keys() and all(
        abs(value - expected[name]) <= 2e-6  # type: ignore[operator]
        if isinstance(value, float) and isinstance(expected[name], float | int)
        else value == expected[name]
        for name, value in found.items()
    )


if __name__ == "__main__":
    main()
