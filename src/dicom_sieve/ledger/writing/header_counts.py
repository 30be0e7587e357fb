"""How many instances of each header a snapshot holds, kept as such: deciding never looks at an object row (ADR 8).

A row says how many instances, and bytes, of a header a snapshot brought (more than 0) or took away (less). The sums up
to a snapshot are what it holds. The rows change in the very transactions that change object rows, by what those change.
"""

from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.database.bulk import insert_of
from dicom_sieve.ledger.database.tables import header_change


def add(connection: sa.Connection, changes: sa.Select[Any]) -> None:
    """Add changes to those that there are.

    Args:
        connection: Within the transaction that changes the object rows, under the location's lease.
        changes: Gives location, header, snapshot, instances and bytes; each header of a snapshot once. It has a WHERE
            clause, or SQLite would take ON CONFLICT for that of a join.
    """
    names = ["location_id", "header_id", "snapshot_id", "instances", "bytes"]
    insert = insert_of(connection, header_change).from_select(names, changes)
    sums = {name: header_change.c[name] + insert.excluded[name] for name in ("instances", "bytes")}
    connection.execute(insert.on_conflict_do_update(index_elements=names[:3], set_=sums))
