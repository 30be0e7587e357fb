"""How long a store is waited for, and how often it is asked again."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self, TypeVar

from dicom_sieve.settings import Settings

LONGEST_PAUSE_SECONDS = 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """What is borne before a request counts as failed for good.

    Attributes:
        connect_timeout_seconds: For a connection to open.
        request_timeout_seconds: For one request, its body included; for boto3 also between two parts of an answer.
        read_deadline_seconds: For one read with all its attempts.
        read_attempts: How often one request is made at most.
        first_pause_seconds: Before the second attempt; each further pause doubles, and all are drawn around that.
        requests_in_flight: Reads of one process that are under way at the same time, while the server bears it.
        lists_in_flight: Requests that list one location at the same time, once its listing proves long.
    """

    connect_timeout_seconds: float = 10.0
    request_timeout_seconds: float = 30.0
    read_deadline_seconds: float = 120.0
    read_attempts: int = 6
    first_pause_seconds: float = 0.2
    requests_in_flight: int = 128
    lists_in_flight: int = 16

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Take from the settings those that have the same names, and what all shards together may ask for."""
        names = {one.name for one in fields(cls)} & Settings.model_fields.keys()
        requests = settings.shards_in_flight * settings.reads_in_flight
        return cls(requests_in_flight=requests, **{name: getattr(settings, name) for name in names})

    def pause(self, attempt: int) -> float:
        """Give the seconds to wait before an attempt, the first being 0: none before that, then more and more."""
        if not attempt:
            return 0.0
        longest = min(self.first_pause_seconds * 2.0 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
        # Drawn, so that requests which failed together do not come back together.
        return longest * random.uniform(0.5, 1.5)  # noqa: S311

    def repeat(self, ask: Callable[[], T], is_passing: Callable[[Exception], bool]) -> T:
        """Ask until there is an answer, in the thread of the caller.

        Args:
            ask: Makes the request, and takes its answer as a whole.
            is_passing: Tells whether an error may be gone the next time. Any other is raised at once.
        """
        until = time.monotonic() + self.read_deadline_seconds
        for attempt in range(1, self.read_attempts):
            try:
                return ask()
            except Exception as error:
                pause = self.pause(attempt)
                if not is_passing(error) or time.monotonic() + pause > until:
                    raise
            time.sleep(pause)
        return ask()


DEFAULT_RETRIES = Retries()
