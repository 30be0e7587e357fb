"""All facts of very many series in one pass over their objects, in memory that follows the number of series.

`dicom_sieve.columns.measure` measures what criteria ask for, with members that are counted or not. Facts are of all
members, so nothing is judged; a test holds both to each other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.facts import Fact, FactState, Flags, Floats
from dicom_sieve.columns.geometry import Images, ImageState, geometry_of
from dicom_sieve.columns.instance_numbers import missing
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.measure import FRAMES, INSTANCE_NUMBER
from dicom_sieve.columns.measure_geometry import LENGTHS, OF_GEOMETRY
from dicom_sieve.columns.pass_objects import ReadObjects
from dicom_sieve.columns.placed_frames import Groups, PlacedFrames, Spread, parts_of, read_frames
from dicom_sieve.criteria.measures import Measure

ABSENT, UNKNOWN = -(2**62), -(2**62) + 1
"""In the place of a number: there is nothing to measure; or it cannot be told."""
MOST_WAITING = 1 << 18
"""Images that are kept before those of complete series are measured."""
_MILLION = 1_000_000
GivesGroups = Callable[[NDArray[np.intp]], Sequence[Groups]]
MEASURED = (Measure.INSTANCES, Measure.FRAMES, Measure.MISSING, *OF_GEOMETRY, Measure.PLANE)
"""What a pass measures; a `Plane` is its number."""


@dataclass(frozen=True, slots=True, eq=False)
class PassHeaders:
    """The headers whose objects are measured: a row each.

    Attributes:
        series: Place of the series of each.
        instances: Of each.
        are_unknown: Whether it cannot be known where an object with it lies: it is a mosaic, or was read in part.
        are_enhanced: Whether it has functional groups: frames are images.
        volumes: What of it tells volumes of one series apart, as a number.
        ends: By key of `FRAMES` and `INSTANCE_NUMBER`, whether an object that seems to have none may have one all the
            same; empty where all were read whole.
        repeats: Likewise, whether the object has several.
    """

    series: NDArray[np.int64]
    instances: Numbers
    are_unknown: Flags
    are_enhanced: Flags
    volumes: NDArray[np.uint64]
    ends: Mapping[str, Flags] = field(default_factory=dict)
    repeats: Mapping[str, Flags] = field(default_factory=dict)


class SeriesPass:
    """Takes in the objects of series, some at a time, and gives the facts of all series.

    Args:
        headers: Of the objects that are judged.
        is_broken: Of each series, whether an object of it could not be judged.
        groups_of: Gives the functional groups of headers by their places, which it may be given several times.
    """

    def __init__(self, headers: PassHeaders, is_broken: Flags, groups_of: GivesGroups) -> None:
        count = len(is_broken)
        self._headers, self._is_broken, self._groups_of = headers, is_broken, groups_of
        self._instances = np.bincount(headers.series, headers.instances, count).astype(np.int64)
        self._left = self._instances.copy()
        self._frames, self._frames_unknown = self._instances.copy(), np.zeros(count, np.bool_)
        self._numbers_unknown = is_broken.copy()
        self._whole = {measure: np.full(count, ABSENT, np.int64) for measure in MEASURED}
        self._waiting: list[tuple[NDArray[Any], ...]] = []
        self._count, self._least = 0, MOST_WAITING
        self._planes: list[tuple[Floats, Flags]] = []
        self._plane_count = 0

    def add(self, places: NDArray[np.intp], objects: ReadObjects) -> None:
        """Take objects in, of each the place of its header."""
        are_enhanced = self._headers.are_enhanced[places]
        if not are_enhanced.any():
            self._add(places, objects)
            return
        for part in parts_of(np.where(are_enhanced, objects.frames, 1)):
            self._add(places[part], objects.take(part))

    def _add(self, places: NDArray[np.intp], objects: ReadObjects) -> None:
        series = self._headers.series[places]
        np.subtract.at(self._left, series, 1)
        frames, are_read = self._add_frames(series, places, objects)
        are_given = self._add_numbers(series, places, objects)
        are_enhanced = self._headers.are_enhanced[places]
        is_known = ((frames == 1) | are_enhanced) & are_read & ~self._headers.are_unknown[places]
        waiting: tuple[NDArray[Any], ...] = (
            series,
            objects.of_normals.astype(np.int64) + self._plane_count,
            objects.positions,
            objects.digits,
            objects.states if is_known.all() else np.where(is_known, objects.states, ImageState.UNKNOWN),
            (self._headers.volumes[places] + objects.volumes).view(np.int64),
            objects.numbers,
            are_given,
        )
        self._add_planes(objects.normals, objects.are_planes)
        enhanced = np.flatnonzero(are_enhanced & is_known)
        if len(enhanced):
            waiting = self._spread_out(
                waiting, enhanced, read_frames(self._groups_of(places[enhanced]), frames[enhanced])
            )
        self._waiting.append(waiting)
        self._count += len(waiting[0])
        if self._count >= self._least:
            self._measure_complete()
            self._least = self._count + MOST_WAITING

    def _add_planes(self, normals: Floats, are_planes: Flags) -> None:
        self._planes.append((normals, are_planes))
        self._plane_count += len(normals)

    def _spread_out(
        self, waiting: Sequence[NDArray[Any]], enhanced: NDArray[np.intp], frames: PlacedFrames
    ) -> tuple[NDArray[Any], ...]:
        """Give rows of images, with the frames of some objects in the place of each."""
        series, of_normals, positions, digits, states, volumes, *rest = waiting
        spread, planes = Spread(len(series), enhanced, frames), self._plane_count
        self._add_planes(frames.normals, frames.are_planes)
        return (
            spread.of(series),
            spread.of(of_normals, frames.of_normals + planes),
            spread.positions(positions),
            spread.digits(digits),
            spread.states(states),
            spread.volumes(volumes),
            *map(spread.of, rest),  # the number of an object is that of each of its frames: it counts once
        )

    def finish(self) -> dict[Measure, Numbers]:
        """Give, of each series, every measure of `MEASURED`; see `ABSENT` and `UNKNOWN`."""
        if self._waiting:
            self._measure(*(np.concatenate(parts) for parts in zip(*self._waiting, strict=True)))
        self._waiting = []
        has_any = self._instances > 0
        self._whole[Measure.INSTANCES][has_any] = self._instances[has_any]
        self._whole[Measure.FRAMES] = np.where(self._frames_unknown, UNKNOWN, np.where(has_any, self._frames, ABSENT))
        self._whole[Measure.MISSING][self._numbers_unknown] = UNKNOWN
        for measure in (*OF_GEOMETRY, Measure.PLANE):
            self._whole[measure][has_any & self._is_broken] = UNKNOWN
        return self._whole

    def _add_frames(self, series: Numbers, places: NDArray[np.intp], objects: ReadObjects) -> tuple[Numbers, Flags]:
        """Count frames; gives how many each object has, and whether that could be read."""
        frames, is_read = objects.frames, objects.are_frames_read & ~self._unreached(FRAMES, places, objects)
        unusual = np.flatnonzero((frames != 1) | ~is_read)
        if len(unusual):
            np.add.at(self._frames, series[unusual], frames[unusual] - 1)
            self._frames_unknown[series[unusual[~is_read[unusual]]]] = True
        return frames, is_read

    def _add_numbers(self, series: Numbers, places: NDArray[np.intp], objects: ReadObjects) -> Flags:
        """Tell which objects have an instance number."""
        is_unreached = self._unreached(INSTANCE_NUMBER, places, objects)
        is_given = objects.are_numbers_given & ~is_unreached
        self._numbers_unknown[series[~is_given & ~(objects.are_numbers_absent & ~is_unreached)]] = True
        return is_given

    def _unreached(self, key: str, places: NDArray[np.intp], objects: ReadObjects) -> Flags:
        """Tell which objects may have an attribute where reading did not come, or have it several times."""
        if not self._headers.ends:
            return np.zeros(len(places), np.bool_)
        flags: Flags = self._headers.ends[key][places] & objects.has_none[key]
        return flags | self._headers.repeats[key][places]

    def _measure_complete(self) -> None:
        """Measure the series of which all objects have come."""
        arrays = tuple(np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
        complete, others = _divide(self._left[arrays[0]] == 0)
        self._measure(*(array[complete] for array in arrays))
        series, of_normals, *rest = (array[others].copy() for array in arrays)
        self._waiting, self._count = [(series, self._keep_planes(of_normals), *rest)], len(series)

    def _keep_planes(self, of_normals: Numbers) -> Numbers:
        """Forget the planes that no image has which waits; gives the new place of that of each."""
        normals, are_planes = self._joined_planes()
        is_used = np.zeros(len(normals), np.bool_)
        is_used[of_normals] = True
        self._planes = [(normals[is_used], are_planes[is_used])]
        self._plane_count = int(is_used.sum())
        places: Numbers = (np.cumsum(is_used) - 1)[of_normals]
        return places

    def _joined_planes(self) -> tuple[Floats, Flags]:
        normals, are_planes = zip(*self._planes, strict=True)
        return np.concatenate(normals), np.concatenate(are_planes)

    def _measure(self, series: Numbers, *arrays: NDArray[Any]) -> None:
        if (series[1:] < series[:-1]).any():
            order = np.argsort(series, kind="stable")
            series, arrays = series[order], tuple(array[order] for array in arrays)
        of_normals, positions, digits, states, volumes, numbers, are_given = arrays
        normals, are_planes = self._joined_planes()
        images = Images(series, positions, normals[of_normals], are_planes[of_normals], digits, states, volumes)
        geometry = geometry_of(images)
        for measure, name in OF_GEOMETRY.items():
            self._whole[measure][geometry.series] = _as_whole(getattr(geometry, name), measure in LENGTHS)
        plane = Fact(geometry.plane.names().astype(np.float64), geometry.plane.states)
        self._whole[Measure.PLANE][geometry.series] = _as_whole(plane)
        of_numbers, gaps = missing(series, numbers, are_given)
        self._whole[Measure.MISSING][of_numbers] = _as_whole(gaps)


def _divide(flags: Flags) -> tuple[slice | Flags, slice | Flags]:
    """Give the rows that have a flag, and the others: without copying them where those that have it come first."""
    count = int(np.count_nonzero(flags))
    return (slice(count), slice(count, None)) if flags[:count].all() else (flags, ~flags)


def _as_whole(fact: Fact, in_millionths: bool = False) -> Numbers:
    """Give the numbers of a fact as whole ones."""
    values = np.nan_to_num(fact.values) * (_MILLION if in_millionths else 1)
    others = np.where(fact.states == FactState.ABSENT, ABSENT, UNKNOWN)
    return np.where(fact.states == FactState.VALUE, np.round(values).astype(np.int64), others)
