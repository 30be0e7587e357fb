"""An example of a computation on series that passed: lungs and body in CT. Not for clinical use.

It needs the extra ``dicom-sieve[segmentation]``.
"""

from dicom_sieve.computations.kind import Computes, Kind


def _load() -> Computes:
    from dicom_sieve.computations.segmentation.compute import segment_series  # noqa: PLC0415 - it needs the extra

    return segment_series


LUNG_SEGMENTATION = Kind(
    name="lung-segmentation",
    version="1.1",
    description="Lungs and body of each whole CT series, as DICOM SEG. An example, not for clinical use.",
    done="segmented",
    load=_load,
    extra="segmentation",
    packages=("highdicom", "imagecodecs", "scipy"),
)
