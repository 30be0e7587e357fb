"""A computation in a process of its own that kills itself."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from dicom_sieve import open_ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores import DirectoryStore


class DeadlyStore:
    """A directory; who writes to it dies once something is written."""

    def __init__(self, root: Path) -> None:
        self._store = DirectoryStore(root)
        self.location: Location = self._store.location
        self.is_deadly = False

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object."""
        return self._store.find(key)

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Read an object."""
        self._store.download(listed, target)

    def write_once(self, key: str, body: Path) -> None:
        """Write an object, and die."""
        self._store.write_once(key, body)
        if self.is_deadly:
            os.kill(os.getpid(), signal.SIGKILL)


def compute_and_die(url: str, objects: Path, results: Path, deadly: str | None) -> None:
    """Compute on each series; die when the result of one of them is written."""
    outputs = DeadlyStore(results)
    with (
        open_ledger(url) as ledger,
        open_computation(
            ledger, "c", version="1", run="run", inputs=DirectoryStore(objects), outputs=outputs
        ) as computation,
    ):
        for series in computation.series():
            with series:
                outputs.is_deadly = series.uid == deadly
                series.record_output(f"{os.getpid()}".encode(), name="result.txt")


def compute_and_hang(url: str, objects: Path, results: Path, hanging: str | None, seconds: float) -> None:
    """Compute on each series; never end with one of them. Only so long is it believed to be under way."""
    means: dict[str, Any] = {
        "inputs": DirectoryStore(objects),
        "outputs": DirectoryStore(results),
        "selection": "WHOLE",
    }
    with (
        open_ledger(url) as ledger,
        open_computation(ledger, "c", version="1", run="run", seconds=seconds, **means) as computation,
    ):
        for series in computation.series():
            with series:
                while series.uid == hanging:
                    time.sleep(0.1)
                series.record_output(b"result", name="result.txt")
