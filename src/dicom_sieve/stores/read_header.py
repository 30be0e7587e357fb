"""Read the header of one object, as it is now: a few ranged reads, until the header is complete."""

from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Self, TypeGuard

from dicom_sieve.advice import ANOTHER_ETAG, CHANGED
from dicom_sieve.errors import RefusedError
from dicom_sieve.headers import MOST_ELEMENTS, Defect, Instance, NeedMore, Window, defective, scan, scan_bounded
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.settings import Settings
from dicom_sieve.stores.interface import (
    BeyondLimitError,
    DamagedObjectError,
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    Reads,
    TellsHeaders,
    ToldHeader,
    TransportError,
)

CHANGES_FOLLOWED = 3
_FROM_THE_START = "00000000"
"""Where reading ended of a header of which any attribute may be missing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read.

    Attributes:
        reads_in_flight: Concurrent requests of one shard.
        first_read_bytes: Length of an object's first read; each further one doubles.
        header_limit_bytes: Bytes read of one object at most.
        inflated_limit_bytes: Bytes that a deflated header may inflate to.
        elements_limit: Number of elements that an unusual object may have.
    """

    reads_in_flight: int = 32
    first_read_bytes: int = 8 * 1024
    header_limit_bytes: int = 16 * 1024 * 1024
    inflated_limit_bytes: int = 16 * 1024 * 1024
    elements_limit: int = MOST_ELEMENTS

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Take them from the settings of the same names."""
        return cls(**{limit.name: getattr(settings, limit.name) for limit in fields(cls)})


@dataclass(slots=True)
class Meter:
    """What was read of many objects.

    Attributes:
        reads: Number of ranged reads.
        bytes_read: Their sum, in bytes.
    """

    reads: int = 0
    bytes_read: int = 0


async def read_header(store: Reads, info: ObjectInfo, limits: Limits, meter: Meter) -> tuple[ObjectInfo, Instance]:
    """Read a header; an object that changes meanwhile is looked up and read again, as what it is now."""
    cause = ANOTHER_ETAG
    for _ in range(CHANGES_FOLLOWED):
        try:
            if _tells_headers(store):
                return info, _take(await store.tell(info), limits, meter)
            return info, await _read(store, info, limits, meter)
        except (ObjectGoneError, ReadRefusedError) as error:
            return info, defective(_defect_of(error))
        except ObjectChangedError:
            try:
                now = await store.stat(info.key)
            except (ObjectGoneError, ReadRefusedError) as error:
                return info, defective(_defect_of(error))
            cause = cause if (now.etag, now.size) == (info.etag, info.size) else CHANGED
            info = now
    raise TransportError(cause)


def _tells_headers(store: Reads) -> TypeGuard[TellsHeaders]:
    return _is_one_that_tells(type(store))


@cache
def _is_one_that_tells(kind: type[Reads]) -> bool:
    """Tell whether places of a kind tell headers; to look at a protocol takes too long for each object."""
    return issubclass(kind, TellsHeaders)


def _defect_of(error: ObjectGoneError | ReadRefusedError) -> Defect:
    return next(defect for kind, defect in _DEFECTS.items() if isinstance(error, kind))


_DEFECTS: dict[type[RefusedError], Defect] = {
    ObjectGoneError: Defect.GONE,
    DamagedObjectError: Defect.CORRUPT,
    BeyondLimitError: Defect.TOO_LARGE,
    ReadRefusedError: Defect.UNREADABLE,
}
"""What an object is that a store does not give: the first that fits counts."""


async def _read(store: Reads, info: ObjectInfo, limits: Limits, meter: Meter) -> Instance:
    """Read until the header is complete, each time from the first missing byte, and twice as much.

    Where that would exceed the limit, the header is what was read up to there.
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


def _take(told: ToldHeader, limits: Limits, meter: Meter) -> Instance:
    """Read a header that was told as those of objects are read."""
    meter.reads += told.reads
    meter.bytes_read += told.bytes_read
    window = Window(len(told.data))
    window.add(0, told.data[: limits.header_limit_bytes])
    answer = _scan(window, limits)
    instance = _scan_bounded(window, limits) if isinstance(answer, NeedMore) else answer
    attributes = dict(sorted({**instance.header.attributes, **told.beside}.items()))
    end = instance.header.unreadable_from if told.is_whole else _FROM_THE_START
    return replace(instance, header=replace(instance.header, attributes=attributes, unreadable_from=end))


def _scan(window: Window, limits: Limits) -> Instance | NeedMore:
    return scan(window, inflated_limit=limits.inflated_limit_bytes, elements_limit=limits.elements_limit)


def _scan_bounded(window: Window, limits: Limits) -> Instance:
    return scan_bounded(window, inflated_limit=limits.inflated_limit_bytes, elements_limit=limits.elements_limit)
