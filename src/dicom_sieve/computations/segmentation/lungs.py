"""Lungs and body by thresholds, components and filled holes: the classical way. Not for clinical use."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from dicom_sieve.computations.segmentation.volume import Volume
from dicom_sieve.errors import RefusedError

BODY_HOUNSFIELD = -300
"""Skin, fat and all that is denser."""
LUNG_HOUNSFIELD = -400
"""Hounsfield units below which a voxel is air, or lung with its blood."""
SMALLEST_BODY_ML = 100.0
SMALLEST_LUNG_ML = 5.0
SMALLEST_LUNG_PART = 0.05
"""Smallest part of the largest pocket of air; smaller ones are bowel, or lie between the table and the body."""
CLOSED_MM = 3.0
"""Vessels and airways so thick are counted to the lung around them."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Segments:
    """What was found.

    Attributes:
        body: Shape (slices, rows, columns): the body, with all that is inside.
        lungs: The same of the lungs.
    """

    body: Mask
    lungs: Mask


def segment(volume: Volume) -> Segments:
    """Find body and lungs.

    Raises:
        RefusedError: There is no body.
    """
    body = _body(volume)
    return Segments(body, _lungs(volume, body))


def _body(volume: Volume) -> Mask:
    """The largest thing that is denser than air; its holes filled slice by slice, as lungs may open at the ends."""
    dense = ndimage.binary_opening(volume.hounsfield > BODY_HOUNSFIELD, _cross())
    labels, sizes = _components(dense)
    if not sizes.size or sizes.max() * volume.voxel_ml < SMALLEST_BODY_ML:
        raise RefusedError("there is no body in it")
    body = np.asarray(labels == sizes.argmax() + 1)
    for number, in_slice in enumerate(body):
        body[number] = ndimage.binary_fill_holes(in_slice)
    return body


def _lungs(volume: Volume, body: Mask) -> Mask:
    """The large spaces of air within the body; vessels in them are filled."""
    labels, sizes = _components((volume.hounsfield < LUNG_HOUNSFIELD) & body)
    if not sizes.size:
        return np.zeros_like(body)
    smallest = max(SMALLEST_LUNG_ML / volume.voxel_ml, SMALLEST_LUNG_PART * sizes.max())
    lungs = np.concatenate([[False], sizes >= smallest])[labels]
    disc = _disc(volume.spacing[1:])
    for number, in_slice in enumerate(lungs):  # in place: a mask is as large as half the volume
        closed = ndimage.binary_closing(in_slice, disc) & body[number]
        lungs[number] = ndimage.binary_fill_holes(in_slice | closed)
    return np.asarray(lungs)


def _components(mask: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Number the parts that hang together by faces from 1, and count their voxels."""
    labels, count = cast("tuple[npt.NDArray[np.int32], int]", ndimage.label(mask))
    sizes = np.zeros(count + 1, dtype=np.int64)
    for of_slice in labels:  # all at once, bincount would take eight bytes a voxel
        sizes += np.bincount(of_slice.ravel(), minlength=count + 1)
    return labels, sizes[1:]


def _cross() -> Mask:
    """A voxel and its four neighbours within the slice."""
    return np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]]], dtype=bool)


def _disc(spacing: tuple[float, float]) -> Mask:
    """A disc of half the thickness that is closed."""
    rows, columns = (int(CLOSED_MM / 2 // spacing_mm) for spacing_mm in spacing)
    y, x = np.ogrid[-rows : rows + 1, -columns : columns + 1]
    return np.asarray((y * spacing[0]) ** 2 + (x * spacing[1]) ** 2 <= (CLOSED_MM / 2) ** 2)
