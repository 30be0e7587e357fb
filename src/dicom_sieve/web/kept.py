"""What was worked out for pages and stays in memory, up to a bound. What takes long is asked for again."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLongError
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
SECONDS_WAITED = 0.4
"""By one page, for all of its parts together: then it shows what it has, and asks again."""


class Deadline:
    """Until when one page waits.

    Args:
        seconds: From now.
    """

    def __init__(self, seconds: float = SECONDS_WAITED) -> None:
        self._ends_at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then."""
        return max(0.0, self._ends_at - time.monotonic())


class Kept(Generic[T]):
    """Answers by key, each made once, in a thread; those used longest ago go first.

    Args:
        most: How much is kept.
        weigh: How much one answer is; by default 1.
        workers: Answers that are made at the same time.
    """

    def __init__(self, most: int, weigh: Callable[[T], int] = lambda _: 1, workers: int = 1) -> None:
        self._most, self._weigh = most, weigh
        self._futures: OrderedDict[Hashable, Future[T]] = OrderedDict()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="kept")
        self._lock = Lock()

    def start(self, key: Hashable, make: Callable[[], T]) -> "Future[T]":
        """Begin to make an answer, where it is not there yet."""
        with self._lock:
            future = self._futures.get(key)
            if future is None:
                future = self._futures[key] = self._pool.submit(make)
            self._futures.move_to_end(key)
            return future

    def get(self, key: Hashable, make: Callable[[], T], deadline: Deadline) -> T | None:
        """Give an answer; None: it is still being made.

        Raises:
            Exception: As `make` does; then it is made again the next time.
        """
        future = self.start(key, make)
        try:
            made = future.result(deadline.left)
        except WaitedTooLongError:
            if not future.done():
                return None
            self._forget(key)
            raise
        except Exception:
            self._forget(key)
            raise
        self._drop(key)
        return made

    def close(self) -> None:
        """Wait for what is being made, and make nothing more."""
        self._pool.shutdown(cancel_futures=True)

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            self._futures.pop(key, None)

    def _drop(self, key: Hashable) -> None:
        """Forget what was used longest ago, until the rest is small enough; never what was just asked for."""
        with self._lock:
            made = {each: future for each, future in self._futures.items() if future.done() and not future.exception()}
            size = sum(self._weigh(future.result()) for future in made.values())
            for each, future in made.items():
                if size <= self._most or each == key:
                    break
                size -= self._weigh(future.result())
                del self._futures[each]
