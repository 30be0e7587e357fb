"""Counting how often each attribute is there: once, in a thread behind the pages that ask for it."""

from collections.abc import Callable
from threading import Event, Lock, Thread

from dicom_sieve.errors import DicomSieveError
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.reading.snapshots import Snapshot
from dicom_sieve.ledger.reading.values import AttributesHeld, attributes_held


class AttributesBehind:
    """Counts the attributes of a snapshot when they are asked for first; safe to be asked by several threads.

    Args:
        ledger: Where it lies.
        snapshot: Which.
        then: What is done after it, in the same thread.
    """

    def __init__(self, ledger: Ledger, snapshot: Snapshot, then: Callable[[], None]) -> None:
        self._engine, self._snapshot, self._then = ledger.engine, snapshot, then
        self._counted: AttributesHeld | None = None
        self._counting: Event | None = None
        self._thread: Thread | None = None
        self._is_ended = False
        self._lock = Lock()

    def get(self, seconds: float | None = None) -> AttributesHeld | None:
        """Give them; None: they are not counted yet.

        Args:
            seconds: That this may take; the counting goes on behind that. None: as long as it takes.
        """
        with self._lock:
            if self._counting is None and not self._is_ended:
                self._counting = Event()
                self._thread = Thread(target=self._count, args=(self._counting,), daemon=True)
                self._thread.start()
            counting = self._counting
        if counting is not None:
            counting.wait(seconds)
        return self._counted

    def end(self) -> bool:
        """Begin nothing more; tell whether something still goes on."""
        with self._lock:
            self._is_ended = True
            return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Wait for what still goes on: it holds a connection of the ledger."""
        if self.end() and self._thread is not None:
            self._thread.join()

    def _count(self, ended: Event) -> None:
        try:
            self._counted = attributes_held(self._engine, self._snapshot)
            ended.set()
            if not self._is_ended:
                self._then()
        except DicomSieveError:
            self._counting = None  # the next one who asks tries again
        finally:
            ended.set()
