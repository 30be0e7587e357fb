"""The two sides of a comparison, opened: runs with what they judged, and criteria that are tried on the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dicom_sieve.criteria import CompiledItem, Damaged
from dicom_sieve.criteria.reading import compile_recorded
from dicom_sieve.ledger import Ledger, RunRow
from dicom_sieve.ledger.reading.comparison import snapshot_of_run
from dicom_sieve.ledger.reading.snapshots import Snapshot, last_snapshot
from dicom_sieve.objects import Location
from dicom_sieve.reports.compare_runs import Compared, Side


@dataclass(frozen=True, slots=True)
class Tried:
    """Criteria that are tried.

    Attributes:
        name: As they are called.
        criteria: What is asked.
    """

    name: str
    criteria: tuple[CompiledItem, ...]


def open_sides(
    ledger: Ledger,
    a: RunRow | Tried,
    b: RunRow | Tried,
    place: Callable[[], Location],
    damaged: Damaged = Damaged.DISCARD,
) -> Mapping[Side, Compared]:
    """Open both sides. Criteria are tried on what the run beside them judged.

    Args:
        ledger: Where both are.
        a: One side.
        b: The other.
        place: Gives where criteria are tried, as it was listed last, where no side is a run.
        damaged: What becomes of damaged objects where criteria are tried.

    Raises:
        LedgerError: A run did not judge what it listed, or the place was never listed.
    """
    judged = [snapshot_of_run(ledger.engine, side) for side in (a, b) if isinstance(side, RunRow)]
    if not judged:
        judged = [last_snapshot(ledger.engine, place())]

    def open_side(side: RunRow | Tried) -> Compared:
        if isinstance(side, Tried):
            return Compared(side.name, judged[0], side.criteria, damaged=damaged)
        return _open_run(ledger, side)

    return {Side.A: open_side(a), Side.B: open_side(b)}


def _open_run(ledger: Ledger, row: RunRow) -> Compared:
    snapshot: Snapshot = snapshot_of_run(ledger.engine, row)
    criteria, of_run = compile_recorded(row.criteria), Damaged(row.damaged or Damaged.DISCARD)
    return Compared(row.id, snapshot, criteria, row.number, of_run)
