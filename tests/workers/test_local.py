"""How shards are run: in order, a bounded number at a time, and an error ends it."""

import threading
import time
from collections.abc import Iterator

import pytest

from dicom_sieve.screening import RunsShards, Shard, ShardResult, in_threads, one_by_one

EXECUTORS = [one_by_one, in_threads(1), in_threads(3)]


def shards(count: int) -> list[Shard]:
    return [Shard(number, ()) for number in range(1, count + 1)]


def index(shard: Shard) -> ShardResult:
    return ShardResult(shard.number, (), (), 0, 0)


@pytest.mark.parametrize("run", EXECUTORS)
class TestEveryExecutor:
    @pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 20])
    def test_every_executor_gives_every_result_in_the_order_of_the_shards(self, run: RunsShards, count: int) -> None:
        def later_is_faster(shard: Shard) -> ShardResult:
            time.sleep(0.002 * (count - shard.number))
            return index(shard)

        assert [shard.number for shard in run(later_is_faster, shards(count))] == list(range(1, count + 1))

    def test_every_executor_makes_shards_only_when_there_is_room(self, run: RunsShards) -> None:
        made = []

        def making() -> Iterator[Shard]:
            for shard in shards(100):
                made.append(shard.number)
                yield shard

        results = run(index, making())
        for taken, _ in enumerate(results, 1):
            assert len(made) <= taken + 4
            if taken == 10:
                break
        assert len(made) <= 14

    def test_an_error_of_a_shard_reaches_the_caller_in_its_turn(self, run: RunsShards) -> None:
        def fail_at_five(shard: Shard) -> ShardResult:
            if shard.number == 5:
                raise LookupError("five")
            return index(shard)

        results = run(fail_at_five, shards(50))

        assert [next(results).number for _ in range(4)] == [1, 2, 3, 4]
        with pytest.raises(LookupError, match="five"):
            next(results)

    def test_an_error_while_shards_are_made_reaches_the_caller(self, run: RunsShards) -> None:
        def making() -> Iterator[Shard]:
            yield from shards(4)
            raise LookupError("no more")

        with pytest.raises(LookupError, match="no more"):
            list(run(index, making()))


class TestInThreads:
    def test_in_threads_never_more_than_so_many_are_in_flight_and_indeed_so_many(self) -> None:
        guard, now, most = threading.Lock(), 0, 0

        def busy(shard: Shard) -> ShardResult:
            nonlocal now, most
            with guard:
                now += 1
                most = max(most, now)
            time.sleep(0.01)
            with guard:
                now -= 1
            return index(shard)

        assert len(list(in_threads(4)(busy, shards(30)))) == 30
        assert most == 4

    def test_in_threads_leaves_no_thread_behind_when_the_caller_stops_early(self) -> None:
        results = in_threads(3)(index, shards(50))
        next(results)

        results.close()  # type: ignore[attr-defined]  # it is a generator

        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("index")]
