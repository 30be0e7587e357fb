"""How many requests may be in flight: fewer when the server asks for it, slowly more again while it answers."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType

from dicom_sieve.stores.interface import SlowDownError

ANSWERS_FOR_ONE_MORE = 8
COOLDOWN_SECONDS = 1.0
"""Within this time after slowing down, further errors are ignored: requests in flight together fail together."""


class Throttle:
    """Slots for requests, within one event loop: enter one to ask, leave it with the answer or its error.

    `SlowDownError` leaves half as many slots as requests are in flight; every `ANSWERS_FOR_ONE_MORE` answers add one.

    Args:
        most: Number of slots when the server does not ask for fewer.
        clock: Gives the time in seconds.

    Attributes:
        allowed: Current number of slots.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.allowed = most
        self._most = most
        self._clock = clock
        self._slots = asyncio.Semaphore(most)
        self._under_way = 0
        self._owed = 0  # slots to remove that are in use: each is removed when its request ends
        self._answers = 0
        self._cooldown_until = float("-inf")

    @property
    def has_room(self) -> bool:
        """Whether a slot is free."""
        return not self._slots.locked()

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        self._under_way += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._answered()
        elif isinstance(error, SlowDownError):
            await self._slow_down()
        self._under_way -= 1
        self._give_back()

    def _give_back(self) -> None:
        if self._owed:
            self._owed -= 1
        else:
            self._slots.release()

    async def _slow_down(self) -> None:
        now = self._clock()
        if now < self._cooldown_until:
            return
        self._cooldown_until = now + COOLDOWN_SECONDS
        self._answers = 0
        slots = max(1, min(self.allowed, self._under_way) // 2)
        self._owed += self.allowed - slots
        self.allowed = slots
        while self._owed and not self._slots.locked():
            await self._slots.acquire()  # free slots are removed at once
            self._owed -= 1

    def _answered(self) -> None:
        if self.allowed == self._most:
            return
        self._answers += 1
        if self._answers == ANSWERS_FOR_ONE_MORE:
            self._answers = 0
            self.allowed += 1
            self._give_back()
