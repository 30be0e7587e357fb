"""List a location and compare it with what the ledger holds: a merge of two sequences in the order of keys."""

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from dicom_sieve.errors import ListingOrderError
from dicom_sieve.ledger.lease import Lease
from dicom_sieve.ledger.snapshots import (
    KnownObject,
    SnapshotCounts,
    close_snapshot,
    known_objects,
    open_snapshot,
    record_changes,
)
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.screening.observer import Observer
from dicom_sieve.stores.interface import Lists

BATCH_CHANGES = 5_000


@dataclass(frozen=True, slots=True)
class Change:
    """How one key differs between ledger and listing.

    Attributes:
        listed: The object as it is listed now; None where it is gone.
        known: The row of the ledger; None where the object is new.
    """

    listed: ObjectInfo | None
    known: KnownObject | None

    @property
    def is_one(self) -> bool:
        """Whether there is anything to record: an object that is the same and settled stays as it is."""
        if self.listed is None or self.known is None:
            return True
        same = (self.listed.etag, self.listed.size) == (self.known.etag, self.known.size)
        return not (same and self.known.is_settled)


def compare(listing: Iterable[ObjectInfo], known: Iterable[KnownObject], location: Location) -> Iterator[Change]:
    """Merge a listing with the ledger's open objects; both in the order of keys. Flat memory.

    Raises:
        ListingOrderError: The listing is out of order.
    """
    rows = iter(known)
    row = next(rows, None)
    last: str | None = None
    for listed in listing:
        if last is not None and listed.key <= last:
            raise ListingOrderError(str(location))
        last = listed.key
        while row is not None and row.key < listed.key:
            yield Change(None, row)
            row = next(rows, None)
        if row is not None and row.key == listed.key:
            yield Change(listed, row)
            row = next(rows, None)
        else:
            yield Change(listed, None)
    while row is not None:
        yield Change(None, row)
        row = next(rows, None)


def take_snapshot(
    store: Lists,
    lease: Lease,
    *,
    clock: Callable[[], datetime.datetime],
    observer: Observer,
) -> tuple[int, SnapshotCounts]:
    """List a location into the ledger.

    Changes are committed in batches; a listing that breaks off leaves a snapshot that no run refers to, and the next
    one compares with what is there.

    Returns:
        The snapshot's id, and its counts.

    Raises:
        StoreError: The location cannot be listed.
        ListingOrderError: It lists out of order.
        LeaseLostError: The location's lease has ended.
    """
    with lease.writing() as connection:
        snapshot_id = open_snapshot(connection, lease.location_id, clock())
    counts = SnapshotCounts()
    observer.begin("list", None)
    for batch in _batches(compare(store.list(), known_objects(lease.engine, lease.location_id), store.location)):
        changes = [change for change in batch if change.is_one]
        removed = [change.known.id for change in changes if change.known is not None]
        added = [change.listed for change in changes if change.listed is not None]
        with lease.writing() as connection:
            record_changes(connection, snapshot_id, lease.location_id, removed=removed, added=added)
        listed = [change.listed for change in batch if change.listed is not None]
        counts = SnapshotCounts(
            listed=counts.listed + len(listed),
            bytes=counts.bytes + sum(one.size for one in listed),
            added=counts.added + len(added),
            removed=counts.removed + len(removed),
        )
        observer.advance(len(listed))
    with lease.writing() as connection:
        close_snapshot(connection, snapshot_id, clock(), counts)
    return snapshot_id, counts


def _batches(changes: Iterable[Change]) -> Iterator[list[Change]]:
    batch: list[Change] = []
    for change in changes:
        batch.append(change)
        if len(batch) >= BATCH_CHANGES:
            yield batch
            batch = []
    if batch:
        yield batch
