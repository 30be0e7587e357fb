"""Rows of computations: which series they are given, what became of each, and what came out."""

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from dicom_sieve.criteria import Verdict
from dicom_sieve.ledger.audit.rows import seal_if_ended
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.outages import all_rows, read
from dicom_sieve.ledger.database.tables import (
    InputState,
    InputUse,
    RunState,
    computation,
    computation_input,
    computation_output,
    decision,
    header,
    object_,
    series_decision,
)
from dicom_sieve.ledger.leases.heartbeat import is_silent
from dicom_sieve.ledger.leases.holder import is_dead
from dicom_sieve.ledger.reading.conflicts import count_identities
from dicom_sieve.ledger.writing.snapshots import is_in_snapshot, new_key
from dicom_sieve.objects import ObjectInfo

ABANDONED = "its process ended before the computation did"


@dataclass(frozen=True, slots=True)
class InputInstance:
    """One SOP instance that a series is computed on, as the object that was judged.

    Attributes:
        id: Of the object's row.
        info: The object.
        sop_instance_uid: None where unknown.
        sop_class_uid: None where unknown.
        is_damaged: Whether it is CORRUPT, and passed by what lies before the damage.
    """

    id: int
    info: ObjectInfo
    sop_instance_uid: str | None
    sop_class_uid: str | None
    is_damaged: bool = False


@dataclass(frozen=True, slots=True)
class InputSeries:
    """The instances of a series that passed, each SOP instance once.

    Attributes:
        uid: Series Instance UID.
        study_instance_uid: None where unknown.
        instances: What is computed on, in the order of keys.
        duplicates: Rows of further objects with a SOP Instance UID that is among the instances: the first key counts.
        discarded: How many objects of it did not pass.
        studies: How many studies its objects name, those that did not pass included.
        patients: Likewise, patients.
    """

    uid: str
    study_instance_uid: str | None
    instances: tuple[InputInstance, ...]
    duplicates: tuple[int, ...]
    discarded: int
    studies: int = 1
    patients: int = 1

    @property
    def conflict(self) -> str | None:
        """Why it is no series, in words; None where it is one (PS3.3 A.1.2)."""
        named = ((self.studies, "studies"), (self.patients, "patients"))
        of_several = " and ".join(f"{number:,} {nouns}" for number, nouns in named if number > 1)
        return f"its objects name {of_several}: a series belongs to one study of one patient" if of_several else None

    @property
    def digest(self) -> str:
        """Identify the input by key and etag of its objects: SHA-256 over canonical JSON, as hex."""
        return _digest([self.uid, [[one.info.key, one.info.etag] for one in self.instances]])


@dataclass(frozen=True, slots=True)
class Output:
    """What came out of a series.

    Attributes:
        uri: Where it is.
        digest: SHA-256 of its bytes, as hex.
        sop_instance_uid: Where it is DICOM, else None.
        recorded_at: When it was there.
    """

    uri: str
    digest: str
    sop_instance_uid: str | None
    recorded_at: datetime.datetime


def now() -> datetime.datetime:
    """Give the time, with its zone."""
    return datetime.datetime.now(datetime.UTC)


def identify(name: str, version: str, parameters: Mapping[str, Any], location_id: int) -> str:
    """Identify what is computed: what was computed once is not computed again on the same input."""
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
    """Record that a computation has begun, and give its id; for so many seconds it is believed to be under way.

    The holder is named once for each: done again, it changes nothing.
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
    """Record the end of computations of the same whose process has died: it is seen to be dead, or was silent too long.

    One that was told to stop has recorded its own end, but perhaps not that of the series under way.
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


def has_died(row: sa.Row[Any]) -> bool:
    """Tell whether a process is gone, of a row with ``is_silent`` and its ``holder``."""
    return row.is_silent or is_dead(row.holder)


def finish_computation(
    connection: sa.Connection, computation_id: int, state: RunState, finished_at: datetime.datetime
) -> None:
    """Record a computation's end, and seal it; done again at the same moment, it changes nothing.

    What is recorded of it later seals it anew.
    """
    this = sa.select(computation.c.state, computation.c.finished_at).where(computation.c.id == computation_id)
    if tuple(connection.execute(this).one()) == (state, finished_at):
        return
    _end(connection, computation_id, state, finished_at)
    seal_if_ended(connection, computation_id)


def _end(connection: sa.Connection, computation_id: int, state: RunState, finished_at: datetime.datetime) -> None:
    values = {"state": state, "finished_at": finished_at}
    connection.execute(sa.update(computation).where(computation.c.id == computation_id).values(**values))


def input_series(
    engine: sa.Engine, *, run_id: str, run_number: int, snapshot_id: int, location_id: int
) -> Iterator[InputSeries]:
    """Give a run's series of which anything passed, in the order of their UIDs, with the instances that did."""
    chosen = sa.select(series_decision.c.series_instance_uid, series_decision.c.discarded).where(
        series_decision.c.run_id == run_id, series_decision.c.passed > 0
    )
    found = read(engine, partial(all_rows, query=chosen.order_by(series_decision.c.series_instance_uid)))
    passed = _passed(run_number, snapshot_id, location_id)
    for uid, discarded in map(tuple, found):
        rows = read(engine, partial(all_rows, query=passed.where(header.c.series_instance_uid == uid)))
        studies, patients = read(engine, partial(count_identities, run_number=run_number, series=uid))
        yield replace(_without_duplicates(uid, rows, discarded), studies=studies, patients=patients)


def _passed(run_number: int, snapshot_id: int, location_id: int) -> sa.Select[Any]:
    is_passed = sa.and_(
        decision.c.header_id == header.c.id,
        decision.c.run_number == run_number,
        decision.c.verdict == Verdict.PASSED,
    )
    return (
        sa.select(
            object_.c.id,
            object_.c.key,
            object_.c.etag,
            object_.c.size,
            object_.c.last_modified,
            object_.c.sop_instance_uid,
            header.c.study_instance_uid,
            header.c.sop_class_uid,
            header.c.defect.is_not(None).label("is_damaged"),
        )
        .select_from(header.join(decision, is_passed).join(object_, object_.c.header_id == header.c.id))
        .where(is_in_snapshot(snapshot_id, location_id))
        .order_by(object_.c.key)
    )


def _without_duplicates(uid: str, rows: Sequence[sa.Row[Any]], discarded: int) -> InputSeries:
    seen: set[str] = set()
    instances: list[InputInstance] = []
    duplicates: list[int] = []
    for row in rows:
        if row.sop_instance_uid is not None and row.sop_instance_uid in seen:
            duplicates.append(row.id)
            continue
        seen.add(row.sop_instance_uid)
        info = ObjectInfo(row.key, row.etag, row.size, row.last_modified)
        instances.append(InputInstance(row.id, info, row.sop_instance_uid, row.sop_class_uid, row.is_damaged))
    return InputSeries(uid, rows[0].study_instance_uid, tuple(instances), tuple(duplicates), discarded)


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
    """Record that a series is not computed on, and why; done again at the same moment, it changes nothing."""
    if _find_series(connection, computation_id, series.uid, moment) is not None:
        return
    values = {**_series_values(computation_id, series, state, moment), "failure": reason, "finished_at": moment}
    connection.execute(sa.insert(computation_input).values(**values))
    seal_if_ended(connection, computation_id)


def begin_series(
    connection: sa.Connection, computation_id: int, series: InputSeries, started_at: datetime.datetime
) -> int:
    """Record that a series is computed on, and on which of its objects; gives the series' row.

    Done again at the same moment, it changes nothing.
    """
    if (before := _find_series(connection, computation_id, series.uid, started_at)) is not None:
        return before
    values = _series_values(computation_id, series, InputState.RUNNING, started_at)
    row = new_key(connection.execute(sa.insert(computation_input).values(**values)))
    used = [
        *((one.id, InputUse.USED) for one in series.instances),
        *((id_, InputUse.DUPLICATE) for id_ in series.duplicates),
    ]
    connection.execute(
        sa.insert(computation_input),
        [
            {"computation_id": computation_id, "series_instance_uid": series.uid, "object_id": id_, "state": use}
            for id_, use in used
        ],
    )
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
) -> None:
    """Record what became of a series, and what came out of it; done again at the same moment, it changes nothing."""
    this = sa.select(computation_input).where(computation_input.c.id == row)
    before = connection.execute(this).one()
    if before.finished_at == finished_at:
        return
    values = {"state": state, "failure": failure, "finished_at": finished_at}
    connection.execute(sa.update(computation_input).where(computation_input.c.id == row).values(**values))
    of = {"computation_id": before.computation_id, "series_instance_uid": before.series_instance_uid}
    if outputs:
        connection.execute(sa.insert(computation_output), [{**of, **asdict(output)} for output in outputs])
    seal_if_ended(connection, before.computation_id)


def _find_series(connection: sa.Connection, computation_id: int, uid: str, started_at: datetime.datetime) -> int | None:
    found: int | None = connection.scalar(
        sa.select(computation_input.c.id).where(
            computation_input.c.computation_id == computation_id,
            computation_input.c.series_instance_uid == uid,
            computation_input.c.started_at == started_at,
        )
    )
    return found


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


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
