"""Copies of the objects that passed, under their own keys, each bound to the etag that was judged."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import islice

import pyarrow as pa

from dicom_sieve.errors import RefusedError, StoreError
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.interface import (
    Copies,
    Downloads,
    ObjectChangedError,
    ObjectGoneError,
    TransportError,
    UnwritableKeyError,
)
from dicom_sieve.stores.paths import key_of_copy

COPIES_IN_FLIGHT = 16
FAILURES_IN_A_ROW = 64
"""So many copies in a row that faults of transport prevented: then the stores are down, and the run ends."""
BATCH_ROWS = 10_000

COPIES = pa.schema(
    [
        ("key", pa.string()),
        ("etag", pa.string()),
        ("size", pa.int64()),
        ("copy_key", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
    ]
)
"""Columns of ``copies.parquet``: a row for every object that passed; the reason says why there is no copy."""


class CopyOutcome(StrEnum):
    """What became of the copy of one object: a closed set."""

    COPIED = "COPIED"
    CHANGED = "CHANGED"
    GONE = "GONE"
    REFUSED = "REFUSED"
    UNWRITABLE_KEY = "UNWRITABLE_KEY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Copied:
    """One object, and what became of its copy.

    Attributes:
        info: The object as it was judged.
        key: Of the copy.
        outcome: Whether it was made.
        reason: Why not, in words; None where it was.
    """

    info: ObjectInfo
    key: str
    outcome: CopyOutcome
    reason: str | None = None


def copy_objects(
    objects: Iterable[ObjectInfo], source: Downloads, target: Copies, folder: str, formers: Sequence[str] = ()
) -> Iterator[Copied]:
    """Copy objects, several at a time, and tell of each in their order.

    Args:
        objects: As they were judged.
        source: Where they lie.
        target: Where they are copied to.
        folder: What the keys of the copies begin with; the object's own key follows, as `key_of_copy` gives it.
        formers: Other such folders of the target, where earlier starts of the run left what they had copied.

    Raises:
        StoreError: The target refuses to be written to, or nothing comes through any more.
    """
    copy = partial(_copy, source=source, target=target, folder=folder, formers=formers)
    waiting = iter(objects)
    failed_in_a_row = 0
    with ThreadPoolExecutor(COPIES_IN_FLIGHT, thread_name_prefix="copy") as pool:
        flying: deque[Future[Copied]] = deque(pool.submit(copy, info) for info in islice(waiting, 2 * COPIES_IN_FLIGHT))
        try:
            while flying:
                done = flying.popleft().result()
                failed_in_a_row = failed_in_a_row + 1 if done.outcome is CopyOutcome.FAILED else 0
                if failed_in_a_row == FAILURES_IN_A_ROW:
                    raise StoreError("copy to", str(target.location), f"{failed_in_a_row} copies in a row failed")
                yield done
                flying.extend(pool.submit(copy, info) for info in islice(waiting, 1))
        finally:
            for one in flying:
                one.cancel()


def _copy(info: ObjectInfo, *, source: Downloads, target: Copies, folder: str, formers: Sequence[str]) -> Copied:
    path = key_of_copy(info.key, source.location, target.location)
    key = f"{folder}/{path}"
    try:
        target.copy_from(source, info, key, [f"{former}/{path}" for former in formers])
    except ObjectChangedError as error:
        return Copied(info, key, CopyOutcome.CHANGED, str(error))
    except ObjectGoneError as error:
        return Copied(info, key, CopyOutcome.GONE, str(error))
    except UnwritableKeyError as error:
        return Copied(info, key, CopyOutcome.UNWRITABLE_KEY, str(error))
    except RefusedError as error:
        return Copied(info, key, CopyOutcome.REFUSED, str(error))
    except TransportError as error:
        return Copied(info, key, CopyOutcome.FAILED, str(error))
    return Copied(info, key, CopyOutcome.COPIED)


def to_batches(copied: Iterable[Copied], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """Turn copies into Arrow batches, and count them by outcome on the way."""
    for some in _batched(copied):
        counts.update(one.outcome.value for one in some)
        columns = zip(
            *((one.info.key, one.info.etag, one.info.size, one.key, one.outcome, one.reason) for one in some),
            strict=True,
        )
        yield pa.record_batch(
            [pa.array(values, field.type) for values, field in zip(columns, COPIES, strict=True)], schema=COPIES
        )


def _batched(copied: Iterable[Copied]) -> Iterator[list[Copied]]:
    remaining = iter(copied)
    while some := list(islice(remaining, BATCH_ROWS)):
        yield some
