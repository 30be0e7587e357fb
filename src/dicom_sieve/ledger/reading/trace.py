"""Tracing: everything that the ledger knows about one object, instance or series."""

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa

from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.ledger.database.decisions import decisions_on
from dicom_sieve.ledger.database.header_values import Values, values_of_headers, values_of_objects
from dicom_sieve.ledger.database.states import PageKind
from dicom_sieve.ledger.database.tables import header, location, object_, run, snapshot
from dicom_sieve.ledger.reading.computations import WHOLE_RUN, ComputedSeries, computed_series
from dicom_sieve.ledger.reading.conflicts import Conflict, trace_instances, trace_series
from dicom_sieve.ledger.reading.object_names import find_objects, is_text
from dicom_sieve.ledger.reading.traced_measures import MeasuredOn, measured_on

_ROW_COLUMNS = ("id", "location_id", "header_id", "added_in", "removed_in")
_IDS_A_QUERY = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TracedDecision:
    """What one run decided on an object.

    Attributes:
        run_id: Id of the run.
        started_at: When it began.
        criteria: As given.
        verdict: ``PASSED`` or ``DISCARDED``; None where the run did not judge the object.
        findings: One per criterion, in their order; none where the object could not be judged.
        criteria_name: What the criteria were saved as; None where they were given as a list.
        criteria_version: Which version of that name, likewise.
        measured: What its criteria measured of the object's series, where it is kept; see `measured_on`.
        damaged: ``JUDGE`` where the run judged damaged objects; None: it discarded them.
        conflicts: What contradicted the identity of the object's series, or of its instance, in the run's snapshot.
        computations: What was computed on the object's series under this run, the newest first.
    """

    run_id: str
    started_at: datetime.datetime
    criteria: Sequence[Mapping[str, Any]]
    verdict: str | None
    findings: tuple[str, ...]
    damaged: str | None
    conflicts: tuple[Conflict, ...] = ()
    computations: tuple[ComputedSeries, ...] = ()
    criteria_name: str | None = None
    criteria_version: int | None = None
    measured: MeasuredOn = field(default_factory=dict)

    @property
    def named(self) -> NamedCriteria | None:
        """What the criteria were saved as; None where they were given as a list."""
        return None if self.criteria_name is None else NamedCriteria(self.criteria_name, self.criteria_version)


@dataclass(frozen=True, slots=True)
class TracedObject:
    """One object as it was for a while: from the snapshot that first held it to the one that no longer did.

    Attributes:
        endpoint: Endpoint of its location.
        bucket: Bucket of its location, or the directory.
        object_key: Key of the object.
        etag: Etag of its bytes.
        size: Size in bytes.
        last_modified: As the store gave it.
        seen_at: When the first snapshot that held it was taken.
        gone_at: When the first later snapshot without it was taken; None where it is still there.
        study_instance_uid: None where unknown.
        series_instance_uid: None where unknown.
        sop_class_uid: None where unknown.
        sop_instance_uid: None where unknown.
        attributes: Key (of most, a tag of eight hex digits) to raw values; None where it was not read yet.
        defect: Why it cannot be judged, or None.
        damage: ``CUT``, ``CONTRADICTORY`` or ``REPEATED``: why it is CORRUPT, where that is known; or None.
        unreadable_from: A tag, eight hex digits: an attribute with it or a higher one that is not among the attributes
            may be in the object. None where what is not known is absent.
        decisions: Every run over a snapshot that holds it, the oldest first.
    """

    endpoint: str
    bucket: str
    object_key: str
    etag: str
    size: int
    last_modified: datetime.datetime
    seen_at: datetime.datetime
    gone_at: datetime.datetime | None
    study_instance_uid: str | None
    series_instance_uid: str | None
    sop_class_uid: str | None
    sop_instance_uid: str | None
    attributes: Mapping[str, Sequence[str]] | None
    defect: str | None
    damage: str | None
    unreadable_from: str | None
    decisions: list[TracedDecision] = field(default_factory=list)


def trace(engine: sa.Engine, text: str) -> list[TracedObject]:
    """Find objects by key, by URI or path, by SOP Instance, Series or Study Instance UID.

    The first of these that finds an object counts. There may be several: one key in several locations, or one bucket's
    name at several servers.

    Returns:
        In the order of keys, then of time; empty where nothing is known.
    """
    names = (
        object_.c.location_id.in_(sa.select(location.c.id)) & (object_.c.key == text),
        object_.c.sop_instance_uid == text,
        header.c.series_instance_uid == text,
        header.c.study_instance_uid == text,
    )
    with engine.connect() as connection:
        key, *uids = ([name] for name in names) if is_text(text) else ([],)
        for conditions in (key, find_objects(connection, text), *uids):
            objects = _find(connection, sa.or_(*conditions)) if conditions else []
            if objects:
                return objects
    return []


def _find(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[TracedObject]:
    rows = connection.execute(_objects().where(condition).order_by(object_.c.key, object_.c.id)).all()
    runs = _runs(connection, {row.location_id for row in rows})
    numbers = [over.number for runs_there in runs.values() for over in runs_there]
    of_headers = _decisions(connection, PageKind.HEADER, numbers, {row.header_id for row in rows})
    of_objects = _decisions(connection, PageKind.OBJECT, numbers, {row.id for row in rows})
    conflicts = _conflicts(connection, numbers, rows)
    computed = computed_series(connection, {row.series_instance_uid for row in rows} - {None} | {WHOLE_RUN})
    values = values_of_headers(connection, {row.header_id for row in rows} - {None})
    measured: dict[tuple[int, int], MeasuredOn] = {}
    own: dict[int, Values] = {}
    for location_id in {row.location_id for row in rows}:
        own |= values_of_objects(connection, location_id, [row.id for row in rows if row.location_id == location_id])
    objects = []
    for row in rows:
        fields = row._asdict()
        object_id, location_id, header_id, added, removed = (fields.pop(name) for name in _ROW_COLUMNS)
        attributes = None
        if header_id is not None:
            held = {**values[header_id], **own.get(object_id, {})}
            attributes = {key: list(texts) for key, texts in sorted(held.items())}
        traced = TracedObject(**fields, attributes=attributes)
        for over in runs[location_id]:
            if added <= over.snapshot_id and (removed is None or over.snapshot_id < removed):
                decided = of_objects.get((over.number, object_id)) or of_headers.get((over.number, header_id))
                verdict, findings = decided or (None, None)
                results = _results(computed, over.id, row.series_instance_uid)
                judged_as = (verdict, tuple(findings or ()), over.damaged)
                against = conflicts[over.number, row.series_instance_uid] | conflicts[over.number, row.sop_instance_uid]
                in_order = tuple(conflict for conflict in Conflict if verdict and conflict in against)
                saved_as = (over.criteria_name, over.criteria_version)
                if verdict and (over.number, header_id) not in measured:
                    measured[over.number, header_id] = measured_on(connection, over, header_id)
                of_run = (over.id, over.started_at, over.criteria, *judged_as, in_order, results, *saved_as)
                traced.decisions.append(TracedDecision(*of_run, measured.get((over.number, header_id), {})))
        objects.append(traced)
    return objects


def _results(
    computed: Mapping[tuple[str, str], Sequence[ComputedSeries]], run_id: str, series_uid: str | None
) -> tuple[ComputedSeries, ...]:
    """Give what was computed on a series under one run, and on the run as a whole, the newest first."""
    of_series = computed.get((run_id, series_uid), ()) if series_uid else ()
    both = (*of_series, *computed.get((run_id, WHOLE_RUN), ()))
    return tuple(sorted(both, key=lambda each: -each.computation_id))


def _conflicts(
    connection: sa.Connection, runs: Sequence[int], rows: Sequence[sa.Row[Any]]
) -> Mapping[tuple[int, str | None], set[Conflict]]:
    """Give conflicts by run and UID, of a series or of an instance."""
    conflicts = defaultdict[tuple[int, str | None], set[Conflict]](set)
    series = list({row.series_instance_uid for row in rows} - {None})
    instances = list({row.sop_instance_uid for row in rows} - {None})
    for some_runs in _chunks(runs):
        for uids in _chunks(series):
            for number, uid, conflict in trace_series(connection, some_runs, uids):
                conflicts[number, uid].add(conflict)
        for uids in _chunks(instances):
            for number, uid, conflict in trace_instances(connection, some_runs, uids):
                conflicts[number, uid].add(conflict)
    return conflicts


def _objects() -> sa.Select[Any]:
    added, removed = snapshot.alias("added"), snapshot.alias("removed")
    return sa.select(
        *(object_.c[name] for name in _ROW_COLUMNS),
        location.c.endpoint,
        location.c.bucket,
        object_.c.key.label("object_key"),
        object_.c.etag,
        object_.c.size,
        object_.c.last_modified,
        added.c.started_at.label("seen_at"),
        removed.c.started_at.label("gone_at"),
        header.c.study_instance_uid,
        header.c.series_instance_uid,
        header.c.sop_class_uid,
        object_.c.sop_instance_uid,
        header.c.defect,
        header.c.damage,
        header.c.unreadable_from,
    ).select_from(
        object_.join(location)
        .join(added, added.c.id == object_.c.added_in)
        .outerjoin(removed, removed.c.id == object_.c.removed_in)
        .outerjoin(header, header.c.id == object_.c.header_id)
    )


def _runs(connection: sa.Connection, locations: Collection[int]) -> Mapping[int, list[Any]]:
    """Give the runs over snapshots of some locations, in their order, by location."""
    names = ("number", "id", "started_at", "criteria", "damaged", "location_id", "snapshot_id")
    query = sa.select(*(run.c[name] for name in (*names, "criteria_name", "criteria_version"))).where(
        run.c.location_id.in_(locations), run.c.snapshot_id.is_not(None)
    )
    runs: dict[int, list[Any]] = {location_id: [] for location_id in locations}
    for row in connection.execute(query.order_by(run.c.number)):
        runs[row.location_id].append(row)
    return runs


def _decisions(
    connection: sa.Connection, kind: PageKind, runs: Iterable[int], ids: Iterable[int | None]
) -> dict[tuple[int, int | None], tuple[str, Sequence[str]]]:
    """Give verdict and findings by run and header, or object; the query names both, by which pages are found."""
    found: dict[tuple[int, int | None], tuple[str, Sequence[str]]] = {}
    judged, decisions = (header if kind is PageKind.HEADER else object_), decisions_on(kind)
    known = list(_chunks([row for row in ids if row is not None]))
    for some_runs in _chunks(list(runs)):
        for some_ids in known:
            decided = decisions.join(judged, judged.c.id, decisions.run_number.in_(some_runs))
            columns = (decisions.run_number, judged.c.id, decisions.verdict, decisions.findings)
            query = sa.select(*columns).select_from(decided).where(judged.c.id.in_(some_ids))
            for run_number, row, verdict, findings in connection.execute(query):
                found[run_number, row] = (verdict, findings)
    return found


def _chunks(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    return (ids[start : start + _IDS_A_QUERY] for start in range(0, len(ids), _IDS_A_QUERY))
