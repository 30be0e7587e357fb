"""Timeouts of requests to a store, and how often they are repeated."""

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
    """Limits after which a request counts as failed.

    Attributes:
        connect_timeout_seconds: For a connection to open.
        request_timeout_seconds: For one request, its body included; for boto3 also between two parts of an answer.
        read_deadline_seconds: For one read with all its attempts.
        read_attempts: Attempts of one request at most.
        first_pause_seconds: Before the second attempt; each further pause doubles, with jitter of half of it.
        requests_in_flight: Concurrent reads of one process, unless the server asks for fewer.
        lists_in_flight: Concurrent requests that list one location, once its listing proves long.
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
        """Take the settings of the same names, and the requests that all shards together may make."""
        names = {limit.name for limit in fields(cls)} & Settings.model_fields.keys()
        requests = settings.shards_in_flight * settings.reads_in_flight
        return cls(requests_in_flight=requests, **{name: getattr(settings, name) for name in names})

    def pause(self, attempt: int) -> float:
        """Give the seconds to wait before an attempt: none before attempt 0, then twice as long each time."""
        if not attempt:
            return 0.0
        longest = min(self.first_pause_seconds * 2.0 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
        # Jitter: requests that failed together are not repeated together.
        return longest * random.uniform(0.5, 1.5)  # noqa: S311

    def repeat(self, ask: Callable[[], T], is_passing: Callable[[Exception], bool]) -> T:
        """Ask until there is an answer, in the thread of the caller.

        Args:
            ask: Makes the request, and takes its answer as a whole.
            is_passing: Tells whether an error is transient. Any other is raised at once.
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
