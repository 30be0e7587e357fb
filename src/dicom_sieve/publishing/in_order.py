"""Work on objects, several at a time, with results in their order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(items: Iterable[T], work: Callable[[T], R], threads: int) -> Iterator[R]:
    """Give the result of each item, in the order of the items; a bounded number of items is worked on ahead."""
    waiting = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="transfer") as pool:
        flying: deque[Future[R]] = deque(pool.submit(work, item) for item in islice(waiting, 2 * threads))
        try:
            while flying:
                yield flying.popleft().result()
                flying.extend(pool.submit(work, item) for item in islice(waiting, 1))
        finally:
            for future in flying:
                future.cancel()
