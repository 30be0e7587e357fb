"""The distinct headers of a snapshot's objects, in pages by id: no query has to sort, or to count."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.blocks import READ_IDS
from dicom_sieve.ledger.database.outages import read, while_away
from dicom_sieve.ledger.database.tables import header, header_change
from dicom_sieve.ledger.reading.header_counts import headers_of

T = TypeVar("T")
PAGE_IDS = READ_IDS
"""Ids of a page."""
JOINED_IDS = 500
"""Ids whose texts are joined into one row: even the longest stay below PostgreSQL's limit of 1 GB."""
BETWEEN_COUNTS, BETWEEN_TEXTS = " ", "\n"
"""Separators that the database never writes within a number, or within JSON."""

PAGE_FIRST, PAGE_END = sa.bindparam("first", type_=sa.BigInteger), sa.bindparam("end", type_=sa.BigInteger)
"""Parameters of a query for one page of headers: its first id, and its end (exclusive)."""
SelectsOf = Callable[[sa.FromClause], sa.Select[Any]]
"""Selects columns of headers, and the numbers of their instances and bytes; see `pages_of_headers`."""


def pages_of_headers(
    engine: sa.Engine, snapshot_id: int, location_id: int, select: SelectsOf
) -> Iterator[Iterator[Any]]:
    """Give the selected columns of the distinct headers of a snapshot's objects, a page at a time, each header once.

    Pages are in the order of ids; the rows of a page are unordered. A page is read while it is iterated, which must
    be before the next one is asked for.

    Args:
        engine: The ledger's.
        snapshot_id: Which snapshot.
        location_id: Its location.
        select: Asks for columns of `header`, and of what it is given: ``header_id``, ``instances``, ``bytes``. It may
            ask for rows of other tables, too, if it says which headers they belong to. It asks for texts and numbers:
            they come as the driver has them.
    """
    if engine.dialect.name == "postgresql":  # its server processes work in parallel
        return map(iter, gathered_pages(engine, snapshot_id, location_id, select, list[Any]))
    page = _page(headers_of(snapshot_id, location_id), select)
    return (_read(engine, page, place) for place in _places(engine, location_id))


def gathered_pages(
    engine: sa.Engine, snapshot_id: int, location_id: int, select: SelectsOf, gather: Callable[[Iterator[Any]], T]
) -> Iterator[T]:
    """Give the result of `gather` for each page of `pages_of_headers`; the next pages are read ahead in threads."""
    return _gathered(engine, _page(headers_of(snapshot_id, location_id), select), location_id, gather)


def joined_pages(
    engine: sa.Engine,
    snapshot_id: int,
    location_id: int,
    text: sa.ColumnElement[str],
    gather: Callable[[Iterator[tuple[str, str]]], T],
) -> Iterator[T]:
    """Give the result of `gather` for each page of texts of headers that could be judged, on PostgreSQL.

    Some hundreds of texts are in a row: a row per header costs the client more than its text does.

    Args:
        engine: The ledger's.
        snapshot_id: Which snapshot.
        location_id: Its location.
        text: One for each header, without a line feed.
        gather: Is given the instances of some headers, with `BETWEEN_COUNTS` between them, and their texts in the same
            order, with `BETWEEN_TEXTS` between them.
    """

    def select(held: sa.FromClause) -> sa.Select[Any]:
        counts = sa.func.string_agg(sa.cast(held.c.instances, sa.Text), BETWEEN_COUNTS)
        texts = sa.func.string_agg(text, BETWEEN_TEXTS)
        return sa.select(counts.label("counts"), texts).where(header.c.defect.is_(None))

    starts = sa.func.generate_series(PAGE_FIRST, PAGE_END - 1, JOINED_IDS)
    start = starts.table_valued(sa.column("first", sa.BigInteger)).render_derived("block").c.first
    held = headers_of(snapshot_id, location_id).correlate(start.table)
    end = sa.func.least(start + JOINED_IDS, PAGE_END)
    joined = _page(held, select, start, end).correlate(start.table).lateral("joined")
    page = sa.select(joined).select_from(start.table.join(joined, joined.c.counts.is_not(None)))
    return _gathered(engine, page, location_id, gather)


def _gathered(
    engine: sa.Engine, page: sa.Select[Any], location_id: int, gather: Callable[[Iterator[Any]], T]
) -> Iterator[T]:
    def make(place: tuple[int, int]) -> T:
        return while_away(lambda: gather(_read(engine, page, place)))

    return bulk.prefetch(make, _places(engine, location_id))


def _page(
    held_of: sa.Select[Any],
    select: SelectsOf,
    first: sa.ColumnElement[int] = PAGE_FIRST,
    end: sa.ColumnElement[int] = PAGE_END,
) -> sa.Select[Any]:
    ids = header_change.c.header_id
    held = held_of.where(ids >= first, ids < end).subquery("held")
    return (
        select(held)
        .select_from(held.join(header, header.c.id == held.c.header_id))
        .where(header.c.id >= first, header.c.id < end)
    )


def _places(engine: sa.Engine, location_id: int) -> Iterator[tuple[int, int]]:
    """Give the first id of each page that has any, and where the page ends."""
    ids = header_change.c.header_id
    following = sa.select(sa.func.min(ids)).where(header_change.c.location_id == location_id, ids >= PAGE_FIRST)
    stop = 0
    while True:
        start = read(engine, partial(_first, query=following, after=stop))
        if start is None:
            return
        stop = start - start % PAGE_IDS + PAGE_IDS
        yield start, stop


def _first(connection: sa.Connection, query: sa.Select[Any], after: int) -> int | None:
    first: int | None = connection.scalar(query, {"first": after})
    return first


def _read(engine: sa.Engine, page: sa.Select[Any], place: tuple[int, int]) -> Iterator[Any]:
    start, stop = place
    with engine.connect() as connection, connection.execute(page, {"first": start, "end": stop}) as rows:
        yield from bulk.plain_rows(rows)
