"""How shards are run: an executor is a function; the one that runs them one by one is the debugger."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

from dicom_sieve.screening.index import Shard, ShardResult
from dicom_sieve.settings import Settings

One = TypeVar("One")
Flying = TypeVar("Flying")
Ended = TypeVar("Ended")
IndexesShard = Callable[[Shard], ShardResult]
Pool = Callable[[IndexesShard], AbstractContextManager[IndexesShard]]


class RunsShards(Protocol):
    """Runs a function over shards and gives what it returned, in the order of the shards.

    The shards are made while they are asked for, so only a bounded number may be in flight.
    """

    def __call__(self, index: IndexesShard, shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        """Run it."""
        ...


def one_by_one(index: IndexesShard, shards: Iterable[Shard], /) -> Iterator[ShardResult]:
    """Run shards one after the other, where the caller is."""
    return map(index, shards)


def in_threads(workers: int) -> RunsShards:
    """Give an executor that runs so many shards at the same time in threads."""

    def run(index: IndexesShard, shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        with ThreadPoolExecutor(workers, thread_name_prefix="index") as pool:
            # One more than there are threads: a thread that ends before the shard whose turn it is goes on.
            yield from in_flight(lambda shard: pool.submit(index, shard), Future.result, shards, workers + 1)

    return run


def in_pool(pool: Pool, most: int) -> RunsShards:
    """Give an executor that hands so many shards at the same time to a pool's workers."""

    def run(index: IndexesShard, shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        with pool(index) as remote:
            yield from in_threads(most)(remote, shards)

    return run


def in_processes(workers: int) -> RunsShards:
    """Give an executor that runs so many shards at the same time, each in a process: for all cores of one machine."""
    return in_pool(partial(process_pool, workers), workers + 1)  # one more, so that no process waits for the next


@contextmanager
def process_pool(workers: int, index: IndexesShard) -> Iterator[IndexesShard]:
    """Give a function that runs another in one of so many processes, and waits for it.

    The function goes to each process once, with the store that it holds, whose clients then serve all shards there;
    shards and results are pickled. Processes are spawned: a program that uses this guards its main module by
    ``if __name__ == "__main__"``.
    """
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _install, (index,)) as pool:
        yield lambda shard: pool.submit(_index, shard).result()


_installed: list[IndexesShard] = []


def _install(index: IndexesShard) -> None:
    _installed[:] = [index]


def _index(shard: Shard) -> ShardResult:
    return _installed[0](shard)


def worker_processes(shards_in_flight: int) -> int:
    """Tell how many processes are worth starting: one a core, and never more than shards may be in flight."""
    return min(shards_in_flight, len(os.sched_getaffinity(0)))


def pool_for(settings: Settings) -> Pool:
    """Give the workers that the settings name: on entering, a function is exchanged for one that has them run it."""
    here = worker_processes(settings.shards_in_flight)
    match settings.task_runner:
        case "threads":
            return nullcontext  # whoever calls it is the worker
        case "processes":
            return partial(process_pool, here)
        case "ray":
            from dicom_sieve.screening.on_ray import ray_pool  # noqa: PLC0415 - an extra, and slow to import

            return partial(ray_pool, settings.ray_address, here)


def executor_for(settings: Settings) -> RunsShards:
    """Give the executor that the settings name."""
    return in_pool(pool_for(settings), settings.shards_in_flight)


def in_flight(
    submit: Callable[[One], Flying], result: Callable[[Flying], Ended], waiting: Iterable[One], most: int
) -> Iterator[Ended]:
    """Keep a bounded number of things in flight, and give their results in order.

    Args:
        submit: Starts one and gives its future.
        result: Waits for a future.
        waiting: Asked for one when there is room.
        most: How many may be in flight.
    """
    waiting = iter(waiting)
    flying = deque(submit(one) for one in islice(waiting, most))
    while flying:
        ended = result(flying.popleft())
        flying.extend(submit(one) for one in islice(waiting, 1))  # before the caller takes its time over the result
        yield ended
