"""Shards on Ray: the ledger that threads give, whatever dies meanwhile, and nothing kept of what must not be."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import ray

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import WorkersError
from dicom_sieve.screening import Shard, ShardResult, in_threads
from dicom_sieve.stores import DirectoryStore, S3Access, S3Store, StaticCredentials
from dicom_sieve.workers import ray as on_ray
from dicom_sieve.workers.ray import ray_pool
from tests.conftest import S3Server
from tests.ledger.export import export
from tests.screening.screenings import screen_ct, state_of, write_images
from tests.support.builders import make_instance
from tests.support.processes import descendants
from tests.support.ray_cluster import Nodes, read_nothing, running_ray
from tests.support.simulated_store import SimulatedStore
from tests.support.sockets import addresses_listened_on

pytestmark = pytest.mark.timeout(600)
SECRET = "plantedsecretofthebucket"
NAME = "PLANTED^PATIENT"


OF_ITS_OWN = """
import os, sys
from ray._private import ray_constants
from dicom_sieve.screening import Shard
from dicom_sieve.workers.ray import LOOPBACK, ray_pool
from tests.support.ray_cluster import read_nothing
with ray_pool("", 1, read_nothing) as remote:
    print(remote(Shard(7, ())).number, flush=True)
    sys.stdin.read()
print(ray_constants.ENABLE_RAY_CLUSTER, os.environ.get(LOOPBACK))
"""
"""Starts a Ray, tells that a shard was executed there, and stops it when it is told to."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with running_ray() as running:
        yield running


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with open_ledger("sqlite:///:memory:") as opened:
        yield opened


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_images(tmp_path / "images")


def fail(shard: Shard) -> ShardResult:
    raise LookupError(f"{NAME} {SECRET} {shard.number}")


def die(shard: Shard) -> ShardResult:
    os._exit(shard.number)


def die_once(mark: Path, shard: Shard) -> ShardResult:
    """Die, but for the second time, and tell by how many processes it was tried."""
    with mark.open("a") as file:
        file.write(f"{os.getpid()}\n")
    if len(mark.read_text().splitlines()) == 1:
        os._exit(1)
    return ShardResult(shard.number, (), (), reads=len(mark.read_text().splitlines()), bytes_read=0)


def test_ray_gives_the_ledger_that_threads_give(nodes: Nodes, images: Path, ledger: Ledger) -> None:
    with open_ledger("sqlite:///:memory:") as once:
        screen_ct(DirectoryStore(images), once, "run", run_shards=in_threads(2), shard_objects=7)
        expected = export(once)

    screen_ct(DirectoryStore(images), ledger, "run", run_shards=nodes.executor(), shard_objects=7)

    assert export(ledger) == expected


class TestWhenAWorkerDies:
    def test_its_shard_is_executed_again(self, nodes: Nodes, tmp_path: Path) -> None:
        with ray_pool(nodes.address, 1, partial(die_once, tmp_path / "mark")) as remote:
            assert remote(Shard(1, ())).reads == 2

    def test_when_a_worker_dies_again_and_again_the_run_fails_and_the_next_one_reads_on(
        self, nodes: Nodes, images: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(on_ray, "EXECUTIONS", 2)

        def dying(_index: object, shards: Iterator[Shard], /) -> Iterator[ShardResult]:
            with ray_pool(nodes.address, 1, die) as remote:
                yield from map(remote, shards)

        with pytest.raises(WorkersError):
            screen_ct(DirectoryStore(images), ledger, "first", run_shards=dying, shard_objects=25)
        state, failure = state_of(ledger, "first")
        assert state == "FAILED"
        assert str(failure).startswith("Ray did not bring shard 1 home: WorkerCrashedError; see whether its machines")

        outcome = screen_ct(DirectoryStore(images), ledger, "second", run_shards=nodes.executor())

        assert outcome.counts["unread"] == 0


class TestNothingIsKept:
    def test_nothing_is_kept_of_credentials_and_of_what_errors_say(
        self, nodes: Nodes, moto_server: S3Server, ledger: Ledger
    ) -> None:
        bucket = moto_server.make_bucket()
        moto_server.client().put_object(Bucket=bucket, Key="1.dcm", Body=make_instance(PatientName=NAME))
        access = S3Access(bucket, "eu-west", moto_server.endpoint, StaticCredentials("planted-key", SECRET))

        screen_ct(S3Store(access, ""), ledger, "run", run_shards=nodes.executor())
        with ray_pool(nodes.address, 1, fail) as remote, pytest.raises(WorkersError) as caught:
            remote(Shard(1, ()))

        assert str(caught.value).startswith("unexpected LookupError in a worker on Ray, raised through ray.py:")
        assert caught.value.__cause__ is None
        control = [process for node in nodes.cluster.list_all_nodes() for process in _processes(node)]
        assert len(control) == 4
        assert any(b"dicom-sieve-task" in _memory(number) for name, number in control if name == "gcs_server")
        for planted in (SECRET, NAME):
            assert [name for name, number in control if planted.encode() in _memory(number)] == []
            files = [path for path in nodes.folder.rglob("*") if path.is_file()]
            assert len(files) > 10
            assert [path.name for path in files if planted.encode() in path.read_bytes()] == []

    def test_nothing_is_kept_and_little_is_sent(self) -> None:
        store = S3Store(S3Access("b" * 60, "eu-west", "https://localhost:9000", StaticCredentials("k", SECRET)), "p")
        objects = SimulatedStore({f"study/series/{number:030}.dcm": b"" for number in range(1_000)})

        assert len(pickle.dumps(store)) < 1_000
        assert len(pickle.dumps(objects.shard(*objects.objects()))) < 200 * 1_000


def test_one_that_a_run_starts_listens_on_no_address_of_the_network() -> None:
    command = [sys.executable, "-c", OF_ITS_OWN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        started = process.stdout.readline()
        found = addresses_listened_on([process.pid, *descendants(process.pid)])
        process.stdin.close()
        stopped = process.stdout.read()

    assert (started, stopped, process.returncode) == ("7\n", "True None\n", 0)
    assert found == {IPv4Address("127.0.0.1")}


def test_what_cannot_be_reached_is_said_at_once() -> None:
    with (
        pytest.raises(WorkersError, match=r"^no Ray at 127\.0\.0\.1:1: ConnectionRefusedError; accepted for DICOM_"),
        ray_pool("127.0.0.1:1", 1, fail),
    ):
        pytest.fail("there is none")


def test_one_that_takes_too_long_is_asked_again(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = ray.init
    asked = []

    def slow_at_first(*where: str, **means: Any) -> Any:
        asked.append(where)
        if len(asked) == 1:
            raise RuntimeError("Proxy failed to Connect to backend!")  # what Ray says after 30 s
        return connect(*where, **means)

    monkeypatch.setattr(ray, "init", slow_at_first)

    with ray_pool(nodes.address, 1, read_nothing) as remote:
        assert remote(Shard(7, ())).number == 7
    assert asked == [(nodes.address,)] * 2


def test_a_worker_of_another_version_is_refused(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "__version__", "0.0.0")

    with (
        ray_pool(nodes.address, 1, fail) as remote,
        pytest.raises(WorkersError, match=r"^a worker on Ray has dicom-sieve .*, and the run 0\.0\.0; install"),
    ):
        remote(Shard(1, ()))


def _processes(node: object) -> Iterator[tuple[str, int]]:
    """Give Ray's own processes of a node: its control plane and its object store."""
    for name, started in node.all_processes.items():  # type: ignore[attr-defined]
        for process in started:
            if name in {"gcs_server", "raylet"}:
                yield name, process.process.pid


def _memory(number: int) -> bytes:
    """Read what a process holds in memory of its own."""
    held = []
    with Path(f"/proc/{number}/mem").open("rb") as memory:
        for line in Path(f"/proc/{number}/maps").read_text().splitlines():
            ends, rights, *_ = line.split()
            start, end = (int(address, 16) for address in ends.split("-"))
            if rights.startswith("rw"):
                try:
                    memory.seek(start)
                    held.append(memory.read(end - start))
                except (OSError, OverflowError):
                    continue
    return b"".join(held)
