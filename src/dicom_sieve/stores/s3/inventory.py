"""An S3 Inventory in place of a listing: what a bucket held when AWS wrote it, in CSV or Parquet.

Its files are in no order. Objects are sorted in runs, which are kept on disk and merged: memory stays flat. How a
manifest and its files look: Amazon S3 User Guide, "Amazon S3 Inventory list" and "Locating your inventory list".
"""

import datetime
import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from io import TextIOWrapper
from itertools import count, islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

from dicom_sieve import private
from dicom_sieve.errors import DicomSieveError, StoreError
from dicom_sieve.objects import Location, ObjectInfo, split_s3
from dicom_sieve.settings import MIB
from dicom_sieve.stores.interface import Downloads
from dicom_sieve.stores.s3.inventory_rows import FORMATS, MalformedInventoryError, read_objects

LARGEST_MANIFEST = 16 * MIB
"""Number of bytes of a manifest, at most; it names each file of the inventory in about 150."""
RUN_OBJECTS = 100_000
"""Objects that are sorted in memory at a time, in some 50 MB."""
RUNS_AT_A_TIME = 64
"""Sorted runs that are merged at a time, each an open file."""


class Keeps(Downloads, Protocol):
    """A place that holds inventories."""

    def find(self, key: str) -> ObjectInfo | None:
        """Look for an object; see `Writes.find`."""
        ...


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of an inventory, as its manifest names it."""

    key: str
    md5: str


@dataclass(frozen=True, slots=True)
class InventoryManifest:
    """What an inventory's ``manifest.json`` says.

    Attributes:
        bucket: Name of the bucket.
        created_at: When AWS began to write the inventory: it shows the bucket of that moment.
        format: CSV or Parquet.
        columns: Columns of CSV, in order; empty for Parquet, whose files name them.
        files: Files that hold the objects.
    """

    bucket: str
    created_at: datetime.datetime
    format: str
    columns: tuple[str, ...]
    files: tuple[DataFile, ...]

    @classmethod
    def read(cls, text: bytes, *, of: str) -> "InventoryManifest":
        """Read the manifest of an inventory of a bucket.

        Raises:
            MalformedInventoryError: It is none, or of another bucket, or of an inventory that cannot be read.
        """
        try:
            manifest: dict[str, Any] = json.loads(text)
            kind, schema = manifest["fileFormat"], str(manifest["fileSchema"])
            files = tuple(DataFile(str(entry["key"]), str(entry["MD5checksum"])) for entry in manifest["files"])
            created_at = datetime.datetime.fromtimestamp(int(manifest["creationTimestamp"]) / 1e3, datetime.UTC)
            bucket = str(manifest["sourceBucket"])
        except (ValueError, KeyError, TypeError, OverflowError):
            raise MalformedInventoryError("is no manifest.json of an S3 Inventory") from None
        if kind not in FORMATS:
            accepted = ", ".join(FORMATS)
            raise MalformedInventoryError("is of a format that is not read", f"accepted: {accepted}")
        if bucket != of:
            raise MalformedInventoryError("is of another bucket", f"accepted: an inventory of {of}")
        columns = tuple(name.strip() for name in schema.split(",")) if kind == "CSV" else ()
        return cls(bucket, created_at, kind, columns, files)


@dataclass(frozen=True)
class Inventory:
    """A location as an S3 Inventory shows it.

    Attributes:
        location: The location to list; the inventory may cover more.
        kept_in: Where its manifest and its files lie.
        key: Key of the manifest.
    """

    location: Location
    kept_in: Keeps
    key: str

    @property
    def created_at(self) -> datetime.datetime:
        """When AWS began to write it: it shows the bucket of that moment.

        Raises:
            StoreError: It cannot be read, or is of another bucket.
        """
        return self._manifest.created_at

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object of the location, in the order of the keys' UTF-8 bytes; see `Lists.list`.

        Raises:
            StoreError: It cannot be read, lacks what is needed, or its bytes are not those that the manifest names.
        """
        with private.temporary_folder() as folder:
            last = None
            for info in _sorted(self._objects(folder), folder):
                if info.key == last:
                    raise self._error(self.key, MalformedInventoryError("names an object twice"))
                last = info.key
                yield info

    @cached_property
    def _manifest(self) -> InventoryManifest:
        with private.temporary_folder() as folder:
            try:
                text = self._fetch(self.key, folder / "manifest.json", LARGEST_MANIFEST).read_bytes()
                return InventoryManifest.read(text, of=self.location.bucket)
            except MalformedInventoryError as error:
                raise self._error(self.key, error) from None

    def _objects(self, folder: Path) -> Iterator[ObjectInfo]:
        manifest = self._manifest
        for data in manifest.files:
            try:
                file = self._fetch(data.key, folder / "data")
                _check_md5(file, data.md5)
                for info in read_objects(file, manifest.format, manifest.columns):
                    if info.key.startswith(self.location.prefix):
                        yield info
                file.unlink()
            except MalformedInventoryError as error:
                raise self._error(data.key, error) from None

    def _fetch(self, key: str, target: Path, most: int | None = None) -> Path:
        found = self.kept_in.find(key)
        if found is None:
            raise MalformedInventoryError("is not there", "check bucket and key of the manifest")
        if most is not None and found.size > most:
            raise MalformedInventoryError(f"has more than {most // MIB} MiB", "check bucket and key of the manifest")
        try:
            self.kept_in.download(found, target)
        except StoreError:
            raise
        except DicomSieveError as error:  # a refusal, or a fault that lasted
            raise MalformedInventoryError(str(error)) from None
        return target

    def _error(self, key: str, error: MalformedInventoryError) -> StoreError:
        return StoreError("use the inventory", self.kept_in.location.uri(key), error.observed, error.advice)


def address_of_manifest(uri: str) -> tuple[str, str]:
    """Give bucket and key of a manifest.

    Raises:
        ValueError: That is the address of no object; the message does not quote it.
    """
    bucket, key = split_s3(uri) or ("", "")
    if not bucket or not key:
        raise ValueError("is no address of a manifest; accepted: s3://bucket/path/manifest.json")
    return bucket, key


def _check_md5(file: Path, md5: str) -> None:
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, partial(hashlib.md5, usedforsecurity=False)).hexdigest() != md5.lower():
            raise MalformedInventoryError("is not what its manifest names: the MD5 checksum differs")


def _sorted(objects: Iterable[ObjectInfo], folder: Path) -> Iterator[ObjectInfo]:
    """Sort any number of objects by their keys, on disk."""
    remaining, numbers = iter(objects), count()
    runs: list[Path] = []
    while batch := sorted(islice(remaining, RUN_OBJECTS), key=_KEY):
        runs.append(_write(batch, folder / f"run-{next(numbers)}"))
        if len(runs) == RUNS_AT_A_TIME:
            merged = _write(_merge(runs), folder / f"run-{next(numbers)}")
            for run in runs:
                run.unlink()
            runs = [merged]
    yield from _merge(runs)


_KEY = attrgetter("key")


def _merge(runs: Sequence[Path]) -> Iterator[ObjectInfo]:
    return heapq.merge(*(_read(run) for run in runs), key=_KEY)


def _write(objects: Iterable[ObjectInfo], run: Path) -> Path:
    with TextIOWrapper(private.create(run), encoding="ascii") as file:
        for info in objects:
            file.write(json.dumps((info.key, info.etag, info.size, info.last_modified.isoformat())) + "\n")
    return run


def _read(run: Path) -> Iterator[ObjectInfo]:
    with run.open(encoding="ascii") as file:
        for line in file:
            key, etag, size, modified = json.loads(line)
            yield ObjectInfo(key, etag, size, datetime.datetime.fromisoformat(modified))
