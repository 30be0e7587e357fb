"""A disk that is really full, under ledger or output: the run says so, nothing is lost, the next one goes on."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.audit.verify import verify
from tests.cli.command import run_command
from tests.conftest import not_present
from tests.screening.screenings import ct, screen_ct, sql, state_of, verdicts
from tests.support.simulated_store import SimulatedStore

AS_ROOT = () if os.geteuid() == 0 else ("sudo", "--non-interactive")
OBJECTS = 600
LEASE_SECONDS = 10.0
MAKE_ROOM = "make room, then start it again: a run reads only what is missing"
CRITERIA = '[{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]'


@dataclass(frozen=True)
class Disk:
    """A file system in memory.

    Attributes:
        path: Where it is mounted.
    """

    path: Path

    def set_size(self, kibibytes: int) -> None:
        """Make it larger."""
        as_root("mount", "-o", f"remount,size={kibibytes}k", str(self.path))

    @property
    def used(self) -> int:
        """Bytes that are used."""
        status = os.statvfs(self.path)
        return (status.f_blocks - status.f_bfree) * status.f_frsize


def as_root(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*AS_ROOT, *command], capture_output=True, text=True, check=False)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """An empty disk of 64 MiB, not in pytest's own folder: PostgreSQL is another user, and has to reach it."""
    with TemporaryDirectory(prefix="dicom-sieve-disk-") as folder:
        Path(folder).chmod(0o711)
        options = f"size=64m,mode=0711,uid={os.geteuid()},gid={os.getegid()}"
        mounted = as_root("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder)
        if mounted.returncode:
            not_present("a small disk", f"this user may mount none: {mounted.stderr.strip()}")
        yield Disk(Path(folder))
        as_root("umount", "--lazy", folder)


def store_of(count: int = OBJECTS) -> SimulatedStore:
    """Make a bucket in which each object is a series of its own, so that each takes room."""
    return SimulatedStore({f"{n:04}": ct(f"1.5.{n}", f"1.6.{n}", StudyDescription=f"{n}" * 50) for n in range(count)})


def screen_all(store: SimulatedStore, ledger: Ledger, run_id: str) -> None:
    screen_ct(store, ledger, run_id, shard_objects=20, lease_seconds=LEASE_SECONDS)


def assert_goes_on(store: SimulatedStore, ledger: Ledger, said: str) -> None:
    """Check that the next run reads what is missing alone, and that all is as if no disk had been full."""
    [(unread,)] = sql(ledger, "SELECT count(*) FROM object WHERE removed_in IS NULL AND header_id IS NULL")
    store.forget_requests()
    screen_all(store, ledger, "next")
    assert 0 < unread < OBJECTS
    assert len({key for key, *_ in store.reads}) == unread
    assert state_of(ledger, "next") == ("COMPLETED", None)
    state, failure = state_of(ledger, "full")
    assert state == "FAILED"
    assert failure in (said, "its process ended before the run did"), "as far as there was room to record it"
    assert len(verdicts(ledger, "next")) == OBJECTS
    assert verify(ledger.engine).is_intact


class TestTheDiskOfAnSqliteLedger:
    def test_that_is_full_ends_the_run_in_a_sentence_and_the_next_one_goes_on(self, disk: Disk) -> None:
        store = store_of()
        with open_ledger(f"sqlite:///{disk.path / 'ledger.db'}") as ledger:
            screen_all(SimulatedStore(), ledger, "before")
            store.on_read = lambda _: disk.set_size(disk.used // 1024 + 200) if len(store.reads) == 300 else None

            with pytest.raises(LedgerError) as caught:
                screen_all(store, ledger, "full")

            assert str(caught.value) == (
                f"the ledger cannot be used: {disk.path / 'ledger.db'}: its disk is full; {MAKE_ROOM}"
            )
            disk.set_size(65_536)
            assert_goes_on(store, ledger, str(caught.value))


class TestTheDiskOfAnOutput:
    @pytest.mark.parametrize("copies", [(), ("--copy",)])
    def test_that_is_full_fails_the_run_and_the_next_one_publishes(
        self, disk: Disk, tmp_path: Path, copies: tuple[str, ...]
    ) -> None:
        images = tmp_path / "images"
        images.mkdir()
        for number in range(20):
            made = ct("1.5.1", f"1.6.{number}", pixel_bytes=100_000 if copies else 0, PatientID=f"{number}" * 20)
            (images / f"{number}.dcm").write_bytes(made)
        (tmp_path / "criteria.json").write_text(CRITERIA)
        screen = ("screen", str(images), "--criteria", str(tmp_path / "criteria.json"), "--output", str(disk.path))
        disk.set_size(1_024 if copies else 8)

        failed = run_command(*screen, *copies, home=tmp_path)

        assert failed.returncode == 1
        assert "the disk is full: make room where the ledger, the output and the temporary folder" in failed.stderr
        assert "then start it again: a run reads only what is missing" in failed.stderr
        assert list(disk.path.rglob("manifest.json")) == []
        assert list(disk.path.glob(".*")) == []
        disk.set_size(65_536)
        done = run_command(*screen, *copies, home=tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(list(disk.path.rglob("manifest.json"))) == 1
        with open_ledger(f"sqlite:///{tmp_path / '.dicom-sieve' / 'ledger.db'}") as ledger:
            last, first = ledger.runs()
            assert (first.state, last.state) == ("FAILED", "COMPLETED")
            assert str(first.failure) in failed.stderr
            assert (last.counts or {})["indexed"] == 0
            assert verify(ledger.engine).is_intact


@pytest.mark.needs_postgresql
class TestTheDiskOfPostgresql:
    def test_that_is_full_ends_the_run_in_a_sentence_and_the_next_one_goes_on(
        self, disk: Disk, postgres_server: sa.URL, postgres_url: str
    ) -> None:
        url, name = sa.make_url(postgres_url), f"small_{os.getpid()}"
        given_to_server(disk.path, Path(str(url.query["host"])))
        run_sql(
            postgres_server,
            f"CREATE TABLESPACE {name} LOCATION '{disk.path}'",
            f"ALTER DATABASE {url.database} SET TABLESPACE {name}",
        )
        try:
            store = store_of()
            with open_ledger(postgres_url) as ledger:
                screen_all(SimulatedStore(), ledger, "before")
                store.on_read = lambda _: disk.set_size(disk.used // 1024 + 100) if len(store.reads) == 300 else None

                with pytest.raises(LedgerError) as caught:
                    screen_all(store, ledger, "full")

                assert str(caught.value) == (
                    f"the ledger cannot be used: {ledger.address}: PostgreSQL's disk is full; "
                    "make room there, then start it again: a run reads only what is missing"
                )
                disk.set_size(65_536)
                assert_goes_on(store, ledger, str(caught.value))
        finally:
            run_sql(
                postgres_server,
                f"ALTER DATABASE {url.database} SET TABLESPACE pg_default",
                f"DROP TABLESPACE {name}",
            )


def given_to_server(path: Path, data: Path) -> None:
    """Let the server's user own a folder."""
    status = data.stat()
    as_root("chown", f"{status.st_uid}:{status.st_gid}", str(path))


def run_sql(server: sa.URL, *statements: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
