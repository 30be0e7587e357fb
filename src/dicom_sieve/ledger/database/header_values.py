"""The values of some headers, and those of their objects, out of the columns of their blocks."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import values_of
from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database.chunks import (
    ID,
    BlockKind,
    blocks_with,
    names_of_values,
    read_columns,
    read_numbers,
)

Values = Mapping[str, tuple[str, ...]]
"""Values of one header, by key; what it does not have is not in it."""


def values_of_headers(
    connection: sa.Connection, header_ids: Collection[int], keys: Sequence[str] | None = None
) -> dict[int, Values]:
    """Give the values of some headers, by their ids.

    Args:
        connection: Of the ledger.
        header_ids: Of headers that the ledger has.
        keys: The columns that are asked for; None: all.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
        LedgerError: A header is in no block.
    """
    found = _values(connection, BlockKind.HEADER, header_ids, keys)
    missing = set(header_ids) - found.keys()
    if missing:
        raise without_values(min(missing))
    return found


def without_values(header_id: int) -> LedgerError:
    """Give the error of a header that is in no block."""
    return LedgerError(
        f"the ledger has no values of header {header_id}: run 'dicom-sieve verify' to see what else is missing"
    )


def values_of_objects(
    connection: sa.Connection, location_id: int, object_ids: Collection[int], keys: Sequence[str] | None = None
) -> dict[int, Values]:
    """Give the values that objects have for themselves, by their ids; none of objects that were not read for them.

    Args:
        connection: Of the ledger.
        location_id: Where the objects lie.
        object_ids: Of any objects of the location.
        keys: The columns that are asked for; None: all.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
    """
    return _values(connection, BlockKind.OBJECT, object_ids, keys, location_id)


def _values(
    connection: sa.Connection,
    kind: BlockKind,
    row_ids: Collection[int],
    keys: Sequence[str] | None,
    location_id: int | None = None,
) -> dict[int, Values]:
    wanted = np.unique(np.fromiter(row_ids, np.int64, len(row_ids)))
    blocks = blocks_with(connection, kind, wanted, location_id)
    names = names_of_values(connection, blocks) if keys is None else keys
    found: dict[int, Values] = {}
    columns, ids = read_columns(connection, blocks, names), read_numbers(connection, blocks, ID)
    for (_, by_name), ids_of_block in zip(columns, ids, strict=True):
        for place in np.flatnonzero(np.isin(ids_of_block, wanted)).tolist():
            entries = ((name, values_of(column.at(place))) for name, column in by_name.items())
            found[int(ids_of_block[place])] = {name: values for name, values in entries if values is not None}
    return found
