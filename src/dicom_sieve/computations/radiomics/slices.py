"""The images of one series as a stack: where each slice lies, without pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError

from dicom_sieve.computations.segmentation.geometry import find_grid, unit_cosines
from dicom_sieve.computations.segmentation.source import is_number
from dicom_sieve.errors import RefusedError

FEWEST_SLICES = 2
MOST_VOXELS = 150_000_000
"""Some 570 slices of 512 x 512. What is larger is refused before it is decoded: memory is bounded by it."""
SAME_DIRECTION = 1e-3
"""Largest difference between cosines: scanners and programs round them."""
_NUMBERS_OF = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2, "Rows": 1, "Columns": 1}
_TEXTS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "Modality")

Vectors = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slices:
    """A stack of parallel slices, evenly spaced.

    Attributes:
        series_uid: Series Instance UID.
        study_uid: Study Instance UID.
        frame_of_reference: UID.
        modality: As ``CT``.
        shape: Slices, rows, columns.
        spacing: Millimetres from centre to centre of neighbouring slices, rows and columns.
        positions: Of the first voxel of each slice, in mm, in the order of the normal; shape (slices, 3).
        axes: Unit vectors from slice to slice, from row to row, and from column to column; shape (3, 3).
    """

    series_uid: str
    study_uid: str
    frame_of_reference: str
    modality: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    positions: Vectors
    axes: Vectors

    @property
    def voxel_mm3(self) -> float:
        """What one voxel holds."""
        return float(np.prod(self.spacing))


def read_slices(images: Sequence[Path]) -> Slices:
    """Read where the images of a series lie.

    Args:
        images: Files of one series, in any order, a slice each.

    Raises:
        RefusedError: They are not of one series, or no evenly spaced stack; a slice is missing; they are too many.
    """
    headers = [_read_header(file) for file in images]
    if len(headers) < FEWEST_SLICES:
        raise RefusedError(f"slices: {len(headers)}; needed: {FEWEST_SLICES} or more")
    _refuse_unequal(headers)
    first = headers[0]
    shape = (len(headers), int(first.Rows), int(first.Columns))
    if np.prod(shape, dtype=np.int64) > MOST_VOXELS:
        raise RefusedError(f"more than {MOST_VOXELS:,} voxels")
    grid = find_grid(headers)
    positions = np.array([[float(value) for value in headers[number].ImagePositionPatient] for number in grid.order])
    cosines = np.array(unit_cosines(first))
    along_row, along_column = cosines[:3], cosines[3:]
    axes = np.array([np.cross(along_row, along_column), along_column, along_row])
    row, column = (float(value) for value in first.PixelSpacing)
    return Slices(
        str(first.SeriesInstanceUID),
        str(first.StudyInstanceUID),
        str(first.FrameOfReferenceUID),
        str(first.Modality),
        shape,
        (grid.distance, row, column),
        positions,
        axes,
    )


def _read_header(file: Path) -> Dataset:
    """Read what is needed of one image.

    Raises:
        RefusedError: It is no DICOM, lacks something, or holds several frames.
    """
    try:
        header = pydicom.dcmread(file, specific_tags=[*_NUMBERS_OF, *_TEXTS, "NumberOfFrames"])
    except InvalidDicomError:
        raise RefusedError("an image is not DICOM") from None
    missing = [name for name in _TEXTS if not header.get(name)]
    missing += [name for name, count in _NUMBERS_OF.items() if not _has_numbers(header, name, count)]
    if missing:
        raise RefusedError(f"an image lacks {', '.join(missing)}")
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise RefusedError("an image has several frames; accepted: a slice in each image")
    return header


def _has_numbers(header: Dataset, name: str, count: int) -> bool:
    value = header.get(name)
    numbers = [value] if count == 1 else list(value or ())
    return len(numbers) == count and all(is_number(number) for number in numbers)


def _refuse_unequal(headers: Sequence[Dataset]) -> None:
    first = headers[0]
    if any(header.SeriesInstanceUID != first.SeriesInstanceUID for header in headers):
        raise RefusedError("the images are of several series")
    for name in ("Rows", "Columns", "FrameOfReferenceUID", "Modality"):
        if any(header.get(name) != first.get(name) for header in headers):
            raise RefusedError(f"the slices differ in {name}")
    for name, tolerance in (("ImageOrientationPatient", SAME_DIRECTION), ("PixelSpacing", 1e-4)):
        values = np.array([[float(value) for value in header[name].value] for header in headers])
        if np.abs(values - values[0]).max() > tolerance:
            raise RefusedError(f"the slices differ in {name}")
