"""Facts of series as columns: each distinct value once, as attributes have theirs."""

import numpy as np

from dicom_sieve.columns.chunk import Column, Entry, as_entry
from dicom_sieve.columns.lookup import Numbers
from dicom_sieve.columns.measure_geometry import LENGTHS
from dicom_sieve.columns.measured import UNKNOWN_ENTRY, written_length
from dicom_sieve.columns.planes import Plane
from dicom_sieve.columns.series_pass import ABSENT, UNKNOWN
from dicom_sieve.criteria.measures import Measure


def column_of_whole(measure: Measure, whole: Numbers) -> Column:
    """Give whole numbers, see `SeriesPass.finish`, as a column."""
    distinct, codes = np.unique(whole, return_inverse=True)
    entries = tuple(_entry(measure, number) for number in distinct.tolist())
    return Column(entries, codes.reshape(-1).astype(np.uint32))


def _entry(measure: Measure, number: int) -> Entry:
    if number == ABSENT:
        return None
    if number == UNKNOWN:
        return UNKNOWN_ENTRY
    if measure is Measure.PLANE:
        return as_entry([Plane(number).name])
    return as_entry([written_length(number) if measure in LENGTHS else str(number)])
