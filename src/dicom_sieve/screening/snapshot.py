"""List a location and compare it with what the ledger holds: a merge of two sequences in the order of keys.

Ranges of keys that are as they were listed last are passed over (ADR 62).
"""

import datetime
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from dicom_sieve.errors import StoreError
from dicom_sieve.ledger.database.listed_ranges import ListedRange, keep_range, read_ranges
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.ledger.reading.runs import find_run
from dicom_sieve.ledger.reading.snapshots import (
    KnownObject,
    Snapshot,
    SnapshotCounts,
    known_between,
    known_objects,
    unsettled_headers,
    unsettled_keys,
)
from dicom_sieve.ledger.writing.snapshots import close_snapshot, open_snapshot, record_changes
from dicom_sieve.objects import Location, ObjectInfo, plain_etag
from dicom_sieve.screening.listed_parts import Part, cut
from dicom_sieve.screening.observer import Observer
from dicom_sieve.stores.interface import Lists, ListsAgain, ListsAsOf

BATCH_KEYS = 20_000
MOST_UNSETTLED = 100_000
"""Objects that must be read again. Where there are more, the whole listing is compared with the ledger."""
_RESULTS = re.compile(r"([^/]+)/(?:instances/verdict=|objects/)")
"""Pattern of the key of what a run published; its group is the run's id."""

Pair = tuple[ObjectInfo | None, KnownObject | None]
"""One key: the object as it is listed now, None where it is gone; and as the ledger knows it, None where it is new."""


def compare(listing: Iterable[ObjectInfo], known: Iterable[KnownObject]) -> Iterator[Pair]:
    """Merge a listing with the ledger's open objects; both in the order of keys. Flat memory."""
    rows = iter(known)
    row = next(rows, None)
    for listed in listing:
        while row is not None and row.key < listed.key:
            yield None, row
            row = next(rows, None)
        if row is not None and row.key == listed.key:
            yield listed, row
            row = next(rows, None)
        else:
            yield listed, None
    while row is not None:
        yield None, row
        row = next(rows, None)


def is_change(pair: Pair, unsettled: Collection[int | None]) -> bool:
    """Tell whether there is anything to record: an object that is the same and settled stays as it is.

    Args:
        pair: The object as it is listed, and as it is known.
        unsettled: Headers whose objects must be read again all the same.
    """
    listed, known = pair
    if listed is None or known is None or known.is_read_for_less:
        return True
    return _is_overwritten(listed, known) or known.header_id in unsettled


def _is_overwritten(listed: ObjectInfo, known: KnownObject) -> bool:
    # A ledger may hold the mark of a weak etag, which earlier versions kept.
    is_other = listed.etag != known.etag and plain_etag(listed.etag) != plain_etag(known.etag)
    return is_other or listed.size != known.size


def _is_read_again(pair: Pair) -> bool:
    """Tell whether an object is the same, and its header was not read for what is asked for."""
    listed, known = pair
    return bool(listed and known and known.is_read_for_less and not _is_overwritten(listed, known))


def _refuse_results(keys: Iterable[str], location: Location, lease: Lease) -> None:
    """Refuse a location with results of this ledger's runs in it: each run would screen what earlier ones copied."""
    begin = location.prefix.rfind("/") + 1  # what lies above the location says nothing of what it holds
    candidates = {
        name
        for key in keys
        if "/objects/" in key or "/instances/verdict=" in key
        for name in _RESULTS.findall(key, begin)
    }
    if candidates and (run_id := find_run(lease.engine, candidates)):
        raise StoreError(
            "screen",
            str(location),
            f"it holds results of run {run_id} of this ledger, which would be screened, too",
            "move them to another bucket or directory, or choose an input prefix without them",
        )


def _list(place: Lists, lease: Lease) -> Iterator[ObjectInfo]:
    """List a place; what was listed last tells what lies in archives that are the same."""
    if isinstance(place, ListsAgain):
        return place.list_again(partial(known_between, lease.engine, lease.location_id))
    return place.list()


def take_snapshot(
    store: Lists,
    lease: Lease,
    *,
    clock: Callable[[], datetime.datetime],
    observer: Observer,
    inventory: ListsAsOf | None = None,
    lacking: Sequence[int] = (),
) -> Snapshot:
    """List a location into the ledger.

    Changes are committed in batches; a listing that breaks off leaves a snapshot that no run refers to, and the next
    one compares with what is there.

    Args:
        store: What is listed.
        lease: Of the location.
        clock: Tells the time.
        observer: Who watches.
        inventory: Read in place of listing, if there is one: the snapshot is as old as it is.
        lacking: The numbers of editions that say too little for what is asked for: objects whose headers are of these
            are to be read again.

    Raises:
        StoreError: The location cannot be listed, or holds what runs of this ledger published.
        ListingOrderError: It lists out of order.
        LeaseLostError: The location's lease has ended.
    """
    as_of = None if inventory is None else inventory.created_at
    snapshot_id = lease.write(partial(open_snapshot, location_id=lease.location_id, started_at=clock()))
    observer.begin("list", None)
    recorder = _Recorder(lease, store.location, snapshot_id, lacking, unsettled_headers(lease.engine))
    counts = SnapshotCounts()
    for part in cut(_list(inventory or store, lease), *_ranges(lease, lacking), store.location):
        if part.is_known:
            sizes = [listed.size for listed in part.listed]
            counts = counts.plus(SnapshotCounts(len(sizes), sum(sizes)))
            observer.advance(len(sizes))
        else:
            for changes in recorder.record(part):
                counts = counts.plus(changes)
                observer.advance(changes.listed)
    listed_at = as_of or clock()
    lease.write(partial(close_snapshot, snapshot_id=snapshot_id, listed_at=listed_at, counts=counts))
    return Snapshot(snapshot_id, lease.location_id, lease.place, counts, listed_at)


def _ranges(lease: Lease, lacking: Sequence[int]) -> tuple[Sequence[ListedRange], Callable[[str | None, str], bool]]:
    """Give what was listed last, as far as objects need no look if it is the same; and whether a range does not."""
    unsettled = None if lacking else unsettled_keys(lease.engine, lease.location_id, MOST_UNSETTLED)
    if unsettled is None:
        return (), lambda _after, _last: False

    def may_skip(after: str | None, last: str) -> bool:
        first = 0 if after is None else bisect_right(unsettled, after)
        return first == len(unsettled) or unsettled[first] > last

    return read(lease.engine, partial(read_ranges, location_id=lease.location_id)), may_skip


@dataclass(frozen=True, slots=True)
class _Recorder:
    """Compares parts of a listing, object by object, and records what has changed."""

    lease: Lease
    location: Location
    snapshot_id: int
    lacking: Sequence[int]
    unsettled: Collection[int | None]

    def record(self, part: Part) -> Iterator[SnapshotCounts]:
        """Record a part: some of its objects in one transaction, and last what it is now, as a range."""
        lease = self.lease
        between = part.after, part.last
        pairs = compare(part.listed, known_objects(lease.engine, lease.location_id, self.lacking, between=between))
        while batch := list(islice(pairs, BATCH_KEYS)):
            changes = [pair for pair in batch if is_change(pair, self.unsettled)]
            removed = [known.id for _, known in changes if known is not None]
            added = [listed for listed, _ in changes if listed is not None]
            _refuse_results((listed.key for listed, _ in batch if listed is not None), self.location, lease)
            if changes:
                record = partial(record_changes, snapshot_id=self.snapshot_id, location_id=lease.location_id)
                lease.write(partial(record, removed=removed, added=added, between=between))
            sizes = [listed.size for listed, _ in batch if listed is not None]
            read_again = sum(map(_is_read_again, changes)) if self.lacking else 0
            yield SnapshotCounts(len(sizes), sum(sizes), len(added), len(removed), read_again)
        kept = part.as_range()
        if kept is not None:
            lease.write(partial(keep_range, location_id=lease.location_id, after=part.after, kept=kept))
