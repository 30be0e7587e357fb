"""Shards in processes: the same ledger, and a process that dies takes nothing with it but its run."""

import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from dicom_sieve import Ledger
from dicom_sieve.screening import Shard, ShardResult, in_processes
from dicom_sieve.screening.index import IndexesShard
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.workers.local import process_pool
from tests.conftest import S3Server
from tests.corpus import FILES
from tests.screening.screenings import ct, screen_ct, state_of, verdicts


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number, path in enumerate(FILES.values()):
        shutil.copy(path, folder / f"{number:04}")
    return folder


def process_of(shard: Shard) -> ShardResult:
    return ShardResult(shard.number, (), (), reads=os.getpid(), bytes_read=0)


def die(shard: Shard) -> ShardResult:
    os._exit(shard.number)


def test_processes_give_the_ledger_that_threads_give(images: Path, ledger: Ledger) -> None:
    image = screen_ct(DirectoryStore(images), ledger, "one")
    ledger_of_one = verdicts(ledger, image.run_id)
    for path in images.iterdir():
        path.touch()  # another etag: everything is read again

    other = screen_ct(DirectoryStore(images), ledger, "other", run_shards=in_processes(2), shard_objects=25)

    assert other.counts["indexed"] == len(ledger_of_one)
    assert verdicts(ledger, other.run_id) == ledger_of_one


def test_processes_read_from_s3_with_clients_of_their_own(s3_server: S3Server, ledger: Ledger) -> None:
    bucket = s3_server.make_bucket()
    for number in range(30):
        s3_server.client().put_object(Bucket=bucket, Key=f"{number}.dcm", Body=ct(uid=f"1.{number}"))

    outcome = screen_ct(s3_server.store(bucket), ledger, "run", run_shards=in_processes(2), shard_objects=5)

    assert outcome.counts["passed"] == 30
    assert outcome.counts["series"] == {"WHOLE": 1}


def test_workers_are_other_processes_and_serve_many_shards() -> None:
    results = list(in_processes(2)(process_of, [Shard(number, ()) for number in range(1, 21)]))

    assert [result.number for result in results] == list(range(1, 21))
    processes = {result.reads for result in results}
    assert os.getpid() not in processes
    assert len(processes) <= 2


def test_one_that_dies_ends_the_run_and_the_next_one_reads_on(images: Path, ledger: Ledger) -> None:
    def dying(_index: IndexesShard, shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        with process_pool(1, die) as remote:
            yield from map(remote, shards)

    with pytest.raises(BrokenProcessPool):
        screen_ct(DirectoryStore(images), ledger, "first", run_shards=dying, shard_objects=25)
    state, failure = state_of(ledger, "first")
    assert state == "FAILED"
    assert str(failure).startswith("a worker process was killed, perhaps for want of memory")

    outcome = screen_ct(DirectoryStore(images), ledger, "second", run_shards=in_processes(1))

    assert outcome.counts["unread"] == 0
