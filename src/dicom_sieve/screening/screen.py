"""The way through: snapshot, index, decide, publish; recorded in the ledger from the first to the last step."""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from dicom_sieve.criteria import CompiledCriterion, Criterion, compile_criteria, criteria_digest
from dicom_sieve.errors import (
    DicomSieveError,
    IncompleteRunError,
    LeaseLostError,
    LedgerError,
    NothingReadableError,
)
from dicom_sieve.ledger import Ledger
from dicom_sieve.ledger.audit.forget import refuse_forgotten
from dicom_sieve.ledger.audit.seals import seal_rows
from dicom_sieve.ledger.deciding import count_refused, count_series
from dicom_sieve.ledger.indexing import UnreadObject, count_unread, record_headers, unread_objects
from dicom_sieve.ledger.lease import LEASE_SECONDS, Lease
from dicom_sieve.ledger.runs import (
    Manifest,
    begin_run,
    bind_snapshot,
    fail_abandoned,
    finish_run,
)
from dicom_sieve.ledger.snapshots import SnapshotCounts
from dicom_sieve.ledger.tables import RunState
from dicom_sieve.publishing import Published, publish
from dicom_sieve.screening.decide import Judge, decide
from dicom_sieve.screening.index import Limits, Shard, index_shard
from dicom_sieve.screening.observer import Observer, Silent
from dicom_sieve.screening.shards import RunsShards, one_by_one
from dicom_sieve.screening.snapshot import take_snapshot
from dicom_sieve.stores.interface import Copies, Downloads, Store
from dicom_sieve.version import __version__

FRUITLESS_SHARDS = 3
"""So many shards in a row of which not one object could be read: the store is down, and the run will be INCOMPLETE."""


def now() -> datetime.datetime:
    """Give the time, with its zone."""
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True)
class Screening:
    """What a run is to do, and by what means.

    Attributes:
        execution_id: What the run is called: the flow run's id.
        store: Where the objects lie.
        criteria: What is asked, as given; checked before anything is listed.
        output: Where to publish, or None: then nothing is written to any store.
        copies_of: The store again, if what passed is to be copied to the output, too.
        limits: How much is read.
        shard_objects: Objects of one shard, at most.
        run_shards: How shards are run.
        observer: Who watches.
        clock: Tells the time.
        lease_seconds: How long the run may be away before others may write to the location.
    """

    execution_id: str
    store: Store
    criteria: Sequence[Criterion]
    output: Copies | None = None
    copies_of: Downloads | None = None
    limits: Limits = field(default_factory=Limits)
    shard_objects: int = 1_000
    run_shards: RunsShards = one_by_one
    observer: Observer = field(default_factory=Silent)
    clock: Callable[[], datetime.datetime] = now
    lease_seconds: float = LEASE_SECONDS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run that completed.

    Attributes:
        run_id: In the ledger.
        counts: ``listed``, ``bytes``, ``passed``, ``discarded`` and ``unread`` objects; ``defects``, by name;
            ``findings``, one mapping a criterion, by name, over the objects that could be judged; ``series``, by
            selection; and what the run did to know it: ``added``, ``removed``, ``indexed``, ``reads``, ``bytes_read``.
        manifest: Where it was published, or None.
    """

    run_id: str
    counts: Mapping[str, Any]
    manifest: Manifest | None

    def describe(self) -> str:
        """Say it in a sentence."""
        passed, listed, whole = self.counts["passed"], self.counts["listed"], self.counts["series"].get("WHOLE", 0)
        sentence = f"{passed:,} of {listed:,} instances passed in {whole:,} whole series"
        missing = sum(number for outcome, number in self.counts.get("copies", {}).items() if outcome != "COPIED")
        return f"{sentence}; {missing:,} could not be copied: see copies.parquet" if missing else sentence


def screen(screening: Screening, ledger: Ledger) -> Outcome:
    """Screen a location by criteria.

    Args:
        screening: What is to be done.
        ledger: Where all of it is recorded.

    Returns:
        What came of it; every object of the location has a verdict and a reason.

    Raises:
        InvalidRequestError: The criteria make no sense; nothing was asked of the store.
        StoreError: The location cannot be listed, or the output cannot be written.
        NothingReadableError: The credentials may list, but not read.
        IncompleteRunError: Some objects could not be read. What could is decided and recorded.
        LeaseLostError: The run was away for too long.
    """
    compiled = compile_criteria(screening.criteria)
    with ledger.lease(
        screening.store.location,
        on_wait=lambda: screening.observer.note("waiting for another run on the same location to end"),
        seconds=screening.lease_seconds,
    ) as lease:
        refuse_forgotten(lease)
        fail_abandoned(lease, screening.clock())
        with lease.writing() as connection:
            number, run_id = begin_run(
                connection,
                execution_id=screening.execution_id,
                location_id=lease.location_id,
                criteria=[one.as_given() for one in screening.criteria],
                criteria_digest=criteria_digest(screening.criteria),
                started_at=screening.clock(),
                software_version=__version__,
            )
            lease.name_run(connection, number)
        run = _Run(screening, ledger, lease, compiled, number, run_id)
        try:
            return run.execute()
        except BaseException as error:
            run.fail(error)
            raise


@dataclass(slots=True)
class _Run:
    """One run under way."""

    screening: Screening
    ledger: Ledger
    lease: Lease
    criteria: tuple[CompiledCriterion, ...]
    number: int
    id: str
    is_finished: bool = False

    def execute(self) -> Outcome:
        snapshot_id, listed = take_snapshot(
            self.screening.store,
            self.lease,
            clock=self.screening.clock,
            observer=self.screening.observer,
        )
        with self.lease.writing() as connection:
            bind_snapshot(connection, self.number, snapshot_id)
        indexed = self._index()
        if listed.added or listed.removed or indexed.objects:
            self.ledger.count_anew("object", "header", "header_change")
        self._refuse_nothing_readable(snapshot_id)
        judge = decide(self.lease, self.number, snapshot_id, self.criteria, self.screening.observer)
        self.ledger.count_anew("decision")
        counts = {**self._results(listed, judge), **_effort(listed, indexed)}
        seal_rows(self.lease, self.number)
        if counts["unread"]:
            self._finish(RunState.INCOMPLETE, counts)
            raise IncompleteRunError(self.id, counts["unread"], counts["listed"])
        published = self._publish(snapshot_id, counts)
        self._finish(RunState.COMPLETED, published.counts, manifest=published.manifest)
        return Outcome(self.id, published.counts, published.manifest)

    def fail(self, error: BaseException) -> None:
        """Record why the run ended; the text of an error that is not ours may hold anything and is left out.

        Where that cannot be written any more, the ledger shows the run as failed all the same: it has no lease.
        """
        if not self.is_finished:
            text = str(error) if isinstance(error, DicomSieveError) else f"unexpected {type(error).__name__}"
            with suppress(LedgerError, LeaseLostError):
                seal_rows(self.lease, self.number)
                self._finish(RunState.FAILED, failure=text)

    def _index(self) -> "_Indexed":
        """Read what has no header yet. The only place that writes headers: workers return rows."""
        observer = self.screening.observer
        unread, _ = count_unread(self.ledger.engine, self.lease.location_id)
        observer.begin("index", unread)
        shards = _shards(unread_objects(self.ledger.engine, self.lease.location_id), self.screening.shard_objects)
        index = partial(_index, store=self.screening.store, limits=self.screening.limits)
        indexed, fruitless = _Indexed(), 0
        for result in self.screening.run_shards(index, shards):
            with self.lease.writing() as connection:
                new = record_headers(connection, result.indexed)
            indexed.add(new, result.reads, result.bytes_read)
            observer.advance(len(result.indexed) + len(result.unread))
            fruitless = 0 if result.indexed else fruitless + 1
            if fruitless == FRUITLESS_SHARDS:
                observer.note(
                    f"{fruitless} shards in a row brought nothing: the store is down, the rest is not asked for"
                )
                break
        return indexed

    def _results(self, listed: SnapshotCounts, judge: Judge) -> dict[str, Any]:
        """Count objects by verdict and reason, and series by selection. What was listed and not judged is unread."""
        judged = judge.counts()
        unread = listed.listed - judged["passed"] - judged["discarded"]
        if unread:
            _, size = count_unread(self.ledger.engine, self.lease.location_id)
            judged["bytes"] += size
        with self.ledger.engine.connect() as connection:
            series = count_series(connection, self.number)
        return {"listed": listed.listed, **judged, "unread": unread, "series": series}

    def _refuse_nothing_readable(self, snapshot_id: int) -> None:
        """A location of which nothing can be read tells of the credentials, not of the objects: no verdict."""
        with self.ledger.engine.connect() as connection:
            refused = count_refused(connection, snapshot_id, self.lease.location_id)
        if refused:
            raise NothingReadableError(str(self.screening.store.location), refused)

    def _publish(self, snapshot_id: int, counts: Mapping[str, Any]) -> Published:
        if self.screening.output is None:
            return Published(None, counts)
        copied = counts["passed"] if self.screening.copies_of else 0
        self.screening.observer.begin("publish", counts["listed"] + copied)
        return publish(
            self.ledger,
            run_id=self.id,
            snapshot_id=snapshot_id,
            location_id=self.lease.location_id,
            counts=counts,
            output=self.screening.output,
            copies_of=self.screening.copies_of,
            make_sure=self.lease.make_sure,
            advance=self.screening.observer.advance,
        )

    def _finish(
        self,
        state: RunState,
        counts: Mapping[str, Any] | None = None,
        *,
        manifest: Manifest | None = None,
        failure: str | None = None,
    ) -> None:
        with self.lease.writing() as connection:
            finish_run(
                connection,
                self.number,
                state=state,
                finished_at=self.screening.clock(),
                counts=counts,
                manifest=manifest,
                failure=failure,
            )
        self.is_finished = True


@dataclass(slots=True)
class _Indexed:
    """What indexing took: objects, reads and bytes."""

    objects: int = 0
    reads: int = 0
    bytes_read: int = 0

    def add(self, objects: int, reads: int, bytes_read: int) -> None:
        self.objects += objects
        self.reads += reads
        self.bytes_read += bytes_read


def _index(shard: Shard, *, store: Store, limits: Limits) -> Any:
    return index_shard(store, shard, limits)


def _effort(listed: SnapshotCounts, indexed: _Indexed) -> dict[str, int]:
    """Say what the run did to know what it knows; all else in the counts is the same however it came about."""
    return {
        "added": listed.added,
        "removed": listed.removed,
        "indexed": indexed.objects,
        "reads": indexed.reads,
        "bytes_read": indexed.bytes_read,
    }


def _shards(objects: Iterable[UnreadObject], size: int) -> Iterator[Shard]:
    remaining = iter(objects)
    number = 1
    while chunk := tuple(islice(remaining, size)):
        yield Shard(number, chunk)
        number += 1
