"""S3 Inventories, written as AWS's documentation specifies (Amazon S3 User Guide, "Amazon S3 Inventory list")."""

import csv
import datetime
import gzip
import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq

from dicom_sieve.objects import ObjectInfo

CREATED = datetime.datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=datetime.UTC)
FOLDER = "inventories/challenge-tech/weekly"
MANIFEST = f"{FOLDER}/2026-02-03T01-00Z/manifest.json"
PLAIN = ("Bucket", "Key", "Size", "LastModifiedDate", "ETag")
VERSIONED = ("Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "LastModifiedDate", "ETag")
PARQUET = {
    "Bucket": ("bucket", pa.string()),
    "Key": ("key", pa.string()),
    "VersionId": ("version_id", pa.string()),
    "IsLatest": ("is_latest", pa.bool_()),
    "IsDeleteMarker": ("is_delete_marker", pa.bool_()),
    "Size": ("size", pa.int64()),
    "LastModifiedDate": ("last_modified_date", pa.timestamp("ms")),
    "ETag": ("e_tag", pa.string()),
}
"""By the name in CSV: name and type in Parquet."""


def row(bucket: str, info: ObjectInfo, **other: Any) -> dict[str, Any]:
    """Make the row of an object."""
    return {
        "Bucket": bucket,
        "Key": info.key,
        "VersionId": "v1",
        "IsLatest": True,
        "IsDeleteMarker": False,
        "Size": info.size,
        "LastModifiedDate": info.last_modified,
        "ETag": info.etag,
        **other,
    }


def as_csv(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> bytes:
    """Write rows as gzipped CSV: every cell quoted, keys URL-encoded, no head."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        moment = row["LastModifiedDate"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
        cells = {**row, "Key": quote_plus(row["Key"]), "LastModifiedDate": moment}
        flags = {name: str(cells[name]).lower() for name in ("IsLatest", "IsDeleteMarker")}
        writer.writerow(["" if value is None else value for value in ({**cells, **flags}[name] for name in columns)])
    return gzip.compress(text.getvalue().encode("ascii"))


def as_parquet(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> bytes:
    """Write rows as Parquet."""
    table = pa.table(
        {
            PARQUET[name][0]: pa.array(
                [
                    row[name].astimezone(datetime.UTC).replace(tzinfo=None) if name == "LastModifiedDate" else row[name]
                    for row in rows
                ],
                PARQUET[name][1],
            )
            for name in columns
        }
    )
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def inventory_of(
    bucket: str, kind: str, files: Sequence[Sequence[dict[str, Any]]], columns: Sequence[str] = PLAIN, **said: Any
) -> dict[str, bytes]:
    """Write an inventory: its objects by key, the manifest among them.

    Args:
        bucket: That it is of.
        kind: CSV or Parquet.
        files: Rows of each of its files.
        columns: That it was asked to have.
        said: What its manifest says otherwise.
    """
    write, ending = (as_csv, "csv.gz") if kind == "CSV" else (as_parquet, "parquet")
    bodies = {f"{FOLDER}/data/{number}.{ending}": write(rows, columns) for number, rows in enumerate(files)}
    schema = "message s3.inventory { required binary key (UTF8); }" if kind == "Parquet" else ", ".join(columns)
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": "arn:aws:s3:::inventories",
        "version": "2016-11-30",
        "creationTimestamp": str(int(CREATED.timestamp() * 1000)),
        "fileFormat": kind,
        "fileSchema": schema,
        "files": [
            {"key": key, "size": len(body), "MD5checksum": hashlib.md5(body, usedforsecurity=False).hexdigest()}
            for key, body in bodies.items()
        ],
        **said,
    }
    return {**bodies, MANIFEST: json.dumps(manifest).encode()}
