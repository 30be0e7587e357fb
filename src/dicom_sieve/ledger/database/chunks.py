"""Blocks of rows and their chunks: how they are written, digested and read (ADR 39)."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.chunk import (
    Column,
    LargeColumnError,
    decode,
    decode_numbers,
    encode,
    encode_numbers,
    same_for_all,
)
from dicom_sieve.columns.numbers import number_of
from dicom_sieve.errors import DamagedChunkError
from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.locations import new_key
from dicom_sieve.ledger.database.tables import block, chunk

ID, SERIES, EXTENT, DIGEST = "id", "series", "extent", "digest"
"""Chunks of a block of headers besides those of its attributes: the ids of its rows, the numbers of their series (see
`series_number`), how far each was read (absent: whole), and the digests of the headers, 32 bytes each."""
STUDY, PATIENT = "study", "patient"
"""Chunks of a block of headers from version 0015 on: the numbers of their studies and of the digests of their patients,
made as those of series are."""
HEADER, SIZE, ADDED_IN = "header", "size", "added_in"
"""Chunks of a block of objects besides its ids and values: ids of their headers, bytes, and numbers of the snapshots
that found them."""
OWN_NAMES = frozenset({ID, SERIES, STUDY, PATIENT, EXTENT, DIGEST, HEADER, SIZE, ADDED_IN})
"""What is no attribute."""
DIGEST_BYTES = 32
CHUNKS_TOGETHER = 60
"""Chunks that are read, and in memory, at a time."""
_CHUNKS_BESIDES = 4
"""Of each block, besides the columns that are asked for."""
END_OF_IDS = 2**63 - 1
"""Higher than any id."""


class BlockKind(StrEnum):
    """What the rows of a block are."""

    HEADER = "HEADER"
    OBJECT = "OBJECT"


@dataclass(frozen=True, slots=True)
class Block:
    """Rows whose values were written in one transaction.

    Attributes:
        id: Its own.
        edition: Number of the edition that its rows were read for.
        first_id: The lowest id of its rows.
        last_id: The highest.
        row_count: How many rows it has. Rows of other blocks may have ids between its own.
    """

    id: int
    edition: int
    first_id: int
    last_id: int
    row_count: int


def write_block(
    connection: sa.Connection,
    kind: BlockKind,
    edition: int,
    ids: Sequence[int],
    *,
    columns: Mapping[str, Column],
    numbers: Mapping[str, Sequence[int]],
    digests: Sequence[str] | None = None,
    location_id: int | None = None,
) -> None:
    """Write a block, within the transaction that writes its rows; several where a chunk would be too large.

    Args:
        connection: Within a transaction.
        kind: What its rows are.
        edition: Number of the edition that the rows were read for.
        ids: Of the rows, ascending.
        columns: Values by tag, each with a row an id; a column that no row has is left out.
        numbers: Numbers by name, each with one an id.
        digests: Of headers, as hex.
        location_id: Of objects: headers may be those of several locations.
    """
    try:
        chunks = {name: encode(column) for name, column in columns.items() if column.entries != (None,)}
    except LargeColumnError:
        for half in np.array_split(np.arange(len(ids)), 2):
            first, last = int(half[0]), int(half[-1]) + 1
            write_block(
                connection,
                kind,
                edition,
                ids[first:last],
                columns={name: column.take(half) for name, column in columns.items()},
                numbers={name: listed[first:last] for name, listed in numbers.items()},
                digests=None if digests is None else digests[first:last],
                location_id=location_id,
            )
        return
    for name, listed in {ID: ids, **numbers}.items():
        chunks[name] = encode_numbers(np.array(listed, np.int64))
    if digests is not None:
        chunks[DIGEST] = bytes.fromhex("".join(digests))
    row = {
        "kind": kind.value,
        "location_id": location_id,
        "edition": edition,
        "first_id": ids[0],
        "last_id": ids[-1],
        "row_count": len(ids),
        "digest": digest_chunks(chunks),
    }
    block_id = new_key(connection.execute(sa.insert(block).values(row)))
    bulk.append(
        connection, chunk, ("tag", "block_id", "data"), [(name, block_id, chunks[name]) for name in sorted(chunks)]
    )


def series_number(uid: str | None) -> int:
    """Give the number by which columns name a series: 64 bits of SHA-256 of its UID; 0: there is none.

    It is the same in every block, and nothing must be looked up to write it.
    """
    return number_of(uid) if uid else 0


def owner_numbers(owners: Iterable[tuple[str | None, str | None, str | None]]) -> dict[str, list[int]]:
    """Give the numbers of series, studies and patients, by the names of their chunks.

    Args:
        owners: Series and Study Instance UID of each header, and the digest of its patient.
    """
    numbers = [tuple(map(series_number, owner)) for owner in owners]
    return {name: [of_header[place] for of_header in numbers] for place, name in enumerate((SERIES, STUDY, PATIENT))}


def digest_chunks(chunks: Mapping[str, bytes]) -> str:
    """Give the digest of a block: SHA-256 over canonical JSON of the name and SHA-256 of each chunk, as hex."""
    listed = [[name, hashlib.sha256(data).hexdigest()] for name, data in sorted(chunks.items())]
    return hashlib.sha256(json.dumps(listed, separators=(",", ":")).encode()).hexdigest()


def blocks_of(
    connection: sa.Connection, kind: BlockKind, location_id: int | None = None, *, among: tuple[int, int] | None = None
) -> list[Block]:
    """Give the blocks of headers, or those of the objects of a location, in the order of their first ids.

    Args:
        connection: Of the ledger.
        kind: What the rows are.
        location_id: Of objects.
        among: The lowest and the highest id that is looked for; None: all blocks.
    """
    columns = block.c
    lowest, highest = among or (0, END_OF_IDS)
    query = (
        sa.select(columns.id, columns.edition, columns.first_id, columns.last_id, columns.row_count)
        .where(columns.kind == kind, columns.location_id.is_not_distinct_from(location_id))
        .where(columns.first_id <= highest, columns.last_id >= lowest)
        .order_by(columns.first_id, columns.id)
    )
    return [Block(*row) for row in connection.execute(query)]


def blocks_with(
    connection: sa.Connection, kind: BlockKind, ids: NDArray[np.int64], location_id: int | None = None
) -> list[Block]:
    """Give the blocks that may have some of these rows, by their ranges of ids; see `blocks_of`.

    Args:
        connection: Of the ledger.
        kind: What the rows are.
        ids: Of the rows, ascending.
        location_id: Of objects.
    """
    if not len(ids):
        return []
    blocks = blocks_of(connection, kind, location_id, among=(int(ids[0]), int(ids[-1])))
    bounds = np.array([(listed.first_id, listed.last_id) for listed in blocks], np.int64).reshape(-1, 2)
    first, last = np.searchsorted(ids, bounds[:, 0]), np.searchsorted(ids, bounds[:, 1], "right")
    return [listed for listed, has_some in zip(blocks, (first < last).tolist(), strict=True) if has_some]


def in_groups(blocks: Sequence[Block], column_count: int) -> Iterator[list[tuple[Block, int]]]:
    """Give blocks, in each group as many as are read together; with each comes the first id of those that follow.

    Args:
        blocks: In the order of their first ids.
        column_count: How many columns are asked for.
    """
    following = [*(listed.first_id for listed in blocks[1:]), END_OF_IDS]
    pairs = list(zip(blocks, following, strict=True)) if blocks else []
    together = max(CHUNKS_TOGETHER // (column_count + _CHUNKS_BESIDES), 1)
    for start in range(0, len(pairs), together):
        yield pairs[start : start + together]


def names_of_values(connection: sa.Connection, blocks: Sequence[Block]) -> list[str]:
    """Give the names of the columns of values that some blocks have, sorted."""
    names = set[str]()
    for start in range(0, len(blocks), _BLOCKS_A_QUERY):
        are_theirs = chunk.c.block_id.in_([listed.id for listed in blocks[start : start + _BLOCKS_A_QUERY]])
        names.update(connection.scalars(sa.select(chunk.c.tag).where(are_theirs).distinct()))
    return sorted(names - OWN_NAMES)


def all_names(connection: sa.Connection) -> list[str]:
    """Give the names of all columns of values in the ledger, sorted, without reading the chunks."""
    first = sa.select(sa.func.min(chunk.c.tag).label("tag")).cte("names", recursive=True)
    following = sa.select(sa.func.min(chunk.c.tag)).where(chunk.c.tag > first.c.tag).scalar_subquery()
    names = first.union_all(sa.select(following).where(first.c.tag.is_not(None)))
    return sorted(name for name in connection.scalars(sa.select(names.c.tag)) if name not in (None, *OWN_NAMES))


def read_columns(
    connection: sa.Connection, blocks: Sequence[Block], names: Sequence[str]
) -> Iterator[tuple[Block, dict[str, Column]]]:
    """Give columns of blocks, in the order of the blocks; a column that a block does not have is absent in all rows.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
    """
    for some_blocks, chunks in _read(connection, blocks, names):
        for listed in some_blocks:
            yield listed, {name: _column(chunks.get((name, listed.id)), listed) for name in names}


def read_numbers(connection: sa.Connection, blocks: Sequence[Block], name: str) -> Iterator[NDArray[np.int64]]:
    """Give numbers of blocks, in the order of the blocks; see `read_columns`."""
    for some_blocks, chunks in _read(connection, blocks, [name]):
        for listed in some_blocks:
            yield decode_numbers(chunks.get((name, listed.id), b""), listed.row_count)


def read_owners(
    connection: sa.Connection, blocks: Sequence[Block]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]] | None]:
    """Give the numbers of studies and patients, see `owner_numbers`; None of a block that does not have them."""
    for some_blocks, chunks in _read(connection, blocks, [STUDY, PATIENT]):
        for listed in some_blocks:
            studies, patients = (chunks.get((name, listed.id)) for name in (STUDY, PATIENT))
            if studies is None or patients is None:
                yield None
            else:
                yield decode_numbers(studies, listed.row_count), decode_numbers(patients, listed.row_count)


def read_digests(connection: sa.Connection, blocks: Sequence[Block]) -> Iterator[NDArray[np.uint8]]:
    """Give the digests of blocks of headers, in the order of the blocks: a row of 32 bytes for each header."""
    for some_blocks, chunks in _read(connection, blocks, [DIGEST]):
        for listed in some_blocks:
            data = chunks.get((DIGEST, listed.id), b"")
            if len(data) != listed.row_count * DIGEST_BYTES:
                raise DamagedChunkError(listed.row_count)
            yield np.frombuffer(data, np.uint8).reshape(-1, DIGEST_BYTES)


_BLOCKS_A_QUERY = 200


def _read(
    connection: sa.Connection, blocks: Sequence[Block], names: Sequence[str]
) -> Iterator[tuple[Sequence[Block], dict[tuple[str, int], bytes]]]:
    """Read the chunks of some blocks at a time."""
    for start in range(0, len(blocks), _BLOCKS_A_QUERY):
        some_blocks = blocks[start : start + _BLOCKS_A_QUERY]
        yield some_blocks, read_chunks(connection, some_blocks, names)


def read_chunks(
    connection: sa.Connection, blocks: Sequence[Block], names: Sequence[str]
) -> dict[tuple[str, int], bytes]:
    """Give chunks of blocks by name and id of the block; what a block does not have is left out."""
    ids = [listed.id for listed in blocks]
    query = sa.select(chunk.c.tag, chunk.c.block_id, chunk.c.data)
    query = query.where(chunk.c.tag.in_(names), chunk.c.block_id.in_(ids))
    return {
        (tag, block_id): bytes(data)
        for tag, block_id, data in bulk.rows_with_bytes(connection, query, _CHUNKS, [*names], ids)
    }


_CHUNKS = (
    "SELECT tag, block_id, data FROM chunk WHERE tag = ANY(CAST(%s AS text[])) AND block_id = ANY(CAST(%s AS bigint[]))"
)


def _column(data: bytes | None, of_block: Block) -> Column:
    return same_for_all(None, of_block.row_count) if data is None else decode(data, of_block.row_count)
