"""The digital phantom of the IBSI as a CT series with a DICOM SEG.

Source:
    Image Biomarker Standardisation Initiative, reference manual, chapter "Reference data sets", section "Digital
    phantom" (design: A. Zwanenburg; CC BY 4.0).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pydicom
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom.sr.coding import Code

from tests.computations.segmentation.phantom import Phantom

INTENSITIES = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [1, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 1, 1, 1], [1, 1, 9, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)
"""Shape (z, y, x)."""
OUTSIDE = ((1, 2, 0), (2, 0, 3), (2, 0, 4), (2, 2, 2), (3, 0, 3), (3, 0, 4))
"""Voxels that are not in the region: z, y, x."""
PARAMETERS: dict[str, Any] = {
    "spacing": None,
    "lowest": None,
    "highest": None,
    "discretisation": "NONE",
    "volume_discretisation": "NONE",
    "aggregations": [
        "2D, averaged",
        "2D, slice-merged",
        "2.5D, direction-merged",
        "2.5D, merged",
        "3D, averaged",
        "3D, merged",
        "2D",
        "2.5D",
        "3D",
    ],
}
"""As the manual asks for: nothing is prepared."""
TUMOUR = Code("108369006", "SCT", "Neoplasm")
Mask = npt.NDArray[np.bool_]


def region() -> Mask:
    """Give the region, shape (z, y, x)."""
    inside = np.ones(INTENSITIES.shape, dtype=bool)
    for place in OUTSIDE:
        inside[place] = False
    return inside


@dataclass(frozen=True)
class Series(Phantom):
    """Any intensities as a CT series."""

    intensities: npt.NDArray[np.int_] = field(default_factory=lambda: INTENSITIES)
    spacing: tuple[float, float, float] = (2.0, 2.0, 2.0)

    def hounsfield(self) -> npt.NDArray[np.int16]:
        """Give the volume."""
        return self.intensities.astype(np.int16)

    @property
    def slices(self) -> list[pydicom.Dataset]:
        """Give the slices."""
        return list(self.instances())


def series(intensities: npt.NDArray[np.int_] = INTENSITIES, **attributes: Any) -> list[pydicom.Dataset]:
    """Give the slices of a series of these intensities."""
    return Series(shape=(len(intensities), *intensities.shape[1:]), intensities=intensities, **attributes).slices


def save(datasets: Sequence[pydicom.Dataset], folder: Path) -> list[Path]:
    """Write datasets into a new folder; their names tell nothing of their order."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{(number * 7) % 101:03}.dcm" for number in range(len(datasets))]
    for dataset, file in zip(datasets, files, strict=True):
        dataset.save_as(file, enforce_file_format=True)
    return files


def make_seg(
    slices: Sequence[pydicom.Dataset],
    masks: Sequence[npt.NDArray[Any]],
    *labels: str,
    kind: SegmentationTypeValues = SegmentationTypeValues.BINARY,
    **options: Any,
) -> Segmentation:
    """Segment slices; masks may overlap.

    Args:
        slices: The images, in the order of the masks.
        masks: One a segment, shape (slices, rows, columns).
        labels: Of the segments.
        kind: Binary or fractional.
        options: Of highdicom.
    """
    names = labels or ("Tumour",)
    return Segmentation(
        source_images=list(slices),
        pixel_array=np.stack(list(masks), axis=-1),
        segmentation_type=kind,
        segment_descriptions=[
            SegmentDescription(
                number,
                label,
                Code("49755003", "SCT", "Morphologically abnormal structure"),
                TUMOUR,
                SegmentAlgorithmTypeValues.MANUAL,
            )
            for number, label in enumerate(names, 1)
        ],
        series_instance_uid=hd.UID(),
        series_number=2,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
        **options,
    )
