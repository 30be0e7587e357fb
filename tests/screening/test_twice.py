"""Every shard executed twice at the same time, as an engine does that lost a worker: no difference, no error."""

import multiprocessing
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.ledger.writing.headers import UnreadObject, record_headers
from dicom_sieve.objects import Location
from dicom_sieve.screening import RunsShards, Shard, ShardResult, index_shard
from dicom_sieve.screening.index import IndexesShard
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.stores.read_header import Limits
from tests.ledger.export import export
from tests.screening.screenings import ct, screen_ct, sql, write_images
from tests.support.simulated_store import SimulatedStore

Twins = tuple[ShardResult, ShardResult]
"""What the two executions of one shard gave."""


def one_after_the_other(twins: Iterable[Twins]) -> Iterator[ShardResult]:
    return chain.from_iterable(twins)


def all_second_ones_last(twins: Iterable[Twins]) -> Iterator[ShardResult]:
    firsts, seconds = zip(*twins, strict=True)
    return chain(firsts, seconds)


def late(twins: Iterable[Twins]) -> Iterator[ShardResult]:
    """Give each second result when the firsts of three more shards have been given."""
    waiting: deque[ShardResult] = deque()
    for first, second in twins:
        yield first
        waiting.append(second)
        if len(waiting) > 3:
            yield waiting.popleft()
    yield from waiting


def shuffled(twins: Iterable[Twins]) -> Iterator[ShardResult]:
    results = list(chain.from_iterable(twins))
    random.Random(7).shuffle(results)
    return iter(results)


def twice_in(pool: Callable[[], Executor], order: Callable[[Iterable[Twins]], Iterator[ShardResult]]) -> RunsShards:
    """Give an executor that starts each shard twice at once, and hands all results on in some order."""

    def run(index: IndexesShard, shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        with pool() as executor:
            started = [(executor.submit(index, shard), executor.submit(index, shard)) for shard in shards]
            yield from order((first.result(), second.result()) for first, second in started)

    return run


def in_threads() -> Executor:
    return ThreadPoolExecutor(4)


def in_processes() -> Executor:
    return ProcessPoolExecutor(2, multiprocessing.get_context("forkserver"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_images(tmp_path / "images")


@pytest.mark.parametrize("pool", [in_threads, in_processes])
@pytest.mark.parametrize("order", [one_after_the_other, all_second_ones_last, late, shuffled])
def test_a_run_gives_what_it_gives_when_every_shard_is_executed_once(
    ledger: Ledger,
    images: Path,
    tmp_path: Path,
    pool: Callable[[], Executor],
    order: Callable[[Iterable[Twins]], Iterator[ShardResult]],
) -> None:
    with open_ledger(f"sqlite:///{tmp_path / 'once.db'}") as once:
        counts = screen_ct(DirectoryStore(images), once, "run", shard_objects=7).counts
        expected = export(once)

    found = screen_ct(DirectoryStore(images), ledger, "run", shard_objects=7, run_shards=twice_in(pool, order)).counts

    assert export(ledger) == expected
    assert found["indexed"] == counts["indexed"] == 60
    assert found["reads"] == 2 * counts["reads"]


def test_results_of_one_shard_may_be_recorded_at_the_same_instant(ledger: Ledger) -> None:
    store = SimulatedStore({f"{number:03}": ct(f"1.5.{number + 1}", f"1.6.{number + 1}") for number in range(200)})
    elsewhere = {key: store.content(key) for key in store.objects()}
    # All headers are known, so that no two transactions wait for each other to store them.
    screen_ct(SimulatedStore(elsewhere, location=Location("https://simulated", "elsewhere")), ledger, "elsewhere")
    store.faults = dict.fromkeys(store.objects(), -1)
    with pytest.raises(Exception, match="INCOMPLETE"):
        screen_ct(store, ledger, "first")
    store.faults = {}
    keys = sql(ledger, "SELECT id, key FROM object WHERE header_id IS NULL ORDER BY id")
    unread = store.shard(*(key for _, key in keys))
    objects = [
        UnreadObject(row, unread_object.info) for (row, _), unread_object in zip(keys, unread.objects, strict=True)
    ]
    shards = [Shard(number, tuple(objects[number::4])) for number in range(4)]
    barrier = threading.Barrier(8)
    failures: list[BaseException] = []

    with ledger.lease(store.location, on_wait=pytest.fail) as lease:

        def record(shard: Shard) -> None:
            result = index_shard(store, shard, Limits())
            barrier.wait()
            try:
                with lease.writing() as connection:
                    record_headers(connection, lease.location_id, result.indexed)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=record, args=(shard,)) for shard in shards * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    assert failures == []
    assert screen_ct(store, ledger, "second").counts["reads"] == 0
    with open_ledger("sqlite:///:memory:") as once:
        screen_ct(store, once, "second")
        of_the_run = [line for line in export(ledger, "second").splitlines() if '"elsewhere"' not in line]
        assert of_the_run == export(once).splitlines()
