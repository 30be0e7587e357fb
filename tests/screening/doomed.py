"""Runs in processes of their own that are about to be killed or stopped."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.ledger.database import engine
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.screening import Outcome, in_threads
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import screen_ct

WORKERS = 2
SHARD_OBJECTS = 5
MOST_LOST = (WORKERS + 3) * SHARD_OBJECTS
"""Objects whose reading may have been wasted: of the shards that are being read, of one that waits, of one that is
being recorded, and of one that is next."""


class NotingStore:
    """A directory that notes the key of every read in a file, which outlives the process."""

    def __init__(self, root: Path, notes: Path) -> None:
        self._store = DirectoryStore(root)
        self._notes = notes
        self.location: Location = self._store.location
        self.list, self.stat = self._store.list, self._store.stat
        self.find, self.download, self.write_once = self._store.find, self._store.download, self._store.write_once
        self.on_read: Callable[[], object] = lambda: None

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Note it, then read."""
        file = os.open(self._notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{listed.key}\n".encode())
        os.close(file)
        self.on_read()
        return await self._store.read(listed, start=start, end=end)


@dataclass(frozen=True)
class Work:
    """What a run is given, and what is to befall it.

    Attributes:
        url: Of the ledger.
        root: The directory to screen.
        output: The directory to publish to.
        notes: File that gets the key of every read, and of the run's error in the end.
        execution_id: The run's.
        sent: The signal that the process sends itself,
        at_statement: number of SQL statements before which it dies,
        at_read: or number of reads, between two writes of its own; 0: never.
        means: Further ones of the screening.
    """

    url: str
    root: Path
    output: Path
    notes: Path
    execution_id: str = "again"
    sent: signal.Signals = signal.SIGKILL
    at_statement: int = 0
    at_read: int = 0
    means: dict[str, Any] = field(default_factory=dict)

    @property
    def reads(self) -> list[str]:
        """Give the keys that were read."""
        return self.notes.read_text(encoding="utf-8").splitlines() if self.notes.exists() else []

    @property
    def error(self) -> str:
        """Give what the run ended with; empty while it has not, or where it completed."""
        file = self.notes.with_suffix(".error")
        return file.read_text(encoding="utf-8") if file.exists() else ""


def screen_and_note(work: Work) -> Outcome:
    """Do the work, and meet its end."""
    store = NotingStore(work.root, work.notes)
    means = {"run_shards": in_threads(WORKERS), "shard_objects": SHARD_OBJECTS, "objects_together": 1, **work.means}
    with open_ledger(work.url) as ledger:
        on_statements(ledger, _countdown(work.at_statement, lambda: _send(work.sent)))
        store.on_read = _countdown(work.at_read, lambda: _send_between_writes(work.sent, ledger))
        try:
            return screen_ct(store, ledger, work.execution_id, output=DirectoryStore(work.output), **means)
        except Exception as error:
            work.notes.with_suffix(".error").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
            raise SystemExit(1) from None


def on_statements(ledger: Ledger, look: Callable[[], object]) -> None:
    """Call something before each statement."""
    sa.event.listen(ledger.engine, "before_cursor_execute", lambda *_: look())


def _send(sent: signal.Signals) -> None:
    os.kill(os.getpid(), sent)


def _send_between_writes(sent: signal.Signals, ledger: Ledger) -> None:
    """Send it when no other thread writes: on SQLite one that is stopped halfway through holds up all others."""
    with engine.writing(ledger.engine):
        pass
    _send(sent)


def _countdown(count: int, meet: Callable[[], object]) -> Callable[[], None]:
    left = count

    def tick() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            meet()

    return tick
