"""Files for their owner alone, whatever the umask, and temporary folders that do not outlive their process by much.

A temporary folder is held by a lock on a file in it (flock), which the system lets go of when the process ends, however
it ends. What a killed process left is removed when the next one first makes such a folder in the same place.
"""

import fcntl
import os
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

FILE_MODE, FOLDER_MODE = 0o600, 0o700
PREFIX = "dicom-sieve-"
SHORT_PREFIX = "sieve-"
"""Where programs make sockets, whose paths must be short."""
LOCK = ".lock"
_HELD = re.compile(rf"\.?({PREFIX}|{SHORT_PREFIX})[a-z0-9_]{{8}}")
"""Names of temporary folders, as `tempfile.mkdtemp` makes them; hidden ones among the files of others."""
_swept: set[Path] = set()


def create(path: Path) -> BinaryIO:
    """Create a file that only its owner can read, and open it for writing.

    Raises:
        FileExistsError: There is something already.
    """
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb")


def overwrite(path: Path) -> BinaryIO:
    """Open a file for writing, from its beginning; what is there and was open to others is theirs no more."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, FILE_MODE)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        if status.st_uid == os.geteuid():
            os.fchmod(descriptor, FILE_MODE)
        os.ftruncate(descriptor, 0)
    return os.fdopen(descriptor, "wb")


def append(path: Path) -> BinaryIO:
    """Open a file for writing, behind its end; one that was open to others is theirs no more.

    Raises:
        OSError: It cannot be, or is a link.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, FILE_MODE)
    if os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "ab")


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are missing, so that only their owner can enter them."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        with suppress(FileExistsError):  # another process was faster; what is there and no folder shows when it is used
            folder.mkdir(mode=FOLDER_MODE)


def take_folder(path: Path) -> None:
    """Make a folder as `make_folder` does; one of this user that is there already is closed to others.

    What a link leads to, and another user's folder, stay as they are.
    """
    make_folder(path)
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # a link, or no folder
        return
    try:
        if os.fstat(folder).st_uid == os.geteuid():
            os.fchmod(folder, FOLDER_MODE)
    finally:
        os.close(folder)


@contextmanager
def temporary_folder(prefix: str = PREFIX, within: Path | None = None) -> Iterator[Path]:
    """Make a temporary folder, and remove it with all that is in it.

    Args:
        prefix: Of its name: `PREFIX`, `SHORT_PREFIX`, or one of them behind a dot.
        within: Where; without it, where the system has its temporary files.
    """
    within = Path(tempfile.gettempdir() if within is None else within)
    if within not in _swept:
        _swept.add(within)
        sweep(within)
    folder, lock = _make(prefix, within)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@dataclass
class _Shared:
    """A temporary folder that several threads use at the same time."""

    path: Path
    opened: ExitStack
    users: int = 0


_shared: dict[tuple[str, Path], _Shared] = {}
_sharing = threading.Lock()


@contextmanager
def shared_folder(prefix: str, within: Path) -> Iterator[Path]:
    """Give a temporary folder that all threads share which ask for the same; the last one removes it."""
    with _sharing:
        shared = _shared.get((prefix, within))
        if shared is None:
            opened = ExitStack()
            shared = _Shared(opened.enter_context(temporary_folder(prefix, within)), opened)
            _shared[prefix, within] = shared
        shared.users += 1
    try:
        yield shared.path
    finally:
        with _sharing:
            shared.users -= 1
            if not shared.users:
                del _shared[prefix, within]
                shared.opened.close()


def is_temporary(name: str) -> bool:
    """Tell whether a folder of this name is one of ours."""
    return _HELD.fullmatch(name) is not None


def sweep(within: Path | None = None) -> list[Path]:
    """Remove the temporary folders of this user whose processes are gone, and tell which they were."""
    within = Path(tempfile.gettempdir() if within is None else within)
    with suppress(OSError):  # a place that cannot be looked into holds none of ours
        folders = [folder for folder in within.iterdir() if is_temporary(folder.name) and _is_ours(folder)]
        return [folder for folder in folders if _remove_abandoned(folder)]
    return []


def _make(prefix: str, within: Path) -> tuple[Path, int]:
    """Make a folder and hold its lock: who sweeps between the two takes the folder away, and another one is made."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, FILE_MODE)
        with suppress(OSError):  # a file system without locks: then nobody sweeps there
            fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat((folder / LOCK).stat(), os.fstat(lock)):
                return folder, lock
        os.close(lock)


def _is_ours(folder: Path) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _remove_abandoned(folder: Path) -> bool:
    """Remove a folder if nobody holds its lock. One without a lock is just being made, or none of ours."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:  # the lock is held meanwhile: who has just made the folder waits for it, and makes another
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(lock)
