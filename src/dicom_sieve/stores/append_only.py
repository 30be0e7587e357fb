"""Append-only places, kept apart from what they vouch for: a file, or objects under a prefix of a bucket.

A record has a name, and is written once. Records that were overwritten or deleted all the same are found where the
place can show it: a bucket with versions keeps them all.
"""

import base64
import datetime
import errno
import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from dicom_sieve.errors import AlreadyPublishedError, StoreError
from dicom_sieve.objects import S3
from dicom_sieve.stores.listing import count_empty
from dicom_sieve.stores.s3.access import S3Access
from dicom_sieve.stores.s3.clients import make_boto3_client
from dicom_sieve.stores.s3.errors import as_store_error, is_conflict, is_passing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ENDING = ".json"
_TORN = b"\x00\n"
"""Ends a line that a full disk, or the end of a process, left incomplete: such a line is no record."""
LONGEST_RECORD = 65_536
"""Bytes of a record that are read from a bucket; a longer one was not written by this package."""


class AppendOnly(Protocol):
    """A place to which records are added, and from which none is removed."""

    @property
    def address(self) -> str:
        """Where it is."""
        ...

    def names(self) -> set[str]:
        """Give the names of all records, also of deleted ones where the place keeps them.

        Raises:
            StoreError: The place cannot be read.
        """
        ...

    def read(self, name: str) -> Sequence[bytes]:
        """Give every record that was written under a name.

        Raises:
            StoreError: The place cannot be read.
        """
        ...

    def add(self, name: str, body: bytes) -> None:
        """Write a record.

        Args:
            name: Without white space.
            body: Without a line feed, and without a zero byte at its end.

        Raises:
            AlreadyPublishedError: There is another of this name.
            StoreError: The place cannot be written to.
        """
        ...


@dataclass(slots=True)
class AppendOnlyFile:
    """A file with one line per record: its name, a space, its body. Only its owner can read it.

    Attributes:
        path: The file.
    """

    path: Path
    _lines: dict[str, list[bytes]] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Where it is."""
        return f"file:{self.path}"

    def names(self) -> set[str]:
        """Give the names of all lines."""
        self._lines = None
        return set(self._read())

    def read(self, name: str) -> Sequence[bytes]:
        """Give all lines of a name."""
        return self._read().get(name, [])

    def add(self, name: str, body: bytes) -> None:
        """Append a line, and sync the file."""
        if name in self._read():
            if self._read()[name] == [body]:
                return
            raise AlreadyPublishedError(f"{self.address} {name}")
        try:
            is_new = not self.path.exists()
            line = f"{name} ".encode() + body + b"\n"
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                size = os.fstat(handle).st_size
                is_torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
                line = _TORN + line if is_torn else line
                if os.write(handle, line) != len(line):  # one write: two that add at once mix no lines
                    raise OSError(errno.ENOSPC, "")
                os.fsync(handle)
            finally:
                os.close(handle)
            if is_new:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise StoreError("write", self.address, os.strerror(error.errno or 0)) from None
        self._read().setdefault(name, []).append(body)

    def _read(self) -> dict[str, list[bytes]]:
        if self._lines is None:
            lines: dict[str, list[bytes]] = defaultdict(list)
            try:
                with self.path.open("rb") as file:
                    for line in file:
                        if not line.endswith(b"\n") or line.endswith(_TORN):
                            continue
                        name, _, body = line.rstrip(b"\n").partition(b" ")
                        lines[name.decode(errors="replace")].append(body)
            except FileNotFoundError:
                pass
            except OSError as error:
                raise StoreError("read", self.address, os.strerror(error.errno or 0)) from None
            self._lines = dict(lines)
        return self._lines


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True)
class AppendOnlyBucket:
    """Objects under a prefix, one per record.

    Attributes:
        access: How the bucket is reached.
        prefix: Prefix of all keys.
        retain_days: Days for which the server refuses to delete an object (Object Lock, mode COMPLIANCE); 0 asks for
            none. The bucket must have been created with Object Lock.
    """

    access: S3Access
    prefix: str = ""
    retain_days: int = 0

    @property
    def address(self) -> str:
        """Where it is."""
        return f"{S3}://{self.access.bucket}/{self.prefix}".rstrip("/")

    def names(self) -> set[str]:
        """Give the names of all objects, deleted ones among them where the bucket has versions."""
        return set(self._versions(self._folder))

    def read(self, name: str) -> Sequence[bytes]:
        """Give all versions of an object, the oldest first."""
        bodies = []
        for version in reversed(self._versions(self._key(name)).get(name, [])):
            with as_store_error("read", f"{self.address}/{name}", self.access):
                bodies.append(self._repeat(partial(self._get, name, version)))
        return bodies

    def add(self, name: str, body: bytes) -> None:
        """Write an object, unless there is one."""
        uri = f"{self.address}/{name}"
        with as_store_error("write", uri, self.access):
            try:
                self._repeat(partial(self._put, name, body))
            except ClientError as error:
                if not is_conflict(error):
                    raise
                if list(self.read(name)) != [body]:  # else an attempt whose answer was lost has written it
                    raise AlreadyPublishedError(uri) from None

    @cached_property
    def _client(self) -> "S3Client":
        return make_boto3_client(self.access)

    def _repeat(self, ask: Any) -> Any:
        return self.access.retries.repeat(ask, is_passing)

    @property
    def _folder(self) -> str:
        return f"{self.prefix.rstrip('/')}/" if self.prefix.rstrip("/") else ""

    def _key(self, name: str) -> str:
        return f"{self._folder}{name}{_ENDING}"

    def _versions(self, prefix: str) -> dict[str, list[str]]:
        """Give the versions of objects by name, the newest first. A delete marker is none."""
        versions: dict[str, list[str]] = defaultdict(list)
        with as_store_error("list", self.address, self.access):
            for version in self._repeat(partial(lambda: list(self._pages(prefix)))):
                name = version["Key"].removeprefix(self._folder).removesuffix(_ENDING)
                versions[name].append(version.get("VersionId", "null"))
        return versions

    def _pages(self, prefix: str) -> Iterator[Any]:
        pages = self._client.get_paginator("list_object_versions")
        empty = 0
        for page in pages.paginate(Bucket=self.access.bucket, Prefix=prefix):
            is_empty = not page.get("Versions") and not page.get("DeleteMarkers")
            empty = count_empty(empty, self.address, is_empty=is_empty and page.get("IsTruncated", False))
            yield from (version for version in page.get("Versions", ()) if version["Key"].endswith(_ENDING))

    def _get(self, name: str, version: str) -> bytes:
        answer = self._client.get_object(Bucket=self.access.bucket, Key=self._key(name), VersionId=version)
        with closing(answer["Body"]) as body:
            return body.read(LONGEST_RECORD)

    def _put(self, name: str, body: bytes) -> None:
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        lock: dict[str, Any] = {}
        if self.retain_days:
            until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=self.retain_days)
            lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
        self._client.put_object(
            Bucket=self.access.bucket, Key=self._key(name), Body=body, ContentMD5=digest, IfNoneMatch="*", **lock
        )
