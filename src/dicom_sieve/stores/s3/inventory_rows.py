"""The files of an S3 Inventory: rows in gzipped CSV or in Parquet, and which of them are current objects."""

import csv
import datetime
import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dicom_sieve.objects import ObjectInfo, plain_etag
from dicom_sieve.settings import KIB, MIB
from dicom_sieve.stores.key_space import LONGEST_KEY

BATCH_ROWS = 10_000
LONGEST_LINE = 64 * KIB
"""Characters of a line of CSV; a key has 1,024 bytes, each of them up to three characters."""
MOST_INFLATED = 200
"""Inflated size of a file of CSV, as a multiple of its size; AWS's inflate by about 20."""
COLUMN_BYTES = 256 * MIB
"""Bytes of a column of Parquet in one row group; all columns of AWS's row groups have some 128 MiB together."""
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
_TEXTS = frozenset({"key", "e_tag", "version_id"})
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
    return ObjectInfo(row["Key"], plain_etag(row["ETag"]), int(row["Size"]), modified)


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def _csv_rows(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    _check(columns)
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        for cells in csv.reader(_lines(text, file.stat().st_size)):
            row = dict(zip(columns, cells, strict=True))
            # Keys are URL-encoded in CSV, a space as "+".
            yield {**row, "Key": unquote_plus(row["Key"], errors="strict")}


def _lines(text: TextIO, packed: int) -> Iterator[str]:
    """Give the lines of a compressed file; the length of a line and the inflated size are limited."""
    characters_left = MIB + MOST_INFLATED * packed
    while line := text.readline(LONGEST_LINE):
        characters_left -= len(line)
        if characters_left < 0:
            raise MalformedInventoryError(f"inflates to more than {MOST_INFLATED} times its size")
        if len(line) == LONGEST_LINE:
            raise MalformedInventoryError(f"has a line of more than {LONGEST_LINE:,} characters")
        yield line


def _parquet_rows(file: Path, _columns: Sequence[str]) -> Iterator[Row]:
    # Texts are dictionary-encoded: one long text may be that of many rows.
    metadata = pq.read_metadata(file)
    _check_sizes(metadata, file.stat().st_size)
    texts = [name for name in metadata.schema.names if name in _TEXTS]
    with pq.ParquetFile(file, metadata=metadata, read_dictionary=texts, pre_buffer=False, buffer_size=MIB) as parquet:
        present = [name for name in parquet.schema_arrow.names if name in _NAMES]
        _check([_NAMES[name] for name in present])
        for batch in parquet.iter_batches(BATCH_ROWS, columns=present, use_threads=False):
            _check_texts(batch)
            place = batch.schema.get_field_index("last_modified_date")
            moments = batch.column(place).cast(_MILLISECONDS)
            for row in batch.set_column(place, "last_modified_date", moments).to_pylist():
                yield {_NAMES[name]: value for name, value in row.items()}


def _check_sizes(metadata: pq.FileMetaData, packed: int) -> None:
    """Check the sizes in a file's metadata before any row is read."""
    if metadata.num_rows > max(packed, BATCH_ROWS):
        raise MalformedInventoryError("has more rows than bytes")
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(place) for place in range(group.num_columns)]
        if any(column.total_uncompressed_size > COLUMN_BYTES for column in columns):
            raise MalformedInventoryError(f"has a column of more than {COLUMN_BYTES // MIB} MiB in a group of rows")


def _check_texts(batch: pa.RecordBatch) -> None:
    for name in _TEXTS & set(batch.schema.names):
        column = batch.column(name)
        texts = column.dictionary if isinstance(column, pa.DictionaryArray) else column
        longest = pc.max(pc.binary_length(texts)).as_py() or 0
        if longest > LONGEST_KEY:
            raise MalformedInventoryError(f"has a text of more than {LONGEST_KEY:,} bytes")


def _check(columns: Iterable[str]) -> None:
    present = set(columns)
    needed = (*_NEEDED, "IsLatest") if "VersionId" in present else _NEEDED
    if missing := [name for name in needed if name not in present]:
        raise MalformedInventoryError(
            f"has no column {', '.join(missing)}", f"accepted: inventories with {', '.join(needed)}"
        )


FORMATS = {"CSV": _csv_rows, "Parquet": _parquet_rows}
"""Readers by format; ORC is not read."""
