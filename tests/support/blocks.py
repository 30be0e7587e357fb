"""The blocks of a ledger, for tests that look into them or edit them."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.columns.chunk import Entry, column_of, decode, encode
from dicom_sieve.ledger.database.chunks import OWN_NAMES, SERIES, BlockKind, digest_chunks, write_block
from dicom_sieve.ledger.database.header_values import Values, values_of_headers
from dicom_sieve.ledger.database.tables import block, chunk, header


def all_values(ledger: Ledger) -> Mapping[int, Values]:
    """Give the values of all headers, by id."""
    with ledger.engine.connect() as connection:
        return values_of_headers(connection, connection.scalars(sa.select(header.c.id)).all())


def texts_of_chunks(ledger: Ledger) -> Iterator[str]:
    """Give every entry of every chunk of values, used or not."""
    query = sa.select(chunk.c.tag, chunk.c.data, block.c.row_count).join(block, block.c.id == chunk.c.block_id)
    with ledger.engine.connect() as connection:
        for tag, data, rows in connection.execute(query):
            if tag not in OWN_NAMES:
                yield from (entry for entry in decode(data, rows).entries if entry is not None)


def edit_column(connection: sa.Connection, block_id: int, tag: str, place: int, entry: Entry) -> None:
    """Put an entry into one row of a column, as someone who can pack chunks does."""
    its = sa.and_(chunk.c.block_id == block_id, chunk.c.tag == tag)
    rows = connection.execute(sa.select(block.c.row_count).where(block.c.id == block_id)).scalar_one()
    listed = decode(connection.execute(sa.select(chunk.c.data).where(its)).scalar_one(), rows).rows()
    listed[place] = entry
    connection.execute(sa.update(chunk).where(its).values(data=encode(column_of(listed))))


def digest_again(connection: sa.Connection, block_id: int) -> None:
    """Let the digest of a block be that of its chunks."""
    query = sa.select(chunk.c.tag, chunk.c.data).where(chunk.c.block_id == block_id)
    digest = digest_chunks({tag: bytes(data) for tag, data in connection.execute(query)})
    connection.execute(sa.update(block).where(block.c.id == block_id).values(digest=digest))


def copy_block(connection: sa.Connection, block_id: int, new_id: int) -> None:
    """Write a block a second time."""
    row = dict(connection.execute(sa.select(block).where(block.c.id == block_id)).mappings().one())
    connection.execute(sa.insert(block).values(row | {"id": new_id}))
    columns = [chunk.c.tag, sa.literal(new_id), chunk.c.data]
    copied = sa.select(*columns).where(chunk.c.block_id == block_id)
    connection.execute(sa.insert(chunk).from_select(["tag", "block_id", "data"], copied))


def chunks_by_block(ledger: Ledger) -> Counter[int]:
    """Count the chunks of each block that has any."""
    with ledger.engine.connect() as connection:
        return Counter(connection.scalars(sa.select(chunk.c.block_id)))


def add_headers(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Add headers without values, in a block of their own."""
    digests = [hashlib.sha256(str(header_id).encode()).hexdigest() for header_id in ids]
    rows = [{"id": header_id, "digest": digest} for header_id, digest in zip(ids, digests, strict=True)]
    connection.execute(sa.insert(header), rows)
    numbers = {SERIES: [0] * len(ids)}
    write_block(connection, BlockKind.HEADER, 1, ids, columns={}, numbers=numbers, digests=digests)
