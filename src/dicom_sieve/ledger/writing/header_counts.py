"""The number of instances of each header in a snapshot: deciding never reads an object row (ADR 8).

A row says how many instances, and bytes, of a header a snapshot added (positive) or removed (negative). The sums up to
a snapshot are what it holds. The rows are written in the same transactions as the object rows. Sums are kept as pages,
which the same transactions drop.
"""

from collections import defaultdict
from functools import partial
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.database.bulk import insert_of
from dicom_sieve.ledger.database.held_pages import drop_pages, find_pages_to_keep, keep_page, page_of
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import header_change
from dicom_sieve.ledger.leases.lease import Lease


def add(connection: sa.Connection, changes: sa.Select[Any]) -> None:
    """Add changes to the recorded ones.

    Args:
        connection: Within the transaction that changes the object rows, under the location's lease.
        changes: Gives location, header, snapshot, instances and bytes; each header of a snapshot once. It has a WHERE
            clause, or SQLite would take ON CONFLICT for that of a join.
    """
    names = ["location_id", "header_id", "snapshot_id", "instances", "bytes"]
    insert = insert_of(connection, header_change).from_select(names, changes)
    sums = {name: header_change.c[name] + insert.excluded[name] for name in ("instances", "bytes")}
    upsert = insert.on_conflict_do_update(index_elements=names[:3], set_=sums)
    columns = header_change.c
    changed = defaultdict[int, set[int]](set)
    for location_id, header_id in connection.execute(upsert.returning(columns.location_id, columns.header_id)):
        changed[location_id].add(page_of(header_id))
    for location_id, pages in changed.items():
        drop_pages(connection, location_id, pages)


def keep_sums(lease: Lease) -> None:
    """Keep the sums of a location's changes, as far as they are not kept, for all who read them after this."""
    missing = read(lease.engine, partial(find_pages_to_keep, location_id=lease.location_id))
    for page in missing:
        lease.write(partial(keep_page, location_id=lease.location_id, page=page))
