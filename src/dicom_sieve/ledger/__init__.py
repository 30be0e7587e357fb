"""The SQL record of runs, objects and computations. No other package holds SQL."""

from dicom_sieve.ledger.reading.computations import ComputationRow, ComputedSeries, TracedInput, TracedResult
from dicom_sieve.ledger.reading.facts import SeriesFacts
from dicom_sieve.ledger.reading.kept_facts import NAMES as SERIES_FACTS
from dicom_sieve.ledger.reading.ledger import Ledger, RecordedRun, open_ledger
from dicom_sieve.ledger.reading.named_criteria import SavedCriteria
from dicom_sieve.ledger.reading.rows import InstanceRow, Rows, RunRow, SeriesRow
from dicom_sieve.ledger.reading.run_objects import ObjectRow, RunObjects
from dicom_sieve.ledger.reading.trace import TracedDecision, TracedObject

__all__ = [
    "SERIES_FACTS",
    "ComputationRow",
    "ComputedSeries",
    "InstanceRow",
    "Ledger",
    "ObjectRow",
    "RecordedRun",
    "Rows",
    "RunObjects",
    "RunRow",
    "SavedCriteria",
    "SeriesFacts",
    "SeriesRow",
    "TracedDecision",
    "TracedInput",
    "TracedObject",
    "TracedResult",
    "open_ledger",
]
