"""Recording runs: their begin, their snapshot, their end and manifest."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from dicom_sieve.criteria import Damaged
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.ledger.audit.seals import seal, seal_rows
from dicom_sieve.ledger.database.entries import EntryKind, append_entry
from dicom_sieve.ledger.database.locations import new_key
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.database.tables import run
from dicom_sieve.ledger.leases.lease import Lease
from dicom_sieve.ledger.reading.named_criteria import find_version
from dicom_sieve.ledger.reading.runs import ABANDONED, begins_with


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where a run was published.

    Attributes:
        uri: Address of ``manifest.json``.
        digest: The manifest's own digest, as hex.
    """

    uri: str
    digest: str


def begin_run(
    connection: sa.Connection,
    *,
    lease: Lease,
    execution_id: str,
    criteria: Sequence[Mapping[str, Any]],
    criteria_digest: str,
    asked_digest: str | None = None,
    started_at: datetime.datetime,
    software_version: str,
    damaged: Damaged = Damaged.DISCARD,
    named: NamedCriteria | None = None,
) -> tuple[int, str]:
    """Record that a run has begun.

    Args:
        connection: Within a transaction.
        lease: Lease of the location; it names the run from now on.
        execution_id: Id of the flow run. Started again under the same id it is a new run, whose id ends in a dot and
            the number of the attempt.
        criteria: As given.
        criteria_digest: Digest of the criteria.
        asked_digest: Digest of the criteria as they were asked, without the digests of their tables; None: the same.
        damaged: How damaged objects are treated. ``DISCARD`` is not written, as in all old runs.
        named: Name and version that the criteria were saved as; None where they were given as a list.
        started_at: The present time.
        software_version: Version of this software.

    Returns:
        Number and id of the run.

    Raises:
        UnknownCriteriaError: There is no such version.
        InvalidRequestError: That version asks something else.
    """
    saved = named and find_version(connection, named)
    if saved and saved.criteria_digest != (asked_digest or criteria_digest):
        raise InvalidRequestError((f"criteria: are not those that were saved as {saved.named}",))
    is_attempt = (run.c.id == execution_id) | begins_with(run.c.id, f"{execution_id}.")
    attempts = connection.scalar(sa.select(sa.func.count()).select_from(run).where(is_attempt))
    run_id = f"{execution_id}.{attempts + 1}" if attempts else execution_id
    values = {
        "id": run_id,
        "location_id": lease.location_id,
        "criteria": list(criteria),
        "criteria_digest": criteria_digest,
        "damaged": None if damaged is Damaged.DISCARD else damaged.value,
        "criteria_name": saved and saved.name,
        "criteria_version": saved and saved.version,
        "state": RunState.RUNNING,
        "started_at": started_at,
        "software_version": software_version,
    }
    number = new_key(connection.execute(sa.insert(run).values(values)))
    lease.name_run(connection, number)
    return number, run_id


def former_ids(run_id: str, execution_id: str) -> list[str]:
    """Give the ids of earlier runs under the same id, the latest first; see `begin_run`."""
    attempt = int(run_id.removeprefix(execution_id).removeprefix(".") or 1)
    return [execution_id if former == 1 else f"{execution_id}.{former}" for former in range(attempt - 1, 0, -1)]


def fail_abandoned(lease: Lease, finished_at: datetime.datetime) -> None:
    """Record the end of runs whose process ended before they did; only the holder of the location's lease can tell."""
    is_one = sa.and_(run.c.location_id == lease.location_id, run.c.state == RunState.RUNNING)
    abandoned = sa.select(run.c.number).where(is_one).order_by(run.c.number)
    failed = partial(finish_run, state=RunState.FAILED, finished_at=finished_at, failure=ABANDONED)
    for number in read(lease.engine, lambda connection: connection.scalars(abandoned).all()):
        seal_rows(lease, number)
        lease.write(partial(failed, run_number=number))


def bind_snapshot(connection: sa.Connection, run_number: int, snapshot_id: int) -> None:
    """Record which snapshot a run judges."""
    connection.execute(sa.update(run).where(run.c.number == run_number).values(snapshot_id=snapshot_id))


def finish_run(
    connection: sa.Connection,
    run_number: int,
    *,
    state: RunState,
    finished_at: datetime.datetime,
    counts: Mapping[str, Any] | None = None,
    manifest: Manifest | None = None,
    failure: str | None = None,
    milliseconds: Mapping[str, int] | None = None,
) -> None:
    """Record a run's end, and seal it. It cannot be changed any more."""
    update = sa.update(run).where(run.c.number == run_number)
    connection.execute(
        update.values(
            finished_at=finished_at,
            counts=counts,
            manifest_uri=manifest and manifest.uri,
            manifest_digest=manifest and manifest.digest,
            failure=failure,
            milliseconds=milliseconds,
        )
    )
    sealed = seal(connection, run_number, state)
    connection.execute(update.values(state=state, seal=sealed))
    ended = connection.execute(sa.select(run.c.id, run.c.location_id).where(run.c.number == run_number)).one()
    append_entry(
        connection, EntryKind.RUN, run_number, {"run": ended.id, "location": ended.location_id, "seal": sealed}
    )
