"""Conflicts of identity: one UID for different things (ADR 29).

Conflicts are those of a run, among the objects of its snapshot that it judged. They do not change decisions.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.ledger.database.column_types import QueryableJson
from dicom_sieve.ledger.database.decisions import decisions
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.tables import header, location, object_, run
from dicom_sieve.ledger.database.views import series_decision
from dicom_sieve.ledger.reading.snapshots import is_in_snapshot
from dicom_sieve.objects import OF_WRITES

MOST_EXAMPLES = 100
"""Series in conflict that are listed."""


class Conflict(StrEnum):
    """What contradicts the identity of a series, or of an instance in it; in the order of output."""

    DIFFERENT_BYTES = "DIFFERENT_BYTES"
    SEVERAL_PATIENTS = "SEVERAL_PATIENTS"
    SEVERAL_SERIES = "SEVERAL_SERIES"
    SEVERAL_STUDIES = "SEVERAL_STUDIES"

    @property
    def is_refused(self) -> bool:
        """Whether computations refuse such a series: it is not one."""
        return self in {Conflict.SEVERAL_STUDIES, Conflict.SEVERAL_PATIENTS}

    def describe(self) -> str:
        """Describe it in a sentence."""
        return _SENTENCES[self]


_SENTENCES = {
    Conflict.SEVERAL_STUDIES: "Objects with the Series Instance UID name several studies; a series belongs to one.",
    Conflict.SEVERAL_PATIENTS: "Objects with the Series Instance UID name several patients; a series belongs to one.",
    Conflict.DIFFERENT_BYTES: "Objects with the same SOP Instance UID are not the same: etag, size or header differ.",
    Conflict.SEVERAL_SERIES: "A SOP Instance UID is in several series; an instance belongs to one.",
}


@dataclass(frozen=True, slots=True)
class Conflicts:
    """The conflicts of a run.

    Attributes:
        counts: Number of series, by conflict; only conflicts that occur.
        examples: At most `MOST_EXAMPLES` of the series, in the order of their UIDs, with their conflicts.
    """

    counts: Mapping[Conflict, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[Conflict, ...]] = field(default_factory=dict)


def is_any_repeated(engine: sa.Engine) -> bool:
    """Tell whether the ledger holds any SOP Instance UID more than once; their index alone is read."""
    return read(engine, lambda connection: connection.execute(select_repeated().limit(1)).first()) is not None


def find_conflicts(
    engine: sa.Engine, run_number: int, contradicted: Mapping[Conflict, Numbers], *, is_any_repeated: bool
) -> Conflicts:
    """Find the conflicts of a run.

    Args:
        engine: The ledger's.
        run_number: Of the run.
        contradicted: By what their headers say: the id of one header of each series, the same in each conflict.
        is_any_repeated: Whether the ledger holds any SOP Instance UID more than once.
    """
    counts = Counter({conflict: len(ids) for conflict, ids in contradicted.items() if len(ids)})
    examples = _examples(engine, contradicted)
    if is_any_repeated:
        repeated = _in_order(_named_of_instances(run_number))
        for uid, name in read(engine, partial(all_rows, query=repeated)):
            conflict = Conflict(name)
            counts[conflict] += 1
            if uid in examples or len(examples) < MOST_EXAMPLES:
                examples[uid] = _sorted({*examples.get(uid, ()), conflict})
    return Conflicts(dict(counts), dict(sorted(examples.items())))


def _examples(engine: sa.Engine, contradicted: Mapping[Conflict, Numbers]) -> dict[str, tuple[Conflict, ...]]:
    """Give some of the series whose headers contradict each other."""
    ids = np.unique(np.concatenate([np.zeros(0, np.int64), *contradicted.values()]))[:MOST_EXAMPLES]
    columns = header.c
    query = sa.select(columns.id, columns.series_instance_uid).where(columns.id.in_(ids.tolist()))
    rows = read(engine, partial(all_rows, query=query)) if len(ids) else ()
    uids = {row.id: row.series_instance_uid for row in rows}
    return {
        uids[header_id]: _sorted([conflict for conflict, those in contradicted.items() if header_id in those])
        for header_id in ids.tolist()
    }


def _in_order(queries: Sequence[sa.Select[Any]]) -> sa.Select[Any]:
    """Select the union of queries, in the order of output."""
    named = sa.union_all(*queries).subquery("named")
    return sa.select(named).order_by(named.c.series_instance_uid, named.c.name)


def _sorted(conflicts: Collection[Conflict]) -> tuple[Conflict, ...]:
    return tuple(conflict for conflict in Conflict if conflict in conflicts)


def count_identities(connection: sa.Connection, run_number: int, series: str) -> tuple[int, int]:
    """Count the studies, and the patients, that the objects of one series name."""
    query = (
        sa.select(sa.func.count(header.c.study_instance_uid.distinct()), sa.func.count(header.c.patient.distinct()))
        .select_from(decisions.join(header, header.c.id, decisions.run_number == run_number))
        .where(header.c.series_instance_uid == series)
    )
    studies, patients = connection.execute(query).one()
    return studies, patients


Traced = tuple[int, str, Conflict]
"""A run's number, the UID of a series or of an instance, and what contradicts it there."""


def trace_series(connection: sa.Connection, runs: Collection[int], series: Collection[str]) -> Iterator[Traced]:
    """Give the conflicts of some series in some runs."""
    query = _of_headers(decisions.run_number.in_(runs), series)
    for row in connection.execute(query):
        yield from ((row.run_number, row.series_instance_uid, conflict) for conflict in _conflicts_of(row))


def trace_instances(connection: sa.Connection, runs: Collection[int], instances: Collection[str]) -> Iterator[Traced]:
    """Give the conflicts of some instances in some runs."""
    query = _of_instances(object_, run.c.number.in_(runs), object_.c.sop_instance_uid.in_(instances))
    for row in connection.execute(query):
        yield from ((row.run_number, row.sop_instance_uid, conflict) for conflict in _conflicts_of(row))


def _conflicts_of(row: sa.Row[Any]) -> list[Conflict]:
    return [conflict for conflict in Conflict if getattr(row, conflict.value, False)]


def series_of_run(dialect: sa.Dialect, run_number: int, run_id: str) -> sa.Select[Any]:
    """Select a run's series as the view has them, with the conflicts of each, and the studies that they name."""
    of_series, uid = series_decision.c, series_decision.c.series_instance_uid
    conflicts, studies = _conflicts_by_series(dialect, run_number), _studies_by_series(dialect, run_number)
    nothing = sa.literal([], QueryableJson)
    return (
        sa.select(
            *of_series,
            sa.func.coalesce(conflicts.c.conflicts, nothing).label("conflicts"),
            sa.func.coalesce(studies.c.study_instance_uids, nothing).label("study_instance_uids"),
        )
        .select_from(
            series_decision.outerjoin(conflicts, conflicts.c.series_instance_uid == uid).outerjoin(
                studies, studies.c.series_instance_uid == uid
            )
        )
        .where(of_series.run_id == run_id)
        .order_by(uid)
    )


def series_to_publish(dialect: sa.Dialect, run_number: int, run_id: str) -> sa.Select[Any]:
    """Select the columns of a manifest's series, in the order of their UIDs; without the run's id."""
    query = series_of_run(dialect, run_number, run_id)
    return query.with_only_columns(*(column for column in query.selected_columns if column.name != "run_id"))


def _conflicts_by_series(dialect: sa.Dialect, run_number: int) -> sa.Subquery:
    of_run = _of_run(run_number)
    named = _in_order([*_named_of_headers(of_run), *_named_of_instances(run_number)]).subquery("in_order")
    conflicts = _as_list(dialect, named.c.name).label("conflicts")
    return sa.select(named.c.series_instance_uid, conflicts).group_by(named.c.series_instance_uid).subquery("conflicts")


def _studies_by_series(dialect: sa.Dialect, run_number: int) -> sa.Subquery:
    several = _of_run(run_number).subquery("several")
    named = several.join(header, header.c.series_instance_uid == several.c.series_instance_uid)
    named_studies = (
        sa.select(header.c.series_instance_uid, header.c.study_instance_uid)
        .distinct()
        .select_from(decisions.join(named, header.c.id, decisions.run_number == run_number))
        .where(several.c[Conflict.SEVERAL_STUDIES], header.c.study_instance_uid.is_not(None))
        .order_by(header.c.series_instance_uid, header.c.study_instance_uid)
        .subquery("named_study")
    )
    studies = _as_list(dialect, named_studies.c.study_instance_uid).label("study_instance_uids")
    series = named_studies.c.series_instance_uid
    return sa.select(series, studies).group_by(series).subquery("studies")


def _as_list(dialect: sa.Dialect, column: sa.ColumnElement[str]) -> sa.ColumnElement[Any]:
    if dialect.name == "postgresql":
        in_order = postgresql.aggregate_order_by(column, column)
        return sa.type_coerce(sa.func.jsonb_agg(in_order), QueryableJson)
    return sa.type_coerce(sa.func.json_group_array(column), QueryableJson)


def _of_headers(is_of_run: sa.ColumnElement[bool], series: Collection[str]) -> sa.Select[Any]:
    """Select those of some series whose headers contradict each other in some runs."""
    judged = decisions.join(header, header.c.id, is_of_run)
    return _contradicting(judged, decisions.run_number).where(header.c.series_instance_uid.in_(series))


def _of_run(run_number: int) -> sa.Select[Any]:
    """Select the series of a run whose headers contradict each other."""
    decided = decisions.headers(decisions.run_number == run_number).subquery("decided")
    return _contradicting(decided.join(header, header.c.id == decided.c.header_id), decided.c.run_number)


def _contradicting(judged: sa.Join, run_number: sa.ColumnElement[int]) -> sa.Select[Any]:
    """Select series whose headers contradict each other, with a column for each conflict that says so."""
    series, study, patient = header.c.series_instance_uid, header.c.study_instance_uid, header.c.patient
    # Minimum and maximum need no sorting, as counting distinct values would.
    differ = {
        Conflict.SEVERAL_STUDIES: sa.func.min(study) != sa.func.max(study),
        Conflict.SEVERAL_PATIENTS: sa.func.min(patient) != sa.func.max(patient),
    }
    return (
        sa.select(run_number, series, *_columns(differ))
        .select_from(judged)
        .where(series.is_not(None))
        .group_by(run_number, series)
        .having(sa.or_(*differ.values()))
    )


def _of_instances(objects: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select SOP Instance UIDs whose objects contradict each other, likewise."""
    series = header.c.series_instance_uid
    size = sa.cast(object_.c.size, sa.Text)
    # Of a file, and in other clouds than AWS, the etag says when it was written, not what is in it (ADR 3, ADR 49).
    is_of_writes = sa.or_(*(location.c.endpoint.startswith(f"{scheme}:") for scheme in OF_WRITES))
    content = sa.case((is_of_writes, size), else_=object_.c.etag)
    # Equal bytes have a header for each edition that they were read for (ADR 32).
    is_other_header = sa.func.count(header.c.id.distinct()) > sa.func.count(header.c.edition.distinct())
    differ = {
        Conflict.DIFFERENT_BYTES: sa.or_(sa.func.min(content) != sa.func.max(content), is_other_header),
        Conflict.SEVERAL_SERIES: sa.func.min(series) != sa.func.max(series),
    }
    return (
        sa.select(run.c.number.label("run_number"), object_.c.sop_instance_uid, *_columns(differ))
        .select_from(_judged_objects(objects))
        .where(series.is_not(None), *conditions)
        .group_by(run.c.number, object_.c.sop_instance_uid)
        .having(sa.or_(*differ.values()))
    )


def _columns(differ: dict[Conflict, sa.ColumnElement[bool]]) -> list[sa.Label[bool]]:
    return [sa.func.coalesce(condition, sa.false()).label(conflict.value) for conflict, condition in differ.items()]


def _judged_objects(objects: sa.FromClause) -> sa.Join:
    is_held = is_in_snapshot(run.c.snapshot_id, run.c.location_id)
    held = (
        objects.join(run, is_held)
        .join(location, location.c.id == object_.c.location_id)
        .join(header, header.c.id == object_.c.header_id)
    )
    return decisions.join(held, object_.c.header_id, decisions.run_number == run.c.number)


def select_repeated() -> sa.Select[Any]:
    """Select SOP Instance UIDs that the ledger holds more than once, from their index alone."""
    uid = object_.c.sop_instance_uid
    return sa.select(uid).where(uid.is_not(None)).group_by(uid).having(sa.func.count() > 1)


def _named_of_headers(contradicting: sa.Select[Any]) -> list[sa.Select[Any]]:
    """Select series and conflict, each pair once, by what their headers say."""
    of_headers = contradicting.cte("of_headers")
    return [
        sa.select(of_headers.c.series_instance_uid, sa.literal(conflict.value).label("name")).where(
            of_headers.c[conflict]
        )
        for conflict in (Conflict.SEVERAL_STUDIES, Conflict.SEVERAL_PATIENTS)
    ]


def _named_of_instances(run_number: int) -> list[sa.Select[Any]]:
    """Select series and conflict, each pair once, by what is said of their instances."""
    repeated = select_repeated().cte("repeated")
    objects = repeated.join(object_, object_.c.sop_instance_uid == repeated.c.sop_instance_uid)
    of_instances = _of_instances(objects, run.c.number == run_number).cte("of_instances")
    conflicting = of_instances.join(object_, object_.c.sop_instance_uid == of_instances.c.sop_instance_uid)
    return [
        sa.select(header.c.series_instance_uid, sa.literal(conflict.value).label("name"))
        .distinct()
        .select_from(_judged_objects(conflicting))
        .where(run.c.number == run_number, of_instances.c[conflict], header.c.series_instance_uid.is_not(None))
        for conflict in (Conflict.DIFFERENT_BYTES, Conflict.SEVERAL_SERIES)
    ]
