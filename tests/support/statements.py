"""What is sent to a ledger's database."""

from collections.abc import Callable

import sqlalchemy as sa

from dicom_sieve import Ledger


def statements_of(ledger: Ledger, work: Callable[[], object]) -> list[str]:
    """Give the statements that some work sends to the ledger."""
    sent: list[str] = []

    def keep(*arguments: object) -> None:
        sent.append(str(arguments[2]))

    sa.event.listen(ledger.engine, "before_cursor_execute", keep)
    work()
    sa.event.remove(ledger.engine, "before_cursor_execute", keep)
    return sent
