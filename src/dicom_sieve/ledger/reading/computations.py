"""Recorded computations: from a run or a series forward, and from a result back."""

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.database.states import InputState, RunState
from dicom_sieve.ledger.database.tables import (
    computation,
    computation_input,
    computation_output,
    location,
    object_,
    run,
)
from dicom_sieve.ledger.leases.heartbeat import is_silent
from dicom_sieve.ledger.reading.object_names import is_text, paths_of
from dicom_sieve.ledger.reading.results import ABANDONED, Output, has_died

WHOLE_RUN = ""
"""In the place of a Series Instance UID: what was computed on a run as a whole."""
_UIDS_A_QUERY = 500
_OUTPUT = ("uri", "digest", "sop_instance_uid", "recorded_at")


@dataclass(frozen=True, slots=True)
class ComputationRow:
    """One computation.

    Attributes:
        id: In the ledger.
        run_id: The run whose series it computed on.
        name: What was computed.
        version: Of the code.
        parameters: Of the computation.
        state: ``RUNNING``, ``COMPLETED``, ``FAILED`` or ``CANCELLED``. One whose process has died has failed, and so
            has its series.
        counts: Series by what became of them.
        started_at: When it began.
        finished_at: When it ended; None before.
    """

    id: int
    run_id: str
    name: str
    version: str
    parameters: Mapping[str, Any]
    state: str
    counts: Mapping[str, int]
    started_at: datetime.datetime
    finished_at: datetime.datetime | None


@dataclass(frozen=True, slots=True)
class ComputedSeries:
    """What became of one series in one computation.

    Attributes:
        computation_id: Of the computation.
        run_id: The run whose series it is.
        name: What was computed.
        version: Of the code.
        series_instance_uid: Which series; `WHOLE_RUN`: the run as a whole.
        state: ``RUNNING``, ``COMPLETED``, ``REFUSED``, ``SKIPPED`` or ``FAILED``.
        failure: Why it was refused, skipped or failed; None where it was not.
        outputs: Its results.
    """

    computation_id: int
    run_id: str
    name: str
    version: str
    series_instance_uid: str
    state: str
    failure: str | None
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class TracedInput:
    """One object that a result was computed from, or that was left out as a duplicate.

    Attributes:
        object_key: Of the object.
        etag: Of the bytes.
        sop_instance_uid: None where unknown.
        use: ``USED`` or ``DUPLICATE``.
    """

    object_key: str
    etag: str
    sop_instance_uid: str | None
    use: str


@dataclass(frozen=True, slots=True)
class TracedResult:
    """A result, and its provenance.

    Attributes:
        output: The result itself.
        series: What was computed, and on which series.
        parameters: Of the computation.
        endpoint: Where the objects lay.
        bucket: Where the objects lay.
        criteria: Of the run that let them pass, as given.
        inputs: The objects, in the order of keys.
    """

    output: Output
    series: ComputedSeries
    parameters: Mapping[str, Any]
    endpoint: str
    bucket: str
    criteria: Sequence[Mapping[str, Any]]
    inputs: tuple[TracedInput, ...]


def list_computations(engine: sa.Engine, run_number: int | None = None) -> list[ComputationRow]:
    """Give all computations, or those of one run, the newest first."""
    columns = (computation, run.c.id.label("run_id"), is_silent(engine).label("is_silent"))
    query = sa.select(*columns).join(run, run.c.number == computation.c.run_number)
    series = sa.select(
        computation_input.c.computation_id, computation_input.c.state, sa.func.count().label("number")
    ).where(computation_input.c.object_id.is_(None))
    if run_number is not None:
        query = query.where(run.c.number == run_number)
        of_run = sa.select(computation.c.id).where(computation.c.run_number == run_number)
        series = series.where(computation_input.c.computation_id.in_(of_run))
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(computation.c.id.desc())).all()
        counts: dict[int, dict[str, int]] = {row.id: {} for row in rows}
        grouped = series.group_by(computation_input.c.computation_id, computation_input.c.state)
        for computation_id, state, number in connection.execute(grouped):
            counts.get(computation_id, {})[state] = number
    return [_with_current_state(row, counts[row.id]) for row in rows]


def _with_current_state(row: sa.Row[Any], counts: dict[str, int]) -> ComputationRow:
    """Give a computation; work under way in a process that has died counts as failed before that is recorded."""
    state = row.state
    if (state == RunState.RUNNING or InputState.RUNNING in counts) and has_died(row):
        state = RunState.FAILED if state == RunState.RUNNING else state
        failed = counts.pop(InputState.RUNNING, 0) + counts.pop(InputState.FAILED, 0)
        counts |= {InputState.FAILED.value: failed} if failed else {}
    identity = (row.id, row.run_id, row.name, row.version, row.parameters)
    return ComputationRow(*identity, state, counts, row.started_at, row.finished_at)


def list_series(engine: sa.Engine, run_number: int) -> list[ComputedSeries]:
    """Give what became of every series of a run, the newest computation first."""
    with engine.connect() as connection:
        return _series(connection, computation.c.run_number == run_number)


def computed_series(
    connection: sa.Connection, uids: Collection[str]
) -> Mapping[tuple[str, str], Sequence[ComputedSeries]]:
    """Give what was computed on some series, by run and series."""
    by_run_and_series: dict[tuple[str, str], list[ComputedSeries]] = {}
    wanted = sorted(uids)
    for start in range(0, len(wanted), _UIDS_A_QUERY):
        batch = wanted[start : start + _UIDS_A_QUERY]
        for series in _series(connection, computation_input.c.series_instance_uid.in_(batch)):
            by_run_and_series.setdefault((series.run_id, series.series_instance_uid), []).append(series)
    return by_run_and_series


def trace_results(engine: sa.Engine, uri_or_uid: str) -> list[TracedResult]:
    """Find results by URI, path or SOP Instance UID, the newest first, with their provenance."""
    uris = [uri for uri in (uri_or_uid, *paths_of(uri_or_uid)) if is_text(uri)]
    uid = sa.false() if not is_text(uri_or_uid) else computation_output.c.sop_instance_uid == uri_or_uid
    is_it = sa.or_(computation_output.c.uri.in_(uris), uid)
    query = (
        sa.select(
            computation_output.c.computation_id,
            computation_output.c.series_instance_uid,
            *(computation_output.c[name] for name in _OUTPUT),
            computation.c.parameters,
            location.c.endpoint,
            location.c.bucket,
            run.c.criteria,
        )
        .select_from(
            computation_output.join(computation, computation.c.id == computation_output.c.computation_id)
            .join(run, run.c.number == computation.c.run_number)
            .join(location, location.c.id == run.c.location_id)
        )
        .where(is_it)
        .order_by(computation_output.c.id.desc())
    )
    with engine.connect() as connection:
        return [_trace(connection, row) for row in connection.execute(query).mappings().all()]


def _trace(connection: sa.Connection, row: sa.RowMapping) -> TracedResult:
    uid = row["series_instance_uid"]
    of_computation = computation_input.c.computation_id == row["computation_id"]
    of_it = sa.and_(of_computation, computation_input.c.series_instance_uid == uid) if uid else of_computation
    objects = (
        sa.select(object_.c.key, object_.c.etag, object_.c.sop_instance_uid, computation_input.c.state)
        .join(computation_input, computation_input.c.object_id == object_.c.id)
        .where(of_it)
        .order_by(object_.c.key)
    )
    series = _series(connection, of_it)[0]
    if not uid:  # a result of all series together
        series = replace(series, series_instance_uid="", state=InputState.COMPLETED, failure=None, outputs=())
    inputs = tuple(TracedInput(*input_) for input_ in connection.execute(objects))
    output = Output(*(row[name] for name in _OUTPUT))
    return TracedResult(output, series, row["parameters"], row["endpoint"], row["bucket"], row["criteria"], inputs)


def _series(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[ComputedSeries]:
    is_output = sa.and_(
        computation_output.c.computation_id == computation_input.c.computation_id,
        computation_output.c.series_instance_uid == computation_input.c.series_instance_uid,
    )
    query = (
        sa.select(
            computation_input.c.id,
            computation_input.c.computation_id,
            run.c.id.label("run_id"),
            computation.c.name,
            computation.c.version,
            computation.c.holder,
            is_silent(connection).label("is_silent"),
            computation_input.c.series_instance_uid,
            computation_input.c.state,
            computation_input.c.failure,
            *(computation_output.c[name] for name in _OUTPUT),
        )
        .select_from(
            computation_input.join(computation, computation.c.id == computation_input.c.computation_id)
            .join(run, run.c.number == computation.c.run_number)
            .outerjoin(computation_output, is_output)
        )
        .where(computation_input.c.object_id.is_(None), condition)
        .order_by(computation_input.c.computation_id.desc(), computation_input.c.id, computation_output.c.uri)
    )
    series = []
    for _, group in groupby(connection.execute(query), key=lambda row: row.id):
        rows = list(group)
        first = rows[0]
        is_lost = first.state == InputState.RUNNING and has_died(first)
        series.append(
            ComputedSeries(
                first.computation_id,
                first.run_id,
                first.name,
                first.version,
                first.series_instance_uid,
                InputState.FAILED if is_lost else first.state,
                ABANDONED if is_lost else first.failure,
                tuple(Output(*(getattr(row, name) for name in _OUTPUT)) for row in rows if row.uri is not None),
            )
        )
    return series
