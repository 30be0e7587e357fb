"""The ledger's interface for readers."""

import datetime
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from dicom_sieve.criteria import Verdict
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.errors import LedgerError, UnknownRunError
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.outages import wait_at_most
from dicom_sieve.ledger.database.sqlite_file import exposure
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.database.tables import location, run, snapshot
from dicom_sieve.ledger.database.views import instance_decision, series_decision
from dicom_sieve.ledger.leases.lease import LEASE_SECONDS, Lease, hold, is_abandoned, last_heard
from dicom_sieve.ledger.reading.computations import (
    ComputationRow,
    ComputedSeries,
    TracedResult,
    list_computations,
    list_series,
    trace_results,
)
from dicom_sieve.ledger.reading.conflicts import series_of_run
from dicom_sieve.ledger.reading.facts import SeriesFacts, series_facts
from dicom_sieve.ledger.reading.kept_facts import NAMES
from dicom_sieve.ledger.reading.named_criteria import SavedCriteria, find_criteria
from dicom_sieve.ledger.reading.object_names import is_text
from dicom_sieve.ledger.reading.regions import RegionOfSeries, regions_of_run
from dicom_sieve.ledger.reading.rows import InstanceRow, Rows, RunRow, SeriesRow, make_instance, make_run, make_series
from dicom_sieve.ledger.reading.run_objects import RunObjects, select_objects
from dicom_sieve.ledger.reading.runs import ABANDONED, begins_with
from dicom_sieve.ledger.reading.snapshots import place_of_run
from dicom_sieve.ledger.reading.trace import TracedObject, trace
from dicom_sieve.objects import Damaged, Location

SELECTIONS = ("WHOLE", "PARTIAL", "NONE")


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run, to read what it decided.

    Attributes:
        row: The run itself.
    """

    engine: sa.Engine
    row: RunRow

    @property
    def location(self) -> Location:
        """Where it judged: `dicom_sieve.open_store` opens it."""
        return self.row.location

    def regions(self, computation: str = "radiomics") -> list[RegionOfSeries]:
        """Give what the last computation of a name measured in regions of the run's series.

        Series on which the same was computed before are included.
        """
        return regions_of_run(self.engine, self.row.number, computation)

    def objects(self, *, verdict: str | None = None, columns: Sequence[str] = ()) -> RunObjects:
        """Give the objects of the run's snapshot with size, UIDs and values, in the order of keys.

        Args:
            verdict: ``PASSED`` or ``DISCARDED``; None: all.
            columns: Attributes whose values are asked for: keywords as ``StudyDate``, or tags as ``0008,0020``.

        Raises:
            InvalidRequestError: The ledger holds no values of such an attribute.
        """
        return select_objects(self.engine, self.row, verdict, columns, "columns")

    def instances(self, *, verdict: str | None = None) -> Rows[InstanceRow]:
        """Give every object of the run's snapshot in the order of keys, or those of one verdict."""
        query = sa.select(instance_decision).where(instance_decision.c.run_id == self.row.id)
        if verdict is not None:
            query = query.where(instance_decision.c.verdict == verdict)
        return Rows(self.engine, query.order_by(instance_decision.c.object_key), make_instance)

    def passed(self) -> Rows[InstanceRow]:
        """Give the instances that met all criteria."""
        return self.instances(verdict=Verdict.PASSED)

    def discarded(self) -> Rows[InstanceRow]:
        """Give the instances that did not, and the objects that could not be judged."""
        return self.instances(verdict=Verdict.DISCARDED)

    def unread(self) -> Rows[InstanceRow]:
        """Give the objects without a verdict: those that an incomplete run could not read."""
        query = sa.select(instance_decision).where(
            instance_decision.c.run_id == self.row.id, instance_decision.c.verdict.is_(None)
        )
        return Rows(self.engine, query.order_by(instance_decision.c.object_key), make_instance)

    def series(self, *, selection: str | None = None) -> Rows[SeriesRow]:
        """Give the run's series, or those of one selection: ``WHOLE``, ``PARTIAL`` or ``NONE``."""
        if selection is not None and selection not in SELECTIONS:
            raise ValueError(f"selection {selection!r} is not known; accepted: {', '.join(SELECTIONS)}")
        query = series_of_run(self.engine.dialect, self.row.number, self.row.id)
        if selection is not None:
            query = query.where(series_decision.c.selection == selection)
        return Rows(self.engine, query, make_series)

    def series_facts(self, names: Sequence[str] = NAMES) -> SeriesFacts:
        """Measure the run's series: slices, spacing, plane and others; see docs/geometry.md.

        Args:
            names: Which facts, of `dicom_sieve.ledger.SERIES_FACTS`.

        Raises:
            ValueError: There is no such fact.
            LedgerError: The run judged nothing, or headers were not read for what facts are made of.
        """
        if unknown := [name for name in names if name not in NAMES]:
            raise ValueError(f"{unknown[0]!r} is no fact of a series; accepted: {', '.join(NAMES)}")
        snapshot_id, location_id = place_of_run(self.engine, self.row.number)
        if snapshot_id is None:
            raise LedgerError(f"run {self.row.id} is {self.row.state}: it did not judge what it listed")
        damaged = Damaged(self.row.damaged or Damaged.DISCARD)
        return series_facts(self.engine, (snapshot_id, location_id), names, damaged)

    def computed(self) -> list[ComputedSeries]:
        """Give what became of every series that was computed on, the newest computation first."""
        return list_series(self.engine, self.row.number)


class Ledger:
    """The SQL record of everything.

    Args:
        engine: Engine of a database that is a ledger, as `open_ledger` ensures.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections to the database."""
        self.engine.dispose()

    def wait_at_most(self, seconds: float) -> None:
        """Set how long it is waited for while it does not answer; a minute unless set."""
        wait_at_most(self.engine, seconds)

    @property
    def address(self) -> str:
        """Where the ledger is, without credentials."""
        return database.describe(self.engine)

    @property
    def exposure(self) -> str | None:
        """A warning that every user of the machine may open the ledger; None where that is not so."""
        return exposure(self.engine)

    def runs(self) -> list[RunRow]:
        """Give every run, the newest first."""
        return list(Rows(self.engine, _runs(self.engine).order_by(run.c.number.desc()), make_run))

    def run(self, run_id: str) -> RecordedRun:
        """Give one run by its id, or by the beginning of its id where only one begins so.

        Raises:
            UnknownRunError: There is none, or there are several.
        """
        if not run_id or not is_text(run_id):
            raise UnknownRunError(run_id)
        query = _runs(self.engine)
        exact = list(Rows(self.engine, query.where(run.c.id == run_id), make_run))
        matching = exact or list(Rows(self.engine, query.where(begins_with(run.c.id, run_id)).limit(2), make_run))
        if len(matching) != 1:
            raise UnknownRunError(run_id)
        return RecordedRun(self.engine, matching[0])

    def attempts(self, execution_id: str) -> list[RunRow]:
        """Give the runs that one flow run was, the newest first: it may have been started more than once."""
        if not is_text(execution_id):
            return []
        is_one = (run.c.id == execution_id) | begins_with(run.c.id, f"{execution_id}.")
        query = _runs(self.engine).where(is_one).order_by(run.c.number.desc())
        return list(Rows(self.engine, query, make_run))

    def last_heard(self, run: RunRow) -> datetime.datetime | None:
        """Tell when a RUNNING run last renewed its lease; None where it holds none."""
        return last_heard(self.engine, run.number)

    def computations(self, run: str | None = None) -> list[ComputationRow]:
        """Give every computation, or those of one run by its id or its beginning, the newest first."""
        return list_computations(self.engine, None if run is None else self.run(run).row.number)

    def trace_results(self, uri_or_uid: str) -> list[TracedResult]:
        """Give the provenance of a computation's results, by URI or SOP Instance UID, the newest first."""
        return trace_results(self.engine, uri_or_uid)

    def trace(self, text: str) -> list[TracedObject]:
        """Give everything known of objects by key, URI (``s3://bucket/key``), path, or instance, series or study UID.

        There may be several objects of that name.
        """
        return trace(self.engine, text)

    def criteria(self, name: str, version: int | None = None) -> SavedCriteria:
        """Give a version of named criteria; without a version the newest.

        Raises:
            UnknownCriteriaError: There is none.
        """
        return find_criteria(self.engine, NamedCriteria(name, version))

    def analyze(self, *tables: str) -> None:
        """Make queries fast on what was just written; see `database.analyze`."""
        database.analyze(self.engine, tables)

    def lease(
        self, place: Location, *, on_wait: Callable[[], None], seconds: float = LEASE_SECONDS
    ) -> AbstractContextManager[Lease]:
        """Hold a location's lease, without which nothing is written there; see `lease.hold`."""
        return hold(self.engine, place, on_wait=on_wait, seconds=seconds)


def open_ledger(url: str | None = None) -> Ledger:
    """Open the ledger.

    Args:
        url: ``sqlite:///path/to/ledger.db`` or ``postgresql://user:password@host/database``; None takes the setting
            ``DICOM_SIEVE_DATABASE_URL``. An empty database becomes a ledger.

    Raises:
        LedgerError: It cannot be reached, or is of another version.
    """
    if url is None:
        from dicom_sieve.settings import load_settings  # noqa: PLC0415 - only where no URL is given

        url = load_settings().database_url.get_secret_value()
    engine = database.connect(url)
    try:
        database.prepare(engine)
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine)


def _runs(engine: sa.Engine) -> sa.Select[Any]:
    """Select runs in their present state: a run that died is FAILED, before the next run on its location records it."""
    died = is_abandoned(engine)
    return sa.select(
        run.c.number,
        run.c.id,
        sa.case((died, sa.literal(RunState.FAILED.value)), else_=run.c.state).label("state"),
        location.c.endpoint,
        location.c.bucket,
        location.c.prefix,
        snapshot.c.listed_at,
        run.c.criteria,
        run.c.criteria_digest,
        run.c.counts,
        run.c.started_at,
        run.c.finished_at,
        run.c.software_version,
        run.c.manifest_uri,
        run.c.manifest_digest,
        sa.case((died, sa.literal(ABANDONED)), else_=run.c.failure).label("failure"),
        run.c.damaged,
        run.c.criteria_name,
        run.c.criteria_version,
        run.c.milliseconds,
    ).select_from(
        run.join(location, location.c.id == run.c.location_id).outerjoin(snapshot, snapshot.c.id == run.c.snapshot_id)
    )
