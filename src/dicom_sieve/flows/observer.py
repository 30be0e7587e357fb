"""How a run shows itself in Prefect: log lines, a progress artifact. Counts only."""

import time
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


class PrefectObserver:
    """Watches a run for those who watch Prefect.

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
        self._updated_at = 0.0

    def begin(self, phase: str, total: int | None) -> None:
        """Log the phase; show the progress of listing and of reading headers."""
        self._phase = phase
        self._logger.info("%s%s", _WORDS[phase], "" if total is None else f": {total:,} objects")
        if phase == "list" and self._artifact is None:
            self._artifact = UUID(str(create_progress_artifact(0.0, key="headers-read", description=self._describe())))
        if phase == "index":
            self._to_read = total or 0
        self._update()

    def advance(self, count: int) -> None:
        """Show how far it is, not too often."""
        if self._phase == "list":
            self._listed += count
        elif self._phase == "index":
            self._read += count
        else:
            return
        if time.monotonic() - self._updated_at >= SECONDS_BETWEEN_UPDATES:
            self._update()

    def note(self, text: str) -> None:
        """Log it."""
        self._logger.info("%s", text)

    def _update(self) -> None:
        if self._artifact is not None:
            update_progress_artifact(self._artifact, self._percent(), description=self._describe())
            self._updated_at = time.monotonic()

    def _percent(self) -> float:
        if self._phase == "list":
            return 0.0
        return min(100.0, 100.0 * self._read / self._to_read) if self._to_read else 100.0

    def _describe(self) -> str:
        """Say how far it is: ``16,661 objects listed, 12,000 of 16,661 headers read``."""
        listed = f"{self._listed:,} objects listed"
        return listed if self._phase == "list" else f"{listed}, {self._read:,} of {self._to_read:,} headers read"
