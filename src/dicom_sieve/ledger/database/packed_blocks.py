"""Reading several blocks as one, without a text for each entry: what is made of very many rows reads them so."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import Packed, decode_numbers, decode_packed, join_packed
from dicom_sieve.ledger.database.chunks import Block, read_chunks

ROWS_TOGETHER = 1 << 16
"""Rows that are joined, unless one block has more."""
_BLOCKS_TOGETHER = 400


@dataclass(frozen=True, slots=True, eq=False)
class PackedRows:
    """The rows of some blocks, one block behind the other.

    Attributes:
        numbers: By name.
        columns: By name; a column that none of the blocks has is left out.
    """

    numbers: dict[str, NDArray[np.int64]]
    columns: dict[str, Packed]

    def take(self, rows: NDArray[np.intp]) -> "PackedRows":
        """Give some of the rows."""
        if all(len(rows) == len(of_rows) for of_rows in self.numbers.values()):
            return self
        numbers = {name: of_rows[rows] for name, of_rows in self.numbers.items()}
        return PackedRows(numbers, {name: column.take(rows) for name, column in self.columns.items()})


def grouped(blocks: Sequence[Block], most_rows: int = ROWS_TOGETHER) -> Iterator[list[Block]]:
    """Give blocks, in each group as many as are read together: with no more rows than that, or one block."""
    group: list[Block] = []
    rows = 0
    for listed in blocks:
        if group and (rows + listed.row_count > most_rows or len(group) == _BLOCKS_TOGETHER):
            yield group
            group, rows = [], 0
        group.append(listed)
        rows += listed.row_count
    if group:
        yield group


def read_packed(
    connection: sa.Connection, blocks: Sequence[Block], numbers: Sequence[str], columns: Sequence[str]
) -> PackedRows:
    """Read some numbers and columns of blocks.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
    """
    return unpack(read_chunks(connection, blocks, [*numbers, *columns]), blocks, numbers, columns)


def unpack(
    chunks: Mapping[tuple[str, int], bytes], blocks: Sequence[Block], numbers: Sequence[str], columns: Sequence[str]
) -> PackedRows:
    """Make rows of chunks; see `read_packed`, and `dicom_sieve.ledger.database.chunks.read_chunks`."""
    present = {tag for tag, _ in chunks}

    def numbers_of(name: str) -> NDArray[np.int64]:
        parts = [decode_numbers(chunks.get((name, listed.id), b""), listed.row_count) for listed in blocks]
        return np.concatenate(parts)

    def column_of(name: str) -> Packed:
        return join_packed([decode_packed(chunks.get((name, listed.id)), listed.row_count) for listed in blocks])

    return PackedRows(
        {name: numbers_of(name) for name in numbers}, {name: column_of(name) for name in columns if name in present}
    )
