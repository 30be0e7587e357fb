"""Read the headers of a shard's objects: a few ranged reads each, many at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import time_ns

from dicom_sieve.advice import NOT_ASKED
from dicom_sieve.headers.edition import current_edition
from dicom_sieve.ledger.writing.headers import IndexedObject, UnreadObject
from dicom_sieve.stores.event_loop import run_beside_others
from dicom_sieve.stores.interface import (
    Reads,
    TransportError,
)
from dicom_sieve.stores.read_header import Limits, Meter, read_header
from dicom_sieve.workers.interface import Executor

FAILURES_IN_A_ROW = 64
"""Objects in a row that could not be read; after these the store counts as down for this shard."""


@dataclass(frozen=True, slots=True)
class Shard:
    """The objects that one task indexes.

    Attributes:
        number: In the order in which the run made them, from 1.
        objects: One or more.
    """

    number: int
    objects: tuple[UnreadObject, ...] = field(repr=False)

    def __str__(self) -> str:
        """Name it, as errors do."""
        return f"shard {self.number}"


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What a shard brought. Every object of the shard is in one of the two.

    Attributes:
        number: The shard's.
        indexed: Objects whose header is known.
        unread: Rows of objects that could not be read, with what the last attempt ended in.
        reads: How many ranges were read.
        bytes_read: How many bytes.
        edition: The digest of the edition that the headers were read for, where the shard was indexed.
        began: When it was begun, in nanoseconds since 1970 by the clock there.
        ended: When it was done, likewise.
    """

    number: int
    # Not shown: they hold patients' values, and a reader of a task's result would wait for a long text.
    indexed: tuple[IndexedObject, ...] = field(repr=False)
    unread: tuple[tuple[int, str], ...] = field(repr=False)
    reads: int
    bytes_read: int
    edition: str = field(default_factory=lambda: current_edition().digest)
    began: int = field(default=0, compare=False)
    ended: int = field(default=0, compare=False)


IndexesShard = Callable[[Shard], ShardResult]
RunsShards = Executor[Shard, ShardResult]


def index_shard(store: Reads, shard: Shard, limits: Limits) -> ShardResult:
    """Read the headers of a shard's objects.

    It may run in another process and more than once: it changes nothing and gives the same again.

    Args:
        store: Where the objects lie.
        shard: Which objects.
        limits: How much is read.
    """
    began = time_ns()
    result = run_beside_others(_index_shard(store, shard, limits))
    return replace(result, began=began, ended=time_ns())


async def _index_shard(store: Reads, shard: Shard, limits: Limits) -> ShardResult:
    meter = Meter()
    failed_in_a_row = 0
    outcomes: dict[int, IndexedObject | str] = {}
    waiting = iter(shard.objects)

    async def index_one_after_another() -> None:
        nonlocal failed_in_a_row
        for unread in waiting:
            if failed_in_a_row >= FAILURES_IN_A_ROW:
                outcomes[unread.id] = NOT_ASKED
                continue
            try:
                info, instance = await read_header(store, unread.info, limits, meter)
            except TransportError as error:
                outcomes[unread.id] = str(error.args[0])
                failed_in_a_row += 1
            else:
                was_overwritten = (info.etag, info.size) != (unread.info.etag, unread.info.size)
                outcomes[unread.id] = IndexedObject(unread.id, info, instance, was_overwritten)
                failed_in_a_row = 0

    lanes = min(limits.reads_in_flight, len(shard.objects))
    await asyncio.gather(*(index_one_after_another() for _ in range(lanes)))
    in_order = [(listed.id, outcomes[listed.id]) for listed in shard.objects]
    return ShardResult(
        shard.number,
        tuple(outcome for _, outcome in in_order if isinstance(outcome, IndexedObject)),
        tuple((row, outcome) for row, outcome in in_order if isinstance(outcome, str)),
        meter.reads,
        meter.bytes_read,
    )
