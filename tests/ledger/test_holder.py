"""Whether the holder of a lease is dead: for certain, or left to time."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_sieve.ledger.leases import holder
from dicom_sieve.ledger.leases.holder import is_dead, name_holder
from tests.support.prefect_server import wait_for
from tests.support.processes import state_of

NAME_AND_WAIT = "from dicom_sieve.ledger.leases.holder import name_holder; print(name_holder(), flush=True); input()"


@pytest.fixture
def process() -> "subprocess.Popen[str]":
    """A process that has said its name and waits for a line."""
    return subprocess.Popen(
        [sys.executable, "-c", NAME_AND_WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_this_process_lives_and_no_two_of_its_names_are_equal() -> None:
    names = {name_holder() for _ in range(3)}

    assert len(names) == 3
    assert not any(is_dead(name) for name in names)


def test_a_process_is_dead_as_soon_as_it_was_killed_and_not_while_it_is_stopped(
    process: "subprocess.Popen[str]",
) -> None:
    with process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert not is_dead(name)
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: state_of(process.pid) == "T", "the process to be stopped", 10)
        assert not is_dead(name)

        process.kill()

        wait_for(lambda: state_of(process.pid) == "Z", "the process to be killed", 10)
        assert is_dead(name), "its parent has not asked for its end, but it has ended"
        process.wait()
        assert is_dead(name)


def test_a_number_that_was_given_again_is_another_process() -> None:
    boot, namespace, number, start, token = name_holder().split()

    assert is_dead(f"{boot} {namespace} {number} {int(start) - 1} {token}")
    assert not is_dead(f"{boot} {namespace} {number} {start} {token}")


def test_of_a_holder_on_another_machine_nothing_is_known() -> None:
    boot, namespace, _, start, token = name_holder().split()
    nobody = 2**22 + 1  # more than the kernel gives

    assert is_dead(f"{boot} {namespace} {nobody} {start} {token}")
    assert not is_dead(f"{boot[::-1]} {namespace} {nobody} {start} {token}")
    assert not is_dead(f"{boot} pid:[1] {nobody} {start} {token}")


def test_a_holder_s_name_says_nothing_where_the_system_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_process = name_holder()
    monkeypatch.setattr(holder, "PROC", tmp_path)

    without = name_holder()

    assert " " not in without
    assert not is_dead(without)
    assert not is_dead(with_process)
