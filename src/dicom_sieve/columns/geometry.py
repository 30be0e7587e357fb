"""The geometry of series: slices, spacing, tilt, plane; `docs/geometry.md` says what each of them means.

Source: DICOM PS3.3, section C.7.6.2.1.1 (position and orientation of an image plane).
"""

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.facts import UNIT, Fact, Flags, Floats, fact_of, join_arrays, join_facts, states_of
from dicom_sieve.columns.groups import GroupBlock, blocks_of_groups
from dicom_sieve.columns.planes import TOLERANCE, Plane, mean_normals, nearest_axes
from dicom_sieve.columns.stacks import LARGEST_COORDINATE, measure_stacks


class ImageState(IntEnum):
    """What is known of where an image lies."""

    GIVEN = 0
    ABSENT = 1
    """The object has no position or no orientation, or it is empty."""
    UNKNOWN = 2
    """It is malformed or not kept, the image is a mosaic, or the object could not be judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Images, in any order: a row each.

    Attributes:
        series: Number of the image's series, int64.
        positions: (n, 3): Image Position (Patient) (0020,0032), in mm.
        normals: (n, 3): of their planes, of length 1; see `normals_of`.
        are_planes: Whether there is one.
        digits: Digits written behind the point in the position: the most of the three.
        states: An `ImageState` each. What is not GIVEN has any position and normal.
        volumes: Number of what tells volumes of one series apart: time, echo, b-value, acquisition.
    """

    series: NDArray[np.int64]
    positions: Floats
    normals: Floats
    are_planes: Flags
    digits: NDArray[np.int8]
    states: NDArray[np.uint8]
    volumes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PlaneFact:
    """How the planes of each of many series lie.

    Attributes:
        axes: The axis nearest to the mean normal: 0 x, 1 y, 2 z; 0 where it is not known.
        angles: Between the two, in degrees, 0 to 54.8; NaN where it is not known.
        states: A `FactState` each.
    """

    axes: NDArray[np.uint8]
    angles: Floats
    states: NDArray[np.uint8]

    def names(self, tolerance: float = TOLERANCE) -> NDArray[np.uint8]:
        """Give a `Plane` each, as `plane_of` does; those that are not known are OBLIQUE."""
        return np.where(self.angles <= tolerance, self.axes, Plane.OBLIQUE).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """What is known of each series. Lengths and angles are rounded to 1e-6.

    Attributes:
        series: Their numbers, ascending.
        slices: Distinct positions along the mean normal.
        volumes: Images for each position; undecided where not all have the same number.
        duplicates: Images beyond the first of the same position and volume.
        spacing: Median distance of neighbouring positions along the mean normal, in mm; absent with one position.
        spacing_variation: Largest deviation of a distance from it, in mm; less than half a unit of the last digit
            written is 0; absent with one position.
        tilt: Angle between the way from the first position to the last and the normal, in degrees, 0 to 90; absent
            with one position.
        plane: The axis nearest to the mean normal.
    """

    series: NDArray[np.int64]
    slices: Fact
    volumes: Fact
    duplicates: Fact
    spacing: Fact
    spacing_variation: Fact
    tilt: Fact
    plane: PlaneFact


def geometry_of(images: Images) -> Geometry:
    """Measure all series.

    A series of which no image has a position and orientation has no geometry (ABSENT). It is UNDECIDED where some have
    and some have not, where one is not known, or where the images do not all face one way.
    """
    parts = [_measure(images, block) for block in blocks_of_groups(images.series)]
    planes = [part.plane for part in parts]
    facts = [field.name for field in fields(Geometry) if field.name not in {"series", "plane"}]
    return Geometry(
        series=join_arrays([part.series for part in parts], np.int64),
        plane=PlaneFact(
            join_arrays([plane.axes for plane in planes], np.uint8),
            join_arrays([plane.angles for plane in planes], np.float64),
            join_arrays([plane.states for plane in planes], np.uint8),
        ),
        **{name: join_facts([getattr(part, name) for part in parts]) for name in facts},
    )


def _measure(images: Images, block: GroupBlock) -> Geometry:
    states, positions = block.take(images.states), block.take(images.positions)
    normals, is_plane = block.take(images.normals), block.take(images.are_planes)
    x, y, z = (np.abs(positions) <= LARGEST_COORDINATE).T
    is_placed = x & y & z
    is_usable = is_placed & is_plane & (states == ImageState.GIVEN)
    means, is_parallel = mean_normals(normals, block)
    is_absent = block.holds_for_all(states == ImageState.ABSENT)
    is_decided = block.holds_for_all(is_usable) & is_parallel
    stacks = measure_stacks(np.where(is_placed[:, np.newaxis], positions, 0), block.take(images.volumes), means, block)
    axes, angles = nearest_axes(means)
    plane = fact_of(angles, states_of(is_absent, is_decided))
    is_single = is_absent | (is_decided & (stacks.slices == 1))

    def of_all(values: NDArray[np.intp]) -> Fact:
        return fact_of(values.astype(np.float64), plane.states)

    def of_several(values: Floats) -> Fact:
        return fact_of(values, states_of(is_single, is_decided))

    digits = np.maximum.reduceat(block.take(images.digits), block.starts)
    return Geometry(
        series=block.groups,
        slices=of_all(stacks.slices),
        volumes=fact_of(stacks.volumes.astype(np.float64), states_of(is_absent, is_decided & (stacks.volumes > 0))),
        duplicates=of_all(stacks.duplicates),
        spacing=of_several(stacks.spacing),
        spacing_variation=of_several(_without_rounding(stacks.variation, digits)),
        tilt=of_several(stacks.tilt),
        plane=PlaneFact(np.where(is_decided, axes, 0).astype(np.uint8), plane.values, plane.states),
    )


def _without_rounding(variation: Floats, digits: NDArray[np.int8]) -> Floats:
    """Leave out a variation of less than half a unit of the last digit written. Both are compared in multiples of UNIT.

    A variation is rounded before, so that half a unit is not taken for less by an error of floating point.
    """
    halves = 0.5 * 10.0 ** np.maximum(6.0 - digits, 0)
    return np.where(np.rint(variation / UNIT) < halves, 0, variation)
