"""Where the slices of a stack lie: on a regular grid along the normal of their planes, or why not.

Positions are numbers in decimal as somebody wrote them: each may be off by half a unit of its last digit. A grid is
regular when there is one that all positions are that near to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from dicom_sieve.columns.planes import PERPENDICULAR, SHORTEST_DIRECTION
from dicom_sieve.errors import RefusedError

SAME_DISTANCE = 0.01
"""A position may be off the grid by this part of the distance between slices, however many digits it has."""
MOST_ROUNDED = 0.25
"""Largest part of a spacing by which rounding may change it; with a larger one a missing slice could be taken for
rounding."""
MOST_DRIFT = 0.5
"""Part of a pixel by which voxels may shift from the first slice to the last one."""
SAME_PLACE = "two slices are at the same place"

Vectors = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular stack.

    Attributes:
        order: Numbers of the slices, from the first place on the normal to the last.
        distance: From one slice to the next, in mm.
    """

    order: tuple[int, ...]
    distance: float


def find_grid(slices: Sequence[Dataset]) -> Grid:
    """Find the grid that slices lie on.

    Args:
        slices: Two or more of equal orientation and pixel spacing, in any order.

    Raises:
        RefusedError: There is no such grid: a slice is missing, is there twice or is displaced, or the stack is tilted.

    Source:
        DICOM PS3.3, section C.7.6.2.1.1 (position and orientation of an image plane).
    """
    normal = _normal(slices[0])
    positions = np.array([_numbers(instance, "ImagePositionPatient") for instance in slices])
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    usual = _usual_distance(along[order])
    halves = [_half_unit(slices, axis) for axis in range(3)]
    _refuse_uneven(along[order], float(np.abs(normal) @ halves), usual)
    step = _step(positions[order], halves, usual)
    lateral = step - (step @ normal) * normal
    drift = float(np.linalg.norm(lateral)) * (len(slices) - 1)
    if drift > MOST_DRIFT * min(_numbers(slices[0], "PixelSpacing")) + 2 * max(halves):
        angle = np.degrees(np.arctan2(np.linalg.norm(lateral), step @ normal))
        raise RefusedError(
            f"the slices do not stand over one another: the stack is tilted by {angle:.1f} degrees (gantry tilt?)"
        )
    return Grid(tuple(int(number) for number in order), float(step @ normal))


def unit_cosines(instance: Dataset) -> list[float]:
    """Give the directions of rows and of columns, each of length 1, whatever length it was written with.

    Raises:
        RefusedError: They are no directions, or not perpendicular to one another.
    """
    cosines = np.array(_numbers(instance, "ImageOrientationPatient")).reshape(2, 3)
    lengths = np.linalg.norm(cosines, axis=1)
    if not lengths.min() >= SHORTEST_DIRECTION:
        raise RefusedError("its ImageOrientationPatient gives no directions")
    row, column = cosines / lengths[:, np.newaxis]
    if abs(float(row @ column)) > PERPENDICULAR:
        raise RefusedError("its rows are not perpendicular to its columns")
    return [float(cosine) for cosine in (*row, *column)]


def _normal(instance: Dataset) -> Vectors:
    """Give the normal of a slice's plane, of length 1."""
    cosines = unit_cosines(instance)
    normal = np.cross(cosines[:3], cosines[3:])
    return np.asarray(normal / np.linalg.norm(normal))


def _usual_distance(along: Vectors) -> float:
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    if usual <= 0 or gaps.min() < usual / 10:
        raise RefusedError(SAME_PLACE)
    return usual


def _refuse_uneven(along: Vectors, half: float, usual: float) -> None:
    """Refuse slices that are not evenly spaced along the normal, and say where."""
    if _slopes(along, _tolerance(half, usual)) is not None:
        return
    gaps = np.diff(along)
    wide = int(np.argmax(np.abs(gaps - usual)))
    raise RefusedError(
        f"the slices are not evenly spaced: {gaps[wide]:.2f} mm between slices {wide + 1} and {wide + 2}, "
        f"{usual:.2f} mm between most; a slice may be missing"
    )


def _step(positions: Vectors, halves: Sequence[float], usual: float) -> Vectors:
    """Give the way from one slice to the next, in mm along each axis of the patient."""
    step = []
    for axis, half in enumerate(halves):
        slopes = _slopes(positions[:, axis], _tolerance(half, usual))
        if slopes is None:
            raise RefusedError("the slices do not stand over one another: some are displaced within their plane")
        step.append(sum(slopes) / 2)
    return np.array(step)


def _tolerance(half: float, usual: float) -> float:
    return max(min(half, MOST_ROUNDED * usual), SAME_DISTANCE * usual)


def _slopes(values: Vectors, tolerance: float) -> tuple[float, float] | None:
    """Give the least and the greatest slope of lines that pass all values within the tolerance; None without such.

    A line passes all exactly when its slope is one that passes each pair.
    """
    least, greatest = -np.inf, np.inf
    for apart in range(1, len(values)):
        rises = values[apart:] - values[:-apart]
        least = max(least, float(rises.max() - 2 * tolerance) / apart)
        greatest = min(greatest, float(rises.min() + 2 * tolerance) / apart)
        if least > greatest:
            return None
    return least, greatest


def _half_unit(slices: Sequence[Dataset], axis: int) -> float:
    """Give half a unit of the last digit that any slice has along an axis: zeros at the end are often left away."""
    digits = max(_decimals(instance.ImagePositionPatient[axis]) for instance in slices)
    return 0.5 * 10.0**-digits


def _decimals(value: object) -> int:
    written = getattr(value, "original_string", None) or str(value)
    return max(0, -int(Decimal(str(written).strip()).as_tuple().exponent))


def _numbers(instance: Dataset, name: str) -> list[float]:
    return [float(value) for value in instance[name].value]
