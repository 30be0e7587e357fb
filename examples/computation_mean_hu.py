"""A computation: the mean of a CT series in Hounsfield units.

To be computed by name, a `Kind` is listed in ``computations/registry.py``, or named by an entry point of a package.
"""

import json
from typing import TYPE_CHECKING

from dicom_sieve.computations.kind import Computes, Kind
from dicom_sieve.errors import RefusedError

if TYPE_CHECKING:
    from dicom_sieve.computations.computation import Series


class NotCtError(RefusedError):
    """Only CT is in Hounsfield units."""

    def __str__(self) -> str:
        return "not CT: its pixels are not in Hounsfield units"


def mean_hu(series: "Series") -> None:
    """Record the mean over all pixels of a series as ``mean.json``."""
    total, pixels = 0.0, 0
    for instance in series.open_instances():
        if instance.Modality != "CT":
            raise NotCtError
        total += float(instance.pixel_array.sum()) * float(instance.RescaleSlope)
        total += instance.pixel_array.size * float(instance.RescaleIntercept)
        pixels += instance.pixel_array.size
    series.record_output(json.dumps({"mean_hu": total / pixels}).encode(), name="mean.json")


def _load() -> Computes:
    return mean_hu


MEAN_HU = Kind(
    name="mean-hu",
    version="1.0",
    description="The mean of each whole CT series in Hounsfield units.",
    done="averaged",
    load=_load,
    packages=("numpy",),
)
