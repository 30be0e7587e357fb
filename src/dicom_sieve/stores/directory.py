"""A directory as an object store: for a laptop, for tests, and for data that was never in S3."""

import datetime
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from dicom_sieve.errors import AlreadyPublishedError, StoreError
from dicom_sieve.objects import DIRECTORY_ENDPOINT, Location, ObjectInfo
from dicom_sieve.stores.interface import (
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    TransportError,
)

_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    r"""The regular files under a directory; a key is the path relative to it.

    Links to files and directories are followed (a directory that contains itself is entered once); what is no regular
    file is no object. Bytes of a name that are not UTF-8 are written ``\xff`` in its key.

    Attributes:
        root: The directory; absolute.
        prefix: What keys begin with.
    """

    root: Path
    prefix: str = ""

    @property
    def location(self) -> Location:
        """Where it is."""
        return Location(DIRECTORY_ENDPOINT, str(self.root), self.prefix)

    def list(self) -> Iterator[ObjectInfo]:
        """Give every regular file, in the order of the keys' UTF-8 bytes.

        Raises:
            StoreError: A directory cannot be listed.
        """
        for key, path in self._walk(os.fsencode(self.root), b"", frozenset()):
            if key.startswith(self.prefix):
                with suppress(FileNotFoundError):  # deleted while listing: then it is not in the snapshot
                    yield _info(key, path.stat())

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read bytes of a file, if it is still the one that was listed; see `Reads.read`."""
        try:
            with self._path(listed.key).open("rb", buffering=0) as file:
                data = os.pread(file.fileno(), end - start, start)
                # Looked at after reading: a file that changed meanwhile has changed.
                etag = _etag(os.fstat(file.fileno()))
        except OSError as error:
            raise _read_error(error) from None
        if etag != listed.etag:
            raise ObjectChangedError
        if len(data) != end - start:
            raise TransportError("short read")
        return data

    async def stat(self, key: str) -> ObjectInfo:
        """Look one file up as it is now; see `Reads.stat`."""
        try:
            return _info(key, self._path(key).stat())
        except OSError as error:
            raise _read_error(error) from None

    def exists(self, key: str) -> bool:
        """Tell whether there is a file of that key."""
        return self._path(key).exists()

    def write_once(self, key: str, body: Path) -> None:
        """Write a file, unless there is one already; see `Writes.write_once`."""
        target = self._path(key)
        content = body.read_bytes()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".part") as part:
                part.write(content)
                part.flush()
                os.fsync(part.fileno())
                os.link(part.name, target)  # atomic, and refuses where something is
        except FileExistsError:
            if target.read_bytes() != content:
                raise AlreadyPublishedError(str(target)) from None
        except OSError as error:
            raise StoreError("write", str(target), os.strerror(error.errno or 0)) from None

    def _path(self, key: str) -> Path:
        path = self.root / key
        if os.path.lexists(path) or "\\x" not in key:
            return path
        return self.root / os.fsdecode(_ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), key.encode()))

    def _walk(self, directory: bytes, key: bytes, above: frozenset[tuple[int, int]]) -> Iterator[tuple[str, Path]]:
        try:
            here = os.stat(directory)  # noqa: PTH116 - names may be no text, so paths are bytes here
            identity = (here.st_dev, here.st_ino)
            if identity in above:
                return
            with os.scandir(directory) as entries:
                # A directory sorts as its name and "/", so that the keys under it come in the order of their bytes.
                named = sorted((_key_part(entry), entry) for entry in entries)
        except OSError as error:
            raise StoreError("list", os.fsdecode(directory), os.strerror(error.errno or 0)) from None
        for name, entry in named:
            if name.endswith(b"/"):
                yield from self._walk(entry.path, key + name, above | {identity})
            elif entry.is_file():
                yield (key + name).decode(), Path(os.fsdecode(entry.path))


def _key_part(entry: os.DirEntry[bytes]) -> bytes:
    name = entry.name.decode("utf-8", "backslashreplace").encode()
    return name + b"/" if entry.is_dir() else name


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(key)
    modified = datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC)
    return ObjectInfo(key, _etag(status), status.st_size, modified)


def _etag(status: os.stat_result) -> str:
    """Identify a file's content as well as a file system can: size, time of change in ns, inode."""
    return f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"


def _read_error(error: OSError) -> ObjectGoneError | ReadRefusedError | TransportError:
    match error:
        case FileNotFoundError() | NotADirectoryError() | IsADirectoryError():
            return ObjectGoneError()
        case PermissionError():
            return ReadRefusedError("AccessDenied")
        case _:
            return TransportError(os.strerror(error.errno or 0))
