"""The number of instances of each header in a snapshot: deciding never reads an object row (ADR 8).

A row says how many instances, and bytes, of a header a snapshot added (positive) or removed (negative). The sums up to
a snapshot are what it holds. The rows are written in the same transactions as the object rows.
"""

from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.database.bulk import insert_of
from dicom_sieve.ledger.database.tables import header_change


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
    connection.execute(insert.on_conflict_do_update(index_elements=names[:3], set_=sums))
