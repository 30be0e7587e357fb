"""Segments of a DICOM SEG as voxels of the images they refer to.

MIRP's own reading of a SEG takes a frame's pixels by its place in the segment, not in the object: of several segments
all but the first are read wrongly, and frames that were left out as empty stop it. So frames are placed here.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from pydicom import Dataset
from pydicom.pixels.utils import iter_pixels

from dicom_sieve.computations.radiomics.masks import Voxels
from dicom_sieve.computations.radiomics.slices import SAME_DIRECTION, Slices, Vectors
from dicom_sieve.computations.segmentation import jpeg_lossless
from dicom_sieve.errors import RefusedError

OFF_GRID = 0.01
"""A frame may be off the grid of the images by this part of a voxel."""

jpeg_lossless.install()  # while this is imported: no other thread looks then


def refuse_unfit(mask: Dataset, slices: Slices) -> None:
    """Refuse a SEG that is not of voxels of these images.

    Raises:
        RefusedError: It is of a kind that does not say which voxels belong, or on another grid.
    """
    kind = mask.get("SegmentationType")
    if kind not in {"BINARY", "FRACTIONAL"}:
        raise RefusedError("the SEG is neither BINARY nor FRACTIONAL")
    if (mask.Rows, mask.Columns) != slices.shape[1:]:
        raise RefusedError("the SEG has other rows or columns than the images")


def read_segment(mask: Dataset, number: int, slices: Slices) -> Voxels:
    """Give the voxels of one segment on the grid of the images; segments may overlap.

    Args:
        mask: A SEG that `refuse_unfit` let pass.
        number: Segment Number.
        slices: The images.

    Raises:
        RefusedError: A frame is off the grid, or has values between none and all; its pixels cannot be decoded.
    """
    voxels = np.zeros(slices.shape, dtype=bool)
    groups = list(mask.get("PerFrameFunctionalGroupsSequence") or ())
    frames = [index for index, group in enumerate(groups) if _segment_of(mask, group) == number]
    places = [_place(mask, groups[index], slices) for index in frames]
    for place, frame in zip(places, _pixels(mask, frames), strict=True):
        voxels[place] |= _is_inside(frame, mask)
    return voxels


def _pixels(mask: Dataset, frames: Sequence[int]) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    """Decode one frame after the other."""
    try:
        yield from iter_pixels(mask, indices=list(frames)) if frames else ()
    except (AttributeError, RuntimeError, ValueError) as error:  # what pydicom raises of pixels that it cannot decode
        raise RefusedError(f"the pixels of the SEG cannot be decoded ({type(error).__name__})") from None


def _is_inside(frame: np.ndarray[tuple[int, ...], np.dtype[np.generic]], mask: Dataset) -> Voxels:
    """Tell which voxels belong; a fraction says it only where it is none or all (PS3.3 C.8.20.2.3)."""
    full = int(mask.get("MaximumFractionalValue") or 255) if mask.SegmentationType == "FRACTIONAL" else 1
    inside = np.asarray(frame == full)
    if not np.array_equal(inside, frame != 0):
        raise RefusedError("the SEG is FRACTIONAL and has voxels that belong in part; accepted: none or all of each")
    return inside


def _group_of(mask: Dataset, group: Dataset, sequence: str) -> Dataset | None:
    """Give a functional group of a frame, or the one that all frames share (PS3.3 C.7.6.16)."""
    for holder in (group, *(mask.get("SharedFunctionalGroupsSequence") or ())):
        for item in holder.get(sequence) or ():
            return item if isinstance(item, Dataset) else None
    return None


def _segment_of(mask: Dataset, group: Dataset) -> int | None:
    found = _group_of(mask, group, "SegmentIdentificationSequence")
    return None if found is None else int(found.ReferencedSegmentNumber)


def _place(mask: Dataset, group: Dataset, slices: Slices) -> int:
    """Say on which slice a frame lies."""
    position = _numbers(mask, group, "PlanePositionSequence", "ImagePositionPatient", 3)
    directions = _numbers(mask, group, "PlaneOrientationSequence", "ImageOrientationPatient", 6).reshape(2, 3)
    spacing = _numbers(mask, group, "PixelMeasuresSequence", "PixelSpacing", 2)
    same = np.abs(directions - slices.axes[[2, 1]]).max() <= SAME_DIRECTION
    if not same or np.abs(spacing / slices.spacing[1:] - 1).max() > OFF_GRID / max(slices.shape[1:]):
        raise RefusedError("the SEG has other directions or distances of voxels than the images")
    off = (slices.positions - position) @ slices.axes.T / slices.spacing
    place = int(np.argmin(np.abs(off[:, 0])))
    if np.abs(off[place]).max() > OFF_GRID:
        raise RefusedError("the SEG has a frame where there is no image")
    return place


def _numbers(mask: Dataset, group: Dataset, sequence: str, keyword: str, count: int) -> Vectors:
    found = _group_of(mask, group, sequence)
    values = None if found is None else found.get(keyword)
    if values is None or len(values) != count:
        raise RefusedError(f"the SEG lacks {keyword}")
    return np.array([float(value) for value in values])
