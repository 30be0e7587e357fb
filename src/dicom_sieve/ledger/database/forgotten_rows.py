"""Removing rows from blocks: what stays of a block is written as a block of its own, for blocks are never changed."""

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.ledger.database.chunks import (
    EXTENT,
    ID,
    PATIENT,
    SERIES,
    STUDY,
    Block,
    BlockKind,
    blocks_with,
    names_of_values,
    read_columns,
    read_digests,
    read_numbers,
    read_owners,
    write_block,
)
from dicom_sieve.ledger.database.tables import block, chunk


def remove_headers(connection: sa.Connection, header_ids: NDArray[np.int64]) -> None:
    """Remove the values of headers, within the transaction that deletes their rows.

    Args:
        connection: Within a transaction, while a location is being forgotten.
        header_ids: Ascending.
    """
    for listed in blocks_with(connection, BlockKind.HEADER, header_ids):
        [ids] = read_numbers(connection, [listed], ID)
        stays = np.flatnonzero(~np.isin(ids, header_ids))
        if len(stays) == len(ids):
            continue
        if len(stays):
            _write_rest(connection, listed, ids, stays)
        connection.execute(sa.delete(chunk).where(chunk.c.block_id == listed.id))
        connection.execute(sa.delete(block).where(block.c.id == listed.id))


def _write_rest(connection: sa.Connection, listed: Block, ids: NDArray[np.int64], stays: NDArray[np.intp]) -> None:
    """Write what stays; an entry that no row has any more is in none of its chunks."""
    names = [EXTENT, *names_of_values(connection, [listed])]
    [(_, columns)] = read_columns(connection, [listed], names)
    [series], [digests] = read_numbers(connection, [listed], SERIES), read_digests(connection, [listed])
    [owners] = read_owners(connection, [listed])
    numbers = {SERIES: series, **(dict(zip((STUDY, PATIENT), owners, strict=True)) if owners else {})}
    write_block(
        connection,
        BlockKind.HEADER,
        listed.edition,
        ids[stays].tolist(),
        columns={name: column.take(stays) for name, column in columns.items()},
        numbers={name: of_all[stays].tolist() for name, of_all in numbers.items()},
        digests=[digest.tobytes().hex() for digest in digests[stays]],
    )
