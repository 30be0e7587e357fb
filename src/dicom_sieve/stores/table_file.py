"""The rows of a table that somebody gave: CSV or Parquet. No error quotes a cell; cells are never evaluated."""

import csv
import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dicom_sieve.criteria.given_table import MOST_ROWS
from dicom_sieve.enumerations import all_of
from dicom_sieve.errors import DicomSieveError
from dicom_sieve.settings import KIB, MIB

LARGEST_TABLE = 64 * MIB
"""Bytes of a table."""
LONGEST_CELL, LONGEST_LINE = 64, 256 * KIB
"""Characters of a cell that is read, and of a line with all its cells."""
MOST_COLUMNS, MOST_NAMED = 2_000, 20
"""Columns of a table; those of them that an error names."""
COLUMN_BYTES = 512 * MIB
"""Bytes of a column of Parquet in all row groups together, unpacked."""
BATCH_ROWS = 10_000
DELIMITERS = ",;\t"
Cells = tuple[str, ...]


class MalformedTableError(DicomSieveError):
    """A table that cannot be used.

    Args:
        observed: What is wrong, after its name; never a cell.
    """

    def __init__(self, observed: str) -> None:
        super().__init__(observed)

    def __str__(self) -> str:
        return str(self.args[0])


def read_table(file: Path, kind: str, columns: Sequence[str]) -> Iterator[tuple[int, Cells]]:
    """Give the cells of some columns, row by row.

    Args:
        file: The file.
        kind: One of `KINDS`.
        columns: Names of the columns.

    Yields:
        The number of the row, from 1, the line of names not counted; and its cells, without white space around them.
        Empty cells are empty texts.

    Raises:
        MalformedTableError: It is no such file, lacks a column, or is too large.
    """
    for number, cells in enumerate(KINDS[kind](file, columns), 1):
        if number > MOST_ROWS:
            raise MalformedTableError(f"has more than {MOST_ROWS:,} rows; accepted: {MOST_ROWS:,}")
        stripped = tuple(cell.strip() for cell in cells)
        for name, cell in zip(columns, stripped, strict=True):
            if len(cell) > LONGEST_CELL:
                raise MalformedTableError(
                    f"has a cell of more than {LONGEST_CELL} characters in row {number:,} of column {name}"
                )
        yield number, stripped


def _csv_rows(file: Path, columns: Sequence[str]) -> Iterator[Cells]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            lines = _lines(text)
            header = next(lines, "")
            delimiter = max(DELIMITERS, key=_without_quoted(header).count)
            rows = csv.reader(_again(header, lines), delimiter=delimiter, strict=True)
            names = [name.strip() for name in next(rows, [])]
            places = _places(names, columns)
            for number, row in enumerate((row for row in rows if row), 1):
                if len(row) != len(names):
                    observed = f"has {len(row):,} cells in row {number:,}, and {len(names):,} columns"
                    raise MalformedTableError(observed)
                yield tuple(row[place] for place in places)
    except UnicodeDecodeError:
        raise MalformedTableError("is not UTF-8 text; accepted: CSV in UTF-8") from None
    except csv.Error:
        raise MalformedTableError(
            "is no CSV: a quotation mark is not closed, or something stands behind one; accepted: a line of names, "
            "then rows, divided by commas, semicolons or tabs"
        ) from None


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise MalformedTableError(f"has a line of {LONGEST_LINE:,} characters or more")
        if "\0" in line:
            raise MalformedTableError("holds NULs; accepted: CSV in UTF-8")
        yield line


def _again(first: str, others: Iterator[str]) -> Iterator[str]:
    yield first
    yield from others


def _without_quoted(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _places(names: Sequence[str], columns: Sequence[str]) -> list[int]:
    """Find columns by their names."""
    if len(names) > MOST_COLUMNS:
        raise MalformedTableError(f"has more than {MOST_COLUMNS:,} columns")
    for column in columns:
        if (times := names.count(column)) != 1:
            there = f"has {times} columns {column!r}" if times else f"has no column {column!r}"
            raise MalformedTableError(f"{there}; {_describe(names)}")
    return [names.index(column) for column in columns]


_NAME = re.compile(r"[A-Za-z_][A-Za-z_ .-]{0,63}")


def _describe(names: Sequence[str]) -> str:
    """Name columns: what has digits or other signs may be the cells of a table without a line of names."""
    shown = [name for name in names if _NAME.fullmatch(name)][:MOST_NAMED]
    others = len(names) - len(shown)
    listed = [
        *shown,
        *([f"{others:,} others"] if shown else [f"{others:,} of names that are not shown"]) * bool(others),
    ]
    return f"its columns: {all_of(listed)}" if listed else "it has no columns"


def _parquet_rows(file: Path, columns: Sequence[str]) -> Iterator[Cells]:
    try:
        metadata = pq.read_metadata(file)
        if metadata.num_rows > MOST_ROWS:
            raise MalformedTableError(f"has more than {MOST_ROWS:,} rows; accepted: {MOST_ROWS:,}")
        schema = metadata.schema.to_arrow_schema()
        places = _places(schema.names, columns)
        readers = [_reader_of(schema.field(place), name) for place, name in zip(places, columns, strict=True)]
        _check_sizes(metadata, columns)
        texts = [name for place, name in zip(places, columns, strict=True) if _is_text(schema.field(place).type)]
        with pq.ParquetFile(file, metadata=metadata, read_dictionary=texts, pre_buffer=False, buffer_size=MIB) as table:
            for batch in table.iter_batches(BATCH_ROWS, columns=list(dict.fromkeys(columns)), use_threads=False):
                read = [_cells(batch.column(batch.schema.names.index(name)), name) for name in columns]
                for row in zip(*read, strict=True):
                    yield tuple(
                        "" if value is None else as_text(value) for as_text, value in zip(readers, row, strict=True)
                    )
    except (pa.ArrowException, OSError, ValueError, OverflowError):
        raise MalformedTableError("is no Parquet file that can be read") from None


def _check_sizes(metadata: pq.FileMetaData, columns: Sequence[str]) -> None:
    unpacked = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        parts = (group.column(place) for place in range(group.num_columns))
        unpacked += sum(part.total_uncompressed_size for part in parts if part.path_in_schema in columns)
    if unpacked > COLUMN_BYTES:
        raise MalformedTableError(f"has columns of more than {COLUMN_BYTES // MIB} MiB; accepted: fewer, or shorter")


def _cells(column: pa.Array, name: str) -> list[Any]:
    """Give the values of a column; a long text may be that of many rows, so it is looked at before."""
    texts = column.dictionary if isinstance(column, pa.DictionaryArray) else column
    if _is_text(texts.type) and (pc.max(pc.utf8_length(texts)).as_py() or 0) > 4 * LONGEST_CELL:
        raise MalformedTableError(f"has a cell of more than {LONGEST_CELL} characters in column {name}")
    values: list[Any] = column.to_pylist()
    return values


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _reader_of(field: pa.Field, name: str) -> Callable[[Any], str]:
    """Give what makes texts of the values of a column."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    types = pa.types
    if _is_text(kind) or types.is_integer(kind):
        return str
    if types.is_date(kind) or types.is_timestamp(kind):
        return _day
    if types.is_decimal(kind):
        return _decimal
    raise MalformedTableError(f"has in column {name} what is not read; accepted: texts, whole numbers, decimals, dates")


def _day(value: datetime.date) -> str:
    """Give a day; a moment that is none stays one, and is no date then."""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    return value.isoformat()


def _decimal(value: Decimal) -> str:
    return f"{value:f}"


KINDS: Mapping[str, Callable[[Path, Sequence[str]], Iterator[Cells]]] = {".csv": _csv_rows, ".parquet": _parquet_rows}
"""Readers, by the ending of a name."""
