"""A process that computes on images, or copies them, and waits in the middle of it to be ended."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from dicom_sieve import open_ledger
from dicom_sieve.computations import open_computation
from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores import DirectoryStore
from tests.screening.screenings import screen_ct


class Waiting(DirectoryStore):
    """A directory; who downloads from it has the whole object, and waits."""

    seconds: ClassVar[float] = 600.0

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Read an object, say so, and wait."""
        super().download(listed, target)
        (self.root.parent / "downloaded").touch()
        time.sleep(self.seconds)


class WaitingAWhile(Waiting):
    """The same, but not for long: threads cannot be broken off."""

    seconds: ClassVar[float] = 3.0


def compute(home: Path, way: str, in_thread: bool = False) -> None:
    """Open the series of the run, in one of two ways."""
    if in_thread:
        thread = threading.Thread(target=_compute, args=(home, way), daemon=True)
        thread.start()
        thread.join()
    _compute(home, way)


def _compute(home: Path, way: str) -> None:
    with (
        open_ledger(f"sqlite:///{home / 'ledger.db'}") as ledger,
        open_computation(ledger, "c", version="1", run="run", inputs=Waiting(home / "images")) as computation,
    ):
        for series in computation.series():
            with series:
                opened: Sequence[Any] = series.download() if way == "download" else list(series.open_instances())
                assert opened


def copy(home: Path) -> None:
    """Screen, and copy what passed."""
    store = WaitingAWhile(home / "images")
    with open_ledger(f"sqlite:///{home / 'ledger.db'}") as ledger:
        screen_ct(store, ledger, "copying", output=DirectoryStore(home / "out"), copies_of=store)
