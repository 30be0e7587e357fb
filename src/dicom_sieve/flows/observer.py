"""How a run shows itself in Prefect: log lines, a progress artifact. Counts only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from logging import Logger, LoggerAdapter
from typing import Any
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

SECONDS_BETWEEN_UPDATES = 2.0
_WORDS = {
    "list": "listing the location",
    "index": "reading headers",
    "decide": "judging headers",
    "publish": "publishing the manifest",
}
_SHOWN = ("list", "index")


class PrefectObserver:
    """Watches a run for those who watch Prefect; made by `observing`.

    Args:
        logger: The run's.
    """

    def __init__(self, logger: "Logger | LoggerAdapter[Any]") -> None:
        self._logger = logger
        self._phase = ""
        self._listed = 0
        self._to_read = 0
        self._read = 0
        self._artifact: UUID | None = None
        self._turn = threading.Lock()

    def begin(self, phase: str, total: int | None) -> None:
        """Log the phase; show the progress of listing and of reading headers."""
        self._logger.info("%s%s", _WORDS[phase], "" if total is None else f": {total:,} objects")
        with self._turn:
            self._phase = phase
            if phase == "list" and self._artifact is None:
                made = create_progress_artifact(0.0, key="headers-read", description=self._describe())
                self._artifact = UUID(str(made))
            if phase == "index":
                self._to_read = total or 0
            self._update()

    def advance(self, count: int) -> None:
        """Count how far it is."""
        if self._phase == "list":
            self._listed += count
        elif self._phase == "index":
            self._read += count

    def note(self, text: str) -> None:
        """Log it."""
        self._logger.info("%s", text)

    def keep_showing(self, ended: threading.Event) -> None:
        """Show how far it is, again and again, until the run has ended."""
        while not ended.wait(SECONDS_BETWEEN_UPDATES):
            try:
                with self._turn:
                    if self._phase in _SHOWN:
                        self._update()
            except Exception as error:  # a run does not fail because nobody can be shown how far it is
                self._logger.debug("the progress could not be shown: %s", type(error).__name__)

    def _update(self) -> None:
        if self._artifact is not None:
            update_progress_artifact(self._artifact, self._percent(), description=self._describe())

    def _percent(self) -> float:
        if self._phase == "list":
            return 0.0
        return min(100.0, 100.0 * self._read / self._to_read) if self._to_read else 100.0

    def _describe(self) -> str:
        """Say how far it is: ``16,661 objects listed, 12,000 of 16,661 headers read``."""
        listed = f"{self._listed:,} objects listed"
        return listed if self._phase == "list" else f"{listed}, {self._read:,} of {self._to_read:,} headers read"


@contextmanager
def observing(logger: "Logger | LoggerAdapter[Any]") -> Iterator[PrefectObserver]:
    """Watch a run. Its progress is shown every two seconds, however long a shard takes."""
    observer, ended = PrefectObserver(logger), threading.Event()
    # With the flow run's context: in it Prefect's client knows the server.
    showing = threading.Thread(target=copy_context().run, args=(observer.keep_showing, ended), name="progress")
    showing.start()
    try:
        yield observer
    finally:
        ended.set()
        showing.join()
