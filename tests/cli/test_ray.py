"""The command with a Ray of its own: nothing of it is seen, and nothing of it stays, however the command ends."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cli.command import environment_of
from tests.support.builders import make_instance
from tests.support.prefect_server import wait_for
from tests.support.processes import command_of, descendants

pytestmark = pytest.mark.timeout(400)
OBJECTS = 200


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files, of a short name: it is part of names of sockets."""
    with TemporaryDirectory(prefix="t-") as folder:
        yield Path(folder)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    root.mkdir()
    for number in range(OBJECTS):
        (root / f"{number:03}.dcm").write_bytes(make_instance(SOPInstanceUID=f"1.{number + 1}", Modality="CT"))
    return root


@pytest.fixture
def screening(images: Path, tmp_path: Path, temporary: Path) -> Iterator["subprocess.Popen[str]"]:
    criteria = tmp_path / "criteria.json"
    criteria.write_text('[{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]')
    settings = {
        "DICOM_SIEVE_TASK_RUNNER": "ray",
        "DICOM_SIEVE_SHARDS_IN_FLIGHT": "2",
        "DICOM_SIEVE_SHARD_OBJECTS": "10",
        "TMPDIR": str(temporary),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "dicom_sieve", "screen", str(images), "--criteria", str(criteria), "--json"],
        env=environment_of(tmp_path, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def test_screens_and_leaves_nothing_behind(screening: "subprocess.Popen[str]", temporary: Path) -> None:
    started = wait_for(lambda: _raylets(screening.pid), "a Ray", 120)

    printed, errors = screening.communicate()

    assert screening.returncode == 0, errors
    assert json.loads(printed)["counts"]["passed"] == OBJECTS
    assert "ray" not in errors.lower()
    wait_for(lambda: not any(map(command_of, started)), "the end of Ray", 30)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_ends_its_ray(
    screening: "subprocess.Popen[str]", temporary: Path, sent: signal.Signals
) -> None:
    wait_for(lambda: _raylets(screening.pid), "a Ray", 120)
    started = descendants(screening.pid)

    screening.send_signal(sent)

    assert screening.wait(60) != 0
    # Nothing of ours is left that could end parts of Ray after SIGKILL: they miss the others only after a minute.
    wait_for(lambda: not any(map(command_of, started)), "the end of Ray", 150 if sent is signal.SIGKILL else 30)
    if sent is not signal.SIGKILL:
        assert list(temporary.iterdir()) == []


def _raylets(number: int) -> list[int]:
    return [process for process in descendants(number) if "/raylet/raylet" in command_of(process)]
