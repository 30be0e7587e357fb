"""kill -9 of what a run works with: its worker processes, and PostgreSQL itself. The same trigger again completes it.

There is one such kill for ten of a run's own process; see `tests.screening.test_crash`.
"""

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.screening import Outcome, in_processes
from dicom_sieve.stores import DirectoryStore
from tests.ledger.export import export
from tests.screening.doomed import MOST_LOST, SHARD_OBJECTS, WORKERS, Work
from tests.screening.killing import INDEXED, KILLS, OBJECTS, assert_same, fill, start, watch
from tests.screening.screenings import screen_ct, sql
from tests.support.postgres_of_own import Postgres, postgres_of_own
from tests.support.prefect_server import wait_for
from tests.support.processes import kill

FEW_KILLS = max(3, KILLS // 10)


@dataclass(frozen=True)
class DoomedDirectory(DirectoryStore):
    """A directory that notes every read in a file, and kills the process that makes the one of some number."""

    notes: Path = Path()
    last_read: int = 0

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        file = os.open(self.notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, b".")
        os.close(file)
        if self.reads() == self.last_read:
            kill(os.getpid())
        return await super().read(listed, start=start, end=end)

    def reads(self) -> int:
        return self.notes.stat().st_size if self.notes.exists() else 0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fill(tmp_path / "objects", 0, OBJECTS)
    return tmp_path / "objects"


@pytest.fixture
def undisturbed(root: Path, tmp_path: Path) -> str:
    """What a ledger says of a run that nothing disturbed."""
    url = f"sqlite:///{tmp_path / 'undisturbed.db'}"
    expected, _, _ = watch(Work(url, root, tmp_path / "once", tmp_path / "notes"))
    return expected


@pytest.mark.timeout(max(300, 30 * FEW_KILLS))
def test_a_worker_process_that_is_killed_costs_the_shards_in_flight(
    ledger: Ledger, root: Path, tmp_path: Path, undisturbed: str
) -> None:
    store = DoomedDirectory(root, notes=tmp_path / "read")
    chance = random.Random(20260101)

    def screen_again(last_read: int) -> Outcome:
        return screen_ct(
            replace(store, last_read=last_read),
            ledger,
            "again",
            run_shards=in_processes(WORKERS),
            shard_objects=SHARD_OBJECTS,
            objects_together=1,
            output=DirectoryStore(tmp_path / "published"),
        )

    kills = 0
    while (known := sql(ledger, INDEXED)[0][0]) < OBJECTS - 25 and kills < FEW_KILLS:
        read = store.reads()
        with pytest.raises(BrokenProcessPool):
            screen_again(read + chance.randint(1, 20))
        assert store.reads() - read - (sql(ledger, INDEXED)[0][0] - known) <= MOST_LOST
        kills += 1
    outcome = screen_again(0)

    assert kills >= 3
    assert_same(export(ledger, outcome.run_id), undisturbed, outcome.run_id, tmp_path / "published")
    assert [row.state for row in ledger.runs()] == ["COMPLETED"] + ["FAILED"] * kills


@pytest.fixture
def postgres(postgres_server: sa.URL) -> Iterator[Postgres]:
    del postgres_server  # it sets up what the wheel needs before it is imported
    with postgres_of_own() as server:
        yield server


@pytest.mark.needs_postgresql
@pytest.mark.timeout(max(300, 30 * FEW_KILLS))
def test_postgresql_that_is_killed_again_and_again_costs_a_run_nothing_but_time(
    postgres: Postgres, root: Path, tmp_path: Path, undisturbed: str
) -> None:
    work = Work(postgres.url, root, tmp_path / "published", tmp_path / "killed")
    open_ledger(work.url).close()
    chance = random.Random(20260101)
    process = start(work)
    for _ in range(FEW_KILLS):
        enough = len(work.reads) + chance.randint(1, 15)
        wait_for(lambda: len(work.reads) >= enough or not process.is_alive(), "the reads", 60)  # noqa: B023
        time.sleep(chance.uniform(0, 0.02))
        postgres.kill()
        postgres.start()
    process.join(60)

    assert (process.exitcode, work.error) == (0, "")
    assert len(work.reads) == len(set(work.reads)), "nothing is read again"
    with open_ledger(work.url) as ledger:
        assert_same(export(ledger, work.execution_id), undisturbed, work.execution_id, work.output)
        assert {row.state for row in ledger.runs()} == {"COMPLETED"}
