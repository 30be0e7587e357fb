"""One store in many threads, event loops and processes."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from threading import Barrier

import pytest

from dicom_sieve.ledger.writing.headers import UnreadObject
from dicom_sieve.screening.index import Shard, ShardResult, index_shard
from dicom_sieve.stores import S3Store
from dicom_sieve.stores.read_header import Limits
from tests.conftest import S3Server
from tests.stores.buckets import fill
from tests.support.builders import make_instance

OBJECTS = 120


def key_of(number: int) -> str:
    """Every tenth is one that boto3 reads."""
    return f"series{'//' if number % 10 == 0 else '/'}{number:03}.dcm"


@pytest.fixture(scope="module")
def bucket(rgw_server: S3Server) -> str:
    """Instances whose UIDs tell which object they are."""
    name = rgw_server.make_bucket()
    fill(
        rgw_server,
        name,
        {
            key_of(number): make_instance(SOPInstanceUID=f"1.2.3.{number}", pixel_bytes=20_000)
            for number in range(OBJECTS)
        },
    )
    return name


def shards_of(store: S3Store, count: int) -> list[Shard]:
    objects = [UnreadObject(number, info) for number, info in enumerate(store.list())]
    return [Shard(number + 1, tuple(objects[number::count])) for number in range(count)]


def uids(results: list[ShardResult]) -> dict[str, str | None]:
    assert not any(result.unread for result in results)
    return {indexed.info.key: indexed.instance.sop_instance_uid for result in results for indexed in result.indexed}


EXPECTED = {key_of(number): f"1.2.3.{number}" for number in range(OBJECTS)}


@pytest.mark.needs_rgw
class TestOneStore:
    def test_one_store_serves_four_threads_with_an_event_loop_each(self, rgw_server: S3Server, bucket: str) -> None:
        store = rgw_server.store(bucket)
        shards = shards_of(rgw_server.store(bucket), 8)  # listed by another: this one's clients open in the threads
        start = Barrier(4)

        def index(shard: Shard) -> ShardResult:
            if shard.number <= 4:
                start.wait()
            return index_shard(store, shard, Limits())

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(index, shards))

        assert uids(results) == EXPECTED

    def test_one_store_goes_to_other_processes(self, rgw_server: S3Server, bucket: str) -> None:
        store = rgw_server.store(bucket)
        shards = shards_of(store, 2)
        assert uids([index_shard(store, shard, Limits()) for shard in shards]) == EXPECTED  # its clients are open

        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            results = list(pool.map(index_shard, [store] * 2, shards, [Limits()] * 2))

        assert uids(results) == EXPECTED

    def test_one_store_opens_in_sixteen_threads_at_once(self, rgw_server: S3Server, bucket: str) -> None:
        for _ in range(3):
            store, start = rgw_server.store(bucket), Barrier(16)

            def look(number: int, store: S3Store = store, start: Barrier = start) -> bool:
                start.wait()
                return store.find(key_of(number)) is not None

            with ThreadPoolExecutor(16) as pool:
                assert all(pool.map(look, range(16)))
