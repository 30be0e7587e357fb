"""Processes that would outlive us: found by what they are, or by whose they are, and ended."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_sieve.workers.descendants import descendants_that_name, kill, sweep
from tests.support.prefect_server import wait_for
from tests.support.processes import command_of, descendants

NAME = "a-folder-of-its-own"


@pytest.fixture
def shell() -> Iterator["subprocess.Popen[bytes]"]:
    """A shell whose command line has the name, and a child of it that has not."""
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait", NAME]) as process:
        yield process
        kill([process.pid, *descendants(process.pid)])


def test_descendants_are_found_with_those_that_they_started(shell: "subprocess.Popen[bytes]") -> None:
    [sleep] = wait_for(lambda: descendants(shell.pid), "its child", 10)

    assert sorted(descendants_that_name(NAME)) == sorted([shell.pid, sleep])
    assert NAME not in command_of(sleep)
    assert descendants_that_name("another name") == []


def test_descendants_are_ended(shell: "subprocess.Popen[bytes]") -> None:
    [sleep] = wait_for(lambda: descendants(shell.pid), "its child", 10)

    kill(descendants_that_name(NAME))

    assert shell.wait(10) == -9
    wait_for(lambda: not command_of(sleep), "its end", 10)
    kill([shell.pid])  # which has ended: that is no error


def test_descendants_are_ended_with_the_folder_in_which_they_write(tmp_path: Path) -> None:
    folder = tmp_path / NAME
    with subprocess.Popen(["sh", "-c", 'while :; do mkdir -p "$0/more"; done', str(folder)]) as process:
        try:
            wait_for(folder.exists, "what it writes", 10)

            sweep(str(folder))

            assert process.wait(10) == -9
            assert not folder.exists()
        finally:
            kill([process.pid])


def test_a_folder_that_nobody_writes_in_is_left_to_no_process(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()

    sweep(str(tmp_path / NAME))

    assert list(tmp_path.iterdir()) == []


def test_we_ourselves_are_none_of_them() -> None:
    assert os.getpid() not in descendants_that_name("")
