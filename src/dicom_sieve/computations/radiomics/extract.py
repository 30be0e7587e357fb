"""From the images of a series and a mask that refers to them to the features of its regions."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from pydicom import Dataset

from dicom_sieve import private
from dicom_sieve.computations.radiomics import with_mirp
from dicom_sieve.computations.radiomics.masks import (
    Named,
    choose,
    is_segmentation,
    name_regions,
    read_mask,
    refuse_other,
)
from dicom_sieve.computations.radiomics.region import Region
from dicom_sieve.computations.radiomics.segments import read_segment, refuse_unfit
from dicom_sieve.computations.radiomics.settings import CT_RANGE, normalise
from dicom_sieve.computations.radiomics.slices import MOST_VOXELS, Slices, read_slices
from dicom_sieve.errors import RefusedError

FEWEST_VOXELS = 8
"""Of a region, before and after preparation: of fewer, neither axes nor matrices say anything."""
MOST_REGION_VOXELS = 20_000_000
"""Of a region, before and after it is resampled: each takes some 200 bytes while features are computed."""
UNITS: Mapping[str, str] = MappingProxyType({"CT": "HU", "PT": "SUV"})
"""What MIRP gives intensities in, by modality; of others, as they are stored."""
_PLANAR = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
"""Contours that enclose something (PS3.3 C.8.8.6.3)."""


def extract(images: Sequence[Path], mask: Path, parameters: Mapping[str, Any]) -> list[Region]:
    """Compute the features of the regions of one mask.

    Regions may overlap. One that cannot be computed is given with the reason, beside the others.

    Args:
        images: Files of one series, a slice each, in any order.
        mask: A DICOM SEG or RTSTRUCT of that series.
        parameters: As `settings.read` takes them.

    Returns:
        The regions that are asked for, in the order of the mask.

    Raises:
        RefusedError: Nothing can be computed; in a sentence that names no patient's value.
        InvalidRequestError: The parameters are not accepted.
    """
    asked = normalise(parameters)
    slices = read_slices(images)
    _refuse_range_of_ct(slices, asked)
    _refuse_large(slices, asked)
    dataset = read_mask(mask)
    refuse_other(dataset, slices)
    if is_segmentation(dataset):
        refuse_unfit(dataset, slices)
    named = choose(name_regions(dataset), asked["regions"])
    with _in_one_folder(images) as folder:
        image = with_mirp.read_image(folder)
    if tuple(image.image_dimension) != slices.shape:
        raise RefusedError("the images are not read as the stack that they are")
    found = [_compute(region, dataset, slices, image, asked) for region in named]
    if all(region.refused for region in found):
        reasons = dict.fromkeys(region.refused for region in found)
        raise RefusedError(f"no region can be computed: {'; '.join(reasons)}")
    return found


def _refuse_range_of_ct(slices: Slices, asked: Mapping[str, Any]) -> None:
    """Refuse to cut other intensities at the ends that are meant for Hounsfield units.

    Raises:
        RefusedError: The range is the default, and the images are no CT.
    """
    if slices.modality != "CT" and (asked["lowest"], asked["highest"]) == CT_RANGE:
        lowest, highest = CT_RANGE
        raise RefusedError(f"its Modality is not CT, but {lowest:g} to {highest:g} are HU; give lowest and highest")


def _refuse_large(slices: Slices, asked: Mapping[str, Any]) -> None:
    """Refuse what would be too large when it is resampled.

    Raises:
        RefusedError: It would.
    """
    if asked["spacing"] is None:
        return
    extents = np.array(slices.shape) * slices.spacing / asked["spacing"]
    if asked["by_slice"]:
        extents[0] = slices.shape[0]
    if np.ceil(extents).prod() > MOST_VOXELS:
        raise RefusedError(f"more than {MOST_VOXELS:,} voxels when it is resampled to {asked['spacing']:g} mm")


@contextmanager
def _in_one_folder(images: Sequence[Path]) -> Iterator[Path]:
    """Give a folder with links to these images alone."""
    with private.temporary_folder() as folder:
        for number, file in enumerate(images):
            (folder / f"{number:06}.dcm").symlink_to(file.resolve())
        yield folder


def _compute(
    region: Named, dataset: Dataset, slices: Slices, image: with_mirp.MirpImage, asked: Mapping[str, Any]
) -> Region:
    """Compute one region, or say why not."""
    voxels, volume = 0, 0.0
    unit = UNITS.get(slices.modality, "")
    try:
        mask = _mask_of(region, dataset, slices, image)
        voxels, volume = with_mirp.count_voxels(mask)
        _refuse_small(voxels, "it has")
        _refuse_large_region(voxels, slices, asked)
        values, left = with_mirp.compute(image, mask, asked)
        _refuse_small(left, "after resampling and re-segmentation it has")
    except RefusedError as error:
        return Region(region.label, region.number, region.code, voxels, volume, unit, {}, str(error))
    return Region(region.label, region.number, region.code, voxels, volume, unit, values)


def _mask_of(region: Named, dataset: Dataset, slices: Slices, image: with_mirp.MirpImage) -> with_mirp.MirpMask:
    if is_segmentation(dataset):
        return with_mirp.mask_of_voxels(read_segment(dataset, region.number, slices), image, slices)
    with private.temporary_folder() as folder:
        alone = folder / "region.dcm"
        _only(dataset, region.number, slices.frame_of_reference).save_as(alone, enforce_file_format=True)
        mask = with_mirp.mask_of_contours(alone, image)
    if mask is None:
        raise RefusedError("the region is empty")
    return mask


def _only(dataset: Dataset, number: int, frame_of_reference: str) -> Dataset:
    """Give an RTSTRUCT with one of its regions: names may be there twice, and each is read as if it were alone.

    Raises:
        RefusedError: The region has no contours that enclose anything, or is in another frame of reference.
    """
    for item in dataset.StructureSetROISequence:
        if (
            item.ROINumber == number
            and item.get("ReferencedFrameOfReferenceUID", frame_of_reference) != frame_of_reference
        ):
            raise RefusedError("the region is in another frame of reference than the images")
    contours = [item for item in dataset.get("ROIContourSequence") or () if item.get("ReferencedROINumber") == number]
    planar = [
        contour
        for item in contours
        for contour in item.get("ContourSequence") or ()
        if contour.get("ContourGeometricType") in _PLANAR
    ]
    if not planar:
        raise RefusedError("the region has no closed planar contours")
    region, named, alone = Dataset(), Dataset(), Dataset()
    region.ReferencedROINumber, region.ContourSequence = number, planar
    named.ROINumber, named.ROIName = number, "region"
    for element in dataset:
        if element.keyword not in {"ROIContourSequence", "StructureSetROISequence"}:
            alone.add(element)
    alone.ROIContourSequence, alone.StructureSetROISequence = [region], [named]
    alone.file_meta = dataset.file_meta
    return alone


def _refuse_large_region(voxels: int, slices: Slices, asked: Mapping[str, Any]) -> None:
    """Refuse a region of which too many voxels are to be computed on.

    Raises:
        RefusedError: It is too large.
    """
    resampled = float(voxels)
    if asked["spacing"] is not None:
        depth = slices.spacing[0] if asked["by_slice"] else asked["spacing"]
        resampled *= slices.voxel_mm3 / (depth * asked["spacing"] ** 2)
    if max(voxels, resampled) > MOST_REGION_VOXELS:
        raise RefusedError(f"it has more than {MOST_REGION_VOXELS:,} voxels, as it is or resampled")


def _refuse_small(voxels: int, has: str) -> None:
    if voxels == 0:
        raise RefusedError("the region is empty" if has == "it has" else f"{has} no voxels")
    if voxels < FEWEST_VOXELS:
        raise RefusedError(f"{has} {voxels} voxels; needed: {FEWEST_VOXELS} or more")
