"""What is computed: pydicom in, numbers out."""

from collections.abc import Iterable, Sequence

import numpy as np
from pydicom import Dataset


class NoPixelsError(Exception):
    """A series without an image."""

    def __str__(self) -> str:
        return "it has no image"


def percentiles_of(instances: Iterable[Dataset], wanted: Sequence[int]) -> dict[str, float]:
    """Give percentiles of all pixels of a series, after Rescale Slope and Intercept (PS3.3 C.11.1).

    Args:
        instances: The images, one at a time.
        wanted: Which percentiles, from 0 to 100.

    Raises:
        NoPixelsError: None of the instances has pixels.
    """
    values = [
        instance.pixel_array.astype(np.float32) * float(instance.get("RescaleSlope", 1))
        + float(instance.get("RescaleIntercept", 0))
        for instance in instances
        if "PixelData" in instance
    ]
    if not values:
        raise NoPixelsError
    found = np.percentile(np.concatenate([each.ravel() for each in values]), wanted)
    return {f"p{each}": float(value) for each, value in zip(wanted, found, strict=True)}
