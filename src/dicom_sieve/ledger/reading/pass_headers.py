"""What facts of series are made of besides what their objects have: values of headers, read many at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Generic, TypeVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Column, Entry, Packed, decode_packed, values_of
from dicom_sieve.columns.held import Held
from dicom_sieve.columns.lookup import Flags, Numbers, look_up
from dicom_sieve.columns.measure import FRAMES, INSTANCE_NUMBER
from dicom_sieve.columns.measure_geometry import IMAGE_TYPE, is_mosaic
from dicom_sieve.columns.pass_objects import MOST_KNOWN, fingerprints, has_no
from dicom_sieve.columns.placed_frames import Groups
from dicom_sieve.columns.series_pass import PassHeaders
from dicom_sieve.dicom.dictionary import FUNCTIONAL_GROUPS, PER_FRAME_GROUPS, SHARED_GROUPS, key_of
from dicom_sieve.dicom.vr import VRS
from dicom_sieve.errors import MalformedValueError
from dicom_sieve.headers import Damage, Extent
from dicom_sieve.ledger.database.chunks import EXTENT, ID, SERIES, Block, BlockKind, blocks_with
from dicom_sieve.ledger.database.extents import read_extent
from dicom_sieve.ledger.database.header_values import without_values
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.packed_blocks import PackedRows, grouped, read_packed
from dicom_sieve.objects import Damaged

THICKNESS = key_of("SliceThickness")
T = TypeVar("T")
_COLUMNS = (EXTENT, IMAGE_TYPE, SHARED_GROUPS, PER_FRAME_GROUPS, THICKNESS)


@dataclass(frozen=True, slots=True, eq=False)
class HeadersOfSeries:
    """Headers, in the order of their ids, and what facts are made of.

    Attributes:
        ids: Of each.
        instances: Of each.
        series: The number of each series, in the order of their first headers.
        places: The series of each header; -1: it has none.
        are_judged: Whether the objects of a header are judged.
        are_unknown: See `PassHeaders`.
        are_enhanced: Likewise.
        volumes: Likewise.
        extents: How far each was read, as a place among `known_extents`.
        known_extents: How far any was read.
        thickness_of: Slice Thickness of each, as a place among `thicknesses`.
        thicknesses: In mm, as all that are equal are written; None: there is none.
    """

    ids: Numbers
    instances: Numbers
    series: Numbers
    places: Numbers
    are_judged: Flags
    are_unknown: Flags
    are_enhanced: Flags
    volumes: NDArray[np.uint64]
    extents: Numbers
    known_extents: tuple[Extent, ...]
    thickness_of: Numbers
    thicknesses: tuple[str | None, ...]

    def is_broken(self) -> Flags:
        """Tell of each series whether an object of it is not judged."""
        flags = np.zeros(len(self.series), np.bool_)
        flags[self.places[~self.are_judged & (self.places >= 0)]] = True
        return flags

    def judged(self) -> tuple[Numbers, PassHeaders]:
        """Give the headers whose objects are measured: their ids, and what is told of them."""
        rows = self._measured()
        extents, ends, repeats = self.extents[rows], dict[str, Flags](), dict[str, Flags]()
        if self.known_extents != (Extent(),):
            for key in (FRAMES, INSTANCE_NUMBER):
                ends[key] = np.array([_ends_before(extent, key) for extent in self.known_extents], np.bool_)[extents]
                repeats[key] = np.array([_repeats(extent, key) for extent in self.known_extents], np.bool_)[extents]
        return self.ids[rows], PassHeaders(
            self.places[rows],
            self.instances[rows],
            self.are_unknown[rows],
            self.are_enhanced[rows],
            self.volumes[rows],
            ends,
            repeats,
        )

    def thickness(self) -> tuple[Numbers, tuple[str | None, ...]]:
        """Give of each series what all of its judged headers have, as a place among what there is; None where none."""
        rows, nothing = self._measured(), len(self.thicknesses)
        lowest, highest = np.full(len(self.series), nothing), np.full(len(self.series), -1)
        np.minimum.at(lowest, self.places[rows], self.thickness_of[rows])
        np.maximum.at(highest, self.places[rows], self.thickness_of[rows])
        return np.where(lowest == highest, lowest, nothing), (*self.thicknesses, None)

    def _measured(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.are_judged & (self.places >= 0))


def read_headers(engine: sa.Engine, held: Held, damaged: Damaged) -> HeadersOfSeries:
    """Read headers.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
        LedgerError: A header is in no block.
    """
    count = len(held.ids)
    numbers, volumes = np.zeros(count, np.int64), np.zeros(count, np.uint64)
    are_unknown, are_enhanced, is_left_out = (np.full(count, flag) for flag in (False, False, True))
    extents, thickness_of = np.zeros(count, np.int64), np.zeros(count, np.int64)
    read_extents, thicknesses, mosaics = _Coding(read_extent), _Coding(_thickness), _Coding(is_mosaic)
    blocks = read(engine, partial(blocks_with, kind=BlockKind.HEADER, ids=held.ids))
    for group in grouped(blocks):
        rows = read(engine, partial(read_packed, blocks=group, numbers=[ID, SERIES], columns=_COLUMNS))
        is_asked, places = look_up(rows.numbers[ID], held.ids)
        if not is_asked.all():
            taken = np.flatnonzero(is_asked)
            rows, places = rows.take(taken), places[taken]
        is_left_out[places] = False
        numbers[places] = rows.numbers[SERIES]
        extents[places] = read_extents(_column(rows, EXTENT))
        thickness_of[places] = thicknesses(_column(rows, THICKNESS))
        image_types = _column(rows, IMAGE_TYPE)
        volumes[places] = fingerprints(IMAGE_TYPE, image_types)[image_types.codes]
        of_mosaics = mosaics(image_types)
        are_unknown[places] = np.array(mosaics.things, np.bool_)[of_mosaics]
        are_enhanced[places] = _has(rows, SHARED_GROUPS) | _has(rows, PER_FRAME_GROUPS)
    if is_left_out.any():
        raise without_values(int(held.ids[is_left_out][0]))
    known = tuple(read_extents.things)
    are_unknown |= np.array([extent != Extent() for extent in known], np.bool_)[extents]
    are_judged = np.array([extent.is_judged(damaged) for extent in known], np.bool_)[extents]
    series, of_headers = _in_order(numbers)
    return HeadersOfSeries(
        held.ids,
        held.instances,
        series,
        of_headers,
        are_judged,
        are_unknown,
        are_enhanced,
        volumes,
        extents,
        known,
        thickness_of,
        tuple(thicknesses.things),
    )


class GroupsOfHeaders:
    """Reads the functional groups of headers; of the block that was read last they are known.

    Args:
        engine: The ledger's.
        ids: Of all headers that will be asked for, ascending.
    """

    def __init__(self, engine: sa.Engine, ids: Numbers) -> None:
        self._engine = engine
        self._blocks = read(engine, partial(blocks_with, kind=BlockKind.HEADER, ids=ids))
        self._latest: tuple[int, Numbers, list[Column]] | None = None

    def __call__(self, ids: Numbers) -> list[Groups]:
        """Give those of some headers, in any order; one may be asked for several times.

        Raises:
            DamagedChunkError: What the ledger holds was not written by this package.
        """
        asked, of_asked = np.unique(ids, return_inverse=True)
        found: list[Groups] = [(None, None)] * len(asked)
        for listed in self._blocks:
            if listed.last_id < asked[0] or listed.first_id > asked[-1]:
                continue
            of_block, columns = self._read(listed)
            is_there, rows = look_up(asked, of_block)
            for place, row in zip(np.flatnonzero(is_there).tolist(), rows[is_there].tolist(), strict=True):
                shared, per_frame = (column.at(row) for column in columns)
                found[place] = shared, per_frame
        return [found[place] for place in of_asked.tolist()]

    def _read(self, listed: Block) -> tuple[Numbers, list[Column]]:
        if self._latest is None or self._latest[0] != listed.id:
            rows = read(self._engine, partial(read_packed, blocks=[listed], numbers=[ID], columns=FUNCTIONAL_GROUPS))
            columns = [_column(rows, name).as_column() for name in FUNCTIONAL_GROUPS]
            self._latest = listed.id, rows.numbers[ID], columns
        return self._latest[1:]


def _in_order(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """Give the numbers of series in the order of their first headers, and the place of each header's; -1: none."""
    distinct, firsts, of_headers = np.unique(numbers, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    order = order[distinct[order] != 0]
    places = np.full(len(distinct), -1, np.int64)
    places[order] = np.arange(len(order))
    return distinct[order], places[of_headers.reshape(-1)]


def _column(rows: PackedRows, name: str) -> Packed:
    return rows.columns.get(name) or decode_packed(None, len(rows.numbers[ID]))


def _has(rows: PackedRows, name: str) -> Flags:
    return ~has_no(_column(rows, name))


def _thickness(entry: Entry) -> str | None:
    """Give the one number of an entry, as all that are equal are written; None: there is none."""
    values = [text for text in values_of(entry) or () if text]
    try:
        return f"{Decimal(str(VRS['DS'].parse(values[0]))).normalize():f}" if len(values) == 1 else None
    except MalformedValueError:
        return None


def _ends_before(extent: Extent, key: str) -> bool:
    return extent.unreadable_from is not None and extent.unreadable_from <= key


def _repeats(extent: Extent, key: str) -> bool:
    return extent.damage is Damage.REPEATED and extent.unreadable_from == key


@dataclass(slots=True)
class _Coding(Generic[T]):
    """Gives the places of what entries stand for; each entry is read once.

    Attributes:
        read: Reads an entry.
        things: What was read, each once.
    """

    read: Callable[[Entry], T]
    things: list[T] = field(default_factory=list)
    _of_entries: dict[bytes | None, int] = field(default_factory=dict)
    _of_things: dict[T, int] = field(default_factory=dict)

    def __call__(self, column: Packed) -> Numbers:
        if len(self._of_entries) > MOST_KNOWN:
            self._of_entries.clear()
        return np.array([self._place(entry) for entry in column.entries()], np.int64)[column.codes]

    def _place(self, entry: bytes | None) -> int:
        place = self._of_entries.get(entry)
        if place is None:
            thing = self.read(None if entry is None else entry.decode("utf-8", "surrogatepass"))
            place = self._of_entries[entry] = self._of_things.setdefault(thing, len(self.things))
            if place == len(self.things):
                self.things.append(thing)
        return place
