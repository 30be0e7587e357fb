"""A run's row says how long each of its steps took: of the one that failed, too, and none of it can be changed."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.cli.output import text
from dicom_sieve.ledger.audit.verify import verify
from dicom_sieve.objects import Listing
from dicom_sieve.screening.steps import STEPS
from dicom_sieve.stores import DirectoryStore
from tests.ledger.vandal import unguarded
from tests.screening.screenings import ct, screen_ct
from tests.support.simulated_store import SimulatedStore


def some() -> SimulatedStore:
    return SimulatedStore({f"{number}": ct("1.5.1", f"1.6.{number}") for number in range(3)})


def steps_of(ledger: Ledger, run_id: str) -> dict[str, int]:
    return dict(ledger.run(run_id).row.milliseconds or {})


def test_each_step_is_measured_and_together_they_are_the_run(ledger: Ledger, tmp_path: Path) -> None:
    screen_ct(some(), ledger, "a", output=DirectoryStore(tmp_path / "out"))

    row = ledger.run("a").row
    steps = steps_of(ledger, "a")
    assert tuple(steps) == STEPS
    assert all(type(took) is int and took >= 0 for took in steps.values())
    assert row.finished_at is not None
    took = 1_000 * (row.finished_at - row.started_at).total_seconds()
    assert took / 2 < sum(steps.values()) < took + len(STEPS)


def test_what_was_not_done_is_not_measured(ledger: Ledger) -> None:
    store = some()
    screen_ct(store, ledger, "a")
    screen_ct(store, ledger, "known", listing=Listing.LAST)

    assert tuple(steps_of(ledger, "a")) == STEPS[:-1]
    assert tuple(steps_of(ledger, "known")) == ("keep", "decide", "seal")


def test_the_step_that_failed_is_measured_too(ledger: Ledger) -> None:
    store = some()

    def fail() -> None:
        raise ZeroDivisionError

    store.on_listed = fail
    with pytest.raises(ZeroDivisionError):
        screen_ct(store, ledger, "a")

    assert tuple(steps_of(ledger, "a")) == ("list",)


def test_what_steps_took_is_sealed(ledger: Ledger) -> None:
    screen_ct(some(), ledger, "a")
    with ledger.engine.begin() as connection, unguarded(connection, "run"):
        connection.execute(sa.text("""UPDATE run SET milliseconds = '{"list": 0}'"""))

    assert not verify(ledger.engine).is_intact


def test_the_command_tells_the_steps(ledger: Ledger, capsys: pytest.CaptureFixture[Any]) -> None:
    screen_ct(some(), ledger, "a")

    text.show_run(ledger.run("a").row, [])

    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("steps "))
    assert [step.split()[0] for step in line.removeprefix("steps").split(", ")] == list(STEPS[:-1])
