"""What is told of a region; it needs no package that computes."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Region:
    """What was computed of one region, or why nothing was.

    Attributes:
        label: Segment Label, or ROI Name; may be empty, and of several regions.
        number: Of the segment or ROI; tells regions apart.
        code: What it is, as ``SCT:39607008``; empty where nothing says it.
        voxels: Of the mask, before anything is resampled.
        volume_mm3: Of these voxels.
        intensity_unit: ``HU``, ``SUV``, or empty: that of the image.
        values: By column; None where a feature is not defined for the region. Empty where it is refused.
        refused: Why there are no values; empty where there are.
    """

    label: str
    number: int
    code: str
    voxels: int
    volume_mm3: float
    intensity_unit: str = ""
    values: Mapping[str, float | None] = field(default_factory=dict, repr=False)
    refused: str = ""
