"""What a mask says of its regions, whatever kind of object it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import RTStructureSetStorage, SegmentationStorage

from dicom_sieve.computations.radiomics.slices import Slices
from dicom_sieve.errors import RefusedError

Voxels = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Named:
    """A region as a mask names it.

    Attributes:
        number: Of the segment or ROI: tells regions of one label apart.
        label: Segment Label, or ROI Name.
        code: What it is, as ``SCT:39607008``; empty where nothing says it.
    """

    number: int
    label: str
    code: str


def read_mask(file: Path) -> Dataset:
    """Read a mask.

    Raises:
        RefusedError: It is neither DICOM SEG nor RTSTRUCT.
    """
    try:
        mask = pydicom.dcmread(file)
    except InvalidDicomError:
        raise RefusedError("the mask is not DICOM") from None
    if mask.get("SOPClassUID") not in {SegmentationStorage, RTStructureSetStorage}:
        raise RefusedError("the mask is neither a DICOM SEG nor an RTSTRUCT")
    return mask


def is_segmentation(mask: Dataset) -> bool:
    """Tell a SEG from an RTSTRUCT."""
    return bool(mask.SOPClassUID == SegmentationStorage)


def refers_to(mask: Dataset) -> set[str]:
    """Give the Series Instance UIDs of the series that a SEG or an RTSTRUCT refers to.

    Source:
        DICOM PS3.3, sections C.12.1 (Referenced Series Sequence) and C.8.8.5 (Structure Set).
    """
    series = [*_items(mask, "ReferencedSeriesSequence")]
    for frame in _items(mask, "ReferencedFrameOfReferenceSequence"):
        for study in _items(frame, "RTReferencedStudySequence"):
            series += _items(study, "RTReferencedSeriesSequence")
    return {str(item.SeriesInstanceUID) for item in series if item.get("SeriesInstanceUID")}


def name_regions(mask: Dataset) -> list[Named]:
    """Name the regions of a SEG or an RTSTRUCT in the order of its items."""
    if is_segmentation(mask):
        return [
            Named(
                int(item.SegmentNumber),
                str(item.get("SegmentLabel") or ""),
                _code(item, "SegmentedPropertyTypeCodeSequence"),
            )
            for item in _items(mask, "SegmentSequence")
        ]
    observed = {item.get("ReferencedROINumber"): item for item in _items(mask, "RTROIObservationsSequence")}
    return [
        Named(
            int(item.ROINumber),
            str(item.get("ROIName") or ""),
            _code(observed.get(item.ROINumber), "RTROIIdentificationCodeSequence"),
        )
        for item in _items(mask, "StructureSetROISequence")
    ]


def refuse_other(mask: Dataset, slices: Slices) -> None:
    """Refuse a mask of another series, or in another frame of reference.

    Raises:
        RefusedError: It is.
    """
    referred = refers_to(mask)
    if referred and slices.series_uid not in referred:
        raise RefusedError("the mask refers to another series")
    frames = {str(mask.get("FrameOfReferenceUID") or "")}
    frames |= {
        str(item.get("FrameOfReferenceUID") or "") for item in _items(mask, "ReferencedFrameOfReferenceSequence")
    }
    frames |= {str(item.get("ReferencedFrameOfReferenceUID") or "") for item in _items(mask, "StructureSetROISequence")}
    if frames - {""} and slices.frame_of_reference not in frames:
        raise RefusedError("the mask is in another frame of reference than the images")


def choose(regions: Sequence[Named], labels: Sequence[str]) -> list[Named]:
    """Give the regions of these labels; without labels, all.

    Raises:
        RefusedError: There is none, or none of a label.
    """
    if not regions:
        raise RefusedError("the mask has no regions")
    there = {region.label for region in regions}
    if missing := sum(label not in there for label in labels):
        raise RefusedError(f"the mask has no region of {missing} of the {len(labels)} labels that are asked for")
    return [region for region in regions if not labels or region.label in labels]


def _items(dataset: Dataset | None, sequence: str) -> Iterator[Dataset]:
    yield from (dataset.get(sequence) if dataset is not None else None) or ()


def _code(item: Dataset | None, sequence: str) -> str:
    """Give the first code of a sequence with its scheme (PS3.3 8.8)."""
    for code in _items(item, sequence):
        value = code.get("CodeValue") or code.get("LongCodeValue") or ""
        return f"{code.get('CodingSchemeDesignator') or ''}:{value}" if value else ""
    return ""
