"""A store: objects in the memory of one process, with a scheme of its own, ``memory://bucket/prefix``.

This file and a line in ``stores/open.py``, ``"memory": open_memory``, are all that a store needs: commands and
`open_store` open it by its address, and it can be screened, computed on and published to.
"""

import datetime
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dicom_sieve import private
from dicom_sieve.errors import AlreadyPublishedError
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.stores.interface import Downloads, ObjectChangedError, ObjectGoneError
from dicom_sieve.stores.opener import Access

ENDPOINT = "memory:"
"""What a location says of it: the scheme of its addresses follows from this."""
BUCKETS: dict[str, dict[str, tuple[ObjectInfo, bytes]]] = {}
"""What each bucket holds, by key."""


@dataclass(frozen=True, slots=True)
class MemoryStore:
    """The objects of one bucket.

    Attributes:
        bucket: Its name.
        prefix: What keys begin with.
    """

    bucket: str
    prefix: str = ""

    @property
    def location(self) -> Location:
        """Where it is."""
        return Location(ENDPOINT, self.bucket, self.prefix)

    def put(self, key: str, data: bytes) -> None:
        """Write or overwrite an object; equal bytes have equal etags."""
        info = ObjectInfo(key, hashlib.sha256(data).hexdigest(), len(data), datetime.datetime.now(datetime.UTC))
        self._objects[key] = (info, data)

    def delete(self, key: str) -> None:
        """Delete an object."""
        del self._objects[key]

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object, in the order of the keys' UTF-8 bytes; see `Lists.list`."""
        keys = sorted((key for key in self._objects if key.startswith(self.prefix)), key=str.encode)
        return iter([self._objects[key][0] for key in keys])

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read bytes of an object, if it is still the one that was listed; see `Reads.read`."""
        return self.read_bytes(listed)[start:end]

    async def stat(self, key: str) -> ObjectInfo:
        """Look one object up as it is now; see `Reads.stat`."""
        if (found := self.find(key)) is None:
            raise ObjectGoneError
        return found

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object; see `Writes.find`."""
        return self._objects[key][0] if key in self._objects else None

    def read_bytes(self, listed: ObjectInfo) -> bytes:
        """Read a whole object, if it is still the one that was listed; raises as `Reads.read` does."""
        if listed.key not in self._objects:
            raise ObjectGoneError
        info, data = self._objects[listed.key]
        if info.etag != listed.etag:
            raise ObjectChangedError
        return data

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Read a whole object into a new local file; see `Downloads.download`."""
        with private.create(target) as file:
            file.write(self.read_bytes(listed))

    def write_once(self, key: str, body: Path) -> None:
        """Write a local file as an object, unless there is one already; see `Writes.write_once`."""
        data = body.read_bytes()
        if key not in self._objects:
            self.put(key, data)
        elif self._objects[key][1] != data:
            raise AlreadyPublishedError(self.location.uri(key))

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        """Copy an object, in place of what is under the key; see `Copies.copy_from`."""
        del formers  # bytes come through here in any case
        with private.temporary_folder() as folder:
            source.download(listed, folder / "object")
            self.put(key, (folder / "object").read_bytes())

    @property
    def _objects(self) -> dict[str, tuple[ObjectInfo, bytes]]:
        return BUCKETS.setdefault(self.bucket, {})


def open_memory(location: Location, access: Access) -> MemoryStore:
    """Open a bucket. Nothing is sent anywhere, so that endpoint and credentials do not matter."""
    del access
    return MemoryStore(location.bucket, location.prefix)
