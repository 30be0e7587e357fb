"""A store in memory: it implements the real Protocols, records every request, and fails on demand."""

import asyncio
import datetime
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dicom_sieve.errors import AlreadyPublishedError
from dicom_sieve.ledger.writing.headers import UnreadObject
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.screening import Shard
from dicom_sieve.stores.interface import ObjectChangedError, ObjectGoneError, ReadRefusedError, TransportError

PLACE = Location("https://simulated", "challenge-tech")


class SimulatedStore:
    """Objects by key, with what was asked of them.

    Attributes:
        location: Where it pretends to be.
        lists: How often it was listed.
        reads: Key, start and end of every range that was asked for, those that failed included.
        bytes_read: How many bytes it gave.
        stats: Keys that were looked up.
        written: Keys in the order in which they were written.
        faults: By key, how many more requests for it fail in transport; -1: all.
        failing_reads: Which reads fail in transport, counted from 1 over all keys.
        refused: Keys that the store will not give.
        on_list: Called before a listing begins.
        on_listed: Called after the last object was listed.
        on_read: Called with the key before each read: objects may be put, overwritten and deleted there.
        on_write: Called with the key before each write; what it raises is the write's error.
        order: Sorts the keys of a listing.
    """

    def __init__(self, objects: Mapping[str, bytes] | None = None, *, location: Location = PLACE) -> None:
        self.location = location
        self.lists = 0
        self.reads: list[tuple[str, int, int]] = []
        self.bytes_read = 0
        self.stats: list[str] = []
        self.written: list[str] = []
        self.faults: dict[str, int] = {}
        self.failing_reads: set[int] = set()
        self.refused: set[str] = set()
        self.on_list: Callable[[], object] = lambda: None
        self.on_listed: Callable[[], object] = lambda: None
        self.on_read: Callable[[str], object] = lambda _: None
        self.on_write: Callable[[str], object] = lambda _: None
        self.order: Callable[[str], Any] = str.encode
        self._objects: dict[str, tuple[ObjectInfo, bytes]] = {}
        self._clock = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        self._guard = threading.Lock()
        for key, data in (objects or {}).items():
            self.put(key, data)

    def put(self, key: str, data: bytes) -> ObjectInfo:
        """Write or overwrite an object; equal bytes have equal etags, as in S3."""
        self._clock += datetime.timedelta(seconds=1)
        info = ObjectInfo(key, hashlib.md5(data, usedforsecurity=False).hexdigest(), len(data), self._clock)
        self._objects[key] = (info, data)
        return info

    def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        self._objects.pop(key, None)

    def objects(self) -> dict[str, ObjectInfo]:
        """Give what it holds now, by key."""
        return {key: info for key, (info, _) in self._objects.items()}

    def content(self, key: str) -> bytes:
        """Give an object's bytes."""
        return self._objects[key][1]

    def shard(self, *keys: str) -> Shard:
        """Give a shard of some or all of its objects, as a listing shows them now."""
        infos = [self._objects[key][0] for key in keys or sorted(self._objects)]
        return Shard(1, tuple(UnreadObject(number, info) for number, info in enumerate(infos, 1)))

    def forget_requests(self) -> None:
        """Reset the counts."""
        self.lists, self.reads, self.bytes_read, self.stats = 0, [], 0, []

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object in the order of the keys' UTF-8 bytes; see `Lists.list`."""
        self.lists += 1
        self.on_list()
        yield from [
            self._objects[key][0]
            for key in sorted(self._objects, key=self.order)
            if key.startswith(self.location.prefix)
        ]
        self.on_listed()

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read bytes of an object; see `Reads.read`."""
        assert 0 <= start < end <= listed.size, "a range within the object"
        with self._guard:
            self.reads.append((listed.key, start, end))
            number = len(self.reads)
            self.on_read(listed.key)
        await asyncio.sleep(0)
        self._fail(listed.key)
        if number in self.failing_reads:
            raise TransportError("ConnectionClosedError")
        now, data = self._find(listed.key)
        if now.etag != listed.etag:
            raise ObjectChangedError
        with self._guard:
            self.bytes_read += end - start
        return data[start:end]

    async def stat(self, key: str) -> ObjectInfo:
        """Look one object up as it is now; see `Reads.stat`."""
        self.stats.append(key)
        await asyncio.sleep(0)
        self._fail(key)
        return self._find(key)[0]

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object; see `Writes.find`."""
        return self._objects[key][0] if key in self._objects else None

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Read a whole object into a new file; see `Downloads.download`."""
        if listed.size:
            target.write_bytes(asyncio.run(self.read(listed, start=0, end=listed.size)))

    def write_once(self, key: str, body: Path) -> None:
        """Write a local file as an object, unless there is one already; see `Writes.write_once`."""
        self.on_write(key)
        data = body.read_bytes()
        if key in self._objects:
            if self.content(key) != data:
                raise AlreadyPublishedError(self.location.uri(key))
            return
        self.put(key, data)
        self.written.append(key)

    def _fail(self, key: str) -> None:
        if key in self.refused:
            raise ReadRefusedError("AccessDenied")
        with self._guard:
            left = self.faults.get(key, 0)
            self.faults[key] = max(left - 1, 0) if left >= 0 else left
        if left:
            raise TransportError("ConnectionClosedError")

    def _find(self, key: str) -> tuple[ObjectInfo, bytes]:
        try:
            return self._objects[key]
        except KeyError:
            raise ObjectGoneError from None
