"""Which way the planes of images face."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.facts import Flags, Floats, rounded
from dicom_sieve.columns.groups import GroupBlock
from dicom_sieve.criteria.measures import PLANE_TOLERANCE

SHORTEST_DIRECTION = 0.5
"""Least length of a vector of direction cosines, which should be 1; shorter ones are no directions."""
PERPENDICULAR = 1e-3
"""Largest cosine of the angle between rows and columns: scanners round cosines."""
ONE_ORIENTATION = 1.0
"""In degrees: the planes of a series face one way when each normal is this near to the mean normal, or nearer."""
TOLERANCE = float(PLANE_TOLERANCE)
"""In degrees: a plane is named for an axis when its normal is this near to it, or nearer."""
_GRAIN = 2.0**36
"""Normals are added up as whole multiples of its inverse: sums of up to 131,072 do not depend on their order."""


class Plane(IntEnum):
    """How a plane lies in the patient. But for the last one the number is that of the axis along its normal."""

    SAGITTAL = 0
    CORONAL = 1
    AXIAL = 2
    OBLIQUE = 3


def plane_of(axis: int, angle: float, tolerance: float = TOLERANCE) -> Plane:
    """Name a plane.

    Args:
        axis: The one nearest to its normal: 0 right to left (x), 1 front to back (y), 2 feet to head (z).
        angle: Between the two, in degrees.
        tolerance: Largest angle with which a plane is named for an axis, in degrees, itself included.

    Examples:
        >>> plane_of(2, 25.0).name, plane_of(2, 25.1).name
        ('AXIAL', 'OBLIQUE')
    """
    return Plane(axis) if angle <= tolerance else Plane.OBLIQUE


def normals_of(orientations: Floats) -> tuple[Floats, Flags]:
    """Give the normals of planes, and which of them have one.

    Args:
        orientations: (n, 6), direction cosines of rows and of columns.

    Returns:
        The cross products of row and column, (n, 3), of length 1. Zeros where there is none: a direction is shorter
        than `SHORTEST_DIRECTION` or not finite, or rows are not perpendicular to columns.

    Source:
        DICOM PS3.3, section C.7.6.2.1.1.
    """
    with np.errstate(all="ignore"):
        a, b, c, d, e, f = np.ascontiguousarray(orientations.T)
        rows, columns = np.sqrt(a * a + b * b + c * c), np.sqrt(d * d + e * e + f * f)
        crosses = np.stack([b * f - c * e, c * d - a * f, a * e - b * d])
        cosines = np.abs(a * d + b * e + c * f) / (rows * columns)
        is_plane = (np.minimum(rows, columns) >= SHORTEST_DIRECTION) & (cosines <= PERPENDICULAR)
        crosses /= np.sqrt((crosses * crosses).sum(axis=0))
    crosses[:, ~is_plane] = 0
    return crosses.T, is_plane


def mean_normals(normals: Floats, block: GroupBlock) -> tuple[Floats, Flags]:
    """Give the mean normal of each group, of length 1, and whether all its planes face that way."""
    sums = np.add.reduceat(np.rint(normals.T * _GRAIN), block.starts, axis=1)
    lengths = np.sqrt((sums * sums).sum(axis=0))
    means = sums / np.where(lengths > 0, lengths, 1)
    cosines = along(normals, means.T[block.members])
    return means.T, block.holds_for_all(cosines >= np.cos(np.radians(ONE_ORIENTATION)))


def along(vectors: Floats, directions: Floats) -> Floats:
    """Give how far each vector reaches along a direction."""
    products = vectors * directions
    return np.asarray(products[:, 0] + products[:, 1] + products[:, 2])


def nearest_axes(normals: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """Give the axis nearest to each normal, the first of equally near ones, and the angle between them in degrees."""
    squares = normals * normals
    others = np.sqrt(np.roll(squares, 1, axis=1) + np.roll(squares, 2, axis=1))
    angles = rounded(np.degrees(np.arctan2(others, np.abs(normals))))
    return angles.argmin(axis=1).astype(np.uint8), angles.min(axis=1)
