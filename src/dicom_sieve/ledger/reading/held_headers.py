"""The headers of a snapshot's objects in columns, a block at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dicom_sieve.columns.held import Held
from dicom_sieve.columns.judge import Block
from dicom_sieve.columns.lookup import Numbers, look_up
from dicom_sieve.ledger.database.bulk import prefetch_next
from dicom_sieve.ledger.database.chunks import (
    EXTENT,
    ID,
    SERIES,
    BlockKind,
    blocks_with,
    in_groups,
    read_columns,
    read_digests,
    read_numbers,
    read_owners,
)
from dicom_sieve.ledger.database.chunks import Block as BlockRow
from dicom_sieve.ledger.database.engine import is_shared
from dicom_sieve.ledger.database.header_values import without_values
from dicom_sieve.ledger.database.held_pages import read_held
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.reading.owners import Owners, owners_in_rows

NO_DIGESTS = np.zeros((0, 0), np.uint8)
NO_BYTES = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some headers of one block.

    Attributes:
        places: Of each among the ids that were asked for.
        ids: Of the headers, ascending.
        digests: Of each: 32 bytes, a row of an array; none where they were not asked for.
        series: Number of the series of each, see `series_number`; 0: it has none.
        values: What was asked for, and how far each was read.
        complete_below: Every header with a lower id was given, in this block or before.
        owners: Their studies and patients; None where they were not asked for.
    """

    places: NDArray[np.intp]
    ids: Numbers
    digests: NDArray[np.uint8]
    series: Numbers
    values: Block
    complete_below: int
    owners: Owners | None = None


@dataclass(frozen=True, slots=True, eq=False)
class HeldBlock:
    """Headers of one block that a snapshot holds; or objects of one, see `held_rows`.

    Attributes:
        ids: Of these, ascending.
        digests: Of each header: 32 bytes, a row of an array; none of objects, and where they were not asked for.
        instances: Of each, in the snapshot.
        bytes: Of these instances; none of objects, where they were not asked for.
        series: Number of the series of each, see `series_number`; 0: it has none.
        values: What was asked for, and how far each was read.
        complete_below: Every header with a lower id was given, in this block or before; None: that is not known.
        of_headers: Of objects, the id of the header of each.
        owners: Studies and patients of the headers; None where they were not asked for.
    """

    ids: Numbers
    digests: NDArray[np.uint8]
    instances: Numbers
    bytes: Numbers
    series: Numbers
    values: Block
    complete_below: int | None = None
    of_headers: Numbers | None = None
    owners: Owners | None = None

    @property
    def headers(self) -> Numbers:
        """Id of the header of each row."""
        return self.ids if self.of_headers is None else self.of_headers

    def take(self, rows: NDArray[np.intp]) -> "HeldBlock":
        """Give some of its rows."""
        return HeldBlock(
            self.ids[rows],
            self.digests[rows] if len(self.digests) else self.digests,
            self.instances[rows],
            self.bytes[rows] if len(self.bytes) else self.bytes,
            self.series[rows],
            self.values.take(rows),
            self.complete_below,
            self.headers[rows],
            self.owners and self.owners.take(rows),
        )


def held_blocks(
    engine: sa.Engine,
    snapshot_id: int,
    location_id: int,
    keys: Sequence[str],
    *,
    with_digests: bool = False,
    with_owners: bool = False,
) -> Iterator[HeldBlock]:
    """Give the distinct headers of a snapshot's objects, each once; a block without any is left out.

    Args:
        engine: The ledger's.
        snapshot_id: Which snapshot.
        location_id: Its location.
        keys: The columns that are asked for.
        with_digests: Whether the digests of the headers are.
        with_owners: Whether the numbers of their studies and patients are.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
    """
    held = headers_held(engine, snapshot_id, location_id)
    for rows in rows_of_headers(engine, held.ids, keys, with_digests=with_digests, with_owners=with_owners):
        instances, size = held.instances[rows.places], held.bytes[rows.places]
        yield HeldBlock(
            rows.ids,
            rows.digests,
            instances,
            size,
            rows.series,
            rows.values,
            rows.complete_below,
            owners=rows.owners,
        )


def headers_held(engine: sa.Engine, snapshot_id: int, location_id: int) -> Held:
    """Give the distinct headers of a snapshot's objects."""
    return read(engine, partial(read_held, snapshot_id=snapshot_id, location_id=location_id))


def rows_of_headers(
    engine: sa.Engine, ids: Numbers, keys: Sequence[str], *, with_digests: bool = False, with_owners: bool = False
) -> Iterator[Rows]:
    """Give some headers, a block at a time; a block without any is left out.

    Args:
        engine: The ledger's.
        ids: Of the headers, ascending.
        keys: The columns that are asked for.
        with_digests: Whether the digests of the headers are.
        with_owners: Whether the numbers of their studies and patients are.

    Raises:
        DamagedChunkError: What the ledger holds was not written by this package.
        LedgerError: A header is in no block.
    """
    blocks = read(engine, partial(blocks_with, kind=BlockKind.HEADER, ids=ids))
    is_left_out = np.ones(len(ids), np.bool_)
    asked = partial(_rows_of, ids=ids, keys=keys, with_digests=with_digests, with_owners=with_owners)
    groups = (read(engine, partial(asked, blocks=group)) for group in in_groups(blocks, len(keys)))
    # Who asks for digests records decisions meanwhile: there is something to do while the next blocks are read. Others
    # would only hold more of them in memory.
    for found in prefetch_next(groups) if with_digests and is_shared(engine) else groups:
        for rows in found:
            is_left_out[rows.places] = False
            yield rows
    if is_left_out.any():
        raise without_values(int(ids[is_left_out][0]))


def _rows_of(
    connection: sa.Connection,
    blocks: Sequence[tuple[BlockRow, int]],
    ids: Numbers,
    keys: Sequence[str],
    *,
    with_digests: bool,
    with_owners: bool,
) -> list[Rows]:
    """Read what is asked for of some blocks; with each comes the first id of those that follow."""
    found = []
    listed, bounds = [of_block for of_block, _ in blocks], [below for _, below in blocks]
    columns = read_columns(connection, listed, [*keys, EXTENT])
    numbers = (read_numbers(connection, listed, name) for name in (ID, SERIES))
    digests_of_blocks = read_digests(connection, listed) if with_digests else repeat(NO_DIGESTS, len(listed))
    owners_of_blocks = read_owners(connection, listed) if with_owners else repeat(None, len(listed))
    parts = zip(columns, *numbers, digests_of_blocks, owners_of_blocks, bounds, strict=True)
    for (_, by_name), of_block, series, digests, in_columns, below in parts:
        is_asked, places = look_up(of_block, ids)
        values = Block({key: by_name[key] for key in keys}, by_name[EXTENT])
        owners = in_columns and Owners(*in_columns)
        if with_owners and owners is None and is_asked.any():
            owners = owners_in_rows(connection, of_block)
        if is_asked.all():
            found.append(Rows(places, of_block, digests, series, values, below, owners))
        elif is_asked.any():
            rows = np.flatnonzero(is_asked)
            its_digests = digests[rows] if with_digests else digests
            its_owners = owners and owners.take(rows)
            its_values = values.take(rows)
            found.append(Rows(places[rows], of_block[rows], its_digests, series[rows], its_values, below, its_owners))
    return found
