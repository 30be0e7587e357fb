"""Reading of objects in two ways: for little CPU in the event loop (ADR 38), or else in a thread, which tells why not.

A request is repeated as a whole, within limits of number and time. A request to slow down applies to all reads of the
event loop (`Throttle`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from dicom_sieve import private
from dicom_sieve.advice import ANOTHER_ETAG
from dicom_sieve.objects import ObjectInfo, plain_etag
from dicom_sieve.stores.interface import (
    PART_BYTES,
    NotSentError,
    ObjectChangedError,
    TransportError,
)
from dicom_sieve.stores.retries import Retries
from dicom_sieve.stores.throttle import Throttle

THREADS = 64
"""That read, at most."""

P = ParamSpec("P")
T = TypeVar("T")


def may_be_repeated(error: Exception) -> bool:
    """Tell whether the same read may succeed when it is asked for again."""
    return isinstance(error, TransportError) and not isinstance(error, NotSentError)


class ReadsTwoWays:
    """What a store that is asked over the network reads with; its class says how one attempt is made."""

    @property
    def retries(self) -> Retries:
        """Timeouts and attempts."""
        raise NotImplementedError

    async def _read_quickly(self, listed: ObjectInfo, start: int, end: int) -> bytes | None:
        """Read for little CPU, once; None where `_read_any` is to read, or to tell what is wrong."""
        raise NotImplementedError

    def _read_any(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        """Read once; raises as `Reads.read` does."""
        raise NotImplementedError

    def _stat(self, key: str) -> ObjectInfo:
        """Look one object up; raises as `Reads.stat` does."""
        raise NotImplementedError

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read bytes of an object, if it is still the one that was listed; see `Reads.read`."""
        if not 0 <= start < end <= listed.size:
            raise ValueError("start and end must be a range within the object")
        loop, throttle = asyncio.get_running_loop(), self._throttle()
        until = loop.time() + self.retries.read_deadline_seconds
        fault = None
        if throttle.has_room:  # then the first attempt bounds its time itself: one timer less for each read
            try:
                return await self._ask(throttle, listed, start, end)
            except TransportError as error:
                if not may_be_repeated(error):
                    raise
                fault = error
        return await self._ask_until(until, fault, partial(self._ask, throttle, listed, start, end))

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Read a whole object into a new local file, if it is still the one that was listed; see `Downloads`."""
        with private.create(target) as file:
            file.writelines(self._parts(listed))

    def read_bytes(self, listed: ObjectInfo) -> bytes:
        """Read a whole object, if it is still the one that was listed; raises as `Downloads.download` does."""
        return b"".join(self._parts(listed))

    async def stat(self, key: str) -> ObjectInfo:
        """Look one object up as it is now; see `Reads.stat`."""
        return await self._in_thread(self._stat, key)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(THREADS, thread_name_prefix="read")

    @cached_property
    def _throttles(self) -> WeakKeyDictionary[asyncio.AbstractEventLoop, Throttle]:
        return WeakKeyDictionary()

    def _throttle(self) -> Throttle:
        """Give the throttle of the running event loop."""
        loop = asyncio.get_running_loop()
        throttle = self._throttles.get(loop)
        if throttle is None:
            throttle = self._throttles[loop] = Throttle(self.retries.requests_in_flight)
        return throttle

    async def _in_thread(self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(ask, *args, **kwargs))

    async def _ask(self, throttle: Throttle, listed: ObjectInfo, start: int, end: int) -> bytes:
        """Make one attempt at a read: the first client limits its whole time, boto3 that of each part of an answer."""
        async with throttle:
            if (data := await self._read_quickly(listed, start, end)) is not None:
                return data
            try:
                async with asyncio.timeout(self.retries.read_deadline_seconds):
                    return await self._in_thread(self._read_any, listed, start, end)
            except TimeoutError:
                raise TransportError("no answer") from None

    async def _ask_until(
        self, until: float, fault: TransportError | None, ask: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """Make the remaining attempts, up to a time of the loop; all of them where there is no fault yet."""
        retries = self.retries
        try:
            async with asyncio.timeout_at(until):
                for attempt in range(0 if fault is None else 1, retries.read_attempts):
                    await asyncio.sleep(retries.pause(attempt))
                    try:
                        return await ask()
                    except TransportError as error:
                        if not may_be_repeated(error):
                            raise
                        fault = error
        except TimeoutError:
            pass
        raise fault or TransportError("no answer")

    def _parts(self, listed: ObjectInfo) -> Iterator[bytes]:
        for start in range(0, listed.size, PART_BYTES):
            ask = partial(self._read_part, listed, start, min(start + PART_BYTES, listed.size))
            yield self.retries.repeat(ask, may_be_repeated)

    def _read_part(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        try:
            return self._read_any(listed, start, end)
        except ObjectChangedError:
            now = self._stat(listed.key)
            if (now.etag, now.size) != (plain_etag(listed.etag), listed.size):
                raise
            raise TransportError(ANOTHER_ETAG) from None
