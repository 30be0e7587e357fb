"""What facts are made of, read out of the columns of very many objects; see `dicom_sieve.columns.series_pass`.

Nothing here needs to know of which series an object is, so a thread reads the next objects while some are measured.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import NO_ENTRY, Entry, Packed, decode_packed, values_of
from dicom_sieve.columns.facts import Flags, Floats
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.measure import FRAMES, INSTANCE_NUMBER, frames_of, instance_number_of
from dicom_sieve.columns.measure_geometry import ORIENTATION, POSITION, VOLUME_KEYS
from dicom_sieve.columns.planes import normals_of
from dicom_sieve.columns.vectors import parse_packed
from dicom_sieve.dicom.vr.value_type import trim
from dicom_sieve.headers.edition import is_own

OWN_VOLUME_KEYS = tuple(key for key in VOLUME_KEYS if is_own(key))
OWN_KEYS = (POSITION, ORIENTATION, FRAMES, INSTANCE_NUMBER, *OWN_VOLUME_KEYS)
"""What objects have for themselves that facts are made of."""
_OF_ALL = {"has_none", "normals", "are_planes"}
"""What of `ReadObjects` does not have a row for each object."""
MOST_KNOWN = 1 << 16
"""Texts of numbers that are remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadObjects:
    """What facts are made of, a row for each object.

    Attributes:
        frames: How many it has, 1 where it says nothing.
        are_frames_read: Whether that can be read.
        numbers: Instance Number; anything where it is not given.
        are_numbers_given: Whether it is.
        are_numbers_absent: Whether it is absent or empty.
        has_none: By key of `FRAMES` and `INSTANCE_NUMBER`, whether it has no such attribute at all.
        positions: See `Images`.
        digits: Likewise.
        normals: Of each different orientation; see `Images`.
        are_planes: Likewise.
        of_normals: For each object, the place of its normal.
        states: Likewise, an `ImageState` by position and orientation alone.
        volumes: What of it tells volumes of one series apart, as a number.
    """

    frames: Numbers
    are_frames_read: Flags
    numbers: Numbers
    are_numbers_given: Flags
    are_numbers_absent: Flags
    has_none: Mapping[str, Flags]
    positions: Floats
    digits: NDArray[np.int8]
    normals: Floats
    are_planes: Flags
    of_normals: NDArray[np.uint32]
    states: NDArray[np.uint8]
    volumes: NDArray[np.uint64]

    def take(self, rows: slice) -> "ReadObjects":
        """Give some of the objects."""
        cut = {field.name: getattr(self, field.name)[rows] for field in fields(self) if field.name not in _OF_ALL}
        return replace(self, **cut, has_none={key: flags[rows] for key, flags in self.has_none.items()})


class ObjectReader:
    """Reads objects, some at a time; each different text of a number once."""

    def __init__(self) -> None:
        self._read_frames, self._read_number = _Reader(_frames), _Reader(_number)

    def __call__(self, columns: Mapping[str, Packed], count: int) -> ReadObjects:
        """Read some.

        Args:
            columns: Values by key; one that none of the objects has may be left out.
            count: How many objects.
        """
        nothing = decode_packed(None, count)
        position, orientation, of_frames, of_numbers = (
            columns.get(key, nothing) for key in (POSITION, ORIENTATION, FRAMES, INSTANCE_NUMBER)
        )
        frames, are_frames_read, _ = self._read_frames(of_frames)
        numbers, are_given, are_absent = self._read_number(of_numbers)
        vectors, digits, of_vectors = parse_packed(position.lengths, position.data, 3)
        cosines, _, of_cosines = parse_packed(orientation.lengths, orientation.data, 6)
        normals, are_planes = normals_of(cosines)
        places, volumes = position.codes, np.zeros(count, np.uint64)
        for key in OWN_VOLUME_KEYS:
            if (column := columns.get(key)) is not None:
                volumes += fingerprints(key, column)[column.codes]
        return ReadObjects(
            frames,
            are_frames_read,
            numbers,
            are_given,
            are_absent,
            {key: has_no(column) for key, column in ((FRAMES, of_frames), (INSTANCE_NUMBER, of_numbers))},
            vectors[places],
            digits[places],
            normals,
            are_planes,
            orientation.codes,
            # Without one of the two, an image lies nowhere.
            np.maximum(of_vectors[places], of_cosines[orientation.codes]),
            volumes,
        )


def has_no(column: Packed) -> Flags:
    """Tell which rows have no entry in a column."""
    return np.asarray((column.lengths == NO_ENTRY)[column.codes])


def fingerprints(key: str, column: Packed) -> NDArray[np.uint64]:
    """Give a number for each entry of a column, the same within this process; those of several columns are added up."""
    absent = hash((key, None))
    numbers = [0 if entry is None else hash((key, entry)) - absent for entry in column.entries()]
    return np.array([number % 2**64 for number in numbers], np.uint64)


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
