"""Attack: an inventory of less than a megabyte that takes gigabytes of memory, or of disk, when it is read."""

import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dicom_sieve.stores.s3.inventory_rows import MalformedInventoryError, read_objects
from tests.stores.s3.inventories import CREATED, PLAIN

_READ = """
import json, resource, sys
from pathlib import Path
from dicom_sieve.stores.s3 import inventory_rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    for _ in inventory_rows.read_objects(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])):
        pass
except inventory_rows.MalformedInventoryError as error:
    print(error.observed)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
MOST_KIB = 64 * 1024


def read(file: Path, kind: str) -> tuple[str, int]:
    """Read a file of an inventory in a process of its own: what is said, and how many KiB of memory it took."""
    command = [sys.executable, "-c", _READ, str(file), kind, json.dumps(PLAIN)]
    said, took = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return said, int(took)


def write_parquet(file: Path, keys: Sequence[str], **how: object) -> None:
    rows = len(keys)
    moments = pa.array([CREATED.replace(tzinfo=None)] * rows, pa.timestamp("ms"))
    columns = {"key": keys, "size": [1] * rows, "last_modified_date": moments, "e_tag": ["e"] * rows}
    pq.write_table(pa.table(columns), file, compression="zstd", **how)


class TestAnInventory:
    def test_an_inventory_of_one_long_line_of_csv_is_refused(self, tmp_path: Path) -> None:
        with gzip.open(tmp_path / "data", "wb", compresslevel=1) as packed:
            for _ in range(120):
                packed.write(b"x" * 1_000_000)

        said, took = read(tmp_path / "data", "CSV")

        assert said == "has a line of more than 65,536 characters"
        assert took < MOST_KIB

    def test_an_inventory_of_lines_that_inflate_beyond_measure_is_refused(self, tmp_path: Path) -> None:
        line = b'"b","key","1","2024-01-01T00:00:00.000Z","e"\n'
        (tmp_path / "data").write_bytes(gzip.compress(line * 300_000))

        with pytest.raises(MalformedInventoryError, match="inflates to more than 200 times its size"):
            sum(1 for _ in read_objects(tmp_path / "data", "CSV", PLAIN))

    def test_an_inventory_of_one_long_text_in_many_rows_of_parquet_is_refused(self, tmp_path: Path) -> None:
        write_parquet(tmp_path / "data", ["k" * 100_000] * 1_500)

        said, took = read(tmp_path / "data", "Parquet")

        assert (tmp_path / "data").stat().st_size < 10_000
        assert said == "has a text of more than 1,024 bytes"
        assert took < MOST_KIB

    def test_an_inventory_of_one_large_page_of_parquet_is_refused(self, tmp_path: Path) -> None:
        keys = [f"{number}{'k' * 100_000}" for number in range(3_000)]
        write_parquet(tmp_path / "data", keys, use_dictionary=False, data_page_size=1 << 30)

        said, took = read(tmp_path / "data", "Parquet")

        assert said == "has a column of more than 256 MiB in a group of rows"
        assert took < MOST_KIB

    def test_an_inventory_of_more_rows_of_parquet_than_bytes_is_refused(self, tmp_path: Path) -> None:
        write_parquet(tmp_path / "data", ["k"] * 500_000)

        with pytest.raises(MalformedInventoryError, match="has more rows than bytes"):
            next(read_objects(tmp_path / "data", "Parquet", ()))
