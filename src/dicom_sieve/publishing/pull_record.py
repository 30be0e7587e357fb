"""What a pull has done, kept beside the files: one line per object, in the order of keys.

While a pull is under way, its lines and those of earlier pulls are in two files. At the end one is left,
``pulled.jsonl``. So a pull that was killed continues where it was, and memory does not grow with the objects.
"""

import fcntl
import heapq
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from dicom_sieve import private
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.objects import part_of_key

RECORD, BEFORE, NOW = "pulled.jsonl", ".pulled-before.jsonl", ".pulled-now.jsonl"
FORMAT = {"format": "dicom-sieve pull", "format_version": 1}


@dataclass(frozen=True, slots=True)
class Pulled:
    """What became of one object that passed.

    Attributes:
        object_key: Key of the object.
        etag: Etag of the bytes that were judged.
        size: Size in bytes.
        outcome: Name of a `PullOutcome`.
        path: Path of its file, relative to the folder; None where there is no file.
        sha256: SHA-256 of its bytes, as hex; None where there is no file.
        duplicate: Whether another object with the same UIDs comes first.
        reason: Why there is no file, in words; None where there is one.
        local: Etag of the file as it was written; None where there is no file.
    """

    object_key: str
    etag: str
    size: int
    outcome: str
    path: str | None = None
    sha256: str | None = None
    duplicate: bool = False
    reason: str | None = None
    local: str | None = None


def is_reserved(key: str) -> bool:
    """Tell whether a file would lie where the record or half-written files do."""
    first = key.partition("/")[0]
    return first in {RECORD, BEFORE, NOW} or private.is_temporary(first)


@dataclass(frozen=True)
class Record:
    """The record of a pull that is under way."""

    folder: Path
    file: io.FileIO

    def before(self) -> Iterator[Pulled]:
        """Give the lines of earlier pulls, in the order of keys."""
        yield from _read(self.folder / BEFORE)

    def write(self, pulled: Pulled) -> None:
        """Add a line; it is in the file when this returns."""
        self.file.write(json.dumps(asdict(pulled)).encode() + b"\n")


@contextmanager
def open_record(folder: Path, head: Mapping[str, Any]) -> Iterator[Record]:
    """Open the record of a folder; it replaces the earlier one when the pull ends without an error.

    Args:
        folder: Made where it is missing.
        head: What is pulled; a folder that was begun with another head is refused.

    Raises:
        InvalidRequestError: Another pull writes there, something else was pulled there, or the folder has other files.
    """
    head = {**FORMAT, **head}
    with ExitStack() as stack:
        stack.callback(os.close, _lock(folder))
        _merge_earlier(folder, head)
        file = stack.enter_context(_create(folder / NOW, head))
        yield Record(folder, file)
        os.fsync(file.fileno())
        (folder / NOW).replace(folder / RECORD)
        (folder / BEFORE).unlink()


def find_origin(file: Path) -> tuple[str, str] | None:
    """Give run and key of the object that a file was pulled from, by a record above it; None: no record has it."""
    file = file.absolute()
    for folder in file.parents if file.is_file() else ():
        if (folder / RECORD).is_file():
            path = "/".join(map(part_of_key, os.fsencode(file.relative_to(folder)).split(b"/")))
            head = _head(folder / RECORD) or {}
            for line in _read(folder / RECORD):
                if line.path == path:
                    return str(head.get("run_id")), line.object_key
    return None


def _lock(folder: Path) -> int:
    """Open the folder, which is made where it is missing, for this pull alone."""
    try:
        private.make_folder(folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InvalidRequestError((f"DIR: {folder} cannot be used: {os.strerror(error.errno or 0)}",)) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InvalidRequestError((f"DIR: another pull is writing to {folder}; let it end first",)) from None
    except OSError:  # a file system without locks
        pass
    return descriptor


def _merge_earlier(folder: Path, head: Mapping[str, Any]) -> None:
    """Merge the lines of earlier pulls into one file; of several lines of an object, the latest with a file counts."""
    names = [name for name in (NOW, RECORD, BEFORE) if (folder / name).exists()]
    if not names and any(not private.is_temporary(path.name) for path in folder.iterdir()):
        raise InvalidRequestError(
            (f"DIR: {folder} has files, and no record of a pull; accepted: an empty directory, or one to be made",)
        )
    for name in names:
        begun = _head(folder / name)
        if begun is not None and begun != head:
            observed = ", ".join(f"{field} {begun.get(field)}" for field in head if begun.get(field) != head[field])
            raise InvalidRequestError(
                (f"DIR: {folder} was begun otherwise: {observed}; accepted: another directory, or to pull the same",)
            )
    with private.temporary_folder(f".{private.PREFIX}", folder) as temporary:
        gathered = temporary / BEFORE
        with _create(gathered, head) as file:
            by_key = heapq.merge(*(_read(folder / name) for name in names), key=_order)
            for _, lines in groupby(by_key, key=_order):
                several = list(lines)
                kept = next((line for line in several if line.sha256), several[0])
                file.write(json.dumps(asdict(kept)).encode() + b"\n")
        gathered.replace(folder / BEFORE)
    for name in (NOW, RECORD):
        with suppress(FileNotFoundError):
            (folder / name).unlink()


def _order(line: Pulled) -> bytes:
    return line.object_key.encode()


@contextmanager
def _create(path: Path, head: Mapping[str, Any]) -> Iterator[io.FileIO]:
    """Create a file with the head as its first line; a line is written whole, or not at all."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, private.FILE_MODE)
    with io.FileIO(descriptor, "ab") as file:
        file.write(json.dumps(head).encode() + b"\n")
        yield file


def _head(path: Path) -> Mapping[str, Any] | None:
    """Give the first line; None where its writer was killed before it was there."""
    with path.open("rb") as file:
        line = file.readline()
    head = _parse(line)
    return {} if head is None and line.endswith(b"\n") else head


def _read(path: Path) -> Iterator[Pulled]:
    """Give the lines of a file; an incomplete or foreign line is skipped."""
    with path.open("rb") as file:
        file.readline()
        for line in file:
            fields = _parse(line)
            with suppress(TypeError):
                if fields is not None:
                    yield Pulled(**fields)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
