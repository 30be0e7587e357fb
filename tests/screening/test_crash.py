"""kill -9 anywhere: the same ledger as an undisturbed run, and only what was in flight is read again."""

import multiprocessing
import random
import time
from collections import Counter
from pathlib import Path

from dicom_sieve import open_ledger
from tests.screening.doomed import SHARD_OBJECTS, WORKERS, screen_and_note
from tests.screening.screenings import ct, mr, sql, verdicts

OBJECTS = 200
KILLS = 12


def fill(root: Path) -> None:
    for number in range(OBJECTS):
        folder = root / f"series-{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        make = ct if number % 3 else mr
        data = make(f"1.5.{number % 7 + 1}", f"1.6.{number + 1}") if number % 10 else b"no DICOM"
        (folder / f"{number}.dcm").write_bytes(data)


def notes_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_a_killed_screening_completes_when_it_is_started_again(ledger_url: str, tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.screening.doomed"])
    root = tmp_path / "objects"
    fill(root)
    notes = tmp_path / "notes"
    chance = random.Random(20260101)
    open_ledger(ledger_url).close()
    lost: list[int] = []
    known = 0
    with open_ledger(ledger_url) as ledger:
        for number in range(KILLS):
            notes.unlink(missing_ok=True)
            process = context.Process(target=screen_and_note, args=(ledger_url, root, notes, f"killed-{number}"))
            process.start()
            enough = chance.randint(0, 15)
            while process.is_alive() and len(notes_of(notes)) < enough:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.02))
            process.kill()
            process.join(30)
            read = len(notes_of(notes))
            now_known = indexed(ledger_url)
            lost.append(read - (now_known - known))
            known = now_known

        screen_and_note(ledger_url, root, tmp_path / "last", "completed")
        with open_ledger(f"sqlite:///{tmp_path / 'undisturbed.db'}") as other:
            screen_and_note(f"sqlite:///{tmp_path / 'undisturbed.db'}", root, tmp_path / "other", "undisturbed")
            assert verdicts(ledger, "completed") == verdicts(other, "undisturbed")
            for view in ("series_decision", "instance_decision"):
                columns = "series_instance_uid, study_instance_uid, count(*)"
                query = f"SELECT {columns} FROM {view} WHERE run_id = :id GROUP BY 1, 2 ORDER BY 1, 2"
                assert Counter(sql(ledger, query, id="completed")) == Counter(sql(other, query, id="undisturbed"))

        counts = ledger.run("completed").row.counts
        states = Counter(row.state for row in ledger.runs())
    assert counts is not None
    assert counts["listed"] == counts["passed"] + counts["discarded"] == OBJECTS
    assert counts["reads"] == len(notes_of(tmp_path / "last")) == OBJECTS - known
    assert known > 0
    assert max(lost) <= WORKERS * SHARD_OBJECTS
    assert states["RUNNING"] == 0


def indexed(url: str) -> int:
    """Count the objects whose header is in the ledger."""
    with open_ledger(url) as ledger:
        return int(sql(ledger, "SELECT count(*) FROM object WHERE removed_in IS NULL AND header_id IS NOT NULL")[0][0])
