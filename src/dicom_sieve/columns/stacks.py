"""Where the images of groups lie along their common normal. All groups of a block are measured at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.facts import UNIT, Floats, rounded
from dicom_sieve.columns.groups import GroupBlock, sort_within
from dicom_sieve.columns.planes import along

SAME_POSITION = 0.01
"""In mm: of positions in order, neighbours less than this apart are one."""
LARGEST_COORDINATE = 1e6
"""In mm. A position further off is taken for none: a kilometre is no place in a patient."""
_TICK = 1e-9
"""In mm. Positions along the normal are whole multiples of it, so that sums and differences of them are exact."""
_TICKS_IN_UNIT = round(UNIT / _TICK)


@dataclass(frozen=True, slots=True, eq=False)
class Stacks:
    """What is measured of each group; numbers of length and angle are rounded.

    Attributes:
        slices: Distinct positions along the normal.
        volumes: Images for each of them; 0 where not all have the same number.
        duplicates: Images beyond the first of the same position and volume.
        spacing: Median distance of neighbouring positions, in mm; anything where there is one position.
        variation: Largest deviation of a distance from it, in mm, whatever the digits written; likewise.
        tilt: Angle between the way from the first position to the last and the normal, in degrees; likewise.
    """

    slices: NDArray[np.intp]
    volumes: NDArray[np.intp]
    duplicates: NDArray[np.intp]
    spacing: Floats
    variation: Floats
    tilt: Floats


def measure_stacks(positions: Floats, volumes: NDArray[np.int64], normals: Floats, block: GroupBlock) -> Stacks:
    """Measure groups of parallel images.

    Args:
        positions: Of the block's rows, (n, 3), in mm, finite.
        volumes: Of the block's rows.
        normals: Of the block's groups, (g, 3), of length 1.
        block: The groups.
    """
    ticks = np.rint(along(positions, normals[block.members]) * (1 / _TICK))
    order = block.sort(ticks)
    ticks = ticks[order]
    is_first = np.ones(len(ticks), np.bool_)
    is_first[1:] = np.rint(np.diff(ticks) / _TICKS_IN_UNIT) >= round(SAME_POSITION / UNIT)
    is_first[block.starts] = True
    starts = np.flatnonzero(is_first)
    images = np.diff(starts, append=len(ticks))
    groups = block.members[starts]
    slices = np.bincount(groups, minlength=len(block.groups))
    first = np.cumsum(slices) - slices
    middles = ticks[starts] + ticks[starts + images - 1]  # in halves of a tick
    spacing, variation = _distances(middles, groups, slices)
    ends = np.concatenate([first, first + slices - 1])
    first_centres, last_centres = np.split(_centres(positions, order, starts[ends], images[ends]), 2)
    is_even = np.minimum.reduceat(images, first) == np.maximum.reduceat(images, first)
    return Stacks(
        slices,
        np.where(is_even, images[first], 0),
        block.sizes - _count_distinct(is_first, volumes[order], block, slices),
        spacing,
        variation,
        _angles(last_centres - first_centres, normals),
    )


def _centres(positions: Floats, order: NDArray[np.intp], starts: NDArray[np.intp], images: NDArray[np.intp]) -> Floats:
    """Give the mean position of slices, each of some images that follow each other in an order."""
    begins = np.cumsum(images) - images
    rows = np.arange(int(images.sum())) + np.repeat(starts - begins, images)
    return np.add.reduceat(positions[order[rows]], begins, axis=0) / images[:, np.newaxis]


def _distances(middles: Floats, groups: NDArray[np.uint16], slices: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Give the median distance of neighbours of each group, and the largest deviation from it."""
    is_neighbour = groups[1:] == groups[:-1]
    if not is_neighbour.any():
        return np.zeros(len(slices)), np.zeros(len(slices))
    gaps = np.diff(middles)[is_neighbour]
    gaps = gaps[sort_within(groups[1:][is_neighbour], gaps)]
    counts = np.maximum(slices - 1, 1)  # of a group without a distance, anything is read
    starts = np.minimum(np.cumsum(slices - 1) - (slices - 1), len(gaps) - 1)
    medians = gaps[starts + (counts - 1) // 2] + gaps[starts + counts // 2]  # in quarters of a tick
    deviations = np.maximum(2 * gaps[starts + counts - 1] - medians, medians - 2 * gaps[starts])
    return _in_mm(medians), _in_mm(deviations)


def _in_mm(quarters: Floats) -> Floats:
    """Round a length in quarters of a tick, which is exact."""
    return np.asarray(np.rint(quarters / (4 * _TICKS_IN_UNIT)) / (1 / UNIT))


def _count_distinct(
    is_first: NDArray[np.bool_], volumes: NDArray[np.int64], block: GroupBlock, slices: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Count the different pairs of position and volume of each group, whose rows are in order of their positions."""
    rows = np.flatnonzero((block.sizes > slices)[block.members])
    if not len(rows):
        return slices
    places, its_volumes, members = np.cumsum(is_first)[rows], volumes[rows], block.members[rows]
    order = np.lexsort((its_volumes, places))
    places, its_volumes = places[order], its_volumes[order]
    is_new = np.ones(len(rows), np.bool_)
    is_new[1:] = (places[1:] != places[:-1]) | (its_volumes[1:] != its_volumes[:-1])
    pairs = np.bincount(members[is_new], minlength=len(slices))  # places ascend with groups: members are in order
    return np.where(block.sizes > slices, pairs, slices)


def _angles(ways: Floats, normals: Floats) -> Floats:
    """Give the angles between ways and normals in degrees: exact also near 0, where a cosine is not."""
    x, y, z = ways.T
    a, b, c = normals.T
    across = np.sqrt((y * c - z * b) ** 2 + (z * a - x * c) ** 2 + (x * b - y * a) ** 2)
    return rounded(np.degrees(np.arctan2(across, along(ways, normals))))
