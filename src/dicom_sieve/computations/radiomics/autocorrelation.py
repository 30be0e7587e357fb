"""Moran's I and Geary's C of all pairs of voxels.

MIRP draws pairs at random in regions of 1,000 voxels or more, and is then off the published values by a third; all
pairs one by one take minutes. A sum over all pairs is a sum over all distances, which the Fourier transform gives.

Source:
    Image Biomarker Standardisation Initiative, reference manual, N365 and NPT7.
"""

import numpy as np
import numpy.typing as npt
from scipy import fft

MOST_VOXELS = 8_000_000
"""Of the smallest box around a region; each takes some 200 bytes. In larger ones, there are no such values."""
MORANS_I, GEARYS_C = "morans_i_index_N365", "gearys_c_measure_NPT7"

Floats = npt.NDArray[np.float64]


def spatial_autocorrelation(
    intensities: npt.NDArray[np.generic], inside: npt.NDArray[np.bool_], spacing: tuple[float, float, float]
) -> dict[str, float | None]:
    """Compute both, with pairs weighted by the inverse of their distance in mm.

    Args:
        intensities: Shape (slices, rows, columns).
        inside: The voxels of the intensity mask.
        spacing: Of slices, rows and columns, in mm.

    Returns:
        By column; None for a region of one voxel or of one intensity, and for one that is too large.
    """
    box = tuple(slice(found.min(), found.max() + 1) for found in np.nonzero(inside))
    mask = inside[box].astype(np.float64)
    number = int(mask.sum())
    if number < 2 or mask.size > MOST_VOXELS:
        return {MORANS_I: None, GEARYS_C: None}
    values = np.where(inside[box], intensities[box].astype(np.float64), 0.0)
    values -= mask * (values.sum() / number)
    squares = float((values**2).sum())
    if squares == 0:
        return {MORANS_I: None, GEARYS_C: None}
    inverse = _inverse_distances(mask.shape, spacing)
    weights = _sum_over_pairs(mask, mask, inverse)
    products = _sum_over_pairs(values, values, inverse)
    differences = 2 * (_sum_over_pairs(values**2, mask, inverse) - products)
    return {
        MORANS_I: number / weights * products / squares,
        GEARYS_C: (number - 1) / (2 * weights) * differences / squares,
    }


def _inverse_distances(shape: tuple[int, ...], spacing: tuple[float, float, float]) -> Floats:
    """Give one through the distance at each offset, negative ones behind, as transforms have them; zero at none."""
    squared = np.zeros((1, 1, 1))
    for axis, (length, step) in enumerate(zip(shape, spacing, strict=True)):
        padded = fft.next_fast_len(2 * length - 1, real=True)
        offsets = fft.fftfreq(padded, 1 / padded) * step
        squared = squared + np.expand_dims(offsets**2, tuple(other for other in range(3) if other != axis))
    squared[0, 0, 0] = np.inf
    return np.asarray(1 / np.sqrt(squared))


def _sum_over_pairs(first: Floats, other: Floats, weights: Floats) -> float:
    """Sum the products of all pairs, each weighted by its offset."""
    spectrum = fft.rfftn(first, weights.shape).conj()
    spectrum *= fft.rfftn(other, weights.shape)
    return float((fft.irfftn(spectrum, weights.shape) * weights).sum())
