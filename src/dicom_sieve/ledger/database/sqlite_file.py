"""The file of an SQLite ledger: made for its owner alone, and checked to be the same file while it is open."""

import os
import stat
import threading
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import sqlalchemy as sa

from dicom_sieve import private
from dicom_sieve.errors import LedgerError
from dicom_sieve.explain import explain

_HELD = "dicom_sieve.held"
"""Execution option of an engine that holds its file."""


def make(path: Path, opening: threading.Lock) -> None:
    """Make the file if there is none, so that only its owner reads it: the ledger holds patients' values.

    Args:
        path: Path of the file.
        opening: Lock that is held while it is made.

    Raises:
        LedgerError: It cannot be made.
    """
    try:
        private.make_folder(path.parent)
        # Only a new file is opened: closing another would take SQLite's locks on it from this process (POSIX fcntl).
        with opening:
            if not path.exists():
                private.create(path).close()
    except FileExistsError:  # another process was faster
        return
    except OSError as error:
        observed = explain(error) or os.strerror(error.errno or 0)
        raise LedgerError(f"the ledger {path} cannot be opened: {observed}") from None


def hold(engine: sa.Engine, path: Path) -> None:
    """Keep an engine from creating a file, and from using another file than the present one."""
    try:
        status = path.stat()
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be opened: {os.strerror(error.errno or 0)}") from None
    file = Held(path, (status.st_dev, status.st_ino))

    def connect(_dialect: object, _record: object, arguments: list[Any], named: dict[str, Any]) -> None:
        file.check()
        arguments[0] = f"file:{quote(str(path))}?mode=rw"
        named["uri"] = True

    sa.event.listen(engine, "do_connect", connect)
    sa.event.listen(engine, "checkout", lambda *_: file.check())
    engine.update_execution_options(**{_HELD: file})


class Held:
    """A file that is in use.

    Attributes:
        path: Path of the file.
        identity: Device and inode.
    """

    def __init__(self, path: Path, identity: tuple[int, int]) -> None:
        self.path = path
        self.identity = identity

    def check(self) -> os.stat_result:
        """Check that the file is still there, and give its status.

        Raises:
            LedgerError: It is gone, or another one is in its place.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            raise LedgerError(_GONE.format(self.path, "was deleted or moved")) from None
        except OSError as error:
            raise LedgerError(f"the ledger cannot be reached: {self.path}: {os.strerror(error.errno or 0)}") from None
        if (status.st_dev, status.st_ino) != self.identity:
            raise LedgerError(_GONE.format(self.path, "was replaced by another file"))
        return status


_GONE = (
    "the ledger {} {} while it was in use: nothing more is recorded, and no new ledger is made in its place; "
    "put it back, or open the ledger that is there now, then start another run"
)


def held_by(engine: sa.Engine) -> Held | None:
    """Give the file of an engine; None where it has none."""
    file: Held | None = engine.get_execution_options().get(_HELD)
    return file


def open_lock(file: Held) -> TextIO:
    """Open the file by which writers take turns. Its mode lets all writers of the ledger open it.

    Raises:
        LedgerError: The ledger is gone.
    """
    mode = stat.S_IMODE(file.check().st_mode) & 0o666
    descriptor = os.open(f"{file.path}.lock", os.O_RDWR | os.O_CREAT, private.FILE_MODE)
    status = os.fstat(descriptor)
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != mode:
        os.fchmod(descriptor, mode)
    return os.fdopen(descriptor)


def exposure(engine: sa.Engine) -> str | None:
    """Warn that every user may open the file; None where only its owner, or a group, may.

    Access of a group may be intended: several people may share a ledger.
    """
    file = held_by(engine)
    if file is None:
        return None
    if not file.check().st_mode & stat.S_IRWXO or not is_reachable(file.path):
        return None
    return (
        f"every user of this machine may open the ledger {file.path}, which holds patients' values: "
        f"chmod o= '{file.path}'*"
    )


def is_reachable(path: Path) -> bool:
    """Tell whether every user may enter the folders above a file."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
