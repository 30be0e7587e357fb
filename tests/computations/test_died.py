"""A computation whose process died where nobody can see it: time tells, and the next one goes on where it was."""

import multiprocessing
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.ledger.reading.results import ABANDONED
from dicom_sieve.stores import DirectoryStore
from tests.cli.command import run_command
from tests.computations.computers import compute_and_hang
from tests.screening.screenings import ct, screen_ct, sql

SECONDS = 3.0
FOREIGN = "another-boot pid:[1] 4711 1 token"
SERIES = "SELECT computation_id, series_instance_uid, state FROM computation_input WHERE object_id IS NULL ORDER BY id"


def states(ledger: Ledger) -> list[str]:
    return [row.state for row in ledger.computations()]


def wait_for(ledger: Ledger, expected: list[str]) -> float:
    """Wait until computations are in these states; gives the seconds that it took."""
    start = time.monotonic()
    while states(ledger) != expected:
        assert time.monotonic() - start < 60, states(ledger)
        time.sleep(0.05)
    return time.monotonic() - start


def test_a_computation_that_died_is_shown_as_failed_in_time_and_gone_on_with(ledger_url: str, tmp_path: Path) -> None:
    objects, results = tmp_path / "objects", tmp_path / "results"
    objects.mkdir()
    for series in ("1.2.1", "1.2.2"):
        (objects / series).write_bytes(ct(series, f"{series}.1"))
    context = multiprocessing.get_context("spawn")
    with open_ledger(ledger_url) as ledger:
        screen_ct(DirectoryStore(objects), ledger, "run")
        process = context.Process(target=compute_and_hang, args=(ledger_url, objects, results, "1.2.2", SECONDS))
        process.start()
        wait_for(ledger, ["RUNNING"])
        while len(sql(ledger, SERIES)) < 2:
            time.sleep(0.05)
        with ledger.engine.begin() as connection:
            connection.execute(sa.text("UPDATE computation SET holder = :holder"), {"holder": FOREIGN})
        end = time.monotonic() + 2 * SECONDS
        while time.monotonic() < end:
            assert states(ledger) == ["RUNNING"], "it says that it lives"
            time.sleep(0.1)

        process.kill()
        process.join()
        assert states(ledger) == ["RUNNING"], "nobody can see it"
        wait_for(ledger, ["FAILED"])

        [row] = ledger.computations()
        assert row.counts == {"COMPLETED": 1, "FAILED": 1}
        computed = {
            computed.series_instance_uid: (computed.state, computed.failure)
            for computed in ledger.run("run").computed()
        }
        assert computed == {"1.2.1": ("COMPLETED", None), "1.2.2": ("FAILED", ABANDONED)}
        shown = run_command("computations", home=tmp_path, DICOM_SIEVE_DATABASE_URL=ledger_url)
        assert shown.returncode == 0
        assert "FAILED" in shown.stdout
        assert "RUNNING" not in shown.stdout

        compute_and_hang(ledger_url, objects, results, None, SECONDS)

        assert sql(ledger, SERIES) == [
            (1, "1.2.1", "COMPLETED"),
            (1, "1.2.2", "FAILED"),
            (2, "1.2.1", "SKIPPED"),
            (2, "1.2.2", "COMPLETED"),
        ]
        assert sql(ledger, "SELECT state FROM computation ORDER BY id") == [("FAILED",), ("COMPLETED",)]
        assert sql(ledger, "SELECT count(DISTINCT uri), count(*) FROM computation_output") == [(2, 2)]


@pytest.mark.parametrize("expires_at", ["NULL", "'2026-01-01 00:00:00+00:00'"])
def test_a_running_computation_of_an_earlier_version_counts_as_dead(
    ledger_url: str, tmp_path: Path, expires_at: str
) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "1").write_bytes(ct())
    with open_ledger(ledger_url) as ledger:
        screen_ct(DirectoryStore(tmp_path / "objects"), ledger, "run")
        compute_and_hang(ledger_url, tmp_path / "objects", tmp_path / "results", None, 60)
        with ledger.engine.begin() as connection:
            connection.execute(sa.text("UPDATE computation SET state = 'RUNNING', holder = :of"), {"of": FOREIGN})
            connection.execute(sa.text(f"UPDATE computation SET expires_at = {expires_at}"))

        assert states(ledger) == ["FAILED"]
