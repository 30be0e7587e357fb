"""Read the headers of a shard's objects: a few ranged reads each, many at a time."""

import asyncio
from dataclasses import dataclass, field, fields
from typing import Self

from dicom_sieve.advice import ANOTHER_ETAG, CHANGED, NOT_ASKED
from dicom_sieve.headers import MOST_ELEMENTS, Defect, Instance, NeedMore, Window, defective, scan, scan_bounded
from dicom_sieve.ledger.indexing import IndexedObject, UnreadObject
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.screening.event_loop import run_beside_others
from dicom_sieve.settings import Settings
from dicom_sieve.stores.interface import (
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    Reads,
    TransportError,
)

CHANGES_FOLLOWED = 3
FAILURES_IN_A_ROW = 64
"""So many objects that could not be read, and none between them that could: the store is down for this shard."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read.

    Attributes:
        reads_in_flight: Requests of one shard that are under way at the same time.
        first_read_bytes: Of an object's first read; each further one doubles.
        header_limit_bytes: Read of one object at most.
        inflated_limit_bytes: What a deflated header may inflate to.
        elements_limit: How many elements an unusual object may have.
    """

    reads_in_flight: int = 32
    first_read_bytes: int = 8 * 1024
    header_limit_bytes: int = 16 * 1024 * 1024
    inflated_limit_bytes: int = 16 * 1024 * 1024
    elements_limit: int = MOST_ELEMENTS

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Take them from the settings of the same names."""
        return cls(**{one.name: getattr(settings, one.name) for one in fields(cls)})


@dataclass(frozen=True, slots=True)
class Shard:
    """The objects that one task indexes.

    Attributes:
        number: In the order in which the run made them, from 1.
        objects: One or more.
    """

    number: int
    objects: tuple[UnreadObject, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What a shard brought. Every object of the shard is in one of the two.

    Attributes:
        number: The shard's.
        indexed: Objects whose header is known.
        unread: Rows of objects that could not be read, with what the last attempt ended in.
        reads: How many ranges were read.
        bytes_read: How many bytes.
    """

    number: int
    # Not shown: they hold patients' values, and whoever shows a task's result would wait for a long text.
    indexed: tuple[IndexedObject, ...] = field(repr=False)
    unread: tuple[tuple[int, str], ...] = field(repr=False)
    reads: int
    bytes_read: int


@dataclass(slots=True)
class _Meter:
    reads: int = 0
    bytes_read: int = 0
    failed_in_a_row: int = 0


def index_shard(store: Reads, shard: Shard, limits: Limits) -> ShardResult:
    """Read the headers of a shard's objects.

    It may run in another process and more than once: it changes nothing and gives the same again.

    Args:
        store: Where the objects lie.
        shard: Which objects.
        limits: How much is read.
    """
    return run_beside_others(_index_shard(store, shard, limits))


async def _index_shard(store: Reads, shard: Shard, limits: Limits) -> ShardResult:
    meter = _Meter()
    outcomes: dict[int, IndexedObject | str] = {}
    waiting = iter(shard.objects)

    async def index_one_after_another() -> None:
        for unread in waiting:
            if meter.failed_in_a_row >= FAILURES_IN_A_ROW:
                outcomes[unread.id] = NOT_ASKED
                continue
            try:
                info, instance = await _read_as_it_is_now(store, unread.info, limits, meter)
            except TransportError as error:
                outcomes[unread.id] = str(error.args[0])
                meter.failed_in_a_row += 1
            else:
                outcomes[unread.id] = IndexedObject(unread.id, info, instance)
                meter.failed_in_a_row = 0

    lanes = min(limits.reads_in_flight, len(shard.objects))
    await asyncio.gather(*(index_one_after_another() for _ in range(lanes)))
    in_order = [(one.id, outcomes[one.id]) for one in shard.objects]
    return ShardResult(
        shard.number,
        tuple(one for _, one in in_order if isinstance(one, IndexedObject)),
        tuple((row, one) for row, one in in_order if isinstance(one, str)),
        meter.reads,
        meter.bytes_read,
    )


async def _read_as_it_is_now(
    store: Reads, info: ObjectInfo, limits: Limits, meter: _Meter
) -> tuple[ObjectInfo, Instance]:
    """Read a header; an object that changes meanwhile is looked up and read again, as what it is now."""
    cause = ANOTHER_ETAG
    for _ in range(CHANGES_FOLLOWED):
        try:
            return info, await _read(store, info, limits, meter)
        except ObjectGoneError:
            return info, defective(Defect.GONE)
        except ReadRefusedError:
            return info, defective(Defect.UNREADABLE)
        except ObjectChangedError:
            try:
                now = await store.stat(info.key)
            except ObjectGoneError:
                return info, defective(Defect.GONE)
            except ReadRefusedError:
                return info, defective(Defect.UNREADABLE)
            cause = cause if (now.etag, now.size) == (info.etag, info.size) else CHANGED
            info = now
    raise TransportError(cause)


async def _read(store: Reads, info: ObjectInfo, limits: Limits, meter: _Meter) -> Instance:
    """Read on until the header is whole, each time from the first byte that is missing, twice as much.

    Where that would be too much, what was read before is what is known of the object.
    """
    window = Window(info.size)
    length = limits.first_read_bytes
    answer = _scan(window, limits) if not info.size else NeedMore(0)
    while isinstance(answer, NeedMore):
        room = limits.header_limit_bytes - window.held
        if room <= 0:
            return _scan_bounded(window, limits)
        end = min(answer.offset + min(length, room), info.size)
        data = await store.read(info, start=answer.offset, end=end)
        meter.reads += 1
        meter.bytes_read += len(data)
        window.add(answer.offset, data)
        answer = _scan(window, limits)
        length *= 2
    return answer


def _scan(window: Window, limits: Limits) -> Instance | NeedMore:
    return scan(window, inflated_limit=limits.inflated_limit_bytes, elements_limit=limits.elements_limit)


def _scan_bounded(window: Window, limits: Limits) -> Instance:
    return scan_bounded(window, inflated_limit=limits.inflated_limit_bytes, elements_limit=limits.elements_limit)
