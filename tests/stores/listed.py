"""A bucket in memory that is only listed: in pages, behind a key or by tokens of its own; it counts what is asked."""

import datetime
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from dicom_sieve.errors import StoreError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.listing import Cursor, Page

PLACE = Location("https://simulated", "challenge-tech")
LONG_AGO = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class ListedBucket:
    """Keys, as a server lists them.

    Attributes:
        keys: In the order in which they are listed.
        asked: Every cursor that was asked for.
        at_once: How many requests were under way when each began, itself included.
        seconds: That each request takes.
        honours_start_after: Whether a page begins behind the key that was given.
        fails: Tells of which requests the server answers an error.
    """

    def __init__(self, keys: Iterable[str], *, page_keys: int = 1_000, seconds: float = 0.0) -> None:
        self.keys: Sequence[str] = sorted(set(keys), key=str.encode)
        self.asked: list[Cursor] = []
        self.at_once: list[int] = []
        self.seconds = seconds
        self.honours_start_after = True
        self.fails: Callable[[Cursor], bool] = lambda _: False
        self._page_keys = page_keys
        self._under_way = 0
        self._guard = threading.Lock()

    @property
    def pages(self) -> int:
        """How many pages there are, asked for one after the other."""
        return max(1, -(-len(self.keys) // self._page_keys))

    @property
    def most_at_once(self) -> int:
        """How many requests were under way at the same time, at most."""
        return max(self.at_once)

    def ask(self, cursor: Cursor) -> Page:
        """Give a page; a token is the number of keys before it."""
        with self._guard:
            self.asked.append(cursor)
            self._under_way += 1
            self.at_once.append(self._under_way)
        time.sleep(self.seconds)
        with self._guard:
            self._under_way -= 1
        if self.fails(cursor):
            raise StoreError("list", str(PLACE), "said so")
        start = int(cursor.token or 0)
        if cursor.after is not None and self.honours_start_after:
            start = bisect_right(self.keys, cursor.after)
        end = start + self._page_keys
        objects = [ObjectInfo(key, "e", 1, LONG_AGO) for key in self.keys[start:end]]
        return Page(objects, Cursor(token=str(end)) if end < len(self.keys) else None)
