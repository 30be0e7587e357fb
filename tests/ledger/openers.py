"""What other processes do to a ledger in tests; small, because each of them imports it."""

from collections.abc import MutableSequence, Sequence
from threading import Barrier

from dicom_sieve import open_ledger
from dicom_sieve.ledger.database.engine import connect, upgrade


def open_at_the_same_time(urls: Sequence[str], barrier: Barrier, answers: MutableSequence[str]) -> None:
    """Open ledgers together with others; answer the error's name, or nothing, for each."""
    for url in urls:
        barrier.wait()
        try:
            open_ledger(url).close()
        except Exception as error:
            answers.append(f"{type(error).__name__}: {error}")
        else:
            answers.append("")


def upgrade_at_the_same_time(url: str, barrier: Barrier, copies: MutableSequence[str]) -> None:
    """Upgrade a ledger together with others; answer where it was copied to, or nothing."""
    engine = connect(url)
    barrier.wait()
    copies.append(str(upgrade(engine) or ""))
    engine.dispose()
