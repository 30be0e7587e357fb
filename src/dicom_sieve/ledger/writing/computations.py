"""Rows of computations: their series, what became of each, and the results."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from dicom_sieve.ledger.audit.row_digests import seal_if_ended
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.locations import new_key
from dicom_sieve.ledger.database.states import InputState, InputUse, RunState
from dicom_sieve.ledger.database.tables import computation, computation_input, computation_output, computation_region
from dicom_sieve.ledger.leases.heartbeat import is_silent
from dicom_sieve.ledger.reading.inputs import InputSeries, _digest
from dicom_sieve.ledger.reading.regions import Region
from dicom_sieve.ledger.reading.results import ABANDONED, Output, has_died


def identify(name: str, version: str, parameters: Mapping[str, Any], location_id: int) -> str:
    """Identify what is computed, so that it is not computed again on the same input."""
    return _digest([name, version, parameters, location_id])


def begin_computation(
    connection: sa.Connection,
    *,
    run_number: int,
    name: str,
    version: str,
    parameters: Mapping[str, Any],
    identity: str,
    holder: str,
    started_at: datetime.datetime,
    seconds: float,
) -> int:
    """Record that a computation has begun, and give its id; its first heartbeat is valid for a number of seconds.

    Idempotent, since each computation has its own holder's name.
    """
    begun = sa.select(computation.c.id).where(computation.c.identity == identity, computation.c.holder == holder)
    if (before := connection.scalar(begun)) is not None:
        return int(before)
    values = {
        "run_number": run_number,
        "name": name,
        "version": version,
        "parameters": dict(parameters),
        "identity": identity,
        "holder": holder,
        "state": RunState.RUNNING,
        "started_at": started_at,
        "expires_at": database.moment(connection, seconds),
    }
    return new_key(connection.execute(sa.insert(computation).values(values)))


def fail_dead(connection: sa.Connection, identity: str, finished_at: datetime.datetime) -> None:
    """Record the end of computations of the same identity whose process is dead, or has no valid heartbeat.

    A computation that was stopped has recorded its own end, but perhaps not that of the series under way.
    """
    series_under_way = sa.exists().where(
        computation_input.c.computation_id == computation.c.id, computation_input.c.state == InputState.RUNNING
    )
    columns = (computation.c.id, computation.c.state, computation.c.holder)
    under_way = sa.select(*columns, is_silent(connection).label("is_silent")).where(
        computation.c.identity == identity, sa.or_(computation.c.state == RunState.RUNNING, series_under_way)
    )
    for row in connection.execute(under_way).all():
        if not has_died(row):
            continue
        if row.state == RunState.RUNNING:
            _end(connection, row.id, RunState.FAILED, finished_at)
        connection.execute(
            sa.update(computation_input)
            .where(computation_input.c.computation_id == row.id, computation_input.c.state == InputState.RUNNING)
            .values(state=InputState.FAILED, failure=ABANDONED, finished_at=finished_at)
        )
        seal_if_ended(connection, row.id)


def finish_computation(
    connection: sa.Connection, computation_id: int, state: RunState, finished_at: datetime.datetime
) -> None:
    """Record a computation's end, and seal it; idempotent for the same moment.

    Later changes of its rows seal it again.
    """
    query = sa.select(computation.c.state, computation.c.finished_at).where(computation.c.id == computation_id)
    if tuple(connection.execute(query).one()) == (state, finished_at):
        return
    _end(connection, computation_id, state, finished_at)
    seal_if_ended(connection, computation_id)


def _end(connection: sa.Connection, computation_id: int, state: RunState, finished_at: datetime.datetime) -> None:
    values = {"state": state, "finished_at": finished_at}
    connection.execute(sa.update(computation).where(computation.c.id == computation_id).values(**values))


def find_computed(connection: sa.Connection, identity: str, digest: str) -> int | None:
    """Give the computation that has computed the same on the same input before, or None."""
    query = (
        sa.select(computation.c.id)
        .select_from(computation.join(computation_input, computation_input.c.computation_id == computation.c.id))
        .where(
            computation.c.identity == identity,
            computation_input.c.digest == digest,
            computation_input.c.state == InputState.COMPLETED,
        )
        .order_by(computation.c.id)
        .limit(1)
    )
    return connection.scalar(query)


def record_not_computed(
    connection: sa.Connection,
    computation_id: int,
    series: InputSeries,
    *,
    state: InputState,
    reason: str,
    moment: datetime.datetime,
) -> None:
    """Record that a series is not computed on, and why; idempotent for the same moment."""
    if _find_series(connection, computation_id, series.uid, moment) is not None:
        return
    values = {**_series_values(computation_id, series, state, moment), "failure": reason, "finished_at": moment}
    connection.execute(sa.insert(computation_input).values(**values))
    seal_if_ended(connection, computation_id)


def begin_series(
    connection: sa.Connection, computation_id: int, series: InputSeries, started_at: datetime.datetime
) -> int:
    """Record that a series is computed on, and on which of its objects; give the id of the series' row.

    Idempotent for the same moment.
    """
    if (before := _find_series(connection, computation_id, series.uid, started_at)) is not None:
        return before
    values = _series_values(computation_id, series, InputState.RUNNING, started_at)
    row = new_key(connection.execute(sa.insert(computation_input).values(**values)))
    used = [
        *((instance.id, InputUse.USED) for instance in series.instances),
        *((id_, InputUse.DUPLICATE) for id_ in series.duplicates),
    ]
    rows = [
        {"computation_id": computation_id, "series_instance_uid": series.uid, "object_id": id_, "state": use}
        for id_, use in used
    ]
    if rows:  # a run as a whole names no objects: it has them itself
        connection.execute(sa.insert(computation_input), rows)
    seal_if_ended(connection, computation_id)
    return row


def finish_series(
    connection: sa.Connection,
    row: int,
    *,
    state: InputState,
    failure: str | None,
    finished_at: datetime.datetime,
    outputs: Sequence[Output],
    regions: Sequence[Region] = (),
) -> None:
    """Record what became of a series, its results, and what was measured; idempotent for the same moment."""
    query = sa.select(computation_input).where(computation_input.c.id == row)
    before = connection.execute(query).one()
    if before.finished_at == finished_at:
        return
    values = {"state": state, "failure": failure, "finished_at": finished_at}
    connection.execute(sa.update(computation_input).where(computation_input.c.id == row).values(**values))
    series = {"computation_id": before.computation_id, "series_instance_uid": before.series_instance_uid}
    if outputs:
        connection.execute(sa.insert(computation_output), [{**series, **asdict(output)} for output in outputs])
    if regions:
        connection.execute(sa.insert(computation_region), [{**series, **asdict(region)} for region in regions])
    seal_if_ended(connection, before.computation_id)


def record_gathered(connection: sa.Connection, computation_id: int, outputs: Sequence[Output]) -> None:
    """Record results that are of no series alone: their series is empty. What the same made of the same run, once."""
    this = sa.select(computation.c.identity, computation.c.run_number).where(computation.c.id == computation_id)
    is_same = sa.tuple_(computation.c.identity, computation.c.run_number).in_(this)
    query = sa.select(computation_output.c.uri, computation_output.c.digest).join(computation)
    before = connection.execute(query.where(computation_output.c.series_instance_uid == "", is_same))
    recorded = {(row.uri, row.digest) for row in before}
    of_all = {"computation_id": computation_id, "series_instance_uid": ""}
    new = [{**of_all, **asdict(output)} for output in outputs if (output.uri, output.digest) not in recorded]
    if new:
        connection.execute(sa.insert(computation_output), new)
    seal_if_ended(connection, computation_id)


def _find_series(connection: sa.Connection, computation_id: int, uid: str, started_at: datetime.datetime) -> int | None:
    row: int | None = connection.scalar(
        sa.select(computation_input.c.id).where(
            computation_input.c.computation_id == computation_id,
            computation_input.c.series_instance_uid == uid,
            computation_input.c.started_at == started_at,
        )
    )
    return row


def count_reasons(connection: sa.Connection, computation_id: int) -> list[tuple[InputState, str | None, int]]:
    """Count a computation's series by what became of them and why, the most frequent first."""
    count = sa.func.count()
    query = (
        sa.select(computation_input.c.state, computation_input.c.failure, count)
        .where(computation_input.c.computation_id == computation_id, computation_input.c.object_id.is_(None))
        .group_by(computation_input.c.state, computation_input.c.failure)
        .order_by(count.desc(), computation_input.c.state, computation_input.c.failure)
    )
    return [(InputState(state), failure, number) for state, failure, number in connection.execute(query)]


def list_done(connection: sa.Connection, computation_id: int) -> list[str]:
    """Give the series of a computation that have results, of it or of an earlier one of the same, in order."""
    columns = computation_input.c
    query = (
        sa.select(columns.series_instance_uid)
        .where(columns.computation_id == computation_id, columns.object_id.is_(None))
        .where(columns.state.in_([InputState.COMPLETED, InputState.SKIPPED]))
        .order_by(columns.series_instance_uid)
    )
    return list(connection.scalars(query))


def _series_values(
    computation_id: int, series: InputSeries, state: InputState, started_at: datetime.datetime
) -> dict[str, Any]:
    return {
        "computation_id": computation_id,
        "series_instance_uid": series.uid,
        "state": state,
        "digest": series.digest,
        "started_at": started_at,
    }
