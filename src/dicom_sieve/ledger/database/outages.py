"""A ledger that is unreachable for a while: work is repeated as a whole until it is back (ADR 25).

PostgreSQL is restarted, fails over, or the network is cut: the connection is lost, and with it the transaction and its
temporary tables. So no work is resumed in the middle.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from dicom_sieve.errors import LedgerAwayError

T = TypeVar("T")
AWAY_SECONDS = 60.0
"""Time that an unreachable ledger is waited for, unless a lease sets another."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
_WAITS = "dicom_sieve.waits"
"""Execution option of an engine that is waited for less, or longer."""


def while_away(work: Callable[[], T], seconds: float = AWAY_SECONDS) -> T:
    """Do something with the ledger, and repeat it as a whole while the ledger is unreachable.

    Args:
        work: What to do; idempotent. It may use this function itself.
        seconds: Time that the ledger is waited for, from the first failure.

    Raises:
        LedgerAwayError: The ledger did not come back in time.
    """
    began, pause = None, FIRST_PAUSE_SECONDS
    while True:
        try:
            return work()
        except LedgerAwayError as error:
            now = time.monotonic()
            began = now if began is None else began
            if error.has_waited:
                raise
            if now + pause > began + seconds:
                raise LedgerAwayError(error.place, seconds, error.why) from None
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def all_rows(connection: sa.Connection, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    """Give all rows of a query."""
    return connection.execute(query).all()


def read(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    """Read from the ledger on one connection; see `while_away`.

    Args:
        engine: The ledger's.
        work: Is given the connection, which is closed when it returns.
    """

    def attempt() -> T:
        with engine.connect() as connection:
            return work(connection)

    return while_away(attempt, seconds_of(engine))


def wait_at_most(engine: sa.Engine, seconds: float) -> None:
    """Set how long an engine's ledger is waited for while it is unreachable."""
    engine.update_execution_options(**{_WAITS: seconds})


def seconds_of(engine: sa.Engine) -> float:
    """Give how long an engine's ledger is waited for."""
    return float(engine.get_execution_options().get(_WAITS, AWAY_SECONDS))
