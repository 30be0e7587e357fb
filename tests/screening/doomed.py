"""A run in a process of its own that is about to be killed."""

import os
from pathlib import Path

from dicom_sieve import open_ledger
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.screening import in_threads
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import screen_ct

WORKERS = 2
SHARD_OBJECTS = 5


class NotingStore:
    """A directory that notes the key of every read in a file, which outlives the process."""

    def __init__(self, root: Path, notes: Path) -> None:
        self._store = DirectoryStore(root)
        self._notes = notes
        self.location: Location = self._store.location
        self.list, self.stat = self._store.list, self._store.stat
        self.exists, self.write_once = self._store.exists, self._store.write_once

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Note it, then read."""
        file = os.open(self._notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{listed.key}\n".encode())
        os.close(file)
        return await self._store.read(listed, start=start, end=end)


def screen_and_note(url: str, root: Path, notes: Path, execution_id: str) -> None:
    """Screen a directory."""
    with open_ledger(url) as ledger:
        screen_ct(
            NotingStore(root, notes),
            ledger,
            execution_id,
            run_shards=in_threads(WORKERS),
            shard_objects=SHARD_OBJECTS,
        )
