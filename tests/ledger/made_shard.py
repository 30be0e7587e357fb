"""A shard that was read and is not recorded yet."""

import sqlalchemy as sa

from dicom_sieve import Ledger
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.writing.headers import IndexedObject, unread_objects
from dicom_sieve.ledger.writing.snapshots import record_changes
from dicom_sieve.screening import Limits, index_shard
from tests.screening.screenings import ct, mr
from tests.support.simulated_store import SimulatedStore


def a_shard_of_three(ledger: Ledger) -> tuple[int, tuple[IndexedObject, ...]]:
    """Give a location whose three objects were listed and read, and what they said, which is not recorded yet."""
    store = SimulatedStore({"1": ct(), "2": ct(), "3": mr()})
    with database.writing(ledger.engine) as connection:
        connection.execute(sa.text("INSERT INTO location VALUES (1, 'https://simulated', 'bucket', '')"))
        connection.execute(sa.text("INSERT INTO snapshot VALUES (1, 1, 'LISTING', '2026-01-01', NULL, NULL)"))
        record_changes(connection, 1, 1, removed=[], added=list(store.objects().values()))
    listed = tuple(unread_objects(ledger.engine, 1))
    assert [unread.info for unread in listed] == list(store.objects().values())
    shard = index_shard(store, store.shard(), Limits())
    return 1, tuple(
        IndexedObject(row.id, row.info, unread.instance) for row, unread in zip(listed, shard.indexed, strict=True)
    )
