"""What a process keeps of archives, so that it is not made again: the last few of each."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from dicom_sieve.stores.interface import TransportError

V = TypeVar("V")


class Kept(Generic[V]):
    """Values that are given to one caller at a time, who gives them back.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._changing = threading.Lock()

    def take(self, key: Hashable) -> V | None:
        """Take a value, if there is one."""
        with self._changing:
            return self._values.pop(key, None)

    def keep(self, key: Hashable, value: V) -> None:
        """Give a value back."""
        with self._changing:
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)


class Once(Generic[V]):
    """Values that all callers share, in any thread and event loop; each is made by the first who asks for it.

    Args:
        most: How many are kept, beside those that are being made.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Future[V]] = OrderedDict()
        self._changing = threading.Lock()

    def has(self, key: Hashable) -> bool:
        """Tell whether a value is there, or being made."""
        with self._changing:
            return key in self._values

    async def get(self, key: Hashable, make: Callable[[], Awaitable[V]]) -> V:
        """Give a value; what its making raises, all raise who wait for it, and the next one makes it again."""
        with self._changing:
            future = self._values.get(key)
            is_mine = future is None
            if future is None:
                future = self._values[key] = Future()
            self._values.move_to_end(key)
            while len(self._values) > self._most and next(iter(self._values.values())).done():
                self._values.popitem(last=False)
        if not is_mine:
            return await asyncio.shield(asyncio.wrap_future(future))
        try:
            value = await make()
        except BaseException as error:
            with self._changing:
                self._values.pop(key, None)
            future.set_exception(error if isinstance(error, Exception) else TransportError("interrupted"))
            raise
        future.set_result(value)
        return value
