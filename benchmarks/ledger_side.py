"""What the ledger takes on one database, beside the database alone doing the same inserts and reads."""

import gc
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import sqlalchemy as sa

from benchmarks.made import CRITERIA
from benchmarks.made_ledger import CLOCK, LISTED, PLACE, listed_object, make_headers
from dicom_sieve import Ledger
from dicom_sieve.columns.pages import PAGE_IDS
from dicom_sieve.criteria import Criterion, compile_criteria
from dicom_sieve.headers import Instance
from dicom_sieve.ledger.audit.seals import seal_rows
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.database.views import series_decision
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.ledger.reading.snapshots import last_snapshot
from dicom_sieve.ledger.reading.values import attributes_held, values_held
from dicom_sieve.ledger.writing.header_counts import keep_sums
from dicom_sieve.ledger.writing.headers import IndexedObject, record_headers, unread_objects
from dicom_sieve.ledger.writing.runs import begin_run, bind_snapshot, finish_run
from dicom_sieve.objects import Location, ObjectInfo
from dicom_sieve.reports import make_report, render
from dicom_sieve.reports.compare_runs import Compared, Summary, compare
from dicom_sieve.screening import Silent, preview_known
from dicom_sieve.screening.decide import decide, recording
from dicom_sieve.screening.refresh import RunOptions
from dicom_sieve.screening.snapshot import take_snapshot

CHANGED_EVERY = 100
_PAGE = 20_000
_BARE_RUN = 1_000_000_000
"""Decisions of the database alone bear numbers from here: no run has them."""

Steps = dict[str, float]
"""Seconds by what they went into."""


@dataclass
class Watch:
    """Tells what the steps of one piece of work took."""

    steps: Steps = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)
    _cpu_since: float = field(default_factory=time.process_time)

    def lap(self, step: str) -> None:
        """Say that a step has ended."""
        now = time.perf_counter()
        self.steps[step] = now - self._since
        self._since = now

    def end(self) -> Steps:
        """Give all steps, with their sum, and the CPU time of this process: it is less when others use the machine."""
        return {
            **self.steps,
            "all": sum(self.steps.values()),
            "all, CPU of the client": time.process_time() - self._cpu_since,
        }


def decide_again(ledger: Ledger, lease: Lease, run_id: str, asked: Sequence[Criterion] = CRITERIA) -> Steps:
    """Do all that a run over an unchanged location does behind its listing."""
    watch = Watch()
    criteria = compile_criteria(asked)
    snapshot = last_snapshot(ledger.engine, lease.place)
    keep_sums(lease)
    watch.lap("keep sums")
    with lease.writing() as connection:
        number, _ = begin_run(
            connection,
            execution_id=run_id,
            lease=lease,
            criteria=[criterion.as_given() for criterion in asked],
            criteria_digest="",
            started_at=CLOCK,
            software_version="",
        )
        bind_snapshot(connection, number, snapshot.id)
    watch.lap("begin")
    with recording(lease, number) as keep:
        counts = decide(ledger, snapshot, criteria, Silent(), keep)
    watch.lap("decide, record and seal decisions")
    ledger.analyze("decision_page", "outcome")
    watch.lap("ANALYZE")
    seal_rows(lease, number)
    with lease.writing() as connection:
        finish_run(connection, number, state=RunState.COMPLETED, finished_at=CLOCK, counts=counts)
    watch.lap("seal")
    if not counts["passed"] or not counts["discarded"]:
        raise ValueError("criteria that part nothing measure nothing")
    return watch.end()


def decide_bare(ledger: Ledger, turn: int) -> Steps:
    """Read the same values of the same headers, and insert as many pages of decisions, through the driver alone."""
    is_postgresql = ledger.engine.dialect.name == "postgresql"
    place = "%s" if is_postgresql else "?"
    chunks = f"SELECT data FROM chunk WHERE tag = {place} ORDER BY block_id"
    read = (
        "SELECT header_id, SUM(instances), SUM(bytes) FROM header_change "
        f"WHERE location_id = 1 AND header_id >= {place} AND header_id < {place} GROUP BY header_id"
    )
    watch = Watch()
    reader, writer = (ledger.engine.raw_connection() for _ in range(2))
    try:
        first, run_number = 1, _BARE_RUN + turn
        rows = reader.cursor()
        cursor = writer.cursor()
        for tag in ("00080020", "00080060"):
            rows.execute(chunks, (tag,))
            rows.fetchall()
        while True:
            rows.execute(read, (first, first + _PAGE))
            page = rows.fetchall()
            if not page:
                break
            numbers = range(first // PAGE_IDS, (first + len(page)) // PAGE_IDS)
            pages = [(run_number, "HEADER", number, 0, bytes(PAGE_IDS)) for number in numbers]
            if is_postgresql:
                with cursor.copy("COPY decision_page FROM STDIN") as copy:
                    for row in pages:
                        copy.write_row(row)
            else:
                cursor.executemany("INSERT INTO decision_page VALUES (?, ?, ?, ?, ?)", pages)
            writer.commit()
            first += _PAGE
    finally:
        reader.close()
        writer.close()
    watch.lap("all")
    return watch.steps


@dataclass(frozen=True)
class ListedStore:
    """A bucket of which a hundredth changes from one listing to the next.

    Attributes:
        objects: How many.
        turn: How often it has changed.
        location: Where it pretends to be.
    """

    objects: int
    turn: int
    location: Location = LISTED

    def list(self) -> Iterator[ObjectInfo]:
        """Give every object in the order of keys."""
        return (listed_object(number, number % CHANGED_EVERY < self.turn) for number in range(self.objects))


def list_again(lease: Lease, store: ListedStore) -> Steps:
    """Take a snapshot of a location of which a hundredth has changed."""
    watch = Watch()
    counts = take_snapshot(store, lease, clock=lambda: CLOCK, observer=Silent()).counts
    watch.lap("all")
    if (counts.listed, counts.added) != (store.objects, store.objects // CHANGED_EVERY):
        raise ValueError(f"a hundredth of the objects was to change, not {counts}")
    return watch.steps


def list_unchanged(lease: Lease, store: ListedStore) -> Steps:
    """Take a snapshot of a location as it was listed last; beside it, what its store takes to make its keys up."""
    watch = Watch()
    for _ in store.list():
        pass
    watch.lap("keys made up")
    counts = take_snapshot(store, lease, clock=lambda: CLOCK, observer=Silent()).counts
    watch.lap("listed")
    if (counts.listed, counts.added, counts.removed) != (store.objects, 0, 0):
        raise ValueError(f"nothing was to change, not {counts}")
    return watch.steps


def seconds_of_unchanged(turns: list[Steps]) -> float:
    """Give what a listing without changes takes, without the time in which its store makes its keys up."""
    each = middle(turns)
    return each["listed"] - each["keys made up"]


def index_what_changed(lease: Lease) -> float:
    """Record a header for every object that has none, as many together as runs do; gives objects a second."""
    known = next(make_headers(1)).header
    unread = list(unread_objects(lease.engine, lease.location_id))
    began = time.perf_counter()
    for start in range(0, len(unread), RunOptions.objects_together):
        shard = [
            IndexedObject(listed.id, listed.info, Instance(known, f"1.2.840.113619.4.{listed.id}"))
            for listed in unread[start : start + RunOptions.objects_together]
        ]
        with lease.writing() as connection:
            record_headers(connection, lease.location_id, shard)
    return len(unread) / (time.perf_counter() - began)


def list_bare(ledger: Ledger) -> Steps:
    """Read what is known of the same objects in the order of keys, and change a hundredth of them."""
    watch = Watch()
    is_postgresql = ledger.engine.dialect.name == "postgresql"
    place = "%s" if is_postgresql else "?"
    connection = ledger.engine.raw_connection()
    try:
        reader = connection.cursor("bare") if is_postgresql else connection.cursor()  # a name: on the server's side
        reader.execute(
            "SELECT id, key, etag, size, header_id FROM object "
            "WHERE location_id = 2 AND removed_in IS NULL ORDER BY key"
        )
        changed: list[tuple[Any, ...]] = []
        while page := reader.fetchmany(_PAGE):
            changed += page[::CHANGED_EVERY]
        cursor = connection.cursor()
        cursor.executemany(f"UPDATE object SET removed_in = 2 WHERE id = {place}", [(row[0],) for row in changed])
        names = "location_id, key, etag, size, last_modified, added_in"
        cursor.executemany(
            f"INSERT INTO object ({names}) VALUES (2, {place}, {place}, {place}, '2026-01-01', 2)",
            [row[1:4] for row in changed],
        )
        watch.lap("all")
        connection.rollback()
    finally:
        connection.close()
    return watch.steps


def trace_some(ledger: Ledger, headers: int, count: int) -> dict[str, list[float]]:
    """Trace objects by key, instances and series by UID; gives the seconds of each."""
    chance = random.Random(1)
    wanted = {chance.randrange(1, headers + 1) for _ in range(count)}
    some = [header for header in make_headers(headers) if header.id in wanted]
    ways: dict[str, Callable[[Any], str]] = {
        "key": lambda header: header.key(0),
        "SOP Instance UID": lambda header: header.sop_instance_uid(header.objects - 1),
        "Series Instance UID": lambda header: str(header.header.series_instance_uid),
    }
    gc.collect()
    gc.freeze()  # what earlier benchmarks left in memory is not searched for garbage while an object is traced
    try:
        return {way: [_seconds(ledger, name(header)) for header in some] for way, name in ways.items()}
    finally:
        gc.unfreeze()


def _seconds(ledger: Ledger, key_or_uid: str) -> float:
    began = time.perf_counter()
    if not ledger.trace(key_or_uid):
        raise LookupError("nothing was found of what was made")
    return time.perf_counter() - began


def ask_for_series(ledger: Ledger, run_id: str, headers: int) -> Steps:
    """Ask the view for the series of a run: all of them, and one."""
    series = next(header.header.series_instance_uid for header in make_headers(headers) if header.id == headers // 2)
    watch = Watch()
    of_run = series_decision.c.run_id == run_id
    by_selection = sa.select(series_decision.c.selection, sa.func.count()).where(of_run).group_by("selection")
    with ledger.engine.connect() as connection:
        connection.execute(
            sa.select(series_decision).where(of_run, series_decision.c.series_instance_uid == series)
        ).one()
        watch.lap("one series")
        connection.execute(by_selection).all()
        watch.lap("all series")
    return watch.steps


def try_criteria(ledger: Ledger, run_id: str) -> Steps:
    """Do what who tries criteria waits for, on a location that was listed before; and report a run over it."""
    watch = Watch()
    preview_known(PLACE, CRITERIA, ledger)
    watch.lap("preview")
    snapshot = last_snapshot(ledger.engine, PLACE)
    values_held(ledger.engine, snapshot, "00080060")
    watch.lap("values of an attribute")
    attributes_held(ledger.engine, snapshot)
    watch.lap("attributes")
    both, first = (Compared("", snapshot, compile_criteria(criteria)) for criteria in (CRITERIA, CRITERIA[:1]))
    if not any(compare(ledger, both, first, Summary())):
        raise ValueError("fewer criteria let more series pass")
    watch.lap("compare")
    render(make_report(ledger.run(run_id)), "html")
    watch.lap("report")
    return watch.steps


def bytes_held(ledger: Ledger) -> int:
    """Give the size of the database on disk, whose log is empty."""
    size = {
        "postgresql": "SELECT pg_database_size(current_database())",
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    }
    with ledger.engine.connect() as connection:
        return int(connection.scalar(sa.text(size[connection.dialect.name])) or 0)


def middle(turns: list[Steps]) -> Steps:
    """Give the median of each step."""
    return {step: median(turn[step] for turn in turns) for step in turns[0]}
