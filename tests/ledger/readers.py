"""What readers in other processes do to a ledger in tests; small, because each of them imports it."""

import time
from pathlib import Path

from dicom_sieve import open_ledger

PAUSE_SECONDS = 0.1
"""Few, so that a reader is nearly always at it; without, they would leave no CPU to who writes."""


def read_everything(url: str, stop: Path, answer: Path) -> None:
    """Read again and again until told to stop; answer how often, or the error's name."""
    rounds = 0
    try:
        while not stop.exists():
            with open_ledger(url) as ledger:
                for row in ledger.runs()[:3]:
                    run = ledger.run(row.id)
                    keys = [instance.object_key for instance in run.instances()]
                    run.series().to_arrow()
                    list(run.unread())
                    if keys:
                        ledger.trace(keys[0])
            rounds += 1
            time.sleep(PAUSE_SECONDS)
    except Exception as error:
        answer.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
    else:
        answer.write_text(str(rounds), encoding="utf-8")
