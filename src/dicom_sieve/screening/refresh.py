"""Bring what the ledger knows of a location up to date: list it, and index what is new. No run is needed for that."""

import datetime
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

from dicom_sieve import garbage
from dicom_sieve.advice import count_cause, told_causes
from dicom_sieve.clock import now
from dicom_sieve.criteria import CompiledItem, attributes_read_for
from dicom_sieve.errors import DamagedChunkError, LedgerAwayError, LedgerError, WorkersError
from dicom_sieve.headers.edition import current_edition
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.database.engine import is_shared
from dicom_sieve.ledger.leases.lease import LEASE_SECONDS, Lease
from dicom_sieve.ledger.reading.editions import find_read_for_less
from dicom_sieve.ledger.reading.snapshots import Snapshot, last_snapshot, refuse_read_for_less
from dicom_sieve.ledger.writing.facts import keep_facts
from dicom_sieve.ledger.writing.header_counts import keep_sums
from dicom_sieve.ledger.writing.headers import (
    IndexedObject,
    UnreadObject,
    count_unread,
    record_headers,
    unread_objects,
)
from dicom_sieve.objects import Listing
from dicom_sieve.screening.index import RunsShards, Shard, ShardResult, index_shard
from dicom_sieve.screening.observer import Observer, Silent
from dicom_sieve.screening.snapshot import take_snapshot
from dicom_sieve.screening.steps import Step, Stopwatch
from dicom_sieve.screening.together import written_together
from dicom_sieve.stores.interface import ListsAsOf, Store
from dicom_sieve.stores.read_header import Limits
from dicom_sieve.tracing import record as record_span
from dicom_sieve.workers.local import one_by_one

LIST_FIRST = "let the run list the location"
FRUITLESS_SHARDS = 3
"""Shards in a row without one readable object; after these the store counts as down, and the rest stays unread."""
SECONDS_TOGETHER = 2.0
"""How long headers wait until they are recorded, at most. A run that is killed loses them."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """By what means a location is looked at.

    Attributes:
        limits: How much is read.
        shard_objects: Objects of one shard, at most.
        objects_together: Headers of as many objects, or of a shard more, are recorded in one transaction.
        run_shards: How shards are run.
        observer: Who watches.
        clock: Tells the time.
        lease_seconds: How long one may be away before others may write to the location.
        inventory: Of the location, read in place of listing it.
        in_clear: Tags of what the ledger keeps as it is, although it identifies.
        listing: LAST: nothing is listed and nothing read; what was listed last is judged as it is.
    """

    limits: Limits = field(default_factory=Limits)
    shard_objects: int = 1_000
    objects_together: int = 16_384
    run_shards: RunsShards = one_by_one
    observer: Observer = field(default_factory=Silent)
    clock: Callable[[], datetime.datetime] = now
    lease_seconds: float = LEASE_SECONDS
    inventory: ListsAsOf | None = None
    in_clear: frozenset[int] = frozenset()
    listing: Listing = Listing.NEW


@dataclass(slots=True)
class Refreshed:
    """A location as it was just listed, and what it took to know it.

    Attributes:
        snapshot: What it holds, and how that differs from the one before.
        indexed: Objects that were read.
        reads: Ranges that were read of them.
        bytes_read: How many bytes.
        causes: Why objects could not be read, and how many of each.
    """

    snapshot: Snapshot
    indexed: int = 0
    reads: int = 0
    bytes_read: int = 0
    causes: Counter[str] = field(default_factory=Counter)

    def effort(self) -> dict[str, int]:
        """Say what it took; all else in the counts of a run is the same however it came about."""
        again = self.snapshot.counts.read_again
        return {
            **({"read_again": again} if again else {}),
            "added": self.snapshot.counts.added,
            "removed": self.snapshot.counts.removed,
            "indexed": self.indexed,
            "reads": self.reads,
            "bytes_read": self.bytes_read,
        }

    def why_unread(self, unread: int) -> dict[str, dict[str, int]]:
        """Give what the counts say of objects that could not be read; nothing where all could."""
        return {"unread_causes": told_causes(self.causes, unread)} if unread else {}


def hold_location(store: Store, means: RunOptions, ledger: Ledger) -> AbstractContextManager[Lease]:
    """Hold the lease of a store's location; who watches is told of a ledger open to all, and of another holder."""
    if ledger.exposure:
        means.observer.note(ledger.exposure)
    return ledger.lease(
        store.location,
        on_wait=lambda: means.observer.note("waiting for another run on the same location to end"),
        seconds=means.lease_seconds,
    )


def refresh(
    store: Store,
    means: RunOptions,
    ledger: Ledger,
    lease: Lease,
    criteria: Sequence[CompiledItem],
    *,
    on_listed: Callable[[int], None] = lambda _: None,
    step: Step | None = None,
) -> Refreshed:
    """List a location, and read what has no header yet, or one that was not read for what criteria ask for.

    Args:
        store: Where the objects lie.
        means: How they are read.
        ledger: Where all of it is recorded.
        lease: Of the location.
        criteria: What is asked.
        on_listed: Called with the snapshot's id before anything is read.
        step: Entered for each step; None: nobody measures.

    Raises:
        StoreError: The location cannot be listed.
        LedgerError: It is not to be listed, and was never, or not everything that was listed is read.
        LeaseLostError: The lease has ended.
    """
    step = step or Stopwatch()
    if means.listing is Listing.LAST:
        refreshed = _as_listed_last(ledger, lease, criteria)
        on_listed(refreshed.snapshot.id)
    else:
        with step("list"):
            lacking = _find_lacking(means, lease, criteria)
            snapshot = take_snapshot(
                store,
                lease,
                clock=means.clock,
                observer=means.observer,
                inventory=means.inventory,
                lacking=lacking,
            )
            on_listed(snapshot.id)
        refreshed = Refreshed(snapshot)
        with step("index"), garbage.left_out():
            _index(store, means, lease, refreshed)
    with step("keep"):
        _keep(means, ledger, lease, refreshed)
    return refreshed


def _as_listed_last(ledger: Ledger, lease: Lease, criteria: Sequence[CompiledItem]) -> Refreshed:
    """Give what was listed last; the store is not asked for anything."""
    snapshot = last_snapshot(ledger.engine, lease.place)
    refuse_read_for_less(ledger.engine, snapshot, attributes_read_for(criteria))
    unread, _ = count_unread(ledger.engine, snapshot.location_id)
    if unread:
        raise LedgerError(f"{unread:,} objects are not read yet: {LIST_FIRST}")
    nothing_new = replace(snapshot.counts, added=0, removed=0, read_again=0)
    return Refreshed(replace(snapshot, counts=nothing_new))


def _keep(means: RunOptions, ledger: Ledger, lease: Lease, refreshed: Refreshed) -> None:
    """Keep sums and facts; where the ledger lacks values for these, who watches is told: no run needs them kept."""
    snapshot = refreshed.snapshot
    if snapshot.counts.added or snapshot.counts.removed or refreshed.indexed:
        ledger.analyze("object", "header", "header_change", "block", "chunk")
    keep_sums(lease)
    try:
        keep_facts(lease, snapshot.id)
    except LedgerAwayError:
        raise
    except (LedgerError, DamagedChunkError) as error:
        means.observer.note(f"facts of series are not kept: {error}")


def _find_lacking(means: RunOptions, lease: Lease, criteria: Sequence[CompiledItem]) -> tuple[int, ...]:
    """Give the editions of headers that were not read for what criteria ask for; who watches is told of these."""
    less = find_read_for_less(lease.engine, lease.location_id, attributes_read_for(criteria))
    if less is None:
        return ()
    means.observer.note(f"{less.describe()}: those that are unchanged are read again")
    return less.editions


def _index(store: Store, means: RunOptions, lease: Lease, refreshed: Refreshed) -> None:
    """Read what has no header yet. The only place that writes headers: workers return rows."""
    unread, _ = count_unread(lease.engine, lease.location_id)
    means.observer.begin("index", unread)
    if not unread:
        return  # a Ray would be started, and stopped, for nothing
    shards = _shards(unread_objects(lease.engine, lease.location_id), means.shard_objects)
    fruitless = 0
    with _recording(means, lease, refreshed) as record:
        for result in means.run_shards(partial(_index_shard, store=store, limits=means.limits), shards):
            if result.edition != current_edition().digest:
                raise WorkersError(
                    f"a worker read the headers of shard {result.number} for other attributes than this run",
                    "install the same versions of dicom-sieve and pydicom everywhere",
                )
            record(result.indexed)
            refreshed.reads += result.reads
            refreshed.bytes_read += result.bytes_read
            record_span(
                "shard",
                result.began,
                result.ended,
                number=result.number,
                read=len(result.indexed),
                unread=len(result.unread),
                reads=result.reads,
                bytes_read=result.bytes_read,
            )
            for _, cause in result.unread:
                count_cause(refreshed.causes, cause)
            if result.unread:
                means.observer.advance(len(result.unread))
            fruitless = 0 if result.indexed else fruitless + 1
            if fruitless == FRUITLESS_SHARDS:
                means.observer.note(
                    f"{fruitless} shards in a row brought nothing: the store is down, the rest is not asked for"
                )
                return


def _recording(
    means: RunOptions, lease: Lease, refreshed: Refreshed
) -> AbstractContextManager[Callable[[Sequence[IndexedObject]], None]]:
    """Give what records headers, those of several shards in one transaction.

    What one transaction writes is a block of columns: of few and large blocks everything is decided faster.
    """

    def write(indexed: Sequence[IndexedObject]) -> None:
        record = partial(record_headers, location_id=lease.location_id, in_clear=means.in_clear)
        refreshed.indexed += lease.write(partial(record, indexed=indexed))
        means.observer.advance(len(indexed))

    in_thread = is_shared(lease.engine)
    return written_together(write, most=means.objects_together, seconds=SECONDS_TOGETHER, in_thread=in_thread)


def _index_shard(shard: Shard, *, store: Store, limits: Limits) -> ShardResult:
    return index_shard(store, shard, limits)


def _shards(objects: Iterable[UnreadObject], size: int) -> Iterator[Shard]:
    remaining = iter(objects)
    number = 1
    while chunk := tuple(islice(remaining, size)):
        yield Shard(number, chunk)
        number += 1
