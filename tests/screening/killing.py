"""Runs in processes that are killed, and what their ledgers must hold."""

import multiprocessing
import os
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import sqlalchemy as sa

from dicom_sieve import open_ledger
from tests.ledger.export import export
from tests.screening.doomed import Work, screen_and_note
from tests.screening.screenings import ct, mr

KILLS = int(os.environ.get("KILLS", "50"))
OBJECTS = 120
INDEXED = "SELECT count(*) FROM object WHERE header_id IS NOT NULL"


def fill(root: Path, start: int, end: int) -> None:
    for number in range(start, end):
        folder = root / f"series-{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        make = ct if number % 3 else mr
        data = make(f"1.5.{number % 7 + 1}", f"1.6.{number + 1}") if number % 10 else b"no DICOM"
        (folder / f"{number:03}.dcm").write_bytes(data)


def watch(work: Work) -> tuple[str, int, float]:
    """Screen undisturbed; give what the ledger then says, how many statements it took, and how long."""
    seen: list[int] = []

    def look(*_: object) -> None:
        seen.append(1)

    sa.event.listen(sa.Engine, "before_cursor_execute", look)
    begun = time.monotonic()
    outcome = screen_and_note(work)
    seconds = time.monotonic() - begun
    sa.event.remove(sa.Engine, "before_cursor_execute", look)
    with open_ledger(work.url) as ledger:
        return export(ledger, "before", outcome.run_id), len(seen), seconds


def start(work: Work) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.screening.doomed", "pyarrow.parquet"])
    process = context.Process(target=screen_and_note, args=(work,))
    process.start()
    return process


def assert_same(found: str, expected: str, run_id: str, output: Path) -> None:
    """Compare line by line what two ledgers say: the exports may be long."""
    for line, other in zip(found.splitlines(), expected.splitlines(), strict=True):
        assert line.replace(run_id, "again").replace(output.name, "once") == other
