"""Sums of the changes of headers, and where they are kept: a page for 65,536 ids of headers (ADR 44).

A page is a cache: it may be dropped at any time, and then its changes are added up again. What changes a header drops
its page in the same transaction.
"""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import sqlalchemy as sa

from dicom_sieve.columns.chunk import decode_numbers, encode_numbers
from dicom_sieve.columns.held import Held, add_up, joined
from dicom_sieve.ledger.database.tables import header_change, held_page

PAGE_IDS = 65_536
IDS_TOGETHER = 4_096
"""Headers whose changes are read as one text."""
_NO_END = 2**62
Range = tuple[int, int]
"""Ids from the first up to the second, which is not among them."""


def read_held(connection: sa.Connection, snapshot_id: int, location_id: int) -> Held:
    """Give the distinct headers of a snapshot's objects: of kept pages, and sums of the changes between them.

    Raises:
        DamagedChunkError: A kept page was not written by this package.
    """
    parts = dict(read_pages(connection, location_id, snapshot_id))
    found = {page * PAGE_IDS: held for page, held in parts.items()}
    for ids in gaps(parts):
        found[ids[0]] = add_up_changes(connection, location_id, ids, snapshot_id)
    return joined([found[first] for first in sorted(found)])


def gaps(pages: Collection[int]) -> Iterator[Range]:
    """Give the ranges of ids that lie in none of some pages."""
    first = 0
    for page in sorted(pages):
        if first < page * PAGE_IDS:
            yield first, page * PAGE_IDS
        first = (page + 1) * PAGE_IDS
    yield first, _NO_END


def page_of(header_id: int) -> int:
    """Give the number of the page of a header."""
    return header_id // PAGE_IDS


def ids_of_page(page: int) -> Range:
    """Give the ids of a page."""
    return page * PAGE_IDS, (page + 1) * PAGE_IDS


def add_up_changes(connection: sa.Connection, location_id: int, ids: Range, snapshot_id: int = _NO_END) -> Held:
    """Add up the changes of some headers at a location, up to a snapshot, or all (ADR 8)."""
    columns = header_change.c
    # Texts of many numbers take a third of the time of rows, and numpy adds up faster than the database.
    texts = [
        sa.func.aggregate_strings(sa.cast(column, sa.Text), " ")
        for column in (columns.header_id, columns.instances, columns.bytes)
    ]
    query = (
        sa.select(*texts)
        .where(_are_of(location_id, ids), columns.snapshot_id <= snapshot_id)
        .group_by(columns.header_id // IDS_TOGETHER)
    )
    parts = connection.execute(query).all()
    return add_up(
        *(np.fromstring(" ".join(part[place] for part in parts), np.int64, sep=" ") for place in range(len(texts)))
    )


def read_pages(connection: sa.Connection, location_id: int, up_to: int) -> Iterator[tuple[int, Held]]:
    """Give the number of each kept page of a location that counts no snapshot after one, and what it holds.

    Raises:
        DamagedChunkError: A page was not written by this package.
    """
    columns = held_page.c
    query = sa.select(held_page).where(columns.location_id == location_id, columns.snapshot_id <= up_to)
    for row in connection.execute(query).all():
        yield row.page, _decode(row)


def read_page(connection: sa.Connection, location_id: int, page: int) -> Held | None:
    """Give what a kept page holds, as `read_pages` does; None: it is not kept."""
    columns = held_page.c
    row = connection.execute(
        sa.select(held_page).where(columns.location_id == location_id, columns.page == page)
    ).first()
    return None if row is None else _decode(row)


def _decode(row: sa.Row[Any]) -> Held:
    return Held(*(decode_numbers(data, row.row_count) for data in (row.ids, row.instances, row.bytes)))


def find_pages_to_keep(connection: sa.Connection, location_id: int) -> list[int]:
    """Give the numbers of the pages of a location that have changes and are not kept."""
    found = []
    query = sa.select(held_page.c.page).where(held_page.c.location_id == location_id)
    for first, end in gaps(connection.scalars(query).all()):
        start = first
        next_id = sa.select(sa.func.min(header_change.c.header_id))
        while (header_id := connection.scalar(next_id.where(_are_of(location_id, (start, end))))) is not None:
            found.append(page_of(header_id))
            _, start = ids_of_page(found[-1])
    return found


def keep_page(connection: sa.Connection, location_id: int, page: int) -> None:
    """Keep the sums of a page, within a transaction, under the location's lease."""
    ids = ids_of_page(page)
    last = last_snapshot_of(connection, location_id, ids)
    if last is None:
        return
    held = add_up_changes(connection, location_id, ids)
    drop_pages(connection, location_id, [page])
    values = {"location_id": location_id, "page": page, "snapshot_id": last, "row_count": len(held.ids)}
    numbers = {name: encode_numbers(getattr(held, name)) for name in ("ids", "instances", "bytes")}
    connection.execute(sa.insert(held_page).values(**values, **numbers))


def last_snapshot_of(connection: sa.Connection, location_id: int, ids: Range) -> int | None:
    """Give the last snapshot that changed any of some headers at a location; None: none did."""
    query = sa.select(sa.func.max(header_change.c.snapshot_id)).where(_are_of(location_id, ids))
    last: int | None = connection.scalar(query)
    return last


def drop_pages(connection: sa.Connection, location_id: int, pages: Collection[int] | None = None) -> None:
    """Drop pages of a location, or all, within the transaction that changes their headers."""
    are_these = sa.true() if pages is None else held_page.c.page.in_(pages)
    connection.execute(sa.delete(held_page).where(held_page.c.location_id == location_id, are_these))


def _are_of(location_id: int, ids: Range) -> sa.ColumnElement[bool]:
    first, end = ids
    columns = header_change.c
    return sa.and_(columns.location_id == location_id, columns.header_id >= first, columns.header_id < end)
