"""The rows of facts: which snapshots have them, the pages that stand as of a snapshot, and their digest."""

import hashlib
from collections.abc import Iterable, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any

import sqlalchemy as sa

from dicom_sieve.columns.fact_pages import FactPage
from dicom_sieve.ledger.database.bulk import plain_rows
from dicom_sieve.ledger.database.tables import fact_page, fact_snapshot

VERSION = 2
"""Of what facts mean: where they were measured for another one, they are measured again."""
COLUMNS = ("location_id", "fact", "page", "width", "cells")
"""Of a page, as the digest of a snapshot covers them."""
MOST_NAMED = 500
"""Pages that are asked for by their numbers."""


def last_with_facts(connection: sa.Connection, location_id: int, snapshot_id: int) -> int | None:
    """Give the newest snapshot up to one whose facts are kept; None where there is none."""
    is_its = sa.and_(fact_snapshot.c.location_id == location_id, fact_snapshot.c.snapshot_id <= snapshot_id)
    newest = sa.select(sa.func.max(fact_snapshot.c.snapshot_id)).where(is_its, fact_snapshot.c.version == VERSION)
    last: int | None = connection.scalar(newest)
    return last


def pages_as_of(
    connection: sa.Connection,
    snapshot_id: int,
    location_id: int,
    facts: Sequence[str],
    numbers: Sequence[int] | None = None,
) -> dict[str, list[FactPage]]:
    """Give the pages of facts as of a snapshot, by fact, in the order of their numbers.

    Args:
        connection: Of the ledger.
        snapshot_id: Which snapshot.
        location_id: Its location.
        facts: Names of the facts.
        numbers: Of pages, ascending; of many, those between them come, too; None: all.
    """
    page, former = fact_page.c, fact_page.alias().c
    newest = (
        sa.select(sa.func.max(former.snapshot_id))
        .where(former.location_id == location_id, former.fact == page.fact, former.page == page.page)
        .where(former.snapshot_id <= snapshot_id)
        .scalar_subquery()
    )
    query = (
        sa.select(page.fact, page.page, page.width, page.cells)
        .where(page.location_id == location_id, page.fact.in_(facts), page.snapshot_id == newest)
        .order_by(page.fact, page.page)
    )
    if numbers and len(numbers) > MOST_NAMED:
        query = query.where(page.page.between(numbers[0], numbers[-1]))
    elif numbers is not None:
        query = query.where(page.page.in_(numbers))
    pages: dict[str, list[FactPage]] = {fact: [] for fact in facts}
    with connection.execute(query) as result:
        for fact, number, width, cells in plain_rows(result):
            pages[fact].append(FactPage(number, width, cells))
    return pages


def digest_of_snapshot(connection: sa.Connection, snapshot_id: int) -> str:
    """Give the digest of the pages that a snapshot changed."""
    columns = fact_page.c
    query = sa.select(*(sa.type_coerce(columns[name], sa.types.NullType()) for name in COLUMNS))
    query = query.where(columns.snapshot_id == snapshot_id)
    return digest_pages(connection.execute(query).all())


def digest_pages(rows: Iterable[Sequence[Any]]) -> str:
    """Digest pages, each with the values of `COLUMNS`: SHA-256 over a line of canonical JSON each, sorted, as hex."""
    digest = hashlib.sha256()
    for line in sorted(",".join(map(_json, row)) for row in rows):
        digest.update(f"[{line}]\n".encode())
    return digest.hexdigest()


def _json(value: object) -> str:
    """Write a value as the database holds it: one of another type equals nothing that was written."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    return str(value) if isinstance(value, int) else repr(value)
