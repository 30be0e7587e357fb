"""A process that was stopped or killed blocks nobody for longer than its lease lasts, and a stopped one that comes back
writes nothing any more.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.ledger.leases.lease import LEASE_SECONDS
from dicom_sieve.screening import one_by_one
from dicom_sieve.stores import DirectoryStore
from tests.cli.command import run_command
from tests.ledger.export import export
from tests.screening.doomed import Work
from tests.screening.killing import start
from tests.screening.listener import WAITING, Listener
from tests.screening.screenings import ct, screen_ct, sql
from tests.screening.screenings import state_of as state_of_run
from tests.support.prefect_server import wait_for
from tests.support.processes import state_of

SECONDS = 6.0
"""Of a lease; longer than a busy machine takes from a stop that was seen to what has to begin within the lease."""
DIED = ("FAILED", "its process ended before the run did")
NOT_WAITED_FOR = "LedgerError: the ledger did not wait for this process"
"""Of PostgreSQL, where a thread was writing when the process was stopped."""
LOST = "LeaseLostError: this run's lease of {} has ended: its process was stopped, or could not reach the ledger"


@pytest.fixture
def work(ledger_url: str, tmp_path: Path) -> Work:
    return make_work(ledger_url, tmp_path)


def make_work(url: str, directory: Path) -> Work:
    """A run that is stopped before its 31st read, when some of 60 objects have been indexed."""
    (directory / "objects").mkdir()
    for number in range(60):
        (directory / "objects" / f"{number:02}").write_bytes(ct(uid=f"1.6.{number + 1}"))
    open_ledger(url).close()
    return Work(
        url,
        directory / "objects",
        directory / "published",
        directory / "notes",
        "stopped",
        sent=signal.SIGSTOP,
        at_read=31,
        means={"lease_seconds": SECONDS, "run_shards": one_by_one},
    )


@pytest.fixture
def stopped(work: Work) -> Iterator[BaseProcess]:
    process = start(work)
    wait_for(lambda: process.pid and state_of(process.pid) == "T", "the run to be stopped", 30)
    yield process
    process.kill()
    process.join(30)


def come_back(process: BaseProcess) -> None:
    assert process.pid
    os.kill(process.pid, signal.SIGCONT)
    process.join(30)
    assert process.exitcode == 1


def wait_until_failed(ledger: Ledger, run_id: str) -> float:
    begun = time.monotonic()
    wait_for(lambda: ledger.run(run_id).row.state == "FAILED", "the run to be shown as failed", 30)
    return time.monotonic() - begun


def test_a_stopped_run_whose_place_was_taken_writes_nothing_when_it_comes_back(
    stopped: BaseProcess, work: Work, ledger: Ledger
) -> None:
    listener = Listener()
    assert state_of_run(ledger, "stopped") == ("RUNNING", None)

    begun = time.monotonic()
    outcome = screen_ct(DirectoryStore(work.root), ledger, "next", observer=listener)
    assert time.monotonic() - begun > SECONDS / 2, "it is not dead, so its lease has to end first"
    before = export(ledger)
    come_back(stopped)

    assert listener.notes == [WAITING]
    assert outcome.counts["passed"] == 60
    assert 0 < outcome.counts["reads"] < 60
    assert work.error.startswith((LOST.format(DirectoryStore(work.root).location), NOT_WAITED_FOR))
    assert export(ledger) == before
    assert state_of_run(ledger, "stopped") == DIED
    assert not work.output.exists()


def test_a_stopped_run_writes_nothing_when_it_comes_back_even_where_nobody_took_its_place(
    stopped: BaseProcess, work: Work, ledger: Ledger
) -> None:
    assert wait_until_failed(ledger, "stopped") <= SECONDS + 1
    before = export(ledger)

    come_back(stopped)

    assert work.error.startswith(("LeaseLostError: ", NOT_WAITED_FOR))
    assert export(ledger) == before
    assert state_of_run(ledger, "stopped") == DIED
    [(stored,)] = sql(ledger, "SELECT state FROM run")
    assert stored == "RUNNING", "it is the next run on the location that records the end"
    screen_ct(DirectoryStore(work.root), ledger, "next")
    assert [(row.id, row.state) for row in ledger.runs()] == [("next", "COMPLETED"), ("stopped", "FAILED")]
    assert state_of_run(ledger, "stopped") == DIED


def test_a_run_stopped_for_less_than_its_lease_goes_on(stopped: BaseProcess, ledger: Ledger) -> None:
    assert stopped.pid
    os.kill(stopped.pid, signal.SIGCONT)
    stopped.join(30)

    assert stopped.exitcode == 0
    assert state_of_run(ledger, "stopped") == ("COMPLETED", None)


@pytest.mark.needs_postgresql
@pytest.mark.parametrize("at_statement", range(20, 100, 16))
def test_stopped_before_any_statement_it_holds_up_others_on_postgresql_no_longer_than_its_lease(
    postgres_url: str, tmp_path: Path, at_statement: int
) -> None:
    work = replace(make_work(postgres_url, tmp_path), at_read=0, at_statement=at_statement)
    process = start(work)
    wait_for(lambda: process.pid and state_of(process.pid) == "T", "the run to be stopped", 30)
    with open_ledger(postgres_url) as ledger:
        begun = time.monotonic()
        screen_ct(DirectoryStore(work.root), ledger, "next")
        waited = time.monotonic() - begun
        before = export(ledger)
        come_back(process)

        assert waited < SECONDS + 5
        assert work.error.startswith(("LeaseLostError: ", NOT_WAITED_FOR))
        assert export(ledger) == before


def test_a_killed_run_is_shown_as_failed_without_anyones_help(work: Work, ledger: Ledger, tmp_path: Path) -> None:
    process = start(replace(work, sent=signal.SIGKILL))
    process.join(30)
    assert process.exitcode == -signal.SIGKILL

    waited = wait_until_failed(ledger, "stopped")

    assert waited <= SECONDS + 1
    assert LEASE_SECONDS <= 120 - 30, "what was measured here with a shorter lease"
    environment = {"DICOM_SIEVE_DATABASE_URL": work.url}
    [shown] = json.loads(run_command("runs", "--json", home=tmp_path, **environment).stdout)
    assert (shown["state"], shown["failure"]) == DIED
    assert (
        "FAILED: its process ended before the run did" in run_command("show", "st", home=tmp_path, **environment).stdout
    )


def test_a_killed_run_blocks_nobody_on_the_same_machine(work: Work, ledger: Ledger) -> None:
    process = start(replace(work, sent=signal.SIGKILL, means={**work.means, "lease_seconds": 3_600.0}))
    process.join(30)
    listener = Listener()

    begun = time.monotonic()
    screen_ct(DirectoryStore(work.root), ledger, "next", observer=listener)

    assert time.monotonic() - begun < 30
    assert listener.notes == []
    assert state_of_run(ledger, "stopped") == DIED
