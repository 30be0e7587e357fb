"""The manifest's Parquet parts, written to local files a batch at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dicom_sieve import private
from dicom_sieve.digest import digest_of

PART_ROWS = 1_000_000

INSTANCES = pa.schema(
    [
        ("bucket", pa.string()),
        ("object_key", pa.string()),
        ("etag", pa.string()),
        ("size", pa.int64()),
        ("study_instance_uid", pa.string()),
        ("series_instance_uid", pa.string()),
        ("sop_class_uid", pa.string()),
        ("sop_instance_uid", pa.string()),
        ("findings", pa.list_(pa.string())),
        ("defect", pa.string()),
    ]
)
"""Columns of ``instances/verdict=…/*.parquet``; the verdict is in the path, as Hive partitions have it."""

SERIES = pa.schema(
    [
        ("series_instance_uid", pa.string()),
        ("study_instance_uid", pa.string()),
        ("instances", pa.int64()),
        ("passed", pa.int64()),
        ("discarded", pa.int64()),
        ("duplicates", pa.int64()),
        ("selection", pa.string()),
        ("conflicts", pa.list_(pa.string())),
        ("study_instance_uids", pa.list_(pa.string())),
    ]
)
"""Columns of ``series.parquet`` without facts; the last two are empty unless the identity of a series is contradicted
(ADR 29)."""

FACTS = pa.schema(
    [
        ("frames", pa.int64()),
        ("slices", pa.int64()),
        ("volumes", pa.int64()),
        ("missing", pa.int64()),
        ("duplicate_images", pa.int64()),
        ("spacing", pa.float64()),
        ("spacing_variation", pa.float64()),
        ("tilt", pa.float64()),
        ("plane", pa.string()),
        ("thickness", pa.float64()),
    ]
)
"""Columns of ``series.parquet`` behind these: what was measured of each series; see docs/geometry.md."""
UNDECIDED = pa.field("undecided", pa.list_(pa.string()))
"""The last column: names of the facts that cannot be told."""
SERIES_AND_FACTS = pa.schema([*SERIES, *FACTS, UNDECIDED])


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a manifest.

    Attributes:
        path: Relative to the manifest.
        rows: Number of rows; None where it is no table.
        bytes: Size in bytes.
        sha256: SHA-256 of its bytes, as hex.
        file: The local file that is written to the store.
    """

    path: str
    rows: int | None
    bytes: int
    sha256: str
    file: Path

    def as_json(self) -> dict[str, Any]:
        """Give it as the manifest has it."""
        return {"path": self.path, "rows": self.rows, "bytes": self.bytes, "sha256": self.sha256}


def write_parts(
    batches: Iterator[pa.RecordBatch],
    *,
    schema: pa.Schema,
    path: str,
    directory: Path,
    advance: Callable[[int], None],
) -> Iterator[Part]:
    """Write rows into as many parts as they need; one part, without rows, where there are none.

    Args:
        batches: The rows.
        schema: Schema of the parts.
        path: Path of a part, with a place for its number from 0; without one, all rows go into one part.
        directory: Folder of the local files.
        advance: Called with the number of rows that were written.
    """
    is_numbered = path.format(0) != path.format(1)
    number, batch = 0, next(batches, None)
    while number == 0 or batch is not None:
        file = directory / path.format(number).replace("/", "-")
        rows = 0
        with private.create(file) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            while batch is not None and (rows < PART_ROWS or not is_numbered):
                writer.write_batch(batch)
                rows += batch.num_rows
                advance(batch.num_rows)
                batch = next(batches, None)
        yield Part(path.format(number), rows, file.stat().st_size, digest_of(file), file)
        number += 1


def write_text(text: str, path: str, directory: Path) -> Part:
    """Write a text as a part."""
    file = directory / path
    with private.create(file) as stream:
        stream.write(text.encode())
    return Part(path, None, file.stat().st_size, digest_of(file), file)
