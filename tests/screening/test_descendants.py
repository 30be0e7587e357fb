"""Processes that would outlive us: found by what they are, or by whose they are, and ended."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from dicom_sieve.screening.descendants import descendants_that_name, kill
from tests.prefect_server import wait_for
from tests.processes import command_of, descendants

NAME = "a-folder-of-its-own"


@pytest.fixture
def shell() -> Iterator["subprocess.Popen[bytes]"]:
    """A shell whose command line has the name, and a child of it that has not."""
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait", NAME]) as process:
        yield process
        kill([process.pid, *descendants(process.pid)])


def test_are_found_with_those_that_they_started(shell: "subprocess.Popen[bytes]") -> None:
    [sleep] = wait_for(lambda: descendants(shell.pid), "its child", 10)

    assert sorted(descendants_that_name(NAME)) == sorted([shell.pid, sleep])
    assert NAME not in command_of(sleep)
    assert descendants_that_name("another name") == []


def test_are_ended(shell: "subprocess.Popen[bytes]") -> None:
    [sleep] = wait_for(lambda: descendants(shell.pid), "its child", 10)

    kill(descendants_that_name(NAME))

    assert shell.wait(10) == -9
    wait_for(lambda: not command_of(sleep), "its end", 10)
    kill([shell.pid])  # which has ended: that is no error


def test_we_ourselves_are_none_of_them() -> None:
    assert os.getpid() not in descendants_that_name("")
