"""What is remembered. The only home of SQL."""

from dicom_sieve.ledger.ledger import Ledger, RecordedRun, open_ledger
from dicom_sieve.ledger.rows import InstanceRow, Rows, RunRow, SeriesRow
from dicom_sieve.ledger.trace import TracedDecision, TracedObject

__all__ = [
    "InstanceRow",
    "Ledger",
    "RecordedRun",
    "Rows",
    "RunRow",
    "SeriesRow",
    "TracedDecision",
    "TracedObject",
    "open_ledger",
]
