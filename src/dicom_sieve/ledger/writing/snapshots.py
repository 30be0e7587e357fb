"""Recording snapshots and objects: what a location held when it was listed."""

import datetime
from collections.abc import Sequence

import sqlalchemy as sa

from dicom_sieve.ledger.database import bulk
from dicom_sieve.ledger.database.column_types import BigKey
from dicom_sieve.ledger.database.listed_ranges import drop_ranges
from dicom_sieve.ledger.database.locations import new_key
from dicom_sieve.ledger.database.states import SnapshotState
from dicom_sieve.ledger.database.tables import object_, snapshot
from dicom_sieve.ledger.reading.snapshots import SnapshotCounts
from dicom_sieve.ledger.writing import header_counts
from dicom_sieve.objects import ObjectInfo

_closing = bulk.staging("staged_closing", sa.Column("id", BigKey, primary_key=True))


def open_snapshot(connection: sa.Connection, location_id: int, started_at: datetime.datetime) -> int:
    """Begin a snapshot and give its id, which is greater than that of every one before."""
    values = {"location_id": location_id, "state": SnapshotState.LISTING, "started_at": started_at}
    return new_key(connection.execute(sa.insert(snapshot).values(values)))


def record_changes(
    connection: sa.Connection,
    snapshot_id: int,
    location_id: int,
    *,
    removed: Sequence[int],
    added: Sequence[ObjectInfo],
    between: tuple[str | None, str | None] = (None, None),
) -> None:
    """Close the rows of objects that are gone or changed, then open rows for new ones.

    Args:
        connection: Within a transaction, under the location's lease.
        snapshot_id: Id of the snapshot that found the changes.
        location_id: Id of its location.
        removed: Ids of rows to close; a row that is closed already is left unchanged.
        added: Objects to open rows for.
        between: All of them have keys behind the first, up to the second; None: any.
    """
    drop_ranges(connection, location_id, *between)
    if removed:
        bulk.stage(connection, _closing, ((row,) for row in removed))
        is_closing = bulk.is_staged(object_.c.id, _closing) & object_.c.removed_in.is_(None)
        header_counts.add(
            connection,
            sa.select(
                object_.c.location_id,
                object_.c.header_id,
                sa.literal(snapshot_id),
                -sa.func.count(),
                -sa.func.sum(object_.c.size),
            )
            .where(is_closing, object_.c.header_id.is_not(None))
            .group_by(object_.c.location_id, object_.c.header_id),
        )
        connection.execute(sa.update(object_).where(is_closing).values(removed_in=snapshot_id))
    as_moment = bulk.stored(connection, object_.c.last_modified)
    opening = (
        (location_id, info.key, info.etag, info.size, as_moment(info.last_modified), snapshot_id) for info in added
    )
    columns = ("location_id", "key", "etag", "size", "last_modified", "added_in")
    bulk.append(connection, object_, columns, opening)


def close_snapshot(
    connection: sa.Connection, snapshot_id: int, listed_at: datetime.datetime, counts: SnapshotCounts
) -> None:
    """Record that the listing is complete."""
    connection.execute(
        sa.update(snapshot)
        .where(snapshot.c.id == snapshot_id)
        .values(state=SnapshotState.COMPLETE, listed_at=listed_at, counts=counts.as_json())
    )
