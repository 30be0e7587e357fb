"""Objects to measure with: one real slice, CT_small.dcm, made into as many instances and series as are asked for.

UIDs and dates are put in place as bytes, so that an object costs next to nothing to make.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import UID

from dicom_sieve.criteria import Criterion, Operation

_INSTANCE, _SERIES, _DATE = b"1.2.826.1.1000000000", b"1.2.826.2.1000000000", b"19000101"

CRITERIA = (
    Criterion(dicom_tag=("0008", "0020"), operation=Operation.GREATER, reference="2022-01-01"),
    Criterion(dicom_tag=("0008", "0060"), operation=Operation.IN, reference=["CT", "MR"]),
)


def real_slice() -> bytes:
    """Give CT_small.dcm, from the pydicom wheel."""
    path = get_testdata_file("CT_small.dcm", download=False)
    if not isinstance(path, str):
        raise FileNotFoundError("CT_small.dcm")
    with open(path, "rb") as file:  # noqa: PTH123 - as the library gives it
        return file.read()


@dataclass(frozen=True)
class Maker:
    """Makes instances of CT_small: its header, and less of its pixels.

    Attributes:
        instances_per_series: Headers of one series are equal.
        pixel_bytes: Of the Pixel Data.
    """

    instances_per_series: int = 40
    pixel_bytes: int = 4096

    def make(self, number: int) -> bytes:
        """Make the object of that number, from 0."""
        series = number // self.instances_per_series
        instance_uid, series_uid = b"1.2.826.1.%d" % (10**9 + number), b"1.2.826.2.%d" % (10**9 + series)
        date = b"2022%02d%02d" % (series % 12 + 1, series % 28 + 1)
        return self._template.replace(_INSTANCE, instance_uid).replace(_SERIES, series_uid).replace(_DATE, date)

    def key(self, number: int) -> str:
        """Give its key; keys come in the order of numbers."""
        return f"series-{number // self.instances_per_series:07d}/{number:09d}.dcm"

    def objects(self, count: int) -> Iterator[tuple[str, bytes]]:
        """Give N objects as key and bytes."""
        return ((self.key(number), self.make(number)) for number in range(count))

    @cached_property
    def size(self) -> int:
        """The bytes of each object."""
        return len(self._template)

    @cached_property
    def _template(self) -> bytes:
        dataset = pydicom.dcmread(io.BytesIO(real_slice()))
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(_INSTANCE.decode())
        dataset.SeriesInstanceUID, dataset.StudyDate = _SERIES.decode(), _DATE.decode()
        dataset.PixelData = bytes(self.pixel_bytes)
        stream = io.BytesIO()
        dataset.save_as(stream)
        return stream.getvalue()
