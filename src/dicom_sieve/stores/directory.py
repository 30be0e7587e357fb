"""A directory as an object store: for a laptop, for tests, and for data that was never in S3."""

import datetime
import errno
import hashlib
import os
import re
import shutil
import stat
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dicom_sieve import private
from dicom_sieve.errors import AlreadyPublishedError, StoreError
from dicom_sieve.explain import explain
from dicom_sieve.objects import DIRECTORY_ENDPOINT, Location, ObjectInfo, part_of_key
from dicom_sieve.stores.interface import (
    PART_BYTES,
    Downloads,
    ObjectChangedError,
    ObjectGoneError,
    ReadRefusedError,
    TransportError,
    UnwritableKeyError,
)
from dicom_sieve.stores.paths import names_of_key

MOST_WAYS = 100
"""Number of ways by which links may lead to one directory."""
_OF_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE}
"""Errors of the machine, whatever the path."""
_PART = re.compile(r"\.[0-9a-f]{32}\.part")
"""Incomplete files of earlier versions: no objects."""
TAKEN = "there is a file already, of a key that its file system does not tell from this one, or of somebody else"
_FIT_NO_PATH = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EILSEQ, errno.EINVAL}
_LEADS_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    """The regular files under a directory; a key is the path relative to it, as `paths` has it.

    To read, links to files and directories are followed. A directory that contains itself is entered once; one that
    links lead to by more than `MOST_WAYS` ways is an error. Only complete regular files are objects. To write, no link
    below the directory is followed. New files are for their owner alone, whatever the umask.

    Attributes:
        root: The directory; absolute.
        prefix: Prefix of all keys.
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
        with private.create(target) as file:
            for start in range(0, max(listed.size, 1), PART_BYTES):
                file.write(self._read(listed, start, min(start + PART_BYTES, listed.size)))

    async def stat(self, key: str) -> ObjectInfo:
        """Look one file up as it is now; see `Reads.stat`."""
        try:
            return _info(key, self._path(key).stat())
        except UnwritableKeyError:
            raise ObjectGoneError from None
        except OSError as error:
            raise _read_error(error) from None

    def find(self, key: str) -> ObjectInfo | None:
        """Look for a file; see `Writes.find`."""
        try:
            path = self._path(key)
            return _info(key, path.stat())
        except UnwritableKeyError:
            return None
        except OSError as error:
            if error.errno in _LEADS_NOWHERE | {errno.ENAMETOOLONG}:
                return None
            raise _store_error("look into", path, error) from None

    def write_once(self, key: str, body: Path) -> None:
        """Write a file, unless there is one already; see `Writes.write_once`."""
        target, names = self._path(key), names_of_key(key)
        try:
            with self._part() as part, self._folder_of(names) as folder:
                _copy(body, part)
                if not _link_or_find(part, names[-1], folder):
                    raise AlreadyPublishedError(str(target))
        except OSError as error:
            raise _store_error("write", target, error) from None

    def copy_from(self, source: Downloads, listed: ObjectInfo, key: str, formers: Sequence[str] = ()) -> None:
        """Copy an object into a new file; see `Copies.copy_from`. No key leads out of the directory."""
        with self._placing(key) as (part, name, folder):
            former = next((path for path in self._paths(formers) if _has_bytes_of(listed, path)), None)
            if former is None:
                source.download(listed, part)
            else:
                _copy(former, part)
            os.link(part, name, dst_dir_fd=folder)

    def fetch(self, source: Downloads, listed: ObjectInfo, key: str, *, replaces: bool) -> str:
        """Read an object into a file, and sync it; see `copy_from`.

        Args:
            source: The store to read from.
            listed: The object, with the etag that its bytes must have.
            key: Key of the file.
            replaces: Whether an existing file is replaced; else one with other bytes is left as it is.

        Returns:
            SHA-256 of its bytes, as hex.

        Raises:
            UnwritableKeyError: There is another file, or there cannot be one of that key.
        """
        with self._placing(key) as (part, name, folder):
            source.download(listed, part)
            digest = _sync(part)
            if replaces:
                os.replace(part, name, dst_dir_fd=folder)
            elif not _link_or_find(part, name, folder):
                raise UnwritableKeyError(TAKEN)
            return digest

    def read_bytes(self, listed: ObjectInfo) -> bytes:
        """Read a whole file, if it is still the one that was listed; raises as `Reads.read` does."""
        return self._read(listed, 0, listed.size)

    @contextmanager
    def _placing(self, key: str) -> Iterator[tuple[Path, bytes, int]]:
        """Give a temporary file, the name of its target, and the target's opened folder; translate errors."""
        target, names = self._path(key), names_of_key(key)
        try:
            with self._part() as part, self._folder_of(names) as folder:
                yield part, names[-1], folder
        except FileExistsError:
            raise UnwritableKeyError(TAKEN) from None
        except OSError as error:
            if error.errno in _FIT_NO_PATH:
                raise UnwritableKeyError from None
            raise _store_error("write", target, error) from None

    @contextmanager
    def _part(self) -> Iterator[Path]:
        """Give the path of a temporary file, which is linked to its place when it is complete."""
        private.make_folder(self.root)
        with private.shared_folder(f".{private.PREFIX}", self.root) as folder:
            part = folder / uuid.uuid4().hex
            try:
                yield part
            finally:
                part.unlink(missing_ok=True)

    @contextmanager
    def _folder_of(self, names: Sequence[bytes]) -> Iterator[int]:
        """Open the folder of a file, made where it is missing, step by step: no link on the way is followed."""
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in names[:-1]:
                above, folder = folder, _descend(folder, name)
                os.close(above)
            yield folder
        finally:
            os.close(folder)

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
        except UnwritableKeyError:
            raise ObjectGoneError from None
        except OSError as error:
            raise _read_error(error) from None
        if etag != listed.etag:
            raise ObjectChangedError
        if len(data) != end - start:
            raise TransportError("short read")
        return data

    def _path(self, key: str) -> Path:
        return self.root / os.fsdecode(b"/".join(names_of_key(key)))

    def _paths(self, keys: Sequence[str]) -> Iterator[Path]:
        for key in keys:
            with suppress(UnwritableKeyError):  # then there is no such file
                yield self._path(key)

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
    """A directory that is being walked, and its entries that are left."""

    identity: _Identity
    entries: Iterator[_Entry]


def _open(directory: _Entry, above: Sequence[_Opened], ways: Counter[_Identity]) -> _Opened | None:
    """List a directory; None where it is one of those above it, or was deleted while listing.

    Args:
        directory: The key of the root is empty.
        above: The directories that contain it.
        ways: Number of links by which each directory was entered before, on all ways to it.

    Raises:
        StoreError: It cannot be listed, or links lead to it by too many ways: they may fan out at every step.
    """
    path = Path(os.fsdecode(directory.path))
    try:
        status = os.stat(directory.path)  # noqa: PTH116 - names may be no text, so paths are bytes here
        identity = (status.st_dev, status.st_ino)
        if any(identity == opened.identity for opened in above):
            return None
        if directory.is_link:
            ways[identity] += 1
        if ways[identity] > MOST_WAYS:
            advice = f"accepted: up to {MOST_WAYS} ways to one directory; list the directory itself"
            raise StoreError("list", str(path), "links lead here by too many ways", advice)
        with os.scandir(directory.path) as entries:
            # A directory sorts as its name and "/", so that the keys under it come in the order of their bytes.
            named = (entry for entry in entries if not _is_half_written(entry))
            found = sorted((directory.key + _key_part(entry), entry.path, entry.is_symlink()) for entry in named)
    except OSError as error:
        if directory.key and error.errno in _LEADS_NOWHERE:  # deleted while listing
            return None
        raise _store_error("list", path, error) from None
    return _Opened(identity, (_Entry(*entry) for entry in found))


def _key_part(entry: os.DirEntry[bytes]) -> bytes:
    name = part_of_key(entry.name).encode()
    try:
        return name + b"/" if entry.is_dir() else name
    except OSError as error:
        if error.errno not in _LEADS_NOWHERE:
            raise
        return name


def _is_half_written(entry: os.DirEntry[bytes]) -> bool:
    name = os.fsdecode(entry.name)
    return name.startswith(".") and (private.is_temporary(name) or _PART.fullmatch(name) is not None)


def _descend(folder: int, name: bytes) -> int:
    """Open a folder in another one, and make it where it is missing; a link is not followed."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    with suppress(FileNotFoundError):
        return os.open(name, flags, dir_fd=folder)
    with suppress(FileExistsError):  # another thread was faster
        os.mkdir(name, private.FOLDER_MODE, dir_fd=folder)
    return os.open(name, flags, dir_fd=folder)


def _copy(body: Path, part: Path) -> None:
    with body.open("rb") as source, private.create(part) as target:
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())


def _sync(part: Path) -> str:
    """Sync a file to the disk, and give the SHA-256 of its bytes, as hex."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link_or_find(part: Path, name: bytes, folder: int) -> bool:
    """Link a file to its place, unless there is one with the same bytes; False: there is something else."""
    try:
        os.link(part, name, dst_dir_fd=folder)  # atomic, and refuses where something is
    except FileExistsError:
        return _holds(folder, name, part)
    return True


def _holds(folder: int, name: bytes, body: Path) -> bool:
    """Tell whether there is a file, and no link, with these bytes."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return False
    try:
        with body.open("rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size != os.fstat(file.fileno()).st_size:
                return False
            return all(chunk == os.read(descriptor, len(chunk)) for chunk in iter(partial(file.read, 1 << 20), b""))
    finally:
        os.close(descriptor)


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(errno.ENOENT, "no regular file")
    modified = datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC)
    return ObjectInfo(key, _etag(status), status.st_size, modified)


def _has_bytes_of(listed: ObjectInfo, path: Path) -> bool:
    """Tell whether a file has the bytes of an object; False where the object's etag is no MD5."""
    if not path.is_file() or path.stat().st_size != listed.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest() == listed.etag


def _etag(status: os.stat_result) -> str:
    """Identify a file's content as well as a file system can (ADR 3).

    Size, time of modification and of change in ns, inode. The time of modification can be set to any; that of change,
    which goes on with it, cannot.
    """
    return f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ctime_ns:x}-{status.st_ino:x}"


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
