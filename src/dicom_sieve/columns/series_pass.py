"""All facts of very many series in one pass over their objects, in memory that follows the number of series.

`dicom_sieve.columns.measure` measures what criteria ask for, with members that are counted or not. Facts are of all
members, so nothing is judged; a test holds both to each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import NO_ENTRY, Entry, Packed, decode_packed, values_of
from dicom_sieve.columns.facts import Fact, FactState, Flags
from dicom_sieve.columns.geometry import ImageState, PlacedImages, geometry_of_placed
from dicom_sieve.columns.instance_numbers import missing
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.measure import FRAMES, INSTANCE_NUMBER, frames_of, instance_number_of
from dicom_sieve.columns.measure_geometry import LENGTHS, OF_GEOMETRY, ORIENTATION, POSITION, VOLUME_KEYS
from dicom_sieve.columns.planes import normals_of
from dicom_sieve.columns.vectors import parse_packed
from dicom_sieve.criteria.measures import Measure
from dicom_sieve.dicom.vr.value_type import trim
from dicom_sieve.headers.edition import is_own

ABSENT, UNKNOWN = -(2**62), -(2**62) + 1
"""In the place of a number: there is nothing to measure; or it cannot be told."""
MOST_WAITING = 1 << 18
"""Objects that are kept before those of complete series are measured."""
OWN_VOLUME_KEYS = tuple(key for key in VOLUME_KEYS if is_own(key))
OWN_KEYS = (POSITION, ORIENTATION, FRAMES, INSTANCE_NUMBER, *OWN_VOLUME_KEYS)
"""What objects have for themselves that facts are made of."""
MOST_KNOWN = 1 << 16
"""Texts of numbers that are remembered."""
_MILLION = 1_000_000
MEASURED = (Measure.INSTANCES, Measure.FRAMES, Measure.MISSING, *OF_GEOMETRY, Measure.PLANE)
"""What a pass measures; a `Plane` is its number."""


@dataclass(frozen=True, slots=True, eq=False)
class PassHeaders:
    """The headers whose objects are measured: a row each.

    Attributes:
        series: Place of the series of each.
        instances: Of each.
        are_many: Whether an object with it may hold several images: a mosaic, frames, or it was read in part.
        volumes: What of it tells volumes of one series apart, as a number.
        ends: By key of `FRAMES` and `INSTANCE_NUMBER`, whether an object that seems to have none may have one all the
            same; empty where all were read whole.
        repeats: Likewise, whether the object has several.
    """

    series: NDArray[np.int64]
    instances: Numbers
    are_many: Flags
    volumes: NDArray[np.uint64]
    ends: Mapping[str, Flags] = field(default_factory=dict)
    repeats: Mapping[str, Flags] = field(default_factory=dict)


class SeriesPass:
    """Takes in the objects of series, some at a time, and gives the facts of all series.

    Args:
        headers: Of the objects that are judged.
        is_broken: Of each series, whether an object of it could not be judged.
    """

    def __init__(self, headers: PassHeaders, is_broken: Flags) -> None:
        count = len(is_broken)
        self._headers, self._is_broken = headers, is_broken
        self._instances = np.bincount(headers.series, headers.instances, count).astype(np.int64)
        self._left = self._instances.copy()
        self._frames, self._frames_unknown = self._instances.copy(), np.zeros(count, np.bool_)
        self._numbers_unknown = is_broken.copy()
        self._whole = {measure: np.full(count, ABSENT, np.int64) for measure in MEASURED}
        self._waiting: list[tuple[NDArray[Any], ...]] = []
        self._count, self._least = 0, MOST_WAITING
        self._read_frames, self._read_number = _Reader(_frames), _Reader(_number)

    def add(self, places: NDArray[np.intp], columns: Mapping[str, Packed]) -> None:
        """Take objects in.

        Args:
            places: Of each, that of its header.
            columns: Values by key; one that none of the objects has may be left out.
        """
        nothing = decode_packed(None, len(places))
        series = self._headers.series[places]
        np.subtract.at(self._left, series, 1)
        is_single = self._add_frames(series, places, columns.get(FRAMES, nothing))
        numbers, are_given = self._add_numbers(series, places, columns.get(INSTANCE_NUMBER, nothing))
        position, orientation = columns.get(POSITION, nothing), columns.get(ORIENTATION, nothing)
        vectors, digits, of_vectors = parse_packed(position.lengths, position.data, 3)
        cosines, _, of_cosines = parse_packed(orientation.lengths, orientation.data, 6)
        normals, are_planes = normals_of(cosines)
        # Without one of the two, an image lies nowhere.
        either = np.maximum(of_vectors[position.codes], of_cosines[orientation.codes])
        is_known = is_single & ~self._headers.are_many[places]
        waiting = (
            series,
            vectors[position.codes],
            normals[orientation.codes],
            are_planes[orientation.codes],
            digits[position.codes],
            np.where(is_known, either, ImageState.UNKNOWN).astype(np.uint8),
            self._volumes(places, columns),
            numbers,
            are_given,
        )
        self._waiting.append(waiting)
        self._count += len(places)
        if self._count >= self._least:
            self._measure_complete()
            self._least = self._count + MOST_WAITING

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

    def _add_frames(self, series: Numbers, places: NDArray[np.intp], column: Packed) -> Flags:
        """Count frames, and tell which objects have one."""
        frames, is_read, _ = self._read_frames(column)
        is_read &= ~self._unreached(FRAMES, places, column)
        unusual = np.flatnonzero((frames != 1) | ~is_read)
        if len(unusual):
            np.add.at(self._frames, series[unusual], frames[unusual] - 1)
            self._frames_unknown[series[unusual[~is_read[unusual]]]] = True
        return np.asarray((frames == 1) & is_read)

    def _add_numbers(self, series: Numbers, places: NDArray[np.intp], column: Packed) -> tuple[Numbers, Flags]:
        """Give the instance numbers of objects, and which are given."""
        numbers, is_given, is_absent = self._read_number(column)
        is_unreached = self._unreached(INSTANCE_NUMBER, places, column)
        is_given &= ~is_unreached
        self._numbers_unknown[series[~is_given & ~(is_absent & ~is_unreached)]] = True
        return numbers, is_given

    def _unreached(self, key: str, places: NDArray[np.intp], column: Packed) -> Flags:
        """Tell which objects may have an attribute where reading did not come, or have it several times."""
        if not self._headers.ends:
            return np.zeros(len(places), np.bool_)
        is_absent = (column.lengths == NO_ENTRY)[column.codes]
        flags: Flags = (self._headers.ends[key][places] & is_absent) | self._headers.repeats[key][places]
        return flags

    def _volumes(self, places: NDArray[np.intp], columns: Mapping[str, Packed]) -> NDArray[np.int64]:
        """Give a number for what tells volumes of one series apart; it is the same within this process."""
        numbers = self._headers.volumes[places]
        for key in OWN_VOLUME_KEYS:
            if (column := columns.get(key)) is not None:
                numbers += fingerprints(key, column)[column.codes]
        return numbers.view(np.int64)

    def _measure_complete(self) -> None:
        """Measure the series of which all objects have come."""
        arrays = tuple(np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
        takes = self._left[arrays[0]] == 0
        if takes.any():
            self._measure(*(arrays if takes.all() else (array[takes] for array in arrays)))
        self._waiting = [tuple(array[~takes] for array in arrays)]
        self._count = len(self._waiting[0][0])

    def _measure(self, series: Numbers, *arrays: NDArray[Any]) -> None:
        if (series[1:] < series[:-1]).any():
            order = np.argsort(series, kind="stable")
            series, arrays = series[order], tuple(array[order] for array in arrays)
        *of_images, numbers, are_given = arrays
        geometry = geometry_of_placed(PlacedImages(series, *of_images))
        for measure, name in OF_GEOMETRY.items():
            self._whole[measure][geometry.series] = _as_whole(getattr(geometry, name), measure in LENGTHS)
        plane = Fact(geometry.plane.names().astype(np.float64), geometry.plane.states)
        self._whole[Measure.PLANE][geometry.series] = _as_whole(plane)
        of_numbers, gaps = missing(series, numbers, are_given)
        self._whole[Measure.MISSING][of_numbers] = _as_whole(gaps)


def fingerprints(key: str, column: Packed) -> NDArray[np.uint64]:
    """Give a number for each entry of a column; those of several columns are added up to one of all of them."""
    absent = hash((key, None))
    numbers = [0 if entry is None else hash((key, entry)) - absent for entry in column.entries()]
    return np.array([number % 2**64 for number in numbers], np.uint64)


def _as_whole(fact: Fact, in_millionths: bool = False) -> Numbers:
    """Give the numbers of a fact as whole ones."""
    values = np.nan_to_num(fact.values) * (_MILLION if in_millionths else 1)
    others = np.where(fact.states == FactState.ABSENT, ABSENT, UNKNOWN)
    return np.where(fact.states == FactState.VALUE, np.round(values).astype(np.int64), others)


@dataclass(slots=True)
class _Reader:
    """Reads numbers, each different text once.

    Attributes:
        read: Gives the number, whether there is one, and whether there is nothing.
    """

    read: Callable[[Entry], tuple[int, bool, bool]]
    _known: dict[bytes | None, tuple[int, bool, bool]] = field(default_factory=dict)

    def __call__(self, column: Packed) -> tuple[Numbers, Flags, Flags]:
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        found = [self._of(entry) for entry in column.entries()]
        numbers, are_read, are_absent = zip(*found, strict=True)
        codes = column.codes
        return (
            np.array(numbers, np.int64)[codes],
            np.array(are_read, np.bool_)[codes],
            np.array(are_absent, np.bool_)[codes],
        )

    def _of(self, entry: bytes | None) -> tuple[int, bool, bool]:
        found = self._known.get(entry)
        if found is None:
            text = None if entry is None else entry.decode("utf-8", "surrogatepass")
            found = self._known[entry] = self.read(text)
        return found


def _frames(entry: Entry) -> tuple[int, bool, bool]:
    number = frames_of(entry)
    return (1, False, False) if number is None else (number, True, False)


def _number(entry: Entry) -> tuple[int, bool, bool]:
    number = instance_number_of(entry)
    return number or 0, number is not None, not any(map(trim, values_of(entry) or ()))
