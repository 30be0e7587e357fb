"""A body of known shape as a CT series: an elliptic cylinder with spheres of air in it."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.data import get_testdata_file
from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AIR, TISSUE, LUNG, VESSEL = -1000, 40, -800, 50
INTERCEPT = -1024


@dataclass(frozen=True)
class Phantom:
    """A chest that can be worked out by hand.

    Attributes:
        spacing: Between slices, rows and columns, in mm.
        shape: Slices, rows, columns.
        radii: Of the two lungs, spheres, in mm.
        noise: Standard deviation, in Hounsfield units.
        orientation: Direction of rows and of columns.
    """

    spacing: tuple[float, float, float] = (2.0, 1.5, 1.5)
    shape: tuple[int, int, int] = (60, 160, 160)
    radii: tuple[float, float] = (40.0, 32.0)
    noise: float = 20.0
    orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0)

    @property
    def centres(self) -> tuple[tuple[float, float, float], ...]:
        """Of the two lungs, in mm from the corner: slices, rows, columns."""
        depth, height, width = (count * step for count, step in zip(self.shape, self.spacing, strict=True))
        return ((depth / 2, height / 2, width * 0.3), (depth / 2, height / 2, width * 0.72))

    def masks(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Give body and lungs, by their formulas."""
        z, y, x = ((np.arange(count) + 0.5) * step for count, step in zip(self.shape, self.spacing, strict=True))
        z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]
        middle_y, middle_x = y.max() / 2, x.max() / 2
        body = ((y - middle_y) / (middle_y * 0.8)) ** 2 + ((x - middle_x) / (middle_x * 0.92)) ** 2 + 0 * z <= 1
        lungs = np.zeros(self.shape, dtype=bool)
        for (cz, cy, cx), radius in zip(self.centres, self.radii, strict=True):
            lungs |= (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
        return body, lungs & body

    def hounsfield(self) -> npt.NDArray[np.int16]:
        """Give the volume."""
        body, lungs = self.masks()
        volume = np.where(lungs, LUNG, np.where(body, TISSUE, AIR)).astype(np.float64)
        volume[:, -12:-9, 20:-20] = TISSUE  # the table, beside the body
        return np.rint(volume + np.random.default_rng(1).normal(0, self.noise, self.shape)).astype(np.int16)

    def instances(self, name: str = "phantom") -> Iterator[pydicom.Dataset]:
        """Give the slices in the order of their positions; their names and numbers tell another one."""
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        for number, slice_ in enumerate(self.hounsfield()):
            dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
            for private in [element.tag for element in dataset if element.tag.is_private]:
                del dataset[private]
            dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", name])
            dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", name])
            dataset.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame", name])
            dataset.SOPInstanceUID = generate_uid(entropy_srcs=[name, str(number)])
            dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            dataset.Rows, dataset.Columns = slice_.shape
            dataset.PixelSpacing = [self.spacing[1], self.spacing[2]]
            dataset.SliceThickness = self.spacing[0]
            dataset.ImageOrientationPatient = [*self.orientation]
            dataset.ImagePositionPatient = [float(coordinate) for coordinate in normal * number * self.spacing[0]]
            dataset.InstanceNumber = 1 + (number * 37) % self.shape[0]
            dataset.RescaleIntercept, dataset.RescaleSlope = INTERCEPT, 1
            dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 15, 1
            dataset.SmallestImagePixelValue = dataset.LargestImagePixelValue = None
            del dataset.SmallestImagePixelValue, dataset.LargestImagePixelValue
            dataset.PixelData = (slice_.astype(np.int32) - INTERCEPT).astype(np.int16).tobytes()
            yield dataset


def to_bytes(dataset: pydicom.Dataset) -> bytes:
    """Give a dataset as it lies in an object."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def with_text(body: bytes, keyword: str, text: str) -> bytes:
    """Write a text in place of an attribute's value, whether or not the VR allows it, as pydicom would not."""
    tag = Tag(keyword)
    head = tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little") + dictionary_VR(tag).encode()
    start = body.index(head) + len(head)
    end = start + 2 + int.from_bytes(body[start : start + 2], "little")
    value = text.encode() + b" " * (len(text) % 2)
    return body[:start] + len(value).to_bytes(2, "little") + value + body[end:]
