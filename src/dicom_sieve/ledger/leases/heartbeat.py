"""Heartbeats: a computation that is under way records one four times a minute (ADR 11).

Nothing waits for a computation, so this is no lease: a computation that was stopped for longer counts as dead until it
continues, and what it completes then is recorded as usual.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from dicom_sieve.errors import LedgerError
from dicom_sieve.ledger.database import engine as database
from dicom_sieve.ledger.database.tables import computation

ALIVE_SECONDS = 60.0
"""Time that a computation whose process died is shown as running, at most."""
HEARTBEATS = 4
"""Heartbeats in that time: three of them may fail."""


@contextmanager
def keep_alive(engine: sa.Engine, computation_id: int, seconds: float) -> Iterator[None]:
    """Record heartbeats of a computation, in a thread, until the end.

    Args:
        engine: The ledger's.
        computation_id: Id of its row.
        seconds: Time that each heartbeat is valid.
    """
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(seconds / HEARTBEATS):
            with suppress(LedgerError, sa.exc.SQLAlchemyError):  # the database is unreachable; it may be back in time
                _record_heartbeat(engine, computation_id, seconds)

    if not database.is_shared(engine):  # no other process can read it
        yield
        return
    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def is_silent(bind: sa.Engine | sa.Connection) -> sa.ColumnElement[bool]:
    """Tell which computations have no valid heartbeat; those of earlier versions have none at all."""
    if not database.is_shared(bind.engine):
        return sa.false()
    return sa.or_(computation.c.expires_at.is_(None), computation.c.expires_at <= database.moment(bind))


def _record_heartbeat(engine: sa.Engine, computation_id: int, seconds: float) -> None:
    with database.writing(engine) as connection:
        update = sa.update(computation).where(computation.c.id == computation_id)
        connection.execute(update.values(expires_at=database.moment(connection, seconds)))
