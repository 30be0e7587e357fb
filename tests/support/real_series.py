"""Real series, of the files that pydicom ships, and what is made of one of them."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_sieve.columns.chunk import as_entry
from dicom_sieve.columns.geometry import Geometry, Images, geometry_of
from dicom_sieve.columns.vectors import parse_vectors

FILES = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"
Series = Sequence[Dataset]


def read_folder(name: str, number: int | None = None) -> Series:
    """Read the images of one folder; of a folder with several series those of one of them."""
    images = [pydicom.dcmread(path) for path in sorted((FILES / name).iterdir())]
    placed = [image for image in images if "ImagePositionPatient" in image]
    uids = sorted({image.SeriesInstanceUID for image in placed})
    return [image for image in placed if number is None or image.SeriesInstanceUID == uids[number]]


def even() -> Series:
    return read_folder("98892001/CT5N")


def tilted() -> Series:
    """Tilt a series by 18 degrees about the axis from right to left, to the fourth digit."""
    return [_moved(image, Decimal(f"{math.tan(math.radians(18)) * height_of(image):.4f}")) for image in even()]


def height_of(image: Dataset) -> float:
    return float(image.ImagePositionPatient[2])


def twice() -> Series:
    """Add a second volume, of another time."""
    first = even()
    second = copy.deepcopy(first)
    for image in second:
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid(
            entropy_srcs=[image.SOPInstanceUID]
        )
        image.AcquisitionNumber += 100
        image.InstanceNumber += 100
    return [*first, *second]


def _moved(image: Dataset, by: Decimal) -> Dataset:
    x, y, z = image.ImagePositionPatient
    image.ImagePositionPatient = [x, str(Decimal(y.original_string) + by), z]
    return image


SERIES: dict[str, Callable[[], Series]] = {
    "five slices of a heart": even,
    "the same, tilted by 18°": tilted,
    "the same, two times": twice,
    "one slice of them": lambda: even()[:1],
    "four slices of a head, far apart": lambda: read_folder("77654033/CT2"),
    "two scouts": lambda: read_folder("98892001/CT2N"),
    "three planes of a pilot": lambda: read_folder("98892003/MR2", 0),
    "seven projections of vessels": lambda: read_folder("98892003/MR700"),
}
"""By what documents call them."""


def geometry_of_series(series: Series) -> Geometry:
    """Measure one series, of what is written in its headers."""
    positions, digits, states = parse_vectors(list(_entries(series, "ImagePositionPatient")), 3)
    orientations, _, others = parse_vectors(list(_entries(series, "ImageOrientationPatient")), 6)
    volumes = np.array([int(image.get("AcquisitionNumber") or 0) for image in series], np.int64)
    return geometry_of(
        Images(np.zeros(len(series), np.int64), positions, orientations, digits, np.maximum(states, others), volumes)
    )


def _entries(series: Series, keyword: str) -> Iterator[str | None]:
    for image in series:
        values = image.get(keyword)
        yield None if values is None else as_entry([str(getattr(value, "original_string", value)) for value in values])
