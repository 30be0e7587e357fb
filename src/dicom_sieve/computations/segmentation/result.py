"""What a segmentation leaves behind: a DICOM SEG, volumes, and a picture."""

import io

import numpy as np
from highdicom import AlgorithmIdentificationSequence, PlaneOrientationSequence
from highdicom.color import CIELabColor
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from PIL import Image
from pydicom.sr.coding import Code

from dicom_sieve.computations.segmentation.geometry import unit_cosines
from dicom_sieve.computations.segmentation.lungs import Mask, Segments
from dicom_sieve.computations.segmentation.source import as_source
from dicom_sieve.computations.segmentation.volume import Volume
from dicom_sieve.version import __version__

NAME = "dicom-sieve example: lungs and body by thresholds"
SERIES_NUMBER = 9001
_STRUCTURE = Code("123037004", "SCT", "Anatomical Structure")
_SEGMENTS = (
    ("Body", Code("38266002", "SCT", "Entire body"), (75.0, 20.0, 35.0)),
    ("Lungs", Code("39607008", "SCT", "Lung"), (65.0, 50.0, 40.0)),
)
"""Label, code, and the colour that viewers are recommended to draw it in (L*, a*, b*)."""
_MORPHOLOGICAL = Code("123104", "DCM", "Morphological Operations")  # PS3.16, CID 7162
WINDOW = (-1350, 150)
"""Hounsfield units that the picture shows from black to white: the usual window of lungs."""
TINT = np.array([255, 90, 60], dtype=np.float64)
WIDEST = 1024


def volumes_ml(volume: Volume, segments: Segments) -> dict[str, float]:
    """Give the volume of each segment, in millilitres."""
    return {
        "body_ml": round(float(segments.body.sum()) * volume.voxel_ml, 3),
        "lungs_ml": round(float(segments.lungs.sum()) * volume.voxel_ml, 3),
    }


def make_seg(volume: Volume, segments: Segments, *, series_instance_uid: str, sop_instance_uid: str) -> Segmentation:
    """Make a DICOM SEG (PS3.3 A.51) that refers to each slice it was made of.

    Args:
        volume: What was segmented.
        segments: What was found.
        series_instance_uid: Of the new series.
        sop_instance_uid: Of the new instance.
    """
    depth = volume.spacing[0]
    algorithm = AlgorithmIdentificationSequence(name=NAME, version=__version__, family=_MORPHOLOGICAL)
    return Segmentation(
        source_images=[as_source(instance, depth) for instance in volume.slices],
        pixel_array=np.stack([segments.body, segments.lungs], axis=-1).astype(np.uint8),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            SegmentDescription(
                segment_number=number,
                segment_label=label,
                segmented_property_category=_STRUCTURE,
                segmented_property_type=code,
                algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
                algorithm_identification=algorithm,
                display_color=CIELabColor(*colour),
            )
            for number, (label, code, colour) in enumerate(_SEGMENTS, 1)
        ],
        plane_orientation=PlaneOrientationSequence("PATIENT", unit_cosines(volume.slices[0])),
        series_instance_uid=series_instance_uid,
        series_number=SERIES_NUMBER,
        sop_instance_uid=sop_instance_uid,
        instance_number=1,
        manufacturer="dicom-sieve",
        manufacturer_model_name="example segmentation, not for clinical use",
        software_versions=__version__,
        device_serial_number="0",
        series_description="Lungs and body, automatic, not for clinical use",
        content_label="LUNGS_BODY",
        omit_empty_frames=True,
    )


def draw_preview(volume: Volume, segments: Segments) -> bytes:
    """Draw the slice with most lung in it, the lungs tinted; gives a PNG."""
    number = int(segments.lungs.sum(axis=(1, 2)).argmax())
    low, high = WINDOW
    grey = np.clip((volume.hounsfield[number].astype(np.float64) - low) / (high - low), 0, 1) * 255
    picture = np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    edge = segments.lungs[number] & ~_shrunk(segments.lungs[number])
    picture[segments.lungs[number]] = 0.7 * picture[segments.lungs[number]] + 0.3 * TINT
    picture[edge] = TINT
    _, row, column = volume.spacing
    image = Image.fromarray(picture.astype(np.uint8), mode="RGB")
    height, width = round(image.height * row / min(row, column)), round(image.width * column / min(row, column))
    scale = min(1.0, WIDEST / max(height, width))
    stream = io.BytesIO()
    image.resize((max(1, round(width * scale)), max(1, round(height * scale)))).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _shrunk(mask: Mask) -> Mask:
    """Take the outermost voxels off."""
    inner = np.pad(mask, 1)
    return np.asarray(inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:] & mask)
