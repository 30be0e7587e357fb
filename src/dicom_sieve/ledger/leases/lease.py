"""Leases: who may write to a location, and until when (ADR 9).

A run holds the lease of its location. A thread renews it, every transaction of the run checks it, and it expires when
its holder has died. So one snapshot is taken at a time, nothing is indexed twice, and a process that was stopped for
too long writes nothing any more.
"""

import datetime
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from dicom_sieve.ending import let_go
from dicom_sieve.errors import LeaseLostError, LedgerError
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.locations import find_or_add_location, insert_once
from dicom_sieve.ledger.database.outages import read, while_away
from dicom_sieve.ledger.database.states import RunState
from dicom_sieve.ledger.database.tables import lease, run
from dicom_sieve.ledger.leases.holder import is_dead, name_holder
from dicom_sieve.objects import Location

LEASE_SECONDS = 60.0
"""Time that a run that died blocks its location, and is shown as running, at most."""
RENEWALS = 12
"""Renewals in the time of one lease: it survives a ledger that is unreachable for ten of them."""
PAUSE_SECONDS = 0.25
STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_YEAR_SECONDS = 365 * 86_400.0
T = TypeVar("T")


@dataclass
class _Attempts:
    """The attempts at one write.

    Attributes:
        mark: End of the lease that the last attempt wrote just before its commit. No other renewal writes the same, so
            that the row shows whether it was committed.
    """

    mark: datetime.datetime | None = None


@dataclass(frozen=True)
class Lease:
    """The right to write to one location, for a while.

    Attributes:
        engine: The ledger's.
        place: The location.
        location_id: Id of its row.
        seconds: Time that the lease lasts after a renewal.
        holder: Name of the holder; see `name_holder`.
    """

    engine: sa.Engine
    place: Location
    location_id: int
    seconds: float
    holder: str = field(default_factory=name_holder)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _renewing: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)
    _renewed: list[float] = field(default_factory=list, repr=False, compare=False)
    """When it was last renewed, by a clock that cannot be set; empty before."""

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Do something in a transaction that is committed if the lease has lasted until then.

        Where the ledger becomes unreachable, the work is repeated as a whole when it is back. A commit without an
        answer is looked up first, so that the work is committed once (ADR 25). Keep it short, some pages of rows: on
        SQLite all other writers wait meanwhile. The holder's own threads take turns.

        Args:
            work: Is given the connection; it has no other effects.

        Returns:
            What the work returned when it was committed.

        Raises:
            LeaseLostError: The lease has ended; nothing was written.
            LedgerAwayError: The ledger was unreachable for as long as a lease lasts.
        """
        attempts, done = _Attempts(), list[T]()

        def attempt(until_known: ExitStack) -> T:
            if attempts.mark is not None and self._was_committed(attempts.mark):
                return done[-1]
            attempts.mark = None
            with self._transaction() as connection:
                done.append(work(connection))
                until_known.enter_context(self._renewing)  # the row keeps the mark until it has been looked up
                attempts.mark = self._renew(connection)
            return done[-1]

        with self._turn, ExitStack() as until_known:
            return while_away(partial(attempt, until_known), self.seconds)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Begin a transaction as `write` does, without repeating it where the ledger becomes unreachable."""
        with self._turn, self._transaction() as connection:
            yield connection
            self._renew(connection)

    def check_lease(self) -> None:
        """Renew the lease before a write outside of a transaction.

        Raises:
            LeaseLostError: It has ended.
            LedgerAwayError: The ledger was unreachable for as long as a lease lasts.
        """
        while_away(self._renew_alone, self.seconds)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with database.writing(self.engine, self.seconds) as connection:
            # FOR KEY SHARE: no other process takes the lease before this ends, and the renewing thread need not wait.
            own_lease = sa.select(lease.c.holder, *self._being_found(connection)).where(self._is_mine(connection))
            if connection.scalar(own_lease.with_for_update(read=True, key_share=True)) is None:
                raise self._lost(connection)
            yield connection

    def _being_found(self, connection: sa.Connection) -> list[sa.ColumnElement[Any]]:
        """Take, in the same statement, the lock by which `_end_who_stands_still` finds who writes."""
        if connection.dialect.name != "postgresql":
            return []
        numbers = (sa.cast(number, sa.Integer) for number in (_CLASS, self.location_id))
        return [sa.func.pg_advisory_xact_lock_shared(*numbers)]

    def _was_committed(self, mark: datetime.datetime) -> bool:
        """Tell whether a transaction whose connection was lost was committed."""
        with database.writing(self.engine, self.seconds) as connection:
            row = sa.select(lease.c.holder, lease.c.expires_at).where(lease.c.location_id == self.location_id)
            row_now = connection.execute(row.with_for_update()).first()
        return row_now is not None and (row_now.holder, row_now.expires_at) == (self.holder, mark)

    def name_run(self, connection: sa.Connection, run_number: int) -> None:
        """Record the run that the lease is held for; within `writing`."""
        connection.execute(sa.update(lease).where(self._is_mine(connection)).values(run_number=run_number))

    def take(self) -> bool:
        """Take the lease if it is free, has ended, or its holder is certainly dead."""
        return while_away(self._take, self.seconds)

    def _take(self) -> bool:
        self._renewed[:] = [time.clock_gettime(STEADY)]
        free = {"holder": self.holder, "run_number": None, "expires_at": self._end(self.engine)}
        with database.writing(self.engine, self.seconds) as connection:
            connection.execute(insert_once(connection, lease).values(location_id=self.location_id, **free))
            current = connection.execute(
                sa.select(lease.c.holder, (lease.c.expires_at <= database.moment(connection)).label("has_ended"))
                .where(lease.c.location_id == self.location_id)
                .with_for_update(skip_locked=True)
            ).first()
            if current is None:  # its holder is writing
                self._end_who_stands_still(connection)
                return False
            if current.holder != self.holder and (current.has_ended or is_dead(current.holder)):
                connection.execute(sa.update(lease).where(lease.c.location_id == self.location_id).values(**free))
                return True
            return bool(current.holder == self.holder)

    def _end_who_stands_still(self, connection: sa.Connection) -> None:
        """End the connection of one whose lease has ended within a COPY: what it writes would not be committed.

        PostgreSQL waits without end for the rest of it; where one is idle, it ends the transaction itself.
        """
        has_ended = sa.and_(lease.c.location_id == self.location_id, lease.c.expires_at <= database.moment(connection))
        if connection.scalar(sa.select(lease.c.location_id).where(has_ended)) is None:
            return
        # One of another role may not be ended, and is waited for.
        with suppress(sa.exc.DBAPIError), connection.begin_nested():
            connection.execute(_END_FOUND, {"class": _CLASS, "location": self.location_id})

    def keep(self, ended: threading.Event) -> None:
        """Renew the lease periodically, until it is given up or lost."""
        while not ended.wait(self.seconds / RENEWALS):
            try:
                self._renew_alone()
            except LeaseLostError:
                return
            except (LedgerError, sa.exc.SQLAlchemyError):
                continue  # the database is unreachable; it may be back before the lease ends

    def give_up(self) -> None:
        """Release the lease."""
        with database.writing(self.engine, self.seconds) as connection:
            is_mine = sa.and_(lease.c.location_id == self.location_id, lease.c.holder == self.holder)
            connection.execute(sa.delete(lease).where(is_mine))

    def _renew_alone(self) -> None:
        with database.writing(self.engine, self.seconds) as connection, self._renewing:
            self._renew(connection)

    def _renew(self, connection: sa.Connection) -> datetime.datetime:
        """Renew the lease within a transaction, and give its new end."""
        renew = sa.update(lease).where(self._is_mine(connection)).values(expires_at=self._end(connection.engine))
        until: datetime.datetime | None = connection.scalar(renew.returning(lease.c.expires_at))
        if until is None:
            raise self._lost(connection)
        self._renewed[:] = [time.clock_gettime(STEADY)]
        return until

    def _is_mine(self, connection: sa.Connection) -> sa.ColumnElement[bool]:
        is_held = sa.and_(lease.c.location_id == self.location_id, lease.c.holder == self.holder)
        # On SQLite the end was written by a clock that may have been set meanwhile.
        if self._lasts_by_steady_clock(connection):
            return is_held
        return sa.and_(is_held, lease.c.expires_at > database.moment(connection))

    def _lasts_by_steady_clock(self, connection: sa.Connection) -> bool:
        if connection.dialect.name != "sqlite" or not self._renewed:
            return False
        return time.clock_gettime(STEADY) - self._renewed[0] < self.seconds

    def _lost(self, connection: sa.Connection) -> LeaseLostError:
        return LeaseLostError(str(self.place), self.seconds, has_clock_jumped=self._lasts_by_steady_clock(connection))

    def _end(self, engine: sa.Engine) -> sa.ColumnElement[datetime.datetime]:
        return database.moment(engine, self.seconds)


_CLASS = 0x5349_4556
"""Of the advisory locks by which writers of a location are found; nobody waits for one."""
_END_FOUND = sa.text("""
    SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = :class AND objid = :location AND objsubid = 2
    AND state = 'active' AND wait_event = 'ClientRead'
""")
"""A statement that waits for its client is a COPY."""


@contextmanager
def hold(
    engine: sa.Engine, place: Location, *, on_wait: Callable[[], None], seconds: float = LEASE_SECONDS
) -> Iterator[Lease]:
    """Hold the lease of a location, after waiting for another holder.

    Args:
        engine: The ledger's.
        place: The location; it is recorded when it is new.
        on_wait: Called once, when another process holds the lease.
        seconds: Time that the lease lasts after its holder died.
    """
    location_id = while_away(partial(_find_location, engine, place, seconds), seconds)
    is_shared = database.is_shared(engine)
    lease_held = Lease(engine, place, location_id, seconds if is_shared else _YEAR_SECONDS)
    ended = threading.Event()
    keeper = threading.Thread(target=lease_held.keep, args=(ended,), name="lease", daemon=True)
    try:
        if not lease_held.take():
            on_wait()
            while not lease_held.take():
                time.sleep(PAUSE_SECONDS)
        if is_shared:
            keeper.start()
        yield lease_held
    except BaseException as error:
        let_go(error)
        raise
    finally:
        ended.set()
        if keeper.is_alive():
            keeper.join()
        with suppress(
            LedgerError, sa.exc.SQLAlchemyError
        ):  # it ends by itself, and what went wrong is being told already
            lease_held.give_up()


def _find_location(engine: sa.Engine, place: Location, seconds: float) -> int:
    with database.writing(engine, seconds) as connection:
        return find_or_add_location(connection, place)


def last_heard(engine: sa.Engine, run_number: int) -> datetime.datetime | None:
    """Tell when the lease of a run was last renewed; None where there is none for it."""
    ends = sa.select(lease.c.expires_at).where(lease.c.run_number == run_number)
    end: datetime.datetime | None = read(engine, lambda connection: connection.scalar(ends))
    return None if end is None else end - datetime.timedelta(seconds=LEASE_SECONDS)


def is_abandoned(engine: sa.Engine) -> sa.ColumnElement[bool]:
    """Tell which runs are recorded as RUNNING without a lease that is held for them."""
    held = sa.select(sa.literal(1)).where(
        lease.c.run_number == run.c.number, lease.c.expires_at > database.moment(engine)
    )
    return sa.and_(run.c.state == RunState.RUNNING, ~held.exists())
