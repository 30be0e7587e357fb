"""From the instances of a CT series to a volume in Hounsfield units, or to the reason why there is none.

Geometry comes from the attributes of the instances (PS3.3 C.7.6.2), never from the names or the order of objects.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.utils import pixel_array
from pydicom.uid import CTImageStorage

from dicom_sieve.computations.segmentation import jpeg_lossless
from dicom_sieve.computations.segmentation.geometry import find_grid
from dicom_sieve.computations.segmentation.source import is_number
from dicom_sieve.dicom.vr.code import normalise_code
from dicom_sieve.errors import RefusedError

FEWEST_SLICES = 3
MOST_VOXELS = 400_000_000
"""Some 1,500 slices of 512 x 512. What is larger is refused before it is decoded: memory is bounded by it."""
SAME_DIRECTION = 1e-3
"""Largest difference between cosines within a series: scanners round them."""
NO_TISSUE = -1000
"""Hounsfield units of padding: those of air, as outside the circle that a scanner sees."""
NEEDED = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
    "Rows",
    "Columns",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
)
"""Attributes without which there is no volume; each with as many values as it has to have."""
_NUMBERS_OF = {
    "ImagePositionPatient": 3,
    "ImageOrientationPatient": 6,
    "PixelSpacing": 2,
    "RescaleSlope": 1,
    "RescaleIntercept": 1,
}

jpeg_lossless.install()  # while this is imported: no other thread looks then

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
    grid = find_grid(slices)
    row, column = (float(spacing) for spacing in slices[0].PixelSpacing)
    hounsfield = np.empty((len(slices), *pixels[0].shape), dtype=np.int16)
    for place, number in enumerate(grid.order):  # one slice after the other, so that there is no second volume
        hounsfield[place] = pixels[number]
        pixels[number] = hounsfield[place]
    return Volume(hounsfield, (grid.distance, row, column), tuple(slices[number] for number in grid.order))


def _refuse_other_than_ct(instance: Dataset) -> None:
    if instance.get("SOPClassUID") != CTImageStorage:
        raise RefusedError("not CT Image Storage: only single-frame CT is segmented")
    if normalise_code(str(instance.get("Modality") or "")) != "CT":
        raise RefusedError("its Modality is not CT")
    missing = [name for name in NEEDED if not _has(instance, name)]
    if missing:
        raise RefusedError(f"an instance lacks {', '.join(missing)}")
    if normalise_code(str(instance.get("RescaleType") or "HU")) != "HU":  # PS3.3 C.8.2.1: absent means HU
        raise RefusedError("its Rescale Type is not HU: its values are no Hounsfield units")
    if "PixelData" not in instance:
        raise RefusedError("an instance has no Pixel Data")


def _has(instance: Dataset, name: str) -> bool:
    """Tell whether an attribute is there with a value, and with as many numbers as it has to have."""
    value = instance.get(name)
    if name not in _NUMBERS_OF:
        return value is not None and value != ""
    numbers = value if isinstance(value, MultiValue) else [value]
    return len(numbers) == _NUMBERS_OF[name] and all(is_number(number) for number in numbers)


def _in_hounsfield(instance: Dataset) -> Hounsfield:
    """Apply the rescale attributes (PS3.3 C.11.1); what no 16 bits hold is cut off, padding is no tissue."""
    try:
        stored = pixel_array(instance, allow_excess_frames=False)
    except (AttributeError, RuntimeError, ValueError) as error:  # what pydicom raises of pixels that it cannot decode
        raise RefusedError(f"the pixels of an instance cannot be decoded ({type(error).__name__})") from error
    if stored.shape != (instance.Rows, instance.Columns):
        raise RefusedError("an instance holds more than one frame or sample")
    hounsfield = np.rint(stored * float(instance.RescaleSlope) + float(instance.RescaleIntercept))
    limits = np.iinfo(np.int16)
    found = np.clip(hounsfield, limits.min, limits.max).astype(np.int16)
    padding = _padding(instance)
    if padding is not None:
        found[(stored >= padding[0]) & (stored <= padding[1])] = NO_TISSUE
    return found


def _padding(instance: Dataset) -> tuple[int, int] | None:
    """Give the stored values that stand for no pixel, both ends among them (PS3.3 C.7.5.1.1.2)."""
    ends = [instance.get(name) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    given = [_as_stored(int(end), instance) for end in ends if isinstance(end, int)]
    return (min(given), max(given)) if ends[0] is not None and given else None


def _as_stored(value: int, instance: Dataset) -> int:
    """Read a value with the sign that pixels have, whatever the VR that it was written with."""
    values = 1 << int(instance.BitsAllocated)
    value %= values
    return value - values if instance.PixelRepresentation == 1 and value >= values // 2 else value


def _refuse_unequal(slices: Sequence[Dataset]) -> None:
    first = slices[0]
    for name in ("Rows", "Columns", "FrameOfReferenceUID"):
        if any(instance.get(name) != first.get(name) for instance in slices):
            raise RefusedError(f"the slices differ in {name}")
    for name, tolerance in (("ImageOrientationPatient", SAME_DIRECTION), ("PixelSpacing", 1e-4)):
        values = np.array([[float(value) for value in instance[name].value] for instance in slices])
        if np.abs(values - values[0]).max() > tolerance:
            raise RefusedError(f"the slices differ in {name}")
