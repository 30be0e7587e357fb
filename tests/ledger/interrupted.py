"""Work on a ledger that breaks off in the middle."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from dicom_sieve import Ledger


@contextmanager
def interrupted_after(ledger: Ledger, statements: int) -> Iterator[None]:
    """Break off instead of removing more rows, after some statements that did."""
    done = 0

    def count(_connection: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
        nonlocal done
        done += statement.startswith(("DELETE", "UPDATE forgotten")) and "lease" not in statement
        if done == statements + 1:
            done += 1
            raise ZeroDivisionError

    sa.event.listen(ledger.engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        sa.event.remove(ledger.engine, "before_cursor_execute", count)
