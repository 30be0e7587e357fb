"""What a ledger holds and did so far, in numbers: what those who watch a service ask for. No value of any object."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dicom_sieve.advice import kind_of_cause
from dicom_sieve.clock import now
from dicom_sieve.ledger.database.outages import read
from dicom_sieve.ledger.database.states import SnapshotState
from dicom_sieve.ledger.database.tables import computation, computation_input, lease, run, snapshot

COUNTED = ("listed", "indexed", "passed", "discarded", "unread", "reads", "bytes_read")
"""Of what runs count, what can be added up over all of them."""


@dataclass(frozen=True, slots=True)
class Totals:
    """A ledger in numbers, all runs together.

    Attributes:
        runs: By state.
        counted: Of the runs that came to a result, the sum of each of `COUNTED`.
        defects: Objects that could not be judged, by defect.
        faults: Objects that could not be read, by the kind of what kept a run from it.
        seconds: How long each finished run took.
        step_seconds: Sums over the runs of what each of their steps took.
        unsealed: Runs that came to a result and have no seal.
        sealed_at: When the run was finished that was sealed last; None: there is none.
        locations: That were ever listed.
        listed_at: When the location was listed last whose last listing is oldest; None: there is none.
        leases: Locations that are being worked on.
        held_since: When the run began that has held its location for the longest time; None: no run holds one.
        lapsed: Leases that nobody has renewed in time.
        computations: By name and state of their series.
        bytes: Of the database, as far as it tells.
    """

    runs: Mapping[str, int]
    counted: Mapping[str, int]
    defects: Mapping[str, int]
    faults: Mapping[str, int]
    seconds: Sequence[float]
    step_seconds: Mapping[str, float]
    unsealed: int
    sealed_at: datetime.datetime | None
    locations: int
    listed_at: datetime.datetime | None
    leases: int
    held_since: datetime.datetime | None
    lapsed: int
    computations: Mapping[tuple[str, str], int]
    bytes: int


def is_there(engine: sa.Engine) -> bool:
    """Tell that the ledger answers.

    Raises:
        LedgerError: It does not.
    """
    return read(engine, lambda connection: bool(connection.scalar(sa.select(1))))


def read_totals(engine: sa.Engine) -> Totals:
    """Read them.

    Raises:
        LedgerError: The ledger does not answer.
    """
    return read(engine, _read)


def _read(connection: sa.Connection) -> Totals:
    states, counted, defects, faults, seconds = Counter[str](), Counter[str](), Counter[str](), Counter[str](), []
    milliseconds = Counter[str]()
    unsealed, sealed_at = 0, None
    columns = run.c.state, run.c.counts, run.c.started_at, run.c.finished_at, run.c.seal, run.c.milliseconds
    for state, counts, started_at, finished_at, seal, of_steps in connection.execute(sa.select(*columns)):
        states[state] += 1
        milliseconds.update(of_steps or {})
        if finished_at is not None:
            seconds.append((finished_at - started_at).total_seconds())
        if counts is not None:
            counted.update({name: int(counts.get(name) or 0) for name in COUNTED})
            defects.update(counts.get("defects") or {})
            for cause, count in (counts.get("unread_causes") or {}).items():
                faults[kind_of_cause(cause)] += count
            unsealed += seal is None and finished_at is not None
        if seal is not None and finished_at is not None:
            sealed_at = finished_at if sealed_at is None else max(sealed_at, finished_at)
    last = sa.select(snapshot.c.location_id, sa.func.max(snapshot.c.listed_at).label("at"))
    last_of_each = last.where(snapshot.c.state == SnapshotState.COMPLETE).group_by(snapshot.c.location_id).subquery()
    locations, listed_at = connection.execute(sa.select(sa.func.count(), sa.func.min(last_of_each.c.at))).one()
    holders = sa.select(lease.c.expires_at, run.c.started_at).select_from(lease.outerjoin(run))
    held = connection.execute(holders).all()
    by_state = (
        sa.select(computation.c.name, computation_input.c.state, sa.func.count())
        .join(computation, computation.c.id == computation_input.c.computation_id)
        .group_by(computation.c.name, computation_input.c.state)
    )
    return Totals(
        runs=states,
        counted=counted,
        defects=defects,
        faults=faults,
        seconds=seconds,
        step_seconds={step: total / 1_000 for step, total in milliseconds.items()},
        unsealed=unsealed,
        sealed_at=sealed_at,
        locations=locations,
        listed_at=listed_at,
        leases=len(held),
        held_since=min((holder.started_at for holder in held if holder.started_at is not None), default=None),
        lapsed=sum(holder.expires_at < now() for holder in held),
        computations={(name, state): count for name, state, count in connection.execute(by_state)},
        bytes=_bytes_of(connection),
    )


def _bytes_of(connection: sa.Connection) -> int:
    if connection.dialect.name == "postgresql":
        return int(connection.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0)
    pages, size = (connection.scalar(sa.text(f"PRAGMA {name}")) for name in ("page_count", "page_size"))
    return int(pages or 0) * int(size or 0)
