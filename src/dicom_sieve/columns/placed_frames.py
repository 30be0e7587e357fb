"""The frames of enhanced objects as images: read from what headers say of their functional groups."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Entry, as_entry, values_of
from dicom_sieve.columns.facts import Flags, Floats
from dicom_sieve.columns.geometry import Images, ImageState
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.numbers import numbers_of
from dicom_sieve.columns.planes import normals_of
from dicom_sieve.columns.vectors import parse_vectors
from dicom_sieve.dicom.items import Items, items_in
from dicom_sieve.dicom.marks import NOT_KEPT
from dicom_sieve.headers.placed_frames import (
    FRAMES,
    MOST_FRAMES,
    NUMBER,
    OF_FRAMES,
    ORIENTATIONS,
    POSITIONS,
    VOLUMES,
    orientation_of,
    position_of,
    read_volume,
    volume_of,
    written_volume,
)

FRAMES_TOGETHER = 1 << 19
"""Frames that are in memory together, unless one object has more."""
Groups = tuple[Entry, Entry]
"""Shared and Per-frame Functional Groups of an object, as the column of each has them."""
_Group = Mapping[str, Sequence[Any]]
_Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class PlacedFrames:
    """The frames of objects, those of one behind those of another: a row each.

    Attributes:
        counts: How many rows each object has: one, of which nothing is known, where its frames are not known.
        positions: See `Images`.
        digits: Likewise.
        normals: Of each different orientation; see `Images`.
        are_planes: Likewise.
        of_normals: For each frame, the place of its normal.
        states: Likewise, an `ImageState`.
        volumes: What of the groups tells volumes apart, as a number; 0 where nothing does.
    """

    counts: Numbers
    positions: Floats
    digits: NDArray[np.int8]
    normals: Floats
    are_planes: Flags
    of_normals: NDArray[np.intp]
    states: NDArray[np.uint8]
    volumes: NDArray[np.int64]


def read_frames(groups: Sequence[Groups], numbers: Numbers) -> PlacedFrames:
    """Read where the frames of objects lie.

    Args:
        groups: Of each object.
        numbers: How many frames each should have; 0 where that cannot be read. Of an object that has another number
            of them in its groups, or more than can be, nothing is known.
    """
    texts = _Texts()
    found = [texts.add(of_one, number) for of_one, number in zip(groups, numbers.tolist(), strict=True)]
    unknown = np.array([of_one is None for of_one in found], np.bool_)
    positions, orientations, volumes = (
        np.concatenate([np.zeros(1, np.intp) if of_one is None else of_one[part] for of_one in found])
        for part in range(3)
    )
    counts = np.array([1 if of_one is None else len(of_one[0]) for of_one in found], np.int64)
    vectors, digits, of_vectors = parse_vectors(_entries_of(texts.positions), 3)
    cosines, _, of_cosines = parse_vectors(_entries_of(texts.orientations), 6)
    are_told = np.array([NOT_KEPT not in text for text in texts.volumes], np.bool_)
    states = np.maximum(of_vectors[positions], of_cosines[orientations])
    states[~are_told[volumes]] = ImageState.UNKNOWN
    return PlacedFrames(
        counts,
        vectors[positions],
        digits[positions],
        *normals_of(cosines),
        orientations,
        np.where(np.repeat(unknown, counts), ImageState.UNKNOWN, states).astype(np.uint8),
        numbers_of([text or None for text in texts.volumes])[volumes],
    )


def _entries_of(texts: Mapping[str, int]) -> list[Entry]:
    return [as_entry(text.split("\\")) if text else None for text in texts]


@dataclass(slots=True)
class _Texts:
    """The different texts of all objects, each with its place; the first is that of what has none."""

    positions: dict[str, int] = field(default_factory=lambda: {"": 0})
    orientations: dict[str, int] = field(default_factory=lambda: {"": 0})
    volumes: dict[str, int] = field(default_factory=lambda: {"": 0})

    def add(self, groups: Groups, number: int) -> tuple[_Places, _Places, _Places] | None:
        """Take the frames of an object in; gives the places of the texts of each, None where they are not known."""
        shared = _shared_of(groups[0])
        placed = _placed_of(groups[1], number) if 0 < number <= MOST_FRAMES else None
        if shared is None or placed is None:
            return None
        around = volume_of(shared)
        return (
            _places(self.positions, placed, POSITIONS, number, lambda text: text or position_of(shared)),
            _places(self.orientations, placed, ORIENTATIONS, number, lambda text: text or orientation_of(shared)),
            _places(self.volumes, placed, VOLUMES, number, lambda text: written_volume(around | read_volume(text))),
        )


def _places(known: dict[str, int], placed: _Group, name: str, number: int, whole: Callable[[str], str]) -> _Places:
    """Give the place of the text of each frame among those that are known; `whole` adds what all frames have."""
    texts = [whole(text) for text in placed.get(name, ("",))]
    places = np.array([known.setdefault(text, len(known)) for text in texts], np.intp)
    if OF_FRAMES + name not in placed:
        return np.full(number, places[0])
    [of_frames] = placed[OF_FRAMES + name]
    return places[np.array(of_frames.split(" "), np.intp)]


def _shared_of(entry: Entry) -> _Group | None:
    """Give what all frames have; None where it is not kept."""
    items = _items_of(entry)
    return None if items is None else items[0] if items else {}


def _placed_of(entry: Entry, number: int) -> _Group | None:
    """Give what each frame has; None where it is not known: former versions did not keep it."""
    items = _items_of(entry)
    if not items:
        return {} if items is not None and number == 1 else None
    placed = items[0].get(FRAMES, (NOT_KEPT,))[0]
    return placed if placed != NOT_KEPT and placed[NUMBER] == [str(number)] else None


def _items_of(entry: Entry) -> Items | None:
    values = values_of(entry) or ()
    return items_in(values[0]) if any(values) else ()


class Spread:
    """Spreads rows of objects out to rows of images: an object has as many of them as frames.

    Args:
        count: How many objects.
        enhanced: Those with frames, ascending.
        frames: Of these.
    """

    def __init__(self, count: int, enhanced: _Places, frames: PlacedFrames) -> None:
        counts, are_enhanced = np.ones(count, np.int64), np.zeros(count, np.bool_)
        counts[enhanced], are_enhanced[enhanced] = frames.counts, True
        self._of_rows, self._are_frames = np.repeat(np.arange(count), counts), np.repeat(are_enhanced, counts)
        self._enhanced, self._frames = enhanced, frames

    def of(self, array: NDArray[Any], of_frames: NDArray[Any] | None = None) -> NDArray[Any]:
        """Give the value of each image: that of its object, or its own where it is a frame."""
        spread = array[self._of_rows]
        if of_frames is not None:
            spread[self._are_frames] = of_frames
        return spread

    def positions(self, positions: Floats) -> Floats:
        """Give the position of each image."""
        return self.of(positions, self._frames.positions)

    def digits(self, digits: NDArray[np.int8]) -> NDArray[np.int8]:
        """Give the digits of each."""
        return self.of(digits, self._frames.digits)

    def states(self, states: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Give the state of each: where groups say nothing and the object does, it is not known what it speaks of."""
        says = np.repeat(states[self._enhanced] != ImageState.ABSENT, self._frames.counts)
        own = self._frames.states
        return self.of(states, np.where(says & (own == ImageState.ABSENT), ImageState.UNKNOWN, own))

    def volumes(self, volumes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give what tells the volume of each: what the object says, and its own groups."""
        return self.of(volumes, np.repeat(volumes[self._enhanced], self._frames.counts) + self._frames.volumes)


def with_frames(images: Images, enhanced: _Places, frames: PlacedFrames) -> Images:
    """Give images, with the frames of some objects in the place of each; see `Spread`."""
    spread = Spread(len(images.series), enhanced, frames)
    return Images(
        spread.of(images.series),
        spread.positions(images.positions),
        spread.of(images.normals, frames.normals[frames.of_normals]),
        spread.of(images.are_planes, frames.are_planes[frames.of_normals]),
        spread.digits(images.digits),
        spread.states(images.states),
        spread.volumes(images.volumes),
    )


def parts_of(numbers: Numbers) -> Iterator[slice]:
    """Give rows, as many at a time as are in memory together with their frames.

    Args:
        numbers: How many frames each may have.
    """
    ends = np.cumsum(np.clip(numbers, 1, MOST_FRAMES))  # what has more has one row
    first = 0
    while first < len(numbers):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + FRAMES_TOGETHER, "right")))
        yield slice(first, last)
        first = last
