"""From the instances of a CT series to a volume in Hounsfield units, or to the reason why there is none.

Geometry comes from the attributes of the instances (PS3.3 C.7.6.2), never from the names or the order of objects.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import CTImageStorage

from dicom_sieve.errors import RefusedError

FEWEST_SLICES = 3
MOST_VOXELS = 400_000_000
"""Some 1,500 slices of 512 x 512. What is larger is refused before it is decoded: memory is bounded by it."""
SAME_DIRECTION = 1e-3
"""Cosines may differ by so much within a series: scanners round them."""
SAME_DISTANCE = 0.01
"""Distances between slices may differ by this part of the usual one."""

Hounsfield = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Volume:
    """A stack of parallel slices, evenly spaced.

    Attributes:
        hounsfield: Shape (slices, rows, columns), in Hounsfield units.
        spacing: Millimetres from centre to centre of neighbouring slices, rows and columns.
        slices: The instance of each slice, in the order of the first axis; without pixels.
    """

    hounsfield: Hounsfield = field(repr=False)
    spacing: tuple[float, float, float]
    slices: tuple[Dataset, ...] = field(repr=False)

    @property
    def voxel_ml(self) -> float:
        """What one voxel holds, in millilitres."""
        depth, row, column = self.spacing
        return depth * row * column / 1_000


def stack(instances: Iterable[Dataset]) -> Volume:
    """Stack the instances of a series in the order of their positions.

    Args:
        instances: Of one series, in any order, with pixels. One after the other is taken, and its pixels let go.

    Raises:
        RefusedError: They are no CT images, or no evenly spaced stack; the words name no patient's value.
    """
    pixels: list[Hounsfield] = []
    slices: list[Dataset] = []
    voxels = 0
    for instance in instances:
        _refuse_other_than_ct(instance)
        voxels += instance.Rows * instance.Columns
        if voxels > MOST_VOXELS:
            raise RefusedError(f"more than {MOST_VOXELS:,} voxels")
        pixels.append(_in_hounsfield(instance))
        del instance.PixelData
        slices.append(instance)
    if len(slices) < FEWEST_SLICES:
        raise RefusedError(f"{len(slices)} slices; needed: {FEWEST_SLICES} or more")
    _refuse_unequal(slices)
    positions = np.array([_position(one) for one in slices])
    order = np.argsort(positions, kind="stable")
    depth = _distance(positions[order])
    row, column = (float(one) for one in slices[0].PixelSpacing)
    hounsfield = np.empty((len(slices), *pixels[0].shape), dtype=np.int16)
    for place, number in enumerate(order):  # one slice after the other, so that there is no second volume
        hounsfield[place] = pixels[number]
        pixels[number] = hounsfield[place]
    return Volume(hounsfield, (depth, row, column), tuple(slices[number] for number in order))


def _refuse_other_than_ct(instance: Dataset) -> None:
    if instance.get("SOPClassUID") != CTImageStorage:
        raise RefusedError("not CT Image Storage: only single-frame CT is segmented")
    if instance.get("Modality") != "CT":
        raise RefusedError("its Modality is not CT")
    needed = (
        "Rows",
        "Columns",
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "RescaleSlope",
        "RescaleIntercept",
    )
    missing = [name for name in needed if instance.get(name) is None]
    if missing:
        raise RefusedError(f"an instance lacks {', '.join(missing)}")
    if "PixelData" not in instance:
        raise RefusedError("an instance has no Pixel Data")


def _in_hounsfield(instance: Dataset) -> Hounsfield:
    """Apply the rescale attributes (PS3.3 C.11.1); what no 16 bits hold is cut off."""
    try:
        stored = pixel_array(instance, allow_excess_frames=False)
    except (AttributeError, RuntimeError, ValueError) as error:  # what pydicom raises of pixels that it cannot decode
        raise RefusedError(f"the pixels of an instance cannot be decoded ({type(error).__name__})") from error
    if stored.shape != (instance.Rows, instance.Columns):
        raise RefusedError("an instance holds more than one frame or sample")
    hounsfield = stored * float(instance.RescaleSlope) + float(instance.RescaleIntercept)
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(hounsfield), limits.min, limits.max).astype(np.int16)


def _refuse_unequal(slices: Sequence[Dataset]) -> None:
    first = slices[0]
    for name in ("Rows", "Columns", "FrameOfReferenceUID"):
        if any(one.get(name) != first.get(name) for one in slices):
            raise RefusedError(f"the slices differ in {name}")
    for name, tolerance in (("ImageOrientationPatient", SAME_DIRECTION), ("PixelSpacing", 1e-4)):
        values = np.array([[float(value) for value in one[name].value] for one in slices])
        if np.abs(values - values[0]).max() > tolerance:
            raise RefusedError(f"the slices differ in {name}")


def _position(instance: Dataset) -> float:
    """Give the place of a slice along the normal of its plane, in mm (PS3.3 C.7.6.2.1.1)."""
    orientation = np.array([float(value) for value in instance.ImageOrientationPatient])
    normal = np.cross(orientation[:3], orientation[3:])
    return float(np.dot(normal, [float(value) for value in instance.ImagePositionPatient]))


def _distance(positions: npt.NDArray[np.float64]) -> float:
    """Give the distance between slices, in mm.

    Raises:
        RefusedError: Two slices are at one place, or a slice is missing.
    """
    gaps = np.diff(positions)
    usual = float(np.median(gaps))
    if usual <= 0 or gaps.min() < usual / 10:
        raise RefusedError("two slices are at the same place")
    if np.abs(gaps - usual).max() > usual * SAME_DISTANCE:
        wide = int(np.argmax(np.abs(gaps - usual)))
        raise RefusedError(
            f"the slices are not evenly spaced: {gaps[wide]:.2f} mm between slices {wide + 1} and {wide + 2}, "
            f"{usual:.2f} mm between most; a slice may be missing"
        )
    return float(gaps.mean())
