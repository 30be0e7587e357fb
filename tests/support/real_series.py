"""Real series, of the files that pydicom ships, and what is made of one of them."""

import copy
import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pydicom
from highdicom.legacy import LegacyConvertedEnhancedCTImage
from pydicom import Dataset
from pydicom.uid import generate_uid

from dicom_sieve.columns.chunk import as_entry
from dicom_sieve.columns.geometry import Geometry, Images, geometry_of
from dicom_sieve.columns.placed_frames import read_frames
from dicom_sieve.columns.planes import normals_of
from dicom_sieve.columns.vectors import parse_vectors
from dicom_sieve.dicom.dictionary import FUNCTIONAL_GROUPS
from dicom_sieve.headers import Instance
from dicom_sieve.headers.vocabulary import current_vocabulary
from tests.headers.raw import read_carefully, window_over

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


def as_frames(series: Series) -> Series:
    """Make one enhanced object of a series, as converters do, with a frame for each image."""
    images = [copy.deepcopy(image) for image in series]
    uids = [generate_uid(entropy_srcs=[image.SOPInstanceUID, "frames"]) for image in images[:2]]
    with warnings.catch_warnings(action="ignore"):  # of the files, which are older than the standard
        return [LegacyConvertedEnhancedCTImage(images, uids[0], 1, uids[1], 1)]


SERIES: dict[str, Callable[[], Series]] = {
    "five slices of a heart": even,
    "the same, tilted by 18°": tilted,
    "the same, two times": twice,
    "one slice of them": lambda: even()[:1],
    "four slices of a head, far apart": lambda: read_folder("77654033/CT2"),
    "two scouts": lambda: read_folder("98892001/CT2N"),
    "three planes of a pilot": lambda: read_folder("98892003/MR2", 0),
    "seven projections of vessels": lambda: read_folder("98892003/MR700"),
    "five slices of a heart, as frames": lambda: as_frames(even()),
    "the same, tilted by 18°, as frames": lambda: as_frames(tilted()),
    "the same, two times, as frames": lambda: as_frames(twice()),
    "four slices of a head, as frames": lambda: as_frames(read_folder("77654033/CT2")),
}
"""By what documents call them."""


def geometry_of_series(series: Series) -> Geometry:
    """Measure one series, of what is written in its headers."""
    if "PerFrameFunctionalGroupsSequence" in series[0]:
        return _geometry_of_frames(series)
    positions, digits, states = parse_vectors(list(_entries(series, "ImagePositionPatient")), 3)
    orientations, _, others = parse_vectors(list(_entries(series, "ImageOrientationPatient")), 6)
    volumes = np.array([int(image.get("AcquisitionNumber") or 0) for image in series], np.int64)
    return geometry_of(
        Images(
            np.zeros(len(series), np.int64),
            positions,
            *normals_of(orientations),
            digits,
            np.maximum(states, others),
            volumes,
        )
    )


def _geometry_of_frames(series: Series) -> Geometry:
    read = [read_carefully(window_over(written(dataset)), current_vocabulary()) for dataset in series]
    headers = [instance.header.attributes for instance in read if isinstance(instance, Instance)]
    groups = [[as_entry(of_one[key]) for key in FUNCTIONAL_GROUPS] for of_one in headers]
    numbers = np.array([int(dataset.NumberOfFrames) for dataset in series], np.int64)
    frames = read_frames([(shared, per_frame) for shared, per_frame in groups], numbers)
    return geometry_of(
        Images(
            np.zeros(len(frames.positions), np.int64),
            frames.positions,
            frames.normals[frames.of_normals],
            frames.are_planes[frames.of_normals],
            frames.digits,
            frames.states,
            frames.volumes,
        )
    )


def written(dataset: Dataset) -> bytes:
    """Write an object as DICOM files are."""
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _entries(series: Series, keyword: str) -> Iterator[str | None]:
    for image in series:
        values = image.get(keyword)
        yield None if values is None else as_entry([str(getattr(value, "original_string", value)) for value in values])
