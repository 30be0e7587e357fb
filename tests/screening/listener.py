"""An observer that remembers what it was told."""

import threading

from dicom_sieve.screening import Silent

WAITING = "waiting for another run on the same location to end"


class Listener(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.told = threading.Event()

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.told.set()
