"""The objects of a run with all columns of the ledger, streamed in the order of keys."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dicom_sieve.criteria import Verdict
from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.marks import as_plain
from dicom_sieve.errors import InvalidRequestError, LedgerError
from dicom_sieve.headers.edition import read_kept_attribute
from dicom_sieve.ledger.database.decisions import findings_of_object, join_objects, verdict_of_object
from dicom_sieve.ledger.database.header_values import Values, values_of_headers, values_of_objects
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.tables import header, location, object_
from dicom_sieve.ledger.database.views import series_decision
from dicom_sieve.ledger.reading.conflicts import select_repeated
from dicom_sieve.ledger.reading.editions import find_read_for_less
from dicom_sieve.ledger.reading.rows import RunRow, batches_of
from dicom_sieve.ledger.reading.snapshots import is_in_snapshot, place_of_run
from dicom_sieve.objects import ObjectInfo

if TYPE_CHECKING:
    import pyarrow as pa

VERDICTS = tuple(Verdict)
BACKSLASH = "\\"
"""Stands between several values of one attribute (PS3.5 6.2)."""


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """One object of a run's snapshot.

    Attributes:
        bucket: Where it lies; the directory.
        object_key: Its key.
        etag: Of the bytes that were judged.
        size: In bytes.
        last_modified: As the store said.
        patient: The ledger's digest of the Patient ID (ADR 16), 32 hex digits; None where there is none.
        study_instance_uid: None where unknown.
        series_instance_uid: None where unknown.
        sop_class_uid: None where unknown.
        sop_instance_uid: None where unknown.
        verdict: ``PASSED``, ``DISCARDED``, or None where the run could not read it.
        findings: One a criterion, in their order; empty where the header could not be judged.
        defect: Why it could not be judged, or None.
        damage: ``CUT``, ``CONTRADICTORY`` or ``REPEATED``: why it is CORRUPT, where that is known; or None.
        unreadable_from: A tag, eight hex digits: an attribute with it or a higher one that is not known may be in the
            object. None where what is not known is absent.
        values: Of the attributes asked for, by keyword; several have a backslash between them, as in DICOM. An empty
            text: the attribute has no value. None: it is not known.
    """

    bucket: str
    object_key: str
    etag: str
    size: int
    last_modified: datetime.datetime
    patient: str | None
    study_instance_uid: str | None
    series_instance_uid: str | None
    sop_class_uid: str | None
    sop_instance_uid: str | None
    verdict: str | None
    findings: tuple[str, ...]
    defect: str | None
    damage: str | None
    unreadable_from: str | None
    values: Mapping[str, str | None]

    @property
    def info(self) -> ObjectInfo:
        """The object as a store takes it, to read the bytes that were judged."""
        return ObjectInfo(self.object_key, self.etag, self.size, self.last_modified)


COLUMNS = tuple(name for name in ObjectRow.__dataclass_fields__ if name != "values")
"""Columns of every object; the attributes asked for follow."""
_NUMBERS, _LISTS, _MOMENTS = {"size"}, {"findings"}, {"last_modified"}


@dataclass(frozen=True)
class RunObjects:
    """The objects of a run; the query is run and streamed each time that they are iterated.

    Attributes:
        engine: The ledger's.
        row: The run.
        verdict: Only those with it; None: all.
        attributes: Attributes whose values are asked for.
        series: Only those of these series; None: all.
    """

    engine: sa.Engine
    row: RunRow
    verdict: str | None
    attributes: tuple[Attribute, ...]
    series: tuple[str, ...] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in their order."""
        return (*COLUMNS, *map(name_of, self.attributes))

    def __iter__(self) -> Iterator[ObjectRow]:
        names = [name_of(attribute) for attribute in self.attributes]
        for fields in self.rows():
            values = dict(zip(names, fields[len(COLUMNS) :], strict=True))
            yield ObjectRow(**dict(zip(COLUMNS, fields, strict=False)), values=values)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Give the cells of each object, in the order of `columns`."""
        for batch in self._batches():
            yield from batch

    def schema(self) -> "pa.Schema":
        """Give the types of the columns in Arrow."""
        import pyarrow as pa  # noqa: PLC0415 - heavy, and few commands need it

        def type_of(name: str) -> "pa.DataType":
            if name in _MOMENTS:
                return pa.timestamp("us", tz="UTC")
            if name in _LISTS:
                return pa.list_(pa.string())
            return pa.int64() if name in _NUMBERS else pa.string()

        return pa.schema([(name, type_of(name)) for name in self.columns])

    def to_batches(self) -> "Iterator[pa.RecordBatch]":
        """Stream the objects as Arrow batches."""
        import pyarrow as pa  # noqa: PLC0415 - as above

        schema = self.schema()
        for batch in self._batches():
            cells = zip(zip(*batch, strict=True), schema, strict=True)
            yield pa.record_batch([pa.array(values, field.type) for values, field in cells], schema=schema)

    def to_arrow(self) -> "pa.Table":
        """Give all objects as one Arrow table."""
        import pyarrow as pa  # noqa: PLC0415 - as above

        return pa.Table.from_batches(self.to_batches(), schema=self.schema())

    def _batches(self) -> Iterator[list[tuple[Any, ...]]]:
        snapshot_id, location_id = place_of_run(self.engine, self.row.number)
        if snapshot_id is None:
            return
        self._refuse_read_for_less(snapshot_id, location_id)
        keys = tuple(attribute.hex_tag for attribute in self.attributes)
        for rows in batches_of(self.engine, self._query(snapshot_id, location_id)):
            values = read(self.engine, partial(_values, location_id=location_id, rows=rows, keys=keys)) if keys else {}
            yield [_cells(tuple(row), values.get(row.id, {}), keys) for row in rows]

    def _refuse_read_for_less(self, snapshot_id: int, location_id: int) -> None:
        less = find_read_for_less(self.engine, location_id, self.attributes, snapshot_id)
        if less is not None:
            raise LedgerError(
                f"run {self.row.id}: {less.describe()}, so the ledger cannot tell; "
                "a new run with criteria that name what is missing reads them again"
            )

    def _query(self, snapshot_id: int, location_id: int) -> sa.Select[Any]:
        columns = (location.c.bucket, object_.c.key, object_.c.etag, object_.c.size, object_.c.last_modified)
        uids = (header.c.study_instance_uid, header.c.series_instance_uid, header.c.sop_class_uid)
        extent = (header.c.defect, header.c.damage, header.c.unreadable_from)
        objects = object_.join(location).outerjoin(header, header.c.id == object_.c.header_id)
        query = (
            sa.select(
                *columns,
                header.c.patient,
                *uids,
                object_.c.sop_instance_uid,
                verdict_of_object,
                findings_of_object,
                *extent,
                object_.c.id,
                object_.c.header_id,
            )
            .select_from(join_objects(objects, object_.c.id, object_.c.header_id, self.row.number))
            .where(is_in_snapshot(snapshot_id, location_id))
        )
        if self.verdict is not None:
            query = query.where(verdict_of_object == self.verdict)
        if self.series is not None:
            query = query.where(header.c.series_instance_uid.in_(self.series))
        return query.order_by(object_.c.key)


def select_objects(
    engine: sa.Engine, row: RunRow, verdict: str | None, columns: Sequence[str], field: str
) -> RunObjects:
    """Select the objects of a run.

    Args:
        engine: The ledger's.
        row: The run.
        verdict: ``PASSED`` or ``DISCARDED``; None: all objects.
        columns: Keywords or tags of attributes whose values are asked for.
        field: Name of the parameter in errors.

    Raises:
        ValueError: There is no such verdict.
        InvalidRequestError: All attributes of which the ledger holds no values.
    """
    if verdict is not None and verdict not in VERDICTS:
        raise ValueError(f"verdict {verdict!r} is not known; accepted: {', '.join(VERDICTS)}")
    attributes: dict[Attribute, None] = {}
    problems: list[str] = []
    for column in columns:
        try:
            attributes[read_kept_attribute(column, field)] = None
        except InvalidRequestError as error:
            problems += error.problems
    if problems:
        raise InvalidRequestError((*problems, f"{field}: UIDs have columns of their own, without being asked for"))
    return RunObjects(engine, row, verdict, tuple(attributes))


def series_in_parts(engine: sa.Engine, run_id: str) -> frozenset[str]:
    """Give the series of which some instances passed and others did not: those that are neither WHOLE nor NONE."""
    query = sa.select(series_decision.c.series_instance_uid).where(
        series_decision.c.run_id == run_id, series_decision.c.selection == "PARTIAL"
    )
    return read(engine, lambda connection: frozenset(connection.scalars(query)))


def duplicate_keys(engine: sa.Engine, row: RunRow) -> frozenset[str]:
    """Give the keys of objects that passed and have patient and UIDs of another one that did, whose key comes first."""
    snapshot_id, location_id = place_of_run(engine, row.number)
    if snapshot_id is None:
        return frozenset()
    twice = select_repeated().cte("twice")
    uids = (header.c.patient, header.c.study_instance_uid, header.c.series_instance_uid, object_.c.sop_instance_uid)
    repeated = twice.join(object_, object_.c.sop_instance_uid == twice.c.sop_instance_uid)
    read_objects = repeated.join(header, header.c.id == object_.c.header_id)
    query = (
        sa.select(*uids, object_.c.key)
        .select_from(join_objects(read_objects, object_.c.id, object_.c.header_id, row.number))
        .where(is_in_snapshot(snapshot_id, location_id), verdict_of_object == Verdict.PASSED)
        .order_by(*uids, object_.c.key)
    )

    def find(connection: sa.Connection) -> frozenset[str]:
        rows = map(tuple, connection.execute(query))
        groups = groupby(rows, key=lambda row: row[:-1])
        return frozenset(row[-1] for _, group in groups for row in islice(group, 1, None))

    return read(engine, find)


def name_of(attribute: Attribute) -> str:
    """Name the column of an attribute: its keyword, or its tag where it has none."""
    return attribute.keyword or attribute.hex_tag


def _values(
    connection: sa.Connection, location_id: int, rows: Sequence[sa.Row[Any]], keys: Sequence[str]
) -> Mapping[int, Values]:
    """Give the values of some objects by their ids: their headers' and their own."""
    of_headers = values_of_headers(connection, {row.header_id for row in rows} - {None}, keys)
    own = values_of_objects(connection, location_id, [row.id for row in rows], keys)
    return {row.id: {**of_headers.get(row.header_id, {}), **own.get(row.id, {})} for row in rows}


def _cells(row: tuple[Any, ...], values: Values, keys: Sequence[str]) -> tuple[Any, ...]:
    """Give the cells of an object, whose row ends with the ids of itself and its header."""
    *cells, _, _ = row
    findings = COLUMNS.index("findings")
    cells[findings] = tuple(cells[findings] or ())
    return (*cells, *(BACKSLASH.join(map(as_plain, values[key])) if key in values else None for key in keys))
