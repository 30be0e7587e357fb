"""A process is ended while it holds patients' images in a temporary place, and they stay there."""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import open_ledger, private
from dicom_sieve.computations import open_computation
from dicom_sieve.ending import ending_in_order
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import ct, screen_ct, state_of
from tests.security import leaver
from tests.support.prefect_server import wait_for

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with images that were screened, and a temporary folder of its own."""
    for name in ("images", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    for number in range(3):
        (tmp_path / "images" / f"{number}").write_bytes(ct(uid=f"1.2.3.4.{number}"))
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        screen_ct(DirectoryStore(tmp_path / "images"), ledger, "run")
    return tmp_path


@pytest.fixture
def start() -> Iterator[Callable[..., BaseProcess]]:
    """Start a process that waits, and give it when it has an image."""
    started: list[BaseProcess] = []

    def start(work: Callable[..., None], home: Path, *arguments: Any) -> BaseProcess:
        process = multiprocessing.get_context("spawn").Process(target=work, args=(home, *arguments))
        process.start()
        started.append(process)
        wait_for((home / "downloaded").exists, "an image to be downloaded", 60)
        (home / "downloaded").unlink()
        assert left(home)
        return process

    yield start
    for process in started:
        process.kill()
        process.join(30)


def left(home: Path) -> list[Path]:
    """Give what lies where it should not stay."""
    hidden = (path for path in (home / "out").rglob(".*") if path.is_dir())
    return [path for path in (*(home / "temporary").rglob("*"), *hidden) if path.exists()]


def end(process: BaseProcess, number: int) -> None:
    assert process.pid
    os.kill(process.pid, number)
    process.join(30)


STOPPED = "it was stopped by {}; start it again: a run reads only what is missing"


class TestToldToEnd:
    @pytest.mark.parametrize("number", SIGNALS)
    @pytest.mark.parametrize("way", ["download", "open_instances"])
    def test_a_computation_removes_its_images(
        self, home: Path, start: Callable[..., BaseProcess], number: signal.Signals, way: str
    ) -> None:
        process = start(leaver.compute, home, way)

        end(process, number)

        assert left(home) == []
        assert process.exitcode == 128 + number
        with open_ledger(f"sqlite:///{home / 'ledger.db'}") as ledger:
            [computation] = ledger.computations()
            [series] = ledger.run("run").computed()
        assert computation.state == "CANCELLED"
        assert (series.state, series.failure) == ("FAILED", STOPPED.format(number.name))

    @pytest.mark.parametrize("number", SIGNALS)
    def test_a_run_removes_what_it_was_copying(
        self, home: Path, start: Callable[..., BaseProcess], number: signal.Signals
    ) -> None:
        process = start(leaver.copy, home)

        end(process, number)

        assert left(home) == []
        assert process.exitcode == 128 + number
        with open_ledger(f"sqlite:///{home / 'ledger.db'}") as ledger:
            assert state_of(ledger, "copying") == ("CANCELLED", STOPPED.format(number.name))


class TestKilled:
    @pytest.mark.parametrize("way", ["download", "open_instances"])
    def test_a_computation_s_images_are_removed_by_the_next(
        self, home: Path, start: Callable[..., BaseProcess], way: str
    ) -> None:
        end(start(leaver.compute, home, way), signal.SIGKILL)
        assert left(home)

        with (
            open_ledger(f"sqlite:///{home / 'ledger.db'}") as ledger,
            open_computation(ledger, "other", version="1", run="run"),
        ):
            assert left(home) == []

    def test_a_run_s_half_written_copies_are_no_objects_and_are_removed_by_the_next(
        self, home: Path, start: Callable[..., BaseProcess]
    ) -> None:
        end(start(leaver.copy, home), signal.SIGKILL)
        parts = [path for path in left(home) if path.is_relative_to(home / "out")]
        assert parts
        listed = [info.key for info in DirectoryStore(home / "out").list()]
        assert not [key for key in listed if "part" in key.rpartition("/")[2] and "/instances/" not in key]
        assert not [key for key in listed if key.startswith(".")]

        with open_ledger(f"sqlite:///{home / 'ledger.db'}") as ledger:
            store = DirectoryStore(home / "images")
            private._swept.clear()  # as in a new process
            screen_ct(store, ledger, "next", output=DirectoryStore(home / "out"), copies_of=store)

        assert left(home) == []

    def test_what_a_living_process_holds_is_left_alone(self, home: Path, start: Callable[..., BaseProcess]) -> None:
        start(leaver.compute, home, "download")
        before = left(home)

        assert private.sweep() == []
        assert left(home) == before

    def test_what_is_in_a_thread_is_removed_by_the_next(self, home: Path, start: Callable[..., BaseProcess]) -> None:
        process = start(leaver.compute, home, "download", True)

        end(process, signal.SIGTERM)
        assert process.exitcode == -signal.SIGTERM, "signals are the main thread's, and no library's"

        assert private.sweep()
        assert left(home) == []


class TestSweeping:
    def test_sweeping_leaves_what_is_not_ours(self, tmp_path: Path) -> None:
        for name in ("dicom-sieve-12345678", "dicom-sieve-pg-12345678", "other"):  # the first has no lock
            (tmp_path / name).mkdir()
        (tmp_path / "dicom-sieve-abcdefgh").touch()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / private.LOCK).touch()
        (tmp_path / "dicom-sieve-87654321").symlink_to("elsewhere")
        before = sorted(tmp_path.rglob("*"))

        assert private.sweep(tmp_path) == []
        assert sorted(tmp_path.rglob("*")) == before

    def test_sweeping_leaves_folders_of_other_users(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "dicom-sieve-12345678").mkdir()
        (tmp_path / "dicom-sieve-12345678" / private.LOCK).touch()
        monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)

        assert private.sweep(tmp_path) == []

    def test_sweeping_and_making_folders_at_the_same_time_takes_none_away_that_is_used(self, tmp_path: Path) -> None:
        ended = threading.Event()

        def sweep() -> None:
            while not ended.is_set():
                private.sweep(tmp_path)

        sweepers = [threading.Thread(target=sweep) for _ in range(2)]
        for sweeper in sweepers:
            sweeper.start()
        try:
            for _ in range(200):
                with private.temporary_folder(within=tmp_path) as folder:
                    (folder / "file").touch()
                    time.sleep(0.001)
                    assert (folder / "file").exists()
        finally:
            ended.set()
            for sweeper in sweepers:
                sweeper.join()
        assert list(tmp_path.iterdir()) == []


class TestHandlers:
    def test_handlers_of_a_program_s_own_and_what_it_ignores_stay(self) -> None:
        for mine in (signal.SIG_IGN, lambda *_: None):
            before = signal.signal(signal.SIGHUP, mine)
            try:
                with ending_in_order():
                    assert signal.getsignal(signal.SIGHUP) is mine
            finally:
                signal.signal(signal.SIGHUP, before)

    def test_handlers_are_as_before_at_the_end(self) -> None:
        code = (
            "import os, signal, time\n"
            "from dicom_sieve.ending import SIGNALS, EndedBySignal, ending_in_order\n"
            "before = [signal.getsignal(number) for number in SIGNALS]\n"
            "try:\n"
            "    with ending_in_order(), ending_in_order():\n"
            "        os.kill(os.getpid(), signal.SIGTERM)\n"
            "        time.sleep(60)\n"
            "except EndedBySignal:\n"
            "    print([signal.getsignal(number) for number in SIGNALS] == before)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)

        assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr

    def test_handlers_are_changed_by_the_main_thread_alone(self) -> None:
        seen: list[object] = []

        def look() -> None:
            with ending_in_order():
                seen.append(signal.getsignal(signal.SIGTERM))

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert seen == [signal.getsignal(signal.SIGTERM)]


def test_the_command_says_which_signal_ended_it(home: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from dicom_sieve.ending import ending_in_order\n"
        "from dicom_sieve.cli import app, main\n"
        "import dicom_sieve.cli.app as commands\n"
        "@commands.app.command()\n"
        "def wait():\n"
        "    with ending_in_order():\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.argv = ['dicom-sieve', 'wait']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (143, "dicom-sieve: stopped by SIGTERM\n")
