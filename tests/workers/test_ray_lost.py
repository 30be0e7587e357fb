"""A node of Ray killed in the middle, any number of times, and its head: the ledger of an undisturbed run.

``RAY_KILLS`` sets how many runs have a node killed, and ``RAY_OBJECTS`` how many objects they read.
"""

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from dicom_sieve import open_ledger
from dicom_sieve.errors import WorkersError
from dicom_sieve.screening import Shard, ShardResult, in_threads
from dicom_sieve.screening.index import IndexesShard
from dicom_sieve.stores import DirectoryStore
from dicom_sieve.workers import ray
from tests.ledger.export import export
from tests.screening.screenings import ct, mr, screen_ct, state_of
from tests.support.ray_cluster import Nodes, running_ray

KILLS = int(os.environ.get("RAY_KILLS", "1"))
OBJECTS = int(os.environ.get("RAY_OBJECTS", "400"))
SHARD_OBJECTS = max(10, OBJECTS // 100)
AT_SHARD = 10

pytestmark = pytest.mark.timeout(300 + 120 * KILLS + OBJECTS // 10)

SCREEN = """
import sys
from functools import partial
from pathlib import Path
from dicom_sieve import open_ledger
from dicom_sieve.workers.ray import ray_pool
from dicom_sieve.workers.local import in_pool
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import screen_ct

class Telling:
    def begin(self, phase, total): self.phase = phase
    def note(self, text): pass
    def advance(self, count): print(self.phase, flush=True)

url, root, address = sys.argv[1:]
with open_ledger(url) as ledger:
    pool = in_pool(partial(ray_pool, address, 2), 2)
    screen_ct(DirectoryStore(Path(root)), ledger, "run", run_shards=pool, shard_objects=1, observer=Telling())
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with running_ray() as running:
        yield running


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("images")
    for number in range(OBJECTS):
        data = (ct if number % 3 else mr)(f"1.5.{number % 7 + 1}", f"1.6.{number + 1}") if number % 10 else b"no DICOM"
        (root / f"{number:06}").write_bytes(data)
    return root


@pytest.fixture(scope="module")
def undisturbed(images: Path) -> str:
    with open_ledger("sqlite:///:memory:") as once:
        screen_ct(DirectoryStore(images), once, "run", run_shards=in_threads(2), shard_objects=SHARD_OBJECTS)
        return export(once)


def test_a_head_that_is_killed_ends_the_run_and_the_next_one_reads_what_is_missing(
    images: Path, undisturbed: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with running_ray() as nodes:
        process = subprocess.Popen(
            [sys.executable, "-c", SCREEN, url, str(images), nodes.address],
            env={**os.environ, "RAY_gcs_rpc_server_reconnect_timeout_s": "3"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        with process.stdout as told:
            for _ in zip(range(AT_SHARD), filter(lambda line: line == b"index\n", told), strict=False):
                continue
            nodes.kill_head()
            told.read()
        assert process.wait(120) != 0

    with open_ledger(url) as ledger:
        outcome = screen_ct(DirectoryStore(images), ledger, "next", run_shards=in_threads(2))
        assert state_of(ledger, "run")[0] == "FAILED"
        assert AT_SHARD <= OBJECTS - outcome.counts["indexed"] < OBJECTS
        assert export(ledger, "next").replace('"next"', '"run"') == undisturbed


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_node_killed_at_a_random_point_changes_nothing(
    nodes: Nodes, images: Path, undisturbed: str, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(20260107 + seed)
    last = OBJECTS // SHARD_OBJECTS - 5
    at = chance.randrange(last)

    def killing(index: IndexesShard, shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        for number, result in enumerate(nodes.executor()(index, shards)):
            if number == at:
                nodes.kill(chance.randrange(2))
            yield result

    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        screen_ct(DirectoryStore(images), ledger, "run", run_shards=killing, shard_objects=SHARD_OBJECTS)
        found = export(ledger)
    nodes.add()

    assert found == undisturbed


def test_a_run_fails_where_all_nodes_are_gone_and_the_next_one_reads_what_is_missing(
    nodes: Nodes, images: Path, undisturbed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "SECONDS_BETWEEN_LOOKS", 0.5)
    monkeypatch.setattr(ray, "SECONDS_WITHOUT_MACHINES", 3.0)

    def killing(index: IndexesShard, shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        for number, result in enumerate(nodes.executor()(index, shards)):
            if number == AT_SHARD:
                nodes.kill(0)
                nodes.kill(0)
            yield result

    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        with pytest.raises(WorkersError, match="no machine of Ray has been up for 3 s"):
            screen_ct(DirectoryStore(images), ledger, "run", run_shards=killing, shard_objects=SHARD_OBJECTS)
        nodes.add()
        nodes.add()
        assert state_of(ledger, "run")[0] == "FAILED"
        outcome = screen_ct(DirectoryStore(images), ledger, "next", run_shards=nodes.executor())

        assert AT_SHARD * SHARD_OBJECTS <= OBJECTS - outcome.counts["indexed"] < OBJECTS
        assert export(ledger, "next").replace('"next"', '"run"') == undisturbed


def test_a_head_that_is_restarted_changes_nothing(nodes: Nodes, images: Path, undisturbed: str, tmp_path: Path) -> None:
    def restarting(index: IndexesShard, shards: Iterable[Shard], /) -> Iterator[ShardResult]:
        for number, result in enumerate(nodes.executor()(index, shards)):
            if number == AT_SHARD:
                nodes.restart_head()
            yield result

    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        screen_ct(DirectoryStore(images), ledger, "run", run_shards=restarting, shard_objects=SHARD_OBJECTS)
        assert export(ledger) == undisturbed
