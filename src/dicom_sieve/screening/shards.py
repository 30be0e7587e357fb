"""How shards are run: an executor is a function; the one that runs them one by one is the debugger."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Protocol, TypeVar

from dicom_sieve.screening.index import Shard, ShardResult

T = TypeVar("T")


class RunsShards(Protocol):
    """Runs a function over shards and gives what it returned, in the order of the shards.

    The shards are made while they are asked for, so only a bounded number may be in flight.
    """

    def __call__(self, index: Callable[[Shard], ShardResult], shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        """Run it."""
        ...


def one_by_one(index: Callable[[Shard], ShardResult], shards: Iterable[Shard], /) -> Iterator[ShardResult]:
    """Run shards one after the other, where the caller is."""
    return map(index, shards)


def in_threads(workers: int) -> RunsShards:
    """Give an executor that runs so many shards at the same time in threads."""

    def run(index: Callable[[Shard], ShardResult], shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        with ThreadPoolExecutor(workers, thread_name_prefix="index") as pool:
            yield from in_flight(lambda shard: pool.submit(index, shard), Future.result, shards, workers)

    return run


def in_flight(
    submit: Callable[[Shard], T],
    result: Callable[[T], ShardResult],
    shards: Iterable[Shard],
    most: int,
) -> Iterator[ShardResult]:
    """Keep a bounded number of shards in flight, and give their results in order.

    Args:
        submit: Starts a shard and gives its future.
        result: Waits for a future.
        shards: Asked for one when there is room.
        most: How many may be in flight.
    """
    waiting = iter(shards)
    flying = deque(submit(shard) for shard in islice(waiting, most))
    while flying:
        yield result(flying.popleft())
        flying.extend(submit(shard) for shard in islice(waiting, 1))
