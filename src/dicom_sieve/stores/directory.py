"""A directory as an object store: for a laptop, for tests, and for data that was never in S3."""

import datetime
import errno
import filecmp
import hashlib
import os
import re
import shutil
import stat
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dicom_sieve.errors import AlreadyPublishedError, StoreError
from dicom_sieve.explain import explain
from dicom_sieve.objects import DIRECTORY_ENDPOINT, Location, ObjectInfo
from dicom_sieve.stores.interface import (
    PART_BYTES,
    Downloads,
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    TransportError,
    UnwritableKeyError,
)

_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")
MOST_WAYS = 100
"""By so many links, and links to what they lie in, one directory may be entered."""
_OF_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE}
"""What no path is to blame for."""
_LEADS_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    r"""The regular files under a directory; a key is the path relative to it.

    Links to files and directories are followed: a directory that contains itself is entered once, one that links lead
    to by more than `MOST_WAYS` ways is an error. What is no regular file is no object. Bytes of a name that are not
    UTF-8 are written ``\xff`` in its key, and the two characters ``\x`` of a name ``\x5cx``: different names have
    different keys.

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
        for key, path in self._walk():
            if key.startswith(self.prefix):
                try:
                    info = _info(key, path.stat())
                except OSError as error:
                    if error.errno in _LEADS_NOWHERE:  # deleted while listing, or never there: not in the snapshot
                        continue
                    raise _store_error("list", path, error) from None
                yield info

    async def read(self, listed: ObjectInfo, *, start: int, end: int) -> bytes:
        """Read bytes of a file, if it is still the one that was listed; see `Reads.read`."""
        return self._read(listed, start, end)

    def download(self, listed: ObjectInfo, target: Path) -> None:
        """Copy a file, if it is still the one that was listed; see `Downloads.download`."""
        with target.open("xb") as file:
            for start in range(0, max(listed.size, 1), PART_BYTES):
                file.write(self._read(listed, start, min(start + PART_BYTES, listed.size)))

    async def stat(self, key: str) -> ObjectInfo:
        """Look one file up as it is now; see `Reads.stat`."""
        try:
            return _info(key, self._path(key).stat())
        except OSError as error:
            raise _read_error(error) from None

    def find(self, key: str) -> ObjectInfo | None:
        """Look for a file; see `Writes.find`."""
        path = self._path(key)
        try:
            return _info(key, path.stat())
        except OSError as error:
            if error.errno in _LEADS_NOWHERE:
                return None
            raise _store_error("look into", path, error) from None

    def write_once(self, key: str, body: Path) -> None:
        """Write a file, unless there is one already; see `Writes.write_once`."""
        target = self._path(key)
        part = target.with_name(f".{uuid.uuid4().hex}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                _copy(body, part)
                os.link(part, target)  # atomic, and refuses where something is
            except FileExistsError:
                if not target.is_file() or not filecmp.cmp(target, body, shallow=False):
                    raise AlreadyPublishedError(str(target)) from None
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise _store_error("write", target, error) from None

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        """Copy an object into a file; see `Copies.copy_from`. No key leads out of the directory."""
        if {"", ".", ".."} & set(key.split("/")) or "\0" in key:
            raise UnwritableKeyError
        target = self._path(key)
        part = target.with_name(f".{uuid.uuid4().hex}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                former = next((one for one in map(self._path, formers) if _has_bytes_of(listed, one)), None)
                if former is None:
                    source.download(listed, part)
                else:
                    shutil.copyfile(former, part)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            if error.errno in {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EILSEQ}:
                raise UnwritableKeyError from None
            raise _store_error("write", target, error) from None

    def _read(self, listed: ObjectInfo, start: int, end: int) -> bytes:
        try:
            # Without O_NONBLOCK, a pipe that took the file's place would be waited for.
            descriptor = os.open(self._path(listed.key), os.O_RDONLY | os.O_NONBLOCK)
            try:
                data = os.pread(descriptor, end - start, start)
                # Looked at after reading: a file that changed meanwhile has changed.
                etag = _etag(os.fstat(descriptor))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _read_error(error) from None
        if etag != listed.etag:
            raise ObjectChangedError
        if len(data) != end - start:
            raise TransportError("short read")
        return data

    def _path(self, key: str) -> Path:
        return self.root / os.fsdecode(_ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), key.encode()))

    def _walk(self) -> Iterator[tuple[str, Path]]:
        """Give key and path of what lies under the root, in the order of the keys' bytes, however deep it lies."""
        ways: Counter[_Identity] = Counter()
        above: list[_Opened] = []
        entered: _Entry | None = _Entry(b"", os.fsencode(self.root), is_link=False)
        while entered or above:
            if entered:
                if opened := _open(entered, above, ways):
                    above.append(opened)
                entered = None
            elif entry := next(above[-1].entries, None):
                if entry.key.endswith(b"/"):
                    entered = entry
                else:
                    yield entry.key.decode(), Path(os.fsdecode(entry.path))
            else:
                above.pop()


_Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a directory holds; the key of a directory ends in "/"."""

    key: bytes
    path: bytes
    is_link: bool


@dataclass(frozen=True, slots=True)
class _Opened:
    """A directory that is being walked, and what of it is left."""

    identity: _Identity
    entries: Iterator[_Entry]


def _open(directory: _Entry, above: Sequence[_Opened], ways: Counter[_Identity]) -> _Opened | None:
    """Look what a directory holds; None where it is one of those above it, or was deleted while listing.

    Args:
        directory: Which; the first one's key is empty.
        above: Those that it lies in.
        ways: By how many links a directory was entered before, on all ways to them.

    Raises:
        StoreError: It cannot be listed, or links lead to it by too many ways: they may fan out at every step.
    """
    path = Path(os.fsdecode(directory.path))
    try:
        here = os.stat(directory.path)  # noqa: PTH116 - names may be no text, so paths are bytes here
        identity = (here.st_dev, here.st_ino)
        if any(identity == opened.identity for opened in above):
            return None
        if directory.is_link:
            ways[identity] += 1
        if ways[identity] > MOST_WAYS:
            advice = f"accepted: up to {MOST_WAYS} ways to one directory; list the directory itself"
            raise StoreError("list", str(path), "links lead here by too many ways", advice)
        with os.scandir(directory.path) as entries:
            # A directory sorts as its name and "/", so that the keys under it come in the order of their bytes.
            found = sorted((directory.key + _key_part(entry), entry.path, entry.is_symlink()) for entry in entries)
    except OSError as error:
        if directory.key and error.errno in _LEADS_NOWHERE:  # deleted while listing
            return None
        raise _store_error("list", path, error) from None
    return _Opened(identity, (_Entry(*entry) for entry in found))


def _key_part(entry: os.DirEntry[bytes]) -> bytes:
    name = entry.name.replace(rb"\x", rb"\x5cx").decode("utf-8", "backslashreplace").encode()
    try:
        return name + b"/" if entry.is_dir() else name
    except OSError as error:
        if error.errno not in _LEADS_NOWHERE:
            raise
        return name


def _copy(body: Path, part: Path) -> None:
    with body.open("rb") as source, part.open("xb") as target:
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(errno.ENOENT, "no regular file")
    modified = datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC)
    return ObjectInfo(key, _etag(status), status.st_size, modified)


def _has_bytes_of(listed: ObjectInfo, path: Path) -> bool:
    """Tell whether a file has the bytes of an object; of one whose etag is no MD5 that cannot be told."""
    if not path.is_file() or path.stat().st_size != listed.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest() == listed.etag


def _etag(status: os.stat_result) -> str:
    """Identify a file's content as well as a file system can: size, time of change in ns, inode."""
    return f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"


def _read_error(error: OSError) -> ObjectGoneError | ReadRefusedError | TransportError:
    if error.errno in _LEADS_NOWHERE | {errno.EISDIR, errno.ESPIPE}:
        return ObjectGoneError()
    if isinstance(error, PermissionError):
        return ReadRefusedError("AccessDenied")
    return TransportError(_words(error))


def _store_error(action: str, path: Path, error: OSError) -> StoreError:
    return StoreError(action, str(path), _words(error), (error.errno in _OF_MACHINE and explain(error)) or "")


def _words(error: OSError) -> str:
    return os.strerror(error.errno or errno.EIO)
