"""The results of the ledger's queries: typed rows, and Arrow tables."""

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sqlalchemy as sa

from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.errors import LedgerAwayError
from dicom_sieve.ledger.database.outages import seconds_of, while_away
from dicom_sieve.objects import Location

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
BATCH_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """One object of a run's snapshot, as view ``instance_decision`` has it.

    Attributes:
        run_id: Under which run.
        bucket: Where it lies.
        object_key: Its key.
        etag: Of the bytes that were judged.
        sop_instance_uid: None where unknown.
        series_instance_uid: None where unknown.
        study_instance_uid: None where unknown.
        verdict: ``PASSED``, ``DISCARDED``, or None where the run could not read it.
        findings: One a criterion, in their order; empty where the header could not be judged.
        defect: Why it could not be judged, or None. A damaged object that was judged has CORRUPT and findings.
        damage: ``CUT``, ``CONTRADICTORY`` or ``REPEATED``: why it is CORRUPT, where that is known; or None.
        unreadable_from: A tag, eight hex digits: an attribute with it or a higher one that is not known may be in the
            object. None where what is not known is absent.
    """

    run_id: str
    bucket: str
    object_key: str
    etag: str
    sop_instance_uid: str | None
    series_instance_uid: str | None
    study_instance_uid: str | None
    verdict: str | None
    findings: tuple[str, ...]
    defect: str | None
    damage: str | None
    unreadable_from: str | None


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One series of a run, as view ``series_decision`` has it, and what contradicts its identity.

    Attributes:
        run_id: Under which run.
        series_instance_uid: Which series.
        study_instance_uid: Of which study, the first of several; None where unknown.
        instances: Objects of it that were judged.
        passed: Of these, passed.
        discarded: Of these, discarded.
        duplicates: Objects beyond the first of their SOP Instance UID.
        selection: ``WHOLE`` (all passed), ``PARTIAL`` or ``NONE``.
        conflicts: Names of `conflicts.Conflict`; nearly always none.
        study_instance_uids: All studies that its objects name, where these are several; else none.
    """

    run_id: str
    series_instance_uid: str
    study_instance_uid: str | None
    instances: int
    passed: int
    discarded: int
    duplicates: int
    selection: str
    conflicts: tuple[str, ...] = ()
    study_instance_uids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run.

    Attributes:
        number: The order in which runs began in this ledger.
        id: The flow run's id.
        state: ``RUNNING``, ``COMPLETED``, ``INCOMPLETE``, ``FAILED`` or ``CANCELLED``.
        endpoint: Of the location.
        bucket: Of the location.
        prefix: Of the location.
        listed_at: When the snapshot was complete; None before.
        criteria: As given.
        criteria_digest: Identifies what was asked.
        counts: Objects by verdict and reason, series by selection; None before the end.
        started_at: When it began.
        finished_at: When it ended; None before.
        software_version: Of what ran it.
        manifest_uri: Where it was published; None where it was not.
        manifest_digest: The manifest's digest, likewise.
        failure: Why it failed, in words; None where it did not.
        damaged: ``JUDGE`` where damaged objects were judged by what lies before the damage; None: they were discarded.
        criteria_name: What the criteria were saved as; None where they were given as a list.
        criteria_version: Which version of that name, likewise.
        milliseconds: That each of `dicom_sieve.screening.steps.STEPS` took that was begun; None: nobody measured.
    """

    number: int
    id: str
    state: str
    endpoint: str
    bucket: str
    prefix: str
    listed_at: datetime.datetime | None
    criteria: Sequence[Mapping[str, Any]]
    criteria_digest: str
    counts: Mapping[str, Any] | None
    started_at: datetime.datetime
    finished_at: datetime.datetime | None
    software_version: str
    manifest_uri: str | None
    manifest_digest: str | None
    failure: str | None
    damaged: str | None = None
    criteria_name: str | None = None
    criteria_version: int | None = None
    milliseconds: Mapping[str, int] | None = None

    @property
    def location(self) -> Location:
        """Where it judged."""
        return Location(self.endpoint, self.bucket, self.prefix)

    @property
    def named(self) -> NamedCriteria | None:
        """Name and version that the criteria were saved as; None where they were given as a list."""
        return None if self.criteria_name is None else NamedCriteria(self.criteria_name, self.criteria_version)


def batches_of(engine: sa.Engine, query: sa.Select[Any]) -> Iterator[Sequence[sa.Row[Any]]]:
    """Stream the rows of a query in batches, and close the query whenever the reader stops.

    Where the ledger becomes unreachable, the rows that follow are asked for when it is back: the rows of a run, in the
    order of a unique key, do not change.
    """
    rows_given, streams = 0, list[Iterator[Sequence[sa.Row[Any]]]]()

    def following() -> Sequence[sa.Row[Any]] | None:
        if not streams:
            streams.append(_stream(engine, query.offset(rows_given) if rows_given else query))
        try:
            return next(streams[0], None)
        except LedgerAwayError:
            streams.clear()
            raise

    try:
        while (rows := while_away(following, seconds_of(engine))) is not None:
            rows_given += len(rows)
            yield rows
    finally:
        streams.clear()


def _stream(engine: sa.Engine, query: sa.Select[Any]) -> Iterator[Sequence[sa.Row[Any]]]:
    with (
        engine.connect().execution_options(yield_per=BATCH_ROWS) as connection,
        connection.execute(query) as result,
    ):
        yield from result.partitions()


@dataclass(frozen=True)
class Rows(Generic[T]):
    """The rows of one query, which is run and streamed each time that they are iterated.

    Attributes:
        engine: The ledger's.
        query: The query.
        make: Turns a row of the database into a typed one.
    """

    engine: sa.Engine
    query: sa.Select[Any]
    make: Callable[[sa.Row[Any]], T]

    def __iter__(self) -> Iterator[T]:
        for rows in batches_of(self.engine, self.query):
            yield from map(self.make, rows)

    def to_arrow(self) -> "pa.Table":
        """Give all rows as one Arrow table; its columns are those of the view."""
        import pyarrow as pa  # noqa: PLC0415 - heavy, and few commands need it

        schema = pa.schema([(column.name, _arrow_type(column)) for column in self.query.selected_columns])
        return pa.Table.from_batches(to_batches(self.engine, self.query, schema), schema=schema)


def to_batches(engine: sa.Engine, query: sa.Select[Any], schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
    """Stream a query's rows as Arrow batches.

    Args:
        engine: The ledger's.
        query: Its columns are the schema's, in the same order.
        schema: Of the batches.
    """
    import pyarrow as pa  # noqa: PLC0415 - as above

    for rows in batches_of(engine, query):
        columns = zip(zip(*rows, strict=True), schema, strict=True)
        yield pa.record_batch([pa.array(values, column.type) for values, column in columns], schema=schema)


def make_instance(row: sa.Row[Any]) -> InstanceRow:
    """Make an `InstanceRow` of a row of the view."""
    fields = row._asdict()
    return InstanceRow(**{**fields, "findings": tuple(fields["findings"] or ())})


def make_series(row: sa.Row[Any]) -> SeriesRow:
    """Make a `SeriesRow` of a row of the view."""
    fields = row._asdict()
    lists = {name: tuple(fields[name]) for name in ("conflicts", "study_instance_uids")}
    return SeriesRow(**{**fields, **lists})


def make_run(row: sa.Row[Any]) -> RunRow:
    """Make a `RunRow`."""
    return RunRow(**row._asdict())


def _arrow_type(column: sa.ColumnElement[Any]) -> "pa.DataType":
    import pyarrow as pa  # noqa: PLC0415 - as above

    match column.type:
        case sa.JSON():
            return pa.list_(pa.string())
        case sa.Integer():
            return pa.int64()
        case _:
            return pa.string()
