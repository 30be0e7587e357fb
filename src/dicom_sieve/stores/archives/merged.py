"""A listing in which the members of archives stand at their places: in the order of the keys' UTF-8 bytes."""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import count

from dicom_sieve.objects import ObjectInfo
from dicom_sieve.stores.archives.bounds import ARCHIVES_AHEAD, OBJECTS_AHEAD
from dicom_sieve.stores.archives.names import kind_of

Opens = Callable[[ObjectInfo], dict[str, ObjectInfo]]
"""Gives what an archive is listed as, by key."""
_Waiting = tuple[bytes, int, ObjectInfo, Iterator[ObjectInfo]]


def with_members(listing: Iterable[ObjectInfo], open_archive: Opens) -> Iterator[ObjectInfo]:
    """Give a listing with members in place of archives. Where an object has the key of a member, it keeps it."""
    members = _Members()
    for listed, objects in _opened_ahead(listing, open_archive):
        yield from members.up_to(listed.key.encode())
        if objects is None:
            yield listed
        else:
            members.add(objects)
    yield from members.up_to(None)


class _Members:
    """Members that wait until it is their turn; of several with one key, the later ones get another."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._numbers = count()
        self._last: str | None = None

    def add(self, objects: dict[str, ObjectInfo]) -> None:
        """Add what an archive is listed as."""
        self._push_next(iter(sorted(objects.values(), key=lambda info: info.key.encode())))

    def up_to(self, key: bytes | None) -> Iterator[ObjectInfo]:
        """Give the members before a key, which an object has; all where there is none."""
        while self._waiting and (key is None or self._waiting[0][0] <= key):
            encoded, _, info, rest = heapq.heappop(self._waiting)
            self._push_next(rest)
            if encoded == key or info.key == self._last:
                self._push(replace(info, key=f"{info.key}!2"), iter(()))
            else:
                self._last = info.key
                yield info

    def _push_next(self, rest: Iterator[ObjectInfo]) -> None:
        if (info := next(rest, None)) is not None:
            self._push(info, rest)

    def _push(self, info: ObjectInfo, rest: Iterator[ObjectInfo]) -> None:
        heapq.heappush(self._waiting, (info.key.encode(), next(self._numbers), info, rest))


def _opened_ahead(
    listing: Iterable[ObjectInfo], open_archive: Opens
) -> Iterator[tuple[ObjectInfo, dict[str, ObjectInfo] | None]]:
    """Give each object, and of an archive what it is listed as; some archives are opened ahead."""
    opening: deque[tuple[ObjectInfo, Future[dict[str, ObjectInfo]] | None]] = deque()
    archives = 0
    with ThreadPoolExecutor(ARCHIVES_AHEAD, thread_name_prefix="archives") as pool:
        try:
            for listed in listing:
                future = pool.submit(open_archive, listed) if kind_of(listed.key) else None
                opening.append((listed, future))
                archives += future is not None
                while not archives or archives > ARCHIVES_AHEAD or len(opening) > OBJECTS_AHEAD:
                    if not opening:
                        break
                    first, opened = opening.popleft()
                    archives -= opened is not None
                    yield first, None if opened is None else opened.result()
            for first, opened in opening:
                yield first, None if opened is None else opened.result()
        finally:
            for _, opened in opening:
                if opened is not None:
                    opened.cancel()
