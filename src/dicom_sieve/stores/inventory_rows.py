"""The files of an S3 Inventory: rows in gzipped CSV or in Parquet, and which of them are objects of today."""

import csv
import datetime
import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.parquet as pq

from dicom_sieve.objects import ObjectInfo

BATCH_ROWS = 10_000
_NAMES = {
    "key": "Key",
    "size": "Size",
    "last_modified_date": "LastModifiedDate",
    "e_tag": "ETag",
    "version_id": "VersionId",
    "is_latest": "IsLatest",
    "is_delete_marker": "IsDeleteMarker",
}
"""Columns of Parquet that are read, and how CSV, and AWS's settings, call them."""
_NEEDED = ("Key", "Size", "LastModifiedDate", "ETag")
_MILLISECONDS = pa.timestamp("ms", tz="UTC")

Row = Mapping[str, Any]


class MalformedInventoryError(Exception):
    """An inventory, or a file of it, that cannot be used.

    Attributes:
        observed: What is wrong, after the name of the thing.
        advice: What to do about it; may be empty.
    """

    def __init__(self, observed: str, advice: str = "") -> None:
        super().__init__(observed, advice)
        self.observed = observed
        self.advice = advice


def read_objects(file: Path, kind: str, columns: Sequence[str]) -> Iterator[ObjectInfo]:
    """Give the objects that a file of an inventory holds: latest versions that are no delete markers.

    Args:
        file: The file.
        kind: One of `FORMATS`.
        columns: Of CSV, in order.

    Raises:
        MalformedInventoryError: It is no such file, or lacks a column.
    """
    try:
        for row in FORMATS[kind](file, columns):
            if (info := _object(row)) is not None:
                yield info
    except (OSError, EOFError, zlib.error, csv.Error, pa.ArrowException, ValueError, TypeError):
        raise MalformedInventoryError(f"is no {kind} as S3 Inventory writes it") from None


def _object(row: Row) -> ObjectInfo | None:
    if _is_true(row.get("IsDeleteMarker")) or not _is_true(row.get("IsLatest", True)):
        return None
    modified = row["LastModifiedDate"]
    if isinstance(modified, str):
        modified = datetime.datetime.fromisoformat(modified)
    if not row["Key"] or not row["ETag"] or modified is None:
        raise ValueError("a row without what is needed")
    return ObjectInfo(row["Key"], row["ETag"].strip('"'), int(row["Size"]), modified)


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def _csv_rows(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    _check(columns)
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        for cells in csv.reader(text):
            row = dict(zip(columns, cells, strict=True))
            # Keys are URL-encoded in CSV, a space as "+".
            yield {**row, "Key": unquote_plus(row["Key"], errors="strict")}


def _parquet_rows(file: Path, _columns: Sequence[str]) -> Iterator[Row]:
    with pq.ParquetFile(file) as parquet:
        held = [name for name in parquet.schema_arrow.names if name in _NAMES]
        _check([_NAMES[name] for name in held])
        for batch in parquet.iter_batches(BATCH_ROWS, columns=held):
            place = batch.schema.get_field_index("last_modified_date")
            moments = batch.column(place).cast(_MILLISECONDS)
            for row in batch.set_column(place, "last_modified_date", moments).to_pylist():
                yield {_NAMES[name]: value for name, value in row.items()}


def _check(columns: Iterable[str]) -> None:
    held = set(columns)
    needed = (*_NEEDED, "IsLatest") if "VersionId" in held else _NEEDED
    if missing := [name for name in needed if name not in held]:
        raise MalformedInventoryError(
            f"has no column {', '.join(missing)}", f"accepted: inventories with {', '.join(needed)}"
        )


FORMATS = {"CSV": _csv_rows, "Parquet": _parquet_rows}
"""Of files; ORC is not read."""
