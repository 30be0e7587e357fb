"""Series at the same time: whatever does it, the ledger says the same; and who is killed takes nothing with it."""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.computations.kind import Kind
from dicom_sieve.computations.one_by_one import compute_one_by_one
from dicom_sieve.errors import WorkersError
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.stores import DirectoryStore
from tests.cli.command import environment_of
from tests.computations.workers_kinds import PLANTED, TELLS_ALL, dies, kind, tells_process
from tests.screening.screenings import ct, screen_ct, sql
from tests.support.processes import descendants

RUNNERS = ("threads", "processes", "ray")
SERIES = 6


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with images in six series."""
    (tmp_path / "images").mkdir()
    for series in range(1, SERIES + 1):
        for number in range(3):
            body = ct(f"1.2.{series}", f"1.2.{series}.{number}", Rows=4)
            (tmp_path / "images" / f"{series}-{number}").write_bytes(body)
    return tmp_path


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    """A ledger with a run over them."""
    with open_screened(home, "ledger") as opened:
        yield opened


def open_screened(home: Path, name: str) -> Ledger:
    """Open a new ledger with a run over the images of a home."""
    opened = open_ledger(f"sqlite:///{home / name}.db")
    screen_ct(DirectoryStore(home / "images"), opened, "run")
    return opened


def compute(ledger: Ledger, home: Path, what: Kind, workers: int, results: str = "results") -> dict[str, int]:
    """Compute, and give how many series came to each state."""
    reasons = compute_one_by_one(
        ledger,
        what,
        "run",
        inputs=DirectoryStore(home / "images"),
        outputs=DirectoryStore(home / results),
        workers=workers,
    )
    counts: dict[str, int] = {}
    for state, _, number in reasons:
        counts[state.value] = counts.get(state.value, 0) + number
    return counts


def record_of(ledger: Ledger, home: Path, name: str, results: str) -> dict[str, Any]:
    """Give all that a ledger and its log hold of its one computation, without places."""
    [(last,)] = sql(ledger, "SELECT id FROM computation")
    log = (home / "logs" / f"{name}-computation-{last}.log").read_text()
    asked = {
        "series": "SELECT series_instance_uid, state, failure, digest FROM computation_input WHERE object_id IS NULL",
        "objects": "SELECT series_instance_uid, object_id, state FROM computation_input WHERE object_id IS NOT NULL",
        "outputs": "SELECT series_instance_uid, uri, digest, sop_instance_uid FROM computation_output WHERE 1 = 1",
        "regions": "SELECT series_instance_uid, region, features, source_digest FROM computation_region WHERE 1 = 1",
    }
    rows = {
        name: sorted(map(repr, sql(ledger, f"{query} AND computation_id = {last}"))) for name, query in asked.items()
    }
    text = json.dumps(rows).replace(str(home / results), "").replace(f"{name}-computation", "computation")
    assert f"log of 1.2.{SERIES}" in log
    assert PLANTED in log
    assert PLANTED not in text
    return {**json.loads(text), "log": sorted(line for line in log.splitlines() if line.startswith("log of"))}


class TestSameResults:
    @pytest.mark.timeout(300)
    @pytest.mark.parametrize("runner", RUNNERS)
    def test_workers_give_what_one_after_the_other_gives(
        self, runner: str, ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counts = compute(ledger, home, TELLS_ALL, 1)
        if runner == "ray":
            pytest.importorskip("ray")
        monkeypatch.setenv("DICOM_SIEVE_TASK_RUNNER", runner)

        with open_screened(home, "other") as other:
            assert compute(other, home, TELLS_ALL, 2, "others") == counts

            assert counts == {"COMPLETED": SERIES - 2, "REFUSED": 1, "FAILED": 1}
            assert record_of(other, home, "other", "others") == record_of(ledger, home, "ledger", "results")
            assert verify(other.engine).is_intact
        assert _bodies(home / "others") == _bodies(home / "results")

    def test_what_was_computed_is_skipped_and_what_failed_is_done_again(
        self, ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DICOM_SIEVE_TASK_RUNNER", "processes")
        compute(ledger, home, TELLS_ALL, 2)

        assert compute(ledger, home, TELLS_ALL, 2) == {"SKIPPED": SERIES - 2, "REFUSED": 1, "FAILED": 1}


class TestProcesses:
    def test_no_more_are_at_work_than_were_asked_for(self, ledger: Ledger, home: Path) -> None:
        (home / "marks").mkdir()

        compute(ledger, home, tells_process(home / "marks"), 2)

        told = [json.loads(body) for body in _bodies(home / "results").values()]
        assert len(told) == SERIES
        assert len({each["pid"] for each in told}) == 2
        assert max(each["together"] for each in told) <= 2

    def test_one_that_is_killed_has_its_series_done_again(self, ledger: Ledger, home: Path) -> None:
        (home / "deaths").mkdir()

        assert compute(ledger, home, dies(home / "deaths", 1), 2) == {"COMPLETED": SERIES}

        assert len(list((home / "deaths").iterdir())) == 1

    def test_one_that_is_always_killed_fails_its_series_alone(self, ledger: Ledger, home: Path) -> None:
        (home / "deaths").mkdir()

        assert compute(ledger, home, dies(home / "deaths", 9), 2) == {"COMPLETED": SERIES - 1, "FAILED": 1}

        [(uid, failure)] = sql(
            ledger, "SELECT series_instance_uid, failure FROM computation_input WHERE state = 'FAILED'"
        )
        assert uid == "1.2.2"
        assert failure.startswith(
            "WorkersError: the process that worked on a series of 3 instances was killed, 2 times"
        )

    def test_each_has_gpus_of_its_own(self, ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-1")
        (home / "marks").mkdir()

        compute(ledger, home, tells_process(home / "marks", gpus=1), 2)

        told = [json.loads(body) for body in _bodies(home / "results").values()]
        assert {each["gpu"] for each in told} == {"0", "GPU-1"}
        assert len({(each["pid"], each["gpu"]) for each in told}) == 2

    @pytest.mark.parametrize(
        ("needed", "lacking"),
        [
            ({"gpus": 1}, "1 GPUs; there are 0"),
            ({"memory_gib": 1_000_000}, "1e+06 GiB of memory; there are"),
            ({"cpus": 4_000}, "4000 cores; there are"),
        ],
    )
    def test_what_a_machine_does_not_have_is_said(
        self, needed: dict[str, Any], lacking: str, ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

        with pytest.raises(WorkersError) as raised:
            compute(ledger, home, tells_process(home, **needed), 2)

        assert lacking in str(raised.value)

    def test_what_a_machine_does_not_have_is_said_before_ray_is_started(
        self, ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("ray")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        monkeypatch.setenv("DICOM_SIEVE_TASK_RUNNER", "ray")

        with pytest.raises(WorkersError, match="1 GPUs; there are 0"):
            compute(ledger, home, tells_process(home, gpus=1), 2)

    def test_what_cannot_be_sent_is_said(self, ledger: Ledger, home: Path) -> None:
        unsendable = kind("unsendable", lambda _: None, own_process=True)

        with pytest.raises(WorkersError, match="cannot be sent to another process"):
            compute(ledger, home, unsendable, 2)


ROOT = Path(__file__).parents[2]
SLEEPS = """
import sys
from pathlib import Path
from dicom_sieve import open_ledger
from dicom_sieve.computations.one_by_one import compute_one_by_one
from dicom_sieve.stores import DirectoryStore
from tests.computations.workers_kinds import sleeps
if __name__ == "__main__":
    home = Path(sys.argv[1])
    with open_ledger(f"sqlite:///{home / 'ledger.db'}") as ledger:
        compute_one_by_one(ledger, sleeps(home), "run", inputs=DirectoryStore(home / "images"),
                           outputs=DirectoryStore(home / "results"), workers=2)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_who_stops_it_stops_its_processes(number: int, ledger: Ledger, home: Path) -> None:
    (home / "sleeping").mkdir()
    script = home / "sleeps.py"
    script.write_text(SLEEPS)
    started = subprocess.Popen([sys.executable, str(script), str(home)], env=environment_of(home, PYTHONPATH=str(ROOT)))
    try:
        _until(lambda: len(list((home / "sleeping").iterdir())) == 2)
        children = descendants(started.pid)
        assert len(children) >= 2
        started.send_signal(number)
        started.wait(30)
        _until(lambda: not [child for child in children if Path(f"/proc/{child}/cmdline").exists() and _lives(child)])
    finally:
        started.kill()
        started.wait()

    [row] = ledger.computations()
    assert row.state == ("CANCELLED" if number == signal.SIGTERM else "FAILED")
    assert row.counts == {"FAILED": 2}


def test_who_stops_threads_stops_their_programs(ledger: Ledger, home: Path) -> None:
    (home / "sleeping").mkdir()
    code = f"import os, time; open({str(home / 'sleeping')!r} + '/' + str(os.getpid()), 'w'); time.sleep(600)"
    program = shlex.join([sys.executable, "-c", code])
    asked = ["compute", "run", "sleeps", "--output", str(home / "results"), "--command", program, "--workers", "2"]
    environment = environment_of(home, DICOM_SIEVE_DATABASE_URL=f"sqlite:///{home / 'ledger.db'}")
    started = subprocess.Popen([sys.executable, "-m", "dicom_sieve", *asked], env=environment)
    try:
        _until(lambda: len(list((home / "sleeping").iterdir())) == 2)
        programs = [int(file.name) for file in (home / "sleeping").iterdir()]
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 128 + signal.SIGTERM
        assert [number for number in programs if _lives(number)] == []
    finally:
        started.kill()
        started.wait()

    [row] = ledger.computations()
    assert (row.state, row.counts) == ("CANCELLED", {"FAILED": 2})


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _until(condition: Any, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def _bodies(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
