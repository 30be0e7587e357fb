"""``dicom-sieve up``: one foreground command that serves, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import environment_of, run_command
from tests.support.up import get_when_served, unused_port


@pytest.fixture
def free_port() -> int:
    return unused_port()


@pytest.fixture
def up(tmp_path: Path, free_port: int) -> Iterator["subprocess.Popen[str]"]:
    with (tmp_path / "up.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dicom_sieve", "up", "--port", str(free_port)],
            env=environment_of(tmp_path),
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0,
        )
        yield process
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def processes_that_name(text: str) -> list[str]:
    """Give the command lines of all processes that have a text in them."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended while we looked
            continue
        if text in line:
            lines.append(line)
    return lines


def test_up_serves_the_deployment_privately_and_leaves_no_process(
    up: "subprocess.Popen[str]", free_port: int, tmp_path: Path
) -> None:
    deployment = get_when_served(f"http://127.0.0.1:{free_port}/api/deployments/name/clean-dicom/default", tmp_path)
    assert deployment["name"] == "default"
    assert deployment["enforce_parameter_schema"] is True
    kept = [tmp_path / ".dicom-sieve", *(tmp_path / ".dicom-sieve").rglob("*")]
    assert tmp_path / ".dicom-sieve" / "prefect" / "prefect.db" in kept
    assert [path for path in kept if path.exists() and path.stat().st_mode & 0o077] == []

    pages = f"http://127.0.0.1:{free_port + 1}"
    with urllib.request.urlopen(f"{pages}/places", timeout=30) as answer:
        assert answer.url == f"{pages}/sign-in?to=%2Fplaces", "the pages want the same password"
    assert f"Pages      {pages}\n" in (tmp_path / "up.log").read_text()

    os.kill(up.pid, signal.SIGINT)

    assert up.wait(60) == 0
    assert processes_that_name(f"--port {free_port}") == []
    assert processes_that_name(f"--port {free_port + 1}") == []
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{free_port}/api/health", timeout=5)


def test_up_says_when_the_port_of_the_pages_is_taken(tmp_path: Path, free_port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port + 1))
        taken.listen()

        done = run_command("up", "--port", str(free_port), home=tmp_path)

    assert done.returncode == 1
    assert done.stderr == (
        f"dicom-sieve: cannot listen on 127.0.0.1:{free_port + 1}: Address already in use; "
        "choose another with --web-port\n"
    )


def test_up_says_when_the_port_is_taken(tmp_path: Path, free_port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()

        done = run_command("up", "--port", str(free_port), home=tmp_path)

    assert done.returncode == 1
    assert done.stderr == (
        f"dicom-sieve: cannot listen on 127.0.0.1:{free_port}: Address already in use; choose another with --port\n"
    )
