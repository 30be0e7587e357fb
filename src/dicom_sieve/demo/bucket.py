"""What the demo's bucket holds: real DICOM from the pydicom wheel, series made around it, and what buckets collect.

One of the series has lungs: a chest made by formula, for the segmentation to find.
"""

import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import UID, generate_uid

from dicom_sieve.demo import ODD_KEY, PLAIN_KEY

CHEST_SPACING_MM = (5, 2.5, 2.5)
"""Millimetres between slices, rows and columns of the series with lungs."""


@dataclass(frozen=True, slots=True)
class MadeSeries:
    """A series made of copies of one real slice.

    Attributes:
        name: Folder of its objects.
        slices: How many.
        modality: (0008,0060).
        study_date: (0008,0020).
        without_date: How many of its slices have an empty Study Date.
        has_lungs: A chest made by formula, instead of the real slice's pixels.
    """

    name: str
    slices: int
    modality: str
    study_date: str
    without_date: int = 0
    has_lungs: bool = False

    @property
    def uid(self) -> str:
        """Its Series Instance UID."""
        return str(generate_uid(entropy_srcs=["series", self.name]))


SERIES = (
    MadeSeries("ct-chest-2023", 60, "CT", "20230314", has_lungs=True),
    MadeSeries("ct-abdomen-2022", 40, "CT", "20220702"),
    MadeSeries("mr-brain-2024", 48, "MR", "20240105"),
    MadeSeries("ct-chest-2019", 30, "CT", "20191120"),
    MadeSeries("us-heart-2023", 20, "US", "20230601"),
    MadeSeries("ct-head-2023", 36, "CT", "20230918", without_date=5),
)


def objects() -> Iterator[tuple[str, bytes]]:
    """Give every object of the demo's bucket as key and bytes."""
    for series in SERIES:
        yield from _slices(series)
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield f"pydicom/{file.relative_to(folder).as_posix()}", file.read_bytes()
    whole = Path(_real("CT_small.dcm")).read_bytes()
    yield PLAIN_KEY, whole[:700]
    yield "odd/empty.dcm", b""
    yield "odd/folder/", b""
    yield "odd/report.txt", b"Not DICOM at all.\n"
    yield ODD_KEY, whole


def _slices(series: MadeSeries) -> Iterator[tuple[str, bytes]]:
    dataset = pydicom.dcmread(_real("CT_small.dcm"))
    dataset.Modality = series.modality
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", series.name])
    dataset.SeriesInstanceUID = UID(series.uid)
    distance = 1
    if series.has_lungs:
        distance, dataset.PixelSpacing = CHEST_SPACING_MM[0], [*CHEST_SPACING_MM[1:]]
        chest = _chest(series.slices, dataset.Rows, dataset.Columns, int(dataset.RescaleIntercept))
    for number in range(1, series.slices + 1):
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=[series.name, str(number)])
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.StudyDate = "" if number <= series.without_date else series.study_date
        dataset.InstanceNumber = number
        dataset.ImagePositionPatient = [0, 0, number * distance]
        if series.has_lungs:
            dataset.PixelData = next(chest)
        stream = io.BytesIO()
        dataset.save_as(stream)
        yield f"{series.name}/{dataset.SOPInstanceUID}.dcm", stream.getvalue()


def _chest(slices: int, rows: int, columns: int, intercept: int) -> Iterator[bytes]:
    """Make a chest slice by slice: an elliptic cylinder of tissue with two ellipsoids of lung in it.

    Pixels are stored values: Hounsfield units less the intercept. Written without numpy, which a plain installation
    does not have.
    """
    across = [-1 + 2 * column / (columns - 1) for column in range(columns)]
    body = [(x / 0.92) ** 2 for x in across]
    lung = [((abs(x) - 0.42) / 0.32) ** 2 for x in across]
    for number in range(slices):
        z = ((-1 + 2 * number / (slices - 1)) / 0.85) ** 2
        pixels = array("h")
        for row in range(rows):
            y = -1 + 2 * row / (rows - 1)
            in_body, in_lung = 1 - (y / 0.75) ** 2, 1 - (y / 0.5) ** 2 - z
            pixels.extend(
                (-800 if inner <= in_lung else 40 if outer <= in_body else -1000) - intercept
                for outer, inner in zip(body, lung, strict=True)
            )
        yield pixels.tobytes()


def _real(name: str) -> str:
    path = get_testdata_file(name, download=False)
    if not isinstance(path, str):
        raise FileNotFoundError(name)
    return path
